"""The avatar's bones as other programs have them: head, tail and axes, under the names they want."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from scan3d.avatar.avatar import Avatar
from scan3d.avatar.bones import BoneNames, Extra

Floats = npt.NDArray[np.floating]
Ints = npt.NDArray[np.int32]

_SHORTEST_M = 0.01
_LEFT, _FORWARD, _UP = np.eye(3) * [[1], [-1], [1]]

# The joint that a bone's tail lies at; where it is not named, the bone ends where its skin does.
_NEXT = {
    "pelvis": "spine1", "spine1": "spine2", "spine2": "spine3", "spine3": "neck", "neck": "head",
    "hip": "knee", "knee": "ankle", "ankle": "foot", "collar": "shoulder", "shoulder": "elbow", "elbow": "wrist",
    "wrist": "middle1",
}  # fmt: skip
# Which way a bone without a next one points, and which way its Z axis does; X is then the axis it bends about.
_POINTS = {"head": _UP, "foot": _FORWARD, "jaw": _FORWARD - 0.6 * _UP, "eye": _FORWARD}
_Z_OF = {"hip": -_FORWARD, "knee": -_FORWARD, "ankle": -_UP, "foot": -_UP, "jaw": -_UP, "eye": -_UP}


@dataclass(frozen=True, kw_only=True, eq=False)
class Rig:
    """Bones at rest, in the avatar's frame, parents first.

    names, parents (B,), -1 without; heads, tails: (B, 3) metres. axes: (B, 3, 3), columns X, Y, Z of the bone: Y runs
    to the tail, X is the axis it bends about (a finger towards the palm, a knee back), left and right mirrored.
    joint: (B,) of the avatar, -1 for a bone without skin. naming: where the names come from.
    """

    names: tuple[str, ...]
    parents: Ints
    heads: Floats
    tails: Floats
    axes: Floats
    joint: Ints
    naming: BoneNames

    def bone_of_joint(self) -> Ints:
        """(J,) index of each joint's bone."""
        found = np.full(self.joint.max() + 1, -1, np.int32)
        found[self.joint[self.joint >= 0]] = np.flatnonzero(self.joint >= 0)
        return found

    def locals_at_rest(self) -> tuple[Floats, Floats]:
        """Turns (B, 3, 3) and places (B, 3) of the bones in their parents' axes."""
        turns, places = self.axes.copy(), self.heads.copy()
        hung = np.flatnonzero(self.parents >= 0)
        above = self.axes[self.parents[hung]].transpose(0, 2, 1)
        turns[hung] = above @ self.axes[hung]
        places[hung] = np.einsum("bij,bj->bi", above, self.heads[hung] - self.heads[self.parents[hung]])
        return turns, places

    def bone_rest_turns(self, avatar: Avatar) -> tuple[Floats, Floats]:
        """(B, 3, 3) each bone's turn at rest from the model's zero pose, and its parent's; a bare bone's is its
        parent's.
        """
        of_joint = avatar.rest_globals()
        own, above = np.tile(np.eye(3), (2, len(self.names), 1, 1))
        for bone, (parent, joint) in enumerate(zip(self.parents, self.joint, strict=True)):
            above[bone] = own[parent] if parent >= 0 else np.eye(3)
            own[bone] = of_joint[joint] if joint >= 0 else above[bone]
        return own, above

    def bone_turns(self, avatar: Avatar, turns: Floats) -> Floats:
        """(..., B, 3, 3) turns of the bones from rest, in their own axes, by local turns (..., J, 3, 3) of the joints.

        What Blender calls matrix_basis. With Q the turns at rest and A the bone's axes, R becomes A' Qp R Q' A.
        """
        own, above = self.bone_rest_turns(avatar)
        of_bone = np.broadcast_to(np.eye(3), (*turns.shape[:-3], len(self.names), 3, 3)).copy()
        skinned = self.joint >= 0
        of_bone[..., skinned, :, :] = turns[..., self.joint[skinned], :, :]
        axes = self.axes
        result = axes.transpose(0, 2, 1) @ above @ of_bone @ own.transpose(0, 2, 1) @ axes
        result[..., ~skinned, :, :] = np.eye(3)
        return np.asarray(result)


def rig_of(avatar: Avatar, naming: BoneNames) -> Rig:
    """The bones under these names; a joint that the naming does not know keeps its own."""
    tails, axes = _tails_and_axes(avatar)
    names = [naming.bones.get(joint, joint) for joint in avatar.joint_names]
    parent_of = {n: names[p] if p >= 0 else "" for n, p in zip(names, avatar.parents, strict=True)}
    head_of = dict(zip(names, np.asarray(avatar.joints, np.float64), strict=True))
    tail_of, axes_of = dict(zip(names, tails, strict=True)), dict(zip(names, axes, strict=True))
    joint_of = {name: number for number, name in enumerate(names)}
    for extra in naming.extras:
        if extra.parent and extra.parent not in head_of:
            continue
        head, tail = _ends(extra, head_of, tail_of, avatar, joint_of)
        head_of[extra.name], tail_of[extra.name] = head, tail
        reference = axes_of[extra.parent][:, 2] if extra.parent else -_FORWARD
        axes_of[extra.name] = _axes(tail - head, reference)
        parent_of[extra.name] = extra.parent
        parent_of |= {name: extra.name for name in extra.adopts if name in parent_of}
    order = _parents_first(parent_of)
    row = {name: number for number, name in enumerate(order)}
    return Rig(
        names=tuple(order),
        parents=np.array([row.get(parent_of[name], -1) for name in order], np.int32),
        heads=np.array([head_of[name] for name in order]),
        tails=np.array([tail_of[name] for name in order]),
        axes=np.array([axes_of[name] for name in order]),
        joint=np.array([joint_of.get(name, -1) for name in order], np.int32),
        naming=naming,
    )


