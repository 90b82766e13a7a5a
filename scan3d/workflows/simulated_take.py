"""A simulated capture on disk: a take like a real one, and TAKE/truth beside it.

<take>/images/, calibration.toml, rig.toml, take.toml   what a rig would give; the calibration is the one from before
                                                        cameras were displaced
<take>/lights.toml                                      the lamps, as a rig's owner would have measured them
<take>/boards/, chart/                                  by option, see `simulated_boards`
<take>/truth/mesh.ply, model.glb, textures/             the surface, and all maps of it
<take>/truth/cameras/                                   the exact cameras, a COLMAP model
<take>/truth/heldout/                                   photographs that nobody is given, without a sensor's errors
<take>/truth/masks, depth, normals, parts/              what each camera truly sees: shares 0..255, metres (float32
                                                        TIFF), 0.5 + 0.5 n (16-bit PNG), rows of parts + 1
<take>/truth/lights.json, imperfections.json, body.json, simulation.json
"""

from __future__ import annotations

import datetime
import json
import shutil
import tomllib
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from scan3d.calibration.colmap_model import write_colmap_model
from scan3d.calibration.targets import Target
from scan3d.calibration.toml_file import write_calibration
from scan3d.capture.exif import Exif
from scan3d.capture.lights_file import write_lights
from scan3d.capture.photograph_file import write_photograph
from scan3d.errors import InputError
from scan3d.geometry import Camera, Rig
from scan3d.geometry.lights import LightSetup
from scan3d.geometry.rig_definition import RigDefinition
from scan3d.pipeline.aside import remove_tree, write_bytes
from scan3d.pipeline.executor import run_units
from scan3d.pipeline.progress import Progress
from scan3d.simulate.sensor import SensorModel, expose, meter
from scan3d.simulate.stages import read_radiance
from scan3d.simulate.subject import Subject
from scan3d.workflows.simulated_boards import BoardSession, photograph_boards, photograph_chart
from scan3d.workflows.simulated_truth import write_subject_truth, write_view_truth

RECORD = "simulation.json"
_MAKING = Path(".scan3d") / "making"
_ENTRIES = ("images", "boards", "chart", "calibration.toml", "lights.toml", "lights", "rig.toml", "take.toml", "truth")
_METERED = 150_000  # pixels of each picture that are looked at for the exposure


@dataclass(frozen=True, kw_only=True, eq=False)
class SimulatedCapture:
    """What was simulated.

    rig: the exact cameras; shot: as they saw the subject when they fired; planned: as they were calibrated. delays_s:
    when each camera fires after the first. radiance: folder for `read_radiance`. options: JSON values
    that make it again. target, board_shots, chart: what else is photographed.
    """

    definition: RigDefinition
    subject: Subject
    rig: Rig
    shot: Rig
    planned: Rig
    held_out: Rig
    setups: tuple[LightSetup, ...]
    radiance: Path
    sensor: SensorModel
    blurred_px: Mapping[str, float]
    delays_s: Mapping[str, float]
    seed: int
    options: Mapping[str, Any]
    target: Target | None = None
    board_shots: int = 0
    chart: bool = False


def finished(out: Path, options: Mapping[str, Any]) -> bool:
    """Whether OUT holds this very capture already. Raises InputError where it holds another one, or anything else."""
    record = out / "truth" / RECORD
    if record.is_file():
        if json.loads(record.read_text())["options"] == json.loads(json.dumps(options)):
            return True
        what = "The folder holds a simulated take made with other options."
        raise InputError(what, str(out), "Give another --out, or remove the folder.")
    if out.exists() and not out.is_dir():
        raise InputError("This is a file; a take is a folder.", str(out), "Give another --out.")
    if (out / _MAKING).is_dir():
        # A run that was stopped while it moved its files into place.
        for entry in _ENTRIES:
            remove_tree(out / entry)
    others = sorted(entry.name for entry in out.iterdir() if entry.name != ".scan3d") if out.is_dir() else []
    if others:
        what = f"The folder is not empty: it holds {', '.join(others[:3])}."
        raise InputError(what, str(out), "Give a new folder: photographs are never written over.")
    return False


