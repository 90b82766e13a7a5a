"""From matches to cameras: verification, mapping and bundle adjustment by pycolmap, in a process of its own.

A job is a JSON object:

    features        {name: .npz file of `Features`}
    matches         .npz file of matches per pair, keyed "a/b"
    groups          {name: group}: photographs of one group share their intrinsics
    focal_px        {group: focal length in pixels, or null where it is not known}
    mapper          "incremental" or "global"
    workers, out    threads; the folder for model.json and points.npz, which exists and is empty

model.json holds what `sfm.SfmModel` describes.
"""

from __future__ import annotations

# A process that loads pycolmap first dies when Pillow or OpenCV compress later: two zlibs. This order is
# needed.
import zlib  # noqa: F401

from PIL import Image as _PillowFirst  # noqa: F401

# isort: split
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pycolmap

from scan3d.calibration.features import Features
from scan3d.calibration.sfm_lines import LineTask
from scan3d.calibration.sfm_refinement import Residuals, refine
from scan3d.errors import ReconstructionError

_MIN_MATCHES = 15
_RANSAC_TRIALS = 2000  # pairs that need more have too few true matches to help
_SEED = 1
_GUESSED_FOCAL = 1.2  # of the longer side


def map_photographs(job: dict[str, Any]) -> None:
    """Run a job; see the module's description. Raises ReconstructionError where nothing can be registered."""
    pycolmap.logging.minloglevel = 2
    pycolmap.set_random_seed(_SEED)
    out = Path(job["out"])
    features = {name: Features.load(Path(path)) for name, path in job["features"].items()}
    database = out / "database.db"
    ids = _write_database(database, features, job)
    with LineTask("verifying pairs", 1) as task:
        _verify(database, job["workers"])
        task.advance()
    found = _map(database, out, job, len(features))
    if not found:
        raise ReconstructionError(
            "No two photographs could be aligned with each other.",
            f"{len(features)} photographs",
            "Photographs must overlap by two thirds and be sharp; masks must not cover the subject.",
        )
    best = max(found.values(), key=lambda r: (r.num_reg_images(), r.num_points3D()))
    with LineTask("bundle adjustment", 1) as task:
        residuals, report = refine(best, job["workers"])
        task.advance()
    _write_model(out, best, residuals, report, job, _verified(database, ids))
    database.unlink()
    shutil.rmtree(out / "models")


def _write_database(path: Path, features: dict[str, Features], job: dict[str, Any]) -> dict[str, int]:
    """Cameras, trivial rigs, images, keypoints and matches. Returns the image id of each name."""
    path.unlink(missing_ok=True)
    database = pycolmap.Database.open(path)
    cameras: dict[str, int] = {}
    rigs: dict[str, int] = {}
    ids: dict[str, int] = {}
    for name in sorted(features):
        group = job["groups"][name]
        if group not in cameras:
            camera = _camera(len(cameras) + 1, features[name], job["focal_px"][group])
            cameras[group] = database.write_camera(camera)
            rig = pycolmap.Rig()
            rig.add_ref_sensor(camera.sensor_id)
            rigs[group] = database.write_rig(rig)
        ids[name] = database.write_image(pycolmap.Image(name=name, camera_id=cameras[group]))
        frame = pycolmap.Frame()
        frame.rig_id = rigs[group]
        frame.add_data_id(database.read_image(ids[name]).data_id)
        database.write_frame(frame)
        f = features[name]
        database.write_keypoints(ids[name], np.column_stack([f.xy, f.scale, f.angle]).astype(np.float32))
    with np.load(job["matches"], allow_pickle=False) as matches:
        for key in matches.files:
            a, b = key.split("/")
            if len(matches[key]) >= _MIN_MATCHES:
                database.write_matches(ids[a], ids[b], matches[key])
    database.close()
    return ids


def _camera(number: int, features: Features, focal_px: float | None) -> Any:
    guess = focal_px or _GUESSED_FOCAL * max(features.width, features.height)
    camera = pycolmap.Camera.create_from_model_name(number, "SIMPLE_RADIAL", guess, features.width, features.height)
    camera.has_prior_focal_length = focal_px is not None
    return camera


def _verify(database: Path, workers: int) -> None:
    how = pycolmap.TwoViewGeometryOptions()
    how.ransac.random_seed = _SEED
    how.ransac.max_num_trials = _RANSAC_TRIALS
    threads = pycolmap.GeometricVerifierOptions()
    threads.num_threads = workers
    pycolmap.geometric_verification(database, threads, two_view_geometry_options=how)


def _map(database: Path, out: Path, job: dict[str, Any], count: int) -> dict[int, Any]:
    models = out / "models"
    models.mkdir()
    if job["mapper"] == "global":
        how = pycolmap.GlobalPipelineOptions()
        how.num_threads, how.random_seed = job["workers"], _SEED
        how.mapper.global_positioning.use_gpu = False
        how.mapper.bundle_adjustment.ceres.use_gpu = False
        with LineTask("mapping", 1) as task:
            found = pycolmap.global_mapping(database, out, models, how)
            task.advance()
        return dict(found)
    incremental = pycolmap.IncrementalPipelineOptions()
    incremental.num_threads, incremental.random_seed = job["workers"], _SEED
    incremental.extract_colors = False
    incremental.min_model_size = min(10, max(2, count // 2))
    with LineTask("mapping", count) as task:
        return dict(
            pycolmap.incremental_mapping(
                database, out, models, incremental,
                initial_image_pair_callback=lambda: task.advance(2), next_image_callback=task.advance,
            )
        )  # fmt: skip


def _verified(path: Path, ids: dict[str, int]) -> dict[str, int]:
    """How many other photographs each one was verified to overlap with."""
    count = dict.fromkeys(ids, 0)
    name_of = {number: name for name, number in ids.items()}
    database = pycolmap.Database.open(path)
    for pair, inliers in zip(*database.read_two_view_geometry_num_inliers(), strict=True):
        if inliers >= _MIN_MATCHES:
            for number in pycolmap.pair_id_to_image_pair(pair):
                count[name_of[number]] += 1
    database.close()
    return count


def _write_model(
    out: Path,
    best: Any,
    residuals: Residuals,
    report: dict[str, Any],
    job: dict[str, Any],
    verified: dict[str, int],
) -> None:
    images, cameras = {}, {}
    for image in best.images.values():
        if not image.has_pose:
            continue
        group = job["groups"][image.name]
        camera = best.cameras[image.camera_id]
        cameras[group] = {
            "model": camera.model_name, "width": camera.width, "height": camera.height,
            "params": [float(v) for v in camera.params],
        }  # fmt: skip
        pose = image.cam_from_world()
        w = pose.rotation.quat  # x y z w
        images[image.name] = {
            "group": group,
            "quaternion_wxyz": [float(w[3]), float(w[0]), float(w[1]), float(w[2])],
            "translation": [float(v) for v in pose.translation],
            **residuals.of_image(image.image_id),
        }
    model = {
        "cameras": cameras,
        "images": images,
        "verified_pairs": verified,
        "pycolmap": pycolmap.__version__,
        **report,
    }
    (out / "model.json").write_text(json.dumps(model, indent=1))
    names = {image.image_id: image.name for image in best.images.values()}
    points = sorted(best.points3D.items())
    with (out / "points.npz").open("wb") as file:
        np.savez(
            file,
            xyz=np.array([p.xyz for _, p in points]).reshape(-1, 3),
            error_px=np.array([p.error for _, p in points]),
            views=np.array(["/".join(sorted({names[e.image_id] for e in p.track.elements})) for _, p in points]),
        )
