"""Points through the formulas that each program documents, evaluated on what stands in its files."""

import re
import tomllib
import xml.etree.ElementTree as ET
from pathlib import Path

import cv2
import numpy as np
import pytest
from sample_cameras import BROWN, FISHEYE, METASHAPE, POINTS, RATIONAL, camera_with

from scan3d.calibration.formats import read_cameras, write_cameras
from scan3d.geometry import Camera, Rig

TOLERANCE_PX = 1e-9


def written(camera: Camera, path: Path, name: str) -> Path:
    write_cameras(Rig(cameras=(camera,)), path, name)
    return path


def opencv_pixels(rotation, translation, matrix, coefficients, *, fisheye: bool) -> np.ndarray:
    """cv2's pixels of POINTS, its first pixel's centre at (0, 0) moved to (0.5, 0.5)."""
    project = cv2.fisheye.projectPoints if fisheye else cv2.projectPoints
    arrays = (np.array(v, dtype=np.float64) for v in (rotation, translation, matrix, coefficients))
    rvec, tvec, K, D = arrays
    if rvec.shape == (3, 3):
        rvec = cv2.Rodrigues(rvec)[0]
    points = POINTS[:, None]
    pixels = project(points, rvec, tvec, K, D)[0] if fisheye else project(POINTS, rvec, tvec, K, D)[0]
    return pixels.reshape(-1, 2) + 0.5


@pytest.mark.parametrize("name", ["caliscope", "anipose"])
@pytest.mark.parametrize(("model", "distortion"), [("full_opencv", BROWN), ("fisheye", FISHEYE), ("pinhole", ())])
def test_tables_of_toml_are_opencvs(tmp_path: Path, name: str, model: str, distortion: tuple[float, ...]) -> None:
    camera = camera_with(model, distortion)
    document = tomllib.loads(written(camera, tmp_path / "c.toml", name).read_text())
    table = document["cameras"]["7"] if name == "caliscope" else document["cam_0"]
    assert len(table["distortions"]) == (4 if model == "fisheye" else 5)
    assert table["fisheye"] is (model == "fisheye") and table["size"] == [900, 1200]
    pixels = opencv_pixels(
        table["rotation"], table["translation"], table["matrix"], table["distortions"], fisheye=model == "fisheye"
    )
    assert np.abs(pixels - camera.project(POINTS)[0]).max() < TOLERANCE_PX


@pytest.mark.parametrize(("model", "distortion"), [("full_opencv", RATIONAL), ("fisheye", FISHEYE)])
def test_opencv_reads_its_own_yaml(tmp_path: Path, model: str, distortion: tuple[float, ...]) -> None:
    camera = camera_with(model, distortion)
    storage = cv2.FileStorage(str(written(camera, tmp_path / "c.yml", "opencv")), cv2.FileStorage_READ)
    node = storage.getNode("cameras").at(0)
    values = {k: node.getNode(k).mat() for k in ("rotation", "translation", "camera_matrix", "distortion_coefficients")}
    pixels = opencv_pixels(*values.values(), fisheye=node.getNode("fisheye_model").real() == 1)
    assert np.abs(pixels - camera.project(POINTS)[0]).max() < TOLERANCE_PX


def metashape_pixels(path: Path, points: np.ndarray) -> np.ndarray:
    """The manual's formulas, literally."""
    chunk = ET.parse(path).getroot().find("chunk")
    element = next(c for c in chunk.iter("camera") if c.find("transform") is not None)
    transform = np.array(element.findtext("transform").split(), dtype=float).reshape(4, 4)
    world = chunk.find("components/component/transform")
    scale = float(world.findtext("scale"))
    turn = np.array(world.findtext("rotation").split(), dtype=float).reshape(3, 3)
    shift = np.array(world.findtext("translation").split(), dtype=float)
    in_chunk = (points - shift) @ turn / scale
    X, Y, Z = np.linalg.inv(transform)[:3, :3] @ (in_chunk - transform[:3, 3]).T
    calibration = chunk.find("sensors/sensor/calibration")
    v = dict.fromkeys(("cx", "cy", "b1", "b2", "k1", "k2", "k3", "k4", "p1", "p2"), 0.0)
    v |= {c.tag: float(c.text) for c in calibration if c.tag != "resolution"}
    size = calibration.find("resolution")
    x, y = X / Z, Y / Z
    if calibration.get("type") == "fisheye":
        r0 = np.hypot(x, y)
        x, y = x * np.arctan(r0) / r0, y * np.arctan(r0) / r0
    r2 = x * x + y * y
    radial = 1 + v["k1"] * r2 + v["k2"] * r2**2 + v["k3"] * r2**3 + v["k4"] * r2**4
    xd = x * radial + v["p1"] * (r2 + 2 * x * x) + 2 * v["p2"] * x * y
    yd = y * radial + v["p2"] * (r2 + 2 * y * y) + 2 * v["p1"] * x * y
    u = 0.5 * int(size.get("width")) + v["cx"] + xd * v["f"] + xd * v["b1"] + yd * v["b2"]
    return np.stack([u, 0.5 * int(size.get("height")) + v["cy"] + yd * v["f"]], axis=1)


