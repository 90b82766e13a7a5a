"""The rims of maps: heights end softly where the scan does, and values reach past the borders of the charts."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

_SOFT = 256  # of the map's side: a share of it over which heights fade
_PADDING = 256  # of the map's side: a share of it that values reach past a chart


def soften_heights(height_m: npt.NDArray[np.float32], coverage: npt.NDArray[np.uint8]) -> None:
    """Heights (H, W) fade to 0 towards texels of the body where they are not known. In place."""
    import cv2

    unknown = (coverage > 0) & (height_m == 0)
    if not unknown.any() or unknown.all():
        return
    away = cv2.distanceTransform((~unknown).astype(np.uint8), cv2.DIST_L2, 3)
    height_m *= np.clip(away / max(2, len(height_m) // _SOFT), 0, 1)


def spread_over_borders(
    albedo: npt.NDArray[np.generic], *others: npt.NDArray[np.generic], coverage: npt.NDArray[np.uint8]
) -> None:
    """Texels around the charts take the values of the nearest one on them, farther ones the mean colour. In place.

    albedo, others: (H, W[, C]). coverage: (H, W), above 0 on the charts.
    """
    import cv2

    size = len(albedo)
    padding = max(4, size // _PADDING)
    on_body = coverage > 0
    if not on_body.any():
        return
    mean = albedo[on_body][:: max(1, size // 256)].mean(axis=0)
    rows = max(4 * padding, (1 << 22) // size)
    for first in range(0, size, rows):
        top, bottom = max(0, first - padding), min(size, first + rows + padding)
        part = on_body[top:bottom]
        inner = slice(first - top, min(size, first + rows) - top)
        off = ~part
        off[: inner.start] = off[inner.stop :] = False
        if part.any():
            away, label = cv2.distanceTransformWithLabels(
                (~part).astype(np.uint8), cv2.DIST_L2, 3, labelType=cv2.DIST_LABEL_PIXEL
            )
            index = np.flatnonzero(part)
            nearest = np.zeros(int(label.max()) + 1, np.int64)
            nearest[label.ravel()[index]] = index
            near = off & (away <= padding)
            source = nearest[label[near]]
            for values in (albedo, *others):
                flat = values[top:bottom].reshape(part.size, -1)
                flat[near.ravel()] = flat[source]
            off &= ~near
        albedo[top:bottom][off] = mean
