"""Photographs become a texture: every texel from all views that see it, detail as strong as in the photographs.

Two bands, split at a Gaussian of 2 pixels of each photograph.  The low band is a robust mean over views weighted by
the cosine; the high band is a mean weighted by its fourth power, raised to the strength that single photographs have,
because averaging softens what is aligned to a few tenths of a pixel only.  On the four held-out views of a 32 camera
head (PSNR / SSIM / power at waves of 2 to 8 px against the photographs'): cosine mean 28.9 dB / 0.80 / 0.35, median
28.6 / 0.79 / 0.43, high band of the best view alone 28.3 / 0.73 / 0.84, this one with _DETAIL 0.95 28.6 / 0.78 / 0.72
and with 1.22 28.4 / 0.77 / 0.90.  The last is kept: skin that is blurred measures well and looks like wax.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from scan3d.appearance.atlas import Atlas
from scan3d.appearance.fill import fill_texture
from scan3d.appearance.first_look import gains_and_guess
from scan3d.appearance.sampling import add_both, interpolate
from scan3d.appearance.tone import graded, grading_table
from scan3d.appearance.view_image import ViewImage
from scan3d.appearance.visibility import look_through
from scan3d.geometry import Mesh
from scan3d.geometry.texels import rasterise_faces
from scan3d.pipeline.executor import run_units
from scan3d.pipeline.progress import Progress, Silent

_SPLIT_PX = 2.0
_LEAST_COSINE = 0.08
_OUTLIER = 0.15  # of the encoded range: what differs more from the mean of the others counts little
_DETAIL = 1.22  # of a photograph's detail power, in the texture: drawn at a photograph's size 0.9 of it is left
_MOST_GAIN = 2.5
_CHUNK = 200_000  # texels a thread works on


@dataclass(frozen=True, kw_only=True, eq=False)
class TextureMaps:
    """colour: one (T, T, 3) uint8 or uint16 sRGB picture per tile.  filled: one (T, T) uint8 per tile, 255 where no
    photograph saw the surface and the colour was filled in from around.  seen_share: of the texels on the surface.
    gains: (V, 3) factors by which the views' linear colours were multiplied."""

    colour: tuple[np.ndarray, ...]
    filled: tuple[np.ndarray, ...]
    seen_share: float
    gains: np.ndarray


def bake_texture(
    mesh: Mesh, atlas: Atlas, views: Sequence[ViewImage], *, bits: int = 8, progress: Progress | None = None,
    workers: int | None = None,
) -> TextureMaps:  # fmt: skip
    """Colour every texel of the atlas from the photographs.

    Tiles one after the other, views one at a time within a tile: memory is about 70 bytes per texel of a tile on the
    surface plus two photographs.
    """
    progress = progress or Silent()
    colours, filled, on_surface, seen = [], [], 0, 0
    with progress.task("texture", len(views) * (1 + atlas.tiles)) as task:
        gains, guess = gains_and_guess(mesh, views, workers, task.advance)
        tables = [grading_table(gain, bits=16) for gain in gains]
        for tile in range(atlas.tiles):
            texels = _texels(mesh, atlas, tile, guess)
            colour, weight = _both_bands(mesh, texels, views, tables, workers, task.advance)
            known = weight > 0
            picture, holes = fill_texture(
                texels.index, colour, known, size=atlas.texture_size, padding_px=atlas.padding_px
            )
            on_surface += len(known)
            seen += int(known.sum())
            colours.append(_quantised(picture, bits))
            filled.append(holes)
            del texels, colour
    return TextureMaps(colour=tuple(colours), filled=tuple(filled), seen_share=seen / max(1, on_surface), gains=gains)


@dataclass(frozen=True, kw_only=True)
class _Texels:
    """Texels of one tile on the surface: flat index (N,), position and normal (N, 3) float32 in the world, and a first
    guess of their colour (N, 3) float32."""

    index: np.ndarray
    position: np.ndarray
    normal: np.ndarray
    guess: np.ndarray


