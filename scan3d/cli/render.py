"""`scan3d render TAKE`"""

from __future__ import annotations

import enum
from pathlib import Path
from typing import Annotated

import typer

from scan3d.cli.options import Debug, For, Json, LeavingFor, Registry, Take, Use
from scan3d.cli.session import Outcome, Session, run


class RenderQuality(enum.StrEnum):
    """How a picture is made."""

    preview = "preview"
    final = "final"


class Engine(enum.StrEnum):
    """What makes it."""

    mitsuba = "mitsuba"
    cycles = "cycles"
    raster = "raster"


def render(
    take: Take,
    pose: Annotated[
        str | None,
        typer.Option(
            metavar="NAME|FILE[:FRAME]",
            help="The avatar in this pose: of the library, 'scan', a body.npz, or a frame of a motion. By default the "
            "scan as it stands.",
            show_default=False,
        ),
    ] = None,
    look: Annotated[
        str | None,
        typer.Option(metavar="NAME|FILE", help="Light, lens and ground: a name, a .toml, or an .hdr to stand in."),
    ] = None,
    camera: Annotated[
        str | None, typer.Option(metavar="CAM", help="Instead of a look: from this camera of the rig, by its light.")
    ] = None,
    light: Annotated[str | None, typer.Option(metavar="ID", help="Which light of the take, with --camera.")] = None,
    compare: Annotated[
        bool, typer.Option("--compare", help="With --camera: beside its photograph, with the difference in figures.")
    ] = False,
    mask: Annotated[
        Path | None, typer.Option(metavar="FILE|FOLDER", help="Where to compare: white in it, e.g. the skin.")
    ] = None,
    quality: Annotated[
        RenderQuality, typer.Option(help="preview: rasterised, seconds. final: path traced.")
    ] = RenderQuality.preview,
    engine: Annotated[
        Engine | None, typer.Option(help="mitsuba, cycles (needs Blender) or raster; by default by quality.")
    ] = None,
    samples: Annotated[int | None, typer.Option(metavar="N", help="Paths a pixel; a power of four repeats.")] = None,
    size: Annotated[str | None, typer.Option(metavar="WxH", help="Pixels, e.g. 1200x1500.")] = None,
    crop: Annotated[
        str | None,
        typer.Option(help="face, portrait, bust, three_quarter, full, hand_left or hand_right; the look's by default."),
    ] = None,
    focal: Annotated[float | None, typer.Option(metavar="MM", help="Focal length, of a 36 x 24 mm picture.")] = None,
    fill: Annotated[float | None, typer.Option(help="Share of the picture that the subject fills, e.g. 0.85.")] = None,
    turn: Annotated[float | None, typer.Option(metavar="DEGREES", help="Camera so far to the subject's left.")] = None,
    view: Annotated[str | None, typer.Option(help="agx, punchy, aces or standard; the look's by default.")] = None,
    ground: Annotated[str | None, typer.Option(help="colour, white, transparent or surroundings.")] = None,
    passes: Annotated[
        bool, typer.Option("--passes", help="Also an EXR: beauty, diffuse, specular, depth, normal, id, shadow.")
    ] = False,
    turntable: Annotated[
        int, typer.Option(metavar="N", help="N pictures all around, as PNG files and an MP4.", min=0)
    ] = 0,
    batch: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Poses, looks, cameras and crops to combine, as TOML.", show_default=False),
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the paths.")] = 0,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE|FOLDER", help="TAKE/results/render by default.", show_default=False)
    ] = None,
    registry: Registry = None,
    use: Use = None,
    purpose: For = LeavingFor.use,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Make pictures of the scan or the avatar: in a studio look, or as the rig's own camera sees it.

    Several names with commas between, of poses, looks, cameras or crops, are combined into a contact sheet and a page.

    Looks: beauty_dish, butterfly, clamshell, ecommerce_white, loop, octabox, rembrandt, split, three_point.
    """

    def work(session: Session) -> Outcome:
        from scan3d.workflows.leaving import LeavingOptions
        from scan3d.workflows.render import Rendered, RenderOptions, parsed_size, render_take
        from scan3d.workflows.render_batch import batch_of, render_batch
        from scan3d.workflows.render_leaving import render_out
        from scan3d.workflows.render_turn import render_turntable

        options = RenderOptions(
            pose=pose, look=look, camera=camera, light=light, quality=quality.value,
            engine=engine.value if engine else None, samples=samples, seed=seed, size=parsed_size(size), crop=crop,
            focal_mm=focal, fill=fill, turn_deg=turn, view=view, ground=ground, passes=passes, compare=compare,
            mask=mask, out=out,
        )  # fmt: skip
        several = batch_of(options, batch)

        def work_with(chosen: RenderOptions) -> Rendered:
            if several is not None:
                return render_batch(take, several, chosen, progress=session.progress)
            if turntable:
                return render_turntable(take, chosen, turntable, progress=session.progress)
            return render_take(take, chosen, progress=session.progress)

        permission = LeavingOptions(registry=registry, use=use, purpose=purpose.value)
        kind = "batch" if several is not None else "turntable" if turntable else "picture"
        detail = str(batch) if batch else str(turntable) if turntable else None
        done = render_out(take, options, permission, work_with, kind=kind, detail=detail, say=session.say)
        about = done.summary
        lines = [str(note) for note in about["notes"]]
        if "compare" in about:
            by = about["compare"]
            lines.append(
                f"In {by['mask']}: PSNR {by['psnr_db']:.2f} dB, SSIM {by['ssim']:.4f}, "
                f"CIEDE2000 {by['ciede2000']:.2f}, FLIP {by['flip']:.3f}."
            )
        lines += [f"{'Picture' if n == 0 else 'And'}: {path}" for n, path in enumerate(done.files[:6])]
        return Outcome(data={"files": [str(path) for path in done.files], **about}, lines=lines)

    run(work, as_json=json, debug=debug)
