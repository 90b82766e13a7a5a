"""results/preview.png: the subject from four sides, its shape above and its colours below."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scan3d.errors import InputError
from scan3d.geometry import Camera, Intrinsics, Rigid3
from scan3d.pipeline.aside import write_bytes
from scan3d.pipeline.executor import run_units
from scan3d.report.look import Look, View, look_at
from scan3d.report.shading import view_clay, view_colours
from scan3d.report.surface_view import SurfaceView
from scan3d.report.texture import encode_png

# The subject faces -Y with Z up, so its left side is +X: name, and the turn of the camera about Z from the
# front.
SIDES = (("front", 0.0), ("left side", 90.0), ("back", 180.0), ("right side", 270.0))
_PIXELS = 700 * 700
_MARGIN = 1.08
_BARS_M = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
_INK, _FAINT = (52, 54, 60), (110, 113, 122)


@dataclass(frozen=True, kw_only=True)
class Caption:
    """What stands around the preview: a title at the left, a note at the right of its head."""

    title: str = ""
    note: str = ""
    scale_is_metric: bool = True


NO_CAPTION = Caption()


def side_cameras(surface: SurfaceView, *, pixels: int = _PIXELS) -> tuple[Camera, ...]:
    """Four cameras, in the order of SIDES, that see all of the surface at one scale in pictures of `pixels`
    pixels.

    They look level from far away (a telephoto's perspective), each at the middle of the surface; all pictures
    have the same height, and each the width that its side needs.
    """
    low, high = _extent(surface.vertices)
    middle = (low + high) / 2
    distance = 5.0 * float(np.linalg.norm(np.maximum(high - low, 1e-9)))
    some = surface.vertices[:: max(1, len(surface.vertices) // 50_000)].astype(np.float64)
    inside = np.concatenate([np.clip(some, low, high), [low, high]])
    unit = [_camera(middle, distance, turn, 1.0, 0, 0) for _, turn in SIDES]
    reach = np.array([np.abs(camera.project(inside)[0]).max(axis=0) for camera in unit])
    broad, tall = np.maximum(reach[:, 0], 0.25 * reach[:, 1].max()), reach[:, 1].max()
    # The four pictures together have four times `pixels`; the surface fills them but for a margin.
    focal = float(np.sqrt(4 * pixels / (4 * _MARGIN**2 * broad.sum() * tall)))
    height = round(2 * _MARGIN * tall * focal)
    widths = np.rint(2 * _MARGIN * broad * focal).astype(int).tolist()
    return tuple(
        _camera(middle, distance, turn, focal, width, height) for (_, turn), width in zip(SIDES, widths, strict=True)
    )


def look_from_sides(surface: SurfaceView, *, pixels: int = _PIXELS) -> tuple[Look, ...]:
    """The four looks that the preview and the report's pictures on the surface are painted from."""
    return tuple(run_units(lambda camera: look_at(surface, camera), side_cameras(surface, pixels=pixels)))


def render_preview(looks: Sequence[Look], caption: Caption = NO_CAPTION) -> NDArray[np.uint8]:
    """(H, W, 3) uint8 sRGB: shape and, where the surface has a texture, colours, from four sides with
    captions.
    """
    rows = [run_units(view_clay, looks)]
    if looks[0].surface.texture is not None:
        rows.append(run_units(view_colours, looks))
    return composed(rows, looks[0].camera, caption)


def write_preview(path: Path, looks: Sequence[Look], caption: Caption = NO_CAPTION) -> NDArray[np.uint8]:
    """Writes `render_preview` as PNG, aside and renamed, and returns the picture. Raises StorageError."""
    picture = render_preview(looks, caption)
    write_bytes(path, encode_png(picture))
    return picture


def ground(height: int, width: int) -> NDArray[np.float32]:
    """(H, W, 3) sRGB in [0, 1]: a neutral light grey, a little darker towards the floor."""
    step = np.linspace(0, 1, height, dtype=np.float32)[:, None, None]
    light, dark = np.array([0.937, 0.937, 0.945], np.float32), np.array([0.84, 0.84, 0.855], np.float32)
    return np.broadcast_to(light * (1 - step) + dark * step, (height, width, 3)).astype(np.float32)


def _extent(vertices: NDArray[np.floating]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The box around the surface, without a stray bit that would shrink everything else to a dot."""
    if not np.isfinite(vertices).all():
        raise InputError("Vertices of the mesh are not finite numbers.", "mesh.vertices", "Repair the mesh first.")
    low, high = vertices.min(axis=0).astype(np.float64), vertices.max(axis=0).astype(np.float64)
    near_low, near_high = np.percentile(vertices, [0.1, 99.9], axis=0)
    slack = 0.25 * (near_high - near_low).max()
    return np.maximum(low, near_low - slack), np.minimum(high, near_high + slack)


def _camera(
    middle: NDArray[np.float64], distance: float, turn_deg: float, focal: float, width: int, height: int
) -> Camera:
    turn = np.radians(turn_deg)
    forward = np.array([-np.sin(turn), np.cos(turn), 0.0])
    down = np.array([0.0, 0.0, -1.0])
    rotation = np.stack([np.cross(down, forward), down, forward])
    centre = middle - distance * forward
    return Camera(
        camera_id=f"side_{turn_deg:.0f}",
        intrinsics=Intrinsics(
            model="pinhole", width=width, height=height, fx=focal, fy=focal, cx=width / 2, cy=height / 2
        ),
        cam_from_world=Rigid3(rotation=rotation, translation=-rotation @ centre),
    )


def composed(rows: Sequence[Sequence[View]], camera: Camera, caption: Caption) -> NDArray[np.uint8]:
    """(H, W, 3) uint8 sRGB: rows of four pictures each, in the order of SIDES, with captions and a scale."""
    from PIL import Image, ImageDraw, ImageFont

    height = rows[0][0].depth_m.shape[0]
    head, foot = (64 if caption.title or caption.note else 20), 52
    lefts = np.cumsum([0] + [view.depth_m.shape[1] for view in rows[0]]).tolist()
    canvas = ground(head + height * len(rows) + foot, lefts[-1])
    canvas = np.rint(canvas * 255).astype(np.uint8)
    for line, views in enumerate(rows):
        for place, view in enumerate(views):
            top = head + line * height
            part = canvas[top : top + height, lefts[place] : lefts[place + 1]]
            part[:] = view.over(part / 255.0)
    picture = Image.fromarray(canvas)
    draw = ImageDraw.Draw(picture)
    large, small = ImageFont.load_default(26), ImageFont.load_default(19)
    draw.text((24, head / 2), caption.title, _INK, large, anchor="lm")
    draw.text((canvas.shape[1] - 24, head / 2), caption.note, _FAINT, small, anchor="rm")
    base = canvas.shape[0] - foot / 2
    for place, (name, _) in enumerate(SIDES[: len(rows[0])]):
        draw.text(((lefts[place] + lefts[place + 1]) / 2, base), name, _INK, small, anchor="mm")
    if caption.scale_is_metric:
        _scale_bar(draw, camera, (24.0, base), small)
    return np.asarray(picture)


def _scale_bar(draw: Any, camera: Camera, at: tuple[float, float], font: Any) -> None:
    """A bar of a round length, true at the middle of the subject."""
    distance = float(np.linalg.norm(camera.cam_from_world.translation))
    pixels_per_m = camera.intrinsics.fx / distance
    fitting = [step for step in _BARS_M if step * pixels_per_m <= 0.2 * camera.intrinsics.width]
    length_m = max(fitting, default=_BARS_M[0])
    x, y = at
    end = x + length_m * pixels_per_m
    draw.line([(x, y), (end, y)], _FAINT, 2)
    for place in (x, end):
        draw.line([(place, y - 5), (place, y + 5)], _FAINT, 2)
    name = f"{length_m * 100:g} cm" if length_m >= 0.01 else f"{length_m * 1000:g} mm"
    draw.text((end + 10, y), name, _FAINT, font, anchor="lm")
