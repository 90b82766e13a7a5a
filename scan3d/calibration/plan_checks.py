"""A calibrated rig beside its plan: cameras in each other's place, a rig of the wrong size, missing cameras."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from scan3d.calibration.verdict_limits import Limits
from scan3d.checks import Check, Grade
from scan3d.geometry import Rig
from scan3d.geometry.rig_definition import RigDefinition
from scan3d.geometry.transforms import Array

# Two cameras count as swapped where each is this much nearer to the other's place than to its own.
_NEARER = 0.5
_LEAST_CAMERAS = 3
# The scale of a rig whose cameras hang off their plan by chance is this many standard deviations uncertain.
_SCALE_SIGMAS = 5.0


@dataclass(frozen=True, kw_only=True, eq=False)
class PlanFit:
    """A rig laid over its plan by the cameras that agree with it.

    plan_from_world: metres of the plan are `scale` times those of the rig, after the turn and shift. off_share: by
    camera of the rig, distance from its place over the plan's size. turned_deg: between planned and found direction.
    agreeing: the cameras within the limits. scale_sd: of `scale`, from how the cameras scatter about the plan.
    """

    camera_ids: tuple[str, ...]
    plan: Rig
    scale: float
    scale_sd: float
    found: Array
    rotations: Array
    off_share: Array
    turned_deg: Array
    agreeing: frozenset[str]


def planned_rig(definition: RigDefinition) -> Rig:
    """The cameras exactly where the definition has them, with its lens as it is."""
    lens = replace(definition.lens, focal_spread=0.0, centre_spread_px=0.0, distortion_spread=0.0)
    plain = replace(definition, lens=lens, position_spread_m=0.0, aim_spread_rad=0.0, roll_spread_rad=0.0)
    return plain.rig()


def fit_to_plan(rig: Rig, definition: RigDefinition, limits: Limits) -> PlanFit | None:
    """Lays a rig over its plan; None with fewer than three cameras in common.

    Every camera in turn says where the plan would be if that camera hung right; the one that most others agree with
    is believed, so that a few cameras in a wrong place do not pull the plan towards them.
    """
    plan = planned_rig(definition)
    names = tuple(name for name in rig.camera_ids if name in plan)
    if len(names) < _LEAST_CAMERAS:
        return None
    found, planned = rig.subset(names), plan.subset(names)
    size = float(np.median(np.linalg.norm(planned.centres() - np.median(planned.centres(), axis=0), axis=1)))
    scale = _median_scale(found.centres(), planned.centres(), size)
    pairs = zip(found, planned, strict=True)
    turns = np.array([p.cam_from_world.rotation.T @ f.cam_from_world.rotation for f, p in pairs])
    best: tuple[float, Array, Array] | None = None
    for hypothesis, turn in enumerate(turns):
        moved = scale * (found.centres() - found.centres()[hypothesis]) @ turn.T + planned.centres()[hypothesis]
        cost = _costs(moved, planned.centres(), turn, turns, size, limits).clip(max=1.0).sum()
        if best is None or cost < best[0]:
            best = (float(cost), moved, turn)
    assert best is not None
    _, moved, turn = best
    for _ in range(2):  # Again by all that agree: one camera's aim alone is off by its bracket.
        near = _costs(moved, planned.centres(), turn, turns, size, limits) < 1.0
        if near.sum() >= _LEAST_CAMERAS:
            scale, turn, moved = _similarity(found.centres(), planned.centres(), turns, near)
    off = np.linalg.norm(moved - planned.centres(), axis=1) / size
    angles = _angles_deg(turn, turns)
    agreeing = (off < limits.plan_share) & (angles < limits.plan_deg)
    spread = size * float(np.median(off[agreeing])) if agreeing.any() else size
    return PlanFit(
        camera_ids=names,
        plan=planned,
        scale=scale,
        scale_sd=spread / (size * np.sqrt(max(1, agreeing.sum()))),
        found=moved,
        rotations=np.array([c.cam_from_world.rotation @ turn.T for c in found]),
        off_share=off,
        turned_deg=angles,
        agreeing=frozenset(name for name, good in zip(names, agreeing, strict=True) if good),
    )


def plan_checks(rig: Rig, definition: RigDefinition, seen: Sequence[str], limits: Limits) -> Iterator[Check]:
    """What the plan says about the rig. seen: cameras that have photographs."""
    yield from _names(definition, seen)
    fit = fit_to_plan(rig, definition, limits)
    if fit is None:
        return
    swapped = list(_swapped_pairs(fit))
    for a, b in swapped:
        for one, other in ((a, b), (b, a)):
            yield Check(
                name="cameras_swapped",
                grade=Grade.FAIL,
                camera_id=one,
                what=f"it stands where the plan has {other}, and {other} where it has {one}.",
                next_step=f"Exchange the folders (or the cables) of {one} and {other}, then calibrate again.",
                value=round(100 * float(fit.off_share[fit.camera_ids.index(one)]), 1),
                unit="%",
                limit=100 * limits.plan_share,
            )
    in_pairs = {name for pair in swapped for name in pair}
    yield from _off_plan(fit, in_pairs, limits)
    yield _scale_check(fit, limits)


def _names(definition: RigDefinition, seen: Sequence[str]) -> Iterator[Check]:
    missing = [name for name in definition.camera_ids if name not in seen]
    unknown = [name for name in seen if name not in definition.camera_ids]
    for name in missing:
        step = f"Look whether {name} is on and its folder is there; a rig without it needs a plan without it."
        what = f"rig {definition.name} has this camera, but there are no photographs of it."
        yield Check(name="camera_missing", grade=Grade.FAIL, camera_id=name, what=what, next_step=step)
    for name in unknown:
        what = f"rig {definition.name} has no camera of this name."
        step = f"Rename its folder to one of the plan's: {', '.join((missing or list(definition.camera_ids))[:6])}."
        yield Check(name="camera_unknown", grade=Grade.WARN, camera_id=name, what=what, next_step=step)


def _swapped_pairs(fit: PlanFit) -> Iterator[tuple[str, str]]:
    """Pairs of cameras off their places, each of which hangs in the other's, looking the other's way."""
    planned, size = fit.plan.centres(), _size(fit.plan.centres())
    wanted = np.array([camera.cam_from_world.rotation for camera in fit.plan])

    def cost(a: int, b: int) -> float:
        """How badly camera a fits the place of b; distances as shares of the rig's size, directions in radians."""
        turn = np.arccos(np.clip((np.trace(fit.rotations[a] @ wanted[b].T) - 1) / 2, -1, 1))
        return float(np.linalg.norm(fit.found[a] - planned[b]) / size + turn)

    for a, one in enumerate(fit.camera_ids):
        for b in range(a + 1, len(fit.camera_ids)):
            own, crossed = (cost(a, a), cost(b, b)), (cost(a, b), cost(b, a))
            if all(c < _NEARER * o for c, o in zip(crossed, own, strict=True)):
                # In dense rows a camera may fall between places: only the mutually nearest are a swap.
                nearest = min(range(len(fit.camera_ids)), key=lambda k: cost(a, k))
                if nearest == b:
                    yield one, fit.camera_ids[b]


