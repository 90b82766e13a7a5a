"""RealityScan's (RealityCapture's) cameras: one XMP file beside every photograph, of the same name.

Its lens ("RealityCapture XMP Camera Math", Capturing Reality), with L = the longer side of a picture of w x h pixels:

    f = FocalLength35mm / 36 * L        u = w/2 + PrincipalPointU * L + f x'
                                        v = h/2 + PrincipalPointV * L + f * AspectRatio * y'
    x' = x (1 + k1 r^2 + k2 r^4 + k3 r^6 + k4 r^8) + t2 (r^2 + 2 x^2) + 2 t1 x y
    y' = y (1 + k1 r^2 + k2 r^4 + k3 r^6 + k4 r^8) + t1 (r^2 + 2 y^2) + 2 t2 x y

DistortionCoeficients (sic) = k1 k2 k3 k4 t1 t2, so t1, t2 are OpenCV's p1, p2. DistortionModel: perspective (none),
brown3, brown4, with t2 at the end when tangential; "division" is another model, which scan3d does not have.
Rotation is 3 x 3 row by row, camera from world; Position is where the camera stands, in the world.

XMP does not hold the picture's size, without which the numbers mean nothing. It is looked for in the XMP's own
tiff:ImageWidth and tiff:ImageLength, which files of ours have, and else in the photograph beside it.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np

from scan3d.calibration.formats.camera_file import (
    CameraFile,
    number,
    numbers,
    read_text,
    rotation_of,
    row,
    size_of,
    text_row,
)
from scan3d.calibration.formats.lens_numbers import polynomial, simplest
from scan3d.calibration.formats.photographs import photograph_size
from scan3d.errors import CalibrationError
from scan3d.geometry import Camera, Intrinsics, Rig, Rigid3

_XCR = "http://www.capturingreality.com/ns/xcr/1.1#"
_TIFF = "http://ns.adobe.com/tiff/1.0/"
_OURS = "urn:scan3d:cameras:1"
_RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_FILM_MM = 36.0
_MODELS = ("perspective", "brown3", "brown4", "brown3t2", "brown4t2")


def read_realityscan(path: Path, images: Path | None = None) -> CameraFile:
    """Cameras of a folder of XMP files, or of one. images: the photographs' folder; by default beside the XMP.

    Raises CalibrationError for a broken file, a picture of unknown size, and a lens that scan3d does not have.
    """
    files = sorted(path.glob("*.xmp")) if path.is_dir() else [path]
    cameras, left_out, metric = [], {}, []
    for file in files:
        description = _description(file)
        if description is None or _value(description, "FocalLength35mm") is None:
            left_out[file.stem] = "its XMP says nothing of RealityScan"
        elif _value(description, "Rotation") is None or _value(description, "Position") is None:
            left_out[file.stem] = "RealityScan did not align it"
        else:
            cameras.append(_camera(file, description, images or file.parent))
            metric.append(description.get(f"{{{_OURS}}}Units") == "metres")
    # Whether RealityScan's own numbers are metres depends on control points or distances, which XMP does not tell.
    unit_m = 1.0 if metric and all(metric) else None
    return CameraFile(cameras=tuple(cameras), unit_m=unit_m, source=f"RealityScan {path}", left_out=left_out)


def realityscan_texts(rig: Rig) -> dict[str, str]:
    """File name -> text, one per camera. Raises CalibrationError for fisheye and rational lenses."""
    return {f"{camera.camera_id}.xmp": _text(camera, rig.scale_is_metric) for camera in rig}


def _text(camera: Camera, metric: bool) -> str:
    intrinsics = camera.intrinsics
    k1, k2, p1, p2, k3 = polynomial(camera, "RealityScan")
    model = "perspective" if intrinsics.model == "pinhole" else "brown3t2" if p1 or p2 else "brown3"
    longer = max(intrinsics.width, intrinsics.height)
    values = {
        "Version": 3,
        "PosePrior": "locked",
        "Coordinates": "absolute",
        "DistortionModel": model,
        "FocalLength35mm": repr(float(intrinsics.fx) * _FILM_MM / longer),
        "Skew": 0,
        "AspectRatio": repr(float(intrinsics.fy) / float(intrinsics.fx)),
        "PrincipalPointU": repr((float(intrinsics.cx) - 0.5 * intrinsics.width) / longer),
        "PrincipalPointV": repr((float(intrinsics.cy) - 0.5 * intrinsics.height) / longer),
        "CalibrationPrior": "exact",
        "CalibrationGroup": -1,
        "DistortionGroup": -1,
        "InTexturing": 1,
        "InMeshing": 1,
    }
    attributes = "".join(f'\n       xcr:{key}="{value}"' for key, value in values.items())
    elements: dict[str, np.ndarray | tuple[float, ...]] = {
        "Rotation": camera.cam_from_world.rotation,
        "Position": camera.centre,
        "DistortionCoeficients": (k1, k2, k3, 0.0, p1, p2),
    }
    inner = "".join(f"      <xcr:{key}>{text_row(value)}</xcr:{key}>\n" for key, value in elements.items())
    return (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/">\n'
        f'  <rdf:RDF xmlns:rdf="{_RDF}">\n'
        f'    <rdf:Description xmlns:xcr="{_XCR}" xmlns:tiff="{_TIFF}" xmlns:scan3d="{_OURS}"{attributes}\n'
        f'       tiff:ImageWidth="{intrinsics.width}" tiff:ImageLength="{intrinsics.height}"\n'
        f'       scan3d:Units="{"metres" if metric else "arbitrary"}">\n'
        f"{inner}    </rdf:Description>\n  </rdf:RDF>\n</x:xmpmeta>\n"
    )


def _description(file: Path) -> ET.Element | None:
    try:
        root = ET.fromstring(read_text(file, "XMP file"))
    except (ET.ParseError, ValueError) as error:
        raise CalibrationError(f"Not an XMP file: {error}.", str(file), "Export the registration again.") from error
    return root.find(f".//{{{_RDF}}}Description")


def _value(description: ET.Element, key: str) -> str | None:
    """A value, which RealityScan writes as an attribute or as an element, as it likes."""
    name = f"{{{_XCR}}}{key}"
    return description.get(name) or description.findtext(name)


def _camera(file: Path, description: ET.Element, images: Path) -> Camera:
    where = f"camera {file.stem}, {file}"
    rotation = rotation_of(row(_value(description, "Rotation"), 9, "Rotation", where).reshape(3, 3), where)
    position = row(_value(description, "Position"), 3, "Position", where)
    intrinsics = _intrinsics(description, _size(file, description, images, where), where)
    pose = Rigid3(rotation=rotation, translation=-rotation @ position)
    return Camera(camera_id=file.stem, intrinsics=intrinsics, cam_from_world=pose)


def _size(file: Path, description: ET.Element, images: Path, where: str) -> tuple[int, int]:
    written = [description.get(f"{{{_TIFF}}}{key}") for key in ("ImageWidth", "ImageLength")]
    if None not in written:
        return size_of(written, where)
    found = photograph_size(images, file.stem)
    if found is None:
        what = f"The picture's size is not known: there is no photograph {file.stem}.* in {images}."
        raise CalibrationError(what, where, "Put the photographs beside the XMP files, or name their folder: --images.")
    return found


def _intrinsics(description: ET.Element, size: tuple[int, int], where: str) -> Intrinsics:
    def one(key: str, default: float | None = None) -> float:
        text = _value(description, key)
        return default if text is None and default is not None else number(text, key, where)

    k1, k2, k3, k4, t1, t2 = _coefficients(description, where)
    if one("Skew", 0.0) != 0.0:
        raise CalibrationError("The camera has skew.", where, "Align in RealityScan without skew.")
    longer = max(size)
    fx = one("FocalLength35mm") / _FILM_MM * longer
    fy = fx * one("AspectRatio", 1.0)
    cx = 0.5 * size[0] + one("PrincipalPointU", 0.0) * longer
    cy = 0.5 * size[1] + one("PrincipalPointV", 0.0) * longer
    if k4 != 0.0:
        what = f"The lens has k4 = {k4:g} (brown4), which scan3d does not model."
        raise CalibrationError(what, where, "Align in RealityScan with the distortion model Brown3.")
    return simplest(size, fx, fy, cx, cy, (k1, k2, t1, t2, k3))


def _coefficients(description: ET.Element, where: str) -> tuple[float, ...]:
    text = _value(description, "DistortionCoeficients") or _value(description, "DistortionCoefficients") or ""
    found = numbers(text.split(), (-1,), "DistortionCoeficients", where)
    values = tuple(float(v) for v in (*found, *(0.0,) * (6 - len(found))))
    if len(values) != 6:
        raise CalibrationError(f"{len(found)} distortion coefficients are too many.", where, "Export it again.")
    model = (_value(description, "DistortionModel") or "perspective").lower()
    if model not in _MODELS and any(values):
        what = f"The distortion model {model!r} is not one that scan3d has."
        raise CalibrationError(what, where, "Align in RealityScan with the distortion model Brown3.")
    return values if model in _MODELS[1:] else (0.0,) * 6
