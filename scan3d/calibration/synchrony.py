"""Constant offsets in frames between cameras that were not started together, from the motion of a board.

Two fixed cameras keep their relative pose. Under the right offset every frame in which both see the board gives the
same one; under a wrong one, a moving board gives a different one each time. The offset of least disagreement is taken,
and a maximum spanning tree over pairs, by how clearly each decides, leads from the first camera to all others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from scan3d.calibration.board_poses import transform
from scan3d.calibration.board_views import BoardViews
from scan3d.calibration.rig_start import frame_points, rigid_fit
from scan3d.calibration.targets import Target

_LEAST_FRAMES = 8  # that two cameras must have in common under an offset
_MOST_FRAMES = 40  # that are compared under each offset
_GAP = 10  # frames over which a board's motion is taken to be straight
_CAP = 0.05  # of the distance: disagreement beyond this is all the same
_CLEAR = 0.6  # the best offset's disagreement must be below this share of the typical one
_PARTNERS = 6  # cameras with most frames that every camera is compared with


@dataclass(frozen=True, kw_only=True, eq=False)
class Track:
    """A board before one camera over time. frames: (F,) ascending; points: (F, 4, 3) in the camera frame, metres."""

    frames: np.ndarray
    points: np.ndarray

    def at(self, frames: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Points (Q, 4, 3) at frames (Q,), between neighbours on a straight line, and where that is possible (Q,)."""
        after = np.clip(np.searchsorted(self.frames, frames), 1, len(self.frames) - 1)
        before = after - 1
        exact = np.isin(frames, self.frames)
        gap = self.frames[after] - self.frames[before]
        share = (frames - self.frames[before]) / gap
        good = exact | ((share > 0) & (share < 1) & (gap <= _GAP))
        return self.points[before] + share[:, None, None] * (self.points[after] - self.points[before]), good


@dataclass(frozen=True, kw_only=True)
class Offset:
    """frame n of b was taken with frame n - frames of a. clarity: disagreement elsewhere over that at this offset."""

    a: str
    b: str
    frames: int
    clarity: float


def shots_in_step(
    views: BoardViews, poses: Mapping[str, Mapping[int, np.ndarray]], target: Target
) -> tuple[list[str], dict[str, int]]:
    """The shot of every view in the first camera's numbers, and by camera the offset that was taken off.

    poses: cam_from_board (3, 4) by camera and row of views. Shots that are no whole numbers stay as they are, and so do
    those of cameras that no offset was found for: their own names keep them apart from other cameras' shots.
    """
    tracks = {name: track for name, rows in poses.items() if (track := _tracks(views, rows, target))}
    numbered = [name for name in tracks if all(_is_frame(v.shot) for v in views.of_camera(name))]
    offsets = _chained([pair for a, b in _pairs(numbered, tracks) if (pair := best_offset(a, b, tracks))], numbered)
    shots = []
    for view in views.views:
        if not _is_frame(view.shot):
            shots.append(view.shot)
        elif view.camera_id in offsets:
            shots.append(str(int(view.shot) - offsets[view.camera_id]))
        else:
            shots.append(f"{view.camera_id} {view.shot}")
    return shots, offsets


def neighbours(bodies: Sequence[tuple[str, str]]) -> tuple[np.ndarray, np.ndarray] | None:
    """(B,) numbers of the bodies one frame before and after each (body, shot), -1 where there is none; None where no
    body has both. One frame is the commonest step between the shots of a body."""
    numbered = {(body, int(shot)): k for k, (body, shot) in enumerate(bodies) if _is_frame(shot)}
    frames = sorted({frame for _, frame in numbered})
    if len(frames) < 3:
        return None
    steps, counts = np.unique(np.diff(frames), return_counts=True)
    step = int(steps[counts.argmax()])
    found = np.full((2, len(bodies)), -1)
    for (body, frame), k in numbered.items():
        found[0, k] = numbered.get((body, frame - step), -1)
        found[1, k] = numbered.get((body, frame + step), -1)
    return (found[0], found[1]) if (found >= 0).all(axis=0).any() else None


