"""The skin of a mannequin: what is recorded is what is drawn, nothing shows where the map is cut."""

from collections.abc import Mapping
from functools import cache

import numpy as np
import pytest

from scan3d.geometry import Mesh
from scan3d.geometry.imperfections import Imperfection
from scan3d.geometry.materials import Part
from scan3d.simulate.skin import dress_up
from scan3d.simulate.skin.body_maps import decode_normals, encode_normals
from scan3d.simulate.skin.texels import chart_of
from tests.simulate.mannequins import globe, mannequin

LUMINANCE = np.array([0.2126, 0.7152, 0.0722])
SIZE = 768


@pytest.fixture(scope="module")
def dressed() -> tuple[tuple[Part, ...], tuple[Imperfection, ...]]:
    body, regions, others = mannequin()
    return dress_up(body, body, regions, others, seed=4, tone=0.2, size=SIZE)


@cache
def places(mesh: Mesh, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows and columns of the texels inside the globe's charts, and where on the globe they lie."""
    chart = chart_of(mesh, size)
    rows, columns = np.nonzero(chart.owner >= 0)
    u, v = (columns + 0.5) / size, 1 - (rows + 0.5) / size
    inside = (u > 0.021) & (u < 0.979) & (v > 0.021) & (v < 0.979)
    rows, columns, u, v = rows[inside], columns[inside], u[inside], v[inside]
    lon, lat = 2 * np.pi * (0.98 - u) / 0.96, np.pi * ((v - 0.02) / 0.96 - 0.5)
    low, high = mesh.vertices.min(axis=0), mesh.vertices.max(axis=0)
    unit = np.stack([np.cos(lat) * np.sin(lon), np.cos(lat) * np.cos(lon), np.sin(lat)], axis=1)
    return np.stack([rows, columns]), unit * (high - low) / 2 + (high + low) / 2


def test_parts_and_maps(dressed: tuple[tuple[Part, ...], tuple[Imperfection, ...]]) -> None:
    parts, _ = dressed
    assert [part.material.kind for part in parts] == ["skin", "eye", "eye", "cloth", "hair"]
    for part in parts:
        material = part.material
        assert material.albedo.dtype == np.float32 and material.roughness.dtype == np.float32
        assert material.albedo.shape[:2] == material.roughness.shape
        assert material.albedo.min() > 0 and material.albedo.max() < 1
        assert material.roughness.min() > 0 and material.roughness.max() <= 1
        assert np.isfinite(material.albedo).all() and np.isfinite(material.roughness).all()
        assert part.mesh.uv is not None and part.mesh.uv.min() >= 0 and part.mesh.uv.max() <= 1
    assert parts[0].material.albedo.shape == (SIZE, SIZE, 3)
    assert parts[0].material.normal is not None and parts[0].material.normal.dtype == np.uint16


def test_the_drawn_contrast_is_the_recorded_one(dressed: tuple[tuple[Part, ...], tuple[Imperfection, ...]]) -> None:
    parts, marks = dressed
    texels, points = places(parts[0].mesh, SIZE)
    luminance = parts[0].material.albedo[texels[0], texels[1]] @ LUMINANCE
    round_ones = [m for m in marks if m.kind in ("mole", "freckle", "blemish")]
    assert len(round_ones) > 15
    for mark in round_ones:
        radius = np.linalg.norm(points - mark.position_m, axis=1) / (0.5e-3 * mark.size_mm)
        middle, around = luminance[radius < 0.4], luminance[(radius > 1.5) & (radius < 2.2)]
        if len(middle) >= 2:
            assert 1 - middle.mean() / around.mean() == pytest.approx(mark.contrast, abs=0.035), mark


def test_scars_and_veins_differ_from_their_surroundings_as_recorded(
    dressed: tuple[tuple[Part, ...], tuple[Imperfection, ...]],
) -> None:
    parts, marks = dressed
    albedo = parts[0].material.albedo
    lines = [m for m in marks if m.kind in ("scar", "vein")]
    assert lines
    texels, points = places(parts[0].mesh, SIZE)
    for mark in lines:
        column, row = int(mark.uv[0] * SIZE), int((1 - mark.uv[1]) * SIZE)
        ring = np.linalg.norm(points - mark.position_m, axis=1)
        around = albedo[texels[0], texels[1]][(ring > 0.5e-3 * mark.size_mm) & (ring < 0.7e-3 * mark.size_mm)]
        here = albedo[row, column] @ LUMINANCE
        assert 1 - here / np.median(around @ LUMINANCE) == pytest.approx(mark.contrast, abs=0.08), mark


def test_marks_lie_on_visible_skin_where_their_uv_says(
    dressed: tuple[tuple[Part, ...], tuple[Imperfection, ...]],
) -> None:
    body, regions, _ = mannequin()
    _, marks = dressed
    assert {m.kind for m in marks} == {"mole", "freckle", "scar", "blemish", "vein"}
    for mark in marks:
        nearest = np.argmin(np.linalg.norm(body.vertices - mark.position_m, axis=1))
        assert regions["hidden"][nearest] == 0 and regions["scalp"][nearest] == 0
        assert regions["lips"][nearest] < 0.2 and regions["brow"][nearest] < 0.2
        assert 0.8 < mark.size_mm < 80 and -0.3 < mark.contrast < 0.85
        assert 0 <= mark.uv[0] <= 1 and 0 <= mark.uv[1] <= 1
        lon, lat = 2 * np.pi * (0.98 - mark.uv[0]) / 0.96, np.pi * ((mark.uv[1] - 0.02) / 0.96 - 0.5)
        there = np.array([0.1 * np.cos(lat) * np.sin(lon), 0.11 * np.cos(lat) * np.cos(lon), 0.2 + 0.15 * np.sin(lat)])
        assert np.linalg.norm(there - mark.position_m) < 1.5e-3


def test_the_cut_of_the_map_does_not_show(dressed: tuple[tuple[Part, ...], tuple[Imperfection, ...]]) -> None:
    """Across the cut along +Y the colour changes no more than between any two columns."""
    albedo = dressed[0][0].material.albedo
    rows = slice(SIZE // 3, 2 * SIZE // 3)
    left, right = int(np.ceil(0.02 * SIZE)), int(np.floor(0.98 * SIZE)) - 1
    across = np.abs(albedo[rows, left] - albedo[rows, right]).mean()
    beside = np.abs(albedo[rows, left + 1] - albedo[rows, left]).mean()
    assert across < 2.0 * beside
    # The gutter goes on as the skin does on the other side of the cut.
    gutter = np.abs(albedo[rows, left - 2] - albedo[rows, right - 1]).mean()
    assert gutter < 2.5 * beside


@pytest.mark.parametrize("tone", [0.3, 0.7])
def test_regions_have_their_colours(tone: float) -> None:
    body, regions, others = mannequin()
    parts, _ = dress_up(body, body, regions, others, seed=1, tone=tone, size=512)
    texels, points = places(parts[0].mesh, 512)
    albedo = parts[0].material.albedo[texels[0], texels[1]]
    side = np.abs(points[:, 0]) > 0.09
    plain = np.median(albedo[side & (points[:, 2] > 0.2)], axis=0)
    front = (points[:, 1] < 0) & (np.hypot(points[:, 0] / 0.02, (points[:, 2] - 0.165) / 0.005) < 1)
    lips = np.median(albedo[front], axis=0)
    palm = np.median(albedo[(points[:, 1] > 0.1) & (points[:, 2] > 0.21)], axis=0)
    covered = np.median(albedo[points[:, 2] < 0.09], axis=0)
    assert lips[0] / lips[1] > 1.08 * plain[0] / plain[1]
    assert palm @ LUMINANCE > (1.02 if tone < 0.5 else 1.5) * (plain @ LUMINANCE)
    assert covered @ LUMINANCE > 1.03 * (plain @ LUMINANCE)


def test_light_to_dark(dressed: tuple[tuple[Part, ...], tuple[Imperfection, ...]]) -> None:
    body, regions, _ = mannequin()
    darkness = [
        float(np.median(dress_up(body, body, regions, (), seed=2, tone=t, size=128)[0][0].material.albedo @ LUMINANCE))
        for t in (0.0, 0.33, 0.66, 1.0)
    ]
    assert darkness[0] > 0.35 and darkness[-1] < 0.09
    assert darkness == sorted(darkness, reverse=True)


def test_the_same_seed_gives_the_same_bytes_and_another_other_ones() -> None:
    body, regions, others = mannequin()

    def bytes_of(seed: int) -> tuple[bytes, ...]:
        parts, marks = dress_up(body, body, regions, others, seed=seed, size=192, stubble=0.6)
        maps = [m for p in parts for m in (p.material.albedo, p.material.roughness, p.material.normal) if m is not None]
        return *(m.tobytes() for m in maps), repr(marks).encode()

    first = bytes_of(7)
    assert first == bytes_of(7)
    assert first[0] != bytes_of(8)[0]


def test_marks_follow_the_pose_and_detail_stays() -> None:
    body, regions, others = mannequin()
    turn = np.array([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
    move: Mapping[str, Mesh] = {
        name: Mesh(vertices=mesh.vertices @ turn.T + [1, 2, 0], faces=mesh.faces, uv=mesh.uv)
        for name, _, mesh in others
    }
    posed = Mesh(vertices=body.vertices @ turn.T + [1, 2, 0], faces=body.faces, uv=body.uv)
    still, here = dress_up(body, body, regions, others, seed=3, tone=0.3, size=256)
    moved = dress_up(posed, body, regions, tuple((n, k, move[n]) for n, k, _ in others), seed=3, tone=0.3, size=256)
    np.testing.assert_allclose(still[0].material.albedo, moved[0][0].material.albedo, atol=0.12)
    difference = np.abs(still[0].material.albedo - moved[0][0].material.albedo)
    assert (difference > 1e-3).mean() < 0.002
    for a, b in zip(here, moved[1], strict=False):
        np.testing.assert_allclose(turn @ a.position_m + [1, 2, 0], b.position_m, atol=1e-6)


def test_pupils_look_where_the_head_does() -> None:
    body, regions, others = mannequin()
    parts, _ = dress_up(body, body, regions, others, seed=3, tone=0.3, size=512)
    eye = parts[1]
    centre = 0.5 * (eye.mesh.vertices.min(axis=0) + eye.mesh.vertices.max(axis=0))
    corner = int(np.argmin(np.linalg.norm(eye.mesh.corners().reshape(-1, 3) - centre - [0, -0.0125, 0], axis=1)))
    assert eye.mesh.uv is not None
    u, v = eye.mesh.uv.reshape(-1, 2)[corner]
    size = len(eye.material.albedo)
    assert eye.material.albedo[int((1 - v) * size), int(u * size)].max() < 0.02
    assert np.median(eye.material.albedo) > 0.4


def test_relief_points_outward_in_the_frame_of_the_map() -> None:
    """A plane whose height rises along x and falls along z, uv along x and z."""
    slopes = np.array([[0.1, -0.2], [0.0, 0.0], [-0.5, 0.4]])
    np.testing.assert_allclose(decode_normals(encode_normals(slopes)), slopes, atol=1e-4)
    normal = encode_normals(slopes)[0] / 65535 * 2 - 1
    assert normal[0] < 0 < normal[1] and normal[2] > 0.9


def test_what_a_map_cannot_show_widens_the_gloss() -> None:
    body = globe(32, 48, (0.1, 0.1, 0.1), (0.0, 0.0, 0.1))
    fine, coarse = (
        dress_up(body, body, {}, (), seed=1, tone=0.4, size=size)[0][0].material.roughness for size in (768, 128)
    )
    assert np.median(coarse) > np.median(fine)


def test_wrong_sizes_and_meshes_are_refused() -> None:
    body, regions, others = mannequin()
    with pytest.raises(ValueError, match="size"):
        dress_up(body, body, regions, others, seed=1, size=9000)
    with pytest.raises(ValueError, match="uv"):
        dress_up(Mesh(vertices=body.vertices, faces=body.faces), body, regions, others, seed=1)
