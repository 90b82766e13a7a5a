"""A body's measures under the names of ISO 8559-1:2017, taken with a taut tape on the body standing in an A.

The standard has people stand with arms hanging and feels for bones; here landmarks are found on the mesh and its
joints, as each measure says. Levels are found on the body measured, not carried over from the model's mean.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from scan3d.body.model import BodyModel, BodyParameters
from scan3d.body.poses import grounded, named_pose
from scan3d.body.skeleton import joint_names
from scan3d.body.skinning import Array, Posed, pose_body
from scan3d.body.standing import UP, Standing
from scan3d.body.tape import Ints, girth_m, loop, section, taut_m

# How well a level is found on another scan of the same person: what ISO 20685 lets two measurers differ in heights.
LEVEL_SIGMA_M = 0.004
_STEP_M = 0.004
_SHAPE_STEP = 0.05


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """One measure. name: ISO 8559-1's. value_m, sigma_m: metres, one standard deviation. how: where it was taken."""

    name: str
    value_m: float
    sigma_m: float
    how: str


@dataclass(frozen=True, kw_only=True, eq=False)
class Spread:
    """How unsure a body's surface is.

    vertex_m: of each vertex by itself, a number or (V,), metres. common_m: by which all of it may lie too far out or
    in, as a residual of clothes or hair does. shape_covariance: (B, B) of the shape numbers, or None.
    """

    vertex_m: float | Array = 0.0
    common_m: float = 0.0
    shape_covariance: Array | None = None


def measure_body(
    model: BodyModel, shape: Array, *, offsets: Array | None = None, spread: Spread | None = None
) -> tuple[Measurement, ...]:
    """All measures of a body of this shape, standing in an A. offsets: (V, 3) of its rest vertices, metres."""
    spread = spread or Spread()
    taken = _taken(_standing(model, shape, offsets), spread)
    if spread.shape_covariance is None:
        return taken
    slopes = np.zeros((len(taken), len(shape)))
    for number in range(len(shape)):
        ends = []
        for sign in (1, -1):
            moved = np.array(shape, np.float64)
            moved[number] += sign * _SHAPE_STEP
            ends.append([one.value_m for one in _taken(_standing(model, moved, offsets), None)])
        slopes[:, number] = (np.array(ends[0]) - ends[1]) / (2 * _SHAPE_STEP)
    extra = np.einsum("mb,bc,mc->m", slopes, spread.shape_covariance, slopes)
    sigmas = np.sqrt(np.array([one.sigma_m**2 for one in taken]) + np.maximum(extra, 0.0))
    return tuple(replace(one, sigma_m=float(sigma)) for one, sigma in zip(taken, sigmas, strict=True))


def measure_posed(model: BodyModel, posed: Posed, spread: Spread | None = None) -> tuple[Measurement, ...]:
    """All measures of a body that already stands in an A on z = 0, facing -Y, such as a mesh registered to a scan."""
    return _taken(Standing(model=model, posed=posed), spread or Spread())


def _standing(model: BodyModel, shape: Array, offsets: Array | None) -> Standing:
    pose = named_pose(model, "a", shape)
    body = BodyParameters(shape=shape, expression=np.zeros(0), pose=pose, translation=np.zeros(3))
    return Standing(model=model, posed=pose_body(model, grounded(model, body, offsets), offsets))


