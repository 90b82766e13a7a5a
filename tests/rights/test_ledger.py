"""The ledger: whatever is edited in it, or in what it vouches for, is found."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import pytest
import sqlalchemy as sa

from scan3d.rights import tables
from scan3d.rights.database import migrate, writing
from scan3d.rights.errors import LedgerBrokenError, LedgerRolledBackError
from scan3d.rights.gate import ask
from scan3d.rights.uses import Output, note_delivered, note_marked, note_rendered, reserve
from scan3d.rights.verifying import verify_registry
from scan3d.rights.vocabulary import Purpose
from tests.rights.house import House, intent
from tests.rights.ledger_edits import EDITS, found_edits, lengthen


def delivered(house: House) -> str:
    """A use that has left; its id."""
    use_id = house.id()
    reserve(house.registry, house.approved(house.licence()), use_id=use_id, staging=Path("/nowhere"))
    note_rendered(house.registry, use_id)
    note_marked(house.registry, use_id, [Output(path=Path("a.png"), sha256="a" * 64, marked=True)], "b" * 64)
    note_delivered(house.registry, use_id)
    return use_id


def test_every_edit_of_a_ledger_is_found(either_house: House) -> None:
    source = random.Random(5)
    head = lengthen(either_house.registry, 300, source)
    assert head.sequence == 300 and verify_registry(either_house.registry).events == 300
    told = found_edits(either_house.registry, head, 120, source)
    assert told == dict.fromkeys(EDITS, (20, 20))
    assert verify_registry(either_house.registry, [head]).events == 300


@pytest.mark.slow
def test_a_thousand_edits_of_a_long_ledger_are_found(house: House) -> None:
    source = random.Random(6)
    head = lengthen(house.registry, 4000, source)
    told = found_edits(house.registry, head, 1000, source, step=200)
    assert all(made == found for made, found in told.values()) and sum(made for made, _ in told.values()) == 1000


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE licences SET state = 'active', quota = 1000",
        "UPDATE licences SET taken = 0, delivered = 0",
        "UPDATE licences SET licensee_id = agency_id",
        "UPDATE uses SET state = 'reserved'",
        "UPDATE uses SET watermark_id = 7",
        "UPDATE uses SET outputs = '[]'",
        "UPDATE uses SET manifest_sha256 = 'c'",
        "UPDATE requests SET taken = 0",
        "UPDATE requests SET answer_by = '2099'",
        "UPDATE twins SET mesh_sha256 = body_sha256",
        "UPDATE consents SET kind = 'train' WHERE kind = 'use'",
        "UPDATE consents SET ends_at = '2099-01-01T00:00:00.000000Z'",
        "UPDATE keys SET party_id = 'x'",
        "UPDATE keys SET valid_until = '2099-01-01T00:00:00.000000Z', state = 'retired'",
        "UPDATE subjects SET state = 'suspended'",
        "UPDATE records SET body = replace(body, 'EUR', 'USD')",
        "UPDATE records SET body = NULL, salt = NULL",
        "UPDATE records SET signatures = '[]'",
        "DELETE FROM records WHERE type = 'approval'",
        "INSERT INTO parties SELECT 'f', role, name FROM parties LIMIT 1",
        "UPDATE parties SET name = 'Somebody else'",
    ],
)
def test_what_the_tables_say_is_what_the_ledger_says(house: House, statement: str) -> None:
    delivered(house)
    verify_registry(house.registry)
    with writing(house.registry.engine) as connection:
        connection.execute(sa.text(statement))
    with pytest.raises(LedgerBrokenError):
        verify_registry(house.registry)


def test_the_gate_finds_an_old_copy_of_the_database(house: House, tmp_path: Path) -> None:
    wanted = house.approved(house.licence())
    folder = house.registry.settings.folder
    house.registry.close()
    shutil.copytree(folder, tmp_path / "backup")
    reserve(house.registry, wanted, use_id=house.id(), staging=Path("/nowhere"))
    house.registry.close()
    for left in folder.glob("registry.sqlite*"):
        left.unlink()
    for kept in (tmp_path / "backup").glob("registry.sqlite*"):
        shutil.copy(kept, folder / kept.name)
    # Without the head beside the database the use could be taken again.
    for attempt in (
        lambda: ask(house.registry, wanted),
        lambda: reserve(house.registry, wanted, use_id=house.id(), staging=Path("/nowhere")),
        lambda: verify_registry(house.registry),
    ):
        with pytest.raises(LedgerRolledBackError):
            attempt()


def test_the_gate_finds_a_broken_end_and_a_damaged_head(either_house: House) -> None:
    with writing(either_house.registry.engine) as connection:
        last = sa.select(sa.func.max(tables.events.c.sequence)).scalar_subquery()
        connection.execute(tables.events.update().where(tables.events.c.sequence == last).values(body="{}"))
    with pytest.raises(LedgerBrokenError):
        ask(either_house.registry, intent(purpose=Purpose.QC))
    (either_house.registry.settings.witnesses / "last_seen.json").write_text("{")
    with pytest.raises(LedgerBrokenError):
        ask(either_house.registry, intent(purpose=Purpose.QC))


def test_migrations_come_to_the_tables_as_they_are_written_down(either_house: House) -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    migrate(either_house.registry.engine)
    with either_house.registry.engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), tables.metadata) == []
