"""The files of a COLMAP model, text and binary, as plain records: https://colmap.github.io/format.html.

Only syntax lives here; what the records mean for a rig is `colmap_model`'s concern.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scan3d.errors import CalibrationError

# COLMAP's camera models that a rig can represent: number in binary files, parameter names in COLMAP's order.
CAMERA_MODELS: dict[str, tuple[int, tuple[str, ...]]] = {
    "SIMPLE_PINHOLE": (0, ("f", "cx", "cy")),
    "PINHOLE": (1, ("fx", "fy", "cx", "cy")),
    "SIMPLE_RADIAL": (2, ("f", "cx", "cy", "k1")),
    "RADIAL": (3, ("f", "cx", "cy", "k1", "k2")),
    "OPENCV": (4, ("fx", "fy", "cx", "cy", "k1", "k2", "p1", "p2")),
    "OPENCV_FISHEYE": (5, ("fx", "fy", "cx", "cy", "k1", "k2", "k3", "k4")),
    "FULL_OPENCV": (6, ("fx", "fy", "cx", "cy", "k1", "k2", "p1", "p2", "k3", "k4", "k5", "k6")),
}
# The rest, so that a message can give a name instead of a number (their parameter counts do not matter here).
_OTHER_MODELS = {7: "FOV", 8: "SIMPLE_RADIAL_FISHEYE", 9: "RADIAL_FISHEYE", 10: "THIN_PRISM_FISHEYE"}


@dataclass(frozen=True)
class CameraRow:
    """One camera: `where` says file and line for messages."""

    number: int
    model: str
    width: int
    height: int
    params: tuple[float, ...]
    where: str = ""


@dataclass(frozen=True)
class ImageRow:
    """One image: cam_from_world as quaternion (w x y z) and translation; points as (x_px, y_px, point number)."""

    number: int
    quaternion: tuple[float, ...]
    translation: tuple[float, ...]
    camera: int
    name: str
    points: tuple[tuple[float, float, int], ...] = ()


@dataclass(frozen=True)
class PointRow:
    """One sparse point: world position, sRGB, mean error in pixels, track of (image number, index of its 2D
    point).
    """

    number: int
    xyz: tuple[float, float, float]
    rgb: tuple[int, int, int]
    error_px: float
    track: tuple[tuple[int, int], ...]


def read_cameras(path: Path) -> list[CameraRow]:
    """Rows of cameras.txt or cameras.bin. Raises CalibrationError for a broken file or an unsupported model."""
    return _binary_cameras(path) if path.suffix == ".bin" else _text_cameras(path)


def read_images(path: Path) -> list[ImageRow]:
    """Rows of images.txt or images.bin, without their 2D points. Raises CalibrationError for a broken file."""
    return _binary_images(path) if path.suffix == ".bin" else _text_images(path)


def read_points(path: Path) -> list[PointRow]:
    """Rows of points3D.txt or points3D.bin. Raises CalibrationError for a broken file."""
    return _binary_points(path) if path.suffix == ".bin" else _text_points(path)


# -- text ----------------------------------------------------------------------------------------------------


def _parse_text(path: Path, parse: Callable[[list[str], str], Any]) -> list[Any]:
    """Apply `parse` to the fields of each line that is neither empty nor a comment."""
    rows = []
    for number, line in enumerate(_lines(path), start=1):
        fields = line.split()
        if fields and not fields[0].startswith("#"):
            where = f"line {number} of {path}"
            try:
                rows.append(parse(fields, where))
            except (ValueError, IndexError) as error:
                raise _bad_line(line, where) from error
    return rows


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise CalibrationError("This is not a text file.", str(path), "Export the COLMAP model again.") from error


def _bad_line(line: str, where: str) -> CalibrationError:
    return CalibrationError(f"A line cannot be read: {line[:80]!r}.", where, "Export the COLMAP model again.")


def _text_cameras(path: Path) -> list[CameraRow]:
    def parse(fields: list[str], where: str) -> CameraRow:
        number, model = int(fields[0]), fields[1]
        where = f"COLMAP camera {number}, {where}"
        if model not in CAMERA_MODELS:
            raise _unsupported(model, where)
        return CameraRow(number, model, int(fields[2]), int(fields[3]), tuple(map(float, fields[4:])), where)

    return _parse_text(path, parse)


def _text_images(path: Path) -> list[ImageRow]:
    """Pose lines; each is followed by a line of 2D points, which may be empty and which some writers leave out."""
    rows = []
    lines = _lines(path)
    at = 0
    while at < len(lines):
        line = lines[at]
        at += 1
        fields = line.split(maxsplit=9)
        if not fields or fields[0].startswith("#"):
            continue
        try:
            pose = tuple(float(v) for v in fields[1:8])
            rows.append(ImageRow(int(fields[0]), pose[:4], pose[4:], int(fields[8]), fields[9].strip()))
        except (ValueError, IndexError) as error:
            raise _bad_line(line, f"line {at} of {path}") from error
        if at < len(lines) and _is_points_line(lines[at]):
            at += 1
    return rows


def _is_points_line(line: str) -> bool:
    """Whether the line after a pose holds `x y number` triples: nothing, or whole triples of numbers."""
    fields = line.split()
    try:
        [float(v) for v in fields]
    except ValueError:
        return False
    return len(fields) % 3 == 0


def _text_points(path: Path) -> list[PointRow]:
    def parse(fields: list[str], where: str) -> PointRow:
        x, y, z = (float(v) for v in fields[1:4])
        r, g, b = (int(v) for v in fields[4:7])
        ids = [int(v) for v in fields[8:]]
        track = tuple(zip(ids[::2], ids[1::2], strict=True))
        return PointRow(int(fields[0]), (x, y, z), (r, g, b), float(fields[7]), track)

    return _parse_text(path, parse)


def write_text(
    folder: Path, cameras: Sequence[CameraRow], images: Sequence[ImageRow], points: Sequence[PointRow]
) -> None:
    """Write cameras.txt, images.txt and points3D.txt; every float reads back exactly."""
    camera_lines = ["# CAMERA_ID MODEL WIDTH HEIGHT PARAMS[]"]
    camera_lines += [f"{c.number} {c.model} {c.width} {c.height} {_numbers(c.params)}" for c in cameras]
    image_lines = ["# IMAGE_ID QW QX QY QZ TX TY TZ CAMERA_ID NAME, then a line of X Y POINT3D_ID (cam_from_world)"]
    for i in images:
        image_lines.append(f"{i.number} {_numbers(i.quaternion)} {_numbers(i.translation)} {i.camera} {i.name}")
        image_lines.append(" ".join(f"{x!r} {y!r} {number}" for x, y, number in i.points))
    point_lines = ["# POINT3D_ID X Y Z R G B ERROR TRACK[] as (IMAGE_ID, POINT2D_IDX)"]
    for p in points:
        track = " ".join(f"{a} {b}" for a, b in p.track)
        r, g, b = p.rgb
        point_lines.append(f"{p.number} {_numbers(p.xyz)} {r} {g} {b} {p.error_px!r} {track}".rstrip())
    for part, lines in (("cameras", camera_lines), ("images", image_lines), ("points3D", point_lines)):
        (folder / f"{part}.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")


def _numbers(values: Iterable[float]) -> str:
    return " ".join(repr(float(v)) for v in values)


# -- binary --------------------------------------------------------------------------------------------------


class _Reader:
    """Little-endian records of a file, with one clear error for a file that ends too early."""

    def __init__(self, path: Path) -> None:
        self.path, self.data, self.at = path, path.read_bytes(), 0

    def take(self, layout: str) -> tuple[Any, ...]:
        start = self.skip(struct.calcsize("<" + layout))
        return struct.unpack_from("<" + layout, self.data, start)

    def skip(self, size: int) -> int:
        start = self.at
        if start + size > len(self.data):
            raise self._short()
        self.at += size
        return start

    def text(self) -> str:
        end = self.data.find(b"\0", self.at)
        if end < 0:
            raise self._short()
        return self.data[self.skip(end + 1 - self.at) : end].decode("utf-8", errors="replace")

    def _short(self) -> CalibrationError:
        what = "The binary file ends too early or is not COLMAP's."
        return CalibrationError(what, str(self.path), "Export the COLMAP model again.")


def _binary_cameras(path: Path) -> list[CameraRow]:
    name_of = {number: name for name, (number, _) in CAMERA_MODELS.items()}
    reader = _Reader(path)
    rows = []
    for _ in range(reader.take("Q")[0]):
        number, model, width, height = reader.take("iiQQ")
        where = f"COLMAP camera {number} in {path}"
        if model not in name_of:
            raise _unsupported(_OTHER_MODELS.get(model, f"number {model}"), where)
        params = reader.take(f"{len(CAMERA_MODELS[name_of[model]][1])}d")
        rows.append(CameraRow(number, name_of[model], width, height, params, where))
    return rows


def _binary_images(path: Path) -> list[ImageRow]:
    reader = _Reader(path)
    rows = []
    for _ in range(reader.take("Q")[0]):
        number, *pose, camera = reader.take("I7dI")
        name = reader.text()
        reader.skip(struct.calcsize("<ddQ") * reader.take("Q")[0])
        rows.append(ImageRow(number, tuple(pose[:4]), tuple(pose[4:]), camera, name))
    return rows


def _binary_points(path: Path) -> list[PointRow]:
    reader = _Reader(path)
    rows = []
    for _ in range(reader.take("Q")[0]):
        number, x, y, z, r, g, b, error_px, length = reader.take("Q3d3BdQ")
        ids = reader.take(f"{2 * length}I")
        track = tuple(zip(ids[::2], ids[1::2], strict=True))
        rows.append(PointRow(number, (x, y, z), (r, g, b), error_px, track))
    return rows


def write_binary(
    folder: Path, cameras: Sequence[CameraRow], images: Sequence[ImageRow], points: Sequence[PointRow]
) -> None:
    """Write cameras.bin, images.bin and points3D.bin."""
    data = [struct.pack("<Q", len(cameras))]
    for c in cameras:
        model = CAMERA_MODELS[c.model][0]
        data.append(struct.pack(f"<iiQQ{len(c.params)}d", c.number, model, c.width, c.height, *c.params))
    (folder / "cameras.bin").write_bytes(b"".join(data))
    data = [struct.pack("<Q", len(images))]
    for i in images:
        data.append(struct.pack("<I7dI", i.number, *i.quaternion, *i.translation, i.camera))
        data.append(i.name.encode() + b"\0" + struct.pack("<Q", len(i.points)))
        data.extend(struct.pack("<ddQ", *observation) for observation in i.points)
    (folder / "images.bin").write_bytes(b"".join(data))
    data = [struct.pack("<Q", len(points))]
    for p in points:
        ids = [v for pair in p.track for v in pair]
        data.append(struct.pack("<Q3d3BdQ", p.number, *p.xyz, *p.rgb, p.error_px, len(p.track)))
        data.append(struct.pack(f"<{len(ids)}I", *ids))
    (folder / "points3D.bin").write_bytes(b"".join(data))


def _unsupported(model: str, where: str) -> CalibrationError:
    return CalibrationError(f"Camera model {model} is not supported.", where, f"Use one of {', '.join(CAMERA_MODELS)}.")
