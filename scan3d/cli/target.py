"""`scan3d target print NAME --out board.pdf` and `scan3d target list`"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from scan3d.cli.options import Debug, Json
from scan3d.cli.session import Outcome, Session, run

if TYPE_CHECKING:
    from scan3d.calibration.targets import Target

target = typer.Typer(help="Boards to calibrate with: show them, print them.", no_args_is_help=True)


@target.command("print")
def print_target(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A target: a name, or its TOML.", show_default=False)],
    out: Annotated[Path | None, typer.Option(help="The PDF; NAME.pdf by default.", show_default=False)] = None,
    square_mm: Annotated[
        float | None, typer.Option(min=0.1, help="Another side of a square than the target's.", show_default=False)
    ] = None,
    page: Annotated[
        str | None,
        typer.Option(
            metavar="PAGE", help="A4 to A0, or 420x594 in mm; the smallest that fits by default.", show_default=False
        ),
    ] = None,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Write a target as a PDF of vectors at its exact size, a page for each board.

    Print it at 100 %, check the ruler, measure the board and give `scan3d calibrate` what you measured: --square-mm.
    """

    def work(session: Session) -> Outcome:
        from scan3d.calibration.target_pdf import write_target_pdf
        from scan3d.calibration.targets import read_target, target_with_square

        chosen = read_target(name)
        if square_mm is not None:
            chosen = target_with_square(chosen, 1e-3 * square_mm)
        path = out if out is not None else Path(f"{chosen.name}.pdf")
        pages = write_target_pdf(chosen, path, page=page)
        lines = [f"{p.board}: {p.page}, {p.width_mm:g} x {p.height_mm:g} mm" for p in pages]
        listed = [{"board": p.board, "page": p.page, "size_mm": [p.width_mm, p.height_mm]} for p in pages]
        data = {"pdf": str(path), "pages": listed, **_entry(chosen)}
        return Outcome(data=data, lines=[*lines, f"{path}: print it at 100 %, then measure a square."])

    run(work, as_json=json, debug=debug)


@target.command("list")
def show(json: Json = False, debug: Debug = False) -> None:
    """Show the targets that ship with scan3d."""

    def work(session: Session) -> Outcome:
        from scan3d.calibration.target_file import target_names
        from scan3d.calibration.targets import read_target

        targets = [read_target(name) for name in target_names()]
        return Outcome(data={"targets": [_entry(t) for t in targets]}, lines=[_line(t) for t in targets])

    run(work, as_json=json, debug=debug)


def _entry(chosen: Target) -> dict[str, Any]:
    return {
        "name": chosen.name,
        "boards": [
            {
                "name": board.name,
                "kind": board.kind,
                "columns": board.columns,
                "rows": board.rows,
                "square_mm": round(1e3 * board.square_m, 6),
                "size_mm": [round(1e3 * side, 6) for side in board.size_m],
            }
            for board in chosen.boards
        ],
    }


def _line(chosen: Target) -> str:
    board = chosen.boards[0]
    wide, high = (1e3 * side for side in board.size_m)
    boards = f", {len(chosen.boards)} boards" if len(chosen.boards) > 1 else ""
    kind = board.kind.replace("_", " ")
    size = f"{wide:.0f} x {high:.0f} mm"
    return f"{chosen.name:16} {kind} {board.columns} x {board.rows}, square {1e3 * board.square_m:g} mm, {size}{boards}"