def write_take(out: Path, capture: SimulatedCapture, *, tiff: bool, progress: Progress, workers: int | None) -> None:
    """Write the take aside and rename its parts into place, the record of it last."""
    making = out / _MAKING
    remove_tree(making)
    (making / "truth").mkdir(parents=True)
    sensor = replace(capture.sensor, exposure=_metered(capture))
    _write_photographs(making / "images", capture, sensor, ".tif" if tiff else ".jpg", progress, workers)
    _write_held_out(making / "truth" / "heldout", capture, sensor, ".tif" if tiff else ".jpg")
    write_view_truth(making / "truth", capture.subject.parts, capture.shot.cameras, progress=progress, workers=workers)
    write_subject_truth(making / "truth", capture.subject)
    _write_boards(making, capture, sensor, tiff, progress, workers)
    names = {camera.camera_id: f"{camera.camera_id}{'.tif' if tiff else '.jpg'}" for camera in capture.rig}
    write_colmap_model(capture.rig, making / "truth" / "cameras", names)
    _write_json(making / "truth" / "lights.json", [setup.record() for setup in capture.setups])
    write_calibration(capture.planned, making / "calibration.toml", date=_time(capture.seed))
    write_lights(capture.setups, making / "lights.toml", exposure=sensor.exposure)
    write_bytes(making / "rig.toml", _rig_file(capture.definition))
    write_bytes(making / "take.toml", _take_file(capture, tiff))
    _write_json(making / "truth" / RECORD, {"options": capture.options, "sensor": asdict(sensor)})
    for entry in _ENTRIES:
        if (making / entry).exists():
            (making / entry).rename(out / entry)
    shutil.rmtree(making)


def _metered(capture: SimulatedCapture) -> float:
    """One exposure for all cameras and lights, as a rig has it."""

    def thinned(camera: Camera, setup: LightSetup) -> np.ndarray:
        picture = read_radiance(capture.radiance, camera.camera_id, setup.name)
        step = max(1, int((picture.shape[0] * picture.shape[1] / _METERED) ** 0.5))
        return picture[::step, ::step]

    return meter(thinned(camera, setup) for camera in capture.rig for setup in capture.setups)


def _write_photographs(
    folder: Path, capture: SimulatedCapture, sensor: SensorModel, suffix: str, progress: Progress, workers: int | None
) -> None:
    several = len(capture.setups) > 1
    shots = [(camera, number) for camera in capture.rig for number in range(len(capture.setups))]
    with progress.task("develop", len(shots)) as task:

        def develop(shot: tuple[Camera, int]) -> None:
            camera, number = shot
            name, light = camera.camera_id, capture.setups[number].name
            path = folder / name / f"{light}{suffix}" if several else folder / f"{name}{suffix}"
            path.parent.mkdir(parents=True, exist_ok=True)
            own = replace(sensor, defocus_px=capture.blurred_px.get(name, sensor.defocus_px))
            picture = expose(
                read_radiance(capture.radiance, name, light), own, intrinsics=camera.intrinsics, seed=capture.seed,
                camera_id=name, shot=light,
            )  # fmt: skip
            write_photograph(path, picture, _exif(capture, name, number + capture.delays_s.get(name, 0.0)))
            task.advance()

        run_units(develop, shots, workers=workers)


