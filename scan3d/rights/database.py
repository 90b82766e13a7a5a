"""The registry's database: SQLite in the registry's folder, or PostgreSQL by URL; one writer at a time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from scan3d.errors import InputError, MissingDependencyError, StorageError

_WAIT_S = 120


def open_engine(url: str, folder: Path) -> sa.Engine:
    """The database of a URL; a relative path of SQLite's is taken from the registry's folder.

    Raises InputError for a URL that is none, MissingDependencyError without PostgreSQL's driver.
    """
    try:
        made = sa.make_url(url)
    except sa.exc.ArgumentError:
        raise InputError("The database's URL is not valid.", url, "Give sqlite:///registry.sqlite.") from None
    if made.get_backend_name() == "sqlite":
        return _sqlite(folder / (made.database or "registry.sqlite"))
    if made.get_backend_name() == "postgresql":
        return _postgresql(made)
    raise InputError("The database is not known here.", made.get_backend_name(), "Give SQLite or PostgreSQL.")


def _sqlite(path: Path) -> sa.Engine:
    engine = sa.create_engine(f"sqlite:///{path.absolute()}", connect_args={"timeout": _WAIT_S})

    @sa.event.listens_for(engine, "connect")
    def _connect(connection: Any, record: Any) -> None:
        # The driver's own idea of when a transaction begins is switched off; ours follows.
        connection.isolation_level = None
        for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"):
            connection.execute(f"PRAGMA {pragma}")

    @sa.event.listens_for(engine, "begin")
    def _begin(connection: sa.Connection) -> None:
        writes = connection.get_execution_options().get("writes", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def _postgresql(url: sa.URL) -> sa.Engine:
    try:
        import psycopg  # noqa: F401
    except ImportError:
        raise MissingDependencyError(
            "PostgreSQL's driver is not installed.", "psycopg", "Run: pip install 'scan3d[postgresql]'"
        ) from None
    return sa.create_engine(url.set(drivername="postgresql+psycopg"), pool_pre_ping=True)


@contextmanager
def database_errors(engine: sa.Engine) -> Iterator[None]:
    """Turns the database's own errors into a StorageError with the three lines that people read."""
    try:
        yield
    except SQLAlchemyError as error:
        reason = str(getattr(error, "orig", None) or error).strip().splitlines()
        raise StorageError(
            f"The registry's database does not answer: {reason[0] if reason else type(error).__name__}",
            engine.url.render_as_string(hide_password=True),
            "Check that it is there and not full; nothing was changed.",
        ) from error


@contextmanager
def reading(engine: sa.Engine) -> Iterator[sa.Connection]:
    """A transaction that only reads: what it sees is of one instant."""
    with database_errors(engine), engine.connect() as connection:
        if engine.dialect.name == "postgresql":
            connection = connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        with connection.begin():
            yield connection


@contextmanager
def writing(engine: sa.Engine) -> Iterator[sa.Connection]:
    """A transaction that writes, whole or not at all; the caller locks the ledger's head first."""
    with (
        database_errors(engine),
        engine.connect().execution_options(writes=True) as connection,
        connection.begin(),
    ):
        yield connection


def migrate(engine: sa.Engine) -> None:
    """Brings the tables up to what this version of the program wants. Raises StorageError."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    with database_errors(engine), engine.connect().execution_options(writes=True) as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
