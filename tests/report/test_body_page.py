"""The page of a fitted body: its checks, measures, pictures and what was filled."""

from pathlib import Path

import cv2
import numpy as np

from scan3d.report.body_page import write_body_page


def fitted(folder: Path, grade: str, clothing: str = "tight") -> dict:
    """fit.json of a fit, and the pictures beside it."""
    (folder / "maps").mkdir(parents=True)
    picture = np.full((64, 96, 3), 120, np.uint8)
    for name in ("distances.png", "maps/albedo.1001.png", "maps/coverage.1001.png"):
        assert cv2.imwrite(str(folder / name), picture)
    check = {"what": "Arms <lie> within 6 mm.", "camera_id": "", "unit": "mm"}
    return {
        "grade": grade, "model": "open", "clothing": clothing, "distance_mean_mm": 2.14, "distance_p95_mm": 8.8,
        "measurements": {"waist girth": {"mm": 651.0, "sigma_mm": 10.0, "how": "level"}},
        "checks": [
            {**check, "name": "fit_arms", "grade": grade, "next_step": "Look at the arms.", "value": 5, "limit": 10},
            {**check, "name": "fit_coverage", "grade": "PASS", "next_step": "", "value": 99.9, "limit": 99.0},
        ],
    }  # fmt: skip


def test_a_page_shows_all_of_it(tmp_path: Path) -> None:
    maps = {
        "albedo": {"files": ["albedo.1001.png"]},
        "coverage": {"files": ["coverage.1001.png"], "seen_share": 0.85, "mirrored_share": 0.02, "spread_share": 0.13},
    }
    page = write_body_page(tmp_path, "somebody", fitted(tmp_path, "PASS"), maps)
    text, _, data = page.read_text().partition("<script type=")
    assert "Look at the arms." in data  # all numbers are inside
    assert page == tmp_path / "body.html" and "The body fits the scan." in text
    assert "Arms &lt;lie&gt; within 6 mm." in text and "width: 35.0%" in text and text.count("left: 70%") == 1
    assert "651</data> &plusmn; <data" in text and ">20</data>" in text
    assert "85.0</data> %" in text and "filled from the other side" in text
    assert text.count("data:image/jpeg;base64,") == 3 and "<script src" not in text and "://" not in text
    assert "Look at the arms." not in text


def test_what_is_not_good_is_said_first_and_maps_may_be_missing(tmp_path: Path) -> None:
    text = (
        write_body_page(tmp_path, "somebody", fitted(tmp_path, "FAIL", "loose"), None).read_text().split("<script")[0]
    )
    assert "The body does not fit." in text and text.count("Look at the arms.") == 1
    assert "inferred, not seen" in text and 'id="skin"' not in text and text.count("data:image/jpeg") == 1
