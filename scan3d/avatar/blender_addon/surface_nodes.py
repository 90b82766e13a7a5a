"""Materials of a twin as Blender's nodes. Runs inside Blender."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import bpy

# Light goes this deep into skin, red the deepest (metres).
_SCATTER_M = (0.0037, 0.0014, 0.0007)


def made_material(table: dict[str, Any], folder: Path) -> Any:
    """The material of an entry of twin.json; its maps lie in the folder."""
    material = bpy.data.materials.new(table["name"])
    material.use_nodes = True
    nodes, links = material.node_tree.nodes, material.node_tree.links
    surface = next(node for node in nodes if node.type == "BSDF_PRINCIPLED")
    surface.inputs["Base Color"].default_value = (*table["colour"], 1)
    surface.inputs["Roughness"].default_value = table["roughness"]
    surface.inputs["Specular IOR Level"].default_value = table.get("specular", 0.5)
    if table["kind"] == "skin":
        surface.inputs["Subsurface Weight"].default_value = 0.2
        surface.inputs["Subsurface Radius"].default_value = [depth / _SCATTER_M[0] for depth in _SCATTER_M]
        surface.inputs["Subsurface Scale"].default_value = _SCATTER_M[0]

    def picture(kind: str, row: int, *, colour: bool = False) -> Any:
        node = nodes.new("ShaderNodeTexImage")
        node.image = _image(folder / table["maps"][kind])
        node.image.colorspace_settings.name = "sRGB" if colour else "Non-Color"
        node.label, node.location = kind, (-700, 300 - 280 * row)
        return node

    if "albedo" in table["maps"]:
        links.new(picture("albedo", 0, colour=True).outputs["Color"], surface.inputs["Base Color"])
    if "roughness" in table["maps"]:
        links.new(picture("roughness", 1).outputs["Color"], surface.inputs["Roughness"])
    if "specular" in table["maps"]:
        links.new(picture("specular", 4).outputs["Color"], surface.inputs["Specular IOR Level"])
    if "normal" in table["maps"]:
        bump = nodes.new("ShaderNodeNormalMap")
        bump.location = (-350, -260)
        links.new(picture("normal", 2).outputs["Color"], bump.inputs["Color"])
        links.new(bump.outputs["Normal"], surface.inputs["Normal"])
    if "displacement" in table["maps"]:
        _displacement(table, picture("displacement", 3), material)
    return material


def _image(path: Path) -> Any:
    """A picture; "albedo.<UDIM>.png" is all of its tiles that are there."""
    if "<UDIM>" not in path.name:
        return bpy.data.images.load(str(path), check_existing=True)
    before, after = path.name.split("<UDIM>")
    numbers = sorted(int(p.name[len(before) :][:4]) for p in path.parent.glob(f"{before}[0-9][0-9][0-9][0-9]{after}"))
    known = next((image for image in bpy.data.images if image.filepath == str(path)), None)
    if known is not None:
        return known
    image = bpy.data.images.load(str(path.with_name(f"{before}{numbers[0]}{after}")))
    image.source, image.name = "TILED", path.name
    image.filepath = str(path)
    image.tiles[0].number = numbers[0]
    for number in numbers[1:]:
        image.tiles.new(number)
    return image


def _displacement(table: dict[str, Any], picture: Any, material: Any) -> None:
    """Set up, and left for the artist to plug in: the normal map shows the same already."""
    low, high = table["displacement_m"]
    node = material.node_tree.nodes.new("ShaderNodeDisplacement")
    node.label, node.location = "plug into Material Output, unplug the normal map", (-350, -520)
    node.inputs["Scale"].default_value = high - low
    node.inputs["Midlevel"].default_value = -low / (high - low) if high > low else 0.5
    material.node_tree.links.new(picture.outputs["Color"], node.inputs["Height"])
