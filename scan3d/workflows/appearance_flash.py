"""The maps of a take whose lamp sits on the camera: a flash that every photograph has from its own side."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from scan3d.appearance.materials.files import MARKS, read_record, udim, write_tile
from scan3d.appearance.materials.flash_solve import FlashSolver
from scan3d.appearance.materials.observations import LitView
from scan3d.appearance.materials.solve import SolveOptions
from scan3d.appearance.materials.surface import make_surface
from scan3d.capture.lights_file import nearest_lights, read_lights
from scan3d.capture.take import Take
from scan3d.geometry import Mesh
from scan3d.geometry.lights import LightSetup, Panel, Surroundings
from scan3d.pipeline.progress import Progress

FLASH = "a flash on the camera"
_EDGE_M = 8e-3
_NOTE = (
    "Nothing tells a brighter flash from a brighter surface: how bright the albedo is as a whole is what is usual. "
    "Gloss is one for the whole surface. Marks are not listed."
)


def flash_of(take: Take) -> tuple[str, LightSetup] | None:
    """The light of the take's photographs, by id, where lights.toml says that it sits on the camera.

    Raises InputError where the file cannot be read.
    """
    path = nearest_lights(take.root)
    if path is None:
        return None
    setups = read_lights(path).setups
    light = take.geometry_light()
    setup = setups.get(light) or (next(iter(setups.values())) if not light and len(setups) == 1 else None)
    return (light, setup) if setup is not None and setup.on_camera else None


def solved_by_flash(
    scan: tuple[Mesh, np.ndarray, int], views: Mapping[str, LitView], flash: tuple[str, LightSetup], out: Path, *,
    label: np.ndarray | None, options: SolveOptions, progress: Progress, workers: int | None,
) -> dict[str, Any]:  # fmt: skip
    """Write the maps into `out`; what appearance.json says of them. scan: mesh, tile of each face, texture size."""
    mesh, tile_of_face, size = scan
    light, setup = flash
    surface = make_surface(mesh, tile_of_face, size, label=label, edge_m=_EDGE_M)
    solver = FlashSolver(
        surface, list(views.values()), setup, light, visible=options.visible, turn=options.turn, lens=options.lens,
        progress=progress, workers=workers,
    )  # fmt: skip
    tiles, seen, texels = [], 0, 0
    for maps in solver.tiles():
        written = write_tile(out, surface, maps, gloss=True)
        tiles.append(udim(maps.tile))
        seen, texels = seen + int(written.known.sum()), texels + len(written.known)
    (out / MARKS).write_text(json.dumps([]) + "\n")
    fit, gloss = solver.fit, solver.gloss
    return {
        "method": FLASH,
        "note": _NOTE,
        "tiles": tiles,
        "texture_size": size,
        "cameras": list(views),
        "seen_share": seen / max(1, texels),
        "gloss": {
            "roughness": round(float(gloss.roughness[0]), 4), "specular": round(float(gloss.specular[0]) / 0.08, 4),
            "second_roughness": round(gloss.second_roughness, 4), "second_share": round(gloss.second_share, 4),
            "regions": [],
        },
        "flash": _flash(solver.panel, guessed=setup.panels[0].guessed) | {
            "room": fit.ambient.round(5).tolist(),
            "residual": round(fit.residual, 4),
        },
        "cameras_gain": {name: gain.round(4).tolist() for name, gain in zip(views, fit.gain, strict=True)},
        "shading": fit.shading.round(4).tolist(),
        "imperfections": 0,
        "displacement_range_mm": 1.0,
    }  # fmt: skip


def _flash(panel: Panel, *, guessed: bool) -> dict[str, Any]:
    place = "found from the photographs" if guessed else "as lights.toml has it"
    keep = ("name", "centre_m", "target_m", "size_m", "radiance")
    return {"place": place} | {key: value for key, value in asdict(panel).items() if key in keep}


def solved_light(folder: Path, setup: LightSetup) -> LightSetup | None:
    """The flash and the room's light as `solved_by_flash` left them in a folder; None where it did not."""
    if not (folder / "appearance.json").is_file():
        return None
    flash = read_record(folder).get("flash")
    if flash is None:
        return None
    panel = Panel(
        name=flash["name"], centre_m=tuple(flash["centre_m"]), target_m=tuple(flash["target_m"]),
        size_m=tuple(flash["size_m"]), radiance=tuple(flash["radiance"]), on_camera=True,
    )  # fmt: skip
    return LightSetup(name=setup.name, panels=(panel,), surroundings=_room(flash["room"]))


def _room(ambient: Sequence[float]) -> Surroundings:
    """Surroundings that give normals n the light a + b . n: a radiance of a + 3/2 b . d from direction d."""
    polar = np.pi * (np.arange(16) + 0.5)[:, None] / 16
    azimuth = 2 * np.pi * (np.arange(32) + 0.5)[None] / 32
    x, y, z = np.sin(polar) * np.sin(azimuth), np.sin(polar) * np.cos(azimuth), np.cos(polar) + 0 * azimuth
    even, *slope = ambient
    radiance = np.maximum(even + 1.5 * (slope[0] * x + slope[1] * y + slope[2] * z), 0)
    return Surroundings(radiance=np.repeat(radiance[..., None], 3, axis=2).astype(np.float32))
