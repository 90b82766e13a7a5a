"""A folder of photographs and videos of boards, one folder or video a camera, as views of boards.

    BOARDS/<camera_id>/*.jpg      stills (JPEG, PNG, TIFF, RAW); files of one name were taken at the same moment
    BOARDS/<camera_id>.mp4        a video; frames of one number were taken at the same moment
    BOARDS/<camera_id>/*.mp4      the same, in a folder

Where every file of a camera's folder begins with the camera's name (cam01/cam01_0004.jpg), the name is left off.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from scan3d.calibration.board_choice import chosen_views
from scan3d.calibration.board_views import BoardView, BoardViews
from scan3d.calibration.detection import find_boards
from scan3d.calibration.targets import Target
from scan3d.capture.images import DEVELOPED, RAW, load_rgb
from scan3d.errors import CaptureError, InputError
from scan3d.pipeline.executor import run_units
from scan3d.pipeline.progress import Progress

VIDEOS = (".mp4", ".mov", ".avi", ".mkv", ".m4v", ".webm")
PHOTOGRAPHS = (*DEVELOPED, *RAW)
_LOOKED_AT = 4  # frames that are looked at for every one that may be used
_OUR_FOLDERS = ("results",)
_LAYOUT = "Put them as BOARDS/CAMERA/*.jpg or BOARDS/CAMERA.mp4."


@dataclass(frozen=True, kw_only=True)
class _File:
    """One file of one camera. shot: of a photograph; prefix: of the shots of a video."""

    camera_id: str
    path: Path
    shot: str = ""
    prefix: str = ""

    @property
    def is_video(self) -> bool:
        return self.path.suffix.lower() in VIDEOS


@dataclass(frozen=True, kw_only=True, eq=False)
class _Seen:
    """What one file showed. size: width, height; images: pictures looked at."""

    file: _File
    views: tuple[BoardView, ...]
    size: tuple[int, int]
    images: int


def read_board_views(
    folder: Path, target: Target, *, synchronised: bool = True, max_frames: int = 60, progress: Progress,
    workers: int | None = None,
) -> BoardViews:  # fmt: skip
    """All boards in a folder of photographs and videos.

    Args:
        synchronised: False where cameras were not triggered together: photographs of one name then have nothing in
            common, and their shots are called CAMERA/NAME.
        max_frames: frames of videos that are used of each camera at most; four times as many are looked at, evenly
            spread, and the sharpest and most different kept. All cameras keep the same frames.
    Raises:
        InputError: no such folder, nothing in it, or files that belong to no camera.
        CaptureError: a file cannot be read, or pictures of one camera differ in size.
    """
    files = list(_files(Path(folder)))
    if not synchronised:
        files = [file if file.is_video else replace(file, shot=f"{file.camera_id}/{file.shot}") for file in files]
    step = _frame_step([file.path for file in files if file.is_video], _LOOKED_AT * max_frames)
    with progress.task("boards", total=len(files)) as task:

        def look(file: _File) -> _Seen:
            return _video(file, target, step, task.check) if file.is_video else _photograph(file, target)

        seen = run_units(look, files, workers=workers, progress_task=task)
    sizes: dict[str, tuple[int, int]] = {}
    images: dict[str, int] = {}
    for one in seen:
        camera_id = one.file.camera_id
        if sizes.setdefault(camera_id, one.size) != one.size:
            (width, height), (w, h) = sizes[camera_id], one.size
            what = f"Pictures of one camera differ in size: {w} x {h} here, {width} x {height} before."
            next_step = "Use pictures as the camera wrote them, all in one format, none turned."
            raise CaptureError(what, f"camera {camera_id}, {one.file.path}", next_step)
        images[camera_id] = images.get(camera_id, 0) + one.images
    frames = [view for one in seen if one.file.is_video for view in one.views]
    kept = {id(view) for view in chosen_views(frames, target, sizes, max_frames)}
    views = [view for one in seen for view in one.views if not one.file.is_video or id(view) in kept]
    return BoardViews(views=tuple(views), sizes=sizes, images=images)


def _files(folder: Path) -> Iterator[_File]:
    """All photographs and videos, by camera, in the order of their names."""
    if not folder.is_dir():
        what = "There is no such folder." if not folder.exists() else "This is a file, not a folder of photographs."
        raise InputError(what, str(folder), _LAYOUT)
    count = 0
    for entry in sorted(folder.iterdir(), key=lambda path: path.name):
        suffix = entry.suffix.lower()
        if entry.name.startswith(".") or (entry.is_dir() and entry.name in _OUR_FOLDERS):
            continue
        if entry.is_dir():
            for file in _of_camera(entry):
                count += 1
                yield file
        elif suffix in VIDEOS:
            if (folder / entry.stem).is_dir():
                what = f"Camera {entry.stem} has a folder and a video beside it."
                raise InputError(what, str(entry), "Move the video into the folder, or away.")
            count += 1
            yield _File(camera_id=entry.stem, path=entry)
        elif suffix in PHOTOGRAPHS:
            raise InputError("A photograph lies beside the cameras' folders: whose is it?", str(entry), _LAYOUT)
    if count == 0:
        raise InputError("There are no photographs and no videos.", str(folder), _LAYOUT)


def _of_camera(folder: Path) -> Iterator[_File]:
    names = sorted((p for p in folder.iterdir() if p.is_file() and not p.name.startswith(".")), key=lambda p: p.name)
    photographs = [path for path in names if path.suffix.lower() in PHOTOGRAPHS]
    videos = [path for path in names if path.suffix.lower() in VIDEOS]
    if not photographs and not videos:
        what = "The folder of a camera holds no photographs and no video."
        raise InputError(what, f"camera {folder.name}, {folder}", "Copy them there, or remove the folder.")
    shots = _shots(folder.name, [path.stem for path in photographs])
    if len(set(shots)) < len(shots):
        twice = next(shot for shot in shots if shots.count(shot) > 1)
        what = f"The camera has two photographs of the shot {twice}."
        raise InputError(what, f"camera {folder.name}, {folder}", "Keep one of them (RAW or JPEG).")
    for path, shot in zip(photographs, shots, strict=True):
        yield _File(camera_id=folder.name, path=path, shot=shot)
    for path in videos:
        alone = len(videos) == 1 and not photographs
        yield _File(camera_id=folder.name, path=path, prefix="" if alone else f"{path.stem}/")


def _shots(camera_id: str, stems: list[str]) -> list[str]:
    """Names of shots: of the files, without the camera's name before all of them."""
    rests = [stem.removeprefix(camera_id) for stem in stems]
    own = all(len(rest) < len(stem) and rest[:1] in tuple("_-. ") for rest, stem in zip(rests, stems, strict=True))
    stripped = [rest.lstrip("_-. ") for rest in rests]
    return stripped if own and all(stripped) else stems


