"""Alignment from features: a rig recovered from points alone, in a worker process that may die or be
stopped.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from synthetic_features import FOCAL, cloud, looking_rig, write_features

from scan3d.calibration import sfm
from scan3d.calibration.upright import world_from_cameras
from scan3d.errors import CancelledError, ReconstructionError
from scan3d.geometry import Rig
from scan3d.pipeline.progress import CancelToken, Silent


def mapped(rig: Rig, folder: Path, *, mapper: str = "incremental", share: bool = True) -> sfm.SfmModel:
    files = write_features(rig, cloud(), folder)
    matches = folder / "matches.npz"
    sfm.match_features(files, matches, neighbours=12, workers=2, progress=Silent())
    groups = {name: "lens" if share else name for name in files}
    sfm.map_features(
        files, matches, folder / "out", groups=groups, focal_px=dict.fromkeys(groups.values(), 1.03 * FOCAL),
        mapper=mapper, workers=2, progress=Silent(),
    )  # fmt: skip
    return sfm.read_model(folder / "out")


def similarity_error(found: Rig, truth: Rig) -> tuple[float, float]:
    """Largest distance of centres (of the rig's extent) and largest angle (radians) after the best
    similarity.
    """
    a, b = found.centres(), truth.subset(found.camera_ids).centres()
    ca, cb = a - a.mean(0), b - b.mean(0)
    u, s, vt = np.linalg.svd(cb.T @ ca)
    flip = np.diag([1.0, 1.0, np.sign(np.linalg.det(u @ vt))])
    turn = u @ flip @ vt
    scale = (s * np.diag(flip)).sum() / (ca**2).sum()
    extent = np.linalg.norm(cb, axis=1).max()
    distance = np.linalg.norm(scale * ca @ turn.T - cb, axis=1).max() / extent
    angles = []
    for camera in found:
        back = camera.cam_from_world.rotation @ turn.T @ truth[camera.camera_id].cam_from_world.rotation.T
        angles.append(np.arccos(np.clip((np.trace(back) - 1) / 2, -1, 1)))
    return float(distance), float(max(angles))


@pytest.mark.parametrize("mapper", ["incremental", "global"])
def test_a_rig_is_recovered(tmp_path: Path, mapper: str) -> None:
    truth = looking_rig(10)
    model = mapped(truth, tmp_path, mapper=mapper)
    assert model.rig.camera_ids == truth.camera_ids
    distance, angle = similarity_error(model.rig, truth)
    assert distance < 2e-3
    assert angle < 2e-3
    i = model.rig.cameras[0].intrinsics
    assert abs(i.fx / FOCAL - 1) < 5e-3
    assert i.distortion[0] == pytest.approx(-0.05, abs=0.02)
    assert model.report["mean_px"] < 0.35
    assert model.report["lens_models_tried"]
    assert len(model.points.xyz) > 300
    assert all(r["observations"] > 100 for r in model.residuals.values())
    world = world_from_cameras(model.rig, model.points.xyz, front="cam0", scale=1.0)
    upright = world.apply_to_rig(model.rig)
    assert np.ptp(upright.centres()[:, 2]) / np.ptp(upright.centres()[:, 0]) == pytest.approx(0.8 / 4, abs=0.02)


def test_photographs_that_show_different_things(tmp_path: Path) -> None:
    rig = looking_rig(3)
    files = {}
    for number, camera in enumerate(rig):
        folder = tmp_path / camera.camera_id
        folder.mkdir()
        one = Rig(cameras=(camera,))
        files |= write_features(one, cloud(seed=number), folder)
        data = dict(np.load(files[camera.camera_id]))
        data["descriptors"] = np.random.default_rng(number).permutation(data["descriptors"].T).T
        np.savez(files[camera.camera_id], **data)
    matches = tmp_path / "matches.npz"
    sfm.match_features(files, matches, neighbours=12, workers=1, progress=Silent())
    with pytest.raises(ReconstructionError, match="could be aligned"):
        sfm.map_features(
            files, matches, tmp_path / "out", groups=dict.fromkeys(files, "l"), focal_px={"l": FOCAL},
            mapper="incremental", workers=1, progress=Silent(),
        )  # fmt: skip


def test_a_worker_that_dies_is_explained(tmp_path: Path) -> None:
    broken = tmp_path / "a.npz"
    broken.write_text("no features")
    with pytest.raises(ReconstructionError, match="ended unexpectedly") as caught:
        sfm.match_features({"a": broken}, tmp_path / "m.npz", neighbours=3, workers=1, progress=Silent())
    assert Path(caught.value.where).is_file()


def test_a_cancelled_run_ends_its_worker(tmp_path: Path) -> None:
    files = write_features(looking_rig(4), cloud(), tmp_path)
    token = CancelToken()
    token.cancel()
    with pytest.raises(CancelledError):
        sfm.match_features(files, tmp_path / "m.npz", neighbours=3, workers=1, progress=Silent(token))
    assert not (tmp_path / "m.npz").exists()


def test_similarity_keeps_pictures() -> None:
    rig = looking_rig(5)
    world = world_from_cameras(rig, cloud(), front="cam2", scale=3.0)
    moved = world.apply_to_rig(rig)
    points = cloud(20, seed=3)
    for before, after in zip(rig, moved, strict=True):
        np.testing.assert_allclose(before.project(points)[0], after.project(world.apply(points))[0], atol=1e-9)
        np.testing.assert_allclose(3 * before.project(points)[1], after.project(world.apply(points))[1])
    front = moved["cam2"].centre
    assert front[1] < 0
    assert abs(front[0]) < 1e-9
