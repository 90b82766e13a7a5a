"""Whether a fit can be trusted: a check of each body part, of the whole, of which way it faces, and of what it says."""

from __future__ import annotations

import numpy as np

from scan3d.body.fit.anatomy import PARTS, part_of_joints, pose_prior, stem
from scan3d.body.fit.result import Fitted
from scan3d.body.rotations import matrices, vectors
from scan3d.checks import Check, Grade

# Of each part: 90th percentile of the distance between scan and body, metres, that passes and that fails.
_PART_LIMITS_M = {
    "head": (0.014, 0.024), "torso": (0.012, 0.022), "arms": (0.011, 0.020), "hands": (0.018, 0.032),
    "legs": (0.012, 0.022), "feet": (0.016, 0.028),
}  # fmt: skip
# Of each part: the share of the body there that finds no scan near it, that passes and that fails.
_LONELY_M = 0.03
_LONELY, _LONELY_ENDS = (0.15, 0.40), (0.35, 0.60)
_FEWEST = 25
_MEAN_M = (0.0045, 0.008)
_NEAR_M = 0.025
_COVERED, _COVERED_LOOSE = (0.99, 0.98), (0.95, 0.85)
_TURNED = (0.045, 0.025)
_SHAPE = (1.6, 2.4)
_HEIGHT_M = (0.05, 0.09)
_LIMIT_DEG = (12.0, 25.0)
_MOST_HEAD_TURN_DEG = 70.0
_CLOTHED = ("torso", "arms", "legs")
_LOOK = "Look at the pictures of the fit in distances.png."
_HOW = "Check that the scan shows one standing adult, in metres, Z up, and nothing else."


def fit_checks(fitted: Fitted) -> tuple[Check, ...]:
    """All checks of a fit, parts first. A fit is good where none of them fails."""
    if not all(np.isfinite(a).all() for a in (fitted.vertices, fitted.parameters.pose, fitted.parameters.shape)):
        return (Check(name="fit_numbers", grade=Grade.FAIL, what="The fit came out as no numbers.", next_step=_HOW),)
    parts = [check for name in PARTS if (check := _part(fitted, name)) is not None]
    return (*parts, _mean(fitted), _covered(fitted), _turned(fitted), _shape(fitted), _height(fitted), _joints(fitted))


def _grade(value: float, passes: float, fails: float) -> Grade:
    """Larger is worse where passes < fails, else smaller is."""
    sign = 1 if passes < fails else -1
    if sign * value <= sign * passes:
        return Grade.PASS
    return Grade.WARN if sign * value <= sign * fails else Grade.FAIL


def _limit(grade: Grade, passes: float, fails: float) -> float:
    return fails if grade is Grade.FAIL else passes


def _part(fitted: Fitted, name: str) -> Check | None:
    """The worse side of a body part: how far the scan lies from it, and how much of it has no scan near."""
    loose = fitted.clothing == "loose" and name in _CLOTHED
    near, lonely, missing, off_m = 0.0, 0.0, True, fitted.off_skin_m()
    for side in ("left", "right", ""):
        there = _of(fitted.names, fitted.joint, name, side)
        body = _of(fitted.names, fitted.body_joint, name, side) & np.isfinite(fitted.body_distance_m)
        if there.sum() >= _FEWEST:
            # Loose cloth may lie anywhere outside of the body, but never inside of it.
            distance = np.maximum(-off_m[there], 0) if loose else np.abs(off_m[there])
            near = max(near, float(np.percentile(distance, 90)))
            missing = False
        if body.sum() >= _FEWEST and not loose:
            reach = _LONELY_M if name not in ("hands", "feet") else 1.5 * _LONELY_M
            lonely = max(lonely, float((fitted.body_distance_m[body] > reach).mean()))
    if missing or (name == "feet" and not fitted.has_feet):
        what = f"The scan shows no {name}: those of the body are a guess."
        return Check(name=f"fit_{name}", grade=Grade.WARN, what=what, next_step="Scan the whole person.")
    distance_grade = _grade(near, *_PART_LIMITS_M[name])
    limits = _LONELY_ENDS if name in ("hands", "feet") else _LONELY
    lonely_grade = _grade(lonely, *limits)
    if name in ("hands", "feet") and lonely_grade is Grade.FAIL:
        lonely_grade = Grade.WARN  # a hole may hide a whole hand; one that is elsewhere leaves the scan uncovered
    if _worse(lonely_grade, distance_grade):
        what = f"{lonely:.0%} of the body's {name} finds no scan within {1e3 * _LONELY_M:.0f} mm."
        return Check(
            name=f"fit_{name}", grade=lonely_grade, what=what, next_step=_LOOK, value=100 * lonely, unit="%",
            limit=100 * _limit(lonely_grade, *limits),
        )  # fmt: skip
    passes, fails = _PART_LIMITS_M[name]
    what = f"Nine tenths of the scan's {name} lie within {1e3 * near:.1f} mm of the body."
    if loose:
        what = f"Nine tenths of the scan's {name} cut at most {1e3 * near:.1f} mm into the body."
    return Check(
        name=f"fit_{name}", grade=distance_grade, what=what, next_step="" if distance_grade is Grade.PASS else _LOOK,
        value=1e3 * near, unit="mm", limit=1e3 * _limit(distance_grade, passes, fails),
    )  # fmt: skip


def _worse(first: Grade, second: Grade) -> bool:
    order = (Grade.PASS, Grade.WARN, Grade.FAIL)
    return order.index(first) > order.index(second)


