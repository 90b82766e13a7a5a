"""Tracks under a calibration: places by triangulation, and what is left for each camera once places are free.

The places are eliminated exactly (Schur complement; Triggs et al. 2000, section 6.1): what remains is a quadratic in
the cameras' poses alone, from which a step of one camera, or of any of them together, can be read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from scan3d.calibration.feature_tracks import Tracks
from scan3d.geometry import Camera, Rig, Rigid3

_ROUNDS = 6
_STEPS = 4
_CAUCHY = 2.0  # of the scale of the residuals: 0.94 efficient where they are normal (Holland and Welsch 1977: 2.385)
_SMALLEST_ANGLE_RAD = np.deg2rad(3.0)  # between rays to a place, for it to say anything


@dataclass(frozen=True, kw_only=True, eq=False)
class Places:
    """Where the tracks' places are, and how well they fit.

    xyz: (T, 3) world, metres. residual: (M, 2) pixels, found minus predicted; NaN where a place has no pixel.
    sigma_px: (M,) how far each observation is expected to be off. weight: (M,) robust weights, 0 for outliers.
    """

    xyz: np.ndarray
    residual: np.ndarray
    sigma_px: np.ndarray
    weight: np.ndarray


@dataclass(frozen=True, kw_only=True, eq=False)
class ReducedSystem:
    """0.5 d^T hessian d - gradient^T d is the cost of small movements d of the cameras, places eliminated.

    d: (C, 6) twists (metres, radians) applied in each camera's frame: cam_from_world becomes exp(d) @ cam_from_world.
    hessian: (C, 6, C, 6). gradient: (C, 6). Both in units of the observations' sigma.
    """

    hessian: np.ndarray
    gradient: np.ndarray


def triangulate(tracks: Tracks, rig: Rig) -> Places:
    """Robust places of all tracks: from the rays, then by least squares in pixels with Cauchy weights."""
    cameras = [rig[camera_id] for camera_id in tracks.camera_ids]
    xyz = _from_rays(tracks, cameras)
    size = np.maximum(tracks.scale_px / np.median(tracks.scale_px), 0.7) if len(tracks.px) else tracks.scale_px
    weight = np.ones(len(tracks.px))
    sigma = size
    for _ in range(_ROUNDS):
        residual, by_point, _ = _linearised(tracks, cameras, xyz)
        length = np.linalg.norm(residual, axis=1) / size
        fits = np.isfinite(length)
        # The median of a length over two axes is 1.18 sigma; the places have taken up a part of it.
        scale = float(np.median(length[fits])) / 1.18 * _spread_factor(tracks) if fits.any() else 1.0
        sigma = np.maximum(scale, 1e-6) * size
        weight = np.where(fits, 1.0 / (1.0 + (length * size / (_CAUCHY * sigma)) ** 2), 0.0)
        xyz = xyz + _point_steps(tracks, residual, by_point, weight / sigma**2)
    residual, _, _ = _linearised(tracks, cameras, xyz)
    weight = np.where(np.isfinite(residual).all(axis=1), weight, 0.0) * _wide_enough(tracks, cameras, xyz)
    return Places(xyz=xyz, residual=residual, sigma_px=sigma, weight=weight)


def reduced_system(tracks: Tracks, rig: Rig, places: Places) -> ReducedSystem:
    """The quadratic in all cameras' movements about the places given."""
    cameras = [rig[camera_id] for camera_id in tracks.camera_ids]
    residual, by_point, by_pose = _linearised(tracks, cameras, places.xyz)
    count, track = len(cameras), tracks.track
    root = np.sqrt(places.weight) / places.sigma_px
    known = root > 0
    root = np.where(known, root, 0.0)[:, None]
    residual = np.where(known[:, None], residual, 0.0) * root
    by_point = np.where(known[:, None, None], by_point, 0.0) * root[..., None]
    by_pose = np.where(known[:, None, None], by_pose, 0.0) * root[..., None]
    normal = _summed(track, tracks.count, np.einsum("nij,nik->njk", by_point, by_point))
    inverse = _inverse(normal)
    hessian = np.zeros((count, 6, count, 6))
    cross = np.einsum("nij,nik->njk", by_pose, by_point)
    point_gradient = _summed(track, tracks.count, np.einsum("nij,ni->nj", by_point, residual))
    shifted = np.einsum("nij,njk->nik", cross, inverse[track])
    own_gradient = np.einsum("nij,ni->nj", by_pose, residual) - np.einsum("nij,nj->ni", shifted, point_gradient[track])
    gradient = _gathered(tracks.camera, count, own_gradient)
    own = _gathered(tracks.camera, count, np.einsum("nij,nik->njk", by_pose, by_pose))
    for number in range(count):
        hessian[number, :, number] = own[number]
    first, second = _observation_pairs(track, tracks.count)
    terms = np.einsum("nij,nkj->nik", shifted[first], cross[second])
    blocks = _gathered(tracks.camera[first] * count + tracks.camera[second], count * count, terms)
    hessian -= blocks.reshape(count, count, 6, 6).transpose(0, 2, 1, 3)
    return ReducedSystem(hessian=hessian, gradient=gradient)


