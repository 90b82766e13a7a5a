"""Meshes as files other programs open: PLY (metres, world frame), OBJ with maps, and glTF binary (Y up)."""

from scan3d.report.mesh_files.glb import write_glb
from scan3d.report.mesh_files.obj import write_obj
from scan3d.report.mesh_files.ply import read_ply, write_ply

__all__ = ["read_ply", "write_glb", "write_obj", "write_ply"]
