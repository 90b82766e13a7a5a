import pytest

from tests.reconstruction.ellipsoid_scene import Shot, shots


@pytest.fixture(scope="session")
def scene() -> list[Shot]:
    """Sixteen photographs of a textured ellipsoid, 240 x 240."""
    return shots()
