"""A licence as an ODRL 2.2 agreement in JSON-LD, and back: nothing is lost on the way.

W3C Recommendations odrl-model and odrl-vocab. What ODRL has no word for is said in a profile of our own, `PROFILE`;
what is not permitted is prohibited (conflict: prohibit), and the usual misuses are prohibited by name besides.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from scan3d.errors import InputError
from scan3d.rights.codec import from_json, time_of, time_text
from scan3d.rights.money import Money
from scan3d.rights.terms import Licence
from scan3d.rights.territories import WORLD
from scan3d.rights.vocabulary import Deliverable, Purpose

CONTEXT = "http://www.w3.org/ns/odrl.jsonld"
PROFILE = "urn:scan3d:odrl:1"
_OURS = "scan3d:"
_COUNTRY = "https://www.iso.org/obp/ui/#iso:code:3166:"
_CURRENCY = "urn:iso:std:iso:4217:"
# What each deliverable lets a licensee do with the twin: make pictures of it, or have the mesh itself.
_ACTIONS = {Deliverable.PICTURES: "derive", Deliverable.MESH: "reproduce"}
_NEVER = ("grantUse", "sell", "transfer")


def to_odrl(licence: Licence) -> dict[str, Any]:
    """The agreement: assigner is the person, assignee the licensee, target the twin."""
    constraints, duties = _constraints(licence), _duties(licence)
    permitted = [_ACTIONS[kind] for kind in licence.deliverables]
    if licence.body_edits:
        permitted.append("modify")
    if licence.purpose == Purpose.TRAIN:
        permitted.append(_OURS + "train")
    return {
        "@context": [CONTEXT, {"scan3d": PROFILE + "#", "dct": "http://purl.org/dc/terms/"}],
        "@type": "Agreement",
        "uid": _urn(licence.licence_id),
        "profile": PROFILE,
        "conflict": "prohibit",
        "dct:issued": time_text(licence.signed_at),
        "target": {"@type": "Asset", "uid": _urn(licence.twin_id), "scan3d:version": licence.twin_version},
        "assigner": {"@type": "Party", "uid": _urn(licence.subject_id)},
        "assignee": {"@type": "Party", "uid": _urn(licence.licensee_id)},
        "scan3d:consent": _urn(licence.consent_id),
        "scan3d:agency": None if licence.agency_id is None else _urn(licence.agency_id),
        "scan3d:terms": licence.terms_url,
        "permission": [{"action": action, "constraint": constraints, "duty": duties} for action in permitted],
        "prohibition": [{"action": action} for action in prohibited_actions(permitted)],
    }


def prohibited_actions(permitted: Sequence[str]) -> list[str]:
    """Everything of this vocabulary that is not permitted."""
    return sorted({*_ACTIONS.values(), "modify", _OURS + "train", *_NEVER} - set(permitted))


def from_odrl(document: Any, where: str = "") -> Licence:
    """The licence that `to_odrl` said. Raises InputError for anything else.

    A constraint or duty that is not known here cannot be kept, so that the whole is refused.
    """
    try:
        licence = _licence(document)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError):
        raise _foreign(where) from None
    # Whatever stood there besides, or otherwise, would be lost.
    if to_odrl(licence) != document:
        raise _foreign(where)
    return licence


def _licence(document: Mapping[str, Any]) -> Licence:
    first = document["permission"][0]
    found = {(one["leftOperand"], one["operator"]): one["rightOperand"] for one in first["constraint"]}
    duties = {_action_of(duty): duty for duty in first["duty"]}
    actions = {one["action"] for one in document["permission"]}
    pay = duties["compensate"]
    agency = document["scan3d:agency"]
    fields = {
        "signed_at": document["dct:issued"],
        "licence_id": _hex(document["uid"]),
        "twin_id": _hex(document["target"]["uid"]),
        "twin_version": document["target"]["scan3d:version"],
        "subject_id": _hex(document["assigner"]["uid"]),
        "licensee_id": _hex(document["assignee"]["uid"]),
        "consent_id": _hex(document["scan3d:consent"]),
        "agency_id": None if agency is None else _hex(agency),
        "purpose": _words(found[("purpose", "eq")])[0],
        "media": _words(found[("deliveryChannel", "isAnyOf")]),
        "territories": _countries(found.get(("spatial", "isAnyOf"))),
        "starts_at": found[("dateTime", "gteq")]["@value"],
        "ends_at": found[("dateTime", "lt")]["@value"],
        "quota": int(found[("count", "lteq")]["@value"]),
        "content": _words(found[(_OURS + "content", "isAnyOf")]),
        "rate": _money(pay["action"][0]["refinement"][0]),
        "splits": [{"party_id": _hex(one["@id"]), "percent": one["scan3d:percent"]} for one in pay["scan3d:splits"]],
        "body_edits": "modify" in actions,
        "deliverables": _words(found[(_OURS + "deliverable", "isAnyOf")]),
        "notice_hours": duties["obtainConsent"]["scan3d:noticeHours"],
        "visible_label": _OURS + "label" in duties,
        "terms_url": document["scan3d:terms"],
    }
    time_of(fields["starts_at"])
    return from_json(Licence, fields)


def _constraints(licence: Licence) -> list[dict[str, Any]]:
    territories = [] if WORLD in licence.territories else licence.territories
    return [
        _constraint("purpose", "eq", _iris([licence.purpose])),
        _constraint("dateTime", "gteq", {"@value": time_text(licence.starts_at), "@type": "xsd:dateTime"}),
        _constraint("dateTime", "lt", {"@value": time_text(licence.ends_at), "@type": "xsd:dateTime"}),
        _constraint("count", "lteq", {"@value": str(licence.quota), "@type": "xsd:integer"}),
        _constraint("deliveryChannel", "isAnyOf", _iris(licence.media)),
        *(
            [_constraint("spatial", "isAnyOf", [{"@id": _COUNTRY + code} for code in territories])]
            if territories
            else []
        ),
        _constraint(_OURS + "content", "isAnyOf", _iris(licence.content)),
        _constraint(_OURS + "deliverable", "isAnyOf", _iris(licence.deliverables)),
    ]


def _duties(licence: Licence) -> list[dict[str, Any]]:
    amount = _constraint("payAmount", "eq", {"@value": str(licence.rate.amount), "@type": "xsd:decimal"})
    pay = {
        "action": [{"rdf:value": {"@id": "odrl:compensate"}, "refinement": [amount | {"unit": _unit(licence.rate)}]}],
        "scan3d:splits": [
            {"@id": _urn(split.party_id), "scan3d:percent": format(split.percent, "f")} for split in licence.splits
        ],
    }
    ask = {
        "action": "obtainConsent",
        "consentingParty": _urn(licence.subject_id),
        "scan3d:noticeHours": licence.notice_hours,
    }
    return [pay, ask, {"action": "watermark"}, *([{"action": _OURS + "label"}] if licence.visible_label else [])]


def _constraint(left: str, operator: str, right: Any) -> dict[str, Any]:
    return {"leftOperand": left, "operator": operator, "rightOperand": right}


def _action_of(duty: Mapping[str, Any]) -> str:
    action = duty["action"]
    return action if isinstance(action, str) else str(action[0]["rdf:value"]["@id"]).removeprefix("odrl:")


def _iris(words: Sequence[str]) -> list[dict[str, str]]:
    return [{"@id": _OURS + str(word)} for word in words]


def _words(iris: Sequence[Mapping[str, str]]) -> list[str]:
    return [one["@id"].removeprefix(_OURS) for one in iris]


def _countries(iris: Sequence[Mapping[str, str]] | None) -> list[str]:
    return [WORLD] if iris is None else [one["@id"].removeprefix(_COUNTRY) for one in iris]


def _unit(money: Money) -> dict[str, str]:
    return {"@id": _CURRENCY + money.currency}


def _money(refinement: Mapping[str, Any]) -> dict[str, str]:
    amount = Decimal(refinement["rightOperand"]["@value"])
    return {"amount": str(amount), "currency": refinement["unit"]["@id"].removeprefix(_CURRENCY)}


def _urn(value: str) -> str:
    return f"urn:uuid:{uuid.UUID(hex=value)}"


def _hex(urn: str) -> str:
    return uuid.UUID(urn.removeprefix("urn:uuid:")).hex


def _foreign(where: str) -> InputError:
    return InputError(
        "This is no agreement that scan3d can keep to the letter.",
        where,
        "Give a document that `scan3d rights terms --as odrl` wrote.",
    )
