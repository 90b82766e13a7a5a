"""The GPU's form of the sweep against the cores' form, on Warp's CPU device: the arithmetic is the same code."""

import gc
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from scan3d.pipeline.stage import significant_options
from scan3d.reconstruction import depth
from scan3d.reconstruction.correlation import sweep_source
from scan3d.reconstruction.depth import SweepOptions, score_band, source_from_reference, sweep_view
from scan3d.reconstruction.hull import visual_hull
from scan3d.reconstruction.stages import ShapeOptions, SurfaceOptions
from scan3d.reconstruction.views import Level
from tests.reconstruction.ellipsoid_scene import Shot

TOLERANCE = 1e-4


@pytest.mark.parametrize("radius", [1, 3, 5, 7])
def test_both_forms_say_the_same_of_random_images_with_masks(radius: int, where: str) -> None:
    from scan3d.reconstruction import correlation_warp

    rng = np.random.default_rng(radius)
    ref = rng.normal(size=(75, 90)).astype(np.float32) * 0.1
    src = rng.normal(size=(70, 84)).astype(np.float32) * 0.1
    ref[rng.random(ref.shape) < 0.2] = np.nan
    src[30:44, 15:32] = np.nan
    surface = (1.0 + 0.1 * rng.random(ref.shape)).astype(np.float32)
    surface[13:26, 3:16] = np.nan
    m = np.hstack([np.eye(3), [[2.0], [-1.0], [0.02]]]).astype(np.float32)
    m[0, 1], m[1, 0] = 0.03, -0.02
    offsets = np.array([-0.05, 0.0, 0.07], np.float32)
    for row0, y0, y1, x0, x1 in [(0, 0, 75, 0, 90), (4, 2, 46, 3, 81), (9, 30, 31, 40, 41)]:
        wanted, found = np.empty((2, 3, y1 - y0, x1 - x0), np.float32)
        band = ref[row0:], surface[row0:], row0, src, m, offsets, y0, y1, x0, x1, radius, np.float32(1e-5)
        sweep_source(*band, wanted)
        correlation_warp.sweep_source(*band, found, device=where)
        assert (np.isfinite(wanted) == np.isfinite(found)).all()
        assert not row0 or np.isfinite(wanted).any()
        np.testing.assert_allclose(found, wanted, atol=TOLERANCE)


@pytest.mark.parametrize("per_offset", [True, False])
def test_both_forms_choose_the_same_sources(per_offset: bool, where: str, warp) -> None:
    from scan3d.reconstruction import band_warp

    rng = np.random.default_rng(3)
    volume = rng.uniform(-1, 1, (5, 6, 20, 33)).astype(np.float32)
    volume[rng.random(volume.shape) < 0.3] = np.nan
    volume[:, :, 4:7, 5:9] = np.nan  # nobody knows
    volume[2] = volume[1]  # as good as each other
    ref, surface = np.ones((2, 20, 40), np.float32)
    ref[9, 11], surface[10, 12] = np.nan, np.nan
    for best in (1, 3, 7):
        wanted = np.empty((20, 33, 6), np.float32)
        depth._combine(volume, best, per_offset, wanted)
        wanted[9, 7] = wanted[10, 8] = np.nan
        there = [warp.array(a, dtype=warp.float32, device=where) for a in (volume, ref, surface)]
        out = warp.empty(wanted.shape, dtype=warp.float32, device=where)
        band_warp.combine(there[0], best, per_offset, there[1], there[2], 4, out)
        np.testing.assert_allclose(out.numpy(), wanted, atol=1e-6)


@pytest.fixture(scope="module")
def level(scene: list[Shot]) -> Level:
    """Half resolution of the scene, with its hull for a surface: parts of it hide others."""
    views = [shot.view() for shot in scene]
    hull = visual_hull(views, resolution=64).surface()
    return Level(views=views, scale=0.5, radius_px=3, vertices=hull.vertices, faces=hull.faces, reach_px=4)


def sweep_options(**changes) -> SweepOptions:
    pixel = 0.002
    options = SweepOptions(
        offsets_m=np.arange(-4.5, 12, 1.2) * pixel, radius_px=3, best=2, choose_per_offset=True,
        smoothing=(0.1, 0.6), jump_m=15 * pixel, occlusion_m=2 * pixel, noise_variance=1e-5,
    )  # fmt: skip
    return replace(options, **changes)


