"""Depth of one view: sweeping along a wrong surface, hidden sources, which sources count, and the peak."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import trimesh

from scan3d.reconstruction import depth as module
from scan3d.reconstruction.depth import (
    SweepOptions,
    bands,
    estimate_depth,
    score_band,
    source_from_reference,
    sweep_view,
)
from scan3d.reconstruction.levels import footprint_m
from scan3d.reconstruction.views import Level
from tests.reconstruction.ellipsoid_scene import RADII_M, Shot

SOURCES = [1, 15, 2, 14]


def options(pixel: float, **changed: object) -> SweepOptions:
    plain = SweepOptions(
        offsets_m=np.arange(-6, 6.1, 0.6) * pixel, radius_px=4, best=2, choose_per_offset=True, smoothing=None,
        jump_m=15 * pixel, occlusion_m=8 * pixel, noise_variance=2e-5,
    )  # fmt: skip
    return replace(plain, **changed)


def pixel_m(scene: list[Shot]) -> float:
    return footprint_m([shot.view() for shot in scene], np.zeros(3), 1.0)


def level_at(scene: list[Shot], factor: float, extra: trimesh.Trimesh | None = None) -> Level:
    """The scene with a surface that is the ellipsoid times `factor`, and another body."""
    ball = trimesh.creation.icosphere(subdivisions=5)
    vertices, faces = ball.vertices * RADII_M * factor, ball.faces
    if extra is not None:
        faces = np.concatenate([faces, extra.faces + len(vertices)])
        vertices = np.concatenate([vertices, extra.vertices])
    return Level(
        views=[shot.view() for shot in scene], scale=1.0, radius_px=4, vertices=vertices, faces=faces, reach_px=2
    )


@pytest.mark.parametrize("per_offset", [True, False])
@pytest.mark.parametrize("smoothing", [None, (0.1, 0.6)])
@pytest.mark.parametrize("factor", [1.03, 0.975])
def test_a_sweep_finds_the_depth_from_a_surface_that_is_off(
    scene: list[Shot], factor: float, smoothing: tuple[float, float] | None, per_offset: bool
) -> None:
    pixel, level = pixel_m(scene), level_at(scene, factor)
    made = sweep_view(level, 0, SOURCES, options(pixel, choose_per_offset=per_offset, smoothing=smoothing))
    truth = scene[0].depth
    sure = np.isfinite(made.depth) & np.isfinite(truth) & (made.score > 0.5)
    assert sure.sum() > 0.75 * np.isfinite(truth).sum()
    start = np.abs(level.get(0)[1] - truth)[sure]
    assert np.median(start) > 1.5 * pixel
    error = np.abs(made.depth - truth)[sure]
    assert np.median(error) < 0.2 * pixel
    assert np.percentile(error, 90) < pixel
    assert (made.score[~np.isfinite(made.depth)] == -1).all()
    assert not np.isfinite(made.depth[~scene[0].mask]).any()


def test_a_source_that_looks_at_something_in_front_is_not_asked(scene: list[Shot]) -> None:
    pixel = pixel_m(scene)
    at = 0.5 * scene[1].camera.centre  # in front of that camera, out of sight of the others
    screen = trimesh.creation.box(extents=(0.02, 0.18, 0.2))
    turn = np.arctan2(at[1], at[0])
    screen.apply_transform(trimesh.transformations.rotation_matrix(turn, [0, 0, 1]))
    screen.apply_translation(at)
    clear, hidden = level_at(scene, 1.0), level_at(scene, 1.0, screen)
    rows = (100, 140)
    free = score_band(clear, 0, [1], rows, options(pixel))
    assert free is not None
    assert np.isfinite(free[0]).any(-1).mean() > 0.5
    behind = score_band(hidden, 0, [1], rows, options(pixel))
    seen_by_source = np.isfinite(behind[0]).any(-1)
    assert seen_by_source.mean() < 0.05
    lenient = [score_band(level, 0, [1], rows, options(pixel, occlusion_m=1.0)) for level in (hidden, clear)]
    np.testing.assert_array_equal(lenient[0][0], lenient[1][0])
    # with another source that sees it nothing is lost
    both = score_band(hidden, 0, [1, 15], rows, options(pixel))
    alone = score_band(hidden, 0, [15], rows, options(pixel))
    assert (np.isfinite(both[0]) == np.isfinite(alone[0])).mean() > 0.99


def test_bands_are_pieces_of_the_whole(scene: list[Shot]) -> None:
    assert bands((150, 9), 4, options(1.0)) == [(0, 64), (64, 128), (128, 150)]
    pixel, level = pixel_m(scene), level_at(scene, 1.01)
    whole = score_band(level, 0, SOURCES, (80, 160), options(pixel))
    piece = score_band(level, 0, SOURCES, (101, 118), options(pixel))
    assert whole is not None
    assert piece is not None
    shift = piece[1] - whole[1]
    same = whole[0][21:38, shift : shift + piece[0].shape[1]]
    np.testing.assert_allclose(piece[0], same, atol=2e-4)
    assert score_band(level, 0, SOURCES, (0, 4), options(pixel)) is None  # nothing of the subject there


def test_best_sources_are_those_with_the_highest_correlations() -> None:
    random = np.random.default_rng(0)
    volume = random.uniform(-1, 1, (5, 7, 3, 40)).astype(np.float32)
    volume[random.random(volume.shape) < 0.2] = np.nan
    volume[:, :, 1, 4] = np.nan
    volume[2:, :, :, 5] = np.nan
    out = np.empty((3, 40, 7), np.float32)
    module._combine(volume, 3, True, out)
    known = np.where(np.isnan(volume), -np.inf, volume)
    ranked = np.sort(known, axis=0)[::-1][:3]
    count = np.isfinite(ranked).sum(0)
    mean = np.where(np.isfinite(ranked), ranked, 0).sum(0) / np.maximum(count, 1)
    wanted = np.where(count > 0, mean, -1).transpose(1, 2, 0)
    wanted[~np.isfinite(known).any((0, 1))] = np.nan
    np.testing.assert_allclose(out, wanted, atol=1e-5)

    module._combine(volume, 3, False, out)
    peak = known.max(1)  # (S, R, W)
    place = (-peak).argsort(0, kind="stable").argsort(0, kind="stable")
    weight = np.where((place < 3) & np.isfinite(peak), np.maximum(peak, 0.01) ** 2, 0)[:, None]
    weight = np.where(np.isfinite(known), weight, 0)
    total = (weight * np.where(np.isfinite(known), known, 0)).sum(0)
    wanted = np.where(weight.sum(0) > 0, total / np.maximum(weight.sum(0), 1e-30), -1).transpose(1, 2, 0)
    wanted[~np.isfinite(known).any((0, 1))] = np.nan
    np.testing.assert_allclose(out, wanted, atol=1e-5)


def test_the_peak_is_found_between_offsets_and_not_at_their_ends() -> None:
    offsets = np.linspace(-0.02, 0.02, 21)
    true = np.linspace(-0.0249, 0.0249, 60).reshape(2, 30)
    scores = (0.9 - 900 * (offsets - true[..., None]) ** 2).astype(np.float32)
    scores[1, 7] = np.nan
    surface = np.full((2, 30), 1.5, np.float32)
    made = estimate_depth(scores, surface, options(1e-3, offsets_m=offsets))
    inside = np.abs(true) < 0.0189  # further out the best offset is the last
    inside[1, 7] = False
    np.testing.assert_allclose(made.depth[inside], 1.5 + true[inside], atol=2e-6)
    np.testing.assert_allclose(made.score[inside], scores.max(-1)[inside])
    outside = np.abs(true) > 0.0191
    assert not np.isfinite(made.depth[outside]).any()
    assert not np.isfinite(made.depth[1, 7])
    assert made.score[1, 7] == -1


def test_smoothing_lets_neighbours_decide_where_two_peaks_are_alike() -> None:
    offsets = np.linspace(-0.02, 0.02, 21)
    scores = np.repeat(0.8 - 3000 * (offsets - 0.006) ** 2, 144).reshape(21, 12, 12).transpose(1, 2, 0).copy()
    alias = 0.85 - 3000 * (offsets + 0.01) ** 2
    scores[5:7, 5:7] = np.maximum(scores[5:7, 5:7], alias)  # a repeating texture: slightly better, and wrong
    scores = scores.astype(np.float32)
    surface = np.ones((12, 12), np.float32)
    alone = estimate_depth(scores, surface, options(1e-3, offsets_m=offsets))
    together = estimate_depth(scores, surface, options(1e-3, offsets_m=offsets, smoothing=(0.1, 0.6)))
    assert np.abs(alone.depth[5:7, 5:7] - 0.99).max() < 1e-3
    assert np.abs(together.depth - 1.006).max() < 1e-3
    apart = surface.copy()
    apart[5:7, 5:7] = 2.0  # another surface: nobody's neighbours
    left_alone = estimate_depth(scores, apart, options(1e-3, offsets_m=offsets, smoothing=(0.1, 0.6), jump_m=0.015))
    assert np.abs(left_alone.depth[5:7, 5:7] - 1.99).max() < 1e-3


def test_a_pixel_of_the_source_is_the_projection_of_the_reference_pixels_point(scene: list[Shot]) -> None:
    one, two = scene[0].camera, scene[3].camera
    m = source_from_reference(scene[0].view().matrix(), scene[3].view().matrix())
    points = np.random.default_rng(0).uniform(-0.1, 0.1, (50, 3))
    px, z = one.project(points)
    q = (m[:, :3] @ np.column_stack([px, np.ones(50)]).T * z + m[:, 3:]).T
    np.testing.assert_allclose(q[:, :2] / q[:, 2:], two.project(points)[0], atol=1e-8)
