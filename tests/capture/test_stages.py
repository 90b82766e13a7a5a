"""Undistorted views on disk: what they hold, when they are made again, and what a kill leaves of them."""

from __future__ import annotations

import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from capture_subjects import HEIGHT, WIDTH, backdrop, iou, photograph, subject

from scan3d.capture import stages
from scan3d.capture.colour import linear_to_srgb, srgb_to_linear
from scan3d.capture.stages import ViewOptions, make_views, read_views
from scan3d.capture.undistort import undistort
from scan3d.errors import CancelledError, CaptureError
from scan3d.geometry import Camera, Intrinsics, Rig, Rigid3
from scan3d.pipeline.progress import Silent
from scan3d.pipeline.store import Store

LENS = (-0.12, 0.03, 0.001, -0.0005)


def save(path: Path, picture: np.ndarray) -> Path:
    """An RGB picture as lossless PNG."""
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), picture[..., ::-1] if picture.ndim == 3 else picture)
    return path


def rig_of(*camera_ids: str, distorted: tuple[str, ...] = ()) -> Rig:
    plain = Intrinsics(model="pinhole", width=WIDTH, height=HEIGHT, fx=500.0, fy=500.0, cx=WIDTH / 2, cy=HEIGHT / 2)
    lens = replace(plain, model="opencv", distortion=LENS)
    cameras = []
    for number, camera_id in enumerate(camera_ids):
        pose = Rigid3.exp([0.0, 0.1 * number, 0.0, 0.2 * number, 0.0, 1.0 / 3])
        intrinsics = lens if camera_id in distorted else plain
        cameras.append(Camera(camera_id=camera_id, intrinsics=intrinsics, cam_from_world=pose))
    return Rig(cameras=tuple(cameras))


def scene(kind: str) -> np.ndarray:
    """(H, W, 3) uint8 of the subject before that backdrop."""
    behind, noise = backdrop(kind)
    return photograph(behind, *subject(), noise=noise)


@pytest.fixture(scope="module")
def truth() -> np.ndarray:
    return subject()[1]


@pytest.fixture
def images(tmp_path: Path) -> dict[str, Path]:
    """Small photographs of noise: for tests that do not look at them."""
    random = np.random.default_rng(0)
    return {
        name: save(tmp_path / "images" / f"{name}.png", random.integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8))
        for name in ("a", "b", "c", "d")
    }


