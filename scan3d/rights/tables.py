"""The registry's tables. Times are text in UTC of one length, which sorts; hashes and ids are hexadecimal.

What is signed lies whole in `records`; the other tables say how things stand, and can be derived from the ledger.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

metadata = sa.MetaData()

_ID = sa.String(32)
_HASH = sa.String(64)
_TIME = sa.String(27)
_STATE = sa.String(16)

# body: the record's canonical JSON. salt: of the commitment in the ledger. Both are NULL once erased.
records = sa.Table(
    "records",
    metadata,
    sa.Column("record_id", _ID, primary_key=True),
    sa.Column("type", sa.String(16), nullable=False),
    sa.Column("subject_id", _ID, index=True),
    sa.Column("body", sa.Text),
    sa.Column("salt", sa.String(64)),
    sa.Column("signatures", sa.Text, nullable=False),
    sa.Column("recorded_at", _TIME, nullable=False),
)

parties = sa.Table(
    "parties",
    metadata,
    sa.Column("party_id", _ID, primary_key=True),
    sa.Column("role", sa.String(16), nullable=False),
    sa.Column("name", sa.Text, nullable=False),
)

# state: active, pending (recovered, not yet in force), retired. valid_until: NULL while it is in force.
keys = sa.Table(
    "keys",
    metadata,
    sa.Column("key_id", _ID, primary_key=True),
    sa.Column("party_id", _ID, nullable=False, index=True),
    sa.Column("public_key", _HASH, nullable=False),
    sa.Column("valid_from", _TIME, nullable=False),
    sa.Column("valid_until", _TIME),
    sa.Column("state", _STATE, nullable=False),
)

# state: active, suspended, revoked, erased. sealed: personal data, encrypted under the person's key.
subjects = sa.Table(
    "subjects",
    metadata,
    sa.Column("subject_id", _ID, primary_key=True),
    sa.Column("alias", sa.Text),
    sa.Column("state", _STATE, nullable=False),
    sa.Column("sealed", sa.LargeBinary),
)

twins = sa.Table(
    "twins",
    metadata,
    sa.Column("twin_id", _ID, primary_key=True),
    sa.Column("subject_id", _ID, sa.ForeignKey("subjects.subject_id"), nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("mesh_sha256", _HASH, nullable=False),
    sa.Column("textures_sha256", _HASH, nullable=False),
    sa.Column("body_sha256", _HASH, nullable=False, index=True),
    sa.Column("state", _STATE, nullable=False),
    sa.UniqueConstraint("subject_id", "version", name="one_version"),
)

consents = sa.Table(
    "consents",
    metadata,
    sa.Column("consent_id", _ID, primary_key=True),
    sa.Column("subject_id", _ID, sa.ForeignKey("subjects.subject_id"), nullable=False),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("starts_at", _TIME, nullable=False),
    sa.Column("ends_at", _TIME, nullable=False),
    sa.Column("state", _STATE, nullable=False),
)

# taken: uses reserved or done. delivered: uses done.
licences = sa.Table(
    "licences",
    metadata,
    sa.Column("licence_id", _ID, primary_key=True),
    sa.Column("subject_id", _ID, sa.ForeignKey("subjects.subject_id"), nullable=False),
    sa.Column("twin_id", _ID, sa.ForeignKey("twins.twin_id"), nullable=False),
    sa.Column("consent_id", _ID, sa.ForeignKey("consents.consent_id"), nullable=False),
    sa.Column("licensee_id", _ID, sa.ForeignKey("parties.party_id"), nullable=False),
    sa.Column("agency_id", _ID),
    sa.Column("ends_at", _TIME, nullable=False),
    sa.Column("state", _STATE, nullable=False),
    sa.Column("quota", sa.Integer, nullable=False),
    sa.Column("taken", sa.Integer, nullable=False),
    sa.Column("delivered", sa.Integer, nullable=False),
    sa.CheckConstraint("taken >= 0 AND taken <= quota AND delivered <= taken", name="within_quota"),
)

# state: requested, approved, denied, lapsed. taken: of the uses that were approved.
requests = sa.Table(
    "requests",
    metadata,
    sa.Column("request_id", _ID, primary_key=True),
    sa.Column("licence_id", _ID, sa.ForeignKey("licences.licence_id"), nullable=False),
    sa.Column("subject_id", _ID, sa.ForeignKey("subjects.subject_id"), nullable=False),
    sa.Column("answer_by", _TIME, nullable=False),
    sa.Column("approval_id", _ID),
    sa.Column("state", _STATE, nullable=False),
    sa.Column("uses", sa.Integer, nullable=False),
    sa.Column("taken", sa.Integer, nullable=False),
    sa.CheckConstraint("taken >= 0 AND taken <= uses", name="within_approval"),
)

# state: reserved, rendered, marked, delivered, invoiced, paid, void. outputs: JSON, path and hash of each file.
# request_id and licence_id: NULL for quality control. host, staging: where it is being written.
uses = sa.Table(
    "uses",
    metadata,
    sa.Column("use_id", _ID, primary_key=True),
    sa.Column("purpose", sa.String(8), nullable=False),
    sa.Column("subject_id", _ID, sa.ForeignKey("subjects.subject_id"), nullable=False),
    sa.Column("twin_id", _ID, sa.ForeignKey("twins.twin_id"), nullable=False),
    sa.Column("licence_id", _ID, sa.ForeignKey("licences.licence_id"), index=True),
    sa.Column("request_id", _ID, sa.ForeignKey("requests.request_id"), index=True),
    sa.Column("watermark_id", sa.BigInteger, nullable=False, unique=True),
    sa.Column("state", _STATE, nullable=False, index=True),
    sa.Column("reserved_at", _TIME, nullable=False),
    sa.Column("delivered_at", _TIME),
    sa.Column("outputs", sa.Text),
    sa.Column("manifest_sha256", _HASH),
    sa.Column("host", sa.Text),
    sa.Column("staging", sa.Text),
)

payments = sa.Table(
    "payments",
    metadata,
    sa.Column("payment_id", _ID, primary_key=True),
    sa.Column("use_id", _ID, sa.ForeignKey("uses.use_id"), nullable=False),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("amount", sa.String(32), nullable=False),
    sa.Column("currency", sa.String(3), nullable=False),
    sa.Column("at", _TIME, nullable=False),
    sa.UniqueConstraint("use_id", "kind", name="once"),
)

# body: canonical JSON. hash: SHA-256 of the previous hash and the body.
events = sa.Table(
    "events",
    metadata,
    sa.Column("sequence", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("hash", _HASH, nullable=False),
)

# One row: the end of the ledger. Whoever writes locks it first, so that there is one writer at a time.
ledger_head = sa.Table(
    "ledger_head",
    metadata,
    sa.Column("one", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("registry_id", _ID, nullable=False),
    sa.Column("sequence", sa.Integer, nullable=False),
    sa.Column("hash", _HASH, nullable=False),
    sa.Column("at", _TIME, nullable=False),
)

# What may change in a row after it was made; of all the rest the ledger keeps a hash.
CHANGING = frozenset(
    (
        *("state", "taken", "delivered", "outputs", "manifest_sha256", "delivered_at", "approval_id", "valid_until"),
        *("alias", "sealed", "host", "staging"),
    )
)


def fixed_values(table: sa.Table, values: Mapping[str, Any]) -> dict[str, Any]:
    """Those of a row's values that never change, by column."""
    return {column.name: values.get(column.name) for column in table.c if column.name not in CHANGING}
