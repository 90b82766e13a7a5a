"""Builds an avatar in Blender from a twin folder, and saves it as .blend or .fbx. Runs inside Blender, on its own:

    blender --background --factory-startup --python scene.py -- TWIN_FOLDER FILE.blend FILE.fbx
    python scene.py -- TWIN_FOLDER ...        with a Python that has bpy

or paste it into Blender's text editor, set TWIN_FOLDER below, and SAVE_AS if a file is wanted, and press Run.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import bpy
import numpy as np

if __package__:
    from .metarig import prepare_metarig
    from .surface_nodes import made_material
else:
    from metarig import prepare_metarig  # type: ignore[no-redef]
    from surface_nodes import made_material  # type: ignore[no-redef]

TWIN_FOLDER = ""
SAVE_AS = ""

# Entries of a rotation matrix less the identity, row by row, by its quaternion's components.
_ENTRIES = (
    "-2*(y*y+z*z)", "2*(x*y-w*z)", "2*(x*z+w*y)",
    "2*(x*y+w*z)", "-2*(x*x+z*z)", "2*(y*z-w*x)",
    "2*(x*z-w*y)", "2*(y*z+w*x)", "-2*(x*x+y*y)",
)  # fmt: skip


def read_twin(folder: Path) -> dict[str, Any]:
    """The table and the arrays of a twin folder. Raises ValueError where it is none."""
    try:
        table = json.loads((folder / "twin.json").read_text())
        with np.load(folder / "twin.npz", allow_pickle=False) as arrays:
            twin = {name: arrays[name] for name in arrays.files} | table
    except (OSError, ValueError) as error:
        raise ValueError(f"{folder} is no twin folder: it needs twin.json and twin.npz ({error}).") from error
    if twin.get("format") != "scan3d-twin" or twin.get("version") != 1:
        raise ValueError(f"{folder}: this add-on reads scan3d-twin version 1; install the add-on of your scan3d.")
    twin["folder"] = folder
    return twin


def build(twin: dict[str, Any]) -> Any:
    """Armature and mesh in the scene's collection; returns the armature object."""
    armature = _armature(twin)
    body = _mesh(twin, armature)
    _shapes(twin, body)
    _correctives(twin, body, armature)
    pose(armature, twin["pose_turns"], twin["pose_place"])
    if body.data.shape_keys is not None:
        for name, value in zip(twin["shapes"], twin["pose_strengths"], strict=True):
            body.data.shape_keys.key_blocks[name].value = float(value)
    _motion(twin, armature, body)
    _remember(twin, armature)
    bpy.context.view_layer.update()
    return armature


def pose(armature: Any, turns: Any, place: Any = None) -> None:
    """Turns (B, 4) of the bones in their own axes, quaternions; place (3,): the root's, off its rest, metres."""
    for bone, turn in zip(armature.data["scan3d_bones"], turns, strict=True):
        armature.pose.bones[bone].rotation_mode = "QUATERNION"
        armature.pose.bones[bone].rotation_quaternion = [float(x) for x in turn]
    if place is not None:
        root = armature.pose.bones[armature.data["scan3d_root"]]
        rest = np.array(root.bone.matrix_local)[:3, :3]
        root.location = (rest.T @ np.asarray(place)).tolist()


def _armature(twin: dict[str, Any]) -> Any:
    data = bpy.data.armatures.new(f"{twin['name']}_rig")
    rig = bpy.data.objects.new(data.name, data)
    bpy.context.collection.objects.link(rig)
    bpy.context.view_layer.objects.active = rig
    bpy.ops.object.mode_set(mode="EDIT")
    for bone, name in enumerate(twin["bones"]):
        made = data.edit_bones.new(name)
        made.head, made.tail = twin["heads"][bone].tolist(), twin["tails"][bone].tolist()
        made.align_roll(twin["axes"][bone][:, 2].tolist())
        made.use_deform = bool(twin["bone_joint"][bone] >= 0)
        above = int(twin["bone_parents"][bone])
        if above >= 0:
            made.parent = data.edit_bones[twin["bones"][above]]
            # A chain of Rigify's begins with a bone that has a type, and is told by what is connected.
            meets = np.allclose(twin["tails"][above], twin["heads"][bone], atol=1e-6)
            made.use_connect = bool(meets and name not in twin["rigify_types"])
    bpy.ops.object.mode_set(mode="OBJECT")
    data["scan3d_bones"] = list(twin["bones"])
    data["scan3d_root"] = twin["bones"][int(np.flatnonzero(twin["bone_joint"] == 0)[0])]
    rig.show_in_front = True
    if twin["rigify_types"]:
        prepare_metarig(rig, twin["rigify_types"])
    return rig


