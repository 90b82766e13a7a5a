"""How far a fit is from the truth of a scan."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

import numpy as np
import open3d as o3d

from scan3d.body.fit.anatomy import PARTS, part_of_joints
from scan3d.body.fit.prepared import prepared
from scan3d.body.fit.result import Fitted
from scan3d.body.model import BodyModel
from scan3d.body.open_model.cage import make_cage
from scan3d.geometry import Mesh
from scan3d.openhuman import load_open_human
from scan3d.simulate.measure import tape_m
from tests.body.fit.truth import Truth, rays_at

SKIN, CLOTH, HAIR, EYE = range(4)
# Landmarks of the face (Sagonas et al. 2013).
_FACE = {"right eye": range(36, 42), "left eye": range(42, 48), "nose": range(29, 36), "lips": range(48, 68)}


def scan_to_model_m(truth: Truth, fitted: Fitted, model: BodyModel, *, without_hair: bool = True) -> np.ndarray:
    """(N,) distance from points spread over the scan to the body, metres; hair, eyes and stands left out."""
    scene = rays_at(Mesh(vertices=fitted.vertices, faces=model.faces))
    scan = truth.scan
    areas = scan.face_areas()
    rng = np.random.default_rng(3)
    faces = rng.choice(len(areas), 40_000, p=areas / areas.sum())
    if without_hair:
        faces = faces[np.isin(truth.label[scan.faces[faces, 0]], (SKIN, CLOTH))]
    points = np.einsum("nk,nkc->nc", rng.dirichlet([1, 1, 1], len(faces)), scan.vertices[scan.faces[faces]])
    return np.asarray(scene.compute_distance(o3d.core.Tensor.from_numpy(points.astype(np.float32))).numpy())


def joint_errors_m(truth: Truth, names: tuple[str, ...], joints: np.ndarray) -> Mapping[str, float]:
    """Joint -> how far the fitted one (J, 3) is from it, metres."""
    return {name: float(np.linalg.norm(joints[names.index(name)] - place)) for name, place in truth.joints.items()}


def girth_errors_m(truth: Truth, fitted: Fitted, model: BodyModel) -> Mapping[str, float]:
    """Chest, waist and hip: fitted less true girth at the true level of the standing bodies, metres."""
    body = prepared(model).body
    arms = np.isin(part_of_joints(fitted.names)[body.strongest], [PARTS.index("arms"), PARTS.index("hands")])
    own = model.faces[~arms[model.faces].any(axis=1) & prepared(model).seen[model.faces].all(axis=1)]
    errors = {}
    for name, level in truth.levels_m.items():
        true = tape_m(truth.skin.vertices, truth.skin.faces[truth.trunk], level)
        errors[name] = tape_m(fitted.vertices, own, level) - true
    return errors


def face_errors_m(truth: Truth, fitted: Fitted, model: BodyModel) -> Mapping[str, float]:
    """Eyes, nose, lips, ears: how far the middle of each lies from the truth's, metres. The open body only: its
    vertices are some of those the truth's skin was divided from."""
    skin = skin_vertices()
    ears = np.flatnonzero(np.asarray(model.parts["ear"]) > 0.5)
    places = {name: [model.landmarks[f"face_{n}"] for n in numbers] for name, numbers in _FACE.items()}
    errors = {}
    for name, rows in (*places.items(), ("left ear", ears[model.template[ears, 0] > 0]),
                       ("right ear", ears[model.template[ears, 0] < 0])):  # fmt: skip
        known = np.asarray(rows)[skin[rows] >= 0]
        off = fitted.vertices[known].mean(axis=0) - truth.skin.vertices[skin[known]].mean(axis=0)
        errors[name] = float(np.linalg.norm(off))
    return errors


@cache
def skin_vertices() -> np.ndarray:
    """(V,) the truth's vertex of each of the open body's; -1 where it is not skin."""
    human = load_open_human()
    skin = np.unique(human.quads[human.group("body")])
    number = np.full(len(human.vertices), -1)
    number[skin] = np.arange(len(skin))
    return np.asarray(number[make_cage(human).rows])


def is_turned(truth: Truth, names: tuple[str, ...], joints: np.ndarray) -> bool:
    """Whether front and back, or left and right, are mistaken: by hips and shoulders, and by each pair of limbs."""
    for pair in ("hip", "shoulder", "knee", "ankle", "elbow", "wrist"):
        left, right = truth.joints[f"left_{pair}"], truth.joints[f"right_{pair}"]
        across = joints[names.index(f"left_{pair}")] - joints[names.index(f"right_{pair}")]
        if float(across @ (left - right)) < 0:
            return True
    return False


def inside_cloth(truth: Truth, fitted: Fitted, model: BodyModel) -> tuple[float, float]:
    """(share of all seen vertices of the body that are not outside of cloth, share of those under cloth).

    A vertex is outside where the cloth nearest to it, facing as it does, lies deeper than it.
    """
    scan, seen = truth.scan, prepared(model).seen
    answer = rays_at(scan).compute_closest_points(o3d.core.Tensor.from_numpy(fitted.vertices.astype(np.float32)))
    face = answer["primitive_ids"].numpy().astype(np.int64)
    normals = scan.vertex_normals()[scan.faces[face]].mean(axis=1)
    own = Mesh(vertices=fitted.vertices, faces=model.faces).vertex_normals()
    off = fitted.vertices - answer["points"].numpy()
    cloth = (truth.label[scan.faces[face, 0]] == CLOTH) & seen & (np.einsum("vc,vc->v", own, normals) > 0.3)
    outside = cloth & (np.einsum("vc,vc->v", off, normals) > 0) & (np.linalg.norm(off, axis=1) < 0.08)
    return 1 - float(outside.sum() / seen.sum()), 1 - float(outside.sum() / max(cloth.sum(), 1))
