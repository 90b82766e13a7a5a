"""Runs inside Blender: opens a .blend with Rigify's names, presses Generate Rig, binds the skin, and moves the rig.

arguments: -- FILE.blend FOUND.npz ADDON_FOLDER
"""

import importlib.util
import json
import os
import sys

import bpy
import numpy as np

path, out, addon = sys.argv[sys.argv.index("--") + 1 :]
bpy.ops.wm.read_factory_settings(use_empty=True)
bpy.ops.preferences.addon_enable(module="rigify")
bpy.ops.wm.open_mainfile(filepath=path)
spec = importlib.util.spec_from_file_location("binding", f"{addon}/metarig.py")
binding = importlib.util.module_from_spec(spec)
spec.loader.exec_module(binding)
metarig = next(o for o in bpy.data.objects if o.type == "ARMATURE")
mesh = next(o for o in bpy.data.objects if o.type == "MESH")
bpy.context.view_layer.objects.active = metarig
metarig.select_set(True)
early = ""
try:
    binding.bind_to_generated(metarig)
except ValueError as error:
    early = str(error)


def points():
    bpy.context.view_layer.update()
    shown = mesh.evaluated_get(bpy.context.evaluated_depsgraph_get())
    flat = np.empty(3 * len(shown.data.vertices), np.float32)
    shown.data.vertices.foreach_get("co", flat)
    matrix = np.array(shown.matrix_world)
    return flat.reshape(-1, 3) @ matrix[:3, :3].T + matrix[:3, 3]


rest = points()
bpy.ops.object.mode_set(mode="POSE")
done = bpy.ops.pose.rigify_generate()
bpy.ops.object.mode_set(mode="OBJECT")
rig = metarig.data.rigify_target_rig
followed = binding.bind_to_generated(metarig)
bound = points()
groups = [group.name for group in mesh.vertex_groups]
# An arm by its FK control, through the rig that was generated.
rig.pose.bones["upper_arm_parent.L"]["IK_FK"] = 1.0
control = rig.pose.bones["forearm_fk.L"]
control.rotation_mode = "XYZ"
control.rotation_euler = (1.2, 0, 0)
bent = points()
about = {
    "done": list(done), "early": early, "followed": followed, "groups": groups,
    "types": {b.name: b.rigify_type for b in metarig.pose.bones if b.rigify_type},
    "deform": [bone.name for bone in rig.data.bones if bone.use_deform],
}  # fmt: skip
np.savez(out, about=json.dumps(about), rest=rest, bound=bound, bent=bent)
sys.stdout.flush()
os._exit(0)  # bpy as a module does not always come to an end with a generated rig
