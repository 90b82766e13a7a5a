"""rigs/*.toml: the plan of a rig as a file that people edit, in metres and degrees.

    name = "head_32"                    # the file's name
    subject = "head"                    # or "body"
    cameras = 32                        # of all rings together
    subject_centre_m = [0.0, 0.0, 1.5]
    subject_radius_m = 0.2
    held_out = 4                        # optional: cameras whose photographs are kept back

    [lens]
    model = "opencv"                    # pinhole, opencv, full_opencv or fisheye
    image_size_px = [900, 1200]
    focal_px = 3350.0
    distance_m = 1.1
    distortion = [-0.09, 0.05, 0.0, 0.0]

    [[ring]]                            # elevation_deg, or height_m above the floor
    elevation_deg = -14.0
    cameras = 16                        # all the way round; from start_deg over arc_deg where that is given

    [limits]                            # optional: what checks of this rig ask for, see `RigLimits`
    reprojection_px = 0.5
    board_coverage = 0.5

Further keys of [lens], [mounting], [lights] and [[ring]]: see `_LENS`, `_MOUNTING`, `_LIGHTS` and `_RING`.
"""

from __future__ import annotations

import difflib
import math
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from scan3d.errors import InputError, Scan3dError
from scan3d.geometry.rig_definition import LensDefinition, RigDefinition, RigLimits, RingDefinition
from scan3d.resources import rigs_folder

_TOP = ("name", "subject", "cameras", "subject_centre_m", "subject_radius_m", "held_out")
_TABLES = ("lens", "mounting", "lights", "limits", "ring")
# Numbers that are handed on as they are, and words.
_LENS_NUMBERS = ("focal_spread", "centre_spread_px", "distortion_spread", "pixel_um", "f_number", "exposure_s", "iso")
_LENS_WORDS = ("make", "body", "lens")
_LENS = ("model", "image_size_px", "focal_px", "distance_m", "distortion", *_LENS_NUMBERS, *_LENS_WORDS)
_MOUNTING = ("position_mm", "aim_deg", "roll_deg")
_LIGHTS = ("setup",)
# Of [limits], numbers and counts.
_LIMIT_NUMBERS = (
    "reprojection_px", "board_coverage", "drift_px", "calibration_age_days", "time_skew_s", "exposure_spread",
)  # fmt: skip
_LIMIT_COUNTS = ("board_views", "cameras_per_point")
_RING = ("cameras", "elevation_deg", "height_m", "distance_m", "aim_height_m", "start_deg", "arc_deg")


def read_rig_definition(name_or_path: str | Path) -> RigDefinition:
    """A rig's definition: of a file, or of one that ships with scan3d by its name ("head_32").

    Raises InputError, naming file and key, where it is missing, is no TOML or says what cannot be.
    """
    path = Path(name_or_path)
    if path.suffix != ".toml":
        path = rigs_folder() / f"{name_or_path}.toml"
    where = str(path)
    document = _load(path)
    _check(document, (*_TOP, *_TABLES), (*_TOP[:5], "lens", "ring"), where)
    lens = _lens(document["lens"], f"[lens] in {where}")
    centre = _numbers(document, "subject_centre_m", 3, where)
    rings = [
        _ring(ring, lens, centre[2], f"[[ring]] {k} in {where}") for k, ring in enumerate(_list(document, where), 1)
    ]
    mounting = _table(document, "mounting", _MOUNTING, where)
    lights = _table(document, "lights", _LIGHTS, where)
    definition = RigDefinition(
        name=_word(document, "name", where),
        subject=_word(document, "subject", where),
        subject_centre_m=(centre[0], centre[1], centre[2]),
        subject_radius_m=_number(document, "subject_radius_m", where),
        lens=lens,
        rings=tuple(rings),
        held_out_count=_count(document, "held_out", where, least=0) if "held_out" in document else 0,
        lights=_word(lights, "setup", where) if "setup" in lights else "studio",
        position_spread_m=1e-3 * _optional(mounting, "position_mm", where),
        aim_spread_rad=math.radians(_optional(mounting, "aim_deg", where)),
        roll_spread_rad=math.radians(_optional(mounting, "roll_deg", where)),
        limits=_limits(document, where),
        source=where,
    )
    if definition.camera_count != document["cameras"]:
        what = f"cameras = {document['cameras']}, but the rings have {definition.camera_count} together."
        raise InputError(what, where, "Correct the number, or the rings.")
    return definition


def rig_names() -> tuple[str, ...]:
    """The rigs that ship with scan3d, sorted."""
    return tuple(sorted(path.stem for path in rigs_folder().glob("*.toml")))


def _lens(table: Any, where: str) -> LensDefinition:
    _check(table, _LENS, _LENS[:4], where)
    size = _numbers(table, "image_size_px", 2, where)
    if any(side != int(side) or side < 1 for side in size):
        raise InputError("image_size_px must be whole numbers above zero.", where, "Write [width, height].")
    numbers = {key: _number(table, key, where) for key in _LENS_NUMBERS if key in table}
    words = {key: _word(table, key, where) for key in _LENS_WORDS if key in table}
    lens = LensDefinition(
        model=_word(table, "model", where),
        width=int(size[0]),
        height=int(size[1]),
        focal_px=_number(table, "focal_px", where),
        distance_m=_number(table, "distance_m", where),
        distortion=_numbers(table, "distortion", None, where) if "distortion" in table else (),
        **numbers,  # type: ignore[arg-type]
        **words,  # type: ignore[arg-type]
    )
    for key in ("focal_px", "distance_m", "pixel_um", "f_number", "exposure_s", "iso"):
        if getattr(lens, key) <= 0:
            raise InputError(f"{key} must be above zero.", where, "Correct the number.")
    try:
        lens.intrinsics()
    except Scan3dError as error:
        raise InputError(error.what, where, error.next_step or "Give as many as the model has.") from error
    return lens


