"""Where the data that ships with scan3d lies: in the wheel under scan3d/data, in a checkout at its top."""

from __future__ import annotations

from pathlib import Path

from scan3d.errors import InputError

_PACKAGE = Path(__file__).parent


def rigs_folder() -> Path:
    """The folder of rig definitions (TOML)."""
    return _find("rigs")


def targets_folder() -> Path:
    """The folder of calibration; its folder targets/ holds the definitions (TOML)."""
    return _find("calibration")


def _find(name: str) -> Path:
    for folder in (_PACKAGE / "data" / name, _PACKAGE.parent / name):
        if folder.is_dir():
            return folder
    raise InputError(
        f"The installed scan3d lacks its folder '{name}'.", str(_PACKAGE / "data"), "Install scan3d again."
    )
