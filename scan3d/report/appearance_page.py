"""appearance.html: solved skin for the artist and the person scanned: maps, cameras, gloss, and every mark."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from scan3d.geometry import Mesh
from scan3d.pipeline.aside import write_bytes
from scan3d.report.appearance_views import close_up, gloss_strips, row_of_sides, spots_of
from scan3d.report.page_files import embedded, filled_in, palette_colour, plain
from scan3d.report.preview import look_from_sides
from scan3d.report.surface_view import SurfaceView
from scan3d.report.texture import Texture, read_picture, to_8_bit, udim

PAGE = "appearance.html"
_FULL_F0 = 0.08
_SIDE_PIXELS = 420 * 420
_MOST_SHOWN = 300  # marks with a picture of their own; the others are listed
# A camera is off where it is beyond so many robust deviations, and beyond what a person would see.
_OUTLIER, _LEAST_EXPOSURE, _LEAST_TINT = 4.0, 0.06, 0.03
_LITTLE_SEEN, _UNEXPLAINED = 0.6, 0.06
_MAPS = (
    ("albedo", "Albedo", "the skin's own colour, without light or shine"),
    ("normal", "Normal", "which way the surface leans, finer than the mesh: blue is the mesh's own"),
    ("specular", "Gloss", "how strongly it shines: white is a reflectance of 0.08, usual skin has 0.028"),
    ("roughness", "Roughness", "how wide the shine spreads: black is a mirror, white is chalk"),
    ("displacement", "Displacement", "heights above the mesh: grey is the mesh, white {range:g} mm above it"),
    ("coverage", "Coverage", "white was seen, grey was filled in from around, black is no surface"),
)


def write_appearance_page(
    folder: Path, title: str, record: Mapping[str, Any], marks: Sequence[Mapping[str, Any]], scan: Mesh, uv: np.ndarray,
    tile_of_face: np.ndarray,
) -> Path:  # fmt: skip
    """Write appearance.html beside the maps; returns its path. One file: no scripts, no links out, pictures inside.

    record: what appearance.json holds. marks: what imperfections.json holds. scan: the mesh that the maps lie on, uv
    (F, 3, 2) in the tile of each face. Raises StorageError where the folder cannot be written to, InputError where a
    map cannot be read.
    """
    # What was left alone, such as eyes, has no map.
    nothing = np.full((4, 4, 3), 140, np.uint8)
    paths = (folder / f"albedo.{udim(tile)}.png" for tile in range(int(np.max(tile_of_face, initial=0)) + 1))
    albedo = [path if path.is_file() else nothing for path in paths]
    surface = SurfaceView(scan, Texture(uv=uv, tiles=albedo, tile_of_face=tile_of_face))
    looks = look_from_sides(surface, pixels=_SIDE_PIXELS)
    gloss = record.get("gloss")
    cameras = camera_rows(record.get("cameras_gain") or {})
    about = {"residual": None, **{key: record[key] for key in record if key != "inputs"}, "title": title}
    strips = gloss_strips(looks, gloss["regions"]) if gloss and gloss["regions"] else {}
    page = filled_in(
        "appearance.html.j2",
        plain({**about, "marks": marks}),
        light="several" if record.get("lamps") else "flash" if "flash" in record else "one",
        findings=_findings(record, cameras),
        overview=embedded(row_of_sides(looks), quality=88),
        maps=_maps(folder, record),
        cameras=cameras,
        corner_light=float(np.exp(sum(record["shading"]))) if "shading" in record else None,
        kinds_of_gloss=_kinds(gloss),
        strips={key: {**strip, **embedded(strip["rgb"])} for key, strip in strips.items()},
        palette=[palette_colour(share) for share in (0, 0.25, 0.5, 0.75, 1)],
        shares=_shares(folder, record),
        **_marks(surface, looks, marks),
    )
    path = folder / PAGE
    write_bytes(path, page.encode())
    return path


def camera_rows(gains: Mapping[str, Sequence[float]]) -> list[dict[str, Any]]:
    """Each camera with how much brighter it is than the others, percent, its tint, and whether that is off.

    gains: red, green and blue factors that the cameras' pictures are multiplied with. The worst come first.
    """
    if not gains:
        return []
    logs = -np.log(np.array(list(gains.values()), np.float64))
    exposure = logs.mean(axis=1)
    exposure = exposure - np.median(exposure)
    tint = logs - logs.mean(axis=1, keepdims=True)
    tint = tint - np.median(tint, axis=0)
    most = tint[np.arange(len(tint)), np.abs(tint).argmax(axis=1)]
    off = np.abs(exposure) > max(_LEAST_EXPOSURE, _OUTLIER * _deviation(exposure))
    tinted = np.abs(tint).max(axis=1) > max(_LEAST_TINT, _OUTLIER * _deviation(tint.ravel()))
    rows = []
    for k, (name, factors) in enumerate(gains.items()):
        channel = ("red", "green", "blue")[int(np.abs(tint[k]).argmax())]
        rows.append(
            {
                "name": name, "factors": [float(f) for f in factors],
                "brighter_percent": 100 * float(np.expm1(exposure[k])),
                "tint_percent": 100 * float(np.expm1(most[k])), "channel": channel,
                "grade": "look" if off[k] or tinted[k] else "good", "exposure_off": bool(off[k]),
                "tint_off": bool(tinted[k]),
            }
        )  # fmt: skip
    return sorted(rows, key=lambda row: (row["grade"] == "good", -abs(row["brighter_percent"])))


def _deviation(values: np.ndarray) -> float:
    return 1.4826 * float(np.median(np.abs(values - np.median(values))))


def _findings(record: Mapping[str, Any], cameras: Sequence[Mapping[str, Any]]) -> list[dict[str, str]]:
    found = []
    for row in cameras:
        if row["exposure_off"]:
            way = "brighter" if row["brighter_percent"] > 0 else "darker"
            what = f"{row['name']} is {abs(row['brighter_percent']):.0f} % {way} than the others."
            found.append({"what": what, "next_step": "It was corrected; check its aperture, time and ISO."})
        if row["tint_off"]:
            way = "more" if row["tint_percent"] > 0 else "less"
            what = f"{row['name']} shows {abs(row['tint_percent']):.0f} % {way} {row['channel']} than the others."
            found.append({"what": what, "next_step": "It was corrected; check its white balance and its filter."})
    if record.get("seen_share", 1.0) < _LITTLE_SEEN:
        what = f"Only {100 * record['seen_share']:.0f} % of the skin was seen well enough to be measured."
        found.append({"what": what, "next_step": "The rest is filled in from around. More cameras or lamps see more."})
    residual = record.get("residual")
    if residual and residual["median"] > _UNEXPLAINED:
        what = f"The lamps explain the photographs to {100 * residual['median']:.0f} % only."
        found.append({"what": what, "next_step": "Check where lights.toml says that they stand, and who moved."})
    return found


def _maps(folder: Path, record: Mapping[str, Any]) -> list[dict[str, Any]]:
    tiles = record["tiles"]
    widest = 1400 if len(tiles) == 1 else 900 if len(tiles) <= 4 else 500
    out = []
    for kind, name, text in _MAPS:
        for number in tiles:
            path = folder / f"{kind}.{number}.png"
            if path.is_file():
                words = text.format(range=record.get("displacement_range_mm", 1.0))
                shown = embedded(to_8_bit(_small(path, widest)), widest_px=widest)
                label = name if len(tiles) == 1 else f"{name} {number}"
                out.append({**shown, "name": label, "words": words, "file": path.name})
    return out


def _small(path: Path, widest_px: int) -> np.ndarray:
    import cv2

    picture = read_picture(path)
    if picture.shape[1] <= widest_px:
        return picture
    size = (widest_px, round(picture.shape[0] * widest_px / picture.shape[1]))
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA))


def _shares(folder: Path, record: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What cameras saw and what was filled in, of the surface that the maps hold."""
    counts = np.zeros(256, np.int64)
    for number in record["tiles"]:
        counts += np.bincount(read_picture(folder / f"coverage.{number}.png")[..., 0].ravel(), minlength=256)
    whole = max(1, int(counts[1:].sum()))
    return [
        {"share": counts[255] / whole, "words": "measured" if record.get("lamps") else "photographed"},
        {"share": 1 - counts[255] / whole, "words": "filled in from around"},
    ]


