"""The fit of a body model to a scan."""

from scan3d.body.fit.fit import CLOTHINGS, fit_body
from scan3d.body.fit.result import Fitted

__all__ = ["CLOTHINGS", "Fitted", "fit_body"]
