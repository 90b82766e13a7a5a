"""The light of a photograph, as the rig's file says it, or an even one where nothing does."""

from __future__ import annotations

from scan3d.capture.take import Take
from scan3d.errors import InputError
from scan3d.geometry.lights import LightSetup
from scan3d.simulate.lights import even

ESTIMATED = "The rig's lights are not known (there is no lights.toml): the light is taken to be even."


def light_id_of(take: Take, light: str | None) -> str:
    """The light's id: as asked for, else the one that geometry uses. Raises InputError."""
    if light is None:
        return take.geometry_light()
    if light not in take.lights:
        known = ", ".join(name for name in take.lights if name) or "the take has one light"
        raise InputError(f"There is no light '{light}'.", "--light", f"Lights of this take: {known}.")
    return light


def rig_light(take: Take, light_id: str) -> tuple[LightSetup, tuple[str, ...]]:
    """The light of the take's photographs under one light, and what to say about it."""
    return LightSetup(name=light_id or "even", surroundings=even(1.0)), (ESTIMATED,)
