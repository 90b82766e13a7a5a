"""Light below the surface: closed forms of the profile across a shadow's edge, and what must not change."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import k0

pytest.importorskip("mitsuba", reason="the simulated studio needs mitsuba")

from scan3d.geometry import Camera, Intrinsics, Mesh, Rigid3
from scan3d.geometry.lights import LightSetup, Panel
from scan3d.geometry.materials import Material, Part
from scan3d.simulate.lights import even
from scan3d.simulate.path_tracer import Studio
from scan3d.simulate.preview import Preview
from scan3d.simulate.scattering import Scattered, Scattering, albedo_below, profile_widths_m, spread, within
from scan3d.simulate.studio import open_studio
from tests.simulate.test_radiometry import SCALAR, ball, camera, flat

ALBEDO = 0.6
PATH_M = (1.6e-3, 0.8e-3, 0.4e-3)
WIDE_M = 0.06


def milky(*, scatter_m: tuple[float, float, float] = PATH_M) -> Material:
    return Material(
        kind="plain", albedo=np.full((4, 4, 3), ALBEDO, np.float32), roughness=flat(0.5), specular=0.0,
        scatter_m=scatter_m,
    )  # fmt: skip


def sheet(x: tuple[float, float], y: tuple[float, float], z: float) -> Mesh:
    """A rectangle that faces up."""
    corners = np.array([[x[0], y[0], z], [x[1], y[0], z], [x[1], y[1], z], [x[0], y[1], z]])
    faces = np.array([[0, 1, 2], [0, 2, 3]], np.int32)
    return Mesh(vertices=corners, faces=faces, uv=np.array([[0.0, 0], [1, 0], [1, 1], [0, 1]])[faces])


def shadowed(polarisation: str = "none", material: Material | None = None) -> tuple[list[Part], LightSetup]:
    """A square at z = 0 of which x > 0 lies in the shadow of a shade 50 mm above, lit along 45 degrees by a lamp so far
    and small that the shadow's border is 0.1 mm wide."""
    half = WIDE_M / 2
    ground = Part(name="ground", mesh=sheet((-half, half), (-half, half), 0.0), material=material or milky())
    shade = Part(
        name="shade", mesh=sheet((0.05, 0.2), (-0.2, 0.2), 0.05), material=replace(milky(), scatter_m=(0.0, 0.0, 0.0))
    )
    lamp = Panel(
        name="lamp", centre_m=(20.0, 0.0, 20.0), target_m=(0, 0, 0), size_m=(0.03, 0.03), radiance=(1e6, 1e6, 1e6)
    )
    return [ground, shade], LightSetup(name="lamp", panels=(lamp,), polarisation=polarisation)  # type: ignore[arg-type]


def from_above(size: int = 200) -> Camera:
    """Sees the square at z = 0, exactly, from 0.5 m above; columns run along x."""
    focal = size * 0.5 / WIDE_M
    pinhole = Intrinsics(model="pinhole", width=size, height=size, fx=focal, fy=focal, cx=size / 2, cy=size / 2)
    down = np.diag([1.0, -1, -1])
    return Camera(
        camera_id="above", intrinsics=pinhole, cam_from_world=Rigid3(rotation=down, translation=np.array([0, 0, 0.5]))
    )


LIT = 1e6 * 0.03**2 / (2 * 20.0**2) * np.cos(np.pi / 4)  # irradiance of the lamp: radiance, area, distance, cosine


def edge(x: float, d: float) -> float:
    """How bright it is x beyond a straight border of light: the integral of the profile's line spread
    (K0(|x| / d) + K0(|x| / 3d)) / (4 pi d) from x on, as the integral of R along a line is."""
    tail = quad(lambda s: (k0(s / d) + k0(s / (3 * d))) / (4 * np.pi * d), abs(x), 60 * d, limit=200)[0]
    return tail if x > 0 else 1 - tail


def test_the_profile_is_normalised_and_as_wide_as_said() -> None:
    d = 0.3
    for reach in (0.1, 0.7, 5.0):
        inside = quad(lambda r: 2 * np.pi * r * (np.exp(-r / d) + np.exp(-r / 3 / d)) / (8 * np.pi * d * r), 0, reach)
        assert float(within(reach, d)) == pytest.approx(inside[0], abs=1e-9)
    assert edge(1e-9, d) == pytest.approx(0.5, abs=1e-4)


