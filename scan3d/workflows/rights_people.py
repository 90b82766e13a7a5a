"""Records of who is who, made from what a command is given: keys, parties, persons, twins, consents."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import sqlalchemy as sa

from scan3d.errors import InputError
from scan3d.rights import tables
from scan3d.rights.keys import SigningKey, key_id_of, read_public_key, write_key
from scan3d.rights.money import Money
from scan3d.rights.orders import NewKey, Objection
from scan3d.rights.people import Consent, Party, Subject, Twin
from scan3d.rights.records import Signed
from scan3d.rights.registry import Registry
from scan3d.rights.twin_hashes import twin_hashes
from scan3d.rights.vocabulary import ConsentKind, Role
from scan3d.workflows.rights_desk import one_of, passphrase_for, time_at


def new_key(path: Path, owner: str, passphrase_file: Path | None) -> str:
    """Writes a new key; returns its public half. Raises InputError."""
    key = SigningKey.new()
    write_key(path, key, passphrase_for(path, passphrase_file), owner=owner)
    return key.public_key


def party_of(registry: Registry, name: str, role: str, key: Path) -> Party:
    """A party by its key file. Raises InputError."""
    return Party(
        signed_at=registry.clock.now(),
        party_id=registry.ids.new_id(),
        role=one_of(Role, role, "--role"),
        name=name,
        public_key=read_public_key(key)[0],
    )


def subject_of(
    registry: Registry,
    alias: str,
    key: Path,
    *,
    of_age_on: str | None = None,
    guardian: str | None = None,
    agency: str | None = None,
    recovery: tuple[str, ...] = (),
    floor: str | None = None,
) -> Subject:
    """A person by their key file. of_age_on: "2030-05-01" for a minor. floor: "100 EUR". Raises InputError."""
    try:
        day = None if of_age_on is None else date.fromisoformat(of_age_on)
    except ValueError:
        raise InputError(f"'{of_age_on}' is no day.", "--of-age-on", "Give 2030-05-01.") from None
    return Subject(
        signed_at=registry.clock.now(),
        subject_id=registry.ids.new_id(),
        alias=alias,
        public_key=read_public_key(key)[0],
        of_age_on=day,
        guardian_id=guardian,
        agency_id=agency,
        recovery=recovery,
        rate_floor=None if floor is None else Money.parse(floor),
    )


def consent_of(
    registry: Registry,
    subject: str,
    kind: str,
    description: str,
    purpose: str,
    starts: str | None,
    ends: str,
    rate: str | None,
) -> Consent:
    """A consent. starts: None for now. Raises InputError."""
    now = registry.clock.now()
    return Consent(
        signed_at=now,
        consent_id=registry.ids.new_id(),
        subject_id=subject,
        kind=one_of(ConsentKind, kind, "--kind"),
        description=description,
        purpose=purpose,
        starts_at=now if starts is None else time_at(starts, "--from"),
        ends_at=time_at(ends, "--until"),
        rate=None if rate is None else Money.parse(rate),
    )


def twin_of(registry: Registry, take: Path, subject: str) -> Twin:
    """The twin that lies in a take, as the subject's next version. Raises InputError."""
    hashes = twin_hashes(take)
    query = sa.select(sa.func.max(tables.twins.c.version)).where(tables.twins.c.subject_id == subject)
    with registry.reading() as reading:
        newest = reading.connection.execute(query).scalar()
    return Twin(
        signed_at=registry.clock.now(),
        twin_id=registry.ids.new_id(),
        subject_id=subject,
        version=(newest or 0) + 1,
        mesh_sha256=hashes.mesh_sha256,
        textures_sha256=hashes.textures_sha256,
        body_sha256=hashes.body_sha256,
    )


def new_key_of(registry: Registry, party: str, old_key_id: str, new: SigningKey, *, lost: bool, reason: str) -> Signed:
    """The record of a party's next key, signed by it. old_key_id: as `scan3d rights key show` prints it."""
    now = registry.clock.now()
    wait = timedelta(hours=registry.settings.recovery_wait_hours, minutes=10) if lost else timedelta(0)
    record = NewKey(
        signed_at=now,
        rotation_id=registry.ids.new_id(),
        party_id=party,
        public_key=new.public_key,
        old_key_id=old_key_id,
        lost=lost,
        effective_at=now + wait,
        reason=reason,
    )
    return new.sign(record)


def objection_of(registry: Registry, rotation: str) -> Objection:
    """The objection to the recovery of a key that is not lost. Raises RightsError."""
    with registry.reading() as reading:
        new = reading.record(NewKey, rotation)
    return Objection(
        signed_at=registry.clock.now(),
        objection_id=registry.ids.new_id(),
        rotation_id=rotation,
        party_id=new.party_id,
    )


def key_about(path: Path) -> dict[str, str]:
    """What may be told of a key file. Raises InputError."""
    public, owner = read_public_key(path)
    return {"owner": owner, "public_key": public, "key_id": key_id_of(public)}
