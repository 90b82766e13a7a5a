"""Maps solved by the GPU's form of the solve against the cores' form, on Warp's CPU device."""

from __future__ import annotations

import functools
import sys
from collections.abc import Iterable

import numpy as np
import pytest

from scan3d.appearance.materials import solve
from scan3d.appearance.materials.solve import Shared, SolveOptions, Solver, TileMaps
from scan3d.appearance.materials.surface import points_of, texel_owners
from scan3d.errors import ReconstructionError
from tests.appearance.materials.lit_ball import lit_ball

ELSEWHERE = "elsewhere"


@functools.cache
def solver_of(polarised: int, plain: int) -> Solver:
    ball = lit_ball(polarised=polarised, plain=plain)
    return Solver(ball.surface, ball.lamps, ball.views, workers=1)


@pytest.fixture(scope="module", params=[(3, 2), (4, 0)], ids=["some polarised", "all polarised"])
def solver(request: pytest.FixtureRequest) -> Solver:
    return solver_of(*request.param)


@pytest.fixture
def devices_are_warps(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that "cpu" means Warp's."""
    monkeypatch.setattr(solve, "CPU", ELSEWHERE)


def joined(maps: Iterable[TileMaps], field: str) -> np.ndarray:
    return np.concatenate([getattr(tile, field) for tile in maps])


def test_maps_are_the_same_on_either_device(
    solver: Solver, where: str, devices_are_warps: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(solver, "_device", ELSEWHERE)
    wanted = list(solver.tiles())
    monkeypatch.setattr(solver, "_device", where)
    found = list(solver.tiles())
    want, have = ({f: joined(maps, f) for f in vars(wanted[0]) if f != "tile"} for maps in (wanted, found))
    known = want["trusted"] > 0
    assert known.sum() > 5000 and ((have["trusted"] > 0) == known).all()
    assert (have["index"] == want["index"]).all()
    assert np.median(want["residual"][known]) > 1e-4  # the photographs are not quite what the model makes of them
    assert np.quantile(_share(have["albedo"], want["albedo"])[known], 0.999) < 1e-3
    turned = np.degrees(2 * np.arcsin(np.linalg.norm(have["normal"] - want["normal"], axis=1) / 2))
    assert np.quantile(turned[known], 0.999) < 0.05
    assert np.quantile(_share(have["specular"], want["specular"], least=1e-3)[known], 0.999) < 0.01
    assert (have["roughness"] == want["roughness"]).all() and np.ptp(want["specular"][known]) > 1e-3
    assert np.quantile(np.abs(have["residual"] - want["residual"]), 0.999) < 1e-4


def _share(found: np.ndarray, wanted: np.ndarray, least: float = 1e-6) -> np.ndarray:
    return np.abs(found - wanted) / np.maximum(np.abs(wanted), least)


def test_a_block_takes_what_it_says(solver: Solver, where: str, warp) -> None:
    from scan3d.appearance.materials import block_warp

    shared = Shared(lamps=solver._lamps, views=solver._known, common=solver.common)
    index, face = texel_owners(solver._surface, 0)
    surface = block_warp.WarpSurface(shared, where)
    block = block_warp.WarpBlock(surface, points_of(solver._surface, index, face))
    lamps = [k for k, lamp in enumerate(solver._lamps) if lamp.shows_gloss]
    seen = [number for number in range(len(solver._views)) if block.look(number)]
    assert seen == list(range(len(solver._views) - 1))  # the last looks away
    assert block.look(0)
    block.note_best()
    block.favour_best()
    block.add_diffuse(0)
    block.solve(turn=True)
    block.add_gloss(lamps[0])
    held = [*vars(block).values(), *vars(block._texels).values(), *vars(block._lobes).values()]
    arrays = [value for value in held if isinstance(value, warp.array)]
    assert len(arrays) >= 18
    assert sum(array.capacity for array in arrays) <= len(index) * (140 + 16 * len(solver._lamps)) + 4096
    vertices, lamps_there, patches = shared.common.lighting.seen.shape
    light = [surface.light.seen, surface.light.thrown, surface.guess]
    assert sum(array.capacity for array in light) <= vertices * lamps_there * (patches + 24) + 4096


def test_kernels_are_given_nothing_that_lies_on_the_host(
    solver: Solver, where: str, warp, devices_are_warps: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    launch, given = warp.launch, []

    def noted(kernel, *, dim, inputs, device):
        assert device == warp.get_device(where)
        for value in inputs:
            held = vars(value).values() if hasattr(value, "_cls") else [value]  # of a struct
            given.extend(part for part in held if hasattr(part, "shape"))
        launch(kernel, dim=dim, inputs=inputs, device=device)

    monkeypatch.setattr(solver, "_device", where)
    monkeypatch.setattr(warp, "launch", noted)
    next(solver.tiles())
    assert len(given) > 100
    # Vectors are values, and have shapes.
    arrays = [value for value in given if isinstance(value, warp.array) or not hasattr(value, "_wp_scalar_type_")]
    assert all(isinstance(value, warp.array) and value.device == warp.get_device(where) for value in arrays)


def test_a_device_that_fails_is_said_with_a_way_out(
    solver: Solver, where: str, warp, devices_are_warps: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*given, **options):
        raise RuntimeError("Failed to allocate 720000000 bytes")

    monkeypatch.setattr(solver, "_device", where)
    monkeypatch.setattr(warp, "launch", full)
    with pytest.raises(ReconstructionError, match=r"720000000 bytes(.|\n)*--device cpu"):
        next(solver.tiles())


def test_solved_on_the_cores_nothing_of_warp_is_loaded(solver: Solver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "scan3d.appearance.materials.block_warp", None)
    assert len(next(solver.tiles()).index)


def test_options_have_no_device() -> None:
    """It changes no result, and so may not make one anew."""
    assert "device" not in SolveOptions.__dataclass_fields__
