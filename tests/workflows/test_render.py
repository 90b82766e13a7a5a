"""`scan3d render` on a small take: beside its photograph, in looks, as a batch that goes on, and what it refuses."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from scan3d.calibration.toml_file import write_calibration
from scan3d.capture.colour import linear_to_srgb
from scan3d.capture.lights_file import write_lights
from scan3d.errors import InputError
from scan3d.geometry import Rig
from scan3d.pipeline.progress import Silent
from scan3d.render.preview import Preview
from scan3d.report.mesh_files import write_obj
from scan3d.report.texture import Texture
from scan3d.workflows import render_batch as batch_module
from scan3d.workflows.render import RenderOptions, parsed_size, render_take
from scan3d.workflows.render_batch import Batch, batch_of, read_batch, render_batch
from scan3d.workflows.render_subject import PLAIN_TEXTURE, scan_figure
from scan3d.workflows.render_turn import film_bytes, render_turntable
from tests.render import scenes

EXPOSURE = 0.4


@pytest.fixture(scope="module")
def take(tmp_path_factory) -> Path:
    """A textured egg, one camera with a lens, and a photograph of it by known light."""
    root = tmp_path_factory.mktemp("render") / "take"
    (root / "results").mkdir(parents=True)
    (root / "images").mkdir()
    mesh = scenes.globe(32, 48, (0.1, 0.11, 0.15), (0, 0, 0))
    y, x = np.mgrid[:64, :64]
    spots = np.stack([150 + 60 * np.sin(x / 3), 110 + 40 * np.cos(y / 4), np.full(x.shape, 90)], -1).astype(np.uint8)
    write_obj(mesh, root / "results" / "model.obj", texture=Texture(uv=mesh.uv, tiles=[spots]))
    camera = scenes.camera(side=120, focal=1.6, away=0.6, model="opencv", distortion=(-0.1, 0.02, 0, 0))
    write_calibration(Rig(cameras=(camera,)), root / "calibration.toml")
    light = scenes.lamp(radiance=6.0, centre=(0.5, -0.8, 0.5), size=(0.3, 0.3))
    write_lights([light], root / "lights.toml", exposure=EXPOSURE)
    frame = Preview(scan_figure(root).parts, light).render(camera, samples=16)
    shot = np.rint(65535 * linear_to_srgb(EXPOSURE * frame.beauty)).astype(np.uint16)
    cv2.imwrite(str(root / "images" / "cam.png"), shot[..., ::-1])
    return root


def rendered(take: Path, **options):
    return render_take(take, RenderOptions(**options), progress=Silent())


def test_beside_its_photograph(take, tmp_path):
    done = rendered(take, camera="cam", compare=True, out=tmp_path / "a.png", samples=16)
    by = done.summary["compare"]
    assert by["psnr_db"] > 45 and by["ssim"] > 0.99 and by["ciede2000"] < 0.3 and by["flip"] < 0.02
    assert by["exposure"] == pytest.approx(EXPOSURE, rel=0.01)
    assert by["as_lit"]["exposure"] == EXPOSURE and by["as_lit"]["psnr_db"] > 45
    assert done.summary["notes"] == [PLAIN_TEXTURE]
    names = {path.name for path in done.files}
    assert names == {"a.png", "a_photograph.png", "a_difference.png", "a_beside.png", "a.json"}
    assert json.loads((tmp_path / "a.json").read_text())["compare"]["pixels"] == by["pixels"]
    assert not list(tmp_path.glob(".tmp*"))


def test_a_wrong_light_is_seen_in_the_figures_and_an_unknown_one_is_said(take, tmp_path):
    import shutil

    other = tmp_path / "other"
    shutil.copytree(take, other)
    (other / "lights.toml").unlink()
    done = rendered(other, camera="cam", compare=True)
    assert done.summary["compare"]["psnr_db"] < 35
    assert any("even" in note for note in done.summary["notes"])


def test_the_mask_is_where_is_compared(take, tmp_path):
    mask = np.zeros((120, 120), np.uint8)
    mask[50:70, 50:70] = 255
    cv2.imwrite(str(tmp_path / "cam.png"), mask)
    done = rendered(take, camera="cam", compare=True, mask=tmp_path, out=tmp_path / "out")
    assert done.summary["compare"]["pixels"] == 400
    cv2.imwrite(str(tmp_path / "cam.png"), np.zeros((120, 120), np.uint8))
    with pytest.raises(InputError, match="sees nothing"):
        rendered(take, camera="cam", compare=True, mask=tmp_path)


def test_a_look_with_passes_and_a_transparent_ground(take, tmp_path):
    done = rendered(
        take, look="loop", crop="full", size=(80, 100), passes=True, ground="transparent", out=tmp_path / "x.png"
    )
    picture = cv2.imread(str(done.files[0]), cv2.IMREAD_UNCHANGED)
    assert picture.shape == (100, 80, 4) and picture[0, 0, 3] == 0 and picture[50, 40, 3] == 255
    assert done.files[1].suffix == ".exr"


def test_white_is_white_but_for_the_shadow(take, tmp_path):
    done = rendered(take, look="ecommerce_white", size=(120, 150), out=tmp_path / "w.png")
    picture = cv2.imread(str(done.files[0]))
    assert (picture[:8] == 255).all() and picture[100:].min() < 250


def test_a_batch_goes_on_where_it_was(take, tmp_path, monkeypatch):
    wanted = Batch(looks=("loop", "split"), crops=("full",))
    options = RenderOptions(size=(60, 60), out=tmp_path / "book")
    first = render_batch(take, wanted, options, progress=Silent())
    assert first.summary["made"] == 2
    pages = {path.name for path in first.files[:2]}
    assert pages == {"contact.jpg", "lookbook.html"}
    page = (tmp_path / "book" / "lookbook.html").read_text()
    assert page.count("data:image/jpeg") == 2 and "<script src" not in page
    again = render_batch(take, wanted, options, progress=Silent())
    assert again.summary["made"] == 0
    (tmp_path / "book" / "scan_split_full_preview.png").unlink()
    asked = []
    real = batch_module.render_take
    monkeypatch.setattr(batch_module, "render_take", lambda *a, **k: (asked.append(a[1].look), real(*a, **k))[1])
    render_batch(take, wanted, options, progress=Silent())
    assert asked == ["split"]


def test_batches_from_options_and_files(tmp_path):
    assert batch_of(RenderOptions(look="loop"), None) is None
    found = batch_of(RenderOptions(look="loop,split", pose="a"), None)
    assert found is not None and found.looks == ("loop", "split") and found.poses == ("a",)
    path = tmp_path / "b.toml"
    path.write_text('looks = ["loop"]\ncameras = ["cam"]\nposes = ["", "walk"]')
    assert len(list(read_batch(path).jobs(RenderOptions()))) == 4
    for text, words in (("looks = 3", "list"), ("lamps = []", "lamps"), ("=", "cannot be read")):
        path.write_text(text)
        with pytest.raises(InputError, match=words):
            read_batch(path)


def test_a_turntable_is_pictures_and_a_film(take, tmp_path):
    options = RenderOptions(look="loop", crop="full", size=(48, 60), out=tmp_path)
    done = render_turntable(take, options, 3, progress=Silent())
    assert len(done.files) == 4 and done.files[0].suffix == ".mp4"
    film = cv2.VideoCapture(str(done.files[0]))
    assert int(film.get(cv2.CAP_PROP_FRAME_COUNT)) == 3
    assert film_bytes(done.files[1:])[4:8] == b"ftyp"


@pytest.mark.parametrize(
    "options,words",
    [
        ({"look": "loop", "camera": "cam"}, "look"),
        ({"compare": True}, "compare"),
        ({"camera": "nobody"}, "no camera"),
        ({"camera": "cam", "light": "left"}, "no light"),
        ({"camera": "cam", "crop": "full"}, "as it is"),
        ({"look": "nowhere"}, "nowhere"),
        ({"crop": "nose"}, "nose"),
        ({"focal_mm": 3.0}, "cannot be"),
        ({"quality": "best"}, "best"),
        ({"engine": "magic"}, "magic"),
        ({"samples": 0}, "samples"),
        ({"out": Path("a.gif")}, "gif"),
        ({"pose": "walk"}, "no fitted body"),
    ],
)
def test_what_cannot_be_is_refused_in_words(take, options, words):
    with pytest.raises(InputError) as found:
        rendered(take, **options)
    assert words in f"{found.value.what} {found.value.where}" and found.value.next_step


def test_sizes():
    assert parsed_size("1200x1500") == (1200, 1500) and parsed_size("800") == (800, 800) and parsed_size(None) is None
    for text in ("0x10", "big", "10x", "99999"):
        with pytest.raises(InputError):
            parsed_size(text)


def test_no_take(tmp_path):
    with pytest.raises(InputError, match="no such folder"):
        rendered(tmp_path / "none")
    with pytest.raises(InputError, match="no textured model"):
        rendered(tmp_path)
