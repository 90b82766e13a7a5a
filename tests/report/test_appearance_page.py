"""The page of solved skin: what is said of cameras, maps, gloss and marks, and of what was not measured."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from scan3d.geometry import Mesh
from scan3d.report.appearance_page import camera_rows, write_appearance_page
from scan3d.report.appearance_views import close_up, spots_of
from scan3d.report.preview import look_from_sides
from scan3d.report.surface_view import SurfaceView
from scan3d.report.texture import Texture

RADIUS_M = 0.1


def ball() -> tuple[Mesh, np.ndarray]:
    """A ball whose texture is its picture from the front: u along x, v along z."""
    import trimesh

    made = trimesh.creation.icosphere(subdivisions=3, radius=RADIUS_M)
    mesh = Mesh(vertices=np.asarray(made.vertices), faces=np.asarray(made.faces, np.int32))
    return mesh, (0.5 + mesh.vertices[:, [0, 2]] / (2.2 * RADIUS_M))[mesh.faces]


def maps(folder: Path, *, gloss: bool) -> None:
    code = np.full((256, 256, 3), 30000, np.uint16)
    cv2.circle(code, (128, 128), 12, (6000, 6000, 6000), -1)  # a mole in the middle of the front
    cv2.imwrite(str(folder / "albedo.1001.png"), code)
    cv2.imwrite(str(folder / "normal.1001.png"), np.full((256, 256, 3), 32768, np.uint16))
    cv2.imwrite(str(folder / "displacement.1001.png"), np.full((256, 256), 32768, np.uint16))
    coverage = np.zeros((256, 256), np.uint8)
    coverage[:100], coverage[100:125] = 255, 128
    cv2.imwrite(str(folder / "coverage.1001.png"), coverage)
    for name in ("specular", "roughness") if gloss else ():
        cv2.imwrite(str(folder / f"{name}.1001.png"), np.full((256, 256), 20000, np.uint16))


def mark(x: float, y: float, z: float, **more: Any) -> dict[str, Any]:
    return {
        "kind": "mole",
        "part": "body",
        "position_m": [x, y, z],
        "uv": [0.5, 0.5],
        "size_mm": 4.0,
        "contrast": 0.5,
    } | more


def several() -> dict[str, Any]:
    gains = {f"cam{k:02d}": [1.0 + 0.002 * k, 1.0, 1.0 - 0.002 * k] for k in range(6)}
    gains["cam<6>"] = [0.8, 0.8, 0.8]
    gains["cam07"] = [1.0, 1.0, 0.9]
    region = {"roughness": 0.5, "specular": 0.35, "kind": "skin"}
    places = [(0.0, -RADIUS_M, 0.0), (RADIUS_M, 0.0, 0.0), (0.0, RADIUS_M, 0.0), (0.0, 0.0, RADIUS_M)]
    return {
        "method": "several lights", "tiles": [1001], "texture_size": 256, "lamps": [{}] * 8, "cameras": list(gains),
        "seen_share": 0.8, "cameras_gain": gains, "shading": [-0.1, -0.02], "displacement_range_mm": 1.0,
        "residual": {"median": 0.012, "p95": 0.05},
        "gloss": {
            "second_roughness": 0.3, "second_share": 0.2,
            "regions": [{**region, "centre_m": place, "roughness": 0.4 + 0.05 * k} for k, place in enumerate(places)],
        },
    }  # fmt: skip


class Tags(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.bare: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.ids += [str(given["id"])] if "id" in given else []
        self.links += [str(given["href"])] if tag == "a" else []
        self.bare += [tag] if tag == "img" and not given.get("alt") else []


def test_the_page_shows_all_of_it_in_one_file(tmp_path: Path) -> None:
    maps(tmp_path, gloss=True)
    mesh, uv = ball()
    front = mark(0.0, -RADIUS_M, 0.0)
    marks = [mark(0.0, RADIUS_M, 0.0, kind="scar", size_mm=2.0), front]
    page = write_appearance_page(tmp_path, "some<body>", several(), marks, mesh, uv, np.zeros(len(uv), np.int32))
    assert page == tmp_path / "appearance.html" and page.stat().st_size < 1e6
    text, _, data = page.read_text().partition('<script type="application/json"')
    assert json.loads(data[data.index(">") + 1 : data.index("</script>")])["seen_share"] == 0.8
    tags = Tags(text)
    assert not tags.bare and len(tags.ids) == len(set(tags.ids))
    assert {link[1:] for link in tags.links} <= set(tags.ids) and all(link.startswith("#") for link in tags.links)
    assert "://" not in text and "<script" not in text and "some&lt;body&gt;" in text
    for name in ("Albedo", "Normal", "Gloss", "Roughness", "Displacement", "Coverage"):
        assert f'alt="{name}: enlarge or make small"' in text
    assert "The skin was measured, but look here." in text
    assert "cam&lt;6&gt; is 25 % brighter than the others." in text and "cam07 shows" in text
    assert text.count('<tr class="look">') == 2
    assert "80.0</data> %" in text and "20.0</data> %" in text and "89</data> % of the light into" in text
    # The mole is larger and comes first, on the front; the scar is on the back.
    assert text.index("1 mole") < text.index("2 scar")
    assert '<a href="#ring-1">front</a>' in text and '<a href="#ring-2">back</a>' in text


def test_one_light_is_called_an_estimate(tmp_path: Path) -> None:
    maps(tmp_path, gloss=False)
    mesh, uv = ball()
    record = {
        "method": "one light, estimated", "tiles": [1001], "texture_size": 256, "gloss": None,
        "displacement_range_mm": 1.0,
    }  # fmt: skip
    page = write_appearance_page(tmp_path, "somebody", record, [], mesh, uv, np.zeros(len(uv), np.int32))
    text = page.read_text()
    assert "An estimate: the photographs have one light." in text and "nothing tells dark skin from shaded" in text
    assert 'id="gloss"' not in text and 'id="cameras"' not in text and 'id="marks"' not in text
    assert "<dt>photographed</dt>" in text and "Roughness: enlarge" not in text and "Albedo: enlarge" in text


def test_a_camera_is_off_only_where_it_leaves_the_others() -> None:
    rng = np.random.default_rng(4)
    gains = {f"c{k}": np.exp(0.02 * rng.standard_normal(3)).tolist() for k in range(30)}
    assert all(row["grade"] == "good" for row in camera_rows(gains))
    gains["c7"] = [1.15 * g for g in gains["c7"]]
    worst = camera_rows(gains)[0]
    assert (worst["name"], worst["exposure_off"], worst["tint_off"]) == ("c7", True, False)
    assert worst["brighter_percent"] == pytest.approx(-13, abs=3)
    assert camera_rows({}) == []


def test_marks_are_placed_where_they_are_seen(tmp_path: Path) -> None:
    maps(tmp_path, gloss=False)
    mesh, uv = ball()
    surface = SurfaceView(mesh, Texture(uv=uv, tiles=[tmp_path / "albedo.1001.png"]))
    looks = look_from_sides(surface, pixels=120 * 120)
    side = looks[0].camera.intrinsics.width
    ahead, left, under = spots_of(looks, np.array([[0.0, -RADIUS_M, 0.0], [RADIUS_M, 0.0, 0.0], [0.0, 0.0, -0.05]]))
    assert (ahead.side, left.side) == ("front", "left side")
    assert ahead.x == pytest.approx(side / 2, abs=1) and left.x == pytest.approx(1.5 * side, abs=1)
    assert under.side == "" and under.x is None  # within the ball: nobody sees it
    crop, width_m = close_up(surface, (0.0, -RADIUS_M, 0.0), 4e-3)
    assert width_m == pytest.approx(0.012)
    # The mole of 12 texels has a radius of 10 mm here: the crop is all mole.
    assert crop.max() < 40
    aside, _ = close_up(surface, (0.0, RADIUS_M, 0.03), 4e-3)
    assert aside.min() > 90
