"""Where a body may stand and how: every yaw with every way arms and legs may hang, told apart by how well they cover.

Geometry alone: gravity and the body's height fix the trunk but for its turn about the vertical; for each of those the
arms and legs are chosen among the known ways, all pairs of them, by how well the scan is covered and nothing sticks
out. The cost of a pair is exact and cheap, because the distance to a body is the least of the distances to its limbs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from scan3d.body.fit.anatomy import ARMS, LEGS, LIMBS, Limb, limb_of_joints, limb_rotations
from scan3d.body.fit.posing import UPRIGHT, Body, State
from scan3d.body.fit.scan_points import ScanPoints, with_normals

YAWS = 18
_SCAN_POINTS = 500
_REACH_M = 0.08  # beyond twice that a point counts as not covered, however far
_HEIGHT_BLENDS = 6


@dataclass(frozen=True, kw_only=True, eq=False)
class Start:
    """A first guess: its cost (lower is better), the turn about the vertical, and the parameters."""

    cost: float
    yaw_rad: float
    state: State
    arms: tuple[str, str]


def of_height(body: Body, height_m: float) -> np.ndarray:
    """(D,) blends of the likeliest body of that height."""
    highest, lowest = np.argmax(body.template[:, 1]), np.argmin(body.template[:, 1])
    count = min(_HEIGHT_BLENDS, body.shapes)
    blends = np.zeros(body.basis.shape[2])
    slope = (body.basis[highest, 1] - body.basis[lowest, 1])[:count]
    missing = height_m - float(np.ptp(body.template[:, 1]))
    if slope @ slope > 1e-8:
        blends[:count] = slope * missing / (slope @ slope + 1e-5)
    return np.clip(blends, -3, 3)


def starts(body: Body, scan: ScanPoints, blends: np.ndarray, relaxed: np.ndarray, *, most: int) -> list[Start]:
    """The `most` best first guesses, best first, each the best of its yaw, opposite yaws always both.

    body: a thinned one. relaxed: (J, 3, 3) rotations of the hands at rest.
    """
    ways = _Ways.of(body, blends, relaxed)
    rows = scan.thinned(_SCAN_POINTS)
    sample = with_normals(scan.points[rows], scan.normals[rows])
    middle = _trunk_middle(scan.points, scan.floor_m, scan.height_m)
    found = [ways.best(scan, sample, yaw, middle) for yaw in np.linspace(-np.pi, np.pi, YAWS, endpoint=False)]
    found.sort(key=lambda start: start.cost)
    chosen: list[Start] = []
    for start in found:
        for candidate in (start, _opposite(found, start)):
            if candidate not in chosen:
                chosen.append(candidate)
        if len(chosen) >= most:
            break
    return chosen


def _opposite(found: Sequence[Start], start: Start) -> Start:
    turned = start.yaw_rad + np.pi
    return max(found, key=lambda other: np.cos(other.yaw_rad - turned))


def _trunk_middle(points: np.ndarray, floor_m: float, height_m: float) -> np.ndarray:
    """(2,) the horizontal middle of what lies between hips and chest, arms left out by their distance."""
    share = (points[:, 2] - floor_m) / height_m
    band = points[(share > 0.56) & (share < 0.74), :2]
    if not len(band):
        band = points[:, :2]
    middle = np.median(band, axis=0)
    for radius in (0.35, 0.25, 0.22, 0.22):
        near = band[np.linalg.norm(band - middle, axis=1) < radius]
        middle = near.mean(axis=0) if len(near) else middle
    return np.asarray(middle)


@dataclass(frozen=True, kw_only=True, eq=False)
class _Ways:
    """The trunk and every way of every limb, at one shape, with the root at the origin and no yaw; world axes.

    points: for each of LIMBS a list of (n, 6) places with normals, one entry for the trunk.
    rotations: for each a list of joint -> rotation.
    """

    body: Body
    state: State
    points: list[list[np.ndarray]]
    rotations: list[list[dict[int, np.ndarray]]]
    middle: np.ndarray
    sole_m: float

    @classmethod
    def of(cls, body: Body, blends: np.ndarray, relaxed: np.ndarray) -> _Ways:
        neutral = replace(body.neutral(), blends=blends)
        rotations = relaxed.copy()
        rotations[0] = UPRIGHT
        joints = body.rest_joints(blends)
        limb = limb_of_joints(body.names)[body.strongest]
        neutral = replace(neutral, rotations=rotations, translation=-joints[0])
        moved = body.moved(neutral)
        whole = _six(body, neutral)
        points = [[whole[limb == 0]]]
        turns: list[list[dict[int, np.ndarray]]] = [[{}]]
        for number, name in enumerate(LIMBS[1:], start=1):
            side, kind = name.split("_")
            ways: Sequence[Limb] = ARMS if kind == "arm" else LEGS
            turns.append([limb_rotations(body, joints, side, way, kind) for way in ways])
            points.append([_six(body, _turned(neutral, turn))[limb == number] for turn in turns[-1]])
        sole = float(moved.vertices[:, 2].min())
        height = float(moved.vertices[:, 2].max()) - sole
        middle = _trunk_middle(moved.vertices[limb == 0], sole, height)
        return cls(body=body, state=neutral, points=points, rotations=turns, middle=middle, sole_m=sole)

    def best(self, scan: ScanPoints, sample: np.ndarray, yaw: float, middle: np.ndarray) -> Start:
        """The cheapest pair of arms and of legs at a yaw."""
        turn = about_vertical(yaw)
        shift = np.append(middle - turn[:2, :2] @ self.middle, scan.floor_m - self.sole_m)
        to_model, to_scan = [], []
        for ways in self.points:
            placed = [_placed(points, turn, shift) for points in ways]
            distance, _ = scan.tree.query(np.concatenate(placed), distance_upper_bound=4 * _REACH_M)
            to_scan.append([_robust(part).sum() for part in np.split(distance, len(placed))])
            to_model.append(np.stack([_least(sample, points) for points in placed]))
        count = sum(len(ways[0]) for ways in self.points)
        arms, legs = (2, 2), (0, 0)
        for _ in range(2):
            arms_there = np.minimum(to_model[1][arms[0]], to_model[2][arms[1]])
            legs, _ = _best_pair(to_model[3], to_model[4], np.minimum(arms_there, to_model[0][0]), to_scan[3:5], count)
            legs_there = np.minimum(to_model[3][legs[0]], to_model[4][legs[1]])
            arms, cost = _best_pair(
                to_model[1], to_model[2], np.minimum(legs_there, to_model[0][0]), to_scan[1:3], count
            )
        rest = to_scan[0][0] + to_scan[3][legs[0]] + to_scan[4][legs[1]]
        state = self.state
        for limb, way in zip((1, 2, 3, 4), (*arms, *legs), strict=True):
            state = _turned(state, self.rotations[limb][way])
        rotations = state.rotations.copy()
        rotations[0] = turn @ rotations[0]
        state = replace(state, rotations=rotations, translation=state.translation + shift)
        sides = (ARMS[arms[0]].name, ARMS[arms[1]].name)
        return Start(cost=cost / len(sample) + rest / count, yaw_rad=yaw, state=state, arms=sides)


def _best_pair(
    left: np.ndarray, right: np.ndarray, rest: np.ndarray, outside: list[list[float]], count: int
) -> tuple[tuple[int, int], float]:
    """Ways (left, right) of least cost: of the scan's points (W, N) left uncovered, and of what sticks out.

    The cost counts scan points, those that stick out as shares of them.
    """
    least = np.minimum(np.minimum(left[:, None], right[None]), rest)
    size = len(rest) / count
    cost = _robust(least).sum(axis=2) + size * (np.asarray(outside[0])[:, None] + np.asarray(outside[1])[None])
    at = np.unravel_index(int(np.argmin(cost)), cost.shape)
    return (int(at[0]), int(at[1])), float(cost[at])


def _robust(distance: np.ndarray) -> np.ndarray:
    squared = np.minimum(distance, 1.0) ** 2
    return np.asarray(squared / (squared + _REACH_M**2))


def _least(sample: np.ndarray, points: np.ndarray) -> np.ndarray:
    """(N,) distance from each sample (N, 6) to the nearest of the points (M, 6)."""
    square = (sample**2).sum(axis=1)[:, None] + (points**2).sum(axis=1) - 2 * sample @ points.T
    return np.sqrt(np.maximum(square.min(axis=1), 0))


def _six(body: Body, state: State) -> np.ndarray:
    moved = body.moved(state)
    return with_normals(moved.vertices, body.moved_normals(moved))


def _placed(points: np.ndarray, turn: np.ndarray, shift: np.ndarray) -> np.ndarray:
    return np.concatenate([points[:, :3] @ turn.T + shift, points[:, 3:] @ turn.T], axis=1)


def _turned(state: State, turns: dict[int, np.ndarray]) -> State:
    rotations = state.rotations.copy()
    for joint, rotation in turns.items():
        rotations[joint] = rotation
    return replace(state, rotations=rotations)


def about_vertical(angle_rad: float) -> np.ndarray:
    """(3, 3) a turn about Z."""
    c, s = np.cos(angle_rad), np.sin(angle_rad)
    return np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]])
