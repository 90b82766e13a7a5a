"""Holds the rules of the layout: who may import whom, what lies at the top, how long a file may be."""

import ast
import re
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from scan3d.calibration.targets import read_target
from scan3d.resources import rigs_folder, targets_folder

REPOSITORY = Path(__file__).resolve().parents[1]
PACKAGE = REPOSITORY / "scan3d"
# What runs inside Blender, with Blender's own libraries, and is imported by nothing of ours.
IN_BLENDER = sorted(
    [*(PACKAGE / "avatar" / "blender_addon").glob("*.py"), *(PACKAGE / "render" / "in_blender").glob("*.py")]
)
MODULES = sorted(set(PACKAGE.rglob("*.py")) - set(IN_BLENDER))

# Lowest first. A package may import those of lower layers, and itself.
LAYERS = [
    {"errors"},
    {"checks", "geometry", "openhuman", "pipeline", "resources"},
    {"capture", "calibration", "reconstruction", "appearance", "body", "simulate"},
    {"avatar", "render", "rights", "report"},
    {"workflows"},
    {"studio", "cli"},
    {"__main__"},
]
LAYER_OF = {package: level for level, packages in enumerate(LAYERS) for package in packages}
DOMAIN = LAYERS[2]

TOP_LEVEL = {
    *("scan3d", "rigs", "calibration", "examples", "tests", "docs"),
    *("pyproject.toml", "README.md", "Makefile", "LICENSE", ".ci", ".gitignore"),
}

LONGEST_FILE = 330

# Where a library is installed under another name than it is imported by.
DISTRIBUTION_OF = {
    "PIL": "pillow",
    "cv2": "opencv-contrib-python-headless",
    "open3d": "open3d-cpu",
    "distributed": "dask",
    "igl": "libigl",
    "colour": "colour-science",
    "warp": "warp-lang",
    "pxr": "usd-core",
    "drjit": "mitsuba",  # which needs one release of it exactly
    "c2pa": "c2pa-python",
    "PyOpenColorIO": "opencolorio",
    "fpdf": "fpdf2",
}


def package_of(module: Path) -> str:
    return module.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports_of(module: Path) -> Iterator[tuple[str, str]]:
    """(module imported, name imported from it or "") of all imports in a file, wherever they stand."""
    for node in ast.walk(ast.parse(module.read_text())):
        if isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}: imports are absolute"
            yield from ((node.module or "", alias.name) for alias in node.names)


def own_imports_of(module: Path) -> Iterator[tuple[str, str, str]]:
    """(package of scan3d, rest of the path, name) of the imports of scan3d itself."""
    for name, item in imports_of(module):
        parts = name.split(".")
        if parts[0] != "scan3d":
            continue
        if len(parts) == 1:
            parts.append(item)
        yield parts[1], ".".join(parts[2:]), item


@pytest.mark.parametrize("module", MODULES, ids=lambda m: str(m.relative_to(PACKAGE)))
def test_imports_run_one_way(module: Path) -> None:
    here = package_of(module)
    if here == "__init__":
        assert list(own_imports_of(module)) == []
        return
    assert here in LAYER_OF, f"{here} has no layer"
    for package, _, _ in own_imports_of(module):
        if package in ("__version__", here):
            continue
        assert LAYER_OF[package] < LAYER_OF[here], f"{here} may not import {package}"


@pytest.mark.parametrize("module", MODULES, ids=lambda m: str(m.relative_to(PACKAGE)))
def test_domain_packages_run_stages_in_their_stages_only(module: Path) -> None:
    if package_of(module) not in DOMAIN or module.name == "stages.py":
        return
    for package, _, item in own_imports_of(module):
        assert (package, item) not in {("pipeline", "Store"), ("pipeline", "Stage")}


