"""Looks as files, lamps by the meter, and frames."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scan3d.errors import InputError
from scan3d.render.exr import read_exr, write_exr
from scan3d.render.frames import framed
from scan3d.render.lamps import key_to_fill, light_of, metered, read_surroundings, towards
from scan3d.render.looks import CROPS, Look, LookCamera, LookSurroundings, look_names, read_look
from scan3d.render.tracing import Tracer
from scan3d.render.views import seen

from .scenes import ball, material

RATIOS = {
    "beauty_dish": 3, "butterfly": 3, "loop": 3, "three_point": 3, "clamshell": 2, "octabox": 2, "ecommerce_white": 2,
    "rembrandt": 4, "split": 8,
}  # fmt: skip
FRONT = np.array([0.0, -1, 0])


def test_all_looks_are_read_and_have_the_ratio_that_they_name():
    assert set(RATIOS) == set(look_names())
    for name, ratio in RATIOS.items():
        look = read_look(name)
        assert look.name == name and look.title
        assert key_to_fill(look) == pytest.approx(ratio, rel=0.03)


@pytest.mark.parametrize(
    "text,words",
    [
        ("", "no light"),
        ("[[lamp]]\nkind = 'torch'", "torch"),
        ("[[lamp]]\ndistance_m = 0.0", "cannot be"),
        ("[[lamp]]\nbrightness = 3", "brightness"),
        ("[lamp]\nkind = 'softbox'", "list"),
        ("[camera]\ncrop = 'nose'\n[[lamp]]", "nose"),
        ("[camera]\nsize_px = [100]\n[[lamp]]", "size_px"),
        ("[camera]\nfocal_mm = 'long'\n[[lamp]]", "focal_mm"),
        ("fog = 1", "fog"),
        ("not toml", "cannot be read"),
        ("[surroundings]\nfile = 'missing.hdr'", "missing"),
    ],
)
def test_bad_looks_are_refused_by_name(tmp_path, text, words):
    path = tmp_path / "mine.toml"
    path.write_text(text)
    with pytest.raises(InputError) as found:
        read_look(str(path))
    assert words in found.value.what + found.value.where and found.value.next_step


def test_no_such_look():
    with pytest.raises(InputError, match="no look"):
        read_look("golden_hour")


@pytest.mark.slow
def test_a_meter_reads_what_the_look_says():
    """A white ball of chalk at the face, path traced: its brightest place shines with the key's reading."""
    face = np.array([0.2, -0.1, 1.5])
    look = read_look("split")
    light = light_of(look, face, FRONT)
    (panel,) = light.panels
    assert metered(panel, face) * panel.radiance[0] == pytest.approx(1, rel=1e-6)
    chalk = ball(material(albedo=1.0, specular=0.0), radius=0.01, centre=tuple(face))
    out = np.asarray(panel.centre_m) - face
    level = np.array([out[0], out[1], 0]) / np.hypot(out[0], out[1])
    side = framed(LookCamera(size_px=(33, 33), crop="full"), chalk.mesh.vertices, {}, level)
    frame = Tracer([chalk], replace(light, surroundings=None)).render(side, samples=256)
    assert frame.beauty.mean(axis=2).max() == pytest.approx(1, abs=0.06)


def test_lamps_hang_where_the_look_says():
    place = towards(FRONT, 90.0, 0.0)
    np.testing.assert_allclose(place, [1, 0, 0], atol=1e-12)  # the subject's left is +X
    np.testing.assert_allclose(towards(FRONT, 0, 90.0), [0, 0, 1], atol=1e-12)
    turned = light_of(read_look("split"), np.zeros(3), np.array([1.0, 0, 0]))
    np.testing.assert_allclose(turned.panels[0].centre_m[:2], [0, 1.5 * np.cos(np.radians(10))], atol=1e-9)


def test_surroundings_are_metered_and_turn_with_the_subject(tmp_path):
    radiance = np.full((32, 64, 3), 0.01, np.float32)
    radiance[14:18, 31:33] = 40.0  # a lamp at -Y, in front
    write_exr(tmp_path / "room.exr", {"": radiance})
    np.testing.assert_allclose(read_surroundings(tmp_path / "room.exr").radiance, radiance, rtol=1e-3)
    look = Look(name="room", surroundings=LookSurroundings(file=str(tmp_path / "room.exr")))
    light = light_of(look, np.zeros(3), FRONT).surroundings.radiance
    assert light[16, 31].mean() == light.max()
    left = light_of(look, np.zeros(3), np.array([1.0, 0, 0])).surroundings.radiance
    assert np.unravel_index(left.mean(axis=2).argmax(), (32, 64))[1] in (15, 16)  # +X is a quarter along
    with pytest.raises(InputError):
        read_surroundings(Path(__file__))


