"""Calibration boards and a colour chart in front of a virtual rig.

<take>/boards/<camera_id>/<shot>.jpg   a board in another place in every shot; what `scan3d calibrate` reads
<take>/chart/<camera_id>.<ext>         a colour chart in front of each camera in turn; of polarised lights
                                       <camera_id>/<light>.<ext>, one for each polarisation
<take>/chart/chart.toml                its true colours, for `scan3d colour`
<take>/truth/boards.json               where they were
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from scan3d.calibration.board_artwork import board_artwork
from scan3d.calibration.targets import Target
from scan3d.errors import InputError
from scan3d.geometry import Camera, Rig, Rigid3
from scan3d.geometry.lights import LightSetup
from scan3d.geometry.materials import Part
from scan3d.geometry.rig_definition import RigDefinition
from scan3d.geometry.transforms import Array
from scan3d.pipeline.aside import write_bytes
from scan3d.pipeline.executor import run_units
from scan3d.pipeline.progress import Progress
from scan3d.simulate.boards import board_parts, chart_linear, chart_size_m, colour_chart_parts
from scan3d.simulate.optics import pinhole_plan, resample
from scan3d.simulate.preview import Preview
from scan3d.simulate.sensor import SensorModel, expose, meter
from scan3d.simulate.studio import bounds

_GOLDEN_RAD = np.pi * (3.0 - 5.0**0.5)
_OVERSAMPLE = 3.0  # the quick renderer casts one ray a pixel: edges of squares want more
_WHITE = 0.75  # of the sensor's range, for paper
_METERED = 0.25  # of a side, where only the exposure is wanted


@dataclass(frozen=True, kw_only=True, eq=False)
class BoardSession:
    """What the boards are photographed with. rig: the cameras as they are. write: (path, linear picture, camera id)."""

    definition: RigDefinition
    rig: Rig
    lights: LightSetup
    sensor: SensorModel
    seed: int
    write: Callable[[Path, np.ndarray, str], None]


def require_flat(target: Target) -> None:
    """Raises InputError for a target whose boards are faces of one solid."""
    bodies = [board.body for board in target.boards]
    if len(set(bodies)) < len(bodies):
        what = f"The boards of '{target.name}' are faces of one solid; only flat boards are simulated."
        raise InputError(what, "--board", "Choose a target of one board.")


def photograph_boards(
    folder: Path, truth: Path, session: BoardSession, target: Target, shots: int, *, progress: Progress,
    workers: int | None,
) -> None:  # fmt: skip
    """Every camera's photograph of every shot under `folder`, and where the boards were in the file `truth`."""
    artworks = [board_artwork(board) for board in target.boards]
    record = []
    with progress.task("boards", shots) as task:

        def work(shot: int) -> None:
            board, artwork = target.boards[shot % len(artworks)], artworks[shot % len(artworks)]
            middle = 0.5 * np.array([artwork.width_m, artwork.height_m, 0.0])
            pose = board_pose(session.definition, shot, session.seed, middle)
            record.append({"shot": f"shot{shot:03}", "board": board.name, "world_from_board": pose.matrix().tolist()})
            parts = board_parts(artwork, pose)
            _photograph(parts, session.rig.cameras, session, lambda c: folder / c.camera_id / f"shot{shot:03}.jpg")
            task.advance()

        run_units(work, range(shots), workers=workers)
    record.sort(key=lambda row: str(row["shot"]))
    write_bytes(truth, (json.dumps(record, indent=1) + "\n").encode())


def photograph_chart(
    folder: Path, session: BoardSession, setups: Sequence[LightSetup], *, suffix: str, progress: Progress
) -> None:  # fmt: skip
    """A photograph of the colour chart per camera, held upright in the middle, facing that camera; under the first of
    the setups of each polarisation. All have one exposure: the take's, or less where paper would burn out.
    """
    middle = 0.5 * np.array([*chart_size_m(), 0.0])
    states = list({setup.polarisation: setup for setup in reversed(setups)}.values())[::-1]
    placed = {camera.camera_id: _chart_before(camera, session, middle) for camera in session.rig.cameras}
    exposure = _chart_exposure(placed, session, states)
    write_bytes(folder / "chart.toml", _chart_file(exposure / session.sensor.exposure))
    session = replace(session, sensor=replace(session.sensor, exposure=exposure))
    with progress.task("chart", len(session.rig.cameras) * len(states)) as task:
        for camera in session.rig.cameras:
            for setup in states:
                name = camera.camera_id if len(states) == 1 else f"{camera.camera_id}/{setup.name}"
                picture = _rendered(Preview(placed[camera.camera_id], setup), placed[camera.camera_id], camera)
                _expose(picture, session.sensor, session, camera, folder / f"{name}{suffix}")
                task.advance()


