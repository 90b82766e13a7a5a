"""distances.png: how far the scan is from the fitted body, seen from its four sides."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from scan3d.geometry import Mesh
from scan3d.pipeline.executor import run_units
from scan3d.report.look import look_at
from scan3d.report.preview import Caption, composed, look_from_sides
from scan3d.report.shading import view_clay, view_values
from scan3d.report.surface_view import SurfaceView
from scan3d.report.texture import encode_png

# Scan inside the body blue, on it light, outside of it red (Moreland 2009).
_PALETTE = np.array([[0.23, 0.30, 0.75], [0.55, 0.69, 1.0], [0.92, 0.92, 0.90], [0.96, 0.60, 0.48], [0.71, 0.02, 0.15]])
_REACH_M = 0.012
_PIXELS = 500 * 500


def distance_picture(scan: Mesh, body: Mesh, facing_rad: float, caption: Caption) -> bytes:
    """A PNG: above the scan by its distance from the body, below the body as clay. facing_rad: the body's yaw."""
    c, s = np.cos(-facing_rad), np.sin(-facing_rad)
    turn = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1.0]])
    used = scan.submesh(np.ones(len(scan.faces), bool))
    there = replace(used, vertices=used.vertices @ turn.T, normals=None, uv=None, vertex_values={})
    fitted = SurfaceView(Mesh(vertices=body.vertices @ turn.T, faces=body.faces))
    hits, away = fitted.nearest(there.vertices)
    outward = np.einsum("nc,nc->n", there.vertices - fitted.points(hits), fitted.normals(hits))
    signed = np.where(outward < 0, -away, away)
    looks = look_from_sides(SurfaceView(there), pixels=_PIXELS)
    heat = run_units(lambda look: view_values(look, signed, _PALETTE, low=-_REACH_M, high=_REACH_M), looks)
    clay = run_units(lambda look: view_clay(look_at(fitted, look.camera)), looks)
    note = f"{caption.note}; blue to red: -{1e3 * _REACH_M:.0f} to {1e3 * _REACH_M:.0f} mm"
    return encode_png(composed([heat, clay], looks[0].camera, replace(caption, note=note)))
