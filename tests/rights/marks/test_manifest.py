import io
import json
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from scan3d.errors import InputError
from scan3d.rights.marks import manifest
from scan3d.rights.marks.certificates import Authority
from tests.rights.marks.figures import figure

c2pa = pytest.importorskip("c2pa", reason="c2pa-python is not installed")

Studio = tuple[Path, Authority]
STATEMENT = manifest.Statement(
    use_id="u1", watermark_id=77, claims={"subject": "Ada", "licensee": "Marke"}, labelled=True
)
FORMATS = {".jpg": "JPEG", ".png": "PNG", ".tif": "TIFF", ".webp": "WEBP"}


def plain(suffix: str) -> bytes:
    out = io.BytesIO()
    Image.fromarray(figure(64, 48)).save(out, FORMATS[suffix])
    return out.getvalue()


def signed(suffix: str, authority: Authority, path: Path) -> bytes:
    data, _ = manifest.sign(plain(suffix), suffix, STATEMENT, authority)
    path.write_bytes(data)
    return data


@pytest.mark.parametrize("suffix", FORMATS)
def test_trusted_by_the_studio_s_own_root_only(suffix: str, studio: Studio, stranger: Studio, tmp_path: Path) -> None:
    path = tmp_path / f"a{suffix}"
    signed(suffix, studio[1], path)
    read = manifest.read(path, studio[1].anchor)
    assert (read.state, read.signer, read.codes) == ("trusted", "Studio Nörd", ())
    assert read.use == {
        "use_id": "u1",
        "watermark_id": 77,
        "studio": "Studio Nörd",
        "claims": {"subject": "Ada", "licensee": "Marke"},
    }
    # The stranger has made a certificate of the same name; and with no root nobody is trusted.
    for anchor in (stranger[1].anchor, None):
        read = manifest.read(path, anchor)
        assert read.state == "valid" and read.use is None
        assert "signingCredential.untrusted" in read.codes


def test_small_and_without_a_picture_of_the_picture(studio: Studio, tmp_path: Path) -> None:
    _, alone = manifest.sign(plain(".png"), ".png", STATEMENT, studio[1])
    assert len(alone) < 13_000
    signed(".png", studio[1], tmp_path / "a.png")
    with (tmp_path / "a.png").open("rb") as file, c2pa.Reader("image/png", file) as reader:
        report = json.loads(reader.json())
    active = report["manifests"][report["active_manifest"]]
    assert "thumbnail" not in active
    labels = {a["label"]: a["data"] for a in active["assertions"]}
    actions = [action["action"] for action in labels["c2pa.actions.v2"]["actions"]]
    assert actions == ["c2pa.created", "c2pa.edited", "c2pa.watermarked"]
    assert labels["cawg.training-mining"]["entries"]["cawg.ai_training"]["use"] == "notAllowed"


def picture_bytes(suffix: str, data: bytes, bare: bytes) -> list[int]:
    """Where the bytes of the picture itself lie in a signed file: those that the unsigned one ends or begins with."""
    if suffix == ".png":
        start = data.index(b"IDAT") + 4
        return list(range(start, start + int.from_bytes(data[start - 8 : start - 4], "big")))
    tail = bare[len(bare) // 2 :] if suffix != ".tif" else bare[8 : len(bare) // 2]
    start = data.index(tail)
    return list(range(start, start + len(tail)))


def state_of(data: bytes, mime: str, anchor: str) -> str:
    """What c2pa-python itself says, asked directly."""
    settings = {"verify": {"verify_trust": True}, "trust": {"trust_anchors": anchor}}
    try:
        context = c2pa.Context(c2pa.Settings.from_dict(settings))
        with c2pa.Reader(mime, io.BytesIO(data), context=context) as reader:
            return str(reader.get_validation_state())
    except c2pa.C2paError:
        return "Invalid"


@pytest.mark.parametrize("flips", [12, pytest.param(400, marks=pytest.mark.slow)])
@pytest.mark.parametrize("suffix", FORMATS)
def test_one_flipped_bit_of_the_picture_is_found(suffix: str, flips: int, studio: Studio, tmp_path: Path) -> None:
    path = tmp_path / f"a{suffix}"
    data = signed(suffix, studio[1], path)
    where = picture_bytes(suffix, data, plain(suffix))
    rng = np.random.default_rng(6)
    for place in rng.choice(where, min(flips, len(where)), replace=False):
        flipped = bytearray(data)
        flipped[place] ^= 1 << int(rng.integers(8))
        path.write_bytes(flipped)
        assert manifest.read(path, studio[1].anchor).state == "invalid"
        assert state_of(bytes(flipped), manifest.MIME_TYPES[suffix], studio[1].anchor) == "Invalid"


def test_a_bit_that_leaves_the_pixels_alone_is_found_too(studio: Studio, tmp_path: Path) -> None:
    data = bytearray(signed(".png", studio[1], tmp_path / "a.png"))
    end = data.rindex(b"IEND")
    data[end + 4 : end + 8] = zlib.crc32(b"IENE").to_bytes(4, "big")
    (tmp_path / "a.png").write_bytes(data)
    assert manifest.read(tmp_path / "a.png", studio[1].anchor).state == "invalid"


def test_files_without_a_manifest_have_none(studio: Studio, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(plain(".png"))
    assert manifest.read(tmp_path / "a.png", studio[1].anchor).state == "none"
    (tmp_path / "a.obj").write_text("v 0 0 0")
    assert manifest.read(tmp_path / "a.obj", studio[1].anchor).state == "none"


def test_what_is_not_what_its_ending_says_is_refused(studio: Studio) -> None:
    with pytest.raises(InputError, match="cannot be signed"):
        manifest.sign(b"no film", ".mp4", STATEMENT, studio[1])


def test_a_film(studio: Studio, tmp_path: Path) -> None:
    import cv2

    path = tmp_path / "film.mp4"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 10, (64, 48))
    if not writer.isOpened():
        pytest.skip("this OpenCV writes no MP4")
    for level in range(5):
        writer.write(np.full((48, 64, 3), 40 * level, np.uint8))
    writer.release()
    data, _ = manifest.sign(path.read_bytes(), ".mp4", STATEMENT, studio[1])
    path.write_bytes(data)
    assert manifest.read(path, studio[1].anchor).state == "trusted"
    flipped = bytearray(data)
    flipped[flipped.index(b"mdat") + 40] ^= 1
    path.write_bytes(flipped)
    assert manifest.read(path, studio[1].anchor).state == "invalid"
