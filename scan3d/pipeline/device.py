"""Which device does the work of a stage that can use either: the cores, or a GPU where there is one and NVIDIA Warp."""

from __future__ import annotations

import ctypes
import importlib.util
import sys

from scan3d.errors import InputError, MissingDependencyError

CPU = "cpu"
CHOICES = ("auto", "cpu", "cuda")


def choose_device(wanted: str) -> str:
    """Name of a device: "cpu" (Numba on the cores) or "cuda:0" (Warp on the first GPU).

    wanted: "auto" takes a GPU that can be used and the cores otherwise; "cpu" or "cuda" insist.  Warp is imported
    only where the driver says that there is a GPU.  Raises InputError for another word and MissingDependencyError
    where "cuda" cannot be had.
    """
    if wanted not in CHOICES:
        raise InputError(f"There is no device '{wanted}'.", "--device", "Choose auto, cpu or cuda.")
    if wanted == CPU:
        return CPU
    obstacle = _obstacle()
    if obstacle is None:
        return "cuda:0"
    if wanted == "cuda":
        raise obstacle
    return CPU


def _obstacle() -> MissingDependencyError | None:
    """Why no GPU can be used, cheapest question first."""
    if gpu_count() == 0:
        return MissingDependencyError(
            "No NVIDIA GPU can be used here: its driver is absent or sees none.",
            "--device cuda",
            "Look what nvidia-smi says, or run with --device cpu.",
        )
    if importlib.util.find_spec("warp") is None:
        return MissingDependencyError(
            "Working on a GPU needs NVIDIA Warp, which is not installed.",
            "--device cuda",
            "Install it with: pip install 'scan3d[gpu]', or run with --device cpu.",
        )
    import warp as wp

    wp.config.log_level = wp.LOG_WARNING  # its greeting would stand among the output
    if wp.get_cuda_device_count() == 0:
        return MissingDependencyError(
            f"NVIDIA Warp {wp.config.version} cannot use the GPU with the driver that is installed.",
            "--device cuda",
            "Install a newer NVIDIA driver, or run with --device cpu.",
        )
    return None


def gpu_count() -> int:
    """GPUs that NVIDIA's driver offers to this process; 0 without a driver, which takes no time to find out."""
    try:
        driver = ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
        count = ctypes.c_int(0)
        if driver.cuInit(0) != 0 or driver.cuDeviceGetCount(ctypes.byref(count)) != 0:
            return 0
    except (OSError, AttributeError):
        return 0
    return count.value