def _limits(document: Mapping[str, Any], where: str) -> RigLimits:
    table = _table(document, "limits", (*_LIMIT_NUMBERS, *_LIMIT_COUNTS), where)
    where = f"[limits] in {where}"
    numbers = {key: _number(table, key, where) for key in _LIMIT_NUMBERS if key in table}
    for key, value in numbers.items():
        if value <= 0 or (key == "board_coverage" and value > 1):
            what = f"{key} = {value:g} cannot be a limit."
            raise InputError(
                what, where, "Write a share of the picture, 0 to 1." if value > 1 else "Write more than 0."
            )
    counts = {key: _count(table, key, where, least=1) for key in _LIMIT_COUNTS if key in table}
    return RigLimits(**numbers, **counts)  # type: ignore[arg-type]


def _ring(table: Any, lens: LensDefinition, centre_height_m: float, where: str) -> RingDefinition:
    _check(table, _RING, ("cameras",), where)
    if ("elevation_deg" in table) == ("height_m" in table):
        raise InputError("A ring has either elevation_deg or height_m.", where, "Give one of the two.")
    elevated = "elevation_deg" in table
    arc = _number(table, "arc_deg", where) if "arc_deg" in table else None
    if arc is not None and not 0 < arc < 360:
        raise InputError(f"arc_deg = {arc:g} is no arc.", where, "Write 0 to 360; leave it out for a whole ring.")
    return RingDefinition(
        cameras=_count(table, "cameras", where, least=1 if arc is None else 2),
        distance_m=_number(table, "distance_m", where) if "distance_m" in table else lens.distance_m,
        aim_height_m=_number(table, "aim_height_m", where) if "aim_height_m" in table else centre_height_m,
        elevation_rad=math.radians(_number(table, "elevation_deg", where)) if elevated else None,
        height_m=None if elevated else _number(table, "height_m", where),
        start_rad=math.radians(_optional(table, "start_deg", where)),
        arc_rad=None if arc is None else math.radians(arc),
    )


def _load(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        known = ", ".join(rig_names())
        next_step = f"Rigs that ship with scan3d: {known}; or give the path of a .toml file."
        raise InputError(f"There is no rig '{path.stem}'.", str(path), next_step) from error
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"The rig cannot be read: {error}.", str(path), "Mend the line.") from error


def _check(table: Any, known: Sequence[str], required: Sequence[str], where: str) -> None:
    if not isinstance(table, Mapping):
        raise InputError("A table is expected here.", where, f"Write its keys: {', '.join(known)}.")
    for key in table:
        if key not in known:
            close = difflib.get_close_matches(key, known, n=1)
            hint = f"Did you mean {close[0]!r}?" if close else f"Known keys: {', '.join(known)}."
            raise InputError(f"The key {key!r} is not known here.", where, hint)
    for key in required:
        if key not in table:
            raise InputError(f"The key {key!r} is missing.", where, "Add it; rigs/head_32.toml is an example.")


def _table(document: Mapping[str, Any], key: str, known: Sequence[str], where: str) -> Mapping[str, Any]:
    table: Mapping[str, Any] = document.get(key, {})
    _check(table, known, (), f"[{key}] in {where}")
    return table


def _list(document: Mapping[str, Any], where: str) -> list[Any]:
    rings = document["ring"]
    if not isinstance(rings, list) or not rings:
        raise InputError("The rig has no ring.", where, "Add a table [[ring]] per ring of cameras.")
    return rings


def _word(table: Mapping[str, Any], key: str, where: str) -> str:
    if not isinstance(table[key], str) or not table[key]:
        raise InputError(f"{key} must be a word.", where, f'Write {key} = "...".')
    return str(table[key])


def _number(table: Mapping[str, Any], key: str, where: str) -> float:
    return _plain([table[key]], key, where)[0]


def _optional(table: Mapping[str, Any], key: str, where: str) -> float:
    return _number(table, key, where) if key in table else 0.0


def _numbers(table: Mapping[str, Any], key: str, count: int | None, where: str) -> tuple[float, ...]:
    values = table[key]
    if not isinstance(values, list) or (count is not None and len(values) != count):
        raise InputError(f"{key} must be a list of {count or 'the model'}'s numbers.", where, f"Write {key} = [...].")
    return _plain(values, key, where)


def _plain(values: Sequence[Any], key: str, where: str) -> tuple[float, ...]:
    for value in values:
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise InputError(f"{key} = {value!r} is no number.", where, "Write a plain number, without quotes.")
    return tuple(float(value) for value in values)


def _count(table: Mapping[str, Any], key: str, where: str, *, least: int) -> int:
    value = table[key]
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise InputError(f"{key} = {value!r} must be a whole number of {least} or more.", where, "Correct it.")
    return value