def _of(names: tuple[str, ...], joint: np.ndarray, part: str, side: str) -> np.ndarray:
    """Which of these joints' places belong to a part's side ("" for what has none)."""
    of = part_of_joints(names) == PARTS.index(part)
    sided = np.array([name.startswith(("left_", "right_")) for name in names])
    mine = np.array([name.startswith(f"{side}_") for name in names]) if side else ~sided
    if part in ("head", "torso"):
        mine = np.full(len(names), side == "")
    return np.asarray((of & mine)[joint])


def _mean(fitted: Fitted) -> Check:
    distance = fitted.off_skin_m()
    if fitted.clothing == "loose":
        clothed = np.isin(fitted.part, [PARTS.index(name) for name in _CLOTHED])
        distance = np.where(clothed, np.minimum(distance, 0), distance)
    mean = float(np.abs(distance).mean())
    grade = _grade(mean, *_MEAN_M)
    return Check(
        name="fit_distance", grade=grade, what=f"The scan lies {1e3 * mean:.1f} mm from the body on average.",
        next_step="" if grade is Grade.PASS else _HOW, value=1e3 * mean, unit="mm",
        limit=1e3 * _limit(grade, *_MEAN_M),
    )  # fmt: skip


def _covered(fitted: Fitted) -> Check:
    """The share of the scan, but for head and hair, that the body is near to and faces."""
    below = fitted.part != PARTS.index("head")
    near = fitted.paired & (np.abs(fitted.distance_m) < _NEAR_M)
    passes, fails = _COVERED
    if fitted.clothing == "loose":
        # Cloth may hang where it likes: what it hides is told by the parts.
        below &= ~np.isin(fitted.part, [PARTS.index(name) for name in _CLOTHED])
        passes, fails = _COVERED_LOOSE
    share = float(near[below].mean()) if below.any() else 0.0
    grade = _grade(share, passes, fails)
    return Check(
        name="fit_coverage", grade=grade,
        what=f"{share:.1%} of the scan lie within {1e3 * _NEAR_M:.0f} mm of a place of the body that faces them.",
        next_step="" if grade is Grade.PASS else _HOW, value=100 * share, unit="%",
        limit=100 * _limit(grade, passes, fails),
    )  # fmt: skip


def _turned(fitted: Fitted) -> Check:
    """By how much the body fits better than one that faces the other way."""
    better = fitted.turned_cost - fitted.cost
    grade = _grade(better, *_TURNED)
    told = "Face and feet tell front from back." if grade is Grade.PASS else "Front and back can hardly be told apart."
    return Check(
        name="fit_facing", grade=grade, what=told, next_step="" if grade is Grade.PASS else _LOOK,
        value=100 * better, unit="%", limit=100 * _limit(grade, *_TURNED),
    )  # fmt: skip


def _shape(fitted: Fitted) -> Check:
    shape = fitted.parameters.shape[:20]
    unlikely = float(np.sqrt((shape**2).mean())) if len(shape) else 0.0
    grade = _grade(unlikely, *_SHAPE)
    return Check(
        name="fit_shape", grade=grade,
        what=f"The body's proportions lie {unlikely:.1f} standard deviations from the mean.",
        next_step="" if grade is Grade.PASS else _HOW, value=unlikely, limit=_limit(grade, *_SHAPE),
    )  # fmt: skip


def _height(fitted: Fitted) -> Check:
    crown = float(fitted.vertices[:, 2].max())
    off = abs(crown - (fitted.floor_m + fitted.height_m))
    if fitted.has_feet:
        off = max(off, abs(float(fitted.vertices[:, 2].min()) - fitted.floor_m))
    grade = _grade(off, *_HEIGHT_M)
    return Check(
        name="fit_height", grade=grade,
        what=f"Crown and soles of the body are at most {1e3 * off:.0f} mm from the scan's ends.",
        next_step="" if grade is Grade.PASS else _HOW, value=1e3 * off, unit="mm",
        limit=1e3 * _limit(grade, *_HEIGHT_M),
    )  # fmt: skip


def _joints(fitted: Fitted) -> Check:
    """How far joints are turned beyond what people can do, and the trunk from upright."""
    prior = pose_prior(fitted.names, np.zeros((2, 45)))
    angles = vectors(matrices(fitted.parameters.pose))
    beyond = np.maximum(prior.low - angles, 0) + np.maximum(angles - prior.high, 0)
    sigmas = np.abs(angles - prior.mean) * np.sqrt(prior.precision)
    tight = [i for i, name in enumerate(fitted.names) if stem(name) in ("spine1", "spine2", "spine3", "neck", "head")]
    lean = float(np.degrees(np.arccos(np.clip((matrices(fitted.parameters.pose[:1])[0] @ [0, 1, 0])[2], -1, 1))))
    twist = _head_turn_deg(fitted) - _MOST_HEAD_TURN_DEG
    worst = max(float(np.degrees(beyond.max())), 4 * max(0.0, float(sigmas[tight].max()) - 2.5), lean - 25, twist)
    grade = _grade(worst, *_LIMIT_DEG)
    told = "All joints are turned as people turn them."
    if grade is not Grade.PASS:
        told = "Joints are turned further than people turn them, or the body does not stand upright."
    return Check(
        name="fit_pose", grade=grade, what=told, next_step="" if grade is Grade.PASS else _LOOK,
        value=worst, unit="deg", limit=_limit(grade, *_LIMIT_DEG),
    )  # fmt: skip


def _head_turn_deg(fitted: Fitted) -> float:
    """By how much head and neck together are turned against the trunk."""
    turns = matrices(fitted.parameters.pose)
    together = turns[fitted.names.index("neck")] @ turns[fitted.names.index("head")]
    return float(np.degrees(np.linalg.norm(vectors(together))))
