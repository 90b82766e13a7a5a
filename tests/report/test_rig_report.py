"""The report of a rig: every number in report.json, one page without links that draws it, whatever is missing."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from scan3d.calibration.board_calibration import BoardCalibration, Coverage, Reprojection
from scan3d.calibration.board_views import BoardView, BoardViews
from scan3d.checks import Check, Grade
from scan3d.geometry import Camera, Intrinsics, Rig, Rigid3
from scan3d.geometry.rig_definition import look_at
from scan3d.report.rig_report import RigReport, render_rig_page, report_numbers, write_rig_report
from scan3d.report.rig_report.drawings import camera_cards, overlap

_NAMES = ("cam00", "cam01", "cam02")


def _board() -> SimpleNamespace:
    y, x = np.mgrid[0:6, 0:8]
    points = 0.03 * np.stack([x.ravel(), y.ravel(), 0 * x.ravel()], axis=1)
    return SimpleNamespace(
        name="board",
        kind="chessboard",
        columns=8,
        rows=6,
        square_m=0.03,
        body="",
        points_m=points - points.mean(axis=0),
    )


def _camera(number: int) -> Camera:
    lens = Intrinsics(model="pinhole", width=800, height=600, fx=900.0, fy=900.0, cx=400.0, cy=300.0)
    centre = np.array([np.sin(number), -np.cos(number), 1.2])
    return Camera(camera_id=_NAMES[number], intrinsics=lens, cam_from_world=look_at(centre, np.array([0.0, 0.0, 1.0])))


def _report(**changes: object) -> RigReport:
    """Two cameras that see a board in four shots, and a third that saw nothing."""
    board, rng = _board(), np.random.default_rng(3)
    rig = Rig(cameras=(_camera(0), _camera(1)), source="test")
    facing = look_at(np.array([0.5, -1.0, 1.1]), np.array([0.0, 0.0, 1.0])).rotation.T
    places = {("board", f"{k}"): Rigid3(rotation=facing, translation=np.array([0.05 * k, 0, 1.0])) for k in range(4)}
    views = tuple(
        BoardView(
            camera_id=camera.camera_id, shot=shot, board="board", point_ids=np.arange(48), sharpness=2.0,
            px=camera.project(place.apply(board.points_m))[0] + rng.normal(0, 0.2, (48, 2)),
        )
        for (_, shot), place in places.items()
        for camera in rig
    )  # fmt: skip
    sizes = dict.fromkeys(_NAMES, (800, 600))
    seen = _NAMES[:2]
    fit = Reprojection(median_px=0.2, rms_px=0.3, sigma_px=0.2, corners=192, outliers=3)
    scores = {"pinhole": 0.3, "opencv": float("nan")}
    calibration = BoardCalibration(
        rig=rig, world_frame="upright", world_from_body=places, body_from_board={"board": Rigid3.identity()},
        residuals=(), reprojection_px=dict.fromkeys(seen, fit),
        alone_px=dict.fromkeys(seen, 0.28), covariance=dict.fromkeys(seen, 1e-8 * np.eye(6)),
        intrinsics={n: rig[n].intrinsics for n in seen}, intrinsics_sd=dict.fromkeys(seen, np.ones(4)),
        lens=dict.fromkeys(seen, "pinhole"), lens_scores=dict.fromkeys(seen, scores),
        coverage=dict.fromkeys(seen, Coverage(share=0.2, counts=np.ones((6, 8), int))), groups=(seen,),
        left_out={"cam02": "no_views"},
    )  # fmt: skip
    checks = (
        Check(name="reprojection", grade=Grade.PASS, what="fine.", camera_id="cam00", value=0.2, unit="px", limit=0.75),
        Check(name="board_coverage", grade=Grade.WARN, what="the board covered 20% of its image.", camera_id="cam01",
              next_step="Take 4 more shots.", value=20.0, unit="%", limit=40.0),
        Check(name="no_board_seen", grade=Grade.FAIL, what="it saw no board.", camera_id="cam02", next_step="Look."),
    )  # fmt: skip
    fields = {
        "title": "boards", "created": "2026-11-21T10:00:00Z", "target": SimpleNamespace(name="a3", boards=(board,)),
        "views": BoardViews(views=views, sizes=sizes, images=dict.fromkeys(_NAMES, 4)), "calibration": calibration,
        "checks": checks, "settings": {"synchronised": True},
    }  # fmt: skip
    return RigReport(**(fields | changes))  # type: ignore[arg-type]


class _Page(HTMLParser):
    """Links out, and what is shown in <data> elements."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.values: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.links += [
            value or "" for name, value in attrs if name in ("src", "href") and not (value or "").startswith("#")
        ]
        if tag == "data":
            self.values.append(dict(attrs)["value"] or "")


