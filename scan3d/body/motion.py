"""Motion: a pose for every frame, from AMASS and SMPL-X files or from BVH."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from scan3d.body.model import BodyModel, BodyParameters
from scan3d.body.parameters_file import load_arrays, pose_keys
from scan3d.body.rotations import Array, matrices, vectors
from scan3d.errors import InputError
from scan3d.pipeline.aside import written_aside

_RATE_KEYS = ("mocap_framerate", "mocap_frame_rate", "fps", "framerate")
# AMASS's names of the parts of a pose; without face and hands in SMPL-H's files.
_PARTS = {"root_orient": "global_orient", "pose_body": "body_pose", "pose_jaw": "jaw_pose"}
_ANY = "Give an AMASS or SMPL-X motion (.npz with 'poses' and 'trans') or a .bvh."


@dataclass(frozen=True, kw_only=True, eq=False)
class Motion:
    """Frames of a body in the world. fps: a second. pose: (N, J, 3) axis-angles, hands with their mean included.

    translation: (N, 3) metres. shape: (B,) or None: whose motion it was. expression: (N, E) or None. model_hash: of the
    model whose numbers these are, empty where it is not known.
    """

    fps: float
    pose: Array
    translation: Array
    shape: Array | None = None
    expression: Array | None = None
    model_hash: str = ""

    def __post_init__(self) -> None:
        count = len(self.pose)
        if self.pose.ndim != 3 or self.pose.shape[2] != 3 or self.translation.shape != (count, 3) or not count:
            raise ValueError(f"poses {self.pose.shape} and translations {self.translation.shape} are no motion")
        if self.expression is not None and len(self.expression) != count:
            raise ValueError(f"{len(self.expression)} expressions for {count} frames")
        if not (np.isfinite(self.fps) and self.fps > 0):
            raise ValueError(f"{self.fps} frames a second are no rate")

    def __len__(self) -> int:
        return len(self.pose)

    @property
    def seconds(self) -> float:
        """From the first frame to the last."""
        return (len(self) - 1) / self.fps

    def frame(self, number: int, shape: Array | None = None) -> BodyParameters:
        """One frame; negative numbers count from the end. shape: of who moves now. Raises IndexError."""
        own = np.zeros(0) if self.shape is None else self.shape
        return BodyParameters(
            shape=own if shape is None else shape,
            expression=np.zeros(0) if self.expression is None else self.expression[number],
            pose=self.pose[number],
            translation=self.translation[number],
        )

    def trimmed(self, start: int = 0, stop: int | None = None, step: int = 1) -> Motion:
        """Frames start, start + step, ... before stop. Raises ValueError where none are left."""
        rows = slice(start, stop, step)
        expression = None if self.expression is None else self.expression[rows]
        fps = self.fps / step
        return replace(self, pose=self.pose[rows], translation=self.translation[rows], expression=expression, fps=fps)

    def resampled(self, fps: float) -> Motion:
        """The same time at another rate: turns by the shortest way (Shoemake 1985), places linearly."""
        times = np.arange(int(np.floor(self.seconds * fps + 1e-6)) + 1) * (self.fps / fps)
        before = np.clip(np.floor(times + 1e-9).astype(int), 0, max(len(self) - 2, 0))
        after = np.minimum(before + 1, len(self) - 1)
        share = np.clip(times - before, 0.0, 1.0)[:, None]
        first = matrices(self.pose[before])
        step = vectors(np.swapaxes(first, -1, -2) @ matrices(self.pose[after]))
        pose = vectors(first @ matrices(step * share[:, None]))

        def mixed(values: Array) -> Array:
            return np.asarray(values[before] * (1 - share) + values[after] * share)

        expression = None if self.expression is None else mixed(self.expression)
        return replace(self, pose=pose, translation=mixed(self.translation), expression=expression, fps=fps)


def read_motion(path: Path, model: BodyModel, shape: Array | None = None) -> Motion:
    """The motion in a .npz of AMASS or SMPL-X, or in a .bvh, for this model. Raises InputError.

    shape: (B,) of who is to move; a BVH walks as far as their legs are long. By default the model's mean.
    """
    if path.suffix.lower() == ".bvh":
        from scan3d.body.bvh import read_bvh
        from scan3d.body.retarget import retargeted

        return retargeted(read_bvh(path), model, path, shape)
    if path.suffix.lower() != ".npz":
        raise InputError(f"A motion cannot be read from '{path.suffix}'.", str(path), _ANY)
    return read_npz_motion(path, model.joints)


def read_npz_motion(path: Path, joints: int = 55) -> Motion:
    """A motion of AMASS (SMPL-X or SMPL-H) or of SMPL-X's own keys, made to fit a model of this many joints.

    Joints that the file has not keep their angle 0, those the model has not are left out. One pose is a motion of one
    frame. Raises InputError where the file is damaged or holds no poses.
    """
    values = load_arrays(path)
    poses = _poses(values, path)
    count = len(poses)
    translation = next((values[key] for key in ("trans", "transl") if key in values), np.zeros((count, 3)))
    translation = np.atleast_2d(np.asarray(translation, np.float64))
    if translation.shape != (count, 3):
        raise InputError(f"{translation.shape} translations for {count} poses.", str(path), _ANY)
    expression = values.get("expression")
    if expression is not None:
        expression = np.atleast_2d(np.asarray(expression, np.float64))
        expression = expression if len(expression) == count else None
    if not all(np.isfinite(part).all() for part in (poses, translation, 0.0 if expression is None else expression)):
        raise InputError("The motion holds something that is no number.", str(path), "Export it again.")
    shape = values.get("betas")
    return Motion(
        fps=_rate(values),
        pose=_fitted(poses, joints),
        translation=translation,
        shape=None if shape is None else np.asarray(shape, np.float64).reshape(-1, np.shape(shape)[-1])[0],
        expression=expression,
        model_hash=str(np.ravel(values["model_hash"])[0]) if np.size(values.get("model_hash", ())) else "",
    )


def write_motion(path: Path, motion: Motion, *, gender: str = "neutral") -> None:
    """Writes AMASS's .npz of SMPL-X: "poses" (N, 3 J), "trans", "betas", "mocap_frame_rate", parts of the pose."""
    poses = motion.pose.reshape(len(motion), -1)
    keys = {kind: name for name, kind in _PARTS.items()}
    parts = {
        keys[name]: motion.pose[:, rows].reshape(len(motion), -1)
        for name, rows in pose_keys(motion.pose.shape[1]).items()
        if name in keys
    }
    values: dict[str, Any] = {
        "poses": poses,
        "trans": motion.translation,
        "betas": np.zeros(10) if motion.shape is None else motion.shape,
        "mocap_frame_rate": np.array(float(motion.fps)),
        "mocap_time_length": np.array(motion.seconds),
        "gender": np.array(gender),
        "surface_model_type": np.array({55: "smplx", 52: "smplh", 24: "smpl"}[motion.pose.shape[1]]),
        **parts,
    }
    if motion.expression is not None:
        values["expression"] = motion.expression
    if motion.model_hash:
        values["model_hash"] = np.array(motion.model_hash)
    with written_aside(path) as aside, aside.open("wb") as out:
        np.savez(out, **values)


