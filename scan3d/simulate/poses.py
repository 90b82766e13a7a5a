"""Poses of the virtual subjects: what a scan studio asks for, and a few of fashion."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scan3d.openhuman import OpenHuman
from scan3d.simulate.skeleton import (
    Skeleton,
    apply,
    bent_to_reach,
    rotation_about,
    rotation_between,
)

_X, _Y, _Z = np.eye(3)


@dataclass(frozen=True, kw_only=True)
class Arm:
    """out_deg: from hanging down to the side. forward_deg: from hanging to the front. elbow_deg: bend. on_hip: the
    hand rests on the hip instead."""

    out_deg: float = 12.0
    forward_deg: float = 0.0
    elbow_deg: float = 8.0
    on_hip: bool = False


@dataclass(frozen=True, kw_only=True)
class Leg:
    """Where the foot stands, from where it stands at rest: out and forward as shares of the leg's length; turned out;
    and how far its heel is raised."""

    out: float = 0.0
    forward: float = 0.0
    turn_out_deg: float = 0.0
    heel_deg: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Pose:
    """A way to stand. left and right are the subject's own.

    hip_shift: to its left, as a share of the leg's length. hip_drop_deg: of the right side of the pelvis.
    hip_turn_deg: of the pelvis to the left, seen from above counter-clockwise; the chest turns back by chest_turn_deg.
    lower_share: how far the pelvis is lowered, as a share of the leg's length, so that no knee is locked.
    """

    left_arm: Arm | None = Arm()
    right_arm: Arm | None = Arm()
    left_leg: Leg = Leg()
    right_leg: Leg = Leg()
    hip_shift: float = 0.0
    hip_drop_deg: float = 0.0
    hip_turn_deg: float = 0.0
    chest_turn_deg: float = 0.0
    head_turn_deg: float = 0.0
    head_tilt_deg: float = 0.0
    lower_share: float = 0.0


POSES: dict[str, Pose] = {
    "a": Pose(left_arm=None, right_arm=None),
    "t": Pose(left_arm=Arm(out_deg=86, elbow_deg=0), right_arm=Arm(out_deg=86, elbow_deg=0)),
    "relaxed": Pose(
        left_arm=Arm(out_deg=14, forward_deg=3, elbow_deg=14),
        right_arm=Arm(out_deg=14, forward_deg=3, elbow_deg=14),
    ),
    "contrapposto": Pose(
        left_arm=Arm(out_deg=17, forward_deg=-2, elbow_deg=12),
        right_arm=Arm(out_deg=20, forward_deg=8, elbow_deg=24),
        left_leg=Leg(turn_out_deg=8),
        right_leg=Leg(out=0.05, forward=0.09, turn_out_deg=22, heel_deg=0),
        hip_shift=0.07,
        hip_drop_deg=5.5,
        hip_turn_deg=7,
        chest_turn_deg=-10,
        head_turn_deg=-14,
        head_tilt_deg=4,
    ),
    "hand_on_hip": Pose(
        left_arm=Arm(on_hip=True),
        right_arm=Arm(out_deg=16, forward_deg=2, elbow_deg=14),
        left_leg=Leg(turn_out_deg=8),
        right_leg=Leg(out=0.06, forward=0.05, turn_out_deg=16),
        hip_shift=0.05,
        hip_drop_deg=4,
        chest_turn_deg=-4,
        head_turn_deg=6,
    ),
    "walk": Pose(
        left_arm=Arm(out_deg=15, forward_deg=-20, elbow_deg=12),
        right_arm=Arm(out_deg=15, forward_deg=22, elbow_deg=24),
        left_leg=Leg(forward=0.26, out=-0.04, turn_out_deg=4),
        right_leg=Leg(forward=-0.26, out=-0.04, turn_out_deg=6, heel_deg=32),
        hip_turn_deg=-6,
        chest_turn_deg=11,
        head_turn_deg=-5,
        lower_share=0.012,
    ),
}


def posed(human: OpenHuman, vertices: np.ndarray, pose: Pose) -> np.ndarray:
    """(V, 3) all vertices of the open human in a pose, the feet on either side of the Z axis."""
    return posed_with_joints(human, vertices, pose)[0]


def posed_with_joints(human: OpenHuman, vertices: np.ndarray, pose: Pose) -> tuple[np.ndarray, np.ndarray]:
    """As `posed`, and (B, 3) where the bones' heads are then."""
    skeleton = posed_skeleton(human, vertices, pose)
    moved = skeleton.skin(vertices)
    heads = np.stack([apply(skeleton.posed_from_rest(n), skeleton.head(n)) for n in human.bone_names])
    ankles = [heads[human.bone(f"foot.{s}")] for s in "LR"]
    middle = np.mean(ankles, axis=0) * [1.0, 1.0, 0.0]
    return np.asarray(moved - middle), heads - middle


