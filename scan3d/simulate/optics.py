"""From pinhole pictures, which is all a path tracer makes, to the picture that a real lens throws on its sensor.

A plan is one pinhole view along the camera's axis, or for a wide lens up to five views of 90 degrees, the faces of a
cube around the camera. They are rendered with more pixels than the sensor has. Every pixel of the sensor then takes
the mean of the view over its own footprint, which is the pixel's corners sent through the exact inverse of the lens.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numba
import numpy as np
import numpy.typing as npt

from scan3d.geometry import Camera, Intrinsics, Rigid3

# Up to 52 degrees off the axis one view does; further out its pixels would be much denser than at its middle.
_WIDEST_SINGLE = 1.3
_MARGIN_LENS_PX = 2.0
_NEAR_M = 1e-3
# Black tiles of a picture are not resampled; which they are is looked up by blocks of the views' pixels.
_TILE, _BLOCK = 64, 16
# Each pixel's footprint is cut into 2 x 2 cells, which are rectangles in the view to 1e-3 of their size.
_CELLS = 2


@dataclass(frozen=True, kw_only=True)
class PinholeView:
    """A pinhole camera at the same place, with square pixels and its axis in the middle of its picture, and the part of
    its picture that is needed: crop (x0, y0, x1, y1) in pixels, x1 and y1 not included."""

    camera: Camera
    crop: tuple[int, int, int, int]

    @property
    def shape(self) -> tuple[int, int]:
        """(height, width) of the crop."""
        x0, y0, x1, y1 = self.crop
        return y1 - y0, x1 - x0


def pinhole_plan(
    camera: Camera, box_m: npt.ArrayLike | None = None, *, oversample: float = 1.5
) -> tuple[PinholeView, ...]:
    """The pinhole views that together hold what a camera sees.

    box_m: (2, 3) lowest and highest corner, world, of what there is to see; None: all around. oversample: pixels of a
    view per pixel of the camera along a side, at least, anywhere in the picture. No views where the camera does not
    see the box.
    """
    corners = None if box_m is None else camera.cam_from_world.apply(_corners(np.asarray(box_m, np.float64)))
    rays, by_px = _rays_and_slopes(camera.intrinsics)
    if len(rays) == 0:
        return ()
    whole = _extent(np.eye(3), rays, corners, limit=np.inf)
    if whole is None and corners is not None:
        return ()
    if whole is not None and np.abs(whole).max() <= _WIDEST_SINGLE:
        views = [_view(camera, np.eye(3), rays, by_px, corners, oversample, limit=_WIDEST_SINGLE, number=0)]
    else:
        views = [
            _view(camera, face, rays, by_px, corners, oversample, limit=1.0, number=number)
            for number, face in enumerate(_cube())
        ]
    return tuple(view for view in views if view is not None)


def resample(camera: Camera, plan: Sequence[PinholeView], images: Sequence[np.ndarray]) -> np.ndarray:
    """The camera's picture (H, W, 3) float32 from the pictures of its plan's views, each (h, w, 3) of the view's crop.

    Each pixel is the mean over its footprint of the views as constant pixels; where no view looks it is black. Raises
    ValueError where a picture has not its view's shape.
    """
    for view, image in zip(plan, images, strict=True):
        if image.shape != (*view.shape, 3):
            raise ValueError(f"the view's picture must have shape {(*view.shape, 3)}, not {image.shape}")
    i = camera.intrinsics
    out = np.zeros((i.height, i.width, 3), np.float32)
    ready = [
        (_view_from_cam(camera, view), view, np.ascontiguousarray(im, np.float32))
        for view, im in zip(plan, images, strict=True)
    ]
    for top, bottom, left, right in _lit_strips(camera, ready):
        grid = np.stack(np.meshgrid(np.arange(left, right + 1.0), np.arange(top, bottom + 1.0)), axis=-1)
        rays = i.unproject(grid)
        rays /= np.linalg.norm(rays, axis=-1, keepdims=True)
        for rotation, view, image in ready:
            v = view.camera.intrinsics
            limit = 1.0 if len(plan) > 1 else np.inf
            offset = (v.cx - view.crop[0], v.cy - view.crop[1])
            _gather(out[top:bottom, left:right], rays, rotation, v.fx, offset[0], offset[1], limit, image)
    return out


def _lit_strips(
    camera: Camera, ready: Sequence[tuple[np.ndarray, PinholeView, np.ndarray]]
) -> Iterator[tuple[int, int, int, int]]:
    """(top, bottom, left, right) of disjoint strips of the picture that hold everything that is not black in a view.

    A subject fills a third of the box around it: what is black need not be resampled.
    """
    i = camera.intrinsics
    lit = np.zeros((-(-i.height // _TILE), -(-i.width // _TILE)), bool)
    last = np.array([lit.shape[1] - 1, lit.shape[0] - 1])
    for view_from_cam, view, image in ready:
        blocks = np.argwhere(_any_in_blocks(image))[:, ::-1]
        if len(blocks) == 0:
            continue
        corners = (blocks[:, None] + np.array([[0, 0], [1, 0], [0, 1], [1, 1], [0.5, 0.5]])) * _BLOCK
        rays = view.camera.intrinsics.unproject(corners + view.crop[:2]) @ view_from_cam
        px = i.project(rays)
        px = px[np.isfinite(px).any(axis=(1, 2))]
        # A view is nowhere coarser than the picture, so what is left of a block where the lens ends is near the rest.
        low, high = np.nanmin(px, axis=1) - _BLOCK, np.nanmax(px, axis=1) + _BLOCK
        seen = (high >= 0).all(axis=1) & (low < (i.width, i.height)).all(axis=1)
        first = np.clip(low[seen] // _TILE, 0, last).astype(int)
        until = np.clip(high[seen] // _TILE, 0, last).astype(int)
        for (x0, y0), (x1, y1) in np.unique(np.stack([first, until], axis=1), axis=0):
            lit[y0 : y1 + 1, x0 : x1 + 1] = True
    for row, tiles in enumerate(lit):
        edges = np.flatnonzero(np.diff(np.concatenate([[False], tiles, [False]])))
        for x0, x1 in edges.reshape(-1, 2):
            yield row * _TILE, min((row + 1) * _TILE, i.height), x0 * _TILE, min(x1 * _TILE, i.width)


def _any_in_blocks(image: np.ndarray) -> np.ndarray:
    """(ceil(h / _BLOCK), ceil(w / _BLOCK)) bool: a block of the picture (h, w, 3) is not all black."""
    lit = (image != 0).any(axis=2)
    lit = np.pad(lit, [(0, -side % _BLOCK) for side in lit.shape])
    return np.asarray(lit.reshape(lit.shape[0] // _BLOCK, _BLOCK, -1, _BLOCK).any(axis=(1, 3)))


def _corners(box: np.ndarray) -> np.ndarray:
    return np.array([[box[a, 0], box[b, 1], box[c, 2]] for a in (0, 1) for b in (0, 1) for c in (0, 1)])


def _cube() -> tuple[np.ndarray, ...]:
    """view_from_cam rotations of the five faces that a camera can see: ahead, right, left, down, up."""
    ahead = np.eye(3)
    right = np.array([[0.0, 0, -1], [0, 1, 0], [1, 0, 0]])
    down = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])
    return ahead, right, np.diag([-1.0, 1, -1]) @ right, down, np.diag([1.0, -1, -1]) @ down


def _rays_and_slopes(intrinsics: Intrinsics) -> tuple[np.ndarray, np.ndarray]:
    """Unit rays (N, 3) of a grid over the picture, its border included, and how they change by the pixel (N, 3, 2)."""
    width, height = intrinsics.width, intrinsics.height
    nx, ny = (int(np.clip(side // 8, 8, 96)) for side in (width, height))
    px = np.stack(np.meshgrid(np.linspace(0, width, nx + 1), np.linspace(0, height, ny + 1)), axis=-1).reshape(-1, 2)
    steps = 0.25 * np.array([[0.0, 0], [-1, 0], [1, 0], [0, -1], [0, 1]])
    # A quarter of a pixel inwards at the border, where a lens may end.
    inner = np.clip(px, 0.25, [width - 0.25, height - 0.25])
    rays = intrinsics.unproject(inner[:, None] + steps)
    at_border = intrinsics.unproject(px)
    rays /= np.linalg.norm(rays, axis=-1, keepdims=True)
    at_border /= np.linalg.norm(at_border, axis=-1, keepdims=True)
    slopes = np.stack([rays[:, 2] - rays[:, 1], rays[:, 4] - rays[:, 3]], axis=-1) / 0.5
    good = np.asarray(np.isfinite(slopes).all(axis=(1, 2)))
    reached = np.isfinite(at_border).all(axis=1, keepdims=True)
    middle = np.where(reached, at_border, rays[:, 0])
    return middle[good], slopes[good]


def _extent(
    view_from_cam: np.ndarray, rays: np.ndarray, corners: np.ndarray | None, *, limit: float
) -> np.ndarray | None:
    """(2, 2) lowest and highest x/z and y/z that a view needs, within +-limit; None where it needs nothing."""
    turned = rays @ view_from_cam.T
    inside = _inside(turned, limit)
    if not inside.any():
        return None
    flat = turned[inside, :2] / turned[inside, 2:]
    low, high = flat.min(axis=0), flat.max(axis=0)
    if corners is not None:
        box = _clipped(corners @ view_from_cam.T)
        if len(box) == 0:
            return None
        flat = box[:, :2] / box[:, 2:]
        low, high = np.maximum(low, flat.min(axis=0)), np.minimum(high, flat.max(axis=0))
    low, high = np.maximum(low, -limit), np.minimum(high, limit)
    return np.stack([low, high]) if (high > low).all() else None


def _inside(turned: np.ndarray, limit: float) -> np.ndarray:
    """(N,) which rays (N, 3) of a view lie in it; a little more, as those between two of the grid reach further."""
    ahead = turned[:, 2] > 1e-6
    return np.asarray(ahead & (np.abs(turned[:, :2]).max(axis=1) <= 1.2 * limit * turned[:, 2]))


def _clipped(corners: np.ndarray) -> np.ndarray:
    """The corners in front of a view, and where the box's edges and diagonals pass its near plane."""
    front = np.asarray(corners[:, 2] >= _NEAR_M)
    points = [corners[front]]
    for a in corners[front]:
        behind = corners[~front]
        share = (a[2] - _NEAR_M) / (a[2] - behind[:, 2])
        points.append(a + share[:, None] * (behind - a))
    return np.concatenate(points)


