"""Calibration boards and a colour chart in front of a virtual rig.

<take>/boards/<camera_id>/<shot>.jpg   a board in another place in every shot; what `scan3d calibrate` reads
<take>/chart/<camera_id>.jpg           a colour chart in front of each camera in turn
<take>/truth/boards.json               where they were
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
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
from scan3d.simulate.boards import board_parts, chart_size_m, colour_chart_parts
from scan3d.simulate.optics import pinhole_plan, resample
from scan3d.simulate.preview import Preview
from scan3d.simulate.sensor import SensorModel, expose, meter
from scan3d.simulate.studio import bounds

_GOLDEN_RAD = np.pi * (3.0 - 5.0**0.5)
_OVERSAMPLE = 3.0  # the quick renderer casts one ray a pixel: edges of squares want more
_WHITE = 0.75  # of the sensor's range, for paper


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


def photograph_chart(folder: Path, session: BoardSession, *, progress: Progress) -> None:
    """A photograph of the colour chart per camera, held upright in the middle, facing that camera."""
    middle = 0.5 * np.array([*chart_size_m(), 0.0])
    with progress.task("chart", len(session.rig.cameras)) as task:
        for camera in session.rig.cameras:
            centre = np.array(session.definition.subject_centre_m)
            parts = colour_chart_parts(facing(centre, camera.centre - centre, 0.0, middle))
            _photograph(parts, [camera], session, lambda c: folder / f"{c.camera_id}.jpg")
            task.advance()


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
    pictures = []
    for camera in cameras:
        plan = pinhole_plan(camera, bounds(parts), oversample=_OVERSAMPLE)
        pictures.append(resample(camera, plan, [studio.render(view.camera, crop=view.crop) for view in plan]))
    # Paper, not the person, decides; a shot that shows no camera its front stays as it is.
    sensor = replace(session.sensor, exposure=meter(pictures, level=_WHITE))
    for camera, picture in zip(cameras, pictures, strict=True):
        path = path_of(camera)
        path.parent.mkdir(parents=True, exist_ok=True)
        shot = expose(
            picture, sensor, intrinsics=camera.intrinsics, seed=session.seed, camera_id=camera.camera_id, shot=path.stem
        )
        session.write(path, shot, camera.camera_id)
