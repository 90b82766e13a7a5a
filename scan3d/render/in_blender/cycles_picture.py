"""Runs inside Blender: one picture by Cycles of a scene that scan3d has written, skin with random-walk scattering.

blender --background --python cycles_picture.py -- FOLDER      reads FOLDER/scene.json, writes FOLDER/picture.exr
"""

import json
import math
import sys
from pathlib import Path

import bpy
import mathutils
import numpy as np


def main(folder):
    scene_file = json.loads((folder / "scene.json").read_text())
    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    for number, part in enumerate(scene_file["parts"]):
        add_part(scene, folder, number, part)
    for panel in scene_file["panels"]:
        add_panel(scene, panel)
    add_world(scene, folder, scene_file)
    add_camera(scene, scene_file["camera"])
    set_up(scene, scene_file)
    scene.render.filepath = str(folder / "picture.exr")
    bpy.ops.render.render(write_still=True)


def set_up(scene, scene_file):
    scene.render.engine = "CYCLES"
    cycles = scene.cycles
    cycles.device = "CPU"
    cycles.samples = scene_file["samples"]
    cycles.seed = scene_file["seed"]
    cycles.use_adaptive_sampling = False
    cycles.use_denoising = scene_file["denoise"]
    cycles.max_bounces = 8
    cycles.pixel_filter_type = "BOX"
    scene.render.film_transparent = True
    image = scene.render.image_settings
    image.file_format, image.color_mode, image.color_depth = "OPEN_EXR", "RGBA", "32"


def add_part(scene, folder, number, part):
    data = np.load(folder / f"part{number}.npz")
    vertices, faces, uv, normals = data["vertices"], data["faces"], data["uv"], data["normals"]
    mesh = bpy.data.meshes.new(part["name"])
    mesh.vertices.add(len(vertices))
    mesh.vertices.foreach_set("co", vertices.astype(np.float32).ravel())
    mesh.loops.add(3 * len(faces))
    mesh.loops.foreach_set("vertex_index", faces.astype(np.int32).ravel())
    mesh.polygons.add(len(faces))
    mesh.polygons.foreach_set("loop_start", np.arange(0, 3 * len(faces), 3, dtype=np.int32))
    layer = mesh.uv_layers.new(name="uv")
    layer.data.foreach_set("uv", uv.astype(np.float32).ravel())
    mesh.update(calc_edges=True)
    mesh.polygons.foreach_set("use_smooth", np.ones(len(faces), bool))
    mesh.normals_split_custom_set_from_vertices(normals.astype(np.float32))
    mesh.materials.append(material_of(folder, number, part))
    scene.collection.objects.link(bpy.data.objects.new(part["name"], mesh))


def material_of(folder, number, part):
    material = bpy.data.materials.new(part["name"])
    material.use_nodes = True
    nodes, links = material.node_tree.nodes, material.node_tree.links
    nodes.clear()
    output = nodes.new("ShaderNodeOutputMaterial")
    albedo = picture(nodes, folder / f"albedo{number}.exr", "Linear Rec.709")
    roughness = picture(nodes, folder / f"roughness{number}.exr", "Non-Color")
    level = picture(nodes, folder / f"level{number}.exr", "Non-Color")
    normal = None
    if part["normal"]:
        normal = nodes.new("ShaderNodeNormalMap")
        links.new(picture(nodes, folder / f"normal{number}.exr", "Non-Color").outputs["Color"], normal.inputs["Color"])
    lobes = [lobe(nodes, links, part, albedo, level, normal)]
    links.new(roughness.outputs["Color"], lobes[0].inputs["Roughness"])
    shader = lobes[0].outputs[0]
    if part["second_share"] > 0:
        sharp = lobe(nodes, links, part, albedo, level, normal)
        sharp.inputs["Roughness"].default_value = part["second_roughness"]
        mix = nodes.new("ShaderNodeMixShader")
        mix.inputs[0].default_value = part["second_share"]
        links.new(shader, mix.inputs[1])
        links.new(sharp.outputs[0], mix.inputs[2])
        shader = mix.outputs[0]
    links.new(shader, output.inputs["Surface"])
    return material


def lobe(nodes, links, part, albedo, level, normal):
    surface = nodes.new("ShaderNodeBsdfPrincipled")
    links.new(albedo.outputs["Color"], surface.inputs["Base Color"])
    links.new(level.outputs["Color"], surface.inputs["Specular IOR Level"])
    if part["scatter_m"]:
        surface.subsurface_method = "RANDOM_WALK"
        surface.inputs["Subsurface Weight"].default_value = 1.0
        surface.inputs["Subsurface Scale"].default_value = 1.0
        surface.inputs["Subsurface Radius"].default_value = part["scatter_m"]
    if normal is not None:
        links.new(normal.outputs["Normal"], surface.inputs["Normal"])
    return surface


def picture(nodes, path, space):
    node = nodes.new("ShaderNodeTexImage")
    node.image = bpy.data.images.load(str(path))
    node.image.colorspace_settings.name = space
    node.extension = "EXTEND"
    return node


def add_panel(scene, panel):
    lamp = bpy.data.lights.new(panel["name"], "AREA")
    lamp.shape = "ELLIPSE" if panel["round"] else "RECTANGLE"
    lamp.size, lamp.size_y = panel["size_m"]
    area = panel["size_m"][0] * panel["size_m"][1] * (math.pi / 4 if panel["round"] else 1)
    # Watts over area and pi are radiance; the colour carries the channels.
    lamp.energy = math.pi * area
    lamp.color = panel["radiance"]
    lamp.cycles.max_bounces = 1024
    thing = bpy.data.objects.new(panel["name"], lamp)
    thing.matrix_world = mathutils.Matrix(panel["world_from_lamp"])
    thing.visible_camera = False
    scene.collection.objects.link(thing)


def add_world(scene, folder, scene_file):
    world = bpy.data.worlds.new("world")
    scene.world = world
    world.use_nodes = True
    nodes, links = world.node_tree.nodes, world.node_tree.links
    background = nodes["Background"]
    background.inputs["Color"].default_value = (0, 0, 0, 1)
    if scene_file["surroundings"]:
        image = nodes.new("ShaderNodeTexEnvironment")
        image.image = bpy.data.images.load(str(folder / "surroundings.exr"))
        image.image.colorspace_settings.name = "Linear Rec.709"
        links.new(image.outputs["Color"], background.inputs["Color"])


def add_camera(scene, camera):
    lens = bpy.data.cameras.new("camera")
    lens.sensor_fit, lens.sensor_width = "HORIZONTAL", 36.0
    width, height = camera["size_px"]
    lens.lens = 36.0 * camera["focal_px"] / width
    lens.shift_x = 0.5 - camera["centre_px"][0] / width
    lens.shift_y = (camera["centre_px"][1] - 0.5 * height) / width
    lens.clip_start, lens.clip_end = 0.01, 1000.0
    thing = bpy.data.objects.new("camera", lens)
    thing.matrix_world = mathutils.Matrix(camera["world_from_camera"])
    scene.collection.objects.link(thing)
    scene.camera = thing
    scene.render.resolution_x, scene.render.resolution_y = width, height
    scene.render.resolution_percentage = 100


if __name__ == "__main__":
    main(Path(sys.argv[sys.argv.index("--") + 1]))
