"""`scan3d cameras convert IN OUT` and `scan3d cameras list FILE`"""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from scan3d.cli.options import Debug, Json
from scan3d.cli.session import Outcome, Session, run

if TYPE_CHECKING:
    from scan3d.geometry import Camera, Rig


class Format(StrEnum):
    """The programs whose camera files are known."""

    scan3d = "scan3d"
    colmap = "colmap"
    opencv = "opencv"
    caliscope = "caliscope"
    anipose = "anipose"
    metashape = "metashape"
    realityscan = "realityscan"
    qualisys = "qualisys"


class Unit(StrEnum):
    """Units of length."""

    mm = "mm"
    cm = "cm"
    m = "m"
    inch = "in"


_METRES = {Unit.mm: 1e-3, Unit.cm: 1e-2, Unit.m: 1.0, Unit.inch: 0.0254}

cameras = typer.Typer(help="Read, show and convert the camera files of other programs.", no_args_is_help=True)

_From = Annotated[
    Format | None, typer.Option("--from", help="The program IN comes from; found out by default.", show_default=False)
]
_Unit = Annotated[
    Unit | None, typer.Option("--unit", help="The unit of IN, where it does not say its own.", show_default=False)
]
_Images = Annotated[
    Path | None,
    typer.Option(
        "--images",
        help="The photographs: their sizes for RealityScan's XMP, their names for COLMAP.",
        show_default=False,
    ),
]


@cameras.command("convert")
def convert(
    source: Annotated[Path, typer.Argument(metavar="IN", help="A camera file, or its folder.", show_default=False)],
    target: Annotated[Path, typer.Argument(metavar="OUT", help="The file or folder to write.", show_default=False)],
    source_format: _From = None,
    target_format: Annotated[
        Format | None,
        typer.Option("--to", help="The program OUT is for; by OUT's suffix by default.", show_default=False),
    ] = None,
    unit: _Unit = None,
    images: _Images = None,
    approximate: Annotated[
        float | None,
        typer.Option(
            metavar="PX",
            min=0.0,
            help="Replace a lens that OUT cannot hold by the nearest one, if that is off by at most so many pixels.",
            show_default=False,
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace OUT if it is there.")] = False,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Convert cameras between calibration.toml and the files of other programs.

    Every number reads back to 1e-9; a camera that the other format cannot hold is an error, and nothing is written.
    """

    def work(session: Session) -> Outcome:
        from scan3d.calibration.formats import read_camera_file, target_format_of, with_lenses_for, write_cameras

        chosen = target_format or target_format_of(target)
        found = read_camera_file(source, source_format, images=images)
        rig = found.rig(_METRES[unit] if unit else None)
        off_px: dict[str, float] = {}
        if approximate is not None:
            rig, off_px = with_lenses_for(rig, chosen, within_px=approximate)
        written = write_cameras(rig, target, chosen, images=images, replace=force)
        data = {"written": [str(path) for path in written], "approximated_px": off_px, **_data(rig, found.left_out)}
        lines = [f"Approximated: {name}, its lens is off by up to {off:.3g} px." for name, off in off_px.items()]
        return Outcome(data=data, lines=[*lines, *_notes(rig, found.left_out), f"{len(rig)} cameras: {target}"])

    run(work, as_json=json, debug=debug)


@cameras.command("list")
def show(
    source: Annotated[Path, typer.Argument(metavar="FILE", help="A camera file, or its folder.", show_default=False)],
    source_format: _From = None,
    unit: _Unit = None,
    images: _Images = None,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Show the cameras of a file: lens, picture, where they stand and where they look."""

    def work(session: Session) -> Outcome:
        from scan3d.calibration.formats import read_camera_file

        found = read_camera_file(source, source_format, images=images)
        rig = found.rig(_METRES[unit] if unit else None)
        return Outcome(data=_data(rig, found.left_out), lines=[*_table(rig), *_notes(rig, found.left_out)])

    run(work, as_json=json, debug=debug)


def _data(rig: Rig, left_out: Any) -> dict[str, Any]:
    return {
        "source": rig.source,
        "scale_is_metric": rig.scale_is_metric,
        "left_out": dict(left_out),
        "cameras": [_entry(camera) for camera in rig],
    }


def _entry(camera: Camera) -> dict[str, Any]:
    lens = camera.intrinsics
    return {
        "camera_id": camera.camera_id,
        "model": lens.model,
        "image_size_px": [lens.width, lens.height],
        "focal_px": [float(lens.fx), float(lens.fy)],
        "centre_px": [float(lens.cx), float(lens.cy)],
        "distortion": list(lens.distortion),
        "stands_at_m": camera.centre.tolist(),
        "looks_along": camera.forward.tolist(),
    }


def _table(rig: Rig) -> list[str]:
    wide = max(6, *(len(name) for name in rig.camera_ids))
    unit = "m" if rig.scale_is_metric else "?"
    lines = [
        f"{'camera':{wide}}  {'lens':11}  {'picture':>11}  {'focal px':>9}  stands at ({unit})          looks along"
    ]
    for camera in rig:
        lens = camera.intrinsics
        size = f"{lens.width} x {lens.height}"
        place = " ".join(f"{v:8.3f}" for v in camera.centre)
        way = " ".join(f"{v:5.2f}" for v in camera.forward)
        lines.append(f"{camera.camera_id:{wide}}  {lens.model:11}  {size:>11}  {lens.fx:9.1f}  {place}  {way}")
    return lines


def _notes(rig: Rig, left_out: Any) -> list[str]:
    notes = [f"Left out: {name}, {why}." for name, why in left_out.items()]
    if not rig.scale_is_metric:
        notes.append("The file does not say its unit: give it with --unit, or the scale stays arbitrary.")
    return notes
