"""The report of a checked take: check.json with every number, check.html that draws it."""

from scan3d.report.check_report.numbers import CheckReport, check_numbers
from scan3d.report.check_report.page import render_check_page, write_check_report

__all__ = ["CheckReport", "check_numbers", "render_check_page", "write_check_report"]
