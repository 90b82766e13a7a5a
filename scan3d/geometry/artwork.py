"""Flat black and white drawings in metres: what a board looks like, for printers, renderers and tests alike."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from scan3d.geometry.transforms import Array


@dataclass(frozen=True, kw_only=True)
class Shape:
    """A rectangle from (x0, y0) to (x1, y1), metres, x to the right and y down; round: the ellipse within it.

    black: its colour. It covers what was drawn before it.
    """

    x0: float
    y0: float
    x1: float
    y1: float
    black: bool
    round: bool = False


@dataclass(frozen=True, kw_only=True)
class Artwork:
    """A sheet of width_m x height_m, (0, 0) its upper left corner, and shapes drawn on it one after the other."""

    width_m: float
    height_m: float
    shapes: tuple[Shape, ...]
    black_ground: bool = False

    def is_black(self, points_m: np.ndarray) -> np.ndarray:
        """(...,) bool: the colour at points (..., 2). Outside the sheet is as the ground."""
        points = np.asarray(points_m, dtype=np.float64)
        x, y = points[..., 0], points[..., 1]
        black = np.full(x.shape, self.black_ground)
        for shape in self.shapes:
            if shape.round:
                across = (2 * x - shape.x0 - shape.x1) / (shape.x1 - shape.x0)
                along = (2 * y - shape.y0 - shape.y1) / (shape.y1 - shape.y0)
                inside = across**2 + along**2 < 1
            else:
                inside = (x >= shape.x0) & (x < shape.x1) & (y >= shape.y0) & (y < shape.y1)
            black[inside] = shape.black
        return black

    def raster(self, texel_m: float, *, oversample: int = 4) -> Array:
        """(H, W) float64, 1 white and 0 black, texels of about texel_m that fill the sheet exactly.

        Edges that fall inside a texel leave it grey, by the share of oversample^2 points that are black.
        """
        width, height = max(1, round(self.width_m / texel_m)), max(1, round(self.height_m / texel_m))
        x = (np.arange(width * oversample) + 0.5) * self.width_m / (width * oversample)
        y = (np.arange(height * oversample) + 0.5) * self.height_m / (height * oversample)
        fine = np.full((len(y), len(x)), not self.black_ground)
        for shape in self.shapes:
            rows = slice(*np.searchsorted(y, (shape.y0, shape.y1)))
            columns = slice(*np.searchsorted(x, (shape.x0, shape.x1)))
            if shape.round:
                points = np.stack(np.meshgrid(x[columns], y[rows]), axis=-1)
                alone = Artwork(width_m=self.width_m, height_m=self.height_m, shapes=(_in_black(shape),))
                fine[rows, columns][alone.is_black(points)] = not shape.black
            else:
                fine[rows, columns] = not shape.black
        return fine.reshape(height, oversample, width, oversample).mean(axis=(1, 3))

    def framed(self, margin_m: float) -> Artwork:
        """The drawing with a margin of its ground all round."""
        m = margin_m
        moved = tuple(
            Shape(x0=s.x0 + m, y0=s.y0 + m, x1=s.x1 + m, y1=s.y1 + m, black=s.black, round=s.round)
            for s in self.shapes
        )  # fmt: skip
        return Artwork(
            width_m=self.width_m + 2 * m, height_m=self.height_m + 2 * m, shapes=moved, black_ground=self.black_ground
        )

    def inverted(self) -> Artwork:
        """White where it was black."""
        shapes = tuple(
            Shape(x0=s.x0, y0=s.y0, x1=s.x1, y1=s.y1, black=not s.black, round=s.round) for s in self.shapes
        )  # fmt: skip
        return Artwork(
            width_m=self.width_m, height_m=self.height_m, shapes=shapes, black_ground=not self.black_ground
        )  # fmt: skip


def cells(pattern: Sequence[Sequence[bool]] | np.ndarray, x0: float, y0: float, side_m: float) -> tuple[Shape, ...]:
    """A square of side_m, black, with the white cells of a pattern (n, n) (True: white) as runs along its rows."""
    white = np.asarray(pattern, dtype=bool)
    count = len(white)
    edges = [side_m * k / count for k in range(count + 1)]
    shapes = [Shape(x0=x0, y0=y0, x1=x0 + side_m, y1=y0 + side_m, black=True)]
    for row in range(count):
        starts = np.flatnonzero(np.diff(np.concatenate([[0], white[row].astype(int), [0]])))
        for first, last in zip(starts[::2], starts[1::2], strict=True):
            shapes.append(
                Shape(
                    x0=x0 + edges[first], y0=y0 + edges[row], x1=x0 + edges[last], y1=y0 + edges[row + 1], black=False
                )
            )
    return tuple(shapes)


def disc(x: float, y: float, diameter_m: float) -> Shape:
    """A black disc around (x, y)."""
    r = 0.5 * diameter_m
    if not (math.isfinite(r) and r > 0):
        raise ValueError(f"a disc has a diameter above zero, not {diameter_m}")
    return Shape(x0=x - r, y0=y - r, x1=x + r, y1=y + r, black=True, round=True)


def _in_black(shape: Shape) -> Shape:
    return Shape(x0=shape.x0, y0=shape.y0, x1=shape.x1, y1=shape.y1, black=True, round=shape.round)
