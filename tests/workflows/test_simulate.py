"""`scan3d simulate` end to end on a rig of three cameras: files, truth, errors, the same bytes again."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tifffile
import trimesh
from PIL import Image

from scan3d.calibration.colmap_model import read_colmap_model
from scan3d.calibration.detection import find_boards
from scan3d.calibration.targets import read_target
from scan3d.calibration.toml_file import read_calibration
from scan3d.capture.checks import require_good_take
from scan3d.capture.colour_charts import read_chart
from scan3d.capture.exif import read_exif
from scan3d.capture.images import load_photograph
from scan3d.capture.rig_file import read_rig_definition
from scan3d.capture.take import Take
from scan3d.errors import InputError, Scan3dError
from scan3d.geometry import Mesh, Rigid3
from scan3d.pipeline.progress import Silent
from scan3d.report import Texture, write_obj
from scan3d.report.mesh_files import read_ply
from scan3d.simulate.boards import chart_linear, chart_patches_m, chart_size_m
from scan3d.workflows.simulate import SimulateOptions, simulate_take
from scan3d.workflows.simulated_boards import facing

RIG = """
name = "three"
subject = "body"
cameras = 3
subject_centre_m = [0.0, 0.0, 0.95]
subject_radius_m = 1.05
held_out = 1
[lens]
model = "opencv"
image_size_px = [120, 160]
focal_px = 215.0
distance_m = 3.0
distortion = [-0.09, 0.05, 0.0002, -0.0001]
pixel_um = 150.0
[lights]
setup = "studio"
[[ring]]
height_m = 1.0
aim_height_m = 0.95
cameras = 3
"""


@pytest.fixture(scope="module")
def options(tmp_path_factory: pytest.TempPathFactory) -> SimulateOptions:
    """A coloured ball on the rig of three: what makes a take does not ask who is in it."""
    folder = tmp_path_factory.mktemp("rig")
    (folder / "three.toml").write_text(RIG)
    ball = trimesh.creation.icosphere(subdivisions=4, radius=0.5)
    mesh = Mesh(vertices=ball.vertices + np.array([0, 0, 0.95]), faces=ball.faces)
    longitude = np.arctan2(ball.vertices[:, 0], -ball.vertices[:, 1]) / (2 * np.pi) + 0.5
    uv = np.stack([longitude, ball.vertices[:, 2] + 0.5], axis=-1)[ball.faces]
    squares = (np.add.outer(np.arange(64) // 8, np.arange(64) // 8) % 2)[..., None]
    colours = np.where(squares, (200, 60, 40), (240, 220, 200)).astype(np.uint8)
    write_obj(mesh, folder / "ball.obj", texture=Texture(uv=np.clip(uv, 0, 1), tiles=[colours]))
    return SimulateOptions(
        rig=str(folder / "three.toml"), subject=4, mesh=folder / "ball.obj", quality="preview", texture_size=1024
    )  # fmt: skip


@pytest.fixture(scope="module")
def take(options: SimulateOptions, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("takes") / "take"
    simulate_take(out, options, progress=Silent())
    return out


def digests(folder: Path) -> dict[str, str]:
    files = [path for path in sorted(folder.rglob("*")) if path.is_file() and ".scan3d" not in path.parts]
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_it_is_a_take_like_a_real_one(take: Path) -> None:
    opened = Take.open(take)
    assert opened.camera_ids == ("cam00", "cam01", "cam02") and opened.lights == ("",)
    rig = read_calibration(take / "calibration.toml")
    require_good_take(opened, rig)
    tags = [read_exif(path) for path in opened.images().values()]
    assert len({tag.serial for tag in tags}) == 3 and len({tag.time for tag in tags}) == 1
    assert tags[0].focal_px(120, 160) == pytest.approx(215.0, rel=1e-3)
    assert read_rig_definition(take / "rig.toml").camera_count == 3
    assert opened.settings.subject == "ball"


def test_the_truth_fits_the_photographs(take: Path) -> None:
    truth = take / "truth"
    exact, planned = read_colmap_model(truth / "cameras"), read_calibration(take / "calibration.toml")
    assert [c.camera_id for c in exact] == [c.camera_id for c in planned]
    for camera in exact:
        photograph = load_photograph(take / "images" / f"{camera.camera_id}.jpg").rgb.max(axis=-1)
        mask = np.asarray(Image.open(truth / "masks" / f"{camera.camera_id}.png"))
        shown, inside, outside = photograph > 24, mask == 255, mask == 0
        assert inside.sum() > 1000
        assert shown[inside].mean() > 0.99 and shown[outside].mean() < 0.01
    held = read_colmap_model(truth / "heldout")
    assert [(truth / "heldout" / f"{c.camera_id}.jpg").is_file() for c in held] == [True]
    depth = tifffile.imread(truth / "depth" / "cam00.tif")
    assert depth[80, 60] == pytest.approx(3.0 - 0.5, abs=0.01)


def test_the_same_numbers_make_the_same_bytes_again_and_elsewhere(
    take: Path, options: SimulateOptions, tmp_path: Path
) -> None:
    before = digests(take)
    assert simulate_take(take, options, progress=Silent()).again
    simulate_take(tmp_path / "other", options, progress=Silent(), workers=1)
    assert digests(tmp_path / "other") == before == digests(take)


def test_a_folder_that_holds_anything_else_is_refused(take: Path, options: SimulateOptions, tmp_path: Path) -> None:
    before = digests(take)
    with pytest.raises(InputError, match="other options"):
        simulate_take(take, replace(options, subject=5), progress=Silent())
    assert digests(take) == before
    (tmp_path / "note.txt").write_text("mine")
    with pytest.raises(InputError, match="not empty"):
        simulate_take(tmp_path, options, progress=Silent())
    assert [path.name for path in tmp_path.iterdir()] == ["note.txt"]


def test_a_run_stopped_while_moving_its_files_is_finished(take: Path, options: SimulateOptions, tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "cam00.jpg").write_bytes(b"half")
    (tmp_path / ".scan3d" / "making").mkdir(parents=True)
    simulate_take(tmp_path, options, progress=Silent())
    assert digests(tmp_path) == digests(take)


def test_displaced_blurred_late_and_polarised(options: SimulateOptions, tmp_path: Path) -> None:
    faults = replace(
        options, displaced=("cam01=3,0.2",), blurred=("cam02=3",), skew_ms=40.0, bayer=True, tiff=True,
        lights="gradients+polarised",
    )  # fmt: skip
    simulate_take(tmp_path / "take", faults, progress=Silent())
    opened = Take.open(tmp_path / "take")
    assert len(opened.lights) == 14 and opened.settings.linear
    exact = {c.camera_id: c for c in read_colmap_model(tmp_path / "take" / "truth" / "cameras")}
    planned = {c.camera_id: c for c in read_calibration(tmp_path / "take" / "calibration.toml")}
    moved_mm = {name: 1e3 * np.linalg.norm(exact[name].centre - planned[name].centre) for name in exact}
    assert moved_mm["cam01"] == pytest.approx(3.0, abs=1e-6) and moved_mm["cam00"] < 1e-9
    light = opened.geometry_light()
    tags = {name: read_exif(path) for name, path in opened.images(light).items()}
    assert [tags[name].subsecond for name in ("cam00", "cam01", "cam02")] == ["000", "020", "040"]
    pictures = {name: load_photograph(path, linear=True).linear() for name, path in opened.images(light).items()}
    sharpness = {name: np.abs(np.diff(np.clip(p, 0, 1), axis=1)).max() for name, p in pictures.items()}
    assert sharpness["cam02"] < 0.7 * min(sharpness["cam00"], sharpness["cam01"])
    record = json.loads((tmp_path / "take" / "truth" / "lights.json").read_text())
    assert [setup["polarisation"] for setup in record[:2]] == ["cross", "parallel"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"rig": "no_such_rig"}, "no_such_rig"),
        ({"lights": "moon"}, "moon"),
        ({"mesh": None, "pose": "handstand"}, "handstand"),
        ({"displaced": ("cam9=1,1",)}, "cam9"),
        ({"displaced": ("cam01",)}, "cam01"),
        ({"blurred": ("cam77=2",)}, "cam77"),
        ({"mesh": Path("nobody.obj")}, "nobody.obj"),
    ],
)
def test_what_cannot_be_is_three_lines_and_nothing_written(
    change: dict[str, object], words: str, options: SimulateOptions, tmp_path: Path
) -> None:
    with pytest.raises(Scan3dError) as caught:
        simulate_take(tmp_path / "out", replace(options, **change), progress=Silent())
    assert words in str(caught.value) and caught.value.next_step
    assert not [p for p in (tmp_path / "out").rglob("*") if p.is_file() and ".scan3d" not in p.parts]


def test_the_photograph_shows_the_mesh_that_was_given(take: Path) -> None:
    middle = load_photograph(take / "images" / "cam00.jpg").rgb[70:90, 50:70].reshape(-1, 3).astype(float)
    assert (middle[:, 0] > 1.1 * middle[:, 2]).all() and np.ptp(middle[:, 1]) > 60


@pytest.mark.slow
def test_a_virtual_person_comes_with_all_there_is_to_know(options: SimulateOptions, tmp_path: Path) -> None:
    simulate_take(tmp_path / "take", replace(options, mesh=None), progress=Silent())
    truth = tmp_path / "take" / "truth"
    points = read_ply(truth / "mesh.ply").vertices
    assert 1.3 < np.ptp(points[:, 2]) < 2.1 and abs(points[:, 2].min()) < 0.02
    marks, body = (json.loads((truth / name).read_text()) for name in ("imperfections.json", "body.json"))
    assert len(marks) > 20 and {"height_m", "waist_m", "hip_m"} <= set(body)
    assert {path.name for path in (truth / "textures").iterdir()} >= {"skin_albedo.png", "skin_normal.png"}


@pytest.mark.slow
def test_path_traced_photographs_are_the_same_bytes_too(options: SimulateOptions, tmp_path: Path) -> None:
    traced = replace(options, mesh=None, quality="standard", defocus=True)
    for name in ("a", "b"):
        simulate_take(tmp_path / name, traced, progress=Silent())
    assert digests(tmp_path / "a") == digests(tmp_path / "b")


@pytest.mark.slow
def test_boards_and_a_chart_are_photographed_where_the_truth_says(options: SimulateOptions, tmp_path: Path) -> None:
    (tmp_path / "three.toml").write_text(RIG.replace("[120, 160]", "[900, 1200]").replace("215.0", "2600.0"))
    shots = replace(
        options, rig=str(tmp_path / "three.toml"), board="charuco_a2", board_shots=3, chart=True, exposure_error=0.0,
        colour_error=0.0,
    )  # fmt: skip
    take = tmp_path / "take"
    simulate_take(take, shots, progress=Silent())
    rig = {camera.camera_id: camera for camera in read_calibration(take / "calibration.toml")}
    target = read_target("charuco_a2")
    found = 0
    for row in json.loads((take / "truth" / "boards.json").read_text()):
        pose = Rigid3.from_matrix(np.array(row["world_from_board"]))
        for name, camera in rig.items():
            path = take / "boards" / name / f"{row['shot']}.jpg"
            picture = load_photograph(path).rgb
            for view in find_boards(picture, name, row["shot"], target, str(path)):
                true_px = camera.project(pose.apply(target.boards[0].points_m[view.point_ids]))[0]
                assert np.median(np.linalg.norm(view.px - true_px, axis=1)) < 0.15
                found += len(view.point_ids)
    assert found > 100
    chart = load_photograph(take / "chart" / "cam01.jpg").linear()
    # The chart hangs in the middle of the subject and faces the camera: its patches are found by their truth alone.
    centre, camera = np.array([0.0, 0.0, 0.95]), rig["cam01"]
    way = camera.centre - centre
    pose = facing(centre, way, 0.0, 0.5 * np.array([*chart_size_m(), 0.0]))
    px = camera.project(pose.apply(np.column_stack([chart_patches_m(), np.zeros(24)])))[0].astype(int)
    seen = np.stack([chart[y - 3 : y + 4, x - 3 : x + 4].mean(axis=(0, 1)) for x, y in px])
    gain = (seen * chart_linear()).sum() / (chart_linear() ** 2).sum()
    assert np.abs(seen / gain - chart_linear()).max() < 0.06
    # What `scan3d colour` reads says the same, and that paper did not burn out.
    told = read_chart(str(take / "chart" / "chart.toml"))
    np.testing.assert_allclose(told.linear(), chart_linear(), atol=1e-5)
    assert 0 < told.exposure <= 1 and chart.max() < 0.95
