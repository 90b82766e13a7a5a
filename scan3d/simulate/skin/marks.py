"""The catalogue of a skin's marks: which, where, how large, how dark. `drawing` draws them on the body at rest."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from scan3d.geometry import Mesh
from scan3d.simulate.skin.zones import Zones, smooth


@dataclass(frozen=True, kw_only=True, eq=False)
class Mark:
    """One mark on the body at rest.

    face, weights (3,): its middle, barycentric. position, normal, along (3,): at rest, metres; along is the unit
    direction of its length, in the surface. half_length_m >= half_width_m: of a capsule. wander: how far (of the half
    length) its middle line leaves a straight one. contrast: as of Imperfection. relief_m: height. gloss: added to the
    roughness. seed: of its outline.
    """

    kind: str
    face: int
    weights: np.ndarray
    position: np.ndarray
    normal: np.ndarray
    along: np.ndarray
    half_length_m: float
    half_width_m: float
    wander: float
    contrast: float
    relief_m: float
    gloss: float
    seed: int

    @property
    def reach_m(self) -> float:
        """Radius around the middle within which the mark and the ring of skin it is measured against lie."""
        return self.half_length_m + 1.6 * self.half_width_m


# The narrowest mark that a map can show, half its width in texels.
_NARROWEST_TEXELS = 1.2


def place_marks(
    posed: Mesh,
    rest: Mesh,
    zones: Zones,
    texel_m: np.ndarray,
    others: Sequence[Mesh],
    *,
    tone: float,
    shaved: bool,
    seed: int,
) -> list[Mark]:
    """Chooses marks on skin that a camera can see: not under cloth, hair or lips, nor in folds of the pose.

    texel_m: (V,) of the map they will be drawn in; what it cannot show is left out. Marks keep clear of each other,
    so that each has plain skin around it.
    """
    rng = np.random.default_rng([seed, 77])
    faces, weights = _open_places(posed, rest, zones, others, shaved, rng)
    if not len(faces):
        return []
    corners = rest.faces[faces]

    def at(values: np.ndarray) -> np.ndarray:
        return np.asarray(np.einsum("nk,nk...->n...", weights, values[corners]))

    positions, normals, texel = at(rest.vertices), at(rest.vertex_normals()), at(texel_m)
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    likely = _likelihoods(at, zones, positions)
    marks: list[Mark] = []
    for kind, count in _counts(rng, tone):
        chance = likely[kind]
        if chance.sum() <= 0:
            continue
        tries = rng.choice(
            len(faces), size=min(6 * count, int((chance > 0).sum())), replace=False, p=chance / chance.sum()
        )
        placed = 0
        for n in tries:
            mark = _draw_lots(kind, rng, tone, faces[n], weights[n], positions[n], normals[n])
            if mark.half_width_m < _NARROWEST_TEXELS * texel[n] or placed == count:
                continue
            if all(np.linalg.norm(mark.position - m.position) > 1.1 * (mark.reach_m + m.reach_m) for m in marks):
                marks.append(mark)
                placed += 1
    return marks


def _open_places(
    posed: Mesh, rest: Mesh, zones: Zones, others: Sequence[Mesh], shaved: bool, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Faces (N,) and barycentric weights (N, 3) of random places on visible skin, even over the area at rest."""
    covered = np.maximum.reduce([zones.lips, zones.nail, zones.brow, zones.scalp])
    covered = np.maximum(covered, 4 * smooth(rest, zones.hidden, 3))
    if not shaved:
        covered = np.maximum(covered, zones.beard)
    # Two rings of neighbours away from what covers: the skin around a mark must be skin too.
    clear = (smooth(rest, covered, 2)[rest.faces].max(axis=1) < 0.04) & (zones.hidden[rest.faces].max(axis=1) < 0.01)
    area = rest.face_areas() * clear
    if area.sum() <= 0:
        return np.zeros(0, np.int64), np.zeros((0, 3))
    faces = rng.choice(len(area), size=8000, p=area / area.sum())
    a, b = np.sqrt(rng.random(8000)), rng.random(8000)
    weights = np.stack([1 - a, a * (1 - b), a * b], axis=1)
    points = np.einsum("nk,nkc->nc", weights, posed.vertices[posed.faces[faces]])
    seen = _openness(posed, others, points, posed.face_normals()[faces], rng) > 0.6
    return faces[seen], weights[seen]


