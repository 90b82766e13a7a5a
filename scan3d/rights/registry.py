"""A registry: its folder, its database, its studio's key; and the transactions in which all is read and written."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa

from scan3d.errors import InputError
from scan3d.rights import tables
from scan3d.rights.clock import Clock, Ids, SystemClock
from scan3d.rights.database import open_engine, reading, writing
from scan3d.rights.keys import SigningKey, read_key
from scan3d.rights.ledger import Head, check_end, not_set_back
from scan3d.rights.settings import Settings, read_settings
from scan3d.rights.transactions import Reading, Writing
from scan3d.rights.witness import read_heads, remember_head

STUDIO_KEY = "studio.key"
STUDIO_PASSPHRASE = "studio.passphrase"

_END = sa.select(tables.ledger_head)


class Registry:
    """An opened registry. clock, ids: given only by tests and simulations."""

    def __init__(self, settings: Settings, *, clock: Clock | None = None, ids: Ids | None = None) -> None:
        self.settings = settings
        self.clock = clock or SystemClock()
        self.ids = ids or Ids()
        self.engine = open_engine(settings.database, settings.folder)
        self._studio: SigningKey | None = None

    @classmethod
    def open(cls, folder: Path, *, clock: Clock | None = None, ids: Ids | None = None) -> Registry:
        """The registry in a folder. Raises InputError where there is none."""
        return cls(read_settings(folder), clock=clock, ids=ids)

    def close(self) -> None:
        """Lets go of the database."""
        self.engine.dispose()

    def studio_key(self) -> SigningKey:
        """The key that the studio's machine signs with. Raises InputError where it cannot be opened."""
        if self._studio is None:
            path = self.settings.keys / STUDIO_PASSPHRASE
            try:
                passphrase = path.read_text().strip()
            except OSError:
                raise InputError(
                    "The studio's passphrase is not there.", str(path), "Put it back, readable by this user only."
                ) from None
            self._studio = read_key(self.settings.keys / STUDIO_KEY, passphrase)
        return self._studio

    @contextmanager
    def reading(self) -> Iterator[Reading]:
        """A view of one instant; the clock and the ledger's end are checked. Raises RightsError, StorageError."""
        # Heads are read before the view begins: what is written meanwhile is newer than both.
        now, heads = self.clock.now(), read_heads(self.settings)
        with reading(self.engine) as connection:
            end = connection.execute(_END).one()
            found = Reading(connection, not_set_back(end.at, now))
            check_end(connection, end, heads)
            yield found

    @contextmanager
    def writing(self) -> Iterator[Writing]:
        """A change, whole or not at all, one at a time among all processes. Raises RightsError, StorageError."""
        heads = read_heads(self.settings)
        with writing(self.engine) as connection:
            writer = Writing(connection, self.clock, self.ids, heads)
            yield writer
            writer.ledger.close()
            end = writer.ledger.end()
        # So that restoring an old copy of the database alone is found.
        remember_head(self.settings, end)

    def head(self) -> Head:
        """Where the ledger ends now."""
        with self.reading() as view:
            end = view.connection.execute(sa.select(tables.ledger_head)).one()
            return Head(registry_id=end.registry_id, sequence=end.sequence, hash=end.hash, signed_at=view.now)
