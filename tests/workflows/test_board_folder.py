"""Folders of photographs and videos of boards: what is read, in which shots, and what is refused."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest

from scan3d.calibration.board_views import BoardViews
from scan3d.calibration.targets import Board, Target
from scan3d.errors import CaptureError, InputError
from scan3d.pipeline.progress import CancelToken, Silent
from scan3d.workflows.board_folder import read_board_views

sys.path.append(str(Path(__file__).parents[1] / "calibration"))
from board_pictures import board_before, picture_of
from board_rigs import default_lens

_BOARD = Board(
    name="b", kind="charuco", columns=6, rows=4, square_m=0.04, marker_m=0.03, dictionary="DICT_4X4_50", body="b"
)
_TARGET = Target(name="t", boards=(_BOARD,))
_LENS = default_lens("opencv", width=480, height=360, focal_px=450.0)


def _picture(shift: float = 0.0, blur_px: float = 0.6) -> np.ndarray:
    pose = board_before(_LENS, _BOARD, distance_m=0.5, turn_deg=(15, 10 + 40 * shift), shift=(shift, 0.0))
    return picture_of([(_BOARD, pose)], _LENS, texel_m=0.001, oversample=3, blur_px=blur_px)


def _write(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), pixels)


def _write_video(path: Path, frames: Sequence[np.ndarray]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    height, width = frames[0].shape[:2]
    # A cut AVI can be opened, a cut MP4 not: its index lies at its end.
    codec = cv2.VideoWriter.fourcc(*("mp4v" if path.suffix == ".mp4" else "MJPG"))
    writer = cv2.VideoWriter(str(path), codec, 10.0, (width, height))
    assert writer.isOpened()
    for frame in frames:
        writer.write(cv2.cvtColor(frame, cv2.COLOR_GRAY2BGR))
    writer.release()


def _read(folder: Path, max_frames: int = 60) -> BoardViews:
    return read_board_views(folder, _TARGET, max_frames=max_frames, progress=Silent(), workers=2)


def _shots(views: BoardViews) -> dict[str, list[str]]:
    return {camera: [view.shot for view in views.of_camera(camera)] for camera in views.sizes}


def test_stills_by_camera_and_shot(tmp_path: Path) -> None:
    _write(tmp_path / "left" / "a.png", _picture())
    _write(tmp_path / "left" / "b.jpg", _picture(0.1))
    _write(tmp_path / "right" / "a.tif", _picture(-0.1))
    _write(tmp_path / "right" / "b.png", np.full((300, 400), 90, np.uint8))
    (tmp_path / "results").mkdir()
    (tmp_path / "notes.txt").write_text("boards of Tuesday")
    (tmp_path / "left" / "thumbs.db").write_text("")
    (tmp_path / ".hidden").mkdir()
    (tmp_path / "right" / "b.png").unlink()
    _write(tmp_path / "right" / "c.png", np.full((360, 480), 90, np.uint8))
    views = _read(tmp_path)
    assert _shots(views) == {"left": ["a", "b"], "right": ["a"]}
    assert views.sizes == {"left": (480, 360), "right": (480, 360)} and views.images == {"left": 2, "right": 2}
    first = views.views[0]
    assert first.source == str(tmp_path / "left" / "a.png") and first.board == "b" and len(first.point_ids) == 15
    assert np.isfinite(first.sharpness)


def test_a_camera_that_saw_nothing_is_listed(tmp_path: Path) -> None:
    _write(tmp_path / "seen" / "1.png", _picture())
    _write(tmp_path / "blind" / "1.png", np.zeros((360, 480), np.uint8))
    views = _read(tmp_path)
    assert _shots(views) == {"blind": [], "seen": ["1"]} and views.images == {"blind": 1, "seen": 1}


def test_the_cameras_name_is_no_part_of_the_shot(tmp_path: Path) -> None:
    for camera in ("cam01", "cam02"):
        for shot in ("0001", "0002"):
            _write(tmp_path / camera / f"{camera}_{shot}.png", _picture())
    _write(tmp_path / "cam03" / "cam03_0001.png", _picture())
    _write(tmp_path / "cam03" / "0002.png", _picture())
    assert _shots(_read(tmp_path)) == {
        "cam01": ["0001", "0002"],
        "cam02": ["0001", "0002"],
        "cam03": ["0002", "cam03_0001"],
    }


def test_videos_are_read_in_the_same_frames(tmp_path: Path) -> None:
    frames = [_picture(0.04 * k) for k in range(8)]
    _write_video(tmp_path / "a.mp4", frames)
    _write_video(tmp_path / "b" / "take.mp4", frames[:6])
    views = _read(tmp_path)
    assert _shots(views) == {"a": [f"{k:06d}" for k in range(8)], "b": [f"{k:06d}" for k in range(6)]}
    assert views.images == {"a": 8, "b": 6}
    assert views.views[3].source == f"{tmp_path / 'a.mp4'}, frame 3"
    stepped = _read(tmp_path, max_frames=1)  # four times as many are looked at: every second
    assert views.images["a"] == 8 and stepped.images == {"a": 4, "b": 3}
    chosen = _shots(stepped)
    assert len(chosen["a"]) == len(chosen["b"]) == 1 and chosen["a"] == chosen["b"]


def test_frames_are_found_where_their_stills_are(tmp_path: Path) -> None:
    _write_video(tmp_path / "a.mp4", [_picture(0.1)])
    _write(tmp_path / "b" / "000000.png", _picture(0.1))
    film, still = _read(tmp_path).views
    np.testing.assert_allclose(film.px, still.px, atol=0.15)  # but for the compression


def test_stills_and_videos_may_be_mixed(tmp_path: Path) -> None:
    _write(tmp_path / "a" / "000001.png", _picture())
    _write_video(tmp_path / "a" / "clip.mp4", [_picture(), _picture(0.1)])
    _write_video(tmp_path / "b.mp4", [_picture(), _picture(0.1)])
    assert _shots(_read(tmp_path)) == {"a": ["000001", "clip/000000", "clip/000001"], "b": ["000000", "000001"]}


def test_soft_frames_are_left_out_first(tmp_path: Path) -> None:
    frames = [_picture(0.1, blur_px=2.0 if k % 2 else 0.6) for k in range(8)]
    _write_video(tmp_path / "a.mp4", frames)
    assert all(int(shot) % 2 == 0 for shot in _shots(_read(tmp_path, max_frames=2))["a"])


@pytest.mark.parametrize(
    ("make", "kind", "what", "where"),
    [
        (lambda f: None, InputError, "no photographs and no videos", ""),
        (lambda f: (f / "cam1").mkdir(), InputError, "holds no photographs", "cam1"),
        (lambda f: _write(f / "cam1.png", _picture()), InputError, "whose is it", "cam1.png"),
        (lambda f: _text(f / "cam1" / "1.jpg"), CaptureError, "not a photograph", "camera cam1"),
        (lambda f: _text(f / "cam1.mp4"), CaptureError, "no video", "camera cam1"),
        (lambda f: (f / "cam1.mp4").write_bytes(b""), CaptureError, "empty", "camera cam1"),
        (lambda f: _cut(f / "cam1.mp4"), CaptureError, "cut off", "camera cam1"),
        (lambda f: _cut(f / "cam1.avi"), CaptureError, "frames can be read", "camera cam1"),
        (lambda f: _cut(f / "cam1" / "1.jpg"), CaptureError, "cut off", "camera cam1"),
        (lambda f: _two_sizes(f), CaptureError, "differ in size", "camera cam1"),
        (lambda f: _twice(f), InputError, "two photographs of the shot", "camera cam1"),
        (lambda f: _folder_and_video(f), InputError, "a folder and a video", "cam1.mp4"),
    ],
)
def test_what_cannot_be_read_is_said_in_three_lines(tmp_path: Path, make, kind, what, where) -> None:
    _write(tmp_path / "good" / "1.png", _picture()) if where else None
    make(tmp_path)
    with pytest.raises(kind) as told:
        _read(tmp_path)
    assert what in str(told.value) and where in told.value.where
    assert len(str(told.value).splitlines()) == 3


def _text(path: Path) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text("this is not what its name says\n" * 50)


def _cut(path: Path) -> None:
    if path.suffix != ".jpg":
        _write_video(path, [_picture(0.02 * k) for k in range(12)])
    else:
        _write(path, _picture())
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])


def _two_sizes(folder: Path) -> None:
    _write(folder / "cam1" / "1.png", np.zeros((360, 480), np.uint8))
    _write(folder / "cam1" / "2.png", np.zeros((480, 360), np.uint8))


def _twice(folder: Path) -> None:
    _write(folder / "cam1" / "1.png", _picture())
    _write(folder / "cam1" / "1.jpg", _picture())


def _folder_and_video(folder: Path) -> None:
    _write(folder / "cam1" / "1.png", _picture())
    _write_video(folder / "cam1.mp4", [_picture()])


def test_a_missing_folder_and_a_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such folder"):
        _read(tmp_path / "none")
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="a file, not a folder"):
        _read(tmp_path / "file")


def test_reading_can_be_stopped(tmp_path: Path) -> None:
    from scan3d.errors import CancelledError

    _write_video(tmp_path / "a.mp4", [_picture()] * 3)
    token = CancelToken()
    token.cancel()
    with pytest.raises(CancelledError):
        read_board_views(tmp_path, _TARGET, progress=Silent(token))


@pytest.mark.slow
def test_a_video_of_a_real_rig(data: Path) -> None:
    """Four webcams, an inverted board: at least as many boards as the set's own README counts with 6 corners."""
    board = Board(
        name="caliscope", kind="charuco", columns=4, rows=5, square_m=0.054, marker_m=0.0405,
        dictionary="DICT_4X4_1000", inverted=True, body="caliscope",
    )  # fmt: skip
    folder = data / "caliscope_min" / "charuco_calibration" / "calibration" / "extrinsic"
    if not folder.is_dir():
        pytest.skip("no caliscope_min beside the captures")
    target = Target(name="t", boards=(board,))
    views = read_board_views(folder, target, max_frames=14, progress=Silent())
    assert views.sizes == {f"cam_{k}": (1280, 720) for k in range(4)} and set(views.images.values()) == {56}
    assert not any(view.mirrored for view in views.views)
    for camera in views.sizes:
        seen = [len(view.point_ids) for view in views.of_camera(camera)]
        assert 12 <= len(seen) <= 14 and np.median(seen) == 12


@pytest.mark.slow
def test_chessboards_that_a_person_holds(data: Path) -> None:
    """Seven photographs of each of four cameras, many soft: the set's README counts 2 to 4 found by OpenCV's search."""
    folder = data / "pose2sim_single" / "calibration" / "intrinsics"
    if not folder.is_dir():
        pytest.skip("no pose2sim_single beside the captures")
    board = Board(name="c", kind="chessboard", columns=7, rows=4, square_m=0.06, body="c")
    views = read_board_views(folder, Target(name="c", boards=(board,)), progress=Silent())
    assert set(views.images.values()) == {7} and len(views.views) >= 26
    assert min(len(views.of_camera(camera)) for camera in views.sizes) >= 6
