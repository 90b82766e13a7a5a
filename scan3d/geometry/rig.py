"""A rig: the cameras that look at one subject, checked as a whole."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from scan3d.errors import CalibrationError
from scan3d.geometry.cameras import Camera
from scan3d.geometry.transforms import Array

_ROTATION_TOLERANCE = 1e-4


@dataclass(frozen=True, kw_only=True)
class Rig:
    """Calibrated cameras in one world frame.

    cameras: in the order of the calibration.
    scale_is_metric: False when the world's unit is arbitrary (photographs aligned without a known distance).
    source: the file or folder it was read from, for messages.

    Raises CalibrationError, naming the camera, on duplicate names, numbers that are not finite, sizes or
    focal lengths that are not positive, and rotations that are none.
    """

    cameras: tuple[Camera, ...]
    scale_is_metric: bool = True
    source: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "cameras", tuple(self.cameras))
        seen: set[str] = set()
        for camera in self.cameras:
            if camera.camera_id in seen:
                raise CalibrationError(
                    f"Two cameras are both called '{camera.camera_id}'.",
                    self._where(camera),
                    "Give every camera of the rig its own name.",
                )
            seen.add(camera.camera_id)
            problem = _problem_of(camera)
            if problem:
                next_step = "Calibrate the rig again, or repair the file."
                raise CalibrationError(problem, self._where(camera), next_step)

    def __getitem__(self, camera_id: str) -> Camera:
        """The camera of that name; CalibrationError when the rig has none."""
        for camera in self.cameras:
            if camera.camera_id == camera_id:
                return camera
        raise CalibrationError(
            f"The rig has no camera '{camera_id}'.",
            self.source,
            f"Its cameras are: {', '.join(self.camera_ids) or 'none'}.",
        )

    def __contains__(self, camera_id: object) -> bool:
        return any(camera.camera_id == camera_id for camera in self.cameras)

    def __iter__(self) -> Iterator[Camera]:
        return iter(self.cameras)

    def __len__(self) -> int:
        return len(self.cameras)

    @property
    def camera_ids(self) -> tuple[str, ...]:
        """The cameras' names, in order."""
        return tuple(camera.camera_id for camera in self.cameras)

    def centres(self) -> Array:
        """(N, 3) where the cameras stand, world frame, metres."""
        return np.array([camera.centre for camera in self.cameras]).reshape(-1, 3)

    def subset(self, camera_ids: Iterable[str]) -> Rig:
        """The rig of these cameras only, in the order given."""
        return replace(self, cameras=tuple(self[camera_id] for camera_id in camera_ids))

    def _where(self, camera: Camera) -> str:
        return f"camera {camera.camera_id}" + (f" in {self.source}" if self.source else "")


def _problem_of(camera: Camera) -> str:
    """What makes this calibration unusable, in one sentence; empty when nothing does."""
    intrinsics, rigid = camera.intrinsics, camera.cam_from_world
    if not np.isfinite(intrinsics.params()).all():
        return "The intrinsics hold a value that is not a number."
    if not (np.isfinite(rigid.rotation).all() and np.isfinite(rigid.translation).all()):
        return "The extrinsics hold a value that is not a number."
    if intrinsics.width <= 0 or intrinsics.height <= 0:
        return f"The image size {intrinsics.width} x {intrinsics.height} px is not possible."
    if intrinsics.fx <= 0 or intrinsics.fy <= 0:
        return f"The focal length {intrinsics.fx:g}, {intrinsics.fy:g} px is not possible."
    off = np.abs(rigid.rotation @ rigid.rotation.T - np.eye(3)).max()
    if off > _ROTATION_TOLERANCE or np.linalg.det(rigid.rotation) < 0:
        return "The rotation of the camera is not a rotation (not orthonormal, or mirrored)."
    return ""
