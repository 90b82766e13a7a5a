"""What people get to see: meshes as files, pictures of a surface, and the report that judges a capture."""

from scan3d.report.agreement import ReportView
from scan3d.report.data import Note, Picture, ReportData, StageNumbers, Thresholds
from scan3d.report.look import Look, View, look_at
from scan3d.report.measure import Known, measured, mesh_numbers
from scan3d.report.mesh_files import read_ply, write_glb, write_obj, write_ply
from scan3d.report.page import render_page, report_json, write_report
from scan3d.report.preview import Caption, look_from_sides, write_preview
from scan3d.report.shading import view_clay, view_colours, view_values
from scan3d.report.surface_view import SurfaceView
from scan3d.report.texture import Texture

__all__ = [
    "Caption",
    "Known",
    "Look",
    "Note",
    "Picture",
    "ReportData",
    "ReportView",
    "StageNumbers",
    "SurfaceView",
    "Texture",
    "Thresholds",
    "View",
    "look_at",
    "look_from_sides",
    "measured",
    "mesh_numbers",
    "read_ply",
    "render_page",
    "report_json",
    "view_clay",
    "view_colours",
    "view_values",
    "write_glb",
    "write_obj",
    "write_ply",
    "write_preview",
    "write_report",
]
