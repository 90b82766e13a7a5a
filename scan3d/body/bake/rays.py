"""Which place of a scan lies above or below each place of a body: rays within a cage, backs of surfaces left out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from scan3d.body.detail.scan_surface import DOUBTFUL, ScanSurface

Floats = npt.NDArray[np.floating]
Ints = npt.NDArray[np.int32]

_LEAST_COSINE = 0.3
_AGAIN_M = 0.0015  # around a height found beside, within which a sample looks for its own


@dataclass(frozen=True, kw_only=True, eq=False)
class Hits:
    """Of N places: whether one was found (N,), its height above the body (N,) metres, face (N,) and weights (N, 3).

    trusted: (N,) whether photographs agree on the surface there.
    """

    found: npt.NDArray[np.bool_]
    height_m: Floats
    face: Ints
    share: Floats
    trusted: npt.NDArray[np.bool_]


def cage_hits(scan: ScanSurface, points: Floats, normals: Floats, reach_m: Floats) -> Hits:
    """The scan's place nearest along the unit normals, outwards or inwards, within reach_m (N,) of points (N, 3)."""
    out_t, out_face, out_share = scan.tree.first_hit(points, normals)
    in_t, in_face, in_share = scan.tree.first_hit(points, -normals)
    out_t = np.where(_front(scan, out_face, normals), out_t, np.inf)
    in_t = np.where(_front(scan, in_face, normals), in_t, np.inf)
    outside = out_t < in_t
    height = np.where(outside, out_t, -in_t)
    face = np.where(outside, out_face, in_face)
    found = (np.abs(height) <= reach_m) & (face >= 0)
    trusted = np.zeros(len(found), bool)
    trusted[found] = scan.trust[scan.mesh.faces[face[found]]].min(axis=1) > 2 * DOUBTFUL
    share = np.where(outside[:, None], out_share, in_share)
    return Hits(
        found=found, height_m=np.where(found, height, 0.0), face=np.where(found, face, 0), share=share, trusted=trusted
    )


def hits_beside(scan: ScanSurface, points: Floats, normals: Floats, near: Hits) -> Hits:
    """The same of places a fraction of a texel away from those of `near`, which stand in where nothing is found."""
    start = points + normals * (near.height_m + _AGAIN_M)[:, None]
    t, face, share = scan.tree.first_hit(start, -normals)
    good = (t < 2 * _AGAIN_M) & _front(scan, face, normals)
    return Hits(
        found=near.found,
        height_m=np.where(good, near.height_m + _AGAIN_M - np.where(good, t, 0.0), near.height_m),
        face=np.where(good, face, near.face),
        share=np.where(good[:, None], share, near.share),
        trusted=near.trusted,
    )


def _front(scan: ScanSurface, face: Ints, normals: Floats) -> npt.NDArray[np.bool_]:
    """(N,) whether a face was hit that looks the way of the normal; smoothed normals of the scan decide."""
    hit = np.flatnonzero(face >= 0)
    front = np.zeros(len(face), bool)
    looks = scan.normals[scan.mesh.faces[face[hit], 0]]
    front[hit] = (looks * normals[hit]).sum(axis=1) > _LEAST_COSINE
    return front
