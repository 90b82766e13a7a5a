"""What --only-skin leaves alone looks like its photographs, not like nothing."""

from pathlib import Path

import cv2
import numpy as np

from scan3d.geometry import Mesh
from scan3d.report import Texture, write_obj
from scan3d.workflows.left_alone import fill_left_alone


def test_hair_and_cloth_keep_the_plain_texture(tmp_path: Path) -> None:
    mesh = Mesh(vertices=np.eye(3), faces=np.array([[0, 1, 2]], np.int32))
    uv = np.array([[[0, 0], [1, 0], [0, 1.0]]])
    plain = np.full((8, 8, 3), (200, 100, 50), np.uint8)
    write_obj(mesh, tmp_path / "model.obj", texture=Texture(uv=uv, tiles=[plain]))
    coverage = np.zeros((8, 8), np.uint8)
    coverage[:4], coverage[4, :4] = 255, 128
    solved = np.where(coverage > 0, 30000, 0).astype(np.uint16)
    for kind in ("specular", "roughness"):
        cv2.imwrite(str(tmp_path / f"{kind}.1001.png"), solved)
    cv2.imwrite(str(tmp_path / "albedo.1001.png"), np.repeat(solved[..., None], 3, axis=2))
    cv2.imwrite(str(tmp_path / "coverage.1001.png"), coverage)
    fill_left_alone(tmp_path, tmp_path / "model.obj", [1001])
    albedo = cv2.imread(str(tmp_path / "albedo.1001.png"), cv2.IMREAD_UNCHANGED)[..., ::-1]
    assert (albedo[coverage > 0] == 30000).all()
    assert (albedo[coverage == 0] == np.array([200, 100, 50]) * 257).all()
    roughness = cv2.imread(str(tmp_path / "roughness.1001.png"), cv2.IMREAD_UNCHANGED)
    assert (roughness[coverage > 0] == 30000).all() and (roughness[coverage == 0] == round(0.6 * 65535)).all()
