"""What the fit knows of people: which joints make which part, how far they turn, and how limbs may hang."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from scan3d.body.fit.posing import Body
from scan3d.body.rotations import between

PARTS = ("head", "torso", "arms", "hands", "legs", "feet")
FINGERS = ("index", "middle", "pinky", "ring", "thumb")
_PART_OF = {
    **dict.fromkeys(("neck", "head", "jaw", "eye"), "head"),
    **dict.fromkeys(("pelvis", "spine1", "spine2", "spine3", "collar"), "torso"),
    **dict.fromkeys(("shoulder", "elbow"), "arms"),
    **dict.fromkeys(("wrist", *(f"{finger}{n}" for finger in FINGERS for n in (1, 2, 3))), "hands"),
    **dict.fromkeys(("hip", "knee"), "legs"),
    **dict.fromkeys(("ankle", "foot"), "feet"),
}
LIMBS = ("trunk", "left_arm", "right_arm", "left_leg", "right_leg")


def stem(name: str) -> str:
    """A joint's name without its side."""
    return name.removeprefix("left_").removeprefix("right_")


def part_of_joints(names: tuple[str, ...]) -> np.ndarray:
    """(J,) index into PARTS."""
    return np.array([PARTS.index(_PART_OF[stem(name)]) for name in names])


def limb_of_joints(names: tuple[str, ...]) -> np.ndarray:
    """(J,) index into LIMBS."""
    limb = {"head": "trunk", "torso": "trunk", "arms": "arm", "hands": "arm", "legs": "leg", "feet": "leg"}
    kinds = [limb[_PART_OF[stem(name)]] for name in names]
    return np.array(
        [LIMBS.index(k if k == "trunk" else f"{n.split('_')[0]}_{k}") for k, n in zip(kinds, names, strict=True)]
    )


# How joints turn from the level pose: standard deviations of axis-angles about X (left), Y (up), Z (front), degrees.
# Wide where people move freely, narrow where they do not; of a hinge, its own axis is wide.
_SPREAD_DEG: Mapping[str, tuple[float, float, float]] = {
    "pelvis": (1e3, 1e3, 1e3),
    "spine1": (8, 6, 7), "spine2": (8, 6, 7), "spine3": (8, 6, 7),
    "neck": (14, 14, 10), "head": (14, 14, 10),
    "collar": (6, 8, 9), "shoulder": (40, 50, 60), "elbow": (35, 60, 12), "wrist": (20, 14, 18),
    "hip": (40, 18, 22), "knee": (50, 6, 6), "ankle": (14, 12, 9), "foot": (7, 2.5, 2.5),
    "jaw": (4, 0.8, 0.8), "eye": (0.5, 0.5, 0.5),
}  # fmt: skip
_FINGER_DEG = (15, 15, 35)
# A knee bends forward of the thigh's line only, an elbow inwards only: degrees beyond straight that are let pass.
_HYPEREXTENDED_DEG = 6.0
_LIMIT_WEIGHT = 1 / np.radians(2.0) ** 2


