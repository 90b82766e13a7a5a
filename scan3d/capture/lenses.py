"""Which photographs were taken through the same lens in the same state, so that their intrinsics are the same."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np

from scan3d.capture.exif import Exif, read_exif
from scan3d.capture.images import read_header
from scan3d.errors import InputError

MODES = ("auto", "shared", "per-camera")
_SYNCHRONISED_S = 2.0


@dataclass(frozen=True, kw_only=True)
class LensGroups:
    """group_of: photograph -> group. focal_px: group -> focal length by EXIF, None where it does not say."""

    group_of: Mapping[str, str]
    focal_px: Mapping[str, float | None]


def lens_groups(images: Mapping[str, Path], mode: str = "auto") -> LensGroups:
    """Group photographs that share their intrinsics.

    Args:
        images: photographs by name.
        mode: "shared": one hand-held camera took them all. "per-camera": a rig, each has its own. "auto": by
            EXIF: photographs of the same size by the same body, lens and focal length belong together; where
            bodies have no serial number, those taken in the same moment do not, as one body cannot have taken
            them.
    Raises InputError for an unknown mode, or "shared" with photographs of different sizes.
    """
    if mode not in MODES:
        raise InputError(f"There is no way {mode!r} to share intrinsics.", "", f"Use one of {', '.join(MODES)}.")
    sizes = {name: _size(path, name) for name, path in sorted(images.items())}
    exif = {name: read_exif(images[name]) for name in sizes}
    if mode == "shared":
        if len(set(sizes.values())) > 1:
            odd = next(name for name in sizes if sizes[name] != next(iter(sizes.values())))
            what = "The photographs differ in size, so they cannot share their intrinsics."
            raise InputError(what, f"camera {odd}, {images[odd]}", "Use --intrinsics per-camera.")
        group_of = dict.fromkeys(sizes, "all")
    elif mode == "per-camera":
        group_of = {name: name for name in sizes}
    else:
        group_of = _by_exif(sizes, exif)
    focal_px = {}
    for group in sorted(set(group_of.values())):
        known = [exif[n].focal_px(*sizes[n]) for n in sizes if group_of[n] == group]
        values = [f for f in known if f is not None]
        focal_px[group] = float(np.median(values)) if values else None
    return LensGroups(group_of=group_of, focal_px=focal_px)


def _by_exif(sizes: Mapping[str, tuple[int, int]], exif: Mapping[str, Exif]) -> dict[str, str]:
    by_lens: dict[tuple[object, ...], list[str]] = {}
    group_of = {}
    for name in sizes:
        lens = exif[name].body_and_lens()
        if lens is None:
            group_of[name] = name
        else:
            by_lens.setdefault((lens, sizes[name]), []).append(name)
    for names in by_lens.values():
        is_one_body = bool(exif[names[0]].serial) or not _same_moment([exif[n].time for n in names])
        group_of.update({name: names[0] if is_one_body else name for name in names})
    return group_of


def _same_moment(times: list[str]) -> bool:
    """Whether photographs lie so close in time that one body cannot have taken them; no time at all counts so."""
    try:
        taken = sorted(datetime.strptime(time[:19], "%Y:%m:%d %H:%M:%S") for time in times)
    except ValueError:
        return True
    return len(taken) > 1 and (taken[-1] - taken[0]).total_seconds() <= _SYNCHRONISED_S


def _size(path: Path, name: str) -> tuple[int, int]:
    header = read_header(path, camera_id=name)
    return header.width, header.height
