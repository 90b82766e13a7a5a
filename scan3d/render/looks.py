"""Looks: light, lens, frame and ground of a picture, as TOML files that people edit. Angles in degrees, lengths in m.

name = "loop"
[camera]      focal_mm (of a 36 x 24 mm picture), crop, azimuth_deg, elevation_deg, fill, size_px
[[lamp]]      kind, azimuth_deg (towards the subject's left), elevation_deg, distance_m, size_m, metered, follows
[surroundings] radiance of all directions, or file (.hdr), metered and turn_deg
[ground]      kind, colour
[picture]     view, stops
`metered`: the light that a meter at the face reads from this lamp alone, 1 for the key: a fill of 0.5 on both sides
makes 3:1 of key and fill against fill.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, TypeVar

from scan3d.errors import InputError

FOLDER = Path(__file__).parent / "looks"
LAMPS = {"beauty_dish": True, "octabox": True, "softbox": False, "strip": False, "window": False, "reflector": False}
CROPS = ("face", "portrait", "bust", "three_quarter", "full", "hand_left", "hand_right")
GROUNDS = ("colour", "white", "transparent", "surroundings")
VIEWS = ("agx", "punchy", "aces", "standard")
_T = TypeVar("_T")


@dataclass(frozen=True, kw_only=True)
class LookCamera:
    """focal_mm: of a picture 36 mm on its longer side. azimuth_deg: towards the subject's left; 0 in front. fill: share
    of the picture's side that the subject takes. size_px: width and height."""

    focal_mm: float = 85.0
    crop: str = "portrait"
    azimuth_deg: float = 0.0
    elevation_deg: float = 0.0
    fill: float = 0.85
    size_px: tuple[int, int] = (1200, 1500)


@dataclass(frozen=True, kw_only=True)
class Lamp:
    """kind: of `LAMPS`; dishes and octaboxes are round. Angles about the face, or about the camera's side where
    `follows` is "camera". metered: light on a card at the face that faces the lamp, as a share of the key's."""

    kind: str = "softbox"
    azimuth_deg: float = 0.0
    elevation_deg: float = 30.0
    distance_m: float = 1.5
    size_m: tuple[float, float] = (0.8, 0.8)
    metered: float = 1.0
    follows: str = "face"
    colour: tuple[float, float, float] = (1.0, 1.0, 1.0)


@dataclass(frozen=True, kw_only=True)
class LookSurroundings:
    """radiance: the same from all sides, 1 what the key makes of a white card. file: an .hdr instead, turned by
    turn_deg about the vertical and scaled so that a meter at the face reads `metered`."""

    radiance: float = 0.0
    file: str = ""
    turn_deg: float = 0.0
    metered: float = 1.0


@dataclass(frozen=True, kw_only=True)
class Ground:
    """kind: of `GROUNDS`. colour: linear. rim: the colour's share left in the corners of the picture. shadow: the
    subject throws one on the floor."""

    kind: str = "colour"
    colour: tuple[float, float, float] = (0.18, 0.18, 0.18)
    rim: float = 1.0
    shadow: bool = False


@dataclass(frozen=True, kw_only=True)
class PictureStyle:
    """view: of `VIEWS`. stops: brighter or darker than metered."""

    view: str = "standard"
    stops: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Look:
    """Everything about a picture but who is in it."""

    name: str
    title: str = ""
    camera: LookCamera = LookCamera()
    lamps: tuple[Lamp, ...] = ()
    surroundings: LookSurroundings = LookSurroundings()
    ground: Ground = Ground()
    picture: PictureStyle = PictureStyle()


def look_names() -> tuple[str, ...]:
    """Looks that come with the program, sorted."""
    return tuple(sorted(path.stem for path in FOLDER.glob("*.toml")))


def read_look(name_or_file: str) -> Look:
    """A look that comes with the program, a TOML file of one's own, or an .hdr picture to stand in.

    Raises InputError where there is none of that name, or where a file says what cannot be.
    """
    path = FOLDER / f"{name_or_file}.toml" if name_or_file in look_names() else Path(name_or_file)
    if not path.is_file():
        known = ", ".join(look_names())
        raise InputError(
            f"There is no look and no file '{name_or_file}'.", "--look", f"Choose one of {known}, or a file."
        )
    if path.suffix.lower() in (".hdr", ".exr"):
        return Look(
            name=path.stem,
            title=path.stem,
            surroundings=LookSurroundings(file=str(path.resolve())),
            ground=Ground(kind="surroundings"),
        )
    try:
        values = tomllib.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise InputError(f"The look cannot be read: {error}.", str(path), "Correct the file.") from None
    look = _look(values, path)
    given = look.surroundings.file
    if given:
        found = path.parent / given
        if not found.is_file():
            raise InputError("The look's surroundings are missing.", str(found), "Put the .hdr file there.")
        look = replace(look, surroundings=replace(look.surroundings, file=str(found.resolve())))
    return look


