"""`scan3d export`: what is written for a fitted take, under which name, and what is refused."""

import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pygltflib
import pytest

from scan3d.avatar import blender
from scan3d.body.detail.fine_mesh import fine_mesh
from scan3d.body.model import BodyModel
from scan3d.body.motion import write_motion
from scan3d.body.parameters_file import model_hash, write_parameters
from scan3d.cli import app
from scan3d.errors import InputError, MissingDependencyError
from scan3d.pipeline.progress import Silent
from scan3d.workflows.export import Exported, ExportOptions, export_take
from scan3d.workflows.pose import pose_take
from scan3d.workflows.take_body import chosen_pose, read_take_body
from tests.avatar import doll, trip


@pytest.fixture(scope="module")
def model() -> BodyModel:
    return doll.doll()


@pytest.fixture
def take(model: BodyModel, tmp_path: Path) -> Path:
    """A take as the fit leaves it: a body, its detail once subdivided, its maps."""
    body = tmp_path / "take" / "results" / "body"
    body.mkdir(parents=True)
    write_parameters(body / "body.npz", doll.somebody(model), model)
    count = fine_mesh(model, 1).matrix.shape[0]
    offsets = np.random.default_rng(0).normal(size=(count, 3)).astype(np.float32) * 1e-3
    np.savez(body / "detail.npz", level=1, offsets=offsets, seen=np.ones(count, bool))
    trip.written_maps(body / "maps")
    (body / "maps" / "maps.json").write_text(json.dumps({"displacement": {"range_m": [-0.004, 0.004]}}))
    return tmp_path / "take"


def exported(take: Path, model: BodyModel, **options) -> Exported:
    return export_take(take, ExportOptions(**options), progress=Silent(), model=model)


def test_the_finest_has_the_detail_and_coarser_ones_less(take: Path, model: BodyModel) -> None:
    fine, base, half = (exported(take, model, lod=lod) for lod in (0, 1, 2))
    assert [e.path.name for e in (fine, base, half)] == ["avatar.glb", "avatar_lod1.glb", "avatar_lod2.glb"]
    assert fine.path.parent == take / "results" / "avatar"
    assert fine.summary["triangles"] == 4 * base.summary["triangles"] == 4 * len(model.faces)
    assert half.summary["triangles"] < base.summary["triangles"]
    assert fine.summary["maps"] == ["albedo", "displacement", "normal", "roughness"]
    assert fine.summary["shapes"] == list(model.shapes)
    body = read_take_body(take, model)
    assert body.materials[0].displacement_m == (-0.004, 0.004)
    coarse = body.at_level(0)
    assert coarse is not None and body.offsets is not None
    assert np.array_equal(coarse, body.offsets[: len(model.template)])


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({"pose": "scan"}, "avatar_scan.glb"),
        ({"pose": "walk", "bones": "unreal", "weights": 4}, "avatar_walk_unreal.glb"),
        ({"rest": "a"}, "avatar_rest_a.glb"),
        ({"bones": "vrm"}, "avatar_vrm.glb"),
        ({"format": "obj", "texture_size": 16}, "avatar.obj"),
        ({"format": "twin"}, "twin"),
    ],
)
def test_files_are_named_by_what_is_asked(take: Path, model: BodyModel, options: dict, name: str) -> None:
    done = exported(take, model, **options)
    assert done.path == take / "results" / "avatar" / name and done.path.exists()
    assert exported(take, model, **options).path.exists()  # over the old one
    assert not [p for p in done.path.parent.iterdir() if p.name.startswith(".")]


