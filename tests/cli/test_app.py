import json
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from scan3d import __version__
from scan3d.cli import app
from scan3d.errors import CalibrationError, CancelledError, CaptureError, Scan3dError, StorageError


@dataclass
class FakeWorkflow:
    """Stands for scan3d.workflows.reconstruct: notes what it was asked, raises what it is told to."""

    error: BaseException | None = None
    asked: dict[str, Any] = field(default_factory=dict)

    def estimate_seconds(self, take_dir: Path, quality: str, workers: int | None = None) -> float:
        return 200.0

    def reconstruct_take(self, take_dir: Path, **options: Any) -> Any:
        self.asked = {"take_dir": take_dir, **options}
        with options["progress"].task("depth maps", 3) as task:
            for _ in range(3):
                task.note("cam00")
                task.advance()
            if self.error is not None:
                raise self.error
        done = ModuleType("done")
        done.results_dir, done.report_path = take_dir / "results", take_dir / "results" / "report.html"
        done.summary = {"faces": 12, "warnings": []}
        return done


@pytest.fixture
def workflow(monkeypatch: pytest.MonkeyPatch) -> FakeWorkflow:
    fake = FakeWorkflow()
    monkeypatch.setitem(sys.modules, "scan3d.workflows.reconstruct", fake)
    return fake


@pytest.fixture
def scan3d(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    def call(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["scan3d", *arguments])
        with pytest.raises(SystemExit) as ended:
            app.main()
        captured = capsys.readouterr()
        return int(ended.value.code or 0), captured.out, captured.err

    return call


def test_help_and_version(scan3d) -> None:
    code, out, _ = scan3d("--help")
    assert code == 0
    assert "reconstruct" in out and "align" in out
    code, out, _ = scan3d("--version")
    assert (code, out) == (0, f"scan3d {__version__}\n")


@pytest.mark.parametrize("command", ["reconstruct", "align"])
def test_every_command_has_the_common_options(scan3d, command: str) -> None:
    code, out, _ = scan3d(command, "--help")
    assert code == 0
    for option in ("TAKE", "--json", "--debug", "--threads"):
        assert option in out


def test_reconstruct_hands_on_what_it_was_asked(scan3d, workflow: FakeWorkflow, tmp_path: Path) -> None:
    code, out, err = scan3d(
        "reconstruct",
        str(tmp_path),
        "--quality",
        "high",
        "--threads",
        "3",
        "--workspace",
        str(tmp_path / "w"),
    )
    assert code == 0
    progress = workflow.asked.pop("progress")
    assert callable(progress.task)
    assert workflow.asked == {
        "take_dir": tmp_path,
        "quality": "high",
        "workspace": tmp_path / "w",
        "device": "auto",
        "workers": 3,
    }
    assert f"Results: {tmp_path / 'results'}" in out
    assert "high: about 3 min on 3 cores." in err
    assert "depth maps: 0.0 s" in err


def test_align_hands_on_what_it_was_asked(scan3d, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    asked: dict[str, Any] = {}

    def align_take(take_dir: Path, **options: Any) -> Any:
        asked.update(take_dir=take_dir, **options)
        return SimpleNamespace(
            calibration_path=take_dir / "calibration.toml",
            report_path=take_dir / "results" / "align.json",
            registered=("a", "b", "c"),
            unregistered={"d": "d.jpg: it has 3 features only"},
            mean_px=0.314,
            scale_is_metric=asked["distance"] is not None,
            summary={"registered": 3},
            checks=(),
            before=None,
        )

    monkeypatch.setitem(sys.modules, "scan3d.workflows.align", SimpleNamespace(align_take=align_take))
    code, out, _ = scan3d("align", str(tmp_path))
    assert code == 0
    assert (asked["distance"], asked["masks"], asked["front"], asked["workers"]) == (None,) * 4
    assert (asked["mapper"], asked["intrinsics"]) == ("incremental", "auto")
    assert out.splitlines()[:3] == [
        "Aligned 3 of 4 photographs, reprojection error 0.31 px.",
        "Left out: d.jpg: it has 3 features only",
        "The scale is arbitrary: give a known length with --distance A B METRES, or a board with --target.",
    ]
    options = "--distance cam0 left_end 0.85 --no-masks --mapper global --intrinsics per-camera --front c"
    code, out, _ = scan3d("align", str(tmp_path), *options.split(), "--json")
    assert json.loads(out)["calibration"] == str(tmp_path / "calibration.toml")
    assert asked["distance"] == ("cam0", "left_end", 0.85)
    assert asked["masks"] is False
    assert (asked["mapper"], asked["intrinsics"], asked["front"]) == ("global", "per-camera", "c")


def test_the_default_quality(scan3d, workflow: FakeWorkflow, tmp_path: Path) -> None:
    scan3d("reconstruct", str(tmp_path))
    assert workflow.asked["quality"] == "standard"
    assert workflow.asked["workspace"] is None and workflow.asked["workers"] is None


def test_json_is_one_object_and_nothing_else(scan3d, workflow: FakeWorkflow, tmp_path: Path) -> None:
    code, out, err = scan3d("reconstruct", str(tmp_path), "--json")
    assert (code, err) == (0, "")
    assert json.loads(out) == {
        "results": str(tmp_path / "results"),
        "report": str(tmp_path / "results" / "report.html"),
        "estimated_seconds": 200.0,
        "faces": 12,
        "warnings": [],
    }


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (CalibrationError("No cameras.", "calibration.toml", "Calibrate."), 3),
        (CaptureError("Cut short.", "camera cam07, cam07.jpg", "Copy it again."), 4),
        (StorageError("The disk is full.", "/data", "Free some space."), 5),
        (CancelledError(), 130),
        (KeyboardInterrupt(), 130),
    ],
)
def test_errors_are_plain_lines_with_their_exit_code(
    scan3d, workflow: FakeWorkflow, tmp_path: Path, error: BaseException, code: int
) -> None:
    workflow.error = error
    actual, out, err = scan3d("reconstruct", str(tmp_path))
    assert (actual, out) == (code, "")
    told = error if isinstance(error, Scan3dError) else CancelledError()
    assert err.endswith(f"{told}\n")
    assert "Traceback" not in err


