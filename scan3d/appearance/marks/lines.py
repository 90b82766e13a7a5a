"""Scars and veins: marks longer than a fit's window, followed along the skin step by step.

From a place where a long mark was fitted, the line is followed both ways. At each step its cross-section is found anew
in the tangent plane there, in the colour that the mark has; it ends where half of its contrast is gone.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scan3d.appearance.marks.fit import ENDS, FADES, MarkShape, whitening
from scan3d.appearance.marks.skin_picture import Patch, SkinPicture

_STEP_MM = 1.0
_WINDOW_MM = 2.0  # of the line that a step looks at, to both sides
_MOST_MM = 80.0
_ENDS_AT = 0.5
_TURNS_DEG = np.arange(-24, 25, 8.0)
_OFFSETS = np.arange(-0.6, 0.61, 0.2)  # of the half width
_EDGES = np.arange(-1.6, 1.61, 0.4)
_LEAST_TEXELS = 15


@dataclass(frozen=True, kw_only=True, eq=False)
class Line:
    """points: (N, 3) metres along the middle. length_mm: with the ends. width_mm: of the outline. contrast (3,): the
    mean along it, by channel. explained: share of the variance across it that the line takes, the mean; edge: that an
    edge between two colours would take."""

    points: np.ndarray
    length_mm: float
    width_mm: float
    contrast: np.ndarray
    explained: float
    edge: float

    @property
    def middle(self) -> np.ndarray:
        """(3,) half way."""
        steps = np.linalg.norm(np.diff(self.points, axis=0), axis=1)
        way = np.concatenate([[0], np.cumsum(steps)])
        return np.array([np.interp(way[-1] / 2, way, self.points[:, k]) for k in range(3)])


@dataclass(frozen=True, kw_only=True, eq=False)
class _Section:
    share: float
    explained: float
    edge: float
    place: np.ndarray
    along: np.ndarray


def follow(skin: SkinPicture, patch: Patch, shape: MarkShape) -> Line | None:
    """The line that a shape, fitted in a patch, is a part of; None where it is none."""
    colour = patch.colour / np.maximum(np.median(patch.colour, axis=0), 1e-4)
    outside = np.hypot(*(patch.at - shape.centre).T) > 0.8 * shape.width_mm
    turn = whitening(colour, outside)
    matched = turn @ (turn.T @ shape.contrast)
    matched /= max(float(shape.contrast @ matched), 1e-12)
    start = patch.of(shape.centre)
    along = np.array([np.cos(shape.angle), np.sin(shape.angle)]) @ patch.axes
    halves = [_half(skin, start, sign * along, 0.5 * shape.width_mm, matched) for sign in (1, -1)]
    sections = [*reversed(halves[1]), *halves[0][1:]]
    if len(sections) < 4:
        return None
    points = np.array([s.place for s in sections])
    shares = np.array([s.share for s in sections])
    length = 1e3 * float(np.linalg.norm(np.diff(points, axis=0), axis=1).sum())
    # A capsule's outline reaches half a width beyond its line; the line's end has half of the contrast 0.85 beyond.
    return Line(
        points=points, length_mm=length + 0.15 * shape.width_mm, width_mm=shape.width_mm,
        contrast=shape.contrast * float(np.mean(shares)), explained=float(np.mean([s.explained for s in sections])),
        edge=float(np.mean([s.edge for s in sections])),
    )  # fmt: skip


def _half(
    skin: SkinPicture, start: np.ndarray, along: np.ndarray, half_width: float, matched: np.ndarray
) -> list[_Section]:
    found: list[_Section] = []
    place = start
    usual: list[float] = []
    while len(found) * _STEP_MM < _MOST_MM:
        section = _section(skin, place, along, half_width, matched)
        if section is None:
            break
        usual.append(section.share)
        level = max(float(np.median(usual)), 0.3)
        if section.share < _ENDS_AT * level and (len(found) < 2 or found[-1].share < _ENDS_AT * level):
            # It ends between the last place that had half, and this.
            while found and found[-1].share < _ENDS_AT * level:
                found.pop()
            break
        found.append(section)
        along = section.along
        place = section.place + 1e-3 * _STEP_MM * along
    return found


def _section(
    skin: SkinPicture, place: np.ndarray, along: np.ndarray, half_width: float, matched: np.ndarray
) -> _Section | None:
    """Where the line runs near a place, and how much of its contrast it has there."""
    row, column = skin.nearest(place)
    on = skin.position[row, column].astype(np.float64)
    if np.linalg.norm(on - place) > 1.5e-3:
        return None
    reach = float(np.hypot(_WINDOW_MM, 3.2 * half_width))
    patch = skin.patch(on, reach + 0.5, along=along)
    if len(patch.at) < _LEAST_TEXELS:
        return None
    colour = np.log(np.maximum(patch.colour, 1e-4))
    value = -(colour - np.median(colour, axis=0)) @ matched
    best: tuple[float, float, float, float, float] | None = None
    for turn in np.radians(_TURNS_DEG):
        c, s = np.cos(turn), np.sin(turn)
        x, y = patch.at @ np.array([c, s]), patch.at @ np.array([-s, c])
        inside = (np.abs(x) < _WINDOW_MM) & (np.abs(y) < 3.2 * half_width)
        if inside.sum() < _LEAST_TEXELS or min((y[inside] > half_width).sum(), (y[inside] < -half_width).sum()) < 3:
            continue
        shares, gains, edges = _profiles(value[inside], y[inside], half_width, patch.blur_mm)
        at = int(np.argmax(gains))
        if best is None or gains[at] > best[0]:
            best = (float(gains[at]), float(shares[at]), float(_OFFSETS[at]) * half_width, float(turn), float(edges))
    if best is None:
        return None
    gain, share, offset, turn, edge = best
    way = np.array([np.cos(turn), np.sin(turn)])
    middle = patch.of(offset * np.array([-way[1], way[0]]))
    # The way is turned by half of what is found: a step's window is short.
    half = np.array([np.cos(turn / 2), np.sin(turn / 2)])
    return _Section(share=share, edge=edge, explained=gain, place=middle, along=half @ patch.axes)


def _profiles(
    value: np.ndarray, y: np.ndarray, half_width: float, blur_mm: float
) -> tuple[np.ndarray, np.ndarray, float]:
    """Of ridges along y = each offset: contrast, and the share of the variance about a slope that it explains; and the
    largest share that an edge explains: where lip or cloth begins."""
    soft = blur_mm / half_width
    far = y[:, None] / half_width - _OFFSETS
    ridge = np.clip((ENDS + soft - np.abs(far)) / (ENDS - FADES + 2 * soft), 0, 1)
    edge = np.clip(0.5 + 0.5 * (y[:, None] / half_width - _EDGES) / (0.35 + soft), 0, 1)
    shapes = np.concatenate([ridge, edge], axis=1)
    slope = np.column_stack([np.ones(len(y)), y])
    both = np.column_stack([value, shapes * shapes * (3 - 2 * shapes)])
    both = both - slope @ np.linalg.lstsq(slope, both, rcond=None)[0]
    value, shapes = both[:, 0], both[:, 1:]
    power = np.maximum((shapes**2).sum(axis=0), 1e-9)
    shares = value @ shapes / power
    gains = np.sign(shares) * shares**2 * power / max(float(value @ value), 1e-12)
    count = len(_OFFSETS)
    return shares[:count], gains[:count], float(np.abs(gains[count:]).max())
