"""`scan3d target`: what it prints for people and for machines, and what it leaves."""

from __future__ import annotations

import json
from pathlib import Path

from typer.testing import CliRunner

from scan3d.cli.app import app


def _run(*arguments: str) -> tuple[int, str, str]:
    done = CliRunner().invoke(app, ["target", *arguments])
    return done.exit_code, done.stdout, done.stderr


def test_targets_are_listed() -> None:
    code, out, _ = _run("list")
    assert code == 0 and "charuco_a3       charuco 14 x 10, square 28 mm, 392 x 280 mm" in out.splitlines()
    assert any(line.startswith("charuco_cube") and line.endswith("5 boards") for line in out.splitlines())
    listed = json.loads(_run("list", "--json")[1])["targets"]
    assert {target["name"] for target in listed} >= {"charuco_a3", "apriltag_a3"}


def test_a_target_is_printed(tmp_path: Path) -> None:
    pdf = tmp_path / "board.pdf"
    code, out, _ = _run("print", "charuco_a3", "--out", str(pdf))
    assert code == 0 and "A3, 420 x 297 mm" in out and pdf.read_bytes().startswith(b"%PDF")
    code, out, _ = _run("print", "charuco_a3", "--out", str(pdf), "--square-mm", "40", "--page", "A2", "--json")
    data = json.loads(out)
    assert code == 0 and data["boards"][0]["square_mm"] == 40 and data["boards"][0]["size_mm"] == [560, 400]
    assert data["pages"] == [{"board": "charuco_a3", "page": "A2", "size_mm": [594, 420]}]


def test_what_cannot_be_printed_leaves_nothing(tmp_path: Path) -> None:
    pdf = tmp_path / "board.pdf"
    for arguments in (("charuco_b7",), ("charuco_a3", "--page", "A4"), (str(tmp_path / "none.toml"),)):
        code, out, err = _run("print", *arguments, "--out", str(pdf))
        assert code == 2 and not out and len(err.strip().splitlines()) == 3
    assert list(tmp_path.iterdir()) == []
    bad = tmp_path / "bad.toml"
    bad.write_text('name = "bad"\nkind = "charuco"\ncolumns = 5\nrows = 4\nsquare_m = 0.03\nmarker_m = 0.04\n')
    code, out, _ = _run("print", str(bad), "--out", str(pdf), "--json")
    assert code == 2 and json.loads(out)["error"]["where"] == str(bad) and not pdf.exists()
