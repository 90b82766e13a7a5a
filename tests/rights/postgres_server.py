"""A PostgreSQL server of the tests' own, on a socket in a temporary folder, run by a user who is not root."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

_USER = "registry"


def _program(name: str) -> str:
    found = shutil.which(name)
    beside = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    if found is None and not beside:
        pytest.skip("PostgreSQL is not installed: no initdb")
    return found or str(beside[-1])


def _somebody() -> dict[str, Any]:
    """How to run as somebody who is not root, which PostgreSQL refuses to be run by."""
    if os.geteuid() != 0:
        return {}
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}
    pytest.skip("the tests run as root, and there is no other user to run PostgreSQL as")


@contextmanager
def running_server() -> Iterator[str]:
    """The folder of its socket, while it runs."""
    initdb, server, control = _program("initdb"), _program("postgres"), _program("pg_ctl")
    who = _somebody()
    folder = Path(tempfile.mkdtemp(prefix="s3d-pg-"))
    data = folder / "data"
    try:
        if who:
            os.chown(folder, who["user"], who["group"])
        quiet: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": "/", **who}
        made = [initdb, "-D", str(data), "-U", _USER, "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync"]
        if subprocess.run(made, **quiet, check=False).returncode != 0:
            pytest.skip("PostgreSQL's initdb fails here")
        options = [f"-k{folder}", "-h", "", "-c", "fsync=off", "-c", "max_connections=60"]
        child = subprocess.Popen([server, "-D", str(data), *options], **quiet)
        try:
            _wait(folder, child)
            yield str(folder)
        finally:
            subprocess.run([control, "-D", str(data), "stop", "-m", "immediate", "-w"], **quiet, check=False)
            child.wait(timeout=30)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _wait(folder: Path, child: subprocess.Popen[bytes]) -> None:
    import time

    import psycopg

    for _ in range(300):
        try:
            psycopg.connect(host=str(folder), user=_USER, dbname="postgres").close()
            return
        except psycopg.OperationalError:
            if child.poll() is not None:
                break
            time.sleep(0.1)
    pytest.skip("PostgreSQL does not start here")


def make_database(socket: str, name: str, template: str | None = None) -> str:
    """A new database, of its own or a copy; returns its URL."""
    import psycopg

    with psycopg.connect(host=socket, user=_USER, dbname="postgres", autocommit=True) as connection:
        copy = f" TEMPLATE {template}" if template else ""
        connection.execute(f"CREATE DATABASE {name}{copy}".encode())
    return f"postgresql://{_USER}@/{name}?host={socket}"


def drop_database(socket: str, name: str) -> None:
    """Removes it, whoever is connected."""
    import psycopg

    with psycopg.connect(host=socket, user=_USER, dbname="postgres", autocommit=True) as connection:
        connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)".encode())
