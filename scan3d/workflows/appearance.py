"""`scan3d appearance`: what the scanned skin is made of, from the photographs of all lights.

results of `scan3d reconstruct` + photographs + lights.toml -> results/appearance
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from scan3d.appearance.marks.find import tile_marks, without_doubles
from scan3d.appearance.materials.files import MARKS, RECORD, read_record, udim, write_tile
from scan3d.appearance.materials.labels import KINDS
from scan3d.appearance.materials.observations import Lamp, lamps_of
from scan3d.appearance.materials.solve import SolveOptions, Solver
from scan3d.appearance.materials.surface import make_surface
from scan3d.capture.colour_correction import FILE, FOLDER
from scan3d.capture.lights_file import KnownLights, nearest_lights, read_lights
from scan3d.capture.take import Take
from scan3d.errors import InputError
from scan3d.geometry import Rig
from scan3d.geometry.imperfections import Imperfection
from scan3d.geometry.lights import LightSetup
from scan3d.pipeline.aside import TEMPORARY_PREFIX, remove_tree, storage_errors
from scan3d.pipeline.device import choose_device
from scan3d.pipeline.measure import Meter
from scan3d.pipeline.progress import Progress
from scan3d.report.appearance_page import PAGE, write_appearance_page
from scan3d.report.beside import link_pages
from scan3d.workflows.appearance_flash import flash_of, solved_by_flash
from scan3d.workflows.appearance_regions import region_labels
from scan3d.workflows.cameras import rig_in_use
from scan3d.workflows.carry import carry_on
from scan3d.workflows.left_alone import fill_left_alone
from scan3d.workflows.lit_views import lit_views
from scan3d.workflows.solved_skin import digest_of
from scan3d.workflows.textured_scan import read_textured_scan

_SEVERAL = "several lights"
_METHOD = 2  # goes up whenever maps or marks of the same photographs come out otherwise


@dataclass(frozen=True, kw_only=True)
class AppearanceOptions:
    """texture_size: texels along a tile's side, None for the scan's own. regions: folder of pictures that name kinds of
    surface, one per camera. only_skin: leaves other kinds alone. solve: of the closed form."""

    texture_size: int | None = None
    regions: Path | None = None
    only_skin: bool = False
    solve: SolveOptions = field(default_factory=SolveOptions)


@dataclass(frozen=True, kw_only=True)
class Appearance:
    """The folder that was written, and appearance.json's values. again: it was there already. carried: what became of
    the maps of a fitted body, in words."""

    folder: Path
    record: Mapping[str, Any]
    again: bool
    carried: str = ""


def solve_take(
    take_dir: Path, options: AppearanceOptions, *, device: str = "auto", progress: Progress, workers: int | None = None
) -> Appearance:
    """Write TAKE/results/appearance, and the maps of the body where the take was fitted; a folder that was made of the
    same files and options is left as it is, whatever the device.

    device: "auto", "cpu" or "cuda", see `choose_device`; a GPU solves texels under lamps that stand still.
    Raises a Scan3dError where the take was not reconstructed, lights.toml is missing or wrong, or lights do not match
    the photographs.
    """
    made = _solve(take_dir, options, choose_device(device), progress, workers)
    return replace(made, carried=carry_on(Path(take_dir).absolute(), progress=progress))


def _solve(
    take_dir: Path, options: AppearanceOptions, device: str, progress: Progress, workers: int | None
) -> Appearance:
    started = Meter()
    take = Take.open(take_dir)
    model = take.results / "model.obj"
    if not model.is_file():
        raise InputError("The take has no scan yet.", str(model), f"Run: scan3d reconstruct {take_dir}")
    flash = flash_of(take)
    known = _known_lights(take) if flash is None else None
    inputs = _inputs(take, model, options)
    folder = take.results / "appearance"
    if (folder / RECORD).is_file():
        record = read_record(folder)
        if record.get("inputs") == inputs and (folder / PAGE).is_file():
            return Appearance(folder=folder, record=record, again=True)
    aside = folder.with_name(f"{TEMPORARY_PREFIX}{os.getpid()}-appearance")
    with storage_errors(take.results):
        remove_tree(aside)
        aside.mkdir(parents=True)
        try:
            if flash is not None:
                made = _by_flash(take, flash, model, aside, options, progress, workers)
            elif known is None:
                from scan3d.workflows.appearance_estimate import estimate

                made = estimate(model, aside, texture_size=options.texture_size, progress=progress)
            else:
                made = _solved(take, rig_in_use(take), known, model, aside, options, device, progress, workers)
            if options.only_skin and known is not None:
                fill_left_alone(aside, model, made["tiles"])
            cost = started.cost()
            # The scan that the maps are for: its texture coordinates mean nothing on another.
            made |= {"scan": digest_of(model), "inputs": inputs, "cpu_s": round(cost.cpu_seconds, 1)}
            record = {"format": "scan3d appearance 1", **made}
            (aside / RECORD).write_text(json.dumps(record, indent=1) + "\n")
            _write_page(aside, take, model, record)
            remove_tree(folder)
            aside.rename(folder)
            link_pages(take.results)
        finally:
            shutil.rmtree(aside, ignore_errors=True)
    return Appearance(folder=folder, record=record, again=False)


def _known_lights(take: Take) -> KnownLights | None:
    """The lamps of the take's photographs; None where it has one light only."""
    if take.lights == ("",) or len(take.lights) < 3:
        return None
    path = nearest_lights(take.root)
    if path is None:
        what = "The take has several lights, and no lights.toml says where they stand."
        raise InputError(what, str(take.root), "Describe the rig's lamps in lights.toml: docs/appearance.md.")
    known = read_lights(path)
    missing = [light for light in take.lights if light not in known.setups]
    if missing:
        names = ", ".join(known.setups)
        raise InputError(f"lights.toml does not know the light {missing[0]!r}.", str(path), f"It knows: {names}.")
    return KnownLights(setups={light: known.setups[light] for light in take.lights}, exposure=known.exposure)


