"""Many at once, and killed at any instant: no use is taken twice, none is lost, nothing leaves unmarked."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from scan3d.rights import delivery, tables
from scan3d.rights.delivery import STAGING_PREFIX, Delivery, recover, sweep_staging
from scan3d.rights.errors import QuotaExceededError
from scan3d.rights.marks.order import Marked, MarkOrder
from scan3d.rights.registry import Registry
from scan3d.rights.uses import open_uses, reserve
from scan3d.rights.verifying import verify_registry
from scan3d.rights.vocabulary import Deliverable
from tests.rights.house import House, SetClock, intent

REPOSITORY = Path(__file__).parents[2]

_FORK = multiprocessing.get_context("fork")


def start(work: Callable[..., None], *arguments: Any) -> Any:
    """A process of its own that has all libraries loaded already."""
    child = _FORK.Process(target=work, args=arguments, daemon=True)
    child.start()
    return child


def take_all(folder: Path, request: str, go: Any, got: Any) -> None:
    """Takes uses until there are none left; says how many it got."""
    registry, count = Registry.open(folder, clock=SetClock()), 0
    go.wait()
    try:
        while True:
            reserve(registry, intent(request), use_id=registry.ids.new_id(), staging=Path("/nowhere"))
            count += 1
    except QuotaExceededError:
        got.put(count)


def deliver_many(folder: Path, request: str, out: Path, count: int) -> None:
    """Delivers one use after another. The marker is plain and quick: what is killed is the order of steps."""
    registry = Registry.open(folder, clock=SetClock())
    recover(registry)
    sweep_staging(registry, out)
    for _ in range(count):
        delivery = Delivery(registry, out, registry.ids.new_id(), marker=mark_plainly)
        delivery.begin()
        permit = reserve(registry, intent(request), use_id=delivery.use_id, staging=delivery.staging)
        for name in ("front", "back"):
            (delivery.written / f"{delivery.use_id}_{name}.png").write_bytes(b"picture" * 1000)
        delivery.finish(permit, Deliverable.PICTURES)


def mark_plainly(source: Path, target: Path, order: MarkOrder) -> Marked:
    """Writes the mark as plain text behind the file."""
    data = source.read_bytes() + f" marked {order.use_id}".encode()
    target.write_bytes(data)
    digest = hashlib.sha256(data).hexdigest()
    return Marked(path=target, sidecars=(), sha256=digest, manifest_sha256=digest, watermark_id=order.watermark_id)


def race(house: House, processes: int, quota: int) -> None:
    licence = house.licence(quota=quota)
    requests = [house.approved(licence, uses=quota).request_id for _ in range(processes)]
    house.registry.close()  # no connection may be shared with a child
    go, got = _FORK.Event(), _FORK.Queue()
    racers = [start(take_all, house.registry.settings.folder, request, go, got) for request in requests]
    go.set()
    counts = [got.get(timeout=300) for _ in racers]
    assert sum(counts) == quota
    for racer in racers:
        racer.join()
    with house.registry.reading() as reading:
        assert reading.known(tables.licences, licence).taken == quota
        rows = reading.connection.execute(sa.select(tables.uses)).all()
    assert len(rows) == quota == len({row.watermark_id for row in rows})
    verify_registry(house.registry)


def test_a_quota_holds_when_several_race_for_it(either_house: House) -> None:
    race(either_house, processes=3, quota=12)


@pytest.mark.slow
def test_eight_racing_for_a_hundred_get_a_hundred(either_house: House) -> None:
    race(either_house, processes=8, quota=100)


def check_nothing_lost(house: House, licence: str, folder: Path) -> int:
    """After everything that was cut off was finished: files and uses agree, each marked; returns how many uses."""
    recover(house.registry)
    sweep_staging(house.registry, folder)
    assert open_uses(house.registry) == []
    assert not list(folder.glob(f"{STAGING_PREFIX}*"))
    with house.registry.reading() as reading:
        rows = reading.connection.execute(sa.select(tables.uses)).all()
        counted = reading.known(tables.licences, licence)
    delivered = {row.use_id: json.loads(row.outputs) for row in rows if row.state == "delivered"}
    assert {row.state for row in rows} <= {"delivered", "void"}
    assert counted.taken == counted.delivered == len(delivered)
    found = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert found.keys() == {Path(one["path"]).name for outputs in delivered.values() for one in outputs}
    for name, data in found.items():
        assert data.endswith(f" marked {name.split('_')[0]}".encode())
    return len(delivered)


def kill_often(house: House, tmp_path: Path, times: int, source: random.Random) -> None:
    licence = house.licence(quota=10_000)
    request = house.approved(licence, uses=10_000).request_id
    folder = tmp_path / "out"
    folder.mkdir()
    arguments = (deliver_many, house.registry.settings.folder, request, folder)
    house.registry.close()
    begin = time.perf_counter()
    start(*arguments, 5).join()
    five_s = time.perf_counter() - begin
    done = check_nothing_lost(house, licence, folder)
    assert done == 5
    cut = 0
    for _ in range(times):
        house.registry.close()
        child = start(*arguments, 1000)
        time.sleep(source.uniform(0, 0.6 * five_s))
        child.kill()
        child.join()
        cut += len(open_uses(house.registry))
        now = check_nothing_lost(house, licence, folder)
        assert now >= done
        done = now
    assert times < 100 or cut > 0.1 * times, "hardly any kill fell into a use: the test tests nothing"
    verify_registry(house.registry)


def test_killed_at_a_few_instants(house: House, tmp_path: Path) -> None:
    kill_often(house, tmp_path, 6, random.Random(1))


@pytest.mark.slow
def test_killed_at_two_hundred_instants(house: House, tmp_path: Path) -> None:
    kill_often(house, tmp_path, 200, random.Random(2))


STEPS = ("reserve", "note_rendered", "_mark", "note_marked", "move_out", "note_delivered", "end")


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("step", STEPS)
def test_killed_before_and_after_every_step(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str, after: bool
) -> None:
    licence = house.licence(quota=5)
    request = house.approved(licence, uses=5).request_id
    folder = tmp_path / "out"
    folder.mkdir()
    place: Any = Delivery if step in ("_mark", "end") else delivery
    if step == "reserve":
        place = sys.modules[__name__]
    true = getattr(place, step)

    def killed(*given: Any, **named: Any) -> None:
        if after:
            true(*given, **named)
        os.kill(os.getpid(), signal.SIGKILL)

    monkeypatch.setattr(place, step, killed)
    house.registry.close()
    child = start(deliver_many, house.registry.settings.folder, request, folder, 1)
    child.join()
    monkeypatch.undo()
    assert child.exitcode == -signal.SIGKILL
    before = [path for path in folder.iterdir() if not path.name.startswith(STAGING_PREFIX)]
    late = STEPS.index(step) > STEPS.index("note_marked") or (step == "note_marked" and after)
    moved = STEPS.index(step) > STEPS.index("move_out") or (step == "move_out" and after)
    assert len(before) == (2 if moved else 0)
    assert check_nothing_lost(house, licence, folder) == (1 if late else 0)
    verify_registry(house.registry)


def test_a_use_that_somebody_is_at_work_on_is_left_alone(house: House, tmp_path: Path) -> None:
    wanted = house.approved(house.licence())
    own = Delivery(house.registry, tmp_path / "out", house.id(), marker=mark_plainly)
    own.begin()
    permit = reserve(house.registry, wanted, use_id=own.use_id, staging=own.staging)
    (own.written / "a.png").write_bytes(b"picture")
    script = """
import sys
from pathlib import Path
from scan3d.rights.delivery import recover, sweep_staging
from scan3d.rights.registry import Registry
from tests.rights.house import SetClock
registry = Registry.open(Path(sys.argv[1]), clock=SetClock())
print(len(recover(registry)))
sweep_staging(registry, Path(sys.argv[2]))
"""
    command = [sys.executable, "-c", script, str(house.registry.settings.folder), str(tmp_path / "out")]
    other = subprocess.run(command, capture_output=True, text=True, cwd=REPOSITORY, check=True, timeout=120)
    assert other.stdout == "0\n"
    files = own.finish(permit, Deliverable.PICTURES)
    assert [path.name for path in files] == ["a.png"]
