"""What a fit hands back: the body, how far each place of the scan is from it, and how the other way round fared."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scan3d.body.model import BodyParameters
from scan3d.geometry import Mesh


@dataclass(frozen=True, kw_only=True, eq=False)
class Fitted:
    """A body fitted to a scan. World frame, metres.

    parameters: for `pose_body`. vertices: (V, 3) of the model as fitted, joints: (J, 3).
    scan: what was kept of the scan, points: (N, 3) spread over it, with part (N,) the index into anatomy.PARTS of what
    each belongs to, distance_m (N,) from the body, positive where the scan lies outside of it, and paired (N,) whether
    the body has a place that faces it within reach.
    body_part: (M,) and body_distance_m (M,) of vertices spread over the body: how far the scan is from them; nan where
    the scan ends beside them. rows: (M,) which vertices.
    clothing: "tight" or "loose". cost, turned_cost: 0..1, of the best start and of the best that faces the other way.
    floor_m: of the scan. fingers: whether the hands' fingers were fitted or left relaxed. height_m: of the scan.
    """

    parameters: BodyParameters
    vertices: np.ndarray
    joints: np.ndarray
    scan: Mesh
    points: np.ndarray
    part: np.ndarray
    distance_m: np.ndarray
    paired: np.ndarray
    rows: np.ndarray
    body_part: np.ndarray
    body_distance_m: np.ndarray
    clothing: str
    cost: float
    turned_cost: float
    floor_m: float
    height_m: float
    has_feet: bool
    fingers: bool
