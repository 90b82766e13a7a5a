"""A material in OpenUSD, twice: UsdPreviewSurface, which all programs read, and MaterialX's OpenPBR surface."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from scan3d.avatar.avatar import Material
from scan3d.avatar.pictures import map_bytes, mean_of
from scan3d.avatar.skin import F0_OF_WHITE, SCATTER_M, SKIN_SUBSURFACE, ior_of
from scan3d.avatar.tiles import Tiled
from scan3d.pipeline.aside import write_bytes

# kind of map, colour space, of UsdPreviewSurface: input and type, of OpenPBR: input and type
_MAPS = (
    ("albedo", "sRGB", "diffuseColor", "Color3f", "base_color", "color3"),
    ("roughness", "raw", "roughness", "Float", "specular_roughness", "float"),
    ("specular", "raw", "", "", "specular_weight", "float"),
    ("normal", "raw", "normal", "Normal3f", "geometry_normal", "vector3"),
)
_OF_MATERIALX = {"color3": "Color3f", "float": "Float", "vector3": "Float3", "vector2": "Float2"}


def write_material(stage: Any, at: Any, tiles: Tiled, path: Path, texture_size: int | None) -> Any:
    """Defines the material at a path of the stage, and writes its maps beside `path`, the file that the stage becomes.

    Maps in several tiles are UDIM's: "albedo.<UDIM>.png".
    """
    from pxr import UsdShade

    made = UsdShade.Material.Define(stage, at)
    files = {kind: _written(tiles, kind, path, texture_size) for kind, *_ in _MAPS if tiles.pictures(kind)}
    made.CreateSurfaceOutput().ConnectToSource(_preview(stage, at, tiles, files).ConnectableAPI(), "surface")
    with variant(stage):
        surface = _open_pbr(stage, at, tiles.first, files)
        made.CreateSurfaceOutput("mtlx").ConnectToSource(surface.ConnectableAPI(), "out")
    return made


def variant(stage: Any) -> Any:
    """Where the OpenPBR surfaces are written: the variant "open_pbr" of the default prim's set "shading".

    "preview", which is chosen, has none of them: a USD without MaterialX finds nothing that it does not know.
    """
    shading = stage.GetDefaultPrim().GetVariantSets().AddVariantSet("shading")
    if not shading.GetVariantNames():
        shading.AddVariant("preview")
        shading.AddVariant("open_pbr")
    shading.SetVariantSelection("open_pbr")
    return shading.GetVariantEditContext()


def _written(tiles: Tiled, kind: str, path: Path, texture_size: int | None) -> str:
    """The maps' name in the stage."""
    pictures = tiles.pictures(kind)
    jpeg = all(source.suffix.lower() in (".jpg", ".jpeg") for source in pictures.values())
    suffix, folder = ".jpg" if jpeg else ".png", path.with_name(f"{path.stem}_maps")
    for number, source in pictures.items():
        name = f"{kind}.{number}" if tiles.several else source.stem
        write_bytes(folder / f"{name}{suffix}", map_bytes(source, largest=texture_size, jpeg=jpeg))
    name = f"{kind}.<UDIM>" if tiles.several else next(iter(pictures.values())).stem
    return f"./{folder.name}/{name}{suffix}"


def _specular(tiles: Tiled) -> float:
    """How strongly a material mirrors on average: the reflectance straight on, over 0.08."""
    pictures = tiles.pictures("specular")
    if not pictures:
        return tiles.first.specular
    return sum(mean_of(picture) for picture in pictures.values()) / len(pictures)


