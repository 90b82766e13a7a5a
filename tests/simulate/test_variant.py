"""The renderer's variant is the fastest that a trial shows to work."""

from __future__ import annotations

import pytest

from scan3d.simulate import variant


@pytest.mark.parametrize(
    ("driver", "good", "chosen"),
    [
        (True, {variant.GPU, variant.VECTOR}, variant.GPU),
        (True, {variant.VECTOR}, variant.VECTOR),
        (False, {variant.GPU, variant.VECTOR}, variant.VECTOR),
        (True, set(), variant.SCALAR),
    ],
)
def test_the_fastest_that_works_is_taken(
    monkeypatch: pytest.MonkeyPatch, driver: bool, good: set[str], chosen: str
) -> None:
    monkeypatch.setattr(variant, "_has_nvidia_driver", lambda: driver)
    monkeypatch.setattr(variant, "_works", lambda name: name in good)
    assert variant.choose_variant() == chosen


def test_what_was_asked_for_is_not_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(variant, "_works", lambda name: False)
    assert variant.choose_variant(variant.VECTOR) == variant.VECTOR


def test_a_hidden_card_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(variant.ctypes.util, "find_library", lambda name: "libcuda.so.1")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert variant._has_nvidia_driver()
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert not variant._has_nvidia_driver()


def test_a_variant_that_is_not_there_does_not_work() -> None:
    assert not variant._works("no_such_variant")