@dataclass(frozen=True, kw_only=True, eq=False)
class _Tape:
    """Takes measures and how sure they are; without a spread the values only."""

    body: Standing
    spread: Spread | None

    def around(self, name: str, how: str, edges: Ints, origin: Array, normal: Array) -> Measurement:
        found = loop(self.body.points, edges, origin, normal)
        if found is None:
            return Measurement(name=name, value_m=float("nan"), sigma_m=float("nan"), how=how)
        if self.spread is None:
            return Measurement(name=name, value_m=found.length_m, sigma_m=0.0, how=how)
        own = np.linalg.norm(found.gradient, axis=1) * self.spread.vertex_m
        unit = normal / np.linalg.norm(normal)
        ends = [girth_m(self.body.points, edges, origin + s * _STEP_M * unit, normal) for s in (1, -1)]
        level = (ends[0] - ends[1]) / (2 * _STEP_M) * LEVEL_SIGMA_M
        # A loop that lies further out by d all around is longer by 2 pi d.
        variance = own @ own + (2 * np.pi * self.spread.common_m) ** 2 + level**2
        return Measurement(name=name, value_m=found.length_m, sigma_m=float(np.sqrt(variance)), how=how)

    def level(self, name: str, how: str, edges: Ints, z: float) -> Measurement:
        return self.around(name, how, edges, np.array([0.0, 0.0, z]), UP)

    def best(
        self, name: str, how: str, edges: Ints, line: tuple[Array, Array], shares: tuple[float, float],
        pick: Callable[[npt.ArrayLike], np.intp], normal: Array | None = None,
    ) -> Measurement:  # fmt: skip
        """The largest or smallest girth along a line, square to it or to `normal`."""
        start, end = line
        square = end - start if normal is None else normal
        places = [start + (end - start) * share for share in np.linspace(*shares, 13)]
        girths = [girth_m(self.body.points, edges, place, square) for place in places]
        return self.around(name, how, edges, places[int(pick(np.array(girths)))], square)

    def distance(self, name: str, how: str, value_m: float, ends: int = 2) -> Measurement:
        """A length between landmarks, each as unsure as a level and the surface it lies on."""
        sigma = 0.0
        if self.spread is not None:
            vertex = float(np.mean(self.spread.vertex_m))
            sigma = np.sqrt(ends * (LEVEL_SIGMA_M**2 + vertex**2 + self.spread.common_m**2))
        return Measurement(name=name, value_m=value_m, sigma_m=float(sigma), how=how)


def _taken(body: Standing, spread: Spread | None) -> tuple[Measurement, ...]:
    tape = _Tape(body=body, spread=spread)
    return (*_heights(body, tape), *_trunk(body, tape), *_arm(body, tape), *_leg(body, tape))


def _heights(body: Standing, tape: _Tape) -> list[Measurement]:
    z = body.points[body.skin, 2]
    heights: Mapping[str, tuple[float, str]] = {
        "stature": (float(z.max() - z.min()), "floor to crown"),
        "back neck height": (float(body.back_neck[2]), "floor to the seventh neck bone"),
        "bust height": (body.bust_z, "floor to the nipples"),
        "waist height": (body.waist_z, "floor to the waist"),
        "hip height": (body.hip_z, "floor to where the buttocks stand out most"),
        "inside leg height": (body.crotch_z, "floor to the crotch"),
        "knee height": (float(body.joint("left_knee")[2]), "floor to the knee's joint"),
    }
    return [tape.distance(name, how, value, 1) for name, (value, how) in heights.items()]


def _trunk(body: Standing, tape: _Tape) -> list[Measurement]:
    head = body.edges(body.weight("head", "neck", "jaw") > 0.3)
    neck = (body.joint("neck"), body.joint("head"))
    brow = body.joint("left_eye")[2] if "left_eye" in joint_names(body.model.joints) else body.joint("head")[2]
    crown = np.array([*body.joint("head")[:2], body.points[body.skin, 2].max()])
    chest = (np.array([0, 0, body.bust_z]), np.array([0, 0, body.joint("left_shoulder")[2] - 0.09]))
    shoulders = np.linalg.norm(body.shoulder_point("left") - body.shoulder_point("right"))
    over_brows = (np.array([*crown[:2], brow]), crown)
    return [
        tape.best("head girth", "largest, above the brows", head, over_brows, (0.2, 0.6), np.argmax, UP),
        tape.best("neck girth", "smallest, square to the neck", head, neck, (0.2, 1.0), np.argmin),
        tape.best("chest girth", "largest, level, armpits to nipples", body.trunk, chest, (0.0, 1.0), np.argmax, UP),
        tape.level("bust girth", "level, at the nipples", body.trunk, body.bust_z),
        tape.level("underbust girth", "level, below the breasts", body.trunk, body.underbust_z),
        tape.level("waist girth", "level, where the trunk is narrowest", body.trunk, body.waist_z),
        tape.level("abdominal girth", "level, at the navel", body.trunk, body.navel_z),
        tape.level("hip girth", "level, where the buttocks stand out most", body.trunk, body.hip_z),
        tape.distance("shoulder width", "straight, between the shoulders' points", float(shoulders)),
        tape.distance("back waist length", "over the back, from the seventh neck bone to the waist", _back(body)),
    ]


