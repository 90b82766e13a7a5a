"""How bright, and in which colour, each camera renders places that several see."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from scan3d.calibration.feature_tracks import Tracks

_ROUNDS = 40
_LEAST = 30  # observations of a camera
_DARKEST = 0.003  # linear; below it noise and black level decide


def camera_gains(tracks: Tracks, rgb: np.ndarray) -> Mapping[str, np.ndarray]:
    """Logarithms (3,) of each camera's red, green and blue against the usual camera's.

    rgb: (M, 3) linear light at the tracks' observations. Places and gains take turns, gains by the median, so gloss
    that one camera sees does not count. Cameras with few observations are left out.
    """
    bright = (rgb > _DARKEST).all(axis=1) & (rgb < 0.95).all(axis=1)
    track, camera = tracks.track[bright], tracks.camera[bright]
    light = np.log(rgb[bright].astype(np.float64))
    count = len(tracks.camera_ids)
    gains = np.zeros((count, 3))
    members = np.maximum(np.bincount(track, minlength=tracks.count), 1)[:, None]
    own = [np.flatnonzero(camera == number) for number in range(count)]
    for _ in range(_ROUNDS):
        rest = light - gains[camera]
        place = np.stack([np.bincount(track, weights=rest[:, k], minlength=tracks.count) for k in range(3)], axis=1)
        off = light - (place / members)[track]
        shared = members[track][:, 0] > 1
        for number, rows in enumerate(own):
            rows = rows[shared[rows]]
            if len(rows) >= _LEAST:
                gains[number] = np.median(off[rows], axis=0)
        gains -= np.median(gains, axis=0)
    return {name: gains[number] for number, name in enumerate(tracks.camera_ids) if len(own[number]) >= _LEAST}
