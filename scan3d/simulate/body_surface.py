"""The skin of the open human as one surface, and what each place of it is. The same for every body."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

import numpy as np

from scan3d.openhuman import Macro, OpenHuman, load_open_human, macro_targets
from scan3d.simulate.surface import Surface, subdivide

# Edges longer than this are split once: about 60,000 triangles, none of a silhouette longer than a centimetre.
_LONGEST_EDGE_M = 0.008


@dataclass(frozen=True, kw_only=True, eq=False)
class BodySurface:
    """The surface of the body over the open human's vertices, and what lies where.

    reference: (V, 3) its vertices in a body of average proportions at rest, feet on z = 0, on which places are told.
    cage: (C, 3) the open human's vertices of that body. joints: bone -> (3,) its joint there.
    regions: name -> (V,) float32 0..1 (all that bodies.Body promises but "hidden").
    limb: name -> (V,) share of skinning weight: "arm_left", "arm_right", "leg_left", "leg_right", "head", "neck", ...
    """

    human: OpenHuman
    surface: Surface
    reference: np.ndarray
    cage: np.ndarray
    joints: Mapping[str, np.ndarray]
    limb: Mapping[str, np.ndarray]
    regions: Mapping[str, np.ndarray]

    @property
    def arms(self) -> np.ndarray:
        """(V,) share of the skinning weight of both arms and hands."""
        return np.sum([self.limb[f"{limb}_{side}"] for limb in ("arm", "hand") for side in ("left", "right")], axis=0)


_LIMBS = {
    "arm": ("upperarm01", "upperarm02", "lowerarm01", "lowerarm02"),
    "hand": ("wrist", "metacarpal", "finger"),
    "leg": ("upperleg", "lowerleg"),
    "foot": ("foot", "toe"),
}
_TRUNK = ("spine", "root", "pelvis", "breast", "clavicle", "shoulder01")


@cache
def body_surface() -> BodySurface:
    """Made once: about a second, most of it reading the open human."""
    human = load_open_human()
    cage = human.shaped(macro_targets(Macro()))
    body = human.group("body")
    cage = cage - [0, 0, cage[np.unique(human.quads[body]), 2].min()]
    surface = subdivide(human.quads[body], human.uv[human.quad_uv[body]], cage, longest_m=_LONGEST_EDGE_M)
    heads, _ = human.joints(cage)
    joints = dict(zip(human.bone_names, heads, strict=True))
    reference = surface.points(cage)
    limb = _limbs(human, surface)
    masks = {name: np.asarray(surface.matrix @ mask) for name, mask in human.masks.items()}
    normals = surface.mesh(cage).vertex_normals()
    regions = _regions(reference, normals, joints, limb, masks)
    return BodySurface(
        human=human, surface=surface, reference=reference, cage=cage, joints=joints, limb=limb, regions=regions
    )


def _limbs(human: OpenHuman, surface: Surface) -> dict[str, np.ndarray]:
    def share(names: list[str]) -> np.ndarray:
        columns = [human.bone(name) for name in names]
        return np.asarray(surface.matrix @ np.asarray(human.weights[:, columns].sum(axis=1)).ravel())

    result = {}
    for limb, starts in _LIMBS.items():
        for side, letter in (("left", "L"), ("right", "R")):
            chosen = [n for n in human.bone_names if n.startswith(starts) and n.endswith(f".{letter}")]
            result[f"{limb}_{side}"] = share(chosen)
    result["trunk"] = share([n for n in human.bone_names if n.startswith(_TRUNK)])
    result["neck"] = share([n for n in human.bone_names if n.startswith("neck")])
    result["head"] = 1 - np.sum(list(result.values()), axis=0)
    return result


def _regions(
    points: np.ndarray,
    normals: np.ndarray,
    joints: Mapping[str, np.ndarray],
    limb: Mapping[str, np.ndarray],
    masks: Mapping[str, np.ndarray],
) -> dict[str, np.ndarray]:
    hand = limb["hand_left"] + limb["hand_right"]
    foot = limb["foot_left"] + limb["foot_right"]
    scalp = np.clip(hairline_m(points, joints, masks["ear"]) / 0.006 + 0.5, 0, 1) * (limb["head"] + limb["neck"] > 0.5)
    head = joints["eye.L"][1]
    front = np.clip((head + 0.075 - points[:, 1]) / 0.02, 0, 1)
    regions = {
        "face": limb["head"] * front * (1 - scalp) * (1 - masks["mouth_inside"]),
        "lips": masks["lips"] * (1 - masks["mouth_inside"]),
        "palm": np.clip(hand, 0, 1) * _palm_side(points, normals, joints),
        "sole": foot * np.clip((-normals[:, 2] - 0.35) / 0.3, 0, 1) * (points[:, 2] < 0.03),
        "nail": np.clip(masks["fingernail"] + masks["toenail"], 0, 1),
        "scalp": scalp,
        "brow": _brow(points, normals, joints),
        "torso": limb["trunk"],
        "arm": limb["arm_left"] + limb["arm_right"],
        "leg": limb["leg_left"] + limb["leg_right"],
        "joint": _joint_blobs(points, normals, joints),
        "ear": masks["ear"],
        "areola": masks["areola"],
    }
    return {name: np.clip(values, 0, 1).astype(np.float32) for name, values in regions.items()}


def hairline_m(points: np.ndarray, joints: Mapping[str, np.ndarray], ear: np.ndarray) -> np.ndarray:
    """(V,) roughly how far inside the hairline a point lies, metres; negative outside.

    The line is told by its angle above the horizontal through the head's middle, by the direction seen from above:
    high over the brow, down before the ear, around it and across the nape.
    """
    eyes = 0.5 * (joints["eye.L"] + joints["eye.R"])
    centre = eyes + np.array([0.0, 0.075, 0.012])
    offset = points - centre
    away = np.degrees(np.arctan2(np.abs(offset[:, 0]), -offset[:, 1]))
    above = np.degrees(np.arctan2(offset[:, 2], np.hypot(offset[:, 0], offset[:, 1])))
    line = np.interp(away, [0, 20, 38, 52, 66, 80, 100, 118, 135, 180], [37, 37, 33, 22, 12, -6, 8, -22, -38, -42])
    return np.asarray(np.minimum(np.radians(above - line) * 0.1, 0.012 - 0.03 * ear))


def _palm_side(points: np.ndarray, normals: np.ndarray, joints: Mapping[str, np.ndarray]) -> np.ndarray:
    """(V,) how far the surface of a hand faces the palm's side, 0..1."""
    result = np.zeros(len(points))
    for letter, sign in (("L", 1.0), ("R", -1.0)):
        wrist = joints[f"wrist.{letter}"]
        across = joints[f"finger5-1.{letter}"] - joints[f"finger2-1.{letter}"]
        along = joints[f"finger3-1.{letter}"] - wrist
        out = np.cross(across, along) * sign
        out /= np.linalg.norm(out)
        # The back of the hand faces up in the rest pose.
        out = -out if out[2] > 0 else out
        near = sign * points[:, 0] > 0
        result[near] = np.clip((normals[near] @ out - 0.1) / 0.35, 0, 1)
    return result


