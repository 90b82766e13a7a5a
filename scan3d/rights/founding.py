"""A new registry: its folder, its database, the studio's key and certificate authority; whole or not at all."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import sqlalchemy as sa

from scan3d.errors import InputError
from scan3d.pipeline.aside import written_aside
from scan3d.rights import tables
from scan3d.rights.clock import Clock, Ids, SystemClock
from scan3d.rights.database import migrate, open_engine, writing
from scan3d.rights.keys import Cost, SigningKey, write_key
from scan3d.rights.ledger import begin_ledger
from scan3d.rights.people import Party
from scan3d.rights.registry import STUDIO_KEY, STUDIO_PASSPHRASE, Registry
from scan3d.rights.settings import Settings, write_settings
from scan3d.rights.submit import submit
from scan3d.rights.vocabulary import Role


def found_registry(
    folder: Path,
    studio: str,
    *,
    database: str = "sqlite:///registry.sqlite",
    clock: Clock | None = None,
    ids: Ids | None = None,
    cost: Cost | None = None,
    key: SigningKey | None = None,
) -> Registry:
    """Makes the registry of a studio in a folder that is empty or not there; returns it opened.

    The studio's machine keeps its passphrase beside its key, readable by its user alone, since it signs unattended.
    clock, ids, cost, key: given only by tests and simulations. Raises InputError, StorageError.
    """
    clock, ids = clock or SystemClock(), ids or Ids()
    folder = folder.absolute()
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError("The folder is not empty.", str(folder), "Give a new folder for the registry.")
    settings = Settings(
        folder=folder, registry_id=ids.new_id(), studio_id=ids.new_id(), studio_name=studio, database=database
    )
    with written_aside(folder) as aside, _renamed_over(folder):
        aside.mkdir(mode=0o700)
        inside = replace(settings, folder=aside)
        _fill(inside, key or SigningKey.new(), cost, clock)
        _register_studio(Registry(inside, clock=clock, ids=ids))
    return Registry.open(folder, clock=clock, ids=ids)


@contextmanager
def _renamed_over(folder: Path) -> Iterator[None]:
    yield
    if folder.exists():
        folder.rmdir()


def _fill(settings: Settings, key: SigningKey, cost: Cost | None, clock: Clock) -> None:
    from scan3d.rights.marks.certificates import create_authority

    engine = open_engine(settings.database, settings.folder)
    try:
        migrate(engine)
        with writing(engine) as connection:
            if connection.execute(sa.select(tables.ledger_head)).first() is not None:
                raise InputError(
                    "The database holds a registry already.",
                    engine.url.render_as_string(hide_password=True),
                    "Give another one, or copy that registry's rights.toml, keys and ca here.",
                )
            begin_ledger(connection, settings.registry_id, clock, studio=settings.studio_id)
    finally:
        engine.dispose()
    passphrase = secrets.token_urlsafe(24)
    write_key(settings.keys / STUDIO_KEY, key, passphrase, owner=settings.studio_name, cost=cost)
    with os.fdopen(os.open(settings.keys / STUDIO_PASSPHRASE, os.O_WRONLY | os.O_CREAT, 0o600), "w") as out:
        out.write(passphrase + "\n")
    create_authority(settings.certificates, settings.studio_name)
    settings.witnesses.mkdir()
    write_settings(settings)


def _register_studio(registry: Registry) -> None:
    settings, key = registry.settings, registry.studio_key()
    studio = Party(
        signed_at=registry.clock.now(),
        party_id=settings.studio_id,
        role=Role.STUDIO,
        name=settings.studio_name,
        public_key=key.public_key,
    )
    submit(registry, key.sign(studio))
    registry.close()
