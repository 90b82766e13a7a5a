"""A tape measure: sections of a mesh by a plane, the taut loop around them, and how it answers to the vertices."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int32]


@dataclass(frozen=True, kw_only=True, eq=False)
class Section:
    """Where a mesh's edges cross a plane.

    edges: (N, 2) vertices. share: (N,) of the second in each crossing. points: (N, 3) metres. flat: (N, 2) the same in
    the plane. normal: (3,) of the plane.
    """

    edges: Ints
    share: Array
    points: Array
    flat: Array
    normal: Array


@dataclass(frozen=True, kw_only=True, eq=False)
class Loop:
    """A taut loop: the convex hull of a section. length_m. gradient: (V, 3) of the length by the vertices."""

    length_m: float
    gradient: Array


def edges_of(faces: Ints) -> Ints:
    """(E, 2) every edge of (F, 3) faces once."""
    return np.unique(np.sort(faces[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), axis=1), axis=0)


def section(points: Array, edges: Ints, origin: npt.ArrayLike, normal: npt.ArrayLike) -> Section:
    """The crossings of edges (E, 2) with the plane through `origin` square to `normal`."""
    n = np.asarray(normal, np.float64) / np.linalg.norm(normal)
    above = (points - np.asarray(origin, np.float64)) @ n
    below = above < 0
    edges = edges[below[edges[:, 0]] != below[edges[:, 1]]]
    a, b = above[edges[:, 0]], above[edges[:, 1]]
    share = a / (a - b) if len(edges) else np.zeros(0)
    cut = points[edges[:, 0]] * (1 - share[:, None]) + points[edges[:, 1]] * share[:, None]
    first = np.cross(n, np.eye(3)[np.argmin(np.abs(n))])
    first /= np.linalg.norm(first)
    return Section(edges=edges, share=share, points=cut, flat=cut @ np.stack([first, np.cross(n, first)]).T, normal=n)


def loop(points: Array, edges: Ints, origin: npt.ArrayLike, normal: npt.ArrayLike) -> Loop | None:
    """The taut loop around a plane's section, or None where the plane misses the mesh or only touches it."""
    cut = section(points, edges, origin, normal)
    corners = hull(cut.flat)
    if len(corners) < 3:
        return None
    # Where the plane goes through a vertex, the crossings of its edges are one point.
    gap = np.linalg.norm(cut.points[np.roll(corners, -1)] - cut.points[corners], axis=1)
    corners = corners[gap > 1e-9]
    ring = cut.points[corners]
    step = np.roll(ring, -1, axis=0) - ring
    length = np.linalg.norm(step, axis=1)
    unit = step / length[:, None]
    pull = np.roll(unit, 1, axis=0) - unit
    # A crossing slides along its edge when an end leaves the plane.
    ends = cut.edges[corners]
    along = points[ends[:, 1]] - points[ends[:, 0]]
    across = pull - cut.normal * ((pull * along).sum(axis=1) / (along @ cut.normal))[:, None]
    gradient = np.zeros_like(points)
    share = cut.share[corners][:, None]
    np.add.at(gradient, ends[:, 0], across * (1 - share))
    np.add.at(gradient, ends[:, 1], across * share)
    return Loop(length_m=float(length.sum()), gradient=gradient)


def girth_m(points: Array, edges: Ints, origin: npt.ArrayLike, normal: npt.ArrayLike) -> float:
    """Length of the taut loop, metres; 0 where there is none."""
    flat = section(points, edges, origin, normal).flat
    corners = hull(flat)
    if len(corners) < 3:
        return 0.0
    ring = flat[corners]
    return float(np.linalg.norm(ring - np.roll(ring, 1, axis=0), axis=1).sum())


def hull(flat: Array) -> npt.NDArray[np.int64]:
    """Corners of the convex hull of (N, 2) points, counter-clockwise; none where they are fewer than 3 or in line."""
    from scipy.spatial import ConvexHull, QhullError

    if len(flat) < 3:
        return np.zeros(0, np.int64)
    try:
        return np.asarray(ConvexHull(flat).vertices, np.int64)
    except QhullError:
        return np.zeros(0, np.int64)


def taut_m(profile: Array) -> float:
    """Length of a tape pulled over a profile (N, 2) of (along, height), from its first to its last point, metres.

    The upper hull of the points between (Andrew 1979).
    """
    order = np.argsort(profile[:, 0], kind="stable")
    kept: list[Array] = []
    for point in profile[order]:
        while len(kept) > 1:
            (x0, y0), (x1, y1) = kept[-2], kept[-1]
            if (x1 - x0) * (point[1] - y0) - (y1 - y0) * (point[0] - x0) < 0:
                break
            kept.pop()
        kept.append(point)
    return float(np.linalg.norm(np.diff(np.array(kept), axis=0), axis=1).sum())
