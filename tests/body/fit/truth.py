"""Scans whose bodies are known, from outside every body model: other shapes, bones, triangles and poses than a fit's.

People are mixed from MakeHuman's large proportions and a handful of its local and asymmetric targets, moved by its own
163 bones, bent a little in ways no target does, subdivided, and seen from outside only; holes, noise, hair and cloth
come on top.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from scan3d.geometry import Mesh
from scan3d.geometry.ray_scene import ray_scene
from scan3d.openhuman import Macro, macro_targets
from scan3d.simulate.anthropometry import within_ranges
from scan3d.simulate.body_surface import body_surface
from scan3d.simulate.eyes import eye_meshes
from scan3d.simulate.garments import OUTFITS, dress
from scan3d.simulate.hair import STYLES, hair_cap
from scan3d.simulate.measure import measure
from scan3d.simulate.poses import POSES, Arm, Leg, Pose, posed_with_joints
from tests.body.fit.denser import split_edges

if TYPE_CHECKING:
    import open3d as o3d

# The joint of SMPL-X: the bone whose head it is.
BONE_OF: Mapping[str, str] = {
    **{f"{s}_hip": f"upperleg01.{s[0].upper()}" for s in ("left", "right")},
    **{f"{s}_knee": f"lowerleg01.{s[0].upper()}" for s in ("left", "right")},
    **{f"{s}_ankle": f"foot.{s[0].upper()}" for s in ("left", "right")},
    **{f"{s}_shoulder": f"upperarm01.{s[0].upper()}" for s in ("left", "right")},
    **{f"{s}_elbow": f"lowerarm01.{s[0].upper()}" for s in ("left", "right")},
    **{f"{s}_wrist": f"wrist.{s[0].upper()}" for s in ("left", "right")},
    **{f"{s}_foot": f"toe2-1.{s[0].upper()}" for s in ("left", "right")},
    **{f"{s}_collar": f"clavicle.{s[0].upper()}" for s in ("left", "right")},
    "pelvis": "pelvis.L",
    "spine1": "spine03",
    "spine2": "spine02",
    "spine3": "spine01",
    "neck": "neck01",
    "head": "head",
}

_FINGERS = {"thumb": 1, "index": 2, "middle": 3, "ring": 4, "pinky": 5}
FINGER_OF: Mapping[str, str] = {
    f"{side}_{finger}{part}": f"finger{number}-{part}.{side[0].upper()}"
    for side in ("left", "right")
    for finger, number in _FINGERS.items()
    for part in (1, 2, 3)
}

# Local targets that people differ by, besides the large proportions: how far a random person may go in each.
_LOCAL_FOLDERS = (
    *("arm", "leg", "foot", "hand", "torso", "hip", "stomach", "buttocks", "neck", "head", "nose", "mouth", "chin"),
    *("cheek", "ear", "eye", "forehead", "breast", "pelvis", "bulge", "measure", "asym", "asymm"),
)
_NOT_PEOPLE = (
    "pregnant",
    "shape-pointed",
    "shape-triangle",
    "head-square",
    "head-triangular",
    "compress",
    "nubian",
    "trans-in",
    "trans-out",
)
_STRANGE_M = 0.003
# Where a knee is, in statures: 0.28 and 0.01 of spread in adults (ANSUR II, kneecap); the bones may slide on top of it.
_KNEE = (0.235, 0.315)
_MOST = {"asym": 0.5, "measure": 0.35, "head": 0.4, "torso": 0.4}


@dataclass(frozen=True, kw_only=True, eq=False)
class Truth:
    """A scan and what is true of it. World frame, metres.

    scan: the mesh a fit is given. skin: the whole skin beneath, posed, unspoilt. label: (V,) of the scan's vertices:
    "skin", "cloth", "hair" or "eye" as 0..3. joints, fingers: name of SMPL-X's joint -> (3,). cage: (C, 3) at rest.
    yaw_rad: by which the body is turned from facing -Y. pose, girths: as drawn. stance: how it stands exactly.
    trunk: (F,) faces of the skin that are no arm's.
    """

    scan: Mesh
    skin: Mesh
    label: np.ndarray
    joints: Mapping[str, np.ndarray]
    fingers: Mapping[str, np.ndarray]
    cage: np.ndarray
    yaw_rad: float
    pose: str
    stance: Pose
    measures: Mapping[str, float]
    levels_m: Mapping[str, float]
    trunk: np.ndarray


@cache
def _local_targets() -> tuple[str, ...]:
    human = body_surface().human
    sides = ("l-", "r-")
    return tuple(
        name
        for name in human.target_names
        if not name.startswith(("universal", "female", "male", "african", "asian", "caucasian"))
        and name.removeprefix(sides[0]).removeprefix(sides[1]).split("-")[0].rstrip("s") in _stems()
        and not any(word in name for word in _NOT_PEOPLE)
    )


@cache
def _stems() -> frozenset[str]:
    extra = ("lowerarm", "upperarm", "lowerleg", "upperleg", "nipple", "eyebrow", "buttock", "asymm", "bulge")
    return frozenset({name.rstrip("s") for name in (*_LOCAL_FOLDERS, *extra)})


def person(seed: int) -> tuple[np.ndarray, dict[str, float]]:
    """(C, 3) an adult's cage at rest and the measures, metres; within the ranges of published percentiles."""
    body = body_surface()
    for attempt in range(200):
        rng = np.random.default_rng([seed, 41, attempt])
        male = bool(rng.random() < 0.5)
        macro = Macro(
            male=float(np.clip(rng.normal(0.9 if male else 0.1, 0.1), 0, 1)),
            age=float(rng.uniform(0, 0.6)),
            muscle=float(rng.uniform(0.3, 0.8)),
            weight=float(rng.uniform(0.35, 0.8)),
            height=float(np.clip(rng.normal(0.5, 0.1), 0.25, 0.8)),
            cup=float(rng.uniform(0.2, 0.75)),
            firmness=float(rng.uniform(0.3, 0.8)),
            origin=tuple(rng.dirichlet([0.7, 0.7, 0.7]).tolist()),
        )
        amounts = {**macro_targets(macro), **_locals(rng)}
        cage = body.human.shaped(amounts)
        cage = cage + _strange(cage, rng)
        cage = cage - [0, 0, body.surface.points(cage)[:, 2].min()]
        numbers = vars(measure(body, cage))
        knee = body.human.joints(cage)[0][body.human.bone("lowerleg01.L")][2] / numbers["height_m"]
        if _KNEE[0] <= knee <= _KNEE[1] and within_ranges({"sex": "male" if male else "female", **numbers}):
            return cage, dict(numbers)
    raise AssertionError("nobody out of 200 lies within the ranges")


