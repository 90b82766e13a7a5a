"""Points of a scene that were measured with a tape or a total station, and where photographs show them.

    # points.toml
    [points]                        # metres, in the world that the rig shall have: Z up
    plate_left = [-2.0, 0.3, 0.0]
    plate_right = [-2.0, -0.3, 0.0]

    [marks.plate_left]              # pixels as an image viewer shows them, the corner of the first at 0
    cam01 = [228.0, 967.3]
    cam03 = [117.9, 981.0]

Together they are one more board, seen once by every camera that has marks: it ties cameras that no board ties, and is
the world's frame.
"""

from __future__ import annotations

import functools
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from scan3d.calibration.board_views import BoardView
from scan3d.calibration.marks import read_marks
from scan3d.calibration.targets import Board
from scan3d.errors import InputError
from scan3d.geometry.transforms import Array

NAME = "measured points"
_LEAST_SEEN = 4  # by a camera, whose lens is found from boards


@dataclass(frozen=True, kw_only=True)
class MeasuredPoints(Board):
    """A board that is no pattern: points anywhere. named_m: (name, (x, y, z) in metres) of each."""

    named_m: tuple[tuple[str, tuple[float, float, float]], ...]

    @functools.cached_property
    def points_m(self) -> Array:
        """(N, 3) metres, the world's frame, read-only."""
        points = np.array([at for _, at in self.named_m], np.float64)
        points.setflags(write=False)
        return points

    @property
    def looks_the_same_turned(self) -> bool:
        """Never: every point has a name."""
        return False


def read_measured_points(path: Path) -> tuple[MeasuredPoints, tuple[BoardView, ...]]:
    """The points as a board, and a view of it by every camera that has marks.

    Raises InputError, naming file, point and camera, for a file that cannot be used, a mark of a point that was not
    measured, points that all lie on a line, or a camera with fewer than four marks.
    """
    path = Path(path)
    marks = read_marks(path)
    points = _points(path)
    for name in marks if points else ():
        if name not in points:
            what = f"The point {name} is marked, but was not measured."
            raise InputError(what, str(path), "Write it in [points], or take its marks out.")
    _check_spread(points, path)
    order = {name: number for number, name in enumerate(points)}
    cameras = sorted({camera for by_camera in marks.values() for camera in by_camera})
    if not cameras:
        raise InputError(
            "No point is marked in a photograph.", str(path), "Write [marks.POINT] with lines CAMERA = [x, y]."
        )
    views = []
    for camera in cameras:
        seen = {order[name]: by_camera[camera] for name, by_camera in marks.items() if camera in by_camera}
        if len(seen) < _LEAST_SEEN:
            what = f"{len(seen)} points are marked; a camera's place needs {_LEAST_SEEN}."
            raise InputError(what, f"camera {camera}, {path}", "Mark more of them, as far apart as they can be seen.")
        ids = np.array(sorted(seen))
        px = np.array([seen[int(number)] for number in ids])
        views.append(BoardView(camera_id=camera, shot=NAME, board=NAME, point_ids=ids, px=px, source=str(path)))
    size_m = float(np.ptp(list(points.values()), axis=0).max())
    board = MeasuredPoints(
        name=NAME, kind="points", columns=len(points), rows=1, square_m=size_m, body=NAME,
        named_m=tuple(points.items()),
    )  # fmt: skip
    return board, tuple(views)


def _points(path: Path) -> dict[str, tuple[float, float, float]]:
    table = tomllib.loads(path.read_text(encoding="utf-8")).get("points", {})  # read_marks has seen that it is TOML
    points = {}
    for name, at in table.items() if isinstance(table, dict) else ():
        try:
            x, y, z = (float(value) for value in at)
        except (TypeError, ValueError):
            x = y = z = np.nan
        if not np.isfinite([x, y, z]).all():
            raise InputError(
                "A point is three lengths in metres.", f"point {name}, {path}", f"{name} = [0.0, 1.2, 0.0]"
            )
        points[name] = (x, y, z)
    return points


def _check_spread(points: Mapping[str, tuple[float, float, float]], path: Path) -> None:
    at = np.array(list(points.values())).reshape(-1, 3)
    spread = np.linalg.svd(at - at.mean(axis=0), compute_uv=False) if len(at) >= _LEAST_SEEN else np.zeros(2)
    if not spread[1] > 1e-3 * spread[0]:
        what = "The measured points are fewer than four, or all on one line."
        raise InputError(what, str(path), "Measure more points, spread over the space that the rig looks at.")