def _chart_before(camera: Camera, session: BoardSession, middle: Array) -> tuple[Part, ...]:
    centre = np.array(session.definition.subject_centre_m)
    return colour_chart_parts(facing(centre, camera.centre - centre, 0.0, middle))


def _chart_exposure(
    placed: Mapping[str, tuple[Part, ...]], session: BoardSession, states: Sequence[LightSetup]
) -> float:  # fmt: skip
    """The take's exposure, or one at which no chart's paper is brighter than `_WHITE`."""
    needed = [session.sensor.exposure]
    for setup in states:
        for camera in session.rig.cameras:
            parts, small = placed[camera.camera_id], camera.scaled(_METERED)
            picture = _rendered(Preview(parts, setup), parts, small)
            needed.append(meter([picture], level=_WHITE) if picture.any() else needed[0])
    return min(needed)


def _chart_file(exposure: float) -> bytes:
    """The chart as `scan3d colour --chart` reads it. exposure: of its photographs against the subject's."""
    import tomli_w

    values = [[round(v, 6) for v in patch] for patch in chart_linear().tolist()]
    table = {
        "name": "simulated classic24",
        "columns": 6,
        "values": "linear_rec709",
        "exposure": exposure,
        "patches": values,
    }
    return tomli_w.dumps(table).encode()


def board_pose(definition: RigDefinition, shot: int, seed: int, middle_m: Array) -> Rigid3:
    """world_from_board of a shot: turned to another side each time, tilted, rolled, about where the subject is."""
    rng = np.random.default_rng([seed, 6, shot])
    turn = shot * _GOLDEN_RAD
    tilt, roll = np.radians(rng.uniform(-30, 35)), np.radians(rng.uniform(-35, 35))
    way = np.array([np.sin(turn) * np.cos(tilt), -np.cos(turn) * np.cos(tilt), np.sin(tilt)])
    offset = rng.uniform(-1, 1, 3) * (0.35, 0.35, 0.55) * definition.subject_radius_m
    return facing(np.array(definition.subject_centre_m) + offset, way, roll, middle_m)


def facing(place_m: Array, way: Array, roll_rad: float, middle_m: Array) -> Rigid3:
    """A board whose middle lies at a place and whose front looks along `way`."""
    z = -way / np.linalg.norm(way)
    x = np.cross([0.0, 0.0, -1.0], z)
    x /= np.linalg.norm(x)
    y = np.cross(z, x)
    across, down = np.cos(roll_rad) * x + np.sin(roll_rad) * y, np.cos(roll_rad) * y - np.sin(roll_rad) * x
    rotation = np.stack([across, down, z], axis=1)
    return Rigid3(rotation=rotation, translation=place_m - rotation @ middle_m)


def _photograph(
    parts: Sequence[Part], cameras: Sequence[Camera], session: BoardSession, path_of: Callable[[Camera], Path]
) -> None:
    studio = Preview(parts, session.lights)
    pictures = [_rendered(studio, parts, camera) for camera in cameras]
    # Paper, not the person, decides; a shot that shows no camera its front stays as it is.
    sensor = replace(session.sensor, exposure=meter(pictures, level=_WHITE))
    for camera, picture in zip(cameras, pictures, strict=True):
        _expose(picture, sensor, session, camera, path_of(camera))


def _rendered(studio: Preview, parts: Sequence[Part], camera: Camera) -> np.ndarray:
    plan = pinhole_plan(camera, bounds(parts), oversample=_OVERSAMPLE)
    return resample(camera, plan, [studio.render(view.camera, crop=view.crop) for view in plan])


def _expose(picture: np.ndarray, sensor: SensorModel, session: BoardSession, camera: Camera, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    shot = expose(
        picture, sensor, intrinsics=camera.intrinsics, seed=session.seed, camera_id=camera.camera_id, shot=path.stem
    )
    session.write(path, shot, camera.camera_id)
