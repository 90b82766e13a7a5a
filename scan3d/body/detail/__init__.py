"""The surface of a scan as offsets of a fitted body's finer mesh, at rest, so that they follow any pose."""

from scan3d.body.detail.registration import Detail, register_detail

__all__ = ["Detail", "register_detail"]