def _view(
    camera: Camera, view_from_cam: np.ndarray, rays: np.ndarray, by_px: np.ndarray, corners: np.ndarray | None,
    oversample: float, *, limit: float, number: int,
) -> PinholeView | None:  # fmt: skip
    extent = _extent(view_from_cam, rays, corners, limit=limit)
    if extent is None:
        return None
    turned, slopes = rays @ view_from_cam.T, view_from_cam @ by_px
    inside = _inside(turned, limit)
    x, z = turned[inside][:, :2, None], turned[inside][:, 2, None, None]
    flat_by_px = (slopes[inside][:, :2] * z - x * slopes[inside][:, 2:]) / z**2
    # The shortest way a pixel's step makes in the view decides how fine the view has to be.
    focal = oversample / float(np.linalg.svd(flat_by_px, compute_uv=False)[:, 1].min())
    room = _MARGIN_LENS_PX * oversample / focal * 2.0
    half = np.ceil((np.abs(extent).max(axis=0) + room) * focal)
    x0, y0 = np.floor(focal * (extent[0] - room) + half).astype(int)
    x1, y1 = np.ceil(focal * (extent[1] + room) + half).astype(int)
    width, height = (int(2 * side) for side in half)
    pinhole = Intrinsics(
        model="pinhole", width=width, height=height, fx=focal, fy=focal, cx=0.5 * width, cy=0.5 * height
    )
    rigid = Rigid3(rotation=view_from_cam, translation=np.zeros(3)) @ camera.cam_from_world
    seen_by = replace(camera, camera_id=f"{camera.camera_id}.view{number}", intrinsics=pinhole, cam_from_world=rigid)
    return PinholeView(
        camera=seen_by, crop=(max(int(x0), 0), max(int(y0), 0), min(int(x1), width), min(int(y1), height))
    )


