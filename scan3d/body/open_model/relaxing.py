"""How skin would lie around a joint that bends: as rigid as possible, held to the bones by spokes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

# How strongly a point keeps its place against the bone, next to one edge of the mesh.
_SPOKE = 0.35
_ROUNDS = 10
_SWELLING_ROUNDS = 4
# No more than this at a time: what folds into itself keeps losing volume however far it swells.
_SWELLING_M = 0.003


@dataclass(frozen=True, kw_only=True, eq=False)
class Patch:
    """The skin around one joint, at rest. rows: (n,) vertices, the free ones first; free: how many those are.

    points: (n, 3). starts, ends: (E,) both directions of each edge. feet: (n, 3) the nearest place on a bone of each;
    of_child: (n,) whether that bone is the one below the joint. solve: of the free points' system. faces: (F, 3) of
    the patch. swelling: (free,) how much of a change of volume each free point takes, 0..1.
    """

    rows: np.ndarray
    free: int
    points: np.ndarray
    starts: np.ndarray
    ends: np.ndarray
    feet: np.ndarray
    of_child: np.ndarray
    solve: Any
    laplacian: Any
    faces: np.ndarray
    swelling: np.ndarray


def make_patch(
    points: np.ndarray,
    edges: np.ndarray,
    faces: np.ndarray,
    loose: np.ndarray,
    swelling: np.ndarray,
    bones: list[tuple[np.ndarray, np.ndarray, bool]],
) -> Patch:
    """points: (V, 3) at rest. edges: (E, 2). faces: (F, 3). swelling: (V,) where
    volume may be made good. loose: (V,) the vertices that may slide; two rings around them are held.

    bones: (head, tail, whether below the joint) of those that carry the skin here.
    """
    from scipy.sparse import csr_array, diags_array
    from scipy.sparse.linalg import splu

    near = loose.copy()
    for _ in range(2):
        touching = near[edges].any(axis=1)
        near[edges[touching]] = True
    rows = np.concatenate([np.flatnonzero(loose), np.flatnonzero(near & ~loose)])
    number = np.full(len(points), -1)
    number[rows] = np.arange(len(rows))
    kept = number[edges]
    kept = kept[(kept >= 0).all(axis=1)]
    starts, ends = np.concatenate([kept, kept[:, ::-1]]).T
    count, free = len(rows), int(loose.sum())
    adjacency = csr_array((np.ones(len(starts)), (starts, ends)), shape=(count, count))
    laplacian = (diags_array(adjacency.sum(axis=1) + _SPOKE) - adjacency).tocsc()
    feet, of_child = _nearest(points[rows], bones)
    return Patch(
        rows=rows,
        free=free,
        points=points[rows],
        starts=starts,
        ends=ends,
        feet=feet,
        of_child=of_child,
        solve=splu(laplacian[:free, :free].tocsc()),
        laplacian=laplacian,
        faces=number[faces[(number[faces] >= 0).all(axis=1)]],
        swelling=swelling[rows[:free]],
    )


def relaxed(
    patch: Patch, guess: np.ndarray, above: np.ndarray, below: np.ndarray, joint: np.ndarray, moved_joint: np.ndarray
) -> np.ndarray:
    """(free, 3) where the free points come to lie. guess: (n, 3) all points by plain skinning; the held ones stay.

    above, below: (4, 4) moves of the bones above and below the joint. Minimises the as-rigid-as-possible energy of
    Sorkine & Alexa 2007 over edges and over the spokes from each point to its bone, by turns; then the skin swells
    until the flesh under it, the cone from the joint (3,) to the patch, has its volume at rest again.
    """
    moved_feet = np.where(
        patch.of_child[:, None],
        patch.feet @ below[:3, :3].T + below[:3, 3],
        patch.feet @ above[:3, :3].T + above[:3, 3],
    )
    result = guess.copy()
    edges = patch.points[patch.starts] - patch.points[patch.ends]
    spokes = patch.points - patch.feet
    held = patch.laplacian[: patch.free, patch.free :] @ guess[patch.free :]
    for _ in range(_ROUNDS):
        now = result[patch.starts] - result[patch.ends]
        covariance = _SPOKE * np.einsum("na,nb->nab", spokes, result - moved_feet)
        products = np.einsum("ea,eb->eab", edges, now).reshape(-1, 9)
        covariance += np.stack(
            [np.bincount(patch.starts, products[:, k], len(patch.rows)) for k in range(9)], axis=1
        ).reshape(-1, 3, 3)
        turns = _nearest_rotations(covariance)
        wanted = 0.5 * np.einsum("eab,eb->ea", turns[patch.starts] + turns[patch.ends], edges)
        right = np.stack([np.bincount(patch.starts, wanted[:, k], len(patch.rows)) for k in range(3)], axis=1)
        right += _SPOKE * (moved_feet + np.einsum("nab,nb->na", turns, spokes))
        result[: patch.free] = patch.solve.solve(right[: patch.free] - held)
    volume, _ = _volume(patch, patch.points - joint)
    for _ in range(_SWELLING_ROUNDS):
        now_volume, normals = _volume(patch, result - moved_joint)
        outwards = normals[: patch.free] * patch.swelling[:, None]
        # The gradient of the volume by each point is its normal times a third of the area around it, which `normals`
        # is; unit normals swell a sharp crease no more than the rest.
        unit = outwards / np.maximum(np.linalg.norm(normals[: patch.free], axis=1, keepdims=True), 1e-12)
        room = float((unit * normals[: patch.free]).sum())
        result[: patch.free] += np.clip((volume - now_volume) / max(room, 1e-9), -_SWELLING_M, _SWELLING_M) * unit
    return result[: patch.free]


def smoothed(patch: Patch, field: np.ndarray, rounds: int = 4) -> np.ndarray:
    """(free, 3) a field over the free points, each time halfway to its neighbours' mean; 0 at the held ones."""
    inside = (patch.starts < patch.free) & (patch.ends < patch.free)
    degree = np.bincount(patch.starts, minlength=len(patch.rows))[: patch.free, None]
    starts, ends = patch.starts[inside], patch.ends[inside]
    for _ in range(rounds):
        total = np.stack([np.bincount(starts, field[ends, k], patch.free) for k in range(3)], axis=1)
        field = 0.5 * field + 0.5 * total / degree
    return field