def _inputs(take: Take, model: Path, options: AppearanceOptions) -> dict[str, Any]:
    """What the result follows from: the method, options, and size and time of the files that are read."""
    files = [model, *(path for by_light in take.photographs.values() for path in by_light.values())]
    files += [path for path in (take.calibration, nearest_lights(take.root)) if path is not None]
    files += [path for path in (take.root / "take.toml",) if path.is_file()]
    colour = take.results / FOLDER / FILE
    files += [colour] if colour.is_file() else []
    if options.regions is not None:
        files += sorted(options.regions.glob("*.png"))
    stamps = {str(path): [path.stat().st_size, path.stat().st_mtime_ns] for path in files}
    return {"method": _METHOD, "options": json.loads(json.dumps(asdict(options), default=str)), "files": stamps}


def _solved(
    take: Take, rig: Rig, known: KnownLights, model: Path, out: Path, options: AppearanceOptions, device: str,
    progress: Progress, workers: int | None,
) -> dict[str, Any]:  # fmt: skip
    lamps = lamps_of(known.setups)
    mesh, tile_of_face, size = read_textured_scan(model)
    size = options.texture_size or size
    views = lit_views(take, rig, known, mesh, size, int(tile_of_face.max()) + 1)
    label = None
    if options.regions is not None:
        label = region_labels(mesh, rig, views, options.regions, only_skin=options.only_skin)
    surface = make_surface(mesh, tile_of_face, size, label=label)
    solver = Solver(
        surface, lamps, list(views.values()), options=options.solve, progress=progress, workers=workers, device=device
    )
    tiles, marks, seen, texels = [], [], 0, 0
    left: list[np.ndarray] = []
    for maps in solver.tiles():
        written = write_tile(out, surface, maps, gloss=solver.shows_gloss)
        tiles.append(udim(maps.tile))
        marks += tile_marks(surface, maps, written.known)
        seen, texels = seen + int(written.known.sum()), texels + len(written.known)
        left.append(maps.residual[written.known][::101])
        del maps, written  # the next tile needs their room
    marks = without_doubles(marks)
    write_marks(marks, out)
    return {
        "method": _SEVERAL,
        "tiles": tiles,
        "texture_size": size,
        "lamps": [_lamp(lamp) for lamp in lamps],
        "cameras": list(views),
        "colours": "corrected by results/colour" if (take.results / FOLDER / FILE).is_file() else "as photographed",
        "seen_share": seen / max(1, texels),
        "residual": _residual(np.concatenate([np.zeros(0), *left])),
        "gloss": _gloss(solver),
        "cameras_gain": {
            name: gain.round(4).tolist() for name, gain in zip(views, solver.common.agreement.gain, strict=True)
        },
        "shading": solver.common.agreement.shading.round(4).tolist(),
        "imperfections": len(marks),
        "displacement_range_mm": 1.0,
    }


