"""Each kernel of the GPU's form of the solve against the cores' form, on random input, on Warp's CPU device."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from scan3d.appearance.materials import kernels
from scan3d.appearance.materials.agreement import Agreement
from scan3d.appearance.materials.block import ROBUST, STRAIGHT
from scan3d.appearance.materials.light_points import light_points
from scan3d.appearance.materials.lighting import LEAST_COSINE, Diffuse, Lighting, Lobe
from scan3d.appearance.materials.observations import LitView, Sight, Watched, picked, radius2
from scan3d.appearance.materials.surface import Points
from scan3d.appearance.visibility import Visibility
from scan3d.geometry import Camera, Intrinsics, Mesh
from scan3d.geometry.lights import LightSetup, Panel
from scan3d.geometry.rig_definition import look_at

COUNT, VERTICES, LAMPS = 2000, 300, 5
RNG = np.random.default_rng


def unit(values: np.ndarray) -> np.ndarray:
    return (values / np.linalg.norm(values, axis=-1, keepdims=True)).astype(np.float32)


def some_points(seed: int) -> Points:
    """Points of a ball of 10 cm, their corners and shares at random."""
    rng = RNG(seed)
    away = unit(rng.standard_normal((COUNT, 3)))
    return Points(
        index=np.arange(COUNT), position=np.float32(0.1) * away, face=np.zeros(COUNT, np.int32),
        normal=unit(away + 0.1 * rng.standard_normal((COUNT, 3))),
        corner=rng.integers(0, VERTICES, (COUNT, 3)).astype(np.int32),
        bary=rng.dirichlet((1, 1, 1), COUNT).astype(np.float32),
    )  # fmt: skip


def some_light(seed: int) -> Lighting:
    """Lamps on the camera's side, one of two panels; shadows and light thrown back at random."""
    rng = RNG(seed)
    setups = []
    for k in range(LAMPS):
        panels = []
        for name in "ab"[: 2 if k == 1 else 1]:
            x, y, z = (float(v) for v in unit(rng.uniform((-1, -1.5, -0.5), (1, -0.2, 0.8))) * 0.6)
            panels.append(
                Panel(name=name, centre_m=(x, y, z), target_m=(0, 0, 0), size_m=(0.2, 0.1), radiance=(90, 80, 60))
            )
        setups.append(LightSetup(name=f"l{k}", panels=tuple(panels)))
    lights = light_points(setups, np.zeros(3))
    seen = (rng.random((VERTICES, *lights.power.shape)) < 0.7).astype(np.uint8)
    thrown = 0.2 * rng.random((VERTICES, LAMPS, 3), np.float32)
    return Lighting(lights=lights, seen=seen, thrown=thrown, workers=1)


def some_camera() -> Camera:
    intrinsics = Intrinsics(model="pinhole", width=90, height=70, fx=240.0, fy=240.0, cx=46.0, cy=33.0)
    pose = look_at(np.array([0.2, -0.6, 0.1]), np.zeros(3))
    return Camera(camera_id="c", intrinsics=intrinsics, cam_from_world=pose)


def some_sight(points: Points, seed: int) -> Sight:
    """Places anywhere in a picture of 90 x 70, two fifths not seen."""
    rng = RNG(seed)
    share = np.where(rng.random(COUNT) < 0.6, rng.random(COUNT), 0).astype(np.float32)
    place = rng.uniform((2, 2), (86.9, 66.9), (COUNT, 2)).astype(np.float32)
    return Sight(place=place, share=share, cosine=np.ones(COUNT, np.float32), centre=some_camera().centre)


def some_lobe(seed: int) -> Lobe:
    rng = RNG(seed)
    return Lobe(
        roughness=rng.uniform(0.2, 0.7, COUNT).astype(np.float32),
        gain=rng.uniform(0.01, 0.08, COUNT).astype(np.float32), second_roughness=0.25, second_share=0.15, leak=0.4,
    )  # fmt: skip


