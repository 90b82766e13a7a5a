"""Terms made from what a command is given: licences from a TOML file, requests, answers, revocations."""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from scan3d.errors import InputError
from scan3d.rights import tables
from scan3d.rights.errors import FloatMoneyError
from scan3d.rights.money import Money
from scan3d.rights.orders import Revocation, Suspension, Target
from scan3d.rights.registry import Registry
from scan3d.rights.terms import Approval, Licence, Split, UseRequest
from scan3d.rights.vocabulary import Content, Deliverable, Medium, Purpose
from scan3d.workflows.rights_desk import one_of, time_at

TERMS_EXAMPLE = """# Terms of a licence. Nothing is allowed that is not named here.
twin = "32 digits"
licensee = "32 digits"
consent = "32 digits, of the kind use or train"
agency = "32 digits"            # optional
purpose = "use"                 # or train
media = ["social", "ecommerce"]
territories = ["DE", "FR"]      # ISO 3166, or WORLD
from = 2026-12-01
until = 2027-05-31
quota = 20
content = ["fashion"]
rate = "120.00 EUR"             # per use
body_edits = false
deliverables = ["pictures"]     # mesh only where it is meant
notice_hours = 48
visible_label = true
terms_url = ""

[splits]                        # percent; the subject's share under "subject", the studio's under "studio"
subject = "65"
agency = "15"
studio = "20"
"""
_REQUIRED = ("twin", "licensee", "consent", "media", "territories", "until", "quota", "content", "rate", "splits")
_OPTIONAL = ("agency", "purpose", "from", "body_edits", "deliverables", "notice_hours", "visible_label", "terms_url")


def read_terms(registry: Registry, path: Path) -> Licence:
    """The licence that a TOML file describes (see TERMS_EXAMPLE). Raises InputError, RightsError."""
    try:
        terms = tomllib.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise InputError(f"The terms cannot be read: {error}.", str(path), "scan3d rights licence example") from None
    missing, unknown = set(_REQUIRED) - terms.keys(), terms.keys() - {*_REQUIRED, *_OPTIONAL}
    if missing or unknown:
        wrong = f"lack {', '.join(sorted(missing))}" if missing else f"know no {', '.join(sorted(unknown))}"
        raise InputError(f"The terms {wrong}.", str(path), "See: scan3d rights licence example")
    with registry.reading() as reading:
        twin = reading.known(tables.twins, str(terms["twin"]))
    try:
        return _licence(registry, terms, twin)
    except (TypeError, ValueError, AttributeError, InvalidOperation) as error:
        raise InputError(f"The terms are not valid: {error}.", str(path), "scan3d rights licence example") from None


def _licence(registry: Registry, terms: Mapping[str, Any], twin: Any) -> Licence:
    now = registry.clock.now()
    return Licence(
        signed_at=now,
        licence_id=registry.ids.new_id(),
        twin_id=twin.twin_id,
        twin_version=twin.version,
        subject_id=twin.subject_id,
        licensee_id=terms["licensee"],
        consent_id=terms["consent"],
        agency_id=terms.get("agency"),
        purpose=one_of(Purpose, terms.get("purpose", "use"), "purpose"),
        media=tuple(one_of(Medium, one, "media") for one in terms["media"]),
        territories=tuple(terms["territories"]),
        starts_at=_when(terms.get("from"), "from") if "from" in terms else now,
        ends_at=_when(terms["until"], "until"),
        quota=_whole(terms["quota"]),
        content=tuple(one_of(Content, one, "content") for one in terms["content"]),
        rate=_money(terms["rate"]),
        splits=_splits(registry, terms["splits"], twin.subject_id, terms.get("agency")),
        body_edits=_flag(terms.get("body_edits", False)),
        deliverables=tuple(one_of(Deliverable, one, "deliverables") for one in terms.get("deliverables", ["pictures"])),
        notice_hours=_whole(terms.get("notice_hours", 0)),
        visible_label=_flag(terms.get("visible_label", True)),
        terms_url=str(terms.get("terms_url", "")),
    )


def _when(value: Any, name: str) -> datetime:
    return time_at(value.isoformat() if isinstance(value, date) else str(value), name)


def _whole(value: Any) -> int:
    if type(value) is not int:
        raise ValueError(f"{value} is no whole number")
    return value


