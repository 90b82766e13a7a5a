"""Balls with known materials, and cameras that see them."""

from __future__ import annotations

import numpy as np

from scan3d.geometry import Camera, Intrinsics, Rigid3
from scan3d.geometry.lights import LightSetup, Panel, Surroundings
from scan3d.geometry.materials import Material, Part
from tests.simulate.mannequins import globe


def material(albedo=0.6, roughness=0.5, specular=0.028, share=0.0, second=0.3, **more) -> Material:
    return Material(
        kind="skin",
        albedo=np.broadcast_to(np.asarray(albedo, np.float32), (1, 1, 3)).copy(),
        roughness=np.full((1, 1), roughness, np.float32),
        specular=specular,
        second_share=share,
        second_roughness=second,
        **more,
    )


def ball(made: Material, *, name="ball", radius=1.0, centre=(0.0, 0.0, 0.0), fine=1) -> Part:
    return Part(name=name, mesh=globe(48 * fine, 64 * fine, (radius,) * 3, centre), material=made)


def camera(side=48, focal=1.5, away=3.5, height=0.0, model="pinhole", distortion=()) -> Camera:
    """In front of the origin, looking along +Y."""
    intrinsics = Intrinsics(
        model=model, width=side, height=side, fx=focal * side, fy=focal * side, cx=side / 2, cy=side / 2,
        distortion=distortion,
    )  # fmt: skip
    rotation = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])
    return Camera(
        camera_id="cam", intrinsics=intrinsics,
        cam_from_world=Rigid3(rotation=rotation, translation=-rotation @ np.array([0.0, -away, height])),
    )  # fmt: skip


def even(radiance=1.0) -> LightSetup:
    return LightSetup(name="even", surroundings=Surroundings(radiance=np.full((4, 8, 3), radiance, np.float32)))


def lamp(radiance=8.0, centre=(1.5, -2.5, 1.5), size=(0.8, 0.8), round=False, fill=0.1) -> LightSetup:
    panel = Panel(
        name="key", centre_m=centre, target_m=(0, 0, 0), size_m=size, radiance=(radiance,) * 3, round=round
    )  # fmt: skip
    return LightSetup(name="lamp", panels=(panel,), surroundings=even(fill).surroundings)
