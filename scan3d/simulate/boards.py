"""Calibration boards and a colour chart as things that stand in the virtual studio, where they are exactly known."""

from __future__ import annotations

import numpy as np

from scan3d.geometry import Mesh, Rigid3
from scan3d.geometry.artwork import Artwork
from scan3d.geometry.materials import Material, Part
from scan3d.geometry.transforms import Array

PAPER, INK = 0.82, 0.04  # reflectance of matt paper and of toner on it
_BACK = 0.35  # of the plate that carries the sheet
_ROUGHNESS = 0.7
_FACET_M = 0.03  # light is gathered at vertices by the quick renderer: a board needs some between its corners

# The 24 patches of the ColorChecker Classic (McCamy, Marcus and Davidson 1976), row by row from dark skin to black, in
# the 8-bit sRGB coordinates that its maker, X-Rite, publishes. Cyan lies outside sRGB; its red is cut off at 8.
CHART_SRGB = (
    (115, 82, 68), (194, 150, 130), (98, 122, 157), (87, 108, 67), (133, 128, 177), (103, 189, 170),
    (214, 126, 44), (80, 91, 166), (193, 90, 99), (94, 60, 108), (157, 188, 64), (224, 163, 46),
    (56, 61, 150), (70, 148, 73), (175, 54, 60), (231, 199, 31), (187, 86, 149), (8, 133, 161),
    (243, 243, 242), (200, 200, 200), (160, 160, 160), (122, 122, 121), (85, 85, 85), (52, 52, 52),
)  # fmt: skip
_PATCH_M, _GAP_M, _RIM_M = 0.040, 0.006, 0.008  # of the card of 28 x 21 cm, about
_FRAME = 0.03  # reflectance of its black frame


def board_parts(
    artwork: Artwork,
    world_from_board: Rigid3,
    *,
    name: str = "board",
    texel_m: float = 0.0005,
    margin_m: float = 0.01,
    thickness_m: float = 0.004,
) -> tuple[Part, ...]:
    """A printed sheet on a grey plate: its front as drawn, and the plate's back and sides.

    Args:
        artwork: of a board, as `board_artwork` draws it; its frame is the board's.
        world_from_board: x and y along the sheet, z away from who looks at its front.
        texel_m: of its picture; where it divides all lengths of the board, edges lie between texels exactly.
        margin_m: of the drawing's ground round the drawing.
    """
    sheet = artwork.framed(margin_m)
    white = sheet.raster(texel_m).astype(np.float32)[..., None]
    albedo = np.repeat(white * np.float32(PAPER - INK) + np.float32(INK), 3, axis=2)
    corner = np.array([-margin_m, -margin_m])
    return _plate(albedo, corner, np.array([sheet.width_m, sheet.height_m]), world_from_board, name, thickness_m)


def chart_linear() -> Array:
    """(24, 3) linear Rec.709 reflectance of the patches of the colour chart, row by row."""
    encoded = np.array(CHART_SRGB) / 255.0
    return np.asarray(np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4))


def chart_patches_m() -> Array:
    """(24, 2) middles of the patches in the chart's frame, metres; its origin is its upper left corner."""
    row, column = np.divmod(np.arange(24), 6)
    step = _PATCH_M + _GAP_M
    return np.stack([_RIM_M + _PATCH_M / 2 + column * step, _RIM_M + _PATCH_M / 2 + row * step], axis=1)


def chart_size_m() -> tuple[float, float]:
    """Width and height of the chart's card."""
    return 6 * _PATCH_M + 5 * _GAP_M + 2 * _RIM_M, 4 * _PATCH_M + 3 * _GAP_M + 2 * _RIM_M


def colour_chart_parts(
    world_from_chart: Rigid3, *, name: str = "chart", texel_m: float = 0.001, thickness_m: float = 0.002
) -> tuple[Part, ...]:
    """A colour chart of 24 matt patches in a black frame; x to the right and y down on it, z away from who looks."""
    width, height = chart_size_m()
    albedo = np.full((round(height / texel_m), round(width / texel_m), 3), _FRAME, np.float32)
    half = _PATCH_M / 2
    for colour, (x, y) in zip(chart_linear(), chart_patches_m(), strict=True):
        rows, columns = (slice(round((at - half) / texel_m), round((at + half) / texel_m)) for at in (y, x))
        albedo[rows, columns] = colour
    return _plate(albedo, np.zeros(2), np.array([width, height]), world_from_chart, name, thickness_m)


def _plate(
    albedo: np.ndarray, corner_m: Array, size_m: Array, world_from_board: Rigid3, name: str, thickness_m: float
) -> tuple[Part, ...]:
    """A box whose front carries a picture (H, W, 3); corner_m: its upper left, in the board's frame."""
    front, uv = _grid(corner_m, size_m, 0.0, facing_viewer=True)
    back, back_uv = _grid(corner_m, size_m, thickness_m, facing_viewer=False)
    sides = _sides(corner_m, size_m, thickness_m)
    grey = np.full((2, 2, 3), _BACK, np.float32)
    shells = (("front", front, uv, albedo), ("back", back, back_uv, grey), ("sides", *sides, grey))
    parts = []
    for side, (points, faces), corners_uv, picture in shells:
        mesh = Mesh(vertices=world_from_board.apply(points), faces=faces, uv=corners_uv)
        roughness = np.full((2, 2), _ROUGHNESS, np.float32)
        material = Material(kind="plain", albedo=picture, roughness=roughness, specular=0.0)
        parts.append(Part(name=f"{name}_{side}", mesh=mesh, material=material))
    return tuple(parts)


def _grid(
    corner_m: Array, size_m: Array, z: float, *, facing_viewer: bool
) -> tuple[tuple[Array, np.ndarray], np.ndarray]:
    """Points and faces of a flat rectangle at z, and uv with v = 1 at its upper edge."""
    columns, rows = (max(1, int(np.ceil(side / _FACET_M))) for side in size_m)
    share = np.stack(np.meshgrid(np.linspace(0, 1, columns + 1), np.linspace(0, 1, rows + 1)), axis=-1).reshape(-1, 2)
    points = np.column_stack([corner_m + share * size_m, np.full(len(share), z)])
    first = (np.arange(rows)[:, None] * (columns + 1) + np.arange(columns)).ravel()
    # Upper left, lower left, lower right, upper right: counter-clockwise for who looks along +z, x right and y down.
    a, b, c, d = first, first + columns + 1, first + columns + 2, first + 1
    faces = np.concatenate([np.stack([a, b, c], axis=1), np.stack([a, c, d], axis=1)])
    faces = faces if facing_viewer else faces[:, ::-1]
    corners = share * [1, -1] + [0, 1]
    return (points, faces.astype(np.int32)), corners[faces]


def _sides(corner_m: Array, size_m: Array, thickness_m: float) -> tuple[tuple[Array, np.ndarray], np.ndarray]:
    x0, y0 = corner_m
    x1, y1 = corner_m + size_m
    rim = np.array([(x0, y0), (x1, y0), (x1, y1), (x0, y1)])
    points = np.array([(x, y, z) for z in (0.0, thickness_m) for x, y in rim])
    faces = []
    for k in range(4):
        a, b = k, (k + 1) % 4
        faces += [(a, b, b + 4), (a, b + 4, a + 4)]
    return (points, np.array(faces, np.int32)), np.zeros((8, 3, 2))
