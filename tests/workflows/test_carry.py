"""Solved skin goes on to the body's maps, and what pictures of the body say follows what the maps are made of."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from scan3d.body.bake import BakeOptions
from scan3d.body.detail import Detail
from scan3d.body.detail.file import write_detail
from scan3d.body.detail.fine_mesh import fine_mesh
from scan3d.body.parameters_file import write_parameters
from scan3d.pipeline.progress import Silent
from scan3d.pipeline.store import Store
from scan3d.report import Texture, write_obj
from scan3d.report.mesh_files import read_ply, write_ply
from scan3d.workflows.carry import NO_MAPS, PLAIN_TEXTURE, carry_on, maps_note, second_lobe
from scan3d.workflows.fit_detail import write_body_maps
from scan3d.workflows.render_subject import avatar_figure
from scan3d.workflows.solved_skin import digest_of, solved_skin
from tests.avatar import doll, trip
from tests.body.bake.test_maps import Scene
from tests.body.bake.test_solved import solved_texture

MARK = {"kind": "mole", "part": "scan", "uv": [0.1, 0.2], "size_mm": 3.0, "contrast": 0.4, "relief_mm": 0.0}
LOBE = {"second_roughness": 0.31, "second_share": 0.17}


def write_appearance(results: Path, scene: Scene) -> None:
    """As `scan3d appearance` leaves it, of the scan's own colours and known gloss."""
    folder, texture = results / "appearance", solved_texture(scene)
    folder.mkdir(exist_ok=True)
    solved = texture.solved
    assert solved is not None
    coverage = np.full((1024, 1024), 255, np.uint8)
    kinds: dict[str, Callable[[], np.ndarray]] = {
        "albedo": texture.tiles[0], "normal": solved.normals[0], "displacement": solved.heights[0],
        "specular": solved.specular[0], "roughness": solved.roughness[0], "coverage": lambda: coverage,
    }  # fmt: skip
    for kind, load in kinds.items():
        picture = load()
        cv2.imwrite(str(folder / f"{kind}.1001.png"), picture[..., ::-1] if picture.ndim == 3 else picture)
    record = {"method": "several lights", "tiles": [1001], "gloss": LOBE, "scan": digest_of(results / "model.obj")}
    (folder / "appearance.json").write_text(json.dumps(record))
    place = np.asarray(scene.scan.vertices)[len(scene.scan.vertices) // 2].tolist()
    (folder / "imperfections.json").write_text(json.dumps([{**MARK, "position_m": place}]))


@pytest.mark.slow
def test_solved_skin_is_carried_on_and_stale_maps_are_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scene = Scene()
    results = tmp_path / "results"
    body = results / "body"
    body.mkdir(parents=True)
    write_ply(scene.scan, results / "mesh.ply")
    plain = Texture(uv=scene.uv, tiles=[scene.picture])
    write_obj(scene.scan, results / "model.obj", texture=plain)
    (body / "body.npz").write_bytes(b"numbers")
    count = fine_mesh(scene.model, 1).matrix.shape[0]
    seen, offsets = np.ones(count, bool), np.zeros((count, 3), np.float32)
    write_detail(Detail(level=1, offsets=offsets, seen=seen, confidence=seen.astype(np.float32)), body / "detail.npz")
    assert maps_note(tmp_path) == NO_MAPS
    # A body of another kind than the library's, and no page of it.
    found = SimpleNamespace(model=scene.model, parameters=scene.parameters)
    monkeypatch.setattr("scan3d.workflows.take_body.read_take_body", lambda take: found)
    monkeypatch.setattr("scan3d.report.body_page.write_body_page", lambda *a: None)

    def bake(options: BakeOptions) -> None:
        scan = read_ply(results / "mesh.ply")
        store = Store(tmp_path / ".scan3d")
        write_body_maps(
            store, body, results / "mesh.ply", scan, scene.model, scene.parameters, options, progress=Silent()
        )

    assert carry_on(tmp_path, progress=Silent()) == ""
    bake(BakeOptions(size=256, supersample=1))
    (body / "fit.json").write_text(json.dumps({"mesh_sha256": digest_of(results / "mesh.ply")}))
    assert maps_note(tmp_path) == PLAIN_TEXTURE and second_lobe(tmp_path) is None
    assert not (body / "maps" / "specular.png").exists()

    write_appearance(results, scene)
    assert maps_note(tmp_path).startswith(PLAIN_TEXTURE) and "carries it on" in maps_note(tmp_path)
    assert "made of it" in carry_on(tmp_path, progress=Silent())
    assert maps_note(tmp_path) == "materials: several lights"
    assert second_lobe(tmp_path) == (0.31, 0.17)
    about = json.loads((body / "maps" / "maps.json").read_text())
    assert about["size"] == 256 and about["options"]["supersample"] == 1 and about["specular"]["files"]
    (mark,) = json.loads((body / "maps" / "imperfections.json").read_text())
    assert mark["kind"] == "mole" and mark["body"]["away_mm"] < 4
    before = hashlib.sha256((body / "maps" / "albedo.png").read_bytes()).digest()
    assert "made of it" in carry_on(tmp_path, progress=Silent())

    record = results / "appearance" / "appearance.json"
    record.write_text(record.read_text().replace("several", "other"))
    assert "of an earlier solve" in maps_note(tmp_path)
    # A scan that was made again has other texture coordinates: its own plain texture is better than wrong skin.
    with (results / "model.obj").open("a") as file:
        file.write("# again\n")
    assert solved_skin(results / "mesh.ply") is None
    bake(BakeOptions(size=256, supersample=1))
    assert maps_note(tmp_path).startswith(PLAIN_TEXTURE) and not (body / "maps" / "specular.png").exists()
    assert hashlib.sha256((body / "maps" / "albedo.png").read_bytes()).digest() != before


def test_pictures_of_the_avatar_say_what_its_maps_are(tmp_path: Path) -> None:
    model = doll.doll()
    body = tmp_path / "results" / "body"
    body.mkdir(parents=True)
    write_parameters(body / "body.npz", doll.somebody(model), model)
    trip.written_maps(body / "maps")
    (tmp_path / "results" / "appearance").mkdir()
    record = tmp_path / "results" / "appearance" / "appearance.json"
    record.write_text("{}")  # the scan was solved; the body's maps are plain all the same
    (note,) = avatar_figure(tmp_path, "scan", model).notes
    assert note.startswith(PLAIN_TEXTURE)
    origin = {"kind": "solved", "method": "several lights", "solve": digest_of(record), "second_lobe": None}
    (body / "maps" / "maps.json").write_text(json.dumps({"origin": origin}))
    assert avatar_figure(tmp_path, "scan", model).notes == ("materials: several lights",)
