"""The Blender add-on as a zip that Blender installs as an extension."""

from __future__ import annotations

import io
import tomllib
import zipfile
from pathlib import Path

from scan3d.errors import InputError
from scan3d.pipeline.aside import write_bytes

FOLDER = Path(__file__).parent / "blender_addon"
_THEN = (1980, 1, 1, 0, 0, 0)  # the same bytes whenever it is made


def write_addon(path: Path) -> str:
    """Write the zip; returns the add-on's version. Raises InputError for another suffix, StorageError."""
    if path.suffix.lower() != ".zip":
        raise InputError("The add-on is a zip.", str(path), "Give a name that ends in .zip.")
    manifest = (FOLDER / "blender_manifest.toml").read_bytes()
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for source in sorted(p for p in FOLDER.iterdir() if p.suffix in (".py", ".toml")):
            entry = zipfile.ZipInfo(source.name, _THEN)
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, source.read_bytes())
    write_bytes(path, packed.getvalue())
    return str(tomllib.loads(manifest.decode())["version"])
