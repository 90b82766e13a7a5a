"""Bodies that tests of the body share."""

import pytest

from scan3d.body.model import BodyModel
from tests.body.stick_body import stick_body


@pytest.fixture(scope="session")
def stick() -> BodyModel:
    """A small body of 55 joints with everything a model can have."""
    return stick_body()
