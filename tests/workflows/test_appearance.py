"""`scan3d appearance` on a ball of known paint: maps, files, refusals."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from scan3d.appearance.atlas import build_atlas
from scan3d.appearance.materials.files import read_material
from scan3d.calibration.toml_file import write_calibration
from scan3d.capture.lights_file import write_lights
from scan3d.errors import Scan3dError
from scan3d.geometry import Camera, Intrinsics, Mesh, Rig
from scan3d.geometry.lights import LightSetup, Panel
from scan3d.geometry.materials import Material, Part
from scan3d.geometry.rig_definition import look_at
from scan3d.pipeline.progress import Silent
from scan3d.report import Texture, write_obj
from scan3d.simulate.preview import Preview
from scan3d.workflows.appearance import AppearanceOptions, solve_take
from scan3d.workflows.appearance_estimate import estimate

SIZE, EXPOSURE = 256, 0.8


def lamps(states: tuple[str, ...]) -> list[LightSetup]:
    out = []
    for k in range(6):
        turn = 2 * np.pi * k / 6
        centre = (float(0.6 * np.cos(turn)), float(0.6 * np.sin(turn)), 0.4 if k % 2 else -0.3)
        panel = Panel(name=f"p{k}", centre_m=centre, target_m=(0, 0, 0), size_m=(0.2, 0.2), radiance=(9.0, 9.0, 9.0))
        out += [LightSetup(name=f"p{k}_{s}", panels=(panel,), polarisation=s) for s in states]  # type: ignore[arg-type]
    return out


def painted_ball() -> tuple[Part, int]:
    """A ball of 5 cm with paint that changes over it, in an atlas of its own."""
    import trimesh

    made = trimesh.creation.icosphere(subdivisions=4, radius=0.05)
    mesh = Mesh(vertices=np.asarray(made.vertices), faces=np.asarray(made.faces, np.int32))
    atlas = build_atlas(mesh, texture_size=SIZE, padding_px=4)
    v, u = np.mgrid[:SIZE, :SIZE] / SIZE
    paint = np.stack([0.5 + 0.1 * np.sin(9 * u), 0.35 + 0.1 * np.cos(7 * v), np.full_like(u, 0.25)], axis=-1)
    material = Material(kind="skin", albedo=paint.astype(np.float32), roughness=np.full((4, 4), 0.5, np.float32))
    return Part(name="ball", mesh=Mesh(vertices=mesh.vertices, faces=mesh.faces, uv=atlas.uv), material=material), SIZE


def rig() -> Rig:
    intrinsics = Intrinsics(model="pinhole", width=160, height=160, fx=800.0, fy=800.0, cx=80.0, cy=80.0)
    cameras = []
    for k in range(8):
        turn, up = 2 * np.pi * k / 8, 0.25 * (-1) ** k
        centre = 0.6 * np.array([np.cos(turn) * np.cos(up), np.sin(turn) * np.cos(up), np.sin(up)])
        pose = look_at(centre, np.zeros(3))
        cameras.append(Camera(camera_id=f"cam{k}", intrinsics=intrinsics, cam_from_world=pose))
    return Rig(cameras=tuple(cameras))


def make_take(root: Path, setups: list[LightSetup]) -> Part:
    part, _ = painted_ball()
    for setup in setups:
        preview = Preview([part], setup)
        for camera in rig().cameras:
            path = root / "images" / camera.camera_id / f"{setup.name}.tif"
            path.parent.mkdir(parents=True, exist_ok=True)
            light = preview.render(camera) * EXPOSURE
            assert light.max() < 1
            cv2.imwrite(str(path), np.rint(light[..., ::-1] * 65535).astype(np.uint16))
    write_calibration(rig(), root / "calibration.toml")
    write_lights(setups, root / "lights.toml", exposure=EXPOSURE)
    (root / "take.toml").write_text("linear = true\n")
    (root / "results").mkdir()
    assert part.mesh.uv is not None
    grey = np.full((SIZE, SIZE, 3), 128, np.uint8)
    write_obj(
        Mesh(vertices=part.mesh.vertices, faces=part.mesh.faces), root / "results" / "model.obj",
        texture=Texture(uv=part.mesh.uv, tiles=[grey]),
    )  # fmt: skip
    return part


@pytest.fixture(scope="module")
def solved(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Part]:
    root = tmp_path_factory.mktemp("appearance") / "take"
    part = make_take(root, lamps(("none",)))
    solve_take(root, AppearanceOptions(), progress=Silent(), workers=2)
    return root, part


def test_the_paint_is_found_again(solved: tuple[Path, Part]) -> None:
    root, part = solved
    (material,) = read_material(root / "results" / "appearance")
    coverage = cv2.imread(str(root / "results" / "appearance" / "coverage.1001.png"), cv2.IMREAD_GRAYSCALE)
    seen = coverage == 255
    assert seen.sum() > 0.85 * (coverage > 0).sum()
    error = np.abs(material.albedo / part.material.albedo - 1)[seen]
    assert np.median(error) < 0.02 and np.quantile(error, 0.9) < 0.06
    assert material.normal is not None
    lean = np.degrees(np.arccos(np.clip(material.normal[..., 2] / 65535 * 2 - 1, -1, 1)))[seen]
    assert np.median(lean) < 2.0
    assert isinstance(material.specular, np.ndarray) and np.median(material.specular[seen]) < 0.004


def test_every_file_is_there_and_says_how_it_was_made(solved: tuple[Path, Part]) -> None:
    folder = solved[0] / "results" / "appearance"
    for name in ("albedo", "normal", "specular", "roughness", "displacement"):
        picture = cv2.imread(str(folder / f"{name}.1001.png"), cv2.IMREAD_UNCHANGED)
        assert picture.dtype == np.uint16 and picture.shape[:2] == (SIZE, SIZE)
    record = json.loads((folder / "appearance.json").read_text())
    assert record["method"] == "several lights" and len(record["lamps"]) == 6
    assert record["gloss"]["regions"] and record["residual"]["median"] < 0.05
    page = (folder / "appearance.html").read_text()
    assert "The skin was measured" in page and "cam7" in page and "No marks were found." in page
    assert json.loads((folder / "imperfections.json").read_text()) == []


def test_a_second_run_does_nothing(solved: tuple[Path, Part]) -> None:
    folder = solved[0] / "results" / "appearance"
    before = {path: path.stat().st_mtime_ns for path in folder.iterdir()}
    for device in ("auto", "cpu"):
        assert solve_take(solved[0], AppearanceOptions(), device=device, progress=Silent()).again
    assert {path: path.stat().st_mtime_ns for path in folder.iterdir()} == before


def test_maps_of_an_older_method_are_solved_again(solved: tuple[Path, Part], monkeypatch: pytest.MonkeyPatch) -> None:
    def solve(*_: Any, **__: Any) -> None:
        raise RuntimeError("solving")

    monkeypatch.setattr("scan3d.workflows.appearance._solved", solve)
    assert solve_take(solved[0], AppearanceOptions(), progress=Silent()).again
    monkeypatch.setattr("scan3d.workflows.appearance._METHOD", 0)
    with pytest.raises(RuntimeError, match="solving"):
        solve_take(solved[0], AppearanceOptions(), progress=Silent())


def test_the_estimate_of_one_light_says_what_it_is(solved: tuple[Path, Part], tmp_path: Path) -> None:
    record = estimate(solved[0] / "results" / "model.obj", tmp_path, texture_size=None, progress=Silent())
    assert record["method"] == "one light, estimated" and record["gloss"] is None
    albedo = cv2.imread(str(tmp_path / "albedo.1001.png"), cv2.IMREAD_UNCHANGED)
    coverage = cv2.imread(str(tmp_path / "coverage.1001.png"), cv2.IMREAD_GRAYSCALE)
    # A grey ball in its own even texture: no shading to take off.
    assert np.abs(albedo[coverage == 255] / 65535 - 128 / 255).max() < 0.02


def test_what_is_missing_is_told(tmp_path: Path) -> None:
    root = tmp_path / "take"
    for light in ("a", "b", "c"):
        (root / "images" / "cam0").mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(root / "images" / "cam0" / f"{light}.tif"), np.zeros((4, 4, 3), np.uint16))
    with pytest.raises(Scan3dError, match="no scan yet"):
        solve_take(root, AppearanceOptions(), progress=Silent())
    with pytest.raises(Scan3dError, match="no device 'tpu'"):
        solve_take(root, AppearanceOptions(), device="tpu", progress=Silent())
    (root / "results").mkdir()
    (root / "results" / "model.obj").write_text("")
    with pytest.raises(Scan3dError, match=r"lights\.toml"):
        solve_take(root, AppearanceOptions(), progress=Silent())
    write_lights(lamps(("none",)), root / "lights.toml")
    with pytest.raises(Scan3dError, match="does not know the light 'a'"):
        solve_take(root, AppearanceOptions(), progress=Silent())
    assert not (root / "results" / "appearance").exists()
    assert [entry.name for entry in (root / "results").iterdir()] == ["model.obj"]
