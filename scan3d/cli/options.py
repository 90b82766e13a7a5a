"""Options that several commands share, and the choices they offer."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class Quality(StrEnum):
    """How far a reconstruction goes."""

    preview = "preview"
    standard = "standard"
    high = "high"


class Device(StrEnum):
    """What does the work that a GPU can do."""

    auto = "auto"
    cpu = "cpu"
    cuda = "cuda"


class LeavingFor(StrEnum):
    """What something leaves the house for."""

    use = "use"
    train = "train"
    qc = "qc"


Take = Annotated[Path, typer.Argument(metavar="TAKE", help="The folder of one capture.", show_default=False)]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object, for machines.")]
Debug = Annotated[bool, typer.Option("--debug", help="Show where in the program an error came from.")]
Threads = Annotated[
    int | None, typer.Option("--threads", min=1, help="Cores to use; all by default.", show_default=False)
]
Registry = Annotated[
    Path | None,
    typer.Option(
        "--registry",
        metavar="DIR",
        help="The registry of rights; by default $SCAN3D_RIGHTS, or rights/ beside or above the take.",
        show_default=False,
    ),
]
Use = Annotated[
    str | None,
    typer.Option("--use", metavar="REQUEST", help="The request that the person has approved.", show_default=False),
]
For = Annotated[LeavingFor, typer.Option("--for", help="qc: the studio's own look at its work, marked as not for use.")]