@pytest.mark.parametrize(("model", "distortion"), [("full_opencv", BROWN), ("fisheye", FISHEYE), ("pinhole", ())])
def test_metashape_formula(tmp_path: Path, model: str, distortion: tuple[float, ...]) -> None:
    camera = camera_with(model, distortion)
    path = written(camera, tmp_path / "c.xml", "metashape")
    assert np.abs(metashape_pixels(path, POINTS) - camera.project(POINTS)[0]).max() < TOLERANCE_PX


def test_a_scaled_and_turned_chunk_of_metashape(tmp_path: Path) -> None:
    path = tmp_path / "cameras.xml"
    path.write_text(METASHAPE)
    rig = read_cameras(path)
    camera = rig["cam07"]
    # World = 0.25 * quarter turn about z @ (0.5, -8, 0.25) + (0.1, -0.2, 0.9); it looks along the chunk's y.
    assert np.allclose(camera.centre, [2.1, -0.075, 0.9625], atol=1e-15) and rig.scale_is_metric
    assert np.allclose(camera.forward, [-1.0, 0.0, 0.0], atol=1e-15)
    before = np.array([0.0, 0.1, 1.0]) + POINTS * 0.2
    assert np.abs(metashape_pixels(path, before) - camera.project(before)[0]).max() < TOLERANCE_PX
    assert camera.intrinsics.distortion == (-0.12, 0.07, 0.0011, -0.0007, 0.013, 0.0, 0.0, 0.0)
    # Cameras of older files do not name their component; a whole path as a label is a photograph's name all the same.
    path.write_text(METASHAPE.replace(' component_id="0"', "").replace("cam07.JPG", "D:\\shots\\cam07.JPG"))
    assert np.allclose(read_cameras(path)["cam07"].centre, camera.centre)


@pytest.mark.parametrize("portrait", [True, False])
def test_realityscan_formula(tmp_path: Path, portrait: bool) -> None:
    camera = camera_with("full_opencv", BROWN, portrait=portrait)
    written(camera, tmp_path, "realityscan")
    text = (tmp_path / "cam07.xmp").read_text()

    def value(key: str) -> np.ndarray:
        found = re.search(rf'xcr:{key}(?:="|>)([^"<]*)', text)
        return np.array(found.group(1).split(), dtype=float)

    rotation, position = value("Rotation").reshape(3, 3), value("Position")
    X, Y, Z = rotation @ (POINTS - position).T
    x, y = X / Z, Y / Z
    k1, k2, k3, k4, t1, t2 = value("DistortionCoeficients")
    r2 = x * x + y * y
    radial = 1 + k1 * r2 + k2 * r2**2 + k3 * r2**3 + k4 * r2**4
    xd = x * radial + t2 * (r2 + 2 * x * x) + 2 * t1 * x * y
    yd = y * radial + t1 * (r2 + 2 * y * y) + 2 * t2 * x * y
    longer, f = 1200, 1200 * value("FocalLength35mm") / 36
    width, height = camera.intrinsics.width, camera.intrinsics.height
    u = f * xd + value("PrincipalPointU") * longer + width / 2
    v = f * value("AspectRatio") * yd + value("PrincipalPointV") * longer + height / 2
    assert np.abs(np.stack([u, v], axis=1) - camera.project(POINTS)[0]).max() < TOLERANCE_PX
    assert 'DistortionModel="brown3t2"' in text


@pytest.mark.parametrize(("model", "distortion"), [("full_opencv", RATIONAL), ("fisheye", FISHEYE)])
def test_colmap_itself_projects_the_same(tmp_path: Path, model: str, distortion: tuple[float, ...]) -> None:
    import pycolmap

    camera = camera_with(model, distortion)
    written(camera, tmp_path, "colmap")
    model_of_colmap = pycolmap.Reconstruction(str(tmp_path))
    image = next(iter(model_of_colmap.images.values()))
    pixels = [image.project_point(point) for point in POINTS]
    assert image.name == "cam07.jpg"
    assert np.abs(np.array(pixels) - camera.project(POINTS)[0]).max() < 1e-8
