"""Foreground masks: synthetic photographs with exact masks, and the rendered rig."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from capture_subjects import backdrop, iou, photograph, subject

from scan3d.capture.images import load_mask, load_rgb
from scan3d.capture.masks import mask_from_backdrop, mask_from_darkness, mask_from_plate
from scan3d.errors import CaptureError


def make(kind: str, **options: bool) -> tuple[np.ndarray, np.ndarray]:
    behind, noise = backdrop(kind)
    colour, mask = subject(**options)
    return photograph(behind, colour, mask, noise=noise), mask


@pytest.mark.parametrize("kind", ["black", "grey", "noisy grey", "white", "green"])
def test_plain_backdrops(kind: str) -> None:
    image, truth = make(kind)
    made = mask_from_backdrop(image)
    assert made.reliable, made.doubts
    assert iou(made.mask, truth) > 0.985
    assert (truth & ~made.mask).sum() < 0.003 * truth.sum()


def test_shadow_side_and_dark_hair_survive_a_black_backdrop() -> None:
    for options in ({"side_light": True}, {"dark_hair": True}):
        image, truth = make("black", **options)
        made = mask_from_backdrop(image)
        assert made.reliable, made.doubts
        assert iou(made.mask, truth) > 0.975
        assert (truth & ~made.mask).sum() < 0.012 * truth.sum()


def test_no_moat_between_bright_skin_and_a_fringe_of_dark_hair() -> None:
    behind, noise = backdrop("black")
    colour, skin = subject()
    y, x = np.mgrid[0 : skin.shape[0], 0 : skin.shape[1]] + 0.5
    hair = (((x - 180) / 87) ** 2 + ((y - 150) / 112) ** 2 < 1) & ~skin & (y < 160)
    image = photograph(behind, np.where(hair[..., None], 0.008, colour), skin | hair, noise=noise)
    made = mask_from_backdrop(image)
    assert made.mask[hair].mean() > 0.9
    assert iou(made.mask, skin | hair) > 0.985


@pytest.mark.parametrize("blur_px", [1.0, 2.5])
def test_the_border_stays_in_place_however_blurred(blur_px: float) -> None:
    behind, noise = backdrop("black")
    colour, truth = subject()
    made = mask_from_backdrop(photograph(behind, colour, truth, noise=noise, blur_px=blur_px))
    border_px = cv2.arcLength(cv2.findContours(truth.astype(np.uint8), 0, 1)[0][0], True)
    assert abs(int(made.mask.sum()) - int(truth.sum())) / border_px < 0.5
    soft = (made.alpha > 0.05) & (made.alpha < 0.95)
    assert blur_px < soft.sum() / border_px < 5 * blur_px


@pytest.mark.parametrize("kind", ["room", "spot"])
def test_an_unsuitable_backdrop_is_not_trusted(kind: str) -> None:
    image, _ = make(kind)
    made = mask_from_backdrop(image)
    assert not made.reliable
    assert made.doubts


def test_an_empty_picture_has_no_subject() -> None:
    behind, noise = backdrop("grey")
    image = photograph(behind, behind, np.zeros(behind.shape[:2], bool), noise=noise)
    made = mask_from_backdrop(image)
    assert not made.reliable
    assert made.mask.mean() < 0.01


def test_a_gap_between_arm_and_body_stays_open_and_a_nostril_is_closed() -> None:
    behind, noise = backdrop("black")
    colour, truth = subject()
    y, x = np.mgrid[0 : truth.shape[0], 0 : truth.shape[1]]
    gap = ((x - 110) / 12) ** 2 + ((y - 420) / 30) ** 2 < 1
    for depth_px in (4.0, 8.0):
        nostril = np.exp(-(((x - 180) / depth_px) ** 2 + ((y - 180) / depth_px) ** 2))
        image = photograph(behind, colour * (1 - 0.999 * nostril[..., None]), truth & ~gap, noise=noise)
        made = mask_from_backdrop(image)
        assert iou(made.mask, truth & ~gap) > 0.985
        assert made.mask[170:190, 170:190].all()
        assert not made.mask[400:440, 105:116].any()


def test_sixteen_bits_and_eight_agree() -> None:
    image, truth = make("grey")
    deep = image.astype(np.uint16) * 257
    assert iou(mask_from_backdrop(image).mask, mask_from_backdrop(deep).mask) > 0.999
    assert truth.any()


def test_clean_plate_separates_what_no_backdrop_could() -> None:
    behind, noise = backdrop("room")
    colour, truth = subject()
    image = photograph(behind, colour, truth, noise=noise)
    empty = np.zeros(truth.shape, bool)
    plate = photograph(0.9 * behind, behind, empty, noise=noise, seed=9)  # a little less exposed
    made = mask_from_plate(image, plate)
    assert iou(made.mask, truth) > 0.97
    assert made.method == "plate"
    with pytest.raises(CaptureError, match="clean plate"):
        mask_from_plate(image, plate[1:])


def test_dark_surroundings_are_a_hint_only() -> None:
    behind, noise = backdrop("room")
    colour, truth = subject()
    hint = mask_from_darkness(photograph(0.04 * behind, colour, truth, noise=noise))
    assert hint is not None
    assert not hint.reliable
    assert iou(hint.mask, truth) > 0.9
    assert mask_from_darkness(photograph(behind, colour, truth, noise=noise)) is None


def test_rendered_rig(data: Path) -> None:
    scores, missing = [], []
    for name in ("cam00", "cam04", "cam09", "cam15", "cam22", "cam28"):
        truth = load_mask(data / "rig_head" / "masks" / f"{name}.png") > 0.5
        made = mask_from_backdrop(load_rgb(data / "rig_head" / "images" / f"{name}.jpg"))
        assert made.reliable, made.doubts
        scores.append(iou(made.mask, truth))
        missing.append((truth & ~made.mask).sum() / truth.sum())
    assert np.mean(scores) >= 0.995
    assert min(scores) >= 0.99
    assert max(missing) < 0.006
