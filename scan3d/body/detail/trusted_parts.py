"""Which parts of a body follow a scan, how far, and which are carried along with what is around them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from scan3d.body.detail.fine_mesh import FineMesh
from scan3d.body.model import BodyModel
from scan3d.geometry import Mesh

Floats = npt.NDArray[np.floating]

_FOLLOW_M = 0.15  # loose clothing stands off this far
# Hair is not skin, hands in a scan melt together; what no camera can see belongs to the model.
_LIMITS_M = {
    "scalp": 0.08, "hand": 0.025, "foot": 0.03, "mouth_inside": 0.0, "eyeball": 0.0, "teeth": 0.0, "tongue": 0.0,
}  # fmt: skip
# A finger keeps its shape; it may be moved as a whole.
_STIFF_M = {"hand": 0.006, "ear": 0.002, "lips": 0.003, "eyelid": 0.003}
_AROUND = 1.8  # radii of a loose part, that it is carried by


def match_limits(model: BodyModel, mesh: FineMesh) -> Floats:
    """(V',) metres from its fitted place, beyond which a vertex follows no match."""
    limit = np.full(mesh.matrix.shape[0], _FOLLOW_M)
    for name, most in _LIMITS_M.items():
        if name in model.parts:
            share = mesh.matrix @ np.asarray(model.parts[name], np.float64)
            limit = np.where(share > 0.5, np.minimum(limit, most), limit)
    limit[loose_vertices(mesh)] = 0
    return limit


def least_stiffness(model: BodyModel, mesh: FineMesh) -> Floats:
    """(V',) metres: moves narrower than about six times this are smoothed away, however well the scan is known."""
    least = np.zeros(mesh.matrix.shape[0])
    for name, stiff in _STIFF_M.items():
        if name in model.parts:
            least = np.maximum(least, stiff * (mesh.matrix @ np.asarray(model.parts[name], np.float64)))
    return least


def loose_vertices(mesh: FineMesh) -> npt.NDArray[np.bool_]:
    """(V',) vertices that no edge ties to the largest part: eyeballs, teeth, lashes."""
    return np.asarray(_labels(mesh) > 0)


def carry_loose_parts(model: BodyModel, mesh: FineMesh, start: Floats, moves: Floats) -> Floats:
    """(V', 3) moves in which each loose part goes, as a whole, the mean way of the skin around it."""
    from scipy.spatial import cKDTree

    labels = _labels(mesh)
    if not (labels > 0).any():
        return moves
    skin = np.flatnonzero(labels == 0)
    tree = cKDTree(start[skin])
    moves = np.array(moves)
    for label in range(1, int(labels.max()) + 1):
        part = labels == label
        centre = start[part].mean(axis=0)
        radius = float(np.linalg.norm(start[part] - centre, axis=1).max())
        near = tree.query_ball_point(centre, _AROUND * radius)
        if not near:
            near = [int(tree.query(centre)[1])]
        moves[part] = moves[skin[near]].mean(axis=0)
    return moves


def _labels(mesh: FineMesh) -> npt.NDArray[np.int32]:
    """(V',) number of the connected part; 0 is the one with the most faces."""
    count = mesh.matrix.shape[0]
    of_face = Mesh(vertices=np.zeros((count, 3)), faces=mesh.faces).components()
    labels = np.zeros(count, np.int32)
    labels[mesh.faces.ravel()] = np.repeat(of_face, 3)
    return labels
