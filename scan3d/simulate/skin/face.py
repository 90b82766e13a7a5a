"""Where the features of a face are on the body at rest, found from its eyes, lips and outline."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from scan3d.geometry import Mesh

# Mean distance between the pupils of adults (Dodgson 2004): sizes on a face are scaled by it.
_EYES_APART_M = 0.063


@dataclass(frozen=True, kw_only=True, eq=False)
class Face:
    """Points (3,) at rest, metres. eye_radius_m: of the balls. scale: this face's size over the mean adult's."""

    eyes: tuple[np.ndarray, np.ndarray]
    nose: np.ndarray
    mouth: np.ndarray
    chin: np.ndarray
    ears: tuple[np.ndarray, np.ndarray]
    eye_radius_m: float
    scale: float


def eye_centres(others: Sequence[tuple[str, str, Mesh]]) -> list[np.ndarray]:
    """Centres (3,) of the balls among the eye meshes, on the posed body, ordered by x; components of 5 % and more."""
    centres = []
    for _, kind, mesh in others:
        if kind != "eye" or not len(mesh.faces):
            continue
        label = mesh.components()
        for part in range(label.max() + 1):
            faces = mesh.faces[label == part]
            if len(faces) >= 0.05 * len(mesh.faces):
                points = mesh.vertices[np.unique(faces)]
                centres.append(0.5 * (points.min(axis=0) + points.max(axis=0)))
    merged: list[np.ndarray] = []
    for centre in centres:
        if all(np.linalg.norm(centre - other) > 0.02 for other in merged):
            merged.append(centre)
    return sorted(merged, key=lambda c: float(c[0]))


def head_turn(posed: Mesh, rest: Mesh, centres: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """(3, 3) and (3,) that take places of the head at rest onto the posed body, from the skin around the eyes.

    centres: of the eyes, posed. Kabsch 1976.
    """
    if not len(centres):
        return np.eye(3), np.zeros(3)
    near = np.linalg.norm(posed.vertices - np.mean(centres, axis=0), axis=1) < 0.08
    if near.sum() < 3:
        return np.eye(3), np.zeros(3)
    a, b = rest.vertices[near].astype(np.float64), posed.vertices[near].astype(np.float64)
    U, _, Vt = np.linalg.svd((b - b.mean(axis=0)).T @ (a - a.mean(axis=0)))
    turn = U @ np.diag([1, 1, np.linalg.det(U @ Vt)]) @ Vt
    return turn, b.mean(axis=0) - turn @ a.mean(axis=0)


def find_face(
    posed: Mesh, rest: Mesh, regions: Mapping[str, np.ndarray], others: Sequence[tuple[str, str, Mesh]]
) -> Face | None:
    """The features of the face, or None where the regions name no face or it has no two eyes."""
    face = regions.get("face")
    centres = eye_centres(others)
    if face is None or len(centres) != 2 or (face > 0.5).sum() < 50:
        return None
    turn, shift = head_turn(posed, rest, centres)
    at_rest = sorted((turn.T @ (centre - shift) for centre in centres), key=lambda c: float(c[0]))
    right, left = at_rest
    middle = 0.5 * (left + right)
    scale = float(np.clip(np.linalg.norm(left - right) / _EYES_APART_M, 0.7, 1.4))
    points = rest.vertices
    lips = regions.get("lips")
    if lips is not None and (lips > 0.5).any():
        mouth = points[lips > 0.5].mean(axis=0)
    else:
        mouth = middle + scale * np.array([0, -0.01, -0.062])
    across = np.abs(points[:, 0] - middle[0])
    ridge = (across < 0.012 * scale) & (points[:, 2] < middle[2] - 0.01) & (points[:, 2] > mouth[2] + 0.01 * scale)
    ridge &= points[:, 1] < middle[1] + 0.03
    nose = (
        points[ridge][np.argmin(points[ridge][:, 1])] if ridge.any() else middle + scale * np.array([0, -0.03, -0.035])
    )
    below = (across < 0.012 * scale) & (np.abs(points[:, 2] - (mouth[2] - 0.042 * scale)) < 0.012 * scale)
    below &= points[:, 1] < middle[1] + 0.04
    chin = (
        points[below][np.argmin(points[below][:, 1])] if below.any() else mouth + scale * np.array([0, 0.004, -0.042])
    )
    ears = []
    height = (points[:, 2] > nose[2] - 0.01) & (points[:, 2] < middle[2] + 0.02)
    height &= np.abs(points[:, 1] - (middle[1] + 0.085 * scale)) < 0.05 * scale
    for side in (-1, 1):
        candidates = points[height & (side * (points[:, 0] - middle[0]) > 0.05 * scale)]
        candidates = candidates[np.abs(candidates[:, 0] - middle[0]) < 0.12 * scale]
        default = middle + scale * np.array([side * 0.075, 0.085, -0.02])
        ears.append(candidates[np.argmax(side * candidates[:, 0])] if len(candidates) else default)
    radius = float(np.mean([np.ptp(mesh.vertices[:, 2]) for _, kind, mesh in others if kind == "eye"]) / 2)
    return Face(
        eyes=(right, left), nose=nose, mouth=mouth, chin=chin, ears=(ears[0], ears[1]), eye_radius_m=radius, scale=scale
    )