@pytest.fixture
def masks(tmp_path: Path, images: dict[str, Path], truth: np.ndarray) -> dict[str, Path]:
    return {name: save(tmp_path / "masks" / f"{name}.png", truth.astype(np.uint8) * 255) for name in images}


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Cameras whose views were made, in turn."""
    names: list[str] = []
    original = stages._make_view

    def counted(folder: Path, camera: Camera, *rest: object) -> None:
        original(folder, camera, *rest)  # type: ignore[arg-type]
        names.append(camera.camera_id)

    monkeypatch.setattr(stages, "_make_view", counted)
    return names


def test_every_way_to_a_mask(tmp_path: Path, truth: np.ndarray) -> None:
    room = backdrop("room")[0]
    shot = {"backdrop": scene("grey"), "given": scene("room"), "none": scene("room"), "plate": scene("room")}
    images = {name: save(tmp_path / f"{name}.png", picture) for name, picture in shot.items()}
    empty = photograph(room, np.zeros((HEIGHT, WIDTH, 3)), np.zeros_like(truth), noise=2.0, seed=1)
    folder = make_views(
        Store(tmp_path / "store"), images, rig_of("plate", "none", "given", "backdrop"),
        masks={"given": save(tmp_path / "mask.png", truth.astype(np.uint8) * 255)},
        plates={"plate": save(tmp_path / "plate_empty.png", empty)}, progress=Silent(), workers=2,
    )  # fmt: skip
    views = {view.camera.camera_id: view for view in read_views(folder)}
    assert list(views) == ["backdrop", "given", "none", "plate"]
    assert {name: view.mask_method for name, view in views.items()} == {name: name for name in views}
    assert (views["given"].load_mask() == truth).all()
    assert iou(views["backdrop"].load_mask(), truth) > 0.95
    assert iou(views["plate"].load_mask(), truth) > 0.95
    assert views["none"].load_mask().all()  # what tells nothing excludes nothing
    assert views["none"].mask_doubts
    assert not views["plate"].mask_doubts


def test_grey_is_the_photograph_without_its_lens(tmp_path: Path, truth: np.ndarray) -> None:
    picture = scene("grey")
    image, mask = save(tmp_path / "a.png", picture), save(tmp_path / "m.png", truth.astype(np.uint8) * 255)
    rig = rig_of("bent", "plain", distorted=("bent",))
    folder = make_views(
        Store(tmp_path / "store"), {"bent": image, "plain": image}, rig, masks={"bent": mask, "plain": mask},
        progress=Silent(),
    )  # fmt: skip
    bent, plain = read_views(folder)
    grey = picture @ np.array([0.3, 0.5, 0.2]) / 255
    assert plain.load_grey().dtype == np.float32
    np.testing.assert_allclose(plain.load_grey(), grey, atol=1.01 / 65535)
    want, want_mask = undistort(grey.astype(np.float32), rig["bent"], truth.astype(np.uint8) * 255)
    np.testing.assert_allclose(bent.load_grey(), np.clip(want, 0, 1), atol=1.01 / 65535)
    assert (bent.load_mask() == (want_mask > 127)).all()
    assert (bent.load_mask() != truth).mean() > 0.005  # the lens does move the outline
    for view, name in ((bent, "bent"), (plain, "plain")):
        assert view.camera.intrinsics == rig[name].intrinsics.without_distortion()
        assert view.camera.cam_from_world.matrix().tolist() == rig[name].cam_from_world.matrix().tolist()


def test_linear_photographs_become_the_same_views(tmp_path: Path, truth: np.ndarray) -> None:
    empty = photograph(backdrop("room")[0], np.zeros((HEIGHT, WIDTH, 3)), np.zeros_like(truth), noise=2.0, seed=1)
    views = []
    for linear in (False, True):
        files = []
        for name, picture in (("image", scene("room")), ("plate", empty)):
            light = np.rint(srgb_to_linear(picture) * 65535).astype(np.uint16)
            assert np.abs(linear_to_srgb(light / 65535) * 255 - picture).max() < 0.2
            files.append({"a": save(tmp_path / f"{name}{linear}.png", light if linear else picture)})
        store, options = Store(tmp_path / "store"), ViewOptions(linear=linear)
        folder = make_views(store, files[0], rig_of("a"), plates=files[1], options=options, progress=Silent())
        views += read_views(folder)
    np.testing.assert_allclose(views[0].load_grey(), views[1].load_grey(), atol=1e-3)
    assert views[1].mask_method == "plate"
    assert iou(views[0].load_mask(), views[1].load_mask()) > 0.99


def test_a_mask_made_later_takes_the_place_of_one_that_says_nothing(
    tmp_path: Path, images: dict[str, Path], masks: dict[str, Path]
) -> None:
    folder = make_views(Store(tmp_path / "store"), images, rig_of(*images), masks=masks, progress=Silent())
    later = np.zeros((HEIGHT, WIDTH), np.uint8)
    later[:100] = 255
    save(tmp_path / "later" / "b.png", later)
    views = [view.with_mask(tmp_path / "later") for view in read_views(folder)]
    assert [view.mask_method for view in views] == ["given", "surface", "given", "given"]
    assert (views[1].load_mask() == (later > 0)).all()


def test_a_second_run_does_nothing_and_a_change_makes_them_again(
    tmp_path: Path, images: dict[str, Path], masks: dict[str, Path], made: list[str]
) -> None:
    store, rig = Store(tmp_path / "store"), rig_of(*images)

    def run(rig: Rig = rig, masks: dict[str, Path] = masks, linear: bool = False) -> Path:
        return make_views(store, images, rig, masks=masks, options=ViewOptions(linear=linear), progress=Silent())

    first = run()
    assert sorted(made) == ["a", "b", "c", "d"]
    assert run() == first
    extra = rig_of(*images, "z")  # a camera that took no photograph changes nothing
    assert run(rig=extra) == first
    assert len(made) == 4
    bent = rig_of(*images, distorted=("b",))
    without = {name: path for name, path in masks.items() if name != "d"}
    for folder in (run(rig=bent), run(masks=without), run(linear=True)):
        assert folder != first
    assert len(made) == 16
    save(images["c"], np.full((HEIGHT, WIDTH, 3), 9, np.uint8))
    assert run() != first
    assert len(made) == 20


def test_the_number_of_workers_changes_no_byte(tmp_path: Path, images: dict[str, Path], masks: dict[str, Path]) -> None:
    rig = rig_of(*images, distorted=("a", "c"))
    folders = [
        make_views(Store(tmp_path / f"store{n}"), images, rig, masks=masks, progress=Silent(), workers=n)
        for n in (1, 3)
    ]
    files = [{p.name: p.read_bytes() for p in folder.iterdir() if p.name != "manifest.json"} for folder in folders]
    assert len(files[0]) == 9
    assert files[0] == files[1]


def test_a_stopped_run_goes_on_with_the_views_that_are_missing(
    tmp_path: Path, images: dict[str, Path], masks: dict[str, Path], made: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    counted = stages._make_view

    def stopped(folder: Path, camera: Camera, *rest: object) -> None:
        if camera.camera_id == "c":
            folder.mkdir()  # half of it is there when it stops
            raise CancelledError()
        counted(folder, camera, *rest)  # type: ignore[arg-type]

    store, rig = Store(tmp_path / "store"), rig_of(*images)
    monkeypatch.setattr(stages, "_make_view", stopped)
    with pytest.raises(CancelledError):
        make_views(store, images, rig, masks=masks, progress=Silent(), workers=1)
    assert {"a", "b"} <= set(made) < {"a", "b", "c", "d"}  # one more may have begun already
    monkeypatch.setattr(stages, "_make_view", counted)
    folder = make_views(store, images, rig, masks=masks, progress=Silent(), workers=1)
    assert sorted(made) == ["a", "b", "c", "d"]  # each of them once
    assert len(read_views(folder)) == 4
    assert not list((tmp_path / "store").glob("*/.*"))  # units are gone once the stage is whole


CHILD = """
import sys, time
from pathlib import Path
sys.path[:0] = sys.argv[2:]
from scan3d.capture import stages
from scan3d.pipeline.progress import Silent
from scan3d.pipeline.store import Store
from test_stages import rig_of

