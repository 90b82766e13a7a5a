"""White stays white: no lobe, and no mix of them, returns more or less light than falls."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scan3d.render.gloss_tables import SIZE, gloss_tables
from scan3d.render.skin_surface import can_shade
from scan3d.render.tracing import Tracer
from scan3d.simulate.variant import choose_variant, load_mitsuba

from .scenes import ball, camera, even, lamp, material


@pytest.fixture(scope="module", autouse=True)
def _compiled():
    if not can_shade(load_mitsuba(choose_variant())):
        pytest.skip("no LLVM here: the skin's own surface needs it")


FURNACES = {
    "diffuse": {"albedo": 1.0, "specular": 0.0},
    "rough lobe": {"albedo": 0.0, "specular": 1.0, "roughness": 0.6},
    "sharp lobe": {"albedo": 0.0, "specular": 1.0, "roughness": 0.25},
    "very rough lobe": {"albedo": 0.0, "specular": 1.0, "roughness": 1.0},
    "two lobes": {"albedo": 0.0, "specular": 1.0, "roughness": 0.6, "share": 0.4, "second": 0.3},
    "skin": {"albedo": 1.0, "specular": 0.028, "roughness": 0.5, "share": 0.2, "second": 0.3},
    "glossiest": {"albedo": 1.0, "specular": 0.08, "roughness": 0.3, "share": 0.5, "second": 0.2},
}


def test_white_furnaces():
    """A ball in even light is as bright as the light, everywhere up to its rim, within 0.5 %. One scene for all: balls
    below one another, each seen alone, as light from one to the next is white, too."""
    made = {**FURNACES, **{f"albedo {a}": {**FURNACES["glossiest"], "albedo": a} for a in (0.8, 0.95)}}
    height = {name: 100.0 * k for k, name in enumerate(made)}
    parts = [ball(material(**made[name]), name=name, centre=(0, 0, -at)) for name, at in height.items()]
    tracer = Tracer(parts, even())
    y, x = np.mgrid[:48, :48] - 23.5
    away = np.hypot(x, y) / (1.5 * 48 / np.sqrt(3.5**2 - 1))
    for name, at in height.items():
        frame = tracer.render(camera(height=-at), samples=256)
        inside = frame.alpha > 0.999
        if name in FURNACES:
            assert frame.beauty[inside].mean() == pytest.approx(1, abs=0.002), name
        for low, high in ((0, 0.5), (0.5, 0.85), (0.85, 0.97)):
            ring = inside & (away >= low) & (away < high)
            if name not in FURNACES:  # darker than white: it may lose light, and never make any
                assert frame.beauty[ring].mean() < 1.002, (name, low)
                continue
            assert frame.beauty[ring].mean() == pytest.approx(1, abs=0.005), (name, low)


def test_the_diffuse_light_of_skin_is_what_was_solved():
    """`scan3d appearance` solves for Lambert's albedo: below the gloss of skin the same light comes back."""
    crossed = replace(lamp(), polarisation="cross")
    bare, skin = (
        Tracer([ball(material(albedo=0.6, specular=f0, share=0.2))], crossed).render(camera(), samples=16)
        for f0 in (0.0, 0.028)
    )
    inside = bare.alpha > 0.999
    np.testing.assert_allclose(skin.beauty[inside], bare.beauty[inside], rtol=2e-3, atol=1e-4)


def test_passes_add_up_and_say_where_the_ball_is():
    frame = Tracer([ball(material(share=0.2), fine=2)], lamp(), passes=True).render(camera(side=49), samples=64)
    layers = frame.layers()
    np.testing.assert_allclose(layers["diffuse"] + layers["specular"], layers[""][..., :3], atol=1e-6)
    inside = frame.alpha > 0.999
    assert 0.01 < layers["specular"][inside].mean() / frame.beauty[inside].mean() < 0.2
    assert frame.depth_m[24, 24] == pytest.approx(2.5, abs=2e-3)
    np.testing.assert_allclose(frame.normal[24, 24], [0, -1, 0], atol=0.02)
    assert frame.part[24, 24] == 1 and frame.part[0, 0] == 0 and np.isinf(frame.depth_m[0, 0])


