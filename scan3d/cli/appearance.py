"""`scan3d appearance TAKE`"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from scan3d.cli.options import Debug, Device, Json, Take, Threads
from scan3d.cli.session import Outcome, Session, run


def appearance(
    take: Take,
    texture_size: Annotated[
        int | None,
        typer.Option(
            metavar="TEXELS", help="Of the maps, along a side; by default the scan's.", min=256, max=8192,
            show_default=False,
        ),
    ] = None,
    regions: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Pictures <camera_id>.png that tell skin (1), cloth (2), eyes (3), hair (4) and teeth (5) apart.",
            show_default=False,
            exists=True,
            file_okay=False,
        ),
    ] = None,
    only_skin: Annotated[bool, typer.Option("--only-skin", help="Leave the other regions alone.")] = False,
    visibility: Annotated[
        bool, typer.Option("--visibility/--no-visibility", help="Lamps are hidden by what stands before them.")
    ] = True,
    device: Annotated[
        Device, typer.Option(help="Solve texels on the cores (cpu), a GPU (cuda), or a GPU if there is one.")
    ] = Device.auto,
    threads: Threads = None,
    json: Json = False,
    debug: Debug = False,
) -> None:  # fmt: skip
    """Work out what the skin is made of, from the photographs of all lights.

    Albedo, normals, gloss, roughness and a list of moles, scars and freckles go to TAKE/results/appearance. The lamps
    are described in lights.toml. With one light the albedo is an estimate, and says so. Where the take was fitted, the
    maps of the body are made of it, too.
    """

    def work(session: Session) -> Outcome:
        from scan3d.appearance.materials.solve import SolveOptions
        from scan3d.workflows.appearance import AppearanceOptions, solve_take

        options = AppearanceOptions(
            texture_size=texture_size, regions=regions, only_skin=only_skin, solve=SolveOptions(visible=visibility)
        )
        done = solve_take(take, options, device=device.value, progress=session.progress, workers=threads)
        shown = {key: value for key, value in done.record.items() if key not in ("inputs", "gloss")}
        lines = ["Nothing to do: it is there already."] if done.again else []
        lines += [f"Maps:   {done.folder}", f"Method: {done.record['method']}"]
        lines += [f"Page:   {done.folder / 'appearance.html'}"]
        lines += [f"Body:   {done.carried}"] if done.carried else []
        return Outcome(data={"appearance": str(done.folder), "carried": done.carried, **shown}, lines=lines)

    run(work, as_json=json, debug=debug)
