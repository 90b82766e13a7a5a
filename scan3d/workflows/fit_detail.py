"""What follows a fit: the scan's surface on the body, and its maps, from the stages' folders to results/body."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from scan3d.body.bake import BakeOptions, ScanTexture
from scan3d.body.model import BodyModel, BodyParameters
from scan3d.body.parameters_file import model_hash
from scan3d.body.stages import DETAIL_FILE, MARKS_FILE, DetailOptions, ScanSkin, make_detail, make_maps
from scan3d.geometry import Mesh
from scan3d.pipeline.aside import write_bytes
from scan3d.pipeline.progress import Progress
from scan3d.pipeline.store import Store
from scan3d.workflows.marks_check import note_marks
from scan3d.workflows.solved_skin import SolvedSkin, solved_skin

_TEXTURED = (".obj", ".glb")
PLAIN = "plain texture"


@dataclass(frozen=True, kw_only=True)
class SurfaceOptions:
    """How finely the body's mesh is split, and how large its maps are."""

    detail: DetailOptions = field(default_factory=DetailOptions)
    maps: BakeOptions = field(default_factory=lambda: BakeOptions(up_to=8192))


def write_surface(
    store: Store, out: Path, mesh_path: Path, scan: Mesh, model: BodyModel, parameters: BodyParameters,
    inputs: Mapping[str, Path | bytes | str], options: SurfaceOptions, *, progress: Progress,
) -> None:  # fmt: skip
    """Writes out/detail.npz and out/maps.

    mesh_path: the scan's file; a texture is looked for beside it. inputs: what model and parameters come from. A model
    without texture coordinates gets its detail, and no maps.
    """
    detail = make_detail(
        store, {**inputs, "mesh": mesh_path}, scan, model, parameters, options.detail, progress=progress
    )
    write_bytes(out / DETAIL_FILE, (detail / DETAIL_FILE).read_bytes())
    write_body_maps(store, out, mesh_path, scan, model, parameters, options.maps, progress=progress)


def write_body_maps(
    store: Store, out: Path, mesh_path: Path, scan: Mesh, model: BodyModel, parameters: BodyParameters,
    options: BakeOptions, *, progress: Progress,
) -> None:  # fmt: skip
    """Writes out/maps (albedo, normal, displacement, coverage, maps.json, imperfections.json; specular and roughness
    where they were measured): of the solved skin where the scan has one, else of its plain texture.

    out: holds body.npz, which parameters are of, and detail.npz.
    """
    if model.uv is None or model.quad_uv is None:
        return
    solved = solved_skin(mesh_path)
    files = texture_files(mesh_path) if solved is None else solved.files()
    inputs: dict[str, Path | bytes | str] = {f"texture {path.name}": path for path in files}
    inputs |= {"mesh": mesh_path, "body": out / "body.npz", "model": model_hash(model), "model's uv": _uv_bytes(model)}
    maps = make_maps(
        store,
        inputs,
        out / DETAIL_FILE,
        scan,
        lambda: skin_of(mesh_path, len(scan.faces), solved),
        model,
        parameters,
        options,
        progress=progress,
    )
    names = [path.name for path in sorted(maps.iterdir()) if path.suffix == ".png"]
    for old in (out / "maps").glob("*.png") if (out / "maps").is_dir() else ():
        if old.name not in names:
            old.unlink()
    # The table comes last: what it says of the pictures is true once it is there.
    (out / "maps" / "maps.json").unlink(missing_ok=True)
    for name in (*names, MARKS_FILE, "maps.json"):
        write_bytes(out / "maps" / name, (maps / name).read_bytes())
    note_marks(out / "maps")


def _uv_bytes(model: BodyModel) -> bytes:
    return np.ascontiguousarray(model.uv).tobytes() + np.ascontiguousarray(model.quad_uv).tobytes()


def texture_files(mesh_path: Path) -> list[Path]:
    """The files that the scan's texture is read from, the textured mesh first; empty where there is none."""
    textured = mesh_path if mesh_path.suffix.lower() in _TEXTURED else mesh_path.parent / "model.obj"
    if not textured.is_file():
        return []
    pictures = [p for p in textured.parent.glob(f"{textured.stem}*") if p.suffix.lower() in (".png", ".jpg", ".mtl")]
    return [textured, *sorted(p for p in pictures if p != textured)]


def skin_of(mesh_path: Path, faces: int, solved: SolvedSkin | None) -> ScanSkin:
    """What the scan of so many faces shows: its solved skin, or its plain texture."""
    if solved is not None:
        return solved.read()
    texture = scan_texture(mesh_path, faces)
    return ScanSkin(texture=texture, origin={"kind": PLAIN if texture is not None else "nothing"})


def scan_texture(mesh_path: Path, faces: int) -> ScanTexture | None:
    """The atlas of a scan of so many faces, read from beside it; None where there is none, or that of another mesh."""
    from scan3d.errors import InputError
    from scan3d.report.score import load_model

    files = texture_files(mesh_path)
    if not files:
        return None
    try:
        mesh, texture = load_model(files[0])
    except InputError:
        return None
    if len(mesh.faces) != faces:
        return None
    owner = texture.owner()
    masks = [p for p in files[1:] if ".filled." in p.name]
    whole = len(masks) == len(texture.tiles)
    return ScanTexture(
        uv=np.asarray(texture.uv),
        tile_of_face=owner,
        tiles=[_Tile(texture.picture, number) for number in range(len(texture.tiles))],
        filled=[_Mask(path) for path in masks] if whole else [],
    )


@dataclass(frozen=True)
class _Tile:
    picture: Callable[[int], np.ndarray]
    number: int

    def __call__(self) -> np.ndarray:
        return np.asarray(self.picture(self.number))


@dataclass(frozen=True)
class _Mask:
    path: Path

    def __call__(self) -> np.ndarray:
        from scan3d.report.texture import read_picture

        return read_picture(self.path)
