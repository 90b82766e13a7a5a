"""Light as a rig has it: panels, surroundings and polarisers, one setup for each photograph of a sequence."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from scan3d.geometry.cameras import Camera

Polarisation = Literal["none", "cross", "parallel"]


@dataclass(frozen=True, kw_only=True)
class Panel:
    """A softbox: a rectangle that shines evenly from one side.

    centre_m, target_m: (3,) world; it faces the target. size_m: width and height. radiance: (3,) linear Rec.709.
    round: the ellipse within the rectangle shines, as of a beauty dish or an octabox.
    on_camera: a flash that moves with the camera, centre and target in the camera's frame (x right, y down, z ahead).
    guessed: nobody has measured where it sits; the photographs tell.
    """

    name: str
    centre_m: tuple[float, float, float]
    target_m: tuple[float, float, float]
    size_m: tuple[float, float]
    radiance: tuple[float, float, float]
    round: bool = False
    on_camera: bool = False
    guessed: bool = False

    def corners_m(self) -> np.ndarray:
        """(4, 3) corners in the world, counter-clockwise seen from the target."""
        centre = np.asarray(self.centre_m, float)
        ahead = np.asarray(self.target_m, float) - centre
        ahead /= np.linalg.norm(ahead)
        helper = np.array([0.0, 0.0, 1.0]) if abs(ahead[2]) < 0.95 else np.array([0.0, 1.0, 0.0])
        right = np.cross(helper, ahead)
        right /= np.linalg.norm(right)
        up = np.cross(ahead, right)
        a, b = 0.5 * self.size_m[0] * right, 0.5 * self.size_m[1] * up
        return np.stack([centre - a - b, centre + a - b, centre + a + b, centre - a + b])

    def area_m2(self) -> float:
        """Of what shines."""
        return self.size_m[0] * self.size_m[1] * (np.pi / 4 if self.round else 1.0)

    def points_m(self, side: int) -> np.ndarray:
        """(side * side, 3) points that stand for equal areas: a grid, bent to the ellipse of a round one (the
        concentric map of Shirley and Chiu 1997)."""
        corners = self.corners_m()
        right, up = corners[1] - corners[0], corners[3] - corners[0]
        steps = (np.arange(side) + 0.5) / side
        a, b = (grid.ravel() for grid in np.meshgrid(steps, steps, indexing="ij"))
        if self.round:
            x, y = 2 * a - 1, 2 * b - 1
            wide = np.abs(x) > np.abs(y)
            radius = np.where(wide, x, y)
            ratio = np.where(wide, y, x) / np.where(radius == 0, 1, radius)
            turn = np.where(wide, np.pi / 4 * ratio, np.pi / 2 - np.pi / 4 * ratio)
            a, b = 0.5 + 0.5 * radius * np.cos(turn), 0.5 + 0.5 * radius * np.sin(turn)
        return np.asarray(corners[0] + a[:, None] * right + b[:, None] * up)


@dataclass(frozen=True, kw_only=True, eq=False)
class Surroundings:
    """Light from all directions: radiance (H, W, 3) float32 linear, a latitude-longitude picture with its top at +Z
    and its middle column at -Y, in front of the subject."""

    radiance: np.ndarray


@dataclass(frozen=True, kw_only=True, eq=False)
class LightSetup:
    """All light of one photograph. name: the light's id in a take. polarisation: of lamps against lenses."""

    name: str
    panels: tuple[Panel, ...] = ()
    surroundings: Surroundings | None = None
    polarisation: Polarisation = "none"

    def record(self) -> dict[str, Any]:
        """JSON values of what it is, for truth/lights.json."""
        panels = [
            {"name": p.name, "centre_m": p.centre_m, "target_m": p.target_m, "size_m": p.size_m, "radiance": p.radiance}
            for p in self.panels
        ]
        around = None if self.surroundings is None else self.surroundings.radiance.mean(axis=(0, 1)).tolist()
        return {"name": self.name, "polarisation": self.polarisation, "panels": panels, "mean_surroundings": around}

    @property
    def on_camera(self) -> bool:
        """Whether a lamp moves with the camera: every photograph then has a light of its own."""
        return any(panel.on_camera for panel in self.panels)


def placed(setup: LightSetup, camera: Camera) -> LightSetup:
    """The light of one camera's photograph: lamps that sit on the camera, where they were in the world."""
    return replace(setup, panels=tuple(_placed(panel, camera) for panel in setup.panels))


def _placed(panel: Panel, camera: Camera) -> Panel:
    if not panel.on_camera:
        return panel
    pose = camera.cam_from_world
    ends = (np.array([panel.centre_m, panel.target_m], float) - pose.translation) @ pose.rotation
    centre, target = ((float(x), float(y), float(z)) for x, y, z in ends)
    return replace(panel, centre_m=centre, target_m=target, on_camera=False)
