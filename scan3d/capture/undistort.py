"""Photographs without lens distortion, as the reconstruction reads them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from scan3d.geometry import Camera

_STRIP_ROWS = 256  # maps of a strip at a time: those of a whole 60 megapixel picture would be 1 GB


def pinhole_of(camera: Camera) -> Camera:
    """The camera that takes the undistorted picture: same place, size, focal length and centre, no distortion."""
    plain = replace(camera.intrinsics, model="pinhole", distortion=())
    return replace(camera, intrinsics=plain)


def undistort(image: np.ndarray, camera: Camera, *, mask: bool = False) -> np.ndarray:
    """The picture that `pinhole_of(camera)` would have taken.

    image: (H, W) or (H, W, C) of the camera's size; Lanczos interpolation, linear for a `mask`; black (0) where the
    lens saw nothing.  A camera without distortion gives the image itself.
    """
    import cv2

    if camera.intrinsics.model == "pinhole":
        return image
    height, width = image.shape[:2]
    target = pinhole_of(camera).intrinsics
    out = np.empty_like(image)
    columns = (np.arange(width) + 0.5 - target.cx) / target.fx
    for top in range(0, height, _STRIP_ROWS):
        rows = (np.arange(top, min(top + _STRIP_ROWS, height)) + 0.5 - target.cy) / target.fy
        rays = np.empty((len(rows), width, 3))
        rays[..., 0], rays[..., 1], rays[..., 2] = columns, rows[:, None], 1.0
        # pixel centres at 0.5 here, at 0 in OpenCV
        px = (camera.intrinsics.project(rays) - 0.5).astype(np.float32)
        out[top : top + len(rows)] = cv2.remap(
            image, px[..., 0], px[..., 1], cv2.INTER_LINEAR if mask else cv2.INTER_LANCZOS4,
            borderMode=cv2.BORDER_CONSTANT,
        )  # fmt: skip
    return out
