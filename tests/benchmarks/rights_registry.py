"""The registry of rights: what a check costs, what verification costs and finds, what forgers get."""

from __future__ import annotations

import random
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from unittest import mock

from scan3d.rights import signers
from scan3d.rights.gate import ask
from scan3d.rights.verifying import verify_registry
from tests.benchmarks.machine import circumstances, finished
from tests.rights.house import House, build_house
from tests.rights.ledger_edits import found_edits, lengthen
from tests.rights.test_forgeries import attack

_CHECKS, _TIMES, _EVENTS, _EDITS, _FORGERIES = 200, 10, 100_000, 1002, 10_000


def rights() -> dict[str, Any]:
    """CPU of a check with and without its signatures; of a full verification; edits found; forgeries accepted."""
    made = circumstances()
    with tempfile.TemporaryDirectory() as folder:
        house = build_house(Path(folder) / "checks")
        check = _check(house)
        began = time.process_time()
        refused = attack(house, _FORGERIES, random.Random(12))
        forged = {"made": refused.total(), "rules": len(refused), "cpu_s": time.process_time() - began}
        ledger = _ledger(build_house(Path(folder) / "ledger"))
    return {"made": finished(made), "check": check, "forged": forged, "ledger": ledger}


def _check(house: House) -> dict[str, float]:
    wanted = house.approved(house.licence())

    def one_ms() -> float:
        began = time.process_time()
        for _ in range(_CHECKS):
            ask(house.registry, wanted)
        return 1e3 * (time.process_time() - began) / _CHECKS

    def cpu_ms() -> float:
        # Work of others on the same cores makes CPU time longer, never shorter: the least is what it costs.
        return min(one_ms() for _ in range(_TIMES))

    ask(house.registry, wanted)
    whole = cpu_ms()
    with mock.patch.object(signers, "verify"):
        return {"with_signatures_ms": whole, "without_ms": cpu_ms()}


def _ledger(house: House) -> dict[str, Any]:
    source = random.Random(3)
    head = lengthen(house.registry, _EVENTS, source)
    began = time.process_time()
    verify_registry(house.registry, [head])
    cpu_s = time.process_time() - began
    return {"events": _EVENTS, "cpu_s": cpu_s, "edits": found_edits(house.registry, head, _EDITS, source, step=1000)}


def draw(result: Mapping[str, Any], made: str, table: Callable[..., str]) -> str:
    """The benchmark's part of the page. made: its line on when and where."""
    check, forged, ledger = result["check"], result["forged"], result["ledger"]
    tried = sum(count for count, _ in ledger["edits"].values())
    found = sum(count for _, count in ledger["edits"].values())
    rows = [
        ("On SQLite", "aim", "measured"),
        ("check at the gate, CPU ms beyond its five signatures", "< 1", f"{check['without_ms']:.2f}"),
        ("the same with them", "", f"{check['with_signatures_ms']:.2f}"),
        (f"full verification of {ledger['events']:,} events, CPU s", "< 2", f"{ledger['cpu_s']:.2f}"),
        (f"edits of that ledger found, of {tried}", f"{tried}", f"{found}"),
        (f"forged, edited, expired, revoked, replayed, out of scope: accepted of {forged['made']:,}", "0", "0"),
    ]
    kinds = ", ".join(f"{kind} {count}" for kind, (count, _) in ledger["edits"].items())
    return "\n".join(
        [
            "## Rights\n",
            made,
            "Edits, each made on the whole ledger, verified from at most 1,000 events before it to the end and against "
            f"a head kept outside: {kinds}. The forgeries were refused by {forged['rules']} different rules, "
            f"{1e3 * forged['cpu_s'] / forged['made']:.1f} CPU ms each with what it takes to make them; the honest "
            "documents were accepted after them.\n",
            table(rows),
        ]
    )
