"""How cameras stand to each other, from boards that several of them saw in the same shot: a start for the adjustment.

Each view gives its camera a pose of its board. Two cameras with a board in common have a relative pose per shot; the
one most shots agree with, averaged over those, becomes an edge between them. A maximum spanning tree over the edges
chains every camera to one root. Faces of one body are chained the same way, and then tie cameras that never saw the
same face.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from scan3d.calibration.board_poses import compose, inverted, transform

# Poses from one view of a small board are good to a hundredth of the distance; a wrong one is off by far more.
_AGREE = 0.03  # of the distance between camera and board
_LEAST_SHARE = 0.3  # of the shots that two cameras share must agree
_MOST_SHOTS = 60  # of an edge are compared with each other


@dataclass(frozen=True, kw_only=True, eq=False)
class ViewPose:
    """The pose of a board before a camera. camera, body (of one shot), board: numbers. cam_from_board: (3, 4).
    frame_m: (K, 3) points of the board that span it, board frame. corners: how many it was found from."""

    camera: int
    body: int
    board: int
    cam_from_board: np.ndarray
    frame_m: np.ndarray
    corners: int


@dataclass(frozen=True, kw_only=True, eq=False)
class RigStart:
    """groups: cameras that are tied together, the largest first. world_from_cam: by camera of the largest, its root at
    the origin. world_from_body: by body. body_from_board: by board whose place in its body is known."""

    groups: tuple[tuple[int, ...], ...]
    world_from_cam: Mapping[int, np.ndarray]
    world_from_body: Mapping[int, np.ndarray]
    body_from_board: Mapping[int, np.ndarray]


@dataclass(frozen=True, kw_only=True, eq=False)
class Edge:
    """b stands at a_from_b (3, 4) before a; support: shots that agree, of `shots`."""

    a: int
    b: int
    a_from_b: np.ndarray
    support: int
    shots: int

    @property
    def consistent(self) -> bool:
        """Whether the shots agree often enough not to be chance."""
        return self.shots == 1 or self.support >= max(2, _LEAST_SHARE * self.shots)


def start_rig(poses: Sequence[ViewPose], cameras: int, first_boards: Mapping[int, int]) -> RigStart:
    """The start. first_boards: board -> the first board of its body, whose frame is the body's."""
    known = {board: np.eye(3, 4) for board, first in first_boards.items() if board == first}
    while True:
        edges = camera_edges(poses, known)
        trees = spanning_trees(edges, cameras, {p.camera for p in poses})
        found = _more_boards(poses, trees, known, first_boards)
        if not found:
            break
        known |= found
    views: dict[int, int] = defaultdict(int)
    for pose in poses:
        views[pose.camera] += 1
    trees = sorted(trees, key=lambda tree: (-len(tree), -sum(views[c] for c in tree), min(tree)))
    main = trees[0] if trees else {}
    groups = tuple(tuple(sorted(tree)) for tree in trees)
    bodies = body_poses(poses, main, known)
    return RigStart(groups=groups, world_from_cam=main, world_from_body=bodies, body_from_board=known)


def camera_edges(poses: Sequence[ViewPose], body_from_board: Mapping[int, np.ndarray]) -> list[Edge]:
    """Edges between cameras that saw the same board, or boards of one body whose places in it are known."""
    by_body: dict[tuple[int, int], list[tuple[ViewPose, np.ndarray]]] = defaultdict(list)
    for pose in poses:
        if pose.board in body_from_board:
            to_body = inverted(body_from_board[pose.board])
            by_body[pose.body, -1].append((pose, compose(pose.cam_from_board, to_body)))
        else:
            by_body[pose.body, pose.board].append((pose, pose.cam_from_board))
    pairs: dict[tuple[int, int], list[tuple[np.ndarray, np.ndarray]]] = defaultdict(list)
    for seen in by_body.values():
        for pose_a, a_from_body in seen:
            for pose_b, b_from_body in seen:
                if pose_a.camera < pose_b.camera:
                    # The same points before both cameras, on the board that the first saw.
                    at = transform(body_from_board.get(pose_a.board, np.eye(3, 4)), pose_a.frame_m)
                    pairs[pose_a.camera, pose_b.camera].append((transform(a_from_body, at), transform(b_from_body, at)))
    return [agreed_edge(a, b, shots) for (a, b), shots in sorted(pairs.items(), key=lambda item: item[0])]


