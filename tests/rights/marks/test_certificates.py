import datetime as dt
import stat
from pathlib import Path

import pytest

from scan3d.errors import InputError
from scan3d.rights.marks.certificates import (
    ROOT_CERTIFICATE,
    ROOT_KEY,
    SIGNER_KEY,
    Authority,
    create_authority,
    read_anchor,
    read_authority,
    signer_name,
    trusted_key,
)

Studio = tuple[Path, Authority]


def test_the_root_vouches_for_its_signer_and_nobody_else(studio: Studio, stranger: Studio) -> None:
    ours, theirs = studio[1], stranger[1]
    assert trusted_key(ours.chain, ours.anchor) == ours.key().public_key()
    assert trusted_key(theirs.chain, ours.anchor) is None
    assert trusted_key(ours.chain, theirs.anchor) is None
    # The same name proves nothing, and a signer is no root.
    assert signer_name(theirs.chain) == signer_name(ours.chain) == "Studio Nörd"
    assert trusted_key(ours.chain, ours.chain) is None
    assert trusted_key("", ours.anchor) is None and signer_name("no PEM") == ""


def test_trust_ends_with_the_certificate(studio: Studio) -> None:
    ours = studio[1]
    now = dt.datetime.now(dt.UTC)
    assert trusted_key(ours.chain, ours.anchor, at=now + dt.timedelta(days=365 * 14))
    assert trusted_key(ours.chain, ours.anchor, at=now + dt.timedelta(days=365 * 16)) is None
    assert trusted_key(ours.chain, ours.anchor, at=now - dt.timedelta(days=1)) is None


def test_keys_are_readable_by_their_owner_alone(studio: Studio) -> None:
    for name in (ROOT_KEY, SIGNER_KEY):
        assert stat.S_IMODE((studio[0] / name).stat().st_mode) == 0o600


def test_an_authority_is_never_written_over(studio: Studio) -> None:
    with pytest.raises(InputError, match="already"):
        create_authority(studio[0], "Another")


@pytest.mark.parametrize("name", ["", "   ", "x" * 65])
def test_a_name_that_no_certificate_holds_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be made out"):
        create_authority(tmp_path / "ca", name)
    assert not (tmp_path / "ca").exists()


def test_what_is_broken_or_missing_is_told(studio: Studio, stranger: Studio, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no usable"):
        read_authority(tmp_path)
    for path in studio[0].iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / SIGNER_KEY).write_bytes((stranger[0] / SIGNER_KEY).read_bytes())
    with pytest.raises(InputError, match="not that of its certificate"):
        read_authority(tmp_path)
    (tmp_path / SIGNER_KEY).write_bytes(b"no key")
    with pytest.raises(InputError, match="no private key"):
        read_authority(tmp_path)
    (tmp_path / ROOT_CERTIFICATE).write_text("no certificate")
    with pytest.raises(InputError, match="no certificate"):
        read_anchor(tmp_path)
