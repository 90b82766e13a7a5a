"""The pose library: ways to stand of a scan studio and of a fashion shoot, made for the body at hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from scan3d.body.alignment import UPRIGHT, frame
from scan3d.body.model import BodyModel, BodyParameters
from scan3d.body.pose_recipes import Arm, Fingers, Leg, PoseRecipe, finger_recipe, pose_names, pose_recipe
from scan3d.body.rotations import Array, about, between, matrices, vectors
from scan3d.body.skeleton import joint_names
from scan3d.body.skinning import Shaped, shaped, skin, tables
from scan3d.body.stance import Stance, reach, share_of, turned

__all__ = ["grounded", "named_pose", "pose_names"]

_X, _Y, _Z = np.eye(3)
# What the collar bone takes of the arm's way from level (Inman 1944, for a collar that turns at the breastbone).
_COLLAR_SHARE = 0.15
_NEARLY_STRAIGHT = 0.9985
_FINGERS = ("index", "middle", "ring", "pinky")


def named_pose(model: BodyModel, name: str | PoseRecipe, shape: Array | None = None) -> Array:
    """(J, 3) axis-angles that put a model's body of this shape into a pose, facing -Y in the world (Z up).

    Raises InputError where the library has no pose of that name.
    """
    recipe = pose_recipe(name) if isinstance(name, str) else name
    rest = shaped(model, np.zeros(0) if shape is None else shape)
    stance = Stance.of(rest.joints, model.parents, joint_names(model.joints))
    _set_trunk(stance, recipe)
    for side, leg in (("left", recipe.left_leg), ("right", recipe.right_leg)):
        _set_leg(stance, side, leg)
    for side, arm in (("left", recipe.left_arm), ("right", recipe.right_arm)):
        _Arm(stance, model, rest, side).set(arm)
    pose = stance.pose()
    pose[0] = vectors(UPRIGHT @ matrices(pose[0]))
    return pose


def grounded(model: BodyModel, parameters: BodyParameters, extra_offsets: Array | None = None) -> BodyParameters:
    """The same body with its lowest point on the floor z = 0 and its ankles on either side of the world's Z axis."""
    rest = shaped(model, parameters.shape, parameters.expression, extra_offsets)
    posed = skin(model, rest.vertices, rest.joints, parameters.pose)
    names = joint_names(model.joints)
    middle = posed.joints[[names.index("left_ankle"), names.index("right_ankle")]].mean(axis=0)
    return replace(parameters, translation=-np.array([middle[0], middle[1], posed.vertices[:, 2].min()]))


def _set_trunk(stance: Stance, recipe: PoseRecipe) -> None:
    trunk, head = recipe.trunk, recipe.head
    length = _leg_length(stance, "left")
    stance.turn("pelvis", turned(trunk.tilt, trunk.turn, trunk.drop))
    stance.shift = np.array([trunk.shift * length, 0.0, 0.0])
    # As low as both feet need it, and a little more so that no knee is locked.
    room = [0.0]
    for side, leg in (("left", recipe.left_leg), ("right", recipe.right_leg)):
        if leg.knee is None:
            away = stance.place(f"{side}_hip") - _ankle(stance, side, leg)
            across = float(np.hypot(away[0], away[2]))
            room.append(np.sqrt(max((_NEARLY_STRAIGHT * _leg_length(stance, side)) ** 2 - across**2, 0.0)) - away[1])
    stance.shift[1] = min(room) - trunk.lower * length
    for bone in ("spine1", "spine2", "spine3"):
        stance.turn(bone, turned(trunk.bend / 3, trunk.twist / 3, -trunk.lean / 3))
    for bone in ("neck", "head"):
        stance.turn(bone, turned(head.nod / 2, head.turn / 2, -head.tilt / 2))


def _leg_length(stance: Stance, side: str) -> float:
    return float(
        np.linalg.norm(stance.bone(f"{side}_hip", f"{side}_knee") + stance.bone(f"{side}_knee", f"{side}_ankle"))
    )


