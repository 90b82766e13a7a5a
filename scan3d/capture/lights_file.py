"""lights.toml: the lamps of a rig as a file that people edit, one entry for each photograph of a sequence.

    format = "scan3d lights 1"
    units = "metres"
    exposure = 0.31                     # a photograph's linear value (1 = white) over the radiance it was taken of

    [panels.left]
    centre_m = [-0.6, -0.5, 1.5]        # world, as calibration.toml
    target_m = [0.0, 0.0, 1.5]          # the middle of what it faces
    size_m = [0.3, 0.5]                 # width, height
    radiance = [1.0, 1.0, 1.0]          # linear Rec.709

    [panels.flash]                      # sits on the camera: a light of its own for every photograph
    on_camera = true
    centre_m = [0.0, -0.1, 0.0]         # the camera's frame: x right, y down, z ahead; left out: the photographs tell
    target_m = [0.0, -0.1, 1.0]         # left out: straight ahead
    size_m = [0.06, 0.04]               # left out: a small flash
    radiance = [1.0, 1.0, 1.0]          # left out: not known, nor needed

    [lights.left_cross]                 # images/<camera_id>/left_cross.tif
    panels = ["left"]
    polarisation = "cross"              # none, cross or parallel
    surroundings = [0.1, 0.1, 0.1]      # optional: the same from everywhere, or "lights/file.hdr" beside this file

With polarisers a lamp is reckoned at its strength without them in front of lens and lamp: crossed ones show half the
diffuse light and no gloss, parallel ones half the diffuse light and all gloss.
"""

from __future__ import annotations

import difflib
import math
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np

from scan3d.errors import InputError
from scan3d.geometry.lights import LightSetup, Panel, Polarisation, Surroundings
from scan3d.pipeline.aside import write_bytes, written_aside

FORMAT = "scan3d lights 1"
NAME = "lights.toml"
_TOP = ("format", "units", "exposure", "panels", "lights")
_PANEL = ("centre_m", "target_m", "size_m", "radiance")
_ABOVE_M, _FLASH_M = 0.1, (0.06, 0.04)  # a flash that nobody measured: its place over the lens, and its size
_LIGHT = ("panels", "polarisation", "surroundings")
_STATES = ("none", "cross", "parallel")
_BARE = re.compile(r"[A-Za-z0-9_-]+")


@dataclass(frozen=True, kw_only=True, eq=False)
class KnownLights:
    """setups: by light id. exposure: a photograph's linear value over the radiance it was taken of."""

    setups: Mapping[str, LightSetup]
    exposure: float = 1.0


def nearest_lights(take: Path) -> Path | None:
    """lights.toml of a take, or of the nearest folder above it, as calibration.toml is found."""
    root = Path(take).absolute()
    return next((folder / NAME for folder in (root, *root.parents) if (folder / NAME).is_file()), None)


def read_lights(path: Path) -> KnownLights:
    """Read lights.toml. Raises InputError, naming file and key, where it is missing, is no TOML or cannot be."""
    document = _load(Path(path))
    where = str(path)
    if document.get("format") != FORMAT:
        what = f"The file does not say format = {FORMAT!r}, but {document.get('format')!r}."
        raise InputError(what, where, "See docs/appearance.md for what it holds.")
    _check(document, _TOP, ("units", "lights"), where)
    if document["units"] != "metres":
        raise InputError(f"Units are {document['units']!r}; only metres are known.", where, "Write units = 'metres'.")
    exposure = document.get("exposure", 1.0)
    if not _number(exposure) or not exposure > 0:
        raise InputError("exposure must be a number above 0.", where, "Write what white shows: exposure = 1.0")
    panels = {name: _panel(name, table, where) for name, table in _tables(document, "panels", where)}
    setups = {name: _setup(name, table, panels, Path(path)) for name, table in _tables(document, "lights", where)}
    if not setups:
        raise InputError("The file holds no light.", where, "Add a table [lights.<light_id>] for each photograph.")
    return KnownLights(setups=setups, exposure=float(exposure))


def write_lights(setups: Sequence[LightSetup], path: Path, *, exposure: float = 1.0) -> None:
    """Write lights.toml, whole or not at all. Surroundings that are not even become pictures in lights/ beside it.

    Raises InputError where two different panels bear one name.
    """
    path = Path(path)
    panels: dict[str, Panel] = {}
    for panel in (panel for setup in setups for panel in setup.panels):
        if panels.setdefault(panel.name, panel) != panel:
            what = f"Two panels that differ are called {panel.name!r}."
            raise InputError(what, str(path), "Give each its own name.")
    lines = [f'format = "{FORMAT}"', 'units = "metres"', f"exposure = {float(exposure)!r}"]
    for panel in panels.values():
        lines += ["", f"[panels.{_key(panel.name)}]"]
        lines += ["on_camera = true"] if panel.on_camera else []
        known = [key for key in _PANEL if not (panel.guessed and key in ("centre_m", "target_m"))]
        lines += [f"{key} = {[float(v) for v in getattr(panel, key)]}" for key in known]
    for setup in setups:
        names = ", ".join(f'"{panel.name}"' for panel in setup.panels)
        lines += ["", f"[lights.{_key(setup.name)}]", f"panels = [{names}]", f'polarisation = "{setup.polarisation}"']
        if setup.surroundings is not None:
            lines.append(f"surroundings = {_written(setup, path)}")
    write_bytes(path, ("\n".join(lines) + "\n").encode())


