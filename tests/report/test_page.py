"""The page draws the JSON, all of it, from one file; the verdict follows from the numbers."""

from __future__ import annotations

import errno
import json
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from report_shapes import camera_at, card, sphere

from scan3d.errors import StorageError
from scan3d.geometry import Mesh
from scan3d.report.agreement import ReportView
from scan3d.report.charts import camera_table, rig_plan, until_last
from scan3d.report.data import (
    CameraNumbers,
    CoverageNumbers,
    Histogram,
    MeshNumbers,
    Note,
    Picture,
    ReportData,
    StageNumbers,
    TextureNumbers,
)
from scan3d.report.judge import judge
from scan3d.report.look import look_at
from scan3d.report.measure import Known, confidence_histogram, measured, mesh_numbers
from scan3d.report.page import render_page, report_json, write_report
from scan3d.report.preview import look_from_sides
from scan3d.report.shading import view_colours
from scan3d.report.surface_view import SurfaceView

MESH = MeshNumbers(
    vertices=1234,
    faces=2464,
    area_m2=1.8765,
    size_m=(0.5123, 0.3456, 1.7654),
    edge_m=0.00123,
    pieces=1,
    open_edges=0,
)


def camera(number: int, **changes: object) -> CameraNumbers:
    turn = 2 * np.pi * number / 16
    place = (1.5 * float(np.sin(turn)), -1.5 * float(np.cos(turn)), 1.1)
    good = CameraNumbers(
        camera_id=f"cam{number:02d}",
        position_m=place,
        forward=(-place[0] / 1.5, -place[1] / 1.5, 0.0),
        shift_px=0.10 + 0.01 * (number % 5),
        exposure_ev=0.02 * (number % 3),
        photometric_levels=4.0 + 0.1 * (number % 4),
        sharpness=1.1 + 0.05 * (number % 6),
        calibration_px=0.21,
        depth_confirmed=0.85 + 0.005 * (number % 4),
        surface_seen=0.3,
        mask_share=0.25,
        mask_overlap=0.998,
    )
    return replace(good, **changes)  # type: ignore[arg-type]


def report(**changes: object) -> ReportData:
    data = ReportData(
        take="2026-11-21 Ada",
        created="2026-11-21T10:15:00+01:00",
        quality="standard",
        scale_is_metric=True,
        mesh=MESH,
        texture=TextureNumbers(tiles=2, width_px=4096, height_px=4096, bits=16, texel_m=0.000321, seen=0.953),
        coverage=CoverageNumbers(shares=(0.01, 0.02, 0.07, 0.4, 0.5, *[0.0] * 12), max_angle_deg=75.0),
        confidence=Histogram(edges=tuple(np.linspace(0, 1, 6).tolist()), shares=(0.02, 0.03, 0.05, 0.2, 0.7)),
        cameras=tuple(camera(number) for number in range(16)),
        stages=(
            StageNumbers(name="depth", wall_s=61.3, cpu_s=112.5, peak_mb=1480.25),
            StageNumbers(name="masks", wall_s=1.25, cpu_s=2.5, peak_mb=240.0, reused=True),
        ),
        wall_s=116.25,
        cpu_s=203.5,
        settings={"depth": {"levels": 3, "window_px": 7.5}},
        versions={"scan3d": "0.1.0"},
        machine={"cores": 2},
        warnings=(Note(what="The backdrop was taken to be dark.", where="masks", next_step="Give a clean plate."),),
        pictures=(Picture(section="preview", caption="From four sides.", rgb=np.full((40, 90, 3), 99, np.uint8)),),
    )
    return replace(data, **changes)  # type: ignore[arg-type]


