"""`scan3d appearance` and `scan3d render --compare` with a flash on the camera, on a ball in closed form."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from scan3d.appearance.atlas import build_atlas
from scan3d.appearance.materials.files import read_material, read_record
from scan3d.appearance.materials.surface import make_surface, points_of, texel_owners
from scan3d.calibration.toml_file import write_calibration
from scan3d.capture.colour import linear_to_srgb
from scan3d.errors import InputError
from scan3d.geometry import Mesh, Rig
from scan3d.pipeline.progress import Silent
from scan3d.report import Texture, write_obj
from scan3d.workflows.appearance import AppearanceOptions, solve_take
from scan3d.workflows.appearance_flash import FLASH
from scan3d.workflows.render import RenderOptions, render_take
from scan3d.workflows.textured_scan import read_textured_scan
from tests.appearance.materials.flash_scene import FLASH_M, RADIUS_M, paint, photograph, shots

SIZE, HELD_OUT = 512, "p07"
LIGHTS = """format = "scan3d lights 1"
units = "metres"
[panels.flash]
on_camera = true
[lights.flash]
panels = ["flash"]
"""


def flash_take(root: Path, *, count: int = 20, size: int = 160) -> Path:
    """Photographs of the ball, and its scan with its own paint for a texture."""
    import trimesh

    made = trimesh.creation.icosphere(subdivisions=4, radius=RADIUS_M)
    mesh = Mesh(vertices=np.asarray(made.vertices), faces=np.asarray(made.faces, np.int32))
    atlas = build_atlas(mesh, texture_size=SIZE, padding_px=4)
    surface = make_surface(
        Mesh(vertices=mesh.vertices, faces=mesh.faces, uv=atlas.uv), atlas.tile_of_face, SIZE, edge_m=1.0
    )
    index, face = texel_owners(surface, 0)
    picture = np.zeros((SIZE * SIZE, 3))
    picture[index] = linear_to_srgb(paint(points_of(surface, index, face).position / RADIUS_M))
    texture = Texture(uv=atlas.uv, tiles=[np.rint(255 * picture).astype(np.uint8).reshape(SIZE, SIZE, 3)])
    (root / "results").mkdir(parents=True)
    write_obj(mesh, root / "results" / "model.obj", texture=texture)
    (root / "images").mkdir()
    taken = shots(count, size=size)
    for shot in taken:
        shown = np.rint(255 * linear_to_srgb(0.6 * photograph(shot))).astype(np.uint8)
        cv2.imwrite(str(root / "images" / f"{shot.camera.camera_id}.png"), shown[..., ::-1])
    write_calibration(Rig(cameras=tuple(shot.camera for shot in taken), source="made"), root / "calibration.toml")
    (root / "take.toml").write_text(f'held_out = ["{HELD_OUT}"]\n')
    (root / "lights.toml").write_text(LIGHTS)
    return root


@pytest.mark.slow
def test_a_photograph_that_was_held_out_is_made_again(tmp_path: Path) -> None:
    take = flash_take(tmp_path / "ball")
    done = solve_take(take, AppearanceOptions(), progress=Silent())
    record = read_record(done.folder)
    assert record["method"] == FLASH and HELD_OUT not in record["cameras"] and len(record["cameras"]) == 19
    assert np.abs(np.array(record["flash"]["centre_m"]) - FLASH_M)[:2].max() < 0.025
    mesh, tile_of_face, size = read_textured_scan(take / "results" / "model.obj")
    surface = make_surface(mesh, tile_of_face, size, edge_m=1.0)
    index, face = texel_owners(surface, 0)
    truth = paint(points_of(surface, index, face).position / RADIUS_M)
    found = read_material(done.folder)[0].albedo.reshape(-1, 3)[index]
    off = np.log(np.maximum(found, 1e-3) / truth)
    off -= np.median(off, axis=0)  # how bright flash and paint are as a whole nobody knows
    assert np.percentile(np.abs(off), 90) < 0.05
    made = render_take(take, RenderOptions(camera=HELD_OUT, compare=True), progress=Silent())
    compare = made.summary["compare"]
    assert compare["psnr_db"] > 34 and compare["ciede2000"] < 3
    plain = compare["blended_texture"]
    assert compare["psnr_db"] > plain["psnr_db"] + 8 and compare["ssim"] > plain["ssim"]
    assert compare["ciede2000"] < 0.5 * plain["ciede2000"]
    assert json.loads(made.files[-1].read_text())["compare"]["blended_texture"] == plain


def test_a_lamp_that_stands_still_beside_the_flash_is_refused(tmp_path: Path) -> None:
    take = flash_take(tmp_path / "ball", count=9, size=24)
    other = (
        "[panels.lamp]\ncentre_m = [0.0, -1.0, 1.0]\ntarget_m = [0.0, 0.0, 0.0]\nsize_m = [0.1, 0.1]\n"
        "radiance = [1.0, 1.0, 1.0]\n"
    )
    (take / "lights.toml").write_text(LIGHTS.replace('["flash"]', '["flash", "lamp"]') + other)
    with pytest.raises(InputError, match="no other lamp"):
        solve_take(take, AppearanceOptions(), progress=Silent())
    assert not (take / "results" / "appearance").exists()
