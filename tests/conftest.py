"""What all tests share: where the captures lie, and hypothesis settings that a slow machine can live with."""

import os
from pathlib import Path

import hypothesis
import pytest

REPOSITORY = Path(__file__).resolve().parents[1]

hypothesis.settings.register_profile("scan3d", deadline=None, max_examples=50, derandomize=True, database=None)
hypothesis.settings.load_profile("scan3d")


@pytest.fixture(scope="session")
def repository() -> Path:
    """The top of the checkout."""
    return REPOSITORY


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder of test captures: $SCAN3D_DATA, or ../shared/data beside the checkout."""
    folder = Path(os.environ.get("SCAN3D_DATA", REPOSITORY.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no captures at {folder}; set SCAN3D_DATA to the folder that holds rig_head")
    return folder


@pytest.fixture(scope="session")
def warp():
    """NVIDIA Warp, quiet; what needs it is skipped where it is not installed."""
    wp = pytest.importorskip("warp", reason="the extra 'gpu' (NVIDIA Warp) is not installed")
    wp.config.log_level = wp.LOG_WARNING
    return wp


@pytest.fixture(scope="session", params=["cpu", "cuda:0"])
def where(warp, request: pytest.FixtureRequest) -> str:
    """Every device of Warp that this machine has."""
    if request.param != "cpu" and warp.get_cuda_device_count() == 0:
        pytest.skip("no NVIDIA GPU on this machine")
    return request.param