@pytest.mark.parametrize("module", MODULES, ids=lambda m: str(m.relative_to(PACKAGE)))
def test_nothing_is_pickled_and_files_are_one_idea(module: Path) -> None:
    pickles = {name for name, _ in imports_of(module)} & {"pickle", "shelve", "joblib", "dill"}
    # Body models are published as pickles: one file reads them, and constructs nothing but arrays.
    assert not pickles or module == PACKAGE / "body" / "model_pickle.py"
    text = module.read_text()
    assert "allow_pickle=True" not in text
    assert len(text.splitlines()) <= LONGEST_FILE


def test_what_runs_inside_blender_stands_alone() -> None:
    plain = {"bpy", "mathutils", "numpy", *sys.stdlib_module_names}
    for module in IN_BLENDER:
        # A script that is run by itself finds those beside it by their bare names.
        allowed = plain | {other.stem for other in IN_BLENDER if other.parent == module.parent}
        tree = ast.walk(ast.parse(module.read_text()))
        # Relative imports reach the add-on's own files.
        names = [n.module if isinstance(n, ast.ImportFrom) else n.names[0].name for n in tree if is_absolute_import(n)]
        assert {str(name).split(".")[0] for name in names} <= allowed, module
        assert len(module.read_text().splitlines()) <= LONGEST_FILE
    for module in MODULES:
        assert not any("blender_addon" in name or "in_blender" in name for name, _ in imports_of(module)), module


def is_absolute_import(node: ast.AST) -> bool:
    return isinstance(node, ast.Import) or (isinstance(node, ast.ImportFrom) and node.level == 0)


def test_libraries_whose_licence_would_bind_users_are_not_imported() -> None:
    forbidden = {"pymeshlab", "pymeshfix", "bpy"}
    for module in MODULES:
        assert not {name.split(".")[0] for name, _ in imports_of(module)} & forbidden, module


def test_every_library_is_declared() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    declared = {
        re.split(r"[\[<>=; ]", requirement)[0]
        for group in (project["dependencies"], *project["optional-dependencies"].values())
        for requirement in group
    }
    used = {name.split(".")[0] for module in MODULES for name, _ in imports_of(module)}
    for name in used - set(sys.stdlib_module_names) - {"scan3d"}:
        distribution = DISTRIBUTION_OF.get(name, name.replace("_", "-"))
        assert distribution in declared, f"'{name}' is imported, but '{distribution}' is not in pyproject.toml"


def test_what_lies_at_the_top() -> None:
    git = subprocess.run(["git", "ls-files"], cwd=REPOSITORY, capture_output=True, text=True, check=False)
    if git.returncode != 0:
        pytest.skip("not a git checkout")
    assert {name.split("/")[0] for name in git.stdout.splitlines()} <= TOP_LEVEL


def test_no_dependency_brings_cuda() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    wanted = project["dependencies"] + project["optional-dependencies"]["dev"]
    for requirement in wanted:
        assert not requirement.startswith(("torch", "pycolmap-cuda", "cupy", "nvidia", "jax"))


def test_shipped_data_are_found_and_agree_with_themselves() -> None:
    for path in rigs_folder().glob("*.toml"):
        rig = tomllib.loads(path.read_text())
        assert rig["name"] == path.stem
        assert sum(ring["cameras"] for ring in rig["ring"]) == rig["cameras"]
    for path in targets_folder().glob("targets/*.toml"):
        assert read_target(str(path)).name == path.stem
    assert list(rigs_folder().glob("*.toml")) and list(targets_folder().glob("targets/*.toml"))


@pytest.mark.slow
def test_the_wheel_holds_the_package_and_its_data(tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--no-deps",
        "--quiet",
        "-w",
        str(tmp_path),
        str(REPOSITORY),
    ]
    subprocess.run(command, check=True)
    names = zipfile.ZipFile(next(tmp_path.glob("*.whl"))).namelist()
    top = {name.split("/")[0] for name in names}
    assert {name for name in top if not name.endswith(".dist-info")} == {"scan3d"}
    for folder in ("rigs", "calibration"):
        for path in (REPOSITORY / folder).glob("*.toml"):
            assert f"scan3d/data/{folder}/{path.name}" in names
