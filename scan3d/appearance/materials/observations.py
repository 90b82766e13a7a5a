"""What the solve is given: cameras, and photographs of each under each lamp, with or without polarisers."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from scan3d.appearance.visibility import look_through
from scan3d.errors import InputError
from scan3d.geometry import Camera, Mesh
from scan3d.geometry.lights import LightSetup
from scan3d.pipeline.executor import run_chunks

KEPT_BYTES = 1 << 30
_NOISE = 0.1  # of a wave's height, against which it is restored


@dataclass(frozen=True, kw_only=True)
class LitView:
    """One camera. camera: pinhole. load(light_id): (H, W, 3) float32 linear radiance, in the lamps' unit.
    load_mask(): (H, W) bool, True on the subject."""

    camera: Camera
    load: Callable[[str], np.ndarray]
    load_mask: Callable[[], np.ndarray] | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class Lamp:
    """A light and the ids of its photographs; cross and parallel, or plain, or cross alone, which shows no gloss."""

    setup: LightSetup
    cross: str | None = None
    parallel: str | None = None
    plain: str | None = None

    @property
    def polarised(self) -> bool:
        return self.cross is not None

    @property
    def shows_gloss(self) -> bool:
        return self.plain is not None or self.parallel is not None

    @property
    def diffuse(self) -> tuple[str, float]:
        """The photograph that shows its diffuse light, and what that is to be multiplied with: crossed polarisers let
        half of it through. Without polarisers its gloss is in there, too."""
        if self.cross is not None:
            return self.cross, 2.0
        assert self.plain is not None
        return self.plain, 1.0


def lamps_of(setups: Mapping[str, LightSetup]) -> tuple[Lamp, ...]:
    """Lights by what shines, photographs with crossed and parallel polarisers together.

    A light whose panels all stand alone in others is left out: it says nothing new. Raises InputError where parallel
    polarisers have no crossed ones beside them.
    """
    groups: dict[object, dict[str, str]] = {}
    first: dict[object, LightSetup] = {}
    for light_id, setup in setups.items():
        around = None if setup.surroundings is None else setup.surroundings.radiance.tobytes()
        key: object = (tuple(sorted(panel.name for panel in setup.panels)), around)
        state = {"none": "plain"}.get(setup.polarisation, setup.polarisation)
        groups.setdefault(key, {})[state] = light_id
        first.setdefault(key, setup)
    alone = {setup.panels[0].name for setup in first.values() if len(setup.panels) == 1 and setup.surroundings is None}
    lamps = []
    for key, ids in groups.items():
        names = {panel.name for panel in first[key].panels}
        if len(names) > 1 and names <= alone and first[key].surroundings is None:
            continue
        if "cross" in ids:
            lamps.append(Lamp(setup=first[key], cross=ids["cross"], parallel=ids.get("parallel")))
        elif "plain" in ids:
            lamps.append(Lamp(setup=first[key], plain=ids["plain"]))
        else:
            what = (
                f"The light '{ids['parallel']}' has parallel polarisers, and there is no photograph with crossed ones."
            )
            raise InputError(
                what, "lights.toml", "Photograph it with crossed polarisers, or say polarisation = 'none'."
            )
    return tuple(lamps)


@dataclass(frozen=True, kw_only=True, eq=False)
class Sight:
    """Where N points lie in a view: place (N, 2) pixels, share (N,) how much it counts, cosine (N,); centre (3,)."""

    place: np.ndarray
    share: np.ndarray
    cosine: np.ndarray
    centre: np.ndarray


class Watched:
    """A view that points are looked up in: what it sees of the surface is worked out once."""

    def __init__(self, mesh: Mesh, view: LitView, *, least: float = 0.15) -> None:
        """least: cosine of the slant up to which the view counts."""
        mask = view.load_mask() if view.load_mask is not None else None
        self.view, self.visible, self.least = view, look_through(mesh, view.camera, mask), least

    def sight(self, position: np.ndarray, normal: np.ndarray) -> Sight:
        """Of points (N, 3) with normals, float32 world."""
        from scan3d.appearance.materials.kernels import look

        camera, count = self.view.camera, len(position)
        place, share = np.zeros((count, 2), np.float32), np.zeros(count, np.float32)
        cosine = np.zeros(count, np.float32)
        matrix = camera.intrinsics.matrix() @ camera.cam_from_world.matrix()[:3]
        look(
            0, count, position, normal, matrix, camera.centre, float(camera.intrinsics.fx), self.visible.depth,
            self.visible.trust, self.least, place, share, cosine,
        )  # fmt: skip
        return Sight(place=place, share=share, cosine=cosine, centre=np.asarray(camera.centre, np.float64))


class Kept:
    """What the views of a surface see, each worked out when it is first asked for, kept as far as there is room."""

    def __init__(self, mesh: Mesh, views: Sequence[LitView]) -> None:
        self._mesh, self._views = mesh, views
        self._made: dict[int, Watched] = {}

    def view(self, number: int) -> Watched:
        """One of the views, by its row."""
        if number in self._made:
            return self._made[number]
        made = Watched(self._mesh, self._views[number])
        intrinsics = self._views[number].camera.intrinsics
        if 8 * intrinsics.width * intrinsics.height * (len(self._made) + 1) <= KEPT_BYTES:
            self._made[number] = made
        return made

    def forget(self) -> None:
        """Give the room back."""
        self._made.clear()


def picked(picture: np.ndarray, sight: Sight, *, workers: int | None = 1) -> np.ndarray:
    """(N, C) float32 of a picture (H, W, C) at the points that a view sees, 0 elsewhere.

    workers: threads, None for one on each core.
    """
    from scan3d.appearance.materials.kernels import sample

    picture = np.ascontiguousarray(picture, np.float32)
    count = len(sight.share)
    out = np.zeros((count, picture.shape[2]), np.float32)
    run_chunks(count, lambda first, last: sample(first, last, sight.place, sight.share, picture, out), workers=workers)
    return out


def grey_light(
    value: np.ndarray, base: np.ndarray, colour: np.ndarray, sight: Sight, *, workers: int | None = 1
) -> np.ndarray:
    """(N,) float32: how far value is above base (N, 3), in a lamp's colour (3,), at the points that a view sees."""
    from scan3d.appearance.materials.kernels import grey_above

    out = np.zeros(len(value), np.float32)
    run_chunks(
        len(out), lambda first, last: grey_above(first, last, sight.share, value, base, colour, out), workers=workers
    )
    return out


