"""Gives a person everything: one folder with a page to read, the same as JSON, and their files."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader

from scan3d.errors import InputError
from scan3d.pipeline.aside import written_aside
from scan3d.pipeline.progress import Progress
from scan3d.rights import tables
from scan3d.rights.errors import SubjectErasedError
from scan3d.rights.person.gathering import gather
from scan3d.rights.registry import Registry
from scan3d.rights.vault.folders import Index
from scan3d.rights.vault.registered import check_nothing_sealed, check_sealed, read_personal
from scan3d.rights.vault.store import Sealed, Vault


@dataclass(frozen=True, kw_only=True)
class Exported:
    """folder: what was written. records, uses: how many. files: sealed ones that were opened; bytes: of these."""

    folder: Path
    records: int
    uses: int
    files: int
    bytes: int


def export_person(
    registry: Registry, vault: Vault | None, subject_id: str, target: Path, progress: Progress | None = None
) -> Exported:
    """Writes the new folder `target`, whole or not at all: index.html, person.json, files/.

    What is written is readable to anybody: it is for the person's own hands. Raises NotRegisteredError,
    SubjectErasedError, InputError while the key store is locked, StorageError.
    """
    if target.exists():
        raise InputError("There is something of that name already.", str(target), "Choose another name.")
    with registry.reading() as reading:
        if reading.known(tables.subjects, subject_id).state == "erased":
            raise SubjectErasedError("The person was erased: nothing is left to be exported.", subject_id, "")
        if vault is None:
            check_nothing_sealed(reading, subject_id)
        personal = {} if vault is None else read_personal(reading, vault, subject_id)
        document = gather(reading, subject_id, personal)
        sealed = [] if vault is None else vault.of(subject_id)
        for one in sealed:
            check_sealed(reading, one)
    with written_aside(target) as aside:
        aside.mkdir(mode=0o700)
        found = [_open(vault, one, aside / "files" / f"{number:03d}", progress) for number, one in enumerate(sealed, 1)]
        document["files"] = [
            {"folder": f"files/{number:03d}", "name": index.name, "files": len(index.files), "bytes": index.bytes}
            for number, index in enumerate(found, 1)
        ]
        (aside / "person.json").write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n")
        (aside / "index.html").write_text(page(document))
    return Exported(
        folder=target,
        records=len(document["records"]),
        uses=len(document["uses"]),
        files=sum(len(index.files) for index in found),
        bytes=sum(index.bytes for index in found),
    )


def _open(vault: Vault | None, sealed: Sealed, target: Path, progress: Progress | None) -> Index:
    assert vault is not None
    return vault.open(sealed, target, progress)


def page(document: Mapping[str, Any]) -> str:
    """The document for people: one page that loads nothing from anywhere."""
    environment = Environment(loader=PackageLoader("scan3d.rights.person", "templates"), autoescape=True)
    records = {record["record_id"]: record["record"] or {} for record in document["records"]}
    who = {one["party_id"]: one["name"] for one in document["parties"]}
    return environment.get_template("person.html.j2").render(
        d=document, records=records, who=who, earned=_earned(document, records), kinds=_kinds(document["records"])
    )


def _kinds(records: Sequence[Mapping[str, Any]]) -> dict[str, list[Mapping[str, Any]]]:
    found: dict[str, list[Mapping[str, Any]]] = {}
    for record in sorted(records, key=lambda one: one["recorded_at"]):
        found.setdefault(record["type"], []).append(record)
    return found


def _earned(document: Mapping[str, Any], records: Mapping[str, Any]) -> dict[str, str]:
    """The person's own part of each payment, by its id."""
    own = document["person"]["subject_id"]
    return {
        row["payment_id"]: part["amount"]["amount"]
        for row in document["payments"]
        for part in records.get(row["payment_id"], {}).get("parts", [])
        if part["party_id"] == own
    }
