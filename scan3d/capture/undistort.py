"""Photographs without lens distortion, as the reconstruction reads them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from scan3d.geometry import Camera

_NODE_PX = 4  # lenses are smooth: their map is exact every 4 pixels and cubic between, within 1e-4 px
_MARGIN = 2  # nodes beyond the border, for the cubic
# Weights of the 5 nodes around each of the 4 pixels of a node, by Catmull and Rom: they keep parabolas, whereas the
# cubic of cv2.resize (a = -0.75) does not even keep ramps and left 0.02 px of ripple in strong lenses.
_WEIGHTS = (
    np.array(
        [
            [-45, 399, 745, -75, 0],
            [-7, 93, 987, -49, 0],
            [0, -49, 987, 93, -7],
            [0, -75, 745, 399, -45],
        ],
        np.float32,
    )
    / 1024
)
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
    plain = pinhole_of(camera).intrinsics
    columns = -(-plain.width // _NODE_PX) + 2 * _MARGIN
    rows = -(-(bottom - top) // _NODE_PX) + 2 * _MARGIN
    x = (np.arange(columns) - _MARGIN + 0.5) * _NODE_PX  # in the middle of its 4 pixels
    y = top + (np.arange(rows) - _MARGIN + 0.5) * _NODE_PX
    rays = np.ones((rows, columns, 3))
    rays[..., 0], rays[..., 1] = (x - plain.cx) / plain.fx, ((y - plain.cy) / plain.fy)[:, None]
    nodes = camera.intrinsics.project(rays) - 0.5  # pixel centres lie at 0.5 here, at 0 in OpenCV
    # only the departure is interpolated: it is small, so that float32 keeps 1e-5 px
    plain_px = np.stack(np.broadcast_arrays(x - 0.5, (y - 0.5)[:, None]), -1)
    departure = (nodes - plain_px).astype(np.float32)
    number, base = np.arange(plain.width, dtype=np.float32), np.arange(top, bottom, dtype=np.float32)[:, None]
    across = _between(departure[..., 0])[: bottom - top, : plain.width] + number
    down = _between(departure[..., 1])[: bottom - top, : plain.width] + base
    return across, down


def _between(nodes: np.ndarray) -> np.ndarray:
    """Values at pixels, (4 (h - 4), 4 (w - 4)) float32, of nodes (h, w) that lie _MARGIN further out."""
    for _ in range(2):  # down, then across
        nodes = nodes.T
        inner = nodes.shape[1] - 2 * _MARGIN
        out = np.empty((nodes.shape[0], inner, _NODE_PX), np.float32)
        for pixel, weights in enumerate(_WEIGHTS):
            out[..., pixel] = sum(w * nodes[:, k : k + inner] for k, w in enumerate(weights) if w)
        nodes = out.reshape(len(out), -1)
    return nodes
