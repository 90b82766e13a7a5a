"""Light that enters the skin and leaves it elsewhere, added to pictures of surfaces that scatter at a point only.

What the way below the surface changes is where the diffuse light comes out. Light that has bounced is smooth already,
so it is the direct light that is spread: picture + albedo (spread(E) - E) / pi, with E the direct irradiance at points
all over the surface. spread is a normalised convolution over the surface with the profile of Christensen and Burley
2015, "Approximate reflectance profiles for efficient subsurface scattering": fitted to Monte Carlo paths, it is right
near the point of entry, where sums of Gaussians (d'Eon 2007) are blunt, and follows from a mean free path and an
albedo alone. Left out: light that crosses a thin part, such as an ear, from its other side.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from scan3d.geometry import Camera
from scan3d.geometry.lights import LightSetup
from scan3d.geometry.materials import Material, Part
from scan3d.simulate.irradiance import Shadows, albedo_at, bell, irradiance, spread_points
from scan3d.simulate.path_tracer import Crop, Studio
from scan3d.simulate.point_grid import PointGrid
from scan3d.simulate.preview import Preview
from scan3d.simulate.skin.pigment import skin_colour

_KEPT = 0.99  # of the profile's light
_FINEST_M = 4e-4  # spacing of points, or, for wide profiles, this share of their width
_SPACING_PER_WIDTH = 0.5
_MOST_POINTS = 2_500_000
_UNDER_M = 0.015  # skin so close below cloth is not looked at
_BLOOD = 0.02  # volume share in the dermis, typical
# Diffuse reflectance of a surface of index 1.4 from inside and from outside (Egan and Hilgeman 1973).
FROM_INSIDE, FROM_OUTSIDE = 0.529, 0.057
_ROWS = 128


def scatters(parts: Sequence[Part]) -> bool:
    """Whether light enters any of them."""
    return any(max(part.material.scatter_m) > 0 for part in parts)


def albedo_below(material: Material) -> np.ndarray:
    """(3,) diffuse albedo of what lies below the surface, for light that is inside already.

    Of skin that is the dermis, whatever its tone: melanin lies in the epidermis above it, a filter that light passes
    on its way in and out without going far. The surface is taken off by Saunderson's correction (1942).
    """
    if material.kind == "skin":
        seen = skin_colour(np.array(0.0), np.array(_BLOOD))
    else:
        seen = material.albedo.reshape(-1, 3).mean(axis=0).astype(np.float64)
    return np.asarray(seen / ((1 - FROM_OUTSIDE) * (1 - FROM_INSIDE) + FROM_INSIDE * seen))


def profile_widths_m(scatter_m: Sequence[float], albedo: np.ndarray) -> np.ndarray:
    """(3,) d of R(r) = (exp(-r / d) + exp(-r / 3d)) / (8 pi d r), from each channel's mean free path and inner albedo.

    One passage has their fit for diffuse light, d = path / (1.9 - A + 3.5 (A - 0.8)^2), made without a reflecting
    surface. Skin's sends a share f of what comes up down again, so the light makes 1 / (1 - f A) passages on average;
    their variances add up.
    """
    once = np.asarray(scatter_m, np.float64) / (1.9 - albedo + 3.5 * (albedo - 0.8) ** 2)
    return np.asarray(once / np.sqrt(1 - FROM_INSIDE * albedo))


def within(r: np.ndarray | float, d: np.ndarray | float) -> np.ndarray:
    """Share of the profile's light that comes out within a distance r of where it went in."""
    return np.asarray(1 - 0.25 * np.exp(-np.divide(r, d)) - 0.75 * np.exp(-np.divide(r, d) / 3))


class Scattering:
    """What scattering below the surface changes in pictures of parts under one light setup; nothing where none does."""

    def __init__(self, parts: Sequence[Part], lights: LightSetup) -> None:
        self._parts = tuple(parts)
        self._strength = 1.0 if lights.polarisation == "none" else 0.5
        self._shadows = Shadows(parts)
        self._spread = {
            number: _SpreadLight(part, self._uncovered(number), lights, self._shadows)
            for number, part in enumerate(parts)
            if max(part.material.scatter_m) > 0
        }

    def added(self, camera: Camera, crop: Crop | None = None) -> np.ndarray:
        """(H, W, 3) float32 radiance to add to the picture of a pinhole camera, or of its crop (x0, y0, x1, y1).

        The mean of 2 x 2 rays a pixel. Polarisers halve it, as it is diffuse.
        """
        return self._picture(camera, crop, 2, change=True)[0]

    def diffuse(self, camera: Camera, crop: Crop | None = None) -> tuple[np.ndarray, np.ndarray]:
        """(H, W, 3) float32 radiance of the spread direct light alone, and (H, W) bool where there is any surface that
        spreads it, along one ray through the middle of each pixel."""
        return self._picture(camera, crop, 1, change=False)

    def _picture(self, camera: Camera, crop: Crop | None, side: int, *, change: bool) -> tuple[np.ndarray, np.ndarray]:
        x0, y0, x1, y1 = crop or (0, 0, camera.intrinsics.width, camera.intrinsics.height)
        out, there = np.zeros((y1 - y0, x1 - x0, 3), np.float32), np.zeros((y1 - y0, x1 - x0), bool)
        for top in range(y0, y1 if self._spread else y0, _ROWS):
            bottom = min(top + _ROWS, y1)
            px = np.stack(np.meshgrid(np.arange(x0, x1, 1 / side), np.arange(top, bottom, 1 / side)), axis=-1)
            values, hit = self._seen(camera, px.reshape(-1, 2) + 0.5 / side, change)
            shape = (bottom - top, side, x1 - x0, side)
            out[top - y0 : bottom - y0] = values.reshape(*shape, 3).mean(axis=(1, 3))
            there[top - y0 : bottom - y0] = hit.reshape(shape).any(axis=(1, 3))
        return self._strength * out, there

    def _seen(self, camera: Camera, px: np.ndarray, change: bool) -> tuple[np.ndarray, np.ndarray]:
        directions = camera.ray_directions(px).astype(np.float32)
        origins = np.broadcast_to(camera.centre.astype(np.float32), directions.shape)
        hit = self._shadows.hits(np.hstack([origins, directions]))
        out = np.zeros((len(px), 3), np.float32)
        for number, light in self._spread.items():
            seen = np.flatnonzero(hit["geometry_ids"] == number)
            face, corner = hit["primitive_ids"][seen].astype(np.int64), hit["primitive_uvs"][seen]
            weights = np.stack([1 - corner.sum(axis=1), corner[:, 0], corner[:, 1]], axis=1)
            out[seen] = albedo_at(self._parts[number], face, weights) * light.at(face, weights, change) / np.pi
        return out, np.isin(hit["geometry_ids"], list(self._spread))

    def _uncovered(self, number: int) -> np.ndarray:
        """(K,) faces of a part that have a corner, or their middle, where no other part lies closely above."""
        mesh = self._parts[number].mesh
        normals = mesh.face_normals()
        corners = mesh.corners()
        bare = np.zeros(len(mesh.faces), bool)
        middle = corners.mean(axis=1)
        for place in (middle, *(0.9 * corners[:, k] + 0.1 * middle for k in range(3))):
            hit = self._shadows.hits(np.hstack([place + 1e-4 * normals, normals]).astype(np.float32))
            bare |= ~((hit["t_hit"] < _UNDER_M) & (hit["geometry_ids"] != number))
        return np.flatnonzero(bare & (mesh.face_areas() > 0))


