"""What was seen of calibration boards: corners of known boards, in pixels, by camera and shot."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True, kw_only=True, eq=False)
class BoardView:
    """One board as one camera saw it in one shot.

    camera_id, shot: views of one shot were taken at the same moment. board: name of a board of the target.
    point_ids: (N,) int, rows of `Board.points_m`. px: (N, 2) float64, pixel centres at 0.5. source: file (and frame)
    it was found in, for messages. sharpness: 10 to 90 % rise of the edges between squares, pixels; nan where not
    measured. mirrored: the corners run the other way round, as in a mirror image.
    """

    camera_id: str
    shot: str
    board: str
    point_ids: np.ndarray
    px: np.ndarray
    source: str = ""
    sharpness: float = float("nan")
    mirrored: bool = False


@dataclass(frozen=True, kw_only=True, eq=False)
class BoardViews:
    """All that was seen. sizes: camera id -> (width, height) of its photographs, of cameras that saw nothing too.
    images: camera id -> how many photographs (frames) were looked at."""

    views: tuple[BoardView, ...]
    sizes: Mapping[str, tuple[int, int]]
    images: Mapping[str, int] = field(default_factory=dict)

    def of_camera(self, camera_id: str) -> tuple[BoardView, ...]:
        """The views of one camera, in order."""
        return tuple(view for view in self.views if view.camera_id == camera_id)
