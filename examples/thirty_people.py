"""Thirty people own their twins, two brands that compete license them, one takes a licence back; who is paid what.

python examples/thirty_people.py [--out DIR] [--people 30]

A season of a studio in some seconds, on a clock that the script sets. Small drawings stand for the renders, so that it
needs no photographs; everything else is what `scan3d rights` and `scan3d mark` do. Keys are made in
one place here: in life every person and every brand keeps their own.
"""

from __future__ import annotations

import argparse
import random
import tempfile
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

from PIL import Image, ImageDraw

from scan3d.rights.clock import Ids
from scan3d.rights.delivery import Delivery
from scan3d.rights.errors import RightsError
from scan3d.rights.founding import found_registry
from scan3d.rights.intent import Intent, TwinHashes
from scan3d.rights.keys import SigningKey
from scan3d.rights.marked_uses import RegistryLookup
from scan3d.rights.marks.verify import trace
from scan3d.rights.money import Money, by_currency
from scan3d.rights.payments import draft_payment
from scan3d.rights.records import (
    Approval,
    Consent,
    Licence,
    Party,
    PaymentKind,
    Revocation,
    Split,
    Subject,
    Target,
    Twin,
    UseRequest,
)
from scan3d.rights.registry import Registry
from scan3d.rights.statements.csv_file import csv_bytes
from scan3d.rights.statements.pdf_file import pdf_bytes
from scan3d.rights.statements.period import Period
from scan3d.rights.statements.statement import Statement, statement_for
from scan3d.rights.submit import submit
from scan3d.rights.uses import reserve
from scan3d.rights.verifying import verify_registry
from scan3d.rights.vocabulary import ConsentKind, Content, Deliverable, Medium, Purpose, Role

SEASON = Period.parse("2026-Q4")
RATES = ("250.00 EUR", "275.50 EUR", "310.00 USD", "240.00 GBP")
SCENE = {"look": "studio", "pose": "contrapposto"}


class SetClock:
    """Tells the time that the script sets."""

    time = SEASON.starts_at + timedelta(hours=9)

    def now(self) -> datetime:
        """Aware, UTC."""
        return self.time


@dataclass(frozen=True)
class Somebody:
    """A person or a party, with the key that only they have."""

    id: str
    key: SigningKey


