"""Image features for alignment: SIFT (Lowe 2004) as OpenCV computes it, described as RootSIFT (Arandjelovic
2012).

OpenCV's SIFT costs a quarter of COLMAP's on a CPU and registers as many photographs; only the subject's
bounding box is looked at where a mask is known.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

_CONTRAST = 0.015  # low: skin has little else
_MARGIN_PX = 24
_MASK_MARGIN_PX = 7


@dataclass(frozen=True, kw_only=True)
class Features:
    """Keypoints of one photograph, strongest first.

    xy: (N, 2) float32 pixels, centres at 0.5. scale: (N,) float32 pixels. angle: (N,) float32 radians.
    descriptors: (N, 128) uint8, RootSIFT times 512. width, height: of the photograph.
    note: what the maker wants to remember of the mask.
    """

    xy: np.ndarray
    scale: np.ndarray
    angle: np.ndarray
    descriptors: np.ndarray
    width: int
    height: int
    note: str = ""

    def __len__(self) -> int:
        return len(self.xy)

    def save(self, path: Path) -> None:
        """Write a .npz file."""
        with path.open("wb") as file:
            np.savez(
                file, xy=self.xy, scale=self.scale, angle=self.angle, descriptors=self.descriptors,
                size=np.array([self.width, self.height]), note=np.array(self.note),
            )  # fmt: skip

    @staticmethod
    def load(path: Path) -> Features:
        """Read what `save` wrote."""
        with np.load(path, allow_pickle=False) as data:
            width, height = (int(v) for v in data["size"])
            return Features(
                xy=data["xy"], scale=data["scale"], angle=data["angle"], descriptors=data["descriptors"],
                width=width, height=height, note=str(data["note"]),
            )  # fmt: skip


def extract_features(
    image: np.ndarray, mask: np.ndarray | None = None, *, max_features: int = 5000, note: str = ""
) -> Features:
    """SIFT features of a photograph.

    Args:
        image: (H, W, 3) uint8 or uint16, sRGB-encoded.
        mask: (H, W) bool, True where features may lie (a few pixels beside it count as well).
        max_features: how many are kept, by strength.
        note: kept with the features.
    """
    import cv2

    height, width = image.shape[:2]
    top, bottom, left, right = _box(mask, height, width)
    window = image[top:bottom, left:right]
    if window.dtype == np.uint16:
        window = (window >> 8).astype(np.uint8)
    grey = cv2.cvtColor(np.ascontiguousarray(window), cv2.COLOR_RGB2GRAY)
    allowed = None
    if mask is not None:
        disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * _MASK_MARGIN_PX + 1,) * 2)
        allowed = cv2.dilate(mask[top:bottom, left:right].astype(np.uint8) * 255, disc)
    sift = cv2.SIFT.create(contrastThreshold=_CONTRAST, enable_precise_upscale=True)
    keypoints, descriptors = sift.detectAndCompute(grey, allowed)
    if descriptors is None:
        keypoints, descriptors = (), np.zeros((0, 128), np.float32)
    response = np.array([k.response for k in keypoints], np.float64)
    # Ties by position: the order of equal responses must not depend on the machine.
    xy = np.array([k.pt for k in keypoints], np.float64).reshape(-1, 2)
    order = np.lexsort((xy[:, 0], xy[:, 1], -response))[:max_features]
    chosen = [keypoints[i] for i in order]
    return Features(
        xy=(xy[order] + (left + 0.5, top + 0.5)).astype(np.float32),  # OpenCV's centres lie at 0
        scale=np.array([k.size for k in chosen], np.float32),
        angle=np.deg2rad(np.array([k.angle for k in chosen], np.float32)).astype(np.float32),
        descriptors=_root_sift(descriptors[order]),
        width=width,
        height=height,
        note=note,
    )


def _root_sift(descriptors: np.ndarray) -> np.ndarray:
    total = np.maximum(descriptors.sum(axis=1, keepdims=True), 1e-9)
    return np.minimum(np.rint(512.0 * np.sqrt(descriptors / total)), 255).astype(np.uint8)


def _box(mask: np.ndarray | None, height: int, width: int) -> tuple[int, int, int, int]:
    """Top, bottom, left, right of what the mask covers, with a margin; all of the picture without a mask."""
    if mask is None or not mask.any():
        return 0, height, 0, width
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return (
        max(0, int(rows[0]) - _MARGIN_PX),
        min(height, int(rows[-1]) + 1 + _MARGIN_PX),
        max(0, int(columns[0]) - _MARGIN_PX),
        min(width, int(columns[-1]) + 1 + _MARGIN_PX),
    )
