"""Corners of squares as crossings of lines fitted to their edges, measured on the board's own plane.

Profiles across an edge are taken along its length, where the board's map puts them; the edge lies where the light, not
its encoded value, is halfway between black and white, for blur mixes light. On the plane edges are straight whatever
the lens does, so lines are fitted there, and what is near an edge (a marker, a cell of its code) is as far from it
everywhere.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from scan3d.calibration.board_picture import BoardPicture

# Profiles reach this far at most: blur wider than half of it leaves little to measure. Samples half a pixel apart.
MOST_REACH_PX = 8.0
_ACROSS = 33
LEAST_REACH_PX = 1.3  # profiles that reach less far do not show both sides of an edge
_LEAST_CONTRAST = 0.02  # of white

Warp = Callable[[np.ndarray, np.ndarray], np.ndarray]  # places (L, ..., 2) of L lines, their rows (L,) -> pixels


@dataclass(frozen=True, kw_only=True, eq=False)
class Edges:
    """L lines on the plane, each through anchor (L, 2) metres along axis (L,): 0 along x, 1 along y.

    along_m: (L, G, A) where profiles are taken, metres from the anchor; in each of the G groups the dark lies on one
    side. reach_m: (L, 2) how far to both sides across it, upwards in x or y last.
    """

    anchor: np.ndarray
    axis: np.ndarray
    along_m: np.ndarray
    reach_m: np.ndarray


def fit_edges(picture: BoardPicture, edges: Edges, warp: Warp) -> tuple[np.ndarray, np.ndarray]:
    """Slope and offset (L,) of each line: across = offset + slope * along, metres; nan where the edge is not clear."""
    lines = np.arange(len(edges.anchor))
    ahead = np.stack([edges.axis == 0, edges.axis == 1], axis=1).astype(float)
    sideways = ahead[:, ::-1]
    share = np.linspace(0.0, 1.0, _ACROSS)
    across = -edges.reach_m[:, :1] + share * edges.reach_m.sum(axis=1, keepdims=True)  # (L, S)
    places = (
        edges.anchor[:, None, None, None]
        + edges.along_m[..., None, None] * ahead[:, None, None, None]
        + across[:, None, None, :, None] * sideways[:, None, None, None]
    )
    light = picture.light(warp(places, lines))
    at = _half_way(light, across)
    return _lines(edges.along_m.reshape(len(lines), -1), at.reshape(len(lines), -1))


def crossing(
    along_x: tuple[np.ndarray, np.ndarray], along_y: tuple[np.ndarray, np.ndarray]
) -> np.ndarray:  # fmt: skip
    """(N, 2) where lines y = offset + slope * x and x = offset + slope * y cross."""
    (slope, y0), (lean, x0) = along_x, along_y
    x = (x0 + lean * y0) / (1 - lean * slope)
    return np.stack([x, y0 + slope * x], axis=-1)


def _half_way(light: np.ndarray, across: np.ndarray) -> np.ndarray:
    """(L, G, A) where profiles (L, G, A, S) pass the middle between the black and the white of their group."""
    typical = light.mean(axis=2)
    dark, bright = typical.min(axis=-1), typical.max(axis=-1)
    rising = np.sign(typical[..., -1] - typical[..., 0])
    above = (light - (0.5 * (dark + bright))[..., None, None]) * rising[..., None, None]
    passes = (above[..., :-1] < 0) & (above[..., 1:] >= 0)
    first = passes.argmax(axis=-1)[..., None]
    low = np.take_along_axis(above, first, -1)[..., 0]
    high = np.take_along_axis(above, first + 1, -1)[..., 0]
    spread = np.broadcast_to(across[:, None, None], light.shape)
    a, b = np.take_along_axis(spread, first, -1)[..., 0], np.take_along_axis(spread, first + 1, -1)[..., 0]
    with np.errstate(invalid="ignore", divide="ignore"):
        at = a - low / (high - low) * (b - a)
    clear = (passes.sum(axis=-1) == 1) & (bright - dark > _LEAST_CONTRAST)[..., None]
    return np.where(clear, at, np.nan)


def _lines(along: np.ndarray, at: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Slopes and offsets (L,) of at over along (L, K), without points that are off by more than the rest."""
    good = np.isfinite(at)
    at = np.where(good, at, 0.0)
    enough = good.sum(axis=1) >= max(4, at.shape[1] // 3)
    weight = good.astype(float)
    for _ in range(3):
        n, sx, sy = weight.sum(1), (weight * along).sum(1), (weight * at).sum(1)
        sxx, sxy = (weight * along * along).sum(1), (weight * along * at).sum(1)
        with np.errstate(invalid="ignore", divide="ignore"):  # lines without points are left out below
            slope = (n * sxy - sx * sy) / (n * sxx - sx * sx)
            offset = (sy - slope * sx) / n
        off = np.abs(at - offset[:, None] - slope[:, None] * along)
        # The median of what is good: the rest is sorted to the end.
        ordered = np.sort(np.where(good, off, np.inf), axis=1)
        spread = np.take_along_axis(ordered, (good.sum(axis=1, keepdims=True) // 2).clip(max=at.shape[1] - 1), 1)[:, 0]
        weight = (good & (off <= 4 * spread[:, None])).astype(float)
    enough &= np.abs(slope) < 0.2
    return np.where(enough, slope, np.nan), np.where(enough, offset, np.nan)
