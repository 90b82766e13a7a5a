"""More cameras and more lamps take longer, not more memory."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from scan3d.appearance.atlas import build_atlas
from scan3d.appearance.materials.observations import LitView, lamps_of
from scan3d.appearance.materials.solve import SolveOptions, Solver
from scan3d.appearance.materials.surface import make_surface
from scan3d.geometry import Camera, Intrinsics, Mesh
from scan3d.geometry.lights import LightSetup, Panel
from scan3d.geometry.rig_definition import look_at


def solver(views: int, lamps: int) -> Solver:
    import trimesh

    made = trimesh.creation.icosphere(subdivisions=2, radius=0.05)
    mesh = Mesh(vertices=np.asarray(made.vertices), faces=np.asarray(made.faces, np.int32))
    atlas = build_atlas(mesh, texture_size=768, padding_px=4)
    painted = Mesh(vertices=mesh.vertices, faces=mesh.faces, uv=atlas.uv)
    intrinsics = Intrinsics(model="pinhole", width=64, height=64, fx=300.0, fy=300.0, cx=32.0, cy=32.0)

    def around(k: int, count: int, up: float) -> np.ndarray:
        turn = 2 * np.pi * k / count
        return 0.6 * np.array([np.cos(turn) * np.cos(up), np.sin(turn) * np.cos(up), np.sin(up)])

    setups = {}
    for k in range(lamps):
        x, y, z = (float(v) for v in around(k, lamps, 0.4 * (-1) ** k))
        panel = Panel(name=f"p{k}", centre_m=(x, y, z), target_m=(0, 0, 0), size_m=(0.1, 0.1), radiance=(1, 1, 1))
        for state in ("cross", "parallel"):
            setups[f"{k}_{state}"] = LightSetup(name=f"{k}_{state}", panels=(panel,), polarisation=state)  # type: ignore[arg-type]
    grey = np.full((64, 64, 3), 0.01, np.float32)
    cameras = [
        Camera(camera_id=f"c{k}", intrinsics=intrinsics, cam_from_world=look_at(around(k, views, 0.2), np.zeros(3)))
        for k in range(views)
    ]
    return Solver(
        make_surface(painted, atlas.tile_of_face, 768, edge_m=1.0), lamps_of(setups),
        [LitView(camera=camera, load=lambda light: grey) for camera in cameras],
        options=SolveOptions(block_bytes=4 << 20, table_bytes=1 << 20), workers=1,
    )  # fmt: skip


def peak_bytes(views: int, lamps: int) -> int:
    tracemalloc.start()
    try:
        assert sum(len(maps.index) for maps in solver(views, lamps).tiles()) > 200_000
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.slow
def test_memory_follows_texels_not_photographs() -> None:
    few = peak_bytes(3, 3)
    assert peak_bytes(9, 9) < 1.15 * few
