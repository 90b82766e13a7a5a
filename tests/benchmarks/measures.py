"""How good a reconstruction is, against a truth mesh and against photographs it was never given.

Distances are metres, pictures sRGB-encoded. Nothing here looks at how the result was made.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from scan3d.errors import InputError
from scan3d.geometry import Camera, Mesh
from scan3d.report import SurfaceView, Texture, look_at, view_colours

TOLERANCES_M = (0.25e-3, 0.5e-3, 1e-3, 2e-3, 5e-3)
# A point counts as visible to a camera that sees it at under 75 degrees.
_LEAST_COSINE = 0.26
# How far beyond the truth's box a result still counts: stands and floors do not.
_BOX_MARGIN_M = 0.02
_BAND_WINDOW_PX = 64


@dataclass(frozen=True, kw_only=True)
class Distances:
    """Of points to a surface, metres."""

    mean_m: float
    median_m: float
    p90_m: float
    p95_m: float
    max_m: float


@dataclass(frozen=True, kw_only=True)
class AtTolerance:
    """precision: share of the result within the tolerance of the truth; recall: of the truth within it of the
    result; f: their harmonic mean.
    """

    tolerance_m: float
    precision: float
    recall: float
    f: float


@dataclass(frozen=True, kw_only=True)
class MeshScore:
    """accuracy: result to truth; completeness: truth to result, of truth_points points."""

    truth_points: int
    accuracy: Distances
    completeness: Distances
    at: tuple[AtTolerance, ...]


@dataclass(frozen=True, kw_only=True)
class ViewScore:
    """A rendering against a photograph, where both the truth and the model are seen.

    psnr_db     over all channels of sRGB in [0, 1].
    ssim        structural similarity (Wang et al. 2004), mean over channels and pixels.
    ciede2000   mean colour difference.
    coverage    share of the truth's pixels that the model fills.
    sharpness   the rendering's power at waves of 2 to 8 pixels over the photograph's.
    """

    camera_id: str
    psnr_db: float
    ssim: float
    ciede2000: float
    coverage: float
    sharpness: float


def score_mesh(
    truth: Mesh,
    result: Mesh,
    *,
    samples: int = 300_000,
    cameras: Sequence[Camera] | None = None,
    above_z_m: float | None = None,
    tolerances_m: Sequence[float] = TOLERANCES_M,
    seed: int = 0,
) -> MeshScore:
    """Accuracy, completeness and F of a mesh against the truth, as Knapitsch et al. 2017 (Tanks and Temples).

    Both are sampled evenly by area. The distance to a surface is that to the plane of the nearest of four
    times as many samples while the foot lies near it, else that to the sample: no triangle search, and exact
    to the sampling's curvature.

    cameras    completeness then counts only truth that at least two of them see at under 75 degrees.
    above_z_m  only what lies above counts, on both sides.
    """
    if len(result.faces) == 0:
        raise InputError("The result has no faces to measure.", "result", "Reconstruct the take first.")
    points, normals = sample(truth, samples, seed)
    found, _ = sample(result, samples, seed + 1)
    if cameras is not None:
        points = points[seen_by(truth, points, normals, cameras) >= 2]
    low, high = truth.vertices.min(axis=0) - _BOX_MARGIN_M, truth.vertices.max(axis=0) + _BOX_MARGIN_M
    found = found[((found > low) & (found < high)).all(axis=1)]
    if above_z_m is not None:
        points, found = points[points[:, 2] > above_z_m], found[found[:, 2] > above_z_m]
    if len(found) == 0 or len(points) == 0:
        raise InputError(
            "Nothing of the result lies where the truth does.",
            "result",
            "Compare meshes of one frame and unit.",
        )
    accuracy = distances_to(truth, found, 4 * samples, seed + 2)
    completeness = distances_to(result, points, 4 * samples, seed + 3)
    return MeshScore(
        truth_points=len(points),
        accuracy=_summary(accuracy),
        completeness=_summary(completeness),
        at=tuple(_at(accuracy, completeness, tolerance) for tolerance in tolerances_m),
    )


def sample(mesh: Mesh, count: int, seed: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(N, 3) points at random places of the surface, evenly by area, and (N, 3) unit normals of their
    faces.
    """
    rng = np.random.default_rng(seed)
    ends = np.cumsum(mesh.face_areas(), dtype=np.float64)
    face = np.searchsorted(ends, rng.random(count) * ends[-1]).clip(max=len(ends) - 1)
    b, c = rng.random((2, count))
    outside = b + c > 1
    b, c = np.where(outside, 1 - b, b), np.where(outside, 1 - c, c)
    corners = mesh.vertices[mesh.faces[face]].astype(np.float64)
    points = np.einsum("nk,nkd->nd", np.stack([1 - b - c, b, c], axis=1), corners)
    return points, mesh.face_normals()[face].astype(np.float64)


