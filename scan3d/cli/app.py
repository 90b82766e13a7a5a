"""The `scan3d` command. Each subcommand has a file of its own and imports the library only when it runs."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from scan3d import __version__
from scan3d.cli.align import align
from scan3d.cli.appearance import appearance
from scan3d.cli.body import body
from scan3d.cli.calibrate import calibrate
from scan3d.cli.cameras import cameras
from scan3d.cli.check import check
from scan3d.cli.colour import colour
from scan3d.cli.demo import demo
from scan3d.cli.evaluate import evaluate
from scan3d.cli.export import export
from scan3d.cli.fit import fit
from scan3d.cli.mark import mark
from scan3d.cli.pose import pose
from scan3d.cli.reconstruct import reconstruct
from scan3d.cli.render import render
from scan3d.cli.rights import rights
from scan3d.cli.session import report_error
from scan3d.cli.simulate import simulate
from scan3d.cli.target import target
from scan3d.errors import InputError

app = typer.Typer(
    name="scan3d",
    help="Photographs of a person, taken at the same moment by a rig of cameras, become a digital twin.",
    no_args_is_help=True,
    add_completion=False,
    # Plain help and plain errors: neither needs the time that loading a terminal library takes.
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
app.command()(align)
app.command()(appearance)
app.add_typer(body, name="body")
app.command()(calibrate)
app.add_typer(cameras, name="cameras")
app.command()(check)
app.command()(colour)
app.command()(demo)
app.command()(evaluate)
app.command()(export)
app.command()(fit)
app.add_typer(mark, name="mark")
app.command()(pose)
app.command()(reconstruct)
app.command()(render)
app.add_typer(rights, name="rights")
app.command()(simulate)
app.add_typer(target, name="target")


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"scan3d {__version__}")
        raise typer.Exit()


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


def main() -> None:
    """Entry point of the console script: runs the command and exits with its code."""
    sys.exit(_run())


def _run() -> int:
    try:
        code = app(prog_name="scan3d", standalone_mode=False)
    except typer.Abort:
        return 130
    except Exception as error:
        # Typer's errors about the command line itself say what is wrong in format_message().
        describe = getattr(error, "format_message", None)
        if describe is None:
            raise
        message = describe()
        if len(sys.argv) == 1:  # No command at all: the message is the help.
            typer.echo(message, err=True)
            return InputError.exit_code
        context = getattr(error, "ctx", None)
        command = context.command_path if context is not None else "scan3d"
        usage = InputError(message, command, f"See: {command} --help")
        return report_error(usage, as_json="--json" in sys.argv, debug="--debug" in sys.argv)
    return code if isinstance(code, int) else 0
