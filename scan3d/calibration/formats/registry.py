"""All formats of camera files by name: which one a path holds, how to read it and how to write it."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from scan3d.calibration.colmap_model import find_colmap_model, read_colmap_model, write_colmap_model
from scan3d.calibration.formats.anipose import anipose_text, read_anipose
from scan3d.calibration.formats.caliscope import caliscope_text, read_caliscope
from scan3d.calibration.formats.camera_file import CameraFile
from scan3d.calibration.formats.metashape import metashape_text, read_metashape
from scan3d.calibration.formats.opencv_toml import load
from scan3d.calibration.formats.opencv_yaml import opencv_text, read_opencv
from scan3d.calibration.formats.photographs import photograph_of
from scan3d.calibration.formats.qualisys import read_qualisys
from scan3d.calibration.formats.realityscan import read_realityscan, realityscan_texts
from scan3d.calibration.toml_file import read_calibration, read_left_out, write_calibration
from scan3d.errors import CalibrationError, InputError
from scan3d.geometry import Rig
from scan3d.pipeline.aside import written_aside


@dataclass(frozen=True, kw_only=True)
class CameraFormat:
    """A format. read: path and the photographs' folder -> what it holds. text: of a rig, for formats of one file.

    rational, fisheye: whether it has a place for lenses with k4, k5, k6, and for OpenCV's fisheye.
    """

    name: str
    holds: str
    read: Callable[[Path, Path | None], CameraFile]
    text: Callable[[Rig], str] | None = None
    can_write: bool = True
    rational: bool = True
    fisheye: bool = True


def _read_scan3d(path: Path, images: Path | None) -> CameraFile:
    rig = read_calibration(path)
    left_out = dict.fromkeys(read_left_out(path), "the calibration leaves it out")
    return CameraFile(
        cameras=rig.cameras, unit_m=1.0 if rig.scale_is_metric else None, source=rig.source, left_out=left_out
    )


def _read_colmap(path: Path, images: Path | None) -> CameraFile:
    rig = read_colmap_model(path)
    return CameraFile(cameras=rig.cameras, unit_m=1.0, source=rig.source)


_ALL = (
    CameraFormat(name="scan3d", holds="calibration.toml", read=_read_scan3d),
    CameraFormat(name="colmap", holds="a folder with cameras and images, .txt or .bin", read=_read_colmap),
    CameraFormat(name="opencv", holds=".yml", read=lambda path, _: read_opencv(path), text=opencv_text),
    CameraFormat(
        name="caliscope",
        holds="camera_array.toml",
        read=lambda path, _: read_caliscope(path),
        text=caliscope_text,
        rational=False,
    ),
    CameraFormat(
        name="anipose",
        holds="calibration.toml",
        read=lambda path, _: read_anipose(path),
        text=anipose_text,
        rational=False,
    ),
    CameraFormat(
        name="metashape", holds=".xml", read=lambda path, _: read_metashape(path), text=metashape_text, rational=False
    ),
    CameraFormat(
        name="realityscan", holds="a folder of .xmp files", read=read_realityscan, rational=False, fisheye=False
    ),
    CameraFormat(
        name="qualisys", holds=".qca.txt, read only", read=lambda path, _: read_qualisys(path), can_write=False
    ),
)
FORMATS: Mapping[str, CameraFormat] = {item.name: item for item in _ALL}


def format_of(path: Path) -> str:
    """The format of a file or folder, by its suffix and content. InputError where none is recognised."""
    if not path.exists():
        raise InputError("There is no such file or folder.", str(path), "Check the path.")
    if path.is_dir():
        if find_colmap_model(path) is not None:
            return "colmap"
        if any(path.glob("*.xmp")):
            return "realityscan"
        what = "The folder holds neither a COLMAP model nor XMP files of RealityScan."
        raise InputError(what, str(path), "Name a camera file in it.")
    suffix = path.suffix.lower()
    if suffix == ".toml":
        return _toml_format(path)
    by_suffix = {".yml": "opencv", ".yaml": "opencv", ".xmp": "realityscan", ".xml": "metashape", ".txt": "qualisys"}
    if suffix not in by_suffix:
        raise InputError(f"Cameras are not kept in {suffix or 'such'} files.", str(path), _known("--from"))
    return by_suffix[suffix]


def read_camera_file(path: str | Path, format: str | None = None, *, images: Path | None = None) -> CameraFile:
    """The cameras of a file, those left out and the unit, of any known format.

    Args:
        path: file, or folder for COLMAP and RealityScan.
        format: a name of FORMATS; found out by default.
        images: folder of the photographs, for formats that do not hold their size.
    Raises:
        InputError: no such file or format. CalibrationError: the file is broken, or has what scan3d cannot hold.
    """
    path = Path(path)
    found = format_of(path) if format is None else _format(format, "--from").name
    if not path.exists():
        raise InputError("There is no such file or folder.", str(path), "Check the path.")
    return FORMATS[found].read(path, images)


def read_cameras(
    path: str | Path, format: str | None = None, *, unit_m: float | None = None, images: Path | None = None
) -> Rig:
    """The cameras of a file as a rig in metres.

    unit_m: metres of the file's unit, where it is another than the file or its format says; else a file that does
    not say it gives a rig with scale_is_metric = False. Otherwise as `read_camera_file`.
    """
    return read_camera_file(path, format, images=images).rig(unit_m)


def write_cameras(
    rig: Rig, path: str | Path, format: str | None = None, *, images: Path | None = None, replace: bool = False
) -> tuple[Path, ...]:
    """Writes a rig; returns the files. Nothing is written where a camera cannot be held.

    Args:
        path: file, or folder for COLMAP and RealityScan.
        format: a name of FORMATS; by the suffix when None: .toml scan3d, .yml opencv, .xml metashape.
        images: folder of the photographs, whose names COLMAP's images get; else <camera_id>.jpg.
        replace: whether files that are there may be replaced.
    Raises:
        InputError: no such format, or a file is there. CalibrationError: the format has no place for a lens.
        StorageError: the folder cannot be written.
    """
    path = Path(path)
    chosen = _format(format or target_format_of(path), "--to")
    if not chosen.can_write:
        raise InputError(f"scan3d reads {chosen.name} and does not write it.", str(path), _known("--to"))
    if chosen.name == "colmap":
        texts = _colmap_texts(rig, path, images)
    elif chosen.name == "realityscan":
        _plain_names(rig, path)
        texts = {path / name: text for name, text in realityscan_texts(rig).items()}
    elif chosen.text is not None:
        texts = {path: chosen.text(rig)}
    else:
        _absent((path,), replace)
        write_calibration(rig, path)
        return (path,)
    _absent(tuple(texts), replace)
    _write_together(texts)
    return tuple(texts)


def _write_together(texts: Mapping[Path, str]) -> None:
    """All of the files or none: each is written aside first, and only when all are there do they get their names."""
    with ExitStack() as stack:
        for file, text in texts.items():
            stack.enter_context(written_aside(file)).write_text(text, encoding="utf-8")


def _colmap_texts(rig: Rig, folder: Path, images: Path | None) -> dict[Path, str]:
    _plain_names(rig, folder)
    binary = folder / "cameras.bin"
    if binary.exists():
        what = "A binary COLMAP model is there, which COLMAP and scan3d would read instead of the text."
        raise InputError(what, str(binary), "Choose another folder.")
    names = {}
    for camera_id in rig.camera_ids:
        photograph = photograph_of(images, camera_id) if images is not None else None
        names[camera_id] = photograph.name if photograph is not None else f"{camera_id}.jpg"
    with tempfile.TemporaryDirectory() as aside:
        write_colmap_model(rig, Path(aside), names)
        return {folder / file.name: file.read_text(encoding="utf-8") for file in sorted(Path(aside).iterdir())}


def _absent(files: tuple[Path, ...], replace: bool) -> None:
    for file in files:
        if file.exists() and not replace:
            raise InputError("The file is there already.", str(file), "Choose another name, or replace it: --force.")


def _plain_names(rig: Rig, path: Path) -> None:
    for name in rig.camera_ids:
        if "/" in name or "\\" in name or name in (".", ".."):
            what = f"The camera's name {name!r} cannot be a file's name."
            raise CalibrationError(what, f"camera {name}, {path}", "Rename the camera.")


def _toml_format(path: Path) -> str:
    document = load(path)
    if str(document.get("format", "")).startswith("scan3d"):
        return "scan3d"
    tables = [table for table in document.values() if isinstance(table, dict)]
    if "cameras" in document or any("cam_id" in table for table in tables):
        return "caliscope"
    if any("matrix" in table for table in tables):
        return "anipose"
    raise InputError("The TOML file holds no cameras that scan3d knows.", str(path), _known("--from"))


def target_format_of(path: Path) -> str:
    """The format to write to a path, by its suffix. InputError where that does not tell."""
    found = {".toml": "scan3d", ".yml": "opencv", ".yaml": "opencv", ".xml": "metashape"}.get(path.suffix.lower())
    if found is None:
        raise InputError("The name does not tell the format to write.", str(path), _known("--to"))
    return found


def _format(name: str, option: str) -> CameraFormat:
    if name not in FORMATS:
        raise InputError(f"There is no camera format {name!r}.", "", _known(option))
    return FORMATS[name]


def _known(option: str) -> str:
    return f"Name the format with {option}: {', '.join(FORMATS)}."