def moved(rig: Rig, camera_id: str, twist: np.ndarray) -> Rig:
    """The rig with one camera moved by a twist (6,) in its own frame."""
    camera = rig[camera_id]
    pose = Rigid3.exp(twist) @ camera.cam_from_world
    return replace(rig, cameras=tuple(replace(c, cam_from_world=pose) if c.camera_id == camera_id else c for c in rig))


def adjust_poses(tracks: Tracks, rig: Rig, free: Sequence[int]) -> Rig:
    """The rig with some cameras, by number, moved to where they fit and the others held, by Gauss-Newton."""
    for _ in range(_STEPS):
        system = reduced_system(tracks, rig, triangulate(tracks, rig))
        size = 6 * len(free)
        hessian = system.hessian[np.ix_(free, range(6), free, range(6))].reshape(size, size)
        steps = solve_normal(hessian, system.gradient[list(free)].ravel()).reshape(-1, 6)
        for number, step in zip(free, steps, strict=True):
            rig = moved(rig, tracks.camera_ids[number], step)
    return rig


def solve_normal(hessian: np.ndarray, gradient: np.ndarray) -> np.ndarray:
    """The step of a normal equation, with directions that the observations do not tell left alone."""
    size = np.sqrt(np.maximum(np.diag(hessian), 1e-300))
    values, vectors = np.linalg.eigh(hessian / np.outer(size, size))
    told = values > 1e-9 * max(float(values[-1]), 1e-300)
    inverse = np.where(told, 1.0 / np.where(told, values, 1.0), 0.0)
    return np.asarray(vectors @ (inverse * (vectors.T @ (gradient / size))) / size)


def pose_motion_px(tracks: Tracks, rig: Rig, places: Places, camera: int, twist: np.ndarray) -> float:
    """How far a small movement (6,) of a camera, by number, moves its picture: rms over its observations, pixels."""
    rows = np.flatnonzero((tracks.camera == camera) & (places.weight > 0))
    if not len(rows):
        return 0.0
    own = rig[tracks.camera_ids[camera]]
    local = own.cam_from_world.apply(places.xyz[tracks.track[rows]])
    _, by_local, _ = own.intrinsics.project_jacobian(local)
    motion = twist[:3] + np.cross(twist[3:], local)
    return float(np.sqrt((np.einsum("nij,nj->ni", by_local, motion) ** 2).sum(axis=1).mean()))