@settings(max_examples=25, deadline=None)
@given(st.floats(24, 200), st.floats(0.3, 1.0), st.floats(-180, 180), st.floats(-40, 40))
def test_a_full_frame_is_filled_as_asked_for_and_centred(focal, fill, azimuth, elevation):
    points = np.random.default_rng(0).normal(size=(400, 3)) * [0.2, 0.12, 0.5] + [0, 0, 0.9]
    asked = LookCamera(
        focal_mm=focal, crop="full", fill=fill, azimuth_deg=azimuth, elevation_deg=elevation, size_px=(800, 1000)
    )
    made = framed(asked, points, {}, FRONT)
    px, depth = made.project(points)
    low, high = px.min(axis=0), px.max(axis=0)
    assert (depth > 0).all()
    assert ((high - low) / (800, 1000)).max() == pytest.approx(fill, rel=0.02)
    np.testing.assert_allclose(0.5 * (low + high), (400, 500), atol=12)


def test_a_turn_keeps_the_distance_and_comes_back():
    points = np.random.default_rng(0).normal(size=(400, 3)) * [0.2, 0.12, 0.5] + [0.3, 0, 0.9]
    asked = LookCamera(crop="full")
    start, half, whole = (framed(asked, points, {}, FRONT, turn_deg=turn) for turn in (0, 180, 360))
    np.testing.assert_allclose(start.centre, whole.centre, atol=1e-9)
    axis = points[:, :2].mean(axis=0)
    np.testing.assert_allclose(half.centre[:2] - axis, axis - start.centre[:2], atol=1e-9)
    np.testing.assert_allclose(half.forward[:2], -start.forward[:2], atol=1e-9)


def test_crops_need_their_landmarks():
    points = np.random.default_rng(0).normal(size=(50, 3)) * 0.1 + [0, 0, 1.6]
    head = {"top": np.array([0, 0, 1.8]), "head": np.array([0, 0, 1.6])}
    for crop in CROPS:
        if crop in ("face", "portrait", "bust", "three_quarter", "full"):
            framed(LookCamera(crop=crop), points, head, FRONT)
        else:
            with pytest.raises(InputError, match="wrist"):
                framed(LookCamera(crop=crop), points, head, FRONT)


def test_views_keep_grey_grey_black_black_and_order():
    grey = np.repeat(np.geomspace(1e-3, 8, 40)[None, :, None], 3, axis=2).astype(np.float32)
    for view in ("standard", "agx", "punchy", "aces"):
        shown = seen(grey, view)
        assert shown.min() >= 0 and shown.max() <= 1
        assert np.ptp(shown, axis=2).max() < 0.02
        assert (np.diff(shown[0, :, 1]) >= -1e-4).all()
        assert seen(np.zeros((1, 1, 3)), view).max() < 0.03
        np.testing.assert_allclose(seen(grey * 0.5, view, stops=1.0), shown, atol=1e-3)
    with pytest.raises(InputError):
        seen(grey, "sepia")


def test_exr_layers_come_back(tmp_path):
    rng = np.random.default_rng(1)
    layers = {"": rng.random((5, 7, 4)), "diffuse": rng.random((5, 7, 3)), "depth": rng.random((5, 7))}
    layers["normal"] = rng.normal(size=(5, 7, 3))
    write_exr(tmp_path / "a.exr", layers)
    back = read_exr(tmp_path / "a.exr")
    assert set(back) == {*"RGBA", "diffuse.R", "diffuse.G", "diffuse.B", "depth", "normal.X", "normal.Y", "normal.Z"}
    np.testing.assert_array_equal(back["normal.Y"], layers["normal"][..., 1].astype(np.float32))
    np.testing.assert_array_equal(back["A"], layers[""][..., 3].astype(np.float32))


def test_a_round_panel_has_its_area_and_its_points_inside():
    from scan3d.geometry.lights import Panel

    panel = Panel(name="d", centre_m=(0, -2, 0), target_m=(0, 0, 0), size_m=(0.6, 0.4), radiance=(1, 1, 1), round=True)
    points = panel.points_m(40) - [0, -2, 0]
    assert panel.area_m2() == pytest.approx(np.pi * 0.3 * 0.2)
    assert (np.hypot(points[:, 0] / 0.3, points[:, 2] / 0.2) <= 1).all()
    # Evenly over the ellipse: the mean square of either axis is a quarter of the half axis' square.
    np.testing.assert_allclose((points[:, [0, 2]] ** 2).mean(axis=0), [0.09 / 4, 0.04 / 4], rtol=0.01)
