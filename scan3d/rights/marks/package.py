"""A model and what has to travel with it in one file: a .zip, since C2PA signs no models.

The signature inside covers the model and its terms; the package holds nothing else, so that nothing can be slipped in.
"""

from __future__ import annotations

import io
import shutil
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from scan3d.errors import InputError
from scan3d.pipeline.aside import write_bytes
from scan3d.rights.marks.detached import SUFFIX, signature_path
from scan3d.rights.marks.xmp import sidecar_path

_EPOCH = (1980, 1, 1, 0, 0, 0)  # The same model makes the same package.


def pack(model: Path, target: Path) -> Path:
    """Write the package of a marked model. Raises InputError where it or what belongs to it is missing."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as package:
        for path in (model, sidecar_path(model), signature_path(model)):
            try:
                data = path.read_bytes()
            except OSError as error:
                raise InputError(
                    "What has to travel with the model is not there.", str(path), "Give a model that left marked."
                ) from error
            package.writestr(zipfile.ZipInfo(path.name, _EPOCH), data, zipfile.ZIP_DEFLATED)
    write_bytes(target, out.getvalue())
    return target


@contextmanager
def unpacked(package: Path) -> Iterator[Path]:
    """The model of a package, with its sidecars, in a folder that is gone afterwards. Raises InputError."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            with zipfile.ZipFile(package) as opened:
                model = Path(folder) / _model_name(opened, package)
                for name in opened.namelist():
                    with opened.open(name) as source, (Path(folder) / name).open("wb") as out:
                        shutil.copyfileobj(source, out)
        except (OSError, zipfile.BadZipFile, RuntimeError, NotImplementedError) as error:
            raise _no_package(package) from error
        yield model


def _model_name(opened: zipfile.ZipFile, package: Path) -> str:
    names = opened.namelist()
    model = min(names, key=len, default="")
    if sorted(names) != sorted([model, f"{model}.xmp", f"{model}{SUFFIX}"]) or Path(model).name != model:
        raise _no_package(package)
    return model


def _no_package(package: Path) -> InputError:
    return InputError("This is no package of a marked model.", str(package), "scan3d mark pack MODEL makes one.")