def _mesh(twin: dict[str, Any], armature: Any) -> Any:
    data = bpy.data.meshes.new(twin["name"])
    faces = [[int(v) for v in face if v >= 0] for face in twin["faces"]]
    data.from_pydata(twin["vertices"].tolist(), [], faces)
    corners = twin["face_uv"][twin["faces"] >= 0]
    data.uv_layers.new(name="UVMap").uv.foreach_set("vector", twin["uv"][corners].astype(np.float32).ravel())
    data.polygons.foreach_set("use_smooth", np.ones(len(faces), bool))
    for material in twin["materials"]:
        data.materials.append(made_material(material, twin["folder"]))
    data.polygons.foreach_set("material_index", twin["face_material"].astype(np.int32))
    data.update()
    body = bpy.data.objects.new(twin["name"], data)
    bpy.context.collection.objects.link(body)
    groups = [body.vertex_groups.new(name=name) for name in twin["bones"]]
    for column in range(twin["weight_bones"].shape[1]):
        bones, values = twin["weight_bones"][:, column].tolist(), twin["weight_values"][:, column].tolist()
        for vertex, (bone, value) in enumerate(zip(bones, values, strict=True)):
            if value > 0:
                groups[bone].add([vertex], value, "REPLACE")
    for bone, group in enumerate(groups):
        if twin["bone_joint"][bone] < 0:
            body.vertex_groups.remove(group)
    body.parent = armature
    modifier = body.modifiers.new("Armature", "ARMATURE")
    modifier.object = armature
    return body


def _shapes(twin: dict[str, Any], body: Any) -> None:
    if len(twin["shapes"]) + len(twin["corrective_bones"]):
        body.shape_key_add(name="Basis", from_mix=False)
    for number, name in enumerate(twin["shapes"]):
        _add_shape(body, name, twin, "shape", number)


def _add_shape(body: Any, name: str, twin: dict[str, Any], kind: str, number: int) -> Any:
    part = slice(*twin[f"{kind}_starts"][number : number + 2].tolist())
    at = twin["vertices"].astype(np.float32)
    at[twin[f"{kind}_rows"][part]] += twin[f"{kind}_moves"][part]
    key = body.shape_key_add(name=name, from_mix=False)
    key.data.foreach_set("co", at.ravel())
    return key


def _correctives(twin: dict[str, Any], body: Any, armature: Any) -> None:
    """Shapes driven by the bones' turns: the body's own correction of what skinning gets wrong."""
    for number, bone in enumerate(twin["corrective_bones"]):
        for entry, expression in enumerate(_ENTRIES):
            if np.diff(twin["corrective_starts"][9 * number + entry :][:2])[0] == 0:
                continue
            name = f"corrective_{bone}_{entry // 3}{entry % 3}"
            key = _add_shape(body, name, twin, "corrective", 9 * number + entry)
            key.slider_min, key.slider_max = -2, 2
            driver = key.driver_add("value").driver
            driver.type = "SCRIPTED"
            for letter in "wxyz":
                variable = driver.variables.new()
                variable.name, variable.type = letter, "TRANSFORMS"
                target = variable.targets[0]
                target.id, target.bone_target = armature, bone
                target.transform_type, target.rotation_mode = f"ROT_{letter.upper()}", "QUATERNION"
                target.transform_space = "LOCAL_SPACE"
            driver.expression = expression


def _motion(twin: dict[str, Any], armature: Any, body: Any) -> None:
    if "motion_turns" not in twin:
        return
    scene, turns = bpy.context.scene, twin["motion_turns"]
    scene.render.fps = max(1, round(twin["fps"]))
    scene.render.fps_base = scene.render.fps / twin["fps"]
    scene.frame_start, scene.frame_end = 0, len(turns) - 1
    armature.animation_data_create()
    armature.animation_data.action = bpy.data.actions.new("motion")
    for bone, name in enumerate(twin["bones"]):
        if twin["bone_joint"][bone] >= 0:
            # A quaternion and its negative are one turn; between the two lies a spin.
            flips = np.where(np.sum(turns[1:, bone] * turns[:-1, bone], axis=1) < 0, -1, 1)
            values = turns[:, bone] * np.cumprod([1, *flips])[:, None]
            _bone_curves(armature, name, "rotation_quaternion", values)
    root = armature.pose.bones[armature.data["scan3d_root"]]
    places = twin["motion_places"] @ np.array(root.bone.matrix_local)[:3, :3]
    _bone_curves(armature, root.name, "location", places)
    if "motion_strengths" in twin:
        keys = body.data.shape_keys
        keys.animation_data_create()
        keys.animation_data.action = bpy.data.actions.new("motion_face")
        for column, name in enumerate(twin["shapes"]):
            if twin["motion_strengths"][:, column].any():
                _curves(keys, keys.key_blocks[name], "value", twin["motion_strengths"][:, [column]])


