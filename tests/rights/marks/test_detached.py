import json
from pathlib import Path

import numpy as np
import pytest

from scan3d.rights.marks.certificates import Authority
from scan3d.rights.marks.detached import read_detached, sign_detached, signature_path

Studio = tuple[Path, Authority]
MODEL = bytes(range(256)) * 4


@pytest.fixture
def model(studio: Studio, tmp_path: Path) -> Path:
    path = tmp_path / "avatar.usd"
    path.write_bytes(MODEL)
    signature_path(path).write_bytes(sign_detached(MODEL, path.name, {"use_id": "u1"}, studio[1]))
    return path


def test_trusted_by_the_studio_s_own_root_only(model: Path, studio: Studio, stranger: Studio) -> None:
    read = read_detached(model, studio[1].anchor)
    assert (read.state, read.signer, read.use) == ("trusted", "Studio Nörd", {"use_id": "u1"})
    for anchor in (stranger[1].anchor, None):
        read = read_detached(model, anchor)
        assert (read.state, read.use) == ("valid", None)


def test_every_flipped_bit_of_the_model_is_found(model: Path, studio: Studio) -> None:
    for place in range(0, len(MODEL), 37):
        model.write_bytes(MODEL[:place] + bytes([MODEL[place] ^ 1 << place % 8]) + MODEL[place + 1 :])
        assert read_detached(model, studio[1].anchor).state == "invalid"
    model.write_bytes(MODEL + b"\0")
    assert read_detached(model, studio[1].anchor).state == "invalid"


def test_every_flipped_bit_of_the_signature_file_is_found(model: Path, studio: Studio) -> None:
    whole = signature_path(model).read_bytes()
    rng = np.random.default_rng(2)
    for place in rng.choice(len(whole), 150, replace=False):
        flipped = bytearray(whole)
        flipped[place] ^= 1 << int(rng.integers(8))
        signature_path(model).write_bytes(flipped)
        read = read_detached(model, studio[1].anchor)
        # White space of PEM and JSON may change; what is said under trust may not.
        assert read.state != "trusted" or read.use == {"use_id": "u1"}


def test_edited_terms_are_found(model: Path, studio: Studio) -> None:
    document = json.loads(signature_path(model).read_bytes())
    document["payload"]["statement"]["use_id"] = "u2"
    signature_path(model).write_text(json.dumps(document))
    assert read_detached(model, studio[1].anchor).state == "invalid"


def test_the_signature_of_a_stranger_under_the_studio_s_chain_is_found(
    model: Path, studio: Studio, stranger: Studio
) -> None:
    theirs = json.loads(sign_detached(MODEL, model.name, {"use_id": "u1"}, stranger[1]))
    ours = json.loads(signature_path(model).read_bytes())
    theirs["certificate"] = ours["certificate"]
    signature_path(model).write_text(json.dumps(theirs))
    assert read_detached(model, studio[1].anchor).state == "invalid"


@pytest.mark.parametrize("text", ["", "{}", "[]", "null", '{"payload": 3, "certificate": "", "signature": ""}', "\xff"])
def test_what_is_no_signature_is_told(text: str, model: Path, studio: Studio) -> None:
    signature_path(model).write_text(text, encoding="latin-1")
    assert read_detached(model, studio[1].anchor).state == "invalid"


def test_none_beside_the_file(model: Path, studio: Studio) -> None:
    signature_path(model).unlink()
    assert read_detached(model, studio[1].anchor).state == "none"