class Season:
    """The registry of a studio and everybody in it."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.clock, self.chance = folder, SetClock(), random.Random(30)
        ids = Ids(random.Random(31))
        self.registry: Registry = found_registry(folder / "rights", "Studio Nord", clock=self.clock, ids=ids)
        self.people: dict[str, Somebody] = {}
        self.licences: dict[tuple[str, str], str] = {}
        self.consents: dict[str, str] = {}
        self.twins: dict[str, tuple[str, TwinHashes]] = {}

    @property
    def now(self) -> datetime:
        """The script's time."""
        return self.clock.time

    def new_id(self) -> str:
        """32 digits."""
        return self.registry.ids.new_id()

    def party(self, name: str, role: Role) -> None:
        """An agency or a brand comes with a key of its own."""
        one = self.people[name] = Somebody(self.new_id(), SigningKey(self.chance.randbytes(32)))
        party = Party(signed_at=self.now, party_id=one.id, role=role, name=name, public_key=one.key.public_key)
        submit(self.registry, one.key.sign(party))

    def person(self, name: str) -> None:
        """Somebody is registered, consents to each thing by itself, is scanned, and owns a twin."""
        one = self.people[name] = Somebody(self.new_id(), SigningKey(self.chance.randbytes(32)))
        agency = self.people["Agency Alster"].id
        subject = Subject(
            signed_at=self.now, subject_id=one.id, alias=name, public_key=one.key.public_key, agency_id=agency
        )
        submit(self.registry, one.key.sign(subject))
        for kind in (ConsentKind.SCAN, ConsentKind.BUILD, ConsentKind.USE):
            consent = Consent(
                signed_at=self.now, consent_id=self.new_id(), subject_id=one.id, kind=kind,
                description="Pictures of my twin in clothes that I have seen", purpose="advertising",
                starts_at=self.now, ends_at=self.now + timedelta(days=365),
            )  # fmt: skip
            submit(self.registry, one.key.sign(consent))
            self.consents[name] = consent.consent_id
        # Of a take: scan3d.rights.twin_hashes.
        mesh, textures, body = (f"{self.chance.getrandbits(256):064x}" for _ in range(3))
        hashes = TwinHashes(mesh_sha256=mesh, textures_sha256=textures, body_sha256=body)
        twin = Twin(
            signed_at=self.now, twin_id=self.new_id(), subject_id=one.id, version=1,
            mesh_sha256=mesh, textures_sha256=textures, body_sha256=body,
        )  # fmt: skip
        submit(self.registry, self.registry.studio_key().sign(twin))
        self.twins[name] = (twin.twin_id, hashes)

    def license(self, name: str, brand: str, rate: str) -> None:
        """The person signs, then the brand. Of what person and agency earn, the agency gets less than a fifth."""
        person, licensee = self.people[name], self.people[brand]
        shares = ((person.id, 65), (self.people["Agency Alster"].id, 15), (self.registry.settings.studio_id, 20))
        licence = Licence(
            signed_at=self.now, licence_id=self.new_id(), twin_id=self.twins[name][0], twin_version=1,
            subject_id=person.id, licensee_id=licensee.id, agency_id=self.people["Agency Alster"].id,
            consent_id=self.consents[name], purpose=Purpose.USE, media=(Medium.SOCIAL, Medium.ECOMMERCE),
            territories=("DE", "FR", "GB", "US"), starts_at=self.now, ends_at=self.now + timedelta(days=180), quota=3,
            content=(Content.FASHION,), rate=Money.parse(rate),
            splits=tuple(Split(party_id=party, percent=Decimal(percent)) for party, percent in shares),
        )  # fmt: skip
        submit(self.registry, licensee.key.sign(person.key.sign(licence)))
        self.licences[name, brand] = licence.licence_id

    def ask(self, name: str, brand: str, medium: Medium = Medium.SOCIAL, answer: bool | None = True) -> Intent:
        """The brand asks for a use, and the person answers; None: they do not answer."""
        hashes, licensee = self.twins[name][1], self.people[brand]
        intent = Intent(purpose=Purpose.USE, deliverable=Deliverable.PICTURES, twin=hashes, scene=SCENE)
        request = UseRequest(
            signed_at=self.now, request_id=self.new_id(), licence_id=self.licences[name, brand],
            licensee_id=licensee.id, medium=medium, territories=("DE",), content=Content.FASHION,
            deliverable=Deliverable.PICTURES, brief=f"{brand}: the winter coat, three-quarter view",
            scene_sha256=intent.scene_sha256, preview_sha256="0" * 64, body_sha256=hashes.body_sha256,
            answer_by=self.now + timedelta(days=3),
        )  # fmt: skip
        submit(self.registry, licensee.key.sign(request))
        if answer is not None:
            said = Approval(
                signed_at=self.now, approval_id=self.new_id(), request_id=request.request_id,
                request_sha256=request.digest(), approved=answer, expires_at=self.now + timedelta(days=30),
            )  # fmt: skip
            submit(self.registry, self.people[name].key.sign(said))
        return Intent(**{**vars(intent), "request_id": request.request_id})

    def deliver(self, name: str, brand: str, intent: Intent) -> Path:
        """Reserve, write, mark, deliver, invoice: what commands with --use do. Raises RightsError."""
        delivery = Delivery(self.registry, self.folder / brand, self.new_id())
        delivery.begin()
        try:
            permit = reserve(self.registry, intent, use_id=delivery.use_id, staging=delivery.staging)
        except RightsError:
            delivery.end()
            raise
        number = 1 + len(list(delivery.folder.glob(f"{name}-*")))
        draw(delivery.written / f"{name}-{number}.jpg", self.chance)
        (picture,) = delivery.finish(permit, Deliverable.PICTURES)
        for kind in (PaymentKind.INVOICE, PaymentKind.PAYMENT):
            self.clock.time += timedelta(minutes=10)
            draft = draft_payment(self.registry, delivery.use_id, kind)
            submit(self.registry, self.registry.studio_key().sign(draft))
        return picture

    def revoke(self, name: str, brand: str) -> None:
        """The person takes a licence back."""
        order = Revocation(
            signed_at=self.now, revocation_id=self.new_id(), subject_id=self.people[name].id,
            target=Target.LICENCE, target_id=self.licences[name, brand], reason="I no longer stand for this brand",
        )  # fmt: skip
        submit(self.registry, self.people[name].key.sign(order))

    def statement(self, who: str) -> Statement:
        """What they are paid, or owe, for the season."""
        with self.registry.reading() as reading:
            return statement_for(reading, self.people[who].id, SEASON, self.registry.settings.studio_name)


