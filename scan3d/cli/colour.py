"""`scan3d colour TAKE`"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from scan3d.cli.options import Debug, Json, Take, Threads
from scan3d.cli.session import Outcome, Session, run
from scan3d.errors import CaptureError

if TYPE_CHECKING:
    from scan3d.workflows.colour import ColourSummary


class Light(StrEnum):
    """The light in which the chart was photographed."""

    D50 = "D50"
    D55 = "D55"
    D65 = "D65"
    flash = "flash"
    A = "A"


class Adaptation(StrEnum):
    """How colours are carried over to Rec.709's white."""

    Bradford = "Bradford"
    CAT02 = "CAT02"


class Exposure(StrEnum):
    """What sets the cameras' brightness."""

    rig = "rig"
    chart = "chart"


def colour(
    take: Take,
    chart: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="classic24, sg, either with -before-2014, or a .toml file. By default chart/chart.toml, then "
            "take.toml, then classic24.",
            show_default=False,
        ),
    ] = None,
    corners: Annotated[
        list[str] | None,
        typer.Option(
            metavar="CAMERA=X,Y,...",
            help="Where the chart is: pixels of the middles of its four corner patches, clockwise from the first. "
            "Can be given again.",
            show_default=False,
        ),
    ] = None,
    light: Annotated[Light, typer.Option(help="The light on the chart.")] = Light.D50,
    adaptation: Annotated[Adaptation, typer.Option(help="To Rec.709's white.")] = Adaptation.Bradford,
    exposure: Annotated[
        Exposure, typer.Option(help="rig: cameras keep theirs, the chart was turned to each. chart: it stood still.")
    ] = Exposure.rig,
    overlaps: Annotated[
        bool, typer.Option("--overlaps/--no-overlaps", help="Bring cameras to agree on the scan, where there is one.")
    ] = True,
    threads: Threads = None,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Correct the cameras' colours by a colour chart, white walls and what they see together.

    Writes TAKE/results/colour. Ends with code 0 only when no camera's chart failed.
    """
    failed: list[bool] = []

    def work(session: Session) -> Outcome:
        from scan3d.checks import Grade
        from scan3d.workflows.colour import ColourOptions, correct_colours

        options = ColourOptions(
            chart=chart, light=light.value, adaptation=adaptation.value, corners=tuple(corners or ()),
            exposure=exposure.value, overlaps=overlaps,
        )  # fmt: skip
        done = correct_colours(take, options, progress=session.progress, workers=threads)
        failed.append(any(check.grade is Grade.FAIL for check in done.checks))
        return Outcome(data=_data(done), lines=_lines(done))

    run(work, as_json=json, debug=debug)
    if any(failed):
        raise typer.Exit(CaptureError.exit_code)


def _data(done: ColourSummary) -> dict[str, Any]:
    import dataclasses

    return {
        "held_out_ciede2000": done.numbers["held_out_ciede2000"],
        "overlaps": done.numbers["overlaps"],
        "borrowed": done.numbers["borrowed"],
        "checks": [dataclasses.asdict(one) for one in done.checks],
        "corrections": str(done.json_path),
        "html": str(done.html_path),
    }


def _lines(done: ColourSummary) -> list[str]:
    from scan3d.checks import Grade

    lines = []
    held_out = done.numbers["held_out_ciede2000"]
    if held_out is not None:
        lines.append(
            f"Charts: {len(done.numbers['charts'])}; patches left out come back within CIEDE2000 "
            f"{held_out['mean']:.2f} on average, {held_out['worst']:.1f} at worst."
        )
    lines += [check.what for check in done.checks if check.name == "agreement"]
    lines += [f"{check.grade.value} {check.sentence()}" for check in done.checks if check.grade is not Grade.PASS]
    return [*lines, f"Report: {done.html_path}"]
