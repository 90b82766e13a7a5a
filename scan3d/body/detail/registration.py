"""A fitted body drawn onto a scan, coarse to fine, and back to its rest pose.

In the world, where the fit has the body, each vertex may move; the moves are what comes out. Iterated nearest points
pull along the scan's normals, both from the body and from the scan, less the farther they are away (Geman and McClure
1985). What holds the moves together weakens from round to round: a thin plate over the whole body (squared Laplacian
of the moves), and where nothing pulls a membrane with a fading to the fit, so that what the scan did not see keeps the
model's shape. All rounds are linear in the moves and solved by conjugate gradients that begin at the last result.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from scan3d.body.detail.fine_mesh import FineMesh, fine_mesh
from scan3d.body.detail.folds import folded_faces, without_folds
from scan3d.body.detail.laplacian import edge_weights, vertex_areas
from scan3d.body.detail.matches import (
    Gates,
    Matches,
    Pull,
    add_matches_of_scan,
    drop_if_another_is_nearer,
    matches_of_body,
)
from scan3d.body.detail.posing import placed
from scan3d.body.detail.scan_surface import NearestOn, ScanSurface, scan_surface
from scan3d.body.detail.solver import Stiffness, solve_moves
from scan3d.body.detail.trusted_parts import carry_loose_parts, least_stiffness, loose_vertices, match_limits
from scan3d.body.model import BodyModel, BodyParameters
from scan3d.errors import InputError
from scan3d.geometry import Mesh
from scan3d.pipeline.progress import Progress, Silent

Floats = npt.NDArray[np.floating]

_SAMPLES = 40_000  # of the scan, that pull at the body
_MEMBRANE_M = 0.010  # stiffness where nothing pulls, as a length
_FADE_M = 0.06  # over which moves fade there
_SEEN = 0.05  # confidence from which a vertex counts as seen
_SEEN_M = 0.004  # a vertex is seen where the scan lies this close in the end


@dataclass(frozen=True, kw_only=True, eq=False)
class Detail:
    """The scan's surface on a body's finer mesh.

    level: how often the model's mesh is split (scan3d.body.subdivision). offsets: (V', 3) float32 metres, added to the
    flat finer mesh at rest before the pose, in the model's frame. seen: (V',) bool, the scan shows the surface there;
    elsewhere it is the model's. confidence: (V',) float32 0..1, how well.
    """

    level: int
    offsets: npt.NDArray[np.float32]
    seen: npt.NDArray[np.bool_]
    confidence: npt.NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class _Round:
    """smooth_m: moves narrower than about six times this are smoothed away. gates: of its matches."""

    smooth_m: float
    gates: Gates


def register_detail(
    scan: Mesh, model: BodyModel, parameters: BodyParameters, *, level: int = 2, progress: Progress | None = None
) -> Detail:
    """Offsets that give a fitted body the scan's surface where the scan has one.

    scan: world frame, metres; vertex_values "confidence" (V,) 0..1 count, if there are any. level: 0..3.
    Raises InputError for a scan without faces or with coordinates that are not numbers, and for another level.
    """
    if not len(scan.faces) or not np.isfinite(scan.vertices).all():
        raise InputError("The scan has no faces, or coordinates that are not numbers.", "scan", "Check its file.")
    if not 0 <= level <= 3:
        raise InputError(f"The body's mesh cannot be split {level} times for its detail.", "level", "Give 0 to 3.")
    progress = progress or Silent()
    surface = scan_surface(scan)
    rows = _samples(surface)
    moves: Floats = np.zeros((len(model.template), 3))
    schedule = _schedule(level, surface)
    with progress.task("detail", sum(len(rounds) for rounds in schedule) + 1) as task:
        for number, rounds in enumerate(schedule):
            mesh = fine_mesh(model, number)
            if number:
                moves = mesh.smoothing[-1] @ moves
            body = _Body(model, parameters, mesh)
            for step in rounds:
                moves = body.drawn(surface, rows, moves, step)
                task.advance()
        detail = body.finished(surface, moves)
        task.advance()
    return detail


def _schedule(level: int, scan: ScanSurface) -> list[list[_Round]]:
    """The rounds of each level: stiffness and gates shrink; the last ones smooth over the scan's noise only."""
    last = float(np.clip(0.0012 + 3.0 * scan.noise_m, 0.0015, 0.006))
    tight = max(0.004, 4 * scan.noise_m)

    def rounds(*steps: tuple[float, float, float]) -> list[_Round]:
        return [
            _Round(smooth_m=max(s, last), gates=Gates(reach_m=reach, outlier_m=max(o, tight), cosine=0.5))
            for s, reach, o in steps
        ]

    coarse = rounds(
        (0.060, 0.120, 0.060), (0.040, 0.090, 0.040), (0.025, 0.060, 0.025), (0.015, 0.040, 0.015), (0.010, 0.025, 0.01)
    )
    middle = rounds((0.007, 0.020, 0.008), (0.005, 0.015, 0.006))
    fine = rounds((last * 1.4, 0.012, tight), (last, 0.010, tight))
    return [[coarse, *([middle] if level > 1 else []), *([fine] * max(0, level - 1))][k] for k in range(level)] + [
        coarse + middle + fine if level == 0 else middle + fine if level == 1 else fine
    ]


