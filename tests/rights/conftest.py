"""Houses to test in: a registry in SQLite, and the same in a real PostgreSQL where that is installed."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.rights.house import House, build_house, copy_house
from tests.rights.postgres_server import drop_database, make_database, running_server


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> House:
    """Built once; tests work on copies."""
    return build_house(tmp_path_factory.mktemp("house") / "rights")


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The socket folder of a server that is the tests' own."""
    pytest.importorskip("psycopg", reason="PostgreSQL's driver is not installed")
    with running_server() as socket:
        yield socket


@pytest.fixture(scope="session")
def postgres_template(postgres: str, tmp_path_factory: pytest.TempPathFactory) -> House:
    """Built once in a database that copies are made of."""
    url = make_database(postgres, "template_house")
    return build_house(tmp_path_factory.mktemp("house") / "rights", database=url)


@pytest.fixture
def house(sqlite_template: House, tmp_path: Path) -> Iterator[House]:
    """A house on SQLite."""
    made = copy_house(sqlite_template, tmp_path / "rights")
    yield made
    made.registry.close()


def _in_postgres(request: pytest.FixtureRequest, folder: Path) -> Iterator[House]:
    template: House = request.getfixturevalue("postgres_template")
    socket: str = request.getfixturevalue("postgres")
    template.registry.close()
    name = f"house_{hashlib.sha256(request.node.nodeid.encode()).hexdigest()[:16]}"
    made = copy_house(template, folder, make_database(socket, name, "template_house"))
    yield made
    made.registry.close()
    drop_database(socket, name)


@pytest.fixture(params=["sqlite", "postgresql"])
def either_house(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[House]:
    """A house on SQLite, and one on PostgreSQL, in every run: where the database itself is what is tested."""
    if request.param == "sqlite":
        yield request.getfixturevalue("house")
    else:
        yield from _in_postgres(request, tmp_path / "rights")


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
def any_house(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[House]:
    """A house on SQLite; in the slow tests one on PostgreSQL, too."""
    if request.param == "sqlite":
        yield request.getfixturevalue("house")
    else:
        yield from _in_postgres(request, tmp_path / "rights")
