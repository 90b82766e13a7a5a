"""Which kind of surface a vertex is, by votes of pictures that say so: eyes, teeth, hair and cloth kept from skin."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from scan3d.appearance.materials.observations import LitView, Watched
from scan3d.geometry import Mesh

KINDS = ("unknown", "skin", "cloth", "eyes", "hair", "teeth")  # the values of a picture's pixels
SKIN = 0


def voted_labels(
    mesh: Mesh, normals: np.ndarray, views: Mapping[str, LitView], pictures: Mapping[str, Callable[[], np.ndarray]]
) -> np.ndarray:
    """(V,) int16: 0 for skin, 1 cloth, 2 eyes, 3 hair, 4 teeth; what nobody voted on is skin.

    pictures: by camera, (H, W) uint8 of the view's size with the values of `KINDS`. Votes weigh as the view counts.
    """
    position, own = np.ascontiguousarray(mesh.vertices, np.float32), np.ascontiguousarray(normals, np.float32)
    votes = np.zeros((len(position), len(KINDS)), np.float32)
    rows = np.arange(len(position))
    for camera_id, load in pictures.items():
        sight = Watched(mesh, views[camera_id]).sight(position, own)
        picture = load()
        column = np.clip(np.rint(sight.place[:, 0]).astype(int), 0, picture.shape[1] - 1)
        row = np.clip(np.rint(sight.place[:, 1]).astype(int), 0, picture.shape[0] - 1)
        value = np.minimum(picture[row, column], len(KINDS) - 1)
        np.add.at(votes, (rows, value), sight.share)
    named = votes[:, 1:]
    return np.where(named.max(axis=1) > 0, named.argmax(axis=1), SKIN).astype(np.int16)