class _SpreadLight:
    """A part's direct irradiance, spread by scattering, at points all over it."""

    def __init__(self, part: Part, faces: np.ndarray, lights: LightSetup, shadows: Shadows) -> None:
        self._part = part
        self._vertex_normals = part.mesh.vertex_normals()
        self._grid: PointGrid | None = None
        if not len(faces):
            return
        widths = profile_widths_m(part.material.scatter_m, albedo_below(part.material))
        area = float(part.mesh.face_areas()[faces].sum())
        self._spacing_m = max(_FINEST_M, _SPACING_PER_WIDTH * float(widths.max()), (area / _MOST_POINTS) ** 0.5)
        on = spread_points(part, faces, self._spacing_m)
        light = irradiance(part, faces, on, lights, shadows)
        self._light = spread(on.points, on.normals, light, on.area_m2, widths)
        self._change = self._light - light
        self._grid = PointGrid(on.points, on.normals, 2.5 * self._spacing_m)

    def at(self, face: np.ndarray, weights: np.ndarray, change: bool) -> np.ndarray:
        """(N, 3) between the points: spread irradiance, or the change that spreading made."""
        if self._grid is None or not len(face):
            return np.zeros((len(face), 3), np.float32)
        corners = self._part.mesh.faces[face]
        points, normals = (
            np.einsum("nk,nkd->nd", weights, values[corners])
            for values in (self._part.mesh.vertices, self._vertex_normals)
        )
        normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
        near = bell(self._grid.radius_m, self._spacing_m, 3)
        return self._grid.mean(points, normals, self._change if change else self._light, near, near[0])


def spread(
    points: np.ndarray, normals: np.ndarray, light: np.ndarray, area_m2: float, widths_m: np.ndarray
) -> np.ndarray:
    """(N, 3) float32: light (N, 3) at points (N, 3) with unit normals (N, 3), spread over the surface.

    area_m2: what each point stands for. widths_m: (3,) d of the profile of each channel, 0 for none. A point keeps
    what its own disc does; the weights of all add up to one, so even light stays as it is.
    """
    disc = float(np.sqrt(area_m2 / np.pi))
    d = np.maximum(widths_m, 1e-9)
    reach = np.linspace(0, 1, 4096)
    wide = float(d.max()) * float(np.interp(_KEPT, within(40 * reach, 1.0), 40 * reach))
    radius = max(wide, 2 * disc)
    r = np.maximum(radius * reach, disc)[:, None]
    weights = area_m2 * (np.exp(-r / d) + np.exp(-r / (3 * d))) / (8 * np.pi * d * r)
    return PointGrid(points, normals, radius).mean(points, normals, light, weights, within(disc, d))


class Scattered:
    """A renderer of parts that scatter: its pictures, with what scattering changes.

    To the path tracer's pictures the change is added. The preview's shadows are as coarse as its mesh, coarser than
    the way that light goes: its surfaces that scatter are drawn anew.
    """

    def __init__(self, renderer: Studio | Preview, scattering: Scattering) -> None:
        self._renderer = renderer
        self._scattering = scattering

    def render(
        self, camera: Camera, *, samples: int = 1, seed: int = 0, crop: Crop | None = None, aperture_m: float = 0.0,
        focus_m: float | None = None,
    ) -> np.ndarray:  # fmt: skip
        """As `path_tracer.Studio.render`. What is added is sharp at all depths."""
        picture = self._renderer.render(
            camera, samples=samples, seed=seed, crop=crop, aperture_m=aperture_m, focus_m=focus_m
        )
        if isinstance(self._renderer, Studio):
            # Within a border of light finer than the points, a pixel may have got less than the points around it.
            return np.asarray(np.maximum(picture + self._scattering.added(camera, crop), 0))
        drawn, there = self._scattering.diffuse(camera, crop)
        return np.where(there[..., None], drawn, picture)
