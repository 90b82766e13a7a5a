"""The report of a calibrated rig: report.json with every number, report.html that draws it."""

from scan3d.report.rig_report.numbers import RigReport, report_numbers
from scan3d.report.rig_report.page import render_rig_page, write_rig_report

__all__ = ["RigReport", "render_rig_page", "report_numbers", "write_rig_report"]
