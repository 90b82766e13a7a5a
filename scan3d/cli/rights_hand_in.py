"""What the commands of `scan3d rights` that make a record have in common."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from scan3d.cli.session import Outcome, Session, run

if TYPE_CHECKING:
    from scan3d.rights.records import Record
    from scan3d.rights.registry import Registry


def hand_in(
    made: Callable[[Registry], Record], *, keys: Sequence[Path] | None, passphrases: Sequence[Path] | None,
    registry: Path | None, as_json: bool, debug: bool, out: Path | None = None,
) -> None:  # fmt: skip
    """Makes a record in the registry's terms, signs it with the keys and hands it in, or writes it to `out`."""

    def work(session: Session) -> Outcome:
        from scan3d.workflows.rights_desk import Pens, opened, settle, told

        pens = Pens(keys=tuple(keys or ()), passphrases=tuple(passphrases or ()), out=out)
        with opened(registry) as found:
            about = settle(found, made(found), pens)
        return Outcome(data=about, lines=told(about))

    run(work, as_json=as_json, debug=debug)
