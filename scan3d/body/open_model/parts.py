"""Which part of the body each vertex belongs to, as soft masks."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from scan3d.body.open_model.cage import Cage
from scan3d.body.skeleton import JOINTS, joint

_GROUPS = {
    "skin": ("body",), "tongue": ("tongue",), "eyeball": ("l-eye", "r-eye"), "teeth": ("upper-teeth", "lower-teeth"),
    "eyelashes": ("l-eyelashes", "r-eyelashes"),
}  # fmt: skip
_FINGER = ("index", "middle", "ring", "pinky", "thumb")


def parts(cage: Cage, points: np.ndarray, joints: np.ndarray, weights: np.ndarray) -> dict[str, np.ndarray]:
    """Name -> (V,) float32 0..1. points: (V, 3) as sculpted, model frame, with their joints (55, 3).

    "skin", "eyeball", "teeth", "tongue", "eyelashes" tell the surfaces apart; "mouth_inside", "lips", "ear", "eyelid",
    "fingernail", "toenail", "areola" are painted; "head", "face", "scalp", "neck", "torso", "arm", "hand", "leg" and
    "foot" are parts of the skin.
    """
    skin = cage.part("body").astype(np.float64)
    result = {name: cage.part(*groups).astype(np.float64) for name, groups in _GROUPS.items()}
    result |= {name: mask[cage.rows] * skin for name, mask in cage.human.masks.items()}

    def share(wanted: Callable[[str], bool]) -> np.ndarray:
        return np.asarray(weights[:, [wanted(name) for name in JOINTS]].sum(axis=1) * skin)

    result["head"] = share(lambda n: n in ("head", "jaw"))
    result["neck"] = share(lambda n: n == "neck")
    result["torso"] = share(lambda n: n.startswith(("pelvis", "spine")) or n.endswith("collar"))
    result["arm"] = share(lambda n: n.endswith(("shoulder", "elbow")))
    result["hand"] = share(lambda n: n.endswith("wrist") or any(finger in n for finger in _FINGER))
    result["leg"] = share(lambda n: n.endswith(("hip", "knee")))
    result["foot"] = share(lambda n: n.endswith(("ankle", "foot")))
    inside = _hairline_m(points, joints, result["ear"])
    result["scalp"] = np.clip(inside / 0.006 + 0.5, 0, 1) * (result["head"] + result["neck"] > 0.5)
    front = np.clip((points[:, 2] - joints[joint("left_eye"), 2] + 0.075) / 0.02, 0, 1)
    result["face"] = result["head"] * front * (1 - result["scalp"]) * (1 - result["mouth_inside"])
    return {name: np.clip(values, 0, 1).astype(np.float32) for name, values in result.items()}


def _hairline_m(points: np.ndarray, joints: np.ndarray, ear: np.ndarray) -> np.ndarray:
    """(V,) roughly how far inside the hairline a vertex lies, metres; negative outside.

    The line is told by its angle above the horizontal through the head's middle, by the direction seen from above:
    high over the brow, down before the ear, around it and across the nape.
    """
    eyes = 0.5 * (joints[joint("left_eye")] + joints[joint("right_eye")])
    offset = points - (eyes + np.array([0.0, 0.012, -0.09]))
    away = np.degrees(np.arctan2(np.abs(offset[:, 0]), offset[:, 2]))
    above = np.degrees(np.arctan2(offset[:, 1], np.hypot(offset[:, 0], offset[:, 2])))
    line = np.interp(away, [0, 20, 38, 52, 66, 80, 100, 118, 135, 180], [37, 37, 33, 22, 12, -6, 8, -22, -38, -42])
    return np.asarray(np.minimum(np.radians(above - line) * 0.1, 0.012 - 0.03 * ear))
