"""The plan of a rig: rings of cameras around a subject, and the exact cameras that would hang there.

Azimuth 0 is in front of the subject, at -Y; it grows towards the subject's left, +X.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from scan3d.errors import CalibrationError
from scan3d.geometry.cameras import Camera, Intrinsics
from scan3d.geometry.rig import Rig
from scan3d.geometry.transforms import Array, Rigid3

# Streams of random numbers of their own, so that displacing one camera leaves the others as they were.
_MOUNTING, _DISPLACEMENT = 1, 2


@dataclass(frozen=True, kw_only=True)
class LensDefinition:
    """The lens and body that all cameras of a rig share, as far as they are alike.

    model, distortion: as in `Intrinsics`. width, height, focal_px: pixels. distance_m: of rings that do not say.
    focal_spread: standard deviation of the focal length between cameras, as a share of it. centre_spread_px: of the
    principal point. distortion_spread: of every distortion parameter, as a share of it.
    pixel_um: size of a pixel on the sensor, micrometres. f_number, exposure_s, iso, make, body, lens: for EXIF.
    """

    model: str
    width: int
    height: int
    focal_px: float
    distance_m: float
    distortion: tuple[float, ...] = ()
    focal_spread: float = 0.0
    centre_spread_px: float = 0.0
    distortion_spread: float = 0.0
    pixel_um: float = 4.0
    f_number: float = 11.0
    exposure_s: float = 1.0 / 160.0
    iso: float = 100.0
    make: str = "scan3d"
    body: str = "virtual camera"
    lens: str = "virtual lens"

    @property
    def focal_mm(self) -> float:
        """Focal length on the sensor, millimetres."""
        return self.focal_px * self.pixel_um * 1e-3

    def intrinsics(self) -> Intrinsics:
        """The lens as it is planned, with its axis in the middle of the picture."""
        return Intrinsics(
            model=self.model,
            width=self.width,
            height=self.height,
            fx=self.focal_px,
            fy=self.focal_px,
            cx=0.5 * self.width,
            cy=0.5 * self.height,
            distortion=self.distortion,
        )


@dataclass(frozen=True, kw_only=True)
class RingDefinition:
    """Cameras at equal steps, all the way round or along an arc.

    Either elevation_rad, as seen from the subject's centre at distance_m from it, or height_m above the floor at the
    horizontal distance_m. aim_height_m: height of the point on the subject's axis that they look at. start_rad: azimuth
    of the first camera. arc_rad: azimuth between the first and the last; None: all the way round.
    """

    cameras: int
    distance_m: float
    aim_height_m: float
    elevation_rad: float | None = None
    height_m: float | None = None
    start_rad: float = 0.0
    arc_rad: float | None = None

    @property
    def gaps(self) -> int:
        """Gaps between neighbours."""
        return self.cameras if self.arc_rad is None else self.cameras - 1

    def azimuth_rad(self, step: float) -> float:
        """Azimuth of a camera, counted from 0; halves lie between two of them."""
        return self.start_rad + (2.0 * math.pi if self.arc_rad is None else self.arc_rad) * step / self.gaps


@dataclass(frozen=True, kw_only=True)
class RigLimits:
    """What the checks of this rig shall ask for; None: what they ask of any rig.

    reprojection_px: median distance between corners of boards and the calibration, of one camera, above which it is
    warned of. board_views: boards that a camera must have seen. board_coverage: share of its picture they must have
    covered. drift_px: how far a camera may disagree with the calibration in a take. calibration_age_days: after which
    the boards should be photographed again. time_skew_s: between the first and the last photograph of a take.
    exposure_spread: between cameras, in stops. cameras_per_point: that must see every point around the subject.
    """

    reprojection_px: float | None = None
    board_views: int | None = None
    board_coverage: float | None = None
    drift_px: float | None = None
    calibration_age_days: float | None = None
    time_skew_s: float | None = None
    exposure_spread: float | None = None
    cameras_per_point: int | None = None


@dataclass(frozen=True, kw_only=True)
class RigDefinition:
    """A rig as it is planned.

    subject: "head" or "body". subject_centre_m: (3,) world; subject_radius_m: of the sphere that holds the subject.
    held_out_count: cameras between the others whose photographs nobody is given. lights: a name that
    `scan3d.simulate.lights.light_setups` knows. position_spread_m, aim_spread_rad, roll_spread_rad: standard deviations
    between where cameras are planned and where they hang. limits: what checks of this rig ask for.
    """

    name: str
    subject: str
    subject_centre_m: tuple[float, float, float]
    subject_radius_m: float
    lens: LensDefinition
    rings: tuple[RingDefinition, ...]
    held_out_count: int = 0
    lights: str = "studio"
    position_spread_m: float = 0.0
    aim_spread_rad: float = 0.0
    roll_spread_rad: float = 0.0
    limits: RigLimits = RigLimits()
    source: str = field(default="", compare=False)

    @property
    def camera_count(self) -> int:
        """Cameras whose photographs a take has."""
        return sum(ring.cameras for ring in self.rings)

    @property
    def camera_ids(self) -> tuple[str, ...]:
        """cam00, cam01, ... in the order of the rings."""
        digits = max(2, len(str(self.camera_count - 1)))
        return tuple(f"cam{number:0{digits}}" for number in range(self.camera_count))

    def scaled(self, factor: float) -> RigDefinition:
        """The same rig with sensors of `factor` as many pixels along a side, each as much larger."""
        lens = self.lens
        width, height = max(1, round(lens.width * factor)), max(1, round(lens.height * factor))
        share = math.sqrt(width * height / (lens.width * lens.height))
        smaller = replace(
            lens,
            width=width,
            height=height,
            focal_px=lens.focal_px * share,
            centre_spread_px=lens.centre_spread_px * share,
            pixel_um=lens.pixel_um / share,
        )
        return replace(self, lens=smaller)

    def rig(self, *, seed: int = 0, displaced: Mapping[str, tuple[float, float]] | None = None) -> Rig:
        """The exact cameras.

        seed: of what differs between cameras (see the spreads). displaced: camera id -> (millimetres, degrees) that it
        was moved and turned by since the calibration, in directions that follow from the seed.
        Raises CalibrationError where a displaced camera is not one of the rig's.
        """
        moved = dict(displaced or {})
        unknown = sorted(set(moved) - set(self.camera_ids))
        if unknown:
            what, known = f"The rig has no camera '{unknown[0]}'.", ", ".join(self.camera_ids)
            raise CalibrationError(what, self.source or self.name, f"Its cameras are: {known}.")
        planned = (self._planned(ring, k) for ring in self.rings for k in range(ring.cameras))
        cameras = []
        for number, (camera_id, place) in enumerate(zip(self.camera_ids, planned, strict=True)):
            camera = self._mounted(camera_id, place, np.random.default_rng([seed, _MOUNTING, number]))
            if camera_id in moved:
                rng = np.random.default_rng([seed, _DISPLACEMENT, number])
                camera = _displaced(camera, *moved[camera_id], rng)
            cameras.append(camera)
        return Rig(cameras=tuple(cameras), source=f"rig {self.name}, seed {seed}")

    def held_out(self, *, seed: int = 0) -> Rig:
        """Cameras halfway between neighbours of a ring, spread over all rings: held00, held01, ..."""
        cameras = []
        for number in range(self.held_out_count):
            ring = self.rings[number % len(self.rings)]
            turn = number // len(self.rings)
            per_ring = math.ceil(self.held_out_count / len(self.rings))
            # Every ring starts elsewhere, so that few of them look from many sides.
            step = (turn + (number % len(self.rings)) / len(self.rings)) * ring.gaps / per_ring
            place = self._planned(ring, math.floor(step) + 0.5)
            rng = np.random.default_rng([seed, _MOUNTING, self.camera_count + number])
            cameras.append(self._mounted(f"held{number:02}", place, rng))
        return Rig(cameras=tuple(cameras), source=f"held out of rig {self.name}, seed {seed}")

    def _planned(self, ring: RingDefinition, step: float) -> tuple[Array, Array]:
        """Where a camera of a ring stands and what it looks at, world, metres."""
        centre = np.array(self.subject_centre_m)
        azimuth = ring.azimuth_rad(step)
        outward = np.array([math.sin(azimuth), -math.cos(azimuth), 0.0])
        aim = np.array([centre[0], centre[1], ring.aim_height_m])
        if ring.elevation_rad is not None:
            away, up = math.cos(ring.elevation_rad), math.sin(ring.elevation_rad)
            return centre + ring.distance_m * (outward * away + np.array([0.0, 0.0, up])), aim
        assert ring.height_m is not None
        floor = np.array([centre[0], centre[1], ring.height_m])
        return floor + ring.distance_m * outward, aim

    def _mounted(self, camera_id: str, place: tuple[Array, Array], rng: np.random.Generator) -> Camera:
        """The camera as it hangs: planned, and off by what no bracket holds."""
        centre = place[0] + self.position_spread_m * rng.standard_normal(3)
        turn = rng.standard_normal(3) * (self.aim_spread_rad, self.aim_spread_rad, self.roll_spread_rad)
        planned = look_at(place[0], place[1])
        rotation = Rigid3.exp([0.0, 0.0, 0.0, *turn]).rotation @ planned.rotation
        lens, focal, off = self.lens, rng.standard_normal(), rng.standard_normal(2)
        params = lens.intrinsics().params()
        params[:2] *= 1.0 + lens.focal_spread * focal
        params[2:4] += lens.centre_spread_px * off
        params[4:] *= 1.0 + lens.distortion_spread * rng.standard_normal(len(params) - 4)
        cam_from_world = Rigid3(rotation=rotation, translation=-rotation @ centre)
        intrinsics = lens.intrinsics().with_params(params)
        return Camera(camera_id=camera_id, intrinsics=intrinsics, cam_from_world=cam_from_world)


def look_at(centre_m: Array, target_m: Array) -> Rigid3:
    """cam_from_world of a camera at a place (3,) that looks at another, upright: its y axis points down."""
    forward = np.asarray(target_m, dtype=np.float64) - centre_m
    forward /= np.linalg.norm(forward)
    upward = np.array([0.0, 0.0, 1.0]) if abs(forward[2]) < 1.0 - 1e-9 else np.array([0.0, 1.0, 0.0])
    right = np.cross(forward, upward)
    right /= np.linalg.norm(right)
    rotation = np.stack([right, np.cross(forward, right), forward])
    return Rigid3(rotation=rotation, translation=-rotation @ centre_m)


def _displaced(camera: Camera, moved_mm: float, turned_deg: float, rng: np.random.Generator) -> Camera:
    way, axis = rng.standard_normal(3), rng.standard_normal(3)
    centre = camera.centre + 1e-3 * moved_mm * way / np.linalg.norm(way)
    turn = np.radians(turned_deg) * axis / np.linalg.norm(axis)
    rotation = Rigid3.exp([0.0, 0.0, 0.0, *turn]).rotation @ camera.cam_from_world.rotation
    return replace(camera, cam_from_world=Rigid3(rotation=rotation, translation=-rotation @ centre))
