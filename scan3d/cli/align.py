"""`scan3d align TAKE`"""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from scan3d.cli.options import Debug, Json, Take, Threads
from scan3d.cli.session import Outcome, Session, run

if TYPE_CHECKING:
    from scan3d.workflows.align import AlignmentSummary


class Mapper(StrEnum):
    """How cameras are placed: one after the other, or all at once."""

    incremental = "incremental"
    globally = "global"


class Sharing(StrEnum):
    """Which photographs were taken through the same lens."""

    auto = "auto"
    shared = "shared"
    per_camera = "per-camera"


def align(
    take: Take,
    distance: Annotated[
        tuple[str, str, float] | None,
        typer.Option(
            metavar="A B METRES",
            help="Two cameras, or marks of TAKE/marks.toml, and the metres between them. "
            "Without it the scale is arbitrary, and labelled so.",
            show_default=False,
        ),
    ] = None,
    front: Annotated[
        str | None,
        typer.Option(metavar="CAMERA", help="The camera before the face; else the first.", show_default=False),
    ] = None,
    target: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="A board or marker in the photographs: the scale.", show_default=False),
    ] = None,
    floor: Annotated[
        str | None,
        typer.Option(metavar="BOARD", help="The target's board that lies on the floor: up.", show_default=False),
    ] = None,
    known: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="A calibration of some of the cameras, which stay as they are; also TAKE/calibration.toml, where it "
            "leaves some out.",
            show_default=False,
        ),
    ] = None,
    masks: Annotated[
        bool | None,
        typer.Option(
            "--masks/--no-masks",
            help="Look at the subject only, or also around a still one. By default at the subject where it "
            "can be told from the backdrop.",
            show_default=False,
        ),
    ] = None,
    mapper: Annotated[Mapper, typer.Option(help="global: faster with hundreds of photographs.")] = Mapper.incremental,
    intrinsics: Annotated[
        Sharing, typer.Option(help="shared: one camera took all. per-camera: a rig. auto: by EXIF.")
    ] = Sharing.auto,
    threads: Threads = None,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Find the cameras of a take from its photographs.

    Writes TAKE/calibration.toml, which `scan3d reconstruct` reads, and TAKE/results/align.json, which says
    how well every photograph fits.
    """

    def work(session: Session) -> Outcome:
        from scan3d.workflows.align import align_take

        done = align_take(
            take,
            distance=distance,
            masks=masks,
            mapper=mapper.value,
            intrinsics=intrinsics.value,
            front=front,
            target=target,
            floor=floor,
            known=known,
            progress=session.progress,
            workers=threads,
        )
        data = {"calibration": str(done.calibration_path), "report": str(done.report_path), **done.summary}
        return Outcome(data=data, lines=_lines(done))

    run(work, as_json=json, debug=debug)


def _lines(done: AlignmentSummary) -> list[str]:
    from scan3d.checks import Grade

    total = len(done.registered) + len(done.unregistered)
    lines = [f"Aligned {len(done.registered)} of {total} photographs, reprojection error {done.mean_px:.2f} px."]
    lines += [f"Left out: {reason}" for _, reason in sorted(done.unregistered.items())]
    if not done.scale_is_metric:
        lines.append(
            "The scale is arbitrary: give a known length with --distance A B METRES, or a board with --target."
        )
    told = ("aligned", "scale") if not done.scale_is_metric else ("aligned",)
    flagged = [check for check in done.checks if check.grade is not Grade.PASS and check.name not in told]
    lines += [f"{check.grade.value} {check.sentence()}" for check in flagged]
    if done.before is not None:
        lines.append(f"Before:  {done.before}")
    return [*lines, f"Cameras: {done.calibration_path}", f"Report:  {done.report_path}"]
