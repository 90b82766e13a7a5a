"""How the bones of a rig lie in a pose and move in a motion, and how strong the shapes are then."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from scan3d.avatar.avatar import Avatar
from scan3d.avatar.rig import Rig

Floats = npt.NDArray[np.floating]


@dataclass(frozen=True, kw_only=True, eq=False)
class Moves:
    """local_turns (B, 3, 3), local_places (B, 3): of the bones in their parents' axes, in the pose.

    shapes: name -> (V, 3) all shapes, correctives behind the others. strengths: (S,) in the pose. times_s: (N,) of a
    motion, animated_turns (N, B, 3, 3), animated_places (N, B, 3), animated_strengths (N, S) where shapes move in it;
    None without a motion.
    """

    local_turns: Floats
    local_places: Floats
    shapes: Mapping[str, Floats]
    strengths: Floats
    times_s: Floats | None = None
    animated_turns: Floats | None = None
    animated_places: Floats | None = None
    animated_strengths: Floats | None = None


def corrective_names(avatar: Avatar) -> list[str]:
    """A name for each corrective: "corrective_left_elbow_01" of row 0 and column 1."""
    c = avatar.correctives
    if c is None:
        return []
    return [
        f"corrective_{avatar.joint_names[j]}_{r}{k}" for j, r, k in zip(c.joint, c.row, c.column, strict=True)
    ]  # fmt: skip


def moves_of(
    avatar: Avatar,
    rig: Rig,
    *,
    turns: Floats | None = None,
    translation: Floats | None = None,
    strengths: Mapping[str, float] | None = None,
) -> Moves:
    """The rig in a pose (J, 3, 3), at rest without one, and in the avatar's motion."""
    shapes = dict(avatar.shapes)
    if avatar.correctives is not None:
        shapes |= dict(zip(corrective_names(avatar), avatar.correctives.moves, strict=True))
    pose = avatar.rest_turns if turns is None else turns
    asked = [float((strengths or {}).get(name, 0.0)) for name in avatar.shapes]
    local_turns, local_places = bones_in(avatar, rig, pose, np.zeros(3) if translation is None else translation)
    still = Moves(
        local_turns=local_turns,
        local_places=local_places,
        shapes=shapes,
        strengths=np.concatenate([asked, avatar.corrective_values(pose)]),
    )
    motion = avatar.animation
    if motion is None:
        return still
    moved = bones_in(avatar, rig, motion.rotations, motion.translations)
    values = None
    if avatar.correctives is not None:
        values = np.concatenate(
            [np.tile(asked, (len(motion.rotations), 1)), avatar.corrective_values(motion.rotations)], axis=1
        )
    return Moves(
        local_turns=local_turns,
        local_places=local_places,
        shapes=shapes,
        strengths=still.strengths,
        times_s=np.arange(len(motion.rotations)) / motion.fps,
        animated_turns=moved[0],
        animated_places=moved[1],
        animated_strengths=values,
    )


def bones_in(avatar: Avatar, rig: Rig, turns: Floats, translation: Floats) -> tuple[Floats, Floats]:
    """Turns (..., B, 3, 3) and places (..., B, 3) of the bones in their parents' axes, by local turns of the joints."""
    at_rest, places = rig.locals_at_rest()
    result = at_rest @ rig.bone_turns(avatar, turns)
    moved = np.broadcast_to(places, (*turns.shape[:-3], *places.shape)).copy()
    root = int(rig.bone_of_joint()[0])
    above = np.eye(3) if rig.parents[root] < 0 else rig.axes[rig.parents[root]]
    moved[..., root, :] += translation @ above
    return np.asarray(result), moved
