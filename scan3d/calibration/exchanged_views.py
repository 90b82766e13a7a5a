"""Pictures of two cameras exchanged in part of the shots, from where cameras stand to each other shot by shot.

A camera cannot stand where another one stands. Seen from any third camera, the places of a and b over the shots fall
into two heaps; where pictures were exchanged, a shows up in b's heap. Two shots in which a stands in the same place are
alike, two in which a stands where b does in the other are not: a parity between shots, followed from shot to shot. No
rig has to be calibrated for that, which exchanged pictures would have bent.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from scan3d.calibration.board_views import BoardViews
from scan3d.calibration.targets import Target
from scan3d.calibration.view_conflicts import SWAPPED, Conflict, cam_from_board
from scan3d.geometry import Intrinsics
from scan3d.geometry.transforms import Array

# Two cameras are in one place when their centres, seen from a third, differ by less than this share of the distance and
# their directions by less than this angle. A single view of a board places a camera several times better.
_SAME_SHARE, _SAME_DEG = 0.06, 4.0
_LEAST_LINKS = 3
_CONTRADICTIONS = 0.15

# Two shots, and 1 where cameras stand in each other's place between them, 0 where a camera stays.
Link = tuple[int, int, int]


@dataclass(frozen=True, kw_only=True, eq=False)
class _Places:
    """Where other cameras stand as seen from one: camera (M,), shot (M,) int, centre (M, 3) and rotation (M, 3, 3)."""

    camera: np.ndarray
    shot: np.ndarray
    centre: Array
    rotation: Array


def exchanged_views(
    views: BoardViews, target: Target, lenses: Mapping[str, Intrinsics], known: Sequence[Conflict] = ()
) -> tuple[Conflict, ...]:
    """The views of pairs of cameras in the shots, fewer than half, in which their pictures are exchanged.

    lenses: of the cameras to be compared. known: views in conflict already, which are left out.
    """
    names = list(views.sizes)
    seen, shots = _places(views, target, lenses, names, {conflict.index for conflict in known})
    odd, even = _links(seen)
    found: list[Conflict] = []
    for (a, b), links in odd.items():
        if len(links) < _LEAST_LINKS:
            continue
        exchanged = _odd_shots(links, [*even[a], *even[b]])
        for index, view in enumerate(views.views):
            key = (view.board, view.shot)
            if key in shots and shots[key] in exchanged and view.camera_id in (names[a], names[b]):
                other = names[b] if view.camera_id == names[a] else names[a]
                found.append(Conflict(index=index, kind=SWAPPED, camera_id=view.camera_id, shot=view.shot, other=other))
    return tuple({conflict.index: conflict for conflict in found}.values())


def _places(
    views: BoardViews, target: Target, lenses: Mapping[str, Intrinsics], names: list[str], aside: set[int]
) -> tuple[list[_Places], dict[tuple[str, str], int]]:
    """For every camera where the others stand, shot by shot, and the number of each (board, shot)."""
    boards = {board.name: board for board in target.boards}
    together: dict[tuple[str, str], list[tuple[int, Array, Array]]] = defaultdict(list)
    for index, view in enumerate(views.views):
        if index in aside or view.camera_id not in lenses:
            continue
        pose = cam_from_board(view, boards[view.board], lenses[view.camera_id])
        if pose is not None:
            number = names.index(view.camera_id)
            together[view.board, view.shot].append((number, pose.rotation, pose.translation))
    shots = {key: number for number, key in enumerate(together)}
    rows: dict[int, list[tuple[int, int, Array, Array]]] = defaultdict(list)
    for key, cameras in together.items():
        for observer, turn, shift in cameras:
            for camera, rotation, translation in cameras:
                if camera != observer:
                    relative = turn @ rotation.T
                    rows[observer].append((camera, shots[key], shift - relative @ translation, relative))
    places = [
        _Places(
            camera=np.array([row[0] for row in of_one]),
            shot=np.array([row[1] for row in of_one]),
            centre=np.array([row[2] for row in of_one]),
            rotation=np.array([row[3] for row in of_one]),
        )
        for of_one in rows.values()
    ]
    return places, shots


def _links(seen: list[_Places]) -> tuple[dict[tuple[int, int], list[Link]], dict[int, list[Link]]]:
    """By pair of cameras the shots in which one stands where the other does, by camera those in which it stays."""
    odd: dict[tuple[int, int], list[Link]] = defaultdict(list)
    even: dict[int, list[Link]] = defaultdict(list)
    for places in seen:
        distance = np.linalg.norm(places.centre, axis=1)
        apart = np.linalg.norm(places.centre[:, None] - places.centre[None], axis=2)
        trace = np.einsum("iab,jab->ij", places.rotation, places.rotation)
        angle = np.degrees(np.arccos(np.clip((trace - 1) / 2, -1, 1)))
        near = (apart < _SAME_SHARE * np.minimum(distance[:, None], distance[None])) & (angle < _SAME_DEG)
        near &= places.shot[:, None] != places.shot[None]
        for i, j in zip(*np.nonzero(np.triu(near, 1)), strict=True):
            a, b = int(places.camera[i]), int(places.camera[j])
            link = (int(places.shot[i]), int(places.shot[j]))
            if a == b:
                even[a].append((*link, 0))
            else:
                odd[min(a, b), max(a, b)].append((*link, 1))
    return odd, even


def _odd_shots(odd: list[Link], even: list[Link]) -> set[int]:
    """The shots on the smaller side of a parity that the links agree on; none where they contradict each other."""
    neighbours: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for one, other, parity in (*odd, *even):
        neighbours[one].append((other, parity))
        neighbours[other].append((one, parity))
    side: dict[int, int] = {}
    exchanged: set[int] = set()
    for start in {shot for one, other, _ in odd for shot in (one, other)}:
        if start in side:
            continue
        side[start], queue, group = 0, deque([start]), [start]
        while queue:
            shot = queue.popleft()
            for other, parity in neighbours[shot]:
                if other not in side:
                    side[other] = side[shot] ^ parity
                    queue.append(other)
                    group.append(other)
        inside = [link for link in (*odd, *even) if link[0] in group]
        wrong = sum((side[one] ^ side[other]) != parity for one, other, parity in inside)
        ones = {shot for shot in group if side[shot]}
        if wrong <= _CONTRADICTIONS * len(inside):
            exchanged |= ones if 2 * len(ones) <= len(group) else set(group) - ones
    return exchanged
