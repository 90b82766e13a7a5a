"""A pose made in Blender as SMPL-X parameters: body.npz. Runs inside Blender."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from mathutils import Matrix

# The model stands Y up, the world Z up.
_WORLD_FROM_MODEL = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])
_ROWS = {
    55: {"global_orient": (0, 1), "body_pose": (1, 22), "jaw_pose": (22, 23), "leye_pose": (23, 24),
         "reye_pose": (24, 25), "left_hand_pose": (25, 40), "right_hand_pose": (40, 55)},
    52: {"global_orient": (0, 1), "body_pose": (1, 22), "left_hand_pose": (22, 37), "right_hand_pose": (37, 52)},
    24: {"global_orient": (0, 1), "body_pose": (1, 24)},
}  # fmt: skip


def notes_of(armature: Any) -> dict[str, Any]:
    """What the import has left on the armature. Raises ValueError where it is not a twin's."""
    text = armature.data.get("scan3d") if armature is not None and armature.type == "ARMATURE" else None
    if text is None:
        raise ValueError("Select the skeleton of a twin that this add-on has imported.")
    return dict(json.loads(text))


def parameters(armature: Any, strengths: dict[str, float]) -> dict[str, np.ndarray]:
    """body.npz of the pose that the bones show, constraints included, where the armature stands.

    strengths: of the shapes by name; they go into the expression numbers as near as those come.
    """
    notes = notes_of(armature)
    axes, own, above = (np.array(notes[name]) for name in ("axes", "own_turns", "above_turns"))
    count = len(notes["joints"])
    local = np.tile(np.eye(3), (count, 1, 1))
    place = np.zeros(3)
    for bone, name in enumerate(notes["bones"]):
        joint = notes["bone_joint"][bone]
        if joint < 0:
            continue
        posed = armature.pose.bones[name]
        if joint == 0:
            # The whole of it: the armature's own place and any bone above.
            move = _rigid(armature.matrix_world @ posed.matrix @ posed.bone.matrix_local.inverted())
            head = np.array(notes["heads"][bone])
            local[0], place = move[:3, :3] @ own[bone], move[:3, :3] @ head + move[:3, 3] - head
        else:
            basis = _rigid(_basis(posed))[:3, :3]
            local[joint] = above[bone].T @ axes[bone] @ basis @ axes[bone].T @ own[bone]
    local[0] = _WORLD_FROM_MODEL @ local[0]
    vectors = _axis_angles(_WORLD_FROM_MODEL.T @ local @ _WORLD_FROM_MODEL)
    expression = np.zeros(np.shape(notes["expression_of_shapes"])[-1])
    expression[: len(notes["expression"])] = notes["expression"]
    amounts = np.array([strengths.get(name, 0.0) for name in notes["shapes"]])
    if len(amounts):
        expression += amounts @ np.array(notes["expression_of_shapes"])
    values = {name: vectors[slice(*rows)].ravel() for name, rows in _ROWS[count].items()}
    return values | {
        "betas": np.array(notes["shape"], float),
        "expression": expression,
        "transl": place - np.array(notes["root_shift"]),
        "gender": np.array("neutral"),
        "surface_model_type": np.array(notes["model_type"]),
        "flat_hand_mean": np.array(True),
        "model_name": np.array(notes["model_name"]),
        "model_hash": np.array(notes["model_hash"]),
    }


def write(path: Path, armature: Any, strengths: dict[str, float]) -> None:
    """Write body.npz."""
    with path.open("wb") as out:
        np.savez(out, **parameters(armature, strengths))  # type: ignore[arg-type]


def _basis(posed: Any) -> Any:
    """The bone's move in its own axes, from where it is seen to be."""
    above = posed.parent
    if above is None:
        return posed.bone.matrix_local.inverted() @ posed.matrix
    rest = above.bone.matrix_local.inverted() @ posed.bone.matrix_local
    return rest.inverted() @ above.matrix.inverted() @ posed.matrix


def _rigid(matrix: Any) -> np.ndarray:
    """(4, 4) without scale and shear."""
    place, turn, _ = matrix.decompose()
    return np.array(Matrix.Translation(place) @ turn.to_matrix().to_4x4())


def _axis_angles(turns: np.ndarray) -> np.ndarray:
    """(J, 3) of rotations (J, 3, 3)."""
    found = np.zeros((len(turns), 3))
    for row, turn in enumerate(turns):
        axis, angle = Matrix(turn.tolist()).to_quaternion().to_axis_angle()
        angle = angle - 2 * np.pi if angle > np.pi else angle
        found[row] = np.array(axis) * angle
    return found