def radius2(sight: Sight, camera: Camera) -> np.ndarray:
    """(N,) squared distance from the lens' axis in the picture, 1 in its corner."""
    i = camera.intrinsics
    off = sight.place + 0.5 - np.array([i.cx, i.cy], np.float32)
    return np.asarray((off**2).sum(axis=1) / (0.25 * (i.width**2 + i.height**2)), np.float32)


def sharpened(picture: np.ndarray) -> np.ndarray:
    """A picture (H, W, C) with what is averaged on the way from skin to photograph and back to a render given back.

    A sensor averages over a pixel's square, and renderers interpolate linearly between texels of about that size: a
    wave of f a pixel keeps m = sinc(f)^3 of its height. Each axis is multiplied with m / (m^2 + 0.1^2), Wiener's
    inverse for noise that is a tenth of what there is: 1.1 at six pixels, 1.7 at three, 3.4 at two.
    """
    import cv2

    kernel = _inverse()
    return np.asarray(cv2.sepFilter2D(picture, cv2.CV_32F, kernel, kernel, borderType=cv2.BORDER_REPLICATE))


@functools.cache
def _inverse() -> np.ndarray:
    """(9,) float32 kernel that comes nearest to the inverse, relative to it, of sum 1."""
    f = np.linspace(0, 0.5, 200)
    kept = np.sinc(f) ** 3
    wanted = kept / (kept**2 + _NOISE**2) * (1 + _NOISE**2)
    waves = np.stack([2 * np.cos(2 * np.pi * k * f) - 2 for k in (1, 2, 3, 4)], axis=1)
    side, *_ = np.linalg.lstsq(waves / wanted[:, None], (wanted - 1) / wanted, rcond=None)
    return np.concatenate([side[::-1], [1 - 2 * side.sum()], side]).astype(np.float32)


def every_lamp_is_there(lamps: Sequence[Lamp]) -> None:
    """Raises InputError where there are too few lamps to tell a normal from its shade."""
    if len(lamps) < 3:
        what = f"{len(lamps)} lights that differ are too few to tell skin from its shading."
        raise InputError(what, "lights.toml", "Photograph at least three lights one by one, better eight.")
