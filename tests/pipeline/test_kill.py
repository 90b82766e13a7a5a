"""kill -9 at any instant: the store holds the old state or the new one, and the next run goes on."""

import json
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from scan3d.pipeline import Store

CHILD = """
import sys
from dataclasses import dataclass
from pathlib import Path
from scan3d.pipeline import Stage, Store

@dataclass(frozen=True)
class Options:
    pass

store = Store(Path(sys.argv[1]))

def write(path, i):
    with path.open("wb") as file:
        for part in range(50):
            file.write(bytes([i]) * 4000)
            file.flush()

def depth(out):
    units = store.units(out)
    for i in range(6):
        units.run(f"view{i}", lambda path, i=i: (print(f"made {i}", flush=True), write(path, i)))
        units.keep(f"view{i}", out / f"view{i}.bin")

def surface(out):
    write(out / "mesh.bin", 42)

print("start", flush=True)
first = store.run(Stage(name="depth", version=1), {}, Options(), depth)
second = store.run(Stage(name="surface", version=1), {"depth": first}, Options(), surface)
print("finished", second, flush=True)
"""


def start(root: Path) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-c", CHILD, str(root)], stdout=subprocess.PIPE, text=True)


def assert_old_or_new(root: Path) -> None:
    """Every folder that carries a key is whole."""
    for folder in root.glob("*/[0-9a-f]*"):
        manifest = json.loads((folder / "manifest.json").read_text())
        for name, entry in manifest["outputs"].items():
            assert (folder / name).stat().st_size == entry["bytes"]


def run_to_the_end(root: Path) -> Path:
    child = start(root)
    output, _ = child.communicate(timeout=60)
    assert child.returncode == 0
    return Path(output.splitlines()[-1].split(" ", 1)[1])


def how_long(tmp_path: Path) -> float:
    """From "start" to the end, without the interpreter's own start."""
    child = start(tmp_path)
    assert child.stdout is not None
    child.stdout.readline()
    begin = time.perf_counter()
    child.communicate(timeout=60)
    return time.perf_counter() - begin


def killed_run(root: Path, after_s: float) -> list[str]:
    """Starts a run, kills it `after_s` after it began to work, returns what it said it made."""
    child = start(root)
    assert child.stdout is not None
    child.stdout.readline()
    time.sleep(after_s)
    child.send_signal(signal.SIGKILL)
    output, _ = child.communicate(timeout=60)
    return [line for line in output.splitlines() if line.startswith("made")]


def assert_survives(tmp_path: Path, kills: int, seed: int) -> None:
    expected = {p.name: p.read_bytes() for p in run_to_the_end(tmp_path / "calm").glob("*.bin")}
    duration = how_long(tmp_path / "timed")
    moments = random.Random(seed)
    root = tmp_path / "stormy"
    made: list[str] = []
    for _ in range(kills):
        made += killed_run(root, moments.uniform(0, duration))
        assert_old_or_new(root)
    result = run_to_the_end(root)
    assert_old_or_new(root)
    assert {p.name: p.read_bytes() for p in result.glob("*.bin")} == expected
    assert list(root.rglob(".tmp-*")) == []
    # A unit is made again only when the kill fell into it: never more than one per kill.
    assert len(made) <= 6 + kills


def test_a_few_kills(tmp_path: Path) -> None:
    assert_survives(tmp_path, kills=4, seed=1)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
def test_many_kills(tmp_path: Path, seed: int) -> None:
    assert_survives(tmp_path, kills=25, seed=seed)


def test_the_lock_of_a_killed_process_is_free_at_once(tmp_path: Path) -> None:
    hold = (
        "import sys, time; from pathlib import Path; from scan3d.pipeline import Store\n"
        "with Store(Path(sys.argv[1])).locked():\n    print('held', flush=True); time.sleep(60)"
    )
    child = subprocess.Popen([sys.executable, "-c", hold, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    assert child.stdout.readline() == "held\n"
    from scan3d.errors import StorageError

    with pytest.raises(StorageError, match="Another run") as caught, Store(tmp_path).locked():
        pass
    assert f"process {child.pid}" in caught.value.where
    child.kill()
    child.wait()
    assert str(child.pid) in (tmp_path / "lock").read_text()
    with Store(tmp_path).locked():
        pass
