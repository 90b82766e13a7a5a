"""An alignment is brought into metres and upright by a board that stands in the photographs."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from scan3d.calibration.colmap_model import SparsePoints
from scan3d.calibration.sfm import SfmModel
from scan3d.calibration.targets import read_target
from scan3d.calibration.upright import Similarity
from scan3d.capture.take import Take
from scan3d.checks import Grade
from scan3d.errors import CalibrationError
from scan3d.geometry import Camera, Intrinsics, Rig, Rigid3
from scan3d.geometry.rig_definition import look_at
from scan3d.pipeline.progress import Silent
from scan3d.workflows.align_world import Placed, WorldOptions, place
from tests.calibration.board_pictures import picture_of

BOARD = read_target("charuco_a3").boards[0]
# On the floor, face up: z of a board points away from who looks at it.
WORLD_FROM_BOARD = Rigid3(rotation=np.diag([1.0, -1.0, -1.0]), translation=np.array([-0.2, 0.14, 0.0]))
MODEL = Similarity(scale=0.3, world_from_model=Rigid3.exp([0.4, -0.2, 0.3, 0.7, -1.1, 0.4]))
LENS = Intrinsics(model="pinhole", width=640, height=480, fx=700.0, fy=700.0, cx=320.0, cy=240.0)


@pytest.fixture(scope="module")
def take(tmp_path_factory: pytest.TempPathFactory) -> tuple[Take, Rig]:
    """Three photographs of the board on the floor, and the cameras' true places."""
    root = tmp_path_factory.mktemp("floor") / "take"
    (root / "images").mkdir(parents=True)
    cameras = []
    for number, (x, y) in enumerate([(-0.25, -0.3), (0.0, -0.35), (0.3, -0.25)]):
        pose = look_at(np.array([x, y, 0.5]), np.zeros(3))
        camera = Camera(camera_id=f"cam{number}", intrinsics=LENS, cam_from_world=pose)
        picture = picture_of([(BOARD, pose @ WORLD_FROM_BOARD)], LENS)
        cv2.imwrite(str(root / "images" / f"cam{number}.png"), picture)
        cameras.append(camera)
    return Take.open(root), Rig(cameras=tuple(cameras))


def placed(take: Take, rig: Rig, **options: str) -> Placed:
    """An alignment of these cameras, in a frame of its own, brought into the world."""
    empty = SparsePoints(xyz=np.zeros((0, 3)), rgb=np.zeros((0, 3), np.uint8), error_px=np.zeros(0), views=())
    model = SfmModel(
        rig=MODEL.apply_to_rig(rig), points=empty, residuals={}, verified_pairs={},
        report={"pycolmap": "4", "mean_px": 0.3},
    )  # fmt: skip
    return place(model, take, {}, WorldOptions(**options), source="test", progress=Silent(), workers=1)  # type: ignore[arg-type]


def test_a_board_gives_scale_up_and_floor(take: tuple[Take, Rig]) -> None:
    found = placed(*take, target="charuco_a3", floor=BOARD.name)
    assert found.rig.scale_is_metric
    assert found.words["scale_from"] == "board" and found.words["up_from"] == "floor"
    assert {check.grade for check in found.checks} == {Grade.PASS}
    true = take[1]
    for camera in found.rig:
        assert camera.centre[2] == pytest.approx(0.5, abs=2e-3)
    apart = np.linalg.norm(found.rig["cam0"].centre - found.rig["cam2"].centre)
    assert apart == pytest.approx(np.linalg.norm(true["cam0"].centre - true["cam2"].centre), rel=1e-3)


def test_without_a_board_the_scale_is_arbitrary_and_said_so(take: tuple[Take, Rig]) -> None:
    found = placed(*take)
    assert not found.rig.scale_is_metric
    assert [c.grade for c in found.checks if c.name == "scale"] == [Grade.WARN]


def test_a_target_that_is_not_there_is_an_error(take: tuple[Take, Rig]) -> None:
    with pytest.raises(CalibrationError, match="could not be placed"):
        placed(*take, target="apriltag_a3")