top = Path(sys.argv[1])
original = stages._make_view

def slow(folder, camera, *rest):
    if camera.camera_id == "c":
        print("now", flush=True)
        time.sleep(60)
    original(folder, camera, *rest)

stages._make_view = slow
images = {p.stem: p for p in sorted((top / "images").iterdir())}
masks = {p.stem: p for p in sorted((top / "masks").iterdir())}
stages.make_views(Store(top / "store"), images, rig_of(*images), masks=masks, progress=Silent(), workers=1)
"""


def test_what_a_kill_left_is_used(
    tmp_path: Path, images: dict[str, Path], masks: dict[str, Path], made: list[str], repository: Path
) -> None:
    command = [sys.executable, "-c", CHILD, str(tmp_path), str(repository), str(Path(__file__).parent)]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    assert child.stdout.readline() == "now\n"
    child.send_signal(signal.SIGKILL)
    child.communicate()
    folder = make_views(Store(tmp_path / "store"), images, rig_of(*images), masks=masks, progress=Silent())
    assert sorted(made) == ["c", "d"]
    assert len(read_views(folder)) == 4


def test_masks_and_photographs_that_cannot_be_used_are_named(tmp_path: Path, images: dict[str, Path]) -> None:
    store, rig = Store(tmp_path / "store"), rig_of(*images)
    small = save(tmp_path / "small.png", np.full((30, 40), 255, np.uint8))
    black = save(tmp_path / "black.png", np.zeros((HEIGHT, WIDTH), np.uint8))
    for mask, words in ((small, "40 x 30"), (black, "nothing in it is white")):
        with pytest.raises(CaptureError, match=words) as caught:
            make_views(store, images, rig, masks={"b": mask}, progress=Silent())
        assert "camera b" in str(caught.value)
        assert mask.name in str(caught.value)
    plate = save(tmp_path / "plate.png", scene("grey")[:40])
    with pytest.raises(CaptureError, match=r"clean plate(.|\n)*camera b(.|\n)*plate\.png"):
        make_views(store, images, rig, plates={"b": plate}, progress=Silent())
    save(images["d"], np.zeros((HEIGHT, WIDTH + 2, 3), np.uint8))
    with pytest.raises(CaptureError, match="camera d"):
        make_views(store, images, rig, progress=Silent())
    assert not [p for p in (tmp_path / "store" / "views").iterdir() if not p.name.startswith(".units")]
