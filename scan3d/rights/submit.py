"""The one door for what people have signed: whatever its type, it is checked, kept and logged, or refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from scan3d.errors import InputError
from scan3d.rights.changes import add_new_key, add_objection, add_revocation, add_suspension
from scan3d.rights.enrolment import add_consent, add_party, add_subject, add_twin
from scan3d.rights.licensing import add_licence
from scan3d.rights.orders import NewKey, Objection, Payment, Revocation, Suspension
from scan3d.rights.payments import add_payment
from scan3d.rights.people import Consent, Party, Subject, Twin
from scan3d.rights.record import Record
from scan3d.rights.records import Signed
from scan3d.rights.registry import Registry
from scan3d.rights.requests import add_approval, add_request
from scan3d.rights.standing import sweep
from scan3d.rights.terms import Approval, Licence, UseRequest

_ADD: dict[type[Record], Callable[..., Any]] = {
    Party: add_party,
    Subject: add_subject,
    Twin: add_twin,
    Consent: add_consent,
    Licence: add_licence,
    UseRequest: add_request,
    Approval: add_approval,
    Revocation: add_revocation,
    Suspension: add_suspension,
    NewKey: add_new_key,
    Objection: add_objection,
    Payment: add_payment,
}


def submit(registry: Registry, signed: Signed) -> str:
    """Hands a signed record in; returns its id. Nothing is kept of what is refused.

    Raises RightsError with the rule that refuses, InputError for what is no such record.
    """
    add = _ADD.get(type(signed.record))
    if add is None:
        raise InputError(f"A {signed.record.TYPE} is not handed in.", signed.record.record_id, "")
    # What has run out by itself is written down whether or not the record is taken.
    with registry.writing() as writing:
        sweep(writing)
    with registry.writing() as writing:
        add(registry, writing, signed, signed.record)
    return signed.record.record_id
