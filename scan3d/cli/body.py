"""`scan3d body build [--out FILE]`, `scan3d body add FILE`, `use NAME`, `list` and `info [NAME]`"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from scan3d.cli.options import Debug, Json
from scan3d.cli.session import Outcome, Session, run

if TYPE_CHECKING:
    from scan3d.body.library import Entry
    from scan3d.body.model import BodyModel

body = typer.Typer(help="The parametric body that scans are fitted with.", no_args_is_help=True)

_KINDS = {55: "SMPL-X", 52: "SMPL-H", 24: "SMPL"}
_TOLD = (1, 2, 5, 10, 20, 50, 100)


@body.command()
def build(
    out: Annotated[Path | None, typer.Option(help="Also write the model file here.", show_default=False)] = None,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Build the open body, a model in SMPL-X's format made from CC0 data, and keep it for all commands."""

    def work(session: Session) -> Outcome:
        import shutil

        from scan3d.body.library import keep, open_model, open_model_path

        model = open_model(session.progress)
        path = open_model_path()
        if out is not None:
            path = out
            keep(path, lambda file: shutil.copyfile(open_model_path(), file))
        return Outcome(data={"file": str(path), **_data(model)}, lines=[*_lines(model), f"{path}: ready."])

    run(work, as_json=json, debug=debug)


@body.command()
def add(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="SMPL-X, SMPL-H or SMPL: .npz or .pkl.")],
    name: Annotated[str | None, typer.Option(help="What to call it; the file's name by default.")] = None,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Add a body model of your own, under its own licence, and use it from now on."""

    def work(session: Session) -> Outcome:
        from scan3d.body.library import add as add_model
        from scan3d.body.library import model_called

        entry = add_model(file, name)
        model = model_called(entry.name)
        told = f"Every command now uses '{entry.name}'. Back to the open body: scan3d body use open"
        return Outcome(data={"name": entry.name, "file": str(entry.file), **_data(model)}, lines=[*_lines(model), told])

    run(work, as_json=json, debug=debug)


@body.command()
def use(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A model of the library, as `scan3d body list` has it.")],
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Choose the model that every command uses."""

    def work(session: Session) -> Outcome:
        from scan3d.body.library import choose

        choose(name)
        return Outcome(data={"default": name}, lines=[f"Every command now uses '{name}'."])

    run(work, as_json=json, debug=debug)


@body.command("list")
def show(json: Json = False, debug: Debug = False) -> None:
    """Show the models at hand."""

    def work(session: Session) -> Outcome:
        from scan3d.body.library import entries

        found = entries()
        listed = [
            {"name": e.name, "file": str(e.file), "default": e.is_default, "there": e.file.is_file()} for e in found
        ]
        return Outcome(data={"models": listed}, lines=[_listed(entry) for entry in found])

    run(work, as_json=json, debug=debug)


@body.command()
def info(
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="A model or a file; the default otherwise.")
    ] = None,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Tell what a model holds: its size, shape numbers, expressions, hands and licence."""

    def work(session: Session) -> Outcome:
        from scan3d.body.library import default_model, model_called

        model = default_model(session.progress) if name is None else model_called(name, session.progress)
        licence = [line.strip(" #") for line in model.licence.splitlines() if line.strip()]
        return Outcome(data=_data(model), lines=[*_lines(model), f"licence: {licence[0] if licence else 'unknown'}"])

    run(work, as_json=json, debug=debug)


def _listed(entry: Entry) -> str:
    mark = "*" if entry.is_default else " "
    return f"{mark} {entry.name}: {entry.file if entry.file.is_file() else 'built on first use'}"


def _data(model: BodyModel) -> dict[str, Any]:
    """What a model holds, for machines."""
    return {
        "model": model.name,
        "kind": _KINDS[model.joints],
        "vertices": len(model.template),
        "faces": len(model.faces),
        "quads": None if model.quads is None else len(model.quads),
        "joints": model.joints,
        "shape_numbers": model.shape_basis.shape[2],
        "expression_numbers": model.expression_basis.shape[2],
        "hand_components": model.hand_bases.shape[1],
        "named_shapes": list(model.shapes),
        "pose_correctives": model.pose_basis is not None,
        "textured": model.quad_uv is not None,
        "explained": _explained(model),
    }


def _explained(model: BodyModel) -> dict[str, float]:
    """The share of the variance of all shape numbers that the first ones hold."""
    import numpy as np

    variance = np.square(model.shape_basis, dtype=np.float64).sum(axis=(0, 1))
    shares = np.cumsum(variance) / max(variance.sum(), 1e-30)
    return {str(count): round(float(shares[count - 1]), 5) for count in _TOLD if count <= len(shares)}


def _lines(model: BodyModel) -> list[str]:
    """What a model holds, for people."""
    told = _data(model)
    shares = ", ".join(f"{count}: {100 * share:.2f} %" for count, share in told["explained"].items())
    named = f", {len(model.shapes)} named shapes" if model.shapes else ""
    return [
        f"{told['model']}: {told['kind']}, {told['vertices']} vertices, {told['joints']} joints",
        f"{told['shape_numbers']} shape numbers, {told['expression_numbers']} expression numbers{named}",
        f"variance the first shape numbers hold: {shares}",
        f"{told['hand_components']} hand components; pose correctives: {'yes' if told['pose_correctives'] else 'none'}",
    ]