def _volume(patch: Patch, points: np.ndarray) -> tuple[float, np.ndarray]:
    """The volume of the cone from the origin to the patch, and its (n, 3) gradient."""
    a, b, c = points[patch.faces].swapaxes(0, 1)
    cross = np.cross(b - a, c - a) / 6
    gradient = np.stack(
        [np.bincount(patch.faces.ravel(), np.repeat(cross[:, k], 3), len(points)) for k in range(3)], axis=1
    )
    return float(np.einsum("fi,fi->", a, cross)), gradient


def _nearest(points: np.ndarray, bones: list[tuple[np.ndarray, np.ndarray, bool]]) -> tuple[np.ndarray, np.ndarray]:
    places, distances = [], []
    for head, tail, _ in bones:
        along = tail - head
        share = np.clip((points - head) @ along / (along @ along), 0, 1)
        places.append(head + share[:, None] * along)
        distances.append(np.linalg.norm(points - places[-1], axis=1))
    best = np.argmin(distances, axis=0)
    chosen = np.stack(places)[best, np.arange(len(points))]
    return chosen, np.array([below for _, _, below in bones])[best]


def _nearest_rotations(covariance: np.ndarray) -> np.ndarray:
    """(n, 3, 3) rotations R that maximise the trace of R times each covariance (Kabsch 1976)."""
    u, _, vt = np.linalg.svd(covariance)
    turned = np.linalg.det(u) * np.linalg.det(vt)
    vt[:, 2] *= turned[:, None]
    return np.asarray(np.swapaxes(vt, 1, 2) @ np.swapaxes(u, 1, 2))
