"""The scan as the fit sees it: points spread evenly over its surface, and what is no part of a person left out."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from scan3d.errors import InputError
from scan3d.geometry import Mesh

if TYPE_CHECKING:
    from scipy.spatial import cKDTree

# People a body model of adults can stand for, hair and shoes included (ANSUR II's extremes are 1.41 and 1.99 m).
SHORTEST_M, TALLEST_M = 1.35, 2.25
_POINTS = 30_000
_PIECE_SHARE = 0.0006  # of the largest piece's area: smaller ones are dirt
_TORN_M = 0.10  # how far apart pieces of one person may lie
_PLATE_M = 0.03  # how thick a standing plate may look
_TURN_WEIGHT_M = 0.05  # a turn of the normal by 60 degrees counts as so far away


@dataclass(frozen=True, kw_only=True, eq=False)
class ScanPoints:
    """Points on a scan, world frame, metres.

    points, normals: (N, 3), spread evenly. faces: (N,) the face of `mesh` each lies on. near_edge: (N,) within two
    centimetres of where the scan ends. floor_m: where feet stand. height_m: from there to the crown. area_m2: of the
    whole scan. mesh: what was kept of the scan. whole: whether the feet are there.
    """

    points: np.ndarray
    normals: np.ndarray
    faces: np.ndarray
    near_edge: np.ndarray
    floor_m: float
    height_m: float
    area_m2: float
    mesh: Mesh
    has_feet: bool

    @cached_property
    def tree(self) -> cKDTree:
        """Of points with their normals: six numbers, so that a front never answers a back."""
        from scipy.spatial import cKDTree

        return cKDTree(with_normals(self.points, self.normals))

    def fewer(self, count: int) -> ScanPoints:
        """The same scan with fewer points."""
        rows = self.thinned(count)
        return replace(
            self, points=self.points[rows], normals=self.normals[rows], faces=self.faces[rows],
            near_edge=self.near_edge[rows],
        )  # fmt: skip

    def thinned(self, count: int, seed: int = 0) -> np.ndarray:
        """Rows of `count` of the points, or all."""
        rng = np.random.default_rng(seed)
        return np.sort(rng.permutation(len(self.points))[:count])


def with_normals(points: np.ndarray, normals: np.ndarray) -> np.ndarray:
    """(N, 6) places with their weighted normals."""
    return np.concatenate([points, _TURN_WEIGHT_M * normals], axis=1)


def clean(scan: Mesh, *, where: str = "", seed: int = 0) -> ScanPoints:
    """What a fit uses of a scan. Raises InputError for what cannot be a standing adult in metres, Z up."""
    if not len(scan.faces):
        raise InputError("The scan is empty: it has no faces.", where, "Give the mesh that scan3d reconstruct writes.")
    if not np.isfinite(scan.vertices[np.unique(scan.faces)]).all():
        raise InputError("The scan has vertices that are not numbers.", where, "Export it again.")
    mesh = _without_plate(_main_pieces(scan))
    if not len(mesh.faces):
        raise InputError("The scan has no surface above its stand.", where, "Give the mesh of a whole person.")
    low, high = _extent(mesh)
    height = high - low
    if not SHORTEST_M <= height <= TALLEST_M:
        raise InputError(*_wrong_height(mesh, height, where))
    floor = 0.0 if 0 < low < 0.45 and height + low <= TALLEST_M and _ends_below(mesh, low) else low
    areas = mesh.face_areas()
    points, normals, faces = spread(mesh, areas, _POINTS, seed)
    return ScanPoints(
        points=points,
        normals=normals,
        faces=faces,
        near_edge=close_to_edge(mesh, points),
        floor_m=floor,
        height_m=high - floor,
        area_m2=float(areas.sum()),
        mesh=mesh,
        has_feet=floor == low and not _ends_below(mesh, low),
    )


def _wrong_height(mesh: Mesh, height: float, where: str) -> tuple[str, str, str]:
    sizes = np.ptp(mesh.vertices, axis=0)
    if 100 <= sizes.max() <= 3000:
        what = f"The scan is {sizes.max():.0f} long: its unit is not the metre."
        return what, where, "Scale it to metres: centimetres by 0.01, millimetres by 0.001."
    along = "XYZ"[int(np.argmax(sizes))]
    if along != "Z" and SHORTEST_M <= sizes.max() <= TALLEST_M and height < 0.6 * sizes.max():
        what = f"The scan is {height:.2f} m high and {sizes.max():.2f} m long along {along}: it lies on its side."
        return what, where, f"Turn it so that {along} becomes Z, the head up."
    if height < SHORTEST_M:
        what = f"The scan is {height:.2f} m high: less than an adult's whole body, {SHORTEST_M:.2f} m."
        return what, where, "The body fit needs an adult, standing, from head to feet, in metres with Z up."
    what = f"The scan is {height:.2f} m high: more than any person, {TALLEST_M:.2f} m."
    return what, where, "Check its unit (metres), and that nothing but the person is in it."


def _main_pieces(scan: Mesh) -> Mesh:
    """The largest connected piece, and those near it that are no dirt: a scan may be torn, or worn in layers."""
    from scipy.spatial import cKDTree

    parts = scan.components()
    areas = np.bincount(parts, scan.face_areas())
    centres = scan.corners().mean(axis=1)
    kept = np.zeros(len(areas), bool)
    kept[int(np.argmax(areas))] = True
    wanted = (areas > _PIECE_SHARE * areas.max()) & ~kept
    while wanted.any():
        step = max(1, len(centres) // 40_000)
        distance, _ = cKDTree(centres[kept[parts]][::step]).query(centres, distance_upper_bound=_TORN_M)
        near = np.zeros(len(areas), bool)
        near[np.unique(parts[np.isfinite(distance)])] = True
        if not (near & wanted).any():
            break
        kept |= near & wanted
        wanted &= ~kept
    return scan.submesh(kept[parts])


def _extent(mesh: Mesh) -> tuple[float, float]:
    """Lowest and highest place of all but a thousandth of the surface at either end, metres."""
    heights = mesh.corners()[..., 2].mean(axis=1)
    order = np.argsort(heights)
    area = np.cumsum(mesh.face_areas()[order])
    inner = (area > 2e-5 * area[-1]) & (area < (1 - 2e-5) * area[-1])
    kept = heights[order][inner] if inner.any() else heights
    return float(kept.min()), float(kept.max())


def _without_plate(mesh: Mesh) -> Mesh:
    """Without a stand: a level face below that is wider than feet, and everything beneath its top."""
    normals, areas = mesh.face_normals(), mesh.face_areas()
    centres = mesh.corners().mean(axis=1)
    low = centres[:, 2].min()
    flat = (normals[:, 2] > 0.97) & (centres[:, 2] < low + 0.5)
    if not flat.any():
        return mesh
    bins = ((centres[:, 2] - low) / 0.01).astype(int)
    amounts = np.bincount(bins[flat], areas[flat])
    top = int(np.argmax(amounts))
    # The backs of two feet are a hundredth of a square metre and not level.
    if amounts[max(top - 1, 0) : top + 2].sum() < 0.09:
        return mesh
    level = float(np.median(centres[flat & (bins == top), 2]))
    keep = (centres[:, 2] > level + 0.006) | ((centres[:, 2] > level - _PLATE_M) & (normals[:, 2] < 0.9))
    keep &= centres[:, 2] > level - 0.02
    return _main_pieces(mesh.submesh(keep))


def _ends_below(mesh: Mesh, low: float) -> bool:
    """Whether the scan is cut off above the feet: what is lowest are edges, not soles."""
    edges = mesh.boundary_edges()
    if not len(edges):
        return False
    a, b = mesh.vertices[edges[:, 0]], mesh.vertices[edges[:, 1]]
    near = (np.maximum(a[:, 2], b[:, 2]) < low + 0.03) & (np.abs((b - a)[:, 2]) < 0.02)
    length = float(np.linalg.norm((b - a)[near, :2], axis=1).sum())
    normals, areas = mesh.face_normals(), mesh.face_areas()
    lowest = mesh.corners()[..., 2].mean(axis=1) < low + 0.03
    level = float(areas[lowest & (np.abs(normals[:, 2]) > 0.8)].sum())
    # Two shanks cut level have a rim of half a metre and nothing level; feet without soles still have their backs.
    return length > 0.25 and level < 0.004


def spread(mesh: Mesh, areas: np.ndarray, count: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Points (N, 3), smooth normals and faces (N,), evenly by area (systematic draw along the faces, seeded)."""
    rng = np.random.default_rng(seed)
    total = np.cumsum(areas)
    at = (np.arange(count) + rng.random(count)) * (total[-1] / count)
    faces = np.searchsorted(total, np.minimum(at, total[-1] * (1 - 1e-12)), side="right")
    faces = np.minimum(faces, len(areas) - 1)
    u, v = rng.random((2, count))
    root = np.sqrt(u)
    share = np.stack([1 - root, root * (1 - v), root * v], axis=1)
    corners = mesh.faces[faces]
    points = np.einsum("nk,nkc->nc", share, mesh.vertices[corners].astype(np.float64))
    normals = np.einsum("nk,nkc->nc", share, mesh.vertex_normals()[corners].astype(np.float64))
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
    return points, smoothed(points, normals), faces


def smoothed(points: np.ndarray, normals: np.ndarray, neighbours: int = 8) -> np.ndarray:
    """Normals as the mean over near points that face the same way: noise of a millimetre turns single ones a lot."""
    from scipy.spatial import cKDTree

    _, near = cKDTree(points).query(points, k=neighbours, workers=2)
    around = normals[near]
    alike = np.clip(np.einsum("nkc,nc->nk", around, normals), 0, 1)
    mean = np.einsum("nk,nkc->nc", alike, around)
    return np.asarray(mean / np.maximum(np.linalg.norm(mean, axis=1, keepdims=True), 1e-12))


def close_to_edge(mesh: Mesh, points: np.ndarray) -> np.ndarray:
    """(N,) whether points (N, 3) lie within two centimetres of where the mesh ends."""
    from scipy.spatial import cKDTree

    edges = mesh.boundary_edges()
    if not len(edges):
        return np.zeros(len(points), bool)
    middle = mesh.vertices[edges].mean(axis=1)
    distance, _ = cKDTree(middle).query(points, workers=2)
    return np.asarray(distance < 0.02)
