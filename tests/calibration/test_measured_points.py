"""points.toml: what is read from it, and what is refused in which words."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from scan3d.calibration.measured_points import read_measured_points
from scan3d.errors import InputError

_POINTS = {"a": (0.0, 0.0, 0.0), "b": (1.0, 0.0, 0.0), "c": (0.0, 2.0, 0.0), "d": (0.0, 0.0, 0.5)}


def points_file(
    path: Path, points: dict[str, tuple[float, ...]], marks: dict[str, dict[str, tuple[float, float]]]
) -> Path:
    """marks: point -> camera -> pixels."""
    lines = ["[points]", *(f"{name} = {list(at)}" for name, at in points.items())]
    for name, by_camera in marks.items():
        lines += [f"[marks.{name}]", *(f"{camera} = {list(px)}" for camera, px in by_camera.items())]
    path.write_text("\n".join(lines))
    return path


def marked(*cameras: str, leave: str = "") -> dict[str, dict[str, tuple[float, float]]]:
    names = {name: k for k, name in enumerate(_POINTS) if name != leave}
    return {name: dict.fromkeys(cameras, (10.0 * k, 20.0)) for name, k in names.items()}


def test_points_become_a_board_and_marks_its_views(tmp_path: Path) -> None:
    board, views = read_measured_points(points_file(tmp_path / "points.toml", _POINTS, marked("cam2", "cam1")))
    np.testing.assert_array_equal(board.points_m, list(_POINTS.values()))
    assert [view.camera_id for view in views] == ["cam1", "cam2"]
    for view in views:
        assert view.board == board.name and view.point_ids.tolist() == [0, 1, 2, 3]
        np.testing.assert_array_equal(view.px, [[0, 20], [10, 20], [20, 20], [30, 20]])


@pytest.mark.parametrize(
    ("points", "marks", "words"),
    [
        (_POINTS, marked("cam1", leave="b"), "3 points are marked"),
        ({"a": (0, 0, 1), "b": (1, 0, 0), "c": (1, 1, 0), "e": (0, 0, 0)}, marked("cam1"), "d is marked, but was not"),
        ({**_POINTS, "d": (1.0, 2.0)}, marked("cam1"), "three lengths in metres"),
        ({**_POINTS, "d": (float("nan"),) * 3}, marked("cam1"), "three lengths in metres"),
        ({k: (float(i), 0.0, 0.0) for i, k in enumerate(_POINTS)}, marked("cam1"), "on one line"),
        (_POINTS, {}, "No point is marked"),
        ({}, marked("cam1"), "fewer than four"),
    ],
)
def test_files_that_cannot_be_used_are_refused(
    tmp_path: Path, points: dict[str, tuple[float, ...]], marks: dict[str, dict[str, tuple[float, float]]], words: str
) -> None:
    path = points_file(tmp_path / "points.toml", points, marks)
    with pytest.raises(InputError, match=words) as raised:
        read_measured_points(path)
    assert str(path) in raised.value.where and raised.value.next_step
