"""Which of Mitsuba's variants can be trusted on this machine."""

from __future__ import annotations

import ctypes.util
import functools
import os
import subprocess
import sys
from typing import Any

SCALAR, VECTOR, GPU = "scalar_rgb", "llvm_ad_rgb", "cuda_ad_rgb"
_PROBE = """
import sys
import mitsuba as mi
mi.set_variant(sys.argv[1])
scene = mi.load_dict({"type": "scene", "integrator": {"type": "path"}, "light": {"type": "constant"},
    "ball": {"type": "sphere", "bsdf": {"type": "blendbsdf", "weight": 0.5,
        "a": {"type": "principled"}, "b": {"type": "principled", "roughness": 0.2}}},
    "sensor": {"type": "perspective", "film": {"type": "hdrfilm", "width": 8, "height": 8}}})
print(float(mi.render(scene, spp=4).numpy().mean()))
"""
_TIMEOUT_S = 120.0


def choose_variant(wanted: str = "auto") -> str:
    """The variant to render with. "auto" takes the graphics card where a trial render in a process of its own succeeds
    there, then LLVM where it does, else scalar.

    An unfit LLVM (15 and 16 lack an instruction that Dr.Jit asks for) ends the process, hence the trial.
    """
    if wanted != "auto":
        return wanted
    if _has_nvidia_driver() and _works(GPU):
        return GPU
    return VECTOR if _works(VECTOR) else SCALAR


def _has_nvidia_driver() -> bool:
    return ctypes.util.find_library("cuda") is not None and os.environ.get("CUDA_VISIBLE_DEVICES") != ""


@functools.cache
def _works(variant: str) -> bool:
    environment = dict(os.environ) if variant == GPU else {**os.environ, "CUDA_VISIBLE_DEVICES": ""}
    command = [sys.executable, "-c", _PROBE, variant]
    try:
        done = subprocess.run(command, capture_output=True, timeout=_TIMEOUT_S, env=environment, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def load_mitsuba(variant: str) -> Any:
    """The module with its variant set. One process uses one variant."""
    import mitsuba

    if mitsuba.variant() != variant:
        mitsuba.set_variant(variant)
    return mitsuba
