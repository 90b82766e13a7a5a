"""A studio with a person, an agency, two licensees and a licence, for tests: everything on a clock that they set."""

from __future__ import annotations

import random
import shutil
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from scan3d.rights.clock import Ids
from scan3d.rights.founding import found_registry
from scan3d.rights.intent import Intent, TwinHashes
from scan3d.rights.keys import Cost, SigningKey
from scan3d.rights.money import Money
from scan3d.rights.records import (
    Approval,
    Consent,
    Licence,
    Party,
    Record,
    Revocation,
    Signed,
    Split,
    Subject,
    Suspension,
    Target,
    Twin,
    UseRequest,
)
from scan3d.rights.registry import Registry
from scan3d.rights.settings import write_settings
from scan3d.rights.submit import submit
from scan3d.rights.vocabulary import ConsentKind, Content, Deliverable, Medium, Purpose, Role

START = datetime(2026, 9, 1, 9, 0, tzinfo=UTC)
OF_AGE_LATE = date(2030, 1, 1)
CHEAP = Cost(memory_kib=64, iterations=1, lanes=1)
SCENE = {"pose": "stand", "look": "studio"}
TWIN = TwinHashes(mesh_sha256="1" * 64, textures_sha256="2" * 64, body_sha256="3" * 64)


@dataclass
class SetClock:
    """Says what it was told."""

    time: datetime = START

    def now(self) -> datetime:
        return self.time

    def pass_(self, **how_long: float) -> None:
        self.time += timedelta(**how_long)


@dataclass
class Person:
    """Somebody with a key. id: of the party or subject."""

    id: str
    key: SigningKey


@dataclass
class House:
    """The registry and who is in it. ids and keys come from a seed: two houses are the same."""

    registry: Registry
    clock: SetClock
    source: random.Random
    people: dict[str, Person] = field(default_factory=dict)
    consents: dict[str, str] = field(default_factory=dict)

    def id(self) -> str:
        return self.registry.ids.new_id()

    def key(self) -> SigningKey:
        return SigningKey(self.source.randbytes(32))

    def hand_in(self, record: Record | Signed, *by: str) -> str:
        """Signs with the keys of these people, and submits."""
        return submit(self.registry, self.signed(record, *by))

    def signed(self, record: Record | Signed, *by: str) -> Signed:
        signed = record if isinstance(record, Signed) else Signed(record=record)
        for name in by:
            signed = self.people[name].key.sign(signed)
        return signed

    def party(self, name: str, role: Role) -> str:
        key, party_id = self.key(), self.id()
        self.people[name] = Person(party_id, key)
        now = self.clock.now()
        self.hand_in(Party(signed_at=now, party_id=party_id, role=role, name=name, public_key=key.public_key), name)
        return party_id

    def subject(self, name: str, *, also: tuple[str, ...] = (), **fields: Any) -> str:
        key, subject_id = self.key(), self.id()
        self.people[name] = Person(subject_id, key)
        record = Subject(
            signed_at=self.clock.now(), subject_id=subject_id, alias=name, public_key=key.public_key, **fields
        )
        self.hand_in(record, name, *also)
        return subject_id

    def consent_record(self, kind: ConsentKind, subject: str = "anna", **fields: Any) -> Consent:
        now = self.clock.now()
        consent = Consent(
            signed_at=now,
            consent_id=self.id(),
            subject_id=self.people[subject].id,
            kind=kind,
            description="Pictures of my twin in this season's campaigns",
            purpose="advertising",
            starts_at=now,
            ends_at=now + timedelta(days=400),
        )
        return replace(consent, **fields)

    def consent(self, kind: ConsentKind, subject: str = "anna", *, by: str | None = None, **fields: Any) -> str:
        record = self.consent_record(kind, subject, **fields)
        self.consents[f"{subject} {kind.value}"] = self.hand_in(record, by or subject)
        return record.consent_id

    def twin_record(self, subject: str = "anna", hashes: TwinHashes = TWIN, version: int = 1) -> Twin:
        return Twin(
            signed_at=self.clock.now(),
            twin_id=self.id(),
            subject_id=self.people[subject].id,
            version=version,
            mesh_sha256=hashes.mesh_sha256,
            textures_sha256=hashes.textures_sha256,
            body_sha256=hashes.body_sha256,
        )

    def twin(self, subject: str = "anna", hashes: TwinHashes = TWIN, version: int = 1) -> str:
        record = self.twin_record(subject, hashes, version)
        self.hand_in(self.registry.studio_key().sign(record))
        self.people[f"{subject}'s twin"] = Person(record.twin_id, self.registry.studio_key())
        return record.twin_id

    def licence_record(self, subject: str = "anna", licensee: str = "brand", **fields: Any) -> Licence:
        now = self.clock.now()
        licence = Licence(
            signed_at=now,
            licence_id=self.id(),
            twin_id=self.people[f"{subject}'s twin"].id,
            twin_version=1,
            subject_id=self.people[subject].id,
            licensee_id=self.people[licensee].id,
            agency_id=self.people["agency"].id,
            consent_id=self.consents[f"{subject} use"],
            purpose=Purpose.USE,
            media=(Medium.SOCIAL, Medium.ECOMMERCE),
            territories=("DE", "FR"),
            starts_at=now,
            ends_at=now + timedelta(days=90),
            quota=3,
            content=(Content.FASHION,),
            rate=Money.of("120.01", "EUR"),
            splits=(
                Split(party_id=self.people[subject].id, percent=Decimal(60)),
                Split(party_id=self.people["agency"].id, percent=Decimal(15)),
                Split(party_id=self.registry.settings.studio_id, percent=Decimal(25)),
            ),
        )
        return replace(licence, **fields)

    def licence(self, subject: str = "anna", licensee: str = "brand", **fields: Any) -> str:
        return self.hand_in(self.licence_record(subject, licensee, **fields), subject, licensee)

    def request_record(self, licence_id: str, licensee: str = "brand", **fields: Any) -> UseRequest:
        now = self.clock.now()
        request = UseRequest(
            signed_at=now,
            request_id=self.id(),
            licence_id=licence_id,
            licensee_id=self.people[licensee].id,
            medium=Medium.SOCIAL,
            territories=("DE",),
            content=Content.FASHION,
            deliverable=Deliverable.PICTURES,
            brief="Spring coat, standing, on white",
            scene_sha256=intent().scene_sha256,
            preview_sha256="4" * 64,
            body_sha256=TWIN.body_sha256,
            answer_by=now + timedelta(days=3),
        )
        return replace(request, **fields)

    def request(self, licence_id: str, licensee: str = "brand", **fields: Any) -> UseRequest:
        record = self.request_record(licence_id, licensee, **fields)
        self.hand_in(record, licensee)
        return record

    def approval_record(self, request: UseRequest, **fields: Any) -> Approval:
        now = self.clock.now()
        approval = Approval(
            signed_at=now,
            approval_id=self.id(),
            request_id=request.request_id,
            request_sha256=request.digest(),
            approved=True,
            expires_at=now + timedelta(days=30),
        )
        return replace(approval, **fields)

    def approve(self, request: UseRequest, by: str = "anna", **fields: Any) -> str:
        return self.hand_in(self.approval_record(request, **fields), by)

    def approved(self, licence_id: str, **fields: Any) -> Intent:
        """A request that is approved, as the intent that fits it."""
        request = self.request(licence_id, **fields)
        self.approve(request)
        return intent(request.request_id)

    def revocation(self, target: Target, target_id: str, subject: str = "anna") -> Revocation:
        return Revocation(
            signed_at=self.clock.now(),
            revocation_id=self.id(),
            subject_id=self.people[subject].id,
            target=target,
            target_id=target_id,
            reason="I no longer want this",
        )

    def suspension(self, target: Target, target_id: str, suspended: bool = True, subject: str = "anna") -> Suspension:
        return Suspension(
            signed_at=self.clock.now(),
            suspension_id=self.id(),
            subject_id=self.people[subject].id,
            target=target,
            target_id=target_id,
            suspended=suspended,
            reason="For the time being",
        )


