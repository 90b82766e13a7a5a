"""Transforms, cameras, rigs and meshes: NumPy arrays, no files."""

from scan3d.geometry.cameras import Camera, Intrinsics
from scan3d.geometry.mesh import Mesh
from scan3d.geometry.rig import Rig
from scan3d.geometry.transforms import Rigid3

__all__ = ["Camera", "Intrinsics", "Mesh", "Rig", "Rigid3"]
