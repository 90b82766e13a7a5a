"""scan3d: one synchronised capture of a person by a calibrated rig becomes a digital twin.

World frame: metres, right-handed, Z up, the subject's feet near the origin, facing -Y.
Camera frame: x right, y down, z forward. Pixel centres lie at (0.5, 0.5).
"""

__version__ = "0.1.0"
