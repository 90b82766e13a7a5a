"""`scan3d pose`: the fitted person in another pose, the scan's detail on them, as a mesh."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from scan3d import __version__
from scan3d.avatar.avatar import Material
from scan3d.body.detail.fine_mesh import FineMesh, fine_mesh
from scan3d.body.model import BodyModel
from scan3d.body.poses import pose_names
from scan3d.body.skinning import shaped, skin
from scan3d.errors import InputError
from scan3d.geometry import Mesh
from scan3d.geometry.tile_cuts import cut_at_tiles, tile_of, triangles
from scan3d.pipeline.progress import Progress
from scan3d.report.mesh_files import write_glb, write_obj, write_ply
from scan3d.report.texture import Texture
from scan3d.rights.vocabulary import Deliverable
from scan3d.workflows.leaving import LeavingOptions, leaving, named
from scan3d.workflows.take_body import TakeBody, chosen_pose, read_take_body

SUFFIXES = (".ply", ".obj", ".glb")


@dataclass(frozen=True, kw_only=True)
class PosedTake:
    """files: what was written, the mesh first. pose: its name. vertices: how many. height_m: of the posed body.

    notes: what the user should know. about: the use that it is, JSON values; empty without a registry of rights.
    """

    files: tuple[Path, ...]
    pose: str
    vertices: int
    height_m: float
    notes: tuple[str, ...] = ()
    about: Mapping[str, Any] = field(default_factory=dict)


def pose_take(
    take: Path,
    pose: str,
    out: Path | None = None,
    *,
    progress: Progress,
    model: BodyModel | None = None,
    options: LeavingOptions | None = None,
) -> PosedTake:
    """Writes the person of a fitted take in a pose: .ply, .obj or .glb, by default TAKE/results/poses/<pose>.glb.

    pose: a name of the library, "scan" for how they stood, or FILE[:FRAME] of a body.npz or a motion. model: the one
    the take was fitted with; None to find it by name. Metres, Z up, facing -Y. Raises InputError where the take was not
    fitted, there is no such pose, or the suffix is of no format known here.
    """
    if out is not None and out.suffix.lower() not in SUFFIXES:
        raise InputError(f"A mesh cannot be written as '{out.suffix}'.", str(out), f"End it in {', '.join(SUFFIXES)}.")
    with progress.task("pose", 3) as task:
        body = read_take_body(take, model)
        task.advance()
        chosen = chosen_pose(pose, body)
        mesh, finer = posed_mesh(body, pose)
        task.advance()
        path = out or body.folder.parent / "poses" / f"{chosen.name}.glb"
        with leaving(
            take,
            path.parent,
            options or LeavingOptions(),
            deliverable=Deliverable.MESH,
            scene={"pose": named(pose), "suffix": path.suffix.lower()},
            say=task.note,
        ) as departure:
            mesh, texture = _textured(body, mesh, finer)
            written = _write(mesh, texture, departure.folder / path.name)
        task.advance()
    return PosedTake(
        files=departure.outputs or written,
        pose=chosen.name,
        vertices=len(mesh.vertices),
        height_m=float(np.ptp(mesh.vertices[:, 2])),
        notes=tuple(departure.notes),
        about=departure.about,
    )


def posed_mesh(body: TakeBody, pose: str) -> tuple[Mesh, FineMesh]:
    """The body's finer mesh in a pose, metres, world; poses of the library stand on the floor."""
    finer = fine_mesh(body.model, body.level)
    parameters = chosen_pose(pose, body).parameters
    rest = shaped(body.model, parameters.shape, parameters.expression)
    vertices = np.asarray(finer.matrix @ rest.vertices)
    if body.offsets is not None:
        if body.offsets.shape != vertices.shape:
            raise InputError(
                f"The detail has {len(body.offsets)} vertices, the body's mesh {len(vertices)}.",
                str(body.folder / "detail.npz"),
                "Run the fit again.",
            )
        vertices = vertices + body.offsets
    posed = skin(body.model, vertices, rest.joints, parameters.pose, parameters.translation, carrier=finer.matrix)
    placed = posed.vertices
    if pose in pose_names():
        # With the detail on, the soles are elsewhere.
        placed = placed - [0, 0, placed[:, 2].min()]
    return Mesh(vertices=placed, faces=finer.faces), finer


def _textured(body: TakeBody, mesh: Mesh, finer: FineMesh) -> tuple[Mesh, Texture | None]:
    """The mesh, its faces cut where they reach into another tile, and its colour, where the take has it baked."""
    skins: list[Material] = [one for one in body.materials if "albedo" in one.maps]
    if not skins or finer.uv is None or finer.face_uv is None:
        return mesh, None
    uv, corners = np.asarray(finer.uv) * body.uv_scale, np.asarray(finer.face_uv)
    if len(skins) > 1:
        fours = np.pad(mesh.faces, ((0, 0), (0, 1)), constant_values=-1)
        cuts = cut_at_tiles(fours, np.pad(corners, ((0, 0), (0, 1)), constant_values=-1), uv, len(mesh.vertices))
        uv, (faces, corners) = cuts.uv, triangles(cuts.faces, cuts.face_uv)
        mesh = Mesh(vertices=cuts.carried(mesh.vertices), faces=faces)
    tile = tile_of(uv, corners)
    owner = np.zeros(len(corners), np.int32)
    for number, one in enumerate(skins):
        owner[(tile == one.tile).all(axis=1)] = number
    inside = np.clip(uv[corners] - tile[:, None], 0.0, 1.0)
    return mesh, Texture(uv=inside, tiles=[one.maps["albedo"] for one in skins], tile_of_face=owner)


def _write(mesh: Mesh, texture: Texture | None, path: Path) -> tuple[Path, ...]:
    path.parent.mkdir(parents=True, exist_ok=True)
    suffix = path.suffix.lower()
    if suffix == ".obj":
        return write_obj(mesh, path, texture=texture)
    if suffix == ".ply":
        write_ply(mesh, path)
    else:
        write_glb(mesh, path, texture=texture, generator=f"scan3d {__version__}")
    return (path,)
