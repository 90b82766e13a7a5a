"""Ctrl-C on a real process: once ends it after the work in hand, twice at once."""

import signal
import subprocess
import sys
import time

PROGRAM = """
import time
from scan3d.cli.session import Outcome, run

def work(session):
    print("started", flush=True)
    with session.progress.task("views", 1000) as task:
        for _ in range(1000):
            {unit}
            task.advance()
    return Outcome(data={{}}, lines=["finished"])

run(work, as_json={as_json}, debug=False)
"""

# A call that comes back to Python only after half a minute, as a long call into a library does.
DEAF = "import hashlib; hashlib.pbkdf2_hmac('sha256', b'', b'', 60_000_000)"
QUICK = "time.sleep(0.05)"


def started(unit: str, as_json: bool = False) -> subprocess.Popen[str]:
    program = "import typer, sys\ntry:\n" + "\n".join(
        "    " + line for line in PROGRAM.format(unit=unit, as_json=as_json).splitlines()
    )
    program += "\nexcept typer.Exit as end:\n    sys.exit(end.exit_code)\n"
    child = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert child.stdout is not None
    assert child.stdout.readline() == "started\n"
    time.sleep(0.1)
    return child


def test_once_is_a_clean_message_and_code_130() -> None:
    child = started(QUICK)
    child.send_signal(signal.SIGINT)
    out, err = child.communicate(timeout=20)
    assert child.returncode == 130
    assert "finished" not in out and "Traceback" not in err
    lines = [line for line in err.splitlines() if line]
    assert lines == [
        "Stopping after the work in hand. Ctrl-C again stops at once.",
        "Stopped.",
        "next:  Run the same command again: it goes on where it stopped.",
    ]


def test_machines_get_json() -> None:
    child = started(QUICK, as_json=True)
    child.send_signal(signal.SIGINT)
    out, _ = child.communicate(timeout=20)
    assert child.returncode == 130
    assert '"kind": "CancelledError"' in out


def test_twice_stops_at_once_even_inside_a_library() -> None:
    child = started(DEAF)
    begin = time.perf_counter()
    child.send_signal(signal.SIGINT)
    time.sleep(0.3)
    assert child.poll() is None
    child.send_signal(signal.SIGINT)
    _, err = child.communicate(timeout=20)
    assert child.returncode == 130
    assert time.perf_counter() - begin < 10
    assert "Stopped at once." in err


def test_what_fails_because_of_it_is_told_as_stopped() -> None:
    child = started("time.sleep(0.5); raise RuntimeError('the child process died')")
    child.send_signal(signal.SIGINT)
    _, err = child.communicate(timeout=20)
    assert child.returncode == 130
    assert "mistake" not in err and "Stopped." in err
