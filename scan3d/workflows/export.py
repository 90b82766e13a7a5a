"""`scan3d export`: the fitted person as a file that other programs open, in TAKE/results/avatar."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from scan3d.avatar.avatar import Avatar
from scan3d.avatar.bones import NAMINGS, bone_names
from scan3d.avatar.expressions import FaceShapes, shapes_for
from scan3d.avatar.lods import reduced
from scan3d.avatar.make import avatar_of
from scan3d.avatar.rig import Rig, rig_of
from scan3d.avatar.tiles import cut_to_tiles
from scan3d.body.model import BodyModel
from scan3d.body.motion import Motion
from scan3d.body.parameters_file import model_hash
from scan3d.body.poses import named_pose, pose_names
from scan3d.errors import InputError, MissingDependencyError
from scan3d.pipeline.aside import remove_tree, write_bytes, written_aside
from scan3d.pipeline.progress import Progress
from scan3d.rights.vocabulary import Deliverable
from scan3d.workflows.leaving import LeavingOptions, leaving, named
from scan3d.workflows.take_body import ChosenPose, TakeBody, chosen_motion, chosen_pose, read_take_body

Floats = npt.NDArray[np.floating]

FORMATS = ("glb", "usd", "fbx", "blend", "obj", "twin")
RESTS = ("model", "a", "t")
_BUILT_BY_BLENDER = ("fbx", "blend")
# One picture a material: maps in several tiles are several materials there.
_NO_UDIM = ("glb", "obj", "fbx")
# Each level of detail has about this share of the triangles of the one before, once the scan's own are used up.
_LOD_SHARE = 0.5
_MOST_LODS = 8


@dataclass(frozen=True, kw_only=True)
class ExportOptions:
    """What to write; the command's options by the same names. rest: "model", "a" or "t"; VRM is always in a T.

    lod: 0 the finest. texture_size: the longest side of a map, None for as they are. weights: joints a vertex, 4 or 8.
    """

    format: str = "glb"
    pose: str | None = None
    motion: Path | None = None
    rest: str = "model"
    lod: int = 0
    texture_size: int | None = None
    bones: str = "smplx"
    weights: int = 8
    correctives: bool = True
    leaving: LeavingOptions = field(default_factory=LeavingOptions)


@dataclass(frozen=True, kw_only=True)
class Exported:
    """The file or folder written, and what is in it, as JSON values."""

    path: Path
    summary: dict[str, Any]


@dataclass(frozen=True, kw_only=True, eq=False)
class _Ready:
    """Everything a writer needs. turns, translation, strengths: the pose to open in, None for rest."""

    body: TakeBody
    avatar: Avatar
    rig: Rig
    turns: Floats | None
    translation: Floats | None
    strengths: Mapping[str, float]
    pose_name: str | None
    options: ExportOptions
    notes: tuple[str, ...]


def export_take(take: Path, options: ExportOptions, *, progress: Progress, model: BodyModel | None = None) -> Exported:
    """Write TAKE/results/avatar/avatar[...].<format>, whole or not at all.

    Raises InputError where the take was not fitted or an option cannot be; MissingDependencyError where a format needs
    a program that is not there (for Blender a script is left that does the same inside it).
    """
    _check(options)
    with progress.task("avatar", 3) as task:
        body = read_take_body(take, model)
        task.advance()
        ready = _ready(body, options)
        task.advance()
        path = body.folder.parent / "avatar" / _file_name(ready)
        with leaving(
            take, path.parent, options.leaving, deliverable=Deliverable.MESH, scene=_scene(options), say=task.note
        ) as departure:
            departure.folder.mkdir(parents=True, exist_ok=True)
            _write(ready, departure.folder / path.name, leave_script=not departure.enforced)
        task.advance()
    return Exported(path=path, summary=departure.told(_summary(ready)))


def _scene(options: ExportOptions) -> dict[str, Any]:
    """What a person approves: how fine the mesh and its maps are is not part of it."""
    return {
        "export": options.format,
        "pose": named(options.pose),
        "motion": named(options.motion),
        "rest": options.rest,
        "bones": options.bones,
    }


def _check(options: ExportOptions) -> None:
    wanted = (
        ("--format", options.format, FORMATS),
        ("--rest", options.rest, RESTS),
        ("--bones", options.bones, NAMINGS),
        ("--weights", options.weights, (4, 8)),
    )
    for name, value, allowed in wanted:
        if value not in allowed:
            raise InputError(f"'{value}' is not known.", name, f"Choose one of {', '.join(map(str, allowed))}.")
    if not 0 <= options.lod <= _MOST_LODS:
        raise InputError(
            f"There is no level of detail {options.lod}.", "--lod", f"Give 0, the finest, to {_MOST_LODS}."
        )
    if options.texture_size is not None and not 16 <= options.texture_size <= 16384:
        raise InputError(f"A map of {options.texture_size} pixels cannot be.", "--texture-size", "Give 16 to 16384.")


def _ready(body: TakeBody, options: ExportOptions) -> _Ready:
    shape = np.asarray(body.parameters.shape, np.float64)
    rest_name = "t" if options.bones == "vrm" else options.rest
    level = max(0, body.level - options.lod)
    chosen = None if options.pose is None else chosen_pose(options.pose, body)
    motion, said = (None, "") if options.motion is None else chosen_motion(options.motion, body)
    face = _face(body, chosen, motion)
    avatar = avatar_of(
        body.model,
        body.parameters,
        name="avatar",
        level=level,
        offsets=body.at_level(level),
        materials=body.materials,
        uv_scale=body.uv_scale,
        rest=None if rest_name == "model" else named_pose(body.model, rest_name, shape),
        motion=motion,
        face=face,
        strengths=None if motion is None or motion.expression is None else face.strengths[-len(motion) :],
    )
    coarser = options.lod - (body.level - level)
    if coarser > 0:
        avatar = reduced(avatar, _LOD_SHARE**coarser)
    turns = translation = None
    strengths: dict[str, float] = {}
    if chosen is not None:
        pose = chosen.parameters
        turns, translation = avatar.turns_of(pose.pose), pose.translation + avatar.root_shift_m
        strengths = dict(zip(face.names, face.strengths[0].tolist(), strict=True))
        if options.pose in pose_names():
            translation = avatar.on_the_floor(turns, translation)
    if options.format in _NO_UDIM:
        avatar = cut_to_tiles(avatar)
    return _Ready(
        body=body,
        avatar=avatar,
        rig=rig_of(avatar, bone_names(options.bones)),
        turns=turns,
        translation=translation,
        strengths=strengths,
        pose_name=None if chosen is None else chosen.name,
        options=options,
        notes=tuple(dict.fromkeys(note for note in (said, chosen.note if chosen else "") if note)),
    )


def _face(body: TakeBody, chosen: ChosenPose | None, motion: Motion | None) -> FaceShapes:
    """Shapes and their strengths: of the pose first, then of the motion's frames where they have a face."""
    own = np.asarray(body.parameters.expression, np.float64)
    moving = None if motion is None else motion.expression
    rows = [] if chosen is None else [np.asarray(chosen.parameters.expression, np.float64)[None]]
    rows += [] if moving is None else [moving]
    room = max((row.shape[1] for row in rows), default=0)
    wanted = [np.pad(row, ((0, 0), (0, room - row.shape[1]))) for row in rows]
    return shapes_for(body.model, own, np.concatenate(wanted) if wanted else np.zeros((0, 0)))


