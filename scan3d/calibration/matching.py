"""Which photographs show the same things: pairs are chosen by their coarsest features, then matched by all.

Matching every pair of a take costs more than everything else of an alignment together. The largest features,
a few hundred a photograph, tell at a fiftieth of the cost which pairs are worth it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import combinations

import numpy as np

from scan3d.calibration.features import Features
from scan3d.pipeline.executor import run_units
from scan3d.pipeline.progress import Task

Pair = tuple[str, str]

_COARSE_FEATURES = 700
_MIN_COARSE_MATCHES = 4
_RATIO = 0.8  # of the angles to the best and the second best (Lowe 2004)
_MAX_ANGLE_RAD = 0.7


def match_descriptors(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Mutually nearest descriptors that pass the ratio test: (M, 2) uint32 indices into a and b.

    a: (N, 128), b: (M, 128) uint8 of one length (RootSIFT), compared by the angle between them.
    """
    if len(a) < 2 or len(b) < 2:
        return np.zeros((0, 2), np.uint32)
    similarity = _unit(a) @ _unit(b).T
    rows = np.arange(len(a))
    nearest_b = similarity.argmax(axis=1)
    nearest_a = similarity.argmax(axis=0)
    rows = rows[nearest_a[nearest_b] == rows]
    columns = nearest_b[rows]
    best = similarity[rows, columns]
    others = similarity[rows]
    others[np.arange(len(rows)), columns] = -1.0
    angle = np.arccos(np.clip(best, -1.0, 1.0))
    second = np.arccos(np.clip(others.max(axis=1), -1.0, 1.0)) if len(rows) else angle
    good = (angle < _RATIO * second) & (angle < _MAX_ANGLE_RAD)
    return np.stack([rows[good], columns[good]], axis=1).astype(np.uint32)


def choose_pairs(
    features: Mapping[str, Features],
    *,
    neighbours: int = 12,
    workers: int | None = None,
    task: Task | None = None,
) -> list[Pair]:
    """Pairs of photographs worth matching: each with its `neighbours` best, by mutual matches of large
    features.

    Returns pairs of names in sorted order. All pairs where there are few photographs.
    """
    names = sorted(features)
    pairs = list(combinations(names, 2))
    if len(names) <= neighbours + 1:
        return pairs
    coarse = {name: _coarsest(features[name]) for name in names}
    counts = run_units(
        lambda pair: len(match_descriptors(coarse[pair[0]], coarse[pair[1]])),
        pairs, workers=workers, progress_task=task,
    )  # fmt: skip
    score = dict(zip(pairs, counts, strict=True))
    chosen: set[Pair] = set()
    for name in names:
        own = sorted((pair for pair in pairs if name in pair), key=lambda pair: (-score[pair], pair))
        chosen.update(pair for pair in own[:neighbours] if score[pair] >= _MIN_COARSE_MATCHES)
    return sorted(chosen)


def match_pairs(
    features: Mapping[str, Features],
    pairs: Sequence[Pair],
    *,
    workers: int | None = None,
    task: Task | None = None,
) -> dict[Pair, np.ndarray]:
    """Matches (M, 2) uint32 of each pair, by all its features."""
    match: Callable[[Pair], np.ndarray] = lambda pair: match_descriptors(  # noqa: E731
        features[pair[0]].descriptors, features[pair[1]].descriptors
    )
    return dict(zip(pairs, run_units(match, pairs, workers=workers, progress_task=task), strict=True))


def _coarsest(features: Features) -> np.ndarray:
    order = np.argsort(-features.scale, kind="stable")[:_COARSE_FEATURES]
    return features.descriptors[order]


def _unit(descriptors: np.ndarray) -> np.ndarray:
    values = descriptors.astype(np.float32)
    values /= np.maximum(np.linalg.norm(values, axis=1, keepdims=True), 1e-9)
    return values
