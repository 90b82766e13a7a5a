"""What is said of files that are broken, or hold what scan3d has no place for; and that nothing is half written."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sample_cameras import BROWN, FISHEYE, METASHAPE, RATIONAL, camera_with

from scan3d.calibration.formats import format_of, read_camera_file, read_cameras, write_cameras
from scan3d.errors import CalibrationError, InputError, Scan3dError, StorageError
from scan3d.geometry import Rig

RIG = Rig(cameras=(camera_with("full_opencv", BROWN),), source="test")
NAMES = {
    "opencv": "c.yml",
    "caliscope": "c.toml",
    "anipose": "c.toml",
    "metashape": "c.xml",
    "realityscan": "cam07.xmp",
    "qualisys": "c.qca.txt",
    "scan3d": "c.toml",
}
QUALISYS = """<?xml version="1.0"?><calibration><cameras>
<camera active="1" serial="cam07" viewrotation="0"><fov_video bottom="1919" left="0" right="1087" top="0"/>
<transform r11="1" r12="0" r13="0" r21="0" r22="0" r23="1" r31="0" r32="-1" r33="0" x="100" y="-2000" z="1500"/>
<intrinsic centerPointU="34816" centerPointV="61440" focalLengthU="107520" focalLengthV="107520" skew="0"
 radialDistortion1="-0.05" radialDistortion2="0.1" radialDistortion3="0" tangentalDistortion1="0.001"
 tangentalDistortion2="0.002"/></camera></cameras></calibration>"""


def text_of(name: str, folder: Path) -> str:
    """A good file of a format."""
    if name == "qualisys":
        return QUALISYS
    file = write_cameras(RIG, folder if name == "realityscan" else folder / NAMES[name], name, replace=True)[0]
    return file.read_text()


def test_a_camera_of_qualisys_stands_upright_where_it_says(tmp_path: Path) -> None:
    path = tmp_path / "c.qca.txt"
    path.write_text(QUALISYS)
    rig = read_cameras(path)
    camera = rig["cam07"]
    # r = x right, y up (world z), z backward (world -y): it looks along +y, its pixel y runs down.
    assert np.allclose(camera.centre, [0.1, -2.0, 1.5]) and np.allclose(camera.forward, [0, 1, 0])
    assert np.allclose(camera.project([0.1, 0.0, 1.5])[0], [544.5, 960.5])
    assert camera.project([0.1, 0.0, 1.6])[0][1] < 960 and camera.project([0.2, 0.0, 1.5])[0][0] > 545
    lens = camera.intrinsics
    assert (lens.fx, lens.distortion) == (1680.0, (-0.05, 0.1, 0.001, 0.002)) and rig.scale_is_metric


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("content", [b"", b"a line of text\n", b"\xff\xd8\xff\xe0 JFIF", b"{", b"<a><b/></a>"])
def test_another_file_of_that_name_is_an_error_of_three_lines(tmp_path: Path, name: str, content: bytes) -> None:
    path = tmp_path / NAMES[name]
    path.write_bytes(content)
    with pytest.raises(Scan3dError) as caught:
        read_cameras(path, name)
    assert caught.value.what and str(tmp_path) in caught.value.where and caught.value.next_step


@pytest.mark.parametrize("name", NAMES)
def test_a_file_cut_anywhere_is_an_error_and_no_wrong_camera(tmp_path: Path, name: str) -> None:
    text = text_of(name, tmp_path)
    path = tmp_path / "cut" / NAMES[name]
    path.parent.mkdir()
    whole = read_whole(path, name, text)
    for end in np.linspace(0, len(text) - 8, 60).astype(int):
        path.write_text(text[:end])
        try:
            rig = read_cameras(path, name)
        except Scan3dError:
            continue
        # A table cut between two lines that need not be there still is the camera, or a lens with fewer terms.
        assert np.allclose(rig["cam07"].centre, whole["cam07"].centre), text[:end][-80:]


def read_whole(path: Path, name: str, text: str) -> Rig:
    path.write_text(text)
    return read_cameras(path, name)


@pytest.mark.parametrize(
    ("name", "old", "new", "says"),
    [
        ("anipose", "translation", "transl", "'translation' is missing"),
        ("anipose", "size = [900, 1200]", "size = [900.5, 1200]", "not possible"),
        ("anipose", "size = [900, 1200]", 'size = ["a", "b"]', "must hold 2 numbers"),
        ("anipose", "matrix = [[1311.7, 0.0", "matrix = [[1311.7, 0.3", "skew"),
        ("anipose", "matrix = [[1311.7", "matrix = [[nan", "NaN"),
        ("anipose", "matrix = [[1311.7", "matrix = [[-5.0", "not possible"),
        ("anipose", "distortions = [", "distortions = [0.1, ", "not 6"),
        ("anipose", 'units = "metres"', 'units = "feet"', "'feet' is not known"),
        ("caliscope", "fisheye = false", "fisheye = true", "4 coefficients, not 5"),
        ("caliscope", "fisheye = false", 'fisheye = "false"', "true or false"),
        ("caliscope", "rotation = [", "rotation = [1.0, ", "must hold 3 x 3 numbers"),
        ("caliscope", "[cameras.7]", "[camera.7]", "no table [cameras.0]"),
        ("opencv", "cols: 3", "cols: 2", "OpenCV cannot read"),
        ("opencv", "image_width: 900", "image_width: 0", "not possible"),
        ("opencv", "image_width: 900", "no_width: 900", "image_width is missing"),
        ("opencv", "translation:", "transl:", "translation is missing"),
        ("metashape", "<f>1308.9</f>", "<f>many</f>", "no number"),
        ("metashape", "<f>1308.9</f>", "", "focal length f is missing"),
        ("metashape", "<f>1308.9</f>", "<f>1308.9</f><b2>1.5</b2>", "B2 = 1.5"),
        ("metashape", "<f>1308.9</f>", "<f>1308.9</f><k4>0.1</k4>", "K4 = 0.1"),
        ("metashape", "<f>1308.9</f>", "<f>1308.9</f><p3>0.1</p3>", "P3 = 0.1"),
        ("metashape", "<f>1308.9</f>", "<fx>1308.9</fx>", "PhotoScan before 1.2"),
        ("metashape", 'type="frame" class', 'type="spherical" class', "'spherical' is not known"),
        ("metashape", "LOCAL_CS", "GEOGCS", "geographic"),
        ("metashape", 'sensor_id="0"', 'sensor_id="9"', "no sensor"),
        ("metashape", '<scale locked="true">1.0', "<scale>-1.0", "not possible"),
        ("realityscan", 'Skew="0"', 'Skew="0.1"', "skew"),
        ("realityscan", "brown3t2", "division", "'division'"),
        ("realityscan", "<xcr:DistortionCoeficients>", "<xcr:DistortionCoeficients>0.1 ", "too many"),
        ("realityscan", 'FocalLength35mm="', 'FocalLength35mm="x', "no number"),
        ("realityscan", "tiff:ImageWidth", "tiff:ImageLarge", "size is not known"),
        ("qualisys", 'viewrotation="0"', 'viewrotation="90"', "turned by 90"),
        ("qualisys", 'skew="0"', 'skew="2"', "skew"),
        ("qualisys", 'r23="1"', 'r23="-1"', "not a rotation"),
        ("qualisys", "<fov_video", "<fov_vidio", "<fov_video> is missing"),
        ("qualisys", 'active="1"', 'active="0"', "not active"),
    ],
)
def test_what_is_wrong_is_said_with_camera_and_file(tmp_path: Path, name: str, old: str, new: str, says: str) -> None:
    text = text_of(name, tmp_path)
    assert old in text
    path = tmp_path / "bad" / NAMES[name]
    path.parent.mkdir()
    path.write_text(text.replace(old, new))
    with pytest.raises(CalibrationError) as caught:
        read_cameras(path, name)
    assert says in str(caught.value) and str(path.parent) in str(caught.value) and caught.value.next_step


def test_a_mirrored_rotation_is_refused_and_a_rounded_one_mended(tmp_path: Path) -> None:
    path = tmp_path / "c.toml"
    text = text_of("anipose", tmp_path)
    head, tail = text.split("rotation = ")
    rotation = RIG["cam07"].cam_from_world.rotation

    def with_rotation(matrix: np.ndarray) -> Rig:
        path.write_text(f"{head}rotation = {matrix.tolist()}\n{tail.split(chr(10), 1)[1]}")
        return read_cameras(path, "anipose")

    rounded = with_rotation(np.round(rotation, 4))["cam07"].cam_from_world.rotation
    assert np.allclose(rounded @ rounded.T, np.eye(3), atol=1e-14) and np.allclose(rounded, rotation, atol=1e-4)
    for wrong in (rotation * [1, 1, -1], 1.01 * rotation):
        with pytest.raises(CalibrationError, match="not a rotation"):
            with_rotation(wrong)


@pytest.mark.parametrize("name", ["caliscope", "anipose", "metashape", "realityscan"])
def test_a_lens_without_a_place_is_an_error_before_anything_is_written(tmp_path: Path, name: str) -> None:
    good = replace(camera_with("opencv", BROWN[:4]), camera_id="cam00")
    lenses = [("full_opencv", RATIONAL)] + ([("fisheye", FISHEYE)] if name == "realityscan" else [])
    for model, distortion in lenses:
        rig = Rig(cameras=(good, camera_with(model, distortion)))
        with pytest.raises(CalibrationError) as caught:
            write_cameras(rig, tmp_path / "out", name)
        assert "cam07" in caught.value.where and caught.value.next_step
    assert list(tmp_path.iterdir()) == []


def test_a_name_that_is_no_file_name_is_refused(tmp_path: Path) -> None:
    rig = Rig(cameras=(replace(RIG["cam07"], camera_id="../cam07"),))
    for name in ("realityscan", "colmap"):
        with pytest.raises(CalibrationError, match=r"\.\./cam07"):
            write_cameras(rig, tmp_path / "out", name)
    assert list(tmp_path.iterdir()) == []


def test_files_that_are_there_stay(tmp_path: Path) -> None:
    for name in ("colmap", "realityscan"):
        write_cameras(RIG, tmp_path / name, name)
        with pytest.raises(InputError, match="--force"):
            write_cameras(RIG, tmp_path / name, name)
        write_cameras(RIG, tmp_path / name, name, replace=True)
    (tmp_path / "colmap" / "cameras.bin").touch()
    with pytest.raises(InputError, match="binary"):
        write_cameras(RIG, tmp_path / "colmap", "colmap", replace=True)


def test_several_files_appear_together_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import scan3d.calibration.formats.registry as registry

    whole = registry.written_aside
    started: list[Path] = []

    def second_fails(path: Path):
        started.append(path)
        if len(started) == 2:
            raise StorageError("The disk is full.")
        return whole(path)

    monkeypatch.setattr(registry, "written_aside", second_fails)
    rig = Rig(cameras=(RIG["cam07"], replace(RIG["cam07"], camera_id="cam08")))
    with pytest.raises(StorageError):
        write_cameras(rig, tmp_path, "realityscan")
    assert len(started) == 2 and list(tmp_path.iterdir()) == []


def test_formats_are_told_apart(tmp_path: Path) -> None:
    (tmp_path / "other.toml").write_text("a = 1\n")
    (tmp_path / "cameras.json").write_text("{}")
    (tmp_path / "empty").mkdir()
    for name in ("other.toml", "cameras.json", "empty", "missing.toml"):
        with pytest.raises(InputError) as caught:
            format_of(tmp_path / name)
        assert caught.value.next_step
    with pytest.raises(InputError, match="no camera format 'maya'"):
        read_cameras(tmp_path / "other.toml", "maya")
    with pytest.raises(InputError, match="does not write"):
        write_cameras(RIG, tmp_path / "c.txt", "qualisys")
    with pytest.raises(InputError, match="--to"):
        write_cameras(RIG, tmp_path / "c.abc")


def test_cameras_without_a_pose_are_named_and_left_out(tmp_path: Path) -> None:
    path = tmp_path / "cameras.xml"
    path.write_text(METASHAPE)
    assert read_camera_file(path).left_out == {"cam08": "Metashape did not align it"}
    slave = METASHAPE.replace('<camera id="1"', '<camera id="1" master_id="0"')
    path.write_text(slave)
    with pytest.raises(CalibrationError, match="master and slave"):
        read_cameras(path)
    text = text_of("caliscope", tmp_path)
    path = tmp_path / "camera_array.toml"
    path.write_text(text + "[cameras.8]\ncam_id = 8\nsize = [9, 9]\n" + text.split("\n\n")[1].replace("7", "9", 2)
                    .replace('name = "cam07"', "ignore = true"))  # fmt: skip
    found = read_camera_file(path)
    assert set(found.left_out) == {"cam_8", "cam_9"} and found.rig().camera_ids == ("cam07",)


def test_units(tmp_path: Path) -> None:
    text = text_of("anipose", tmp_path).replace('units = "metres"\n', "")
    path = tmp_path / "calibration.toml"
    path.write_text(text)
    centre = RIG["cam07"].centre
    unknown, millimetres = read_cameras(path), read_cameras(path, unit_m=1e-3)
    assert not unknown.scale_is_metric and np.allclose(unknown["cam07"].centre, centre)
    assert millimetres.scale_is_metric and np.allclose(millimetres["cam07"].centre, 1e-3 * centre)


def test_realityscan_takes_the_size_of_the_photograph(tmp_path: Path) -> None:
    from PIL import Image

    text = text_of("realityscan", tmp_path).replace("tiff:Image", "tiff:Other").replace("scan3d:Units", "scan3d:Was")
    (tmp_path / "cam07.xmp").write_text(text)
    (tmp_path / "photographs").mkdir()
    Image.new("L", (900, 1200)).save(tmp_path / "photographs" / "cam07.png")
    rig = read_cameras(tmp_path, images=tmp_path / "photographs")
    assert np.allclose(rig["cam07"].intrinsics.params(), RIG["cam07"].intrinsics.params(), atol=1e-9)
    assert not rig.scale_is_metric, "RealityScan does not say whether its numbers are metres"
    (tmp_path / "other.xmp").write_text(
        '<x xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description/></x>'
    )
    assert set(read_camera_file(tmp_path, images=tmp_path / "photographs").left_out) == {"other"}