def _mirrored(rotation: Array, x: float) -> Array:
    """The turn of the left side, for the side whose outside is x."""
    mirror = np.diag([x, 1.0, 1.0])
    return np.asarray(mirror @ rotation @ mirror)


def _outside(side: str) -> float:
    return 1.0 if side == "left" else -1.0


def _foot_turn(side: str, leg: Leg) -> Array:
    return _mirrored(turned(0.0, leg.turn_out, 0.0), _outside(side)) @ turned(leg.heel)


def _ankle(stance: Stance, side: str, leg: Leg) -> Array:
    """(3,) where the ankle belongs: below the unmoved hip, the foot turned about its heel or raised about its ball."""
    length, x = _leg_length(stance, side), _outside(side)
    hip, ankle, ball = (stance.joints[stance.names.index(f"{side}_{part}")] for part in ("hip", "ankle", "foot"))
    lifted = (ball - ankle) - _foot_turn(side, replace(leg, turn_out=0.0)) @ (ball - ankle)
    lifted = _foot_turn(side, replace(leg, heel=0.0)) @ lifted
    return np.asarray(hip + length * np.array([x * leg.out, leg.height - 1.0, leg.forward]) + lifted)


def _set_leg(stance: Stance, side: str, leg: Leg) -> None:
    x = _outside(side)
    foot = _foot_turn(side, leg)
    if leg.knee is None:
        upper, lower = stance.bone(f"{side}_hip", f"{side}_knee"), stance.bone(f"{side}_knee", f"{side}_ankle")
        target = _ankle(stance, side, leg) - stance.place(f"{side}_hip")
        pole = _mirrored(turned(0.0, 0.6 * leg.turn_out, 0.0), x) @ _Z
        thigh, shank = reach(upper, lower, _X, target, pole)
    else:
        thigh = stance.turn_of("pelvis") @ _mirrored(turned(-leg.forward, leg.turn_out, leg.out), x)
        shank = thigh @ turned(leg.knee)
    stance.turns |= {f"{side}_hip": thigh, f"{side}_knee": shank, f"{side}_ankle": foot}
    if leg.heel:
        stance.turns[f"{side}_foot"] = foot @ turned(-leg.heel)


