"""A statement as CSV (RFC 4180): a row per use, UTF-8 with a mark that spreadsheets know it by."""

from __future__ import annotations

import csv
import io

from scan3d.rights.statements.statement import COLUMNS, Statement

HEADER = (
    *("delivered_at", "use_id", "licence_id", "person", "licensee", "medium", "territories", "content"),
    *("state", "invoiced_on", "paid_on", "currency", "gross", "own"),
    *(f"{name}_share" for name in COLUMNS),
)


def csv_bytes(statement: Statement) -> bytes:
    """The same statement gives the same bytes."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(HEADER)
    for line in statement.lines:
        use = line.use
        writer.writerow(
            [
                *(use.delivered_at, use.use_id, use.licence_id, _text(line.person), _text(line.licensee)),
                *(use.medium, " ".join(use.territories), use.content, use.state, use.invoiced_on, use.paid_on),
                *(use.gross.currency, use.gross.amount, line.own.amount),
                *(line.shares[name].amount for name in COLUMNS),
            ]
        )
    return b"\xef\xbb\xbf" + out.getvalue().encode()


def _text(name: str) -> str:
    """A name that a spreadsheet would take for a formula is told to be a text."""
    return "'" + name if name[:1] in ("=", "+", "-", "@", "\t", "\r") else name
