"""What changes what stands: revocations, suspensions, new keys, payments."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from scan3d.rights.errors import MixedCurrencyError, SplitMismatchError
from scan3d.rights.money import Money, total
from scan3d.rights.record import Record, check_hash, check_id, check_some, check_text


class Target(enum.StrEnum):
    """What a revocation or suspension is about. SUBJECT: everything of that person."""

    CONSENT = "consent"
    LICENCE = "licence"
    TWIN = "twin"
    SUBJECT = "subject"


@dataclass(frozen=True, kw_only=True)
class Revocation(Record):
    """The person takes something back for good; what was delivered follows the licence."""

    TYPE: ClassVar[str] = "revocation"

    revocation_id: str
    subject_id: str
    target: Target
    target_id: str
    reason: str

    def __post_init__(self) -> None:
        for name in ("revocation_id", "subject_id", "target_id"):
            check_id(getattr(self, name), name)
        check_text(self.reason, "reason", 3)

    @property
    def record_id(self) -> str:
        return self.revocation_id


@dataclass(frozen=True, kw_only=True)
class Suspension(Record):
    """The person suspends something (suspended), or lets it go on."""

    TYPE: ClassVar[str] = "suspension"

    suspension_id: str
    subject_id: str
    target: Target
    target_id: str
    suspended: bool
    reason: str

    def __post_init__(self) -> None:
        for name in ("suspension_id", "subject_id", "target_id"):
            check_id(getattr(self, name), name)
        check_text(self.reason, "reason", 3)

    @property
    def record_id(self) -> str:
        return self.suspension_id


@dataclass(frozen=True, kw_only=True)
class NewKey(Record):
    """A party's or person's next key. Signed by itself and the key it replaces, or, when that is lost, by recoverers.

    lost: whether the old key is lost. A recovered key is valid from effective_at on; until then the old one can object.
    """

    TYPE: ClassVar[str] = "new_key"

    rotation_id: str
    party_id: str
    public_key: str
    old_key_id: str
    lost: bool
    effective_at: datetime
    reason: str

    def __post_init__(self) -> None:
        for name in ("rotation_id", "party_id", "old_key_id"):
            check_id(getattr(self, name), name)
        check_hash(self.public_key, "public_key")
        check_text(self.reason, "reason", 3)

    @property
    def record_id(self) -> str:
        return self.rotation_id


@dataclass(frozen=True, kw_only=True)
class Objection(Record):
    """The holder of a key that was said to be lost: it is not. Signed by that key."""

    TYPE: ClassVar[str] = "objection"

    objection_id: str
    rotation_id: str
    party_id: str

    def __post_init__(self) -> None:
        for name in ("objection_id", "rotation_id", "party_id"):
            check_id(getattr(self, name), name)

    @property
    def record_id(self) -> str:
        return self.objection_id


@dataclass(frozen=True, kw_only=True)
class Part:
    """What one party is paid of an amount."""

    party_id: str
    amount: Money

    def __post_init__(self) -> None:
        check_id(self.party_id, "party_id")


class PaymentKind(enum.StrEnum):
    """An invoice asks for the money, a payment says that it came."""

    INVOICE = "invoice"
    PAYMENT = "payment"


@dataclass(frozen=True, kw_only=True)
class Payment(Record):
    """An invoice for one delivered use, or its payment. parts: sum to the amount. Signed by the studio."""

    TYPE: ClassVar[str] = "payment"

    payment_id: str
    use_id: str
    kind: PaymentKind
    amount: Money
    parts: tuple[Part, ...]

    def __post_init__(self) -> None:
        check_id(self.payment_id, "payment_id")
        check_id(self.use_id, "use_id")
        check_some(self.parts, "parts")
        if any(part.amount.currency != self.amount.currency for part in self.parts):
            raise MixedCurrencyError("The parts are in another currency than the whole.", self.payment_id, "")
        if total([part.amount for part in self.parts]) != self.amount:
            raise SplitMismatchError(f"The parts do not sum to {self.amount}.", self.payment_id, "Split it again.")

    @property
    def record_id(self) -> str:
        return self.payment_id
