"""The light of the virtual studio: panels, one flash at a time, gradients, surroundings, polarisers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from scan3d.errors import InputError
from scan3d.geometry.lights import LightSetup, Panel, Polarisation, Surroundings

SETUPS = ("uniform", "studio", "flashes", "gradients")
_GRADIENTS = {
    "x": (0, 1.0),
    "y": (1, 1.0),
    "z": (2, 1.0),
    "x_back": (0, -1.0),
    "y_back": (1, -1.0),
    "z_back": (2, -1.0),
}


def even(radiance: float = 1.0) -> Surroundings:
    """The same from everywhere."""
    return Surroundings(radiance=np.full((4, 8, 3), radiance, np.float32))


def gradient(name: str, radiance: float = 1.0) -> Surroundings:
    """A spherical gradient: light grows linearly from one side of the world to the other (Ma et al. 2007).

    name: "x", "y" or "z", with "_back" for the reverse, which together add up to the even light.
    """
    axis, sign = _GRADIENTS[name]
    height = 64
    polar = np.pi * (np.arange(height) + 0.5) / height
    turn = 2 * np.pi * (np.arange(2 * height) + 0.5) / (2 * height)
    world = np.stack(
        [
            np.sin(polar)[:, None] * np.sin(turn)[None],
            np.sin(polar)[:, None] * np.cos(turn)[None],
            np.broadcast_to(np.cos(polar)[:, None], (height, 2 * height)),
        ],
        axis=-1,
    )
    value = radiance * 0.5 * (1 + sign * world[..., axis])
    return Surroundings(radiance=np.repeat(value[..., None], 3, axis=-1).astype(np.float32))


def from_file(path: Path) -> Surroundings:
    """An .hdr or .exr picture of the surroundings.  Raises InputError where it cannot be read."""
    import cv2

    picture = cv2.imread(str(path), cv2.IMREAD_ANYDEPTH | cv2.IMREAD_COLOR)
    if picture is None or picture.dtype != np.float32:
        raise InputError("This is no picture of surroundings.", str(path), "Give a Radiance .hdr file.")
    return Surroundings(radiance=np.ascontiguousarray(picture[..., ::-1]))


def studio_panels(centre_m: tuple[float, float, float], radius_m: float) -> tuple[Panel, ...]:
    """Eight large softboxes around a subject, and one above: even, with soft modelling, as body rigs have.

    centre_m: the subject's middle; radius_m: half its height. They stand three radii away.
    """
    away = 3.0 * radius_m
    x, y, z = centre_m
    panels = []
    for k in range(8):
        turn = np.radians(45 * k + 22.5)
        lift = 0.55 * radius_m * (1 if k % 2 else -0.35)
        place = (float(x + away * np.sin(turn)), float(y - away * np.cos(turn)), float(z + lift))
        strength = 2.6 if abs(np.cos(turn)) > 0.5 and np.cos(turn) > 0 else 1.9
        panels.append(_panel(f"panel{k}", place, centre_m, (0.9 * radius_m, 1.5 * radius_m), strength))
    panels.append(_panel("above", (x, y - 0.3 * away, z + 0.9 * away), centre_m, (radius_m, radius_m), 2.0))
    return tuple(panels)


def _panel(
    name: str,
    centre: tuple[float, float, float],
    target: tuple[float, float, float],
    size: tuple[float, float],
    strength: float,
) -> Panel:
    return Panel(name=name, centre_m=centre, target_m=target, size_m=size, radiance=(strength,) * 3)


def light_setups(name: str, centre_m: tuple[float, float, float], radius_m: float) -> tuple[LightSetup, ...]:
    """The photographs that a choice of light means, one setup each.

    "uniform": even light from everywhere. "studio": softboxes. "flashes": softboxes one at a time, and all of them.
    "gradients": the six spherical gradients and the even light. Or the path of an .hdr file. "+polarised" behind a
    name takes each of them with crossed and with parallel polarisers. Raises InputError for another name.
    """
    base, _, suffix = name.partition("+")
    if suffix not in ("", "polarised"):
        raise InputError(
            f"The light '{name}' is not known.", "--lights", "Only '+polarised' may follow a light's name."
        )
    fill = even(0.12)
    panels = studio_panels(centre_m, radius_m)
    if base == "uniform":
        setups = [LightSetup(name="even", surroundings=even())]
    elif base == "studio":
        setups = [LightSetup(name="all", panels=panels, surroundings=fill)]
    elif base == "flashes":
        setups = [LightSetup(name="all", panels=panels)]
        setups += [LightSetup(name=panel.name, panels=(panel,)) for panel in panels]
    elif base == "gradients":
        setups = [LightSetup(name="even", surroundings=even())]
        setups += [LightSetup(name=f"gradient_{axis}", surroundings=gradient(axis)) for axis in _GRADIENTS]
    elif Path(base).is_file():
        setups = [LightSetup(name="surroundings", surroundings=from_file(Path(base)))]
    else:
        known = ", ".join(SETUPS)
        raise InputError(f"The light '{name}' is not known.", "--lights", f"Choose {known}, or give an .hdr file.")
    if not suffix:
        return tuple(setups)
    states: tuple[Polarisation, ...] = ("cross", "parallel")
    return tuple(replace(s, name=f"{s.name}_{p}", polarisation=p) for s in setups for p in states)
