"""The fit from beginning to end: starts, a coarse fit of the best of them, and the fine fit of the best of those."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from scan3d.body.fit.anatomy import pose_prior, relaxed_hands
from scan3d.body.fit.posing import State
from scan3d.body.fit.prepared import Prepared
from scan3d.body.fit.rounds import better_rounds, coarse_rounds
from scan3d.body.fit.scan_points import ScanPoints
from scan3d.body.fit.solver import Problem
from scan3d.body.fit.starts import Start, of_height, starts
from scan3d.body.fit.surface_match import from_vertices
from scan3d.body.rotations import matrices

_COARSE_POINTS = 5000
_TRIED, _KEPT = 6, 2


@dataclass(frozen=True, kw_only=True, eq=False)
class Tried:
    """A start after its coarse fit. cost: 0..1, of both directions."""

    start: Start
    state: State
    cost: float

    def turned_from(self, other: Tried) -> bool:
        """Whether this faces the other way."""
        return bool(np.cos(facing(self.state) - facing(other.state)) < 0)


def find_start(prepared: Prepared, scan: ScanPoints) -> list[Tried]:
    """The best starts after their coarse fits, best first; the last of them is the other way round."""
    coarse = prepared.coarse
    problem = coarse_problem(prepared, scan)
    hands = matrices(relaxed_hands(coarse.names, prepared.hands))
    blends = of_height(coarse, scan.height_m)
    tried = []
    for start in starts(coarse, problem.scan, blends, hands, most=_TRIED):
        state = start.state
        for round_ in coarse_rounds(coarse.names):
            state = problem.run(state, round_)
        tried.append(Tried(start=start, state=state, cost=two_way_cost(problem, state)))
    tried.sort(key=lambda one: one.cost)
    best = tried[0]
    other = [one for one in tried if one.turned_from(best)]
    kept = [best, *(one for one in tried[1:_KEPT] if one not in other), *other[:1]]
    better = []
    for one in kept:
        state = one.state
        for round_ in better_rounds(coarse.names):
            state = problem.run(state, round_)
        better.append(replace(one, state=state, cost=two_way_cost(problem, state)))
    return sorted(better, key=lambda one: one.cost)


def facing(state: State) -> float:
    """The turn about the vertical of the pelvis' front from -Y, radians."""
    front = state.rotations[0] @ np.array([0.0, 0.0, 1.0])
    return float(np.arctan2(front[0], -front[1]))


def two_way_cost(problem: Problem, state: State, *, reach_m: float = 0.025, points: int = 2000) -> float:
    """0..1: how much of scan and body finds no partner within reach, the mean of both directions."""
    moved = problem.body.moved(state)
    normals = problem.body.moved_normals(moved)
    forward = problem.forward(moved, normals, problem.scan.thinned(points))
    back = from_vertices(moved, normals, problem.back_rows, problem.scan)
    costs = []
    for pairs in (forward, back):
        squared = pairs.distance**2
        share = squared / (squared + reach_m**2)
        costs.append(float(np.where(pairs.trust > 0, share, 1.0).mean()))
    return 0.5 * sum(costs)


def coarse_problem(prepared: Prepared, scan: ScanPoints) -> Problem:
    body = prepared.coarse
    return Problem(
        body=body,
        scan=scan.fewer(_COARSE_POINTS),
        faces=np.zeros((0, 3), np.int32),
        back_rows=np.arange(len(body.template)),
        prior=pose_prior(body.names, prepared.hands),
    )
