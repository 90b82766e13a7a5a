"""Which place of the body answers which place of the scan, and back, with how far to trust each pair."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scan3d.body.fit.kernels import nearest_on_triangles
from scan3d.body.fit.posing import Body, Moved
from scan3d.body.fit.scan_points import ScanPoints, with_normals

_FACING = 0.4  # least cosine between the normals of a pair
_SLIDING = 0.5  # what a step along the surface counts beside one across it, where pairs are weighed


@dataclass(frozen=True, kw_only=True, eq=False)
class Pairs:
    """Places on the body that belong to places of the scan.

    corners, shares: (N, 3) vertices of the body and their weights. offset: (N, 3) scan less body, metres.
    normal: (N, 3) across the surface. distance: (N,) that weighs the pair. trust: (N,) 0..1, of the normals.
    rows: (N,) of the scan's points, or of the body's vertices where they were sought from there.
    """

    corners: np.ndarray
    shares: np.ndarray
    offset: np.ndarray
    normal: np.ndarray
    distance: np.ndarray
    trust: np.ndarray
    rows: np.ndarray

    def across(self) -> np.ndarray:
        """(N,) signed distance along the normal: positive where the scan lies outside the body."""
        return np.asarray(np.einsum("nc,nc->n", self.offset, self.normal))

    def of(self, chosen: np.ndarray) -> Pairs:
        """Those of the pairs where (N,) holds."""
        return Pairs(**{name: values[chosen] for name, values in vars(self).items()})


def to_vertices(body: Body, moved: Moved, normals: np.ndarray, points: np.ndarray, point_normals: np.ndarray) -> Pairs:
    """For each scan point (N, 3) the vertex nearest in place and normal: enough while the body is far off."""
    from scipy.spatial import cKDTree

    tree = cKDTree(with_normals(moved.vertices, normals), balanced_tree=False)
    _, near = tree.query(with_normals(points, point_normals))
    corners = np.repeat(near[:, None], 3, axis=1)
    shares = np.zeros((len(near), 3))
    shares[:, 0] = 1
    return _pairs(corners, shares, points - moved.vertices[near], normals[near], point_normals, np.arange(len(points)))


def to_faces(body: Body, moved: Moved, faces: np.ndarray, points: np.ndarray, point_normals: np.ndarray) -> Pairs:
    """For each scan point (N, 3) the nearest place on the face nearest in place and normal. faces: (F, 3)."""
    from scipy.spatial import cKDTree

    corners = moved.vertices[faces]
    cross = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normals = cross / np.maximum(np.linalg.norm(cross, axis=1, keepdims=True), 1e-12)
    tree = cKDTree(with_normals(corners.mean(axis=1), normals), balanced_tree=False)
    _, near = tree.query(with_normals(points, point_normals))
    shares = nearest_on_triangles(points, corners[near])
    place = np.einsum("nk,nkc->nc", shares, corners[near])
    return _pairs(faces[near], shares, points - place, normals[near], point_normals, np.arange(len(points)))


def from_vertices(moved: Moved, normals: np.ndarray, rows: np.ndarray, scan: ScanPoints) -> Pairs:
    """For each of the body's vertices `rows` the nearest scan point; none where the scan ends beside it."""
    near = scan.tree.query(with_normals(moved.vertices[rows], normals[rows]))[1]
    corners = np.repeat(rows[:, None], 3, axis=1)
    shares = np.zeros((len(rows), 3))
    shares[:, 0] = 1
    offset = scan.points[near] - moved.vertices[rows]
    pairs = _pairs(corners, shares, offset, scan.normals[near], normals[rows], rows)
    trust = np.where(scan.near_edge[near], 0.0, pairs.trust)
    return Pairs(**{**vars(pairs), "trust": trust})


def _pairs(
    corners: np.ndarray, shares: np.ndarray, offset: np.ndarray, normal: np.ndarray, other: np.ndarray,
    rows: np.ndarray,
) -> Pairs:  # fmt: skip
    across = np.einsum("nc,nc->n", offset, normal)
    along = np.maximum((offset**2).sum(axis=1) - across**2, 0)
    facing = np.einsum("nc,nc->n", normal, other)
    return Pairs(
        corners=corners,
        shares=shares,
        offset=offset,
        normal=normal,
        distance=np.sqrt(across**2 + _SLIDING**2 * along),
        trust=np.clip((facing - _FACING) / (0.8 - _FACING), 0, 1),
        rows=rows,
    )


def geman_mcclure(distance: np.ndarray, reach_m: float) -> np.ndarray:
    """(N,) weights 0..1 that leave what is far beyond the reach alone (Geman and McClure 1987)."""
    return np.asarray((reach_m**2 / (reach_m**2 + distance**2)) ** 2)
