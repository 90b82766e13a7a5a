from collections.abc import Iterator
from pathlib import Path

import pytest

from scan3d.rights.marks.certificates import Authority, create_authority


@pytest.fixture(scope="session")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Authority]]:
    """(the folder, the authority) of the studio whose marks are tested."""
    folder = tmp_path_factory.mktemp("studio") / "ca"
    yield folder, create_authority(folder, "Studio Nörd")


@pytest.fixture(scope="session")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Authority]]:
    """Somebody else, who made a certificate out to the studio's name."""
    folder = tmp_path_factory.mktemp("stranger") / "ca"
    yield folder, create_authority(folder, "Studio Nörd")
