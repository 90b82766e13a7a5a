"""A turntable: the camera goes once around the subject; PNG files and a film."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from scan3d.errors import InputError, Scan3dError
from scan3d.pipeline.progress import Progress
from scan3d.workflows.render import Rendered, RenderOptions, figure_of, picture_path, wanted_look
from scan3d.workflows.render_engines import engine_of, samples_of
from scan3d.workflows.render_files import deliver
from scan3d.workflows.render_look import LookStudio

_FPS = 25
_MOST = 720


def render_turntable(take: Path, options: RenderOptions, count: int, *, progress: Progress) -> Rendered:
    """`count` pictures, 360 degrees together, in a folder of their own, and a film beside it. Frames that are there
    already were made by the same command and stay. Raises InputError."""
    if options.camera is not None or options.compare:
        raise InputError("A turntable has a camera of its own.", "--turntable", "Leave out --camera and --compare.")
    if not 2 <= count <= _MOST:
        raise InputError(f"{count} pictures are no turntable.", "--turntable", f"Give 2 to {_MOST}.")
    engine = engine_of(options.quality, options.engine)
    samples = samples_of(engine, options.quality, options.samples)
    look = wanted_look(options)
    figure = figure_of(take, options.pose)
    folder = picture_path(take, options, f"{figure.name}_{look.name}_turntable").with_suffix("")
    studio = LookStudio(figure, look, engine=engine, quality=options.quality, passes=False)
    cpu_s, pictures = 0.0, []
    with progress.task("turntable", count) as task:
        for number in range(count):
            task.note(f"picture {number + 1} of {count}")
            shot = studio.shoot(samples=samples, seed=options.seed, turn_deg=360 * number / count)
            cpu_s += shot.frame.cpu_s
            pictures.append(deliver(take, folder / f"{number:04d}.png", shot.picture))
            task.advance()
    film = deliver(take, folder.with_suffix(".mp4"), film_bytes(pictures))
    summary = {"subject": figure.name, "look": look.name, "engine": engine, "samples": samples, "pictures": count}
    notes = [*figure.notes, *studio.engine.notes]
    return Rendered(files=(film, *pictures), summary={**summary, "cpu_s": round(cpu_s, 2), "notes": notes})


def film_bytes(pictures: Sequence[Path], *, fps: int = _FPS) -> bytes:
    """An MP4 of pictures of one size: H.264 by ffmpeg where there is one, else MPEG-4 by OpenCV.

    Raises Scan3dError where neither can.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "film.mp4"
        by_ffmpeg = shutil.which("ffmpeg") is not None and _by_ffmpeg(pictures, path, fps)
        if not by_ffmpeg and not _by_opencv(pictures, path, fps):
            raise Scan3dError("No film can be written here.", "MP4", "Install ffmpeg; the pictures are there.")
        return path.read_bytes()


def _by_ffmpeg(pictures: Sequence[Path], path: Path, fps: int) -> bool:
    listed = path.with_suffix(".txt")
    listed.write_text("".join(f"file '{picture.resolve()}'\nduration {1 / fps}\n" for picture in pictures))
    command = ["ffmpeg", "-loglevel", "error", "-y", "-f", "concat", "-safe", "0", "-i", str(listed)]
    command += ["-vf", "pad=ceil(iw/2)*2:ceil(ih/2)*2", "-c:v", "libx264", "-pix_fmt", "yuv420p", "-crf", "18"]
    done = subprocess.run([*command, "-r", str(fps), str(path)], capture_output=True, check=False)
    return done.returncode == 0 and path.is_file()


def _by_opencv(pictures: Sequence[Path], path: Path, fps: int) -> bool:
    import cv2

    first = cv2.imread(str(pictures[0]))
    assert first is not None
    height, width = (side // 2 * 2 for side in first.shape[:2])
    out = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), fps, (width, height))
    if not out.isOpened():
        return False
    for picture in pictures:
        frame = cv2.imread(str(picture))
        assert frame is not None
        out.write(np.ascontiguousarray(frame[:height, :width]))
    out.release()
    return path.is_file() and path.stat().st_size > 0
