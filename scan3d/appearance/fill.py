"""A texture without holes: what no photograph saw is filled from around, and colours reach past the charts' borders."""

from __future__ import annotations

import numpy as np


def fill_texture(
    index: np.ndarray, colour: np.ndarray, known: np.ndarray, *, size: int, padding_px: int
) -> tuple[np.ndarray, np.ndarray]:
    """The whole tile (T, T, 3) float32 and where it was filled in on the surface (T, T) uint8, 0 or 255.

    index (N,) flat texels on the surface; colour (N, 3); known (N,) bool.  Texels around a chart take the colour of the
    nearest one, so that filtering at its border stays clean; everything farther, and holes, come from a pyramid of
    weighted means (pull-push, Gortler et al. 1996).
    """
    import cv2

    picture = np.zeros((size, size, 3), np.float32)
    weight = np.zeros((size, size), np.float32)
    picture.reshape(-1, 3)[index[known]] = colour[known]
    weight.ravel()[index[known]] = 1
    holes = np.zeros((size, size), np.uint8)
    holes.ravel()[index[~known]] = 255
    around = _pulled_and_pushed(picture, weight)
    picture.reshape(-1, 3)[index[~known]] = around.reshape(-1, 3)[index[~known]]
    surface = np.zeros((size, size), np.uint8)
    surface.ravel()[index] = 1
    if len(index):
        distance, label = cv2.distanceTransformWithLabels(1 - surface, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
        nearest = np.zeros(int(label.max()) + 1, np.int64)
        nearest[label.ravel()[index]] = index
        near = (surface == 0) & (distance <= padding_px)
        picture[near] = picture.reshape(-1, 3)[nearest[label[near]]]
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
    small = cv2.resize(picture * weight[..., None], half, interpolation=cv2.INTER_AREA)
    small /= np.maximum(small_weight, 1e-6)[..., None]
    coarse = _pulled_and_pushed(small, np.minimum(small_weight * 4, 1))
    back = cv2.resize(coarse, weight.shape[::-1], interpolation=cv2.INTER_LINEAR)
    return picture * weight[..., None] + back * (1 - weight[..., None])
