"""Options that the commands of `scan3d rights` share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Registry = Annotated[
    Path | None,
    typer.Option(
        "--registry",
        metavar="DIR",
        help="The registry; by default $SCAN3D_RIGHTS, or rights/ here or above.",
        show_default=False,
    ),
]
Keys = Annotated[
    list[Path] | None,
    typer.Option("--key", metavar="FILE", help="Key to sign with; several sign one after another.", show_default=False),
]
Passphrases = Annotated[
    list[Path] | None,
    typer.Option(
        "--passphrase-file",
        metavar="FILE",
        help="The key's passphrase, else $SCAN3D_PASSPHRASE, else asked for.",
        show_default=False,
    ),
]
Out = Annotated[
    Path | None,
    typer.Option(
        "--out", metavar="FILE.json", help="Write the document for others to sign; hand nothing in.", show_default=False
    ),
]
Key = Annotated[Path, typer.Option("--key", metavar="FILE", help="The key that they sign with.", show_default=False)]
Reason = Annotated[str, typer.Option(help="Why; goes into the registry.")]
