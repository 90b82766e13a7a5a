"""Light, shadow, the diffuse solve and gloss against closed forms."""

from __future__ import annotations

import numpy as np
import pytest

from scan3d.appearance.materials.agreement import agree
from scan3d.appearance.materials.gain_kernels import shine, turn_to
from scan3d.appearance.materials.gloss_fit import NODES, GlossSums, fit_gloss
from scan3d.appearance.materials.gloss_kernels import burley, fresnel, lobes
from scan3d.appearance.materials.kernels import arriving
from scan3d.appearance.materials.light_points import light_points
from scan3d.appearance.materials.lighting import ETA, Lighting
from scan3d.appearance.materials.observations import lamps_of, sharpened
from scan3d.appearance.materials.surface import at_vertices, make_surface
from scan3d.appearance.materials.transport import Transport
from scan3d.errors import InputError
from scan3d.geometry import Mesh
from scan3d.geometry.lights import LightSetup, Panel, Surroundings


def panel(name: str, centre: tuple[float, float, float], *, size: float = 0.4, strength: float = 3.0) -> LightSetup:
    one = Panel(name=name, centre_m=centre, target_m=(0, 0, 0), size_m=(size, size), radiance=(strength,) * 3)
    return LightSetup(name=name, panels=(one,))


def ball(radius: float = 0.1, fine: int = 4) -> Mesh:
    import trimesh

    made = trimesh.creation.icosphere(subdivisions=fine, radius=radius)
    vertices = np.asarray(made.vertices)
    faces = np.asarray(made.faces, np.int32)
    return Mesh(vertices=vertices, faces=faces, normals=vertices / radius, uv=np.zeros((len(faces), 3, 2)))


AROUND = [panel(f"p{k}", (float(np.cos(k)), float(np.sin(k)), 0.8 * (-1) ** k)) for k in range(0, 7)]


def lit(setups: list[LightSetup], mesh: Mesh, *, visible: bool = True) -> tuple[Transport, Lighting]:
    lights = light_points(setups, np.zeros(3))
    transport = Transport(mesh, lights, visible=visible)
    nothing = np.zeros((*transport.direct.shape, 3), np.float32)
    return transport, Lighting(lights=lights, seen=transport.seen, thrown=nothing, workers=1)


def form_factor(corners: np.ndarray, normal: np.ndarray) -> float:
    """Of a polygon seen from the origin (Lambert 1760): what it throws on a plane there, over pi times its radiance."""
    unit = corners / np.linalg.norm(corners, axis=1, keepdims=True)
    total = np.zeros(3)
    for a, b in zip(unit, np.roll(unit, -1, axis=0), strict=True):
        across = np.cross(a, b)
        total += np.arctan2(np.linalg.norm(across), a @ b) * across / np.linalg.norm(across)
    return abs(float(total @ normal)) / (2 * np.pi)


def test_a_near_panel_throws_what_lamberts_formula_says() -> None:
    setup = panel("near", (0.25, -0.5, 0.45), size=0.5)
    plate = Mesh(
        vertices=np.array([[0, 0, 0], [1e-3, 0, 0], [0, 1e-3, 0]], float),
        faces=np.array([[0, 1, 2]], np.int32),
        normals=np.tile([0.0, 0.0, 1.0], (3, 1)),
    )
    transport, _ = lit([setup], plate)
    want = 3.0 * form_factor(setup.panels[0].corners_m(), np.array([0.0, 0.0, 1.0]))
    assert transport.direct[0, 0] == pytest.approx(want, rel=0.01)


def test_even_surroundings_throw_their_radiance_on_open_surfaces() -> None:
    around = LightSetup(name="even", surroundings=Surroundings(radiance=np.full((8, 16, 3), 0.7, np.float32)))
    transport, _ = lit([around], ball())
    assert np.abs(transport.direct / 0.7 - 1).max() < 0.04