def _file_name(ready: _Ready) -> str:
    """avatar.glb, or avatar_walk_lod1_unreal.glb: what differs from the plain one."""
    options = ready.options
    if options.format == "twin":
        return "twin"
    parts = ["avatar", ready.pose_name, options.motion.stem if options.motion else None]
    parts += [f"rest_{options.rest}" if options.rest != "model" else None]
    parts += [f"lod{options.lod}" if options.lod else None, options.bones if options.bones != "smplx" else None]
    return "_".join(part for part in parts if part) + f".{options.format}"


def _write(ready: _Ready, path: Path, *, leave_script: bool) -> None:
    options, face = ready.options, ready.strengths
    turns, place = ready.turns, ready.translation
    if options.format == "glb":
        from scan3d.avatar.gltf import GltfOptions, write_gltf

        how = GltfOptions(weights=options.weights, texture_size=options.texture_size, correctives=options.correctives)
        write_gltf(ready.avatar, ready.rig, path, how, turns=turns, translation=place, strengths=face)
    elif options.format == "usd":
        from scan3d.avatar.usd import UsdOptions, write_usd

        usd = UsdOptions(weights=options.weights, texture_size=options.texture_size, correctives=options.correctives)
        write_usd(ready.avatar, ready.rig, path, usd, turns=turns, translation=place, strengths=face)
    elif options.format == "obj":
        from scan3d.avatar.obj import write_obj

        vertices = ready.avatar.posed(ready.avatar.rest_turns if turns is None else turns, place, face)
        write_obj(ready.avatar, path, vertices, texture_size=options.texture_size)
    elif options.format == "twin":
        _write_twin(ready, path)
    else:
        _write_by_blender(ready, path, leave_script=leave_script)


