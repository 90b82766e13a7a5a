"""A body standing in an A, and the landmarks a tailor would feel for, found on its mesh."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from scan3d.body.model import BodyModel
from scan3d.body.skeleton import joint_names
from scan3d.body.skinning import Array, Posed, tables
from scan3d.body.tape import Ints, edges_of, section

UP = np.array([0.0, 0.0, 1.0])


@dataclass(frozen=True, kw_only=True, eq=False)
class Standing:
    """A body in an A on the floor, and its landmarks: heights, metres."""

    model: BodyModel
    posed: Posed

    @property
    def points(self) -> Array:
        return self.posed.vertices

    def joint(self, name: str) -> Array:
        return np.asarray(self.posed.joints[joint_names(self.model.joints).index(name)])

    def weight(self, *stems: str) -> Array:
        """(V,) how much the joints whose names end so carry each vertex."""
        numbers = [n for n, name in enumerate(joint_names(self.model.joints)) if name.endswith(stems)]
        return np.asarray(tables(self.model).weights[:, numbers].sum(axis=1))

    @cached_property
    def arms(self) -> Array:
        fingers = tuple(f"{f}{n}" for f in ("index", "middle", "ring", "pinky", "thumb") for n in (1, 2, 3))
        return self.weight("shoulder", "elbow", "wrist", "_hand", *fingers)

    @cached_property
    def skin(self) -> npt.NDArray[np.bool_]:
        """(V,) without eyes, teeth and the like."""
        part = self.model.parts.get("body")
        return np.ones(len(self.points), bool) if part is None else np.asarray(part > 0.5)

    def edges(self, keep: npt.NDArray[np.bool_]) -> Ints:
        """(E, 2) edges of the faces all of whose vertices are kept, of the skin."""
        return edges_of(self.model.faces[(keep & self.skin)[self.model.faces].all(axis=1)])

    @cached_property
    def trunk(self) -> Ints:
        """(E, 2) edges of all but the arms."""
        return self.edges(self.arms < 0.5)

    def leg(self, side: str) -> Ints:
        own = self.weight(*(f"{side}_{part}" for part in ("hip", "knee", "ankle", "foot")))
        return self.edges((own > 0.3) & (np.sign(self.points[:, 0]) == (1 if side == "left" else -1)))

    def arm(self, side: str) -> Ints:
        return self.edges((self.arms > 0.3) & (np.sign(self.points[:, 0]) == (1 if side == "left" else -1)))

    @cached_property
    def midline(self) -> npt.NDArray[np.bool_]:
        """(V,) of the trunk's skin within a centimetre of the plane of symmetry."""
        return (np.abs(self.points[:, 0] - self.joint("pelvis")[0]) < 0.01) & self.skin & (self.arms < 0.3)

    @cached_property
    def crotch_z(self) -> float:
        """The lowest of the midline."""
        above_knees = self.midline & (self.points[:, 2] > self.joint("left_knee")[2])
        return float(self.points[above_knees, 2].min(initial=self.joint("left_hip")[2]))

    @cached_property
    def hip_z(self) -> float:
        """Where the buttocks stand out most."""
        z = self.points[:, 2]
        low, high = self.crotch_z - 0.03, self.joint("spine1")[2]
        band = np.flatnonzero((z > low) & (z < high) & self.skin & (self.arms < 0.3))
        return float(z[band[np.argmax(self.points[band, 1])]])

    @cached_property
    def bust_z(self) -> float:
        """The middle of the nipples; where the model marks none, where the chest stands out most."""
        areola = self.model.parts.get("areola")
        if areola is not None and (areola > 0.8).any():
            return float(self.points[areola > 0.8, 2].mean())
        z = self.points[:, 2]
        low = 0.5 * (self.joint("spine2")[2] + self.joint("spine3")[2])
        band = np.flatnonzero((z > low) & (z < self.joint("left_shoulder")[2] - 0.04) & self.skin & (self.arms < 0.3))
        return float(z[band[np.argmin(self.points[band, 1])]])

    @cached_property
    def waist_z(self) -> float:
        """Where the trunk is narrowest from side to side above the hips, in the middle of where it nearly is.

        The standard's waist lies between the lowest rib and the hip bone, which no mesh shows.
        """
        low = self.hip_z + 0.35 * (self.bust_z - self.hip_z)
        levels = np.linspace(low, self.hip_z + 0.75 * (self.bust_z - self.hip_z), 25)
        widths = np.array([self._width(level) for level in levels])
        return float(levels[widths <= widths.min() + 0.002].mean())

    def _width(self, z: float) -> float:
        cut = section(self.points, self.trunk, [0, 0, z], UP).points
        return float(np.ptp(cut[:, 0])) if len(cut) else np.inf

    @cached_property
    def underbust_z(self) -> float:
        """The deepest place of the front between the bust and the waist, below a line laid over both."""
        levels = np.linspace(self.waist_z, self.bust_z, 30)
        front = np.array([self._front(level) for level in levels])
        line = np.interp(levels, levels[[0, -1]], front[[0, -1]])
        upper = levels > self.bust_z - 0.55 * (self.bust_z - self.waist_z)
        return float(levels[upper][np.argmax((front - line)[upper])])

    def _front(self, z: float) -> float:
        cut = section(self.points, self.trunk, [0, 0, z], UP).points
        return float(cut[:, 1].min())

    @cached_property
    def navel_z(self) -> float:
        """The model's navel; else the deepest dent of the front's midline; else three eighths from hip to bust."""
        if "navel" in self.model.landmarks:
            return float(self.points[self.model.landmarks["navel"], 2])
        low, high = self.hip_z, self.hip_z + 0.62 * (self.bust_z - self.hip_z)
        front = self.points[self.midline & (self.points[:, 1] < self.joint("spine1")[1])]
        y, z = front[:, 1], front[:, 2]

        def dent(level: float, depth: float) -> float:
            """How much further out the skin is within 3 cm, above and below."""
            around = ((z > level + 0.004) & (z < level + 0.03), (z < level - 0.004) & (z > level - 0.03))
            return depth - max(y[side].min(initial=np.inf) for side in around)

        inside = np.flatnonzero((z > low) & (z < high))
        depths = np.array([dent(z[n], y[n]) for n in inside])
        if not len(inside) or depths.max() < 0.001:
            return float(self.hip_z + 0.375 * (self.bust_z - self.hip_z))
        return float(z[inside[np.argmax(depths)]])

    def shoulder_point(self, side: str) -> Array:
        """(3,) the skin above the shoulder's joint: where the shoulder is highest within 1 cm of it."""
        at = self.joint(f"{side}_shoulder")
        near = np.flatnonzero((np.abs(self.points[:, 0] - at[0]) < 0.015) & self.skin & (self.points[:, 2] > at[2]))
        near = near[np.abs(self.points[near, 1] - at[1]) < 0.06]
        return np.asarray(self.points[near[np.argmax(self.points[near, 2])]] if len(near) else at)

    @cached_property
    def back_neck(self) -> Array:
        """(3,) the skin behind the neck's joint (the seventh neck bone), on the midline."""
        at = self.joint("neck")
        rows = np.flatnonzero(self.midline & (self.points[:, 1] > at[1]))
        return np.asarray(self.points[rows[np.argmin(np.abs(self.points[rows, 2] - at[2]))]])
