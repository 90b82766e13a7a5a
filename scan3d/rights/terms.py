"""What a licensee may do, what they ask for, and what the person answers: licences, requests, approvals."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import ClassVar

from scan3d.errors import InputError
from scan3d.rights.errors import FloatMoneyError
from scan3d.rights.money import Money
from scan3d.rights.record import (
    SHORTEST_DESCRIPTION,
    Record,
    check_count,
    check_hash,
    check_id,
    check_some,
    check_text,
    check_window,
)
from scan3d.rights.territories import check_territories
from scan3d.rights.vocabulary import Content, Deliverable, Medium, Purpose


@dataclass(frozen=True, kw_only=True)
class Split:
    """A party's share of each payment, percent. party_id: also the subject's own id."""

    party_id: str
    percent: Decimal

    def __post_init__(self) -> None:
        check_id(self.party_id, "party_id")
        if isinstance(self.percent, float):
            raise FloatMoneyError("A share is a binary fraction.", "", 'Give Decimal("12.5").')
        if not self.percent.is_finite() or not 0 <= self.percent <= 100:
            raise InputError(f"A share of {self.percent} % cannot be.", "split", "Give 0 to 100.")


@dataclass(frozen=True, kw_only=True)
class Licence(Record):
    """Terms under which a licensee may use one version of a twin. rate: per use. quota: uses in all.

    Signed by the person, then by the licensee. notice_hours: between a request and its first use. visible_label:
    pictures say that they are synthetic. body_edits: whether a body other than the scanned may be approved.
    """

    TYPE: ClassVar[str] = "licence"

    licence_id: str
    twin_id: str
    twin_version: int
    subject_id: str
    licensee_id: str
    consent_id: str
    purpose: Purpose
    media: tuple[Medium, ...]
    territories: tuple[str, ...]
    starts_at: datetime
    ends_at: datetime
    quota: int
    content: tuple[Content, ...]
    rate: Money
    splits: tuple[Split, ...]
    agency_id: str | None = None
    body_edits: bool = False
    deliverables: tuple[Deliverable, ...] = (Deliverable.PICTURES,)
    notice_hours: int = 0
    visible_label: bool = True
    terms_url: str = ""

    def __post_init__(self) -> None:
        for name in ("licence_id", "twin_id", "subject_id", "licensee_id", "consent_id"):
            check_id(getattr(self, name), name)
        check_count(self.twin_version, "twin_version")
        check_count(self.quota, "quota")
        check_window(self.starts_at, self.ends_at)
        check_territories(self.territories)
        for name in ("media", "content", "deliverables", "splits"):
            check_some(getattr(self, name), name)
        if self.purpose == Purpose.QC:
            raise InputError("Quality control is not licensed.", "purpose", "Give use or train.")
        if not 0 <= self.notice_hours <= 24 * 365:
            raise InputError(f"A notice of {self.notice_hours} h cannot be.", "notice_hours", "Give 0 to 8760.")
        if self.rate.amount < 0:
            raise InputError(f"A rate of {self.rate} cannot be.", "rate", "Give 0 or more.")

    @property
    def record_id(self) -> str:
        return self.licence_id


@dataclass(frozen=True, kw_only=True)
class UseRequest(Record):
    """A licensee asks for uses of one scene. answer_by: then it lapses. uses: deliveries asked for.

    scene_sha256: of everything that decides what is shown; preview_sha256: of the small picture the person looks at.
    body_sha256: the body that will be shown; the twin's own, unless it was edited.
    """

    TYPE: ClassVar[str] = "request"

    request_id: str
    licence_id: str
    licensee_id: str
    medium: Medium
    territories: tuple[str, ...]
    content: Content
    deliverable: Deliverable
    brief: str
    scene_sha256: str
    preview_sha256: str
    body_sha256: str
    answer_by: datetime
    uses: int = 1

    def __post_init__(self) -> None:
        for name in ("request_id", "licence_id", "licensee_id"):
            check_id(getattr(self, name), name)
        for name in ("scene_sha256", "preview_sha256", "body_sha256"):
            check_hash(getattr(self, name), name)
        check_territories(self.territories)
        check_text(self.brief, "brief", SHORTEST_DESCRIPTION)
        check_count(self.uses, "uses")
        check_window(self.signed_at, self.answer_by)

    @property
    def record_id(self) -> str:
        return self.request_id


@dataclass(frozen=True, kw_only=True)
class Approval(Record):
    """The person's answer to one request, bound to its very bytes. expires_at: no use begins after it."""

    TYPE: ClassVar[str] = "approval"

    approval_id: str
    request_id: str
    request_sha256: str
    approved: bool
    expires_at: datetime

    def __post_init__(self) -> None:
        check_id(self.approval_id, "approval_id")
        check_id(self.request_id, "request_id")
        check_hash(self.request_sha256, "request_sha256")
        check_window(self.signed_at, self.expires_at)

    @property
    def record_id(self) -> str:
        return self.approval_id
