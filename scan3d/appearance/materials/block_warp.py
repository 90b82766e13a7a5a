"""A block of texels on a GPU, in NVIDIA Warp: photographs are carried there, only finished maps come back.

Importing this module needs Warp; `pipeline.device.choose_device` says whether it can be used.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import warp as wp

from scan3d.appearance.materials import diffuse_kernels_warp as solving
from scan3d.appearance.materials import gain_kernels_warp as glossy
from scan3d.appearance.materials import kernels_warp as seeing
from scan3d.appearance.materials.agreement import Agreement
from scan3d.appearance.materials.block import ROBUST, STRAIGHT, Shared, held_gains, lobe_of
from scan3d.appearance.materials.lighting import ERROR, ETA, LEAST_COSINE, TILT_RAD, Diffuse, Lighting, Lobe
from scan3d.appearance.materials.observations import Watched
from scan3d.appearance.materials.surface import Points
from scan3d.errors import ReconstructionError
from scan3d.geometry import Camera

_TURNS = 4  # of normals, as in `kernels.solve_diffuse`
_AT_ONCE = 1 << 18  # texels with room for what lamps say of them
_HOST = {wp.uint8: np.uint8, wp.vec3i: np.int32}


class Device:
    """A device of Warp, "cpu" or "cuda:0": carries arrays there and runs kernels on them."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._device = wp.get_device(name)

    def carried(self, values: np.ndarray, dtype: Any = wp.float32) -> wp.array:
        """An array of the host, copied."""
        host = np.ascontiguousarray(values, _HOST.get(dtype, np.float32))
        return wp.array(host, dtype=dtype, device=self._device)

    def zeros(self, shape: int | tuple[int, ...], dtype: Any = wp.float32) -> wp.array:
        return wp.zeros(shape, dtype=dtype, device=self._device)

    def empty(self, shape: int | tuple[int, ...], dtype: Any = wp.float32) -> wp.array:
        return wp.empty(shape, dtype=dtype, device=self._device)

    def launch(self, kernel: wp.Kernel, dim: int | tuple[int, ...], *inputs: Any) -> None:
        wp.launch(kernel, dim=dim, inputs=list(inputs), device=self._device)

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Raises ReconstructionError where the device cannot go on."""
        try:
            yield
        except RuntimeError as error:
            raise ReconstructionError(
                f"The GPU could not go on: {error}",
                self.name,
                "Close other programs that use its memory, or run again with --device cpu.",
            ) from error


class WarpSurface:
    """What all blocks share, on a device: lamps, shadows, light thrown back and first guesses of the vertices.

    Takes P + 24 bytes for each vertex and lamp there, as long as it lives. Raises ReconstructionError where there is
    no room.
    """

    def __init__(self, shared: Shared, device: str) -> None:
        self.shared, self.device = shared, Device(device)
        with self.device.at_work():
            self.light = carried_light(self.device, shared.common.lighting)
            self.guess = self.device.carried(shared.common.guess, wp.vec3f)


class WarpBlock:
    """`block.Block` on a device.

    Takes 140 bytes a texel and 16 more a lamp there, which is within the solver's `block_bytes`, and beside it one
    photograph (12 bytes a pixel) or what a view sees of the surface (8 bytes a pixel), and 24 bytes a lamp for each of
    262,144 texels. All methods raise ReconstructionError where the device cannot go on.
    """

    def __init__(self, surface: WarpSurface, points: Points) -> None:
        self._surface, self._shared, self._device = surface, surface.shared, surface.device
        self._count, lamps = len(points), len(surface.shared.lamps)
        self.lobe = lobe_of(self._shared.common, points)
        device = self._device
        with device.at_work():
            self._texels = carried_texels(device, points)
            self._lobes = None if self.lobe is None else carried_lobes(device, self.lobe)
            self._place = device.zeros(self._count, wp.vec2f)
            self._share, self._best = device.zeros(self._count), device.zeros(self._count)
            self._value = device.zeros(self._count, wp.vec3f)
            self._total = device.zeros((lamps, self._count), wp.vec3f)
            self._weight = device.zeros((lamps, self._count))

    def look(self, number: int) -> bool:
        watched = self._shared.views.view(number)
        self._view = watched.view
        with self._device.at_work():
            self._exposure = exposure(self._shared.common.agreement, number, self._view.camera)
            self._centre = wp.vec3f(*self._view.camera.centre.tolist())
            some = self._device.zeros(1, wp.int32)
            self._launch(
                seeing.look, self._texels, pinhole(watched), self._device.carried(watched.visible.depth),
                self._device.carried(watched.visible.trust), self._place, self._share, some,
            )  # fmt: skip
            return bool(some.numpy()[0])

    def note_best(self) -> None:
        with self._device.at_work():
            self._launch(seeing.note_best, self._share, self._best)

    def favour_best(self) -> None:
        with self._device.at_work():
            self._launch(seeing.favour_best, self._best, float(STRAIGHT), self._share)

    def add_diffuse(self, lamp: int) -> None:
        lit, surface = self._shared.lamps[lamp], self._surface
        light_id, times = lit.diffuse
        self._sample(light_id, self._value)
        with self._device.at_work():
            self._launch(seeing.expose, self._place, self._share, self._exposure, times, self._value)
            if not lit.polarised and self._lobes is not None:
                self._launch(
                    glossy.take_off_gloss, self._texels, self._share, self._centre, surface.light, lamp, self._lobes,
                    self._value,
                )  # fmt: skip
            self._launch(
                seeing.add_view, self._texels, self._share, self._value, surface.guess, lamp, ROBUST,
                self._total[lamp], self._weight[lamp],
            )  # fmt: skip

    def solve(self, *, turn: bool) -> Diffuse:
        light, lamps = self._surface.light, len(self._shared.lamps)
        with self._device.at_work():
            self._device.launch(seeing.take_mean, (lamps, self._count), self._weight, self._total)
            self._albedo, self._normal, trusted, residual = solve_diffuse(
                self._device, self._texels, light, self._total, self._weight, turn=turn
            )
            if self._lobes is not None and not all(lamp.polarised for lamp in self._shared.lamps):
                # What was seen is not needed again.
                self._device.launch(
                    solving.show, (lamps, self._count), self._texels, light, self._albedo, self._normal, self._total
                )
            if self._lobes is not None:
                self._up, self._down = self._device.zeros(self._count), self._device.zeros(self._count)
                self._grey = self._device.zeros(self._count)
                self._other = self._device.zeros(self._count, wp.vec3f)
            maps = (self._albedo, self._normal, trusted, residual)
            albedo, normal, trusted, residual = (values.numpy() for values in maps)
        return Diffuse(albedo=albedo, normal=normal, trusted=trusted, residual=residual)

    def add_gloss(self, lamp: int) -> None:
        lit, surface = self._shared.lamps[lamp], self._surface
        if lit.plain is not None:
            self._sample(lit.plain, self._value)
            base = self._total[lamp]
        else:
            assert lit.parallel is not None and lit.cross is not None
            self._sample(lit.cross, self._other)
            self._sample(lit.parallel, self._value)
            base = self._other
        with self._device.at_work():
            if lit.plain is not None:
                self._launch(seeing.expose, self._place, self._share, self._exposure, 1.0, self._value)
            colour = wp.vec3f(*self._shared.common.lighting.lights.colour[lamp].tolist())
            self._launch(glossy.grey_above, self._share, self._value, base, colour, self._grey)
            if lit.plain is None:
                self._launch(glossy.expose_grey, self._place, self._share, self._exposure, self._grey)
            self._launch(
                glossy.add_gain, self._texels, self._normal, self._albedo, self._share, self._centre, self._grey,
                surface.light, lamp, self._lobes, LEAST_COSINE, self._up, self._down,
            )  # fmt: skip

    def gains(self) -> np.ndarray:
        assert self.lobe is not None
        with self._device.at_work():
            up, down = self._up.numpy().astype(np.float64), self._down.numpy().astype(np.float64)
        return held_gains(up, down, self.lobe)

    def _sample(self, light_id: str, out: wp.array) -> None:
        """A photograph's values at the texels; it leaves the device as soon as they are read."""
        photograph = self._view.load(light_id)
        with self._device.at_work():
            picture = self._device.carried(photograph, wp.vec3f)
            self._launch(seeing.sample, self._place, self._share, picture, out)

    def _launch(self, kernel: wp.Kernel, *inputs: Any) -> None:
        self._device.launch(kernel, self._count, *inputs)


