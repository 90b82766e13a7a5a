"""The solve reads photographs as `scan3d colour` corrects them, as bright as lights.toml means them."""

import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from scan3d.calibration.toml_file import write_calibration
from scan3d.capture.colour_correction import FORMAT, FORMAT_VERSION
from scan3d.capture.lights_file import KnownLights
from scan3d.capture.take import Take
from scan3d.errors import CaptureError
from scan3d.geometry import Rig
from scan3d.workflows.cameras import rig_of
from scan3d.workflows.lit_photographs import LitPhotographs
from scan3d.workflows.lit_views import lit_views
from tests.render import scenes

COLOUR = np.array([0.42, 0.26, 0.19])
EXPOSURE = 0.5
# What cameras make of colours; the second is brighter by a tenth and redder.
SEEN = {
    "cam0": np.diag([1.0, 1.0, 1.0]),
    "cam1": np.diag([1.25, 1.1, 0.95]),
    "cam2": np.array([[0.9, 0.1, 0], [0, 0.9, 0.1], [0, 0, 1.0]]),
}
# A chart's white is 1 under every state: parallel photographs are brightened less.
CHART = {"cross": 3.0, "parallel": 1.4}


def make_take(root: Path, *, corrected: bool, level: float = 1.0) -> Take:
    camera = scenes.camera(side=48, focal=1.5, away=0.6)
    cameras = []
    for name, seen in SEEN.items():
        for state, share in (("cross", 0.5), ("parallel", 0.8)):
            path = root / "images" / name / f"left_{state}.tif"
            path.parent.mkdir(parents=True, exist_ok=True)
            light = np.broadcast_to(EXPOSURE * level * share * (seen @ COLOUR), (48, 48, 3))
            cv2.imwrite(str(path), np.rint(65535 * light[..., ::-1]).astype(np.uint16))
        cameras.append(replace(camera, camera_id=name))
    write_calibration(Rig(cameras=tuple(cameras)), root / "calibration.toml")
    (root / "take.toml").write_text("linear = true\n")
    if corrected:
        table = {
            name: {
                "states": {
                    state: {"kind": "linear", "matrix": (gain * np.linalg.inv(seen)).tolist()}
                    for state, gain in CHART.items()
                },
                "native": False, "shading": None, "factors": [1, 1, 1],
            }
            for name, seen in SEEN.items()
        }  # fmt: skip
        (root / "results" / "colour").mkdir(parents=True)
        record = {"format": FORMAT, "format_version": FORMAT_VERSION, "corrections": table}
        (root / "results" / "colour" / "colour.json").write_text(json.dumps(record))
    return Take.open(root)


def middles(take: Take) -> dict[str, np.ndarray]:
    """(2, 3) radiance that the solve reads in the middle of each photograph: crossed, parallel."""
    mesh = scenes.ball(scenes.material(), radius=0.1).mesh
    views = lit_views(take, rig_of(take), KnownLights(setups={}, exposure=EXPOSURE), mesh, 64, 1)
    return {name: np.array([view.load(f"left_{state}")[24, 24] for state in CHART]) for name, view in views.items()}


def test_cameras_agree_and_the_exposure_stays(tmp_path: Path) -> None:
    plain = middles(make_take(tmp_path / "plain", corrected=False))
    right = np.array([0.5 * COLOUR, 0.8 * COLOUR])
    assert np.allclose(plain["cam0"], right, rtol=1e-3) and not np.allclose(plain["cam1"], right, rtol=0.1)
    read = middles(make_take(tmp_path / "corrected", corrected=True))
    for found in read.values():
        # The rig's middle camera is as bright as before; nobody knows which of them was right.
        assert np.allclose(found / found[0, 1], right / right[0, 1], rtol=5e-3)
        assert found[0, 1] == pytest.approx(right[0, 1], rel=0.06)


def test_photographs_too_dark_to_tell_are_refused(tmp_path: Path) -> None:
    with pytest.raises(CaptureError, match="bright enough"):
        LitPhotographs(make_take(tmp_path, corrected=True, level=0.01))