def _off_plan(fit: PlanFit, explained: set[str], limits: Limits) -> Iterator[Check]:
    for name, off, turned in zip(fit.camera_ids, fit.off_share, fit.turned_deg, strict=True):
        if name in fit.agreeing or name in explained:
            continue
        far = off >= limits.plan_share
        what = (
            f"it hangs {off:.0%} of the rig's radius off its place in the plan and is turned by {turned:.0f} degrees."
        )
        yield Check(
            name="off_plan",
            grade=Grade.WARN,
            camera_id=name,
            what=what,
            next_step="Look whether it is the camera that its folder says; else hang it as planned or change the plan.",
            value=round(100 * float(off), 1) if far else round(float(turned), 1),
            unit="%" if far else "deg",
            limit=100 * limits.plan_share if far else limits.plan_deg,
        )


def _scale_check(fit: PlanFit, limits: Limits) -> Check:
    off = 1.0 / fit.scale - 1.0
    doubt = _SCALE_SIGMAS * fit.scale_sd
    grade = Grade.FAIL if abs(off) > max(limits.fail_plan_scale, doubt) else Grade.PASS
    if grade is Grade.PASS and abs(off) > max(limits.warn_plan_scale, doubt):
        grade = Grade.WARN
    size = "larger" if off > 0 else "smaller"
    what = f"the rig comes out {abs(off):.1%} {size} than its plan: the squares of the board are not as long as said."
    step = (
        f"Measure ten squares with a ruler and give their length (--square-mm); the plan suggests "
        f"{fit.scale:.4f} times what the target says."
    )
    if grade is Grade.PASS:
        what, step = f"the rig has the size of its plan, within {max(abs(off), 0.0005):.1%}.", ""
    limit = max(limits.warn_plan_scale if grade is not Grade.FAIL else limits.fail_plan_scale, doubt)
    return Check(
        name="square_size",
        grade=grade,
        what=what[0].upper() + what[1:],
        next_step=step,
        value=round(100 * abs(off), 2),
        unit="%",
        limit=round(100 * limit, 2),
    )


def _size(centres: Array) -> float:
    return float(np.median(np.linalg.norm(centres - np.median(centres, axis=0), axis=1)))


def _median_scale(found: Array, planned: Array, size: float) -> float:
    """Ratio of the distances between cameras, planned over found: the median over all pairs that are apart."""
    a, b = np.triu_indices(len(found), 1)
    real, wanted = np.linalg.norm(found[a] - found[b], axis=1), np.linalg.norm(planned[a] - planned[b], axis=1)
    apart = (wanted > 0.05 * size) & (real > 0)
    return float(np.median(wanted[apart] / real[apart])) if apart.any() else 1.0


def _angles_deg(turn: Array, turns: Array) -> Array:
    trace = np.einsum("ij,nij->n", turn, turns)
    return np.asarray(np.degrees(np.arccos(np.clip((trace - 1) / 2, -1, 1))))


def _costs(moved: Array, planned: Array, turn: Array, turns: Array, size: float, limits: Limits) -> Array:
    """(N,) how far each camera is from its plan, 1 at the limit."""
    off = np.linalg.norm(moved - planned, axis=1) / (limits.plan_share * size)
    return np.asarray(np.maximum(off, _angles_deg(turn, turns) / limits.plan_deg))


def _similarity(found: Array, planned: Array, turns: Array, near: np.ndarray) -> tuple[float, Array, Array]:
    """Scale, rotation and the moved centres: Umeyama (1991) over the cameras that are near, with their directions."""
    a, b = found[near] - found[near].mean(axis=0), planned[near] - planned[near].mean(axis=0)
    scale = float(np.sqrt((b * b).sum() / max((a * a).sum(), 1e-12)))
    pull = b.T @ a / max(float(np.sqrt((a * a).sum() * (b * b).sum())), 1e-12) + turns[near].mean(axis=0)
    u, _, vt = np.linalg.svd(pull)
    turn = u @ np.diag([1, 1, np.linalg.det(u @ vt)]) @ vt
    return scale, turn, scale * (found - found[near].mean(axis=0)) @ turn.T + planned[near].mean(axis=0)
