import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from scan3d.errors import StorageError
from scan3d.pipeline.lock import FolderLock


def test_the_same_lock_may_be_entered_again(tmp_path: Path) -> None:
    lock = FolderLock(tmp_path / "lock")
    with lock, lock, pytest.raises(StorageError), FolderLock(tmp_path / "lock"):
        pass
    with FolderLock(tmp_path / "lock"):
        pass


@pytest.mark.parametrize("left", ["", "{", '{"pid": 1}', '{"pid": 999999, "host": "x", "since": "y"}'])
def test_a_file_left_behind_means_nothing(tmp_path: Path, left: str) -> None:
    (tmp_path / "lock").write_text(left)
    with FolderLock(tmp_path / "lock"):
        pass


ORPHAN = """
import os, sys, time
from pathlib import Path
from scan3d.pipeline.lock import FolderLock

with FolderLock(Path(sys.argv[1])):
    child = os.fork()
    if child == 0:
        print(os.getpid(), flush=True)
        time.sleep(60)
    time.sleep(60)
"""


def test_a_forked_worker_that_outlives_its_parent_does_not_keep_the_lock(tmp_path: Path) -> None:
    parent = subprocess.Popen([sys.executable, "-c", ORPHAN, str(tmp_path / "lock")], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    orphan = int(parent.stdout.readline())
    parent.kill()
    parent.wait()
    try:
        with FolderLock(tmp_path / "lock"):
            pass
    finally:
        os.kill(orphan, signal.SIGKILL)
        parent.stdout.close()
