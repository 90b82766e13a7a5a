"""Cameras of a rig: calibration files, COLMAP models, alignment from photographs."""
