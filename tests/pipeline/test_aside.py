import os
import subprocess
from pathlib import Path

import pytest

from scan3d.errors import StorageError
from scan3d.pipeline.aside import storage_errors, write_bytes, written_aside


def test_a_file_appears_whole_and_keeps_its_suffix(tmp_path: Path) -> None:
    target = tmp_path / "new" / "preview.png"
    with written_aside(target) as aside:
        assert aside.suffix == ".png"
        aside.write_bytes(b"picture")
        assert not target.exists()
    assert target.read_bytes() == b"picture"
    assert list(target.parent.iterdir()) == [target]


def test_a_failure_keeps_the_old_file(tmp_path: Path) -> None:
    target = tmp_path / "mesh.ply"
    write_bytes(target, b"old")
    with pytest.raises(RuntimeError), written_aside(target) as aside:
        aside.write_bytes(b"half of the n")
        raise RuntimeError
    assert target.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [target]


def test_what_a_killed_process_left_of_the_file_is_swept_away(tmp_path: Path) -> None:
    gone = subprocess.Popen(["true"])
    gone.wait()
    left = tmp_path / f".tmp-{gone.pid}-1-mesh.ply"
    alive = tmp_path / f".tmp-{os.getppid()}-1-mesh.ply"
    other = tmp_path / f".tmp-{gone.pid}-1-model.glb"
    for path in (left, alive, other):
        path.write_bytes(b"half")
    write_bytes(tmp_path / "mesh.ply", b"whole")
    assert not left.exists()
    assert alive.exists() and other.exists()


def test_a_full_disk_names_the_folder(tmp_path: Path) -> None:
    target = tmp_path / "mesh.ply"
    with pytest.raises(StorageError, match="disk is full") as caught, written_aside(target) as aside:
        aside.symlink_to("/dev/full")
        aside.write_bytes(b"x" * 10_000)
    assert caught.value.where.startswith(str(tmp_path))
    assert list(tmp_path.iterdir()) == []


def test_errors_that_are_not_about_storage_stay_what_they_are(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), storage_errors(tmp_path):
        (tmp_path / "absent").read_bytes()
    with pytest.raises(PermissionError), storage_errors(tmp_path):
        raise PermissionError(13, "Permission denied", "/somewhere/else/photograph.jpg")
    with pytest.raises(StorageError, match="cannot be written"), storage_errors(tmp_path):
        raise PermissionError(13, "Permission denied", str(tmp_path / "results"))
