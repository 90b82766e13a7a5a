import os
import threading
import time
from dataclasses import dataclass

import pytest

from scan3d.errors import CancelledError, CaptureError, MissingDependencyError, Scan3dError
from scan3d.pipeline import CancelToken, Silent, cpu_count, run_units


@dataclass(frozen=True)
class View:
    camera_id: str


def square(x: int) -> int:
    return x * x


def fail_on_three(x: int) -> int:
    if x == 3:
        raise CaptureError("Too dark.", "", "More light.")
    return x


def die(x: int) -> None:
    os._exit(9)


def test_results_come_in_the_order_of_the_items() -> None:
    def slow_first(x: int) -> int:
        time.sleep(0.02 * (5 - x))
        return x * x

    assert run_units(slow_first, range(5), workers=5) == [0, 1, 4, 9, 16]
    assert run_units(square, []) == []
    assert run_units(square, iter([2, 3]), workers=1) == [4, 9]


def test_at_most_so_many_at_a_time() -> None:
    lock, now, most = threading.Lock(), 0, 0

    def unit(_: int) -> None:
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        time.sleep(0.01)
        with lock:
            now -= 1

    run_units(unit, range(12), workers=3)
    assert most == 3


def test_progress_is_advanced_by_one_per_unit() -> None:
    steps = []
    task = Silent().task("views", 4)
    task.advance = lambda n=1: steps.append(n)  # type: ignore[method-assign]
    run_units(square, range(4), progress_task=task)
    assert steps == [1] * 4


def test_an_error_names_its_item_and_ends_the_run() -> None:
    done = []

    def unit(view: View) -> None:
        if view.camera_id == "cam01":
            raise CaptureError("The photograph is dark.")
        time.sleep(0.02)
        done.append(view.camera_id)

    with pytest.raises(CaptureError) as caught:
        run_units(unit, [View(f"cam{i:02}") for i in range(50)], workers=2)
    assert caught.value.where == "camera cam01"
    assert "where: camera cam01" in str(caught.value)
    assert len(done) < 10


def test_an_unforeseen_error_keeps_its_kind_and_gets_a_note() -> None:
    with pytest.raises(ZeroDivisionError) as caught:
        run_units(lambda x: 1 // x, [1, 0])
    assert caught.value.__notes__ == ["in the unit 0"]


def test_cancelling_stops_what_has_not_begun() -> None:
    token, begun = CancelToken(), []

    def unit(i: int) -> None:
        begun.append(i)
        token.cancel()
        time.sleep(0.01)

    with pytest.raises(CancelledError):
        run_units(unit, range(100), workers=2, progress_task=Silent(token).task("views", 100))
    assert len(begun) < 10


def test_cancelling_is_noticed_while_a_unit_runs() -> None:
    token = CancelToken()
    threading.Timer(0.05, token.cancel).start()
    begin = time.perf_counter()
    with pytest.raises(CancelledError):
        run_units(lambda i: time.sleep(0.5), range(8), workers=1, progress_task=Silent(token).task("views", 8))
    assert time.perf_counter() - begin < 2


@pytest.mark.slow
def test_processes_and_their_errors() -> None:
    assert run_units(square, range(4), workers=2, mode="process") == [0, 1, 4, 9]
    with pytest.raises(CaptureError) as caught:
        run_units(fail_on_three, range(5), workers=2, mode="process")
    assert (caught.value.what, caught.value.where) == ("Too dark.", "3")
    with pytest.raises(Scan3dError, match="ended from outside"):
        run_units(die, range(2), workers=1, mode="process")


def test_dask_when_it_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "distributed", None)
    with pytest.raises(MissingDependencyError) as caught:
        run_units(square, [1], scheduler_address="tcp://127.0.0.1:1")
    assert "scan3d[dask]" in caught.value.next_step


@pytest.mark.slow
def test_dask_gives_the_same_as_here() -> None:
    distributed = pytest.importorskip("distributed", reason="needs the extra 'dask'")
    with distributed.LocalCluster(n_workers=1, threads_per_worker=2, dashboard_address=None) as cluster:
        address = cluster.scheduler_address
        task = Silent().task("views", 5)
        results = run_units(square, range(5), scheduler_address=address, progress_task=task)
        assert results == [0, 1, 4, 9, 16]
        with pytest.raises(CaptureError):
            run_units(fail_on_three, range(5), scheduler_address=address)


def test_an_unknown_mode_is_refused() -> None:
    with pytest.raises(ValueError, match="'thread' or 'process'"):
        run_units(square, [1], mode="gpu")


def test_cores_are_those_we_may_use() -> None:
    assert 1 <= cpu_count() <= (os.cpu_count() or 1)
