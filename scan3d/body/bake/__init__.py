"""Maps of a body: what the scan shows beyond its mesh, on the body's own texture coordinates."""

from scan3d.body.bake.maps import BakedMaps, BakeOptions, bake_maps
from scan3d.body.bake.surfaces import BakeTarget, ScanTexture, SolvedMaps, bake_target

__all__ = ["BakeOptions", "BakeTarget", "BakedMaps", "ScanTexture", "SolvedMaps", "bake_maps", "bake_target"]
