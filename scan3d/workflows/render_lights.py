"""The light of a photograph, as the rig's file says it, or an even one where nothing does."""

from __future__ import annotations

from scan3d.capture.lights_file import nearest_lights, read_lights
from scan3d.capture.take import Take
from scan3d.errors import InputError
from scan3d.geometry import Camera
from scan3d.geometry.lights import LightSetup, placed
from scan3d.simulate.lights import even

ESTIMATED = "The rig's lights are not known (there is no lights.toml): the light is taken to be even."
GUESSED = "Where the flash sits on the camera is a guess until `scan3d appearance` is run."


def light_id_of(take: Take, light: str | None) -> str:
    """The light's id: as asked for, else the one that geometry uses. Raises InputError."""
    if light is None:
        return take.geometry_light()
    if light not in take.lights:
        known = ", ".join(name for name in take.lights if name) or "the take has one light"
        raise InputError(f"There is no light '{light}'.", "--light", f"Lights of this take: {known}.")
    return light


def known_exposure(take: Take) -> float | None:
    """A photograph's linear value over the radiance it was taken of, as lights.toml says; None without the file, and
    for a flash on the camera, whose strength differs from photograph to photograph."""
    path = nearest_lights(take.root)
    known = None if path is None else read_lights(path)
    return None if known is None or any(setup.on_camera for setup in known.setups.values()) else known.exposure


def rig_light(take: Take, light_id: str, camera: Camera) -> tuple[LightSetup, tuple[str, ...]]:
    """The light of a camera's photograph, and what to say about it: a flash on the camera stands where the camera did.

    Raises InputError where lights.toml cannot be read or does not know the light.
    """
    path = nearest_lights(take.root)
    if path is None:
        return LightSetup(name=light_id or "even", surroundings=even(1.0)), (ESTIMATED,)
    setups = read_lights(path).setups
    if light_id in setups:
        return _at(take, setups[light_id], camera)
    if not light_id and len(setups) == 1:  # a take with one light need not name it
        return _at(take, next(iter(setups.values())), camera)
    raise InputError(f"The light '{light_id}' is not in the file.", str(path), f"It has {', '.join(setups)}.")


def _at(take: Take, setup: LightSetup, camera: Camera) -> tuple[LightSetup, tuple[str, ...]]:
    if not setup.on_camera:
        return setup, ()
    from scan3d.workflows.appearance_flash import solved_light

    solved = solved_light(take.results / "appearance", setup)
    said = (GUESSED,) if solved is None and any(panel.guessed for panel in setup.panels) else ()
    return placed(solved or setup, camera), said
