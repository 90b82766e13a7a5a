"""`scan3d pose TAKE --pose NAME|FILE[:FRAME]`"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from scan3d.cli.options import Debug, For, Json, LeavingFor, Registry, Take, Use
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
    registry: Registry = None,
    use: Use = None,
    purpose: For = LeavingFor.use,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Put the fitted person into another pose, the scan's detail on them.

    A name that the library does not have prints those it has.
    """

    def work(session: Session) -> Outcome:
        from scan3d.workflows.leaving import LeavingOptions
        from scan3d.workflows.pose import pose_take

        options = LeavingOptions(registry=registry, use=use, purpose=purpose.value)
        done = pose_take(take, pose, out, progress=session.progress, options=options)
        data = {
            "pose": done.pose,
            "files": [str(path) for path in done.files],
            "vertices": done.vertices,
            "height_m": round(done.height_m, 4),
            "notes": list(done.notes),
            "rights": dict(done.about),
        }
        lines = [f"{done.pose}: {done.vertices} vertices, {done.height_m:.2f} m high", *done.notes]
        lines += [str(path) for path in done.files]
        return Outcome(data=data, lines=lines)

    run(work, as_json=json, debug=debug)
