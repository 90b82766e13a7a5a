"""A photograph, the twin from the same camera, how they differ, and the twin's shape, side by side."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from scan3d.geometry import Camera
from scan3d.report.look import look_at
from scan3d.report.shading import view_clay, view_colours
from scan3d.report.surface_view import SurfaceView

HEIGHT = 1000
_MARGIN = 0.04
_AMPLIFIED = 4.0


def comparison(model: SurfaceView, camera: Camera, photograph: NDArray[np.unsignedinteger]) -> NDArray[np.uint8]:
    """(H, W, 3) uint8, at most HEIGHT high, cut to the subject: photograph, twin, four times their difference, clay.

    photograph: (h, w, 3) uint8 or uint16 of that camera, sRGB-encoded. The twin is shown unlit: its colours hold the
    light of its own photographs.
    """
    taken = (photograph.astype(np.float32) / np.iinfo(photograph.dtype).max).astype(np.float32)
    look = look_at(model, camera)
    shown, clay = view_colours(look), view_clay(look)
    twin = shown.over((0, 0, 0)) / np.float32(255)
    difference = np.clip(_AMPLIFIED * np.abs(twin - taken * shown.cover[..., None]), 0, 1)
    part = _subject(shown.cover)
    panels = [np.rint(255 * p[part]).astype(np.uint8) for p in (taken, twin, difference)]
    panels.append(clay.over((0.16, 0.16, 0.17))[part])
    return _reduced(np.concatenate(panels, axis=1))


def _subject(cover: NDArray[np.float32]) -> tuple[slice, slice]:
    """Rows and columns of what is covered, and some more; all of them where nothing is."""
    rows, columns = np.flatnonzero(cover.any(axis=1)), np.flatnonzero(cover.any(axis=0))
    if not len(rows):
        return slice(None), slice(None)
    margin = round(_MARGIN * max(np.ptp(rows), np.ptp(columns)))
    return (
        slice(max(0, int(rows[0]) - margin), int(rows[-1]) + margin),
        slice(max(0, int(columns[0]) - margin), int(columns[-1]) + margin),
    )


def _reduced(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    import cv2

    height, width = picture.shape[:2]
    if height <= HEIGHT:
        return picture
    return np.asarray(cv2.resize(picture, (round(width * HEIGHT / height), HEIGHT), interpolation=cv2.INTER_AREA))
