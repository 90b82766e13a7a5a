"""From a frame of arbitrary origin, turn and scale to the world: metres, Z up, the subject at the origin
facing -Y.

What can be known from cameras alone: people hold cameras level, so the cameras' horizontal axes lie in the
plane of the ground; the subject is where the cameras look; its lowest points are its feet. What cannot: which
side is its front. That is taken to be where one named camera stands.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace

import numpy as np

from scan3d.geometry import Camera, Rig, Rigid3

_LOW_SHARE = 0.01  # of the subject's points may lie below the ground
_MAX_TILT_RAD = np.deg2rad(35.0)


@dataclass(frozen=True, kw_only=True)
class Similarity:
    """world_point = scale * world_from_model.rotate(model_point) + world_from_model.translation."""

    scale: float
    world_from_model: Rigid3

    def apply(self, points: np.ndarray) -> np.ndarray:
        """Points (..., 3) of the model in the world."""
        return self.world_from_model.apply(self.scale * np.asarray(points))

    def apply_to_rig(self, rig: Rig) -> Rig:
        """The same cameras in the world; their pictures of the moved world are unchanged."""
        return replace(rig, cameras=tuple(self._camera(camera) for camera in rig))

    def _camera(self, camera: Camera) -> Camera:
        model = camera.cam_from_world
        scaled = Rigid3(rotation=model.rotation, translation=self.scale * model.translation)
        return replace(camera, cam_from_world=scaled @ self.world_from_model.inverse())


def up_direction(rig: Rig, *, upright: Collection[str] = ()) -> tuple[np.ndarray, float]:
    """The upward unit vector (3,) in the rig's frame, and how level the cameras are about it (median,
    radians).

    A camera held level, or turned by a quarter, has one image axis in the ground plane. Up is the direction
    most orthogonal to these axes, by least squares with weights that forget tilted cameras (Cauchy); where
    all cameras stand on one side that is not determined, and the mean of the cameras' own up vectors fills
    in. upright: cameras whose photographs are known to stand upright, as their own sense of gravity told EXIF; where
    there are any, only they are asked, and none of them for a quarter turn.
    """
    told = [camera for camera in rig if camera.camera_id in upright]
    axes = np.array([camera.cam_from_world.rotation for camera in told or rig])
    if told:
        return _level_up(axes, lambda axes, up: axes[:, 0], _dominant(-axes[:, 1], start=-axes[:, 1].mean(axis=0)))
    mean_up = _dominant(np.concatenate([-axes[:, 1], -axes[:, 0], axes[:, 0]]), start=-axes[:, 1].mean(axis=0))
    return _level_up(axes, _level_axes, mean_up)


def _level_up(
    axes: np.ndarray, level_axes: Callable[[np.ndarray, np.ndarray], np.ndarray], mean_up: np.ndarray
) -> tuple[np.ndarray, float]:
    """Up from axes that are level, as `level_axes` picks them from the cameras' axes (N, 3, 3) by the up so far."""
    up = mean_up
    for _ in range(20):
        level = level_axes(axes, up)
        tilt = level @ up
        weight = 1.0 / (1.0 + (tilt / 0.05) ** 2)
        weight[np.abs(tilt) > np.sin(_MAX_TILT_RAD)] = 0.0
        if weight.sum() < 2:
            break
        # The mean up counts as little as one camera of a thousand: it decides only where the axes do not.
        scatter = (weight[:, None] * level).T @ level / weight.sum() + 1e-3 * (np.eye(3) - np.outer(mean_up, mean_up))
        _, vectors = np.linalg.eigh(scatter)
        new = vectors[:, 0] * np.sign(vectors[:, 0] @ mean_up)
        done = np.linalg.norm(new - up) < 1e-10
        up = new
        if done:
            break
    return up, float(np.median(np.abs(np.arcsin(np.clip(level_axes(axes, up) @ up, -1.0, 1.0)))))


def subject_centre(rig: Rig) -> np.ndarray:
    """The point (3,) nearest to the optical axes, by absolute distances (weights by iteration)."""
    centres = rig.centres()
    forward = np.array([camera.forward for camera in rig])
    across = np.eye(3) - forward[:, :, None] * forward[:, None, :]
    spread = float(np.linalg.norm(centres - centres.mean(axis=0), axis=1).max()) or 1.0
    weight = np.ones(len(centres))
    point = centres.mean(axis=0)
    for _ in range(20):
        a = np.einsum("n,nij->ij", weight, across) + 1e-9 * weight.sum() * np.eye(3)
        b = np.einsum("n,nij,nj->i", weight, across, centres) + 1e-9 * weight.sum() * centres.mean(axis=0)
        point = np.linalg.solve(a, b)
        off_axis = np.linalg.norm(np.einsum("nij,nj->ni", across, point - centres), axis=1)
        weight = 1.0 / np.maximum(off_axis, 1e-3 * spread)
    return point


def world_from_cameras(
    rig: Rig, points: np.ndarray, *, front: str, scale: float, up: np.ndarray | None = None,
    floor: np.ndarray | None = None,
) -> Similarity:  # fmt: skip
    """The world frame of an aligned rig.

    Args:
        points: (P, 3) sparse points of the subject, in the rig's frame; may be empty.
        front: the camera before the subject's face, which will stand towards -Y.
        scale: metres, or arbitrary units, per unit of the rig's frame.
        up: (3,) upward unit vector, where it is known better than from level cameras.
        floor: (3,) a point of the floor; else the lowest of the points is.
    """
    if up is None:
        up, _ = up_direction(rig)
    centre = subject_centre(rig)
    towards = rig[front].centre - centre
    towards = towards - (towards @ up) * up
    if np.linalg.norm(towards) < 1e-9:  # the camera hangs above the subject
        towards = np.cross(up, rig[front].cam_from_world.rotation[0])
    y = -towards / np.linalg.norm(towards)
    rotation = np.stack([np.cross(y, up), y, up])
    heights = (np.asarray(points).reshape(-1, 3) - centre) @ up
    ground = float(np.quantile(heights, _LOW_SHARE)) if len(heights) >= 50 else 0.0
    if floor is not None:
        ground = float((floor - centre) @ up)
    origin = centre + ground * up
    return Similarity(scale=scale, world_from_model=Rigid3(rotation=rotation, translation=-scale * rotation @ origin))


def _level_axes(axes: np.ndarray, up: np.ndarray) -> np.ndarray:
    """Of each camera the image axis nearer to the ground plane: (N, 3)."""
    use_y = np.abs(axes[:, 1] @ up) < np.abs(axes[:, 0] @ up)
    return np.where(use_y[:, None], axes[:, 1], axes[:, 0])


def _dominant(candidates: np.ndarray, *, start: np.ndarray) -> np.ndarray:
    """The mean direction of those candidates that lie within 60 degrees of it: (3,) unit."""
    mean = start / max(float(np.linalg.norm(start)), 1e-12)
    if np.linalg.norm(start) < 0.2:  # the cameras' own ups cancel: try the likeliest candidate instead
        mean = candidates[(candidates @ candidates.T > 0.8).sum(axis=1).argmax()]
    for _ in range(5):
        near = candidates[candidates @ mean > 0.5]
        if not len(near):
            break
        mean = near.sum(axis=0) / np.linalg.norm(near.sum(axis=0))
    return mean
