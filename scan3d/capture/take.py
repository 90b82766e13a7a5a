"""The folder of one capture, and where everything in it lies.

    <take>/images/<camera_id>.<ext>                one light
    <take>/images/<camera_id>/<light_id>.<ext>     several lights
    <take>/masks/<camera_id>.png                   optional, white = subject
    <take>/plates/<camera_id>.<ext>                optional, the same scene without the subject
    <take>/calibration.toml                        or the nearest one in a folder above
    <take>/colmap/                                 or a COLMAP model
    <take>/take.toml                               optional
    <take>/results/                                what the program writes for people
    <take>/.scan3d/                                the store

Opening a take lists files; it does not read photographs. `checks` looks into them.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from scan3d.capture.images import DEVELOPED, RAW
from scan3d.errors import CaptureError, InputError

# Of several lights, geometry wants the even one.
_EVEN_LIGHTS = ("all", "full", "even", "uniform", "diffuse", "ambient")


@dataclass(frozen=True, kw_only=True)
class TakeSettings:
    """What take.toml says; all of it optional.

    linear: the photographs hold linear light (16-bit or float TIFF). geometry_light: the light whose
    photographs geometry is made from. chart: the colour chart in view. held_out: cameras whose photographs nothing is
    made from, for comparing pictures with. extra: every other key, as read.
    """

    subject: str = ""
    date: str = ""
    notes: str = ""
    chart: str = ""
    lights: tuple[str, ...] = ()
    held_out: tuple[str, ...] = ()
    geometry_light: str = ""
    linear: bool = False
    extra: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, kw_only=True)
class Take:
    """One capture on disk.

    photographs: camera id -> light id -> file; the only light of a take with one light is called "".
    masks, plates: camera id -> file, for the cameras that have one.
    calibration: calibration.toml of the take or the nearest folder above it, None where there is none.
    colmap: TAKE/colmap where it exists.
    """

    root: Path
    photographs: Mapping[str, Mapping[str, Path]]
    masks: Mapping[str, Path]
    plates: Mapping[str, Path]
    calibration: Path | None
    colmap: Path | None
    settings: TakeSettings

    @staticmethod
    def open(path: Path) -> Take:
        """List a take's files.

        Raises:
            InputError: no such folder, or take.toml cannot be read.
            CaptureError: no photographs; two photographs of one camera and light; a camera lacks a light.
        """
        root = Path(path).absolute()
        if not root.is_dir():
            what = "There is no such folder." if not root.exists() else "This is a file; a take is a folder."
            raise InputError(what, str(root), "Give the folder that holds images/.")
        settings = _read_settings(root / "take.toml")
        colmap = root / "colmap"
        return Take(
            root=root,
            photographs=_photographs(root),
            masks=_one_per_camera(root / "masks", "mask", [".png"]),
            plates=_one_per_camera(root / "plates", "clean plate", [*DEVELOPED, *RAW]),
            calibration=_nearest_calibration(root),
            colmap=colmap if colmap.is_dir() else None,
            settings=settings,
        )

    @property
    def camera_ids(self) -> tuple[str, ...]:
        """The cameras that have photographs, sorted."""
        return tuple(self.photographs)

    @property
    def lights(self) -> tuple[str, ...]:
        """The light ids, sorted; ("",) for a take with one light."""
        return tuple(sorted({light for by_light in self.photographs.values() for light in by_light}))

    @property
    def results(self) -> Path:
        """Where results for people go; not made yet."""
        return self.root / "results"

    @property
    def store(self) -> Path:
        """Where the program keeps its stages; not made yet."""
        return self.root / ".scan3d"

    def geometry_light(self) -> str:
        """The light whose photographs geometry is made from: take.toml's, else an even one, else the first.

        Raises InputError where take.toml names a light that the take does not have.
        """
        wanted = self.settings.geometry_light
        if wanted and wanted not in self.lights:
            what = f"take.toml asks for the light {wanted!r}, and there is none of that name."
            known = ", ".join(self.lights) if self.lights != ("",) else "none: the take has one light"
            raise InputError(what, str(self.root / "take.toml"), f"Lights of this take: {known}.")
        by_name = {light.lower(): light for light in self.lights}
        even = [by_name[name] for name in _EVEN_LIGHTS if name in by_name]
        return wanted or (even or list(self.lights))[0]

    def images(self, light: str | None = None) -> dict[str, Path]:
        """Photographs under one light by camera id; under `geometry_light()` by default."""
        light = self.geometry_light() if light is None else light
        return {camera_id: by_light[light] for camera_id, by_light in self.photographs.items() if light in by_light}


def _photographs(root: Path) -> dict[str, dict[str, Path]]:
    folder = root / "images"
    if not folder.is_dir():
        what = "The take has no folder images/."
        raise CaptureError(what, str(root), "Put one photograph per camera into images/<camera_id>.jpg.")
    plain = _by_stem(folder.iterdir(), "photograph", [*DEVELOPED, *RAW])
    folders = sorted(entry for entry in folder.iterdir() if entry.is_dir() and not entry.name.startswith("."))
    found = {camera_id: {"": path} for camera_id, path in plain.items()}
    for entry in folders:
        by_light = _by_stem(entry.iterdir(), "photograph", [*DEVELOPED, *RAW], camera_id=entry.name)
        if entry.name in found:
            what = f"Camera {entry.name} has a photograph and a folder of photographs."
            raise CaptureError(what, f"camera {entry.name}, {entry}", "Remove one of them.")
        if not by_light:
            what = "The camera's folder holds no photograph."
            next_step = "Copy its photographs again, or remove the folder to do without this camera."
            raise CaptureError(what, f"camera {entry.name}, {entry}", next_step)
        found[entry.name] = by_light
    if not found:
        kinds = ", ".join(kind.lstrip(".") for kind in DEVELOPED)
        raise CaptureError("There is no photograph in images/.", str(folder), f"Kinds that are read: {kinds}, RAW.")
    if plain and folders:
        what = f"Camera {next(iter(plain))} has one photograph, camera {folders[0].name} a folder of them."
        next_step = "Give every camera images/<camera_id>.<ext>, or every camera images/<camera_id>/<light>.<ext>."
        raise CaptureError(what, str(folder), next_step)
    _check_lights(found)
    return dict(sorted(found.items()))


def _check_lights(found: Mapping[str, Mapping[str, Path]]) -> None:
    """Every camera must have a photograph under every light that any camera has."""
    every = {light for by_light in found.values() for light in by_light}
    for camera_id, by_light in sorted(found.items()):
        missing = sorted(every - set(by_light))
        if missing:
            what = f"Camera {camera_id} has no photograph under the light {missing[0]!r}, as others have."
            where = f"camera {camera_id}, {next(iter(by_light.values())).parent}"
            raise CaptureError(what, where, "Copy it from the camera, or remove that light from all cameras.")


def _one_per_camera(folder: Path, kind: str, suffixes: list[str]) -> dict[str, Path]:
    return _by_stem(folder.iterdir(), kind, suffixes) if folder.is_dir() else {}


def _by_stem(entries: Iterable[Path], kind: str, suffixes: list[str], *, camera_id: str = "") -> dict[str, Path]:
    """Files by name without extension, sorted; a RAW file beside its developed picture is left alone."""
    found: dict[str, Path] = {}
    for path in sorted(entries):
        if path.is_dir() or path.name.startswith(".") or path.suffix.lower() not in suffixes:
            continue
        other = found.get(path.stem)
        if other is None:
            found[path.stem] = path
        elif (other.suffix.lower() in RAW) == (path.suffix.lower() in RAW):
            what = f"There are two files for one {kind}: {other.name} and {path.name}."
            raise CaptureError(what, f"camera {camera_id or path.stem}, {path}", "Remove the one that is not meant.")
        elif other.suffix.lower() in RAW:
            found[path.stem] = path
    return found


def _nearest_calibration(root: Path) -> Path | None:
    candidates = (folder / "calibration.toml" for folder in (root, *root.parents))
    return next((path for path in candidates if path.is_file()), None)


def _read_settings(path: Path) -> TakeSettings:
    if not path.is_file():
        return TakeSettings()
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"take.toml cannot be read: {error}.", str(path), "Mend the line, or remove it.") from error
    lights, held_out = _names(table, "lights", '["all", "left"]', path), _names(table, "held_out", '["cam03"]', path)
    linear = table.pop("linear", False)
    if not isinstance(linear, bool):
        raise InputError("linear in take.toml must be true or false.", str(path), "Write it without quotes.")
    words = {key: str(table.pop(key, "")) for key in ("subject", "date", "notes", "chart", "geometry_light")}
    return TakeSettings(**words, lights=lights, held_out=held_out, linear=linear, extra=MappingProxyType(table))


def _names(table: dict[str, Any], key: str, example: str, path: Path) -> tuple[str, ...]:
    names = table.pop(key, [])
    if not isinstance(names, list) or not all(isinstance(v, str) for v in names):
        raise InputError(f"{key} in take.toml must be a list of names.", str(path), f"Write {key} = {example}.")
    return tuple(names)