def best_offset(a: str, b: str, tracks: Mapping[str, Mapping[str, Track]]) -> Offset | None:
    """The offset under which the relative pose of two cameras is most constant; None where no offset stands out."""
    found: list[tuple[int, float]] = []
    shared = [board for board in tracks[a] if board in tracks[b]]
    for board in shared:
        ta, tb = tracks[a][board], tracks[b][board]
        low, high = int(tb.frames[0] - ta.frames[-1]), int(tb.frames[-1] - ta.frames[0])
        found += [(d, cost) for d in range(low, high + 1) if (cost := disagreement(ta, tb, d)) is not None]
    if len(found) < 3:
        return None
    offset, least = min(found, key=lambda item: (item[1], abs(item[0])))
    typical = float(np.median([cost for d, cost in found if abs(d - offset) > 2] or [least]))
    if not least < _CLEAR * typical:
        return None
    return Offset(a=a, b=b, frames=offset, clarity=typical / max(least, 1e-9))


def disagreement(a: Track, b: Track, offset: int) -> float | None:
    """Mean disagreement of the relative poses, as a share of the distance; None with too few frames in common."""
    before_b, good = b.at(a.frames + offset)
    rows = np.flatnonzero(good)
    if len(rows) < _LEAST_FRAMES:
        return None
    rows = rows[np.linspace(0, len(rows) - 1, min(len(rows), _MOST_FRAMES)).astype(int)]
    x, y = a.points[rows], before_b[rows]
    reach = np.linalg.norm(x.mean(axis=1), axis=1)
    trials = np.array([rigid_fit(q, p) for p, q in zip(x, y, strict=True)])
    off = np.linalg.norm(transform(trials[:, None], y[None]) - x[None], axis=3).max(axis=2) / reach
    best = int(np.minimum(off, _CAP).mean(axis=1).argmin())
    near = off[best] <= np.median(off[best])
    pose = rigid_fit(y[near].reshape(-1, 3), x[near].reshape(-1, 3))
    off = np.linalg.norm(transform(pose, y) - x, axis=2).max(axis=1) / reach
    return float(np.minimum(off, _CAP).mean())


def _tracks(views: BoardViews, rows: Mapping[int, np.ndarray], target: Target) -> dict[str, Track]:
    """By board, what one camera saw of it over time."""
    frames_of = {b.name: frame_points(np.asarray(b.points_m, dtype=np.float64)) for b in target.boards}
    seen: dict[str, dict[int, np.ndarray]] = {}
    for row, pose in rows.items():
        view = views.views[row]
        if _is_frame(view.shot):
            seen.setdefault(view.board, {})[int(view.shot)] = transform(pose, frames_of[view.board])
    tracks = {}
    for board, by_frame in seen.items():
        if len(by_frame) >= _LEAST_FRAMES:
            frames = np.array(sorted(by_frame))
            tracks[board] = Track(frames=frames, points=np.array([by_frame[int(f)] for f in frames]))
    return tracks


def _pairs(names: list[str], tracks: Mapping[str, Mapping[str, Track]]) -> list[tuple[str, str]]:
    """Pairs of cameras to compare: each with those that saw most."""
    busy = sorted(names, key=lambda name: -sum(len(track.frames) for track in tracks[name].values()))[:_PARTNERS]
    return [(a, b) for k, a in enumerate(names) for b in names[k + 1 :] if a in busy or b in busy]


def _chained(pairs: list[Offset], names: list[str]) -> dict[str, int]:
    """Offsets of all cameras that clear pairs tie to the first, the clearest pairs first."""
    offsets = {names[0]: 0} if names else {}
    left = sorted(pairs, key=lambda pair: -pair.clarity)
    while True:
        usable = [pair for pair in left if (pair.a in offsets) != (pair.b in offsets)]
        if not usable:
            return offsets
        pair = usable[0]
        if pair.a in offsets:
            offsets[pair.b] = offsets[pair.a] + pair.frames
        else:
            offsets[pair.a] = offsets[pair.b] - pair.frames


def _is_frame(shot: str) -> bool:
    return shot.lstrip("-").isdigit()
