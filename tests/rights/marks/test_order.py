import hashlib
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from scan3d.errors import InputError
from scan3d.pipeline.aside import TEMPORARY_PREFIX
from scan3d.rights.errors import UnmarkedOutputError
from scan3d.rights.marks import detached, manifest, picture, xmp
from scan3d.rights.marks.certificates import Authority
from scan3d.rights.marks.glb import read_glb_packet
from scan3d.rights.marks.order import MarkOrder, mark_file
from scan3d.rights.marks.watermark_search import find
from tests.rights.marks.figures import figure, psnr_db
from tests.rights.marks.test_glb import a_glb

pytest.importorskip("c2pa", reason="c2pa-python is not installed")

Studio = tuple[Path, Authority]
ID = 2_718_281_828
CLAIMS = {"subject": "Ada", "licensee": "Marke", "licence": "L-1", "model_release": "limited"}


def order(studio: Studio, **fields: object) -> MarkOrder:
    return MarkOrder(**{"use_id": "u1", "watermark_id": ID, "certificates": studio[0], "claims": CLAIMS, **fields})


def draw(path: Path, **how: object) -> Path:
    Image.fromarray(figure(480, 400, **how)).save(path)
    return path


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".jpeg", ".tif", ".tiff", ".webp"])
def test_a_picture_carries_every_mark(suffix: str, studio: Studio, tmp_path: Path) -> None:
    source = draw(tmp_path / f"render{suffix}")
    before = source.read_bytes()
    target = tmp_path / "out" / f"picture{suffix}"
    marked = mark_file(source, target, order(studio, label="AI"))
    assert source.read_bytes() == before
    assert marked.path == target and marked.sidecars == () and marked.watermark_id == ID
    assert marked.sha256 == hashlib.sha256(target.read_bytes()).hexdigest()
    proof = manifest.read(target, studio[1].anchor)
    assert proof.state == "trusted" and proof.use is not None
    assert proof.use["use_id"] == "u1" and proof.use["claims"] == CLAIMS
    terms = xmp.read_packet(picture.read_xmp(target) or b"")
    assert terms["scan3d:UseID"] == "u1" and terms["plus:LicenseID"] == "L-1"
    found = find(picture.read_picture(target).pixels)
    assert found is not None and found.id == ID
    assert [path.name for path in target.parent.iterdir()] == [target.name]


def test_what_was_not_asked_for_is_not_drawn(studio: Studio, tmp_path: Path) -> None:
    source = draw(tmp_path / "render.png")
    shown = picture.read_picture(source).pixels
    mark_file(source, tmp_path / "plain.png", order(studio))
    assert psnr_db(picture.read_picture(tmp_path / "plain.png").pixels, shown) >= 40
    mark_file(source, tmp_path / "qc.png", order(studio, not_for_use=True))
    assert psnr_db(picture.read_picture(tmp_path / "qc.png").pixels, shown) < 25
    terms = xmp.read_packet(picture.read_xmp(tmp_path / "qc.png") or b"")
    assert terms["xmpRights:UsageTerms"][1][0].startswith("NOT FOR USE")
    proof = manifest.read(tmp_path / "qc.png", studio[1].anchor)
    assert proof.use is not None and proof.use["claims"]["not_for_use"] == "true"


def test_a_glb_carries_its_terms_and_a_signature_beside_it(studio: Studio, tmp_path: Path) -> None:
    (tmp_path / "in.glb").write_bytes(a_glb())
    target = tmp_path / "out.glb"
    marked = mark_file(tmp_path / "in.glb", target, order(studio))
    assert [path.name for path in marked.sidecars] == ["out.glb.xmp", "out.glb.signature.json"]
    assert marked.watermark_id is None
    assert read_glb_packet(target.read_bytes(), target)["plus:LicenseID"] == "L-1"
    proof = detached.read_detached(target, studio[1].anchor)
    assert proof.state == "trusted" and proof.use is not None and proof.use["claims"] == CLAIMS
    assert marked.manifest_sha256 == hashlib.sha256(marked.sidecars[1].read_bytes()).hexdigest()


