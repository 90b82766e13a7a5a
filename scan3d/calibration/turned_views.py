"""Views of a board that is numbered from its other end, found from pairs of cameras before a rig is calibrated.

Two cameras stand to each other in one way in all shots that both see. Where one of them has the board turned, they do
so only with the board turned back: every shot of a pair says whether their numberings agree. Which of two is turned is
told by the other cameras of the shot, and where they do not tell by what each camera does in other shots.
"""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Mapping

import numpy as np

from scan3d.calibration.board_prediction import half_turn
from scan3d.calibration.board_views import BoardViews
from scan3d.calibration.targets import Target
from scan3d.calibration.view_conflicts import TURNED, Conflict
from scan3d.calibration.view_poses import ViewPose, half_turn_pose
from scan3d.geometry import Rigid3
from scan3d.geometry.transforms import Array

# Shots agree about how two cameras stand when centres differ by less than this share of the distance, directions by
# less than this angle. Single views of a board are several times better.
_SAME_SHARE, _SAME_DEG = 0.08, 5.0
_LEAST_SHOTS, _LEAST_SHARE = 3, 0.6
_ROUNDS = 10
_MOSTLY = 0.8
_RATE_PRIOR = 0.02  # of turned views, of a camera of which nothing is known


def turned_views(
    views: BoardViews, target: Target, poses: Mapping[tuple[str, str], list[ViewPose]]
) -> tuple[Conflict, ...]:
    """The views whose board is turned by half against what the rest of the rig sees.

    poses: of `poses_by_shot`. Boards that do not look the same when turned cannot be.
    """
    found: list[Conflict] = []
    for board in target.boards:
        shots = {shot: seen for (name, shot), seen in poses.items() if name == board.name}
        if half_turn(board) is None or not shots:
            continue
        for index in _turned(shots, half_turn_pose(board)):
            view = views.views[index]
            found.append(Conflict(index=index, kind=TURNED, camera_id=view.camera_id, shot=view.shot))
    return tuple(found)


def _turned(shots: Mapping[str, list[ViewPose]], half: Rigid3) -> list[int]:
    """Views turned, from the parities of pairs: those on the less likely side of their shot."""
    pairs: dict[tuple[str, str], list[tuple[ViewPose, ViewPose]]] = defaultdict(list)
    for seen in shots.values():
        ordered = sorted(seen, key=lambda pose: pose.camera_id)
        for k, one in enumerate(ordered):
            for other in ordered[k + 1 :]:
                pairs[one.camera_id, other.camera_id].append((one, other))
    edges: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for together in pairs.values():
        for (one, other), parity in zip(together, _parities(together, half), strict=True):
            if parity >= 0:
                edges[one.index].append((other.index, parity))
                edges[other.index].append((one.index, parity))
    camera_of = {pose.index: pose.camera_id for seen in shots.values() for pose in seen}
    turned = _less_likely(_sides(edges), camera_of)
    return [*turned, *_undecided(turned, edges, camera_of)]


def _undecided(turned: list[int], edges: Mapping[int, object], camera_of: Mapping[int, str]) -> list[int]:
    """The views that no pair tells anything of, of cameras that have the board turned in most of the others."""
    decided, wrong = Counter(camera_of[view] for view in edges), Counter(camera_of[view] for view in turned)
    mostly = {name for name, count in wrong.items() if count > _MOSTLY * decided[name]}
    return [view for view, name in camera_of.items() if name in mostly and view not in edges]


def _parities(together: list[tuple[ViewPose, ViewPose]], half: Rigid3) -> list[int]:
    """For every shot of a pair 0 where both number the board alike, 1 where not, -1 where it cannot be told."""
    if len(together) < _LEAST_SHOTS:
        return [-1] * len(together)
    alike = [one.cam_from_board @ other.cam_from_board.inverse() for one, other in together]
    unlike = [one.cam_from_board @ half @ other.cam_from_board.inverse() for one, other in together]
    centres = np.array([pose.translation for pose in (*alike, *unlike)])
    rotations = np.array([pose.rotation for pose in (*alike, *unlike)])
    near = _near(centres, rotations)
    count = len(together)
    # For each pose that the two could have, how many shots agree, numbered either way.
    either = near[:, :count] | near[:, count:]
    best = int(either.sum(axis=1).argmax())
    if either[best].sum() < max(_LEAST_SHOTS, _LEAST_SHARE * count):
        return [-1] * count
    return [0 if near[best, k] else 1 if near[best, count + k] else -1 for k in range(count)]


def _near(centres: Array, rotations: Array) -> np.ndarray:
    """(M, M) bool, which poses are the same."""
    distance = np.linalg.norm(centres, axis=1)
    apart = np.linalg.norm(centres[:, None] - centres[None], axis=2)
    trace = np.einsum("iab,jab->ij", rotations, rotations)
    angle = np.degrees(np.arccos(np.clip((trace - 1) / 2, -1, 1)))
    return np.asarray((apart < _SAME_SHARE * np.minimum(distance[:, None], distance[None])) & (angle < _SAME_DEG))


def _sides(edges: Mapping[int, list[tuple[int, int]]]) -> list[dict[int, int]]:
    """By group of views that parities connect, the side of each: 0 or 1, up to which is which."""
    groups: list[dict[int, int]] = []
    known: set[int] = set()
    for start in edges:
        if start in known:
            continue
        side, queue = {start: 0}, deque([start])
        while queue:
            view = queue.popleft()
            for other, parity in edges[view]:
                if other not in side:
                    side[other] = side[view] ^ parity
                    queue.append(other)
        known |= side.keys()
        groups.append(side)
    return groups


def _less_likely(groups: list[dict[int, int]], camera_of: Mapping[int, str]) -> list[int]:
    """The views of the turned side of each group: chosen anew from the cameras' rates until nothing changes."""
    # At first by majority; shots that are even say nothing until the rates of the others are known.
    turned_side = [_smaller_side(side) for side in groups]
    for _ in range(_ROUNDS):
        seen: dict[str, int] = defaultdict(int)
        turned: dict[str, int] = defaultdict(int)
        for side, which in zip(groups, turned_side, strict=True):
            for view, value in side.items() if which is not None else ():
                seen[camera_of[view]] += 1
                turned[camera_of[view]] += value == which
        rate = {name: (turned[name] + _RATE_PRIOR) / (seen[name] + 1.0) for name in seen}
        cost = {name: float(np.log((1 - r) / max(r, 1e-9))) for name, r in rate.items()}
        usual = float(np.log((1 - _RATE_PRIOR) / _RATE_PRIOR))
        chosen: list[int | None] = []
        for side in groups:
            price = [0.0, 0.0]
            for view, value in side.items():
                price[value] += cost.get(camera_of[view], usual)
            chosen.append(int(price[1] <= price[0]))
        if chosen == turned_side:
            break
        turned_side = chosen
    return [
        view
        for side, which in zip(groups, turned_side, strict=True)
        for view, value in side.items()
        if value == which and len(set(side.values())) > 1
    ]


def _smaller_side(side: Mapping[int, int]) -> int | None:
    """The side with fewer views; None where there are as many on both."""
    ones = sum(side.values())
    return None if 2 * ones == len(side) else int(2 * ones < len(side))
