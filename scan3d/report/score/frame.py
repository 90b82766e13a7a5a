"""A result's cameras beside the true ones, and the way from its frame to theirs where it has one of its own."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scan3d.calibration.upright import Similarity
from scan3d.errors import CalibrationError
from scan3d.geometry import Rig, Rigid3


@dataclass(frozen=True, kw_only=True)
class CameraScore:
    """How far a camera stands from its true place, metres, and is turned from its true direction, radians."""

    camera_id: str
    position_m: float
    turn_rad: float


def score_cameras(truth: Rig, result: Rig) -> tuple[CameraScore, ...]:
    """Of the cameras that both rigs have, in the truth's order; both in one frame."""
    scores = []
    for camera in truth:
        if camera.camera_id not in result:
            continue
        other = result[camera.camera_id]
        turn = camera.cam_from_world @ other.cam_from_world.inverse()
        scores.append(
            CameraScore(
                camera_id=camera.camera_id,
                position_m=float(np.linalg.norm(camera.centre - other.centre)),
                turn_rad=float(np.linalg.norm(turn.log()[3:])),
            )
        )
    return tuple(scores)


def fit_frame(truth: Rig, result: Rig, *, with_scale: bool) -> Similarity:
    """The motion (with_scale: and scale) that takes the result's camera centres onto the true ones.

    Least squares, Umeyama 1991, "Least-squares estimation of transformation parameters between two point patterns".
    Raises CalibrationError where fewer than three cameras are in both, or they stand in one line.
    """
    shared = [camera.camera_id for camera in truth if camera.camera_id in result]
    theirs = np.array([truth[name].centre for name in shared]).reshape(-1, 3)
    ours = np.array([result[name].centre for name in shared]).reshape(-1, 3)
    mean_theirs, mean_ours = (p.mean(axis=0) if len(p) else np.zeros(3) for p in (theirs, ours))
    covariance = (theirs - mean_theirs).T @ (ours - mean_ours)
    u, size, vt = np.linalg.svd(covariance)
    if len(shared) < 3 or size[1] < 1e-9 * max(size[0], 1e-30):
        raise CalibrationError(
            f"{len(shared)} cameras of the result are among the true ones; they do not say where its frame lies.",
            truth.source,
            "Name the cameras as the truth does: three that do not stand in one line are needed.",
        )
    flip = np.array([1.0, 1.0, np.sign(np.linalg.det(u @ vt))])
    rotation = u @ np.diag(flip) @ vt
    scale = float((size * flip).sum() / ((ours - mean_ours) ** 2).sum()) if with_scale else 1.0
    motion = Rigid3(rotation=rotation, translation=mean_theirs - scale * rotation @ mean_ours)
    return Similarity(scale=scale, world_from_model=motion)
