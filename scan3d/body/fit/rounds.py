"""The order in which the fit lets go: place and turn, trunk and limbs, all joints, shape; and how sharply it looks."""

from __future__ import annotations

import numpy as np

from scan3d.body.fit.anatomy import PARTS, part_of_joints, stem
from scan3d.body.fit.solver import Round


def joints_of(
    names: tuple[str, ...], parts: tuple[str, ...], *, fingers: bool = False, toes: bool = False
) -> np.ndarray:
    """(J,) which joints of these parts may turn: jaw and eyes never, fingers and toes where asked for."""
    part = part_of_joints(names)
    wanted = np.isin(part, [PARTS.index(p) for p in parts])
    for number, name in enumerate(names):
        if stem(name) in ("jaw", "eye") or (stem(name) == "foot" and not toes):
            wanted[number] = False
        elif part[number] == PARTS.index("hands") and stem(name) != "wrist":
            wanted[number] &= fingers
    return wanted


def coarse_rounds(names: tuple[str, ...]) -> tuple[Round, ...]:
    root = np.arange(len(names)) == 0
    trunk = root | joints_of(names, ("torso", "head"))
    limbs = trunk | joints_of(names, ("arms", "legs"))
    every = joints_of(names, PARTS)
    return (
        Round(steps=3, reach_m=(0.12, 0.12), points=500, joints=root, shapes=2, sliding=0.5, noise_m=0.03),
        Round(steps=8, reach_m=(0.12, 0.08), points=700, joints=limbs, shapes=4, sliding=0.5, noise_m=0.03),
        Round(steps=8, reach_m=(0.08, 0.05), points=700, joints=every, shapes=8, sliding=0.3, noise_m=0.02),
    )


def better_rounds(names: tuple[str, ...]) -> tuple[Round, ...]:
    every = joints_of(names, PARTS)
    return (
        Round(steps=8, reach_m=(0.06, 0.03), points=1500, joints=every, shapes=12, sliding=0.2, noise_m=0.012),
        Round(steps=8, reach_m=(0.03, 0.02), points=1500, joints=every, shapes=24, sliding=0.05, noise_m=0.01),
    )


def fine_rounds(names: tuple[str, ...], shapes: int, expressions: int, *, fingers: bool) -> tuple[Round, ...]:
    """A tight scan says all about the shape: the pull to the likeliest fades, so that single features are met too.

    In the last round the face counts as much as 0.5 m^2 of skin; it has 0.05.
    """
    every = joints_of(names, PARTS, toes=True)
    last = joints_of(names, PARTS, toes=True, fingers=fingers)
    return (
        Round(steps=6, reach_m=(0.03, 0.02), points=4000, joints=every, shapes=40, noise_m=0.008),
        Round(steps=8, reach_m=(0.02, 0.012), points=6000, joints=last, shapes=shapes, noise_m=0.006, ridge=0.2),
        Round(steps=8, reach_m=(0.012, 0.010), points=6000, joints=last, shapes=shapes, expressions=expressions,
              noise_m=0.005, ridge=0.15, face=200),
    )  # fmt: skip


def loose_rounds(names: tuple[str, ...], expressions: int, *, fingers: bool) -> tuple[Round, ...]:
    """Under cloth the scan says less about the shape: fewer shape numbers, nearer to the likeliest."""
    every = joints_of(names, PARTS)
    last = joints_of(names, PARTS, toes=True, fingers=fingers)
    return (
        Round(steps=10, reach_m=(0.03, 0.02), points=4000, joints=every, shapes=12, noise_m=0.008),
        Round(steps=10, reach_m=(0.02, 0.012), points=6000, joints=last, shapes=30, noise_m=0.006),
        Round(steps=12, reach_m=(0.012, 0.010), points=10000, joints=last, shapes=60, expressions=expressions,
              noise_m=0.005, back=1.0),
    )  # fmt: skip