def posed_skeleton(human: OpenHuman, vertices: np.ndarray, pose: Pose) -> Skeleton:
    """The bones of a body at rest (V, 3), turned into a pose; its feet may stand beside the origin."""
    skeleton = Skeleton.of(human, vertices)
    _trunk(skeleton, pose)
    for side, leg in ((1, pose.left_leg), (-1, pose.right_leg)):
        _set_leg(skeleton, side, leg)
    for side, arm in ((1, pose.left_arm), (-1, pose.right_arm)):
        if arm is not None and arm.on_hip:
            _hand_on_hip(skeleton, side, vertices)
        elif arm is not None:
            _set_arm(skeleton, side, arm)
    return skeleton


def _leg_length(skeleton: Skeleton) -> float:
    return float(np.linalg.norm(skeleton.head("upperleg01.L") - skeleton.head("foot.L")))


def _trunk(skeleton: Skeleton, pose: Pose) -> None:
    length = _leg_length(skeleton)
    pelvis = rotation_about(_Z, np.radians(pose.hip_turn_deg)) @ rotation_about(_Y, -np.radians(pose.hip_drop_deg))
    shift = np.array([pose.hip_shift * length, 0.0, 0.0])
    skeleton.turn("root", pelvis, shift)
    # As low as both feet need it, and a little more so that no knee is locked.
    room = []
    for side, leg in ((1, pose.left_leg), (-1, pose.right_leg)):
        hip, ankle = skeleton.place(_bone("upperleg01", side)), _ankle(skeleton, side, leg)
        away = float(np.hypot(*(hip - ankle)[:2]))
        room.append(ankle[2] + np.sqrt(max((0.998 * length) ** 2 - away**2, 0.0)) - hip[2])
    if pose.left_leg != Leg() or pose.right_leg != Leg() or pose.hip_shift:
        skeleton.turn("root", pelvis, shift + _Z * (min(0.0, *room) - pose.lower_share * length))
    upright = rotation_about(_Y, np.radians(pose.hip_drop_deg) * 0.5)
    turn = rotation_about(_Z, np.radians(pose.chest_turn_deg) / 4)
    for bone in ("spine04", "spine03", "spine02", "spine01"):
        part = rotation_about(_Y, np.radians(pose.hip_drop_deg) * 1.4 / 4) if bone != "spine04" else upright
        skeleton.turn(bone, part @ turn)
    look = rotation_about(_Z, np.radians(pose.head_turn_deg) / 3)
    tilt = rotation_about(_Y, np.radians(pose.head_tilt_deg - 0.55 * pose.hip_drop_deg) / 3)
    for bone in ("neck01", "neck03", "head"):
        skeleton.turn(bone, look @ tilt)


def _bone(name: str, side: int) -> str:
    return f"{name}.{'L' if side > 0 else 'R'}"


def _ankle(skeleton: Skeleton, side: int, leg: Leg) -> np.ndarray:
    """(3,) where the ankle belongs: the foot turned about its heel, or raised about its ball."""
    rest = skeleton.head(_bone("foot", side))
    length = _leg_length(skeleton)
    ball = skeleton.head(_bone("toe2-1", side))
    turn, pitch = _foot_rotation(side, leg)
    moved = ball + pitch @ (rest - ball)
    return np.asarray(rest + turn @ (moved - rest) + np.array([side * leg.out * length, -leg.forward * length, 0.0]))


def _foot_rotation(side: int, leg: Leg) -> tuple[np.ndarray, np.ndarray]:
    return rotation_about(_Z, side * np.radians(leg.turn_out_deg)), rotation_about(_X, np.radians(leg.heel_deg))


def _set_leg(skeleton: Skeleton, side: int, leg: Leg) -> None:
    hip, knee = skeleton.head(_bone("upperleg01", side)), skeleton.head(_bone("lowerleg01", side))
    ankle = skeleton.head(_bone("foot", side))
    start, end = skeleton.place(_bone("upperleg01", side)), _ankle(skeleton, side, leg)
    if np.allclose(start, hip, atol=1e-9) and leg == Leg():
        return
    reach = end - start
    # The knee bends about the left-right axis; the shank goes back.
    angle = bent_to_reach(knee - hip, ankle - knee, _X, float(np.linalg.norm(reach)))
    bend = rotation_about(_X, angle)
    turn, pitch = _foot_rotation(side, leg)
    half_turn = rotation_about(_Z, 0.6 * side * np.radians(leg.turn_out_deg))
    straight = half_turn @ ((knee - hip) + bend @ (ankle - knee))
    thigh = rotation_between(straight, reach) @ half_turn
    skeleton.set_world(_bone("upperleg01", side), thigh, start)
    skeleton.turn(_bone("lowerleg01", side), bend)
    foot_at = apply(skeleton.posed_from_rest(_bone("lowerleg01", side)), ankle)
    skeleton.set_world(_bone("foot", side), turn @ pitch, foot_at)
    if leg.heel_deg:
        for toe in range(1, 6):
            name = _bone(f"toe{toe}-1", side)
            skeleton.set_world(name, turn, skeleton.place(name))


