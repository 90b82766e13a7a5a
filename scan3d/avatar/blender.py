"""Finds a Blender, and lets it build .blend and FBX files; it is a program of its own, never imported."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from scan3d.errors import InputError, MissingDependencyError, Scan3dError
from scan3d.pipeline.aside import written_aside

SCRIPT = Path(__file__).parent / "blender_addon" / "scene.py"
VARIABLE = "SCAN3D_BLENDER"

_OLDEST = (4, 2)
_LONGEST_S = 1800.0
_PROBE = "import bpy, sys; sys.stdout.write('Blender %d.%d.%d' % bpy.app.version)"


@dataclass(frozen=True, kw_only=True)
class Blender:
    """A Blender that runs scripts without a window. module: it is a Python that has bpy, not the program."""

    path: Path
    version: tuple[int, ...]
    module: bool

    def command(self, script: Path, *arguments: str) -> list[str]:
        """How to run a script with arguments behind a "--"."""
        if self.module:
            return [str(self.path), str(script), "--", *arguments]
        plain = ["--background", "--factory-startup", "--python-exit-code", "1"]
        return [str(self.path), *plain, "--python", str(script), "--", *arguments]

    def run(self, script: Path, *arguments: str) -> str:
        """What the script printed. Raises Scan3dError where it failed."""
        try:
            done = subprocess.run(
                self.command(script, *arguments), capture_output=True, text=True, timeout=_LONGEST_S, env=_plain(),
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            raise Scan3dError(
                "Blender took too long and was stopped.", str(self.path), "Use a coarser --lod."
            ) from None
        if done.returncode != 0:
            said = [line for line in (done.stderr + done.stdout).strip().splitlines() if line.strip()]
            raise Scan3dError(
                f"Blender {'.'.join(map(str, self.version))} failed: {said[-1] if said else 'it said nothing'}",
                str(self.path),
                f"Name another Blender in {VARIABLE}, or run {script.name} inside Blender to see more.",
            )
        return done.stdout


def _plain() -> dict[str, str]:
    """The environment without what would lead another Python astray."""
    return {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONHOME")}


def find_blender(environment: Mapping[str, str] = os.environ) -> Blender:
    """The Blender to use: what SCAN3D_BLENDER names (the program, or a Python that has bpy), else `blender` on the
    PATH, else .venv-blender beside this environment.

    Raises InputError where the variable names none, MissingDependencyError where there is none or only an old one.
    """
    named = environment.get(VARIABLE, "")
    if named:
        found = _probe(Path(named).expanduser())
        if found is None:
            raise InputError("This is no Blender.", f"{VARIABLE}={named}", "Name blender, or a Python that has bpy.")
        if found.version < _OLDEST:
            raise InputError(
                f"This Blender is {'.'.join(map(str, found.version))}; 4.2 is the oldest that will do.",
                f"{VARIABLE}={named}",
                "Install a newer one from blender.org.",
            )
        return found
    on_path = shutil.which("blender", path=environment.get("PATH"))
    beside = Path(sys.prefix).parent / ".venv-blender" / "bin" / "python"
    for path in [*([Path(on_path)] if on_path else []), beside]:
        found = _probe(path) if path.exists() else None
        if found is not None and found.version >= _OLDEST:
            return found
    raise MissingDependencyError(
        "No Blender 4.2 or newer was found.",
        "",
        f"Install it from blender.org, or name it in {VARIABLE}: the program, or a Python with `pip install bpy`.",
    )


def _probe(path: Path) -> Blender | None:
    """What the file is, by asking it; None where it is no Blender."""
    for module, arguments in ((False, ["--version"]), (True, ["-c", _PROBE])):
        try:
            done = subprocess.run([str(path), *arguments], capture_output=True, text=True, timeout=120, env=_plain())
        except (OSError, subprocess.TimeoutExpired):
            return None
        words = done.stdout.split()
        if done.returncode == 0 and words[:1] == ["Blender"] and len(words) > 1:
            numbers = [int(part) for part in words[1].split(".") if part.isdigit()]
            return Blender(path=path, version=tuple(numbers), module=module)
        if "python" not in done.stdout.lower():
            return None
    return None


def write_with_blender(blender: Blender, twin: Path, path: Path) -> None:
    """A .blend or .fbx of a twin folder, whole or not at all. Raises Scan3dError where Blender fails."""
    with written_aside(path) as aside:
        blender.run(SCRIPT, str(twin), str(aside))
        if not aside.is_file():
            raise Scan3dError(
                f"Blender wrote no {path.suffix}.", str(blender.path), "Run the same command with --debug."
            )


def script_for(twin: Path, path: Path) -> str:
    """The text of a script that, run inside any Blender, makes `path` of a twin folder: what the add-on builds with."""
    head, _, rest = SCRIPT.read_text().partition("if __package__:\n")
    rest = rest[rest.index('TWIN_FOLDER = ""') :]
    parts = [SCRIPT.with_name(f"{name}.py").read_text() for name in ("metarig", "surface_nodes")]
    # Each begins with its docstring and an import that only the whole script may begin with.
    bodies = [part.partition("from __future__ import annotations\n")[2] for part in parts]
    text = "\n".join([head, *bodies, "\n" + rest])
    for name, value in (("TWIN_FOLDER", twin.resolve()), ("SAVE_AS", path.resolve())):
        text = text.replace(f'\n{name} = ""\n', f"\n{name} = {str(value)!r}\n")
    return text
