"""Features and their matches on pictures whose motion is known."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from scan3d.calibration.features import Features, extract_features
from scan3d.calibration.matching import choose_pairs, match_descriptors, match_pairs


def texture(seed: int = 0) -> np.ndarray:
    """(240, 320, 3) uint8 with blobs of many sizes."""
    random = np.random.default_rng(seed)
    layers = [cv2.GaussianBlur(random.standard_normal((240, 320)), (0, 0), s) * s for s in (1.5, 3, 6)]
    grey = 128 + 40 * sum(layers)
    return np.repeat(np.clip(grey, 0, 255).astype(np.uint8)[..., None], 3, axis=2)


def moved(image: np.ndarray, shift: tuple[float, float]) -> np.ndarray:
    matrix = np.array([[1.0, 0.0, shift[0]], [0.0, 1.0, shift[1]]])
    return cv2.warpAffine(image, matrix, image.shape[1::-1], flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT)


def test_positions_follow_the_picture_and_centres_lie_at_a_half() -> None:
    image = np.zeros((61, 81, 3), np.uint8)
    image[30, 40] = 255  # one pixel, whose centre is (40.5, 30.5)
    image = cv2.GaussianBlur(image, (0, 0), 3) * 12
    features = extract_features(image)
    nearest = np.linalg.norm(features.xy - (40.5, 30.5), axis=1).min()
    assert nearest < 0.05
    a, b = extract_features(texture()), extract_features(moved(texture(), (7.25, -3.5)))
    pairs = match_descriptors(a.descriptors, b.descriptors)
    assert len(pairs) > 100
    flow = b.xy[pairs[:, 1]] - a.xy[pairs[:, 0]]
    assert np.median(np.abs(flow - (7.25, -3.5)), axis=0).max() < 0.1


def test_only_the_subject_is_searched() -> None:
    mask = np.zeros((240, 320), bool)
    mask[60:160, 100:220] = True
    features = extract_features(texture(), mask, max_features=150)
    assert len(features) == 150
    x, y = features.xy.T
    assert x.min() > 90
    assert x.max() < 230
    assert y.min() > 50
    assert y.max() < 170
    whole = extract_features(texture())
    distance = np.linalg.norm(features.xy[:, None] - whole.xy[None], axis=2).min(axis=1)
    assert np.median(distance) < 0.05


def test_a_blank_picture_has_none() -> None:
    blank = extract_features(np.full((50, 60, 3), 90, np.uint8))
    assert len(blank) == 0
    assert match_descriptors(blank.descriptors, blank.descriptors).shape == (0, 2)


def test_sixteen_bits_and_files(tmp_path: Path) -> None:
    image = texture()
    a, b = extract_features(image, note="given"), extract_features(image.astype(np.uint16) * 256)
    np.testing.assert_array_equal(a.xy, b.xy)
    a.save(tmp_path / "a.npz")
    again = Features.load(tmp_path / "a.npz")
    np.testing.assert_array_equal(again.descriptors, a.descriptors)
    assert (again.width, again.height, again.note) == (320, 240, "given")


def test_pairs_that_show_the_same_are_chosen() -> None:
    features = {}
    for scene in range(3):
        for step in range(3):
            features[f"{scene}{step}"] = extract_features(moved(texture(scene), (5.0 * step, 0.0)))
    pairs = choose_pairs(features, neighbours=2)
    assert pairs == [(f"{s}{a}", f"{s}{b}") for s in range(3) for a, b in ((0, 1), (0, 2), (1, 2))]
    matches = match_pairs(features, pairs[:1])
    assert len(matches["00", "01"]) > 100
