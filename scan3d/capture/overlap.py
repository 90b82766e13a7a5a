"""Which cameras of a rig share space with another one."""

from __future__ import annotations

import numpy as np

from scan3d.geometry import Camera, Rig

_DEPTHS = 24
_GRID = 5


def cameras_without_overlap(rig: Rig) -> list[str]:
    """Cameras whose view shares no useful space with that of any other camera, in the rig's order.

    A grid of rays through each picture is sampled at depths from a fifth to fifty times the rig's extent; a
    sample inside another camera's picture and in front of it is shared space. Where most cameras look at one
    place, a camera that has this place behind it does not count as sharing what lies far beyond.
    """
    extent = _extent(rig)
    target = _common_target(rig)
    return [
        camera.camera_id
        for camera in rig
        if (target is not None and camera.cam_from_world.apply(target)[2] <= 0)
        or not any(_shares(camera, other, extent) for other in rig if other is not camera)
    ]


def _common_target(rig: Rig) -> np.ndarray | None:
    """The point (3,) nearest to the optical axes, if more than half of the cameras have it in their picture.

    Distances enter by their absolute value (weights by iteration), so a few stray cameras do not move it.
    """
    centres, forward = rig.centres(), np.array([camera.forward for camera in rig]).reshape(-1, 3)
    across = np.eye(3) - forward[:, :, None] * forward[:, None, :]
    weight = np.ones(len(centres))
    point = centres.mean(axis=0) if len(centres) else np.zeros(3)
    for _ in range(10):
        a = np.einsum("n,nij->ij", weight, across)
        if np.linalg.cond(a) > 1e6:
            return None
        point = np.linalg.solve(a, np.einsum("n,nij,nj->i", weight, across, centres))
        off_axis = np.linalg.norm(np.einsum("nij,nj->ni", across, point - centres), axis=1)
        weight = 1.0 / np.maximum(off_axis, 1e-3 * _extent(rig))
    seen = [bool(camera.intrinsics.contains(camera.project(point)[0])) for camera in rig]
    return point if np.mean(seen) > 0.5 else None


def _extent(rig: Rig) -> float:
    centres = rig.centres()
    spread = float(np.linalg.norm(centres - centres.mean(axis=0), axis=1).max()) if len(centres) else 0.0
    return spread if spread > 0 else 1.0


def _shares(camera: Camera, other: Camera, extent: float) -> bool:
    i = camera.intrinsics
    x, y = np.meshgrid(np.linspace(0.0, i.width, _GRID), np.linspace(0.0, i.height, _GRID))
    directions = camera.ray_directions(np.stack([x.ravel(), y.ravel()], axis=1))
    directions = directions[np.isfinite(directions).all(axis=1)]
    depths = extent * np.geomspace(0.2, 50.0, _DEPTHS)
    points = camera.centre + depths[:, None, None] * directions[None]
    px, _ = other.project(points.reshape(-1, 3))
    return bool(other.intrinsics.contains(px).any())
