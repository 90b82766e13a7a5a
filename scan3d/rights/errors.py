"""Refusals. Every rule that can refuse has a class of its own, and a name that machines can ask for: `rule`."""

from __future__ import annotations

from typing import ClassVar

from scan3d.errors import Scan3dError


class RightsError(Scan3dError):
    """Something is not allowed, or what should prove that it is allowed does not.

    rule: which one refused, a word that does not change.
    """

    exit_code = 8
    rule: ClassVar[str] = "not_allowed"

    def __init__(self, what: str, where: str = "", next_step: str = "") -> None:
        super().__init__(what, where, next_step)
        # Exception.args keep the sentence alone, so that an error that crosses processes is not named twice.
        self.what = f"Refused ({self.rule}): {what}"


class BadSignatureError(RightsError):
    """The signature is not that of these bytes."""

    rule = "bad_signature"


class UnknownKeyError(RightsError):
    """The registry knows no such key."""

    rule = "unknown_key"


class KeyRetiredError(RightsError):
    """The key was replaced, or is not yet valid, or is newer than what it signs."""

    rule = "key_retired"


class WrongSignerError(RightsError):
    """Signed by somebody else than who has to, as by an agency for the model."""

    rule = "wrong_signer"


class OutsideWindowError(RightsError):
    """Before it begins or after it ends."""

    rule = "outside_time_window"


class ClockSetBackError(RightsError):
    """The clock is behind what the ledger has seen."""

    rule = "clock_set_back"


class RevokedError(RightsError):
    """The person has taken it back."""

    rule = "revoked"


class SuspendedError(RightsError):
    """The person has suspended it."""

    rule = "suspended"


class OutOfScopeError(RightsError):
    """Something that the licence or the approval does not cover."""

    rule = "out_of_scope"


class MediaOutOfScopeError(OutOfScopeError):
    """Another medium than those licensed."""

    rule = "media_out_of_scope"


class TerritoryOutOfScopeError(OutOfScopeError):
    """Another territory than those licensed."""

    rule = "territory_out_of_scope"


class LicenseeOutOfScopeError(OutOfScopeError):
    """Another party than the licensee."""

    rule = "licensee_out_of_scope"


class ContentOutOfScopeError(OutOfScopeError):
    """Another class of content than those licensed."""

    rule = "content_out_of_scope"


class DeliverableOutOfScopeError(OutOfScopeError):
    """A mesh where only pictures are licensed."""

    rule = "deliverable_out_of_scope"


class SceneOutOfScopeError(OutOfScopeError):
    """Another scene than the one that was approved."""

    rule = "scene_out_of_scope"


class BodyAlteredError(RightsError):
    """Mesh, maps or body are not those of the twin, or not those that were approved."""

    rule = "body_altered"


class QuotaExceededError(RightsError):
    """All uses of the licence are taken."""

    rule = "quota_exceeded"


class ReplayedApprovalError(RightsError):
    """The approval has been used up, or was handed in before."""

    rule = "replayed_approval"


class ReplayedRecordError(RightsError):
    """A record of this id is there already."""

    rule = "replayed_record"


class LedgerBrokenError(RightsError):
    """The ledger was edited, or what it proves was."""

    rule = "ledger_broken"


class LedgerRolledBackError(LedgerBrokenError):
    """The ledger ends before, or differs from, a head that somebody kept outside."""

    rule = "ledger_rolled_back"


class UnmarkedOutputError(RightsError):
    """A file would leave without its marks."""

    rule = "unmarked_output"


class TrainingWithoutConsentError(RightsError):
    """Training a model needs a consent of that kind."""

    rule = "training_without_consent"


class MinorWithoutGuardianError(RightsError):
    """A minor's records need their guardian's signature."""

    rule = "minor_without_guardian"


class RateBelowFloorError(RightsError):
    """Less per use than the person accepts."""

    rule = "rate_below_floor"


class CommissionAboveCapError(RightsError):
    """The agency would take more than a fifth of the model's pay."""

    rule = "commission_above_cap"


class MixedCurrencyError(RightsError):
    """Amounts of different currencies cannot meet."""

    rule = "mixed_currency"


class FloatMoneyError(RightsError):
    """Money is decimal; a binary fraction is none."""

    rule = "float_money"


class SplitMismatchError(RightsError):
    """The parts are not the whole."""

    rule = "split_mismatch"


class SubjectErasedError(RightsError):
    """The person's data were erased."""

    rule = "subject_erased"


class NotRegisteredError(RightsError):
    """The registry knows no such twin, party or record."""

    rule = "not_registered"


class NoConsentError(RightsError):
    """No consent of the kind that this needs."""

    rule = "no_consent"


class NoLicenceError(RightsError):
    """No licence, or one that has not been signed by both."""

    rule = "no_licence"


class ExpiredError(OutsideWindowError):
    """It has ended."""

    rule = "expired"


class NotApprovedError(RightsError):
    """The person has not approved this use."""

    rule = "not_approved"


class DeniedError(NotApprovedError):
    """The person has said no."""

    rule = "denied"


class LapsedError(NotApprovedError):
    """Nobody answered in time, and silence is a no."""

    rule = "lapsed"


class NoticeTooShortError(RightsError):
    """The terms ask for more notice."""

    rule = "notice_too_short"


class WrongStateError(RightsError):
    """This cannot follow on the state it is in."""

    rule = "wrong_state"