def _brow(points: np.ndarray, normals: np.ndarray, joints: Mapping[str, np.ndarray]) -> np.ndarray:
    """(V,) where the eyebrows grow: an arch above each eye, thick at the nose, thin at the temple.

    Its place is that of adults of an interpupillary distance of 62 mm (Farkas 1994: the brow's upper edge 24 to 28 mm
    above the pupil), scaled by the distance between the eyes.
    """
    eyes = np.stack([joints["eye.L"], joints["eye.R"]])
    middle = eyes.mean(axis=0)
    scale = float(np.linalg.norm(eyes[0] - eyes[1])) / 0.062
    across = np.abs(points[:, 0] - middle[0]) / scale
    above = (points[:, 2] - middle[2]) / scale
    line = np.interp(across, [0.009, 0.02, 0.032, 0.04, 0.055], [0.0175, 0.02, 0.0225, 0.023, 0.0185])
    half = np.interp(across, [0.009, 0.02, 0.04, 0.055], [0.0038, 0.004, 0.0028, 0.001])
    # Vertices are 3 to 5 mm apart here: a softer edge than hair has keeps the arch whole.
    near = np.clip((half + 0.0025 - np.abs(above - line)) / 0.003, 0, 1)
    along = np.clip((across - 0.007) / 0.004, 0, 1) * np.clip((0.057 - across) / 0.004, 0, 1)
    return np.asarray(near * along * (normals[:, 1] < -0.1))


def _joint_blobs(points: np.ndarray, normals: np.ndarray, joints: Mapping[str, np.ndarray]) -> np.ndarray:
    """(V,) knees and elbows, knuckles and ankles: where skin folds and reddens."""
    result = np.zeros(len(points))
    for name, centre in joints.items():
        stem = name.split(".")[0]
        if stem in ("lowerarm01", "lowerleg01"):
            facing = 1.0 if stem == "lowerarm01" else -1.0
            blob = np.exp(-0.5 * ((points - centre) ** 2).sum(axis=1) / 0.035**2 / 1.5)
            blob *= np.clip(0.35 + facing * normals[:, 1], 0, 1)
        elif stem.startswith("finger"):
            blob = 0.8 * np.exp(-0.5 * ((points - centre) ** 2).sum(axis=1) / 0.009**2)
        elif stem == "foot":
            blob = 0.5 * np.exp(-0.5 * ((points - centre) ** 2).sum(axis=1) / 0.035**2)
        else:
            continue
        result = np.maximum(result, 1.6 * blob if stem.startswith("lower") else blob)
    return result