def _strange(points: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """(C, 3) moves that no target makes: smooth waves of 15 to 50 cm through the body, 3 mm root mean square."""
    length = rng.uniform(0.15, 0.5, 12)
    way = rng.normal(size=(12, 3))
    way *= (2 * np.pi / length / np.linalg.norm(way, axis=1))[:, None]
    towards = rng.normal(size=(12, 3)) * np.sqrt(2 / 12) * _STRANGE_M / np.sqrt(3)
    return np.asarray(np.cos(points @ way.T + rng.uniform(0, 2 * np.pi, 12)) @ towards)


def _locals(rng: np.random.Generator) -> dict[str, float]:
    """Thirty local targets; those of one side come with the other side's, at nearly the same amount."""
    names = _local_targets()
    chosen: dict[str, float] = {}
    for name in rng.choice(names, 30, replace=False):
        stem = str(name).split("-")[0]
        most = _MOST.get(stem, 0.6)
        amount = float(rng.uniform(0, most))
        twin = {"l": "r-", "r": "l-"}.get(stem)
        chosen[str(name)] = amount
        if twin is not None and twin + str(name)[2:] in names:
            chosen[twin + str(name)[2:]] = amount * float(rng.uniform(0.8, 1.2))
    return chosen


def pose_called(name: str, rng: np.random.Generator) -> Pose:
    """A pose of that name as people take it: never twice the same."""
    deg = rng.normal
    if name == "a":
        arm = [Arm(out_deg=45 + deg(0, 7), forward_deg=deg(0, 6), elbow_deg=abs(deg(6, 5))) for _ in range(2)]
        legs = [Leg(out=abs(deg(0.03, 0.03)), forward=deg(0, 0.01), turn_out_deg=deg(6, 4)) for _ in range(2)]
    elif name == "t":
        arm = [Arm(out_deg=86 + deg(0, 5), forward_deg=deg(0, 4), elbow_deg=abs(deg(2, 3))) for _ in range(2)]
        legs = [Leg(out=abs(deg(0.02, 0.03)), forward=deg(0, 0.01), turn_out_deg=deg(5, 4)) for _ in range(2)]
    elif name == "relaxed":
        arm = [Arm(out_deg=15 + deg(0, 2.5), forward_deg=deg(4, 5), elbow_deg=abs(deg(14, 6))) for _ in range(2)]
        legs = [Leg(out=abs(deg(0.01, 0.02)), forward=deg(0, 0.015), turn_out_deg=deg(8, 5)) for _ in range(2)]
    else:
        return POSES[name]
    turn = {"head_turn_deg": deg(0, 6), "head_tilt_deg": deg(0, 3), "chest_turn_deg": deg(0, 3)}
    return Pose(left_arm=arm[0], right_arm=arm[1], left_leg=legs[0], right_leg=legs[1], lower_share=0.004, **turn)


def make_truth(
    seed: int,
    *,
    pose: str = "a",
    clothing: str = "none",
    hair: str = "bald",
    noise_m: float = 0.0015,
    holes: float = 0.05,
    person_seed: int | None = None,
    finer: bool | int = False,
    seen_only: bool = True,
    feet: bool = True,
    stand: bool = False,
) -> Truth:
    """The scan of a seed. clothing: "none", "fitted" or "loose". hair: a style or "any". finer: 4 times the faces, or
    at least so many.
    """
    body = body_surface()
    rng = np.random.default_rng([seed, 42])
    cage, measures = person(seed if person_seed is None else person_seed)
    stance = pose_called(pose, rng)
    moved, heads = posed_with_joints(body.human, cage, stance)
    low = body.surface.points(moved)[:, 2].min()
    moved, heads = moved - [0, 0, low], heads - [0, 0, low]
    skin = body.surface.mesh(moved)
    style = str(rng.choice(STYLES)) if hair == "any" else hair
    pieces: list[tuple[int, Mesh]] = [(0, skin)]
    if clothing != "none":
        outfit = OUTFITS[int(rng.integers(len(OUTFITS)))]
        pieces += [(1, mesh) for _, mesh in dress(skin, outfit, loose=clothing == "loose", seed=seed)[0]]
    cap = hair_cap(skin, style)
    pieces += [(2, cap)] if cap is not None else []
    pieces += [(3, mesh) for _, mesh in eye_meshes(body.human, moved)]
    scan, label = _joined(pieces)
    if seen_only:
        scan, label = _seen_from_outside(scan, label)
    else:
        scan, label = _without_mouth(scan, label)
    if finer:
        scan, label = _subdivided(scan, label)
    while len(scan.faces) + 1 < int(finer):  # an edge split makes two more
        vertices, faces, ends = split_edges(scan.vertices, scan.faces, int(finer))
        scan, label = Mesh(vertices=vertices, faces=faces), np.concatenate([label, label[ends[:, 0]]])
    if not feet:
        scan, label = _kept(scan, label, scan.corners()[..., 2].min(axis=1) > 0.09)
    if stand:
        scan, label = _on_a_stand(scan, label)
    scan, label = _with_holes(scan, label, holes, rng)
    scan = _noisy(scan, noise_m, rng)
    yaw = float(rng.uniform(-np.pi, np.pi))
    shift = np.array([*rng.uniform(-0.3, 0.3, 2), 0.0])
    turn = np.array([[np.cos(yaw), -np.sin(yaw), 0], [np.sin(yaw), np.cos(yaw), 0], [0, 0, 1.0]])

    def place(points: np.ndarray) -> np.ndarray:
        return np.asarray(points @ turn.T + shift)

    heads = place(heads)
    return Truth(
        scan=replace(scan, vertices=place(scan.vertices)),
        skin=replace(skin, vertices=place(skin.vertices)),
        label=label,
        joints={joint: heads[body.human.bone(bone)] for joint, bone in BONE_OF.items()},
        fingers={joint: heads[body.human.bone(bone)] for joint, bone in FINGER_OF.items()},
        cage=cage,
        yaw_rad=yaw,
        pose=pose,
        stance=stance,
        measures=measures,
        levels_m=_levels(skin.vertices),
        trunk=(body.arms[skin.faces] < 0.5).all(axis=1),
    )


def _levels(points: np.ndarray) -> dict[str, float]:
    """Heights of chest, waist and hip girths on the posed skin: nipples, navel, where the buttocks stand out."""
    body = body_surface()
    rows, moves = body.human.target("stomach-navel-in")
    navel = body.cage[rows[np.argmax(np.linalg.norm(moves, axis=1))]]
    near = int(np.argmin(np.linalg.norm(body.reference - navel, axis=1)))
    band = (np.abs(body.reference[:, 2] - body.joints["upperleg01.L"][2] + 0.03) < 0.08) & (body.limb["trunk"] > 0.3)
    behind = np.flatnonzero(band)[np.argmax(body.reference[band, 1])]
    return {
        "chest": float(points[body.regions["areola"] > 0.8, 2].mean()),
        "waist": float(points[near, 2]),
        "hip": float(points[behind, 2]),
    }


def _joined(pieces: list[tuple[int, Mesh]]) -> tuple[Mesh, np.ndarray]:
    starts = np.cumsum([0, *(len(mesh.vertices) for _, mesh in pieces[:-1])])
    faces = np.concatenate([mesh.faces + start for (_, mesh), start in zip(pieces, starts, strict=True)])
    vertices = np.concatenate([mesh.vertices for _, mesh in pieces])
    label = np.concatenate([np.full(len(mesh.vertices), number) for number, mesh in pieces])
    return Mesh(vertices=vertices, faces=faces), label


def _kept(scan: Mesh, label: np.ndarray, keep: np.ndarray) -> tuple[Mesh, np.ndarray]:
    part = replace(scan, vertex_values={"label": label}).submesh(keep)
    return replace(part, vertex_values={}), np.asarray(part.vertex_values["label"])


def _without_mouth(scan: Mesh, label: np.ndarray) -> tuple[Mesh, np.ndarray]:
    body = body_surface()
    inside = np.zeros(len(scan.vertices), bool)
    mouth = np.asarray(body.surface.matrix @ body.human.masks["mouth_inside"]) > 0.5
    inside[: len(mouth)] = mouth
    return _kept(scan, label, ~inside[scan.faces].any(axis=1))


def rays_at(mesh: Mesh) -> o3d.t.geometry.RaycastingScene:
    return ray_scene([(mesh.vertices, mesh.faces)])


def _seen_from_outside(scan: Mesh, label: np.ndarray) -> tuple[Mesh, np.ndarray]:
    """Faces that two or more of 26 places around the body see."""
    import open3d as o3d

    scene = rays_at(scan)
    centres, normals = scan.corners().mean(axis=1), scan.face_normals()
    around = np.linspace(0, 2 * np.pi, 8, endpoint=False)
    rings = [(2.5 * np.cos(a + h), 2.5 * np.sin(a + h), h) for h in (0.15, 1.0, 1.9) for a in around]
    seen = np.zeros(len(scan.faces), int)
    for camera in [*rings, (0.3, 0.0, 3.5), (-0.3, 0.0, 3.5)]:
        line = np.asarray(camera) - centres
        line /= np.linalg.norm(line, axis=1, keepdims=True)
        facing = np.flatnonzero(np.einsum("fi,fi->f", line, normals) > 0.15)
        rays = np.concatenate([centres[facing] + 2e-4 * normals[facing], line[facing]], axis=1).astype(np.float32)
        seen[facing[~scene.test_occlusions(o3d.core.Tensor.from_numpy(rays)).numpy()]] += 1
    return _kept(scan, label, seen >= 2)


def _subdivided(scan: Mesh, label: np.ndarray) -> tuple[Mesh, np.ndarray]:
    """Every face as four."""
    edges = np.sort(scan.faces[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), axis=1)
    unique, number = np.unique(edges, axis=0, return_inverse=True)
    middle = number.reshape(-1, 3) + len(scan.vertices)
    a, b, c = scan.faces.T
    ab, bc, ca = middle.T
    faces = np.concatenate([np.stack(t, axis=1) for t in ((a, ab, ca), (ab, b, bc), (ca, bc, c), (ab, bc, ca))])
    vertices = np.concatenate([scan.vertices, scan.vertices[unique].mean(axis=1)])
    return Mesh(vertices=vertices, faces=faces), np.concatenate([label, label[unique[:, 0]]])


def _on_a_stand(scan: Mesh, label: np.ndarray) -> tuple[Mesh, np.ndarray]:
    """A turntable 12 cm high and 90 cm wide under the feet, its top at z = 0."""
    around = np.linspace(0, 2 * np.pi, 97)[:-1]
    radii = np.linspace(0.02, 0.45, 24)
    rings = [np.stack([r * np.cos(around), r * np.sin(around), 0 * around - 0.001], axis=1) for r in radii]
    rings.append(rings[-1] - [0, 0, 0.12])
    points = np.concatenate(rings)
    grid = np.arange(len(points)).reshape(len(rings), -1)
    a, b = grid[:-1], np.roll(grid[:-1], -1, axis=1)
    c, d = np.roll(grid[1:], -1, axis=1), grid[1:]
    faces = np.concatenate([np.stack([x.ravel() for x in t], axis=1) for t in ((a, d, c), (a, c, b))])
    plate = Mesh(vertices=points, faces=faces)
    joined, _ = _joined([(0, scan), (1, plate)])
    return joined, np.concatenate([label, np.full(len(points), 1)])


def _with_holes(scan: Mesh, label: np.ndarray, share: float, rng: np.random.Generator) -> tuple[Mesh, np.ndarray]:
    """Round holes of 1 to 6 cm until the share of the surface is gone."""
    if share <= 0:
        return scan, label
    centres, areas = scan.corners().mean(axis=1), scan.face_areas()
    gone = np.zeros(len(centres), bool)
    while areas[gone].sum() < share * areas.sum():
        middle = centres[rng.integers(len(centres))]
        gone |= np.linalg.norm(centres - middle, axis=1) < rng.uniform(0.01, 0.06)
    return _kept(scan, label, ~gone)


def _noisy(scan: Mesh, noise_m: float, rng: np.random.Generator) -> Mesh:
    """Noise along the normals: half of it from vertex to vertex, half in bumps of two centimetres."""
    points = scan.vertices
    waves = rng.normal(size=(24, 3)) * (2 * np.pi / 0.02) / 3
    phase = rng.uniform(0, 2 * np.pi, 24)
    bumps = np.cos(points @ waves.T + phase).sum(axis=1) * np.sqrt(2 / 24)
    along = noise_m * np.sqrt(0.5) * (bumps + rng.normal(size=len(points)))
    return replace(scan, vertices=points + along[:, None] * scan.vertex_normals())
