"""Licences in other words: ODRL loses nothing, PLUS keeps what it can say, VRM never allows more."""

import copy
import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scan3d.errors import InputError
from scan3d.rights.money import DIGITS, Money
from scan3d.rights.terms import Licence, Split
from scan3d.rights.territories import COUNTRIES, WORLD
from scan3d.rights.vocabularies.odrl import from_odrl, prohibited_actions, to_odrl
from scan3d.rights.vocabularies.plus import from_xmp, plus_terms, to_xmp
from scan3d.rights.vocabularies.vrm import DENIED, check_vrm, to_vrm
from scan3d.rights.vocabulary import Content, Deliverable, Medium, Purpose

NOW = datetime(2026, 11, 8, tzinfo=UTC)

# ODRL Vocabulary & Expression 2.2, sections 4.5 to 4.7: those words that are used here.
ACTIONS = {
    "derive",
    "reproduce",
    "modify",
    "grantUse",
    "sell",
    "transfer",
    "compensate",
    "obtainConsent",
    "watermark",
}
LEFT_OPERANDS = {"purpose", "dateTime", "count", "deliveryChannel", "spatial", "payAmount"}
OPERATORS = {"eq", "gteq", "lt", "lteq", "isAnyOf"}

ids = st.uuids().map(lambda value: value.hex)
times = st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC))


def some(kind: Any) -> st.SearchStrategy[Any]:
    return st.lists(st.sampled_from(sorted(kind)), min_size=1, max_size=4, unique=True).map(tuple)


@st.composite
def licences(draw: st.DrawFn) -> Licence:
    subject, starts, code = draw(ids), draw(times), draw(st.sampled_from(sorted(DIGITS)))
    return Licence(
        licence_id=draw(ids),
        twin_id=draw(ids),
        twin_version=draw(st.integers(1, 99)),
        subject_id=subject,
        licensee_id=draw(ids),
        consent_id=draw(ids),
        purpose=draw(st.sampled_from([Purpose.USE, Purpose.TRAIN])),
        media=draw(some(Medium)),
        territories=draw(st.one_of(some(COUNTRIES), st.just((WORLD,)))),
        starts_at=starts,
        ends_at=starts + timedelta(days=draw(st.integers(1, 999))),
        quota=draw(st.integers(1, 10**6)),
        content=draw(some(Content)),
        rate=Money(amount=draw(st.integers(0, 10**7)) * Money.of(0, code).unit, currency=code),
        splits=(Split(party_id=subject, percent=Decimal("87.50")), Split(party_id=draw(ids), percent=Decimal("12.5"))),
        agency_id=draw(st.none() | ids),
        body_edits=draw(st.booleans()),
        deliverables=draw(some(Deliverable)),
        notice_hours=draw(st.sampled_from([0, 48])),
        visible_label=draw(st.booleans()),
        terms_url=draw(st.sampled_from(["", "https://example.org/terms?a=1&b=2"])),
        signed_at=draw(times),
    )


@given(licences())
def test_odrl_says_the_whole_licence_and_gives_it_back(licence: Licence) -> None:
    document = to_odrl(licence)
    assert from_odrl(json.loads(json.dumps(document))) == licence
    permitted = [one["action"] for one in document["permission"]]
    assert prohibited_actions(permitted) == [one["action"] for one in document["prohibition"]]
    assert ("modify" in permitted) == licence.body_edits and {"sell", "transfer", "grantUse"}.isdisjoint(permitted)
    assert ("reproduce" in permitted) == (Deliverable.MESH in licence.deliverables)


@given(licences())
def test_odrl_uses_the_words_of_the_recommendation(licence: Licence) -> None:
    document = to_odrl(licence)
    assert document["@type"] == "Agreement" and document["profile"] and document["conflict"] == "prohibit"
    for rule in document["permission"]:
        for one in rule["constraint"]:
            assert one["leftOperand"] in LEFT_OPERANDS or one["leftOperand"].startswith("scan3d:")
            assert one["operator"] in OPERATORS and one["rightOperand"]
        for duty in rule["duty"]:
            action = duty["action"]
            word = action if isinstance(action, str) else action[0]["rdf:value"]["@id"].removeprefix("odrl:")
            assert word in ACTIONS or word == "scan3d:label"
    for rule in (*document["permission"], *document["prohibition"]):
        assert rule["action"] in ACTIONS or rule["action"] == "scan3d:train"


