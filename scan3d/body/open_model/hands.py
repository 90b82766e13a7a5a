"""How hands are held: poses within the ranges of the finger joints, their mean and their principal components."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from scan3d.body.open_model.cage import Cage
from scan3d.body.skeleton import joint

_FINGERS = ("index", "middle", "pinky", "ring", "thumb")
COMPONENTS = 24
_MIXED = 1500

# Degrees of flexion of the three joints of index, middle, ring and little finger, and spread of each from the middle
# finger (outwards positive); of the thumb: towards the palm's front, across the palm, turned, then its two joints.
# Within the ranges of healthy hands: knuckles 90 and spread 20, middle joints 105, end joints 80; thumb 45, 40, 30, 60,
# 80 (American Academy of Orthopaedic Surgeons, Joint Motion, 1965; Hume et al. 1990, J. Hand Surgery 15A).
_POSES: Mapping[str, tuple[tuple[float, ...], ...]] = {
    "flat": ((0, 0, 0, 2), (0, 0, 0, 0), (0, 0, 0, 2), (0, 0, 0, 4), (0, 0, 0, 0, 0)),
    "relaxed": ((18, 26, 14, 1), (24, 32, 17, 0), (28, 36, 19, 0), (30, 36, 20, 1), (14, 6, 8, 10, 18)),
    "hanging": ((12, 18, 9, 0), (15, 23, 11, 0), (18, 25, 12, 0), (19, 25, 13, 0), (8, 4, 4, 8, 10)),
    "half_closed": ((40, 50, 28, 0), (44, 54, 30, 0), (48, 56, 32, 0), (50, 54, 32, 0), (26, 14, 14, 18, 28)),
    "fist": ((82, 96, 62, -2), (85, 100, 62, 0), (87, 100, 62, -2), (88, 96, 62, -4), (36, 22, 26, 44, 52)),
    "loose_fist": ((62, 80, 45, 0), (66, 84, 46, 0), (70, 84, 46, 0), (72, 80, 46, -2), (30, 24, 20, 30, 36)),
    "spread": ((-6, 2, 0, 16), (-4, 0, 0, 0), (-4, 2, 0, 12), (-6, 4, 0, 20), (-6, -14, 0, -4, -6)),
    "point": ((2, 4, 2, 0), (78, 94, 58, 0), (82, 96, 58, 0), (84, 92, 58, 0), (34, 26, 24, 36, 40)),
    "two": ((0, 4, 2, 9), (0, 4, 2, 0), (80, 95, 58, 0), (82, 92, 58, 0), (36, 32, 26, 40, 44)),
    "thumb_up": ((80, 95, 60, 0), (82, 98, 60, 0), (84, 98, 60, 0), (86, 94, 60, 0), (-4, -16, -4, -6, -12)),
    "pinch": ((46, 44, 24, 0), (30, 34, 18, 0), (26, 30, 16, 0), (24, 28, 15, 4), (38, 20, 24, 14, 22)),
    "pinch_open": ((40, 38, 20, 2), (12, 14, 8, 0), (8, 10, 6, 4), (8, 10, 6, 12), (36, 18, 22, 10, 18)),
    "tripod": ((46, 46, 26, 0), (48, 50, 28, 0), (58, 66, 36, 0), (62, 68, 38, 0), (36, 22, 24, 18, 26)),
    "hook": ((10, 86, 58, 0), (10, 90, 58, 0), (12, 90, 58, 0), (14, 84, 56, 0), (6, 2, 2, 10, 20)),
    "cylinder": ((46, 52, 32, 3), (48, 54, 33, 0), (50, 54, 33, 2), (52, 52, 32, 4), (40, 4, 22, 18, 24)),
    "sphere": ((32, 40, 26, 12), (34, 40, 26, 0), (36, 42, 26, 8), (36, 42, 26, 16), (42, -4, 24, 10, 18)),
    "cup": ((26, 20, 12, 0), (28, 22, 12, 0), (30, 24, 13, 0), (32, 26, 14, 0), (26, 10, 12, 8, 12)),
    "lumbrical": ((75, 6, 4, 0), (77, 6, 4, 0), (79, 6, 4, 0), (80, 6, 4, 0), (34, 12, 18, 6, 6)),
    "key": ((52, 66, 36, 0), (58, 74, 40, 0), (64, 78, 42, 0), (66, 76, 42, 0), (12, 16, 6, 22, 30)),
    "horns": ((2, 6, 4, 4), (80, 95, 58, 0), (82, 95, 58, 0), (4, 10, 6, 8), (34, 28, 24, 40, 42)),
}  # fmt: skip


def hand_space(
    joints: np.ndarray, nails: Mapping[str, np.ndarray]
) -> tuple[np.ndarray, np.ndarray, dict[str, np.ndarray]]:
    """Means (2, 45), components (2, 24, 45) as orthonormal rows, and the named poses (45,) of the left hand.

    Axis-angles of the 15 finger joints, index, middle, little, ring finger and thumb, full angles. joints: (55, 3) in
    the level pose. nails: of each left finger the outward normal (3,) of its nail, which tells about which axis it
    bends. The components are those of mixtures of the poses, as hands are moved in few joint patterns (Santello et
    al. 1998, J. Neuroscience 18); the mean is the relaxed hand.
    """
    named = {name: _pose(values, joints, nails) for name, values in _POSES.items()}
    rng = np.random.default_rng(11)
    corners = np.stack(list(named.values()))
    shares = rng.dirichlet(np.full(len(corners), 0.25), _MIXED)
    # Fingers also move on their own: half of the mixtures differ from finger to finger.
    mixed = (shares @ corners).reshape(_MIXED, 5, 9)
    for finger in range(5):
        own = rng.dirichlet(np.full(len(corners), 0.25), _MIXED // 2)
        mixed[: _MIXED // 2, finger] = (own @ corners).reshape(-1, 5, 9)[:, finger]
    mean = named["relaxed"]
    poses = np.concatenate([mixed.reshape(_MIXED, 45), corners]) - mean
    _, _, rows = np.linalg.svd(poses, full_matrices=False)
    rows = rows[:COMPONENTS] * np.sign(rows[:COMPONENTS, np.abs(rows[:COMPONENTS]).argmax(axis=1)].diagonal())[:, None]
    flip = np.tile([1.0, -1.0, -1.0], 15)
    return np.stack([mean, mean * flip]), np.stack([rows, rows * flip]), named


def _pose(values: tuple[tuple[float, ...], ...], joints: np.ndarray, nails: Mapping[str, np.ndarray]) -> np.ndarray:
    """(45,) axis-angles of the left hand from the degrees of _POSES."""
    index, middle, ring, little, thumb = values
    rotations = []
    spread_way = {"index": -1.0, "middle": 0.0, "ring": 1.0, "pinky": 1.0}
    for finger in _FINGERS:
        hinge, along = _hinge(finger, joints, nails)
        if finger == "thumb":
            rotations += _thumb(thumb, hinge, along)
            continue
        a, b, c, out = {"index": index, "middle": middle, "ring": ring, "pinky": little}[finger]
        sideways = _turn(np.array([0.0, 1.0, 0.0]), spread_way[finger] * out)
        rotations += [sideways @ _turn(hinge, a), _turn(hinge, b), _turn(hinge, c)]
    return np.concatenate([_vector(rotation) for rotation in rotations])


def _thumb(values: tuple[float, ...], hinge: np.ndarray, along: np.ndarray) -> list[np.ndarray]:
    """The thumb's root swings out of the palm's plane, across it and turns about itself; its other joints bend."""
    front, across, turned, first, second = values
    down = np.array([0.0, -1.0, 0.0])
    root = _turn(np.cross(along, down), front) @ _turn(down, -across) @ _turn(along, turned)
    return [root, _turn(hinge, first), _turn(hinge, second)]


def nail_normals(cage: Cage, level: np.ndarray, weights: np.ndarray) -> dict[str, np.ndarray]:
    """Left finger -> (3,) the outward direction of its nail, of a body (V, 3) in the level pose."""
    triangles = level[cage.faces]
    cross = np.cross(triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0])
    nail = cage.human.masks["fingernail"][cage.rows] > 0.6
    result = {}
    for finger in _FINGERS:
        own = nail & (weights[:, joint(f"left_{finger}3")] > 0.5)
        normal = cross[own[cage.faces].all(axis=1)].sum(axis=0)
        result[finger] = normal / np.linalg.norm(normal)
    return result


def finger_hinges(joints: np.ndarray, nails: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Left finger joint -> (3,) the axis it bends about."""
    return {f"left_{finger}{k}": _hinge(finger, joints, nails)[0] for finger in _FINGERS for k in (1, 2, 3)}


def _hinge(finger: str, joints: np.ndarray, nails: Mapping[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """(3,) the axis a left finger bends about, towards the side away from its nail; and the way it points."""
    along = joints[joint(f"left_{finger}3")] - joints[joint(f"left_{finger}2")]
    along = along / np.linalg.norm(along)
    hinge = np.cross(along, -nails[finger])
    return hinge / np.linalg.norm(hinge), along


def _turn(axis: np.ndarray, degrees: float) -> np.ndarray:
    from scipy.spatial.transform import Rotation

    return np.asarray(Rotation.from_rotvec(np.radians(degrees) * axis / np.linalg.norm(axis)).as_matrix())


def _vector(rotation: np.ndarray) -> np.ndarray:
    from scipy.spatial.transform import Rotation

    return np.asarray(Rotation.from_matrix(rotation).as_rotvec())