def _photograph(file: _File, target: Target) -> _Seen:
    rgb = load_rgb(file.path, camera_id=file.camera_id)
    views = find_boards(rgb, file.camera_id, file.shot, target, source=str(file.path))
    return _Seen(file=file, views=tuple(views), size=(rgb.shape[1], rgb.shape[0]), images=1)


def _open_video(path: Path) -> tuple[Any, int]:
    """OpenCV's capture and the number of frames the file promises."""
    import cv2

    # FFmpeg and OpenCV would print of their own what we say in three lines.
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
    before = cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    try:
        capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)
    finally:
        cv2.utils.logging.setLogLevel(before)
    if not capture.isOpened():
        empty = path.stat().st_size == 0
        what = "The video is empty." if empty else "The video cannot be read: it is cut off, or is no video."
        where = f"camera {path.stem}, {path}"
        raise CaptureError(what, where, "Copy it from the camera again; MP4 with H.264 is read everywhere.")
    capture.set(cv2.CAP_PROP_ORIENTATION_AUTO, 0)  # pixels as they lie in the file, as with photographs
    return capture, int(capture.get(cv2.CAP_PROP_FRAME_COUNT))


def _frame_step(videos: list[Path], most: int) -> int:
    """One step for all videos, so that they are looked at in the same frames."""
    longest = 0
    for path in videos:
        capture, count = _open_video(path)
        capture.release()
        longest = max(longest, count)
    return max(1, -(-longest // most))


def _video(file: _File, target: Target, step: int, check: Callable[[], None]) -> _Seen:
    capture, promised = _open_video(file.path)
    views: list[BoardView] = []
    number, size, images = 0, (0, 0), 0
    try:
        while capture.grab():
            if number % step == 0:
                check()
                good, bgr = capture.retrieve()
                if not good:
                    break
                pixels = np.asarray(bgr)[..., ::-1] if bgr.ndim == 3 else np.asarray(bgr)
                size, images = (pixels.shape[1], pixels.shape[0]), images + 1
                source = f"{file.path}, frame {number}"
                shot = f"{file.prefix}{number:06d}"
                pixels = np.ascontiguousarray(pixels)
                views += find_boards(pixels, file.camera_id, shot, target, source=source, thorough=False)
            number += 1
    finally:
        capture.release()
    # Headers of whole videos are off by a frame or two.
    if images == 0 or number < 0.97 * promised - 2:
        what = f"The video is cut off: {number} of {promised} frames can be read."
        raise CaptureError(what, f"camera {file.camera_id}, {file.path}", "Copy it from the camera again.")
    return _Seen(file=file, views=tuple(views), size=size, images=images)
