"""How good a result is beside an exact truth: shape, colour, cameras, and the marks on the skin.

Nothing here looks at how the result was made.
"""

from scan3d.report.score.colour import ViewScore, relative_power, rephotograph
from scan3d.report.score.frame import CameraScore, fit_frame, score_cameras
from scan3d.report.score.imperfections import MarkScore, score_imperfections
from scan3d.report.score.models import load_model
from scan3d.report.score.shape import AtTolerance, Distances, MeshScore, score_mesh

__all__ = [
    "AtTolerance",
    "CameraScore",
    "Distances",
    "MarkScore",
    "MeshScore",
    "ViewScore",
    "fit_frame",
    "load_model",
    "relative_power",
    "rephotograph",
    "score_cameras",
    "score_imperfections",
    "score_mesh",
]