def agreed_edge(a: int, b: int, shots: Sequence[tuple[np.ndarray, np.ndarray]]) -> Edge:
    """The rigid motion most shots agree with. shots: the same points (K, 3) before a and before b."""
    step = max(1, len(shots) // _MOST_SHOTS)
    chosen = list(shots)[::step]
    before_a, before_b = (np.array([_four(shot[k]) for shot in chosen]) for k in (0, 1))
    reach = np.linalg.norm(before_a.mean(axis=1), axis=1)
    trials = np.array([rigid_fit(x, y) for x, y in zip(before_b, before_a, strict=True)])
    # (trial, shot): how far a shot's points land from where a saw them, of its distance.
    off = np.stack([_misses(trial, before_a, before_b) for trial in trials]) / reach
    best = int(np.argmin(np.minimum(off, _AGREE).sum(axis=1)))
    pose, agree = trials[best], off[best] < _AGREE
    for _ in range(3):
        pose = rigid_fit(before_b[agree].reshape(-1, 3), before_a[agree].reshape(-1, 3))
        again = _misses(pose, before_a, before_b) / reach < _AGREE
        if not again.any() or (again == agree).all():
            break
        agree = again
    return Edge(a=a, b=b, a_from_b=pose, support=int(agree.sum()), shots=len(chosen))


def rigid_fit(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """(3, 4) target_from_source of points (N, 3) by least squares (Arun, Huang and Blostein 1987)."""
    from_mean, to_mean = source.mean(axis=0), target.mean(axis=0)
    u, _, vt = np.linalg.svd((target - to_mean).T @ (source - from_mean))
    rotation = u @ np.diag([1.0, 1.0, np.linalg.det(u @ vt)]) @ vt
    return np.column_stack([rotation, to_mean - rotation @ from_mean])


def spanning_trees(edges: Sequence[Edge], count: int, present: set[int]) -> list[dict[int, np.ndarray]]:
    """Nodes that consistent edges tie together, each tree as {node: root_from_node}; the best edges are taken first."""
    neighbours: dict[int, list[tuple[int, int, np.ndarray]]] = defaultdict(list)
    for edge in edges:
        if edge.consistent:
            neighbours[edge.a].append((edge.support, edge.b, edge.a_from_b))
            neighbours[edge.b].append((edge.support, edge.a, inverted(edge.a_from_b)))
    strength = [sum(item[0] for item in neighbours[node]) for node in range(count)]
    trees: list[dict[int, np.ndarray]] = []
    left = set(present)
    while left:
        root = max(sorted(left), key=lambda node: strength[node])
        tree = {root: np.eye(3, 4)}
        while True:
            # Prim's algorithm for the maximum spanning tree: rigs are small, so it looks at every edge again.
            out = [
                (support, -node, -other, step)
                for node in tree
                for support, other, step in neighbours[node]
                if other not in tree
            ]
            if not out:
                break
            _, node, other, step = max(out, key=lambda item: item[:3])
            tree[-other] = compose(tree[-node], step)
        trees.append(tree)
        left -= set(tree)
    return trees


def body_poses(
    poses: Sequence[ViewPose], world_from_cam: Mapping[int, np.ndarray], body_from_board: Mapping[int, np.ndarray]
) -> dict[int, np.ndarray]:
    """world_from_body (3, 4) of every body that a camera of the tree saw: that of the view most others agree with."""
    by_body: dict[int, list[tuple[ViewPose, np.ndarray]]] = defaultdict(list)
    for pose in poses:
        if pose.camera in world_from_cam and pose.board in body_from_board:
            cam_from_body = compose(pose.cam_from_board, inverted(body_from_board[pose.board]))
            by_body[pose.body].append((pose, compose(world_from_cam[pose.camera], cam_from_body)))
    return {body: _most_agreed(seen, body_from_board) for body, seen in by_body.items()}


def _most_agreed(seen: Sequence[tuple[ViewPose, np.ndarray]], body_from_board: Mapping[int, np.ndarray]) -> np.ndarray:
    trials = np.array([pose for _, pose in seen])
    cost = np.zeros(len(trials))
    for view, world_from_body in seen:
        at = transform(body_from_board[view.board], _four(view.frame_m))
        reach = np.linalg.norm(view.cam_from_board[:, 3])
        off = np.linalg.norm(transform(trials, at) - transform(world_from_body, at), axis=2).max(axis=1) / reach
        cost += view.corners * np.minimum(off, _AGREE)
    # Where two disagree, the one seen with more corners.
    corners = np.array([view.corners for view, _ in seen])
    return np.asarray(trials[np.lexsort((-corners, cost))[0]])


def _more_boards(
    poses: Sequence[ViewPose],
    trees: Sequence[Mapping[int, np.ndarray]],
    known: Mapping[int, np.ndarray],
    first_boards: Mapping[int, int],
) -> dict[int, np.ndarray]:
    """body_from_board of boards whose place in their body follows from shots that show them beside a known one."""
    unknown = set(first_boards) - set(known)
    found: dict[int, Edge] = {}
    if not unknown:
        return {}
    for tree in trees:
        at: dict[int, dict[int, list[tuple[ViewPose, np.ndarray]]]] = defaultdict(lambda: defaultdict(list))
        for pose in poses:
            if pose.camera in tree:
                at[pose.body][pose.board].append((pose, compose(tree[pose.camera], pose.cam_from_board)))
        shots: dict[int, list[tuple[np.ndarray, np.ndarray]]] = defaultdict(list)
        for boards in at.values():
            sure = [b for b in boards if b in known]
            if not sure:
                continue
            body = {b: np.eye(3, 4) for b in boards}
            first = sure[0]
            world_from_body = compose(_most_agreed(boards[first], body), inverted(known[first]))
            for board in unknown & set(boards):
                # Points of the board in the world, seen from the body; depth stands in for a camera's.
                place = compose(inverted(world_from_body), _most_agreed(boards[board], body))
                frame = _four(boards[board][0][0].frame_m)
                shots[board].append((transform(place, frame), frame))
        for board, pairs in shots.items():
            edge = _face_edge(board, pairs)
            if edge.consistent and (board not in found or found[board].support < edge.support):
                found[board] = edge
    return {board: edge.a_from_b for board, edge in found.items()}


def _face_edge(board: int, pairs: Sequence[tuple[np.ndarray, np.ndarray]]) -> Edge:
    """The place of a board in its body that most shots agree with; pairs: its points in the body and in itself."""
    size = float(np.linalg.norm(np.ptp(pairs[0][1], axis=0)))
    # agreed_edge() measures against the distance from the origin of a: ten board sizes off, 3 % of it are a third.
    away = np.array([0.0, 0.0, 10.0 * size])
    edge = agreed_edge(-1, board, [(at + away, frame) for at, frame in pairs])
    pose = edge.a_from_b.copy()
    pose[:, 3] -= away
    return Edge(a=-1, b=board, a_from_b=pose, support=edge.support, shots=edge.shots)


def _misses(pose: np.ndarray, before_a: np.ndarray, before_b: np.ndarray) -> np.ndarray:
    """(S,) the largest distance between points (S, K, 3) before b, moved to a, and before a."""
    return np.asarray(np.linalg.norm(transform(pose, before_b) - before_a, axis=2).max(axis=1))


def _four(points: np.ndarray) -> np.ndarray:
    """Four of the points of a frame (K, 3)."""
    return points[:4]


def frame_points(points_m: np.ndarray) -> np.ndarray:
    """(4, 3) corners of the rectangle in x and y that holds the points (N, 3) of a board, at their mean z."""
    (x0, y0), (x1, y1) = points_m[:, :2].min(axis=0), points_m[:, :2].max(axis=0)
    z = float(points_m[:, 2].mean())
    return np.array([[x0, y0, z], [x1, y0, z], [x0, y1, z], [x1, y1, z]])
