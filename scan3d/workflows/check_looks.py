"""One look at every photograph of a take, for all checks together: each is decoded once."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace

import numpy as np

from scan3d.calibration.features import Features, extract_features
from scan3d.capture.exif import Exif, read_exif
from scan3d.capture.images import load_rgb
from scan3d.capture.photo_measures import PhotoMeasures, measure_photograph
from scan3d.capture.take import Take
from scan3d.pipeline.executor import run_units
from scan3d.pipeline.progress import Progress
from scan3d.workflows.alignment_stages import find_subject

_RIM_PX = 4  # inside the silhouette; what lies on it is no place, but another one for every camera
_FEATURES = 4000
# `extract_features` also takes what lies so far beside a mask.
_EXTRACTION_RIM_PX = 7


@dataclass(frozen=True, kw_only=True, eq=False)
class Look:
    """What one photograph gave. features: inside the subject; their places are those of `measures.rgb`."""

    camera_id: str
    exif: Exif
    features: Features
    measures: PhotoMeasures


def look_at_photographs(
    take: Take, *, skip: Collection[str] = (), progress: Progress, workers: int | None = None
) -> dict[str, Look]:
    """Look at the photographs that geometry is made from. skip: cameras whose files cannot be used."""
    images = {camera_id: path for camera_id, path in take.images().items() if camera_id not in skip}

    def look(camera_id: str) -> Look:
        rgb = load_rgb(images[camera_id], camera_id=camera_id, linear=take.settings.linear)
        mask, how = find_subject(rgb, take, camera_id)
        features = _inner_features(rgb, mask, how)
        measures = measure_photograph(camera_id, rgb, mask, features.xy.astype(np.float64))
        return Look(camera_id=camera_id, exif=read_exif(images[camera_id]), features=features, measures=measures)

    with progress.task("look", len(images)) as task:
        looks = run_units(look, sorted(images), workers=workers, progress_task=task)
    return {one.camera_id: one for one in looks}


def _inner_features(rgb: np.ndarray, mask: np.ndarray | None, how: str) -> Features:
    """Features of the subject, those of its silhouette left out."""
    if mask is None:
        return extract_features(rgb, None, max_features=_FEATURES, note=how)
    import cv2

    side = 2 * (_RIM_PX + _EXTRACTION_RIM_PX) + 1
    inner = cv2.erode(mask.astype(np.uint8), np.ones((side, side), np.uint8), borderValue=0) > 0
    if not inner.any():
        return replace(extract_features(rgb, mask, max_features=2), note=how)
    return extract_features(rgb, inner, max_features=_FEATURES, note=how)
