import zipfile
from pathlib import Path

import pytest
from typer.testing import CliRunner

from scan3d.cli.app import app
from scan3d.errors import InputError
from scan3d.rights.marks.certificates import Authority
from scan3d.rights.marks.order import MarkOrder, mark_file
from scan3d.rights.marks.package import pack, unpacked
from scan3d.workflows.marks import verify_file
from tests.rights.marks.test_glb import a_glb

Studio = tuple[Path, Authority]


@pytest.fixture
def model(studio: Studio, tmp_path: Path) -> Path:
    (tmp_path / "in.glb").write_bytes(a_glb())
    order = MarkOrder(use_id="u1", watermark_id=1, certificates=studio[0], claims={"subject": "Ada"})
    return mark_file(tmp_path / "in.glb", tmp_path / "avatar.glb", order).path


def test_a_package_holds_alone_and_is_the_same_each_time(model: Path, studio: Studio, tmp_path: Path) -> None:
    (tmp_path / "far").mkdir()
    package = pack(model, tmp_path / "far" / "avatar.zip")
    first = package.read_bytes()
    found = verify_file(package, anchor=studio[0])
    assert found.holds and found.path == package and found.stated is not None and found.stated["use_id"] == "u1"
    assert pack(model, package).read_bytes() == first
    done = CliRunner().invoke(app, ["mark", "pack", str(model)])
    assert done.exit_code == 0 and (tmp_path / "avatar.glb.zip").read_bytes() == first


def test_a_zip_that_was_signed_as_a_whole_is_no_package(studio: Studio, tmp_path: Path) -> None:
    (tmp_path / "in.zip").write_bytes(b"anything")
    marked = mark_file(
        tmp_path / "in.zip", tmp_path / "out.zip", MarkOrder(use_id="u1", watermark_id=1, certificates=studio[0])
    )
    assert verify_file(marked.path, anchor=studio[0]).holds


def test_another_model_in_the_package_is_found(model: Path, studio: Studio, tmp_path: Path) -> None:
    pack(model, tmp_path / "good.zip")
    with zipfile.ZipFile(tmp_path / "good.zip") as good, zipfile.ZipFile(tmp_path / "bad.zip", "w") as bad:
        for name in good.namelist():
            data = good.read(name)
            bad.writestr(name, data[:-1] + b"!" if name == "avatar.glb" else data)
    assert verify_file(tmp_path / "bad.zip", anchor=studio[0]).signature == "invalid"


@pytest.mark.parametrize("more", ["extra.txt", "../avatar.glb", "avatar.glb.zip"])
def test_what_was_slipped_in_is_refused(more: str, model: Path, tmp_path: Path) -> None:
    package = pack(model, tmp_path / "a.zip")
    with zipfile.ZipFile(package, "a") as opened:
        opened.writestr(more, "x")
    with pytest.raises(InputError, match="no package"), unpacked(package):
        pass


def test_what_is_no_package_is_refused(model: Path, tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(b"no zip")
    with zipfile.ZipFile(tmp_path / "b.zip", "w") as opened:
        for name in ("../a", "../a.xmp", "../a.signature.json"):
            opened.writestr(name, "x")
    with zipfile.ZipFile(tmp_path / "c.zip", "w"):
        pass
    for name in ("a.zip", "b.zip", "c.zip"):
        with pytest.raises(InputError, match="no package"), unpacked(tmp_path / name):
            pass
    (tmp_path / "avatar.glb.xmp").unlink()
    with pytest.raises(InputError, match="has to travel"):
        pack(model, tmp_path / "d.zip")
    assert not (tmp_path / "d.zip").exists()
