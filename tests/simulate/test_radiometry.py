"""Path-traced radiance against closed forms, within 0.5 %."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("mitsuba", reason="the simulated studio needs mitsuba")

from scan3d.geometry import Camera, Intrinsics, Mesh, Rigid3
from scan3d.geometry.lights import LightSetup, Panel, Surroundings
from scan3d.geometry.materials import Material, Part
from scan3d.simulate.lights import even, gradient, light_setups
from scan3d.simulate.path_tracer import Scene, Studio, render

SCALAR = "scalar_rgb"
FACING = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])  # rows: right, down, ahead of a camera that looks along +y


def camera(size: int = 32, focal_px: float = 64.0, distance_m: float = 4.0) -> Camera:
    """In front of the origin, at y = -distance."""
    half = size / 2
    intrinsics = Intrinsics(
        model="pinhole", width=size, height=size, fx=focal_px, fy=focal_px, cx=half, cy=half, distortion=()
    )
    place = Rigid3(rotation=FACING, translation=np.array([0.0, 0.0, distance_m]))
    return Camera(camera_id="front", intrinsics=intrinsics, cam_from_world=place)


def flat(value: float, size: int = 4) -> np.ndarray:
    return np.full((size, size), value, np.float32)


def material(albedo: float, *, specular: float = 0.0, roughness: float = 0.45, share: float = 0.0) -> Material:
    return Material(
        kind="plain",
        albedo=np.full((4, 4, 3), albedo, np.float32),
        roughness=flat(roughness),
        specular=specular,
        second_share=share,
    )


def ball(radius_m: float = 1.0) -> Mesh:
    import trimesh

    sphere = trimesh.creation.icosphere(5, radius=radius_m)
    faces = np.asarray(sphere.faces, np.int32)
    return Mesh(vertices=np.asarray(sphere.vertices, float), faces=faces, uv=np.zeros((len(faces), 3, 2)))


def card(half_m: float = 1.0) -> Mesh:
    """A square in the plane y = 0 that faces the camera; u to the right, v up."""
    corners = np.array([[-1.0, 0, -1], [1, 0, -1], [1, 0, 1], [-1, 0, 1]]) * half_m
    faces = np.array([[0, 1, 2], [0, 2, 3]], np.int32)
    uv = np.array([[0.0, 0], [1, 0], [1, 1], [0, 1]])
    return Mesh(vertices=corners, faces=faces, uv=uv[faces])


def part(mesh: Mesh, of: Material) -> Part:
    return Part(name="thing", mesh=mesh, material=of)


def disc_mean(picture: np.ndarray, share: float = 0.5) -> np.ndarray:
    """Mean over the middle of a picture."""
    size = picture.shape[0]
    y, x = np.mgrid[0:size, 0:size] + 0.5 - size / 2
    return picture[np.hypot(x, y) < share * size / 2].mean(axis=0)


@pytest.mark.parametrize("albedo", [0.18, 0.5, 0.9])
def test_a_matt_ball_in_even_light_has_its_albedo(albedo: float) -> None:
    setup = LightSetup(name="even", surroundings=even(2.0))
    picture = render([part(ball(), material(albedo))], setup, camera(), samples=256, variant=SCALAR)
    np.testing.assert_allclose(disc_mean(picture), 2.0 * albedo, rtol=0.005)


def test_a_grey_card_under_a_panel() -> None:
    """Irradiance of a rectangle on the axis of a parallel plane: its form factor in closed form (Howell, C-11)."""
    width, distance, strength = 1.0, 1.5, 3.0
    panel = Panel(
        name="p", centre_m=(0, -distance, 0), target_m=(0, 0, 0), size_m=(width, width), radiance=(strength,) * 3
    )
    a = b = 0.5 * width / distance
    one = a / np.sqrt(1 + a * a) * np.arctan(b / np.sqrt(1 + a * a))
    other = b / np.sqrt(1 + b * b) * np.arctan(a / np.sqrt(1 + b * b))
    factor = 4 / (2 * np.pi) * (one + other)
    # From behind the panel, which is not seen and shines forward only: a narrow look at the middle.
    seen = render(
        [part(card(), material(0.18))], LightSetup(name="one", panels=(panel,)), camera(16, 1600.0), samples=4096,
        variant=SCALAR,
    )  # fmt: skip
    np.testing.assert_allclose(seen.mean(axis=(0, 1)), 0.18 * strength * factor, rtol=0.005)


@pytest.mark.parametrize("share", [0.0, 0.25])
def test_skin_gives_back_no_more_than_it_gets(share: float) -> None:
    setup = LightSetup(name="even", surroundings=even())
    skin = material(0.8, specular=0.028, share=share)
    picture = render([part(ball(), skin)], setup, camera(), samples=512, variant=SCALAR)
    inside = disc_mean(picture, 0.98)
    assert (inside > 0.8).all()
    assert (inside < 1.0).all()


def test_gloss_vanishes_with_its_reflectance() -> None:
    setup = LightSetup(name="even", surroundings=even())
    faint, none = (
        render([part(ball(), material(0.5, specular=s))], setup, camera(), samples=256, variant=SCALAR)
        for s in (1e-4, 0.0)
    )
    assert abs(disc_mean(faint, 0.3) / disc_mean(none, 0.3) - 1).max() < 0.06


def test_polarisers_part_gloss_and_colour() -> None:
    parts = [part(ball(), material(0.3, specular=0.04, roughness=0.3))]
    seen = {
        state: Studio(
            parts, LightSetup(name="even", surroundings=even(), polarisation=state), variant=SCALAR
        ).render(camera(), samples=1024)
        for state in ("none", "cross", "parallel")
    }  # fmt: skip
    gloss = disc_mean(seen["parallel"] - seen["cross"])
    matt = disc_mean(2 * seen["cross"])
    np.testing.assert_allclose(matt, 0.3, rtol=0.005)
    np.testing.assert_allclose(gloss + matt, disc_mean(seen["none"]), rtol=0.005)
    assert (gloss > 0.02).all()


def test_gradients_light_the_side_they_are_named_for() -> None:
    matt = [part(ball(), material(0.5))]
    brightness = {}
    for name in ("x", "y", "z"):
        picture = render(
            matt, LightSetup(name=name, surroundings=gradient(name)), camera(), samples=512, variant=SCALAR
        )
        rows, columns = np.nonzero(picture[..., 0] > 0.01)
        weight = picture[rows, columns, 0]
        brightness[name] = (np.average(columns, weights=weight) - 15.5, np.average(rows, weights=weight) - 15.5)
        # Cosine-weighted mean of (1 + n.g) / 2 over a half-space whose normal looks at -y: 1/2 (1 + 2/3 n.g).
        expected = 0.5 * 0.5 * (1 + 2 / 3 * (-1.0 if name == "y" else 0.0))
        np.testing.assert_allclose(disc_mean(picture, 0.06), expected, rtol=0.03)
    assert brightness["x"][0] > 1
    assert brightness["z"][1] < -1
    assert abs(brightness["y"][0]) < 0.1


def test_gradients_add_up_to_even_light() -> None:
    total = gradient("z").radiance + gradient("z_back").radiance
    np.testing.assert_allclose(total, 1.0, atol=1e-6)


def test_a_map_lies_the_right_way_up() -> None:
    albedo = np.zeros((64, 64, 3), np.float32)
    albedo[:32, :32, 0] = 0.5  # first rows are at v = 1: up; first columns at u = 0: left
    albedo[32:, 32:, 1] = 0.5
    marked = Material(kind="plain", albedo=albedo, roughness=flat(0.5), specular=0.0)
    setup = LightSetup(name="even", surroundings=even())
    picture = render([part(card(), marked)], setup, camera(32, 64.0), samples=64, variant=SCALAR)
    assert picture[2:14, 2:14, 0].mean() > 0.4
    assert picture[18:30, 18:30, 1].mean() > 0.4
    assert picture[2:14, 18:30].max() < 0.02


@pytest.mark.parametrize(("direction", "centre"), [((0, 1), (0, 0, 3)), ((1, 0), (3, 0, 0))])
def test_a_normal_map_leans_the_right_way(direction: tuple[int, int], centre: tuple[float, float, float]) -> None:
    """A card whose normals lean to the light is brighter than one whose normals lean away."""
    seen = []
    for sign in (1, -1):
        lean = np.array([0.4 * sign * direction[0], 0.4 * sign * direction[1], 1.0])
        lean /= np.linalg.norm(lean)
        normal = np.broadcast_to(np.rint((0.5 + 0.5 * lean) * 65535), (8, 8, 3)).astype(np.uint16)
        leaning = Material(
            kind="skin", albedo=np.full((4, 4, 3), 0.5, np.float32), roughness=flat(0.5), specular=0.0, normal=normal
        )
        panel = Panel(
            name="p", centre_m=(centre[0], -2.0, centre[2]), target_m=(0, 0, 0), size_m=(0.5, 0.5), radiance=(5.0,) * 3
        )
        setup = LightSetup(name="side", panels=(panel,))
        seen.append(render([part(card(), leaning)], setup, camera(), samples=64, variant=SCALAR).mean())
    assert seen[0] > 1.5 * seen[1]


def test_the_surroundings_stand_where_they_are_drawn() -> None:
    """A bright patch in the middle column is in front of the subject, at -y."""
    radiance = np.zeros((32, 64, 3), np.float32)
    radiance[14:18, 30:34] = 50.0
    setup = LightSetup(name="patch", surroundings=Surroundings(radiance=radiance))
    lit = render([part(card(), material(0.5))], setup, camera(), samples=256, variant=SCALAR)
    behind = np.roll(radiance, 32, axis=1)
    dark = render(
        [part(card(), material(0.5))],
        LightSetup(name="back", surroundings=Surroundings(radiance=behind)),
        camera(),
        samples=256,
        variant=SCALAR,
    )
    assert lit[8:24, 8:24].mean() > 50 * max(1e-6, float(dark[8:24, 8:24].mean()))


def test_the_same_seed_gives_the_same_bytes() -> None:
    scene = Scene([part(ball(), material(0.5))], LightSetup(name="even", surroundings=even()), variant=SCALAR)
    first, again, other = (scene.render(camera(), samples=4, seed=seed) for seed in (3, 3, 4))
    assert first.tobytes() == again.tobytes()
    assert first.tobytes() != other.tobytes()


def test_a_crop_is_a_part_of_the_picture() -> None:
    scene = Scene([part(ball(), material(0.5))], LightSetup(name="even", surroundings=even()), variant=SCALAR)
    whole = scene.render(camera(), samples=256)
    cut = scene.render(camera(), samples=256, crop=(4, 8, 20, 30))
    assert cut.shape == (22, 16, 3)
    np.testing.assert_allclose(cut.mean(), whole[8:30, 4:20].mean(), rtol=0.02)


def test_setups() -> None:
    names = [setup.name for setup in light_setups("flashes", (0, 0, 1), 0.9)]
    assert names[0] == "all"
    assert len(names) == len(set(names)) == 10
    pairs = light_setups("studio+polarised", (0, 0, 1), 0.9)
    assert [setup.polarisation for setup in pairs] == ["cross", "parallel"]
