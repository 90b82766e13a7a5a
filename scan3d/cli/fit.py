"""`scan3d fit TAKE`"""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from scan3d.cli.options import Debug, Json, Take
from scan3d.cli.session import Outcome, Session, run


class Clothing(StrEnum):
    """How clothes lie on the body."""

    auto = "auto"
    tight = "tight"
    loose = "loose"


def fit(
    take: Take,
    mesh: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="The scan: .ply, .obj, .glb or .stl, metres, Z up (a .glb Y up); by default what reconstruct left.",
            show_default=False,
        ),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(metavar="NAME|FILE", help="The body model; by default your choice.", show_default=False),
    ] = None,
    clothing: Annotated[
        Clothing, typer.Option(help="loose: the body stays inside of cloth that hangs off it. auto: told by the scan.")
    ] = Clothing.auto,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Fit a body that can be posed to the scan of a take.

    The scan shows one adult, standing in any pose, from head to feet. Writes TAKE/results/body: body.npz (parameters
    as SMPL-X names them), fitted.ply, distances.png and fit.json with the checks and the body's measures.
    """

    def work(session: Session) -> Outcome:
        from scan3d.workflows.fit import fit_take, lines

        done = fit_take(take, mesh_file=mesh, model_name=model, clothing=clothing.value, progress=session.progress)
        return Outcome(data={"results": str(done.folder), **done.summary}, lines=lines(done))

    run(work, as_json=json, debug=debug)