def _openness(
    posed: Mesh, others: Sequence[Mesh], points: np.ndarray, normals: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """(N,) share of the directions above the surface that leave the subject within half a metre, cosine-weighted."""
    import open3d as o3d

    tensor = o3d.core.Tensor.from_numpy
    scene = o3d.t.geometry.RaycastingScene(nthreads=1)
    for mesh in (posed, *others):
        scene.add_triangles(tensor(mesh.vertices.astype(np.float32)), tensor(mesh.faces.astype(np.uint32)))
    free = np.zeros(len(points))
    rays = 24
    for _ in range(rays):
        ball = rng.standard_normal(points.shape)
        direction = normals + ball / np.linalg.norm(ball, axis=1, keepdims=True)
        direction /= np.maximum(np.linalg.norm(direction, axis=1, keepdims=True), 1e-9)
        cast = np.concatenate([points + 5e-4 * normals, direction], axis=1).astype(np.float32)
        free += scene.cast_rays(tensor(cast), nthreads=1)["t_hit"].numpy() > 0.5
    return free / rays


def _likelihoods(at: Callable[[np.ndarray], np.ndarray], zones: Zones, positions: np.ndarray) -> dict[str, np.ndarray]:
    """(N,) chance of each kind at each place; sun makes freckles, oil blemishes, thin skin shows veins."""
    pores, beard = at(zones.relief[:, 1]), at(zones.beard)
    blood, melanin = at(zones.log_blood), at(zones.log_melanin)
    pale = melanin < -0.3
    head = positions[:, 2] > np.percentile(positions[:, 2], 50)
    return {
        "mole": np.where(pale, 0.0, 1.0),
        "freckle": np.where(pale, 0.0, 0.05 + 6 * pores + 0.6 * head * np.clip(blood, 0, 1)),
        "scar": np.where(pale, 0.0, 1.0),
        "blemish": np.where(pale, 0.0, 0.004 + pores + 0.6 * beard),
        "vein": np.where(pale | (pores > 0.1) | (beard > 0.1) | (blood > 0.15), 0.0, 1.0),
    }


def _counts(rng: np.random.Generator, tone: float) -> list[tuple[str, int]]:
    """How many of each kind are tried, larger ones first so that they find room. Moles: 10..40 (Bataille 2007)."""
    light = 1 - tone
    return [
        ("vein", int(rng.integers(3, 9))),
        ("scar", int(rng.integers(2, 6))),
        ("mole", int(rng.integers(12, 40))),
        ("blemish", int(rng.integers(4, 14))),
        ("freckle", int(rng.integers(10, 40) + rng.random() * 200 * light**2)),
    ]


def _draw_lots(
    kind: str,
    rng: np.random.Generator,
    tone: float,
    face: int,
    weights: np.ndarray,
    position: np.ndarray,
    normal: np.ndarray,
) -> Mark:
    """Size, contrast and the rest of one mark, at random within what its kind allows."""
    pick = rng.uniform
    light = 1 - 0.55 * tone
    width = length = relief_mm = gloss = wander = 0.0
    if kind == "mole":
        width = float(np.clip(np.exp(rng.normal(np.log(1.6), 0.35)), 0.9, 3.6))
        length, contrast = width * pick(1.0, 1.25), pick(0.45, 0.82) * light
        relief_mm = pick(0.25, 0.9) if width > 1.9 and rng.random() < 0.6 else 0.0
    elif kind == "freckle":
        width = pick(0.7, 1.7)
        length, contrast = width * pick(1.0, 1.5), pick(0.14, 0.36) * light
    elif kind == "scar":
        width, length = pick(0.9, 2.0), pick(5.0, 17.0)
        contrast, relief_mm, gloss, wander = -pick(0.1, 0.28), pick(-0.25, 0.3), -0.13, 0.15
    elif kind == "blemish":
        width = pick(1.3, 2.8)
        length, contrast, relief_mm = width * pick(1.0, 1.15), pick(0.15, 0.3) * light, pick(0.2, 0.6)
        gloss = -0.06
    else:
        width, length = pick(1.1, 1.8), pick(14.0, 32.0)
        contrast, relief_mm, wander = pick(0.05, 0.13) * light, pick(0.1, 0.3), 0.25
    tangent = np.cross(normal, rng.standard_normal(3))
    if kind == "vein":  # along the limb: limbs of a body at rest run mostly downwards or aside
        tangent = np.array([0.35 * rng.standard_normal(), 0.2 * rng.standard_normal(), 1.0])
        tangent -= normal * (tangent @ normal)
    return Mark(
        kind=kind,
        face=int(face),
        weights=weights,
        position=position,
        normal=normal,
        along=tangent / max(float(np.linalg.norm(tangent)), 1e-9),
        half_length_m=1e-3 * length,
        half_width_m=1e-3 * width,
        wander=wander,
        contrast=float(contrast),
        relief_m=1e-3 * relief_mm,
        gloss=gloss,
        seed=int(rng.integers(1 << 20)),
    )
