"""Real photographs: a model skull by hand, a flash on the camera; four photographs held out and made again.

SCAN3D_BENCH_SKULL names a take that was aligned and reconstructed with these photographs held out: that half hour is
saved then.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tests.benchmarks.machine import circumstances, finished
from tests.benchmarks.run import Run, run

HELD_OUT = ("09", "25", "41", "57")
_FINAL = "57"  # the one that is path traced, too: what previews differ by is measured elsewhere
_DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
_TEXTURE = 2048
_SAMPLES = {"preview": "4", "final": "16"}  # of three megapixels: paths enough for figures
_LIGHTS = """format = "scan3d lights 1"
units = "metres"

[panels.flash]
on_camera = true

[lights.flash]
panels = ["flash"]
"""
_FIGURES = ("psnr_db", "ssim", "ciede2000", "flip")


def skull() -> dict[str, Any]:
    """Figures of every held-out photograph: quick picture and plain blending; a final picture of one."""
    made = circumstances()
    with tempfile.TemporaryDirectory() as folder:
        take = Path(folder) / "skull"
        given = os.environ.get("SCAN3D_BENCH_SKULL")
        before = None if given else _scan(take)
        if given:
            _scanned(Path(given), take)
        (take / "lights.toml").write_text(_LIGHTS)
        cost = _scan3d("appearance", take, "--texture-size", str(_TEXTURE))
        record = json.loads((take / "results/appearance/appearance.json").read_text())
        rows = [_row(take, camera) for camera in HELD_OUT]
    return {
        "made": finished(made), "texture_size": _TEXTURE, "before_cpu_s": before, "appearance_cpu_s": cost.cpu_s,
        "flash": record["flash"], "gloss": record["gloss"], "gain": list(record["cameras_gain"].values()),
        "rows": rows,
    }  # fmt: skip


def _data() -> Path:
    folder = Path(os.environ.get("SCAN3D_DATA", _DATA)) / "skull" / "images"
    if not folder.is_dir():
        raise SystemExit(f"No photographs at {folder}: set SCAN3D_DATA to the folder that holds skull.")
    return folder


def _scan(take: Path) -> float:
    """Align all photographs and reconstruct from those that are not held out; CPU seconds of both."""
    shutil.copytree(_data(), take / "images")
    _hold_out(take)
    return sum(_scan3d(step, take).cpu_s for step in ("align", "reconstruct"))


def _scanned(given: Path, take: Path) -> None:
    (take / "results").mkdir(parents=True)
    shutil.copytree(_data(), take / "images")
    shutil.copy(given / "calibration.toml", take)
    for path in (given / "results").glob("model*"):
        shutil.copy(path, take / "results")
    _hold_out(take)


def _scan3d(command: str, take: Path, *options: str) -> Run:
    return run([sys.executable, "-m", "scan3d", command, str(take), *options, "--json"])


def _hold_out(take: Path) -> None:
    (take / "take.toml").write_text(f"held_out = {list(HELD_OUT)}\n".replace("'", '"'))


def _row(take: Path, camera: str) -> dict[str, Any]:
    row: dict[str, Any] = {"camera": camera}
    for quality in _SAMPLES if camera == _FINAL else ("preview",):
        how = ("--quality", quality, "--samples", _SAMPLES[quality])
        _scan3d("render", take, "--camera", camera, "--compare", *how)
        (path,) = (take / "results" / "render").glob(f"{camera}_*_{quality}.json")
        found = json.loads(path.read_text())
        row[quality] = found["compare"]
        row["blended"] = row[quality].pop("blended_texture")
        row[quality] |= {"cpu_s": found["cpu_s"], "samples": found["samples"]}
    return row


def draw(
    result: Mapping[str, Any], made: str, table: Callable[[Sequence[Sequence[str]]], str]
) -> str:  # fmt: skip
    """The page's part."""
    rows: list[tuple[str, ...]] = [("photograph", "picture", "PSNR dB", "SSIM", "CIEDE2000", "FLIP")]
    kinds = (("blended", "plain blending"), ("preview", "preview"), ("final", "final"))
    for row in result["rows"]:
        rows += [(row["camera"], words, *_cells(row[key])) for key, words in kinds if key in row]
    for key, words in kinds[:2]:
        mean = {name: float(np.mean([row[key][name] for row in result["rows"]])) for name in _FIGURES}
        rows.append(("mean", words, *_cells(mean)))
    flash, gain = result["flash"], np.asarray(result["gain"])
    x, y, z = (round(100 * v, 1) for v in flash["centre_m"])
    spread = np.ptp(np.log2(gain.mean(axis=1)))
    last = result["rows"][-1]
    costs = [f"a {words} picture costs {last[key]['cpu_s']:.0f} CPU s" for key, words in kinds[1:] if key in last]
    rays = sorted({found["samples"] for row in result["rows"] for key, found in row.items() if key == "preview"})
    costs.append(f"previews have {' or '.join(map(str, rays))} rays a pixel")
    return (
        "## Real photographs: a skull by flash\n\n"
        f"{made}\n66 photographs of a model skull (alansartlog, CC BY 4.0), taken by hand in a dark room with a flash "
        f"on the camera, JPEG. {', '.join(HELD_OUT)} are held out: nothing is made from them but their own place. "
        f"`scan3d appearance` (maps of {result['texture_size']} texels, {result['appearance_cpu_s']:.0f} CPU s), then "
        f"`scan3d render --camera --compare`; {', '.join(costs)}. "
        "Plain blending is the scan's multi-view texture, unlit, seen from the same camera, on the "
        "same pixels. One factor of exposure is fitted "
        "for each picture; colours are not helped.\n\n"
        f"{table(rows)}\n"
        f"The flash was found {-y} cm above and {x} cm beside the lens, {z} cm ahead of it, in the alignment's own "
        f"unit, which no distance fixes. Its strength differs by {spread:.1f} stops between photographs; what the "
        f"model of light leaves of the samples is {100 * flash['residual']:.1f} % (weighted root mean square). Gloss: "
        f"F0 {0.08 * result['gloss']['specular']:.3f}, roughness {result['gloss']['roughness']:.2f}, and a share of "
        f"{result['gloss']['second_share']:.2f} at {result['gloss']['second_roughness']:.2f}. The JPEGs are read as "
        "sRGB: the camera's own tone curve is not undone.\n"
    )


def _cells(figures: Mapping[str, float]) -> tuple[str, ...]:
    return tuple(f"{figures[name]:.{digits}f}" for name, digits in zip(_FIGURES, (2, 3, 2, 3), strict=True))
