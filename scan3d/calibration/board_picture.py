"""A photograph as the board detectors want it: grey, black on white, small for finding and full for measuring."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

# Boards are found in a picture of about so many pixels along its longer side, then measured in the full one.
_SEARCHED_PX = 1800
_SOFT_PX = 3.0  # in the enlarged picture: the blur that is taken off
_ROW = 16384  # points that cv2.remap is given in a row: it refuses sides of 32767
_GAMMA = 2.2  # of sRGB, near enough where the middle between black and white is asked for


@dataclass(frozen=True, kw_only=True, eq=False)
class BoardPicture:
    """grey: (H, W) float32, 0..255 as encoded in the file, and turned to its negative for boards that are inverted.
    linear: (H, W) float32, its light; of a negative with its sign changed, so that white is above black here too.
    small: (h, w) uint8 of the same, reduced by `reduction` (below 1: enlarged). negative: it was turned."""

    grey: np.ndarray
    linear: np.ndarray
    small: np.ndarray
    reduction: float
    negative: bool = False

    @property
    def size(self) -> tuple[int, int]:
        """Width and height, pixels."""
        return self.grey.shape[1], self.grey.shape[0]

    def to_full(self, px_cv: np.ndarray) -> np.ndarray:
        """OpenCV's pixels (..., 2) in `small` as OpenCV's pixels in `grey`."""
        height, width = self.grey.shape
        scale = np.array([width / self.small.shape[1], height / self.small.shape[0]])
        return (np.asarray(px_cv, dtype=np.float64) + 0.5) * scale - 0.5

    def full(self) -> BoardPicture:
        """The same to be searched at its full size."""
        return replace(self, small=np.rint(self.grey).astype(np.uint8), reduction=1.0)

    def enlarged(self) -> BoardPicture:
        """The same to be searched at twice its full size and sharpened, for markers of a few pixels."""
        import cv2

        large = cv2.resize(self.grey, None, fx=2.0, fy=2.0, interpolation=cv2.INTER_CUBIC)
        soft = cv2.GaussianBlur(large, None, _SOFT_PX)
        sharp = np.rint(np.clip(2.0 * large - soft, 0, 255)).astype(np.uint8)
        return replace(self, small=sharp, reduction=0.5)

    def mirrored(self) -> BoardPicture:
        """As in a mirror, left and right exchanged."""
        grey, linear, small = (np.ascontiguousarray(a[:, ::-1]) for a in (self.grey, self.linear, self.small))
        return replace(self, grey=grey, linear=linear, small=small)

    def inverted(self) -> BoardPicture:
        """White where it was black."""
        return replace(
            self, grey=255.0 - self.grey, linear=-self.linear, small=255 - self.small, negative=not self.negative
        )

    def light(self, px_cv: np.ndarray) -> np.ndarray:
        """(...,) of `linear` at OpenCV's pixels (..., 2), between pixels bilinearly; nan outside the picture."""
        import cv2

        flat = np.ascontiguousarray(px_cv, dtype=np.float32).reshape(-1, 2)
        rows = -(-len(flat) // _ROW)
        padded = np.full((rows * _ROW, 2), -9.0, np.float32)
        padded[: len(flat)] = flat
        outside = float("nan")
        values = cv2.remap(
            self.linear, padded.reshape(rows, _ROW, 2), None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT,
            borderValue=outside,
        )  # fmt: skip
        return np.asarray(values, dtype=np.float64).ravel()[: len(flat)].reshape(np.shape(px_cv)[:-1])


def board_picture(pixels: np.ndarray) -> BoardPicture:
    """From a picture (H, W[, 3]) uint8 or uint16, RGB or grey, sRGB-encoded.

    Raises ValueError for another shape or type.
    """
    import cv2

    if pixels.dtype not in (np.uint8, np.uint16) or pixels.ndim not in (2, 3):
        raise ValueError(f"a picture is (H, W) or (H, W, 3) of uint8 or uint16, not {pixels.shape} {pixels.dtype}")
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY) if pixels.ndim == 3 else pixels
    levels = np.iinfo(grey.dtype).max
    full = grey.astype(np.float32) * np.float32(255.0 / levels)
    linear = ((np.arange(levels + 1) / levels) ** _GAMMA).astype(np.float32)[grey]
    longer = max(grey.shape)
    if longer <= 1.25 * _SEARCHED_PX:
        return BoardPicture(grey=full, linear=linear, small=np.rint(full).astype(np.uint8), reduction=1.0)
    scale = _SEARCHED_PX / longer
    small = np.rint(cv2.resize(full, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)).astype(np.uint8)
    return BoardPicture(grey=full, linear=linear, small=small, reduction=1.0 / scale)
