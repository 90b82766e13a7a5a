"""Scene-linear light as people see it: view transforms by OpenColorIO. For pictures only; nothing is measured on them.

standard  sRGB as it is: white is 1, what is brighter is clipped. What looks use: skin is as in the photographs.
aces      ACES 2.0 for SDR screens, of OpenColorIO's built-in studio config.
agx       Sobotka's AgX: chroma fades gently into white. Matrix and curve as Wrensch published them in 2023 ("Minimal
          AgX implementation"), run by OpenColorIO.
punchy    AgX with his look of that name: deeper shadows, more colour..
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from scan3d.capture.colour import linear_to_srgb
from scan3d.errors import InputError

_CONFIG = "studio-config-v2.2.0_aces-v1.3_ocio-v2.4"
_INSET = (
    (0.842479062253094, 0.0784335999999992, 0.0792237451477643),
    (0.0423282422610123, 0.878468636469772, 0.0791661274605434),
    (0.0423756549057051, 0.0784336, 0.879142973793104),
)
_STOPS = (-12.47393, 4.026069)
_CURVE = (15.5, -40.14, 31.96, -6.868, 0.4298, 0.1191, -0.00232)
_STEPS = 4096
_PUNCHY_POWER, _PUNCHY_SATURATION = 1.35, 1.4


def seen(picture: np.ndarray, view: str, *, stops: float = 0.0) -> np.ndarray:
    """(H, W, 3) float32 0..1, encoded for sRGB screens, of linear Rec.709 light. Raises InputError for another view."""
    light = np.ascontiguousarray(np.maximum(picture, 0) * np.float32(2.0**stops), np.float32)
    if view == "standard":
        return linear_to_srgb(light)
    if view not in ("agx", "punchy", "aces"):
        raise InputError(f"There is no view '{view}'.", "--view", "Choose agx, punchy, aces or standard.")
    _processor(view).applyRGB(light)
    return np.clip(light, 0, 1)


@functools.cache
def _processor(view: str) -> Any:
    import PyOpenColorIO

    PyOpenColorIO.SetLoggingLevel(PyOpenColorIO.LOGGING_LEVEL_NONE)
    if view == "aces":
        config = PyOpenColorIO.Config.CreateFromBuiltinConfig(_CONFIG)
        transform: Any = PyOpenColorIO.DisplayViewTransform(
            src="Linear Rec.709 (sRGB)", display="sRGB - Display", view="ACES 1.0 - SDR Video"
        )
    else:
        config, transform = PyOpenColorIO.Config.CreateRaw(), _agx(punchy=view == "punchy")
    return config.getProcessor(transform).getDefaultCPUProcessor()


def _agx(*, punchy: bool) -> Any:
    import PyOpenColorIO

    inset = np.eye(4)
    inset[:3, :3] = _INSET
    outset = np.linalg.inv(inset)
    curve = np.clip(np.polyval(_CURVE, np.linspace(0, 1, _STEPS)), 0, 1)
    table = PyOpenColorIO.Lut1DTransform(_STEPS, False)
    table.setInterpolation(PyOpenColorIO.INTERP_LINEAR)
    table.setData(np.repeat(curve, 3).astype(np.float32))
    steps = [
        PyOpenColorIO.MatrixTransform(inset.ravel().tolist()),
        PyOpenColorIO.AllocationTransform(PyOpenColorIO.ALLOCATION_LG2, [*_STOPS]),
        table,
    ]
    if punchy:
        look = PyOpenColorIO.CDLTransform()
        look.setPower([_PUNCHY_POWER] * 3)
        look.setSat(_PUNCHY_SATURATION)
        steps.append(look)
    return PyOpenColorIO.GroupTransform([*steps, PyOpenColorIO.MatrixTransform(outset.ravel().tolist())])