def _linearised(
    tracks: Tracks, cameras: Sequence[Camera], xyz: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Residuals (M, 2), and the prediction's derivatives by the place (M, 2, 3) and by the camera's twist (M, 2, 6)."""
    residual = np.full((len(tracks.px), 2), np.nan)
    by_point, by_pose = np.zeros((len(tracks.px), 2, 3)), np.zeros((len(tracks.px), 2, 6))
    for number, camera in enumerate(cameras):
        rows = np.flatnonzero(tracks.camera == number)
        local = camera.cam_from_world.apply(xyz[tracks.track[rows]])
        px, by_local, _ = camera.intrinsics.project_jacobian(local)
        residual[rows] = tracks.px[rows] - px
        by_point[rows] = by_local @ camera.cam_from_world.rotation
        by_pose[rows, :, :3] = by_local
        # d(omega x p) = -[p]x omega
        by_pose[rows, :, 3:] = np.cross(local[:, None, :], by_local)
    return residual, by_point, by_pose


def _from_rays(tracks: Tracks, cameras: Sequence[Camera]) -> np.ndarray:
    """(T, 3) the points nearest to the rays."""
    ray, centre = np.zeros((len(tracks.px), 3)), np.zeros((len(tracks.px), 3))
    for number, camera in enumerate(cameras):
        rows = tracks.camera == number
        ray[rows], centre[rows] = camera.ray_directions(tracks.px[rows]), camera.centre
    across = np.eye(3) - ray[:, :, None] * ray[:, None, :]
    a = _summed(tracks.track, tracks.count, across)
    b = _summed(tracks.track, tracks.count, np.einsum("nij,nj->ni", across, centre))
    return np.asarray(np.einsum("nij,nj->ni", _inverse(a), b))


def _point_steps(tracks: Tracks, residual: np.ndarray, by_point: np.ndarray, weight: np.ndarray) -> np.ndarray:
    known = (weight > 0)[:, None]
    residual = np.where(known, residual, 0.0)
    by_point = np.where(known[..., None], by_point, 0.0)
    normal = _summed(tracks.track, tracks.count, weight[:, None, None] * np.einsum("nij,nik->njk", by_point, by_point))
    right = _summed(tracks.track, tracks.count, weight[:, None] * np.einsum("nij,ni->nj", by_point, residual))
    return np.asarray(np.einsum("nij,nj->ni", _inverse(normal), right))


def _spread_factor(tracks: Tracks) -> float:
    """How much larger errors are than residuals: a place of n views takes 3 of their 2 n numbers."""
    numbers = 2 * len(tracks.px)
    return float(np.sqrt(numbers / max(numbers - 3 * tracks.count, 1)))


def _wide_enough(tracks: Tracks, cameras: Sequence[Camera], xyz: np.ndarray) -> np.ndarray:
    """(M,) 1 where the rays to a place differ enough in direction."""
    centres = np.array([camera.centre for camera in cameras])[tracks.camera]
    ray = xyz[tracks.track] - centres
    ray /= np.linalg.norm(ray, axis=1, keepdims=True)
    mean = _summed(tracks.track, tracks.count, ray)
    members = np.bincount(tracks.track, minlength=tracks.count)
    spread = np.arccos(np.clip(np.linalg.norm(mean, axis=1) / np.maximum(members, 1), -1, 1))
    return np.asarray(spread[tracks.track] > 0.5 * _SMALLEST_ANGLE_RAD, dtype=np.float64)


def _observation_pairs(track: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """All ordered pairs of observations of one track, an observation with itself too."""
    size = np.bincount(track, minlength=count)
    start = np.cumsum(size) - size
    first = np.repeat(np.arange(len(track)), size[track])
    place = np.arange(len(first)) - np.repeat(np.cumsum(size[track]) - size[track], size[track])
    return first, start[track[first]] + place


def _summed(track: np.ndarray, count: int, values: np.ndarray) -> np.ndarray:
    """(T, ...) sums of the observations' values; tracks are in ascending order and none is empty."""
    if not count:
        return np.zeros((0, *values.shape[1:]))
    return np.asarray(np.add.reduceat(values, np.searchsorted(track, np.arange(count)), axis=0))


def _gathered(key: np.ndarray, count: int, values: np.ndarray) -> np.ndarray:
    """(count, ...) sums of values (N, ...) by a key in any order."""
    flat = values.reshape(len(values), -1)
    sums = [np.bincount(key, weights=column, minlength=count) for column in flat.T]
    return np.stack(sums, axis=1).reshape(count, *values.shape[1:])


def _inverse(normal: np.ndarray) -> np.ndarray:
    """Inverses of (T, 3, 3) normal matrices; zero where there is none."""
    trace = np.trace(normal, axis1=1, axis2=2)
    usable = np.linalg.det(normal) > 1e-12 * np.maximum(trace, 1e-300) ** 3
    safe = np.where(usable[:, None, None], normal, np.eye(3))
    return np.where(usable[:, None, None], np.linalg.inv(safe), 0.0)
