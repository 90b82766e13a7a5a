"""What the virtual subjects wear: fitted tops and leggings cut along planes of the body, and a loose option."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from scan3d.geometry import Mesh
from scan3d.simulate.body_surface import BodySurface, body_surface
from scan3d.simulate.layers import Layer, cut_layer, lay

Piece = tuple[str, Mesh]
FOLD_M = 0.004
_HANG_M = 0.028  # of loose cloth at its hem: a shirt two sizes too wide


@dataclass(frozen=True, kw_only=True)
class Outfit:
    """sleeve: share of the arm from shoulder (0) to wrist (1) that is covered; None: no sleeves (a tank top).
    leg: share of the leg from hip to ankle that is covered. cropped: the top ends above the waist."""

    sleeve: float | None = 0.28
    leg: float = 0.93
    cropped: bool = False


OUTFITS: tuple[Outfit, ...] = (
    Outfit(sleeve=None, leg=0.93),
    Outfit(sleeve=0.28, leg=0.93),
    Outfit(sleeve=0.28, leg=0.30),
    Outfit(sleeve=None, leg=0.30),
    Outfit(sleeve=0.88, leg=0.93),
    Outfit(sleeve=None, leg=0.60),
)


def _along(points: np.ndarray, start: np.ndarray, end: np.ndarray) -> tuple[np.ndarray, float]:
    """(V,) distance along a line from its start, metres, and the line's length."""
    line = end - start
    length = float(np.linalg.norm(line))
    return (points - start) @ (line / length), length


def top_inside_m(body: BodySurface, outfit: Outfit) -> np.ndarray:
    """(V,) how far inside the top a place of the reference body lies, metres."""
    points, joints = body.reference, body.joints
    neck = joints["neck01"]
    # A crew neck: a plane that leans forward over the collar bones.
    lean = np.array([0.0, 0.62, 0.78])
    collar = -((points - neck - np.array([0, 0.01, 0.0])) @ lean)
    if outfit.sleeve is None:
        # A deeper scoop in front, and straps.
        scoop = np.hypot(points[:, 0] / 1.0, (points[:, 2] - neck[2]) / 0.95) - 0.105
        collar = np.minimum(collar, scoop)
    waist = joints["spine05"][2] + 0.02 if not outfit.cropped else joints["spine03"][2]
    inside = np.minimum(collar, points[:, 2] - (waist - 0.055))
    inside = np.where(body.limb["head"] > 0.3, -1.0, inside)
    for side, letter in (("left", "L"), ("right", "R")):
        arm = body.limb[f"arm_{side}"] + body.limb[f"hand_{side}"]
        shoulder, wrist = joints[f"upperarm01.{letter}"], joints[f"wrist.{letter}"]
        sign = 1.0 if letter == "L" else -1.0
        if outfit.sleeve is None:
            # The arm hole: a plane through the armpit, leaning in over the shoulder.
            tilt = np.array([sign * 0.94, 0.0, 0.34])
            hole = -((points - shoulder - np.array([sign * 0.005, 0, -0.02])) @ tilt)
            inside = np.where(
                (sign * points[:, 0] > 0.06) & (points[:, 2] > shoulder[2] - 0.30), np.minimum(inside, hole), inside
            )
            inside = np.where(arm > 0.75, np.minimum(inside, -0.02), inside)
        else:
            distance, length = _along(points, shoulder, wrist)
            inside = np.where(arm > 0.5, outfit.sleeve * length - distance, inside)
    return np.asarray(inside)


def bottom_inside_m(body: BodySurface, outfit: Outfit) -> np.ndarray:
    """(V,) how far inside the leggings or shorts a place of the reference body lies, metres."""
    points, joints = body.reference, body.joints
    inside = joints["spine05"][2] + 0.035 - points[:, 2]
    for letter in "LR":
        hip, ankle = joints[f"upperleg01.{letter}"], joints[f"foot.{letter}"]
        sign = 1.0 if letter == "L" else -1.0
        distance, length = _along(points, hip, ankle)
        here = (sign * points[:, 0] >= 0) & (distance > 0.1)
        inside = np.where(here, np.minimum(inside, outfit.leg * length - distance), inside)
    arms = body.arms
    return np.asarray(np.where(arms > 0.3, -1.0, inside))