def _parents_first(parent_of: Mapping[str, str]) -> list[str]:
    order: list[str] = []
    left = list(parent_of)
    while left:
        ready = [name for name in left if parent_of[name] in ("", *order)]
        order += ready
        left = [name for name in left if name not in ready]
    return order


def _ends(
    extra: Extra,
    head_of: Mapping[str, Floats],
    tail_of: Mapping[str, Floats],
    avatar: Avatar,
    joint_of: Mapping[str, int],
) -> tuple[Floats, Floats]:
    """Head and tail of a bone without skin."""
    kind, _, bone = extra.start.partition(":")
    if kind == "floor":
        return np.zeros(3), np.array([0.0, 0.2, 0.0])
    if kind == "heel":
        # Rigify wants it across the heel, on the floor below the ankle.
        own = avatar.vertices[avatar.weights[:, joint_of[bone]] > 0.5]
        back, low = (own[:, 1].max(), own[:, 2].min()) if len(own) else (head_of[bone][1], 0.0)
        middle = np.array([head_of[bone][0], back, low])
        return middle - 0.03 * _LEFT, middle + 0.03 * _LEFT
    head = head_of[bone] if kind == "head" else tail_of[bone]
    if extra.end:
        return head, head_of[extra.end.partition(":")[2]]
    along = tail_of[extra.parent] - head_of[extra.parent]
    return head, head + 0.5 * along


def _tails_and_axes(avatar: Avatar) -> tuple[Floats, Floats]:
    """(J, 3) ends of the joints' bones, (J, 3, 3) their axes."""
    place = {name: np.asarray(at, np.float64) for name, at in zip(avatar.joint_names, avatar.joints, strict=True)}
    turns = avatar.rest_globals()
    tails, axes = np.empty((len(place), 3)), np.empty((len(place), 3, 3))
    for joint, name in enumerate(avatar.joint_names):
        side, _, part = name.rpartition("_")
        following = _NEXT.get(part, "")
        if part[-1:] in "12" and part[:-1] in ("index", "middle", "pinky", "ring", "thumb"):
            following = f"{part[:-1]}{int(part[-1]) + 1}"
        following = f"{side}_{following}" if side else following
        way = _direction(name, part, place, turns[joint])
        target = place[following] if following in place else np.asarray(_end_of_skin(avatar, joint, way), np.float64)
        if np.linalg.norm(target - place[name]) < _SHORTEST_M:
            target = place[name] + _SHORTEST_M * way
        tails[joint] = target
        axes[joint] = _axes(target - place[name], _z_reference(part, side, place, turns[joint]))
    return tails, axes


def _direction(name: str, part: str, place: Mapping[str, Floats], turn: Floats) -> Floats:
    """Unit vector along a bone that ends in nothing."""
    if part in _POINTS:
        way = turn @ _POINTS[part]
    else:
        before = f"{name[:-1]}{int(name[-1]) - 1}" if name[-1:].isdigit() and name[-1] != "1" else ""
        way = place[name] - place[before] if before in place else turn @ (-_UP)
    length = np.linalg.norm(way)
    return np.asarray(way / length if length > 0 else _UP)


def _end_of_skin(avatar: Avatar, joint: int, way: Floats) -> Floats:
    """Where the skin that mostly follows a joint ends in a direction."""
    own = avatar.vertices[avatar.weights[:, joint] > 0.5]
    reach = float(((own - avatar.joints[joint]) @ way).max()) if len(own) else 0.05
    return np.asarray(avatar.joints[joint] + max(reach, _SHORTEST_M) * way)


def _z_reference(part: str, side: str, place: Mapping[str, Floats], turn: Floats) -> Floats:
    """Which way the Z axis of a bone points, about."""
    if part == "wrist" or (part[-1:].isdigit() and side):
        palm = _palm(side, place)
        if palm is not None:
            return palm + (place[f"{side}_pinky1"] - place[f"{side}_thumb1"] if part.startswith("thumb") else 0)
    return np.asarray(turn @ _Z_OF.get(part, _FORWARD))


def _palm(side: str, place: Mapping[str, Floats]) -> Floats | None:
    """Which way the palm faces, about 0.1 long; None for a body without fingers."""
    if any(f"{side}_{joint}" not in place for joint in ("wrist", "index1", "pinky1", "thumb1")):
        return None
    wrist, index, pinky = (place[f"{side}_{joint}"] for joint in ("wrist", "index1", "pinky1"))
    normal = np.cross(index - wrist, pinky - wrist) * (-1 if side == "left" else 1)
    length = np.linalg.norm(normal)
    return np.asarray(0.1 * normal / length) if length > 0 else None


def _axes(along: Floats, z_about: Floats) -> Floats:
    """(3, 3) columns X, Y, Z: Y along the bone, Z as near to `z_about` as may be."""
    y = along / np.linalg.norm(along)
    z = z_about - (z_about @ y) * y
    if np.linalg.norm(z) < 1e-3 * np.linalg.norm(z_about):
        z = np.cross(y, np.eye(3)[np.abs(y).argmin()])
    z = z / np.linalg.norm(z)
    return np.stack([np.cross(y, z), y, z], axis=1)
