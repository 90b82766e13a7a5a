"""The last bundle adjustment of an alignment, with the lens model that predicts best.

A richer lens model always fits the points it was adjusted to better. Which one is better is asked of
observations that the adjustment did not see. Runs in the worker process, next to pycolmap.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pycolmap

# From plain to rich: COLMAP's model, whether the principal point is adjusted.
_CANDIDATES = (("SIMPLE_RADIAL", False), ("RADIAL", False), ("OPENCV", False), ("OPENCV", True))
_WORTH = 0.995  # a richer model must predict at least half a per cent better
_HELD_OUT = 0.2  # of the points with at least four views, one observation each
_MIN_HELD_OUT = 100
_OUTLIER_SIGMAS = 4.0


@dataclass(frozen=True)
class Residuals:
    """Reprojection errors in pixels by image id."""

    by_image: dict[int, np.ndarray]

    def of_image(self, image_id: int) -> dict[str, float | int]:
        """Count, mean and median of one image's residuals."""
        r = self.by_image.get(image_id, np.zeros(0))
        if not len(r):
            return {"observations": 0, "mean_px": 0.0, "median_px": 0.0}
        return {"observations": len(r), "mean_px": float(r.mean()), "median_px": float(np.median(r))}

    def every(self) -> np.ndarray:
        """All residuals, (N,)."""
        return np.concatenate([*self.by_image.values(), np.zeros(0)])


def refine(model: Any, workers: int) -> tuple[Residuals, dict[str, Any]]:
    """Adjust a mapped reconstruction in place with the best lens model, and drop what disagrees with it.

    Returns the residuals of what was kept, and a report: the candidates' errors on held-out observations, the
    one chosen, the mean residual before and after outliers were dropped.
    """
    chosen, trials = _choose(model, workers)
    _set_lens(model, chosen[0])
    _adjust(model, workers, refine_centre=chosen[1])
    before = residuals_of(model)
    every = before.every()
    # The median of a Rayleigh distribution is 1.1774 sigma.
    limit_px = max(1.0, _OUTLIER_SIGMAS * float(np.median(every)) / 1.1774) if len(every) else 1.0
    _drop(model, limit_px)
    _adjust(model, workers, refine_centre=chosen[1])
    after = residuals_of(model)
    kept = after.every()
    report = {
        "lens_model": chosen[0],
        "principal_point_adjusted": chosen[1],
        "lens_models_tried": trials,
        "mean_px_all": float(every.mean()) if len(every) else 0.0,
        "mean_px": float(kept.mean()) if len(kept) else 0.0,
        "median_px": float(np.median(kept)) if len(kept) else 0.0,
        "outlier_limit_px": limit_px,
        "observations": len(kept),
        "observations_dropped": len(every) - len(kept),
        "points": int(model.num_points3D()),
    }
    return after, report


def residuals_of(model: Any) -> Residuals:
    """Reprojection error of every observation that has a point."""
    by_image: dict[int, list[float]] = {}
    for image, _, xy, xyz in _observations(model):
        px = image.project_point(xyz)
        if px is not None:
            by_image.setdefault(image.image_id, []).append(float(np.hypot(*(px - xy))))
    return Residuals({key: np.array(values) for key, values in sorted(by_image.items())})


def _choose(model: Any, workers: int) -> tuple[tuple[str, bool], list[dict[str, Any]]]:
    """The candidate with the least error on held-out observations, preferring plainer ones."""
    held_out = _hold_out(model)
    if len(held_out) < _MIN_HELD_OUT:
        return _CANDIDATES[0], []
    best, best_px, trials = _CANDIDATES[0], float("inf"), []
    for lens, centre in _CANDIDATES:
        trial = pycolmap.Reconstruction(model)
        for image_id, index in held_out:
            trial.delete_observation(image_id, index)
        _set_lens(trial, lens)
        _adjust(trial, workers, refine_centre=centre)
        error_px = _held_out_error(trial, held_out, model)
        trials.append({"lens_model": lens, "principal_point_adjusted": centre, "held_out_median_px": error_px})
        if error_px < _WORTH * best_px:
            best, best_px = (lens, centre), error_px
    return best, trials


def _hold_out(model: Any) -> list[tuple[int, int]]:
    """(image id, 2D point) of one observation each of a fifth of the points with four views or more."""
    random = np.random.default_rng(0)
    held_out = []
    for _, point in sorted(model.points3D.items()):
        elements = point.track.elements
        if len(elements) >= 4 and random.random() < _HELD_OUT:
            element = elements[random.integers(len(elements))]
            held_out.append((element.image_id, element.point2D_idx))
    return held_out


def _held_out_error(trial: Any, held_out: list[tuple[int, int]], model: Any) -> float:
    """Median distance between held-out observations and where the trial's points project, pixels."""
    errors = []
    for image_id, index in held_out:
        observed = model.image(image_id).points2D[index]
        if trial.exists_point3D(observed.point3D_id):
            px = trial.image(image_id).project_point(trial.point3D(observed.point3D_id).xyz)
            if px is not None:
                errors.append(float(np.hypot(*(px - observed.xy))))
    return float(np.median(errors)) if errors else float("inf")


def _set_lens(model: Any, lens: str) -> None:
    for camera in model.cameras.values():
        f, cx, cy, k = (float(v) for v in camera.params[:4])
        values = {
            "SIMPLE_RADIAL": [f, cx, cy, k],
            "RADIAL": [f, cx, cy, k, 0.0],
            "OPENCV": [f, f, cx, cy, k, 0.0, 0.0, 0.0],
        }
        camera.model = getattr(pycolmap.CameraModelId, lens)
        camera.params = values[lens]


def _adjust(model: Any, workers: int, *, refine_centre: bool) -> None:
    how = pycolmap.BundleAdjustmentOptions()
    how.refine_principal_point = refine_centre
    how.ceres.loss_function_type = pycolmap.LossFunctionType.CAUCHY
    how.ceres.loss_function_scale = 0.5
    how.ceres.use_gpu = False
    how.ceres.solver_options.num_threads = workers
    how.ceres.solver_options.function_tolerance = 1e-6
    how.ceres.solver_options.max_num_iterations = 60
    pycolmap.bundle_adjustment(model, how)


def _drop(model: Any, limit_px: float) -> None:
    wrong = [
        (image.image_id, index)
        for image, index, xy, xyz in _observations(model)
        if (px := image.project_point(xyz)) is None or np.hypot(*(px - xy)) > limit_px
    ]
    for image_id, index in wrong:
        if model.image(image_id).points2D[index].has_point3D():
            model.delete_observation(image_id, index)


def _observations(model: Any) -> Iterator[tuple[Any, int, np.ndarray, np.ndarray]]:
    """Every registered image, 2D point index, 2D point and 3D point that belong together."""
    xyz = {number: point.xyz for number, point in model.points3D.items()}
    for _, image in sorted(model.images.items()):
        if image.has_pose:
            for index, point in enumerate(image.points2D):
                if point.has_point3D():
                    yield image, index, point.xy, xyz[point.point3D_id]
