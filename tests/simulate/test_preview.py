"""Quick pictures: theory where it is simple, and the path tracer's silhouettes and shading."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("mitsuba", reason="the simulated studio needs mitsuba")

from dataclasses import replace

from scan3d.geometry.lights import LightSetup, Panel
from scan3d.geometry.materials import Material
from scan3d.simulate.lights import even, gradient, studio_panels
from scan3d.simulate.path_tracer import render
from scan3d.simulate.preview import Preview
from tests.simulate.test_radiometry import SCALAR, ball, camera, card, disc_mean, flat, material, part


def test_a_matt_ball_in_even_light_has_its_albedo() -> None:
    picture = Preview([part(ball(), material(0.5))], LightSetup(name="even", surroundings=even(2.0))).render(camera())
    np.testing.assert_allclose(disc_mean(picture), 1.0, rtol=0.02)


def test_silhouettes_are_the_path_tracers() -> None:
    setup = LightSetup(name="even", surroundings=even())
    quick = Preview([part(ball(0.7), material(0.5))], setup).render(camera(64, 128.0))[..., 0] > 0
    traced = render([part(ball(0.7), material(0.5))], setup, camera(64, 128.0), samples=64, variant=SCALAR)[..., 0]
    sure = (traced < 0.02) | (traced > 0.48)  # neither at the border
    assert sure.mean() > 0.9
    assert (quick == (traced > 0.25))[sure].all()


@pytest.mark.parametrize("light", ["panels", "gradient"])
def test_shading_and_shadows_are_nearly_the_path_tracers(light: str) -> None:
    setup = (
        LightSetup(name="studio", panels=studio_panels((0, 0, 0), 1.0), surroundings=even(0.1))
        if light == "panels"
        else LightSetup(name="x", surroundings=gradient("x"))
    )
    small = replace(ball(0.35), vertices=ball(0.35).vertices + np.array([0.5, -1.2, 0.4]))
    parts = [part(ball(), material(0.3)), part(small, material(0.1))]
    quick = Preview(parts, setup).render(camera(48, 96.0))
    traced = render(parts, setup, camera(48, 96.0), samples=256, variant=SCALAR)
    both = (quick[..., 0] > 0) & (traced[..., 0] > 0.01)
    assert both.sum() > 500
    off = np.abs(quick - traced)[both].mean() / traced[both].mean()
    assert off < 0.12  # light that bounces between the two is not in it


def test_a_normal_map_leans_the_right_way() -> None:
    lean = np.array([0.4, 0.0, 1.0]) / np.hypot(0.4, 1.0)
    normal = np.broadcast_to(np.rint((0.5 + 0.5 * lean) * 65535), (8, 8, 3)).astype(np.uint16)
    leaning = Material(
        kind="skin", albedo=np.full((4, 4, 3), 0.5, np.float32), roughness=flat(0.5), specular=0.0, normal=normal
    )
    panel = Panel(name="p", centre_m=(3, -2, 0), target_m=(0, 0, 0), size_m=(0.5, 0.5), radiance=(5.0,) * 3)
    setup = LightSetup(name="side", panels=(panel,))
    quick = Preview([part(card(), leaning)], setup).render(camera())
    traced = render([part(card(), leaning)], setup, camera(), samples=256, variant=SCALAR)
    np.testing.assert_allclose(quick[8:24, 8:24].mean(), traced[8:24, 8:24].mean(), rtol=0.03)


def test_a_map_lies_the_right_way_up() -> None:
    albedo = np.zeros((64, 64, 3), np.float32)
    albedo[:32, :32] = 0.5
    marked = Material(kind="plain", albedo=albedo, roughness=flat(0.5), specular=0.0)
    picture = Preview([part(card(), marked)], LightSetup(name="even", surroundings=even())).render(camera())
    assert picture[2:14, 2:14].mean() > 0.4
    assert picture[18:30].max() < 0.02


def test_polarisers_halve_what_has_no_gloss() -> None:
    parts = [part(ball(), material(0.5))]
    plain, crossed = (
        Preview(parts, LightSetup(name="e", surroundings=even(), polarisation=p)).render(camera())
        for p in ("none", "cross")
    )
    np.testing.assert_allclose(2 * crossed, plain, rtol=1e-6)
