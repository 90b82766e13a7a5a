"""A texture without holes: what no photograph saw is filled from around, and colours reach past the charts' borders."""

from __future__ import annotations

import numpy as np


def fill_texture(
    index: np.ndarray, colour: np.ndarray, known: np.ndarray, *, size: int, padding_px: int
) -> tuple[np.ndarray, np.ndarray]:
    """The whole tile (T, T, C) float32 and where it was filled in on the surface (T, T) uint8, 0 or 255.

    index (N,) flat texels on the surface; colour (N, C); known (N,) bool.  Texels around a chart take the colour of the
    nearest one, so that filtering at its border stays clean; everything farther, and holes, come from a pyramid of
    weighted means (pull-push, Gortler et al. 1996).
    """
    import cv2

    channels = colour.shape[1]
    picture = np.zeros((size, size, channels), np.float32)
    weight = np.zeros((size, size), np.float32)
    picture.reshape(-1, channels)[index[known]] = colour[known]
    weight.ravel()[index[known]] = 1
    holes = np.zeros((size, size), np.uint8)
    holes.ravel()[index[~known]] = 255
    around = _pulled_and_pushed(picture, weight)
    picture.reshape(-1, channels)[index[~known]] = around.reshape(-1, channels)[index[~known]]
    surface = np.zeros((size, size), np.uint8)
    surface.ravel()[index] = 1
    if len(index):
        distance, label = cv2.distanceTransformWithLabels(1 - surface, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
        nearest = np.zeros(int(label.max()) + 1, np.int64)
        nearest[label.ravel()[index]] = index
        near = (surface == 0) & (distance <= padding_px)
        picture[near] = picture.reshape(-1, channels)[nearest[label[near]]]
        far = (surface == 0) & (distance > padding_px)
        picture[far] = around[far]
    return picture, holes


def _pulled_and_pushed(picture: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Colours everywhere from those with weight: means of what is known, at the finest level that knows any."""
    import cv2

    if min(weight.shape) <= 1:
        return picture
    half = (max(1, weight.shape[1] // 2), max(1, weight.shape[0] // 2))
    small_weight = cv2.resize(weight, half, interpolation=cv2.INTER_AREA)
    small = np.empty((*small_weight.shape, picture.shape[2]), np.float32)
    # Channel by channel: all at once would hold three pictures more.
    for c in range(picture.shape[2]):
        small[..., c] = cv2.resize(picture[..., c] * weight, half, interpolation=cv2.INTER_AREA)
    small /= np.maximum(small_weight, 1e-6)[..., None]
    coarse = _pulled_and_pushed(small, np.minimum(small_weight * 4, 1))
    del small
    back = np.empty_like(picture)
    for c in range(picture.shape[2]):
        back[..., c] = cv2.resize(coarse[..., c], weight.shape[::-1], interpolation=cv2.INTER_LINEAR)
        back[..., c] *= 1 - weight
        back[..., c] += picture[..., c] * weight
    return back
