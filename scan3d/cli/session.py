"""What surrounds every command: progress, Ctrl-C, results and errors, for people or as JSON."""

from __future__ import annotations

import json
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import typer

from scan3d.cli.interrupt import cancelled_by_interrupt
from scan3d.errors import CancelledError, Scan3dError
from scan3d.pipeline.progress import CancelToken, Progress, Silent


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a command hands back. data: for machines, JSON values. lines: for people."""

    data: Mapping[str, Any]
    lines: Sequence[str] = ()


@dataclass(frozen=True, kw_only=True)
class Session:
    """What a command's work is given."""

    progress: Progress
    say: Callable[[str], None]


def run(work: Callable[[Session], Outcome], *, as_json: bool, debug: bool) -> None:
    """Runs a command's work and prints its outcome; ends the program with the error's exit code.

    People read progress and errors on stderr, results on stdout. Machines get one JSON object on stdout:
    the outcome's data, or {"error": {...}}.
    """
    cancel = CancelToken()
    try:
        with cancelled_by_interrupt(cancel):
            outcome = _watched(work, cancel, as_json)
    except KeyboardInterrupt:
        raise typer.Exit(report_error(CancelledError(), as_json=as_json, debug=debug)) from None
    except Exception as error:
        # Once Ctrl-C was pressed, whatever fails does so because of it, as a child that got the signal too.
        told = CancelledError() if cancel.cancelled else error
        raise typer.Exit(report_error(told, as_json=as_json, debug=debug)) from None
    if as_json:
        typer.echo(json.dumps(outcome.data, default=str))
    else:
        for line in outcome.lines:
            typer.echo(line)


def _watched(work: Callable[[Session], Outcome], cancel: CancelToken, as_json: bool) -> Outcome:
    if as_json:
        return work(Session(progress=Silent(cancel), say=lambda text: None))
    from scan3d.cli.progress import terminal_progress

    with terminal_progress(cancel) as progress:
        return work(Session(progress=progress, say=progress.say))


def report_error(error: BaseException, *, as_json: bool, debug: bool) -> int:
    """Tells the user what went wrong; returns the exit code."""
    told = error if isinstance(error, Scan3dError) else _unforeseen(error)
    if debug:
        traceback.print_exception(error, file=sys.stderr)
    if as_json:
        kind = type(told).__name__
        fields = {"kind": kind, "what": told.what, "where": told.where, "next_step": told.next_step}
        rule = getattr(told, "rule", "")
        fields |= {"rule": rule} if rule else {}
        typer.echo(json.dumps({"error": {**fields, "exit_code": told.exit_code}}))
    else:
        typer.echo(str(told), err=True)
    return told.exit_code


def _unforeseen(error: BaseException) -> Scan3dError:
    """An error that the program did not foresee, said in the same three lines."""
    if isinstance(error, MemoryError):
        return Scan3dError(
            "The memory of this computer is not enough for this.",
            "",
            "Close other programs, or use a lower --quality or fewer --threads.",
        )
    frames = traceback.extract_tb(error.__traceback__)
    place = f"{frames[-1].filename}, line {frames[-1].lineno}" if frames else ""
    notes = "".join(f" ({note})" for note in getattr(error, "__notes__", ()))
    return Scan3dError(
        f"The program made a mistake of its own: {type(error).__name__}: {error}{notes}",
        place,
        "Run the same command with --debug and report what it prints.",
    )
