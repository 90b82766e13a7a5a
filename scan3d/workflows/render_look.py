"""One picture of a figure in a look: light, frame, engine, ground."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from scan3d.errors import InputError
from scan3d.geometry import Camera
from scan3d.render.frame import Frame
from scan3d.render.frames import framed
from scan3d.render.grounds import finished, floor_shadow
from scan3d.render.lamps import light_of
from scan3d.render.looks import CROPS, Look
from scan3d.render.surface_rays import SurfaceRays
from scan3d.workflows.render_engines import Engine, start
from scan3d.workflows.render_subject import Figure

Floats = npt.NDArray[np.floating]

# From the joint at the base of the skull to the middle of the face, as shares of the way up to the crown.
_FACE_UP, _FACE_OUT = 0.35, 0.45


@dataclass(frozen=True, kw_only=True)
class LookShot:
    """What is finished, encoded for screens, and the light and passes that it was made of."""

    picture: np.ndarray
    frame: Frame
    camera: Camera


class LookStudio:
    """A figure in a look's light, for one picture or a whole turn."""

    def __init__(self, figure: Figure, look: Look, *, engine: str, quality: str, passes: bool) -> None:
        self.figure, self.look = figure, look
        self.light = light_of(look, face_of(figure), figure.facing)
        self.engine: Engine = start(engine, figure.parts, self.light, passes=passes, quality=quality)
        self._rays: SurfaceRays | None = None

    def shoot(self, *, samples: int, seed: int = 0, turn_deg: float = 0.0) -> LookShot:
        """A picture; turn_deg: from so far round the subject."""
        figure, look = self.figure, self.look
        camera = framed(look.camera, figure.points(), figure.landmarks, figure.facing, turn_deg=turn_deg)
        frame = self.engine.render(camera, samples=samples, seed=seed)
        if look.ground.shadow:
            self._rays = self._rays or SurfaceRays(figure.parts)
            floor = float(figure.landmarks["floor"][2])
            frame = replace(frame, shadow=floor_shadow(self._rays, self.light, camera, floor))
        return LookShot(picture=finished(frame, look, self.light, camera), frame=frame, camera=camera)


def face_of(figure: Figure) -> Floats:
    """(3,) the middle of the face, where a light meter is held."""
    head, top = np.asarray(figure.landmarks["head"]), np.asarray(figure.landmarks["top"])
    tall = max(float(top[2] - head[2]), 0.05)
    return np.asarray(head + [0, 0, _FACE_UP * tall] + _FACE_OUT * tall * figure.facing)


def adjusted(
    look: Look, *, size: tuple[int, int] | None, crop: str | None, focal_mm: float | None, fill: float | None,
    view: str | None, turn_deg: float | None, ground: str | None,
) -> Look:  # fmt: skip
    """The look with what was asked for otherwise. Raises InputError."""
    from scan3d.render.looks import GROUNDS, VIEWS

    for name, value, allowed in (("--crop", crop, CROPS), ("--view", view, VIEWS), ("--ground", ground, GROUNDS)):
        if value is not None and value not in allowed:
            raise InputError(f"'{value}' is not known.", name, f"Choose one of {', '.join(allowed)}.")
    limits = (("--focal", focal_mm, 10, 1200), ("--fill", fill, 0.05, 1.0))
    for name, number, low, high in limits:
        if number is not None and not low <= number <= high:
            raise InputError(f"{number:g} cannot be.", name, f"Give {low:g} to {high:g}.")
    given: dict[str, Any] = {"size_px": size, "crop": crop, "focal_mm": focal_mm, "fill": fill, "azimuth_deg": turn_deg}
    camera = replace(look.camera, **{name: value for name, value in given.items() if value is not None})
    picture = look.picture if view is None else replace(look.picture, view=view)
    return replace(
        look,
        camera=camera,
        picture=picture,
        ground=look.ground if ground is None else replace(look.ground, kind=ground),
    )