def _texels(mesh: Mesh, atlas: Atlas, tile: int, guess: np.ndarray) -> _Texels:
    size = atlas.texture_size
    owner = np.full((size, size), -1, np.int32)
    faces = np.flatnonzero(atlas.tile_of_face == tile)
    corners = atlas.texel_uv()[faces]
    rasterise_faces(corners, owner)
    index = np.flatnonzero(owner.ravel() >= 0)
    position = np.empty((len(index), 3), np.float32)
    normal, colour = np.empty_like(position), np.empty_like(position)
    interpolate(
        index, owner.ravel()[index], size, corners, mesh.faces[faces], mesh.vertices.astype(np.float64),
        mesh.vertex_normals().astype(np.float64), guess, position, normal, colour,
    )  # fmt: skip
    return _Texels(index=index, position=position, normal=normal, guess=colour)


def _both_bands(mesh, texels, views, tables, workers, done):
    """The texels' colours (N, 3) float32, encoded 0..1, and the weight of what was seen (N,)."""
    n = len(texels.index)
    total, detail = np.zeros((n, 3), np.float32), np.zeros((n, 3), np.float32)
    weight, detail_weight = np.zeros(n, np.float32), np.zeros(n, np.float32)
    chunks = range(0, n, _CHUNK)
    power = np.zeros((len(chunks), 2))
    ahead: list[_Seen] = []

    def look(k: int) -> None:
        ahead.append(_Seen.of(mesh, views[k], tables[k]))

    look(0)
    for k in range(len(views)):
        see = ahead.pop()

        def chunk(first: int, see: _Seen = see) -> None:
            last = min(first + _CHUNK, n)
            add_both(
                first, last, texels.position, texels.normal, *see.sight, see.full, see.low, _LEAST_COSINE, texels.guess,
                _OUTLIER, total, weight, detail, detail_weight, power[first // _CHUNK],
            )  # fmt: skip

        # The next view is made ready, which is one thread's work, while the others go on with this one.
        jobs = [partial(look, k + 1)] * (k + 1 < len(views)) + [partial(chunk, first) for first in chunks]
        run_units(lambda job: job(), jobs, workers=workers)
        done()
    detail /= np.maximum(detail_weight, 1e-12)[:, None]
    single = power[:, 0].sum() / max(power[:, 1].sum(), 1e-12)
    blended = float((detail_weight * (detail**2).sum(1)).sum(dtype=np.float64)) / max(
        float(detail_weight.sum(dtype=np.float64)), 1e-12
    )
    gain = float(np.clip(np.sqrt(_DETAIL * single / max(blended, 1e-12)), 1.0, _MOST_GAIN))
    return total / np.maximum(weight, 1e-9)[:, None] + gain * detail, weight


@dataclass(frozen=True, kw_only=True)
class _Seen:
    """One view made ready: where it is and what it sees, its photograph and its low band as float32 0..1."""

    sight: tuple[np.ndarray, np.ndarray, float, np.ndarray, np.ndarray]
    full: np.ndarray
    low: np.ndarray

    @staticmethod
    def of(mesh: Mesh, view: ViewImage, table: np.ndarray) -> _Seen:
        import cv2

        mask = view.load_mask() if view.load_mask is not None else None
        visible = look_through(mesh, view.camera, mask)
        full = graded(view.load(), table)
        # the low band must not see past the edge of what is trusted
        inside = (visible.trust > 0).astype(np.float32)
        weight = np.maximum(cv2.GaussianBlur(inside, (0, 0), _SPLIT_PX), 1e-3)
        low = cv2.GaussianBlur(full * inside[..., None], (0, 0), _SPLIT_PX) / weight[..., None]
        i = view.camera.intrinsics
        matrix = i.matrix() @ view.camera.cam_from_world.matrix()[:3]
        return _Seen(sight=(matrix, view.camera.centre, float(i.fx), visible.depth, visible.trust), full=full, low=low)


def _quantised(picture: np.ndarray, bits: int) -> np.ndarray:
    top = 2**bits - 1
    return np.rint(np.clip(picture, 0, 1) * top).astype(np.uint8 if bits == 8 else np.uint16)
