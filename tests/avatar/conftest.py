"""What tests of the avatar share: a doll, and the Blender that this machine has."""

import importlib.util
import sys
from pathlib import Path

import pytest

from scan3d.body.model import BodyModel

_SPEC = importlib.util.spec_from_file_location("doll", Path(__file__).with_name("doll.py"))
assert _SPEC is not None and _SPEC.loader is not None
doll = sys.modules.setdefault("doll", importlib.util.module_from_spec(_SPEC))
_SPEC.loader.exec_module(doll)


@pytest.fixture(scope="session")
def model() -> BodyModel:
    """A doll without correctives."""
    return doll.doll()


@pytest.fixture(scope="session")
def corrected_model() -> BodyModel:
    """A doll with correctives."""
    return doll.doll(correctives=True)
