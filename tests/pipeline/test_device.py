"""Which device does the work, without a GPU at hand."""

import subprocess
import sys

import pytest

from scan3d.errors import InputError, MissingDependencyError
from scan3d.pipeline import device


@pytest.mark.parametrize("wanted", ["auto", "cpu"])
def test_without_a_gpu_the_cores_work(wanted: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device, "gpu_count", lambda: 0)
    assert device.choose_device(wanted) == "cpu"


def test_what_cannot_be_had_is_said_with_a_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device, "gpu_count", lambda: 0)
    with pytest.raises(MissingDependencyError, match=r"NVIDIA GPU(.|\n)*--device cpu"):
        device.choose_device("cuda")
    monkeypatch.setattr(device, "gpu_count", lambda: 1)
    monkeypatch.setattr(device.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingDependencyError, match=r"scan3d\[gpu\]"):
        device.choose_device("cuda")
    assert device.choose_device("auto") == "cpu"
    with pytest.raises(InputError):
        device.choose_device("tpu")


def test_the_choice_costs_no_start_up() -> None:
    code = (
        "import sys; from scan3d.pipeline import device; device.gpu_count = lambda: 0;"
        "device.choose_device('auto'); assert not {'warp', 'numba', 'numpy'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