def changes(document: dict[str, Any]) -> list[dict[str, Any]]:
    """One thing changed in each: what a reader must not overlook."""
    out = [{name: value for name, value in document.items() if name != key} for key in document]
    for edit in (
        lambda d: d["permission"].append({"action": "sell"}),
        lambda d: d["permission"][0]["constraint"].append({"leftOperand": "x", "operator": "eq", "rightOperand": "y"}),
        lambda d: d["permission"][0]["constraint"].pop(),
        lambda d: d["permission"][0]["duty"].pop(0),
        lambda d: d["prohibition"].pop(),
        lambda d: d.update({"permission": []}),
        lambda d: d.update({"obligation": [{"action": "delete"}]}),
        lambda d: d.update({"uid": "urn:uuid:none"}),
    ):
        changed = copy.deepcopy(document)
        edit(changed)
        out.append(changed)
    return out


@given(licences())
def test_odrl_of_others_is_refused_where_it_could_not_be_kept(licence: Licence) -> None:
    for changed in changes(to_odrl(licence)):
        with pytest.raises(InputError):
            from_odrl(changed)
    for other in (None, [], {}, "text", {"permission": [3]}):
        with pytest.raises(InputError):
            from_odrl(other)


@given(licences(), st.text(st.characters(min_codepoint=32, exclude_categories=["Cs"]), min_size=1, max_size=20))
def test_plus_gives_back_what_it_can_say(licence: Licence, name: str) -> None:
    data = to_xmp(licence, {licence.subject_id: name, licence.licensee_id: "Brand & <Söhne>"})
    assert from_xmp(data) == plus_terms(licence)
    assert (b"DMI-PROHIBITED<" in data) == (licence.purpose != Purpose.TRAIN)


@pytest.mark.parametrize("data", [b"", b"<x/>", b"<!DOCTYPE x><x/>", b"\xff\xfe"])
def test_other_xmp_is_refused(data: bytes) -> None:
    with pytest.raises(InputError, match="PLUS"):
        from_xmp(data)


@given(licences())
def test_vrm_never_allows_more_than_the_licence(licence: Licence) -> None:
    allows = check_vrm(json.loads(json.dumps(to_vrm("Anna", "anna", licence))))
    mesh = Deliverable.MESH in licence.deliverables and licence.purpose == Purpose.USE
    if not mesh:
        assert allows == DENIED
    assert allows["avatarPermission"] == ("onlySeparatelyLicensedPerson" if mesh else "onlyAuthor")
    assert (allows["modification"] != "prohibited") <= licence.body_edits
    assert allows["modification"] != "allowModificationRedistribution" and allows["creditNotation"] == "required"
    assert allows["allowExcessivelyViolentUsage"] <= (Content.VIOLENCE in licence.content)
    assert allows["allowPoliticalOrReligiousUsage"] <= (Content.POLITICAL in licence.content)
    assert allows["allowPoliticalOrReligiousUsage"] <= (Content.RELIGIOUS in licence.content)
    for never in ("allowRedistribution", "allowExcessivelySexualUsage", "allowAntisocialOrHateUsage"):
        assert allows[never] is False


def test_vrm_without_a_licence_denies_all_it_can() -> None:
    assert (
        check_vrm(to_vrm("Anna", "anna"))
        == DENIED
        == check_vrm({"name": "x", "authors": ["y"], "licenseUrl": "https://vrm.dev/licenses/1.0/"})
    )


@pytest.mark.parametrize(
    "change",
    [
        {"authors": []},
        {"authors": "anna"},
        {"name": None},
        {"licenseUrl": "https://example.org"},
        {"avatarPermission": "anybody"},
        {"allowRedistribution": "no"},
        {"commercialUsage": None},
    ],
)
def test_other_vrm_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        check_vrm(to_vrm("Anna", "anna") | change)
    with pytest.raises(InputError):
        check_vrm([])