def carried_texels(device: Device, points: Points) -> Any:
    """Points as `kernels_warp.Texels`."""
    made = seeing.Texels()
    made.position, made.normal = device.carried(points.position, wp.vec3f), device.carried(points.normal, wp.vec3f)
    made.corner, made.bary = device.carried(points.corner, wp.vec3i), device.carried(points.bary, wp.vec3f)
    return made


def carried_light(device: Device, lighting: Lighting) -> Any:
    """The light as `kernels_warp.Light`."""
    lights, made = lighting.lights, seeing.Light()
    made.seen, made.thrown = device.carried(lighting.seen, wp.uint8), device.carried(lighting.thrown, wp.vec3f)
    made.at, made.ahead = device.carried(lights.position, wp.vec3f), device.carried(lights.ahead, wp.vec3f)
    made.power, made.spread = device.carried(lights.power), device.carried(lights.spread_m2)
    made.colour = device.carried(lights.colour, wp.vec3f)
    return made


def carried_lobes(device: Device, lobe: Lobe) -> Any:
    """Gloss as `gain_kernels_warp.Lobes`."""
    made = glossy.Lobes()
    made.roughness, made.gain = device.carried(lobe.roughness), device.carried(lobe.gain)
    made.second, made.share = lobe.second_roughness**4, lobe.second_share
    made.leak, made.eta = lobe.leak, ETA
    return made


