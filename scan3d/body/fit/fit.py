"""`fit_body`: a scan of a person and a body model become the body's parameters."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from scan3d.body.fit.anatomy import PARTS, part_of_joints, pose_prior
from scan3d.body.fit.cloth import Cloth, looseness_m
from scan3d.body.fit.face import face_of
from scan3d.body.fit.posing import State
from scan3d.body.fit.prepared import Prepared, prepared
from scan3d.body.fit.result import Fitted
from scan3d.body.fit.rounds import fine_rounds, loose_rounds
from scan3d.body.fit.scan_points import ScanPoints, clean
from scan3d.body.fit.solver import Problem, Round
from scan3d.body.fit.starting import find_start
from scan3d.body.fit.surface_match import from_vertices, to_faces
from scan3d.body.model import BodyModel, BodyParameters
from scan3d.body.rotations import vectors
from scan3d.body.skinning import pose_body
from scan3d.errors import InputError
from scan3d.geometry import Mesh

CLOTHINGS = ("auto", "tight", "loose")
CLOTH = "loose cloth"
_HAND_POINTS = 250  # of the scan's points that fingers need, each hand
_REACH_M = 0.04
_LOOSE_M = 0.0075


def fit_body(
    scan: Mesh, model: BodyModel, *, clothing: str = "auto", cloth: np.ndarray | None = None, where: str = "",
    report: Callable[[float], None] = lambda share: None,
) -> Fitted:  # fmt: skip
    """Fit a body model to a scan of one standing adult: metres, Z up, any turn about the vertical, holes allowed.

    clothing: "tight" where the scan is the body but for thin cloth; "loose" where it hangs off the body, which then
    stays inside it; "auto" tells them apart. cloth: (V,) 0..1 of the scan's vertices, where it is known to be loose
    cloth and where skin. where: named in errors. report: told the share done.
    Raises InputError for a mesh that cannot be such a scan. Whether the fit is good, `fit_checks` says.
    """
    if clothing not in CLOTHINGS:
        raise InputError(f"There is no clothing '{clothing}'.", where, f"Choose one of: {', '.join(CLOTHINGS)}.")
    if cloth is not None:
        scan = replace(scan, vertex_values={**scan.vertex_values, CLOTH: np.asarray(cloth, np.float64)})
    points = clean(scan, where=where)
    report(0.05)
    ready = prepared(model)
    report(0.1)
    tried = find_start(ready, points)
    best = tried[0]
    turned = [one.cost for one in tried if one.turned_from(best)]
    report(0.5)
    problem = fine_problem(ready, points)
    fingers = len(ready.body.names) > 24 and _hands_are_there(problem, best.state)
    names, blends = ready.body.names, (ready.body.shapes, ready.body.basis.shape[2] - ready.body.shapes)
    tight = _run(problem, ready.face, best.state, fine_rounds(names, *blends, fingers=fingers), report, (0.5, 0.75))
    fitted = _measured(ready, points, tight)
    loose = clothing == "loose" or cloth is not None
    if loose or (clothing == "auto" and looseness_m(fitted.part, fitted.distance_m) > _LOOSE_M):
        known = None if cloth is None else points.mesh.vertex_values[CLOTH][points.mesh.faces[points.faces, 0]]
        problem = replace(problem, cloth=Cloth.over(ready.body, ready.hairy, known))
        # What the coarse fit took for the body was cloth too: halfway back to the likeliest shape.
        start = replace(best.state, blends=0.5 * best.state.blends)
        state = _run(problem, ready.face, start, loose_rounds(names, blends[1], fingers=fingers), report, (0.75, 0.95))
        fitted = replace(_measured(ready, points, state), clothing="loose")
    # The fit leaves the smallest skinning weights out; what is handed back is the model's own.
    posed = pose_body(model, fitted.parameters)
    return replace(
        fitted, vertices=posed.vertices, joints=posed.joints, cost=best.cost, turned_cost=min(turned, default=1.0),
        fingers=fingers,
    )  # fmt: skip


def _run(
    problem: Problem, on: np.ndarray, state: State, rounds: tuple[Round, ...], report: Callable[[float], None],
    span: tuple[float, float],
) -> State:  # fmt: skip
    for number, round_ in enumerate(rounds, start=1):
        if round_.face > 0:
            problem = replace(problem, face=face_of(problem.body, state, problem.scan, on))
        state = problem.run(state, round_)
        report(span[0] + (span[1] - span[0]) * number / len(rounds))
    return state


def fine_problem(ready: Prepared, scan: ScanPoints) -> Problem:
    """The whole body and all of the scan's points."""
    return Problem(
        body=ready.body,
        scan=scan,
        faces=ready.faces,
        back_rows=ready.back_rows,
        prior=pose_prior(ready.body.names, ready.hands),
        cloth=Cloth.only_hair(ready.hairy) if ready.hairy.any() else None,
    )


def _hands_are_there(problem: Problem, state: State) -> bool:
    """Whether the scan has enough of both hands to fit fingers to."""
    body = problem.body
    moved = body.moved(state)
    hand = np.array([name.split("_")[0] if part == "hands" else "" for name, part in _parts(body.names)])
    tips = [np.flatnonzero(hand[body.strongest] == side) for side in ("left", "right")]
    for rows in tips:
        low, high = moved.vertices[rows].min(axis=0) - 0.01, moved.vertices[rows].max(axis=0) + 0.01
        inside = ((problem.scan.points > low) & (problem.scan.points < high)).all(axis=1)
        if inside.sum() < _HAND_POINTS:
            return False
    return True


def _parts(names: tuple[str, ...]) -> list[tuple[str, str]]:
    return [(name, PARTS[part]) for name, part in zip(names, part_of_joints(names), strict=True)]


def parameters_of(ready: Prepared, state: State) -> BodyParameters:
    """The state as SMPL-X counts it."""
    return BodyParameters(
        shape=state.blends[: ready.body.shapes].copy(),
        expression=state.blends[ready.body.shapes :].copy(),
        pose=vectors(state.rotations),
        translation=state.translation.copy(),
    )


def _measured(ready: Prepared, scan: ScanPoints, state: State) -> Fitted:
    body = ready.body
    moved = body.moved(state)
    normals = body.moved_normals(moved)
    pairs = to_faces(body, moved, ready.faces, scan.points, scan.normals)
    length = np.linalg.norm(pairs.offset, axis=1)
    back = from_vertices(moved, normals, ready.back_rows, scan)
    there = np.linalg.norm(back.offset, axis=1)
    return Fitted(
        parameters=parameters_of(ready, state),
        vertices=moved.vertices,
        joints=moved.places,
        names=body.names,
        scan=scan.mesh,
        points=scan.points,
        joint=body.strongest[pairs.corners[:, 0]],
        hair=ready.hairy[pairs.corners[:, 0]],
        distance_m=np.where(pairs.across() < 0, -length, length),
        paired=(pairs.trust > 0) & (length < _REACH_M),
        rows=ready.back_rows,
        body_joint=body.strongest[ready.back_rows],
        body_distance_m=np.where((back.trust > 0) | (there > _REACH_M), there, np.nan),
        clothing="tight",
        cost=0.0,
        turned_cost=1.0,
        floor_m=scan.floor_m,
        height_m=scan.height_m,
        has_feet=scan.has_feet,
        fingers=False,
    )