class There:
    """The modules of the GPU's form and a device, with what most tests carry to it."""

    def __init__(self, name: str, warp: Any) -> None:
        from scan3d.appearance.materials import block_warp, diffuse_kernels_warp, gain_kernels_warp, kernels_warp

        self.block, self.seeing, self.solving, self.glossy = (
            block_warp, kernels_warp, diffuse_kernels_warp, gain_kernels_warp
        )  # fmt: skip
        self.wp, self.device = warp, block_warp.Device(name)

    def vectors(self, values: np.ndarray) -> Any:
        return self.device.carried(values, self.wp.vec3f)

    def by_lamp(self, values: np.ndarray) -> Any:
        """(N, L, ...) as (L, N, ...)."""
        turned = np.swapaxes(values, 0, 1)
        return self.vectors(turned) if values.ndim == 3 else self.device.carried(turned)

    def sight(self, sight: Sight) -> tuple[Any, Any, Any]:
        centre = self.wp.vec3f(*sight.centre.tolist())
        return self.device.carried(sight.place, self.wp.vec2f), self.device.carried(sight.share), centre


@pytest.fixture(scope="module")
def there(where: str, warp) -> There:
    return There(where, warp)


@pytest.mark.parametrize("seed", range(3))
def test_a_view_sees_the_same_texels_as_much(there: There, seed: int) -> None:
    rng, points, camera = RNG(seed), some_points(seed), some_camera()
    size = (camera.intrinsics.height, camera.intrinsics.width)
    depth = rng.uniform(0.5, 0.7, size).astype(np.float32)
    depth[rng.random(size) < 0.1] = np.nan
    trust = rng.random(size, np.float32)
    nothing = Mesh(vertices=np.zeros((3, 3)), faces=np.array([[0, 1, 2]], np.int32))
    watched = Watched(nothing, LitView(camera=camera, load=lambda light: trust))
    watched.visible = Visibility(depth=depth, trust=trust)
    wanted = watched.sight(points.position, points.normal)
    device, wp = there.device, there.wp
    place, share, some = device.zeros(COUNT, wp.vec2f), device.zeros(COUNT), device.zeros(1, wp.int32)
    texels, view = there.block.carried_texels(device, points), there.block.pinhole(watched)
    device.launch(
        there.seeing.look, COUNT, texels, view, device.carried(depth), device.carried(trust), place, share, some
    )  # fmt: skip
    seen = wanted.share > 0
    assert 0.1 < seen.mean() < 0.6 and some.numpy()[0] == 1
    np.testing.assert_allclose(share.numpy(), wanted.share, rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(place.numpy()[seen], wanted.place[seen], atol=1e-5)


def test_straight_views_are_favoured_alike(there: There) -> None:
    rng = RNG(5)
    best, share = rng.random(COUNT, np.float32), rng.random(COUNT, np.float32)
    share[:100] = best[:50] = 0
    best_there, share_there = there.device.carried(best), there.device.carried(share)
    there.device.launch(there.seeing.note_best, COUNT, share_there, best_there)
    best = np.maximum(best, share)
    np.testing.assert_array_equal(best_there.numpy(), best)
    there.device.launch(there.seeing.favour_best, COUNT, best_there, float(STRAIGHT), share_there)
    wanted = share**STRAIGHT / np.maximum(best, 1e-9) ** (STRAIGHT - 1)
    np.testing.assert_allclose(share_there.numpy(), wanted, rtol=1e-6)


@pytest.mark.parametrize("seed", range(3))
def test_photographs_are_read_and_corrected_alike(there: There, seed: int) -> None:
    rng, sight, camera = RNG(seed), some_sight(some_points(seed), seed), some_camera()
    picture = rng.random((70, 90, 3), np.float32)
    agreement = Agreement(gain=rng.uniform(0.8, 1.2, (2, 3)), shading=np.array([-0.2, 0.05]))
    far = radius2(sight, camera)
    exposure = there.block.exposure(agreement, 1, camera)
    place, share, _ = there.sight(sight)
    value, grey = there.device.zeros(COUNT, there.wp.vec3f), there.device.carried(np.ones(COUNT))
    there.device.launch(there.seeing.sample, COUNT, place, share, there.vectors(picture), value)
    there.device.launch(there.seeing.expose, COUNT, place, share, exposure, 2.0, value)
    there.device.launch(there.glossy.expose_grey, COUNT, place, share, exposure, grey)
    factor = agreement.factor(1, far)
    np.testing.assert_allclose(value.numpy(), 2 * picked(picture, sight) * factor, atol=3e-6)
    np.testing.assert_allclose(grey.numpy(), np.where(sight.share > 0, factor.mean(axis=1), 1), rtol=1e-6)


@pytest.mark.parametrize("seed", range(3))
def test_views_are_added_alike(there: There, seed: int) -> None:
    rng, points = RNG(seed), some_points(seed)
    sight = some_sight(points, seed)
    value, guess = rng.random((COUNT, 3), np.float32), rng.random((VERTICES, LAMPS, 3), np.float32)
    total, weight = rng.random((COUNT, 3), np.float32), rng.random(COUNT, np.float32)
    total_there, weight_there = there.vectors(total), there.device.carried(weight)
    lamp = seed + 1
    kernels.add_view(
        0, COUNT, sight.share, value, points.corner, points.bary, np.ascontiguousarray(guess[:, lamp]), ROBUST, total,
        weight,
    )  # fmt: skip
    there.device.launch(
        there.seeing.add_view, COUNT, there.block.carried_texels(there.device, points), there.sight(sight)[1],
        there.vectors(value), there.vectors(guess), lamp, ROBUST, total_there, weight_there,
    )  # fmt: skip
    np.testing.assert_allclose(total_there.numpy(), total, rtol=1e-5)
    np.testing.assert_allclose(weight_there.numpy(), weight, rtol=1e-5)


@pytest.mark.parametrize("turn", [True, False])
@pytest.mark.parametrize("seed", range(3))
def test_albedo_and_normals_are_solved_alike(
    there: There, seed: int, turn: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(there.block, "_AT_ONCE", 700)  # so that there are several rounds
    rng, points, lighting = RNG(seed), some_points(seed), some_light(seed)
    bumpy = unit(points.normal + 0.15 * rng.standard_normal((COUNT, 3)))
    nothing = np.zeros(COUNT, np.float32)
    true = Diffuse(
        albedo=rng.uniform(0.1, 0.8, (COUNT, 3)).astype(np.float32), normal=bumpy, trusted=nothing, residual=nothing
    )
    value = lighting.shown(points, true) * rng.lognormal(0, 0.05, (COUNT, LAMPS, 1)).astype(np.float32)
    value[rng.random((COUNT, LAMPS)) < 0.05] *= 3  # what is no diffuse light
    weight = np.where(rng.random((COUNT, LAMPS)) < 0.8, rng.random((COUNT, LAMPS)), 0).astype(np.float32)
    weight[:20] = 0
    wanted = lighting.diffuse(points, value, weight, turn=turn)
    light = there.block.carried_light(there.device, lighting)
    texels = there.block.carried_texels(there.device, points)
    made = there.block.solve_diffuse(
        there.device, texels, light, there.by_lamp(value), there.by_lamp(weight), turn=turn
    )  # fmt: skip
    albedo, normal, trusted, residual = (values.numpy() for values in made)
    assert (wanted.trusted > 0).mean() > 0.6
    assert not turn or (wanted.normal != points.normal).any(axis=1).mean() > 0.5
    away = np.degrees(2 * np.arcsin(np.linalg.norm(normal - wanted.normal, axis=1) / 2))
    assert np.quantile(away, 0.999) < 0.02
    # A lamp at the very edge of a patch may fall on its other side.
    for found, want in ((albedo, wanted.albedo), (trusted, wanted.trusted), (residual, wanted.residual)):
        assert np.quantile(np.abs(found - want) / np.maximum(np.abs(want), 0.01), 0.999) < 1e-3
    assert (albedo[:20] == 0).all() and (trusted[:20] == 0).all()
    shown = there.device.zeros((LAMPS, COUNT), there.wp.vec3f)
    there.device.launch(
        there.solving.show, (LAMPS, COUNT), texels, light, there.vectors(true.albedo), there.vectors(bumpy), shown
    )
    np.testing.assert_allclose(np.swapaxes(shown.numpy(), 0, 1), lighting.shown(points, true), rtol=1e-4, atol=1e-6)


def test_means_are_taken_alike(there: There) -> None:
    total, weight = RNG(1).random((COUNT, LAMPS, 3), np.float32), RNG(2).random((COUNT, LAMPS), np.float32)
    weight[:50] = total[:50] = 0
    found = there.by_lamp(total)
    there.device.launch(there.seeing.take_mean, (LAMPS, COUNT), there.by_lamp(weight), found)
    wanted = total / np.maximum(weight, 1e-9)[..., None]
    np.testing.assert_allclose(np.swapaxes(found.numpy(), 0, 1), wanted, rtol=1e-6)


@pytest.mark.parametrize("seed", range(3))
def test_gloss_is_told_and_summed_alike(there: There, seed: int) -> None:
    rng, points, lighting, lobe = RNG(seed), some_points(seed), some_light(seed), some_lobe(seed)
    sight, lamp, nothing = some_sight(points, seed), seed, np.zeros(COUNT, np.float32)
    normal = unit(points.normal + 0.1 * rng.standard_normal((COUNT, 3)))
    made = Diffuse(albedo=rng.random((COUNT, 3), np.float32), normal=normal, trusted=nothing, residual=nothing)
    value, grey = rng.random((COUNT, 3), np.float32), rng.random(COUNT, np.float32)
    wanted = value - lighting.gloss(points, points.normal, sight, lamp, lobe)[:, None] * lighting.lights.colour[lamp]
    wanted_up, wanted_down = np.zeros((2, COUNT))
    lighting.add_gain(points, made, sight, grey, lamp, lobe, wanted_up, wanted_down)

    device, block, glossy = there.device, there.block, there.glossy
    texels, light, lobes = (
        block.carried_texels(device, points), block.carried_light(device, lighting), block.carried_lobes(device, lobe)
    )  # fmt: skip
    _, share, centre = there.sight(sight)
    found, up, down = there.vectors(value), device.zeros(COUNT), device.zeros(COUNT)
    device.launch(glossy.take_off_gloss, COUNT, texels, share, centre, light, lamp, lobes, found)
    device.launch(
        glossy.add_gain, COUNT, texels, there.vectors(normal), there.vectors(made.albedo), share, centre,
        device.carried(grey), light, lamp, lobes, LEAST_COSINE, up, down,
    )  # fmt: skip
    assert (np.abs(wanted - value).max(axis=1) > 1e-3).mean() > 0.05 and (wanted_down > 0).mean() > 0.05
    np.testing.assert_allclose(found.numpy(), wanted, rtol=2e-4, atol=1e-5)
    np.testing.assert_allclose(down.numpy(), wanted_down, rtol=1e-3, atol=1e-5 * wanted_down.max())
    np.testing.assert_allclose(up.numpy(), wanted_up, rtol=1e-3, atol=1e-5 * np.abs(wanted_up).max())


def test_what_shines_beyond_diffuse_light_is_grey_alike(there: There) -> None:
    rng, sight = RNG(4), some_sight(some_points(4), 4)
    value, base = rng.random((2, COUNT, 3), np.float32)
    colour, out = np.array([1.2, 1.0, 0.0], np.float32), there.device.zeros(COUNT)
    share = there.sight(sight)[1]
    there.device.launch(
        there.glossy.grey_above, COUNT, share, there.vectors(value), there.vectors(base),
        there.wp.vec3f(*colour.tolist()), out,
    )  # fmt: skip
    wanted = np.where(sight.share > 0, ((value - base) / np.maximum(colour, 1e-3)).mean(axis=1), 0)
    np.testing.assert_allclose(out.numpy(), wanted, rtol=1e-5, atol=1e-3)


def test_code_for_a_gpu_is_made_without_one(warp, tmp_path: Path) -> None:
    from scan3d.appearance.materials import diffuse_kernels_warp, gain_kernels_warp, kernels_warp

    for module in (kernels_warp, diffuse_kernels_warp, gain_kernels_warp):
        files = warp.compile_aot_module(module, arch=90, use_ptx=True, module_dir=tmp_path / module.__name__)
        code = "".join(Path(f).read_text() for f in files if Path(f).suffix == ".ptx")
        own = [name for name, value in vars(module).items() if isinstance(value, warp.Kernel)]
        assert own
        for kernel in own:
            assert f".entry {kernel}_" in code
