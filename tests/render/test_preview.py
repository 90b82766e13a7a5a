"""The quick picture beside the final one of the same scene, and what it must not do."""

import numpy as np
import pytest

from scan3d.geometry.lights import LightSetup, Surroundings
from scan3d.render.flip import flip
from scan3d.render.lamps import directions
from scan3d.render.preview import Preview
from scan3d.render.skin_surface import can_shade
from scan3d.render.tracing import Tracer
from scan3d.render.views import seen
from scan3d.simulate.variant import choose_variant, load_mitsuba

from .scenes import ball, camera, even, lamp, material

SKIN = {"albedo": (0.45, 0.26, 0.18), "share": 0.2}


def two_balls(**more):
    """A large ball with a small one before it, which throws a shadow and light on it."""
    return [
        ball(material(**SKIN, **more), fine=2),
        ball(material(albedo=(0.6, 0.1, 0.1)), name="small", radius=0.3, centre=(0.3, -1.2, 0.3), fine=1),
    ]


def sky() -> LightSetup:
    """Bright above and dim below."""
    up = directions(32, 64)[..., 2]
    return LightSetup(
        name="sky", surroundings=Surroundings(radiance=np.repeat((0.6 + 0.5 * up)[..., None], 3, -1).astype(np.float32))
    )


@pytest.mark.parametrize(
    "light",
    [
        pytest.param(lamp(), id="lamp"),
        pytest.param(lamp(round=True, size=(0.5, 0.5)), id="dish", marks=pytest.mark.slow),
        pytest.param(even(0.8), id="even", marks=pytest.mark.slow),
        pytest.param(sky(), id="sky", marks=pytest.mark.slow),
    ],
)
def test_agrees_with_the_final_picture(light):
    """Mean FLIP in the subject is far below 0.1, and neither is brighter."""
    if not can_shade(load_mitsuba(choose_variant())):
        pytest.skip("no LLVM here: the final picture is of another surface")
    parts = two_balls()
    final = Tracer(parts, light).render(camera(side=64), samples=64)
    quick = Preview(parts, light).render(camera(side=64))
    inside = final.alpha > 0.999
    error = flip(seen(final.beauty, "standard"), seen(quick.beauty, "standard"))
    assert error[inside].mean() < 0.05
    assert quick.beauty[inside].mean() == pytest.approx(final.beauty[inside].mean(), rel=0.03)
    np.testing.assert_allclose(quick.alpha, final.alpha, atol=0.3)


@pytest.mark.parametrize("albedo,specular", [(1.0, 0.0), (1.0, 0.028), (0.0, 1.0)])
def test_white_furnace(albedo, specular):
    frame = Preview([ball(material(albedo=albedo, specular=specular, roughness=0.5))], even()).render(camera())
    inside = frame.alpha > 0.999
    np.testing.assert_allclose(frame.beauty[inside], 1, atol=0.005)


def test_nothing_in_it_is_chance():
    one, other = (Preview(two_balls(), lamp()).render(camera(), seed=k).beauty for k in (1, 2))
    np.testing.assert_array_equal(one, other)


@pytest.mark.slow
def test_a_normal_map_turns_the_light():
    """A map that leans all normals along u is brighter on the side that now faces the lamp."""
    lean = np.zeros((1, 1, 3), np.uint16)
    lean[..., 0], lean[..., 1], lean[..., 2] = 32768 + 12000, 32768, 32768 + 28000
    flat = Preview([ball(material())], lamp(fill=0.0)).render(camera())
    bent = Preview([ball(material(normal=lean))], lamp(fill=0.0)).render(camera())
    final = Tracer([ball(material(normal=lean))], lamp(fill=0.0)).render(camera(), samples=64)
    inside = final.alpha > 0.999
    assert abs(bent.beauty[inside].mean() / flat.beauty[inside].mean() - 1) > 0.05
    assert bent.beauty[inside].mean() == pytest.approx(final.beauty[inside].mean(), rel=0.06)


def test_passes():
    frame = Preview([ball(material())], lamp(), passes=True).render(camera(side=49))
    assert frame.depth_m[24, 24] == pytest.approx(2.5, abs=5e-3)
    assert (frame.diffuse <= frame.beauty + 1e-6).all()
    assert {"", "diffuse", "specular", "depth", "normal", "id"} <= set(frame.layers())