class _Arm:
    """Sets one arm of a stance: as if it were the left one, and mirrored where it is the right."""

    def __init__(self, stance: Stance, model: BodyModel, rest: Shaped, side: str) -> None:
        self.stance, self.model, self.rest = stance, model, rest
        self.side, self.x = side, _outside(side)
        self.mirror = np.diag([self.x, 1.0, 1.0])

    def set(self, arm: Arm) -> None:
        """Collar, upper arm, forearm, hand and fingers."""
        if arm.at is None:
            upper, lower = self._hanging(arm)
        else:
            upper, lower = self._reaching(arm, self._target(arm))
        chest = self._seen(self.stance.turn_of("spine3"))
        hand = lower @ self._about_arm(arm.roll) @ turned(0.0, 0.0, -arm.flex)
        if arm.hand is not None and arm.palm is not None:
            hand = chest @ frame(np.array(arm.hand, float), np.array(arm.palm, float)) @ frame(_X, -_Y).T
        # What the hand is turned about the forearm, the forearm takes half of.
        twist = float(vectors(lower.T @ hand)[0])
        lower = lower @ about(_X, twist / 2)
        for joint, turn in (("shoulder", upper), ("elbow", lower), ("wrist", hand)):
            self.stance.turns[f"{self.side}_{joint}"] = self._seen(turn)
        self._close(finger_recipe(arm.fingers))

    def _seen(self, rotation: Array) -> Array:
        return np.asarray(self.mirror @ rotation @ self.mirror)

    def _about_arm(self, degrees: float) -> Array:
        return about(_X, np.radians(degrees))

    def _collar(self, swing: Array, raised: float) -> None:
        local = share_of(swing, _COLLAR_SHARE) @ turned(0.0, 0.0, raised)
        self.stance.turn(f"{self.side}_collar", self._seen(local))

    def _hanging(self, arm: Arm) -> tuple[Array, Array]:
        swing = turned(-arm.forward) @ turned(0.0, 0.0, arm.out - 90)
        self._collar(swing, arm.raise_)
        upper = self._seen(self.stance.turn_of("spine3")) @ swing @ self._about_arm(arm.twist)
        return upper, upper @ about(-_Y, np.radians(arm.elbow))

    def _reaching(self, arm: Arm, target: Array) -> tuple[Array, Array]:
        """target: (3,) of the wrist as if it were the left one."""
        shoulder, elbow, wrist = (f"{self.side}_{joint}" for joint in ("shoulder", "elbow", "wrist"))
        first, second = (self.mirror @ self.stance.bone(*ends) for ends in ((shoulder, elbow), (elbow, wrist)))
        chest = self._seen(self.stance.turn_of("spine3"))
        pole = chest @ np.array(arm.elbow_to, float)
        for _ in range(2):  # The collar follows the arm, and the arm begins where the collar takes it.
            upper, lower = reach(first, second, -_Y, target - self.mirror @ self.stance.place(shoulder), pole)
            self._collar(chest.T @ _swing(upper), arm.raise_)
        return upper, lower

    def _target(self, arm: Arm) -> Array:
        assert arm.at is not None
        x, height, z = arm.at
        names = self.stance.names
        low, high = self.rest.joints[names.index("left_hip"), 1], self.rest.joints[names.index("neck"), 1]
        y = low + height * (high - low)
        half_width, middle, half_depth = self._girth(y)
        point = np.array(
            [self.x * (x * half_width + arm.clear[0]), y + arm.clear[1], middle + z * half_depth + arm.clear[2]]
        )
        carrier = "pelvis" if height < 0.3 else "spine2" if height < 0.6 else "spine3"
        return np.asarray(self.mirror @ self.stance.point(carrier, point))

    def _girth(self, y: float) -> tuple[float, float, float]:
        """Half width, middle (z) and half depth of the trunk at a height of the rest pose, metres."""
        weights = tables(self.model).weights
        parts = ("pelvis", "spine1", "spine2", "spine3", "left_hip", "right_hip")
        trunk = weights[:, [self.stance.names.index(part) for part in parts]].sum(axis=1) > 0.6
        away = np.where(trunk, np.abs(self.rest.vertices[:, 1] - y), np.inf)
        near = self.rest.vertices[away < max(0.02, float(np.sort(away)[8]))]
        low, high = near[:, 2].min(), near[:, 2].max()
        return float(np.abs(near[:, 0]).max()), float((low + high) / 2), float((high - low) / 2)

    def _close(self, fingers: Fingers) -> None:
        if not self.stance.has(f"{self.side}_index1"):
            return
        spread = {"index": 1.0, "middle": 0.2, "ring": -0.4, "pinky": -1.0}
        for finger in _FINGERS:
            for number, degrees in enumerate(getattr(fingers, finger), 1):
                local = turned(0.0, 0.0, -degrees)
                if number == 1:
                    local = turned(0.0, -fingers.spread * spread[finger]) @ local
                self.stance.turn(f"{self.side}_{finger}{number}", self._seen(local))
        bone = self.mirror @ self.stance.bone(f"{self.side}_thumb2", f"{self.side}_thumb3")
        axis = np.cross(bone, [0.4, -0.4, -1.0])
        for number, degrees in enumerate(fingers.thumb, 1):
            self.stance.turn(f"{self.side}_thumb{number}", self._seen(about(axis, np.radians(degrees))))


def _swing(turn: Array) -> Array:
    """(3, 3) the smallest turn that takes the arm's direction in the T pose to where this one takes it."""
    return between(_X, turn @ _X)
