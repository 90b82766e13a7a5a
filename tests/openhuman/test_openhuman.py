"""The body's data: its size and frame, its symmetry, its weights, its masks and its shape targets."""

import numpy as np
import pytest

from scan3d.openhuman import Macro, load_open_human, macro_targets
from scan3d.openhuman.reader import FILE

BODY = slice(0, 13380)


def test_file_is_small_and_carries_its_licence() -> None:
    assert FILE.stat().st_size < 6_000_000
    assert "CC0 1.0 Universal" in (FILE.parent / "LICENSE_CC0.txt").read_text()


def test_adult_stands_up_faces_front_and_has_its_left_at_positive_x() -> None:
    human = load_open_human()
    shape = human.shaped(macro_targets(Macro(male=1.0)))
    low, high = shape[BODY].min(axis=0), shape[BODY].max(axis=0)
    assert 1.6 < high[2] - low[2] < 1.9
    heads, tails = human.joints(shape)
    assert heads[human.bone("wrist.L")][0] > 0.3
    assert tails[human.bone("foot.L")][1] < heads[human.bone("foot.L")][1] - 0.05  # toes at -Y
    assert heads[human.bone("neck01")][2] > heads[human.bone("pelvis.L")][2] + 0.3


def test_faces_look_outwards() -> None:
    human = load_open_human()
    quads = human.quads[human.group("body")]
    corners = human.vertices[quads].astype(np.float64)
    cross = np.cross(corners[:, 2] - corners[:, 0], corners[:, 3] - corners[:, 1])
    volume = (corners.mean(axis=1) * cross).sum() / 6
    assert volume > 0.03


def test_shape_targets_keep_left_and_right_alike() -> None:
    human = load_open_human()
    plain = human.shaped({})
    shape = human.shaped({"universal-male-young-maxmuscle-maxweight": 1.0})
    mirrored = plain[BODY] * [-1, 1, 1]
    apart = np.linalg.norm(mirrored[::50, None] - plain[None, BODY], axis=2)
    partner = apart.argmin(axis=1)
    pairs = apart.min(axis=1) < 1e-4
    assert pairs.sum() > 150
    difference = shape[BODY][::50][pairs] * [-1, 1, 1] - shape[partner[pairs]]
    assert np.abs(difference).max() < 2e-3
    assert np.linalg.norm(shape - plain, axis=1).max() > 0.02


def test_amounts_add_up_linearly() -> None:
    human = load_open_human()
    one = human.shaped({"nose-hump-incr": 1.0}) - human.vertices
    half = human.shaped({"nose-hump-incr": 0.5}) - human.vertices
    assert np.allclose(one, 2 * half, atol=1e-12)
    with pytest.raises(ValueError, match="no-such"):
        human.shaped({"no-such": 1.0})


def test_weights_sum_to_one_wherever_there_is_a_body() -> None:
    human = load_open_human()
    sums = np.asarray(human.weights.sum(axis=1)).ravel()
    assert np.allclose(sums[BODY], 1.0, atol=1e-9)
    assert (human.bone_parents < np.arange(len(human.bone_parents))).all()


def test_masks_lie_where_they_are_named() -> None:
    human = load_open_human()
    heads, tails = human.joints(human.vertices)
    lips = human.vertices[human.masks["lips"] > 0.5].mean(axis=0)
    assert lips[1] < heads[human.bone("head")][1] - 0.05
    assert abs(lips[0]) < 0.005
    nails = human.vertices[human.masks["fingernail"] > 0.5]
    tips = np.array([tails[human.bone(f"finger{n}-3.{side}")] for n in range(1, 6) for side in "LR"])
    nearest = np.linalg.norm(nails[:, None] - tips, axis=2).min(axis=1)
    assert nearest.max() < 0.03
