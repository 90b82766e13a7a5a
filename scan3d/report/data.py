"""What a report holds: plain numbers with units, filled by a workflow, judged and drawn here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, kw_only=True)
class MeshNumbers:
    """The surface. Lengths are metres, or the world's own unit when the scale is not metric.

    size_m            along x, y, z.
    edge_m            middle length of an edge.
    pieces            connected parts.
    open_edges        edges with one face only: 0 for a closed surface.
    """

    vertices: int
    faces: int
    area_m2: float
    size_m: tuple[float, float, float]
    edge_m: float
    pieces: int
    open_edges: int


@dataclass(frozen=True, kw_only=True)
class TextureNumbers:
    """The colour maps.

    texel_m  side of a texel on the surface, in the middle.
    seen     share of the surface whose texels come from photographs; the rest was filled in. None: not known.
    """

    tiles: int
    width_px: int
    height_px: int
    bits: int
    texel_m: float
    seen: float | None = None


@dataclass(frozen=True, kw_only=True)
class CoverageNumbers:
    """Which share of the surface's area is seen by exactly 0, 1, 2 ... cameras, at most `max_angle_deg`
    off.
    """

    shares: tuple[float, ...]
    max_angle_deg: float

    def below(self, cameras: int) -> float:
        """The share of the surface that fewer than so many cameras see."""
        return float(sum(self.shares[:cameras]))


@dataclass(frozen=True, kw_only=True)
class Histogram:
    """Shares of the surface's area between K + 1 edges, ascending; the K shares sum to 1."""

    edges: tuple[float, ...]
    shares: tuple[float, ...]

    def below(self, value: float) -> float:
        """The share below a value, linear inside the bin that it falls into."""
        return float(np.interp(value, self.edges, np.concatenate([[0.0], np.cumsum(self.shares)])))


@dataclass(frozen=True, kw_only=True)
class CameraNumbers:
    """One camera. What was not measured is None.

    position_m, forward   where it stands and looks, world frame.
    shift_px              how far its photograph lies from the model, pixels of the full photograph (RMS).
    exposure_ev           brighter (+) or darker (-) than the model's colours, stops.
    photometric_levels    what differs after shift and exposure, robust standard deviation, 8-bit sRGB levels.
    sharpness             power of its detail over the model's, waves of 2 to 8 px; only comparisons between
                          the cameras of a rig say something.
    calibration_px        mean reprojection error of its calibration, pixels.
    depth_confirmed       share of its subject pixels whose depth its neighbours confirm.
    surface_seen          share of the surface's area that it sees.
    mask_share            share of its photograph that the mask calls subject.
    mask_overlap          share of the model in its picture that the mask calls subject.
    """

    camera_id: str
    position_m: tuple[float, float, float]
    forward: tuple[float, float, float]
    shift_px: float | None = None
    exposure_ev: float | None = None
    photometric_levels: float | None = None
    sharpness: float | None = None
    calibration_px: float | None = None
    depth_confirmed: float | None = None
    surface_seen: float | None = None
    mask_share: float | None = None
    mask_overlap: float | None = None


@dataclass(frozen=True, kw_only=True)
class StageNumbers:
    """What one stage cost; `reused` when its result was there already (the cost is then that of the first
    run).
    """

    name: str
    wall_s: float
    cpu_s: float
    peak_mb: float
    reused: bool = False


@dataclass(frozen=True, kw_only=True)
class Note:
    """Something the user should know, with the place it concerns and what to do; all are plain sentences."""

    what: str
    where: str = ""
    next_step: str = ""


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A picture of the report's page.

    section  "preview", "coverage", "confidence", "masks", or "camera:<id>" for a flagged camera.
    caption  what it shows, in a sentence; also its text for those who cannot see it.
    rgb      (H, W, 3) uint8 sRGB.
    """

    section: str
    caption: str
    rgb: NDArray[np.uint8]


@dataclass(frozen=True, kw_only=True)
class Thresholds:
    """When a number asks for attention (look) or spoils the result (bad).

    A camera is compared with the others of its rig as well: `outlier` is how many robust standard deviations
    from their median it must stand out for a look. `sharpness_look`, `depth_look` and `depth_bad` are shares
    of the rig's median.
    """

    shift_look_px: float = 0.7
    shift_bad_px: float = 2.0
    exposure_look_ev: float = 0.33
    exposure_bad_ev: float = 1.0
    photometric_look_levels: float = 6.0
    sharpness_look: float = 0.5
    depth_look: float = 0.65
    depth_bad: float = 0.35
    outlier: float = 5.0
    needed_cameras: int = 2
    uncovered_look: float = 0.12
    uncovered_bad: float = 0.25
    low_confidence: float = 0.3
    unsure_look: float = 0.12
    unsure_bad: float = 0.4
    seen_look: float = 0.01
    mask_overlap_look: float = 0.95


@dataclass(frozen=True, kw_only=True)
class ReportData:
    """All that report.json and report.html say.

    take             name of the take.
    created          when, ISO 8601 with time zone.
    quality          preview, standard or high.
    scale_is_metric  whether lengths are metres.
    cameras          in the rig's order.
    stages           in the order they ran.
    wall_s, cpu_s    of the whole run so far, seconds.
    settings         options of every stage, as JSON values.
    versions         of scan3d, Python and the libraries that made the result.
    machine          processor, cores, memory_gb, system.
    warnings         what stages had to say.
    """

    take: str
    created: str
    quality: str
    scale_is_metric: bool
    mesh: MeshNumbers
    texture: TextureNumbers | None = None
    coverage: CoverageNumbers | None = None
    confidence: Histogram | None = None
    cameras: tuple[CameraNumbers, ...] = ()
    stages: tuple[StageNumbers, ...] = ()
    wall_s: float = 0.0
    cpu_s: float = 0.0
    settings: Mapping[str, Any] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    machine: Mapping[str, Any] = field(default_factory=dict)
    warnings: tuple[Note, ...] = ()
    thresholds: Thresholds = field(default_factory=Thresholds)
    pictures: tuple[Picture, ...] = ()