def _by_flash(
    take: Take, flash: tuple[str, LightSetup], model: Path, out: Path, options: AppearanceOptions, progress: Progress,
    workers: int | None,
) -> dict[str, Any]:  # fmt: skip
    mesh, tile_of_face, size = read_textured_scan(model)
    size = options.texture_size or size
    lights = KnownLights(setups={flash[0]: flash[1]})
    rig = rig_in_use(take)
    views = lit_views(take, rig, lights, mesh, size, int(tile_of_face.max()) + 1)
    label = None
    if options.regions is not None:
        label = region_labels(mesh, rig, views, options.regions, only_skin=options.only_skin)
    return solved_by_flash(
        (mesh, tile_of_face, size), views, flash, out, label=label, options=options.solve, progress=progress,
        workers=workers,
    )  # fmt: skip


def _residual(left: np.ndarray) -> dict[str, float] | None:
    """Share of the light that the model leaves unexplained, over texels (N,)."""
    if not len(left):
        return None
    return {"median": round(float(np.median(left)), 4), "p95": round(float(np.quantile(left, 0.95)), 4)}


def _write_page(folder: Path, take: Take, model: Path, record: Mapping[str, Any]) -> None:
    mesh, tile_of_face, _ = read_textured_scan(model)
    assert mesh.uv is not None
    marks = json.loads((folder / MARKS).read_text())
    write_appearance_page(folder, take.root.name, record, marks, mesh, mesh.uv, tile_of_face)


def _lamp(lamp: Lamp) -> dict[str, Any]:
    return {
        "panels": [panel.name for panel in lamp.setup.panels],
        "photographs": {k: v for k, v in asdict(lamp).items() if k in ("cross", "parallel", "plain") and v},
    }


def _gloss(solver: Solver) -> dict[str, Any] | None:
    """The second lobe, and each patch: centre in metres, roughness, specular (F0 over 0.08)."""
    fit, patches = solver.common.fit, solver.common.patches
    if fit is None or patches is None:
        return None
    known = np.isfinite(fit.roughness)
    rows = np.column_stack([patches.centre, fit.roughness, fit.specular / 0.08, patches.label])[known]
    return {
        "second_roughness": round(fit.second_roughness, 4),
        "second_share": round(fit.second_share, 4),
        "regions": [
            {
                "centre_m": row[:3].round(4).tolist(), "roughness": round(float(row[3]), 4),
                "specular": round(float(row[4]), 4), "kind": KINDS[int(row[5]) + 1],
            }
            for row in rows
        ],
    }  # fmt: skip


def write_marks(marks: Sequence[Imperfection], out: Path) -> None:
    """imperfections.json, as a simulated take's truth has it."""
    (out / MARKS).write_text(json.dumps([asdict(mark) for mark in marks], indent=1) + "\n")
