"""`scan3d check TAKE`"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from scan3d.cli.options import Debug, Json, Take, Threads
from scan3d.cli.session import Outcome, Session, run
from scan3d.errors import CaptureError

if TYPE_CHECKING:
    from scan3d.workflows.check import CheckSummary


def check(
    take: Take,
    rig: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="The rig's plan, for its limits and its space; TAKE/rig.toml by default.",
            show_default=False,
        ),
    ] = None,
    refine: Annotated[
        bool, typer.Option("--refine", help="Put cameras that moved where they fit, and leave the others alone.")
    ] = False,
    threads: Threads = None,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Check a take and its calibration, before and after a shot, and say which camera is not good.

    Writes TAKE/results/check.html and check.json. Ends with code 0 only when nothing failed.
    """
    failed: list[bool] = []

    def work(session: Session) -> Outcome:
        from scan3d.checks import Grade
        from scan3d.workflows.check import check_take_folder

        done = check_take_folder(take, rig=rig, refine=refine, progress=session.progress, workers=threads)
        failed.append(done.grade is Grade.FAIL)
        return Outcome(data=_data(done), lines=_lines(done))

    run(work, as_json=json, debug=debug)
    if any(failed):
        raise typer.Exit(CaptureError.exit_code)


def _data(done: CheckSummary) -> dict[str, Any]:
    import dataclasses

    return {
        "verdict": done.grade.value,
        "checks": [dataclasses.asdict(one) for one in done.checks],
        "refined": list(done.refined),
        "calibration_before": None if done.before is None else str(done.before),
        "report": str(done.report_path),
        "html": str(done.html_path),
    }


def _lines(done: CheckSummary) -> list[str]:
    from scan3d.workflows.check import flagged

    found = flagged(done.checks)
    good = len(done.checks) - len(found)
    rows = [(one.grade.value, one.camera_id or "-", one.name.replace("_", " ")) for one in found]
    wide = [max((len(row[k]) for row in rows), default=0) for k in range(3)]
    lines = [f"{done.grade.value}: {good} checks passed, {len(found)} need a look."]
    for (grade, camera, name), one in zip(rows, found, strict=True):
        words = " ".join(part for part in (one.what, one.next_step) if part)
        lines.append(f"{grade:{wide[0]}}  {camera:{wide[1]}}  {name:{wide[2]}}  {words}")
    if done.before is not None:
        lines.append(f"Refined: {', '.join(done.refined)}; all other cameras are as they were calibrated.")
        lines.append(f"Before:  {done.before}")
    return [*lines, f"Report:  {done.html_path}"]