def test_two_fifths_of_a_panel_behind_a_wall_take_two_fifths_of_the_light() -> None:
    plate = Mesh(
        vertices=np.array([[0, 0, 0], [1e-3, 0, 0], [0, 1e-3, 0]], float),
        faces=np.array([[0, 1, 2]], np.int32),
        normals=np.tile([0.0, 0.0, 1.0], (3, 1)),
    )
    wall = Mesh(
        vertices=np.array([[0.004, -1, 0.1], [0.004, 1, 0.1], [0.5, 1, 0.1], [0.5, -1, 0.1]], float),
        faces=np.array([[0, 1, 2], [0, 2, 3]], np.int32),
    )
    lights = light_points([panel("over", (0.0, 0.0, 1.0))], np.zeros(3))
    open_light = Transport(plate, lights).direct[0, 0]
    assert Transport(plate, lights, blockers=wall).direct[0, 0] == pytest.approx(0.6 * open_light, rel=0.02)
    assert Transport(plate, lights, blockers=wall, visible=False).direct[0, 0] == pytest.approx(open_light)


def test_inside_a_ball_light_comes_back_as_the_sphere_integrates_it() -> None:
    """Every point of a sphere sees every other alike: thrown back is rho / (1 - rho) times the mean direct light."""
    out = ball(fine=3)
    inside = Mesh(vertices=out.vertices, faces=out.faces[:, ::-1].copy(), normals=-np.asarray(out.normals))
    transport, _ = lit([panel("within", (0.0, 0.0, 0.02), size=0.01)], inside)
    albedo = np.full((len(inside.vertices), 3), 0.4, np.float32)
    thrown = transport.thrown_back(albedo, np.ones((1, 3), np.float32))
    area = np.bincount(inside.faces.ravel(), np.repeat(inside.face_areas(), 3))
    mean = float((transport.direct[:, 0] * area).sum() / area.sum())
    # Three bounces of an endless row.
    want = mean * (0.4 + 0.4**2 + 0.4**3)
    assert np.median(thrown[:, 0, 0]) == pytest.approx(want, rel=0.03)


def test_the_solve_gives_back_albedo_and_bumped_normals_of_a_ball() -> None:
    mesh = ball()
    _, lighting = lit(AROUND, mesh)
    surface = make_surface(mesh, np.zeros(len(mesh.faces), int), 64, edge_m=1.0)
    points = at_vertices(surface, np.arange(len(mesh.vertices)))
    rng = np.random.default_rng(1)
    true = points.normal + 0.08 * rng.standard_normal(points.normal.shape)
    true = (true / np.linalg.norm(true, axis=1, keepdims=True)).astype(np.float32)
    albedo = rng.uniform(0.1, 0.8, (len(points), 3)).astype(np.float32)
    start = lighting.diffuse(points, np.ones((len(points), 7, 3), np.float32), np.ones((len(points), 7), np.float32))
    made = type(start)(albedo=albedo, normal=true, trusted=start.trusted, residual=start.residual)
    light = lighting.shown(points, made)
    found = lighting.diffuse(points, light, np.ones((len(points), 7), np.float32))
    grey = light.mean(axis=2)
    many = (grey > 0.1 * grey.max(axis=1, keepdims=True)).sum(axis=1) >= 4
    assert many.mean() > 0.2
    angle = np.degrees(np.arccos(np.clip((found.normal * true).sum(axis=1), -1, 1)))[many]
    assert np.mean(angle) < 0.7
    assert np.median(np.abs(found.albedo / albedo - 1)[many]) < 0.01


def test_one_lamp_that_lies_hardly_moves_the_solve() -> None:
    mesh = ball(fine=3)
    _, lighting = lit(AROUND, mesh)
    surface = make_surface(mesh, np.zeros(len(mesh.faces), int), 64, edge_m=1.0)
    points = at_vertices(surface, np.arange(len(mesh.vertices)))
    even = np.ones((len(points), 7), np.float32)
    start = lighting.diffuse(points, np.ones((len(points), 7, 3), np.float32), even)
    flat = type(start)(
        albedo=np.full((len(points), 3), 0.5, np.float32), normal=points.normal, trusted=start.trusted,
        residual=start.residual,
    )  # fmt: skip
    light = lighting.shown(points, flat)
    light[:, 3] *= 0.5  # a shadow that the scan's shape does not explain
    found = lighting.diffuse(points, light, even, turn=False)
    grey = light.mean(axis=2)
    many = (grey > 0.1 * grey.max(axis=1, keepdims=True)).sum(axis=1) >= 4
    assert np.median(np.abs(found.albedo[many] / 0.5 - 1)) < 0.01