def test_an_error_is_three_lines(scan3d, workflow: FakeWorkflow, tmp_path: Path) -> None:
    workflow.error = CaptureError("The photograph is cut short.", "camera cam07, cam07.jpg", "Copy it again.")
    _, _, err = scan3d("reconstruct", str(tmp_path))
    assert err.splitlines()[-3:] == [
        "The photograph is cut short.",
        "where: camera cam07, cam07.jpg",
        "next:  Copy it again.",
    ]


def test_errors_for_machines(scan3d, workflow: FakeWorkflow, tmp_path: Path) -> None:
    workflow.error = CaptureError("Cut short.", "cam07.jpg", "Copy it again.")
    code, out, _ = scan3d("reconstruct", str(tmp_path), "--json")
    assert code == 4
    assert json.loads(out)["error"] == {
        "kind": "CaptureError",
        "what": "Cut short.",
        "where": "cam07.jpg",
        "next_step": "Copy it again.",
        "exit_code": 4,
    }


def test_debug_adds_the_place_in_the_program(scan3d, workflow: FakeWorkflow, tmp_path: Path) -> None:
    workflow.error = CaptureError("Cut short.", "cam07.jpg", "Copy it again.")
    code, _, err = scan3d("reconstruct", str(tmp_path), "--debug")
    assert code == 4
    assert "Traceback" in err and err.endswith("next:  Copy it again.\n")


def test_a_mistake_of_the_program_is_said_as_one(scan3d, workflow: FakeWorkflow, tmp_path: Path) -> None:
    workflow.error = ValueError("operands could not be broadcast")
    code, _, err = scan3d("reconstruct", str(tmp_path))
    assert code == 1
    assert "mistake of its own: ValueError: operands" in err
    assert "--debug" in err and "Traceback" not in err
    workflow.error = MemoryError()
    assert "memory of this computer" in scan3d("reconstruct", str(tmp_path))[2]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["reconstruct"], "Missing argument 'TAKE'"),
        (["reconstruct", "x", "--quality", "best"], "'best' is not one of"),
        (["reconstruct", "x", "--threads", "0"], "--threads"),
        (["recon", "x"], "No such command 'recon'"),
    ],
)
def test_a_wrong_command_line_is_told_in_the_same_way(scan3d, arguments: list[str], message: str) -> None:
    code, out, err = scan3d(*arguments)
    assert (code, out) == (2, "")
    lines = err.splitlines()
    assert message in lines[0]
    assert lines[1].startswith("where: scan3d")
    assert lines[2].startswith("next:  See: scan3d") and len(lines) == 3
    assert json.loads(scan3d(*arguments, "--json")[1])["error"]["exit_code"] == 2


def test_no_command_prints_the_help(scan3d) -> None:
    code, _, err = scan3d()
    assert code == 2
    assert err.startswith("Usage: scan3d")


def test_help_loads_no_heavy_library() -> None:
    heavy = "numpy scipy numba PIL cv2 open3d pycolmap trimesh xatlas torch warp matplotlib jinja2 rich"
    program = (
        "import sys\n"
        "sys.argv = ['scan3d', '--help']\n"
        "from scan3d.cli.app import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        f"print(sorted(set('{heavy}'.split()) & set(sys.modules)))"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert run.stdout.splitlines()[-1] == "[]"
