"""Runs inside Blender: installs the add-on's zip, and uses it as an artist would.

arguments: -- ADDON.zip TWIN_FOLDER OUT_FOLDER MOVED; writes body.npz of poses, and found.json.
"""

import json
import sys
from math import radians
from pathlib import Path

import bpy
import numpy as np

archive, twin, out, own = sys.argv[sys.argv.index("--") + 1 :]
out = Path(out)


def points(mesh):
    shown = mesh.evaluated_get(bpy.context.evaluated_depsgraph_get())
    flat = np.empty(3 * len(shown.data.vertices), np.float32)
    shown.data.vertices.foreach_get("co", flat)
    matrix = np.array(shown.matrix_world)
    return flat.reshape(-1, 3) @ matrix[:3, :3].T + matrix[:3, 3]


bpy.ops.wm.read_factory_settings(use_empty=True)
bpy.context.preferences.extensions.repos.new(name="own", module="own", custom_directory=own)
bpy.ops.extensions.package_install_files(filepath=archive, repo="own", enable_on_install=True)
module = "bl_ext.own.scan3d_twin"
assert module in bpy.context.preferences.addons, list(bpy.context.preferences.addons.keys())

refused = ""
try:
    bpy.ops.scan3d.import_twin(directory=str(out))
except RuntimeError as error:
    refused = str(error)
assert not bpy.ops.scan3d.pose.poll()
assert bpy.ops.scan3d.import_twin(directory=twin) == {"FINISHED"}
armature = bpy.context.active_object
mesh = next(child for child in armature.children if child.type == "MESH")
keys = mesh.data.shape_keys.key_blocks
assert bpy.ops.scan3d.pose.poll()
posed = {}


def save(name):
    bpy.context.view_layer.update()
    bpy.ops.scan3d.export_pose(filepath=str(out / f"{name}.npz"))
    posed[name] = points(mesh)


save("opening")
bpy.ops.scan3d.pose(preset="walk")
save("walk")
# By hand: an arm, the face, and the whole figure carried elsewhere.
bpy.ops.scan3d.pose(preset="rest")
elbow = armature.pose.bones["forearm.L"]
elbow.rotation_mode = "XYZ"
elbow.rotation_euler = (radians(70), 0, 0)
armature.pose.bones["spine"].location = (0.1, 0.2, -0.3)
armature.location = (0.5, -1.0, 0.25)
armature.rotation_euler = (0, 0, radians(40))
save("by_hand")
keys["jawOpen"].value = 0.5
bpy.context.view_layer.objects.active = mesh
save("speaking")
bpy.ops.scan3d.reset_face()
# A constraint instead of a turn: what is seen counts.
aim = bpy.data.objects.new("aim", None)
bpy.context.collection.objects.link(aim)
aim.location = (2, -2, 1)
armature.pose.bones["spine.006"].constraints.new("TRACK_TO").target = aim
save("looking")
# No rig was generated; a folder that cannot be written to is told, not raised through.
assert not bpy.ops.scan3d.bind_rigify.poll()
try:
    bpy.ops.scan3d.export_pose(filepath=str(out / "nowhere" / "body.npz"))
    unwritten = ""
except RuntimeError as error:
    unwritten = str(error)
# Without the skeleton among what is selected there is nothing to pose or to save.
bpy.context.view_layer.objects.active = aim
assert not any(getattr(bpy.ops.scan3d, name).poll() for name in ("pose", "reset_face", "export_pose"))
bpy.context.view_layer.objects.active = armature
panel = bpy.types.SCAN3D_PT_panel
found = {
    "refused": refused,
    "unwritten": unwritten,
    "sliders": [key.name for key in keys[1:] if not key.name.startswith("corrective_")],
    "neutral": keys["jawOpen"].value,
    "panel": [panel.bl_category, panel.bl_space_type],
    "presets": list(json.loads(armature.data["scan3d"])["presets"]),
    "limits": [keys["jawOpen"].slider_min, keys["jawOpen"].slider_max],
}
bpy.ops.preferences.addon_disable(module=module)
found["gone"] = not hasattr(bpy.types, "SCAN3D_PT_panel")
np.savez(out / "posed.npz", **posed)
(out / "found.json").write_text(json.dumps(found))
