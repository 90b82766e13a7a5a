"""Agisoft Metashape's cameras as XML (File > Export > Export Cameras).

Its lens (manual, appendix "Camera models"), for x = X/Z, y = Y/Z, r^2 = x^2 + y^2 and a picture of w x h pixels:

    x' = x (1 + K1 r^2 + K2 r^4 + K3 r^6 + K4 r^8) + P1 (r^2 + 2 x^2) + 2 P2 x y
    y' = y (1 + K1 r^2 + K2 r^4 + K3 r^6 + K4 r^8) + P2 (r^2 + 2 y^2) + 2 P1 x y
    u = w/2 + cx + x' f + x' B1 + y' B2        v = h/2 + cy + y' f

So p1 and p2 are OpenCV's the other way round, fx = f + B1, fy = f, and cx, cy are offsets from the middle of the
picture, whose first pixel's centre is at (0.5, 0.5) as ours. A fisheye lens has x, y scaled to the angle r = theta
first: with P1 = P2 = 0 it is OpenCV's, K1..K4 alike.

A camera's <transform> is 4 x 4, chunk from camera, x right, y down, z forward; <transform> of its component, or of the
chunk, takes the chunk to the world: world = scale * rotation * chunk + translation, in metres. Without one the scale is
arbitrary.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import quoteattr

import numpy as np

from scan3d.calibration.formats.camera_file import (
    CameraFile,
    number,
    read_text,
    rotation_of,
    row,
    size_of,
    text_row,
)
from scan3d.calibration.formats.lens_numbers import polynomial, simplest
from scan3d.errors import CalibrationError
from scan3d.geometry import Camera, Intrinsics, Rig, Rigid3
from scan3d.geometry.transforms import Array

_LENSES = {"frame": False, "fisheye": True, "equidistant_fisheye": True}
_PICTURES = {".jpg", ".jpeg", ".png", ".tif", ".tiff", ".dng", ".cr2", ".cr3", ".nef", ".arw", ".raf"}
# Written above the cameras so that Metashape takes the numbers for metres of a room, not degrees on Earth.
_LOCAL = (
    'LOCAL_CS["Local Coordinates (m)",LOCAL_DATUM["Local Datum",0],'
    'UNIT["metre",1,AUTHORITY["EPSG","9001"]]]'
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class _Similarity:
    """world = scale * rotation @ chunk + translation."""

    rotation: Array
    translation: Array
    scale: float


def read_metashape(path: Path) -> CameraFile:
    """Cameras of the first chunk; those that Metashape did not align are left out.

    Raises CalibrationError for broken XML, a chunk on the globe, camera systems with slaves, and for lens terms that
    scan3d does not model (B2, P3, P4; K4 of a frame camera; P1 or P2 of a fisheye).
    """
    chunk = _chunk(path)
    reference = chunk.findtext("reference") or ""
    if reference and not reference.strip().startswith("LOCAL_CS"):
        what = "The chunk lies in a geographic coordinate system."
        raise CalibrationError(what, str(path), "Set its reference to Local Coordinates in Metashape; export again.")
    sensors = {s.get("id"): s for s in chunk.iterfind("sensors/sensor")}
    lenses: dict[str | None, Intrinsics] = {}
    worlds = {c.get("id"): _similarity(c.find("transform"), str(path)) for c in chunk.iterfind("components/component")}
    whole = _similarity(chunk.find("transform"), str(path))
    only = next(iter(worlds.values())) if len(worlds) == 1 else None
    cameras, left_out, scaled = [], {}, True
    for element in chunk.iter("camera"):
        name = _camera_id(element, path)
        where = f"camera {name}, {path}"
        if element.find("transform") is None:
            if element.get("master_id") is not None:
                what = "The camera belongs to a system of cameras (master and slave), which scan3d does not read."
                raise CalibrationError(what, where, "Ungroup the multi-camera system in Metashape and export again.")
            left_out[name] = "Metashape did not align it"
            continue
        sensor = element.get("sensor_id")
        if sensor not in lenses:
            lenses[sensor] = _lens(sensors.get(sensor), where)
        own = element.get("component_id")
        # Files of older versions have one component and no camera that says it is its own.
        world = worlds.get(own) or whole or (only if own is None else None)
        scaled = scaled and world is not None
        pose = _cam_from_world(element.findtext("transform"), world, where)
        cameras.append(Camera(camera_id=name, intrinsics=lenses[sensor], cam_from_world=pose))
    unit_m = 1.0 if scaled else None
    return CameraFile(cameras=tuple(cameras), unit_m=unit_m, source=f"Metashape {path}", left_out=left_out)


def metashape_text(rig: Rig) -> str:
    """The file's text. Cameras with the same intrinsics share a sensor, which Metashape then adjusts as one.

    Raises CalibrationError for a rational lens, which Metashape does not have.
    """
    shared: dict[Intrinsics, int] = {}
    for camera in rig:
        shared.setdefault(camera.intrinsics, len(shared))
    lens_of = {camera.intrinsics: camera for camera in rig}
    lines = ['<?xml version="1.0" encoding="UTF-8"?>', '<document version="1.5.0">']
    lines += ['  <chunk label="scan3d" enabled="true">', f'    <sensors next_id="{len(shared)}">']
    for intrinsics, number_ in shared.items():
        lines += _sensor_lines(lens_of[intrinsics], number_)
    lines += ["    </sensors>"]
    lines += ['    <components next_id="1" active_id="0">', '      <component id="0" label="Component 1">']
    if rig.scale_is_metric:
        lines += ["        <transform>", f'          <rotation locked="true">{text_row(np.eye(3))}</rotation>']
        lines += ['          <translation locked="true">0.0 0.0 0.0</translation>']
        lines += ['          <scale locked="true">1.0</scale>', "        </transform>"]
    members = " ".join(str(number_) for number_ in range(len(rig)))
    lines += [f"        <partition><camera_ids>{members}</camera_ids></partition>"]
    lines += ["      </component>", "    </components>"]
    lines += [f'    <cameras next_id="{len(rig)}" next_group_id="0">']
    for number_, camera in enumerate(rig):
        label, sensor = quoteattr(camera.camera_id), shared[camera.intrinsics]
        lines += [f'      <camera id="{number_}" sensor_id="{sensor}" component_id="0" label={label} enabled="true">']
        lines += [f"        <transform>{text_row(camera.cam_from_world.inverse().matrix())}</transform>"]
        lines += ["      </camera>"]
    lines += ["    </cameras>", f"    <reference>{_LOCAL}</reference>", "  </chunk>", "</document>"]
    return "\n".join(lines) + "\n"


def _sensor_lines(camera: Camera, number_: int) -> list[str]:
    intrinsics = camera.intrinsics
    kind = "fisheye" if intrinsics.model == "fisheye" else "frame"
    values = {
        "f": intrinsics.fy,
        "cx": intrinsics.cx - 0.5 * intrinsics.width,
        "cy": intrinsics.cy - 0.5 * intrinsics.height,
        "b1": intrinsics.fx - intrinsics.fy,
    }
    if kind == "fisheye":
        values |= dict(zip(("k1", "k2", "k3", "k4"), intrinsics.distortion, strict=True))
    else:
        k1, k2, p1, p2, k3 = polynomial(camera, "Metashape")
        values |= {"k1": k1, "k2": k2, "k3": k3, "p1": p2, "p2": p1}
    size = f'<resolution width="{intrinsics.width}" height="{intrinsics.height}"/>'
    lines = [f'      <sensor id="{number_}" label={quoteattr("sensor " + camera.camera_id)} type="{kind}">']
    lines += [f"        {size}", f'        <calibration type="{kind}" class="adjusted">', f"          {size}"]
    lines += [f"          <{key}>{float(value)!r}</{key}>" for key, value in values.items() if value or key == "f"]
    return [*lines, "        </calibration>", "      </sensor>"]


def _chunk(path: Path) -> ET.Element:
    try:
        root = ET.fromstring(read_text(path, "XML file of Metashape"))
    except (ET.ParseError, ValueError) as error:
        raise CalibrationError(f"Not an XML file: {error}.", str(path), "Export the cameras again.") from error
    chunk = root if root.tag == "chunk" else root.find("chunk")
    if chunk is None or chunk.find("cameras") is None:
        raise CalibrationError(
            "This is no camera file of Metashape.", str(path), "Use Export Cameras, type Agisoft XML."
        )
    return chunk


def _camera_id(element: ET.Element, path: Path) -> str:
    label = element.get("label") or f"camera {element.get('id')}"
    given = Path(label.replace("\\", "/"))
    return given.stem if given.suffix.lower() in _PICTURES else label


def _similarity(element: ET.Element | None, where: str) -> _Similarity | None:
    if element is None or element.find("scale") is None:
        return None
    scale = number(element.findtext("scale"), "scale", where)
    if scale <= 0:
        raise CalibrationError(f"The chunk's scale {scale:g} is not possible.", where, "Export the cameras again.")
    rotation = row(element.findtext("rotation"), 9, "rotation of the chunk", where)
    translation = row(element.findtext("translation"), 3, "translation of the chunk", where)
    return _Similarity(rotation=rotation_of(rotation.reshape(3, 3), where), translation=translation, scale=scale)


def _cam_from_world(text: str | None, world: _Similarity | None, where: str) -> Rigid3:
    matrix = row(text, 16, "transform", where).reshape(4, 4)
    rotation, centre = rotation_of(matrix[:3, :3], where), matrix[:3, 3]
    if world is not None:
        rotation = world.rotation @ rotation
        centre = world.scale * (world.rotation @ centre) + world.translation
    return Rigid3(rotation=rotation.T, translation=-rotation.T @ centre)


def _lens(sensor: ET.Element | None, where: str) -> Intrinsics:
    if sensor is None:
        raise CalibrationError("The camera has no sensor.", where, "Export the cameras again.")
    if sensor.get("master_id") is not None:
        what = "The camera belongs to a system of cameras (master and slave), which scan3d does not read."
        raise CalibrationError(what, where, "Ungroup the multi-camera system in Metashape and export again.")
    found = sensor.findall("calibration")
    calibration = next((c for c in found if c.get("class") == "adjusted"), found[0] if found else None)
    if calibration is None:
        raise CalibrationError("Its sensor has no calibration.", where, "Align the photographs, then export again.")
    kind = calibration.get("type") or sensor.get("type") or "frame"
    if kind not in _LENSES:
        known = ", ".join(_LENSES)
        raise CalibrationError(f"The lens type {kind!r} is not known.", where, f"scan3d reads {known}.")
    if calibration.find("fx") is not None:
        what = "The lens has fx and fy: a file of PhotoScan before 1.2, whose p1 and p2 are another model."
        raise CalibrationError(what, where, "Open it in a newer version and export again.")
    values = {c.tag: number(c.text, c.tag, where) for c in calibration if c.text and c.text.strip()}
    if "f" not in values:
        raise CalibrationError("The focal length f is missing.", where, "Align the photographs, then export again.")
    _refuse(values, ("b2", "p3", "p4", *(("p1", "p2") if _LENSES[kind] else ("k4",))), kind, where)
    element = calibration.find("resolution")
    resolution = element if element is not None else sensor.find("resolution")
    if resolution is None:
        raise CalibrationError("The image size is missing.", where, "Export the cameras again.")
    return _intrinsics(values, size_of([resolution.get("width"), resolution.get("height")], where), _LENSES[kind])


def _refuse(values: Mapping[str, float], keys: tuple[str, ...], kind: str, where: str) -> None:
    for key in keys:
        if values.get(key, 0.0) != 0.0:
            what = f"The {kind} lens has {key.upper()} = {values[key]:g}, which scan3d does not model."
            next_step = f"Optimise the cameras in Metashape with {key.upper()} unticked, and export again."
            raise CalibrationError(what, where, next_step)


def _intrinsics(values: Mapping[str, float], size: tuple[int, int], fisheye: bool) -> Intrinsics:
    v = {key: values.get(key, 0.0) for key in ("cx", "cy", "b1", "k1", "k2", "k3", "k4", "p1", "p2")}
    fx, fy = values["f"] + v["b1"], values["f"]
    cx, cy = 0.5 * size[0] + v["cx"], 0.5 * size[1] + v["cy"]
    if fisheye:
        k = (v["k1"], v["k2"], v["k3"], v["k4"])
        return Intrinsics(model="fisheye", width=size[0], height=size[1], fx=fx, fy=fy, cx=cx, cy=cy, distortion=k)
    return simplest(size, fx, fy, cx, cy, (v["k1"], v["k2"], v["p2"], v["p1"], v["k3"]))