def _written(setup: LightSetup, path: Path) -> str:
    """Even surroundings as three numbers; others as the name of a picture that is written."""
    assert setup.surroundings is not None
    radiance = np.asarray(setup.surroundings.radiance, np.float32)
    flat = radiance.reshape(-1, 3)
    if float(np.ptp(flat, axis=0).max()) == 0:
        return str([float(v) for v in flat[0]])
    import cv2

    # Gradients with and without polarisers share a picture.
    name = f"lights/{setup.name.removesuffix(f'_{setup.polarisation}')}.hdr"
    with written_aside(path.parent / name) as aside:
        cv2.imwrite(str(aside), np.ascontiguousarray(radiance[..., ::-1]))
    return f'"{name}"'


def _load(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError("There is no such file.", str(path), "Describe the rig's lamps: docs/appearance.md.") from None
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"The file cannot be read: {error}.", str(path), "Mend the line.") from error


def _check(table: Mapping[str, Any], known: Sequence[str], required: Sequence[str], where: str) -> None:
    for key in table:
        if key not in known:
            close = difflib.get_close_matches(key, known, 1)
            hint = f"Is it {close[0]!r}?" if close else f"Known are: {', '.join(known)}."
            raise InputError(f"The key {key!r} is not known.", where, hint)
    for key in required:
        if key not in table:
            raise InputError(f"The key {key!r} is missing.", where, "Add it.")


def _tables(document: Mapping[str, Any], key: str, where: str) -> list[tuple[str, dict[str, Any]]]:
    found = document.get(key, {})
    if not isinstance(found, dict) or not all(isinstance(table, dict) for table in found.values()):
        raise InputError(f"{key} must be tables.", where, f"Write [{key}.<name>] above each.")
    return list(found.items())


def _number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _numbers(table: Mapping[str, Any], key: str, count: int, where: str) -> tuple[float, ...]:
    value = table[key]
    if not isinstance(value, list) or len(value) != count or not all(_number(v) for v in value):
        raise InputError(f"{key} must be {count} numbers.", where, f"Write {key} = {[0.0] * count}")
    return tuple(float(v) for v in value)


def _panel(name: str, table: dict[str, Any], where: str) -> Panel:
    where = f"panel {name}, {where}"
    on_camera, guessed = table.pop("on_camera", False), False
    if not isinstance(on_camera, bool):
        raise InputError("on_camera must be true or false.", where, "Write it without quotes.")
    if on_camera:
        guessed = "centre_m" not in table
        at = table.get("centre_m", [0.0, -_ABOVE_M, 0.0])
        table = {"size_m": list(_FLASH_M), "radiance": [1.0] * 3, "centre_m": at} | table
        at = _numbers(table, "centre_m", 3, where)
        table.setdefault("target_m", [at[0], at[1], at[2] + 1.0])
    _check(table, _PANEL, _PANEL, where)
    size = _numbers(table, "size_m", 2, where)
    radiance = _numbers(table, "radiance", 3, where)
    if min(size) <= 0 or min(radiance) < 0:
        raise InputError("A panel's size must be above 0, its radiance not below.", where, "Mend the numbers.")
    centre, target = _numbers(table, "centre_m", 3, where), _numbers(table, "target_m", 3, where)
    if math.dist(centre, target) < 1e-6:
        raise InputError("A panel cannot face the place where it hangs.", where, "Move target_m to the subject.")
    return Panel(
        name=name,
        centre_m=cast(tuple[float, float, float], centre),
        target_m=cast(tuple[float, float, float], target),
        size_m=cast(tuple[float, float], size),
        radiance=cast(tuple[float, float, float], radiance),
        on_camera=on_camera,
        guessed=guessed,
    )


def _setup(name: str, table: dict[str, Any], panels: Mapping[str, Panel], path: Path) -> LightSetup:
    where = f"light {name}, {path}"
    _check(table, _LIGHT, (), where)
    names = table.get("panels", [])
    if not isinstance(names, list) or not all(isinstance(v, str) for v in names):
        raise InputError("panels must be a list of names.", where, 'Write panels = ["left"].')
    missing = [v for v in names if v not in panels]
    if missing:
        known = ", ".join(panels) or "none"
        raise InputError(f"There is no panel {missing[0]!r}.", where, f"Panels of this file: {known}.")
    state = table.get("polarisation", "none")
    if state not in _STATES:
        raise InputError(f"The polarisation {state!r} is not known.", where, f"Choose {', '.join(_STATES)}.")
    around = _surroundings(table.get("surroundings"), path, where)
    if not names and around is None:
        raise InputError("The light has neither panels nor surroundings.", where, "Name what shines.")
    return LightSetup(
        name=name,
        panels=tuple(panels[v] for v in names),
        surroundings=around,
        polarisation=cast(Polarisation, state),
    )


def _surroundings(value: object, path: Path, where: str) -> Surroundings | None:
    if value is None:
        return None
    if isinstance(value, str):
        import cv2

        file = path.parent / value
        picture = cv2.imread(str(file), cv2.IMREAD_ANYDEPTH | cv2.IMREAD_COLOR) if file.is_file() else None
        if picture is None or picture.dtype != np.float32:
            raise InputError(f"{value!r} is no picture of surroundings.", where, "Give a Radiance .hdr file.")
        return Surroundings(radiance=np.ascontiguousarray(picture[..., ::-1]))
    even = _numbers({"surroundings": value}, "surroundings", 3, where)
    return Surroundings(radiance=np.broadcast_to(np.asarray(even, np.float32), (4, 8, 3)).copy())


def _key(name: str) -> str:
    return name if _BARE.fullmatch(name) else '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'
