"""Moles, scars and freckles of a scan, found again on the body: where they are whatever pose it takes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from scan3d.body.bake.surfaces import BakeTarget
from scan3d.body.detail.scan_surface import NearestOn
from scan3d.geometry.imperfections import Imperfection

Floats = npt.NDArray[np.floating]

_FARTHEST_M = 0.008  # a mark that lies farther off the body is on hair or cloth that the body does not have


def carried_marks(target: BakeTarget, rest: Floats, marks: Sequence[Imperfection]) -> list[dict[str, Any]]:
    """JSON values of the marks that lie on the body: those of Imperfection, uv on the body's texture coordinates (its
    whole part is the column and row of the unit square), and "body": the vertices around and their weights on the
    body's finer mesh, the place at rest, metres, how far from the body the mark was, and how much of the unit square a
    metre of skin is there.

    rest: (V', 3) the target's vertices in the model's rest pose, metres.
    """
    if not marks:
        return []
    points = np.array([mark.position_m for mark in marks], np.float64)
    found = NearestOn(np.asarray(target.mesh.vertices, np.float64), target.mesh.faces).nearest(points)
    away = np.linalg.norm(found.point - points, axis=1)
    chart = target.uv[found.face]
    uv = np.einsum("nk,nkc->nc", found.share, chart)
    tile = target.tile_of_face[found.face]
    uv += np.stack([tile % 10, tile // 10], axis=1)
    corners = target.mesh.faces[found.face]
    at_rest = np.einsum("nk,nkc->nc", found.share, rest[corners])
    uv_per_m = np.sqrt(_areas(chart) / np.maximum(_areas(np.asarray(target.mesh.vertices)[corners]), 1e-12))
    carried = []
    for k in np.flatnonzero(away < _FARTHEST_M).tolist():
        mark = replace(marks[k], part="body", uv=(round(float(uv[k, 0]), 6), round(float(uv[k, 1]), 6)))
        place = {
            "vertices": corners[k].tolist(),
            "weights": found.share[k].round(5).tolist(),
            "rest_m": at_rest[k].round(5).tolist(),
            "away_mm": round(1e3 * float(away[k]), 2),
            "uv_per_m": round(float(uv_per_m[k]), 4),
        }
        carried.append({**asdict(mark), "body": place})
    return carried


def _areas(corners: Floats) -> Floats:
    """(N,) of triangles (N, 3, 2) or (N, 3, 3), twice."""
    a, b = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    square = (a * a).sum(axis=1) * (b * b).sum(axis=1) - (a * b).sum(axis=1) ** 2
    return np.asarray(np.sqrt(np.maximum(square, 0)))