@cache
def _pieces(outfit: Outfit) -> tuple[tuple[str, Layer, np.ndarray], ...]:
    body = body_surface()
    pieces = (("bottom", bottom_inside_m(body, outfit)), ("top", top_inside_m(body, outfit)))
    return tuple((name, cut_layer(body.surface, inside, fold_m=FOLD_M), inside) for name, inside in pieces)


def dress(skin: Mesh, outfit: Outfit, *, loose: bool = False, seed: int = 0) -> tuple[tuple[Piece, ...], np.ndarray]:
    """((name, mesh) of each piece over a posed skin, (V,) float32 how far the skin is hidden, 0..1).

    loose: cloth that stands off the body and falls in folds; seed: of where they lie.
    """
    result = []
    hidden = np.zeros(len(skin.vertices))
    for name, layer, inside in _pieces(outfit):
        height = 0.0045 if name == "top" else 0.0025
        least, wanted, smooth = 0.8 * height, np.full(len(skin.vertices), height), 25
        if loose:
            wanted = wanted + hang_m(body_surface(), name, seed)
            smooth = 8  # more would iron the folds
        laid = lay(layer, skin, height_m=layer.surface.matrix @ wanted, least_m=least, fold_m=FOLD_M, smooth=smooth)
        result.append((name, laid))
        hidden = np.maximum(hidden, np.clip(inside / 0.008, 0, 1))
    return tuple(result), hidden.astype(np.float32)


def hang_m(body: BodySurface, piece: str, seed: int) -> np.ndarray:
    """(V,) how far loose cloth stands off the reference body beyond a fitted one, metres, folds included.

    It rests on shoulders and hips and stands off more the further down, at sleeves and trouser legs all around, less
    between the legs, where there is no room. Folds run down the body: waves around it that drift with the height.
    """
    points, joints = body.reference, body.joints
    rng = np.random.default_rng([seed, 9])
    off = np.zeros(len(points))
    axis_x = np.zeros(len(points))
    if piece == "top":
        chest = joints["upperarm01.L"][2] - 0.10
        off = _HANG_M * np.clip((chest - points[:, 2]) / 0.32, 0, 1) ** 0.8
    for side, letter in (("left", "L"), ("right", "R")):
        sign = 1.0 if letter == "L" else -1.0
        start, end = ("upperarm01", "wrist") if piece == "top" else ("upperleg01", "foot")
        distance, length = _along(points, joints[f"{start}.{letter}"], joints[f"{end}.{letter}"])
        if piece == "top":
            here = body.limb[f"arm_{side}"] > 0.5
            off = np.where(here, 0.6 * _HANG_M * np.clip(distance / (0.3 * length) + 0.2, 0, 1), off)
        else:
            here = (sign * points[:, 0] >= 0) & (distance > 0)
            outward = sign * (points[:, 0] - joints[f"{start}.{letter}"][0])
            room = np.clip((outward + 0.09) / 0.12, 0.12, 1)
            off = np.where(here, _HANG_M * room * np.clip(distance / (0.5 * length), 0, 1), off)
            axis_x = np.where(here, joints[f"{end}.{letter}"][0], axis_x)
    around = np.arctan2(points[:, 0] - axis_x, -points[:, 1])
    waves = np.zeros(len(points))
    for count in (3, 5, 8):
        phase, drift = rng.uniform(0, 2 * np.pi), rng.normal(0, 4.0)
        waves += np.cos(count * around + drift * points[:, 2] + phase) / count**0.5
    return np.asarray(off * np.clip(1 + 0.55 * waves, 0.1, None))