def _view_from_cam(camera: Camera, view: PinholeView) -> np.ndarray:
    return view.camera.cam_from_world.rotation @ camera.cam_from_world.rotation.T


@numba.njit(nogil=True, cache=True)
def _gather(out, rays, rotation, focal, cx, cy, limit, image):
    """Add a view (h, w, 3) to rows of the picture (R, W, 3), whose pixels' corners have unit rays (R + 1, W + 1, 3)."""
    for y in range(out.shape[0]):
        ray, flat = np.empty(3), np.empty((5, 2))
        for x in range(out.shape[1]):
            for cell in range(_CELLS * _CELLS):
                s0, t0 = (cell % _CELLS + 0.5) / _CELLS, (cell // _CELLS + 0.5) / _CELLS
                good = True
                # The cell's middle, then the middles of its four sides.
                for k in range(5):
                    s = s0 + (0.5 / _CELLS if k == 2 else -0.5 / _CELLS if k == 1 else 0.0)
                    t = t0 + (0.5 / _CELLS if k == 4 else -0.5 / _CELLS if k == 3 else 0.0)
                    for c in range(3):
                        above = (1 - s) * rays[y, x, c] + s * rays[y, x + 1, c]
                        below = (1 - s) * rays[y + 1, x, c] + s * rays[y + 1, x + 1, c]
                        ray[c] = (1 - t) * above + t * below
                    a = rotation[0, 0] * ray[0] + rotation[0, 1] * ray[1] + rotation[0, 2] * ray[2]
                    b = rotation[1, 0] * ray[0] + rotation[1, 1] * ray[1] + rotation[1, 2] * ray[2]
                    d = rotation[2, 0] * ray[0] + rotation[2, 1] * ray[1] + rotation[2, 2] * ray[2]
                    # Written so that NaN, where the lens does not reach, is no good either. Of two views that share a
                    # border exactly one takes a cell whose middle lies on it.
                    if not d > 1e-9 or (k == 0 and not (-limit * d <= a < limit * d and -limit * d <= b < limit * d)):
                        good = False
                        break
                    flat[k, 0], flat[k, 1] = focal * a / d + cx, focal * b / d + cy
                if good:
                    _add(out, y, x, flat, image)


@numba.njit(nogil=True, cache=True)
def _add(out, y, x, flat, image):
    """Add the mean of the image over a cell: a rectangle about its middle, as wide and high as its sides are apart."""
    half_u = 0.5 * np.hypot(flat[2, 0] - flat[1, 0], flat[4, 0] - flat[3, 0])
    half_v = 0.5 * np.hypot(flat[2, 1] - flat[1, 1], flat[4, 1] - flat[3, 1])
    u0, u1, v0, v1 = flat[0, 0] - half_u, flat[0, 0] + half_u, flat[0, 1] - half_v, flat[0, 1] + half_v
    if u1 <= 0 or v1 <= 0 or u0 >= image.shape[1] or v0 >= image.shape[0]:
        return
    share = 1.0 / (_CELLS * _CELLS * (u1 - u0) * (v1 - v0))
    for j in range(max(0, int(np.floor(v0))), min(image.shape[0], int(np.ceil(v1)))):
        high = min(v1, j + 1.0) - max(v0, float(j))
        for i in range(max(0, int(np.floor(u0))), min(image.shape[1], int(np.ceil(u1)))):
            weight = share * high * (min(u1, i + 1.0) - max(u0, float(i)))
            out[y, x, 0] += weight * image[j, i, 0]
            out[y, x, 1] += weight * image[j, i, 1]
            out[y, x, 2] += weight * image[j, i, 2]
