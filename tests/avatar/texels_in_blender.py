"""Runs inside Blender: opens what was exported and says which colour is seen where.

arguments: -- FILE FOUND.npz, or -- TWIN_FOLDER FOUND.npz SCENE.py; FOUND gets places (N, 3) just inside the corners of
all polygons, colours (N, 3) of the picture there as stored, and materials (N,) by name.
"""

import sys
from pathlib import Path

import bpy
import numpy as np

arguments = sys.argv[sys.argv.index("--") + 1 :]
path = arguments[0]
bpy.ops.wm.read_factory_settings(use_empty=True)
if len(arguments) > 2:
    sys.path.insert(0, str(Path(arguments[2]).parent))
    import scene

    scene.build(scene.read_twin(Path(path)))
elif path.endswith(".glb"):
    bpy.ops.import_scene.gltf(filepath=path)
elif path.endswith(".fbx"):
    bpy.ops.import_scene.fbx(filepath=path)
elif path.endswith(".usd"):
    bpy.ops.wm.usd_import(filepath=path)
elif path.endswith(".obj"):
    bpy.ops.wm.obj_import(filepath=path)
else:
    bpy.ops.wm.open_mainfile(filepath=path)
mesh = next(o for o in bpy.data.objects if o.type == "MESH" and not o.name.startswith("Icosphere"))


def picture_of(material):
    surface = next(node for node in material.node_tree.nodes if node.type == "BSDF_PRINCIPLED")
    links = surface.inputs["Base Color"].links
    return links[0].from_node.image if links else None


def pixels(image):
    """(H, W, 3) of each tile by number, row 0 below."""
    if image.source != "TILED":
        w, h = image.size
        return {0: np.array(image.pixels[:]).reshape(h, w, -1)[..., :3]}
    found = {}
    for tile in image.tiles:
        # Blender gives the first tile's pixels only: each is read by itself.
        if image.packed_files:
            packed = next(p for p in image.packed_files if p.tile_number == tile.number).packed_file
            one = bpy.data.images.new(f"t{tile.number}", 8, 8)
            one.pack(data=packed.data, data_len=packed.size)
            one.source = "FILE"
        else:
            one = bpy.data.images.load(bpy.path.abspath(image.filepath).replace("<UDIM>", str(tile.number)))
        w, h = one.size
        found[tile.number] = np.array(one.pixels[:]).reshape(h, w, -1)[..., :3]
    return found


seen = {m.name: pixels(image) for m in mesh.data.materials if (image := picture_of(m)) is not None}
layer = mesh.data.uv_layers[0].uv
matrix = np.array(mesh.matrix_world)
places, colours, names = [], [], []
for polygon in mesh.data.polygons:
    name = mesh.data.materials[polygon.material_index].name
    if name not in seen:
        continue
    at = np.array([mesh.data.vertices[v].co for v in polygon.vertices]) @ matrix[:3, :3].T + matrix[:3, 3]
    uv = np.array([layer[i].vector for i in polygon.loop_indices])
    for place, corner in zip(0.8 * at + 0.2 * at.mean(axis=0), 0.8 * uv + 0.2 * uv.mean(axis=0), strict=True):
        tile = np.floor(corner).astype(int)
        pictures = seen[name]
        picture = pictures[0] if 0 in pictures else pictures.get(1001 + tile[0] + 10 * tile[1])
        if picture is None:
            colours.append((-1, -1, -1))
        else:
            h, w = picture.shape[:2]
            inside = corner - tile
            colours.append(picture[min(int(inside[1] * h), h - 1), min(int(inside[0] * w), w - 1)])
        places.append(place)
        names.append(name)
np.savez(arguments[1], places=np.array(places), colours=np.array(colours), materials=np.array(names))