def test_a_pose_and_a_motion_from_files(take: Path, model: BodyModel, tmp_path: Path) -> None:
    write_motion(tmp_path / "dance.npz", trip.walking(model))
    moving = exported(take, model, motion=tmp_path / "dance.npz")
    assert moving.path.name == "avatar_dance.glb" and moving.summary["frames"] == 12
    gltf = pygltflib.GLTF2().load(str(moving.path))
    assert len(gltf.animations) == 1 and len(gltf.animations[0].channels) == 56
    still = exported(take, model, pose=f"{tmp_path / 'dance.npz'}:5")
    assert still.path.name == "avatar_dance_5.glb"
    body = read_take_body(take, model)
    own = chosen_pose(str(take / "results" / "body" / "body.npz"), body)
    assert own.parameters.pose == pytest.approx(body.parameters.pose)
    with pytest.raises(InputError, match="12 frames"):
        chosen_pose(f"{tmp_path / 'dance.npz'}:12", body)


def test_maps_in_tiles_are_read_as_the_bake_leaves_them(take: Path, model: BodyModel) -> None:
    maps = take / "results" / "body" / "maps"
    for kind in ("albedo", "normal", "roughness", "displacement"):
        whole = (maps / f"{kind}.png").read_bytes()
        (maps / f"{kind}.png").unlink()
        for tile in (1001, 1002, 1011, 1012):
            (maps / f"{kind}.{tile}.png").write_bytes(whole)
    (maps / "maps.json").write_text(json.dumps({"uv_scale": 2, "displacement": {"range_m": [-0.004, 0.004]}}))
    names = exported(take, model, lod=1).summary["materials"]
    assert names[:4] == ["skin_1001", "skin_1002", "skin_1011", "skin_1012"] or set(names) > {"skin_1001", "skin_1012"}
    twin = exported(take, model, format="twin", lod=1)
    table = json.loads((twin.path / "twin.json").read_text())
    skin = table["materials"][0]
    assert (skin["name"], skin["tiles"]) == ("skin", [1001, 1002, 1011, 1012])
    assert skin["maps"]["albedo"] == "maps/albedo.<UDIM>.png" and (twin.path / "maps" / "normal.1012.png").is_file()
    uv = np.load(twin.path / "twin.npz")["uv"]
    assert model.uv is not None and uv == pytest.approx(2 * model.uv)
    posed = pose_take(take, "scan", take / "posed.obj", progress=Silent(), model=model)
    assert len(posed.files) == 6
    (maps / "maps.json").write_text('{"uv_scale": "two"}')
    with pytest.raises(InputError, match="scaled by two"):
        exported(take, model)
    (maps / "maps.json").write_text("{")
    with pytest.raises(InputError, match="damaged"):
        exported(take, model)


def test_a_face_from_a_file_is_shown_or_it_is_said_why_not(take: Path, model: BodyModel, tmp_path: Path) -> None:
    face = np.linspace([0.3, 0.2, -0.1], [1.0, -0.5, 0.4], 12)
    dance = replace(trip.walking(model), expression=face, model_hash=model_hash(model))
    write_motion(tmp_path / "own.npz", dance)
    own = exported(take, model, motion=tmp_path / "own.npz")
    gltf = pygltflib.GLTF2().load(str(own.path))
    assert [c.target.path for c in gltf.animations[0].channels][-1] == "weights"
    assert not any("expression numbers" in note for note in own.summary["notes"])
    assert set(own.summary["shapes"]) > set(model.shapes)
    still = exported(take, model, pose=f"{tmp_path / 'own.npz'}:11")
    weights = pygltflib.GLTF2().load(str(still.path)).meshes[0].weights
    assert weights is not None and max(weights) > 0.05
    body = read_take_body(take, model)
    assert chosen_pose(f"{tmp_path / 'own.npz'}:11", body).parameters.expression == pytest.approx(face[-1])
    write_motion(tmp_path / "nameless.npz", replace(dance, model_hash=""))
    assert any("it names none" in n for n in exported(take, model, motion=tmp_path / "nameless.npz").summary["notes"])
    write_motion(tmp_path / "other.npz", replace(dance, model_hash="0123"))
    other = exported(take, model, motion=tmp_path / "other.npz")
    assert any("stays as scanned" in note for note in other.summary["notes"]) and other.summary["shapes"] == list(
        model.shapes
    )
    posed = exported(take, model, pose=f"{tmp_path / 'other.npz'}:3")
    assert any("stays as scanned" in note for note in posed.summary["notes"])


