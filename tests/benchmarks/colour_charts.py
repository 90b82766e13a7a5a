"""Colour: charts from spectra through two real cameras' sensitivities, planted vignetting, planted factors of a rig."""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from scan3d.capture.colour_charts import read_chart
from scan3d.capture.colour_correction import CorrectionSet
from scan3d.capture.colour_fit import fit_chart
from scan3d.capture.colour_patches import read_patches
from scan3d.capture.colour_shading import Shading, corner_radius, flat_field
from tests.benchmarks.machine import circumstances, finished
from tests.benchmarks.run import run
from tests.capture.chart_pictures import Sensor, corners, exposed, photograph, spectral_colours

_CAMERAS = ("Nikon 5100 (NPL)", "Sigma SDMerill (NPL)")
_LIGHTS = ("D50", "D55", "D65", "FL11", "LED-B4")
_SHIFTS_NM = (-8.0, 0.0, 8.0)  # of the sensitivities: cameras of one kind that differ
_SIZE = (1200, 900)
_AXIS = (610.0, 440.0)
_TERMS = np.array([[-0.50, 0.05, 0.0], [-0.45, 0.05, 0.0], [-0.40, 0.03, 0.0]])
_EXPOSURE, _BALANCE = 0.05, 0.03  # standard deviations planted between the rig's cameras
_SKIN = np.array([[0.45, 0.27, 0.19]])


def colour() -> dict[str, Any]:
    """All three, each against what was planted."""
    made = circumstances()
    lens = Shading(centre_px=_AXIS, radius_px=corner_radius(*_SIZE), terms=_TERMS)
    found, flat_error = _flat(lens)
    charts = {camera: _charts(camera, lens, found) for camera in _CAMERAS}
    return {"made": finished(made), "charts": charts, "flat_error": flat_error,
            "corner_share": float(lens.share(*_SIZE)[0, 0].mean()), "rig": _rig()}  # fmt: skip


def _flat(lens: Shading) -> tuple[Shading, float]:
    """The shading found on a wall lit unevenly by 20 %, and its largest error as a share."""
    x = (np.arange(_SIZE[0]) + 0.5) / _SIZE[0] - 0.5
    wall = exposed(lens.share(*_SIZE) * np.exp(0.2 * x)[None, :, None], Sensor(), seed=3)
    found = flat_field(wall, np.zeros(_SIZE[::-1], bool), where="wall", centre_px=_AXIS)
    return found, float(np.abs(found.share(*_SIZE) / lens.share(*_SIZE) - 1).max())


def _charts(camera: str, lens: Shading, found: Shading) -> dict[str, Any]:
    """Held-out CIEDE2000 of oblique, unevenly lit, noisy charts, and how far off their corners were found."""
    chart = read_chart("classic24")
    places = (chart.centres() - (2.5, 1.5)) / 5
    fits, away = [], []
    for light in _LIGHTS:
        for number, shift in enumerate(_SHIFTS_NM):
            seen, true = spectral_colours(camera, light, shift_nm=shift)
            rng = np.random.default_rng([number, zlib.crc32(light.encode())])
            yaw, pitch, roll = rng.uniform(-1, 1, 3) * (45, 30, 25)
            at = corners(chart, _SIZE, step_px=rng.uniform(30, 60), yaw_deg=yaw, pitch_deg=pitch, roll_deg=roll,
                         middle=tuple(rng.uniform(0.4, 0.6, 2)))  # fmt: skip
            picture = photograph(seen, chart, at, _SIZE, sensor=Sensor(), slope=tuple(rng.uniform(-0.2, 0.2, 2)),
                                 share=lens.share(*_SIZE), seed=number)  # fmt: skip
            got = read_patches(picture / found.share(*_SIZE), (picture >= 0.995).any(axis=2), chart, true,
                               where=f"{camera}, {light}", full=picture)  # fmt: skip
            fits.append(fit_chart(got.patches.linear, true, places))
            away.append(float(np.abs(got.place.corners_px - at).max()))
    means = [float(fit.held_out.mean()) for fit in fits]
    return {
        "charts": len(fits),
        "mean": float(np.mean(means)),
        "median": float(np.median(np.concatenate([fit.held_out for fit in fits]))),
        "worst_chart": max(means),
        "worst_patch": float(max(fit.held_out.max() for fit in fits)),
        "linear_mean": float(np.mean([fit.tried["linear"] for fit in fits])),
        "corners_px": max(away),
    }


