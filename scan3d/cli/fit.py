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
    detail: Annotated[
        int, typer.Option(min=0, max=3, help="How finely the scan's surface is put on the body; 0: not at all.")
    ] = 2,
    texture_size: Annotated[
        int | None,
        typer.Option(
            metavar="TEXELS",
            help="Side of the body's maps; by default 4096, and 8192 where solved skin is that fine.",
            show_default=False,
        ),
    ] = None,
    udim: Annotated[
        int, typer.Option(metavar="N", help="N x N tiles (UDIM) of that size instead of one map: 2 or 4.")
    ] = 1,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Fit a body that can be posed to the scan of a take.

    The scan shows one adult, standing in any pose, from head to feet. Writes TAKE/results/body: body.npz (parameters
    as SMPL-X names them), fitted.ply, distances.png and fit.json with the checks and the body's measures; detail.npz,
    the scan's surface on the body, and maps of its colour, normals, heights, and of what was seen: of the solved skin
    where scan3d appearance was run, else of the plain texture.
    """

    def work(session: Session) -> Outcome:
        from scan3d.body.bake import BakeOptions
        from scan3d.body.stages import DetailOptions
        from scan3d.workflows.fit import fit_take, lines
        from scan3d.workflows.fit_detail import SurfaceOptions

        free = texture_size is None
        maps = BakeOptions(size=texture_size or 4096, udim=udim, up_to=8192 if free else 0)
        surface = SurfaceOptions(detail=DetailOptions(level=detail), maps=maps) if detail else None
        done = fit_take(
            take, mesh_file=mesh, model_name=model, clothing=clothing.value, surface=surface, progress=session.progress
        )
        return Outcome(data={"results": str(done.folder), **done.summary}, lines=lines(done))

    run(work, as_json=json, debug=debug)
