"""The folder of a take: what is found where, and layouts that contradict themselves."""

from __future__ import annotations

from pathlib import Path

import pytest
from capture_takes import make_take, picture

from scan3d.capture.take import Take
from scan3d.errors import CaptureError, InputError


def test_one_light(tmp_path: Path) -> None:
    take = Take.open(make_take(tmp_path / "take"))
    assert take.camera_ids == ("cam0", "cam1", "cam2", "cam3")
    assert take.lights == ("",)
    assert take.images()["cam2"] == tmp_path / "take" / "images" / "cam2.jpg"
    assert set(take.masks) == set(take.camera_ids)
    assert take.calibration is None
    assert take.colmap is None
    assert not take.results.exists()
    assert not take.store.exists()


def test_the_nearest_calibration_counts(tmp_path: Path) -> None:
    root = make_take(tmp_path / "session" / "take")
    (tmp_path / "calibration.toml").touch()
    assert Take.open(root).calibration == tmp_path / "calibration.toml"
    (tmp_path / "session" / "calibration.toml").touch()
    assert Take.open(root).calibration == tmp_path / "session" / "calibration.toml"
    (root / "calibration.toml").touch()
    assert Take.open(root).calibration == root / "calibration.toml"
    (root / "colmap").mkdir()
    assert Take.open(root).colmap == root / "colmap"


def several_lights(root: Path) -> Path:
    for camera in ("a", "b"):
        for light in ("left", "All"):
            path = root / "images" / camera / f"{light}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            picture().save(path)
    return root


def test_several_lights(tmp_path: Path) -> None:
    take = Take.open(several_lights(tmp_path))
    assert take.lights == ("All", "left")
    assert take.geometry_light() == "All"
    assert take.images()["b"].name == "All.png"
    assert take.images("left")["a"].name == "left.png"
    (tmp_path / "take.toml").write_text('subject = "S"\ngeometry_light = "left"\nlinear = true\nrig = "dome"\n')
    take = Take.open(tmp_path)
    assert take.images()["a"].name == "left.png"
    assert take.settings.linear
    assert take.settings.extra == {"rig": "dome"}


def test_a_light_that_is_missing_or_unknown(tmp_path: Path) -> None:
    several_lights(tmp_path)
    (tmp_path / "take.toml").write_text('geometry_light = "rim"')
    with pytest.raises(InputError, match=r"rim(.|\n)*All, left"):
        Take.open(tmp_path).images()
    (tmp_path / "images" / "b" / "left.png").unlink()
    with pytest.raises(CaptureError, match="Camera b has no photograph under the light 'left'"):
        Take.open(tmp_path)


def test_raw_beside_its_developed_picture(tmp_path: Path) -> None:
    root = make_take(tmp_path)
    (root / "images" / "cam0.CR2").touch()
    (root / "images" / "cam0.xmp").touch()
    (root / "images" / ".DS_Store").touch()
    assert Take.open(root).images()["cam0"].name == "cam0.jpg"


@pytest.mark.parametrize("name", ["cam1.png", "cam1.JPEG"])
def test_two_photographs_of_one_camera(tmp_path: Path, name: str) -> None:
    root = make_take(tmp_path)
    picture().save(root / "images" / name, format="PNG")
    with pytest.raises(CaptureError, match="camera cam1") as caught:
        Take.open(root)
    assert name in str(caught.value)


def test_folders_that_are_no_take(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such folder"):
        Take.open(tmp_path / "nowhere")
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="This is a file"):
        Take.open(tmp_path / "file")
    with pytest.raises(CaptureError, match="no folder images"):
        Take.open(tmp_path)
    (tmp_path / "images").mkdir()
    with pytest.raises(CaptureError, match="no photograph"):
        Take.open(tmp_path)


def test_mixed_layouts(tmp_path: Path) -> None:
    root = several_lights(tmp_path)
    picture().save(root / "images" / "c.png")
    with pytest.raises(CaptureError, match="one photograph"):
        Take.open(root)
    (root / "images" / "c.png").rename(root / "images" / "a.png")
    with pytest.raises(CaptureError, match="camera a"):
        Take.open(root)
    (root / "images" / "a.png").unlink()
    (root / "images" / "d").mkdir()
    with pytest.raises(CaptureError, match="camera d"):
        Take.open(root)


def test_broken_settings(tmp_path: Path) -> None:
    root = make_take(tmp_path)
    for text, words in (
        ("linear = 'yes'", "linear"),
        ("lights = 3", "lights"),
        ('held_out = "09"', "held_out"),
        ("a = = 3", "cannot be read"),
    ):
        (root / "take.toml").write_text(text)
        with pytest.raises(InputError, match=words):
            Take.open(root)
