"""Where the camera of a look stands: a lens, a crop of the body, and how much of the picture it fills."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from scan3d.errors import InputError
from scan3d.geometry import Camera, Intrinsics, Rigid3
from scan3d.render.lamps import towards
from scan3d.render.looks import LookCamera

Floats = npt.NDArray[np.floating]

_FILM_MM = 36.0
_ROUNDS = 8
_NEAREST_M = 0.15


@dataclass(frozen=True, kw_only=True)
class Extent:
    """What has to be in the picture. points: (N, 3). both: width and height count, else only the height."""

    points: Floats
    both: bool


def framed(
    camera: LookCamera, points: Floats, landmarks: Mapping[str, Floats], facing: Floats, *, turn_deg: float = 0.0
) -> Camera:
    """The pinhole camera that frames a crop of points (N, 3), metres, world.

    turn_deg: further round the subject, for turntables; the distance stays that of the whole turn's start. Raises
    InputError where the subject has no such part.
    """
    wanted = extent_of(camera.crop, points, landmarks)
    start = _placed(camera, wanted, facing)
    if turn_deg == 0:
        return start
    axis = np.array([*wanted.points[:, :2].mean(axis=0), 0.0])
    turn = np.radians(turn_deg)
    spin = np.array([[np.cos(turn), -np.sin(turn), 0], [np.sin(turn), np.cos(turn), 0], [0, 0, 1]])
    # The camera goes round the axis: its world is the start's, turned back.
    turned = Rigid3(rotation=spin.T, translation=axis - spin.T @ axis)
    return Camera(camera_id=start.camera_id, intrinsics=start.intrinsics, cam_from_world=start.cam_from_world @ turned)


def extent_of(crop: str, points: Floats, landmarks: Mapping[str, Floats]) -> Extent:
    """The part of points (N, 3) that a crop shows."""
    if crop == "full":
        return Extent(points=points, both=True)
    if crop.startswith("hand_"):
        side = crop.removeprefix("hand_")
        wrist, knuckle = _landmark(landmarks, f"{side}_wrist"), _landmark(landmarks, f"{side}_middle1")
        ahead = knuckle - wrist
        reach = float(np.linalg.norm(ahead))
        along = (points - wrist) @ ahead / reach
        near = points[(along > -0.15 * reach) & (np.linalg.norm(points - knuckle, axis=1) < 1.6 * reach)]
        return Extent(points=near, both=True)
    top = _landmark(landmarks, "top")[2]
    head = _landmark(landmarks, "head")
    bottom = _bottom(crop, float(top), head, landmarks)
    inside = points[(points[:, 2] >= bottom) & (np.abs(points[:, :2] - head[:2]).max(axis=1) < 0.35)]
    return Extent(points=inside if len(inside) else points, both=crop == "face")


def _bottom(crop: str, top: float, head: Floats, landmarks: Mapping[str, Floats]) -> float:
    """The height where a crop ends, metres."""
    tall = top - float(head[2])  # from the skull's base to the crown
    if crop == "face":
        return float(head[2]) - 0.45 * tall
    if crop == "portrait" or "spine3" not in landmarks:
        return float(head[2]) - 1.25 * tall
    if crop == "bust":
        return float(landmarks["spine3"][2]) - 0.3 * tall
    hips, knees = landmarks["pelvis"][2], 0.5 * (landmarks["left_knee"][2] + landmarks["right_knee"][2])
    return float(0.55 * knees + 0.45 * hips)


def _landmark(landmarks: Mapping[str, Floats], name: str) -> Floats:
    if name not in landmarks:
        raise InputError(f"The subject has no '{name}' to frame.", "crop", "Fit the take first, or use another crop.")
    return np.asarray(landmarks[name])


def _placed(camera: LookCamera, wanted: Extent, facing: Floats) -> Camera:
    width, height = camera.size_px
    focal = camera.focal_mm / _FILM_MM * max(width, height)
    intrinsics = Intrinsics(
        model="pinhole", width=width, height=height, fx=focal, fy=focal, cx=0.5 * width, cy=0.5 * height
    )
    out = towards(facing, camera.azimuth_deg, camera.elevation_deg)
    ahead = -out
    right = np.cross(ahead, [0.0, 0, 1])
    right /= np.linalg.norm(right)
    rotation = np.stack([right, np.cross(ahead, right), ahead])
    centre = 0.5 * (wanted.points.min(axis=0) + wanted.points.max(axis=0))
    distance = 3.0
    # What is near looks larger: a few rounds settle distance and middle.
    for _ in range(_ROUNDS):
        flat = (wanted.points - (centre + distance * out)) @ rotation.T
        px = focal * flat[:, :2] / np.maximum(flat[:, 2:], 0.05)
        low, high = px.min(axis=0), px.max(axis=0)
        sides = (high - low) / (width, height)
        filled = float(sides.max() if wanted.both else sides[1])
        middle = 0.5 * (low + high)
        depth = distance
        centre = centre + (middle[0] * rotation[0] + middle[1] * rotation[1]) * depth / focal
        distance = max(distance * filled / camera.fill, _NEAREST_M + float(np.abs(flat[:, 2] - distance).max()))
    place = centre + distance * out
    return Camera(
        camera_id="look", intrinsics=intrinsics, cam_from_world=Rigid3(rotation=rotation, translation=-rotation @ place)
    )
