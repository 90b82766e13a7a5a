"""Surfaces whose every number is known."""

from __future__ import annotations

import numpy as np

from scan3d.geometry import Camera, Intrinsics, Mesh, Rigid3
from scan3d.report.texture import Texture

RED, GREEN, BLUE, YELLOW = (230, 30, 20), (20, 200, 40), (25, 40, 220), (240, 220, 10)


def card(size_m: float = 0.2) -> tuple[Mesh, Texture]:
    """A square card facing -Y: red top left, green top right, blue bottom left, yellow bottom right.

    Left and right as one sees it from the front, that is with +X to the right.
    """
    half = size_m / 2
    vertices = np.array([[-half, 0, -half], [half, 0, -half], [half, 0, half], [-half, 0, half]])
    faces = np.array([[0, 1, 2], [0, 2, 3]])
    corner = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], np.float32)
    picture = np.zeros((64, 64, 3), np.uint8)
    picture[:32, :32], picture[:32, 32:], picture[32:, :32], picture[32:, 32:] = RED, GREEN, BLUE, YELLOW
    return Mesh(vertices=vertices, faces=faces), Texture(uv=corner[faces], tiles=[picture])


def sphere(radius_m: float = 0.1, steps: int = 96) -> Mesh:
    """A ball about the origin with its exact normals, outside out."""
    polar, around = np.meshgrid(
        np.linspace(0, np.pi, steps + 1), np.linspace(0, 2 * np.pi, 2 * steps, endpoint=False), indexing="ij"
    )
    normals = np.stack([np.sin(polar) * np.cos(around), np.sin(polar) * np.sin(around), np.cos(polar)], axis=-1)
    row, column = np.mgrid[0:steps, 0 : 2 * steps].reshape(2, -1)
    after = (column + 1) % (2 * steps)
    a, b = row * 2 * steps + column, row * 2 * steps + after
    c, d = a + 2 * steps, b + 2 * steps
    faces = np.concatenate([np.stack([a, c, b], axis=1), np.stack([b, c, d], axis=1)])
    vertices = normals.reshape(-1, 3) * radius_m
    area = np.linalg.norm(
        np.cross(vertices[faces[:, 1]] - vertices[faces[:, 0]], vertices[faces[:, 2]] - vertices[faces[:, 0]]),
        axis=1,
    )
    return Mesh(vertices=vertices, faces=faces[area > 1e-12], normals=normals.reshape(-1, 3))


def camera_at(
    centre: tuple[float, float, float], target: tuple[float, float, float] = (0, 0, 0), *,
    camera_id: str = "cam", size: tuple[int, int] = (160, 120), focal_px: float = 300.0,
    distortion: tuple[float, ...] | None = None,
) -> Camera:  # fmt: skip
    """A camera that looks from a place at another with the picture's top towards world Z."""
    forward = np.subtract(target, centre)
    forward = forward / np.linalg.norm(forward)
    right = np.cross(forward, [0.0, 0.0, 1.0])
    right /= np.linalg.norm(right)
    rotation = np.stack([right, np.cross(forward, right), forward])
    return Camera(
        camera_id=camera_id,
        intrinsics=Intrinsics(
            model="pinhole" if distortion is None else "opencv", width=size[0], height=size[1], fx=focal_px,
            fy=focal_px, cx=size[0] / 2, cy=size[1] / 2, distortion=distortion or (),
        ),
        cam_from_world=Rigid3(rotation=rotation, translation=-rotation @ np.asarray(centre, float)),
    )  # fmt: skip
