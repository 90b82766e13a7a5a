"""Who and what is registered: parties, persons, their twins, their consents."""

from __future__ import annotations

from scan3d.rights import tables
from scan3d.rights.codec import time_text
from scan3d.rights.errors import MinorWithoutGuardianError, NotRegisteredError, ReplayedRecordError
from scan3d.rights.keys import key_id_of
from scan3d.rights.people import Consent, Party, Subject, Twin
from scan3d.rights.records import Signed
from scan3d.rights.registry import Registry
from scan3d.rights.signers import check_for_subject, check_new, check_own_key, check_time
from scan3d.rights.standing import check_has_consent, check_subject
from scan3d.rights.transactions import Reading, Writing
from scan3d.rights.vocabulary import ConsentKind, Role


def add_party(registry: Registry, writing: Writing, signed: Signed, record: Party) -> None:
    """Registers a studio, agency, licensee or guardian with the key that they show to hold."""
    check_time(writing.now, signed, registry.settings.signing_days)
    check_own_key(signed, record)
    writing.keep(signed, None)
    writing.connection.execute(
        tables.parties.insert().values(party_id=record.party_id, role=record.role.value, name=record.name)
    )
    add_key(writing, record.party_id, record.public_key)


def add_subject(registry: Registry, writing: Writing, signed: Signed, record: Subject) -> None:
    """Registers a person with their key; a minor's guardian signs with them.

    Raises MinorWithoutGuardianError, NotRegisteredError, and as signers do.
    """
    check_time(writing.now, signed, registry.settings.signing_days)
    check_own_key(signed, record)
    _check_recoverers(writing, record)
    if record.is_minor(writing.now.date()):
        if record.guardian_id is None:
            raise MinorWithoutGuardianError(
                "A minor has no guardian.", record.subject_id, "Register the guardian first, and name them."
            )
        others = tuple(one for one in signed.signatures if one.key_id != key_id_of(record.public_key))
        if not others:
            raise MinorWithoutGuardianError(
                "A minor's guardian has not signed.", record.subject_id, "Have the guardian sign it too."
            )
        check_new(writing, Signed(record=record, signatures=others), [record.guardian_id])
    writing.keep(signed, record.subject_id)
    writing.insert(
        tables.subjects,
        record.subject_id,
        subject_id=record.subject_id,
        alias=record.alias,
        state="active",
    )
    add_key(writing, record.subject_id, record.public_key)


def _check_recoverers(writing: Writing, record: Subject) -> None:
    named = [(record.guardian_id, Role.GUARDIAN), (record.agency_id, Role.AGENCY)]
    for party_id, role in [*named, *((one, None) for one in record.recovery)]:
        if party_id is not None:
            check_party(writing, party_id, role)


def check_party(reading: Reading, party_id: str, role: Role | None = None) -> None:
    """Raises NotRegisteredError for a party that is not there, or is something else."""
    row = reading.known(tables.parties, party_id)
    if role is not None and row.role != role.value:
        raise NotRegisteredError(f"{row.name} is a {row.role}, not a {role.value}.", party_id, "Name the right party.")


def add_key(
    writing: Writing, party_id: str, public_key: str, *, valid_from: str | None = None, state: str = "active"
) -> None:
    """Registers a public key; nobody else may have it. Raises ReplayedRecordError."""
    key_id = key_id_of(public_key)
    if writing.row(tables.keys, key_id) is not None:
        raise ReplayedRecordError("This key is somebody's already.", key_id, "Make a new one: scan3d rights key new")
    valid_from = valid_from or time_text(writing.now)
    writing.insert(
        tables.keys,
        None,
        key_id=key_id,
        party_id=party_id,
        public_key=public_key,
        valid_from=valid_from,
        state=state,
    )


def add_consent(registry: Registry, writing: Writing, signed: Signed, record: Consent) -> None:
    """Registers what a person agrees to, signed by nobody but them (or their guardian)."""
    check_subject(writing, record.subject_id)
    subject = writing.record(Subject, record.subject_id)
    check_for_subject(writing, signed, subject, registry.settings.signing_days)
    writing.keep(signed, record.subject_id)
    writing.insert(
        tables.consents,
        record.subject_id,
        consent_id=record.consent_id,
        subject_id=record.subject_id,
        kind=record.kind.value,
        starts_at=time_text(record.starts_at),
        ends_at=time_text(record.ends_at),
        state="active",
    )


def add_twin(registry: Registry, writing: Writing, signed: Signed, record: Twin) -> None:
    """Registers a twin, signed by the studio, of a person who has consented to be scanned and to have it built."""
    check_subject(writing, record.subject_id)
    check_new(writing, signed, [registry.settings.studio_id], signing_days=registry.settings.signing_days)
    for kind in (ConsentKind.SCAN, ConsentKind.BUILD):
        check_has_consent(writing, record.subject_id, kind)
    _check_version(writing, record)
    writing.keep(signed, record.subject_id)
    writing.insert(
        tables.twins,
        record.subject_id,
        **{
            name: getattr(record, name)
            for name in ("twin_id", "subject_id", "version", "mesh_sha256", "textures_sha256", "body_sha256")
        },
        state="active",
    )


def _check_version(writing: Writing, record: Twin) -> None:
    twins = tables.twins.c
    same = tables.twins.select().where(twins.subject_id == record.subject_id, twins.version == record.version)
    if writing.connection.execute(same).first() is not None:
        raise ReplayedRecordError(
            f"The person has a twin of version {record.version} already.", record.twin_id, "Give the next version."
        )