@pytest.mark.slow
def test_polarisers_part_the_light():
    parts = [ball(material())]
    plain, cross, parallel = (
        Tracer(parts, replace(lamp(), polarisation=state), passes=state == "none").render(camera(), samples=64)
        for state in ("none", "cross", "parallel")
    )
    inside = plain.alpha > 0.999
    np.testing.assert_allclose(cross.beauty[inside], 0.5 * plain.diffuse[inside], rtol=1e-3, atol=1e-4)
    both = cross.beauty + parallel.beauty
    np.testing.assert_allclose(both[inside], plain.beauty[inside], rtol=1e-3, atol=1e-4)


def test_a_lens_with_distortion_sees_what_a_pinhole_sees_where_the_lens_sends_it():
    lens = camera(side=96, model="opencv", distortion=(-0.15, 0.03, 0.0, 0.0))
    frame = Tracer([ball(material(), fine=2)], even(0.5)).render(lens, samples=16)
    rim = np.sqrt(3.5**2 - 1) / 3.5  # of the ball: where rays from the camera touch it
    turn = np.linspace(0, 2 * np.pi, 720)
    edge = np.stack([rim * np.cos(turn), np.full(720, -1 / 3.5), rim * np.sin(turn)], axis=-1)
    px = lens.project(edge)[0] - 48
    area = 0.5 * abs(np.sum(px[:, 0] * np.roll(px[:, 1], -1) - px[:, 1] * np.roll(px[:, 0], -1)))
    assert frame.alpha.sum() == pytest.approx(area, rel=0.004)


def test_the_tables_are_shares():
    tables = gloss_tables()
    assert tables.shape == (SIZE, SIZE, 4) and np.isfinite(tables).all()
    returned = tables[..., 0] + tables[..., 1]
    assert (tables >= -1e-6).all() and (returned <= 1 + 1e-3).all()
    # A mirror returns everything; the rougher, the more is lost at once.
    np.testing.assert_allclose(returned[0, 1:], 1, atol=2e-3)
    assert (np.diff(returned[:, -1]) < 1e-3).all() and returned[-1, -1] < 0.8


@settings(max_examples=40, deadline=None)
@given(st.floats(0.1, 1), st.floats(0.05, 1))
def test_a_table_entry_is_the_integral_that_it_stands_for(roughness, mu):
    """Against plain integration over the hemisphere of directions out, for Fresnel of one."""
    row, column = round(roughness * (SIZE - 1)), round(mu * (SIZE - 1))
    alpha, mu = (row / (SIZE - 1)) ** 2, column / (SIZE - 1)
    z = (np.arange(400) + 0.5) / 400
    turn = (np.arange(400) + 0.5) / 400 * 2 * np.pi
    out_z, angle = np.meshgrid(z, turn, indexing="ij")
    flat = np.sqrt(1 - out_z**2)
    x, y = flat * np.cos(angle) + np.sqrt(1 - mu * mu), flat * np.sin(angle)
    cos_h = (out_z + mu) / np.sqrt(x * x + y * y + (out_z + mu) ** 2)
    d = alpha**2 / (np.pi * (cos_h**2 * (alpha**2 - 1) + 1) ** 2)
    g = [2 / (1 + np.sqrt(1 + alpha**2 * (1 - c**2) / c**2)) for c in (out_z, np.float64(mu))]
    whole = (d * g[0] * g[1] / (4 * mu)).mean() * 2 * np.pi
    found = gloss_tables()[row, column, :2].sum()
    if roughness > 0.3:  # sharper lobes fall between the points of this plain grid
        assert found == pytest.approx(whole, abs=0.012)
