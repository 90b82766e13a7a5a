"""Gloss that differs from place to place: a map of one value looks as that value does."""

import numpy as np
import pytest

from scan3d.geometry import Camera, Intrinsics, Mesh
from scan3d.geometry.lights import LightSetup, Surroundings
from scan3d.geometry.materials import Material, Part
from scan3d.geometry.rig_definition import look_at
from scan3d.simulate.path_tracer import render


@pytest.mark.parametrize("share", [0.0, 0.2])
def test_a_map_of_one_value_looks_as_the_value(share: float) -> None:
    pytest.importorskip("mitsuba")
    corners = np.array([[-1, 0, -1], [1, 0, -1], [1, 0, 1], [-1, 0, 1]], float)
    faces, flat = np.array([[0, 1, 2], [0, 2, 3]], np.int32), (corners[:, [0, 2]] + 1) / 2
    mesh = Mesh(vertices=corners, faces=faces, uv=flat[faces])
    intrinsics = Intrinsics(model="pinhole", width=16, height=16, fx=20.0, fy=20.0, cx=8.0, cy=8.0)
    camera = Camera(
        camera_id="a", intrinsics=intrinsics, cam_from_world=look_at(np.array([0.0, -2.0, 0.5]), np.zeros(3))
    )
    lights = LightSetup(name="even", surroundings=Surroundings(radiance=np.ones((4, 8, 3), np.float32)))

    def mean(specular: float | np.ndarray) -> float:
        material = Material(
            kind="skin", albedo=np.full((4, 4, 3), 0.3, np.float32), roughness=np.full((4, 4), 0.4, np.float32),
            specular=specular, second_share=share,
        )  # fmt: skip
        return float(render([Part(name="a", mesh=mesh, material=material)], lights, camera, samples=64).mean())

    half = np.full((4, 4), 0.04, np.float32)
    half[:, :2] = 0.02
    assert mean(np.full((4, 4), 0.028, np.float32)) == pytest.approx(mean(0.028), rel=0.003)
    assert mean(half) == pytest.approx(0.5 * (mean(0.04) + mean(0.02)), rel=0.01)