def _set_arm(skeleton: Skeleton, side: int, arm: Arm) -> None:
    shoulder, elbow = skeleton.head(_bone("upperarm01", side)), skeleton.head(_bone("lowerarm01", side))
    upper = elbow - shoulder
    out, forward = np.radians(arm.out_deg), np.radians(arm.forward_deg)
    aim = np.array([side * np.sin(out), -np.sin(forward) * np.cos(out), -np.cos(forward) * np.cos(out)])
    chest = skeleton.posed_from_rest("spine01")[:3, :3]
    swing = rotation_between(upper, aim)
    # The shoulder blade takes a share of what the arm is raised or lowered by.
    for bone, share in (("clavicle", 0.12), ("shoulder01", 0.12)):
        skeleton.turn(_bone(bone, side), _share_of(swing, share))
    _turn_to(skeleton, _bone("upperarm01", side), chest @ swing)
    hinge = np.cross(upper, -_Y)
    skeleton.turn(_bone("lowerarm01", side), rotation_about(hinge, np.radians(arm.elbow_deg)))


def _turn_to(skeleton: Skeleton, name: str, world_from_rest: np.ndarray) -> None:
    skeleton.set_world(name, world_from_rest, skeleton.place(name))


def _share_of(rotation: np.ndarray, share: float) -> np.ndarray:
    from scipy.spatial.transform import Rotation

    return np.asarray(Rotation.from_rotvec(Rotation.from_matrix(rotation).as_rotvec() * share).as_matrix())


def _hand_on_hip(skeleton: Skeleton, side: int, vertices: np.ndarray) -> None:
    """The wrist to the crest of the hip, elbow to the side and back."""
    shoulder, elbow, wrist = (skeleton.head(_bone(n, side)) for n in ("upperarm01", "lowerarm01", "wrist"))
    swing = rotation_between(elbow - shoulder, np.array([side * 0.55, 0.12, -0.8]))
    for bone in ("clavicle", "shoulder01"):
        skeleton.turn(_bone(bone, side), _share_of(swing, 0.1))
    start = skeleton.place(_bone("upperarm01", side))
    target = _hip_crest(skeleton, side, vertices)
    a, b = float(np.linalg.norm(elbow - shoulder)), float(np.linalg.norm(wrist - elbow))
    line = target - start
    distance = min(float(np.linalg.norm(line)), 0.98 * (a + b))
    line /= np.linalg.norm(line)
    pole = np.array([side * 1.0, 0.45, 0.0])
    pole -= line * (pole @ line)
    pole /= np.linalg.norm(pole)
    along = (a * a - b * b + distance * distance) / (2 * distance)
    bent = start + along * line + np.sqrt(max(a * a - along * along, 0.0)) * pole
    end = start + distance * line
    hinge_rest, hinge = np.cross(elbow - shoulder, -_Y), np.cross(bent - start, end - bent)
    upper = _frame(bent - start, hinge) @ _frame(elbow - shoulder, hinge_rest).T
    lower = _frame(end - bent, hinge) @ _frame(wrist - elbow, hinge_rest).T
    plain = rotation_between(elbow - shoulder, bent - start)
    # The twist of the upper arm is spread along it, or the shoulder would be wrung.
    skeleton.set_world(_bone("upperarm01", side), plain @ _share_of(plain.T @ upper, 0.4), start)
    _turn_to(skeleton, _bone("upperarm02", side), upper)
    _turn_to(skeleton, _bone("lowerarm01", side), lower)


def _hip_crest(skeleton: Skeleton, side: int, vertices: np.ndarray) -> np.ndarray:
    """(3,) a point beside the crest of the hip, as posed, where a wrist can lie."""
    weights = skeleton.human.weights
    names = ("spine05", "pelvis.L", "pelvis.R", "root", "spine04", "upperleg01.L", "upperleg01.R")
    trunk = np.asarray(weights[:, [skeleton.human.bone(n) for n in names]].sum(axis=1)).ravel() > 0.6
    trunk &= np.arange(len(vertices)) <= skeleton.human.quads[skeleton.human.group("body")].max()
    height = 0.3 * skeleton.head("upperleg01.L")[2] + 0.7 * skeleton.head("spine04")[2]
    level = trunk & (np.abs(vertices[:, 2] - height) < 0.02)
    x = side * np.max(side * vertices[level, 0])
    point = np.array([x + side * 0.045, float(vertices[level, 1].mean()) + 0.02, height + 0.03])
    return apply(skeleton.posed_from_rest("root"), point)


def _frame(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """(3, 3) axes as columns: first, second made square to it, and their product."""
    x = first / np.linalg.norm(first)
    y = second - x * (second @ x)
    y /= np.linalg.norm(y)
    return np.stack([x, y, np.cross(x, y)], axis=1)
