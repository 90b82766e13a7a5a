"""What must hold of a take before anything is computed from it.

Cheap things come first: names, then headers, then masks; photographs are decoded later, once, by the stage
that needs them. Every problem is an error of its own that names camera and file.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np

from scan3d.capture.images import (
    check_upright,
    is_truncated,
    load_mask,
    read_header,
    size_error,
    truncated_error,
)
from scan3d.capture.overlap import cameras_without_overlap
from scan3d.capture.take import Take
from scan3d.errors import CalibrationError, CaptureError, Scan3dError, StorageError
from scan3d.geometry import Rig
from scan3d.pipeline.aside import free_bytes, storage_error

# Grey views, depth maps and meshes of a reconstruction, measured as bytes per pixel of the photographs.
_BYTES_PER_PIXEL = 24
_BYTES_AT_LEAST = 200 << 20


def check_take(take: Take, rig: Rig | None, *, left_out: Collection[str] = ()) -> list[Scan3dError]:
    """Everything that is wrong with a take, worst first; empty where it is good.

    rig: the calibration it is to be used with; None before alignment, when only the photographs can be
    checked.
    left_out: cameras that have photographs and are not in the calibration, on purpose.
    """
    problems: list[Scan3dError] = list(_check_names(take, rig, left_out)) if rig is not None else []
    if any(isinstance(problem, CalibrationError) for problem in problems):
        return problems  # Another rig's calibration: what else does not fit follows from it.
    problems += _check_count(take, rig)
    bad_cameras, found = _check_photographs(take, rig)
    problems += found
    problems += _check_masks(take, bad_cameras)
    if rig is not None:
        problems += _check_overlap(take, rig)
    return problems


def require_good_take(take: Take, rig: Rig | None, *, left_out: Collection[str] = ()) -> None:
    """Raise the first problem of `check_take`, with the number of the others in its words."""
    raise_first(check_take(take, rig, left_out=left_out))


def raise_first(problems: Sequence[Scan3dError]) -> None:
    """Raise the first of some problems; nothing where there is none."""
    if not problems:
        return
    first, others = problems[0], len(problems) - 1
    if not others:
        raise first
    more = "one more problem" if others == 1 else f"{others} more problems"
    raise type(first)(f"{first.what} (And {more}.)", first.where, first.next_step)


def check_output(take: Take, *, needed_bytes: int | None = None) -> None:
    """Raise StorageError where results cannot be written: a read-only folder, or too little space.

    needed_bytes: room to ask for; by default estimated from the photographs' sizes.
    """
    for folder in (take.results, take.store):
        probe = folder / f".tmp-{os.getpid()}-probe"
        made = _missing_parents(folder)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            probe.write_bytes(b"scan3d")
        except OSError as error:
            raise storage_error(error, folder) or StorageError(
                f"The folder cannot be written to: {error.strerror}.",
                str(folder),
                "Choose another place for the take.",
            ) from error
        finally:
            _remove(probe, made)
    needed = _estimated_bytes(take) if needed_bytes is None else needed_bytes
    free = free_bytes(take.root)
    if free < needed:
        raise StorageError(
            f"The disk has {_readable(free)} left, and about {_readable(needed)} are needed.",
            str(take.root),
            "Free space, or move the take to a larger disk.",
        )


def _check_names(take: Take, rig: Rig, left_out: Collection[str]) -> Iterator[Scan3dError]:
    """Calibrated cameras without a photograph and the reverse; a wholly different set is another rig's
    calibration.
    """
    calibrated, photographed = set(rig.camera_ids), set(take.camera_ids) - set(left_out)
    missing, unknown = sorted(calibrated - photographed), sorted(photographed - calibrated)
    if len(calibrated & photographed) < max(1, len(missing), len(unknown)) and missing and unknown:
        what = (
            f"The calibration is of another rig: it has {_some(rig.camera_ids)}, the take has {_some(take.camera_ids)}."
        )
        where = f"camera {unknown[0]}, {rig.source or take.calibration or take.root}"
        yield CalibrationError(what, where, "Use the calibration of this rig, or name the photographs by its cameras.")
        return
    for camera_id in missing:
        yield CaptureError(
            f"Camera {camera_id} is calibrated, and there is no photograph of it.",
            f"camera {camera_id}, {take.root / 'images'}",
            "Copy its photograph from the camera; to do without it, remove it from the calibration.",
        )
    for camera_id in unknown:
        path = next(iter(take.photographs[camera_id].values()))
        yield CaptureError(
            f"There is a photograph of camera {camera_id}, and the calibration does not know that camera.",
            f"camera {camera_id}, {path}",
            "Calibrate or align again with this camera, or remove the photograph.",
        )


def _check_count(take: Take, rig: Rig | None) -> Iterator[Scan3dError]:
    usable = [c for c in take.camera_ids if rig is None or c in rig]
    if len(usable) == 1:
        yield CaptureError(
            f"There is one view only, of camera {usable[0]}: depth needs two cameras at least.",
            f"camera {usable[0]}, {next(iter(take.photographs[usable[0]].values()))}",
            "Add the photographs of the other cameras to images/.",
        )


def _check_photographs(take: Take, rig: Rig | None) -> tuple[set[str], list[Scan3dError]]:
    """The cameras whose photographs cannot be used, and why."""
    bad: set[str] = set()
    problems: list[Scan3dError] = []
    wrong: list[Scan3dError] = []
    right = 0
    for camera_id, path in _every_photograph(take):
        try:
            header = read_header(path, camera_id=camera_id)
            check_upright(header, path, camera_id)
            if is_truncated(path):
                raise truncated_error(path, camera_id)
        except Scan3dError as error:
            bad.add(camera_id)
            problems.append(error)
            continue
        if rig is None or camera_id not in rig:
            continue
        i = rig[camera_id].intrinsics
        if (header.width, header.height) == (i.width, i.height):
            right += 1
        else:
            bad.add(camera_id)
            wrong.append(size_error((header.width, header.height), (i.width, i.height), path, camera_id))
    if rig is not None and len(wrong) > 1 and not right:
        first = wrong[0]
        what = f"The calibration is of another rig or of photographs of another size: {first.what}"
        next_step = "Use the calibration of these photographs, or the photographs as the cameras wrote them."
        return bad, [CalibrationError(what, first.where, next_step), *problems]
    return bad, problems + wrong


def _check_masks(take: Take, bad_cameras: set[str]) -> Iterator[Scan3dError]:
    for camera_id, path in take.masks.items():
        if camera_id not in take.photographs:
            what = f"There is a mask of camera {camera_id}, and no photograph."
            yield CaptureError(what, f"camera {camera_id}, {path}", "Remove or rename the mask.")
            continue
        if camera_id in bad_cameras:
            continue
        try:
            header = read_header(path, camera_id=camera_id)
            photograph = read_header(next(iter(take.photographs[camera_id].values())), camera_id=camera_id)
            alpha = load_mask(path, camera_id=camera_id)
        except Scan3dError as error:
            yield error
            continue
        if (header.width, header.height) != (photograph.width, photograph.height):
            yield CaptureError(
                f"The mask is {header.width} x {header.height} pixels, its photograph "
                f"{photograph.width} x {photograph.height}.",
                f"camera {camera_id}, {path}",
                "Make the mask from this photograph, or remove it: it is made if it is not there.",
            )
        elif not (alpha >= 0.5).any():
            yield CaptureError(
                "The mask is empty: nothing in it is white.",
                f"camera {camera_id}, {path}",
                "White marks the subject. Make the mask again, or remove it: it is made if it is not there.",
            )


def _check_overlap(take: Take, rig: Rig) -> Iterator[Scan3dError]:
    usable = rig.subset(camera_id for camera_id in rig.camera_ids if camera_id in take.photographs)
    lonely = cameras_without_overlap(usable)
    source = rig.source or str(take.calibration or take.root)
    if len(usable) >= 2 and len(lonely) == len(usable):
        yield CalibrationError(
            "No two cameras see the same space: their views do not overlap anywhere.",
            f"camera {usable.camera_ids[0]}, {source}",
            "Check that the calibration is of this rig, and that its poses are cam_from_world in metres.",
        )
        return
    for camera_id in lonely if len(usable) >= 2 else ():
        yield CalibrationError(
            f"Camera {camera_id} shares no space with any other camera.",
            f"camera {camera_id}, {source}",
            "Calibrate it again, or remove it from the calibration.",
        )


def _every_photograph(take: Take) -> Iterator[tuple[str, Path]]:
    for camera_id, by_light in take.photographs.items():
        for path in by_light.values():
            yield camera_id, path


def _some(names: Iterable[str]) -> str:
    names = list(names)
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def _missing_parents(folder: Path) -> list[Path]:
    """The folders that would have to be made, innermost first."""
    return [path for path in (folder, *folder.parents) if not path.exists()]


def _remove(probe: Path, made: Sequence[Path]) -> None:
    """Take back the probe and the folders made for it."""
    try:
        probe.unlink(missing_ok=True)
        for folder in made:
            if folder.is_dir():
                folder.rmdir()
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOENT):
            raise


def _estimated_bytes(take: Take) -> int:
    pixels = 0
    for camera_id, path in take.images().items():
        header = read_header(path, camera_id=camera_id)
        pixels += header.width * header.height
    return int(np.int64(pixels) * _BYTES_PER_PIXEL + _BYTES_AT_LEAST)


def _readable(count: int) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"