@pytest.mark.parametrize("cosine", [1.0, 0.7, 0.3, 0.0])
def test_fresnel_at_its_ends(cosine: float) -> None:
    value = fresnel(cosine, ETA)
    assert 0.028 - 1e-9 <= value <= 1 + 1e-9
    if cosine == 1.0:
        assert value == pytest.approx(0.028, rel=1e-6)
    if cosine == 0.0:
        assert value == pytest.approx(1.0)


def test_a_lobe_seen_at_the_mirror_of_a_small_lamp_is_ggx() -> None:
    """At the half vector D = 1 / (pi a^2), G = 1 for light along the normal, F = F0: L = D F0 E / 4."""
    at, spread = np.array([[[0.0, 0.0, 2.0]]], np.float32), np.zeros((1, 1), np.float32)
    flow = np.array([[0.0, 0.0, 0.3]], np.float32)
    up = np.array([0.0, 0.0, 1.0])
    squares, out = np.array([0.3**4, 0.5**4]), np.zeros(2)
    lobes(np.zeros(3), up, up, flow, at, spread, 0, squares, ETA, out)
    # `flow` is irradiance over pi; the gain is F0 itself.
    want = 0.3 * np.pi / (np.pi * squares) / 4
    assert out == pytest.approx(want, rel=1e-5)


@pytest.mark.parametrize("share", [0.0, 0.2])
def test_lobes_are_found_again_from_their_sums(share: float) -> None:
    rng = np.random.default_rng(2)
    rough, second, gain = np.array([0.42, 0.5, 0.57]), 0.3, np.array([0.02, 0.028, 0.04])

    def lobe(r: float, away: np.ndarray) -> np.ndarray:
        s = r**4
        return np.asarray(s / (np.pi * (np.cos(away) ** 2 * (s - 1) + 1) ** 2))

    sums = GlossSums.zeros(3)
    for c in range(3):
        away = rng.uniform(0, 0.9, 4000)
        value = gain[c] * ((1 - share) * lobe(rough[c], away) + share * lobe(second, away))
        nodes = np.stack([lobe(r, away) for r in NODES], axis=1)
        # What is no gloss.
        nodes = np.concatenate([nodes, np.cos(3 * away)[:, None]], axis=1)
        value = value + 0.01 * nodes[:, -1]
        sums.normal[c], sums.right[c] = nodes.T @ nodes, nodes.T @ value
        sums.square[c] = (value @ value, len(value))
    fit = fit_gloss(sums)
    assert fit.roughness == pytest.approx(rough, rel=0.02)
    assert fit.specular == pytest.approx(gain, rel=0.03)
    assert fit.second_share == pytest.approx(share, abs=0.03)
    if share:
        assert fit.second_roughness == pytest.approx(second, rel=0.05)
    assert fit.explained.min() > 0.999
    assert fit.leak == pytest.approx(0.01, abs=0.002)


def test_cameras_and_their_lens_are_brought_to_agree() -> None:
    rng = np.random.default_rng(3)
    light = rng.uniform(0.1, 0.8, (400, 3, 3))
    gain = np.exp(0.03 * rng.standard_normal((6, 3)))
    r2 = rng.uniform(0, 1, (6, 400))
    bent = np.exp(-0.15 * r2 - 0.03 * r2**2)
    seen = (rng.random((6, 400)) < 0.6).astype(float)
    values = light[None] * gain[:, None, None] * bent[:, :, None, None]
    values[0, :40] *= 1.6  # a reflection that only one camera sees
    found = agree(values.astype(np.float32), seen, r2.astype(np.float32))
    want = np.exp(-(np.log(gain) - np.log(gain).mean(0)))
    assert np.abs(found.gain / want - 1).max() < 0.004
    assert found.factor(1, np.array([1.0]))[0] == pytest.approx(want[1] * np.exp(0.18), rel=0.01)


