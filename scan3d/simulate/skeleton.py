"""Moves the open human by its bones: rotations along the chains, legs and arms that reach for a point."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from scan3d.openhuman import OpenHuman


@dataclass(kw_only=True, eq=False)
class Skeleton:
    """The bones of one shape and where they have been moved.

    heads, tails: (B, 3) at rest, metres. moved: bone -> (4, 4) posed_from_rest, for the bones set so far; the others
    follow their parents.
    """

    human: OpenHuman
    heads: np.ndarray
    tails: np.ndarray
    moved: dict[int, np.ndarray] = field(default_factory=dict)

    @classmethod
    def of(cls, human: OpenHuman, vertices: np.ndarray) -> Skeleton:
        """The skeleton of a shape (V, 3) at rest."""
        heads, tails = human.joints(vertices)
        return cls(human=human, heads=heads, tails=tails)

    def head(self, name: str) -> np.ndarray:
        """(3,) the joint a bone turns about, at rest."""
        return np.asarray(self.heads[self.human.bone(name)])

    def posed_from_rest(self, name: str) -> np.ndarray:
        """(4, 4) of a bone as set so far."""
        number = self.human.bone(name)
        while number >= 0:
            if number in self.moved:
                return self.moved[number]
            number = int(self.human.bone_parents[number])
        return np.eye(4)

    def place(self, name: str) -> np.ndarray:
        """(3,) where a bone's joint is now."""
        return apply(self._parent(name), self.head(name))

    def turn(self, name: str, rotation: np.ndarray, shift_m: np.ndarray | None = None) -> None:
        """Turns a bone about its joint by a (3, 3) rotation in the axes of the rest pose, after its parent's motion."""
        self.moved[self.human.bone(name)] = (
            translation(np.zeros(3) if shift_m is None else shift_m)
            @ self._parent(name)
            @ about(self.head(name), rotation)
        )

    def set_world(self, name: str, rotation: np.ndarray, joint: np.ndarray) -> None:
        """Gives a bone this world_from_rest rotation (3, 3), its joint at this point of the world."""
        matrix = np.eye(4)
        matrix[:3, :3] = rotation
        matrix[:3, 3] = joint - rotation @ self.head(name)
        self.moved[self.human.bone(name)] = matrix

    def skin(self, vertices: np.ndarray) -> np.ndarray:
        """(V, 3) vertices at rest moved by linear blend skinning (Magnenat-Thalmann 1988)."""
        transforms = np.stack([self._of_number(b) for b in range(len(self.heads))])
        blended = np.asarray(self.human.weights @ transforms.reshape(len(transforms), 16)).reshape(-1, 4, 4)
        return np.einsum("vij,vj->vi", blended[:, :3, :3], vertices) + blended[:, :3, 3]

    def _of_number(self, number: int) -> np.ndarray:
        return self.posed_from_rest(self.human.bone_names[number])

    def _parent(self, name: str) -> np.ndarray:
        parent = int(self.human.bone_parents[self.human.bone(name)])
        return np.eye(4) if parent < 0 else self._of_number(parent)


def rotation_about(axis: np.ndarray, angle_rad: float) -> np.ndarray:
    """(3, 3) rotation about an axis, counter-clockwise seen against it (Rodrigues)."""
    x, y, z = axis / np.linalg.norm(axis)
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.asarray(np.eye(3) + np.sin(angle_rad) * cross + (1 - np.cos(angle_rad)) * cross @ cross)


def rotation_between(start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """(3, 3) the smallest rotation that turns one direction into another."""
    a, b = start / np.linalg.norm(start), end / np.linalg.norm(end)
    axis = np.cross(a, b)
    if np.linalg.norm(axis) < 1e-12:
        return np.eye(3)
    return rotation_about(axis, float(np.arctan2(np.linalg.norm(axis), a @ b)))


def about(point: np.ndarray, rotation: np.ndarray) -> np.ndarray:
    """(4, 4) rotation about a point."""
    matrix = np.eye(4)
    matrix[:3, :3] = rotation
    matrix[:3, 3] = point - rotation @ point
    return matrix


def translation(shift_m: np.ndarray) -> np.ndarray:
    """(4, 4) translation."""
    matrix = np.eye(4)
    matrix[:3, 3] = shift_m
    return matrix


def apply(transform: np.ndarray, points: np.ndarray) -> np.ndarray:
    """(..., 3) points moved by a (4, 4)."""
    return np.asarray(points @ transform[:3, :3].T + transform[:3, 3])


def bent_to_reach(upper: np.ndarray, lower: np.ndarray, axis: np.ndarray, reach_m: float) -> float:
    """The angle (rad) to bend `lower` about axis so that the ends of upper + lower are reach_m apart.

    The limb is straightest at 0 or soon after; the answer lies between there and 150 degrees, and is the straightest
    there is where the reach is too long.
    """
    angles = np.radians(np.linspace(0, 150, 601))
    lengths = np.array([np.linalg.norm(upper + rotation_about(axis, a) @ lower) for a in angles])
    straightest = int(np.argmax(lengths))
    falling = lengths[straightest:]
    if reach_m >= falling[0]:
        return float(angles[straightest])
    return float(np.interp(-reach_m, -falling, angles[straightest:]))
