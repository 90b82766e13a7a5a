"""How the bones of a rig lie in a pose and move in a motion, and how strong the shapes are then."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from scan3d.avatar.avatar import Avatar
from scan3d.avatar.rig import Rig

Floats = npt.NDArray[np.floating]
Ints = npt.NDArray[np.int32]

_SLIGHTEST_M = 2e-6


@dataclass(frozen=True, kw_only=True, eq=False)
class Moves:
    """local_turns (B, 3, 3), local_places (B, 3): of the bones in their parents' axes, in the pose.

    shapes: name -> (V, 3) all shapes. correctives: name -> (vertices (n,), moves (n, 3)) those that the pose and the
    motion need, one for each sign. strengths: (S,) of shapes, then correctives, in the pose. times_s: (N,) of a motion,
    animated_turns (N, B, 3, 3), animated_places (N, B, 3), animated_strengths (N, S) where shapes move too; None
    without a motion.
    """

    local_turns: Floats
    local_places: Floats
    shapes: Mapping[str, Floats]
    correctives: Mapping[str, tuple[Ints, Floats]]
    strengths: Floats
    times_s: Floats | None = None
    animated_turns: Floats | None = None
    animated_places: Floats | None = None
    animated_strengths: Floats | None = None

    @property
    def names(self) -> list[str]:
        """Of shapes and correctives."""
        return [*self.shapes, *self.correctives]

    def move(self, name: str, count: int) -> Floats:
        """(count, 3) what a shape or corrective moves at full strength."""
        if name in self.shapes:
            return self.shapes[name]
        rows, moves = self.correctives[name]
        result = np.zeros((count, 3), np.float32)
        result[rows] = moves
        return result


def moves_of(
    avatar: Avatar,
    rig: Rig,
    *,
    turns: Floats | None = None,
    translation: Floats | None = None,
    strengths: Mapping[str, float] | None = None,
) -> Moves:
    """The rig in a pose (J, 3, 3), at rest without one, and in the avatar's motion."""
    pose = avatar.rest_turns if turns is None else turns
    still = bones_in(avatar, rig, pose, np.zeros(3) if translation is None else translation)
    asked = np.array([float((strengths or {}).get(name, 0.0)) for name in avatar.shapes])
    motion = avatar.animation
    frames = pose[None] if motion is None else np.concatenate([pose[None], motion.rotations])
    correctives, values = _needed(avatar, frames)
    opening = np.concatenate([asked, values[0]])
    if motion is None:
        return Moves(
            local_turns=still[0],
            local_places=still[1],
            shapes=avatar.shapes,
            correctives=correctives,
            strengths=opening,
        )
    moved = bones_in(avatar, rig, motion.rotations, motion.translations)
    face = np.tile(asked, (len(values) - 1, 1)) if motion.strengths is None else motion.strengths
    moving = bool(correctives) or motion.strengths is not None
    animated = np.concatenate([face, values[1:]], axis=1) if moving else None
    return Moves(
        local_turns=still[0],
        local_places=still[1],
        shapes=avatar.shapes,
        correctives=correctives,
        strengths=opening,
        times_s=np.arange(len(motion.rotations)) / motion.fps,
        animated_turns=moved[0],
        animated_places=moved[1],
        animated_strengths=animated,
    )


def _needed(avatar: Avatar, frames: Floats) -> tuple[dict[str, tuple[Ints, Floats]], Floats]:
    """Correctives that move something in some frame (N, J, 3, 3), and how strong each is (N, K), from 0 to 1.

    Programs hold strengths within 0 and 1: a corrective that is wanted both ways becomes two.
    """
    c = avatar.correctives
    if c is None:
        return {}, np.zeros((len(frames), 0))
    values = avatar.corrective_values(frames)
    reach = [np.abs(moves).max(initial=0) for moves in c.moves]
    found: dict[str, tuple[Ints, Floats]] = {}
    strengths = []
    for number, (joint, row, column) in enumerate(zip(c.joint, c.row, c.column, strict=True)):
        for sign, word in ((1, "more"), (-1, "less")):
            # An entry of a rotation differs from that of another by 2 at most.
            strength = np.maximum(sign * values[:, number], 0) / 2
            if strength.max() * reach[number] > _SLIGHTEST_M:
                found[f"corrective_{avatar.joint_names[joint]}_{row}{column}_{word}"] = (
                    c.vertices[number],
                    2 * sign * c.moves[number],
                )
                strengths.append(strength)
    return found, np.stack(strengths, axis=1) if strengths else np.zeros((len(frames), 0))


def bones_in(avatar: Avatar, rig: Rig, turns: Floats, translation: Floats) -> tuple[Floats, Floats]:
    """Turns (..., B, 3, 3) and places (..., B, 3) of the bones in their parents' axes, by local turns of the joints."""
    at_rest, places = rig.locals_at_rest()
    result = at_rest @ rig.bone_turns(avatar, turns)
    moved = np.broadcast_to(places, (*turns.shape[:-3], *places.shape)).copy()
    root = int(rig.bone_of_joint()[0])
    above = np.eye(3) if rig.parents[root] < 0 else rig.axes[rig.parents[root]]
    moved[..., root, :] += translation @ above
    return np.asarray(result), moved
