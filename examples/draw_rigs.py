"""Draws rigs as SVG: from above, from the side and at an angle. Makes the pictures of docs/rigs.md.

python examples/draw_rigs.py                         # every rig that ships, into docs/pictures/
python examples/draw_rigs.py my_rig.toml --out .     # one of your own
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from scan3d.capture.rig_file import read_rig_definition, rig_names
from scan3d.geometry import Camera
from scan3d.geometry.rig_definition import RigDefinition

PANEL_PX, MARGIN_PX = 340, 18
ToPage = Callable[[np.ndarray], np.ndarray]
COLOURS = ("#2a6f97", "#c8553d", "#588157", "#8e5a9f", "#b08900")
# Middle and half axes of the ellipsoids that stand for a person, metres: x to its left, y behind it, z up.
HEAD = [((0.0, 0.0, 0.0), (0.075, 0.1, 0.12)), ((0.0, -0.1, -0.01), (0.014, 0.025, 0.03))]
BODY = [
    ((0.0, 0.0, 0.78), (0.075, 0.1, 0.12)),
    ((0.0, 0.0, 0.35), (0.19, 0.12, 0.33)),
    ((0.0, 0.0, 0.0), (0.17, 0.12, 0.16)),
    *[((side * 0.11, 0.0, -0.47), (0.08, 0.09, 0.48)) for side in (-1, 1)],
    *[((side * 0.32, 0.0, 0.22), (0.13, 0.05, 0.33)) for side in (-1, 1)],
]
# Name, and right and up of the page in the world.
ABOVE = ("from above", (1.0, 0.0, 0.0), (0.0, 1.0, 0.0))
SIDE = ("from its right", (0.0, -1.0, 0.0), (0.0, 0.0, 1.0))
ANGLE = ("from the front, above", (0.906, 0.423, 0.0), (-0.165, 0.354, 0.921))


def draw(definition: RigDefinition) -> str:
    """The SVG of a rig, three panels at one scale."""
    reach = 1.12 * max(np.linalg.norm(c.centre[:2] - definition.subject_centre_m[:2]) for c in definition.rig())
    scale = 0.5 * PANEL_PX / reach
    width, height = 3 * PANEL_PX + 4 * MARGIN_PX, PANEL_PX + 3 * MARGIN_PX + 14
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        'font-family="sans-serif" font-size="13">',
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
    ]
    for number, (title, right, up) in enumerate((ABOVE, SIDE, ANGLE)):
        left = MARGIN_PX + number * (PANEL_PX + MARGIN_PX)
        parts.append(f'<g transform="translate({left},{2 * MARGIN_PX})">')
        parts.append(f'<text x="{PANEL_PX / 2}" y="-10" text-anchor="middle" fill="#333">{title}</text>')
        parts += _panel(definition, np.array([right, up]), scale)
        parts.append("</g>")
    parts += [_scale_bar(MARGIN_PX, height - 14, scale, reach), "</svg>"]
    return "\n".join(parts) + "\n"


def _panel(definition: RigDefinition, page: np.ndarray, scale: float) -> list[str]:
    middle = np.array(definition.subject_centre_m)
    toward = np.cross(page[0], page[1])

    def to_page(points: np.ndarray) -> np.ndarray:
        return (np.atleast_2d(points) - middle) @ page.T * [scale, -scale] + 0.5 * PANEL_PX

    parts = _ground(definition, page, scale, to_page)
    rings = [number for number, ring in enumerate(definition.rings) for _ in range(ring.cameras)]
    cameras = zip(definition.rig(), rings, strict=True)
    ordered = sorted(cameras, key=lambda pair: float((pair[0].centre - middle) @ toward))
    behind = [pair for pair in ordered if (pair[0].centre - middle) @ toward < 0]
    length = 0.07 * PANEL_PX / scale * 2
    for group in (behind, None, ordered[len(behind) :]):
        if group is None:
            parts += [_ellipse(to_page(middle + np.array(m)), np.array(a), page, scale) for m, a in _person(definition)]
        else:
            parts += [_frustum(camera, length, COLOURS[ring % len(COLOURS)], to_page) for camera, ring in group]
    return parts


def _person(definition: RigDefinition) -> list[tuple[tuple[float, float, float], tuple[float, float, float]]]:
    return HEAD if definition.subject == "head" else BODY


def _ground(definition: RigDefinition, page: np.ndarray, scale: float, to_page: ToPage) -> list[str]:
    """A disc under the rig: the floor around a body, a plane below the lowest camera around a head."""
    body = definition.subject == "body"
    height = 0.0 if body else min(camera.centre[2] for camera in definition.rig()) - 0.05
    middle = definition.subject_centre_m
    if abs(page[1][2]) > 0.999:  # Seen edge on.
        y = float(to_page(np.array([middle[0], middle[1], height]))[0, 1])
        return [f'<line x1="0" x2="{PANEL_PX}" y1="{y:.1f}" y2="{y:.1f}" stroke="#999"/>'] if body else []
    radius = 0.5 * PANEL_PX / scale / 1.12
    turn = np.linspace(0, 2 * np.pi, 73)
    circle = np.stack([middle[0] + radius * np.sin(turn), middle[1] - radius * np.cos(turn), 0 * turn + height], axis=1)
    return [f'<polygon points="{_points(to_page(circle))}" fill="#f6f6f4" stroke="#ddd"/>']


def _frustum(camera: Camera, length_m: float, colour: str, to_page: ToPage) -> str:
    """The pyramid that a camera sees, cut off at a length."""
    lens = camera.intrinsics.without_distortion()
    corners = np.array([[0, 0], [lens.width, 0], [lens.width, lens.height], [0, lens.height]], dtype=float)
    rays = lens.unproject(corners)
    base = to_page(camera.cam_from_world.inverse().apply(length_m * rays / np.linalg.norm(rays[0])))
    tip = to_page(camera.centre)[0]
    sides = "".join(f"M{tip[0]:.1f} {tip[1]:.1f}L{x:.1f} {y:.1f}" for x, y in base)
    return (
        f'<g stroke="{colour}" stroke-width="0.9" stroke-linejoin="round"><polygon points="{_points(base)}" '
        f'fill="{colour}" fill-opacity="0.18"/><path d="{sides}" fill="none"/>'
        f'<circle cx="{tip[0]:.1f}" cy="{tip[1]:.1f}" r="2" fill="{colour}"/></g>'
    )


def _ellipse(at: np.ndarray, half_axes: np.ndarray, page: np.ndarray, scale: float) -> str:
    """The outline of an ellipsoid, seen from far away: the ellipse of P diag(a^2) P^T."""
    squared, axes = np.linalg.eigh(page @ np.diag(half_axes**2) @ page.T)
    turn = np.degrees(np.arctan2(-axes[1, 1], axes[0, 1]))
    small, large = np.sqrt(squared) * scale
    x, y = at[0]
    return (
        f'<ellipse cx="{x:.1f}" cy="{y:.1f}" rx="{large:.1f}" ry="{small:.1f}" '
        f'transform="rotate({turn:.1f} {x:.1f} {y:.1f})" fill="#e3d3c4" stroke="#b9a18b" stroke-width="0.8"/>'
    )


def _scale_bar(x: float, y: float, scale: float, reach: float) -> str:
    length_m = 1.0 if reach > 1.0 else 0.5
    end = x + length_m * scale
    return (
        f'<path d="M{x} {y - 4}V{y + 4}M{x} {y}H{end:.1f}M{end:.1f} {y - 4}V{y + 4}" stroke="#333" fill="none"/>'
        f'<text x="{end + 8:.1f}" y="{y + 4}" fill="#333">{length_m:g} m</text>'
    )


def _points(page_points: np.ndarray) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in page_points)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rigs", nargs="*", help="names or .toml files; all that ship by default")
    parser.add_argument("--out", type=Path, default=Path("docs/pictures"))
    options = parser.parse_args(arguments)
    options.out.mkdir(parents=True, exist_ok=True)
    for name in options.rigs or rig_names():
        definition = read_rig_definition(name)
        path = options.out / f"rig_{definition.name}.svg"
        path.write_text(draw(definition), encoding="utf-8")
        print(path)


if __name__ == "__main__":
    main()
