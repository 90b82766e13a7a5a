"""Runs inside Blender: opens what was exported, poses it and says what it found.

arguments: -- FILE POSES.npz FOUND.npz; POSES holds bones (B,), moves (P, B, 4, 4): where rest points go with each bone
in the world, and keys, strengths: shapes to set in the last pose.
"""

import json
import sys

import bpy
import numpy as np
from mathutils import Matrix

_IMPORTERS = {
    ".glb": lambda path: bpy.ops.import_scene.gltf(filepath=path),
    ".fbx": lambda path: bpy.ops.import_scene.fbx(filepath=path),
    ".usd": lambda path: bpy.ops.wm.usd_import(filepath=path),
    ".obj": lambda path: bpy.ops.wm.obj_import(filepath=path),
    ".blend": lambda path: bpy.ops.wm.open_mainfile(filepath=path),
}


def opened(path):
    """The armature and the mesh of a file."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    _IMPORTERS[path[path.rindex(".") :]](path)
    armature = next((o for o in bpy.data.objects if o.type == "ARMATURE"), None)
    # glTF's importer shows bones as little spheres of its own.
    meshes = [o for o in bpy.data.objects if o.type == "MESH" and not o.name.startswith("Icosphere")]
    assert len(meshes) == 1, [o.name for o in meshes]
    return armature, meshes[0]


def posed(armature, moves_of):
    """Bones moved so that their rest points go where they should, parents first."""
    world = armature.matrix_world
    for bone in armature.data.bones:
        pose, above = armature.pose.bones[bone.name], bone.parent
        rest = bone.matrix_local if above is None else above.matrix_local.inverted() @ bone.matrix_local
        name = bone.name
        while name not in moves_of and armature.data.bones[name].parent is not None:
            name = armature.data.bones[name].parent.name
        move = moves_of.get(name, Matrix.Identity(4))
        wanted = world.inverted() @ move @ world @ bone.matrix_local
        start = Matrix.Identity(4) if above is None else targets[above.name]
        targets[bone.name] = wanted
        pose.matrix_basis = rest.inverted() @ start.inverted() @ wanted
    bpy.context.view_layer.update()


def points(mesh):
    """(V, 3) evaluated vertices in the world."""
    shown = mesh.evaluated_get(bpy.context.evaluated_depsgraph_get())
    flat = np.empty(3 * len(shown.data.vertices), np.float32)
    shown.data.vertices.foreach_get("co", flat)
    matrix = np.array(shown.matrix_world)
    return flat.reshape(-1, 3) @ matrix[:3, :3].T + matrix[:3, 3]


def uv_of(mesh):
    """(V, 2) texture coordinates of one corner of each vertex."""
    found = np.zeros((len(mesh.data.vertices), 2), np.float32)
    if not mesh.data.uv_layers:
        return found
    corners = np.empty(len(mesh.data.loops), np.int32)
    mesh.data.loops.foreach_get("vertex_index", corners)
    flat = np.empty(2 * len(corners), np.float32)
    mesh.data.uv_layers[0].uv.foreach_get("vector", flat)
    found[corners] = flat.reshape(-1, 2)
    return found


def pictures():
    """Of all images: what they are plugged into, size, colour space."""
    found = []
    for material in bpy.data.materials:
        for node in material.node_tree.nodes if material.node_tree else ():
            if node.type == "TEX_IMAGE" and node.image is not None:
                node.image.pixels[0]  # loads it, or size stays 0
                links = [link.to_socket.name for output in node.outputs for link in output.links]
                links += [link.to_node.type for output in node.outputs for link in output.links]
                space = node.image.colorspace_settings.name
                found.append([material.name, sorted(links), list(node.image.size), space, node.image.channels])
    return found


arguments = sys.argv[sys.argv.index("--") + 1 :]
targets: dict = {}
armature, mesh = opened(arguments[0])
asked = np.load(arguments[1])
keys = mesh.data.shape_keys.key_blocks if mesh.data.shape_keys else []
opening = points(mesh)
bpy.context.scene.frame_set(bpy.context.scene.frame_end)
at_end = points(mesh)
# Not all importers set the scene's first frame.
ranges = [int(action.frame_range[0]) for action in bpy.data.actions]
first, in_between = min(ranges, default=bpy.context.scene.frame_start), []
for frame in asked["frames"].tolist():
    bpy.context.scene.frame_set(first + frame)
    in_between.append(points(mesh))
for o in bpy.data.objects:
    if o.animation_data is not None:
        o.animation_data.action = None
if mesh.data.shape_keys and mesh.data.shape_keys.animation_data:
    mesh.data.shape_keys.animation_data.action = None
for key in keys[1:]:
    if "corrective" not in key.name:
        key.value = 0
results = []
for number, moves in enumerate(asked["moves"] if armature else []):
    if number == len(asked["moves"]) - 1:
        for name, strength in zip(asked["keys"], asked["strengths"], strict=True):
            keys[str(name)].value = float(strength)
    posed(armature, {str(n): Matrix(m.tolist()) for n, m in zip(asked["bones"], moves, strict=True)})
    results.append(points(mesh))
bones = armature.data.bones if armature else []
about = {
    "bones": [bone.name for bone in bones],
    "parents": [bone.parent.name if bone.parent else "" for bone in bones],
    "y_axes": [
        list((armature.matrix_world.to_3x3() @ bone.matrix_local.to_3x3()).col[1].normalized()) for bone in bones
    ],
    "x_axes": [
        list((armature.matrix_world.to_3x3() @ bone.matrix_local.to_3x3()).col[0].normalized()) for bone in bones
    ],
    "shapes": [key.name for key in keys],
    "pictures": pictures(),
    "quads": sum(len(p.vertices) == 4 for p in mesh.data.polygons),
    "polygons": len(mesh.data.polygons),
    "materials": [m.name for m in mesh.data.materials],
    "groups": [group.name for group in mesh.vertex_groups],
    "frames": [bpy.context.scene.frame_start, bpy.context.scene.frame_end],
}
flat = np.empty(3 * len(mesh.data.vertices), np.float32)
mesh.data.vertices.foreach_get("co", flat)
matrix = np.array(mesh.matrix_world)
rest = flat.reshape(-1, 3) @ matrix[:3, :3].T + matrix[:3, 3]
np.savez(
    arguments[2],
    about=json.dumps(about),
    rest=rest,
    posed=np.array(results),
    uv=uv_of(mesh),
    opening=opening,
    end=at_end,
    frames=np.array(in_between),
)
