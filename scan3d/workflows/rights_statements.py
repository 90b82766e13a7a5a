"""`scan3d rights statement`, `pay quote` and `terms`: what is handed out on paper, or in the words of others."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from scan3d.errors import InputError
from scan3d.pipeline.aside import write_bytes
from scan3d.rights import tables
from scan3d.rights.errors import NotRegisteredError
from scan3d.rights.statements.billing import names
from scan3d.rights.statements.period import Period
from scan3d.rights.statements.quotes import Quote, quote
from scan3d.rights.statements.statement import Statement, statement_for
from scan3d.rights.terms import Licence
from scan3d.rights.transactions import Reading
from scan3d.workflows.rights_data import find_somebody
from scan3d.workflows.rights_desk import opened

VOCABULARIES = ("odrl", "plus", "vrm")


def make_statement(
    registry: Path | None, who: str, period: str, out: Path | None, font: Path | None
) -> tuple[Statement, Path | None]:
    """The statement of somebody (id, alias or name) for a period, written to a .csv, .pdf or .json if one is named.

    Raises InputError, RightsError.
    """
    days = Period.parse(period)
    if out is not None and out.suffix.lower() not in (".csv", ".pdf", ".json"):
        raise InputError("A statement is CSV, PDF or JSON.", str(out), "Give a name that ends with one of these.")
    with opened(registry) as found, found.reading() as reading:
        statement = statement_for(reading, anybody(reading, who), days, found.settings.studio_name)
    if out is not None:
        write_bytes(out, _bytes_of(statement, out.suffix.lower(), font))
    return statement, out


def _bytes_of(statement: Statement, suffix: str, font: Path | None) -> bytes:
    if suffix == ".csv":
        from scan3d.rights.statements.csv_file import csv_bytes

        return csv_bytes(statement)
    if suffix == ".pdf":
        from scan3d.rights.statements.pdf_file import pdf_bytes

        return pdf_bytes(statement, font)
    return (json.dumps(statement.to_json(), indent=1, ensure_ascii=False) + "\n").encode()


def make_quote(registry: Path | None, licence_id: str, uses: int) -> Quote:
    """What uses under a licence will cost. Raises InputError, RightsError."""
    with opened(registry) as found, found.reading() as reading:
        return quote(reading, licence_id, uses)


def terms_as(registry: Path | None, licence_id: str, vocabulary: str, out: Path | None) -> dict[str, Any]:
    """A licence in the words of others; {"vocabulary", "file" or "document"}. Raises InputError, RightsError."""
    if vocabulary not in VOCABULARIES:
        raise InputError(f"'{vocabulary}' is not known.", "--as", f"Choose one of {', '.join(VOCABULARIES)}.")
    with opened(registry) as found, found.reading() as reading:
        text = _said(reading, reading.record(Licence, licence_id), vocabulary)
    if out is None:
        return {"vocabulary": vocabulary, "document": text}
    write_bytes(out, text.encode())
    return {"vocabulary": vocabulary, "file": str(out)}


def _said(reading: Reading, licence: Licence, vocabulary: str) -> str:
    who = {party_id: one.name for party_id, one in names(reading).items()}
    if vocabulary == "plus":
        from scan3d.rights.vocabularies.plus import to_xmp

        return to_xmp(licence, who).decode() + "\n"
    if vocabulary == "odrl":
        from scan3d.rights.vocabularies.odrl import to_odrl

        document = to_odrl(licence)
    else:
        from scan3d.rights.vocabularies.vrm import to_vrm

        alias = who[licence.subject_id]
        document = to_vrm(alias, alias, licence, licensee=who[licence.licensee_id])
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def anybody(reading: Reading, text: str) -> str:
    """The id of a party or person, by id, name or alias. Raises NotRegisteredError, InputError."""
    try:
        return find_somebody(reading, text, tables.parties, "name")
    except NotRegisteredError:
        return find_somebody(reading, text, tables.subjects, "alias")
