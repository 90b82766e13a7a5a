"""OpenEXR files with all passes of a picture as layers, scene-linear."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from scan3d.errors import InputError
from scan3d.pipeline.aside import written_aside

_SUFFIXES = {1: ("",), 2: ("X", "Y"), 3: ("R", "G", "B"), 4: ("R", "G", "B", "A")}


def write_exr(path: Path, layers: Mapping[str, np.ndarray], *, half: bool = False) -> None:
    """Layer name -> (H, W) or (H, W, C) float, as <layer>.R and so on; the layer "" is the picture itself. A layer's
    three channels are X, Y, Z where its name is "normal". Written whole or not at all."""
    import OpenEXR

    channels: dict[str, np.ndarray] = {}
    for layer, values in layers.items():
        flat = values[..., None] if values.ndim == 2 else values
        names = ("X", "Y", "Z") if layer == "normal" else _SUFFIXES[flat.shape[2]]
        for k, name in enumerate(names):
            full = f"{layer}.{name}".strip(".")
            channels[full] = np.ascontiguousarray(flat[..., k], np.float16 if half else np.float32)
    header = {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage}
    with written_aside(path) as aside, OpenEXR.File(header, channels) as out:
        out.write(str(aside))


def read_exr(path: Path) -> dict[str, np.ndarray]:
    """Channel name -> (H, W) float32. Raises InputError where it is no OpenEXR file."""
    import OpenEXR

    try:
        with OpenEXR.File(str(path), separate_channels=True) as file:
            return {name: np.asarray(channel.pixels, np.float32) for name, channel in file.channels().items()}
    except Exception as error:
        raise InputError("This is no OpenEXR file.", str(path), f"Give another file ({error}).") from error
