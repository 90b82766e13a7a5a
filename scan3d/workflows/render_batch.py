"""Many pictures: poses x looks, and poses x cameras of the rig; resumable, with a contact sheet and a page.

A file for it, whose entries the command's own options fill up:

    poses = ["contrapposto", "walk"]        # "" for the scan as it stands
    looks = ["loop", "my_look.toml"]
    cameras = ["cam03"]
    crops = ["portrait", "full"]            # optional: each look in each of them
"""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from scan3d.errors import InputError
from scan3d.pipeline.progress import Progress, Silent
from scan3d.render.looks import CROPS, read_look
from scan3d.workflows.render import Rendered, RenderOptions, figure_of, render_take
from scan3d.workflows.render_files import deliver
from scan3d.workflows.render_pages import Entry, contact_sheet, lookbook

_LISTS = ("poses", "looks", "cameras", "crops")
_INPUTS = ("results/model.obj", "results/body/body.npz", "results/body/detail.npz", "lights.toml", "calibration.toml")


@dataclass(frozen=True, kw_only=True)
class Batch:
    """What is combined; "" for the scan among the poses."""

    poses: tuple[str, ...] = ()
    looks: tuple[str, ...] = ()
    cameras: tuple[str, ...] = ()
    crops: tuple[str, ...] = ()

    def jobs(self, options: RenderOptions) -> Iterator[RenderOptions]:
        """Each picture's own options, those of one pose together."""
        for pose in self.poses or (options.pose or "",):
            own = replace(options, pose=pose or None, look=None, camera=None, compare=False)
            for look in self.looks:
                for crop in self.crops or (options.crop,):
                    yield replace(own, look=look, crop=crop)
            for camera in self.cameras:
                yield replace(own, camera=camera, compare=options.compare, crop=None, focal_mm=None, fill=None)


def batch_of(options: RenderOptions, file: Path | None) -> Batch | None:
    """The batch of a file, or of options that name several poses, looks or cameras with commas between; None where one
    picture is wanted."""
    if file is not None:
        return read_batch(file)
    named = {"poses": options.pose, "looks": options.look, "cameras": options.camera, "crops": options.crop}
    lists = {name: tuple(part.strip() for part in (text or "").split(",") if text) for name, text in named.items()}
    return Batch(**lists) if any(len(values) > 1 for values in lists.values()) else None


def read_batch(path: Path) -> Batch:
    """A batch file; looks named as files lie beside it. Raises InputError."""
    try:
        values = tomllib.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise InputError(f"The batch cannot be read: {error}.", str(path), "Correct the file.") from None
    for name, value in values.items():
        if name not in _LISTS:
            raise InputError(f"A batch has no '{name}'.", str(path), f"It has {', '.join(_LISTS)}.")
        if not isinstance(value, list) or not all(isinstance(entry, str) for entry in value):
            raise InputError(f"'{name}' is a list of names.", str(path), f'Write {name} = ["..."].')
    lists = {name: tuple(values.get(name, ())) for name in _LISTS}
    beside = tuple(str(path.parent / look) if (path.parent / look).is_file() else look for look in lists["looks"])
    return Batch(**{**lists, "looks": beside})


def render_batch(take: Path, batch: Batch, options: RenderOptions, *, progress: Progress) -> Rendered:
    """All pictures that are not there yet, then contact.jpg and lookbook.html. A stopped run goes on where it was; a
    picture is made again when its options, its look or the take's results have changed. Raises InputError."""
    for name in batch.looks:
        read_look(name)
    for crop in batch.crops:
        if crop not in CROPS:
            raise InputError(f"'{crop}' is not known.", "crops", f"Choose one of {', '.join(CROPS)}.")
    jobs = list(batch.jobs(options))
    if not jobs:
        raise InputError("The batch has no picture.", "--batch", "Give it looks, or cameras.")
    folder = options.out or take / "results" / "render" / "batch"
    if folder.suffix:
        raise InputError("A batch needs a folder.", f"--out {folder}", "Give a folder.")
    record = folder / "batch.json"
    known = _known(record)
    entries: list[Entry] = []
    made, figure = 0, None
    with progress.task("pictures", len(jobs)) as task:
        for job in jobs:
            key = _key(take, job)
            name = _name(job)
            task.note(name)
            entry = known.get(key)
            if entry is None or not all((folder / file).is_file() for file in entry["files"]):
                if figure is None or figure[0] != job.pose:
                    figure = (job.pose, figure_of(take, job.pose))
                own = replace(job, out=folder / f"{name}.png")
                done = render_take(take, own, progress=Silent(), figure=figure[1])
                entry = {"files": [file.name for file in done.files], "summary": done.summary}
                known[key] = entry
                made += 1
                deliver(take, record, (json.dumps(known, indent=1) + "\n").encode())
            summary = entry["summary"]
            entries.append(Entry(name=name, picture=folder / entry["files"][0], summary=summary))
            task.advance()
    pages = [deliver(take, folder / "contact.jpg", contact_sheet(entries))]
    pages.append(deliver(take, folder / "lookbook.html", lookbook(take.name, entries).encode()))
    notes = list(dict.fromkeys(note for entry in entries for note in entry.summary.get("notes", [])))
    summary = {"pictures": len(jobs), "made": made, "folder": str(folder), "notes": notes}
    return Rendered(files=(*pages, *(entry.picture for entry in entries)), summary=summary)


def _known(record: Path) -> dict[str, Any]:
    if not record.is_file():
        return {}
    try:
        values = json.loads(record.read_text())
    except ValueError:
        return {}
    return values if isinstance(values, dict) else {}


def _name(job: RenderOptions) -> str:
    look = Path(job.look).stem if job.look else job.camera
    return "_".join(part for part in (Path(job.pose or "scan").stem, look, job.crop, job.quality) if part)


def _key(take: Path, job: RenderOptions) -> str:
    """Of everything that a picture depends on: its options, its look, and the files it is made of."""
    files = [take / name for name in _INPUTS]
    files += sorted((take / "results").glob("model*.png")) + sorted((take / "results" / "body" / "maps").glob("*"))
    files += sorted((take / "results" / "appearance").glob("*"))
    stats: list[tuple[str, int, int]] = []
    for file in files:
        if file.is_file():
            about = file.stat()
            stats.append((str(file.relative_to(take)), about.st_size, about.st_mtime_ns))
    look: Mapping[str, Any] = {} if job.look is None else asdict(read_look(job.look))
    text = json.dumps([asdict(replace(job, out=None)), look, stats], default=str, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()
