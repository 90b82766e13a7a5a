"""Colours of the scan's surface as each camera shows them, for cameras to agree on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from scan3d.appearance.visibility import look_through
from scan3d.capture.colour_agreement import Agreement, agree
from scan3d.capture.colour_correction import polarisation_of
from scan3d.capture.colour_fit import ciede2000
from scan3d.capture.colour_shading import corner_radius, radial_terms
from scan3d.capture.take import Take
from scan3d.geometry import Camera, Mesh, Rig
from scan3d.pipeline.executor import run_units
from scan3d.pipeline.progress import Progress

_POINTS = 12_000
_LONG_SIDE_PX = 1000  # photographs are looked at this small: noise and pores are not the cameras'
_LEAST_COSINE = 0.35
_TERMS = 2  # of the lens's shading: more than overlaps can tell apart would run away in the corners
_COMPARED = 40_000


@dataclass(frozen=True, kw_only=True, eq=False)
class OverlapAgreement:
    """agreement: of the cameras in `camera_ids`. ciede2000_before, ciede2000_after: the middle of how far a camera's
    colour of a point is from the cameras' mean. points: of the surface. light: whose photographs were compared."""

    camera_ids: tuple[str, ...]
    agreement: Agreement
    ciede2000_before: float
    ciede2000_after: float
    points: int
    light: str


def light_for_overlaps(take: Take) -> str:
    """The light whose photographs show least gloss: the geometry's, of its crossed polarisers where there are any."""
    geometry = take.geometry_light()
    if polarisation_of(geometry) != "parallel":
        return geometry
    crossed = geometry[: -len("parallel")] + "cross"
    return crossed if crossed in take.lights else geometry


def agree_on_overlaps(
    mesh: Mesh, rig: Rig, light: str, corrected: Callable[[str], np.ndarray], *, lens: bool, progress: Progress,
    workers: int | None,
) -> OverlapAgreement:  # fmt: skip
    """Factors for the rig's cameras from points of the mesh that several see.

    corrected: a camera's photograph, (H, W, 3) linear. lens: the shading of their lenses, one for all, is solved for.
    """
    normals = mesh.vertex_normals()
    count = min(_POINTS, len(mesh.vertices))
    chosen = np.random.default_rng(7).choice(len(mesh.vertices), count, replace=False)
    points, normals = mesh.vertices[chosen], normals[chosen]
    with progress.task("overlaps", len(rig)) as task:

        def look(camera: Camera) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
            seen = _seen(mesh, camera, points, normals, corrected(camera.camera_id))
            task.advance()
            return seen

        rows = run_units(look, rig.cameras, workers=workers)
    samples, weights, radial = (np.stack(parts) for parts in zip(*rows, strict=True))
    found = agree(samples, weights, radial if lens else None)
    share = np.exp(radial @ found.shading) if found.shading.any() else np.ones(weights.shape)
    mended = samples * found.factors[:, None] / share[..., None]
    return OverlapAgreement(
        camera_ids=rig.camera_ids, agreement=found, points=count, light=light,
        ciede2000_before=_difference(samples, weights), ciede2000_after=_difference(mended, weights),
    )  # fmt: skip


def _seen(
    mesh: Mesh, camera: Camera, points: np.ndarray, normals: np.ndarray, linear: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Colours (N, 3), weights (N,) and the lens's radial terms (N, T) of points in a camera."""
    import cv2

    i = camera.intrinsics
    factor = min(1.0, _LONG_SIDE_PX / max(i.width, i.height))
    small = cv2.resize(linear, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
    ideal = camera.without_distortion().scaled(factor)
    visibility = look_through(mesh, ideal, None)
    flat, depth = ideal.project(points)
    px, _ = camera.project(points)
    toward = camera.centre - points
    cosine = np.einsum("nc,nc->n", toward, normals) / np.linalg.norm(toward, axis=1)
    height, width = visibility.depth.shape
    inside = np.isfinite(flat).all(axis=1) & np.isfinite(px).all(axis=1) & (cosine > _LEAST_COSINE) & (depth > 0)
    inside &= i.contains(px) & ideal.intrinsics.contains(flat)
    column = np.clip(np.nan_to_num(flat[:, 0]).astype(int), 0, width - 1)
    row = np.clip(np.nan_to_num(flat[:, 1]).astype(int), 0, height - 1)
    # Slanted surfaces change depth within a pixel.
    room = depth / ideal.intrinsics.fx * (1 + 1.5 * np.sqrt(1 - np.clip(cosine, 0.1, 1) ** 2) / np.clip(cosine, 0.1, 1))
    visible = inside & (depth < np.nan_to_num(visibility.depth[row, column], nan=-1.0) + room)
    weights = np.where(visible, visibility.trust[row, column] * np.clip(cosine, 0, 1) ** 2, 0.0)
    at = np.where(np.isfinite(px), px, 0.0) * factor - 0.5
    map_x, map_y = (at[None, :, k].astype(np.float32) for k in (0, 1))
    colours = cv2.remap(small, map_x, map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)[0]
    radial = radial_terms(np.where(np.isfinite(px), px, i.cx), (i.cx, i.cy), corner_radius(i.width, i.height))
    return colours.astype(np.float64), weights, radial[:, :_TERMS]


def _difference(samples: np.ndarray, weights: np.ndarray) -> float:
    seen = (weights > 0) & ((weights > 0).sum(axis=0) >= 2)
    mean = (weights[..., None] * samples).sum(axis=0) / np.maximum(weights.sum(axis=0), 1e-12)[:, None]
    own, others = samples[seen], np.broadcast_to(mean, samples.shape)[seen]
    if len(own) == 0:
        return float("nan")
    step = max(1, len(own) // _COMPARED)
    return float(np.median(ciede2000(own[::step], others[::step])))