class Page(HTMLParser):
    """What a browser would make of a page: its tags, the values of <data>, its text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text: list[str] = []
        self.embedded = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "img", "br", "link", "input", "hr"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        # SVG's own elements close themselves; all others nest.
        while self.open and self.open[-1] in ("circle", "path") and tag != self.open[-1]:
            self.open.pop()
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "script":
            self.embedded += data
        elif self.open and self.open[-1] != "style":
            self.text.append(data)

    def values(self) -> set[float]:
        return {float(attrs["value"] or "nan") for tag, attrs in self.tags if tag == "data"}


def test_the_page_is_one_file_that_asks_for_nothing() -> None:
    data = report()
    text = render_page(report_json(data), data.pictures)
    page = Page(text)
    assert page.open == []
    for tag, attrs in page.tags:
        assert tag not in ("link", "iframe", "object", "embed", "base", "form")
        if tag == "script":
            assert attrs == {"type": "application/json", "id": "report"}
        assert not any(name.startswith("on") for name in attrs)
        for name in ("src", "href", "srcset", "action"):
            assert (attrs.get(name) or "#").startswith(("#", "data:image/"))
    style = text[text.index("<style>") : text.index("</style>")]
    assert "url(" not in style
    assert "@import" not in style
    assert "http://" not in text
    assert "https://" not in text


def test_the_page_shows_every_number_of_the_json() -> None:
    data = report(cameras=tuple(camera(n, shift_px=1.2345 if n == 3 else 0.1 + n / 97) for n in range(16)))
    json_values = report_json(data)
    page = Page(render_page(json_values, data.pictures))
    shown = page.values()
    fields = (
        "shift_px", "exposure_ev", "photometric_levels", "sharpness", "depth_confirmed",
        "calibration_px", "surface_seen",
    )  # fmt: skip
    wanted = {row[name] for row in json_values["cameras"] for name in fields}
    wanted |= {stage[name] for stage in json_values["stages"] for name in ("wall_s", "cpu_s", "peak_mb")}
    wanted |= set(json_values["mesh"]["size_m"]) | {json_values[name] for name in ("wall_s", "cpu_s", "peak_mb")}
    wanted |= {json_values["mesh"][name] for name in ("vertices", "faces", "area_m2", "edge_m", "pieces", "open_edges")}
    wanted |= set(json_values["texture"].values())
    wanted |= {share for share in json_values["coverage"]["shares"] if share} | {json_values["coverage"]["uncovered"]}
    wanted |= set(json_values["confidence"]["shares"]) | {json_values["confidence"]["unsure"]}
    assert wanted <= shown
    assert json.loads(page.embedded) == json_values
    words = " ".join(page.text)
    for piece in (
        "2026-11-21 Ada",
        "The backdrop was taken to be dark.",
        "window_px",
        "7.5",
        "0.1.0",
        "cam03",
    ):
        assert piece in words


def test_pictures_are_inside_and_described() -> None:
    data = report()
    page = Page(render_page(report_json(data), data.pictures))
    pictures = [attrs for tag, attrs in page.tags if tag == "img"]
    assert len(pictures) == 1
    assert pictures[0]["src"].startswith("data:image/jpeg;base64,/9j/")
    assert (pictures[0]["width"], pictures[0]["height"], pictures[0]["alt"]) == (
        "90",
        "40",
        "From four sides.",
    )


def test_names_cannot_break_the_page() -> None:
    evil = '</script><script>alert("x")</script><b>&'
    data = report(take=evil, cameras=(camera(0, camera_id=evil, shift_px=9.0),), settings={evil: {evil: evil}})
    page = Page(render_page(report_json(data), data.pictures))
    assert sum(tag == "script" for tag, _ in page.tags) == 1
    assert json.loads(page.embedded)["take"] == evil
    assert evil in page.text


def test_a_bare_report_is_drawn_too() -> None:
    bare = ReportData(take="t", created="2026-01-01T00:00:00Z", quality="preview", scale_is_metric=False, mesh=MESH)
    page = Page(render_page(report_json(bare)))
    words = " ".join(page.text)
    assert "The capture is good." in words
    assert "scale is arbitrary" in words
    assert "1.765 units" in words


def test_files_are_written_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = report()
    json_path, html_path = write_report(tmp_path, data)
    stored = json.loads(json_path.read_text())
    assert stored == report_json(data)
    assert render_page(stored, data.pictures) == html_path.read_text()
    assert sorted(file.name for file in tmp_path.iterdir()) == ["report.html", "report.json"]

    def refuse(*_: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(StorageError):
        write_report(tmp_path, data)


def test_numbers_that_are_none_become_null() -> None:
    data = report(
        cameras=(camera(0, shift_px=float("nan"), sharpness=None), camera(1)),
        settings={"a": {"b": np.float32(0.5), "c": np.int64(3), "d": Path("x"), "e": (1, 2)}},
    )
    values = report_json(data)
    assert values["cameras"][0]["shift_px"] is None
    assert values["settings"]["a"] == {"b": 0.5, "c": 3, "d": "x", "e": [1, 2]}
    assert "not measured" in render_page(values)


def test_a_good_capture_is_called_good() -> None:
    verdict = judge(report())
    assert (verdict.grade, verdict.findings) == ("good", ())


@pytest.mark.parametrize(
    ("changes", "grade", "measure", "words"),
    [
        ({"shift_px": 1.1}, "look", "shift_px", "1.1 px away"),
        ({"shift_px": 4.0}, "bad", "shift_px", "4.0 px away"),
        ({"exposure_ev": -0.6}, "look", "exposure_ev", "0.6 stops darker"),
        ({"exposure_ev": 1.5}, "bad", "exposure_ev", "1.5 stops brighter"),
        ({"photometric_levels": 14.0}, "look", "photometric_levels", "14 levels"),
        ({"sharpness": 0.2}, "look", "sharpness", "soft"),
        ({"depth_confirmed": 0.45}, "look", "depth_confirmed", "45%"),
        ({"depth_confirmed": 0.1}, "bad", "depth_confirmed", "10%"),
        ({"surface_seen": 0.001}, "look", "surface_seen", "next to nothing"),
        ({"mask_overlap": 0.8}, "look", "mask_overlap", "leaves out 20%"),
    ],
)
def test_one_wrong_camera_is_named(changes: dict[str, float], grade: str, measure: str, words: str) -> None:
    data = report(cameras=(*(camera(n) for n in range(15)), camera(15, **changes)))
    verdict = judge(data)
    # The others outvote it, so the take is still usable.
    assert verdict.grade == "look"
    assert "cam15" in verdict.headline
    assert [(f.camera_id, f.grade, f.measure) for f in verdict.findings] == [("cam15", grade, measure)]
    assert words in verdict.findings[0].what
    assert verdict.findings[0].next_step
    assert verdict.of("cam15") == grade
    assert verdict.of("cam00") == "good"
    table = camera_table(report_json(data))
    assert table.shown[0].camera_id == "cam15"


def test_several_bad_cameras_spoil_the_take() -> None:
    cameras = tuple(camera(n, shift_px=5.0 if n < 3 else 0.1) for n in range(16))
    verdict = judge(report(cameras=cameras))
    assert verdict.grade == "bad"
    assert "cam00, cam01, cam02" in verdict.headline


@pytest.mark.parametrize(
    ("changes", "grade", "measure"),
    [
        ({"coverage": CoverageNumbers(shares=(0.1, 0.1, 0.8), max_angle_deg=75)}, "look", "coverage"),
        ({"coverage": CoverageNumbers(shares=(0.4, 0.1, 0.5), max_angle_deg=75)}, "bad", "coverage"),
        ({"confidence": Histogram(edges=(0, 0.3, 1), shares=(0.2, 0.8))}, "look", "confidence"),
        ({"confidence": Histogram(edges=(0, 0.3, 1), shares=(0.6, 0.4))}, "bad", "confidence"),
        ({"mesh": replace(MESH, pieces=3)}, "look", "mesh"),
    ],
)
def test_a_poor_surface_is_told(changes: dict[str, object], grade: str, measure: str) -> None:
    verdict = judge(report(**changes))
    assert verdict.grade == grade
    assert [finding.measure for finding in verdict.findings] == [measure]


def test_a_histogram_is_read_between_its_edges() -> None:
    assert Histogram(edges=(0, 0.5, 1), shares=(0.4, 0.6)).below(0.25) == pytest.approx(0.2)
    assert CoverageNumbers(shares=(0.1, 0.2, 0.7), max_angle_deg=75).below(2) == pytest.approx(0.3)


def test_the_plan_has_the_front_below() -> None:
    plan, subject = rig_plan(report_json(report()))
    front = next(camera for camera in plan if camera.camera_id == "cam00")
    assert front.x == pytest.approx(0, abs=1e-6)
    assert front.y == pytest.approx(78)
    # It looks towards the subject, up in the plan.
    assert front.turn_deg == pytest.approx(-90)
    assert 0 < subject < 30
    assert rig_plan(report_json(report(cameras=()))) == ([], 0.0)


def test_long_tables_keep_all_flagged_cameras_in_sight() -> None:
    cameras = tuple(camera(n, shift_px=3.0 if n >= 20 else 0.1) for n in range(40))
    table = camera_table(report_json(report(cameras=cameras)))
    assert {row.camera_id for row in table.shown} >= {f"cam{n:02d}" for n in range(20, 40)}
    assert len(table.shown) + len(table.rest) == 40
    assert until_last([0.5, 0.5, 0, 0, 0]) == [0.5, 0.5, 0]


def test_everything_is_measured_from_surface_and_photographs() -> None:
    mesh, texture = card(0.3)
    mesh = replace(mesh, vertex_values={"confidence": np.array([1.0, 1.0, 0.0, 0.0], np.float32)})
    surface = SurfaceView(mesh, texture)
    views = []
    for number, x in enumerate((-0.2, 0.0, 0.2)):
        seen = camera_at((x, -1.0, 0.0), camera_id=f"cam{number}", size=(320, 240), focal_px=500)
        photograph = view_colours(look_at(surface, seen)).over((0, 0, 0))
        views.append(ReportView(camera=seen, load=lambda photograph=photograph: photograph))
    basis = report(texture=None, coverage=None, confidence=None, cameras=(), pictures=())
    known = Known(calibration_px={"cam1": 0.3}, depth_confirmed={"cam1": 0.8})
    data = measured(basis, surface, views, look_from_sides(surface, pixels=100 * 100), known=known)
    assert data.mesh == mesh_numbers(mesh)
    assert data.mesh.area_m2 == pytest.approx(0.09)
    assert data.mesh.open_edges == 4
    assert data.texture is not None
    assert data.texture.texel_m == pytest.approx(0.3 / 64)
    assert data.coverage is not None
    assert data.coverage.shares == (0.0, 0.0, 0.0, 1.0)
    assert data.cameras[1].calibration_px == 0.3
    assert data.cameras[1].depth_confirmed == 0.8
    assert data.cameras[0].calibration_px is None
    assert all(camera.shift_px < 0.2 for camera in data.cameras)
    assert [picture.section for picture in data.pictures][:3] == ["coverage", "confidence", "masks"]
    Page(render_page(report_json(data), data.pictures))


def test_without_a_texture_the_photographs_are_left_alone() -> None:
    def never() -> np.ndarray:
        raise AssertionError("loaded for nothing")

    surface = SurfaceView(sphere(0.1, steps=16))
    views = [ReportView(camera=camera_at((0, -1, 0)), load=never)]
    data = measured(report(pictures=()), surface, views, look_from_sides(surface, pixels=80 * 80))
    assert data.texture is None
    assert data.confidence is None
    assert data.cameras[0].shift_px is None
    assert [picture.section for picture in data.pictures] == ["coverage"]


def test_confidence_is_weighed_by_area() -> None:
    vertices = np.array([[0, 0, 0], [2, 0, 0], [0, 2, 0], [5, 0, 0], [6, 0, 0], [5, 1, 0]], float)
    mesh = Mesh(
        vertices=vertices,
        faces=np.array([[0, 1, 2], [3, 4, 5]]),
        vertex_values={"confidence": np.array([0.9, 0.9, 0.9, 0.1, 0.1, np.nan])},
    )
    histogram = confidence_histogram(mesh, bins=2)
    assert histogram is not None
    assert histogram.shares == pytest.approx((0.2, 0.8))
    assert confidence_histogram(sphere(steps=8)) is None
