"""Pictures of two cameras exchanged in part of the shots, from where cameras stand to each other shot by shot.

A camera cannot stand where another one stands. Seen from any third camera, the places of a and b over the shots fall
into two heaps; where pictures were exchanged, a shows up in b's heap. Two shots in which a stands in the same place are
alike, two in which a stands where b does in the other are not: a parity between shots, followed from shot to shot. No
rig has to be calibrated for that, which exchanged pictures would have bent.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from scan3d.calibration.board_views import BoardViews
from scan3d.calibration.view_conflicts import SWAPPED, Conflict
from scan3d.calibration.view_poses import ViewPose
from scan3d.geometry.transforms import Array

# Two cameras are in one place when their centres, seen from a third, differ by less than this share of the distance and
# their directions by less than this angle. A single view of a board places a camera several times better.
_SAME_SHARE, _SAME_DEG = 0.06, 4.0
_LEAST_LINKS = 3
_CONTRADICTIONS = 0.15

# Two shots; 1 where cameras stand in each other's place between them, 0 where a camera stays; the camera that sees it.
Link = tuple[int, int, int, int]


@dataclass(frozen=True, kw_only=True, eq=False)
class _Places:
    """Where other cameras stand as seen from one: camera (M,), shot (M,) int, centre (M, 3) and rotation (M, 3, 3)."""

    observer: int
    camera: np.ndarray
    shot: np.ndarray
    centre: Array
    rotation: Array


def exchanged_views(views: BoardViews, poses: Mapping[tuple[str, str], list[ViewPose]]) -> tuple[Conflict, ...]:
    """The views of pairs of cameras in the shots, fewer than half, in which their pictures are exchanged.

    poses: of `poses_by_shot`.
    """
    names = list(views.sizes)
    odd, even = _links(_places(poses, names))
    found: dict[int, Conflict] = {}
    shots = list(poses.values())
    for (a, b), links in _pairs(odd):
        other = {names[a]: names[b], names[b]: names[a]}
        stays = [link for link in (*even[a], *even[b]) if link[3] not in (a, b)]
        for shot in _odd_shots(links, stays):
            for pose in shots[shot]:
                if pose.camera_id in other:
                    found[pose.index] = Conflict(
                        index=pose.index, kind=SWAPPED, camera_id=pose.camera_id, shot=views.views[pose.index].shot,
                        other=other[pose.camera_id],
                    )  # fmt: skip
    return tuple(found.values())


def _pairs(odd: Mapping[tuple[int, int], list[Link]]) -> Iterator[tuple[tuple[int, int], list[Link]]]:
    """Pairs of cameras that stand in each other's place, those that most others see so first.

    In an even ring everything that a camera of such a pair sees looks exchanged too: what it saw is not asked further.
    """
    left = {pair: [link for link in links if link[3] not in pair] for pair, links in odd.items()}
    while left:
        pair = max(left, key=lambda pair: (len({link[3] for link in left[pair]}), len(left[pair])))
        links = left.pop(pair)
        if len(links) < _LEAST_LINKS:
            return
        yield pair, links
        left = {other: [link for link in of if link[3] not in pair] for other, of in left.items()}


def _places(poses: Mapping[tuple[str, str], list[ViewPose]], names: list[str]) -> list[_Places]:
    """For every camera where the others stand, shot by shot."""
    number = {name: k for k, name in enumerate(names)}
    rows: dict[str, list[tuple[int, int, Array, Array]]] = defaultdict(list)
    for shot, together in enumerate(poses.values()):
        for observer in together:
            for other in together:
                if other is not observer:
                    relative = observer.cam_from_board @ other.cam_from_board.inverse()
                    row = (number[other.camera_id], shot, relative.translation, relative.rotation)
                    rows[observer.camera_id].append(row)
    return [
        _Places(
            observer=number[observer_id],
            camera=np.array([row[0] for row in of_one]),
            shot=np.array([row[1] for row in of_one]),
            centre=np.array([row[2] for row in of_one]),
            rotation=np.array([row[3] for row in of_one]),
        )
        for observer_id, of_one in rows.items()
    ]


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
                even[a].append((*link, 0, places.observer))
            else:
                odd[min(a, b), max(a, b)].append((*link, 1, places.observer))
    return odd, even


def _odd_shots(odd: list[Link], even: list[Link]) -> set[int]:
    """The shots on the smaller side of a parity that the links agree on; none where they contradict each other."""
    neighbours: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for one, other, parity, _ in (*odd, *even):
        neighbours[one].append((other, parity))
        neighbours[other].append((one, parity))
    side: dict[int, int] = {}
    exchanged: set[int] = set()
    for start in {shot for link in odd for shot in link[:2]}:
        if start in side:
            continue
        side[start], queue, group = 0, deque([start]), {start}
        while queue:
            shot = queue.popleft()
            for other, parity in neighbours[shot]:
                if other not in side:
                    side[other] = side[shot] ^ parity
                    queue.append(other)
                    group.add(other)
        inside = [link for link in (*odd, *even) if link[0] in group]
        wrong = sum((side[one] ^ side[other]) != parity for one, other, parity, _ in inside)
        ones = {shot for shot in group if side[shot]}
        if wrong <= _CONTRADICTIONS * len(inside):
            exchanged |= ones if 2 * len(ones) <= len(group) else group - ones
    return exchanged
