"""What leaves by export and render under a registry: asked, marked, counted; and what happens without one."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
import sqlalchemy as sa

from scan3d.errors import InputError, MissingDependencyError
from scan3d.pipeline.progress import Silent
from scan3d.rights import tables
from scan3d.rights.errors import BodyAlteredError, NoLicenceError, UnmarkedOutputError
from scan3d.rights.marks.order import Marked, MarkOrder, mark_file
from scan3d.rights.settings import find_registry
from scan3d.rights.twin_hashes import body_hash, twin_hashes
from scan3d.workflows.export import ExportOptions, export_take
from scan3d.workflows.leaving import LeavingOptions, leaving, named
from scan3d.workflows.render import Rendered, RenderOptions
from scan3d.workflows.render_files import deliver
from scan3d.workflows.render_leaving import render_out, scene_of
from tests.rights.house import House, build_house, copy_house
from tests.rights.takes import make_take

QC = LeavingOptions(purpose="qc")


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> House:
    folder = tmp_path_factory.mktemp("studio")
    twin = twin_hashes(make_take(folder / "take"))
    return build_house(folder / "rights", start=datetime.now(UTC) - timedelta(hours=1), twin=twin)


@pytest.fixture
def studio(template: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> House:
    make_take(tmp_path / "take", monkeypatch)
    return copy_house(template, tmp_path / "rights")


def states(house: House) -> list[str]:
    with house.registry.engine.connect() as connection:
        return list(connection.execute(sa.select(tables.uses.c.state)).scalars())


def picture(take: Path):
    """A renderer that makes grey in no time, through the one door."""

    def work(options: RenderOptions) -> Rendered:
        path = options.out if options.out and options.out.suffix else (options.out or take) / "grey.png"
        rows = np.linspace(0.2, 0.8, 160)[:, None, None]
        pixels = np.broadcast_to(rows, (160, 200, 3)) + np.random.default_rng(0).normal(0, 0.02, (160, 200, 3))
        return Rendered(files=(deliver(take, path, np.clip(pixels, 0, 1)),), summary={"notes": ["grey"]})

    return work


def test_a_render_is_marked_and_counted(studio: House, tmp_path: Path) -> None:
    take = tmp_path / "take"
    done = render_out(take, RenderOptions(out=tmp_path / "out" / "look.png"), QC, picture(take))
    assert done.files == (tmp_path / "out" / "look.png",)
    assert b"scan3d" in done.files[0].read_bytes() and done.summary["rights"]["purpose"] == "qc"
    assert done.summary["notes"][0] == "grey" and "not for use" in done.summary["notes"][1]
    assert states(studio) == ["delivered"] and sorted(p.name for p in (tmp_path / "out").iterdir()) == ["look.png"]


def test_a_film_stays_behind_and_its_marked_pictures_leave(studio: House, tmp_path: Path) -> None:
    take, make = tmp_path / "take", picture(tmp_path / "take")

    def turned(options: RenderOptions) -> Rendered:
        assert options.out is not None
        film = deliver(take, options.out / "film.mp4", b"film")
        return Rendered(files=(film, *make(options).files), summary={})

    done = render_out(take, RenderOptions(out=tmp_path / "out"), QC, turned, kind="turntable", detail="8")
    assert [path.name for path in done.files] == ["grey.png"] and "film.mp4" in done.summary["notes"][0]


def test_nothing_is_rendered_past_the_gate(studio: House, tmp_path: Path) -> None:
    take = tmp_path / "take"
    with pytest.raises(NoLicenceError):
        deliver(take, tmp_path / "past.png", b"picture")
    with pytest.raises(NoLicenceError):
        render_out(take, RenderOptions(out=tmp_path / "past.png"), LeavingOptions(), picture(take))
    assert not (tmp_path / "past.png").exists() and states(studio) == []


def test_without_a_registry_a_render_is_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    take = make_take(tmp_path / "take", monkeypatch)
    done = render_out(take, RenderOptions(out=tmp_path / "look.png"), LeavingOptions(), picture(take))
    assert done.files == (tmp_path / "look.png",) and done.summary["rights"] == {}
    assert done.summary["notes"][-1].startswith("No rights registry")


@pytest.mark.parametrize("format, main", [("glb", "avatar.glb"), ("obj", "avatar.obj"), ("twin", "twin")])
def test_an_export_leaves_whole_with_every_file_signed(studio: House, tmp_path: Path, format: str, main: str) -> None:
    done = export_take(tmp_path / "take", ExportOptions(format=format, leaving=QC), progress=Silent())
    folder = tmp_path / "take" / "results" / "avatar"
    assert done.path == folder / main and done.path.exists()
    files = {path for path in folder.rglob("*") if path.is_file()}
    signed = {path.with_name(path.name.removesuffix(".signature.json")) for path in files if "signature" in path.name}
    plain = {path for path in files if not path.name.endswith((".signature.json", ".xmp"))}
    assert plain and plain == signed
    assert states(studio) == ["delivered"] and done.summary["rights"]["use"]
    again = export_take(tmp_path / "take", ExportOptions(format=format, leaving=QC), progress=Silent())
    assert again.path.exists() and states(studio) == ["delivered"] * 2


def test_without_blender_nothing_unmarked_is_left(
    studio: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none() -> None:
        raise MissingDependencyError("There is no Blender.")

    monkeypatch.setattr("scan3d.avatar.blender.find_blender", none)
    with pytest.raises(MissingDependencyError):
        export_take(tmp_path / "take", ExportOptions(format="blend", leaving=QC), progress=Silent())
    assert list((tmp_path / "take" / "results" / "avatar").iterdir()) == [] and states(studio) == ["void"]


@pytest.mark.parametrize("error", [ValueError("broken"), KeyboardInterrupt(), OSError(28, "full")])
def test_whatever_goes_wrong_gives_the_use_back(studio: House, tmp_path: Path, error: BaseException) -> None:
    def broken(options: RenderOptions) -> Rendered:
        assert options.out is not None
        (options.out / "half.png").write_bytes(b"half")
        raise error

    with pytest.raises(type(error)):
        render_out(tmp_path / "take", RenderOptions(out=tmp_path / "out"), QC, broken)
    assert states(studio) == ["void"] and list((tmp_path / "out").iterdir()) == []


def test_a_take_that_is_changed_in_between_does_not_leave(studio: House, tmp_path: Path) -> None:
    take, make = tmp_path / "take", picture(tmp_path / "take")

    def swap(options: RenderOptions) -> Rendered:
        path = take / "results" / "body" / "detail.npz"
        path.write_bytes(path.read_bytes() + b"1")
        return make(options)

    with pytest.raises(BodyAlteredError):
        render_out(take, RenderOptions(out=tmp_path / "out"), QC, swap)
    assert states(studio) == ["void"] and list((tmp_path / "out").iterdir()) == []


def test_what_cannot_be_marked_does_not_leave(studio: House, tmp_path: Path) -> None:
    with (
        pytest.raises(UnmarkedOutputError),
        leaving(tmp_path / "take", tmp_path / "out", QC, deliverable="pictures", scene={}) as departure,  # type: ignore[arg-type]
    ):
        (departure.folder / "layers.exr").write_bytes(b"v/1\x01")
    assert states(studio) == ["void"] and list((tmp_path / "out").iterdir()) == []


def test_a_kill_while_marking_leaves_nothing(studio: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The true marks: stopped in the middle, then gone on with."""
    from scan3d.rights import delivery

    def stopped(source: Path, target: Path, order: MarkOrder) -> Marked:
        mark_file(source, target, order)
        raise KeyboardInterrupt

    monkeypatch.setattr(delivery, "mark_file", stopped)
    take = tmp_path / "take"
    with pytest.raises(KeyboardInterrupt):
        render_out(take, RenderOptions(out=tmp_path / "out" / "look.png"), QC, picture(take))
    assert list((tmp_path / "out").iterdir()) == [] and states(studio) == ["void"]