def _samples(scan: ScanSurface) -> npt.NDArray[np.int32]:
    """Trusted vertices of the scan, the same for the same scan."""
    trusted = np.flatnonzero(scan.trust > 0)
    if len(trusted) > _SAMPLES:
        trusted = np.sort(np.random.default_rng(0).choice(trusted, _SAMPLES, replace=False))
    return trusted.astype(np.int32)


class _Body:
    """One level of the mesh: where the fit has it, what holds it together, and what each vertex may follow."""

    def __init__(self, model: BodyModel, parameters: BodyParameters, mesh: FineMesh) -> None:
        self.model, self.mesh = model, mesh
        self.placed = placed(model, parameters, mesh)
        self.start = self.placed.posed()
        self.areas = vertex_areas(self.start, mesh.faces)
        self.edges = edge_weights(self.start, mesh.faces)
        self.loose = loose_vertices(mesh)
        self.least_m = least_stiffness(model, mesh)
        self.limit_m = match_limits(model, mesh)
        self.stiffer = np.ones(len(self.start))

    def drawn(self, scan: ScanSurface, rows: npt.NDArray[np.int32], moves: Floats, step: _Round) -> Floats:
        """The moves after one more round."""
        points = self.start + moves
        body = Mesh(vertices=points, faces=self.mesh.faces)
        matches = self._matches(scan, body, moves, step.gates)
        pull = Pull.none(len(points))
        everyone = np.arange(len(points), dtype=np.int32)
        pull.add(everyone, self.areas * matches.weight, matches.normal, matches.point - self.start)
        area_m2 = 0.5 * float(scan.mesh.face_areas().sum()) / max(1, len(rows))
        add_matches_of_scan(pull, scan, rows, body, self.start, self.limit_m, step.gates, area_m2)
        stiffness = self._stiffness(pull, step.smooth_m)
        solved = solve_moves(stiffness, pull.blocks, pull.wanted, moves, steps=150)
        folded = folded_faces(self.start, self.start + solved, self.mesh.faces)
        self.stiffer[np.unique(self.mesh.faces[folded])] *= 4
        return solved

    def finished(self, scan: ScanSurface, moves: Floats) -> Detail:
        """Folds undone, parts that hang loose carried along, and everything taken back to rest."""
        moves = carry_loose_parts(self.model, self.mesh, self.start, moves)
        moves = without_folds(self.start, moves, self.mesh.faces)
        body = Mesh(vertices=self.start + moves, faces=self.mesh.faces)
        gates = Gates(reach_m=max(_SEEN_M, 3 * scan.noise_m), outlier_m=max(_SEEN_M, 3 * scan.noise_m), cosine=0.4)
        matches = self._matches(scan, body, moves, gates)
        confidence = matches.weight.astype(np.float32)
        return Detail(
            level=self.mesh.level,
            offsets=self.placed.offsets(moves).astype(np.float32),
            seen=confidence > _SEEN,
            confidence=confidence,
        )

    def _matches(self, scan: ScanSurface, body: Mesh, moves: Floats, gates: Gates) -> Matches:
        normals = np.asarray(body.vertex_normals())
        matches = matches_of_body(scan, body.vertices, self.start, normals, self.limit_m, gates)
        drop_if_another_is_nearer(matches, body.vertices, body, NearestOn(body.vertices, body.faces))
        return matches

    def _stiffness(self, pull: Pull, smooth_m: float) -> Stiffness:
        """The plate everywhere and the membrane where nothing pulls, m^2 per square metre of move."""
        pulled = np.trace(pull.blocks, axis1=1, axis2=2) > 1e-3 * self.areas
        fading = ~pulled & (self.limit_m > 0) | self.loose
        return Stiffness(
            edges=self.edges,
            plate=np.maximum(smooth_m, self.least_m) ** 4 / self.areas,
            # An edge is slack where both ends are pulled.
            length=np.where(pulled, 0.15 * smooth_m, _MEMBRANE_M) * np.sqrt(self.stiffer),
            fading=fading * self.areas * (_MEMBRANE_M / _FADE_M) ** 2,
        )
