"""body.npz: somebody's body as numbers, under the names that SMPL-X's and AMASS's files use."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from scan3d.body.model import BodyModel, BodyParameters, Floats
from scan3d.errors import InputError
from scan3d.pipeline.aside import written_aside

GENDERS = ("neutral", "female", "male")
_TYPES = {55: "smplx", 52: "smplh", 24: "smpl"}
_HANDS = {55: 25, 52: 22}
_KNOWN = "Give the body.npz that `scan3d fit` writes, or parameters of SMPL-X, SMPL-H or SMPL as .npz."


@dataclass(frozen=True, kw_only=True, eq=False)
class StoredBody:
    """What a file of parameters says. model_type: "smplx", "smplh", "smpl". model_name, model_hash: "" where unsaid."""

    parameters: BodyParameters
    model_type: str
    gender: str = "neutral"
    model_name: str = ""
    model_hash: str = ""


def pose_keys(joints: int) -> dict[str, slice]:
    """Key of the file -> its rows of a full pose, for a model of this many joints. Raises ValueError."""
    if joints not in _TYPES:
        raise ValueError(f"no body model has {joints} joints")
    if joints == 24:
        return {"global_orient": slice(0, 1), "body_pose": slice(1, 24)}
    keys = {"global_orient": slice(0, 1), "body_pose": slice(1, 22)}
    if joints == 55:
        keys |= {"jaw_pose": slice(22, 23), "leye_pose": slice(23, 24), "reye_pose": slice(24, 25)}
    hands = _HANDS[joints]
    return keys | {"left_hand_pose": slice(hands, hands + 15), "right_hand_pose": slice(hands + 15, hands + 30)}


_HASHES: WeakKeyDictionary[BodyModel, str] = WeakKeyDictionary()


def model_hash(model: BodyModel) -> str:
    """16 hexadecimal digits of everything that decides where a body's vertices are."""
    if model not in _HASHES:
        digest = hashlib.blake2b(digest_size=8)
        poses = () if model.pose_basis is None else (model.pose_basis,)
        bases = (model.shape_basis, model.expression_basis, *poses)
        for values in (model.template, *bases, model.joint_regressor, model.parents, model.weights):
            digest.update(repr(values.shape).encode())
            digest.update(np.ascontiguousarray(values, np.float32).data)
        _HASHES[model] = digest.hexdigest()
    return _HASHES[model]


def write_parameters(path: Path, parameters: BodyParameters, model: BodyModel, *, gender: str = "neutral") -> None:
    """Writes body.npz. Poses are full axis-angles: hands with their mean ("flat_hand_mean" of smplx). Metres, world.

    Raises ValueError for parameters that do not fit the model, StorageError where the disk refuses.
    """
    pose = np.asarray(parameters.pose, np.float64)
    if pose.shape != (model.joints, 3):
        raise ValueError(f"a pose of shape {pose.shape} for a model of {model.joints} joints")
    values: dict[str, Any] = {
        "betas": np.asarray(parameters.shape, np.float64),
        "expression": np.asarray(parameters.expression, np.float64),
        "transl": np.asarray(parameters.translation, np.float64),
        **{name: pose[rows].ravel() for name, rows in pose_keys(model.joints).items()},
        "gender": np.array(gender),
        "surface_model_type": np.array(_TYPES[model.joints]),
        "flat_hand_mean": np.array(True),
        "model_name": np.array(model.name),
        "model_hash": np.array(model_hash(model)),
    }
    with written_aside(path) as aside, aside.open("wb") as out:
        np.savez(out, **values)


def read_parameters(path: Path, model: BodyModel | None = None) -> StoredBody:
    """Reads body.npz, or parameters of SMPL-X, SMPL-H or SMPL that another program wrote under the same names.

    model: checked against the model that the file names, and needed for hands given by a few components. Raises
    InputError for a file that is missing, damaged, incomplete, of numbers that are none, or of another model.
    """
    values = load_arrays(path)
    joints = _joints_of(values, path)
    keys = pose_keys(joints)
    pose = np.zeros((joints, 3))
    for name, rows in keys.items():
        if name in values:
            pose[rows] = _pose_part(values, name, rows, model, path)
    body = StoredBody(
        parameters=BodyParameters(
            shape=_numbers(values, "betas", path),
            expression=_numbers(values, "expression", path) if "expression" in values else np.zeros(0),
            pose=pose,
            translation=_sized(values, "transl", 3, path) if "transl" in values else np.zeros(3),
        ),
        model_type=_TYPES[joints],
        gender=_word(values, "gender", "neutral"),
        model_name=_word(values, "model_name"),
        model_hash=_word(values, "model_hash"),
    )
    if model is not None:
        check_model(body, model, path)
    return body


