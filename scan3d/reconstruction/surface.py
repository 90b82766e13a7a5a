"""From oriented points to a surface: closed by screened Poisson, trimmed where nothing was seen, cleaned, decimated."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
from scipy.sparse.csgraph import connected_components

from scan3d.errors import CaptureError
from scan3d.geometry import Mesh

_MOST_CELLS = 2000  # along a side


def poisson_surface(
    points: np.ndarray,
    normals: np.ndarray,
    *,
    voxel_m: float,
    thin_m: float | None = None,
    workers: int | None = None,
) -> Mesh:
    """Closed surface through oriented points (Kazhdan and Hoppe 2013, Open3D's implementation).

    On one thread: on several the same points give other bytes each time (in 0.6 of the time).

    points (N, 3), normals (N, 3) outward, world; voxel_m the finest cell; thin_m: average points in cells of that size
    first.  Raises CaptureError where there are too few points to speak of a surface.
    """
    import open3d as o3d

    if len(points) < 500:
        raise CaptureError(
            f"Only {len(points)} points of the surface were found.",
            "",
            "Are the photographs sharp, do neighbouring cameras see the same skin, and does the calibration belong to "
            "this rig? `scan3d reconstruct --quality preview` shows the masks in its report.",
        )
    cloud = o3d.geometry.PointCloud(o3d.utility.Vector3dVector(points))
    cloud.normals = o3d.utility.Vector3dVector(normals)
    if thin_m:
        cloud = cloud.voxel_down_sample(thin_m)
    # By its width, not its depth: a depth makes the cell up to half as wide as asked, at twice the time.
    cell_m = max(voxel_m, float(np.ptp(points, axis=0).max()) / _MOST_CELLS)
    mesh, _ = o3d.geometry.TriangleMesh.create_from_point_cloud_poisson(
        cloud, depth=0, width=cell_m, linear_fit=False, n_threads=1
    )
    mesh.remove_non_manifold_edges()
    mesh.remove_unreferenced_vertices()
    return Mesh(vertices=np.asarray(mesh.vertices), faces=np.asarray(mesh.triangles, np.int32))


def compact(mesh: Mesh, keep_faces: np.ndarray) -> tuple[Mesh, np.ndarray]:
    """The mesh of the chosen faces without unused vertices, and the old index of every vertex left (V',)."""
    faces = mesh.faces[keep_faces]
    used = np.zeros(len(mesh.vertices), bool)
    used[faces] = True
    index = np.cumsum(used) - 1
    kept = np.flatnonzero(used)
    values = {name: v[kept] for name, v in mesh.vertex_values.items()}
    return Mesh(vertices=mesh.vertices[kept], faces=index[faces].astype(np.int32), vertex_values=values), kept


def face_components(faces: np.ndarray, chosen: np.ndarray, vertex_count: int) -> np.ndarray:
    """(F,) component label of the chosen faces joined through shared vertices; -1 for the others."""
    part = faces[chosen]
    rows = np.concatenate([part[:, 0], part[:, 1]])
    columns = np.concatenate([part[:, 1], part[:, 2]])
    graph = sp.csr_array((np.ones(len(rows), bool), (rows, columns)), shape=(vertex_count, vertex_count))
    _, of_vertex = connected_components(graph, directed=False)
    label = np.full(len(faces), -1, np.int64)
    label[chosen] = np.unique(of_vertex[part[:, 0]], return_inverse=True)[1]
    return label


def keep_seen(mesh: Mesh, supported: np.ndarray, *, certain_m: float, least_share: float = 0.02) -> np.ndarray:
    """Which faces stay (F,) bool: those seen, and unseen patches small enough that closing them is certain.

    supported (V,) bool; an unseen patch stays if it is less than `certain_m` across (an ear canal, a nostril, a spot
    of gloss); larger ones (the cut of a bust, soles) are cut away.  Of what is left, pieces with less than
    `least_share` of the area of the largest are flying bits and go.
    """
    seen = np.asarray(supported[mesh.faces].all(1))
    label = face_components(mesh.faces, ~seen, len(mesh.vertices))
    keep = seen.copy()
    unseen = np.flatnonzero(label >= 0)
    if unseen.size:
        count = int(label.max()) + 1
        corners = mesh.vertices[mesh.faces[unseen]]
        low, high = np.full((count, 3), np.inf), np.full((count, 3), -np.inf)
        np.minimum.at(low, label[unseen], corners.min(1))
        np.maximum.at(high, label[unseen], corners.max(1))
        small = np.linalg.norm(high - low, axis=1) < certain_m
        keep[unseen] = small[label[unseen]]
    pieces = face_components(mesh.faces, keep, len(mesh.vertices))
    if keep.any():
        area = np.bincount(pieces[keep], weights=mesh.face_areas()[keep])
        keep[keep] = (area >= least_share * area.max())[pieces[keep]]
    return keep


def decimate(mesh: Mesh, faces: int) -> Mesh:
    """At most `faces` faces by quadric edge collapse (Garland and Heckbert 1997), finest where curvature is."""
    import fast_simplification

    if len(mesh.faces) <= faces:
        return mesh
    share = 1 - faces / len(mesh.faces)
    vertices, triangles = fast_simplification.simplify(
        mesh.vertices.astype(np.float32), mesh.faces, target_reduction=share, agg=5
    )
    return Mesh(vertices=vertices.astype(np.float64), faces=triangles.astype(np.int32))