def intent(request_id: str | None = None, **fields: Any) -> Intent:
    """What fits the house's requests, unless fields say otherwise."""
    wanted = Intent(
        purpose=Purpose.USE, deliverable=Deliverable.PICTURES, twin=TWIN, scene=SCENE, request_id=request_id
    )
    return replace(wanted, **fields)


def build_house(
    folder: Path,
    *,
    database: str = "sqlite:///registry.sqlite",
    seed: int = 1,
    start: datetime = START,
    twin: TwinHashes = TWIN,
) -> House:
    """A registry with anna (by an agency), the brands "brand" and "rival", her consents and her twin."""
    source = random.Random(seed)
    clock = SetClock(start)
    registry = found_registry(
        folder,
        "Studio Nord",
        database=database,
        clock=clock,
        ids=Ids(source),
        cost=CHEAP,
        key=SigningKey(source.randbytes(32)),
    )
    house = House(registry, clock, source)
    house.party("agency", Role.AGENCY)
    house.party("brand", Role.LICENSEE)
    house.party("rival", Role.LICENSEE)
    studio = registry.settings.studio_id
    house.people["studio"] = Person(studio, registry.studio_key())
    house.subject(
        "anna",
        agency_id=house.people["agency"].id,
        recovery=(house.people["agency"].id, studio),
        rate_floor=Money.of(100, "EUR"),
    )
    for kind in (ConsentKind.SCAN, ConsentKind.BUILD, ConsentKind.USE):
        house.consent(kind)
    house.twin(hashes=twin)
    return house


def copy_house(template: House, folder: Path, database: str = "sqlite:///registry.sqlite") -> House:
    """The same house again, in another folder; its database, where that is no file in it, has been copied before."""
    template.registry.close()
    shutil.copytree(template.registry.settings.folder, folder)
    write_settings(replace(template.registry.settings, folder=folder, database=database))
    source = random.Random()
    source.setstate(template.source.getstate())
    clock = SetClock(template.clock.time)
    registry = Registry.open(folder, clock=clock, ids=Ids(source))
    people = {name: replace(person) for name, person in template.people.items()}
    return House(registry, clock, source, people, dict(template.consents))
