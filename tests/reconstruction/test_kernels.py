"""The hot loops against plain NumPy."""

import numpy as np
import pytest

from scan3d.geometry import Mesh
from scan3d.geometry.rasterise import rasterise_depth
from scan3d.reconstruction.correlation import sweep_source
from scan3d.reconstruction.sgm import aggregate
from tests.reconstruction.ellipsoid_scene import RADII_M, Shot


def plain_correlation(ref, depth, src, m, offset, radius, floor):
    """What sweep_source says, pixel by pixel."""
    height, width = ref.shape
    warped = np.full(ref.shape, np.nan)
    for y in range(height):
        for x in range(width):
            q = m[:, :3] @ [x + 0.5, y + 0.5, 1.0] * (depth[y, x] + offset) + m[:, 3]
            u, v = q[0] / q[2] - 0.5, q[1] / q[2] - 0.5
            if 0 <= u <= src.shape[1] - 1.001 and 0 <= v <= src.shape[0] - 1.001:
                i, j = int(u), int(v)
                f, g = u - i, v - j
                top = src[j, i] * (1 - f) + src[j, i + 1] * f
                warped[y, x] = top * (1 - g) + (src[j + 1, i] * (1 - f) + src[j + 1, i + 1] * f) * g
    out = np.full(ref.shape, np.nan)
    for y in range(height):
        for x in range(width):
            window = np.s_[max(0, y - radius) : y + radius + 1, max(0, x - radius) : x + radius + 1]
            a, b = ref[window].ravel(), warped[window].ravel()
            ok = np.isfinite(a) & np.isfinite(b)
            if ok.sum() >= 0.35 * (2 * radius + 1) ** 2:
                a, b = a[ok] - a[ok].mean(), b[ok] - b[ok].mean()
                out[y, x] = (a * b).mean() / np.sqrt(((a * a).mean() + floor) * ((b * b).mean() + floor))
    return out


@pytest.mark.parametrize("radius", [1, 3, 4, 5, 7])
def test_a_sweep_is_the_correlation_of_windows_that_hold_both_subjects(radius: int) -> None:
    rng = np.random.default_rng(radius)
    ref = rng.normal(size=(26, 33)).astype(np.float32) * 0.1
    src = rng.normal(size=(30, 31)).astype(np.float32) * 0.1
    ref[rng.random(ref.shape) < 0.15] = np.nan
    src[20:24, 5:12] = np.nan
    depth = (1.0 + 0.1 * rng.random(ref.shape)).astype(np.float32)
    depth[3:6, 3:6] = np.nan
    m = np.hstack([np.eye(3), [[2.0], [-1.0], [0.02]]]).astype(np.float32)
    m[0, 1], m[1, 0] = 0.03, -0.02
    offsets = np.array([-0.05, 0.0, 0.07], np.float32)
    top = 4  # the kernel sees a band of the image only
    out = np.empty((3, 14, 28), np.float32)
    sweep_source(ref[top:], depth[top:], top, src, m, offsets, 2, 16, 3, 31, radius, np.float32(1e-5), out)
    for d, offset in enumerate(offsets):
        hidden = np.where(np.arange(26)[:, None] < top, np.nan, ref)
        wanted = plain_correlation(hidden, depth, src, m.astype(np.float64), offset, radius, 1e-5)[6:20, 3:31]
        assert (np.isfinite(wanted) == np.isfinite(out[d])).all()
        np.testing.assert_allclose(out[d], wanted, atol=2e-3)


