"""What a fit has left in a take: parameters, detail, maps; and the poses one may ask for."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from scan3d.avatar.avatar import Material
from scan3d.body.model import BodyModel, BodyParameters
from scan3d.body.motion import Motion, read_motion
from scan3d.body.parameters_file import StoredBody, check_model, load_arrays, model_hash, read_parameters
from scan3d.body.poses import grounded, named_pose, pose_names
from scan3d.errors import InputError

Floats = npt.NDArray[np.floating]

SCANNED = "scan"
_KINDS = ("albedo", "normal", "roughness", "specular", "displacement")
_FIT_FIRST = "Run: scan3d fit TAKE"


@dataclass(frozen=True, kw_only=True, eq=False)
class TakeBody:
    """The fitted person. level, offsets: detail of the scan, (V', 3) at rest, or None. materials: of the skin, by tile.

    uv_scale: the maps' tiles along a side of the model's unit square of texture coordinates.
    """

    folder: Path
    model: BodyModel
    stored: StoredBody
    level: int
    offsets: Floats | None
    materials: tuple[Material, ...]
    uv_scale: int = 1

    @property
    def parameters(self) -> BodyParameters:
        """How the person stood in the scan."""
        return self.stored.parameters

    def at_level(self, level: int) -> Floats | None:
        """(V'', 3) the detail on a coarser mesh: its vertices come first in the finer one."""
        if self.offsets is None or level == self.level:
            return self.offsets
        from scan3d.body.detail.fine_mesh import fine_mesh

        return self.offsets[: fine_mesh(self.model, level).matrix.shape[0]]


@dataclass(frozen=True, kw_only=True, eq=False)
class ChosenPose:
    """A pose that was asked for: its name for files, the whole body in it, and what is to be said of it."""

    name: str
    parameters: BodyParameters
    note: str = ""


def read_take_body(take: Path, model: BodyModel | None = None) -> TakeBody:
    """The body that `scan3d fit` has left in TAKE/results/body.

    model: the one it was fitted with; None to find it by the name in body.npz. Raises InputError where the take was not
    fitted, or with another model.
    """
    folder = Path(take) / "results" / "body"
    if not Path(take).is_dir():
        raise InputError("There is no such folder.", str(take), "Give the folder of one capture.")
    path = folder / "body.npz"
    if not path.is_file():
        raise InputError("The take has no fitted body.", str(path), _FIT_FIRST)
    stored = read_parameters(path)
    model = _model_of(stored) if model is None else model
    check_model(stored, model, path)
    level, offsets = _detail(folder / "detail.npz")
    about = _about_maps(folder / "maps" / "maps.json")
    return TakeBody(
        folder=folder,
        model=model,
        stored=stored,
        level=level,
        offsets=offsets,
        materials=_materials(folder / "maps", about),
        uv_scale=_uv_scale(about, folder / "maps" / "maps.json"),
    )


def _model_of(stored: StoredBody) -> BodyModel:
    """The one that the file names, or the user's default where there is none of that name any more."""
    from scan3d.body.library import default_model, model_called

    try:
        return model_called(stored.model_name) if stored.model_name else default_model()
    except InputError:
        return default_model()


def _detail(path: Path) -> tuple[int, Floats | None]:
    if not path.is_file():
        return 0, None
    values = load_arrays(path)
    if "level" not in values or "offsets" not in values:
        raise InputError("The file has no level and offsets.", str(path), _FIT_FIRST)
    return int(values["level"]), np.asarray(values["offsets"], np.float64)


def _materials(folder: Path, about: Mapping[str, Any]) -> tuple[Material, ...]:
    """One of skin for each tile that has pictures: albedo.png, or albedo.1001.png and so on."""
    tiles: dict[tuple[int, int], dict[str, Path]] = {}
    for path in sorted(folder.glob("*.*")) if folder.is_dir() else []:
        named = re.fullmatch(r"(\w+?)(?:[._](\d{4}))?\.(?:png|jpg|jpeg)", path.name)
        if named is None or named[1] not in _KINDS:
            continue
        number = int(named[2] or 1001) - 1001
        tiles.setdefault((number % 10, number // 10), {})[named[1]] = path
    low, high = _displacement_range(about)
    return tuple(
        Material(name="skin", maps=maps, tile=tile, displacement_m=(low, high)) for tile, maps in sorted(tiles.items())
    )


def _about_maps(path: Path) -> Mapping[str, Any]:
    """maps.json, empty where there is none."""
    if not path.is_file():
        return {}
    try:
        about = json.loads(path.read_text())
    except ValueError:
        about = None
    if not isinstance(about, dict):
        raise InputError("The file that describes the maps is damaged.", str(path), _FIT_FIRST)
    return about


def _uv_scale(about: Mapping[str, Any], path: Path) -> int:
    scale = about.get("uv_scale", 1)
    if not isinstance(scale, int) or not 1 <= scale <= 10:
        raise InputError(f"Texture coordinates cannot be scaled by {scale}.", str(path), _FIT_FIRST)
    return scale


def _displacement_range(about: Mapping[str, Any]) -> tuple[float, float]:
    """Heights of black and white, metres."""
    entry = about.get("displacement", about.get("maps", {}).get("displacement", {}))
    for key, unit in (("range_m", 1.0), ("range_mm", 1e-3)):
        if isinstance(entry, dict) and key in entry:
            return unit * float(entry[key][0]), unit * float(entry[key][1])
    return 0.0, 0.0


def chosen_pose(text: str, body: TakeBody) -> ChosenPose:
    """A pose of the library by its name, "scan" for how the person stood, or FILE[:FRAME] of parameters or a motion.

    Poses of the library stand on the floor over the origin. Raises InputError for what is neither.
    """
    own = body.parameters
    shape = np.asarray(own.shape, np.float64)
    if text == SCANNED:
        return ChosenPose(name=SCANNED, parameters=own)
    if text in pose_names():
        pose = named_pose(body.model, text, shape)
        return ChosenPose(name=text, parameters=grounded(body.model, replace(own, pose=pose)))
    path, frame = _file_and_frame(text)
    if not path.is_file():
        raise InputError(
            f"There is no pose and no file '{text}'.", "--pose", f"Choose one of {', '.join(pose_names())}, or a file."
        )
    if path.suffix.lower() == ".npz" and frame is None and "poses" not in load_arrays(path):
        found = read_parameters(path)
        if len(found.parameters.pose) != body.model.joints:
            raise InputError("The pose is of a body with other joints.", str(path), "Give a pose of SMPL-X.")
        there = found.parameters
        known, note = _known_face(there.expression[None], found.model_hash, body)
        expression = own.expression if known is None else known[0]
        parameters = replace(own, pose=there.pose, translation=there.translation, expression=expression)
        return ChosenPose(name=path.stem, parameters=parameters, note=note)
    motion = read_motion(path, body.model, shape)
    number = 0 if frame is None else frame
    if not -len(motion) <= number < len(motion):
        raise InputError(
            f"The motion has {len(motion)} frames; {number} is none of them.", str(path), f"Give {path}:0."
        )
    one = motion.frame(number, shape)
    known, note = _known_face(motion.expression, motion.model_hash, body)
    expression = own.expression if known is None else known[number]
    parameters = replace(own, pose=one.pose, translation=one.translation, expression=expression)
    return ChosenPose(name=f"{path.stem}_{number}", parameters=parameters, note=note)


def _file_and_frame(text: str) -> tuple[Path, int | None]:
    head, colon, tail = text.rpartition(":")
    if colon and re.fullmatch(r"-?\d+", tail):
        return Path(head), int(tail)
    return Path(text), None


def chosen_motion(path: Path, body: TakeBody) -> tuple[Motion, str]:
    """A motion file for this body, and what is to be said of its face. Raises InputError."""
    if not path.is_file():
        raise InputError("There is no such file.", str(path), "Give an AMASS or SMPL-X motion (.npz), or a .bvh.")
    motion = read_motion(path, body.model, np.asarray(body.parameters.shape, np.float64))
    known, note = _known_face(motion.expression, motion.model_hash, body)
    return replace(motion, expression=None if known is None else np.asarray(known, np.float64)), note


def _known_face(expression: Floats | None, made_with: str, body: TakeBody) -> tuple[Floats | None, str]:
    """Expression numbers (N, E), None where they are another model's, and a note where that is not clear.

    Numbers mean what the model's expression basis makes of them. made_with: the model's hash, empty if not known.
    """
    if expression is None or not expression.size or not np.abs(expression).max():
        return None, ""
    name, own = body.model.name, model_hash(body.model)
    if expression.shape[1] > body.model.expression_basis.shape[2] or made_with not in ("", own):
        return None, f"The face stays as scanned: the file's expression numbers are not of the model '{name}'."
    if made_with:
        return expression, ""
    return expression, f"The file's expression numbers are taken as those of the model '{name}'; it names none."
