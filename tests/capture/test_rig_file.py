"""Rigs as files: all that ship, and what is said of a wrong one."""

from pathlib import Path

import numpy as np
import pytest

from scan3d.capture.rig_file import read_rig_definition, rig_names
from scan3d.errors import InputError

GOOD = """
name = "small"
subject = "body"
cameras = 3
subject_centre_m = [0, 0, 1]
subject_radius_m = 1
[lens]
model = "fisheye"
image_size_px = [100, 200]
focal_px = 90.0
distance_m = 2.0
distortion = [0.01, 0, 0, 0]
[mounting]
position_mm = 5
aim_deg = 1
[lights]
setup = "flashes"
[limits]
reprojection_px = 0.6
board_views = 12
[[ring]]
height_m = 1.5
cameras = 3
"""


@pytest.mark.parametrize("name", rig_names())
def test_every_camera_of_a_shipped_rig_looks_at_the_subject(name: str) -> None:
    definition = read_rig_definition(name)
    rig, held = definition.rig(seed=1), definition.held_out(seed=1)
    centre = np.array(definition.subject_centre_m)
    axis = centre + np.linspace(-0.85, 0.85, 30)[:, None] * definition.subject_radius_m * np.array([0, 0, 1.0])
    seen = np.zeros(30, int)
    for camera in (*rig, *held):
        away = np.linalg.norm(camera.centre - centre)
        assert away > 1.1 * definition.subject_radius_m, "a camera stands in the subject"
        inside = camera.intrinsics.contains(camera.project(axis)[0])
        assert inside.sum() >= 10, f"{camera.camera_id} looks past the subject"
        seen += inside
    assert len(rig) == definition.camera_count and len(held) >= 2
    assert seen.min() >= 4, "a part of the subject is in too few pictures"


@pytest.mark.parametrize("name", [name for name in rig_names() if read_rig_definition(name).limits.cameras_per_point])
def test_a_plan_meets_its_own_limit_of_cameras_per_point(name: str) -> None:
    definition = read_rig_definition(name)
    half_axes_m = np.array([0.08, 0.1, 0.12] if definition.subject == "head" else [0.25, 0.15, 0.9])
    way = np.random.default_rng(0).normal(size=(2000, 3))
    way /= np.linalg.norm(way, axis=1, keepdims=True)
    way = way[np.abs(way[:, 2]) < np.sin(np.radians(50))]
    rig = definition.rig(seed=1)
    if all(ring.arc_rad is not None and ring.arc_rad < np.pi for ring in definition.rings):
        # Cameras before the face only promise the face.
        way = way[(way[:, 1] < -0.5) & (np.abs(way[:, 2]) < np.sin(np.radians(45)))]
    points = way * half_axes_m + definition.subject_centre_m
    normals = way / half_axes_m
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    seen = np.zeros(len(points), int)
    for camera in rig:
        toward = camera.centre - points
        facing = (toward * normals).sum(axis=1) > np.cos(np.radians(60)) * np.linalg.norm(toward, axis=1)
        seen += facing & camera.intrinsics.contains(camera.project(points)[0])
    assert definition.limits.cameras_per_point is not None
    assert seen.min() >= definition.limits.cameras_per_point


def test_keys_arrive_in_metres_and_radians(tmp_path: Path) -> None:
    path = tmp_path / "small.toml"
    path.write_text(GOOD)
    definition = read_rig_definition(path)
    assert definition.lights == "flashes" and definition.lens.model == "fisheye"
    assert definition.position_spread_m == pytest.approx(0.005)
    assert definition.aim_spread_rad == pytest.approx(np.pi / 180)
    limits = definition.limits
    assert (limits.reprojection_px, limits.board_views, limits.time_skew_s) == (0.6, 12, None)
    ring = definition.rings[0]
    assert (ring.cameras, ring.height_m, ring.distance_m, ring.aim_height_m) == (3, 1.5, 2.0, 1.0)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("cameras = 3\nsubject", "cameras = 4\nsubject", "rings have 3"),
        ("focal_px", "focal_pix", "Did you mean 'focal_px'"),
        ('setup = "flashes"', 'stup = "flashes"', "Did you mean 'setup'"),
        ("height_m = 1.5", "height_m = 1.5\nelevation_deg = 3", "either elevation_deg or height_m"),
        ("focal_px = 90.0", 'focal_px = "90"', "no number"),
        ("distortion = [0.01, 0, 0, 0]", "distortion = [0.01]", "4 distortion parameters"),
        ("image_size_px = [100, 200]", "image_size_px = [100]", "image_size_px"),
        ("distance_m = 2.0", "distance_m = -2.0", "above zero"),
        ("height_m = 1.5", "height_m = 1.5\narc_deg = 360", "no arc"),
        ("board_views = 12", "board_coverage = 40", "share of the picture"),
        ("board_views = 12", "board_views = 1.5", "board_views"),
        ("board_views = 12", "drift_px = 0", "more than 0"),
        ("board_views = 12", "drift = 1.0", "Did you mean 'drift_px'"),
        ('model = "fisheye"', 'model = "magic"', "magic"),
        ("[lens]", "[lens", "cannot be read"),
    ],
)
def test_a_wrong_file_says_what_is_wrong_and_where(tmp_path: Path, old: str, new: str, says: str) -> None:
    path = tmp_path / "small.toml"
    path.write_text(GOOD.replace(old, new))
    with pytest.raises(InputError) as caught:
        read_rig_definition(path)
    assert says in str(caught.value) and "small.toml" in caught.value.where


def test_an_unknown_name_lists_the_known() -> None:
    with pytest.raises(InputError, match="head_32"):
        read_rig_definition("head_33")
