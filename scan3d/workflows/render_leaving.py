"""Renders on their way out of the house: the gate is asked first, and what leaves is marked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from scan3d.rights.vocabulary import Deliverable
from scan3d.workflows.leaving import LeavingOptions, leaving, named
from scan3d.workflows.render import Rendered, RenderOptions


def render_out(
    take: Path,
    options: RenderOptions,
    permission: LeavingOptions,
    work: Callable[[RenderOptions], Rendered],
    *,
    kind: str = "picture",
    detail: str | None = None,
    say: Callable[[str], None] = lambda text: None,
) -> Rendered:
    """`work` renders with the options it is given; its files leave together, as one use.

    kind: "picture", "turntable" or "batch". detail: what else decides what is shown, as a batch's file. Raises
    RightsError, InputError, and what the work raises.
    """
    into, name = _place(take, options, kind)
    scene = scene_of(options, kind, detail)
    with leaving(take, into, permission, deliverable=Deliverable.PICTURES, scene=scene, say=say) as departure:
        if departure.enforced:
            options = replace(options, out=departure.folder / name if name else departure.folder)
        done = work(options)
        if departure.enforced:
            departure.notes += _without_films(departure.folder)
    files = departure.outputs or done.files
    return Rendered(files=tuple(files), summary=departure.told(done.summary))


def _without_films(folder: Path) -> list[str]:
    """A film's frames cannot be marked once they are coded: the marked pictures leave, and make the same film."""
    films = sorted(folder.rglob("*.mp4"))
    for film in films:
        film.unlink()
    return [f"{film.name} is left out: make it from the pictures, which are marked." for film in films]


def _place(take: Path, options: RenderOptions, kind: str) -> tuple[Path, str]:
    """The folder that files go to, and the picture's name where the user gave one."""
    if options.out is not None and options.out.suffix:
        return options.out.parent, options.out.name
    usual = Path(take) / "results" / "render"
    return options.out or (usual / "batch" if kind == "batch" else usual), ""


def scene_of(options: RenderOptions, kind: str = "picture", detail: str | None = None) -> dict[str, Any]:
    """What a person approves. How large, how fine and by which engine it is rendered is not part of it."""
    return {
        "render": kind,
        "detail": named(detail),
        "pose": named(options.pose),
        "look": named(options.look),
        "camera": options.camera,
        "light": options.light,
        "crop": options.crop,
        "focal_mm": options.focal_mm,
        "fill": options.fill,
        "turn_deg": options.turn_deg,
        "view": options.view,
        "ground": options.ground,
    }