def _kinds(gloss: Mapping[str, Any] | None) -> list[dict[str, Any]]:
    """Roughness and reflectance of each kind of surface: median, and between which 8 in 10 regions lie."""
    regions = (gloss or {}).get("regions") or ()
    rows = []
    for kind in sorted({region["kind"] for region in regions}, key=lambda kind: (kind != "skin", kind)):
        own = [region for region in regions if region["kind"] == kind]
        row: dict[str, Any] = {"kind": kind, "regions": len(own)}
        for key, scale in (("roughness", 1.0), ("specular", _FULL_F0)):
            low, middle, high = np.quantile([scale * region[key] for region in own], [0.1, 0.5, 0.9])
            row[key] = {"low": float(low), "middle": float(middle), "high": float(high)}
        rows.append(row)
    return rows


def _marks(surface: SurfaceView, looks: Sequence[Any], marks: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Marks in the order of how much they are seen; the first of them with a picture, all with their place."""
    order = sorted(marks, key=lambda mark: -float(mark["size_mm"]) * abs(float(mark["contrast"])))
    spots = spots_of(looks, np.array([mark["position_m"] for mark in order], np.float64).reshape(-1, 3))
    rows = []
    for k, (mark, spot) in enumerate(zip(order, spots, strict=True)):
        row: dict[str, Any] = {**mark, "number": k + 1, "x": spot.x, "y": spot.y, "side": spot.side, "crop": None}
        if k < _MOST_SHOWN:
            crop, width_m = close_up(surface, mark["position_m"], 1e-3 * float(mark["size_mm"]))
            row |= {"crop": embedded(crop, quality=82), "width_mm": 1000 * width_m}
        rows.append(row)
    kinds = {kind: sum(mark["kind"] == kind for mark in marks) for kind in sorted({mark["kind"] for mark in marks})}
    return {"shown": rows[:_MOST_SHOWN], "listed": rows[_MOST_SHOWN:], "kinds": kinds}