def _look(values: Mapping[str, Any], path: Path) -> Look:
    known = {"name", "title", "camera", "lamp", "surroundings", "ground", "picture"}
    for key in values:
        if key not in known:
            raise InputError(f"A look has no '{key}'.", str(path), f"It has {', '.join(sorted(known))}.")
    lamps = values.get("lamp", [])
    if not isinstance(lamps, list):
        raise InputError("Lamps are a list.", f"{path}, lamp", "Write [[lamp]] above each of them.")
    look = Look(
        name=str(values.get("name", path.stem)),
        title=str(values.get("title", "")),
        camera=_part(LookCamera, values.get("camera", {}), path, "camera"),
        lamps=tuple(_part(Lamp, lamp, path, f"lamp {n + 1}") for n, lamp in enumerate(lamps)),
        surroundings=_part(LookSurroundings, values.get("surroundings", {}), path, "surroundings"),
        ground=_part(Ground, values.get("ground", {}), path, "ground"),
        picture=_part(PictureStyle, values.get("picture", {}), path, "picture"),
    )
    _check(look, path)
    return look


def _part(kind: type[_T], values: Any, path: Path, where: str) -> _T:
    """One table of the file as a dataclass: the same names, numbers where there are numbers."""
    if not isinstance(values, Mapping):
        raise InputError("This has to be a table.", f"{path}, {where}", "See docs/render.md.")
    defaults = kind()
    names = [field.name for field in fields(defaults)]  # type: ignore[arg-type]
    made: dict[str, Any] = {}
    for name, value in values.items():
        if name not in names:
            raise InputError(f"There is no '{name}' here.", f"{path}, {where}", f"Known: {', '.join(names)}.")
        made[name] = _like(getattr(defaults, name), value)
        if made[name] is None:
            raise InputError(f"'{name} = {value}' cannot be.", f"{path}, {where}", "See docs/render.md.")
    return kind(**made)


def _like(default: Any, value: Any) -> Any:
    """The value as its default is: a number, text, yes or no, or so many numbers. None where it is something else."""
    if isinstance(default, bool):
        return value if isinstance(value, bool) else None
    if isinstance(default, str):
        return value if isinstance(value, str) else None
    if isinstance(default, tuple):
        if not isinstance(value, list) or len(value) != len(default):
            return None
        made = [_like(d, v) for d, v in zip(default, value, strict=True)]
        return None if None in made else tuple(made)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return value if isinstance(default, float) else int(value)


def _check(look: Look, path: Path) -> None:
    choices = [("camera.crop", look.camera.crop, CROPS), ("ground.kind", look.ground.kind, GROUNDS)]
    choices += [("picture.view", look.picture.view, VIEWS)]
    choices += [("lamp.kind", lamp.kind, tuple(LAMPS)) for lamp in look.lamps]
    choices += [("lamp.follows", lamp.follows, ("face", "camera")) for lamp in look.lamps]
    for name, value, allowed in choices:
        if value not in allowed:
            raise InputError(f"'{value}' is not known.", f"{path}, {name}", f"Choose one of {', '.join(allowed)}.")
    limits: list[tuple[str, float, float, float]] = [("camera.focal_mm", look.camera.focal_mm, 10, 1200)]
    limits += [("camera.fill", look.camera.fill, 0.05, 1)]
    limits += [("camera.elevation_deg", look.camera.elevation_deg, -80, 80)]
    limits += [("camera.size_px", float(side), 16, 16384) for side in look.camera.size_px]
    for number, lamp in enumerate(look.lamps):
        limits += [(f"lamp {number + 1}, distance_m", lamp.distance_m, 0.2, 100)]
        limits += [(f"lamp {number + 1}, metered", lamp.metered, 0, 1e4)]
        limits += [(f"lamp {number + 1}, size_m", side, 0.01, 20) for side in lamp.size_m]
    for name, number_, low, high in limits:
        if not low <= number_ <= high:
            raise InputError(f"{number_:g} cannot be.", f"{path}, {name}", f"Give {low:g} to {high:g}.")
    if not look.lamps and not look.surroundings.radiance and not look.surroundings.file:
        raise InputError("The look has no light.", str(path), "Give it a [[lamp]], or [surroundings].")