def test_a_pose_of_the_library_stands_on_the_floor(take: Path, model: BodyModel) -> None:
    done = exported(take, model, format="obj", pose="contrapposto")
    heights = [float(line.split()[2]) for line in done.path.read_text().splitlines() if line.startswith("v ")]
    assert min(heights) == pytest.approx(0, abs=1e-6)


def test_without_a_blender_a_script_is_left(take: Path, model: BodyModel, monkeypatch: pytest.MonkeyPatch) -> None:
    def none() -> None:
        raise MissingDependencyError("No Blender 4.2 or newer was found.", "", "Install it.")

    monkeypatch.setattr(blender, "find_blender", none)
    with pytest.raises(MissingDependencyError, match="No Blender") as raised:
        exported(take, model, format="blend")
    script = take / "results" / "avatar" / "make_avatar_blend.py"
    assert str(script) in raised.value.next_step
    text = script.read_text()
    compile(text, str(script), "exec")
    twin = take / "results" / "avatar" / "avatar_twin"
    assert repr(str(twin.resolve())) in text and (twin / "twin.npz").is_file()
    assert not (take / "results" / "avatar" / "avatar.blend").exists()


@pytest.mark.slow
@pytest.mark.parametrize("format", ["blend", "fbx"])
def test_blender_makes_it(take: Path, model: BodyModel, format: str) -> None:
    try:
        found = blender.find_blender()
    except MissingDependencyError as error:
        pytest.skip(error.what)
    done = exported(take, model, format=format, bones="mixamo", pose="walk")
    assert done.path.stat().st_size > 10_000 and found.version >= (4, 2)
    assert [p.name for p in done.path.parent.iterdir()] == [f"avatar_walk_mixamo.{format}"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"format": "max"}, "not known"),
        ({"bones": "cat"}, "not known"),
        ({"weights": 5}, "not known"),
        ({"lod": 99}, "no level of detail"),
        ({"texture_size": 2}, "cannot be"),
        ({"pose": "flying"}, "no pose and no file"),
        ({"motion": Path("missing.bvh")}, "no such file"),
    ],
)
def test_what_cannot_be_is_refused(take: Path, model: BodyModel, options: dict, said: str) -> None:
    with pytest.raises(InputError, match=said):
        exported(take, model, **options)
    assert not list((take / "results").glob("avatar/*"))


def test_a_take_that_was_not_fitted_or_with_another_body_is_refused(
    take: Path, model: BodyModel, tmp_path: Path
) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="no fitted body"):
        exported(tmp_path / "empty", model)
    with pytest.raises(InputError, match="no such folder"):
        exported(tmp_path / "nothing", model)
    with pytest.raises(InputError, match="not of") as raised:
        exported(take, doll.doll(seed=5))
    assert raised.value.next_step == f"The model 'doll' has changed since the fit. Run: scan3d fit {take}"
    np.savez(take / "results" / "body" / "detail.npz", level=1, offsets=np.zeros((7, 3)))
    with pytest.raises(InputError, match="moves 7 points"):
        exported(take, model)


def test_the_command(
    take: Path, model: BodyModel, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("scan3d.body.library.model_called", lambda name, progress=None: model)

    def run(*arguments: str) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["scan3d", "export", *arguments])
        with pytest.raises(SystemExit) as ended:
            app.main()
        said = capsys.readouterr()
        return int(ended.value.code or 0), said.out + said.err

    code, text = run(str(take), "--bones", "rigify", "--weights", "4", "--lod", "1")
    assert code == 0 and "avatar_lod1_rigify.glb" in text and "4 shapes" in text
    code, text = run(str(take), "--json")
    assert code == 0 and json.loads(text)["bones"] == 55
    code, text = run("--addon", str(take / "addon.zip"))
    assert code == 0 and (take / "addon.zip").is_file() and "Install from Disk" in text
    code, text = run()
    assert code == InputError.exit_code and "No take was given" in text
    code, text = run(str(take), "--format", "max")
    assert code == InputError.exit_code
