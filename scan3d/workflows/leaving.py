"""Where anything leaves the house: the gate is asked before a file is written for use, and what it allows is marked."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from scan3d.errors import InputError
from scan3d.rights.settings import STAGING_PREFIX, find_registry
from scan3d.rights.vocabulary import Deliverable, Purpose

NO_REGISTRY = "No rights registry: no consent is recorded for this twin."


@dataclass(frozen=True, kw_only=True)
class LeavingOptions:
    """What the user says of it. registry: its folder, None to look for one. use: the approved request.

    purpose: use, train, or qc for the studio's own look at its work.
    """

    registry: Path | None = None
    use: str | None = None
    purpose: str = Purpose.USE.value


@dataclass(kw_only=True)
class Departure:
    """folder: where to write the files, by the names they shall have. notes: what to tell the user.

    about: JSON values: the use, its scene's hash, its licence. outputs: the files in their place, once they have left.
    """

    folder: Path
    notes: list[str] = field(default_factory=list)
    about: dict[str, Any] = field(default_factory=dict)
    outputs: tuple[Path, ...] = ()
    enforced: bool = False

    def told(self, summary: Mapping[str, Any]) -> dict[str, Any]:
        """A summary with what is to be said of the use."""
        return {**summary, "notes": [*summary.get("notes", ()), *self.notes], "rights": self.about}


@contextmanager
def leaving(
    take: Path,
    into: Path,
    options: LeavingOptions,
    *,
    deliverable: Deliverable,
    scene: Mapping[str, Any],
    shown_body_sha256: str | None = None,
    say: Callable[[str], None] = lambda text: None,
) -> Iterator[Departure]:
    """Around the writing of files of a take's subject into the folder `into`.

    The gate is asked on entering, and one use is reserved. On leaving, what lies in the departure's folder is marked
    and moved to `into`; if the body raises, nothing leaves and the use is given back. scene: all that decides what is
    shown, JSON values. Without a registry nothing is asked, and the notes say so. Raises RightsError, InputError.
    """
    purpose = _purpose(options.purpose)
    found = find_registry(options.registry, take)
    if found is None:
        if options.use is not None or purpose != Purpose.USE:
            raise InputError("There is no registry of rights.", "--use, --for", "Name it: --registry DIR")
        yield Departure(folder=into, notes=[NO_REGISTRY])
        return
    from scan3d.rights.delivery import Delivery, recover, sweep_staging
    from scan3d.rights.intent import Intent
    from scan3d.rights.registry import Registry
    from scan3d.rights.twin_hashes import twin_hashes

    intent = Intent(
        purpose=purpose, deliverable=deliverable, twin=twin_hashes(take), scene=scene, request_id=options.use,
        shown_body_sha256=shown_body_sha256,
    )  # fmt: skip
    registry = Registry.open(found)
    try:
        recover(registry, say)
        sweep_staging(registry, into)
        delivery = Delivery(registry, into, registry.ids.new_id())
        yield from _delivered(registry, take, delivery, intent)
    finally:
        registry.close()


def _delivered(registry: Any, take: Path, delivery: Any, intent: Any) -> Iterator[Departure]:
    from scan3d.rights.errors import BodyAlteredError
    from scan3d.rights.gate import ask
    from scan3d.rights.twin_hashes import twin_hashes
    from scan3d.rights.uses import reserve

    ask(registry, intent)  # A refusal comes before anything is made on the disk.
    delivery.begin()
    try:
        permit = reserve(registry, intent, use_id=delivery.use_id, staging=delivery.staging)
    except BaseException:
        delivery.end()
        raise
    about = {"use": delivery.use_id, "scene": intent.scene_sha256, "body": intent.body_sha256}
    about |= {"purpose": intent.purpose.value, "licence": permit.licence_id, "request": permit.request_id}
    departure = Departure(folder=delivery.written, about=about, enforced=True)
    try:
        yield departure
        if twin_hashes(take) != intent.twin:
            raise BodyAlteredError(
                "The take was changed while it was worked on.", str(take), "Let it be until the files have left."
            )
        departure.outputs = delivery.finish(permit, intent.deliverable)
    except BaseException as error:
        delivery.give_up(type(error).__name__)
        raise
    departure.notes += _notes(permit, delivery.use_id, intent)


def _notes(permit: Any, use_id: str, intent: Any) -> list[str]:
    if permit.not_for_use:
        return [f"Quality control, not for use: {use_id}. Scene: {intent.scene_sha256}"]
    left = "" if permit.left is None else f", {permit.left - 1} left"
    return [f"Use {use_id} of licence {permit.licence_id}{left}."]


def _purpose(text: str) -> Purpose:
    try:
        return Purpose(text)
    except ValueError:
        raise InputError(f"'{text}' is no purpose.", "--for", "Choose use, train or qc.") from None


def named(text: str | Path | None) -> str | None:
    """What a scene says of a thing that is named or lies in a file: its name, or the hash of the file's bytes.

    text: also FILE:FRAME, whose frame is kept.
    """
    if text is None:
        return None
    head, _, frame = str(text).rpartition(":")
    for path, rest in ((Path(text), ""), (Path(head or "."), frame)):
        if path.is_file():
            return f"{hashlib.sha256(path.read_bytes()).hexdigest()}:{rest}".rstrip(":")
    return str(text)


def check_leaving(take: Path, path: Path) -> None:
    """Raises NoLicenceError where there is a registry, and a file would be written past leaving()."""
    if find_registry(None, take) is None or any(part.startswith(STAGING_PREFIX) for part in path.absolute().parts):
        return
    from scan3d.rights.errors import NoLicenceError

    raise NoLicenceError(
        "A file would leave without the gate being asked.", str(path), "Write it inside of scan3d.workflows.leaving."
    )
