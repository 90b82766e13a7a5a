"""lights.toml: what is written reads back, and what is wrong is named."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from scan3d.capture.lights_file import nearest_lights, read_lights, write_lights
from scan3d.errors import InputError
from scan3d.geometry import Camera, Intrinsics
from scan3d.geometry.lights import LightSetup, Panel, Surroundings, placed
from scan3d.geometry.rig_definition import look_at
from scan3d.simulate.lights import light_setups

GOOD = """
format = "scan3d lights 1"
units = "metres"
exposure = 0.5
[panels.left]
centre_m = [-1.0, -1.0, 1.5]
target_m = [0.0, 0.0, 1.5]
size_m = [0.3, 0.5]
radiance = [2.0, 2.0, 2.0]
[lights.left_cross]
panels = ["left"]
polarisation = "cross"
"""


@pytest.mark.parametrize("name", ["studio", "flashes+polarised", "gradients", "uniform"])
def test_the_studios_lights_read_back_as_they_were_written(tmp_path: Path, name: str) -> None:
    setups = light_setups(name, (0.1, -0.2, 1.4), 0.3)
    write_lights(setups, tmp_path / "lights.toml", exposure=0.37)
    known = read_lights(tmp_path / "lights.toml")
    assert known.exposure == 0.37
    assert list(known.setups) == [setup.name for setup in setups]
    for setup in setups:
        found = known.setups[setup.name]
        assert found.panels == setup.panels and found.polarisation == setup.polarisation
        assert (found.surroundings is None) == (setup.surroundings is None)
        if found.surroundings is not None and setup.surroundings is not None:
            # A Radiance picture has 8 bits of each colour.
            want = setup.surroundings.radiance
            assert np.abs(found.surroundings.radiance.mean() / want.mean() - 1) < 0.01


def test_the_nearest_file_above_a_take_is_found(tmp_path: Path) -> None:
    take = tmp_path / "day" / "take"
    take.mkdir(parents=True)
    assert nearest_lights(take) is None or tmp_path not in nearest_lights(take).parents  # type: ignore[union-attr]
    (tmp_path / "lights.toml").write_text(GOOD)
    assert nearest_lights(take) == tmp_path / "lights.toml"
    (take / "lights.toml").write_text(GOOD)
    assert nearest_lights(take) == take / "lights.toml"


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("scan3d lights 1", "lights", "format"),
        ('"metres"', '"feet"', "units"),
        ("exposure = 0.5", "exposure = 0", "exposure"),
        ("size_m", "size", "size_m"),
        ("[0.3, 0.5]", "[0.3, -0.5]", "size"),
        ("[0.3, 0.5]", "[0.3]", "2 numbers"),
        ("size_m", 'on_camera = "yes"\nsize_m', "on_camera"),
        ("[0.0, 0.0, 1.5]", "[-1.0, -1.0, 1.5]", "face"),
        ('panels = ["left"]', 'panels = ["right"]', "right"),
        ('"cross"', '"crossed"', "crossed"),
        ('panels = ["left"]\n', "", "neither"),
        ('panels = ["left"]', 'panels = ["left"]\nsurroundings = "none.hdr"', "none.hdr"),
        ("[lights.left_cross]", "[lights", "cannot be read"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, old: str, new: str, told: str) -> None:
    path = tmp_path / "lights.toml"
    path.write_text(GOOD.replace(old, new))
    with pytest.raises(InputError) as error:
        read_lights(path)
    assert told in str(error.value) and "lights.toml" in error.value.where


def test_two_panels_of_one_name_are_refused(tmp_path: Path) -> None:
    def panel(strength: float) -> Panel:
        return Panel(name="a", centre_m=(0, -1, 1), target_m=(0, 0, 1), size_m=(1, 1), radiance=(strength,) * 3)

    with pytest.raises(InputError, match="'a'"):
        write_lights(
            [LightSetup(name="x", panels=(panel(1),)), LightSetup(name="y", panels=(panel(2),))], tmp_path / "l.toml"
        )
    assert not (tmp_path / "l.toml").exists()


def test_surroundings_keep_their_direction(tmp_path: Path) -> None:
    radiance = np.zeros((4, 8, 3), np.float32)
    radiance[0] = 1.0
    setup = LightSetup(name="sky", surroundings=Surroundings(radiance=radiance))
    write_lights([setup], tmp_path / "lights.toml")
    found = read_lights(tmp_path / "lights.toml").setups["sky"].surroundings
    assert found is not None and np.allclose(found.radiance, radiance, atol=0.01)


FLASH = """
format = "scan3d lights 1"
units = "metres"
[panels.flash]
on_camera = true
[lights.flash]
panels = ["flash"]
"""


def test_a_flash_on_the_camera_needs_no_measures(tmp_path: Path) -> None:
    path = tmp_path / "lights.toml"
    path.write_text(FLASH)
    setup = read_lights(path).setups["flash"]
    assert setup.on_camera and setup.panels[0].guessed
    write_lights([setup], path)
    assert read_lights(path).setups["flash"].panels == setup.panels
    path.write_text(FLASH.replace("on_camera = true", "on_camera = true\ncentre_m = [0.02, -0.12, 0.01]"))
    known = read_lights(path).setups["flash"].panels[0]
    assert not known.guessed and known.target_m == (0.02, -0.12, 1.01)


def test_a_flash_stands_where_its_camera_stood() -> None:
    pose = look_at(np.array([1.0, -2.0, 1.5]), np.array([0.0, 0.0, 1.0]))
    lens = Intrinsics(model="pinhole", width=8, height=8, fx=8.0, fy=8.0, cx=4.0, cy=4.0)
    camera = Camera(camera_id="a", intrinsics=lens, cam_from_world=pose)
    still = Panel(name="b", centre_m=(0, -1, 1), target_m=(0, 0, 1), size_m=(1, 1), radiance=(1, 1, 1))
    flash = replace(still, name="flash", centre_m=(0.0, -0.1, 0.0), target_m=(0.0, -0.1, 1.0), on_camera=True)
    there = placed(LightSetup(name="x", panels=(flash, still)), camera)
    moved, unmoved = there.panels
    assert not there.on_camera and unmoved == still
    assert np.allclose(pose.apply(np.array([moved.centre_m, moved.target_m])), [flash.centre_m, flash.target_m])
    assert np.asarray(moved.centre_m)[2] > camera.centre[2]  # above the lens
