"""The two surfaces between which maps are baked: the body with its texture coordinates, and the scan with its atlas."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from scan3d.body.detail.fine_mesh import fine_mesh
from scan3d.body.detail.posing import placed
from scan3d.body.detail.registration import Detail
from scan3d.body.model import BodyModel, BodyParameters
from scan3d.errors import InputError
from scan3d.geometry import Mesh
from scan3d.geometry.tangents import corner_tangents

Floats = npt.NDArray[np.floating]
Ints = npt.NDArray[np.int32]

_CAGE_M = 0.006  # how far off the body the scan is looked for, where it was seen
_UNSEEN_CAGE_M = 0.004  # where the body keeps its own shape, a photograph may show its colour all the same
# sRGB of what no photograph shows.
_TONES = {
    "mouth_inside": (0.45, 0.20, 0.19),
    "tongue": (0.66, 0.33, 0.33),
    "teeth": (0.87, 0.84, 0.78),
    "eyeball": (0.86, 0.84, 0.82),
    "eyelashes": (0.12, 0.09, 0.08),
}
# Of an eye, by the angle off its axis, in degrees: sRGB of pupil and iris.
_PUPIL, _IRIS = (10.0, (0.04, 0.03, 0.03)), (29.0, (0.33, 0.23, 0.16))


Loader = Callable[[], npt.NDArray[np.generic]]


@dataclass(frozen=True, kw_only=True, eq=False)
class SolvedMaps:
    """What the scan's skin is made of, on the scan's atlas; each loader gives the map of a tile.

    normals: (H, W, 3) uint16, OpenGL, about the frames of `scan3d.geometry.tangents.leaned_normals`: along_u (F, 3) on
    the faces (F, 3), and vertex_normals (V, 3). heights: (H, W) uint16 along the normal, 32768 the mesh, 1 and 65535
    height_range_m below and above. specular, roughness: (H, W) uint16, linear; none where gloss was not measured.
    """

    faces: Ints
    vertex_normals: Floats
    along_u: Floats
    normals: Sequence[Loader]
    heights: Sequence[Loader]
    height_range_m: float
    specular: Sequence[Loader] = ()
    roughness: Sequence[Loader] = ()


@dataclass(frozen=True, kw_only=True, eq=False)
class ScanTexture:
    """The scan's atlas. uv: (F, 3, 2) corners inside their tile, v up. tile_of_face: (F,).

    tiles: each gives a tile's picture (H, W, 3) uint8 or uint16, sRGB. filled: each gives a mask (H, W), above 0 where
    no photograph saw the surface; none where it is not known. solved: where the pictures are albedo, the rest.
    """

    uv: Floats
    tile_of_face: Ints
    tiles: Sequence[Loader]
    filled: Sequence[Loader] = ()
    solved: SolvedMaps | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class BakeTarget:
    """A body's finer mesh with its detail, where the scan is.

    mesh: (V', ...) world, metres, with normals. uv: (F', 3, 2) corners inside their tile, v up; tile_of_face: (F',).
    tangents: (F', 3, 3) and sign: (F',) of scan3d.geometry.tangents. reach_m: (V',) how far off the scan may lie, 0
    where it shows nothing of the body. symmetric: (V', 3) the mean body at rest, the same to both sides of X = 0.
    tone: (V', 3) sRGB 0..1 of what no photograph shows, and tone_share: (V',) where that is known to be so.
    """

    mesh: Mesh
    uv: Floats
    tile_of_face: Ints
    tangents: Floats
    sign: Floats
    reach_m: Floats
    symmetric: Floats
    tone: Floats
    tone_share: Floats

    @property
    def tiles(self) -> int:
        return int(self.tile_of_face.max(initial=0)) + 1


def bake_target(model: BodyModel, parameters: BodyParameters, detail: Detail) -> BakeTarget:
    """The surface that maps of this body are for. Raises InputError where the model has no texture coordinates."""
    mesh = fine_mesh(model, detail.level)
    if mesh.uv is None or mesh.face_uv is None:
        raise InputError(
            f"The body model '{model.name}' has no texture coordinates, so there is nothing to bake to.",
            "model",
            "Use the open model, or a file of your model that holds them (vt and ft).",
        )
    vertices = placed(model, parameters, mesh).posed(detail.offsets)
    normals = np.asarray(Mesh(vertices=vertices, faces=mesh.faces).vertex_normals(), np.float64)
    tangents, sign = corner_tangents(vertices, mesh.faces, normals, mesh.uv, mesh.face_uv)
    tile, uv = _tiles(mesh.uv[mesh.face_uv])
    parts = {name: np.clip(mesh.matrix @ model.parts[name], 0, 1) for name in _TONES if name in model.parts}
    share = np.max([*parts.values(), np.zeros(len(vertices))], axis=0)
    tone = np.zeros((len(vertices), 3))
    for name, weight in parts.items():
        tone += weight[:, None] * np.array(_TONES[name])
    tone /= np.maximum(sum(parts.values(), np.full(len(vertices), 1e-9)), 1e-9)[:, None]
    symmetric = np.asarray(mesh.matrix @ model.template)
    if "eyeball" in parts:
        _paint_irises(tone, symmetric, parts["eyeball"] > 0.5)
    reach = np.where(detail.seen, _CAGE_M, _UNSEEN_CAGE_M) * (share < 0.5)
    return BakeTarget(
        mesh=Mesh(vertices=vertices, faces=mesh.faces, normals=normals),
        uv=uv,
        tile_of_face=tile,
        tangents=tangents,
        sign=sign,
        reach_m=reach,
        symmetric=symmetric,
        tone=tone,
        tone_share=share,
    )


def _paint_irises(tone: Floats, rest: Floats, eyes: npt.NDArray[np.bool_]) -> None:
    """Pupils and irises on the eyeballs of the mean body (V', 3), which look along +Z, left and right. In place."""
    for side in (eyes & (rest[:, 0] > 0), eyes & (rest[:, 0] < 0)):
        if not side.any():
            continue
        away = rest[side] - 0.5 * (rest[side].min(axis=0) + rest[side].max(axis=0))
        angle = np.degrees(np.arccos(np.clip(away[:, 2] / np.maximum(np.linalg.norm(away, axis=1), 1e-9), -1, 1)))
        colour = tone[side]
        for reach, shade in (_IRIS, _PUPIL):
            colour[angle < reach] = shade
        tone[side] = colour


def _tiles(corners: Floats) -> tuple[Ints, Floats]:
    """UDIM tile (F,) of each face, as 10 per row, and its corners within it."""
    column, row = np.floor(corners.mean(axis=1)).astype(np.int32).T
    if row.min(initial=0) < 0 or column.min(initial=0) < 0 or column.max(initial=0) > 9:
        raise InputError("Texture coordinates of the body lie outside UDIM's tiles.", "model", "Check its file.")
    inside = corners - np.stack([column, row], axis=1)[:, None]
    return (column + 10 * row).astype(np.int32), np.clip(inside, 0, 1)