def test_the_verdict_stands_on_top_with_the_worst_first() -> None:
    numbers = report_numbers(_report())
    assert numbers["verdict"]["grade"] == "bad"
    assert [finding["camera_id"] for finding in numbers["verdict"]["findings"]] == ["cam02", "cam01"]
    assert "cam02" in numbers["verdict"]["headline"]
    page = render_rig_page(numbers)
    assert page.index("it saw no board.") < page.index("the board covered 20% of its image.") < page.index('id="facts"')


def test_the_json_holds_what_the_page_shows() -> None:
    numbers = report_numbers(_report())
    assert json.loads(json.dumps(numbers, allow_nan=False)) == numbers
    camera = numbers["cameras"][0]
    assert camera["residual_px"] == pytest.approx(0.2355, abs=0.04)  # median of a Rayleigh distribution, sigma 0.2
    assert sum(map(sum, camera["coverage_counts"])) == camera["corners"] == 4 * 48
    assert camera["centre_sd_mm"] == pytest.approx(0.1)
    assert camera["lens_scores_px"] == {"pinhole": 0.3, "opencv": None}
    assert numbers["pairs"]["shared"] == [[4, 4, 0], [4, 4, 0], [0, 0, 0]]
    assert sum(camera["histogram"]) == pytest.approx(1.0)
    shown = _Page(render_rig_page(numbers)).values
    assert str(numbers["residual_px"]) in shown
    assert str(camera["centre_sd_mm"]) in shown


def test_the_page_asks_for_nothing_and_runs_its_own_script_only() -> None:
    page = render_rig_page(report_numbers(_report()))
    assert _Page(page).links == []
    script = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script[-1].encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in page
    assert "://" not in script[-1]


def test_a_name_cannot_break_the_page() -> None:
    name = "</script><script>alert(1)</script>"
    report = _report(title=name)
    page = render_rig_page(report_numbers(report))
    assert "<script>alert(1)" not in page
    assert "&lt;/script&gt;" in page


def test_a_rig_of_which_nothing_could_be_calibrated_is_drawn_too() -> None:
    views = BoardViews(views=(), sizes=dict.fromkeys(_NAMES, (800, 600)), images=dict.fromkeys(_NAMES, 1))
    numbers = report_numbers(_report(calibration=None, views=views))
    page = render_rig_page(numbers)
    assert "no residuals" in page
    assert 'id="rig3d"' not in page


def test_a_good_rig_is_called_good() -> None:
    report = _report()
    numbers = report_numbers(replace(report, checks=report.checks[:1], written="calibration.toml"))
    assert numbers["verdict"]["grade"] == "good"
    assert "Written to calibration.toml." in render_rig_page(numbers)


def test_small_pictures_cover_the_photograph() -> None:
    numbers = report_numbers(_report())
    card = camera_cards(numbers)[-1]
    assert sum(cell.width * cell.height for cell in card.cells) == pytest.approx(160.0 * card.height)
    assert [camera_cards(numbers)[k].camera["camera_id"] for k in range(3)] == ["cam02", "cam01", "cam00"]
    pairs = overlap(numbers)
    assert {cell.words for cell in pairs.cells} == {
        "cam00 and cam01: 4 shots together",
        "cam01 and cam00: 4 shots together",
    }


def test_both_files_are_written(tmp_path: Path) -> None:
    json_path, html_path = write_rig_report(tmp_path, _report())
    assert json.loads(json_path.read_text())["format"] == "scan3d rig report"
    assert html_path.read_text().startswith("<!DOCTYPE html>")
