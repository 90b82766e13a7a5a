"""What the views of boards tell by themselves, camera by camera, before anything is calibrated from them."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from scan3d.calibration.board_views import BoardViews
from scan3d.calibration.verdict_limits import Limits
from scan3d.calibration.view_conflicts import MIRRORED, SWAPPED, TURNED, Conflict
from scan3d.checks import Check, Grade

GRID = (6, 8)  # rows, columns
# A camera is mirrored where this share of its views is; fewer are a board seen from its back.
_MIRRORED_SHARE = 0.5
_SHOTS_NAMED = 4


def views_by_camera(views: BoardViews) -> dict[str, int]:
    """How many views each camera has, of cameras without any too."""
    counted = Counter(view.camera_id for view in views.views)
    return {camera_id: counted.get(camera_id, 0) for camera_id in views.sizes}


def seen_checks(views: BoardViews, limits: Limits) -> Iterator[Check]:
    """Cameras that saw no board, or too few."""
    counts = views_by_camera(views)
    anybody = any(counts.values())
    for camera_id, count in counts.items():
        if count == 0:
            looked = views.images.get(camera_id, 0)
            where = f"none of its {looked} pictures" if looked > 1 else "its picture does not" if looked else "nothing"
            what = f"it saw no board: {where} shows one." if looked != 1 else f"it saw no board: {where} show one."
            if not looked:
                what = "it has no pictures."
            step = "Look at its pictures: lens cap, wrong aim, exposure, focus; then hold the board before it."
            if not anybody:
                step = "No camera saw a board: check that --target names the board that was photographed."
            yield Check(
                name="no_board_seen", grade=Grade.FAIL, camera_id=camera_id, what=what, next_step=step, value=0.0,
                limit=float(limits.fail_views),
            )  # fmt: skip
        elif count < limits.warn_views:
            grade = Grade.FAIL if count < limits.fail_views else Grade.WARN
            limit = limits.fail_views if grade is Grade.FAIL else limits.warn_views
            what = f"it saw the board in {count} {'shot' if count == 1 else 'shots'} only."
            step = f"Take {limits.warn_views - count} more in which it sees the board, held at different angles."
            yield Check(
                name="too_few_views", grade=grade, camera_id=camera_id, what=what, next_step=step, value=float(count),
                limit=float(limit),
            )  # fmt: skip


def conflict_checks(conflicts: Sequence[Conflict], views: BoardViews) -> Iterator[Check]:
    """What conflicting views say, gathered by camera and kind."""
    counts = views_by_camera(views)
    grouped: dict[tuple[str, str, str], list[Conflict]] = {}
    for conflict in conflicts:
        grouped.setdefault((conflict.camera_id, conflict.kind, conflict.other), []).append(conflict)
    for (camera_id, kind, other), found in grouped.items():
        count, total = len(found), counts[camera_id]
        shots = _shots([conflict.shot for conflict in found])
        if kind == MIRRORED:
            yield _mirrored(camera_id, count, total, shots)
        elif kind == TURNED:
            yield Check(
                name="board_turned",
                grade=_share_grade(count, total),
                camera_id=camera_id,
                what=f"the board is turned over in {shots}: its corners are numbered from the other end.",
                next_step="Those views were set aside. Use a board that differs from itself turned round "
                "(ChArUco, or an even and an odd number of squares).",
                value=float(count),
                unit="views",
                limit=1.0,
            )
        elif kind == SWAPPED:
            yield Check(
                name="cameras_swapped",
                grade=Grade.FAIL,
                camera_id=camera_id,
                what=f"in {shots} its picture was taken from where {other} stands.",
                next_step=f"Pictures of {camera_id} and {other} are exchanged there: sort the files, calibrate again.",
                value=float(count),
                unit="views",
                limit=1.0,
            )


def _mirrored(camera_id: str, count: int, total: int, shots: str) -> Check:
    if count >= _MIRRORED_SHARE * total:
        what = f"its pictures are mirror images ({count} of {total} views)."
        step = "Turn off mirroring (selfie view, flip) in the camera or its driver; photographs would be mirrored too."
        return Check(
            name="image_mirrored", grade=Grade.FAIL, camera_id=camera_id, what=what, next_step=step,
            value=round(100.0 * count / total, 1), unit="%", limit=100 * _MIRRORED_SHARE,
        )  # fmt: skip
    return Check(
        name="board_turned",
        grade=_share_grade(count, total),
        camera_id=camera_id,
        what=f"the board is turned over in {shots}: it is seen through from its back, mirrored.",
        next_step="Those views were set aside. Put something opaque behind the board, or show its front.",
        value=float(count),
        unit="views",
        limit=1.0,
    )


def _share_grade(count: int, total: int) -> Grade:
    """A few views set aside are no harm; a camera most of whose views are is not calibrated by the rest."""
    return Grade.FAIL if 2 * count >= total else Grade.WARN


def _shots(shots: Sequence[str]) -> str:
    names = list(dict.fromkeys(shots))
    listed = ", ".join(names[:_SHOTS_NAMED]) + (f" and {len(names) - _SHOTS_NAMED} more" if len(names) > 4 else "")
    return f"shot {listed}" if len(names) == 1 else f"shots {listed}"


def blur_checks(views: BoardViews, limits: Limits) -> Iterator[Check]:
    """Cameras whose edges are softer than those of the others, or than any lens in focus gives."""
    rises = {
        camera_id: float(np.median(known))
        for camera_id in views.sizes
        if len(known := [v.sharpness for v in views.of_camera(camera_id) if math.isfinite(v.sharpness)])
    }
    for camera_id, rise in rises.items():
        others = [value for name, value in rises.items() if name != camera_id]
        usual = float(np.median(others)) if others else float("nan")
        ratio = rise / usual if others and usual > 0 else 1.0
        # Softer than the others *and* soft: a rig of very sharp lenses may have one that is merely sharp.
        grade = Grade.PASS
        if rise > limits.warn_rise_px and (ratio > limits.warn_rise_ratio or not others):
            worse = rise > limits.fail_rise_px or ratio > limits.fail_rise_ratio
            grade = Grade.FAIL if worse else Grade.WARN
        compared = f", {ratio:.1f} times as wide as the other cameras'" if others else ""
        what = f"it is blurred: its edges are {rise:.1f} px wide{compared}."
        step = "Focus it again and lock the focus; close its aperture; hold the board still. Then calibrate again."
        if grade is Grade.PASS:
            what, step = f"its edges are {rise:.1f} px wide.", ""
        yield Check(
            name="sharpness", grade=grade, camera_id=camera_id, what=what, next_step=step, value=round(rise, 2),
            unit="px",
            limit=limits.fail_rise_px if grade is Grade.FAIL else limits.warn_rise_px,
        )  # fmt: skip


def coverage_counts(views: BoardViews, camera_id: str) -> np.ndarray:
    """(6, 8) int corners that a camera saw by cell of its picture."""
    width, height = views.sizes[camera_id]
    counts = np.zeros(GRID, int)
    for view in views.of_camera(camera_id):
        column = np.clip((view.px[:, 0] * GRID[1] / width).astype(int), 0, GRID[1] - 1)
        row = np.clip((view.px[:, 1] * GRID[0] / height).astype(int), 0, GRID[0] - 1)
        np.add.at(counts, (row, column), 1)
    return counts


def coverage_check(counts: np.ndarray, camera_id: str, view_count: int, limits: Limits) -> Check:
    """How much of its picture the board covered, and where it did not."""
    share = float((counts > 0).mean())
    grade = Grade.PASS
    if share < limits.warn_coverage:
        grade = Grade.FAIL if share < limits.fail_coverage else Grade.WARN
    what = f"the board covered {share:.0%} of its image."
    step = ""
    if grade is not Grade.PASS:
        per_view = share / max(view_count, 1)
        wanted = max(2, min(12, math.ceil((limits.warn_coverage + 0.1 - share) / max(per_view, 0.03))))
        step = f"Take {wanted} more shots with the board near the {empty_part(counts)}."
    return Check(
        name="board_coverage", grade=grade, camera_id=camera_id, what=what, next_step=step, value=round(100 * share, 1),
        unit="%", limit=100 * (limits.fail_coverage if grade is Grade.FAIL else limits.warn_coverage),
    )  # fmt: skip


_PARTS: Mapping[str, tuple[slice, slice]] = {
    "upper left": (slice(0, 3), slice(0, 4)),
    "upper right": (slice(0, 3), slice(4, 8)),
    "lower left": (slice(3, 6), slice(0, 4)),
    "lower right": (slice(3, 6), slice(4, 8)),
}
_SIDES = (
    ("left", {"upper left", "lower left"}),
    ("right", {"upper right", "lower right"}),
    ("upper edge", {"upper left", "upper right"}),
    ("lower edge", {"lower left", "lower right"}),
)


def empty_part(counts: np.ndarray) -> str:
    """The part of a picture (6, 8 cells) with most cells that no corner lay in: a corner, a side, or all edges."""
    empty = {name: float((counts[part] == 0).mean()) for name, part in _PARTS.items()}
    most = max(empty.values())
    emptiest = {name for name, share in empty.items() if share >= most - 0.1}
    if len(emptiest) == 1:
        return emptiest.pop()
    for side, parts in _SIDES:
        if emptiest == parts:
            return side
    return "edges and corners" if len(emptiest) > 2 else " and the ".join(sorted(emptiest, reverse=True))