def test_a_photograph_correlates_with_itself_at_the_true_surface_only() -> None:
    rng = np.random.default_rng(0)
    image = rng.normal(size=(40, 200)).astype(np.float32)
    depth = np.full(image.shape, 2.0, np.float32)
    m = np.hstack([np.eye(3), [[40.0], [0.0], [0.0]]]).astype(np.float32)
    m[0, 2] = -20.0  # at a depth of 2 the source shows the same pixels
    offsets = np.linspace(-0.2, 0.2, 9).astype(np.float32)
    out = np.empty((9, 40, 120), np.float32)
    sweep_source(image, depth, 0, image, m, offsets, 0, 40, 30, 150, 3, np.float32(1e-6), out)
    assert (out.argmax(0) == 4).mean() > 0.999
    assert np.nanmin(out[4]) > 0.99


def test_semi_global_paths_equal_a_plain_dynamic_programme() -> None:
    rng = np.random.default_rng(1)
    cost = rng.random((5, 7, 6)).astype(np.float32)
    surface = np.ones((5, 7), np.float32)
    surface[2, 3] = np.nan
    surface[:, 5:] = 2.0  # another surface begins: paths start anew there
    p1, p2 = 0.1, 0.4
    total = np.zeros_like(cost, np.float64)
    for dy, dx in ((0, 1), (0, -1), (1, 0), (-1, 0)):
        path = np.zeros_like(total)
        rows = range(5) if dy >= 0 else range(4, -1, -1)
        columns = range(7) if dx >= 0 else range(6, -1, -1)
        for y in rows:
            for x in columns:
                if np.isnan(surface[y, x]):
                    continue
                py, px = y - dy, x - dx
                before = np.zeros(6)
                if 0 <= py < 5 and 0 <= px < 7 and abs(surface[y, x] - surface[py, px]) <= 0.5:
                    before = path[py, px]
                low = before.min()
                for d in range(6):
                    near = [before[k] for k in (d - 1, d + 1) if 0 <= k < 6]
                    path[y, x, d] = cost[y, x, d] + min(before[d], min(near) + p1, low + p2) - low
        total += path
    found = aggregate(cost, surface, np.float32(0.5), np.float32(p1), np.float32(p2))
    valid = np.isfinite(surface)
    np.testing.assert_allclose(found[valid], total[valid], atol=1e-4)


def test_rasterised_depth_is_the_depth_of_the_ellipsoid(scene: list[Shot]) -> None:
    import trimesh

    ball = trimesh.creation.icosphere(subdivisions=5)
    mesh = Mesh(vertices=ball.vertices * RADII_M, faces=ball.faces)
    shot = scene[0]
    depth, owner = rasterise_depth(mesh.vertices, mesh.faces, shot.view().matrix(), shot.mask.shape)
    both = np.isfinite(depth) & np.isfinite(shot.depth)
    assert both.sum() > 0.99 * shot.mask.sum()
    assert np.abs(depth - shot.depth)[both].max() < 1.5e-3  # facets against the smooth shape, at the rim
    assert np.median(np.abs(depth - shot.depth)[both]) < 5e-5
    assert ((owner >= 0) == np.isfinite(depth)).all()


def test_a_closed_mesh_leaves_no_crack_and_shows_no_back_face() -> None:
    import trimesh

    box = trimesh.creation.box()
    mesh = Mesh(
        vertices=box.vertices @ trimesh.transformations.rotation_matrix(0.3, [1, 2, 3])[:3, :3], faces=box.faces
    )
    matrix = np.array([[80.0, 0, 50, 150], [0, 80.0, 50, 150], [0, 0, 1, 3]])
    depth, _ = rasterise_depth(mesh.vertices, mesh.faces, matrix, (100, 100))
    inside = np.isfinite(depth)
    assert inside.sum() > 500
    rows = [np.flatnonzero(row) for row in inside if row.any()]
    assert all(len(row) == row[-1] - row[0] + 1 for row in rows)  # convex: no gap in any row
    turned, _ = rasterise_depth(mesh.vertices, mesh.faces[:, ::-1], matrix, (100, 100))
    behind = turned - depth  # inside out: only the far side is seen, which meets the near one at the outline
    assert np.nanmin(behind) > -1e-5
    assert np.nanmedian(behind) > 0.3
