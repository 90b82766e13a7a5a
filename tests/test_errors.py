import pickle

import pytest

from scan3d import errors


def all_kinds() -> list[type[errors.Scan3dError]]:
    return [kind for kind in vars(errors).values() if isinstance(kind, type)]


def test_every_kind_has_an_exit_code_of_its_own() -> None:
    codes = [kind.exit_code for kind in all_kinds()]
    assert len(set(codes)) == len(codes)
    assert 0 not in codes


@pytest.mark.parametrize("kind", all_kinds())
def test_errors_come_back_whole_from_a_worker_process(kind: type[errors.Scan3dError]) -> None:
    error = pickle.loads(pickle.dumps(kind("Cut short.", "cam07.jpg", "Copy it again.")))
    assert (error.what, error.where, error.next_step) == ("Cut short.", "cam07.jpg", "Copy it again.")
    assert str(error) == "Cut short.\nwhere: cam07.jpg\nnext:  Copy it again."
    assert str(kind("Cut short.", next_step="")) == "Cut short."