@pytest.mark.parametrize("suffix", [".usd", ".fbx", ".blend", ".obj"])
def test_other_models_stay_byte_for_byte(suffix: str, studio: Studio, tmp_path: Path) -> None:
    (tmp_path / f"in{suffix}").write_bytes(b"a model")
    marked = mark_file(tmp_path / f"in{suffix}", tmp_path / f"out{suffix}", order(studio))
    assert marked.path.read_bytes() == b"a model"
    assert xmp.read_packet(marked.sidecars[0].read_bytes())["scan3d:UseID"] == "u1"
    assert detached.read_detached(marked.path, studio[1].anchor).state == "trusted"


def test_a_map_of_a_model_is_not_drawn_on(studio: Studio, tmp_path: Path) -> None:
    source = draw(tmp_path / "albedo.png")
    marked = mark_file(source, tmp_path / "out.png", order(studio, of_model=True, not_for_use=True))
    assert marked.path.read_bytes() == source.read_bytes() and len(marked.sidecars) == 2


def test_what_cannot_be_marked_does_not_leave(studio: Studio, tmp_path: Path) -> None:
    source = tmp_path / "page.html"
    source.write_text("hello")
    with pytest.raises(UnmarkedOutputError):
        mark_file(source, tmp_path / "out.html", order(studio))
    film = tmp_path / "film.mp4"
    film.write_bytes(b"\0")
    with pytest.raises(UnmarkedOutputError, match="frames"):
        mark_file(film, tmp_path / "out.mp4", order(studio, not_for_use=True))
    with pytest.raises(InputError, match="cannot be marked as"):
        mark_file(draw(tmp_path / "a.png"), tmp_path / "out.jpg", order(studio))
    with pytest.raises(InputError, match="32 bits"):
        mark_file(tmp_path / "a.png", tmp_path / "out.png", order(studio, watermark_id=2**32))
    with pytest.raises(InputError, match="authority"):
        mark_file(tmp_path / "a.png", tmp_path / "out.png", order(studio, certificates=tmp_path / "nowhere"))
    (tmp_path / "cut.png").write_bytes((tmp_path / "a.png").read_bytes()[:700])
    with pytest.raises(InputError):
        mark_file(tmp_path / "cut.png", tmp_path / "out.png", order(studio))
    for name in ("nowhere.png", "nowhere.glb", "nowhere.mp4"):
        with pytest.raises(InputError):
            mark_file(tmp_path / name, tmp_path / f"out{Path(name).suffix}", order(studio))
    assert not list(tmp_path.glob("out*"))


MARKS_FOR_EVER = """
import itertools, sys
from pathlib import Path
from scan3d.rights.marks.order import MarkOrder, mark_file
source, out, certificates = map(Path, sys.argv[1:])
for number in itertools.count():
    order = MarkOrder(use_id="u1", watermark_id=number, certificates=certificates)
    mark_file(source, out / f"{number % 3}{source.suffix}", order)
    print(number, flush=True)
"""


@pytest.mark.parametrize("kills", [3, pytest.param(30, marks=pytest.mark.slow)])
@pytest.mark.parametrize("suffix", [".png", ".obj"])
def test_killed_at_any_moment_leaves_whole_files_only(kills: int, suffix: str, studio: Studio, tmp_path: Path) -> None:
    source = tmp_path / f"source{suffix}"
    draw(source) if suffix == ".png" else source.write_bytes(b"v 0 0 0\n" * 200_000)
    rng = np.random.default_rng(kills)
    for _ in range(kills):
        command = [sys.executable, "-c", MARKS_FOR_EVER, str(source), str(tmp_path / "out"), str(studio[0])]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None and process.stdout.readline() == "0\n"
            time.sleep(float(rng.uniform(0, 0.4)))
            process.send_signal(signal.SIGKILL)
        left = [path for path in (tmp_path / "out").iterdir() if not path.name.startswith(TEMPORARY_PREFIX)]
        for path in left:
            if path.suffix == ".png":
                assert manifest.read(path, studio[1].anchor).state == "trusted"
            elif path.suffix == ".obj":
                assert detached.read_detached(path, studio[1].anchor).state == "trusted"
        assert any(path.suffix == suffix for path in left)
