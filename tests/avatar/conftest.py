"""What tests of the avatar share: a doll, and the Blender that this machine has."""

import pytest

from scan3d.avatar.blender import Blender, find_blender
from scan3d.body.model import BodyModel
from scan3d.errors import MissingDependencyError
from tests.avatar import doll


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