def _back(body: Standing) -> float:
    """A tape along the back's midline from the neck to the waist."""
    rows = body.midline & (body.points[:, 1] > body.joint("spine2")[1])
    z, top = body.points[:, 2], body.back_neck
    rows &= (z < top[2]) & (z > body.waist_z)
    cut = section(body.points, body.trunk, [0, 0, body.waist_z], UP).points
    near = cut[np.abs(cut[:, 0]) < 0.03]
    end = near[np.argmax(near[:, 1])]
    profile = np.concatenate([[top[[2, 1]]], body.points[rows][:, [2, 1]], [end[[2, 1]]]])
    return taut_m(profile)


def _arm(body: Standing, tape: _Tape) -> list[Measurement]:
    arm = body.arm("left")
    point = body.shoulder_point("left")
    shoulder, elbow, wrist = (body.joint(f"left_{part}") for part in ("shoulder", "elbow", "wrist"))
    upper, lower = float(np.linalg.norm(point - elbow)), float(np.linalg.norm(elbow - wrist))
    bone, fore = (shoulder, elbow), (elbow, wrist)
    return [
        tape.best(
            "upper arm girth", "largest of the middle third, square to the arm", arm, bone, (0.4, 0.7), np.argmax
        ),
        tape.around("elbow girth", "square to the forearm, at the joint", arm, elbow, wrist - elbow),
        tape.best("wrist girth", "smallest above the hand, square to the forearm", arm, fore, (0.8, 1.0), np.argmin),
        tape.distance("upper arm length", "shoulder's point to the elbow's joint", upper),
        tape.distance("arm length", "shoulder's point over the elbow's joint to the wrist's", upper + lower),
    ]


def _leg(body: Standing, tape: _Tape) -> list[Measurement]:
    leg = body.leg("left")
    knee, ankle = body.joint("left_knee"), body.joint("left_ankle")
    crotch = np.array([*knee[:2], body.crotch_z])
    foot = body.points[(body.weight("left_ankle", "left_foot") > 0.5) & (body.points[:, 2] < ankle[2])]
    way = body.joint("left_foot") - ankle
    way[2] = 0
    along = foot @ (way / np.linalg.norm(way)) if len(foot) else np.full(1, np.nan)
    thigh, shank = (crotch, knee), (knee, ankle)
    return [
        tape.best("thigh girth", "largest, level, just below the crotch", leg, thigh, (0.03, 0.2), np.argmax, UP),
        tape.best("mid-thigh girth", "level, half-way from crotch to knee", leg, thigh, (0.5, 0.5), np.argmax, UP),
        tape.level("knee girth", "level, at the joint", leg, float(knee[2])),
        tape.best("calf girth", "largest, level", leg, shank, (0.1, 0.6), np.argmax, UP),
        tape.best("minimum leg girth", "smallest, level, above the ankle", leg, shank, (0.6, 0.95), np.argmin, UP),
        tape.level("ankle girth", "level, at the joint", leg, float(ankle[2])),
        tape.distance("foot length", "heel to the longest toe", float(np.ptp(along))),
    ]
