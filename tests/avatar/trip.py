"""There and back: what Blender and the glTF validator find in a file that was written."""

import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from scan3d.avatar.avatar import Avatar
from scan3d.avatar.blender import Blender
from scan3d.avatar.rig import Rig
from scan3d.body.model import BodyModel
from tests.avatar.doll import random_pose

_SCRIPT = Path(__file__).with_name("in_blender.py")
_VALIDATE = """
const validator = require(process.argv[1]);
const data = new Uint8Array(require('fs').readFileSync(process.argv[2]));
validator.validateBytes(data, {maxIssues: 0}).then(found => console.log(JSON.stringify(found)));
"""


@dataclass(frozen=True)
class Trip:
    """What Blender found. off_m: (P,) farthest that a vertex lies from where it belongs, in each pose; the last has
    shapes too. rest_off_m: at rest. vertex: of the avatar, for each of Blender's."""

    about: dict[str, Any]
    off_m: np.ndarray
    rest_off_m: float
    vertex: np.ndarray
    opening: np.ndarray
    end: np.ndarray
    frames: np.ndarray


def there_and_back(
    blender: Blender,
    avatar: Avatar,
    rig: Rig,
    path: Path,
    *,
    poses: int = 20,
    angle_rad: float = 0.5,
    named: Any = None,
    frames: tuple[int, ...] = (),
) -> Trip:
    """Opens a file in Blender, poses its bones at random, and compares with our own skinning of the very avatar.

    named: bone name in the file of a bone of the rig; the same by default. frames: of its motion that are looked at,
    from 0.
    """
    rng = np.random.default_rng(4)
    turns = [avatar.turns_of(random_pose(rng, angle_rad)[: len(avatar.parents)]) for _ in range(poses)]
    places = rng.normal(size=(poses, 3))
    strengths = dict(zip(list(avatar.shapes)[:3], (0.7, 1.0, 0.4), strict=False)) if path.suffix != ".obj" else {}
    skinned = np.flatnonzero(rig.joint >= 0)
    called = named or (lambda name: name)
    asked = path.with_name(f"{path.name}.asked.npz")
    found = path.with_name(f"{path.name}.found.npz")
    np.savez(
        asked,
        bones=np.array([called(rig.names[b]) for b in skinned]),
        moves=np.array([moves(avatar, t, p)[rig.joint[skinned]] for t, p in zip(turns, places, strict=True)]),
        keys=np.array(list(strengths), dtype=str),
        strengths=np.array(list(strengths.values())),
        frames=np.array(frames, int),
    )
    blender.run(_SCRIPT, str(path), str(asked), str(found))
    with np.load(found) as values:
        back = {name: values[name] for name in values.files}
    vertex, distance = nearest(avatar.vertices, back["rest"])
    off = []
    for number, posed in enumerate(back["posed"]):
        truth = avatar.posed(turns[number], places[number], strengths if number == poses - 1 else {})
        off.append(np.linalg.norm(posed - truth[vertex], axis=1).max())
    return Trip(
        about=json.loads(str(back["about"])), off_m=np.array(off), rest_off_m=distance, vertex=vertex,
        opening=back["opening"], end=back["end"], frames=back["frames"],
    )  # fmt: skip


def moves(avatar: Avatar, turns: np.ndarray, place: np.ndarray) -> np.ndarray:
    """(J, 4, 4) where rest points go with each joint."""
    world, where = avatar.posed_joints(turns, place)
    result = np.tile(np.eye(4), (len(world), 1, 1))
    result[:, :3, :3] = world @ avatar.rest_globals().transpose(0, 2, 1)
    result[:, :3, 3] = where - np.einsum("jab,jb->ja", result[:, :3, :3], avatar.joints)
    return result


def nearest(points: np.ndarray, found: np.ndarray) -> tuple[np.ndarray, float]:
    """Which of the points each found one is, and how far the worst is off."""
    from scipy.spatial import cKDTree

    distance, index = cKDTree(points).query(found)
    return index, float(distance.max())


def validated(path: Path) -> dict[str, Any]:
    """The report of Khronos's glTF validator."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed; the glTF validator needs it")
    package = _validator()
    if package is None:
        pytest.skip("no gltf-validator: npm install gltf-validator, and name its folder in SCAN3D_GLTF_VALIDATOR")
    done = subprocess.run(
        [node, "-e", _VALIDATE, str(package), str(path)], capture_output=True, text=True, check=True
    )  # fmt: skip
    return dict(json.loads(done.stdout))


def _validator() -> Path | None:
    named = os.environ.get("SCAN3D_GLTF_VALIDATOR")
    if named:
        return Path(named)
    places = [Path(__file__).resolve().parents[2] / ".venv-blender" / "node_modules"]
    npm = shutil.which("npm")
    if npm is not None:
        done = subprocess.run([npm, "root", "-g"], capture_output=True, text=True, check=False)
        places.append(Path(done.stdout.strip()))
    return next((p / "gltf-validator" for p in places if (p / "gltf-validator").is_dir()), None)


def written_maps(folder: Path) -> dict[str, Path]:
    """Small pictures of all kinds."""
    import cv2

    folder.mkdir(exist_ok=True)
    rng = np.random.default_rng(0)
    pictures = {
        "albedo": rng.integers(0, 255, (64, 64, 3)).astype(np.uint8),
        "normal": np.full((64, 64, 3), (255, 128, 128), np.uint8),
        "roughness": rng.integers(0, 255, (32, 32)).astype(np.uint8),
        "displacement": rng.integers(0, 65535, (64, 64)).astype(np.uint16),
    }
    for kind, picture in pictures.items():
        assert cv2.imwrite(str(folder / f"{kind}.png"), picture)
    return {kind: folder / f"{kind}.png" for kind in pictures}


def walking(model: BodyModel, frames: int = 12, fps: float = 24.0) -> Any:
    """A motion of the model that turns everything."""
    from scan3d.body.motion import Motion

    ends = [random_pose(np.random.default_rng(seed)) for seed in (1, 2)]
    share = np.linspace(0, 1, frames)[:, None, None]
    pose = (1 - share) * ends[0] + share * ends[1]
    return Motion(fps=fps, pose=pose, translation=np.linspace([0, 0, 1], [0.3, -0.6, 1.1], frames))
