"""The face: what the jaw moves, ARKit's expressions as named shapes, and the expression basis."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from scan3d.body.open_model.cage import Cage, model_frame
from scan3d.body.skeleton import joint

_PREFIX = "arkit-"
# ARKit's jawOpen turns the lower teeth by this about the jaw's joint (measured; the rest is 0.7 mm); its looks turn the
# eyes by these.
JAW_OPEN_DEG = 20.7
_LOOKS_DEG = {"Up": (-9.8, 0), "Down": (9.8, 0), "In": (0, -15.3), "Out": (0, 15.3)}


def expressions(cage: Cage) -> dict[str, np.ndarray]:
    """Name -> (V, 3) float32 moves of ARKit's 52 expressions at full strength, model frame, metres."""
    names = [name for name in cage.human.target_names if name.startswith(_PREFIX)]
    return {name.removeprefix(_PREFIX): _moves(cage, name).astype(np.float32) for name in names}


def expression_basis(cage: Cage, shapes: Mapping[str, np.ndarray], count: int) -> tuple[np.ndarray, int]:
    """(V, 3, count) orthogonal components of the expressions, largest first, and how many are not zeros.

    Of ARKit's shapes and of MakeHuman's units (the mean of the origins' ones). Each component is scaled to the
    standard deviation it has if every shape is used at random from 0 to 1.
    """
    units = sorted({name.partition("-")[2] for name in cage.human.target_names if _is_unit(name)})
    others = [_moves(cage, *(f"{origin}-{unit}" for origin in ("african", "asian", "caucasian"))) for unit in units]
    rows = np.stack([*shapes.values(), *others]).reshape(len(shapes) + len(others), -1).astype(np.float64)
    _, sizes, components = np.linalg.svd(rows / np.sqrt(12), full_matrices=False)
    real = min(count, int((sizes > 1e-6 * sizes[0]).sum()))
    components = (
        components[:real] * np.sign(components[np.arange(real), np.abs(components[:real]).argmax(axis=1)])[:, None]
    )
    basis = np.zeros((count, rows.shape[1]), np.float32)
    basis[:real] = sizes[:real, None] * components
    return np.ascontiguousarray(basis.T).reshape(len(cage.rows), 3, count), real


def with_jaw(weights: np.ndarray, cage: Cage, points: np.ndarray, jaw: np.ndarray, opened: np.ndarray) -> np.ndarray:
    """(V, 55) weights in which the jaw has the share of its turn that ARKit's jawOpen (V, 3) gives each vertex.

    points: (V, 3) with the jaw's joint (3,) there. What the head and the jaw had is shared between them.
    """
    turn = _about_x(JAW_OPEN_DEG)
    full = (points - jaw) @ (turn - np.eye(3)).T
    share = np.clip((opened * full).sum(axis=1) / np.maximum((full**2).sum(axis=1), 1e-12), 0, 1)
    share[share < 0.01] = 0
    share[cage.part("lower-teeth", "tongue")] = 1
    share[cage.part("upper-teeth", "l-eye", "r-eye", "l-eyelashes", "r-eyelashes")] = 0
    # The throat is moved by the neck too: the jaw takes its share of what the head and itself hold.
    result = weights.copy()
    both = weights[:, joint("head")] + weights[:, joint("jaw")]
    result[:, joint("jaw")] = both * share
    result[:, joint("head")] = both * (1 - share)
    return result


def face_correctives(
    points: np.ndarray, joints: np.ndarray, weights: np.ndarray, shapes: Mapping[str, np.ndarray], eyeballs: np.ndarray
) -> dict[int, tuple[np.ndarray, np.ndarray]]:
    """Joint -> rows and their corrective (n, 3, 9): lips when the jaw turns, lids when the left eye looks around."""
    jaw = joint("jaw")
    turn = _about_x(JAW_OPEN_DEG)
    blended = np.eye(3) + weights[:, jaw, None, None] * (turn - np.eye(3))
    plain = weights[:, jaw, None] * ((points - joints[jaw]) @ (turn - np.eye(3)).T)
    missing = np.linalg.solve(blended, (shapes["jawOpen"] - plain)[..., None])[..., 0]
    samples = [(_about_x(JAW_OPEN_DEG * s), missing * s) for s in (-0.1, 0.25, 0.5, 0.75, 1.0, 1.25)]
    samples += [(_about_y(angle), np.zeros_like(missing)) for angle in (-8.0, 8.0)]
    looks = []
    for way, (pitch, yaw) in _LOOKS_DEG.items():
        lids = np.where(eyeballs[:, None], 0, shapes[f"eyeLook{way}Left"])
        looks += [(_about_x(pitch * s) @ _about_y(yaw * s), lids * s) for s in (0.5, 1.0, 1.5)]
    return {jaw: _fitted(samples), joint("left_eye"): _fitted(looks)}


def _fitted(samples: list[tuple[np.ndarray, np.ndarray]]) -> tuple[np.ndarray, np.ndarray]:
    design = np.stack([(turn - np.eye(3)).ravel() for turn, _ in samples])
    moves = np.stack([move for _, move in samples])
    rows = np.flatnonzero(np.linalg.norm(moves, axis=2).max(axis=0) > 5e-5)
    square = design.T @ design + 1e-4 * (design**2).sum() / 9 * np.eye(9)
    solved = np.linalg.solve(square, design.T @ moves[:, rows].reshape(len(samples), -1))
    return rows, solved.reshape(9, len(rows), 3).transpose(1, 2, 0)


def _moves(cage: Cage, *names: str) -> np.ndarray:
    """(V, 3) the mean of some targets' moves, model frame."""
    full = np.zeros((len(cage.human.vertices), 3))
    for name in names:
        rows, moves = cage.human.target(name)
        full[rows] += moves / len(names)
    return model_frame(full[cage.rows])


def _is_unit(name: str) -> bool:
    """MakeHuman's expression units: "asian-mouth-open", not the macro targets "asian-male-old"."""
    origin, _, rest = name.partition("-")
    return origin in ("african", "asian", "caucasian") and not rest.startswith(("male-", "female-"))


def _about_x(degrees: float) -> np.ndarray:
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return np.array([[1, 0, 0], [0, c, -s], [0, s, c]])


def _about_y(degrees: float) -> np.ndarray:
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]])
