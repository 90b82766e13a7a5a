"""The calibration from before stays beside the new one."""

from __future__ import annotations

import shutil
from pathlib import Path


def kept_before(take_root: Path, old: Path) -> Path:
    """Copy a calibration to TAKE/calibration.before.toml (before2, before3, ... where there is one); returns where."""
    number, before = 1, take_root / "calibration.before.toml"
    while before.exists():
        number += 1
        before = take_root / f"calibration.before{number}.toml"
    shutil.copyfile(old, before)
    return before
