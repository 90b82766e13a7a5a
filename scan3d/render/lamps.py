"""The lamps of a look around somebody: where they hang, and how bright a meter at the face wants them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from scan3d.errors import InputError
from scan3d.geometry.lights import LightSetup, Panel, Surroundings
from scan3d.render.looks import LAMPS, Lamp, Look
from scan3d.simulate.lights import even, from_file

Floats = npt.NDArray[np.floating]

_SIDE = 16  # points along a lamp's side, for metering
_BEHIND_DEG = 100.0  # lamps further round light edges, not the face


def light_of(look: Look, face: Floats, facing: Floats, *, camera_azimuth_deg: float | None = None) -> LightSetup:
    """The light of a look about a face (3,), metres, that looks along `facing` (3,), level.

    Radiances are such that a white card at the face, turned to a lamp, shines with the lamp's `metered`: with the key
    at 1, a picture in which white is 1 is exposed as a light meter would have it.
    """
    panels = tuple(
        _panel(lamp, f"{lamp.kind}{n}", face, facing, look.camera.azimuth_deg if camera_azimuth_deg is None else
               camera_azimuth_deg)
        for n, lamp in enumerate(look.lamps)
    )  # fmt: skip
    return LightSetup(name=look.name, panels=panels, surroundings=_surroundings(look, facing))


def towards(facing: Floats, azimuth_deg: float, elevation_deg: float) -> Floats:
    """(3,) unit direction so far to the left of somebody who looks along `facing`, and so far up."""
    turn, lift = np.radians(azimuth_deg), np.radians(elevation_deg)
    left = np.cross([0.0, 0, 1], facing)
    level = np.cos(turn) * facing + np.sin(turn) * left
    return np.asarray(np.cos(lift) * level + np.sin(lift) * np.array([0.0, 0, 1]))


def metered(panel: Panel, place: Floats) -> float:
    """What a white card (3,) that faces the panel's middle shines with, for a radiance of 1."""
    points = panel.points_m(_SIDE)
    ray = points - place
    square = (ray**2).sum(axis=1)
    unit = ray / np.sqrt(square)[:, None]
    to_lamp = np.asarray(panel.centre_m) - place
    to_lamp = to_lamp / np.linalg.norm(to_lamp)
    ahead = np.asarray(panel.target_m) - np.asarray(panel.centre_m)
    ahead = ahead / np.linalg.norm(ahead)
    share = np.maximum(unit @ to_lamp, 0) * np.maximum(-(unit @ ahead), 0) / square
    return float(share.mean() * panel.area_m2() / np.pi)


def key_to_fill(look: Look) -> float:
    """(key + fill) : fill as photographers give it; fill is all that a meter at the face reads but the key, from
    lamps in front of it."""
    front = [lamp.metered for lamp in look.lamps if abs(lamp.azimuth_deg) <= _BEHIND_DEG]
    if not front:
        return 1.0
    fill = sum(front) - max(front) + look.surroundings.radiance
    return float("inf") if fill <= 0 else (max(front) + fill) / fill


def _panel(lamp: Lamp, name: str, face: Floats, facing: Floats, camera_azimuth_deg: float) -> Panel:
    azimuth = lamp.azimuth_deg + (camera_azimuth_deg if lamp.follows == "camera" else 0)
    centre = face + lamp.distance_m * towards(facing, azimuth, lamp.elevation_deg)

    def made(radiance: tuple[float, float, float]) -> Panel:
        return Panel(
            name=name,
            centre_m=(float(centre[0]), float(centre[1]), float(centre[2])),
            target_m=(float(face[0]), float(face[1]), float(face[2])),
            size_m=lamp.size_m,
            radiance=radiance,
            round=LAMPS[lamp.kind],
        )

    colour = np.asarray(lamp.colour) / max(float(np.dot(lamp.colour, [0.2126, 0.7152, 0.0722])), 1e-6)
    strength = lamp.metered / metered(made((1.0, 1.0, 1.0)), face) * colour
    return made((float(strength[0]), float(strength[1]), float(strength[2])))


def _surroundings(look: Look, facing: Floats) -> Surroundings | None:
    wanted = look.surroundings
    if not wanted.file:
        return even(wanted.radiance) if wanted.radiance > 0 else None
    radiance = read_surroundings(Path(wanted.file)).radiance
    # Turned with the subject: its middle column stands in front of the face. Columns run to the subject's right.
    turn = np.radians(wanted.turn_deg) + float(np.arctan2(facing[0], -facing[1]))
    shift = -round(turn / (2 * np.pi) * radiance.shape[1])
    turned = np.ascontiguousarray(np.roll(radiance, shift, axis=1))
    reading = _card(turned, facing)
    if not reading > 0:
        raise InputError("The surroundings are black.", wanted.file, "Give another .hdr file.")
    return Surroundings(radiance=(turned * np.float32(wanted.metered / reading)).astype(np.float32))


def read_surroundings(path: Path) -> Surroundings:
    """A latitude-longitude picture, .hdr or .exr. Raises InputError."""
    if path.suffix.lower() != ".exr":
        return from_file(path)
    from scan3d.render.exr import read_exr

    channels = read_exr(path)
    if not {"R", "G", "B"} <= set(channels):
        raise InputError("This is no picture of surroundings.", str(path), "Give an .hdr or .exr in colour.")
    return Surroundings(radiance=np.stack([channels[name] for name in "RGB"], axis=-1).astype(np.float32))


def directions(height: int, width: int) -> Floats:
    """(H, W, 3) unit directions in the world of a latitude-longitude picture's pixels."""
    polar = np.pi * (np.arange(height) + 0.5) / height
    turn = 2 * np.pi * (np.arange(width) + 0.5) / width
    across, down = np.meshgrid(turn, polar)
    return np.stack([np.sin(down) * np.sin(across), np.sin(down) * np.cos(across), np.cos(down)], axis=-1)


def _card(radiance: np.ndarray, facing: Floats) -> float:
    """Luminance of a white card that faces along `facing` (3,)."""
    height, width = radiance.shape[:2]
    world = directions(height, width)
    polar = np.pi * (np.arange(height) + 0.5) / height
    solid = (2 * np.pi / width) * (np.pi / height) * np.sin(polar)[:, None]
    light = radiance @ np.array([0.2126, 0.7152, 0.0722])
    return float((light * np.maximum(world @ facing, 0) * solid).sum() / np.pi)
