"""`scan3d reconstruct TAKE`"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from scan3d.cli.options import Debug, Device, Json, Quality, Take, Threads
from scan3d.cli.session import Outcome, Session, run
from scan3d.cli.words import duration


def reconstruct(
    take: Take,
    quality: Annotated[
        Quality, typer.Option(help="preview: a look between two shots. high: the last detail.")
    ] = Quality.standard,
    workspace: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Also write an undistorted COLMAP/OpenMVS workspace.", show_default=False),
    ] = None,
    device: Annotated[
        Device, typer.Option(help="Compare photographs on the cores (cpu), a GPU (cuda), or a GPU if there is one.")
    ] = Device.auto,
    threads: Threads = None,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Make a textured, metric mesh of a take's photographs.

    Cameras come from calibration.toml in the take or a folder above, or from a COLMAP model in TAKE/colmap.
    Everything is written to TAKE/results; photographs are never changed. A second run goes on where the
    first one stopped.
    """

    def work(session: Session) -> Outcome:
        from scan3d.pipeline.executor import cpu_count
        from scan3d.workflows.reconstruct import estimate_seconds, reconstruct_take

        estimate_s = estimate_seconds(take, quality.value, workers=threads)
        session.say(f"{quality.value}: about {duration(estimate_s)} on {threads or cpu_count()} cores.")
        done = reconstruct_take(
            take, quality=quality.value, workspace=workspace, device=device.value, progress=session.progress,
            workers=threads,
        )  # fmt: skip
        return Outcome(
            data={
                "results": str(done.results_dir),
                "report": str(done.report_path),
                "estimated_seconds": estimate_s,
                **done.summary,
            },
            lines=[f"Results: {done.results_dir}", f"Report:  {done.report_path}"],
        )

    run(work, as_json=json, debug=debug)
