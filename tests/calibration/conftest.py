"""Makes `calibration_rigs` importable whatever way pytest is started."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from scan3d.geometry import Rig


@pytest.fixture
def rig() -> Rig:
    """Four cameras on a ring, one of each model."""
    from calibration_rigs import make_rig

    return make_rig()
