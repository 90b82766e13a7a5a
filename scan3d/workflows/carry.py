"""Solved skin carried on to the body that was fitted to the scan, and what the body's maps were made of.

`scan3d fit` bakes the solved skin where there is one; `scan3d appearance` bakes the maps of a fit anew.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from scan3d.appearance.materials.files import RECORD
from scan3d.body.bake import BakeOptions
from scan3d.body.stages import DETAIL_FILE
from scan3d.errors import Scan3dError
from scan3d.pipeline.progress import Progress
from scan3d.pipeline.store import Store
from scan3d.workflows.marks_check import said_of_marks
from scan3d.workflows.solved_skin import SOLVED, digest_of, solved_skin

PLAIN_TEXTURE = "plain texture: the light of the photographs is still in it"
NO_MAPS = "The body has no maps: it is plain."
_CARRIED = "The maps of the fitted body are made of it."


def carry_on(take: Path, *, progress: Progress) -> str:
    """Bakes the maps of the fitted body anew of the solved skin; what came of it in words, "" where nothing was fitted.

    Nothing is done where they are of this solve already. A body that cannot take it, of another mesh for instance, is
    left as it is.
    """
    out = take / "results" / "body"
    about = read_about(out / "maps")
    if about is None or not (out / "fit.json").is_file() or not (out / DETAIL_FILE).is_file():
        return ""
    fit = json.loads((out / "fit.json").read_text())
    path = _scan_of(take, fit)
    solved = None if path is None else solved_skin(path)
    if path is None or solved is None:
        return f"The body was fitted to another mesh. Run: scan3d fit {take}"
    if (about.get("origin") or {}).get("solve") == solved.origin["solve"]:
        return _CARRIED
    try:
        _bake(take, out, path, about, progress)
    except Scan3dError as error:
        return f"The maps of the fitted body stay as they were: {error.what} {error.next_step}"
    return f"{_CARRIED} {said_of_marks(read_about(out / 'maps') or {})}".rstrip()


def _bake(take: Path, out: Path, mesh: Path, about: Mapping[str, Any], progress: Progress) -> None:
    from scan3d.report.body_page import write_body_page
    from scan3d.workflows.fit import read_scan
    from scan3d.workflows.fit_detail import write_body_maps
    from scan3d.workflows.take_body import read_take_body

    body = read_take_body(take)
    known = {field.name for field in fields(BakeOptions)}
    asked = {key: value for key, value in (about.get("options") or {}).items() if key in known}
    store = Store(take / ".scan3d")
    with store.locked():
        write_body_maps(
            store, out, mesh, read_scan(mesh), body.model, body.parameters, BakeOptions(**asked), progress=progress
        )
    fit = json.loads((out / "fit.json").read_text())
    write_body_page(out, take.name, fit, read_about(out / "maps"))


def _scan_of(take: Path, fit: Mapping[str, Any]) -> Path | None:
    """The mesh that was fitted, if it is still what it was; a take that was moved holds it in its results."""
    for path in (take / "results" / "mesh.ply", Path(str(fit.get("mesh", "")))):
        if path.is_file() and fit.get("mesh_sha256") in (None, digest_of(path)):
            return path
    return None


def read_about(maps: Path) -> Mapping[str, Any] | None:
    """maps.json of a folder of maps; None where there is none that can be read."""
    try:
        found = json.loads((maps / "maps.json").read_text())
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def maps_note(take: Path) -> str:
    """What a viewer of pictures should know of the body's maps: what they were made of."""
    folder = take / "results" / "body" / "maps"
    if not list(folder.glob("albedo*")):
        return NO_MAPS
    origin = (read_about(folder) or {}).get("origin") or {}
    record = take / "results" / "appearance" / RECORD
    if origin.get("kind") != SOLVED:
        later = f" (solved since: scan3d fit {take} carries it on)" if record.is_file() else ""
        return PLAIN_TEXTURE + later
    said = f"materials: {origin.get('method', SOLVED)}"
    if record.is_file() and digest_of(record) != origin.get("solve"):
        said += f", of an earlier solve (scan3d fit {take} carries the last one on)"
    return said


def second_lobe(take: Path) -> tuple[float, float] | None:
    """(roughness, share) of the sharper lobe of the skin that the body's maps are of; None where it is not known."""
    origin = (read_about(take / "results" / "body" / "maps") or {}).get("origin") or {}
    lobe = origin.get("second_lobe")
    return None if not lobe else (float(lobe["roughness"]), float(lobe["share"]))
