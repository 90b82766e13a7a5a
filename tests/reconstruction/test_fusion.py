"""What views confirm of each other's depth, and the oriented points it becomes."""

from __future__ import annotations

import numpy as np
import pytest

from scan3d.reconstruction.depth import DepthEstimate
from scan3d.reconstruction.fusion import confirmed_depth, oriented_points
from scan3d.reconstruction.views import Level
from tests.reconstruction.ellipsoid_scene import RADII_M, Shot, off_surface_m

SOURCES = [1, 15, 2, 14]
TOLERANCE_M = 2e-3
PATCH = np.s_[110:130, 110:130]


@pytest.fixture(scope="module")
def level(scene: list[Shot]) -> Level:
    """Only its matrices are asked for here."""
    nothing = np.zeros((0, 3))
    return Level(
        views=[shot.view() for shot in scene], scale=1.0, radius_px=3, vertices=nothing, faces=nothing.astype(int)
    )


@pytest.fixture
def exact(scene: list[Shot]) -> list[DepthEstimate]:
    """What a perfect sweep would give every view."""
    return [DepthEstimate(depth=s.depth.copy(), score=np.where(s.mask, 0.9, -1).astype(np.float32)) for s in scene]


def confirmed(
    estimates: list[DepthEstimate], level: Level, sources: list[int] = SOURCES, least: int = 2, score: float = 0.2
) -> np.ndarray:
    return confirmed_depth(
        estimates, level, 0, sources, tolerance_m=TOLERANCE_M, least_agreeing=least, least_score=score
    )


def test_true_depths_confirm_each_other(scene: list[Shot], exact: list[DepthEstimate], level: Level) -> None:
    kept = confirmed(exact, level)
    seen = np.isfinite(kept)
    assert seen.sum() > 0.9 * scene[0].mask.sum()  # the rim is seen by too few
    np.testing.assert_array_equal(kept[seen], scene[0].depth[seen])
    assert not seen[~scene[0].mask].any()
    assert np.isfinite(confirmed(exact, level, least=4)).sum() < seen.sum()
    assert not np.isfinite(confirmed(exact, level, least=5)).any()  # there are four sources


@pytest.mark.parametrize("shift_m", [0.004, -0.004, 0.05, -0.05])
def test_what_one_view_alone_claims_goes(exact: list[DepthEstimate], level: Level, shift_m: float) -> None:
    exact[0].depth[PATCH] += shift_m
    kept = confirmed(exact, level)
    assert not np.isfinite(kept[PATCH]).any()
    assert np.isfinite(kept[80:100, 110:130]).all()


def test_within_the_tolerance_is_agreement(exact: list[DepthEstimate], level: Level) -> None:
    # a step along one camera's axis is a somewhat different one along another's, which stands 40 degrees aside
    exact[0].depth[PATCH] += 0.6 * TOLERANCE_M
    assert np.isfinite(confirmed(exact, level)[PATCH]).all()
    exact[0].depth[PATCH] += 1.0 * TOLERANCE_M
    assert not np.isfinite(confirmed(exact, level)[PATCH]).any()


def test_a_wrong_witness_does_no_harm_while_others_agree(exact: list[DepthEstimate], level: Level) -> None:
    exact[1].depth[:] += 0.05  # it looks through what the others see
    assert np.isfinite(confirmed(exact, level)[PATCH]).all()
    for wrong in (15, 2):
        exact[wrong].depth[:] += 0.05
    assert not np.isfinite(confirmed(exact, level, least=1)[PATCH]).any()  # three look through, one confirms
    for wrong in (1, 15, 2):
        exact[wrong].depth[:] -= 0.1  # now they see something in front, which hides it and says nothing
    assert np.isfinite(confirmed(exact, level, least=1)[PATCH]).all()
    assert not np.isfinite(confirmed(exact, level, least=2)[PATCH]).any()


def test_depth_of_low_correlation_is_no_claim_but_a_witness(exact: list[DepthEstimate], level: Level) -> None:
    exact[0].score[PATCH] = 0.1
    kept = confirmed(exact, level)
    assert not np.isfinite(kept[PATCH]).any()
    assert np.isfinite(confirmed(exact, level, score=0.05)[PATCH]).all()


def test_a_witness_with_gaps_speaks_where_it_knows(exact: list[DepthEstimate], level: Level) -> None:
    exact[1].depth[::2] = np.nan  # between two pixels it never knows both
    share = np.isfinite(confirmed(exact, level, [1], least=1)[PATCH]).mean()
    assert 0.35 < share < 0.65


def test_points_lie_on_the_surface_with_its_normals(scene: list[Shot], level: Level) -> None:
    points, normals = oriented_points(scene[0].depth, level.matrices[0])
    assert len(points) > 0.85 * scene[0].mask.sum()
    assert off_surface_m(points).max() < 1e-6
    exact = points / RADII_M**2
    exact /= np.linalg.norm(exact, axis=1)[:, None]
    np.testing.assert_allclose(np.linalg.norm(normals, axis=1), 1, atol=1e-6)
    cosine = (normals * exact).sum(1)
    assert np.degrees(np.arccos(np.clip(np.median(cosine), -1, 1))) < 0.5
    assert np.degrees(np.arccos(np.clip(cosine.min(), -1, 1))) < 12
    to_camera = scene[0].camera.centre - points
    to_camera /= np.linalg.norm(to_camera, axis=1)[:, None]
    assert (normals * to_camera).sum(1).min() > 0.1
    flat, _ = oriented_points(scene[0].depth, level.matrices[0], least_cosine=0.6)
    assert len(flat) < 0.8 * len(points)


def test_the_edge_of_the_known_gives_no_points(scene: list[Shot], level: Level) -> None:
    depth = np.full_like(scene[0].depth, np.nan)
    depth[100:140, 100:130] = scene[0].depth[100:140, 100:130]
    depth[120, 115] = np.nan
    points, _ = oriented_points(depth, level.matrices[0])
    assert len(points) == 38 * 28 - 9
    px, _ = scene[0].camera.project(points)
    assert px.min(0).tolist() == pytest.approx([101.5, 101.5], abs=1e-3)
    assert px.max(0).tolist() == pytest.approx([128.5, 138.5], abs=1e-3)
    nothing, no_normals = oriented_points(np.full((20, 20), np.nan, np.float32), level.matrices[0])
    assert nothing.shape == no_normals.shape == (0, 3)
