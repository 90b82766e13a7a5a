"""A licence as PLUS LDF 2.0.1 and IPTC properties in an XMP file, for image databases.

Codes of PLUS: ns.useplus.org/LDF/ldf-XMPSpecification. Its constraints are texts: the words of
scan3d.rights.vocabulary and the codes of ISO 3166, one blank between.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from scan3d.errors import InputError
from scan3d.rights.codec import time_text
from scan3d.rights.marks.xmp import packet, read_packet
from scan3d.rights.terms import Licence
from scan3d.rights.vocabulary import Purpose

_CODES = "http://ns.useplus.org/ldf/vocab/"
_BAG, _SEQUENCE, _LANGUAGES = "Bag", "Seq", "Alt"


@dataclass(frozen=True, kw_only=True)
class PlusTerms:
    """What PLUS can say of a licence; of a use's price, quota and splits it says nothing."""

    licence_id: str
    subject_id: str
    licensee_id: str
    consent_id: str
    media: tuple[str, ...]
    territories: tuple[str, ...]
    content: tuple[str, ...]
    starts_at: str
    ends_at: str
    training: bool
    body_edits: bool
    terms_url: str


def plus_terms(licence: Licence) -> PlusTerms:
    """The part of a licence that PLUS has words for."""
    return PlusTerms(
        licence_id=licence.licence_id,
        subject_id=licence.subject_id,
        licensee_id=licence.licensee_id,
        consent_id=licence.consent_id,
        media=tuple(str(one) for one in licence.media),
        territories=licence.territories,
        content=tuple(str(one) for one in licence.content),
        starts_at=time_text(licence.starts_at),
        ends_at=time_text(licence.ends_at),
        training=licence.purpose == Purpose.TRAIN,
        body_edits=licence.body_edits,
        terms_url=licence.terms_url,
    )


def to_xmp(licence: Licence, names: Mapping[str, str]) -> bytes:
    """An XMP packet. names: of person (the alias) and licensee, by id."""
    terms = plus_terms(licence)
    found: dict[str, Any] = {
        "plus:Version": "PLUS 2.0.1",
        "plus:LicenseID": terms.licence_id,
        "plus:LicenseStartDate": terms.starts_at,
        "plus:LicenseEndDate": terms.ends_at,
        "plus:LicenseTransactionDate": time_text(licence.signed_at),
        "plus:Licensor": (_SEQUENCE, [_party("Licensor", terms.subject_id, names)]),
        "plus:Licensee": (_SEQUENCE, [_party("Licensee", terms.licensee_id, names)]),
        "plus:MediaConstraints": (_LANGUAGES, [" ".join(terms.media)]),
        "plus:RegionConstraints": (_LANGUAGES, [" ".join(terms.territories)]),
        "plus:ProductOrServiceConstraints": (_LANGUAGES, [" ".join(terms.content)]),
        "plus:ImageFileConstraints": (_BAG, [_CODES + "IF-MMD"]),  # the metadata stay
        "plus:ImageDuplicationConstraints": _CODES + "DP-LIC",  # as the licence needs only
        "plus:ModelReleaseStatus": _CODES + "MR-LMR",  # limited: in the consent's words
        "plus:ModelReleaseID": (_BAG, [terms.consent_id]),
        "plus:DataMining": _CODES + ("DMI-PROHIBITED-SEECONSTRAINT" if terms.training else "DMI-PROHIBITED"),
        "Iptc4xmpExt:PersonInImage": (_BAG, [names[terms.subject_id]]),
        "xmpRights:Marked": "True",
    }
    if not terms.body_edits:
        found["plus:ImageAlterationConstraints"] = (_BAG, [_CODES + "AL-RET"])  # no retouching
    if terms.training:
        found["plus:OtherConstraints"] = (_LANGUAGES, ["training is licensed to the licensee alone"])
    if terms.terms_url:
        found["plus:TermsAndConditionsURL"] = found["xmpRights:WebStatement"] = terms.terms_url
    return packet(found)


def from_xmp(data: bytes, where: str = "") -> PlusTerms:
    """What `to_xmp` said. Raises InputError."""
    found = read_packet(data)
    try:
        (licensor,), (licensee,) = found["plus:Licensor"][1], found["plus:Licensee"][1]
        return PlusTerms(
            licence_id=found["plus:LicenseID"],
            subject_id=licensor["plus:LicensorID"],
            licensee_id=licensee["plus:LicenseeID"],
            consent_id=found["plus:ModelReleaseID"][1][0],
            media=_words(found["plus:MediaConstraints"]),
            territories=_words(found["plus:RegionConstraints"]),
            content=_words(found["plus:ProductOrServiceConstraints"]),
            starts_at=found["plus:LicenseStartDate"],
            ends_at=found["plus:LicenseEndDate"],
            training=found["plus:DataMining"] != _CODES + "DMI-PROHIBITED",
            body_edits="plus:ImageAlterationConstraints" not in found,
            terms_url=found.get("plus:TermsAndConditionsURL", ""),
        )
    except (KeyError, TypeError, ValueError, IndexError):
        raise InputError(
            "The file does not hold a licence in PLUS's words.", where, "Give what `scan3d rights terms` wrote."
        ) from None


def _party(role: str, party_id: str, names: Mapping[str, str]) -> dict[str, str]:
    return {f"plus:{role}ID": party_id, f"plus:{role}Name": names[party_id]}


def _words(value: Any) -> tuple[str, ...]:
    return tuple(value[1][0].split())
