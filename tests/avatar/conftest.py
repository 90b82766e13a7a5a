"""What tests of the avatar share: a doll, and the Blender that this machine has."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

from scan3d.avatar.blender import Blender, find_blender
from scan3d.body.model import BodyModel
from scan3d.errors import MissingDependencyError


def _beside(name: str) -> ModuleType:
    """A file of this folder that tests import by its name."""
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    assert spec is not None and spec.loader is not None
    module = sys.modules.setdefault(name, importlib.util.module_from_spec(spec))
    spec.loader.exec_module(module)
    return module


doll = _beside("doll")
_beside("trip")


@pytest.fixture(scope="session")
def model() -> BodyModel:
    """A doll without correctives."""
    return doll.doll()


@pytest.fixture(scope="session")
def corrected_model() -> BodyModel:
    """A doll with correctives."""
    return doll.doll(correctives=True)


@pytest.fixture(scope="session")
def blender() -> Blender:
    """The Blender that the product would find."""
    try:
        return find_blender()
    except MissingDependencyError as error:
        pytest.skip(f"{error.what} {error.next_step}")
