"""Scene-linear light as people see it: view transforms by OpenColorIO. For pictures only; nothing is measured on them.

standard  sRGB as it is: white is 1, what is brighter is clipped.
aces      ACES 2.0 for SDR screens, of OpenColorIO's built-in studio config.
agx       Sobotka's AgX: chroma fades gently into white. Matrix and curve as Wrensch published them in 2023 ("Minimal
          AgX implementation"), run by OpenColorIO.
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
# The formation of AgX takes middle grey to 0.5 of the screen's code; its own screen is a pure power of 2.2.
_STEPS = 4096


def seen(picture: np.ndarray, view: str, *, stops: float = 0.0) -> np.ndarray:
    """(H, W, 3) float32 0..1, encoded for sRGB screens, of linear Rec.709 light. Raises InputError for another view."""
    light = np.ascontiguousarray(np.maximum(picture, 0) * np.float32(2.0**stops), np.float32)
    if view == "standard":
        return linear_to_srgb(light)
    if view not in ("agx", "aces"):
        raise InputError(f"There is no view '{view}'.", "--view", "Choose agx, aces or standard.")
    _processor(view).applyRGB(light)
    return np.clip(light, 0, 1)


@functools.cache
def _processor(view: str) -> Any:
    import PyOpenColorIO as ocio

    ocio.SetLoggingLevel(ocio.LOGGING_LEVEL_NONE)
    if view == "aces":
        config = ocio.Config.CreateFromBuiltinConfig(_CONFIG)
        transform: Any = ocio.DisplayViewTransform(
            src="Linear Rec.709 (sRGB)", display="sRGB - Display", view="ACES 1.0 - SDR Video"
        )
    else:
        config, transform = ocio.Config.CreateRaw(), _agx(ocio)
    return config.getProcessor(transform).getDefaultCPUProcessor()


def _agx(ocio: Any) -> Any:
    inset = np.eye(4)
    inset[:3, :3] = _INSET
    outset = np.linalg.inv(inset)
    x = np.linspace(0, 1, _STEPS)
    curve = np.clip(np.polyval(_CURVE, x), 0, 1)
    table = ocio.Lut1DTransform(_STEPS, False)
    table.setInterpolation(ocio.INTERP_LINEAR)
    table.setData(np.repeat(curve, 3).astype(np.float32))
    return ocio.GroupTransform(
        [
            ocio.MatrixTransform(inset.ravel().tolist()),
            ocio.AllocationTransform(ocio.ALLOCATION_LG2, [*_STOPS]),
            table,
            ocio.MatrixTransform(outset.ravel().tolist()),
        ]
    )
