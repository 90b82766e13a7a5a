"""A parametric body in SMPL-X's format: the open model, skinning, the fit to a scan, its detail, poses and motion."""
