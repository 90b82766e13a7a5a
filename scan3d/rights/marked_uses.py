"""The registry's answer to a mark that was found on a file: whose use it is, and whether it still holds."""

from __future__ import annotations

import json
from typing import Any

import sqlalchemy as sa

from scan3d.rights import tables
from scan3d.rights.codec import time_text
from scan3d.rights.marks.lookup import MarkedUse
from scan3d.rights.registry import Registry
from scan3d.rights.transactions import Reading
from scan3d.rights.vocabulary import LicenceState, UseState

_OUT = (UseState.DELIVERED.value, UseState.INVOICED.value, UseState.PAID.value)
# What was delivered under a licence follows the licence to its end, also when no new use of it is allowed.
_SIGNED = (LicenceState.ACTIVE, LicenceState.EXHAUSTED, LicenceState.REVOKED, LicenceState.SUSPENDED)
_NO_NEW = {
    LicenceState.REVOKED.value: ", since when the licence was revoked: no new uses",
    LicenceState.SUSPENDED.value: ", and the licence is suspended: no new uses for now",
}


class RegistryLookup:
    """A scan3d.rights.marks.lookup.UseLookup over a registry."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def by_watermark(self, watermark_id: int) -> MarkedUse | None:
        """The use that was given this number."""
        return self._found(tables.uses.c.watermark_id == watermark_id)

    def by_use(self, use_id: str) -> MarkedUse | None:
        """The use of this id."""
        return self._found(tables.uses.c.use_id == use_id)

    def _found(self, condition: sa.ColumnElement[bool]) -> MarkedUse | None:
        with self._registry.reading() as reading:
            row = reading.connection.execute(sa.select(tables.uses).where(condition)).one_or_none()
            return None if row is None else _told(reading, row)


def _told(reading: Reading, use: Any) -> MarkedUse:
    licence = None if use.licence_id is None else reading.known(tables.licences, use.licence_id)
    subject = reading.known(tables.subjects, use.subject_id)
    licensee = None if licence is None else reading.row(tables.parties, licence.licensee_id)
    in_force, standing = _standing(use, licence, subject, time_text(reading.now))
    return MarkedUse(
        use_id=use.use_id,
        watermark_id=use.watermark_id,
        purpose=use.purpose,
        subject=subject.alias or "a person whose data were erased",
        licence_id=use.licence_id,
        licensee=None if licensee is None else licensee.name,
        licence_state=None if licence is None else licence.state,
        use_state=use.state,
        delivered_at=use.delivered_at,
        ends_at=None if licence is None else licence.ends_at,
        in_force=in_force,
        standing=standing,
        files=tuple(one["sha256"] for one in json.loads(use.outputs or "[]")),
    )


def _standing(use: Any, licence: Any, subject: Any, now: str) -> tuple[bool, str]:
    if licence is None:
        return False, "the studio's own quality control: not for use"
    if use.state not in _OUT:
        return False, f"never delivered: the use is {use.state}"
    if subject.state == "erased":
        return False, "the person's data were erased, and with them all permission"
    if now >= licence.ends_at or licence.state not in {state.value for state in _SIGNED}:
        return False, f"the licence ended at {licence.ends_at[:10]}"
    return True, f"licensed until {licence.ends_at[:10]}{_NO_NEW.get(licence.state, '')}"
