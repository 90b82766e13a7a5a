"""Marks of known place, size and contrast are measured as what they are, and missed when they are not there."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from report_shapes import camera_at

from scan3d.capture.colour import linear_to_srgb, quantised, srgb_to_linear
from scan3d.report import SurfaceView
from scan3d.report.score import score_imperfections
from tests.report.score.marked_ball import RADIUS_M, ball, mark, painted

MM_DEG = np.degrees(1e-3 / RADIUS_M)  # a millimetre along the equator


@pytest.fixture(scope="module")
def truth() -> SurfaceView:
    return SurfaceView(ball()[0])


@pytest.mark.parametrize(("size_mm", "contrast"), [(1.2, 0.5), (3.0, 0.4), (6.0, 0.15), (3.0, -0.3)])
def test_a_mark_is_measured_as_what_it_is(truth: SurfaceView, size_mm: float, contrast: float) -> None:
    there = mark(20, 15, size_mm=size_mm, contrast=contrast)
    (score,) = score_imperfections([there], truth, painted([there], shade=0.6))
    assert score.found
    assert score.contrast == pytest.approx(contrast, abs=0.02)
    assert score.offset_m is not None and score.offset_m < 0.3e-3
    assert score.by_chance == 0


@pytest.mark.parametrize(("share", "found"), [(0.6, True), (0.4, False), (-1.0, False)])
def test_half_its_contrast_is_enough_and_less_is_not(truth: SurfaceView, share: float, found: bool) -> None:
    wanted = mark(-30, contrast=0.4)
    (score,) = score_imperfections([wanted], truth, painted([replace(wanted, contrast=0.4 * share)]))
    assert score.found is found
    if share > 0:
        assert score.contrast == pytest.approx(0.4 * share, abs=0.01)


@pytest.mark.parametrize(("off_mm", "found"), [(1.5, True), (2.6, False), (6.0, False)])
def test_a_mark_counts_within_two_millimetres(truth: SurfaceView, off_mm: float, found: bool) -> None:
    """At 2.6 mm the border of the mark lies within 2 mm, and its middle does not."""
    (score,) = score_imperfections([mark(0)], truth, painted([mark(off_mm * MM_DEG)]))
    assert score.found is found
    if off_mm < 3:
        assert score.offset_m == pytest.approx(off_mm * 1e-3, abs=0.2e-3)


def test_a_mark_beside_another_is_told_from_it(truth: SurfaceView) -> None:
    first, second = mark(0, size_mm=2.0), mark(4.0 * MM_DEG, size_mm=2.0)
    scores = score_imperfections([first, second], truth, painted([first]))
    assert [score.found for score in scores] == [True, False]


def test_uneven_skin_shows_marks_by_chance_and_says_so(truth: SurfaceView) -> None:
    faint = [mark(longitude, size_mm=1.2, contrast=0.06) for longitude in range(-60, 61, 30)]
    scores = score_imperfections(faint, truth, painted([], noise=0.25))
    chances = [score.by_chance for score in scores]
    assert all(chance is not None for chance in chances)
    assert np.mean([chance or 0 for chance in chances]) > 0.5


def test_the_cameras_that_see_a_mark_are_counted(truth: SurfaceView) -> None:
    marks = [mark(0), mark(180)]
    cameras = [camera_at((x, -1, 0), camera_id=str(x)) for x in (-0.1, 0.1)]
    scores = score_imperfections(marks, truth, painted(marks), cameras=cameras)
    assert [score.cameras for score in scores] == [2, 0]


def test_where_the_result_has_no_surface_nothing_is_found(truth: SurfaceView) -> None:
    whole = painted([mark(0)])
    assert whole.texture is not None
    behind = whole.mesh.vertices[whole.mesh.faces].mean(axis=1)[:, 1] > 0.02
    half = SurfaceView(whole.mesh.submesh(behind), replace(whole.texture, uv=whole.texture.uv[behind]))
    (score,) = score_imperfections([mark(0)], truth, half)
    assert (score.found, score.contrast, score.offset_m) == (False, None, None)


def test_a_line_is_found_somewhere_along_its_middle(truth: SurfaceView) -> None:
    scar = mark(0, kind="scar", size_mm=12, contrast=-0.2)
    dots = [mark(k * MM_DEG, size_mm=1.8, contrast=-0.2) for k in np.arange(-5, 5.1, 1.8)]
    (score,) = score_imperfections([scar], truth, painted(dots))
    assert score.found
    (missed,) = score_imperfections([scar], truth, painted([]))
    assert not missed.found


def test_a_faint_line_stands_out_from_pores(truth: SurfaceView) -> None:
    """Light that varies by 15 % between texels hides it from a look at any one place of it."""
    vein = mark(0, kind="vein", size_mm=16, contrast=0.12)
    light = painted([], noise=0.15)
    assert light.texture is not None
    picture = srgb_to_linear(light.texture.picture(0))
    row, column, half = 512, 1024, int(8 / 0.153)
    picture[row - 6 : row + 7, column - half : column + half] *= 1 - 0.12
    texture = replace(light.texture, tiles=[quantised(linear_to_srgb(picture), np.uint16)])
    (score,) = score_imperfections([vein], truth, SurfaceView(light.mesh, texture))
    assert score.found and score.by_chance == 0
    assert score.contrast == pytest.approx(0.12, abs=0.02)


def test_marks_of_relief_only_are_not_looked_for(truth: SurfaceView) -> None:
    assert score_imperfections([mark(0, kind="scar", contrast=0.0)], truth, painted([])) == ()
