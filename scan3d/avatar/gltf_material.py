"""A material in glTF 2.0: metal and roughness, normal map, and how strongly it mirrors."""

from __future__ import annotations

from typing import Any

from scan3d.avatar.avatar import Material
from scan3d.avatar.gltf_buffer import Buffer
from scan3d.avatar.pictures import largest_of, map_bytes, roughness_bytes, specular_bytes
from scan3d.avatar.skin import F0_OF_WHITE, ior_of

_USUAL_F0 = 0.04


def made_material(gltf: Any, buffer: Buffer, material: Material, texture_size: int | None) -> Any:
    """A material of the file, its pictures added to it. Khronos: core, KHR_materials_ior and _specular."""
    import pygltflib as g

    def texture(data: bytes, mime: str, name: str) -> int:
        if not gltf.samplers:
            gltf.samplers.append(g.Sampler(magFilter=9729, minFilter=9987, wrapS=33071, wrapT=33071))
        gltf.images.append(g.Image(bufferView=buffer.view(data), mimeType=mime, name=f"{material.name}_{name}"))
        gltf.textures.append(g.Texture(source=len(gltf.images) - 1, sampler=0))
        return len(gltf.textures) - 1

    maps, size = material.maps, texture_size
    surface = g.PbrMetallicRoughness(metallicFactor=0.0, roughnessFactor=material.roughness)
    made = g.Material(name=material.name, pbrMetallicRoughness=surface, alphaCutoff=None)
    if "albedo" in maps:
        picture = texture(map_bytes(maps["albedo"], largest=size, jpeg=True), "image/jpeg", "albedo")
        surface.baseColorTexture = g.TextureInfo(index=picture)
    else:
        surface.baseColorFactor = [*material.colour, 1.0]
    if "roughness" in maps:
        picture = texture(roughness_bytes(maps["roughness"], largest=size), "image/png", "roughness")
        surface.metallicRoughnessTexture = g.TextureInfo(index=picture)
        surface.roughnessFactor = 1.0
    if "normal" in maps:
        picture = texture(map_bytes(maps["normal"], largest=size, jpeg=False), "image/png", "normal")
        made.normalTexture = g.NormalMaterialTexture(index=picture)
    _mirroring(gltf, made, material, texture, size)
    return made


def _mirroring(gltf: Any, made: Any, material: Material, texture: Any, size: int | None) -> None:
    """How strongly it mirrors: by the index of refraction, and a map that takes from that."""
    f0 = F0_OF_WHITE * material.specular
    if "specular" in material.maps:
        # glTF's own 0.04 is enough for all of a body but teeth; where the map asks for more, it starts from there.
        f0 = max(_USUAL_F0, F0_OF_WHITE * largest_of(material.maps["specular"]))
        data = specular_bytes(material.maps["specular"], largest=size, gain=F0_OF_WHITE / f0)
        made.extensions["KHR_materials_specular"] = {
            "specularTexture": {"index": texture(data, "image/png", "specular")}
        }
    if abs(f0 - _USUAL_F0) > 1e-6:
        made.extensions["KHR_materials_ior"] = {"ior": round(ior_of(f0), 4)}
    gltf.extensionsUsed += [name for name in made.extensions if name not in gltf.extensionsUsed]
