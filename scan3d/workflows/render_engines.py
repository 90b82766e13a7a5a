"""The engines that make a picture, by name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from scan3d.errors import InputError
from scan3d.geometry import Camera
from scan3d.geometry.lights import LightSetup
from scan3d.geometry.materials import Part
from scan3d.render.frame import Frame

ENGINES = ("mitsuba", "cycles", "raster")
QUALITIES = ("preview", "final")
_SAMPLES = {"mitsuba": 64, "cycles": 256, "raster": 4}


class Engine(Protocol):
    """Parts under one light, ready to be looked at."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What a viewer of its pictures should know."""

    def render(self, camera: Camera, *, samples: int, seed: int = 0) -> Frame: ...


def engine_of(quality: str, engine: str | None) -> str:
    """The engine's name: as asked for, else by quality. Raises InputError."""
    if quality not in QUALITIES:
        raise InputError(f"'{quality}' is not known.", "--quality", f"Choose one of {', '.join(QUALITIES)}.")
    if engine is not None and engine not in ENGINES:
        raise InputError(f"'{engine}' is not known.", "--engine", f"Choose one of {', '.join(ENGINES)}.")
    return engine or ("raster" if quality == "preview" else "mitsuba")


def samples_of(engine: str, quality: str, samples: int | None) -> int:
    """Paths or rays a pixel. Raises InputError where so many cannot be."""
    if samples is not None and not 1 <= samples <= 65536:
        raise InputError(f"{samples} samples cannot be.", "--samples", "Give 1 to 65536.")
    if samples is not None:
        return samples
    return _SAMPLES[engine] if quality == "final" or engine == "raster" else _SAMPLES[engine] // 4


def start(engine: str, parts: Sequence[Part], lights: LightSetup, *, passes: bool, quality: str) -> Engine:
    """An engine on parts under one light."""
    if engine == "raster":
        from scan3d.render.preview import Preview

        return Preview(parts, lights, passes=passes)
    if engine == "cycles":
        from scan3d.workflows.render_cycles import Cycles

        return Cycles(parts, lights, passes=passes, denoise=quality == "preview")
    from scan3d.render.tracing import Tracer

    return Tracer(parts, lights, passes=passes)
