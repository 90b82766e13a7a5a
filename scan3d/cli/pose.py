"""`scan3d pose TAKE --pose NAME|FILE[:FRAME]`"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from scan3d.cli.options import Debug, Json, Take
from scan3d.cli.session import Outcome, Session, run


def pose(
    take: Take,
    pose: Annotated[
        str,
        typer.Option(
            metavar="NAME|FILE[:FRAME]",
            help="A pose of the library, 'scan' for how the person stood, a body.npz, or a frame of a motion "
            "(AMASS or SMPL-X .npz, .bvh).",
            show_default=False,
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Where to write it: .ply, .obj or .glb; by default TAKE/results/poses/<pose>.glb.",
            show_default=False,
        ),
    ] = None,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Put the fitted person into another pose, the scan's detail on them.

    A name that the library does not have prints those it has.
    """

    def work(session: Session) -> Outcome:
        from scan3d.workflows.pose import pose_take

        done = pose_take(take, pose, out, progress=session.progress)
        data = {
            "pose": done.pose,
            "files": [str(path) for path in done.files],
            "vertices": done.vertices,
            "height_m": round(done.height_m, 4),
        }
        lines = [f"{done.pose}: {done.vertices} vertices, {done.height_m:.2f} m high", *map(str, done.files)]
        return Outcome(data=data, lines=lines)

    run(work, as_json=json, debug=debug)