def _bone_curves(armature: Any, bone: str, path: str, values: np.ndarray) -> None:
    _curves(armature, armature.pose.bones[bone], path, values, group=bone)


def _curves(owner: Any, part: Any, path: str, values: np.ndarray, group: str = "") -> None:
    """One curve for each column, a key a frame; the first key is set by hand, which makes whatever holds curves."""
    setattr(part, path, values[0].tolist() if values.shape[1] > 1 else float(values[0, 0]))
    part.keyframe_insert(path, frame=0, group=group)
    wanted = part.path_from_id(path)
    curves = [curve for curve in _all_curves(owner) if curve.data_path == wanted]
    frames = np.arange(len(values), dtype=np.float32)
    for curve in curves:
        curve.keyframe_points.add(len(values) - 1)
        pairs = np.stack([frames, values[:, curve.array_index].astype(np.float32)], axis=1)
        curve.keyframe_points.foreach_set("co", pairs.ravel())
        curve.keyframe_points.foreach_set("interpolation", np.full(len(values), 1))  # linear
        curve.update()


def _all_curves(owner: Any) -> list[Any]:
    action = owner.animation_data.action
    if hasattr(action, "fcurves"):
        return list(action.fcurves)
    return [
        curve for layer in action.layers for strip in layer.strips for bag in strip.channelbags for curve in bag.fcurves
    ]


def _remember(twin: dict[str, Any], armature: Any) -> None:
    """What is needed to hand a pose back, on the armature, so that it lives in the .blend."""
    keep = ("axes", "own_turns", "above_turns", "expression_of_shapes", "shape", "expression", "root_shift")
    notes = {name: np.asarray(twin[name]).tolist() for name in keep}
    notes |= {name: twin[name] for name in ("bones", "joints", "shapes", "model_name", "model_type", "model_hash")}
    notes["bone_joint"] = twin["bone_joint"].tolist()
    notes["heads"] = twin["heads"].tolist()
    notes["presets"] = dict(zip(twin["presets"], twin["preset_turns"].tolist(), strict=True))
    armature.data["scan3d"] = json.dumps(notes)
    armature.data["licence"] = twin["licence"]


def save_blend(path: Path) -> None:
    """The scene with its pictures inside."""
    bpy.ops.file.pack_all()
    bpy.ops.wm.save_as_mainfile(filepath=str(path.resolve()), compress=True)


def save_fbx(path: Path) -> None:
    """Metres as Unity and Unreal want them, no bones added, shapes kept, pictures inside."""
    bpy.ops.export_scene.fbx(
        filepath=str(path.resolve()), object_types={"ARMATURE", "MESH"}, apply_scale_options="FBX_SCALE_ALL",
        add_leaf_bones=False, use_mesh_modifiers=False, mesh_smooth_type="FACE", path_mode="COPY", embed_textures=True,
        bake_anim=any(o.animation_data and o.animation_data.action for o in bpy.data.objects), bake_anim_step=1.0,
        bake_anim_use_all_actions=False, bake_anim_use_nla_strips=False, bake_anim_simplify_factor=0.0,
    )  # fmt: skip


def make(twin: Path, *paths: Path) -> None:
    """An empty scene with the avatar, saved as .blend and .fbx. Raises ValueError for another suffix."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    about = read_twin(twin)
    if about["rigify_types"]:
        bpy.ops.preferences.addon_enable(module="rigify")  # its properties are written where they are known
    build(about)
    for path in paths:
        {".blend": save_blend, ".fbx": save_fbx}[path.suffix](path)


if __name__ == "__main__":
    if "--" in sys.argv:
        _arguments = [Path(argument) for argument in sys.argv[sys.argv.index("--") + 1 :]]
        make(_arguments[0], *_arguments[1:])
    elif SAVE_AS:
        make(Path(TWIN_FOLDER), Path(SAVE_AS))
    elif TWIN_FOLDER:
        build(read_twin(Path(TWIN_FOLDER)))