def draw(path: Path, chance: random.Random) -> None:
    """A stand-in for a render: somebody in a coat."""
    picture = Image.new("RGB", (320, 420), "#e8e6e3")
    pen = ImageDraw.Draw(picture)
    tone = chance.choice(("#f1c9ae", "#d9a47f", "#a86f4b", "#6f452c", "#4a2d1d"))
    coat = chance.choice(("#28344a", "#7b2d26", "#3c5a3f", "#b9a57c"))
    pen.rounded_rectangle((76, 170, 244, 460), 58, fill=coat)
    pen.ellipse((110, 48, 210, 184), fill=tone)
    picture.save(path, quality=92)


def refused(season: Season, name: str, brand: str, intent: Intent) -> str:
    """The rule that refuses it."""
    try:
        season.deliver(name, brand, intent)
    except RightsError as error:
        return error.rule
    raise AssertionError("It should have been refused.")


def main() -> None:
    """Runs the season and prints what came of it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=None, help="a new folder; by default a temporary one")
    parser.add_argument("--people", type=int, default=30, help="at least 6")
    given = parser.parse_args()
    folder = given.out or Path(tempfile.mkdtemp(prefix="thirty_people_"))
    folder.mkdir(parents=True, exist_ok=True)
    season = Season(folder)
    season.people["studio"] = Somebody(season.registry.settings.studio_id, season.registry.studio_key())
    season.party("Agency Alster", Role.AGENCY)
    for brand in ("Brand Ost", "Brand West"):
        season.party(brand, Role.LICENSEE)
    names = [f"M{number:02d}" for number in range(1, max(given.people, 6) + 1)]
    for number, name in enumerate(names):
        season.person(name)
        # A person who licenses one brand is not kept from licensing its competitor.
        for brand in ("Brand Ost", "Brand West") if number % 3 == 0 else (("Brand Ost", "Brand West")[number % 2],):
            season.license(name, brand, RATES[number % len(RATES)])
    both = len(names[::3])
    print(f"{len(names)} people own their twins; {len(season.licences)} licences, {both} people with both brands.")

    season.clock.time += timedelta(days=20)
    pictures = [season.deliver(name, brand, season.ask(name, brand)) for name, brand in sorted(season.licences)]
    print(f"{len(pictures)} pictures were approved, marked, delivered and paid.")

    no, silent = season.ask("M02", "Brand West", answer=False), season.ask("M05", "Brand Ost", answer=None)
    season.clock.time += timedelta(days=4)
    print(f"M02 says no:             {refused(season, 'M02', 'Brand West', no)}")
    print(f"M05 does not answer:     {refused(season, 'M05', 'Brand Ost', silent)}")
    try:
        season.ask("M01", "Brand Ost", medium=Medium.TELEVISION)
    except RightsError as error:
        print(f"A use on television:     {error.rule}")
    waiting = season.ask("M04", "Brand West")
    season.revoke("M04", "Brand West")
    print(f"M04 revokes Brand West:  {refused(season, 'M04', 'Brand West', waiting)}, though it was approved before")
    season.deliver("M04", "Brand Ost", season.ask("M04", "Brand Ost"))
    print("M04 for Brand Ost:       delivered; that licence stands")

    report(season, pictures[0])
    print(f"Statements and pictures: {folder}")


def report(season: Season, picture: Path) -> None:
    """Who is owed what; whose picture this is; whether the ledger holds."""
    for who in ("M04", "Agency Alster", "studio", "Brand Ost", "Brand West"):
        made = season.statement(who)
        (season.folder / f"statement {who}.csv").write_bytes(csv_bytes(made))
        (season.folder / f"statement {who}.pdf").write_bytes(pdf_bytes(made))
        sums = ", ".join(str(one.own) for one in made.sums.values())
        print(f"{who + ':':25}{len(made.lines)} uses, {'owes' if made.owes else 'earned'} {sums}")
    owed = [season.statement(brand) for brand in ("Brand Ost", "Brand West")]
    earned = [season.statement(who) for who in (*(n for n in season.twins), "Agency Alster", "studio")]
    totals = [by_currency([one.own for made in side for one in made.sums.values()]) for side in (owed, earned)]
    assert totals[0] == totals[1], "every cent that is paid reaches somebody"
    stripped = picture.with_name("found in the street.png")
    Image.open(picture).convert("RGB").save(stripped)
    found = trace(stripped)
    use = RegistryLookup(season.registry).by_watermark(found.id) if found is not None else None
    told = "not identified" if use is None else f"{use.subject} for {use.licensee}, {use.standing}"
    print(f"A stripped picture is of {told}.")
    checked = verify_registry(season.registry)
    print(f"The ledger holds: {checked.events} events, {checked.records} signed records.")


if __name__ == "__main__":
    main()
