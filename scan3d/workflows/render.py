"""`scan3d render`: pictures of a take's subject, in a look or from the rig's own camera, in TAKE/results/render."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from scan3d.capture.colour import linear_to_srgb
from scan3d.capture.take import Take
from scan3d.errors import InputError
from scan3d.pipeline.progress import Progress
from scan3d.render.frame import Frame
from scan3d.render.looks import Look, read_look
from scan3d.workflows.render_engines import engine_of, samples_of, start
from scan3d.workflows.render_files import deliver
from scan3d.workflows.render_look import LookStudio, adjusted
from scan3d.workflows.render_subject import Figure, avatar_figure, scan_figure

DEFAULT_LOOK = "loop"
_WIDEST_PX = 16384


@dataclass(frozen=True, kw_only=True)
class RenderOptions:
    """The command's options by the same names. look and camera exclude each other; without both the usual look.

    pose: of the avatar; None for the scan as it stands. size: width and height, pixels. passes: an EXR, too. mask:
    where to compare, a picture or a folder of <camera>.png.
    """

    pose: str | None = None
    look: str | None = None
    camera: str | None = None
    light: str | None = None
    quality: str = "preview"
    engine: str | None = None
    samples: int | None = None
    seed: int = 0
    size: tuple[int, int] | None = None
    crop: str | None = None
    focal_mm: float | None = None
    fill: float | None = None
    turn_deg: float | None = None
    view: str | None = None
    ground: str | None = None
    passes: bool = False
    compare: bool = False
    mask: Path | None = None
    out: Path | None = None


@dataclass(frozen=True, kw_only=True)
class Rendered:
    """files: what was written, the picture first. summary: JSON values."""

    files: tuple[Path, ...]
    summary: dict[str, Any]


def parsed_size(text: str | None) -> tuple[int, int] | None:
    """(width, height) of "1200x1500", or of one number for a square. Raises InputError."""
    if text is None:
        return None
    found = re.fullmatch(r"(\d+)(?:x(\d+))?", text.strip().lower())
    size = None if found is None else (int(found[1]), int(found[2] or found[1]))
    if size is None or not all(16 <= side <= _WIDEST_PX for side in size):
        raise InputError(f"'{text}' is no size.", "--size", f"Give pixels, like 1200x1500; 16 to {_WIDEST_PX}.")
    return size


def render_take(
    take_dir: Path, options: RenderOptions, *, progress: Progress, figure: Figure | None = None
) -> Rendered:
    """Make one picture, and what was asked for beside it. figure: who is rendered, where that was read already.

    Raises InputError and what the take's files raise.
    """
    _check(options)
    engine = engine_of(options.quality, options.engine)
    samples = samples_of(engine, options.quality, options.samples)
    if options.camera is not None:
        return _from_camera(take_dir, options, figure, progress)
    look = wanted_look(options)
    with progress.task("render", 3) as task:
        task.note("subject")
        figure = figure or figure_of(take_dir, options.pose)
        task.advance()
        task.note(f"{engine}, {samples} samples a pixel")
        studio = LookStudio(figure, look, engine=engine, quality=options.quality, passes=options.passes)
        shot = studio.shoot(samples=samples, seed=options.seed)
        task.advance()
        stem = "_".join(part for part in (figure.name, look.name, options.crop) if part)
        path = picture_path(take_dir, options, stem)
        files = [deliver(take_dir, path, shot.picture)]
        files += _passes(take_dir, path, options, shot.frame)
        task.advance()
    return Rendered(
        files=tuple(files),
        summary={
            "subject": figure.name,
            "look": look.name,
            "engine": engine,
            "samples": samples,
            "size_px": list(shot.picture.shape[1::-1]),
            "cpu_s": round(shot.frame.cpu_s, 2),
            "notes": [*figure.notes, *studio.engine.notes],
        },
    )


def _check(options: RenderOptions) -> None:
    if options.look is not None and options.camera is not None:
        raise InputError("A look has a camera of its own.", "--look, --camera", "Give one of the two.")
    if options.compare and options.camera is None:
        raise InputError("Nothing to compare with.", "--compare", "Give --camera, the camera whose photograph it is.")
    picture_path(Path(), options, "")  # refuses what cannot be written before anything is rendered
    unused = {"--crop": options.crop, "--focal": options.focal_mm, "--fill": options.fill, "--turn": options.turn_deg}
    for name, value in unused.items():
        if options.camera is not None and value is not None:
            raise InputError("The rig's camera is as it is.", f"--camera, {name}", f"Leave out {name}, or use --look.")


def wanted_look(options: RenderOptions) -> Look:
    """The look of the options, with what they say otherwise. Raises InputError."""
    return adjusted(
        read_look(options.look or DEFAULT_LOOK), size=options.size, crop=options.crop, focal_mm=options.focal_mm,
        fill=options.fill, view=options.view, turn_deg=options.turn_deg, ground=options.ground,
    )  # fmt: skip


def figure_of(take_dir: Path, pose: str | None) -> Figure:
    """The avatar in a pose, or the scan as it stands. Raises InputError."""
    if not take_dir.is_dir():
        raise InputError("There is no such folder.", str(take_dir), "Give the folder of one capture.")
    return scan_figure(take_dir) if pose is None else avatar_figure(take_dir, pose)


def picture_path(take_dir: Path, options: RenderOptions, stem: str) -> Path:
    """Where the picture goes: --out, a file or a folder, else TAKE/results/render."""
    out = options.out
    if out is not None and out.suffix:
        if out.suffix.lower() not in (".png", ".jpg"):
            raise InputError(f"A picture cannot be written as '{out.suffix}'.", "--out", "Use .png or .jpg.")
        return out
    folder = out or take_dir / "results" / "render"
    return folder / (re.sub(r"[^\w.-]+", "_", f"{stem}_{options.quality}") + ".png")


def _passes(take_dir: Path, path: Path, options: RenderOptions, frame: Frame) -> list[Path]:
    return [deliver(take_dir, path.with_suffix(".exr"), frame.layers())] if options.passes else []


def _from_camera(take_dir: Path, options: RenderOptions, figure: Figure | None, progress: Progress) -> Rendered:
    """From the rig's own camera and light; beside the photograph where that is asked for."""
    from scan3d.workflows.render_blended import blended_frame
    from scan3d.workflows.render_compare import as_json, beside, camera_of, compare, mask_of, photograph_of
    from scan3d.workflows.render_lights import known_exposure, light_id_of, rig_light

    take = Take.open(take_dir)
    engine = engine_of(options.quality, options.engine)
    samples = samples_of(engine, options.quality, options.samples)
    camera = camera_of(take, options.camera or "")
    light_id = light_id_of(take, options.light)
    light, said = rig_light(take, light_id, camera)
    factor = 1.0 if options.size is None else options.size[0] / camera.intrinsics.width
    mask = mask_of(take, camera, options.mask) if options.compare else None
    photograph = photograph_of(take, camera, light_id) if options.compare else None
    with progress.task("render", 3) as task:
        task.note("subject")
        figure = figure or figure_of(take_dir, options.pose)
        task.advance()
        task.note(f"{engine}, {samples} samples a pixel")
        running = start(engine, figure.parts, light, passes=options.passes, quality=options.quality)
        frame = running.render(camera if options.compare else camera.scaled(factor), samples=samples, seed=options.seed)
        task.advance()
        name = "_".join(part for part in (camera.camera_id, light_id, figure.name) if part)
        path = picture_path(take_dir, options, name)
        summary: dict[str, Any] = {
            "subject": figure.name, "camera": camera.camera_id, "light": light_id, "engine": engine,
            "samples": samples, "cpu_s": round(frame.cpu_s, 2), "notes": [*figure.notes, *said, *running.notes],
        }  # fmt: skip
        if mask is not None and photograph is not None:
            done = compare(
                frame, photograph, camera_id=camera.camera_id, light_id=light_id, mask=mask[0], words=mask[1],
                known_exposure=known_exposure(take),
            )  # fmt: skip
            pictures = {"": done.render, "photograph": done.photograph, "difference": done.difference}
            pictures["beside"] = beside(done)
            files = [deliver(take_dir, _named(path, name), picture) for name, picture in pictures.items()]
            as_lit = None if done.as_lit is None else as_json(done.as_lit)
            summary |= {"compare": {**as_json(done.figures), "as_lit": as_lit}}
            if options.pose is None and (take.results / "appearance" / "appearance.json").is_file():
                plain = blended_frame(take, camera)
                same = compare(
                    plain, photograph, camera_id=camera.camera_id, light_id=light_id,
                    mask=mask[0] & (frame.alpha > 0.999), words=mask[1],
                )  # fmt: skip
                summary["compare"]["blended_texture"] = as_json(same.figures)
            files.append(deliver(take_dir, path.with_suffix(".json"), _json_bytes(summary)))
        else:
            # As bright as the photograph would be is not known: half of what is seen is below middle grey.
            files = [deliver(take_dir, path, linear_to_srgb(frame.beauty * _grey_exposure(frame)))]
        files += _passes(take_dir, path, options, frame)
        task.advance()
    return Rendered(files=tuple(files), summary=summary)


def _named(path: Path, name: str) -> Path:
    return path.with_stem(f"{path.stem}_{name}") if name else path


def _json_bytes(values: Mapping[str, Any]) -> bytes:
    return (json.dumps(values, indent=1, allow_nan=False) + "\n").encode()


def _grey_exposure(frame: Frame) -> float:
    inside = frame.alpha > 0.5
    light = frame.beauty[inside] @ np.array([0.2126, 0.7152, 0.0722]) if inside.any() else np.ones(1)
    return 0.25 / max(float(np.median(light)), 1e-6)
