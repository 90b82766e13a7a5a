"""Reads every mark of a file and says in plain words who made it, what it may be used for, and if it was altered."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scan3d.errors import InputError
from scan3d.rights.marks import detached, glb, manifest, picture, xmp
from scan3d.rights.marks.lookup import MarkedUse, UseLookup
from scan3d.rights.marks.watermark_search import Found, find


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What a file's marks say.

    signature: "trusted", "valid", "invalid" or "none", of C2PA or of the signature beside the file. altered: None
    where nothing is signed. stated: what the studio signed about the use, where it is trusted. xmp: as xmp.properties.
    use: what the registry knows. holds: trusted, unaltered, its marks agree with each other, and the registry, if
    there is one, has it in force. findings: sentences, the weightiest first.
    """

    path: Path
    signature: str
    signer: str
    altered: bool | None
    stated: Mapping[str, Any] | None
    xmp: Mapping[str, Any]
    watermark: Found | None
    use: MarkedUse | None
    holds: bool
    findings: tuple[str, ...]


def verify(path: Path, anchor: str | None, lookup: UseLookup | None = None) -> Verdict:
    """anchor: PEM of the root that is trusted; without one nobody is. lookup: the registry, if there is one.

    Raises InputError for a file that is not there, MissingDependencyError without c2pa-python.
    """
    sha256 = _sha256(path)
    if path.suffix.lower() in manifest.MIME_TYPES:
        proof = manifest.read(path, anchor)
        state, signer, stated = proof.state, proof.signer, proof.use
    else:
        state, signer, stated = "none", "", None
    if state == "none":
        beside = detached.read_detached(path, anchor)
        state, signer, stated = beside.state, beside.signer, beside.use
    found = trace(path)
    terms = _xmp_of(path)
    use = None if lookup is None else _looked_up(lookup, stated, terms, found)
    problems = [*_disagreements(stated, terms, found), *_edited_terms(path, stated)]
    holds = state == "trusted" and not problems
    if lookup is not None:
        holds = holds and use is not None and use.in_force and sha256 in use.files
    return Verdict(
        path=path,
        signature=state,
        signer=signer,
        altered={"none": None, "invalid": True}.get(state, False),
        stated=stated,
        xmp=terms,
        watermark=found,
        use=use,
        holds=holds,
        findings=(
            _about_signature(state, signer),
            *problems,
            *_about_use(stated, found),
            *_about_registry(lookup is not None, use, sha256),
        ),
    )


def trace(path: Path) -> Found | None:
    """The watermark of a picture, read from its pixels alone; None for one without, or for what is no picture."""
    if path.suffix.lower() not in picture.FORMATS:
        return None
    try:
        return find(picture.read_picture(path).pixels)
    except InputError:
        return None


def _xmp_of(path: Path) -> dict[str, Any]:
    """The terms in the file, else in TARGET.xmp beside it."""
    if path.suffix.lower() in picture.FORMATS:
        data = picture.read_xmp(path)
        return xmp.read_packet(data) if data else {}
    if path.suffix.lower() == ".glb":
        try:
            packet = glb.read_glb_packet(path.read_bytes(), path)
        except InputError:
            return {}
        return {name: value for name, value in packet.items() if not name.startswith("@")}
    beside = xmp.sidecar_path(path)
    return xmp.read_packet(beside.read_bytes()) if beside.is_file() else {}


def _looked_up(
    lookup: UseLookup, stated: Mapping[str, Any] | None, terms: Mapping[str, Any], found: Found | None
) -> MarkedUse | None:
    """By what is hardest to forge first: what was signed, then the watermark, then plain text."""
    if stated is not None:
        return lookup.by_use(str(stated.get("use_id")))
    if found is not None:
        return lookup.by_watermark(found.id)
    written = terms.get("scan3d:UseID")
    return lookup.by_use(written) if isinstance(written, str) else None


def _disagreements(stated: Mapping[str, Any] | None, terms: Mapping[str, Any], found: Found | None) -> list[str]:
    if stated is None:
        return []
    problems = []
    number = stated.get("watermark_id")
    if found is not None and number is not None and found.id != number:
        problems.append(f"The watermark is that of another use: {found.id}, not {number}.")
    if number is not None and found is None:
        problems.append("The watermark that was signed is not in the picture.")
    written = terms.get("scan3d:UseID")
    if written is not None and written != stated.get("use_id"):
        problems.append(f"The metadata speak of another use: {written}.")
    return problems


def _edited_terms(path: Path, stated: Mapping[str, Any] | None) -> list[str]:
    signed, beside = (stated or {}).get("xmp_sha256"), xmp.sidecar_path(path)
    if signed is None or (beside.is_file() and _sha256(beside) == signed):
        return []
    return [f"The terms beside the file, {beside.name}, are missing or are not those that were signed."]


def _about_signature(state: str, signer: str) -> str:
    name = signer or "somebody without a name"
    return {
        "trusted": f"Signed by {name}, and unchanged since.",
        "valid": f"Unchanged since {name} signed it, who is not trusted here: anybody can sign under any name.",
        "invalid": "Altered since it was signed, or wrongly signed.",
        "none": "Not signed: nothing says who made it or whether it was altered.",
    }[state]


def _about_use(stated: Mapping[str, Any] | None, found: Found | None) -> list[str]:
    lines = []
    if stated is not None:
        claims = stated.get("claims") or {}
        parts = [f"use {stated.get('use_id')}"]
        parts += [f"{word} {claims[word]}" for word in ("subject", "licence", "licensee") if claims.get(word)]
        if claims.get("not_for_use"):
            parts.append("quality control, not for use")
        lines.append("Stated by the signer: " + ", ".join(parts) + ".")
    if found is not None:
        lines.append(f"Watermark: {found.id} (agreement {found.score:.1f}).")
    return lines


def _about_registry(asked: bool, use: MarkedUse | None, sha256: str) -> list[str]:
    if not asked:
        return []
    if use is None:
        return ["The registry knows no use for this file."]
    whose = f"Registry: use {use.use_id} of {use.subject}"
    whose += f" for {use.licensee}, licence {use.licence_id}" if use.licensee else ""
    same = "byte for byte as delivered" if sha256 in use.files else "not the file that was delivered, but made from it"
    return [f"{whose}: {use.standing}.", f"This file is {same}."]


def _sha256(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise InputError("The file cannot be read.", str(path), "Check the path.") from error
