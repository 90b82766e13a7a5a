"""Aligned cameras brought into a rig of which some cameras are known: those stay exactly as they are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from scan3d.calibration.drift import Drift, DriftLimits, drift_of_tracks
from scan3d.calibration.feature_tracks import link, match_along_epipolars, pairs_by_direction
from scan3d.calibration.features import Features
from scan3d.calibration.track_adjustment import adjust_poses
from scan3d.calibration.upright import Similarity, subject_centre
from scan3d.errors import CalibrationError
from scan3d.geometry import Rig, Rigid3
from scan3d.pipeline.progress import Task

_LEAST_OBSERVATIONS = 30


@dataclass(frozen=True, kw_only=True, eq=False)
class ExtendedRig:
    """A rig that grew. rig: the known cameras as they were, the others where they fit. world_from_model: from the
    alignment's frame. drift: of the known cameras among themselves and the others. loose: cameras that share too little
    with others to be adjusted, and stand where the alignment had them."""

    rig: Rig
    world_from_model: Similarity
    drift: Drift
    loose: tuple[str, ...]


def extend_rig(
    known: Rig, aligned: Rig, features: Mapping[str, Features], *, workers: int | None = None, task: Task | None = None
) -> ExtendedRig:
    """Put aligned cameras beside known ones.

    Args:
        known: cameras in their world; those with photographs must be in `aligned` too, two at least.
        aligned: all cameras that could be aligned, in a frame of arbitrary origin, turn and scale.
        features: of the photographs.
    Raises CalibrationError where fewer than two known cameras were aligned, or they contradict the alignment.
    """
    shared = [camera_id for camera_id in aligned.camera_ids if camera_id in known]
    if len(shared) < 2:
        what = f"Only {len(shared)} of the known cameras could be aligned; two are needed."
        raise CalibrationError(what, known.source, "Photograph with more overlap, or align without the known rig.")
    world = similarity_of_cameras(aligned.subset(shared), known.subset(shared))
    guess = world.apply_to_rig(aligned)
    fixed = {camera.camera_id: camera for camera in known}
    start = Rig(cameras=tuple(fixed.get(c.camera_id, c) for c in guess), scale_is_metric=known.scale_is_metric)
    pairs = pairs_by_direction(start, subject_centre(start))
    own = {camera_id: features[camera_id] for camera_id in start.camera_ids}
    tracks = link(own, match_along_epipolars(own, start, pairs, workers=workers, task=task))
    seen = dict(zip(tracks.camera_ids, tracks.per_camera(), strict=True))
    new = [camera_id for camera_id in start.camera_ids if camera_id not in known]
    loose = tuple(camera_id for camera_id in new if seen[camera_id] < _LEAST_OBSERVATIONS)
    free = [number for number, camera_id in enumerate(tracks.camera_ids) if camera_id in new and camera_id not in loose]
    rig = adjust_poses(tracks, start, free) if free else start
    drift = drift_of_tracks(tracks, rig, DriftLimits())
    absent = tuple(camera for camera in known if camera.camera_id not in rig)
    rig = replace(rig, cameras=(*rig.cameras, *absent))
    return ExtendedRig(rig=rig, world_from_model=world, drift=drift, loose=loose)


def similarity_of_cameras(model: Rig, world: Rig) -> Similarity:
    """The similarity that takes cameras of one rig to the same cameras of another, by directions and places.

    Two cameras are enough, as each has a direction of its own. Raises CalibrationError where they stand in one place,
    or the two rigs are not the same shape.
    """
    turns = np.array([
        world[camera.camera_id].cam_from_world.rotation.T @ camera.cam_from_world.rotation for camera in model
    ])  # fmt: skip
    u, _, vt = np.linalg.svd(turns.sum(axis=0))
    rotation = u @ np.diag([1.0, 1.0, np.sign(np.linalg.det(u) * np.linalg.det(vt))]) @ vt
    a = model.centres() @ rotation.T
    b = world.subset(model.camera_ids).centres()
    spread = a - a.mean(axis=0)
    size = float((spread**2).sum())
    scale = float((spread * (b - b.mean(axis=0))).sum()) / size if size > 1e-18 else float("nan")
    if not np.isfinite(scale) or scale <= 0:
        what = "The known cameras cannot be matched with the photographs: they stand otherwise than in the calibration."
        raise CalibrationError(what, world.source, "Check that the known calibration is of this rig.")
    off = np.linalg.norm(scale * spread - (b - b.mean(axis=0)), axis=1)
    if float(np.median(off)) > 0.1 * float(np.sqrt(((b - b.mean(axis=0)) ** 2).sum(axis=1).mean())):
        what = "The known cameras stand otherwise to each other than the photographs say."
        raise CalibrationError(what, world.source, "Check that the known calibration is of this rig and this take.")
    return Similarity(
        scale=scale,
        world_from_model=Rigid3(rotation=rotation, translation=b.mean(axis=0) - scale * a.mean(axis=0)),
    )
