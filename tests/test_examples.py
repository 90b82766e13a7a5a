"""The scripts of examples/ run."""

import runpy
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from scan3d.capture.rig_file import read_rig_definition, rig_names


def test_rigs_are_drawn_with_all_their_cameras_inside_the_picture(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["draw_rigs.py", "--out", str(tmp_path)])
    runpy.run_path(str(repository / "examples" / "draw_rigs.py"), run_name="__main__")
    for name in rig_names():
        root = ET.parse(tmp_path / f"rig_{name}.svg").getroot()
        circles = list(root.iter("{http://www.w3.org/2000/svg}circle"))
        assert len(circles) == 3 * read_rig_definition(name).camera_count
        for circle in circles:
            assert 0 <= float(circle.get("cx", "nan")) <= 340 and 0 <= float(circle.get("cy", "nan")) <= 340
        assert (repository / "docs" / "pictures" / f"rig_{name}.svg").is_file(), "run examples/draw_rigs.py"
