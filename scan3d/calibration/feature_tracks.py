"""Places on the subject that several photographs show, found with the help of a calibration.

Two features match when their descriptors do and the place lies near the epipolar line that the calibration gives. The
band about the line is wide enough for a camera that was bumped, and keeps most of the wrong partners out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from scan3d.calibration.features import Features
from scan3d.geometry import Camera, Rig
from scan3d.geometry.transforms import skew
from scan3d.pipeline.executor import run_units
from scan3d.pipeline.progress import Task

Pair = tuple[str, str]

BAND_RAD = 0.012  # a camera turned by 0.7 degrees still finds its partners
_MAX_ANGLE_RAD = 0.7  # between descriptors
_RATIO = 0.85  # of the angles to the best and the second best within the band
_WIDEST_PAIR_RAD = np.deg2rad(50.0)  # SIFT finds next to nothing across more (Mikolajczyk 2005)
_PAIRS_PER_CAMERA = 8


@dataclass(frozen=True, kw_only=True, eq=False)
class Tracks:
    """Places seen by two cameras or more.

    camera_ids: the cameras, whose numbers `camera` holds. track: (M,) int, which place an observation is of, 0..T-1,
    in ascending order. camera: (M,) int. feature: (M,) int, rows of that camera's features. px: (M, 2) float64, centres
    at 0.5. scale_px: (M,) size of the feature.
    """

    camera_ids: tuple[str, ...]
    track: np.ndarray
    camera: np.ndarray
    feature: np.ndarray
    px: np.ndarray
    scale_px: np.ndarray

    @property
    def count(self) -> int:
        """How many places."""
        return int(self.track[-1]) + 1 if len(self.track) else 0

    def per_camera(self) -> np.ndarray:
        """(C,) observations of each camera."""
        return np.bincount(self.camera, minlength=len(self.camera_ids))


def pairs_by_direction(rig: Rig, centre_m: np.ndarray) -> list[Pair]:
    """Pairs of cameras that look at a place (3,) from similar sides: of each camera the nearest."""
    towards = {c.camera_id: (c.centre - centre_m) / np.linalg.norm(c.centre - centre_m) for c in rig}
    angle = {
        (a, b): float(np.arccos(np.clip(towards[a] @ towards[b], -1, 1))) for a, b in combinations(rig.camera_ids, 2)
    }
    chosen: set[Pair] = set()
    for camera_id in rig.camera_ids:
        own = sorted((value, pair) for pair, value in angle.items() if camera_id in pair)
        chosen.update(pair for value, pair in own[:_PAIRS_PER_CAMERA] if value < _WIDEST_PAIR_RAD)
    return sorted(chosen)


def match_along_epipolars(
    features: Mapping[str, Features], rig: Rig, pairs: Sequence[Pair], *, band_rad: float = BAND_RAD,
    workers: int | None = None, task: Task | None = None,
) -> dict[Pair, np.ndarray]:  # fmt: skip
    """Matches (M, 2) of each pair, rows of its features: mutually nearest within the band, and clearly so."""

    def match(pair: Pair) -> np.ndarray:
        a, b = pair
        return _match(features[a], rig[a], features[b], rig[b], band_rad)

    return dict(zip(pairs, run_units(match, pairs, workers=workers, progress_task=task), strict=True))


def _match(a: Features, camera_a: Camera, b: Features, camera_b: Camera, band_rad: float) -> np.ndarray:
    if len(a) < 2 or len(b) < 2:
        return np.zeros((0, 2), np.int64)
    similarity = _unit(a.descriptors) @ _unit(b.descriptors).T
    off = _angle_off_epipolar(camera_a, a.xy.astype(np.float64), camera_b, b.xy.astype(np.float64))
    similarity[~(off < band_rad)] = -1.0
    rows = np.arange(len(a))
    nearest_b, nearest_a = similarity.argmax(axis=1), similarity.argmax(axis=0)
    rows = rows[nearest_a[nearest_b] == rows]
    columns = nearest_b[rows]
    best = similarity[rows, columns]
    second = _second(similarity, rows, columns), _second(similarity.T, columns, rows)
    angle = np.arccos(np.clip(best, -1.0, 1.0))
    other = np.arccos(np.clip(np.maximum(*second), -1.0, 1.0))
    good = (angle < _MAX_ANGLE_RAD) & (angle < _RATIO * other)
    return np.stack([rows[good], columns[good]], axis=1)


def _second(similarity: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    others = similarity[rows]
    others[np.arange(len(rows)), columns] = -1.0
    return np.asarray(others.max(axis=1)) if len(rows) else np.zeros(0)


def _angle_off_epipolar(camera_a: Camera, px_a: np.ndarray, camera_b: Camera, px_b: np.ndarray) -> np.ndarray:
    """(N, M) float32: about how far each ray of b lies from the epipolar plane of each ray of a, radians."""
    b_from_a = camera_b.cam_from_world @ camera_a.cam_from_world.inverse()
    essential = skew(b_from_a.translation) @ b_from_a.rotation
    planes = camera_a.intrinsics.unproject(px_a) @ essential.T
    planes /= np.linalg.norm(planes, axis=1, keepdims=True)
    rays = camera_b.intrinsics.unproject(px_b)
    rays /= np.linalg.norm(rays, axis=1, keepdims=True)
    return np.asarray(np.abs(planes.astype(np.float32) @ rays.astype(np.float32).T))


def _unit(descriptors: np.ndarray) -> np.ndarray:
    values = descriptors.astype(np.float32)
    values /= np.maximum(np.linalg.norm(values, axis=1, keepdims=True), 1e-9)
    return values


def link(features: Mapping[str, Features], matches: Mapping[Pair, np.ndarray]) -> Tracks:
    """Matches of pairs become tracks: connected features, without those that meet one camera twice."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    names = tuple(sorted(features))
    start = dict(zip(names, np.cumsum([0, *(len(features[name]) for name in names)]), strict=False))
    total = sum(len(features[name]) for name in names)
    ends = [(start[a] + rows[:, 0], start[b] + rows[:, 1]) for (a, b), rows in matches.items() if len(rows)]
    first = np.concatenate([a for a, _ in ends]) if ends else np.zeros(0, np.int64)
    second = np.concatenate([b for _, b in ends]) if ends else np.zeros(0, np.int64)
    graph = coo_array((np.ones(len(first), np.int8), (first, second)), shape=(total, total))
    _, label = connected_components(graph, directed=False)
    camera = np.repeat(np.arange(len(names)), [len(features[name]) for name in names])
    members, distinct = np.bincount(label), _distinct(label, camera, len(names))
    kept = np.flatnonzero((members[label] >= 2) & (members[label] == distinct[label]))
    kept = kept[np.argsort(label[kept], kind="stable")]
    _, track = np.unique(label[kept], return_inverse=True)
    xy = np.concatenate([features[name].xy for name in names]) if names else np.zeros((0, 2))
    scale = np.concatenate([features[name].scale for name in names]) if names else np.zeros(0)
    return Tracks(
        camera_ids=names, track=track, camera=camera[kept], px=xy[kept].astype(np.float64),
        feature=kept - np.array([start[name] for name in names], np.int64)[camera[kept]],
        scale_px=scale[kept].astype(np.float64),
    )  # fmt: skip


def _distinct(label: np.ndarray, camera: np.ndarray, cameras: int) -> np.ndarray:
    """How many different cameras each label has."""
    both = np.unique(label.astype(np.int64) * cameras + camera)
    return np.bincount(both // cameras, minlength=int(label.max(initial=-1)) + 1)
