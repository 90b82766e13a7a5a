"""Targets: what ships can be read, what cannot be is refused by name, and every board lists its points."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from scan3d.calibration.board_prediction import half_turn
from scan3d.calibration.target_file import target_names
from scan3d.calibration.targets import KINDS, Board, Target, read_target, target_with_square
from scan3d.errors import InputError

_CHARUCO = {
    "name": "mine", "kind": "charuco", "columns": 5, "rows": 4, "square_m": 0.04, "marker_m": 0.03,
    "dictionary": "DICT_4X4_50",
}  # fmt: skip


def _toml(table: dict, boards: list[dict] | None = None) -> str:
    def said(value: object) -> str:
        return str(value).lower() if isinstance(value, bool) else json.dumps(value)

    def lines(values: dict) -> str:
        return "".join(f"{key} = {said(value)}\n" for key, value in values.items())

    return lines(table) + "".join("[[board]]\n" + lines(board) for board in boards or [])


def _read(folder: Path, text: str) -> Target:
    path = folder / "target.toml"
    path.write_text(text)
    return read_target(str(path))


def test_what_ships_can_be_read_and_told_apart() -> None:
    assert set(target_names()) >= {"charuco_a3", "charuco_a4_pair", "charuco_cube", "apriltag_a3", "chessboard_a3"}
    kinds = set()
    for name in target_names():
        target = read_target(name)
        assert target.name == name
        for board in target.boards:
            kinds.add(board.kind)
            assert not board.looks_the_same_turned
            width, height = board.size_m
            inside = (board.points_m[:, :2] >= 0).all() and (board.points_m[:, :2] <= (width, height)).all()
            assert inside and (board.points_m[:, 2] == 0).all()
    assert kinds == set(KINDS) - {"circles"}
    cube = read_target("charuco_cube")
    assert {board.body for board in cube.boards} == {"cube"} and len(cube.boards) == 5
    assert read_target("charuco_a3").boards[0].body == "charuco_a3"


def test_a_target_is_a_name_or_a_file(tmp_path: Path) -> None:
    board = _read(tmp_path, _toml({**_CHARUCO, "legacy": True, "inverted": True, "first_id": 7})).boards[0]
    assert (board.columns, board.legacy, board.inverted, board.marker_ids) == (5, True, True, range(7, 17))
    pair = _read(
        tmp_path, _toml(_CHARUCO, [{"name": "a", "body": "p"}, {"name": "b", "body": "p", "first_id": 10, "rows": 5}])
    )
    assert [(b.name, b.body, b.rows) for b in pair.boards] == [("a", "p", 4), ("b", "p", 5)]


def test_points_of_every_kind() -> None:
    charuco = Board(**_CHARUCO)
    assert charuco.grid == (4, 3) and charuco.size_m == pytest.approx((0.2, 0.16))
    np.testing.assert_allclose(charuco.points_m[[0, 3, 4]], [[0.04, 0.04, 0], [0.16, 0.04, 0], [0.04, 0.08, 0]])
    tags = Board(name="t", kind="apriltag", columns=2, rows=2, square_m=0.1, gap_m=0.02)
    np.testing.assert_allclose(tags.points_m[:4, :2], [[0, 0], [0.1, 0], [0.1, 0.1], [0, 0.1]])
    np.testing.assert_allclose(tags.points_m[12, :2], [0.12, 0.12])
    assert tags.size_m == pytest.approx((0.22, 0.22))
    chess = Board(name="c", kind="chessboard", columns=3, rows=4, square_m=0.1)
    assert len(chess.points_m) == 12 and chess.size_m == pytest.approx((0.4, 0.5))
    dots = Board(name="d", kind="asymmetric_circles", columns=3, rows=3, square_m=0.1, marker_m=0.05)
    np.testing.assert_allclose(dots.points_m[[0, 1, 3], :2], [[0.05, 0.05], [0.25, 0.05], [0.15, 0.15]])
    with pytest.raises(ValueError, match="read-only"):
        dots.points_m[0, 0] = 1.0


@pytest.mark.parametrize(
    ("kind", "columns", "rows", "same"),
    [
        ("chessboard", 9, 6, False), ("chessboard", 8, 6, True), ("chessboard", 9, 7, True),
        ("circles", 9, 6, True), ("asymmetric_circles", 4, 11, False), ("asymmetric_circles", 4, 10, True),
    ],
)  # fmt: skip
def test_boards_that_look_the_same_turned_say_so(kind: str, columns: int, rows: int, same: bool) -> None:
    board = Board(name="b", kind=kind, columns=columns, rows=rows, square_m=0.05, marker_m=0.02)
    assert board.looks_the_same_turned is same
    if kind.endswith("circles"):  # without colours, the points alone decide
        assert (half_turn(board) is not None) is same


def test_a_measured_square_scales_everything() -> None:
    target = target_with_square(read_target("charuco_a3"), 0.0279)
    board = target.boards[0]
    assert (board.square_m, board.marker_m) == pytest.approx((0.0279, 0.0209250))
    np.testing.assert_allclose(board.points_m, read_target("charuco_a3").boards[0].points_m * 0.0279 / 0.028)
    tags = target_with_square(read_target("apriltag_a3"), 0.022).boards[0]
    assert tags.gap_m == pytest.approx(0.0066)
    for wrong in (0.0, -1.0, float("nan"), 50.0):
        with pytest.raises(InputError, match="cannot be"):
            target_with_square(target, wrong)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"marker_m": 0.04}, "does not fit into a square"),
        ({"marker_m": 0.0}, "does not fit into a square"),
        ({"dictionary": "DICT_9X9_1"}, "no marker dictionary"),
        ({"dictionary": "Dictionary"}, "no marker dictionary"),
        ({"columns": 20, "rows": 10}, "needs the markers 0 to 99"),
        ({"first_id": 45}, "needs the markers 45 to 54"),
        ({"first_id": -1}, "needs the markers -1"),
        ({"columns": 2}, "cannot be"),
        ({"kind": "charucco"}, "no kind of board"),
        ({"square_m": 28.0}, "metres"),
        ({"square_m": 0.0, "marker_m": 0.0}, "metres"),
        ({"square_m": "28 mm"}, "a length in metres"),
        ({"square_m": -0.04}, "a length in metres"),
        ({"columns": 5.5}, "a whole number"),
        ({"columns": True}, "a whole number"),
        ({"inverted": 1}, "true or false"),
        ({"sqare_m": 0.04}, "has no 'sqare_m'"),
        ({"name": ""}, "no name"),
        ({"kind": "chessboard", "rows": 5}, "from all four sides"),
        ({"kind": "circles", "rows": 5}, "from all four sides"),
        ({"kind": "circles", "marker_m": 0.04}, "would touch"),
        ({"kind": "asymmetric_circles", "marker_m": 0.06}, "would touch"),
        ({"kind": "apriltag"}, "no gap"),
    ],
)
def test_a_board_that_cannot_be_is_refused_in_three_lines(tmp_path: Path, change: dict, message: str) -> None:
    with pytest.raises(InputError) as told:
        _read(tmp_path, _toml({**_CHARUCO, **change}))
    assert message in str(told.value)
    assert "target.toml" in told.value.where and told.value.next_step
    assert len(str(told.value).splitlines()) == 3


@pytest.mark.parametrize(
    ("boards", "message"),
    [
        ([{"name": "a"}, {"name": "b"}], "share markers"),
        ([{"name": "a"}, {"name": "b", "first_id": 9}], "share markers"),
        ([{"name": "a"}, {"name": "a", "first_id": 10}], "the same name"),
        ([{"kind": "charuco"}], "lacks 'name'"),
        ([{"name": "a", "kind": "chessboard"}, {"name": "b", "kind": "chessboard"}], "look the same"),
    ],
)
def test_boards_that_cannot_be_told_apart_are_refused(tmp_path: Path, boards: list[dict], message: str) -> None:
    with pytest.raises(InputError, match=message):
        _read(tmp_path, _toml({**_CHARUCO}, boards))


def test_faces_of_other_sizes_may_be_chessboards(tmp_path: Path) -> None:
    boards = [{"name": "a", "kind": "chessboard"}, {"name": "b", "kind": "chessboard", "columns": 7}]
    assert len(_read(tmp_path, _toml(_CHARUCO, boards)).boards) == 2


@pytest.mark.parametrize("text", ["name = \n", "[[[", "board = 3\nname = 'x'", "name = 'x'\nboard = []"])
def test_what_is_no_target_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(InputError) as told:
        _read(tmp_path, text)
    assert len(str(told.value).splitlines()) == 3


def test_an_unknown_name_is_answered_with_a_near_one(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="Did you mean charuco_a3"):
        read_target("charuco_a5")
    with pytest.raises(InputError, match="cannot be read"):
        read_target(str(tmp_path / "none.toml"))
    (tmp_path / "bytes.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="no TOML"):
        read_target(str(tmp_path / "bytes.toml"))
