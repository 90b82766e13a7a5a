"""A human body as data: the CC0 base mesh of MakeHuman with its shape targets, joints, weights and masks."""

from scan3d.openhuman.macro import Macro, macro_targets
from scan3d.openhuman.reader import OpenHuman, load_open_human

__all__ = ["Macro", "OpenHuman", "load_open_human", "macro_targets"]