def pinhole(watched: Watched) -> Any:
    """A view's camera as `kernels_warp.Pinhole`."""
    camera, made = watched.view.camera, seeing.Pinhole()
    matrix = camera.intrinsics.matrix() @ camera.cam_from_world.matrix()[:3]
    made.m0, made.m1, made.m2 = (wp.vec4d(*row) for row in matrix.tolist())
    made.centre, made.focal = wp.vec3d(*camera.centre.tolist()), float(camera.intrinsics.fx)
    made.least = watched.least
    return made


def exposure(agreement: Agreement, number: int, camera: Camera) -> Any:
    """What makes a view, by its row, agree with the others as `kernels_warp.Exposure`."""
    i, made = camera.intrinsics, seeing.Exposure()
    made.gain = wp.vec3f(*agreement.gain[number].tolist())
    made.a, made.b = agreement.shading.tolist()
    made.middle, made.corner2 = wp.vec2f(i.cx, i.cy), 0.25 * (i.width**2 + i.height**2)
    return made


def solve_diffuse(
    device: Device, texels: Any, light: Any, value: wp.array, weight: wp.array, *, turn: bool
) -> tuple[wp.array, wp.array, wp.array, wp.array]:
    """Albedo, normal, trusted and residual of N texels for value and weight (L, N), as many at once as have room."""
    lamps, count = weight.shape
    size = (lamps, min(count, _AT_ONCE))
    room = solving.Scratch()
    room.vector, room.robust = device.empty(size, wp.vec3f), device.empty(size)
    room.grey, room.back = device.empty(size), device.empty(size)
    made = (
        device.empty(count, wp.vec3f), device.empty(count, wp.vec3f), device.empty(count), device.empty(count)
    )  # fmt: skip
    for first in range(0, count, _AT_ONCE):
        device.launch(
            solving.solve_diffuse, min(_AT_ONCE, count - first), first, texels, light, value, weight, TILT_RAD, ERROR,
            _TURNS if turn else 0, room, *made,
        )  # fmt: skip
    return made