@dataclass(frozen=True, kw_only=True, eq=False)
class PosePrior:
    """mean, precision: (J, 3) of axis-angles, radians. low, high: (J, 3) limits; infinite where there are none."""

    mean: np.ndarray
    precision: np.ndarray
    low: np.ndarray
    high: np.ndarray

    def pull(self, angles: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Gradient and curvature (J, 3) of the prior's half squares at axis-angles (J, 3)."""
        beyond = np.minimum(angles - self.low, 0) + np.maximum(angles - self.high, 0)
        gradient = self.precision * (angles - self.mean) + _LIMIT_WEIGHT * beyond
        return gradient, self.precision + _LIMIT_WEIGHT * (beyond != 0)

    def cost(self, angles: np.ndarray) -> float:
        """Half squares at axis-angles (J, 3)."""
        beyond = np.minimum(angles - self.low, 0) + np.maximum(angles - self.high, 0)
        return 0.5 * float((self.precision * (angles - self.mean) ** 2 + _LIMIT_WEIGHT * beyond**2).sum())


def pose_prior(names: tuple[str, ...], hands: np.ndarray) -> PosePrior:
    """The prior of a model's joints. hands: (2, 45) relaxed hands, axis-angles."""
    spread = np.array([_SPREAD_DEG.get(stem(name), _FINGER_DEG) for name in names], np.float64)
    mean = relaxed_hands(names, hands)
    low, high = np.full((len(names), 3), -np.inf), np.full((len(names), 3), np.inf)
    past = np.radians(_HYPEREXTENDED_DEG)
    for number, name in enumerate(names):
        if stem(name) == "knee":
            low[number, 0], high[number, 0] = -past, np.radians(150)
        elif name == "left_elbow":
            low[number, 1], high[number, 1] = np.radians(-150), past
        elif name == "right_elbow":
            low[number, 1], high[number, 1] = -past, np.radians(150)
    # Arms hang; knees and elbows are a little bent.
    for name, axis, degrees in (
        ("left_shoulder", 2, -50), ("right_shoulder", 2, 50), ("left_elbow", 1, -12), ("right_elbow", 1, 12),
        ("left_knee", 0, 5), ("right_knee", 0, 5),
    ):  # fmt: skip
        mean[names.index(name), axis] = np.radians(degrees)
    return PosePrior(mean=mean, precision=1 / np.radians(spread) ** 2, low=low, high=high)


def relaxed_hands(names: tuple[str, ...], hands: np.ndarray) -> np.ndarray:
    """(J, 3) axis-angles of relaxed hands, 0 for all other joints. hands: (2, 45) left and right."""
    angles = np.zeros((len(names), 3))
    for side, row in (("left", 0), ("right", 1)):
        for number in range(15):
            name = f"{side}_{FINGERS[number // 3]}{number % 3 + 1}"
            if name in names and len(names) > 24:
                angles[names.index(name)] = hands[row, 3 * number : 3 * number + 3]
    return angles


@dataclass(frozen=True, kw_only=True)
class Limb:
    """How a limb hangs, in the model's axes (X left, Y up, Z front) of the left side: upper and lower bone."""

    name: str
    upper: tuple[float, float, float]
    lower: tuple[float, float, float]


def _arm(name: str, out_deg: float, forward_deg: float, bend_deg: float) -> Limb:
    out, forward, bend = np.radians([out_deg, forward_deg, bend_deg])
    upper = np.array([np.sin(out), -np.cos(out) * np.cos(forward), np.cos(out) * np.sin(forward)])
    ahead = np.array([0.0, 0.0, 1.0]) - upper * upper[2]
    ahead /= np.linalg.norm(ahead)
    lower = np.cos(bend) * upper + np.sin(bend) * ahead
    return Limb(name=name, upper=tuple(upper.tolist()), lower=tuple(lower.tolist()))


ARMS: tuple[Limb, ...] = (
    _arm("hanging", 8, 0, 10), _arm("relaxed", 17, 3, 14), _arm("a", 32, 0, 6), _arm("wide a", 48, 0, 6),
    _arm("a, bent", 30, 5, 40), _arm("wide a, bent", 46, 5, 40), _arm("relaxed, bent", 17, 5, 40),
    _arm("low t", 68, 0, 4), _arm("t", 88, 0, 2), _arm("raised", 125, 0, 10), _arm("up", 160, 0, 10),
    _arm("ahead", 14, 24, 22), _arm("behind", 14, -22, 12), _arm("bent", 14, 0, 60), _arm("forward", 12, 70, 12),
    Limb(name="hand on hip", upper=(0.55, -0.80, -0.12), lower=(-0.62, -0.62, 0.30)),
    Limb(name="hand on hip, elbow back", upper=(0.42, -0.75, -0.45), lower=(-0.30, -0.70, 0.60)),
    Limb(name="before the body", upper=(0.22, -0.95, 0.15), lower=(-0.50, -0.70, 0.50)),
    Limb(name="crossed", upper=(0.18, -0.93, 0.32), lower=(-0.90, 0.15, 0.42)),
    Limb(name="behind the back", upper=(0.28, -0.90, -0.30), lower=(-0.45, -0.85, -0.25)),
)  # fmt: skip


def _leg(name: str, out_deg: float, forward_deg: float, bend_deg: float) -> Limb:
    out, forward = np.radians([out_deg, forward_deg])
    back = forward - np.radians(bend_deg)
    upper = (float(np.sin(out)), float(-np.cos(out) * np.cos(forward)), float(np.cos(out) * np.sin(forward)))
    lower = (float(np.sin(out)), float(-np.cos(out) * np.cos(back)), float(np.cos(out) * np.sin(back)))
    return Limb(name=name, upper=upper, lower=lower)


LEGS: tuple[Limb, ...] = (
    _leg("straight", 2, 0, 0), _leg("apart", 8, 0, 0), _leg("wide", 15, 0, 0), _leg("ahead", 2, 15, 3),
    _leg("behind", 2, -12, 8), _leg("bent", 4, 16, 28), _leg("crossed", -5, 4, 4),
)  # fmt: skip


def limb_rotations(body: Body, joints: np.ndarray, side: str, limb: Limb, kind: str) -> dict[int, np.ndarray]:
    """Joint -> (3, 3) in its parent's frame, for an arm or leg that hangs like this from an upright trunk."""
    upper, lower, end = ("shoulder", "elbow", "wrist") if kind == "arm" else ("hip", "knee", "ankle")
    number = [body.joint(f"{side}_{name}") for name in (upper, lower, end)]
    sign = np.array([1.0 if side == "left" else -1.0, 1.0, 1.0])
    a, b, c = joints[number]
    first = between(b - a, np.asarray(limb.upper) * sign)
    second = between(first @ (c - b), np.asarray(limb.lower) * sign) @ first
    rotations = {number[0]: first, number[1]: first.T @ second}
    if kind == "leg":
        rotations[number[2]] = second.T  # the foot stays level
    return rotations
