"""The one door through which finished pictures leave."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from scan3d.capture.colour import quantised
from scan3d.errors import InputError
from scan3d.pipeline.aside import write_bytes
from scan3d.workflows.leaving import check_leaving

Content = np.ndarray | Mapping[str, np.ndarray] | bytes


def deliver(take: Path, path: Path, content: Content) -> Path:
    """Write a picture of a take's subject, whole or not at all; returns its path.

    content: (H, W, 3 or 4) float 0..1 or uint8, encoded for screens, for a PNG or JPEG by the path's suffix; named
    layers, scene-linear, for an EXR; or a file's bytes. Every picture, film and page of `scan3d render` goes through
    here, so that what a subject allows is asked in one place: where there is a registry of rights, nothing is written
    but by scan3d.workflows.render_leaving. Raises NoLicenceError.
    """
    check_leaving(take, path)
    if isinstance(content, bytes):
        write_bytes(path, content)
    elif isinstance(content, Mapping):
        from scan3d.render.exr import write_exr

        write_exr(path, content)
    else:
        write_bytes(path, picture_bytes(content, path.suffix.lower()))
    return path


def picture_bytes(picture: np.ndarray, suffix: str) -> bytes:
    """A PNG or JPEG. Raises InputError for another suffix."""
    import cv2

    pixels = picture if picture.dtype == np.uint8 else quantised(picture, np.uint8)
    options = {".png": [cv2.IMWRITE_PNG_COMPRESSION, 6], ".jpg": [cv2.IMWRITE_JPEG_QUALITY, 94]}
    if suffix not in options:
        raise InputError(f"A picture cannot be written as '{suffix}'.", "--out", "Use .png or .jpg.")
    turned = pixels[..., [2, 1, 0, 3]] if pixels.shape[-1] == 4 else pixels[..., ::-1]
    done, data = cv2.imencode(suffix, np.ascontiguousarray(turned), options[suffix])
    if not done:
        raise InputError("The picture cannot be encoded.", suffix, "Use .png.")
    return bytes(data)