def _write_held_out(folder: Path, capture: SimulatedCapture, sensor: SensorModel, suffix: str) -> None:
    if not capture.held_out.cameras:
        return
    for camera in capture.held_out:
        radiance = read_radiance(capture.radiance, camera.camera_id, capture.setups[0].name)
        picture = expose(
            radiance, sensor.flawless(), intrinsics=camera.intrinsics, seed=capture.seed, camera_id=camera.camera_id
        )
        folder.mkdir(parents=True, exist_ok=True)
        write_photograph(folder / f"{camera.camera_id}{suffix}", picture, _exif(capture, camera.camera_id, 0.0))
    write_colmap_model(capture.held_out, folder, {c.camera_id: f"{c.camera_id}{suffix}" for c in capture.held_out})


def _write_boards(
    making: Path, capture: SimulatedCapture, sensor: SensorModel, tiff: bool, progress: Progress, workers: int | None
) -> None:
    def write(path: Path, picture: np.ndarray, camera_id: str) -> None:
        write_photograph(path, picture, _exif(capture, camera_id, 0.0))

    session = BoardSession(
        definition=capture.definition, rig=capture.planned, lights=capture.setups[0], sensor=sensor, seed=capture.seed,
        write=write,
    )  # fmt: skip
    if capture.target is not None:
        photograph_boards(
            making / "boards", making / "truth" / "boards.json", session, capture.target, capture.board_shots,
            progress=progress, workers=workers,
        )  # fmt: skip
    if capture.chart:
        photograph_chart(
            making / "chart", session, capture.setups, suffix=".tif" if tiff else ".jpg", progress=progress
        )


def _exif(capture: SimulatedCapture, camera_id: str, after_s: float) -> Exif:
    lens = capture.definition.lens
    moment = _time(capture.seed) + datetime.timedelta(seconds=after_s)
    number = zlib.crc32(f"{capture.definition.name} {camera_id}".encode())
    return Exif(
        make=lens.make,
        model=lens.body,
        serial=f"V{number:010}",
        lens=lens.lens,
        lens_serial=f"L{number:010}",
        focal_mm=lens.focal_mm,
        pixels_per_mm=1e3 / lens.pixel_um,
        time=moment.strftime("%Y:%m:%d %H:%M:%S"),
        subsecond=f"{moment.microsecond // 1000:03}",
        exposure_s=lens.exposure_s,
        f_number=lens.f_number,
        iso=lens.iso,
    )


def _time(seed: int) -> datetime.datetime:
    """A working day in 2026 that follows from the seed: the same command makes the same bytes."""
    return datetime.datetime(2026, 1, 5, 10, 0, tzinfo=datetime.UTC) + datetime.timedelta(days=seed % 300)


def _rig_file(definition: RigDefinition) -> bytes:
    """The rig's own file; of a scaled rig, with the sizes that were used."""
    text = Path(definition.source).read_bytes()
    document = tomllib.loads(text.decode())
    lens = definition.lens
    if document["lens"]["image_size_px"] == [lens.width, lens.height]:
        return text
    import tomli_w

    own = {"image_size_px": [lens.width, lens.height], "focal_px": lens.focal_px, "pixel_um": lens.pixel_um}
    document["lens"] |= own | {"centre_spread_px": lens.centre_spread_px}
    return tomli_w.dumps(document).encode()


def _take_file(capture: SimulatedCapture, tiff: bool) -> bytes:
    import tomli_w

    document: dict[str, Any] = {
        "subject": capture.subject.name,
        "date": _time(capture.seed).date().isoformat(),
        "notes": "Simulated. The truth is in truth/.",
    }
    if len(capture.setups) > 1:
        names = [setup.name for setup in capture.setups]
        document |= {"lights": names, "geometry_light": names[0]}
    if tiff:
        document["linear"] = True
    return tomli_w.dumps(document).encode()


def _write_json(path: Path, value: Mapping[str, Any] | Sequence[Any]) -> None:
    write_bytes(path, (json.dumps(value, indent=1, default=_plain) + "\n").encode())


def _plain(value: Any) -> Any:
    convert: Callable[[], Any] = value.tolist if hasattr(value, "tolist") else lambda: str(value)
    return convert()