def distances_to(mesh: Mesh, points: NDArray[np.float64], samples: int, seed: int) -> NDArray[np.float64]:
    """(N,) metres from (N, 3) points to the surface."""
    from scipy.spatial import cKDTree

    on_surface, normals = sample(mesh, samples, seed)
    far, near = cKDTree(on_surface).query(points, workers=-1)
    to_plane = np.abs(np.einsum("nk,nk->n", points - on_surface[near], normals[near]))
    aside = np.sqrt(np.maximum(far**2 - to_plane**2, 0))
    # Two sample spacings: a foot beyond lies past the end of the surface.
    reach = 2 * np.sqrt(float(mesh.face_areas().sum(dtype=np.float64)) / samples)
    return np.where(aside < reach, to_plane, far)


def seen_by(
    mesh: Mesh, points: NDArray[np.float64], normals: NDArray[np.float64], cameras: Sequence[Camera]
) -> NDArray[np.int64]:
    """(N,) how many cameras see each point of the surface at under 75 degrees."""
    surface = SurfaceView(mesh)
    count = np.zeros(len(points), np.int64)
    for camera in cameras:
        towards = camera.centre - points
        towards /= np.linalg.norm(towards, axis=1, keepdims=True)
        facing = np.einsum("nk,nk->n", towards, normals) > _LEAST_COSINE
        asked = np.flatnonzero(facing & camera.intrinsics.contains(camera.project(points)[0]))
        origins = points[asked] + towards[asked] * 2e-4
        count[asked[~surface.occluded(origins, towards[asked], float("inf"))]] += 1
    return count


def rephotograph(model: SurfaceView, truth: SurfaceView, camera: Camera, photograph: NDArray[np.uint8]) -> ViewScore:
    """Renders the textured model unlit into a camera and compares it with (H, W, 3) uint8 of that camera.

    Virtual rephotography, Waechter et al. 2017. Pixels count where a ray meets both the truth and the model.
    """
    from skimage.color import deltaE_ciede2000, rgb2lab
    from skimage.metrics import structural_similarity

    shown = view_colours(look_at(model, camera, smooth=False))
    wanted = np.isfinite(look_at(truth, camera, smooth=False).depth_m)
    both = wanted & np.isfinite(shown.depth_m)
    if not both.any():
        raise InputError("The camera sees nothing of the model.", f"camera {camera.camera_id}", "Check both frames.")
    taken = photograph.astype(np.float64) / 255
    rendered = np.where(both[..., None], shown.rgb.astype(np.float64), taken)
    error = float(((rendered - taken)[both] ** 2).mean())
    _, similar = structural_similarity(rendered, taken, channel_axis=2, data_range=1, full=True)
    return ViewScore(
        camera_id=camera.camera_id,
        psnr_db=-10 * float(np.log10(max(error, 1e-12))),
        ssim=float(similar.mean(axis=2)[both].mean()),
        ciede2000=float(deltaE_ciede2000(rgb2lab(rendered[both]), rgb2lab(taken[both])).mean()),
        coverage=float(both.sum() / wanted.sum()),
        sharpness=relative_power(rendered, taken, both),
    )


