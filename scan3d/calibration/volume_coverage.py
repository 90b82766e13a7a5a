"""How well the cameras of a rig see the space where the subject stands, from the calibration alone.

A subject is opaque: what counts for a place on it is the cameras on its own side. The space is a cylinder about the
subject; its wall stands for the subject's skin, which looks outward.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scan3d.calibration.upright import subject_centre
from scan3d.geometry import Rig

AZIMUTHS, HEIGHTS = 72, 28
_FACING_RAD = np.deg2rad(60.0)  # off the normal; steeper, a surface is seen in too few pixels to be measured
_WIDTH_SHARE, _HEIGHT_SHARE = 0.55, 0.8  # of what the usual camera has in its picture, half sides


@dataclass(frozen=True, kw_only=True)
class CaptureVolume:
    """An upright cylinder. centre_m: (3,) world. radius_m; half_height_m."""

    centre_m: tuple[float, float, float]
    radius_m: float
    half_height_m: float


@dataclass(frozen=True, kw_only=True, eq=False)
class VolumeCoverage:
    """What the cameras see of a volume's wall.

    azimuth_deg: (A,) 0 in front of the subject, growing towards its left. height_m: (H,) world, the lowest first.
    cameras: (H, A) int, how many see a place within 60 degrees of its normal. widest_deg: (H, A) the largest angle
    between two of them, 0 where there are fewer: depth comes from it. in_picture: (H, A) int, how many have the place
    in their picture at all, through the subject.
    """

    volume: CaptureVolume
    azimuth_deg: np.ndarray
    height_m: np.ndarray
    cameras: np.ndarray
    widest_deg: np.ndarray
    in_picture: np.ndarray

    def least(self) -> tuple[int, float, float]:
        """Cameras, azimuth (degrees) and height (metres) of the place seen by fewest (the middle of such places)."""
        lowest = int(self.cameras.min())
        rows, columns = np.nonzero(self.cameras == lowest)
        turn = np.deg2rad(self.azimuth_deg[columns])
        middle = np.arctan2(np.sin(turn).mean(), np.cos(turn).mean())
        near = np.argmin(np.abs(np.angle(np.exp(1j * (turn - middle)))))
        return lowest, float(self.azimuth_deg[columns[near]]), float(np.median(self.height_m[rows]))


def volume_of(rig: Rig, *, centre_m: np.ndarray | None = None, radius_m: float | None = None) -> CaptureVolume:
    """The space that a rig is made for: where its cameras look, as large as their pictures hold.

    centre_m, radius_m: of the sphere that holds the subject, where a rig's definition tells it.
    """
    centre = subject_centre(rig) if centre_m is None else np.asarray(centre_m, float)
    wide, high = [], []
    for camera in rig:
        i, distance = camera.intrinsics, float(np.linalg.norm(camera.centre - centre))
        sides = np.array([0.5 * i.width / i.fx, 0.5 * i.height / i.fy]) * distance
        # A camera may hang on its side.
        upright = abs(camera.cam_from_world.rotation[1, 2]) >= abs(camera.cam_from_world.rotation[0, 2])
        wide.append(sides[0] if upright else sides[1])
        high.append(sides[1] if upright else sides[0])
    radius = _WIDTH_SHARE * float(np.median(wide))
    half = _HEIGHT_SHARE * float(np.median(high))
    if radius_m is not None:
        radius, half = min(radius, 0.7 * radius_m), min(half, 0.9 * radius_m)
    x, y, z = (float(v) for v in centre)
    return CaptureVolume(centre_m=(x, y, z), radius_m=radius, half_height_m=half)


def measure_volume(rig: Rig, volume: CaptureVolume) -> VolumeCoverage:
    """Count the cameras that see each place of the volume's wall."""
    azimuth = 360.0 * np.arange(AZIMUTHS) / AZIMUTHS - 180.0 + 180.0 / AZIMUTHS
    height = volume.half_height_m * (2.0 * (np.arange(HEIGHTS) + 0.5) / HEIGHTS - 1.0) + volume.centre_m[2]
    turn = np.deg2rad(azimuth)
    normal = np.stack([np.sin(turn), -np.cos(turn), np.zeros(AZIMUTHS)], axis=1)
    flat = np.array([volume.centre_m[0], volume.centre_m[1], 0.0])
    points = flat + volume.radius_m * normal[None] + np.array([0.0, 0.0, 1.0]) * height[:, None, None]
    shape = (HEIGHTS, AZIMUTHS)
    seen, inside, towards = [], np.zeros(shape, np.int64), []
    for camera in rig:
        px, _ = camera.project(points)
        has = camera.intrinsics.contains(px)
        ray = camera.centre - points
        ray /= np.linalg.norm(ray, axis=-1, keepdims=True)
        inside += has
        seen.append(has & ((ray * normal).sum(axis=-1) > np.cos(_FACING_RAD)))
        towards.append(ray)
    widest = np.zeros(shape)
    for a in range(len(seen)):
        for b in range(a):
            angle = np.arccos(np.clip((towards[a] * towards[b]).sum(axis=-1), -1.0, 1.0))
            widest = np.where(seen[a] & seen[b], np.maximum(widest, np.rad2deg(angle)), widest)
    cameras = np.sum(seen, axis=0) if seen else np.zeros(shape, np.int64)
    return VolumeCoverage(
        volume=volume, azimuth_deg=azimuth, height_m=height, cameras=cameras, widest_deg=widest, in_picture=inside
    )
