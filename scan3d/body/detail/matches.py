"""What pulls at each vertex of a body on its way to a scan: nearest points both ways, doubtful ones left out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from scan3d.body.detail.scan_surface import DOUBTFUL, NearestOn, ScanSurface
from scan3d.geometry import Mesh

Floats = npt.NDArray[np.floating]
Ints = npt.NDArray[np.int32]

_DOUBT_M = 0.010  # how far off the fit the scan is followed where no photographs agree: webs in armpits are not
_ALONG = 0.03  # share of the pull that holds a vertex to its point along the surface, too


@dataclass(frozen=True, kw_only=True)
class Gates:
    """reach_m: how far a match may be away. outlier_m: from where it counts for less (Geman and McClure).

    cosine: least, of the angle between the two surfaces.
    """

    reach_m: float
    outlier_m: float
    cosine: float


@dataclass(frozen=True, kw_only=True, eq=False)
class Matches:
    """point, normal: (N, 3) on the scan, metres and unit vectors. weight: (N,) 0..1, 0 for no match."""

    point: Floats
    normal: Floats
    weight: Floats


@dataclass(eq=False)
class Pull:
    """Of a mesh of V vertices: sums of w n n' (V, 3, 3) and of w n n' (p - x0) (V, 3), weights w in m^2."""

    blocks: Floats
    wanted: Floats

    @staticmethod
    def none(count: int) -> Pull:
        return Pull(blocks=np.zeros((count, 3, 3)), wanted=np.zeros((count, 3)))

    def add(self, vertices: Ints, weight: Floats, normal: Floats, moves: Floats) -> None:
        """Pulls vertices (N,) to lie `moves` (N, 3) off where they began, along normals (N, 3) foremost."""
        outer = normal[:, :, None] * normal[:, None, :] * (1 - _ALONG) + _ALONG * np.eye(3)
        outer *= weight[:, None, None]
        right = np.einsum("nij,nj->ni", outer, moves)
        count = len(self.blocks)
        for i in range(3):
            self.wanted[:, i] += np.bincount(vertices, right[:, i], minlength=count)
            for j in range(3):
                self.blocks[:, i, j] += np.bincount(vertices, outer[:, i, j], minlength=count)


def matches_of_body(
    scan: ScanSurface, points: Floats, start: Floats, normals: Floats, limit_m: Floats, gates: Gates
) -> Matches:
    """The scan's nearest point to each vertex (V, 3) of the body with normals (V, 3).

    start: (V, 3) where the fit has them. limit_m: (V,) how far from there a match may lie, 0 for vertices that take
    none.
    """
    found = scan.tree.nearest(points)
    normal, trust = scan.at(found)
    away = np.linalg.norm(found.point - points, axis=1)
    moved = np.linalg.norm(found.point - start, axis=1)
    weight = trust * _kept(away, (normal * normals).sum(axis=1), gates)
    weight[moved > np.where(trust <= 2 * DOUBTFUL, np.minimum(limit_m, _DOUBT_M), limit_m)] = 0
    return Matches(point=found.point, normal=normal, weight=weight)


def drop_if_another_is_nearer(matches: Matches, points: Floats, body: Mesh, tree: NearestOn) -> None:
    """No weight for matches whose point on the scan belongs to another place of the body. In place."""
    used = np.flatnonzero(matches.weight > 0)
    away = np.linalg.norm(matches.point[used] - points[used], axis=1)
    back = tree.nearest(matches.point[used])
    facing = (body.face_normals()[back.face] * matches.normal[used]).sum(axis=1) > 0.3
    nearer = np.linalg.norm(back.point - matches.point[used], axis=1) < 0.4 * away - 0.001
    apart = np.linalg.norm(back.point - points[used], axis=1) > 2 * away
    matches.weight[used[facing & nearer & apart]] = 0


def add_matches_of_scan(
    pull: Pull, scan: ScanSurface, rows: Ints, body: Mesh, start: Floats, limit_m: Floats, gates: Gates, area_m2: float
) -> None:
    """Pulls the body to the scan's vertices `rows` (N,), each shared among the corners of the body's nearest face.

    start: (V, 3) where the fit has the body's vertices. area_m2: of the scan for each of them.
    """
    tree = NearestOn(body.vertices, body.faces)
    points = np.asarray(scan.mesh.vertices[rows], np.float64)
    found = tree.nearest(points)
    corners = body.faces[found.face]
    normals = scan.normals[rows]
    away = np.linalg.norm(found.point - points, axis=1)
    weight = scan.trust[rows] * _kept(away, (normals * body.face_normals()[found.face]).sum(axis=1), gates)
    moved = np.linalg.norm(points - np.einsum("nk,nkc->nc", found.share, start[corners]), axis=1)
    weight[(moved > limit_m[corners].min(axis=1)) | (scan.trust[rows] <= 2 * DOUBTFUL)] = 0
    for k in range(3):
        vertex = corners[:, k]
        moves = points - found.point + body.vertices[vertex] - start[vertex]
        pull.add(vertex, area_m2 * weight * found.share[:, k], normals, moves)


def _kept(away: Floats, cosine: Floats, gates: Gates) -> Floats:
    """(N,) 0..1 of matches this far away and turned this much."""
    robust = (gates.outlier_m**2 / (gates.outlier_m**2 + away**2)) ** 2
    turned = np.clip((cosine - gates.cosine) / (0.9 - gates.cosine), 0, 1)
    return np.where(away <= gates.reach_m, robust * turned, 0.0)
