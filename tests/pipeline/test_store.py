import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from scan3d.errors import CancelledError, InputError, StorageError
from scan3d.pipeline import Stage, Store, insignificant
from scan3d.pipeline.hashing import FileHashes

STAGE = Stage(name="depth", version=1)


@dataclass(frozen=True, kw_only=True)
class Options:
    size: int = 3
    threads: int = insignificant(default=1)


class Work:
    """Writes two files and counts how often it had to."""

    def __init__(self, text: str = "result") -> None:
        self.text, self.runs = text, 0

    def __call__(self, out: Path) -> None:
        self.runs += 1
        (out / "maps").mkdir()
        (out / "maps" / "a.txt").write_text(self.text)
        (out / "b.txt").write_text("b")


@pytest.fixture
def photograph(tmp_path: Path) -> Path:
    path = tmp_path / "photograph.bin"
    path.write_bytes(b"light")
    return path


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / ".scan3d")


def tree(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def a_pid_of_nobody() -> int:
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    return child.pid


def leftovers(store: Store) -> list[Path]:
    return [p for p in store.root.rglob(".*") if p.name.startswith((".tmp-", ".units-"))]


def test_a_second_run_does_nothing(store: Store, photograph: Path) -> None:
    work = Work()
    first = store.run(STAGE, {"photograph": photograph}, Options(), work)
    again = Store(store.root).run(STAGE, {"photograph": photograph}, Options(), work)
    assert first == again
    assert work.runs == 1
    assert (first / "maps" / "a.txt").read_text() == "result"
    assert store.find(STAGE, {"photograph": photograph}, Options()) == first
    assert leftovers(store) == []


@pytest.mark.parametrize(
    "change",
    [
        lambda s, i, o: (replace(s, version=2), i, o),
        lambda s, i, o: (replace(s, tools=("numpy",)), i, o),
        lambda s, i, o: (s, i, replace(o, size=4)),
        lambda s, i, o: (s, {**i, "more": b"x"}, o),
        lambda s, i, o: (s, {"renamed": i["photograph"]}, o),
        lambda s, i, o: (s, {"photograph": "light"}, o),
        lambda s, i, o: (s, {"photograph": b"light"}, o),
    ],
)
def test_what_changes_the_result_runs_it_again(store: Store, photograph: Path, change: Callable) -> None:
    work = Work()
    recipe = (STAGE, {"photograph": photograph}, Options())
    first = store.run(*recipe, work)
    second = store.run(*change(*recipe), work)
    assert work.runs == 2
    assert first != second
    assert store.run(*recipe, work) == first and work.runs == 2


def test_what_cannot_change_the_result_does_not(store: Store, photograph: Path, tmp_path: Path) -> None:
    work = Work()
    store.run(STAGE, {"photograph": photograph}, Options(), work)
    store.run(STAGE, {"photograph": photograph}, Options(threads=8), work)
    moved = tmp_path / "elsewhere" / "other-name.bin"
    moved.parent.mkdir()
    photograph.rename(moved)
    os.utime(moved, (1, 1))
    store.run(STAGE, {"photograph": moved}, Options(), work)
    assert work.runs == 1


def test_the_bytes_of_an_input_count_even_if_its_times_do_not_change(store: Store, photograph: Path) -> None:
    work = Work()
    os.utime(photograph, ns=(10**18, 10**18))
    store.run(STAGE, {"photograph": photograph}, Options(), work)
    photograph.write_bytes(b"LIGHT")
    os.utime(photograph, ns=(10**18, 10**18))
    store.run(STAGE, {"photograph": photograph}, Options(), work)
    assert work.runs == 2


def test_only_what_depends_on_a_change_is_done_again(store: Store) -> None:
    second_stage = Stage(name="surface", version=1)

    def chain(options: Options, first: Work, second: Work) -> Path:
        return store.run(second_stage, {"depth": store.run(STAGE, {}, options, first)}, Options(), second)

    same, other, after = Work("same"), Work("other"), Work("after")
    chain(Options(), same, after)
    assert (same.runs, after.runs) == (1, 1)
    # Another option, but the same bytes come out: what follows need not run.
    chain(Options(size=4), same, after)
    assert (same.runs, after.runs) == (2, 1)
    chain(Options(size=5), other, after)
    assert (other.runs, after.runs) == (1, 2)


def test_same_input_and_options_give_the_same_bytes(tmp_path: Path, photograph: Path) -> None:
    folders = [Store(tmp_path / name).run(STAGE, {"p": photograph}, Options(), Work()) for name in ("one", "two")]
    assert folders[0].name == folders[1].name
    trees = [tree(folder) for folder in folders]
    manifests = [json.loads(t.pop("manifest.json")) for t in trees]
    assert trees[0] == trees[1]
    for manifest in manifests:
        assert manifest.pop("seconds") >= 0
        assert manifest.pop("cpu_seconds") >= 0
        assert manifest.pop("peak_mb") > 1
    assert manifests[0] == manifests[1]
    assert manifests[0]["outputs"]["maps/a.txt"]["bytes"] == len("result")


def test_a_failure_leaves_nothing_but_finished_units(store: Store) -> None:
    def work(out: Path) -> None:
        (out / "half.bin").write_bytes(b"half")
        store.units(out).run("view0", lambda path: path.write_bytes(b"unit"))
        raise CancelledError()

    with pytest.raises(CancelledError):
        store.run(STAGE, {}, Options(), work)
    assert store.find(STAGE, {}, Options()) is None
    assert [p.name for p in (store.root / "depth").rglob("*") if p.is_file()] == ["view0"]


def test_units_survive_and_are_not_done_again(store: Store) -> None:
    done: list[str] = []

    def work(out: Path, fail_at: int = 99) -> None:
        units = store.units(out)
        for i in range(4):
            if i == fail_at:
                raise RuntimeError("killed")
            name = f"view{i}.bin"
            units.run(name, lambda path, i=i: (done.append(str(i)), path.write_bytes(bytes([i]))))
            units.keep(name, out / "views" / name)

    with pytest.raises(RuntimeError):
        store.run(STAGE, {}, Options(), lambda out: work(out, fail_at=2))
    folder = store.run(STAGE, {}, Options(), work)
    assert done == ["0", "1", "2", "3"]
    assert tree(folder / "views") == {f"view{i}.bin": bytes([i]) for i in range(4)}
    assert leftovers(store) == []


def test_a_unit_may_be_a_folder_and_a_failed_one_leaves_nothing(store: Store) -> None:
    def half(path: Path) -> None:
        path.mkdir()
        (path / "x").write_text("half")
        raise RuntimeError

    def whole(path: Path) -> None:
        path.mkdir()
        (path / "x").write_text("whole")

    def work(out: Path) -> None:
        units = store.units(out)
        with pytest.raises(RuntimeError):
            units.run("view", half)
        assert list(units.path("view").parent.iterdir()) == []
        assert (units.run("view", whole) / "x").read_text() == "whole"

    store.run(STAGE, {}, Options(), work)


@pytest.mark.parametrize("name", ["a/b", ".hidden", ""])
def test_a_unit_is_named_like_a_file(store: Store, name: str) -> None:
    with pytest.raises(ValueError):
        store.units(Path("/x/.tmp-key")).path(name)


def test_units_of_other_options_are_not_mixed_up(store: Store) -> None:
    def fail(out: Path) -> None:
        store.units(out).run("view", lambda path: path.write_text("three"))
        raise RuntimeError

    with pytest.raises(RuntimeError):
        store.run(STAGE, {}, Options(size=3), fail)
    seen = []
    store.run(STAGE, {}, Options(size=4), lambda out: seen.append(store.units(out).path("view").exists()))
    assert seen == [False]


def test_a_damaged_result_is_made_again(store: Store) -> None:
    work = Work()
    folder = store.run(STAGE, {}, Options(), work)
    (folder / "b.txt").write_bytes(b"")
    assert store.find(STAGE, {}, Options()) is None
    store.run(STAGE, {}, Options(), work)
    assert work.runs == 2
    (folder / "manifest.json").write_text("{ half a mani")
    assert store.run(STAGE, {}, Options(), work) == folder
    assert work.runs == 3
    assert (folder / "b.txt").read_text() == "b"


def test_what_a_killed_run_left_is_swept_away(store: Store) -> None:
    folder = store.run(STAGE, {}, Options(), Work())
    left = folder.with_name(".tmp-" + "0" * 32)
    left.mkdir()
    (left / "half").write_text("half")
    store.run(STAGE, {}, Options(size=9), Work())
    assert leftovers(store) == []


def test_a_run_killed_while_it_noted_hashes_is_swept_up_after(store: Store) -> None:
    """Its result was in place by then, so the next run has nothing to make."""
    store.run(STAGE, {}, Options(), Work())
    (store.root / f".tmp-{a_pid_of_nobody()}-1-hashes.json").write_text("{")
    store.run(STAGE, {}, Options(), Work())
    assert leftovers(store) == []


def test_a_missing_input_is_named(store: Store, tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        store.run(STAGE, {"photograph": tmp_path / "cam07.jpg"}, Options(), Work())
    assert "cam07.jpg" in caught.value.where
    assert not store.root.exists()


def test_a_full_disk(store: Store) -> None:
    def work(out: Path) -> None:
        (out / "half").write_text("half")
        with Path("/dev/full").open("w") as full:
            full.write("x" * 100_000)

    with pytest.raises(StorageError, match="disk is full") as caught:
        store.run(STAGE, {}, Options(), work)
    assert caught.value.next_step
    assert leftovers(store) == []
    assert store.find(STAGE, {}, Options()) is None


def test_a_full_disk_reported_in_a_librarys_own_way(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def work(out: Path) -> None:
        raise RuntimeError("write failed")

    with pytest.raises(RuntimeError):
        store.run(STAGE, {}, Options(), work)
    monkeypatch.setattr("scan3d.pipeline.aside.free_bytes", lambda path: 1000)
    with pytest.raises(StorageError, match="disk is full"):
        store.run(STAGE, {}, Options(), work)


@pytest.mark.skipif(not os.path.ismount("/proc"), reason="needs a folder nobody may write to")
def test_a_read_only_folder() -> None:
    with pytest.raises(StorageError, match="cannot be written to") as caught:
        Store(Path("/sys/kernel/.scan3d")).run(STAGE, {}, Options(), Work())
    assert "/sys/kernel" in caught.value.where


def test_threads_share_one_result(store: Store) -> None:
    work = Work()

    def slow(out: Path) -> None:
        time.sleep(0.05)
        work(out)

    threads = [threading.Thread(target=store.run, args=(STAGE, {}, Options(), slow)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert work.runs == 1


def test_threads_may_make_different_results_of_one_stage(store: Store) -> None:
    both = threading.Barrier(2, timeout=10)

    def work(out: Path) -> None:
        both.wait()
        (out / "x").write_text("x")
        both.wait()

    threads = [threading.Thread(target=store.run, args=(STAGE, {}, Options(size=i), work)) for i in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(store.find(STAGE, {}, Options(size=i)) for i in range(2))


def test_unchanged_files_are_not_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = tmp_path / "old.bin"
    old.write_bytes(b"old")
    memory = tmp_path / "hashes.json"
    monkeypatch.setattr("scan3d.pipeline.hashing._SETTLED_NS", 0)
    time.sleep(0.01)
    hashes = FileHashes(memory)
    digest = hashes.of_file(old)
    hashes.save()
    opened: list[Path] = []
    original = Path.open
    monkeypatch.setattr(Path, "open", lambda self, *a, **k: (opened.append(self), original(self, *a, **k))[1])
    assert FileHashes(memory).of_file(old) == digest
    assert old not in opened
    old.write_bytes(b"new")
    assert FileHashes(memory).of_file(old) != digest


def test_a_damaged_memory_of_hashes_is_only_forgotten(tmp_path: Path) -> None:
    memory = tmp_path / "hashes.json"
    for text in ("{", "[]", '{"a": 1}', '{"a": [[1], 2, 3]}'):
        memory.write_text(text)
        assert len(FileHashes(memory).of_input(b"x")) == 64