def test_where_a_registry_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for folder in ("rights", "other", "shoot"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "rights.toml").write_text("")
    take = tmp_path / "shoot" / "takes" / "one"
    take.mkdir(parents=True)
    assert find_registry(None, take) == tmp_path / "shoot"
    assert find_registry(None, tmp_path / "elsewhere" / "take") == tmp_path / "rights"
    monkeypatch.setenv("SCAN3D_RIGHTS", str(tmp_path / "other"))
    assert find_registry(None, take) == tmp_path / "other"
    assert find_registry(tmp_path / "rights" / "rights.toml", take) == tmp_path / "rights"
    with pytest.raises(InputError):
        find_registry(tmp_path / "nowhere", take)
    monkeypatch.delenv("SCAN3D_RIGHTS")
    assert find_registry(None, Path("/")) is None


def test_a_twin_is_known_by_shape_detail_and_maps_not_by_how_it_stood(tmp_path: Path) -> None:
    first, second = twin_hashes(make_take(tmp_path / "a")), twin_hashes(make_take(tmp_path / "b"))
    assert first == second
    shape = np.array([0.5, -1.0])
    assert body_hash(shape, "m") == body_hash(np.array([0.5, -1.0, 0.0]), "m")
    assert len({body_hash(shape, "m"), body_hash(shape + 1e-9, "m"), body_hash(shape, "n")}) == 3
    (tmp_path / "b" / "results" / "body" / "maps").mkdir()
    (tmp_path / "b" / "results" / "body" / "maps" / "albedo.png").write_bytes(b"x")
    third = twin_hashes(tmp_path / "b")
    assert third.textures_sha256 != first.textures_sha256 and third.mesh_sha256 == first.mesh_sha256
    with pytest.raises(InputError):
        twin_hashes(tmp_path)


def test_a_scene_is_what_is_seen(tmp_path: Path) -> None:
    plain = scene_of(RenderOptions())
    assert scene_of(RenderOptions(quality="final", samples=512, seed=3, size=(4000, 4000))) == plain
    for change in ({"pose": "walk"}, {"look": "loop"}, {"turn_deg": 10.0}, {"ground": "white"}):
        assert scene_of(RenderOptions(**change)) != plain
    motion = tmp_path / "walk.npz"
    motion.write_bytes(b"1")
    before = named(f"{motion}:3")
    assert before != named(f"{motion}:4") and named(None) is None and named("walk") == "walk"
    motion.write_bytes(b"2")
    assert named(f"{motion}:3") != before
    assert json.dumps(plain)
