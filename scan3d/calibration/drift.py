"""Which camera no longer stands as it was calibrated, told from photographs of the subject alone.

All cameras are held where the calibration has them, all places on the subject are triangulated, and for one camera at
a time it is asked how much better everything fits if that camera alone may move (a score test with the places
eliminated). The camera that explains most is let go, if it explains clearly more than chance and than the other
cameras; then the question is asked again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from scan3d.calibration.feature_tracks import Tracks, link, match_along_epipolars, pairs_by_direction
from scan3d.calibration.features import Features
from scan3d.calibration.track_adjustment import (
    Places,
    adjust_poses,
    moved,
    pose_motion_px,
    reduced_system,
    solve_normal,
    triangulate,
)
from scan3d.calibration.upright import subject_centre
from scan3d.geometry import Rig
from scan3d.pipeline.progress import Task

_MEDIAN_CHI2_6 = 5.348  # median of the chi-squared distribution with the six numbers of a pose
_CHI2_3_SURE = 16.3  # its 0.999 quantile with three
_NEGLIGIBLE = 0.003  # of what a movement explains: features are off by more than chance where the move is large


@dataclass(frozen=True, kw_only=True)
class DriftLimits:
    """When a camera is said to have moved.

    chi2: of its score test, in units of the usual camera's. In good takes of virtual and of path-traced people the
    highest camera reaches 26, a camera moved by 1 mm along its axis at 3 m (the least that shows) 60. warn_px: least
    motion of its picture worth a word; fail_px: as much as a good calibration's own error, from where surfaces suffer.
    observations: fewer say nothing.
    """

    chi2: float = 40.0
    warn_px: float = 0.1
    fail_px: float = 0.5
    observations: int = 30


@dataclass(frozen=True, kw_only=True, eq=False)
class CameraDrift:
    """One camera against all others.

    observations: places it was compared at. shift_px: how far its picture lies from where the calibration has it, rms
    over these places. chi2: how sure that is (six degrees of freedom, in units of the usual camera's). named: it no
    longer agrees. twist: (6,) camera-from-calibrated-camera, metres and radians. turned_deg: if it only turned, None
    where that does not explain it; moved_mm: if it only moved, None likewise. rival: a camera that explains nearly as
    much; "" where none does.
    """

    camera_id: str
    observations: int
    shift_px: float
    chi2: float
    named: bool = False
    twist: np.ndarray
    turned_deg: float | None = None
    moved_mm: float | None = None
    rival: str = ""


@dataclass(frozen=True, kw_only=True, eq=False)
class Drift:
    """The comparison of a take with its calibration.

    cameras: by camera id, in the order of the rig. places: on the subject that were compared. noise_px: of a typical
    observation. rig: the calibration with the named cameras moved to where they fit.
    """

    cameras: Mapping[str, CameraDrift]
    places: int
    noise_px: float
    rig: Rig

    @property
    def named(self) -> tuple[str, ...]:
        """The cameras that no longer agree, in the rig's order."""
        return tuple(camera_id for camera_id, found in self.cameras.items() if found.named)


def measure_drift(
    features: Mapping[str, Features], rig: Rig, *, limits: DriftLimits | None = None, workers: int | None = None,
    task: Task | None = None,
) -> Drift:  # fmt: skip
    """Compare a take with its calibration.

    features: of the photographs, by camera; those at the subject's silhouette, where no place stays, must not be in
    it. rig: the calibration; cameras without features are left out.
    """
    present = rig.subset(camera_id for camera_id in rig.camera_ids if camera_id in features)
    pairs = pairs_by_direction(present, subject_centre(present)) if len(present) >= 2 else []
    own = {camera_id: features[camera_id] for camera_id in present.camera_ids}
    matches = match_along_epipolars(own, present, pairs, workers=workers, task=task)
    return drift_of_tracks(link(own, matches), rig, limits or DriftLimits())


def drift_of_tracks(tracks: Tracks, rig: Rig, limits: DriftLimits) -> Drift:
    """The comparison itself, from tracks that are known. See `measure_drift`."""
    known = rig.subset(tracks.camera_ids)
    state, named, rivals = known, list[int](), dict[int, str]()
    scores = _scores(tracks, known)
    while len(named) < max(1, (len(known) - 2) // 2) and len(known) >= 3:
        candidate, rival = _best(scores, named, limits)
        if candidate is None:
            break
        trial = adjust_poses(tracks, state, [*named, candidate])
        after = _scores(tracks, trial)
        if not _is_clear(scores, after, candidate, named, limits):
            break
        named.append(candidate)
        rivals[candidate] = "" if rival is None else tracks.camera_ids[rival]
        state, scores = trial, after
    return _told(tracks, known, state, scores, named, rivals, rig)


@dataclass(frozen=True, kw_only=True, eq=False)
class _Scores:
    """Of each camera (C,): chi2, shift_px, observations; step (C, 6) is the movement that would help."""

    chi2: np.ndarray
    shift_px: np.ndarray
    observations: np.ndarray
    places: Places


def _scores(tracks: Tracks, rig: Rig) -> _Scores:
    places = triangulate(tracks, rig)
    system = reduced_system(tracks, rig, places)
    count = len(tracks.camera_ids)
    chi2, shift, seen = np.zeros(count), np.zeros(count), np.zeros(count, np.int64)
    for number in range(count):
        rows = np.flatnonzero((tracks.camera == number) & (places.weight > 0))
        seen[number] = len(rows)
        step = solve_normal(system.hessian[number, :, number], system.gradient[number])
        chi2[number] = system.gradient[number] @ step
        shift[number] = pose_motion_px(tracks, rig, places, number, step)
    return _Scores(chi2=chi2, shift_px=shift, observations=seen, places=places)


def _best(scores: _Scores, named: Sequence[int], limits: DriftLimits) -> tuple[int | None, int | None]:
    """The camera that explains most, and one that explains nearly as much."""
    order = [k for k in np.argsort(-scores.chi2) if k not in named and scores.observations[k] >= limits.observations]
    if not order:
        return None, None
    close = len(order) > 1 and scores.chi2[order[1]] > 0.8 * scores.chi2[order[0]]
    return int(order[0]), int(order[1]) if close else None


def _is_clear(before: _Scores, after: _Scores, candidate: int, named: Sequence[int], limits: DriftLimits) -> bool:
    """Whether a camera moved, and no chance: against the other cameras, once it is where it fits."""
    others = [k for k in range(len(after.chi2)) if k not in (candidate, *named) and after.observations[k] > 0]
    usual = max(1.0, float(np.median(after.chi2[others])) / _MEDIAN_CHI2_6) if others else 1.0
    # Where all cameras are off by more than noise, what they are off by has longer tails than noise.
    needed = limits.chi2 * usual * min(usual, 2.0)
    return bool(before.chi2[candidate] > needed and before.shift_px[candidate] > limits.warn_px)


def _told(
    tracks: Tracks, known: Rig, state: Rig, scores: _Scores, named: Sequence[int], rivals: Mapping[int, str], rig: Rig
) -> Drift:
    system = reduced_system(tracks, state, scores.places)
    centre, cameras, fixed = subject_centre(known), {}, {}
    for number, camera_id in enumerate(tracks.camera_ids):
        twist = (state[camera_id].cam_from_world @ known[camera_id].cam_from_world.inverse()).log()
        chi2 = float(scores.chi2[number])
        # Chance alone moves every picture a little; what is told is what is left of it (James and Stein 1961).
        shift = float(scores.shift_px[number]) * np.sqrt(max(0.0, 1.0 - 6.0 / max(chi2, 1e-9)))
        turned, shifted = None, None
        if number in named:
            hessian = system.hessian[number, :, number]
            chi2 = float(twist @ hessian @ twist)
            turned, shifted, alone = _simpler(hessian, twist)
            distance_m = float(np.linalg.norm(known[camera_id].centre - centre))
            twist = _smallest(hessian, twist, distance_m) if alone is None else alone
            shift = pose_motion_px(tracks, state, scores.places, number, twist)
            fixed[camera_id] = moved(known, camera_id, twist)[camera_id]
            if turned is None and shifted is None:
                turned, shifted = float(np.linalg.norm(twist[3:])), float(np.linalg.norm(twist[:3]))
        cameras[camera_id] = CameraDrift(
            camera_id=camera_id, observations=int(scores.observations[number]), shift_px=shift, chi2=chi2,
            named=number in named, twist=twist, rival=rivals.get(number, ""),
            turned_deg=None if turned is None else float(np.rad2deg(turned)),
            moved_mm=None if shifted is None else 1e3 * shifted,
        )  # fmt: skip
    weight = scores.places.weight > 0
    merged = Rig(
        cameras=tuple(fixed.get(c.camera_id, c) for c in rig), scale_is_metric=rig.scale_is_metric, source=rig.source
    )
    return Drift(
        cameras={camera_id: cameras[camera_id] for camera_id in rig.camera_ids if camera_id in cameras},
        places=len(np.unique(tracks.track[weight])),
        noise_px=float(np.median(scores.places.sigma_px)) if len(tracks.px) else float("nan"),
        rig=merged,
    )


def _smallest(hessian: np.ndarray, twist: np.ndarray, distance_m: float) -> np.ndarray:
    """The smallest movement (6,) that fits as well as the best one, up to chance.

    Seen from one side only, a camera can slide and turn back without its picture changing much; what the photographs
    do not tell is taken to have stayed. One radian counts as much as the distance to the subject.
    """
    size = np.diag([1.0, 1.0, 1.0, distance_m**2, distance_m**2, distance_m**2])
    found = twist
    for share in np.geomspace(1e-6, 1.0, 25):
        pull = share * np.trace(hessian[:3, :3]) * size
        step = np.linalg.solve(hessian + pull, hessian @ twist)
        if (step - twist) @ hessian @ (step - twist) > _MEDIAN_CHI2_6:
            break
        found = step
    return np.asarray(found)


def _simpler(hessian: np.ndarray, twist: np.ndarray) -> tuple[float | None, float | None, np.ndarray | None]:
    """Radians if turning alone explains a twist (6,), metres if moving alone does; None where it does not.

    Turning and moving sideways look almost alike from a distance; where both explain it, both are told. With them comes
    the simple twist (6,) to use, None where there is none: turning before moving, as it is what a knock does to a
    camera on its bracket.
    """
    enough = max(_CHI2_3_SURE, _NEGLIGIBLE * float(twist @ hessian @ twist))
    sizes: list[float | None] = []
    fits: list[np.ndarray] = []
    for part, other in ((slice(3, 6), slice(0, 3)), (slice(0, 3), slice(3, 6))):
        alone = np.zeros(6)
        # The least cost of a movement of this part alone: the rest of the twist is undone as well as this part can.
        alone[part] = twist[part] + solve_normal(hessian[part, part], hessian[part, other] @ twist[other])
        cost = float((alone - twist) @ hessian @ (alone - twist))
        sizes.append(float(np.linalg.norm(alone)) if cost < enough else None)
        if cost < enough:
            fits.append(alone)
    return sizes[0], sizes[1], fits[0] if fits else None