def _rig() -> dict[str, Any]:
    """Planted factors of a simulated rig: what is left of them on skin, by the charts and by the overlaps on the exact
    surface."""
    with tempfile.TemporaryDirectory() as name:
        take = Path(name) / "take"
        scan3d = [sys.executable, "-m", "scan3d"]
        run([*scan3d, "simulate", "--rig", "demo_16", "--subject", "7", "--quality", "preview", "--chart", "--tiff",
             "--texture-size", "2048", "--scale", "0.6", "--exposure-error", str(_EXPOSURE), "--colour-error",
             str(_BALANCE), "--out", str(take), "--json"])  # fmt: skip
        (take / "results").mkdir()
        shutil.copyfile(take / "truth" / "mesh.ply", take / "results" / "mesh.ply")
        cost = run([*scan3d, "colour", str(take), "--json"])
        set_ = CorrectionSet.read(take / "results" / "colour")
        seed = json.loads((take / "truth" / "simulation.json").read_text())["options"]["subject"]
        numbers = json.loads((take / "results" / "colour" / "colour.json").read_text())
    planted = {camera_id: _planted(camera_id, seed) for camera_id in set_.cameras}
    before = _apart([planted[camera_id] for camera_id in set_.cameras])
    shown = {c: next(iter(k.states.values())).apply(_SKIN * planted[c])[0] for c, k in set_.cameras.items()}
    after = _apart([shown[c] * np.array(k.factors) for c, k in set_.cameras.items()])
    overlaps = numbers["overlaps"]
    keys = ("before_percent", "after_percent", "ciede2000_before", "ciede2000_after", "lens_in_corners")
    held_out = numbers["held_out_ciede2000"]["mean"]
    return {"cameras": len(planted), "planted": before, "left": after, "held_out": held_out, "cpu_s": cost.cpu_s} | {
        key: overlaps[key] for key in keys
    }


def _planted(camera_id: str, seed: int) -> np.ndarray:
    """What `scan3d.simulate.sensor.expose` multiplies this camera's colours with."""
    errors = np.random.default_rng([seed, 1, zlib.crc32(camera_id.encode())]).standard_normal(3)
    return np.exp(_EXPOSURE * errors[0] + _BALANCE * np.array([errors[1], 0.0, errors[2]]))


def _apart(colours: list[np.ndarray]) -> float:
    """The largest distance of a camera from the rig's mean, as a share."""
    logs = np.log(colours)
    return float(np.expm1(np.abs(logs - logs.mean(axis=0)).max()))


def draw(result: Mapping[str, Any], made: str, table: Callable[..., str]) -> str:
    """The benchmark's part of the page. made: its line on when and where."""
    charts, rig = result["charts"], result["rig"]
    rows = [("CIEDE2000 of patches left out", "aim", *charts)]
    for words, aim, key, digits in (
        ("mean of all charts", "<= 1.2", "mean", 2),
        ("median of all patches", "", "median", 2),
        ("mean of the worst chart", "", "worst_chart", 2),
        ("worst patch", "", "worst_patch", 1),
        ("mean with a 3 x 3 matrix alone", "", "linear_mean", 2),
        ("corners found within, px", "", "corners_px", 2),
    ):
        rows.append((words, aim, *(f"{one[key]:.{digits}f}" for one in charts.values())))
    planted = [
        ("A rig of " + str(rig["cameras"]) + " cameras", "aim", "before", "after"),
        ("farthest camera on skin, %", "<= 0.5", f"{100 * rig['planted']:.1f}", f"{100 * rig['left']:.2f}"),
        ("a camera from the mean at a point, %", "", f"{rig['before_percent']:.1f}", f"{rig['after_percent']:.1f}"),
        ("the same, CIEDE2000", "", f"{rig['ciede2000_before']:.2f}", f"{rig['ciede2000_after']:.2f}"),
    ]
    return "\n".join(
        [
            "## Colour\n",
            made,
            f"{next(iter(charts.values()))['charts']} charts a camera, from the spectra of 24 patches under "
            f"{', '.join(_LIGHTS)} through the measured sensitivities of two cameras, moved by -8, 0 and 8 nm; "
            "turned by up to 45 degrees, lit unevenly by up to 20 % each way, through a lens that lets "
            f"{100 * result['corner_share']:.0f} % into its corner, with photon noise. The second camera is a layered "
            "sensor, whose colours no correction of this kind brings back as well.\n",
            table(rows),
            f"Vignetting from a wall lit unevenly by 20 %: within {100 * result['flat_error']:.2f} % at every pixel.\n",
            f"Factors of 5 % in exposure and 3 % in colour (standard deviations) planted into a simulated rig without "
            f"gloss, one chart turned to each camera, overlaps on the exact surface ({rig['cpu_s']:.0f} CPU s); lenses "
            f"found to let {100 * rig['lens_in_corners']:.1f} % into their corners:\n",
            table(planted),
        ]
    )
