"""What `scan3d colour` found out about the cameras of a take, and photographs corrected by it.

TAKE/results/colour/colour.json holds for each camera the lens's shading, a correction for each state that a chart was
photographed in (a light's id, "cross", "parallel", or "" for all), and factors that bring the cameras to agree.

    corrected = factors * correction(photograph / shading)        linear Rec.709

1 is a white of reflectance 1 where the chart stood, under the light of the chart's photograph.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from scan3d.capture.colour_fit import KINDS, Correction
from scan3d.capture.colour_linear import LinearPhotograph, load_linear
from scan3d.capture.colour_shading import Shading
from scan3d.capture.images import load_rgb
from scan3d.capture.take import Take
from scan3d.errors import CaptureError, InputError

FOLDER, FILE = "colour", "colour.json"
FORMAT, FORMAT_VERSION = "scan3d colour", 1
POLARISATIONS = ("cross", "parallel")


@dataclass(frozen=True, kw_only=True, eq=False)
class CameraColour:
    """states: correction by state; native: it is for the sensor's own colours (RAW). shading: None for none."""

    states: Mapping[str, Correction] = field(default_factory=dict)
    native: bool = False
    shading: Shading | None = None
    factors: tuple[float, float, float] = (1.0, 1.0, 1.0)

    def apply(self, linear: np.ndarray, light_id: str) -> np.ndarray:
        """(H, W, 3) linear camera colours to linear Rec.709 under a light; float32."""
        light = np.asarray(linear, np.float32)
        if self.shading is not None:
            light = light / self.shading.share(light.shape[1], light.shape[0])
        correction = self.states.get(state_of(light_id, self.states) or "")
        if correction is not None:
            light = correction.apply(light)
        return np.asarray(light * np.asarray(self.factors, np.float32), np.float32)


@dataclass(frozen=True, kw_only=True, eq=False)
class CorrectionSet:
    """The corrections of a take's cameras by their id."""

    cameras: Mapping[str, CameraColour]

    @staticmethod
    def read(folder: Path) -> CorrectionSet:
        """From TAKE/results/colour. Raises InputError where it is not there or cannot be read."""
        path = folder / FILE
        try:
            table = json.loads(path.read_text(encoding="utf-8"))
            if table["format"] != FORMAT or table["format_version"] != FORMAT_VERSION:
                raise ValueError(f"it is {table['format']} {table['format_version']}")
            cameras = {str(name): _camera(entry) for name, entry in table["corrections"].items()}
        except FileNotFoundError as error:
            raise InputError("Colours were not corrected yet.", str(path), "Run `scan3d colour TAKE`.") from error
        except (OSError, ValueError, KeyError, TypeError) as error:
            what = f"The colour corrections cannot be read: {error}."
            raise InputError(what, str(path), "Run `scan3d colour TAKE` again.") from error
        return CorrectionSet(cameras=cameras)

    @staticmethod
    def of(take: Take) -> CorrectionSet:
        """The take's own; an empty one where it has none."""
        folder = take.results / FOLDER
        return CorrectionSet.read(folder) if (folder / FILE).is_file() else CorrectionSet(cameras={})

    def record(self) -> dict[str, Any]:
        """JSON values that `read` understands, for the key "corrections"."""
        return {name: _record(camera) for name, camera in self.cameras.items()}


def corrected(take: Take, camera_id: str, light_id: str, corrections: CorrectionSet | None = None) -> np.ndarray:
    """(H, W, 3) float32 linear Rec.709 of a photograph, 1 = a white of reflectance 1 where the chart stood.

    Without a correction of its camera it is the plain linear photograph, 1 = the end of the range. Values above 1 and
    slightly below 0 are kept. corrections: those of the take, read once by who reads many photographs. Raises
    CaptureError where there is no such photograph or it cannot be read, and where it was developed in another way
    than the chart's.
    """
    known = CorrectionSet.of(take) if corrections is None else corrections
    try:
        path = take.photographs[camera_id][light_id]
    except KeyError as error:
        what = f"There is no photograph of camera {camera_id} under the light {light_id!r}."
        raise CaptureError(what, str(take.root), "Look at images/.") from error
    camera = known.cameras.get(camera_id)
    if camera is None or (not camera.states and not camera.native):
        plain = load_photograph_linear(path, camera_id, take.settings.linear)
        return plain if camera is None else camera.apply(plain, light_id)
    photograph = load_linear(path, camera_id=camera_id, linear=take.settings.linear)
    return camera.apply(checked(photograph, camera, path, camera_id).rgb, light_id)


def checked(photograph: LinearPhotograph, camera: CameraColour, path: Path, camera_id: str) -> LinearPhotograph:
    """The photograph. Raises CaptureError where one of chart and photograph is RAW and the other is not."""
    if photograph.native != camera.native:
        what = "The colour chart was read from " + ("RAW" if camera.native else "developed photographs")
        what += ", and this photograph is " + ("RAW." if photograph.native else "developed.")
        next_step = "Use the same kind for both: a chart corrects only what was made as its photograph was."
        raise CaptureError(what, f"camera {camera_id}, {path}", next_step)
    return photograph


def load_photograph_linear(path: Path, camera_id: str, linear: bool) -> np.ndarray:
    """(H, W, 3) float32 as `load_rgb` develops it, made linear: what there is without a chart."""
    if path.suffix.lower() in (".tif", ".tiff", ".jpg", ".jpeg", ".png"):
        return load_linear(path, camera_id=camera_id, linear=linear).rgb
    from scan3d.capture.colour import srgb_to_linear

    return srgb_to_linear(load_rgb(path, camera_id=camera_id))


def polarisation_of(name: str) -> str:
    """ "cross", "parallel" or "" of a light's or a state's name, by how it ends."""
    return next((kind for kind in POLARISATIONS if name.lower().endswith(kind)), "")


def state_of(light_id: str, states: Iterable[str]) -> str | None:
    """The state whose chart corrects a light: of its own name, of its polarisation, of all lights, else the first."""
    known = sorted(states)
    if light_id in known:
        return light_id
    alike = [state for state in known if polarisation_of(state) == polarisation_of(light_id)]
    return next(iter(alike or known), None)


def _camera(entry: Mapping[str, Any]) -> CameraColour:
    states = {}
    for state, one in entry["states"].items():
        matrix, kind = np.array(one["matrix"], float), str(one["kind"])
        if matrix.shape != (3, len(KINDS[kind])) or not np.isfinite(matrix).all():
            raise ValueError(f"the matrix of {state or 'a camera'}")
        states[str(state)] = Correction(kind=kind, matrix=matrix)
    shading = entry["shading"]
    r, g, b = (float(f) for f in entry["factors"])
    return CameraColour(
        states=states, native=bool(entry["native"]), factors=(r, g, b), shading=None if shading is None else Shading(
            centre_px=(float(shading["centre_px"][0]), float(shading["centre_px"][1])),
            radius_px=float(shading["radius_px"]), terms=np.array(shading["terms"], float),
        ),
    )  # fmt: skip


def _record(camera: CameraColour) -> dict[str, Any]:
    shading = camera.shading
    return {
        "states": {name: {"kind": c.kind, "matrix": c.matrix.tolist()} for name, c in camera.states.items()},
        "native": camera.native,
        "factors": list(camera.factors),
        "shading": None
        if shading is None
        else {
            "centre_px": list(shading.centre_px),
            "radius_px": shading.radius_px,
            "terms": shading.terms.tolist(),
        },
    }