def _poses(values: Mapping[str, np.ndarray], path: Path) -> Array:
    """(N, J, 3) of whatever number of joints the file has."""
    if "poses" in values:
        poses = np.asarray(values["poses"], np.float64)
        poses = poses.reshape(1, -1) if poses.ndim == 1 else poses.reshape(len(poses), -1)
        if poses.shape[1] not in (165, 156, 72) or not len(poses):
            raise InputError(f"Poses of {poses.shape[1]} numbers are not known.", str(path), _ANY)
        return poses.reshape(len(poses), -1, 3)
    for keys in ({name: name for name in pose_keys(55)}, _amass_keys()):
        if keys["global_orient"] in values and keys["body_pose"] in values:
            return _joined(values, keys, path)
    raise InputError("The file holds no poses.", str(path), _ANY)


def _amass_keys() -> dict[str, str]:
    own = {kind: name for name, kind in _PARTS.items()}
    return {name: own.get(name, name) for name in pose_keys(55)}


def _joined(values: Mapping[str, np.ndarray], keys: Mapping[str, str], path: Path) -> Array:
    root = np.asarray(values[keys["global_orient"]], np.float64).reshape(-1, 3)
    full = np.zeros((len(root), 55, 3))
    # AMASS keeps both hands and both eyes together.
    both = {"pose_hand": slice(25, 55), "pose_eye": slice(23, 25)}
    places = {keys[name]: rows for name, rows in pose_keys(55).items()} | both
    for name, rows in places.items():
        if name in values:
            size = 3 * (rows.stop - rows.start)
            part = np.asarray(values[name], np.float64)
            if part.size != len(root) * size:
                raise InputError(f"'{name}' holds {part.size} numbers for {len(root)} poses.", str(path), _ANY)
            full[:, rows] = part.reshape(len(root), -1, 3)
    return full


def _fitted(poses: Array, joints: int) -> Array:
    """(N, joints, 3) of poses of another model, by what the joints are."""
    has = poses.shape[1]
    if has == joints:
        return poses
    full = np.zeros((len(poses), 55, 3))
    full[:, :22] = poses[:, :22]
    if has == 52:
        full[:, 25:] = poses[:, 22:]
    elif has == 55:
        full = poses
    if joints == 55:
        return full
    rest = full[:, 25:] if joints == 52 else np.zeros((len(poses), 2, 3))
    return np.concatenate([full[:, :22], rest], axis=1)


def _rate(values: Mapping[str, np.ndarray]) -> float:
    for key in _RATE_KEYS:
        if key in values:
            rate = float(np.ravel(values[key])[0])
            if np.isfinite(rate) and rate > 0:
                return rate
    return 30.0
