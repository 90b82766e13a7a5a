"""`scan3d simulate`: a take of a virtual person by a virtual rig, and its exact truth beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from scan3d.calibration.targets import read_target
from scan3d.capture.rig_file import read_rig_definition
from scan3d.errors import InputError
from scan3d.geometry import Rig, Rigid3
from scan3d.geometry.lights import LightSetup
from scan3d.geometry.rig_definition import RigDefinition
from scan3d.pipeline.aside import remove_tree
from scan3d.pipeline.executor import cpu_count
from scan3d.pipeline.progress import Progress
from scan3d.pipeline.store import Store
from scan3d.simulate.lights import light_setups
from scan3d.simulate.radiance import RadianceOptions
from scan3d.simulate.sensor import SensorModel
from scan3d.simulate.stages import (
    RADIANCE,
    SUBJECT,
    SubjectOptions,
    make_radiance,
    make_subject,
    read_subject,
    record_of_cameras,
)
from scan3d.workflows.scanned_mesh import SCANNED, make_scanned_subject
from scan3d.workflows.simulated_boards import require_flat
from scan3d.workflows.simulated_take import SimulatedCapture, finished, write_take

# Paths per pixel of the pinhole views, which are finer than the photograph's; 0: one ray, no gloss. Powers of four give
# the same bytes every time.
PATHS = {"preview": 0, "standard": 16, "final": 64}
# Pixels of a view per pixel of the photograph, along a side.
OVERSAMPLE = {"preview": 1.0, "standard": 2.0, "final": 2.0}
_CPU_S_PER_MPX_SAMPLE = {"llvm_ad_rgb": 0.7, "scalar_rgb": 2.0}
_SUBJECT_CPU_S = 100.0
# How fast people who stand still sway (Prieto et al. 1996: the pressure under the feet wanders at 8 to 11 mm/s).
_SWAY_M_S = 0.01


@dataclass(frozen=True, kw_only=True)
class SimulateOptions:
    """What to photograph, and how; the command's options by the same names.

    displaced, blurred: "cam03=2.5,0.1" (mm, degrees) and "cam03=4" (radius in pixels). skew_ms: the last camera fires
    so much after the first, while the person sways. Errors of exposure and colour are standard deviations of their
    logarithm between cameras.
    """

    rig: str = "demo_16"
    subject: int = 1
    mesh: Path | None = None
    lights: str | None = None
    pose: str = "a"
    garment: str = "fitted"
    tone: float | None = None
    scatter: bool = False
    quality: str = "standard"
    scale: float = 1.0
    displaced: tuple[str, ...] = ()
    blurred: tuple[str, ...] = ()
    defocus: bool = False
    bayer: bool = False
    motion_px: float = 0.0
    exposure_error: float = 0.02
    colour_error: float = 0.015
    skew_ms: float = 0.0
    tiff: bool = False
    board: str | None = None
    board_shots: int = 24
    chart: bool = False
    texture_size: int = 4096
    rig_seed: int = 0


@dataclass(frozen=True, kw_only=True)
class Simulated:
    """The take and its truth on disk. again: it was there already."""

    take: Path
    truth: Path
    again: bool


def estimate_seconds(options: SimulateOptions, *, workers: int | None = None) -> float:
    """About how long `simulate_take` takes on so many cores (default: all)."""
    from scan3d.simulate.variant import choose_variant

    definition = _definition(options)
    setups = _setups(definition, options)
    megapixels = definition.lens.width * definition.lens.height / 1e6
    photographs = definition.camera_count * len(setups) + definition.held_out_count
    samples = OVERSAMPLE[options.quality] ** 2 * PATHS[options.quality]
    # The subject fills about a third of a photograph; the rest is not rendered.
    cost = 0.35 * samples * _CPU_S_PER_MPX_SAMPLE[choose_variant()] if samples else 1.5
    # Developing, and the truth of what each camera sees.
    cpu_s = _SUBJECT_CPU_S + photographs * megapixels * (cost + 2.5)
    return cpu_s / min(workers or cpu_count(), cpu_count())


def simulate_take(out: Path, options: SimulateOptions, *, progress: Progress, workers: int | None = None) -> Simulated:
    """Make OUT a take: photographs, rig, calibration, and OUT/truth; an unfinished run goes on where it stopped.

    Raises a Scan3dError for a rig, light, pose or mesh that is not known, and where OUT holds anything else.
    """
    definition = _definition(options)
    setups = _setups(definition, options)
    out = Path(out).absolute()
    planned = definition.rig(seed=options.rig_seed)
    rig = definition.rig(seed=options.rig_seed, displaced=_displacements(options.displaced))
    blurred = _blurs(options.blurred, rig)
    target = None if options.board is None else read_target(options.board)
    if target is not None:
        require_flat(target)
    done = Simulated(take=out, truth=out / "truth", again=True)
    record = {**asdict(options), "mesh": None if options.mesh is None else str(options.mesh)}
    if finished(out, record):
        return done
    held_out = definition.held_out(seed=options.rig_seed)
    store = Store(out / ".scan3d")
    with store.locked():
        folder = _subject(store, options, progress)
        delays = _delays_s(rig, options)
        shot = _swayed(rig, delays, options.subject)
        radiance = _radiance(store, folder, shot, held_out, setups, definition, options, progress, workers)
        capture = SimulatedCapture(
            definition=definition, subject=read_subject(folder), rig=rig, shot=shot, planned=planned,
            held_out=held_out, setups=setups, radiance=radiance, sensor=_sensor(options),
            blurred_px=blurred, delays_s=delays, seed=options.subject, options=record, target=target,
            board_shots=options.board_shots, chart=options.chart,
        )  # fmt: skip
        write_take(out, capture, tiff=options.tiff, progress=progress, workers=workers)
        # What it was made from is many times larger, and the record tells that it is done.
        for stage in (SUBJECT, SCANNED, RADIANCE):
            remove_tree(store.root / stage.name)
    return replace(done, again=False)


def _subject(store: Store, options: SimulateOptions, progress: Progress) -> Path:
    if options.mesh is not None:
        return make_scanned_subject(store, options.mesh, progress=progress)
    who = SubjectOptions(
        seed=options.subject, pose=options.pose, garment=options.garment, tone=options.tone,
        texture_size=options.texture_size, scatter=options.scatter,
    )  # fmt: skip
    return make_subject(store, who, progress=progress)


def _sensor(options: SimulateOptions) -> SensorModel:
    return SensorModel(
        exposure_spread=options.exposure_error,
        white_balance_spread=options.colour_error,
        bayer=options.bayer,
        motion_px=options.motion_px,
    )


def _delays_s(rig: Rig, options: SimulateOptions) -> dict[str, float]:
    """Cameras fire one after the other, in the order of the rig."""
    steps = np.linspace(0.0, 1e-3 * options.skew_ms, len(rig.cameras))
    return {camera.camera_id: float(delay) for camera, delay in zip(rig.cameras, steps, strict=True)}


def _swayed(rig: Rig, delays_s: Mapping[str, float], seed: int) -> Rig:
    """The cameras as the person has them in front of them when they fire: instead of the person, the cameras move."""
    turn = np.random.default_rng([seed, 3]).uniform(0, 2 * np.pi)
    way = _SWAY_M_S * np.array([np.cos(turn), np.sin(turn), 0.0])
    cameras = []
    for camera in rig.cameras:
        centre = camera.centre - way * delays_s[camera.camera_id]
        rotation = camera.cam_from_world.rotation
        pose = Rigid3(rotation=rotation, translation=-rotation @ centre) if delays_s[camera.camera_id] else None
        cameras.append(camera if pose is None else replace(camera, cam_from_world=pose))
    return replace(rig, cameras=tuple(cameras))


def _definition(options: SimulateOptions) -> RigDefinition:
    definition = read_rig_definition(options.rig)
    return definition if options.scale == 1 else definition.scaled(options.scale)


def _setups(definition: RigDefinition, options: SimulateOptions) -> tuple[LightSetup, ...]:
    lights = options.lights or definition.lights
    return light_setups(lights, definition.subject_centre_m, definition.subject_radius_m)


def _displacements(texts: Sequence[str]) -> dict[str, tuple[float, float]]:
    found = {}
    for text in texts:
        camera_id, numbers = _assigned(text, "--displaced", 2, "cam03=2.5,0.1")
        found[camera_id] = (numbers[0], numbers[1])
    return found


def _blurs(texts: Sequence[str], rig: Rig) -> dict[str, float]:
    found = dict(_assigned(text, "--blurred", 1, "cam03=4") for text in texts)
    unknown = sorted(set(found) - {camera.camera_id for camera in rig.cameras})
    if unknown:
        raise InputError(f"The rig has no camera '{unknown[0]}'.", "--blurred", "Name one of the rig's cameras.")
    return {camera_id: numbers[0] for camera_id, numbers in found.items()}


def _assigned(text: str, option: str, count: int, example: str) -> tuple[str, tuple[float, ...]]:
    camera_id, _, amounts = text.partition("=")
    try:
        numbers = tuple(float(value) for value in amounts.split(","))
    except ValueError:
        numbers = ()
    if not camera_id or len(numbers) != count or not np.isfinite(numbers).all():
        raise InputError(f"'{text}' cannot be read.", option, f"Write {example}.")
    return camera_id, numbers


def _radiance(
    store: Store, subject_folder: Path, rig: Rig, held_out: Rig, setups: Sequence[LightSetup],
    definition: RigDefinition, options: SimulateOptions, progress: Progress, workers: int | None,
) -> Path:  # fmt: skip
    lens = definition.lens
    how = RadianceOptions(
        samples=PATHS[options.quality],
        seed=options.subject,
        oversample=OVERSAMPLE[options.quality],
        aperture_m=1e-3 * lens.focal_mm / lens.f_number if options.defocus else 0.0,
        lights=tuple(setup.record() for setup in setups),
        cameras=record_of_cameras((*rig.cameras, *held_out.cameras)),
    )
    return make_radiance(
        store, subject_folder, rig.cameras, held_out.cameras, setups, how, progress=progress, workers=workers
    )
