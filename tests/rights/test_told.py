"""What people are told of the rights is what there is."""

import re
from pathlib import Path
from typing import Any

import typer

from scan3d.cli.app import app
from scan3d.rights.errors import RightsError


def rules(kind: type[RightsError]) -> set[str]:
    return {kind.rule}.union(*(rules(one) for one in kind.__subclasses__()))


def test_every_rule_is_explained_and_no_other(repository: Path) -> None:
    page = (repository / "docs" / "rights.md").read_text()
    table = page[page.index("## What is refused") : page.index("With no registry at all")]
    rows = "\n".join(line.split("|")[1] for line in table.splitlines() if line.startswith("| `"))
    assert set(re.findall(r"`(\w+)`", rows)) == rules(RightsError)


def test_every_command_that_is_told_of_is_there(repository: Path) -> None:
    page = (repository / "docs" / "rights.md").read_text()
    lines = [line for block in re.findall(r"```\n(.*?)```", page, re.S) for line in block.splitlines()]
    told = [part.split("#")[0].split() for line in lines for part in line.split(";") if "scan3d" in part]
    assert len(told) > 20
    root: Any = typer.main.get_command(app)
    for words in told:
        command = root
        for word in words[1:]:
            if word not in getattr(command, "commands", {}):
                break
            command = command.commands[word]
        assert not hasattr(command, "commands"), f"{' '.join(words)}: no such command"
        known = {name for one in command.params for name in one.opts}
        assert {word for word in words if word.startswith("--")} <= known, " ".join(words)
