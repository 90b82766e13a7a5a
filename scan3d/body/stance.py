"""Puts a skeleton into a stance: the trunk first, then legs and arms that hang, or reach for a place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from scan3d.body.alignment import alignment, frame, local_pose, t_pose
from scan3d.body.rotations import Array, about, matrices, vectors

_X, _Y, _Z = np.eye(3)


@dataclass(kw_only=True, eq=False)
class Stance:
    """A skeleton on its way into a pose, in the model's frame (Y up, facing +Z).

    joints: (J, 3) at rest, metres. rest: (J, 3, 3) turns from the model's rest pose into a T pose. turns: joint ->
    (3, 3) from the T pose, for those set so far; the others follow their parents. shift: (3,) of the pelvis.
    """

    names: Sequence[str]
    parents: npt.NDArray[np.int32]
    joints: Array
    rest: Array
    turns: dict[str, Array] = field(default_factory=dict)
    shift: Array = field(default_factory=lambda: np.zeros(3))

    @classmethod
    def of(cls, joints: Array, parents: npt.NDArray[np.int32], names: Sequence[str]) -> Stance:
        """In a T pose."""
        rest = alignment(joints, parents, names, t_pose(joints, names))
        return cls(names=names, parents=parents, joints=joints, rest=rest)

    def has(self, name: str) -> bool:
        return name in self.names

    def bone(self, start: str, end: str) -> Array:
        """(3,) from one joint to its child in the T pose."""
        first, second = self.names.index(start), self.names.index(end)
        return np.asarray(self.rest[first] @ (self.joints[second] - self.joints[first]))

    def turn_of(self, name: str) -> Array:
        """(3, 3) of a joint from the T pose, as set so far."""
        number = self.names.index(name)
        while number >= 0:
            if self.names[number] in self.turns:
                return self.turns[self.names[number]]
            number = int(self.parents[number])
        return np.eye(3)

    def turn(self, name: str, local: Array) -> None:
        """Turns a joint by (3, 3) in the axes of the T pose, after what its parent does."""
        if self.has(name):
            above = int(self.parents[self.names.index(name)])
            before = np.eye(3) if above < 0 else self.turn_of(self.names[above])
            self.turns[name] = before @ local

    def place(self, name: str) -> Array:
        """(3,) where a joint is now."""
        return self.point(name, self.joints[self.names.index(name)])

    def point(self, carrier: str, rest_point: Array) -> Array:
        """(3,) where a joint's motion takes a point of the rest pose; the joint's own place follows from its parents'.

        The joint itself does not move by its own turn.
        """
        number = self.names.index(carrier)
        chain = [number]
        while self.parents[chain[-1]] >= 0:
            chain.append(int(self.parents[chain[-1]]))
        place = self.joints[chain[-1]] + self.shift
        for above, below in zip(chain[::-1], chain[-2::-1], strict=False):
            place = place + self._whole(above) @ (self.joints[below] - self.joints[above])
        return np.asarray(place + self._whole(number) @ (rest_point - self.joints[number]))

    def _whole(self, number: int) -> Array:
        return self.turn_of(self.names[number]) @ self.rest[number]

    def pose(self) -> Array:
        """(J, 3) axis-angles in the model's frame."""
        return local_pose(np.stack([self._whole(number) for number in range(len(self.names))]), self.parents)


def reach(upper: Array, lower: Array, hinge: Array, target: Array, pole: Array) -> tuple[Array, Array]:
    """Turns (3, 3) of a limb's two bones, both from the T pose, that bring its end to `target` from its beginning.

    upper, lower: (3,) in the T pose. hinge: the axis in the T pose about which the lower bends. pole: where the middle
    joint goes to. A target out of reach is aimed at with the limb straight.
    """
    bend = _bend(upper, lower, hinge, float(np.linalg.norm(target)))
    lower_turn = about(hinge, bend)
    whole = frame(target, np.cross(pole, target)) @ frame(upper + lower_turn @ lower, hinge).T
    return whole, whole @ lower_turn


def _bend(upper: Array, lower: Array, hinge: Array, length: float) -> float:
    """The angle (rad) about the hinge at which the ends of both bones are `length` apart; the straightest at most."""
    axis = hinge / np.linalg.norm(hinge)
    along = float(upper @ axis) * float(lower @ axis)
    first = float(upper @ lower) - along
    second = float(upper @ np.cross(axis, lower))
    size = np.hypot(first, second)
    rest = (length**2 - upper @ upper - lower @ lower) / 2 - along
    angle = np.arctan2(second, first) + np.arccos(np.clip(rest / size, -1, 1))
    return float(np.clip(angle, np.arctan2(second, first), np.radians(150)))


def share_of(rotation: Array, share: float) -> Array:
    """(3, 3) the same turn by a part of its angle."""
    return matrices(vectors(rotation) * share)


def turned(x_deg: float = 0.0, y_deg: float = 0.0, z_deg: float = 0.0) -> Array:
    """(3, 3) about Z, then X, then Y of the model's frame."""
    return about(_Y, np.radians(y_deg)) @ about(_X, np.radians(x_deg)) @ about(_Z, np.radians(z_deg))
