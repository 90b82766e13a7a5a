"""The maps as files want them: at most so large, in eight bits or sixteen."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from scan3d.errors import InputError

_JPEG_QUALITY = 95


def read_map(path: Path) -> npt.NDArray[np.unsignedinteger]:
    """(H, W) or (H, W, 3) uint8 or uint16, as the file holds it. Raises InputError."""
    import cv2

    picture = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if picture is None or picture.dtype not in (np.uint8, np.uint16):
        raise InputError("A map cannot be read.", str(path), "Fit the take again.")
    if picture.ndim == 3:
        picture = picture[:, :, :3][:, :, ::-1] if picture.shape[2] >= 3 else picture[:, :, 0]
    return np.asarray(picture)


def map_bytes(path: Path, *, largest: int | None, jpeg: bool, sixteen: bool = False) -> bytes:
    """A PNG or JPEG of a map, its longer side at most `largest` pixels; the file itself where nothing changes."""
    import cv2

    picture = read_map(path)
    side = max(picture.shape[:2])
    smaller = largest is not None and side > largest
    eight = picture.dtype == np.uint16 and not sixteen
    if not smaller and not eight and path.suffix.lower() in ((".jpg", ".jpeg") if jpeg else (".png",)):
        return path.read_bytes()
    if smaller and largest is not None:
        size = [max(1, round(n * largest / side)) for n in picture.shape[1::-1]]
        picture = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    if eight:
        picture = np.round(picture / 257.0).astype(np.uint8)
    options = [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY] if jpeg else []
    shown = picture if picture.ndim == 2 else picture[:, :, ::-1]
    done, data = cv2.imencode(".jpg" if jpeg else ".png", np.ascontiguousarray(shown), options)
    if not done:
        raise InputError("A map cannot be written.", str(path), "Fit the take again.")
    return bytes(data)


def roughness_bytes(path: Path, *, largest: int | None) -> bytes:
    """A PNG as glTF has it: roughness in green, metal in blue (none), from a grey map."""
    import cv2

    data = np.frombuffer(map_bytes(path, largest=largest, jpeg=False), np.uint8)
    grey = np.asarray(cv2.imdecode(data, cv2.IMREAD_GRAYSCALE))
    packed = np.stack([np.zeros_like(grey), grey, np.full_like(grey, 255)], axis=-1)
    return bytes(cv2.imencode(".png", packed)[1])


def specular_bytes(path: Path, *, largest: int | None, gain: float) -> bytes:
    """A PNG as glTF has it: strength in alpha, from a grey map times `gain`."""
    import cv2

    data = np.frombuffer(map_bytes(path, largest=largest, jpeg=False, sixteen=True), np.uint8)
    grey = np.asarray(cv2.imdecode(data, cv2.IMREAD_UNCHANGED))
    grey = grey if grey.ndim == 2 else grey[..., 0]
    strength = np.round(np.clip(grey * (gain / np.iinfo(grey.dtype).max), 0, 1) * 255).astype(np.uint8)
    packed = np.full((*strength.shape, 4), 255, np.uint8)
    packed[..., 3] = strength
    return bytes(cv2.imencode(".png", packed)[1])


def mean_of(path: Path) -> float:
    """The mean of a map, 0 to 1."""
    picture = read_map(path)
    return float(picture.mean() / np.iinfo(picture.dtype).max)


def largest_of(path: Path) -> float:
    """The largest value in a map, 0 to 1."""
    picture = read_map(path)
    return float(picture.max() / np.iinfo(picture.dtype).max)