def check_model(body: StoredBody, model: BodyModel, path: Path) -> None:
    """Raises InputError where a body was stored with another model than this one."""
    if body.model_hash and body.model_hash != model_hash(model):
        raise InputError(
            f"The body is of the model '{body.model_name}' ({body.model_hash}), not of '{model.name}' "
            f"({model_hash(model)}).",
            str(path),
            _again(body, model, path),
        )
    rooms = (
        ("joints", len(body.parameters.pose), model.joints, False),
        ("shape numbers", len(body.parameters.shape), model.shape_basis.shape[2], True),
        ("expression numbers", len(body.parameters.expression), model.expression_basis.shape[2], True),
    )
    for what, has, room, fewer in rooms:
        if has > room or (has < room and not fewer):
            raise InputError(
                f"The body has {has} {what}, the model '{model.name}' {room}.", str(path), "Choose the model it is of."
            )


def _again(body: StoredBody, model: BodyModel, path: Path) -> str:
    """What to do about a body of another model, with the command where the file lies in a take."""
    inside = path.parent.name == "body" and path.parent.parent.name == "results"
    command = f"scan3d fit {path.parents[2]}" if inside and len(path.parents) > 2 else "scan3d fit TAKE"
    if body.model_name == model.name:
        return f"The model '{model.name}' has changed since the fit. Run: {command}"
    return f"Give the model that it was fitted with, or fit again. Run: {command} --model {model.name}"


def load_arrays(path: Path) -> dict[str, np.ndarray]:
    """The arrays of an .npz without any pickled ones. Raises InputError."""
    if not path.is_file():
        raise InputError("There is no such file.", str(path), _KNOWN)
    values: dict[str, np.ndarray] = {}
    try:
        with np.load(path, allow_pickle=False) as file:
            for name in file.files:
                # Some files keep notes as pickled objects beside the numbers: they are left where they are.
                try:
                    values[name] = file[name]
                except ValueError as error:
                    if "allow_pickle" not in str(error):
                        raise
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, AttributeError) as error:
        raise InputError("The file is damaged or no .npz.", str(path), _KNOWN) from error
    return values


def _joints_of(values: Mapping[str, np.ndarray], path: Path) -> int:
    for name in ("betas", "global_orient", "body_pose"):
        if name not in values:
            raise InputError(f"The file has no '{name}'.", str(path), _KNOWN)
    named = _word(values, "surface_model_type")
    for joints, kind in _TYPES.items():
        if named == kind:
            return joints
    if np.size(values["body_pose"]) == 69:
        return 24
    return 55 if "jaw_pose" in values or "left_hand_pose" not in values else 52


def _pose_part(
    values: Mapping[str, np.ndarray], name: str, rows: slice, model: BodyModel | None, path: Path
) -> np.ndarray:
    part = _numbers(values, name, path)
    full = 3 * (rows.stop - rows.start)
    if "hand" not in name or (len(part) == full and _word(values, "flat_hand_mean", "True") == "True"):
        return _sized(values, name, full, path).reshape(-1, 3)
    if model is None or not model.hand_bases.size or len(part) > full:
        raise InputError(
            f"'{name}' holds {len(part)} numbers, not {full}.", str(path), "Save hands as full angles (use_pca=False)."
        )
    side = 0 if name.startswith("left") else 1
    angles = part if len(part) == full else part @ model.hand_bases[side][: len(part)]
    return np.asarray((angles + model.hand_means[side]).reshape(-1, 3))


def _sized(values: Mapping[str, np.ndarray], name: str, size: int, path: Path) -> Floats:
    numbers = _numbers(values, name, path)
    if len(numbers) != size:
        raise InputError(f"'{name}' holds {len(numbers)} numbers, not {size}.", str(path), _KNOWN)
    return numbers


def _numbers(values: Mapping[str, np.ndarray], name: str, path: Path) -> Floats:
    given = values[name]
    if given.dtype.kind not in "fiu" or not np.isfinite(given).all():
        raise InputError(f"'{name}' holds something that is no number.", str(path), _KNOWN)
    if given.ndim > 1 and len(given) > 1 and given.shape[-1] != 3:
        raise InputError(
            f"'{name}' holds {len(given)} poses.", str(path), f"It is a motion: say which frame, {path.name}:0 for one."
        )
    return given.astype(np.float64).ravel()


def _word(values: Mapping[str, np.ndarray], name: str, default: str = "") -> str:
    if name not in values:
        return default
    found = np.asarray(values[name]).ravel()[:1].tolist()
    word = found[0].decode("utf-8", "replace") if found and isinstance(found[0], bytes) else str(*found)
    return word.strip()