def test_a_band_is_the_same_on_either_device(level: Level, where: str) -> None:
    from scan3d.reconstruction import band_warp

    options = sweep_options()
    rows, sources = (30, 90), [1, 2, 15]
    made = score_band(level, 0, sources, rows, options)
    assert made is not None
    wanted, x0 = made
    all_seen, _ = score_band(level, 0, sources, rows, replace(options, occlusion_m=1.0)) or made
    assert (all_seen != wanted)[np.isfinite(wanted) & np.isfinite(all_seen)].any()  # hiding is part of it
    columns = (x0, x0 + wanted.shape[1])
    seen = [(*level.get(s), source_from_reference(level.matrices[0], level.matrices[s])) for s in sources]
    found = band_warp.Scorer(where).score(
        level.get(0), seen, rows, columns, options.offsets_m, radius=options.radius_px, best=options.best,
        per_offset=options.choose_per_offset, occlusion=options.occlusion_m, floor=options.noise_variance,
    )  # fmt: skip
    assert found.shape == wanted.shape
    # a rounding may move one sample across a photograph's border
    assert (np.isfinite(found) == np.isfinite(wanted)).mean() > 0.9999
    assert (np.abs(found - wanted)[np.isfinite(wanted)] < TOLERANCE).mean() > 0.999
    assert np.isfinite(wanted).mean() > 0.3


@pytest.mark.parametrize("per_offset", [True, False])
def test_a_depth_map_is_the_same_on_either_device(
    level: Level, where: str, per_offset: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(depth, "CPU", "the cores")  # so that "cpu" means Warp's
    options = sweep_options(choose_per_offset=per_offset)
    wanted = sweep_view(level, 0, [1, 2, 15], replace(options, device="the cores"))
    found = sweep_view(level, 0, [1, 2, 15], replace(options, device=where))
    both = np.isfinite(wanted.depth) & np.isfinite(found.depth)
    assert both.sum() > 0.995 * max(np.isfinite(wanted.depth).sum(), np.isfinite(found.depth).sum()) > 1000
    apart = np.abs(found.depth - wanted.depth)[both]
    assert np.percentile(apart, 99) < 1e-5


def test_uploads_are_kept_within_a_budget_and_no_longer_than_their_arrays(warp) -> None:
    from scan3d.reconstruction.band_warp import Uploads

    uploads = Uploads(warp.get_device("cpu"), budget_bytes=2 * 400)
    a, b, c = (np.full((10, 10), value, np.float32) for value in (1, 2, 3))
    first = uploads.get(a)
    assert uploads.get(a) is first
    uploads.get(b)
    uploads.get(a)
    uploads.get(c)  # b was used longest ago
    assert uploads.size_bytes() == 800
    assert uploads.get(a) is first
    del c
    gc.collect()
    assert (uploads.get(b).numpy() == 2).all()
    assert uploads.get(a) is first
    assert uploads.size_bytes() == 800


def test_bands_on_a_device_are_as_large_as_its_memory_allows(warp) -> None:
    from scan3d.reconstruction.band_warp import Scorer

    scorer = Scorer("cpu")
    for width, sources, offsets in [(200, 6, 42), (4000, 6, 9), (20000, 8, 60)]:
        rows = scorer.band_rows(width, sources, offsets)
        assert rows >= 16
        assert rows == 16 or 4 * rows * width * offsets * (sources + 2) <= scorer.band_bytes


def test_code_for_a_gpu_is_made_without_one(warp, tmp_path: Path) -> None:
    from scan3d.reconstruction import band_warp, correlation_warp

    for module in (correlation_warp, band_warp):
        files = warp.compile_aot_module(module, arch=90, use_ptx=True, module_dir=tmp_path / module.__name__)
        code = "".join(Path(f).read_text() for f in files if Path(f).suffix == ".ptx")
        for kernel in [name for name, value in vars(module).items() if isinstance(value, warp.Kernel)]:
            assert f".entry {kernel}_" in code


def test_the_choice_changes_no_key() -> None:
    for options in (ShapeOptions(), SurfaceOptions()):
        assert significant_options(replace(options, device="cuda:0")) == significant_options(options)