def test_even_light_on_a_ball_stays() -> None:
    parts = [Part(name="ball", mesh=ball(0.03), material=milky(scatter_m=(1.2e-3, 6e-4, 3e-4)))]
    seen = Scattering(parts, LightSetup(name="even", surroundings=even(2.0)))
    near = camera(32, 500.0, 0.5)
    assert np.abs(seen.added(near)).max() < 1e-3 * 2.0 * ALBEDO
    picture, there = seen.diffuse(near)
    assert there.any()
    np.testing.assert_allclose(picture[there], 2.0 * ALBEDO, rtol=1e-3)


def test_a_shadows_edge_spreads_as_the_profile_says_and_loses_no_light() -> None:
    parts, lights = shadowed()
    size = 200
    added = Scattering(parts, lights).added(from_above(size))
    across = added[30:170].mean(axis=0) * np.pi / ALBEDO / LIT
    # Rays to the lamp start 0.1 mm above the ground: under 45 degrees the border lies so much further.
    x = ((np.arange(size) + 0.5) / size - 0.5) * WIDE_M - 1e-4
    widths = profile_widths_m(PATH_M, albedo_below(parts[0].material))
    clear = (np.abs(x) > 1.5e-3) & (np.abs(x) < 0.02)  # where points 1 mm apart do not blur the border itself
    for channel in range(3):
        expected = np.array([edge(value, widths[channel]) for value in x]) - (x < 0)
        np.testing.assert_allclose(across[clear, channel], expected[clear], atol=0.015)
    assert across[clear, 0].max() > 0.15
    lost = added.sum(axis=(0, 1)) / (0.5 * size * size * LIT * ALBEDO / np.pi)
    assert np.abs(lost).max() < 0.01


def test_the_direct_light_is_the_lamps() -> None:
    parts, lights = shadowed()
    picture, there = Scattering(parts, lights).diffuse(from_above())
    assert there.all()
    np.testing.assert_allclose(picture[90:110, 5:20], LIT * ALBEDO / np.pi, rtol=0.01)
    assert picture[90:110, 180:195].max() < 0.01 * LIT * ALBEDO


def test_polarisers_halve_what_is_added() -> None:
    plain, crossed, parallel = (
        Scattering(*shadowed(state)).added(from_above(40)) for state in ("none", "cross", "parallel")
    )
    assert np.abs(plain).max() > 0
    np.testing.assert_array_equal(crossed, 0.5 * plain)
    np.testing.assert_array_equal(parallel, crossed)


def test_without_scattering_every_byte_stays() -> None:
    parts, lights = shadowed(material=milky(scatter_m=(0.0, 0.0, 0.0)))
    assert not Scattering(parts, lights).added(from_above(20)).any()
    for quick, plain in ((True, Preview(parts, lights)), (False, Studio(parts, lights, variant=SCALAR))):
        opened = open_studio(parts, lights, quick=quick, variant=SCALAR)
        assert opened.render(from_above(20), samples=4).tobytes() == plain.render(from_above(20), samples=4).tobytes()


def test_both_renderers_draw_what_scatters() -> None:
    parts, lights = shadowed()
    view, crop = from_above(80), (20, 30, 60, 50)
    scattering = Scattering(parts, lights)
    traced = Scattered(Studio(parts, lights, variant=SCALAR), scattering).render(view, samples=64, crop=crop)
    quick = Scattered(Preview(parts, lights), scattering).render(view, crop=crop)
    scale = LIT * ALBEDO / np.pi
    # Beside the border itself: its traced step is sharper than points 1 mm apart can take away.
    beside = np.abs(np.arange(20, 60) + 0.5 - 40) > 2
    np.testing.assert_allclose(traced.mean(axis=0)[beside] / scale, quick.mean(axis=0)[beside] / scale, atol=0.03)
    assert traced[:, 23, 0].mean() > 1.5 * traced[:, 23, 2].mean()


def test_plates_that_face_each_other_do_not_bleed() -> None:
    grid = np.stack(np.meshgrid(np.arange(20), np.arange(20)), axis=-1).reshape(-1, 2) * 1e-3
    lower, upper = (np.column_stack([grid, np.full(len(grid), z)]) for z in (0.0, 2e-3))
    up = np.tile([0.0, 0.0, 1.0], (len(grid), 1))
    light = np.repeat([1.0, 0.0], len(grid))[:, None] * np.ones(3)
    widths = np.array([1e-3, 5e-4, 2e-4])
    out = spread(np.concatenate([lower, upper]), np.concatenate([up, -up]), light, 1e-6, widths)
    np.testing.assert_allclose(out, light, atol=1e-6)
    same_way = spread(np.concatenate([lower, upper]), np.concatenate([up, up]), light, 1e-6, widths)
    assert same_way[len(grid) :, 0].min() > 0.01
