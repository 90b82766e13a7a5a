"""Single vertices with a name: those smplx asks for by number, and the 51 landmarks of a face."""

from __future__ import annotations

import numpy as np

from scan3d.openhuman import OpenHuman

# The places that smplx 0.1.28 has written into its code (vertex_ids.py) for all models of this kind.
SMPLX_VERTICES = {
    "nose": 9120, "right_eye": 9929, "left_eye": 9448, "right_ear": 616, "left_ear": 6,
    "right_thumb": 8079, "right_index": 7669, "right_middle": 7794, "right_ring": 7905, "right_pinky": 8022,
    "left_thumb": 5361, "left_index": 4933, "left_middle": 5058, "left_ring": 5169, "left_pinky": 5286,
    "left_big_toe": 5770, "left_small_toe": 5780, "left_heel": 8846,
    "right_big_toe": 8463, "right_small_toe": 8474, "right_heel": 8635,
}  # fmt: skip
_FINGERS = {"thumb": 1, "index": 2, "middle": 3, "ring": 4, "pinky": 5}


def named_vertices(human: OpenHuman) -> dict[str, int]:
    """Name -> row of the open human's vertices, found by geometry on its base shape."""
    points = human.vertices.astype(np.float64)
    heads, tails = human.joints(points)
    body = np.unique(human.quads[human.group("body")])
    result: dict[str, int] = {}

    def furthest(rows: np.ndarray, along: np.ndarray) -> int:
        return int(rows[np.argmax(points[rows] @ along)])

    head = body[_share(human, "head", body) > 0.5]
    middle = head[np.abs(points[head, 0]) < 0.004]
    eyes = heads[human.bone("eye.L"), 2]
    result["nose"] = furthest(middle[np.abs(points[middle, 2] - eyes + 0.035) < 0.02], np.array([0.0, -1, 0]))
    eye = np.unique(human.quads[human.group("l-eye")])
    result["left_eye"] = furthest(eye, np.array([0.0, -1, 0]))
    ear = body[(human.masks["ear"][body] > 0.6) & (points[body, 0] > 0)]
    # The tragus: the part of the ear furthest to the front, at its middle height.
    level = ear[np.abs(points[ear, 2] - points[ear, 2].mean()) < 0.01]
    result["left_ear"] = furthest(level, np.array([0.3, -1, 0]))
    for finger, number in _FINGERS.items():
        bone = human.bone(f"finger{number}-3.L")
        rows = body[_share(human, f"finger{number}-3.L", body) > 0.5]
        result[f"left_{finger}"] = furthest(rows, tails[bone] - heads[bone])
    for toe, name in (("big", "toe1-2.L"), ("small", "toe5-3.L")):
        result[f"left_{toe}_toe"] = furthest(body[_share(human, name, body) > 0.5], np.array([0.0, -1, 0]))
    foot = body[_share(human, "foot.L", body) > 0.5]
    low = foot[points[foot, 2] < points[foot, 2].min() + 0.025]
    result["left_heel"] = furthest(low, np.array([0.0, 1, 0]))
    twin = twins(points)
    return result | {f"right_{n[5:]}": int(twin[row]) for n, row in result.items() if n.startswith("left_")}


def twins(points: np.ndarray) -> np.ndarray:
    """(N,) the vertex at the mirrored place of each; the base mesh is symmetric to the last digit."""
    from scipy.spatial import cKDTree

    distance, twin = cKDTree(points).query(points * [-1, 1, 1])
    if distance.max() > 1e-6:
        raise ValueError("the base mesh is not symmetric")
    return np.asarray(twin)


def _share(human: OpenHuman, bone: str, rows: np.ndarray) -> np.ndarray:
    """(N,) a bone's weight at some vertices."""
    return np.asarray(human.weights[:, [human.bone(bone)]].toarray()[rows, 0])
