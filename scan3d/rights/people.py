"""Who is who, and what the person agrees to: parties, subjects, their twins, their consents."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import ClassVar

from scan3d.rights.money import Money
from scan3d.rights.record import (
    SHORTEST_DESCRIPTION,
    Record,
    check_count,
    check_hash,
    check_id,
    check_ids,
    check_text,
    check_window,
)
from scan3d.rights.vocabulary import ConsentKind, Role


@dataclass(frozen=True, kw_only=True)
class Party(Record):
    """Somebody who is not scanned: the studio, an agency, a licensee, a guardian. public_key: Ed25519, hexadecimal."""

    TYPE: ClassVar[str] = "party"

    party_id: str
    role: Role
    name: str
    public_key: str

    def __post_init__(self) -> None:
        check_id(self.party_id, "party_id")
        check_hash(self.public_key, "public_key")
        check_text(self.name, "name", 1)

    @property
    def record_id(self) -> str:
        return self.party_id


@dataclass(frozen=True, kw_only=True)
class Subject(Record):
    """The person scanned, by an alias. of_age_on: None for adults; until that day their guardian signs with them.

    recovery: parties of whom the guardian alone, or two, may replace a lost key. rate_floor: least pay per use.
    personal_commitment: of the sealed personal data, 64 digits, or "" where there are none.
    """

    TYPE: ClassVar[str] = "subject"

    subject_id: str
    alias: str
    public_key: str
    of_age_on: date | None = None
    guardian_id: str | None = None
    agency_id: str | None = None
    recovery: tuple[str, ...] = ()
    rate_floor: Money | None = None
    personal_commitment: str = ""

    def __post_init__(self) -> None:
        check_id(self.subject_id, "subject_id")
        check_hash(self.public_key, "public_key")
        check_text(self.alias, "alias", 1)
        check_ids(self.recovery, "recovery")
        for name in ("guardian_id", "agency_id"):
            if getattr(self, name) is not None:
                check_id(getattr(self, name), name)
        if self.personal_commitment:
            check_hash(self.personal_commitment, "personal_commitment")

    @property
    def record_id(self) -> str:
        return self.subject_id

    def is_minor(self, on: date) -> bool:
        """Whether they are under age on that day."""
        return self.of_age_on is not None and on < self.of_age_on


@dataclass(frozen=True, kw_only=True)
class Twin(Record):
    """One version of a person's twin. The hashes are those of scan3d.rights.twin_hashes: 64 digits each."""

    TYPE: ClassVar[str] = "twin"

    twin_id: str
    subject_id: str
    version: int
    mesh_sha256: str
    textures_sha256: str
    body_sha256: str

    def __post_init__(self) -> None:
        check_id(self.twin_id, "twin_id")
        check_id(self.subject_id, "subject_id")
        check_count(self.version, "version")
        for name in ("mesh_sha256", "textures_sha256", "body_sha256"):
            check_hash(getattr(self, name), name)

    @property
    def record_id(self) -> str:
        return self.twin_id


@dataclass(frozen=True, kw_only=True)
class Consent(Record):
    """The person agrees to one kind of thing, for a described purpose and time. rate: the least per use, if agreed."""

    TYPE: ClassVar[str] = "consent"

    consent_id: str
    subject_id: str
    kind: ConsentKind
    description: str
    purpose: str
    starts_at: datetime
    ends_at: datetime
    rate: Money | None = None

    def __post_init__(self) -> None:
        check_id(self.consent_id, "consent_id")
        check_id(self.subject_id, "subject_id")
        check_text(self.description, "description", SHORTEST_DESCRIPTION)
        check_text(self.purpose, "purpose", 3)
        check_window(self.starts_at, self.ends_at)

    @property
    def record_id(self) -> str:
        return self.consent_id
