"""What a fit hands back: the body, how far each place of the scan is from it, and how the other way round fared."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scan3d.body.fit.anatomy import part_of_joints
from scan3d.body.model import BodyParameters
from scan3d.body.rotations import matrices
from scan3d.geometry import Mesh


@dataclass(frozen=True, kw_only=True, eq=False)
class Fitted:
    """A body fitted to a scan. World frame, metres.

    parameters: for `pose_body`. vertices: (V, 3) of the model as fitted, joints: (J, 3).
    names: of the joints.
    scan: what was kept of the scan. points: (N, 3) spread over it, with joint (N,) which joint moves the place of the
    body each belongs to, hair (N,) whether hair grows there, distance_m (N,) from there, positive where the scan lies
    outside of the body, and paired (N,) whether the two face each other within reach.
    rows: (M,) vertices spread over the body, with body_joint (M,) and body_distance_m (M,): how far the scan is from
    them; nan where the scan ends beside them.
    clothing: "tight" or "loose". cost, turned_cost: 0..1, of the best start and of the best that faces the other way.
    floor_m, height_m, has_feet: of the scan. fingers: whether they were fitted, or left relaxed.
    """

    parameters: BodyParameters
    vertices: np.ndarray
    joints: np.ndarray
    names: tuple[str, ...]
    scan: Mesh
    points: np.ndarray
    joint: np.ndarray
    hair: np.ndarray
    distance_m: np.ndarray
    paired: np.ndarray
    rows: np.ndarray
    body_joint: np.ndarray
    body_distance_m: np.ndarray
    clothing: str
    cost: float
    turned_cost: float
    floor_m: float
    height_m: float
    has_feet: bool
    fingers: bool

    @property
    def part(self) -> np.ndarray:
        """(N,) index into anatomy.PARTS of the scan's points."""
        return np.asarray(part_of_joints(self.names)[self.joint])

    @property
    def body_part(self) -> np.ndarray:
        """(M,) index into anatomy.PARTS of the body's rows."""
        return np.asarray(part_of_joints(self.names)[self.body_joint])

    def off_skin_m(self) -> np.ndarray:
        """(N,) distance_m, but 0 where hair lies outside of the scalp: it may be as thick as it likes."""
        return np.asarray(np.where(self.hair & (self.distance_m > 0), 0.0, self.distance_m))

    def front(self) -> np.ndarray:
        """(3,) the way the pelvis faces."""
        return np.asarray(matrices(self.parameters.pose[:1])[0] @ [0.0, 0.0, 1.0])
