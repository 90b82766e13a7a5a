"""The photographs beside a camera file: their names, and sizes where a format does not hold them."""

from __future__ import annotations

from pathlib import Path

_SUFFIXES = (".jpg", ".jpeg", ".png", ".tif", ".tiff", ".bmp", ".webp")


def photograph_of(folder: Path, camera_id: str) -> Path | None:
    """The photograph named after a camera; None where there is none."""
    if not folder.is_dir():
        return None
    found = [p for p in folder.iterdir() if p.stem == camera_id and p.suffix.lower() in _SUFFIXES]
    return min(found, default=None)


def photograph_size(folder: Path, camera_id: str) -> tuple[int, int] | None:
    """Width and height of the pixels as they are stored; None where there is no photograph that can be read."""
    from PIL import Image

    path = photograph_of(folder, camera_id)
    if path is None:
        return None
    try:
        with Image.open(path) as image:
            return image.size
    except OSError:
        return None
