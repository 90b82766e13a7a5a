"""Sheets that lie over a skin: garments and caps of hair, made from the surface they cover."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from scan3d.geometry import Mesh
from scan3d.geometry.ray_scene import ray_scene, tensor
from scan3d.simulate.surface import Surface

if TYPE_CHECKING:
    from scipy.sparse import csr_array


@dataclass(frozen=True, kw_only=True, eq=False)
class Layer:
    """A sheet cut out of the skin, over the skin's own vertices.

    surface: its matrix is over the skin's vertices. inside_m: (V,) how far from the hem, metres; negative in the
    band beyond it that is folded in.
    """

    surface: Surface
    inside_m: np.ndarray


def cut_layer(skin: Surface, inside_m: np.ndarray, *, fold_m: float) -> Layer:
    """The part of the skin where inside_m (V,) is positive, and a band fold_m wide beyond, for the hem.

    uv: the skin's own, enlarged to fill the unit square.
    """
    from scipy.sparse import eye_array

    own = Surface(matrix=eye_array(len(inside_m), format="csr"), faces=skin.faces, uv=skin.uv)
    # What is far away from the part need not be cut.
    near = (inside_m[skin.faces] > -fold_m).any(axis=1)
    used = np.unique(skin.faces[near])
    own, level = own.kept(near), inside_m[used]
    for line in (0.0, -fold_m):
        own, level = own.split(level - line)
        level = level + line
    keep = (level[own.faces] >= -fold_m - 1e-12).all(axis=1)
    used = np.unique(own.faces[keep])
    own = own.kept(keep)
    low, high = own.uv.min(axis=(0, 1)), own.uv.max(axis=(0, 1))
    uv = 0.01 + 0.98 * (own.uv - low) / (high - low).max()
    return Layer(surface=Surface(matrix=own.matrix, faces=own.faces, uv=uv), inside_m=level[used])


def lay(layer: Layer, skin: Mesh, *, height_m: np.ndarray | float, least_m: float, fold_m: float, smooth: int) -> Mesh:
    """The layer over a skin, stretched smooth.

    height_m: wanted distance from the skin, (V,) or one. least_m: distance it never falls below. smooth: rounds of
    smoothing; a tight cloth spans hollows that the skin goes into. Beyond the hem the sheet bends down into the skin.
    """
    base = layer.surface.points(skin.vertices)
    normals = layer.surface.points(skin.vertex_normals())
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    height = np.broadcast_to(np.asarray(height_m, np.float64), (len(base),))
    least = np.minimum(height, least_m)
    mean = _neighbour_mean(layer.surface.faces, len(base))
    # The cut edge stays where it is cut; smoothing would draw it in.
    inner = layer.inside_m > 1e-9
    points = base + height[:, None] * normals
    for _ in range(smooth):
        points = np.where(inner[:, None], 0.5 * points + 0.5 * (mean @ points), points)
        above = np.einsum("vi,vi->v", points - base, normals)
        points += np.maximum(least - above, 0)[:, None] * normals
    points = _clear_of(skin, points, np.where(inner, least, 0.0))
    folded = layer.inside_m < -1e-9
    points[folded] = (base - 0.0015 * normals)[folded]
    return Mesh(vertices=points, faces=layer.surface.faces, uv=layer.surface.uv)


def _neighbour_mean(faces: np.ndarray, count: int) -> csr_array:
    from scipy.sparse import coo_array, diags_array

    pairs = faces[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2)
    pairs = np.unique(np.sort(pairs, axis=1), axis=0)
    both = np.concatenate([pairs, pairs[:, ::-1]])
    graph = coo_array((np.ones(len(both)), (both[:, 0], both[:, 1])), shape=(count, count)).tocsr()
    degree = np.maximum(np.asarray(graph.sum(axis=1)).ravel(), 1)
    return (diags_array(1 / degree) @ graph).tocsr()


def _clear_of(skin: Mesh, points: np.ndarray, least: np.ndarray) -> np.ndarray:
    """Points moved out of the skin where another fold of it is nearer than their own place."""
    scene = ray_scene([(skin.vertices, skin.faces)])
    normals = skin.vertex_normals()[skin.faces].mean(axis=1)
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
    for _ in range(3):
        found = scene.compute_closest_points(tensor(points.astype(np.float32)))
        nearest = found["points"].numpy().astype(np.float64)
        out = normals[found["primitive_ids"].numpy().astype(np.int64)]
        above = np.einsum("vi,vi->v", points - nearest, out)
        low = above < 0.999 * least
        if not low.any():
            break
        points = np.where(low[:, None], nearest + np.maximum(least, 0)[:, None] * out, points)
    return points