@pytest.mark.parametrize(("wave", "off"), [(3.0, 0.07), (4.0, 0.02), (6.0, 0.02), (8.0, 0.02), (16.0, 0.02)])
def test_sharpening_gives_back_what_pixels_and_texels_average(wave: float, off: float) -> None:
    true = np.cos(2 * np.pi * np.arange(240) / wave)
    seen = np.tile((np.sinc(1 / wave) ** 3 * true).astype(np.float32), (16, 1))
    back = sharpened(seen)[8, 24:-24]
    assert (back @ true[24:-24]) / (true[24:-24] @ true[24:-24]) == pytest.approx(1.0, abs=off)


def test_sharpening_keeps_what_is_even() -> None:
    assert sharpened(np.full((12, 12, 3), 0.3, np.float32)) == pytest.approx(0.3, abs=1e-6)


def test_lights_are_paired_by_what_shines() -> None:
    from scan3d.simulate.lights import light_setups

    setups = {s.name: s for s in light_setups("flashes+polarised", (0, 0, 1.4), 0.2)}
    lamps = lamps_of(setups)
    assert len(lamps) == 9  # "all" says nothing that the nine do not
    assert all(lamp.cross and lamp.parallel and lamp.shows_gloss for lamp in lamps)
    plain = lamps_of({s.name: s for s in light_setups("gradients", (0, 0, 1.4), 0.2)})
    assert len(plain) == 7 and all(lamp.plain for lamp in plain)
    with pytest.raises(InputError, match="panel0_parallel"):
        lamps_of({"panel0_parallel": setups["panel0_parallel"]})


def test_gloss_of_single_texels_is_that_of_the_patches() -> None:
    """The fast sums over a lamp's patches, against the plain ones, shadows and grazing light included."""
    rng = np.random.default_rng(8)
    lights = light_points([panel("near", (0.3, -0.5, 0.4), size=0.5)], np.zeros(3))
    at, ahead, power, spread = lights.position, lights.ahead, lights.power, lights.spread_m2
    patches = power.shape[1]
    away = rng.standard_normal((400, 3))
    away /= np.linalg.norm(away, axis=1, keepdims=True)
    position, normal = (0.1 * away).astype(np.float32), away.astype(np.float32)
    seen = rng.integers(0, 2, (400, 1, patches)).astype(np.uint8)
    corner = rng.integers(0, 400, (400, 3)).astype(np.int32)
    bary = rng.dirichlet((1, 1, 1), 400).astype(np.float32)
    centre, squares = np.array([-0.2, -0.9, 0.3]), np.array([0.48**4, 0.2**4], np.float32)
    flow, view, compared = np.empty((patches, 3), np.float32), np.empty(3), 0
    turned = np.empty(3, np.float32)
    for t in range(400):
        turn_to(position[t], centre, view)
        turned[:] = view
        arriving(position[t], corner[t], bary[t], seen, at, ahead, power, 0, flow)
        plain = np.zeros(2)
        lobes(position[t], normal[t], view, flow, at, spread, 0, squares, ETA, plain)
        sides = (seen[k, 0] for k in corner[t])
        shown, added = shine(
            position[t], normal[t], turned, bary[t], *sides, np.ascontiguousarray(at[0].T),
            np.ascontiguousarray(ahead[0].T), power[0], spread[0], squares, np.float32(0.3), np.float32(ETA),
        )  # fmt: skip
        want = 0.7 * plain[0] + 0.3 * plain[1]
        assert shown == pytest.approx(want, rel=2e-4, abs=1e-7)
        if normal[t] @ turned > 0:
            assert added == pytest.approx(burley(normal[t], view, flow[(flow**2).sum(axis=1) > 0]), abs=2e-6)
        compared += want > 0
    assert compared > 60