def relative_power(rendered: NDArray[np.floating], taken: NDArray[np.floating], inside: NDArray[np.bool_]) -> float:
    """Power of the first picture at waves of 2 to 8 pixels over that of the second, inside.

    Of brightness, in overlapping Hann windows of 64 pixels that lie inside: blur hides in PSNR, not here.
    """
    shown, wanted = (picture @ np.array([0.2126, 0.7152, 0.0722]) for picture in (rendered, taken))
    totals = np.zeros(2)
    for top in range(0, inside.shape[0] - _BAND_WINDOW_PX + 1, _BAND_WINDOW_PX // 2):
        for left in range(0, inside.shape[1] - _BAND_WINDOW_PX + 1, _BAND_WINDOW_PX // 2):
            part = (slice(top, top + _BAND_WINDOW_PX), slice(left, left + _BAND_WINDOW_PX))
            if inside[part].all():
                totals += [_band_power(shown[part]), _band_power(wanted[part])]
    return float(totals[0] / totals[1]) if totals[1] > 0 else float("nan")


def load_model(path: Path) -> tuple[Mesh, Texture]:
    """A textured .obj or .glb as others read it, in the world's frame: what the benchmark scores is the
    file.
    """
    import trimesh

    loaded = trimesh.load(path, process=False)
    parts = list(loaded.geometry.values()) if isinstance(loaded, trimesh.Scene) else [loaded]
    vertices, faces, uv, tiles, owner, start = [], [], [], [], [], 0
    for number, part in enumerate(parts):
        place = np.asarray(part.vertices)
        if path.suffix == ".glb":
            place = np.stack([place[:, 0], -place[:, 2], place[:, 1]], axis=1)
        material = part.visual.material
        picture = getattr(material, "baseColorTexture", None) or getattr(material, "image", None)
        if picture is None:
            raise InputError("The model has no texture.", str(path), "Give a textured model.")
        vertices.append(place)
        faces.append(np.asarray(part.faces) + start)
        uv.append(np.clip(np.asarray(part.visual.uv)[part.faces], 0, 1))
        tiles.append(np.asarray(picture.convert("RGB")))
        owner.append(np.full(len(part.faces), number))
        start += len(place)
    mesh = Mesh(vertices=np.concatenate(vertices), faces=np.concatenate(faces))
    return mesh, Texture(uv=np.concatenate(uv), tiles=tiles, tile_of_face=np.concatenate(owner))


def _band_power(window: NDArray[np.floating]) -> float:
    hann = np.hanning(_BAND_WINDOW_PX)
    weight = hann[:, None] * hann
    mean = float((window * weight).sum() / weight.sum())
    spectrum = np.abs(np.fft.fft2((window - mean) * weight)) ** 2
    frequency = np.fft.fftfreq(_BAND_WINDOW_PX)
    radius = np.hypot(frequency[:, None], frequency)
    return float(spectrum[(radius >= 1 / 8) & (radius <= 1 / 2)].sum())


def _summary(distances: NDArray[np.float64]) -> Distances:
    p90, p95 = np.percentile(distances, [90, 95])
    return Distances(
        mean_m=float(distances.mean()),
        median_m=float(np.median(distances)),
        p90_m=float(p90),
        p95_m=float(p95),
        max_m=float(distances.max()),
    )


def _at(accuracy: NDArray[np.float64], completeness: NDArray[np.float64], tolerance: float) -> AtTolerance:
    precision, recall = float((accuracy < tolerance).mean()), float((completeness < tolerance).mean())
    f = 2 * precision * recall / max(precision + recall, 1e-9)
    return AtTolerance(tolerance_m=tolerance, precision=precision, recall=recall, f=f)
