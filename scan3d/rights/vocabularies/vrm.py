"""A licence as the meta of VRM 1.0, for avatars: narrower than the licence wherever VRM's words are coarser.

github.com/vrm-c/vrm-specification, VRMC_vrm-1.0/meta.md; the terms stand at `LICENCE_URL`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from scan3d.errors import InputError
from scan3d.rights.terms import Licence
from scan3d.rights.vocabulary import Content, Deliverable, Purpose

LICENCE_URL = "https://vrm.dev/licenses/1.0/"

CHOICES = {
    "avatarPermission": ("onlyAuthor", "onlySeparatelyLicensedPerson", "everyone"),
    "commercialUsage": ("personalNonProfit", "personalProfit", "corporation"),
    "creditNotation": ("required", "unnecessary"),
    "modification": ("prohibited", "allowModification", "allowModificationRedistribution"),
}
FLAGS = (
    *("allowExcessivelyViolentUsage", "allowExcessivelySexualUsage", "allowPoliticalOrReligiousUsage"),
    *("allowAntisocialOrHateUsage", "allowRedistribution"),
)
# The narrowest that VRM can say.
DENIED: dict[str, Any] = {name: words[0] for name, words in CHOICES.items()} | dict.fromkeys(FLAGS, False)


def to_vrm(
    name: str, alias: str, licence: Licence | None = None, *, licensee: str = "", version: str = ""
) -> dict[str, Any]:
    """The meta of an avatar; without a licence, or with one that has no mesh in it, everything is denied.

    alias: of the person, who is its author. Redistribution, hate and sexual excess are never allowed: no licence of
    scan3d can grant them.
    """
    meta: dict[str, Any] = {
        "name": name,
        "version": version or (str(licence.twin_version) if licence else "1"),
        "authors": [alias],
        "licenseUrl": LICENCE_URL,
        **DENIED,
    }
    if licence is None or Deliverable.MESH not in licence.deliverables or licence.purpose != Purpose.USE:
        return meta
    meta |= {
        "avatarPermission": "onlySeparatelyLicensedPerson",
        "commercialUsage": "corporation",
        "modification": "allowModification" if licence.body_edits else "prohibited",
        "allowExcessivelyViolentUsage": Content.VIOLENCE in licence.content,
        "allowPoliticalOrReligiousUsage": {Content.POLITICAL, Content.RELIGIOUS} <= set(licence.content),
        "copyrightInformation": f"Licensed to {licensee or licence.licensee_id} under {licence.licence_id}",
    }
    if licence.terms_url:
        meta["otherLicenseUrl"] = licence.terms_url
    return meta


def check_vrm(meta: Any, where: str = "") -> dict[str, Any]:
    """What a meta allows, by the names of DENIED; what it does not say is denied, as VRM itself has it.

    Raises InputError for a meta that VRM 1.0 does not allow.
    """
    if not isinstance(meta, Mapping):
        raise _invalid("it is no table", where)
    authors = meta.get("authors")
    if not isinstance(meta.get("name"), str) or meta.get("licenseUrl") != LICENCE_URL:
        raise _invalid("name or licenseUrl is missing", where)
    if not isinstance(authors, list) or not authors or not all(isinstance(one, str) and one for one in authors):
        raise _invalid("it has no authors", where)
    for key, words in CHOICES.items():
        if key in meta and meta[key] not in words:
            raise _invalid(f"{key} is none of {', '.join(words)}", where)
    for key in FLAGS:
        if key in meta and not isinstance(meta[key], bool):
            raise _invalid(f"{key} is neither true nor false", where)
    return {key: meta.get(key, denied) for key, denied in DENIED.items()}


def _invalid(why: str, where: str) -> InputError:
    return InputError(f"This is no meta of VRM 1.0: {why}.", where, "See VRMC_vrm-1.0/meta.md.")
