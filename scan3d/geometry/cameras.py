"""Cameras: intrinsics with lens distortion, and where a camera stands.

  z (forward)         pixel (0, 0) is the corner of the picture: the centre of the first pixel
 /                    lies at (0.5, 0.5), as in COLMAP. OpenCV's convention is half a pixel away;
o---- x (right)       `scan3d.geometry.opencv_adapter` is the one place that converts.
|
y (down)
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from scan3d.errors import CalibrationError
from scan3d.geometry import distortion as lens
from scan3d.geometry.transforms import Array, Rigid3


@dataclass(frozen=True, kw_only=True)
class Intrinsics:
    """How a camera maps a point of its own frame to a pixel.

    model: "pinhole", "opencv", "full_opencv" or "fisheye" (see `scan3d.geometry.distortion`).
    width, height, fx, fy, cx, cy: pixels. distortion: the model's parameters, in OpenCV's order.
    """

    model: str
    width: int
    height: int
    fx: float
    fy: float
    cx: float
    cy: float
    distortion: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "distortion", tuple(float(k) for k in self.distortion))
        expected = lens.PARAMETER_COUNT.get(self.model)
        if expected is None:
            known = ", ".join(lens.PARAMETER_COUNT)
            raise CalibrationError(f"The camera model '{self.model}' is not known.", "", f"Use one of {known}.")
        if len(self.distortion) != expected:
            raise CalibrationError(
                f"The camera model '{self.model}' has {expected} distortion parameters, "
                f"but {len(self.distortion)} are given."
            )

    def matrix(self) -> Array:
        """(3, 3) camera matrix."""
        return np.array([[self.fx, 0.0, self.cx], [0.0, self.fy, self.cy], [0.0, 0.0, 1.0]])

    def params(self) -> Array:
        """fx, fy, cx, cy and the distortion, (P,)."""
        return np.array([self.fx, self.fy, self.cx, self.cy, *self.distortion])

    def with_params(self, params: npt.ArrayLike) -> Intrinsics:
        """The same camera with other parameters, (P,) in the order of params()."""
        fx, fy, cx, cy, *rest = (float(p) for p in np.asarray(params, dtype=np.float64))
        return replace(self, fx=fx, fy=fy, cx=cx, cy=cy, distortion=tuple(rest))

    def project(self, points_cam: npt.ArrayLike) -> Array:
        """Pixels (..., 2) of points (..., 3) in the camera frame.

        NaN for points that have no pixel: behind the camera, or beyond the radius where the distortion
        model folds back into the picture.
        """
        points = np.asarray(points_cam, dtype=np.float64)
        distorted = lens.distort(self.model, self.distortion, _ideal(points.reshape(-1, 3)))
        return self._pixels(distorted).reshape(*points.shape[:-1], 2)

    def unproject(self, px: npt.ArrayLike) -> Array:
        """Rays (..., 3) in the camera frame, scaled to z = 1, through the pixels (..., 2).

        Exact: the distortion is inverted by Newton's method to rounding. NaN where a pixel lies outside
        what the model can reach.
        """
        px = np.asarray(px, dtype=np.float64)
        flat = px.reshape(-1, 2)
        distorted = (flat - (self.cx, self.cy)) / (self.fx, self.fy)
        rays = np.ones((len(flat), 3))
        rays[:, :2] = lens.undistort(self.model, self.distortion, distorted)
        rays[np.isnan(rays[:, 0])] = np.nan
        return rays.reshape(*px.shape[:-1], 3)

    def project_jacobian(self, points_cam: npt.ArrayLike) -> tuple[Array, Array, Array]:
        """Pixels (..., 2) and their derivatives by the point (..., 2, 3) and by params() (..., 2, P)."""
        points = np.asarray(points_cam, dtype=np.float64)
        flat, lead = points.reshape(-1, 3), points.shape[:-1]
        ideal = _ideal(flat)
        d = lens.distort_with_derivatives(self.model, self.distortion, ideal)
        focal = np.array([self.fx, self.fy])
        ideal_by_point = np.zeros((len(flat), 2, 3))
        ideal_by_point[:, 0, 0] = ideal_by_point[:, 1, 1] = 1.0
        ideal_by_point[:, :, 2] = -ideal
        ideal_by_point /= flat[:, 2, None, None]
        by_point = focal[:, None] * (d.by_ideal @ ideal_by_point)
        by_params = np.zeros((len(flat), 2, 4 + len(self.distortion)))
        by_params[:, 0, 0], by_params[:, 1, 1] = d.distorted[:, 0], d.distorted[:, 1]
        by_params[:, 0, 2] = by_params[:, 1, 3] = 1.0
        by_params[:, :, 4:] = focal[:, None] * d.by_params
        px = self._pixels(d.distorted)
        return px.reshape(*lead, 2), by_point.reshape(*lead, 2, 3), by_params.reshape(*lead, 2, -1)

    def scaled(self, factor: float) -> Intrinsics:
        """The intrinsics of the picture resized by `factor`.

        The new size is round(width * factor) by round(height * factor); focal lengths and centre follow
        the ratio of the sizes exactly, so they may scale a little differently in x and y.
        """
        width, height = max(1, round(self.width * factor)), max(1, round(self.height * factor))
        sx, sy = width / self.width, height / self.height
        return replace(
            self,
            width=width,
            height=height,
            fx=self.fx * sx,
            fy=self.fy * sy,
            cx=self.cx * sx,
            cy=self.cy * sy,
        )

    def without_distortion(self) -> Intrinsics:
        """The pinhole camera of the same size, focal length and centre."""
        return replace(self, model="pinhole", distortion=())

    def contains(self, px: npt.ArrayLike) -> npt.NDArray[np.bool_]:
        """(...,) whether pixels (..., 2) lie inside the picture; NaN does not."""
        px = np.asarray(px, dtype=np.float64)
        x, y = px[..., 0], px[..., 1]
        return np.asarray((x >= 0) & (y >= 0) & (x < self.width) & (y < self.height))

    def _pixels(self, distorted: Array) -> Array:
        return distorted * (self.fx, self.fy) + (self.cx, self.cy)


@dataclass(frozen=True, kw_only=True)
class Camera:
    """One camera of a rig: its name, its lens and where it stands.

    cam_from_world takes points of the world (metres, Z up) to the camera frame (x right, y down, z forward).
    """

    camera_id: str
    intrinsics: Intrinsics
    cam_from_world: Rigid3

    @property
    def centre(self) -> Array:
        """(3,) where the camera stands, world frame, metres."""
        return -self.cam_from_world.rotation.T @ self.cam_from_world.translation

    @property
    def forward(self) -> Array:
        """(3,) unit direction the camera looks along, world frame."""
        return self.cam_from_world.rotation[2].copy()

    def project(self, points_world: npt.ArrayLike) -> tuple[Array, Array]:
        """Pixels (..., 2) of world points (..., 3), and their depths z (...,) in metres.

        A point behind the camera has a depth <= 0 and NaN for a pixel.
        """
        points_cam = self.cam_from_world.apply(points_world)
        return self.intrinsics.project(points_cam), points_cam[..., 2]

    def ray_directions(self, px: npt.ArrayLike) -> Array:
        """Unit directions (..., 3) in the world frame through pixels (..., 2)."""
        rays = self.intrinsics.unproject(px)
        rays /= np.sqrt(rays[..., 0] ** 2 + rays[..., 1] ** 2 + rays[..., 2] ** 2)[..., None]
        return np.asarray(rays @ self.cam_from_world.rotation)

    def projection_matrix(self) -> Array:
        """(3, 4) matrix K [R | t] of a pinhole camera.

        Raises CalibrationError for a camera with lens distortion, which no matrix can express.
        """
        if self.intrinsics.model != "pinhole":
            raise CalibrationError(
                f"A camera of the model '{self.intrinsics.model}' has no projection matrix.",
                f"camera {self.camera_id}",
                "Undistort the photograph and use intrinsics.without_distortion().",
            )
        rigid = self.cam_from_world
        return self.intrinsics.matrix() @ np.column_stack([rigid.rotation, rigid.translation])

    def scaled(self, factor: float) -> Camera:
        """The same camera for its picture resized by `factor`."""
        return replace(self, intrinsics=self.intrinsics.scaled(factor))

    def without_distortion(self) -> Camera:
        """The same camera for its undistorted picture."""
        return replace(self, intrinsics=self.intrinsics.without_distortion())


def _ideal(points: Array) -> Array:
    """(N, 2) X/Z, Y/Z; NaN where a point is not in front of the camera."""
    z = np.where(points[:, 2] > 0, points[:, 2], np.nan)
    return np.asarray(points[:, :2] / z[:, None])
