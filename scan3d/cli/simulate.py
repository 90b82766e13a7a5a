"""`scan3d simulate --rig RIG --out TAKE`"""

from __future__ import annotations

import enum
from pathlib import Path
from typing import Annotated

import typer

from scan3d.cli.options import Debug, Json, Threads
from scan3d.cli.session import Outcome, Session, run
from scan3d.cli.words import duration


class Render(enum.StrEnum):
    """How photographs are rendered."""

    PREVIEW = "preview"
    STANDARD = "standard"
    FINAL = "final"


def simulate(
    out: Annotated[Path, typer.Option("--out", help="The take folder to make.", show_default=False)],
    rig: Annotated[str, typer.Option(help="A rig that ships with scan3d, or a .toml file.")] = "demo_16",
    subject: Annotated[int, typer.Option(help="Who is scanned: every number is somebody else.", min=0)] = 1,
    mesh: Annotated[
        Path | None,
        typer.Option(
            help="Scan this textured .obj, .glb or .ply instead: metres, Z up, facing -Y.", show_default=False
        ),
    ] = None,
    lights: Annotated[
        str | None,
        typer.Option(
            help="uniform, studio, flashes, gradients, or an .hdr file; '+polarised' behind it for both polarisations. "
            "By default the rig's own.",
            show_default=False,
        ),
    ] = None,
    pose: Annotated[str, typer.Option(help="a, t, relaxed, contrapposto, hand_on_hip or walk.")] = "a",
    garment: Annotated[str, typer.Option(help="fitted or loose.")] = "fitted",
    tone: Annotated[
        float | None,
        typer.Option(help="Skin from 0, very light, to 1, very dark.", min=0.0, max=1.0, show_default=False),
    ] = None,
    scatter: Annotated[bool, typer.Option("--scatter", help="Light spreads below the skin.")] = False,
    quality: Annotated[Render, typer.Option(help="preview: no gloss, for tests of geometry; final: least noise.")] = (
        Render.STANDARD
    ),
    texture_size: Annotated[
        int, typer.Option(metavar="TEXELS", help="Of the skin's maps, along a side.", min=256, max=8192)
    ] = 4096,
    scale: Annotated[
        float, typer.Option(help="Photographs smaller or larger by this factor along a side.", min=0.05, max=8.0)
    ] = 1.0,
    displaced: Annotated[
        list[str] | None,
        typer.Option(
            "--displaced",
            metavar="CAMERA=MM,DEG",
            help="It was moved and turned by so much since its calibration. Can be given again.",
            show_default=False,
        ),
    ] = None,
    blurred: Annotated[
        list[str] | None,
        typer.Option(
            "--blurred",
            metavar="CAMERA=PX",
            help="It is out of focus: a point is a disc of this radius. Can be given again.",
            show_default=False,
        ),
    ] = None,
    defocus: Annotated[bool, typer.Option("--defocus", help="Depth of field as the rig's lenses have.")] = False,
    bayer: Annotated[bool, typer.Option("--bayer", help="A sensor that sees one colour per pixel.")] = False,
    motion: Annotated[float, typer.Option(metavar="PX", help="Motion blur.", min=0.0)] = 0.0,
    exposure_error: Annotated[
        float, typer.Option(metavar="SD", help="Between cameras, as a share.", min=0.0, max=1.0)
    ] = 0.02,
    colour_error: Annotated[
        float, typer.Option(metavar="SD", help="Of white balance between cameras, as a share.", min=0.0, max=1.0)
    ] = 0.015,
    skew: Annotated[
        float, typer.Option(metavar="MS", help="The last camera fires so late, while the person sways.", min=0.0)
    ] = 0.0,
    board: Annotated[
        str | None,
        typer.Option(
            metavar="TARGET",
            help="Also photograph a calibration board (`scan3d target list`, or a .toml file): OUT/boards.",
            show_default=False,
        ),
    ] = None,
    board_shots: Annotated[int, typer.Option(help="In how many places.", min=1)] = 24,
    chart: Annotated[bool, typer.Option("--chart", help="Also photograph a colour chart: OUT/chart.")] = False,
    tiff: Annotated[bool, typer.Option("--tiff", help="16-bit linear TIFF instead of JPEG.")] = False,
    threads: Threads = None,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Photograph a virtual person with a virtual rig: a take like a real one, and the exact truth beside it.

    Everything follows from the numbers given: the same command makes the same bytes. A stopped run goes on where it
    was.
    """

    def work(session: Session) -> Outcome:
        from scan3d.workflows.simulate import SimulateOptions, estimate_seconds, simulate_take

        options = SimulateOptions(
            rig=rig, subject=subject, mesh=mesh, lights=lights, pose=pose, garment=garment, tone=tone,
            scatter=scatter, quality=quality.value, scale=scale, displaced=tuple(displaced or ()),
            blurred=tuple(blurred or ()), defocus=defocus, bayer=bayer, motion_px=motion,
            texture_size=texture_size, exposure_error=exposure_error, colour_error=colour_error, skew_ms=skew,
            tiff=tiff, board=board, board_shots=board_shots, chart=chart,
        )  # fmt: skip
        session.say(f"{quality.value}: about {duration(estimate_seconds(options, workers=threads))}.")
        done = simulate_take(out, options, progress=session.progress, workers=threads)
        lines = ["Nothing to do: it is there already."] if done.again else []
        lines += [f"Take:  {done.take}", f"Truth: {done.truth}"]
        return Outcome(data={"take": str(done.take), "truth": str(done.truth)}, lines=lines)

    run(work, as_json=json, debug=debug)
