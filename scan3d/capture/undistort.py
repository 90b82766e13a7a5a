"""Photographs without lens distortion, as the reconstruction reads them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from scan3d.geometry import Camera

_NODE_PX = 4  # lenses are smooth: their map is exact every 4 pixels and cubic between, within 1e-3 px
_STRIP_ROWS = 512  # maps of a strip at a time: those of a whole 60 megapixel picture would be half a gigabyte


def pinhole_of(camera: Camera) -> Camera:
    """The camera that takes the undistorted picture: same place, size, focal length and centre, no distortion."""
    plain = replace(camera.intrinsics, model="pinhole", distortion=())
    return replace(camera, intrinsics=plain)


def undistort(image: np.ndarray, camera: Camera, *more: np.ndarray) -> tuple[np.ndarray, ...]:
    """The pictures that `pinhole_of(camera)` would have taken of the same scene.

    image, more: (H, W) or (H, W, C) of the camera's size.  The first is sampled by Lanczos, the others (masks)
    linearly; 0 where the lens saw nothing.  A camera without distortion gives the pictures themselves.
    """
    import cv2

    pictures = (image, *more)
    if camera.intrinsics.model == "pinhole":
        return pictures
    out = tuple(np.empty_like(picture) for picture in pictures)
    for top in range(0, image.shape[0], _STRIP_ROWS):
        bottom = min(top + _STRIP_ROWS, image.shape[0])
        across, down = _map(camera, top, bottom)
        for number, (source, target) in enumerate(zip(pictures, out, strict=True)):
            how = cv2.INTER_LINEAR if number else cv2.INTER_LANCZOS4
            target[top:bottom] = cv2.remap(source, across, down, how, borderMode=cv2.BORDER_CONSTANT)
    return out


def _map(camera: Camera, top: int, bottom: int) -> tuple[np.ndarray, np.ndarray]:
    """Where each undistorted pixel of some rows lies in the photograph: OpenCV's x and y, (rows, W) float32."""
    import cv2

    plain = pinhole_of(camera).intrinsics
    margin = 2  # nodes beyond the border, for the cubic
    columns = -(-plain.width // _NODE_PX) + 2 * margin
    rows = -(-(bottom - top) // _NODE_PX) + 2 * margin
    # cv2.resize puts node k at (k + 0.5) * step - 0.5 in OpenCV's pixels, so at (k + 0.5) * step in ours
    x = (np.arange(columns) - margin + 0.5) * _NODE_PX
    y = top + (np.arange(rows) - margin + 0.5) * _NODE_PX
    rays = np.ones((rows, columns, 3))
    rays[..., 0], rays[..., 1] = (x - plain.cx) / plain.fx, ((y - plain.cy) / plain.fy)[:, None]
    nodes = camera.intrinsics.project(rays) - 0.5  # pixel centres lie at 0.5 here, at 0 in OpenCV
    # only the departure is interpolated: it is small, so that float32 keeps 1e-5 px
    plain_px = np.stack(np.broadcast_arrays(x - 0.5, (y - 0.5)[:, None]), -1)
    size = (columns * _NODE_PX, rows * _NODE_PX)
    departure = cv2.resize((nodes - plain_px).astype(np.float32), size, interpolation=cv2.INTER_CUBIC)
    skip = margin * _NODE_PX
    departure = departure[skip : skip + bottom - top, skip : skip + plain.width]
    across = departure[..., 0] + np.arange(plain.width, dtype=np.float32)
    down = departure[..., 1] + np.arange(top, bottom, dtype=np.float32)[:, None]
    return across, down