def _write_twin(ready: _Ready, folder: Path) -> None:
    with written_aside(folder) as aside:
        aside.mkdir()
        _fill_twin(ready, aside)
        remove_tree(folder)


def _fill_twin(ready: _Ready, folder: Path) -> None:
    from scan3d.avatar.twin import TwinOptions, write_twin

    model, shape = ready.body.model, np.asarray(ready.body.parameters.shape, np.float64)
    how = TwinOptions(
        weights=ready.options.weights,
        texture_size=ready.options.texture_size,
        correctives=ready.options.correctives,
        udim=ready.options.format not in _NO_UDIM,
        presets={name: ready.avatar.upright(named_pose(model, name, shape)) for name in pose_names()},
        model_type=ready.body.stored.model_type,
        model_hash=model_hash(model),
    )
    pose = {"turns": ready.turns, "translation": ready.translation}
    write_twin(ready.avatar, ready.rig, folder, how, **pose, strengths=ready.strengths)


def _write_by_blender(ready: _Ready, path: Path, *, leave_script: bool) -> None:
    from scan3d.avatar.blender import find_blender, script_for, write_with_blender

    try:
        blender = find_blender()
    except MissingDependencyError as error:
        if not leave_script:  # What is built elsewhere would leave without its marks.
            raise
        twin = path.with_name(f"{path.stem}_twin")
        _write_twin(ready, twin)
        script = path.with_name(f"make_{path.stem}_{path.suffix[1:]}.py")
        write_bytes(script, script_for(twin, path).encode())
        raise MissingDependencyError(
            error.what,
            str(path),
            f"{error.next_step} Or run this in a Blender elsewhere, which makes the same file: "
            f"blender --background --python {script}",
        ) from None
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".tmp-twin-") as folder:
        _fill_twin(ready, Path(folder))
        write_with_blender(blender, Path(folder), path)


def _summary(ready: _Ready) -> dict[str, Any]:
    avatar, notes = ready.avatar, list(ready.notes)
    if ready.options.correctives and ready.options.format in (*_BUILT_BY_BLENDER, "twin"):
        from scan3d.avatar.twin import bears_correctives

        if not bears_correctives(avatar):
            notes.append("Correctives of the pose are left out: the mesh is too fine for them; --lod 1 or 2 has them.")
    return {
        "format": ready.options.format,
        "vertices": len(avatar.vertices),
        "triangles": len(avatar.triangles()[0]),
        "bones": len(ready.rig.names),
        "bone_names": ready.rig.naming.name,
        "shapes": list(avatar.shapes),
        "materials": [material.name for material in avatar.materials],
        "maps": sorted({kind for material in avatar.materials for kind in material.maps}),
        "height_m": round(float(np.ptp(avatar.vertices[:, 2])), 4),
        "frames": 0 if avatar.animation is None else len(avatar.animation.rotations),
        "licence": next(iter(avatar.licence.strip().splitlines()), ""),
        "notes": notes,
    }