def _preview(stage: Any, at: Any, tiles: Tiled, files: dict[str, str]) -> Any:
    from pxr import Gf, Sdf

    kinds, material = Sdf.ValueTypeNames, tiles.first
    surface = _shader(stage, at.AppendChild("surface"), "UsdPreviewSurface")
    surface.CreateInput("metallic", kinds.Float).Set(0.0)
    surface.CreateInput("roughness", kinds.Float).Set(material.roughness)
    # It has no strength of mirroring that a map could drive.
    surface.CreateInput("ior", kinds.Float).Set(ior_of(F0_OF_WHITE * _specular(tiles)))
    surface.CreateInput("diffuseColor", kinds.Color3f).Set(Gf.Vec3f(*material.colour))
    reader = _shader(stage, at.AppendChild("coordinates"), "UsdPrimvarReader_float2")
    reader.CreateInput("varname", kinds.String).Set("st")
    reader.CreateOutput("result", kinds.Float2)
    for kind, space, name, type_name, *_ in _MAPS:
        if kind not in files or not name:
            continue
        picture = _shader(stage, at.AppendChild(kind), "UsdUVTexture")
        picture.CreateInput("file", kinds.Asset).Set(Sdf.AssetPath(files[kind]))
        picture.CreateInput("sourceColorSpace", kinds.Token).Set(space)
        picture.CreateInput("wrapS", kinds.Token).Set("repeat")
        picture.CreateInput("wrapT", kinds.Token).Set("repeat")
        if kind == "normal":
            # Eight bits hold -1 to 1.
            picture.CreateInput("scale", kinds.Float4).Set(Gf.Vec4f(2, 2, 2, 1))
            picture.CreateInput("bias", kinds.Float4).Set(Gf.Vec4f(-1, -1, -1, 0))
        picture.CreateInput("st", kinds.Float2).ConnectToSource(reader.ConnectableAPI(), "result")
        output = "r" if type_name == "Float" else "rgb"
        picture.CreateOutput(output, kinds.Float if output == "r" else kinds.Float3)
        surface.CreateInput(name, getattr(kinds, type_name)).ConnectToSource(picture.ConnectableAPI(), output)
    return surface


def _open_pbr(stage: Any, at: Any, material: Material, files: dict[str, str]) -> Any:
    """OpenPBR 1.1 by MaterialX's names of nodes."""
    from pxr import Gf, Sdf

    kinds = Sdf.ValueTypeNames
    surface = _shader(stage, at.AppendChild("open_pbr"), "ND_open_pbr_surface_surfaceshader")
    surface.CreateOutput("out", kinds.Token)
    surface.CreateInput("base_color", kinds.Color3f).Set(Gf.Vec3f(*material.colour))
    surface.CreateInput("specular_roughness", kinds.Float).Set(material.roughness)
    # With a map, white mirrors 0.08 straight on, and the weight takes the rest away.
    top = F0_OF_WHITE * (1.0 if "specular" in files else material.specular)
    surface.CreateInput("specular_ior", kinds.Float).Set(ior_of(top))
    inputs = {"base_color": surface.GetInput("base_color")}
    if material.kind == "skin":
        surface.CreateInput("subsurface_weight", kinds.Float).Set(SKIN_SUBSURFACE)
        inputs["subsurface_color"] = surface.CreateInput("subsurface_color", kinds.Color3f)
        inputs["subsurface_color"].Set(Gf.Vec3f(*material.colour))
        surface.CreateInput("subsurface_radius", kinds.Float).Set(SCATTER_M[0])
        scale = Gf.Vec3f(*(depth / SCATTER_M[0] for depth in SCATTER_M))
        surface.CreateInput("subsurface_radius_scale", kinds.Color3f).Set(scale)
    if not files:
        return surface
    coordinates = _shader(stage, at.AppendChild("mtlx_coordinates"), "ND_geompropvalue_vector2")
    coordinates.CreateInput("geomprop", kinds.String).Set("st")
    coordinates.CreateOutput("out", kinds.Float2)
    for kind, space, _, _, name, type_name in _MAPS:
        if kind not in files:
            continue
        held = getattr(kinds, _OF_MATERIALX[type_name])
        picture = _shader(stage, at.AppendChild(f"mtlx_{kind}"), f"ND_image_{type_name}")
        file = picture.CreateInput("file", kinds.Asset)
        file.Set(Sdf.AssetPath(files[kind]))
        file.GetAttr().SetColorSpace("srgb_texture" if space == "sRGB" else "raw")
        picture.CreateInput("texcoord", kinds.Float2).ConnectToSource(coordinates.ConnectableAPI(), "out")
        picture.CreateOutput("out", held)
        source = picture
        if kind == "normal":
            source = _shader(stage, at.AppendChild("mtlx_bump"), "ND_normalmap_float")
            source.CreateInput("in", held).ConnectToSource(picture.ConnectableAPI(), "out")
            source.CreateOutput("out", held)
        plugged = inputs.get(name) or surface.CreateInput(name, held)
        plugged.ConnectToSource(source.ConnectableAPI(), "out")
        if kind == "albedo" and "subsurface_color" in inputs:
            inputs["subsurface_color"].ConnectToSource(source.ConnectableAPI(), "out")
    return surface


def _shader(stage: Any, at: Any, identifier: str) -> Any:
    from pxr import UsdShade

    made = UsdShade.Shader.Define(stage, at)
    made.CreateIdAttr(identifier)
    return made
