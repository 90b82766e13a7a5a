"""Measures all that a report says about a finished surface; the workflow adds what only it knows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from scan3d.geometry import Mesh
from scan3d.pipeline.executor import run_units
from scan3d.pipeline.progress import Progress, Silent
from scan3d.report.agreement import Agreement, ReportView, measure_agreement
from scan3d.report.coverage import Coverage, measure_coverage
from scan3d.report.data import (
    CameraNumbers,
    CoverageNumbers,
    Histogram,
    MeshNumbers,
    Picture,
    ReportData,
    TextureNumbers,
)
from scan3d.report.judge import judge
from scan3d.report.look import Look
from scan3d.report.pictures import contact_sheet, strip_of_values, triptych
from scan3d.report.surface_view import SurfaceView
from scan3d.report.texture import Texture

_FULL_COVERAGE = 8
_SUSPECTS_SHOWN = 4


@dataclass(frozen=True, kw_only=True)
class Known:
    """What the workflow knows and the finished surface does not show; each by camera id, empty where unknown.

    calibration_px   mean reprojection error of the calibration, pixels.
    depth_confirmed  share of its subject pixels whose depth its neighbours confirm.
    texture_seen     share of the surface whose colours come from photographs.
    """

    calibration_px: Mapping[str, float] = field(default_factory=dict)
    depth_confirmed: Mapping[str, float] = field(default_factory=dict)
    texture_seen: float | None = None


def measured(
    basis: ReportData,
    surface: SurfaceView,
    views: Sequence[ReportView],
    looks: Sequence[Look],
    *,
    known: Known | None = None,
    long_side_px: int = 480,
    progress: Progress | None = None,
) -> ReportData:
    """`basis` with mesh, texture, coverage, confidence, cameras and pictures filled in.

    basis         take, times, settings, versions, warnings; its mesh is replaced (`mesh_numbers` gives one).
    surface       with its texture; confidence is read from `surface.mesh.vertex_values["confidence"]`, in
                  0..1.
    views         every photograph; a photograph is loaded once, and one per core is held at a time.
    looks         from `preview.look_from_sides`, shared with the preview.
    long_side_px  size at which photographs are compared: 480 is exact to about 0.1 px of a megapixel
                  photograph.
    """
    known = known or Known()
    coverage = measure_coverage(surface, [view.camera for view in views])
    agreements: list[Agreement] = []
    if surface.texture is not None:
        with (progress or Silent()).task("compare with the photographs", len(views)) as task:
            agreements = run_units(
                lambda view: measure_agreement(surface, view, long_side_px=long_side_px),
                views,
                progress_task=task,
            )
    data = replace(
        basis,
        mesh=mesh_numbers(surface.mesh),
        texture=None if surface.texture is None else texture_numbers(surface.mesh, surface.texture, known.texture_seen),
        coverage=CoverageNumbers(shares=coverage.shares(), max_angle_deg=coverage.max_angle_deg),
        confidence=confidence_histogram(surface.mesh),
        cameras=_cameras(views, coverage, agreements, known),
    )
    return replace(data, pictures=(*basis.pictures, *_pictures(data, surface, looks, coverage, agreements)))


def mesh_numbers(mesh: Mesh) -> MeshNumbers:
    """Size, area and topology of a mesh."""
    edges = mesh.edges()
    some = edges[:: max(1, len(edges) // 100_000)]
    lengths = np.linalg.norm(mesh.vertices[some[:, 0]] - mesh.vertices[some[:, 1]], axis=1)
    size = np.ptp(mesh.vertices, axis=0).tolist() if len(mesh.vertices) else [0.0, 0.0, 0.0]
    return MeshNumbers(
        vertices=len(mesh.vertices),
        faces=len(mesh.faces),
        area_m2=float(mesh.face_areas().sum(dtype=np.float64)),
        size_m=(float(size[0]), float(size[1]), float(size[2])),
        edge_m=float(np.median(lengths)) if len(lengths) else 0.0,
        pieces=int(mesh.components().max(initial=-1)) + 1,
        open_edges=len(mesh.boundary_edges()),
    )


def texture_numbers(mesh: Mesh, texture: Texture, seen: float | None = None) -> TextureNumbers:
    """Size of the maps and of a texel on the surface."""
    picture = texture.picture(0)
    some = slice(None, None, max(1, len(mesh.faces) // 50_000))
    (u1, v1), (u2, v2) = (np.moveaxis(texture.uv[some, k] - texture.uv[some, 0], -1, 0) for k in (1, 2))
    texels = np.abs(u1 * v2 - u2 * v1) / 2 * picture.shape[0] * picture.shape[1]
    side = np.sqrt(mesh.face_areas()[some] / np.maximum(texels, 1e-12))
    return TextureNumbers(
        tiles=len(texture.tiles),
        width_px=picture.shape[1],
        height_px=picture.shape[0],
        bits=8 * picture.dtype.itemsize,
        texel_m=float(np.median(side[texels > 1e-9])) if (texels > 1e-9).any() else 0.0,
        seen=seen,
    )


def confidence_histogram(mesh: Mesh, bins: int = 20) -> Histogram | None:
    """Confidence (0 to 1, at the vertices) weighted by the area around each vertex; None when there is
    none.
    """
    values = mesh.vertex_values.get("confidence")
    if values is None or len(mesh.faces) == 0:
        return None
    area = np.bincount(mesh.faces.ravel(), np.repeat(mesh.face_areas() / 3, 3), minlength=len(mesh.vertices))
    clipped = np.clip(np.nan_to_num(np.asarray(values, np.float64)), 0, 1)
    total, edges = np.histogram(clipped, bins=bins, range=(0, 1), weights=area)
    return Histogram(edges=tuple(edges.tolist()), shares=tuple((total / total.sum()).tolist()))


def _cameras(
    views: Sequence[ReportView], coverage: Coverage, agreements: Sequence[Agreement], known: Known
) -> tuple[CameraNumbers, ...]:
    seen = coverage.share_of()
    found = {agreement.camera_id: agreement for agreement in agreements}
    rows = []
    for view in views:
        camera = view.camera
        agreement = found.get(camera.camera_id)
        row = CameraNumbers(
            camera_id=camera.camera_id,
            position_m=_triple(camera.centre),
            forward=_triple(camera.forward),
            calibration_px=known.calibration_px.get(camera.camera_id),
            depth_confirmed=known.depth_confirmed.get(camera.camera_id),
            surface_seen=seen[camera.camera_id],
        )
        if agreement is not None:
            row = replace(
                row,
                shift_px=agreement.shift_px,
                exposure_ev=agreement.exposure_ev,
                photometric_levels=agreement.photometric_levels,
                sharpness=agreement.sharpness,
                mask_share=agreement.mask_share,
                mask_overlap=agreement.mask_overlap,
            )
        rows.append(row)
    return tuple(rows)


def _pictures(
    data: ReportData,
    surface: SurfaceView,
    looks: Sequence[Look],
    coverage: Coverage,
    agreements: Sequence[Agreement],
) -> list[Picture]:
    seen = strip_of_values(looks, coverage.at_vertices(surface.mesh), low=0, high=_FULL_COVERAGE)
    caption = f"How many cameras see each place, from none to {_FULL_COVERAGE} and more: front, left, back, right."
    pictures = [Picture(section="coverage", caption=caption, rgb=seen)]
    confidence = surface.mesh.vertex_values.get("confidence")
    if confidence is not None:
        strip = strip_of_values(looks, confidence, low=0, high=1)
        caption = "Confidence of the surface, from 0 to 1: front, left, back, right."
        pictures.append(Picture(section="confidence", caption=caption, rgb=strip))
    if agreements:
        verdict = judge(data)
        flagged = list(dict.fromkeys(finding.camera_id for finding in verdict.findings if finding.camera_id))
        caption = "Every photograph with the rim of its subject; flagged cameras have an orange frame."
        pictures.append(Picture(section="masks", caption=caption, rgb=contact_sheet(agreements, flagged)))
        by_id = {agreement.camera_id: agreement for agreement in agreements}
        for camera_id in flagged[:_SUSPECTS_SHOWN]:
            caption = f"{camera_id}: its photograph, the model as the other cameras see it, and the difference."
            rgb = triptych(by_id[camera_id])
            pictures.append(Picture(section=f"camera:{camera_id}", caption=caption, rgb=rgb))
    return pictures


def _triple(vector: Sequence[float] | np.ndarray) -> tuple[float, float, float]:
    return float(vector[0]), float(vector[1]), float(vector[2])