def _flag(value: Any) -> bool:
    if type(value) is not bool:
        raise ValueError(f"{value} is neither true nor false")
    return value


def _money(value: Any) -> Money:
    if isinstance(value, float):
        raise FloatMoneyError(f"The rate {value} is a binary fraction.", "rate", 'Write it as text: "120.00 EUR".')
    return Money.parse(str(value))


def _splits(registry: Registry, shares: Mapping[str, Any], subject_id: str, agency: str | None) -> tuple[Split, ...]:
    known = {"subject": subject_id, "studio": registry.settings.studio_id, "agency": agency}
    found = []
    for name, share in shares.items():
        if isinstance(share, float):
            raise FloatMoneyError(f"The share of {name} is a binary fraction.", "splits", 'Write it as text: "12.5".')
        found.append(Split(party_id=str(known.get(name) or name), percent=Decimal(share)))
    return tuple(found)


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What a licensee asks for; the command's options by the same names. preview: a picture's file."""

    licence: str
    medium: str
    territories: tuple[str, ...]
    content: str
    brief: str
    scene: str
    preview: Path
    deliverable: str = "pictures"
    body: str | None = None
    uses: int = 1
    days: float = 7.0


def request_of(registry: Registry, wanted: Wanted) -> UseRequest:
    """A request under a licence, of the twin's own body unless another is named. Raises InputError, RightsError."""
    now = registry.clock.now()
    with registry.reading() as reading:
        licence = reading.record(Licence, wanted.licence)
        twin = reading.known(tables.twins, licence.twin_id)
    try:
        preview = hashlib.sha256(wanted.preview.read_bytes()).hexdigest()
    except OSError as error:
        raise InputError(f"The preview cannot be read: {error.strerror}.", str(wanted.preview), "") from None
    return UseRequest(
        signed_at=now,
        request_id=registry.ids.new_id(),
        licence_id=licence.licence_id,
        licensee_id=licence.licensee_id,
        medium=one_of(Medium, wanted.medium, "--medium"),
        territories=wanted.territories,
        content=one_of(Content, wanted.content, "--content"),
        deliverable=one_of(Deliverable, wanted.deliverable, "--deliverable"),
        brief=wanted.brief,
        scene_sha256=wanted.scene,
        preview_sha256=preview,
        body_sha256=wanted.body or twin.body_sha256,
        answer_by=now + timedelta(days=wanted.days),
        uses=wanted.uses,
    )


def answer_to(registry: Registry, request_id: str, *, approved: bool, days: float) -> Approval:
    """The person's answer to a request as the registry has it. days: that a yes holds. Raises RightsError."""
    now = registry.clock.now()
    with registry.reading() as reading:
        request = reading.record(UseRequest, request_id)
    return Approval(
        signed_at=now,
        approval_id=registry.ids.new_id(),
        request_id=request_id,
        request_sha256=request.digest(),
        approved=approved,
        expires_at=now + timedelta(days=days),
    )


_TARGETS = {
    Target.CONSENT: tables.consents,
    Target.LICENCE: tables.licences,
    Target.TWIN: tables.twins,
    Target.SUBJECT: tables.subjects,
}


def _aimed_at(registry: Registry, target: str, target_id: str) -> tuple[Target, str]:
    """What a revocation or suspension is about, and whose it is. Raises InputError and RightsError."""
    kind = one_of(Target, target, "TARGET")
    with registry.reading() as reading:
        return kind, reading.known(_TARGETS[kind], target_id).subject_id


def revocation_of(registry: Registry, target: str, target_id: str, reason: str) -> Revocation:
    """Takes something back for good. Raises RightsError."""
    kind, subject_id = _aimed_at(registry, target, target_id)
    return Revocation(
        signed_at=registry.clock.now(),
        revocation_id=registry.ids.new_id(),
        subject_id=subject_id,
        target=kind,
        target_id=target_id,
        reason=reason,
    )


def suspension_of(registry: Registry, target: str, target_id: str, reason: str, *, suspended: bool) -> Suspension:
    """Suspends something, or lets it go on. Raises RightsError."""
    kind, subject_id = _aimed_at(registry, target, target_id)
    return Suspension(
        signed_at=registry.clock.now(),
        suspension_id=registry.ids.new_id(),
        subject_id=subject_id,
        target=kind,
        target_id=target_id,
        suspended=suspended,
        reason=reason,
    )
