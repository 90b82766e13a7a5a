"""A take beside its photographs: face, hand and whole person, as photographed, rendered, and of the plain texture.

    python examples/beside_photographs.py TAKE CAMERA LIGHT beside.jpg

The take was reconstructed, solved and fitted (`scan3d reconstruct`, `appearance`, `fit`). Left to right: photograph,
final picture and preview of the scan with its solved materials by the rig's own lamp, the same of the plain texture,
and the avatar in the same pose with the maps that were carried on to it. Nothing is fitted but one exposure each.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from scan3d.capture.colour import linear_to_srgb
from scan3d.capture.take import Take
from scan3d.geometry import Camera
from scan3d.geometry.materials import Part
from scan3d.render.preview import Preview
from scan3d.render.tracing import Tracer
from scan3d.report.score import load_model
from scan3d.workflows.render_compare import camera_of, compare, mask_of, photograph_of
from scan3d.workflows.render_lights import rig_light
from scan3d.workflows.render_subject import Figure, avatar_figure, plain_material, scan_figure

SAMPLES = 64
SIDE_PX = (420, 420, 900)  # of the rows: face, hand, everything
REACH_M = (0.14, 0.11)


def main(take_dir: Path, camera_id: str, light_id: str, path: Path) -> None:
    take = Take.open(take_dir)
    camera = camera_of(take, camera_id)
    light = rig_light(take, light_id, camera)[0]
    scan, avatar = scan_figure(take_dir), avatar_figure(take_dir, "scan")
    frames = {
        "solved": Tracer(scan.parts, light).render(camera, samples=SAMPLES),
        "solved, preview": Preview(scan.parts, light).render(camera),
        "plain texture": Preview(plain(take_dir, scan.parts), light).render(camera),
        "avatar": Preview(avatar.parts, light).render(camera),
    }
    mask, words = mask_of(take, camera, None)
    taken = photograph_of(take, camera, light_id)
    pictures = [linear_to_srgb(taken)]
    for name, frame in frames.items():
        done = compare(frame, taken, camera_id=camera_id, light_id=light_id, mask=mask, words=words)
        by = done.figures
        print(f"{name}: {by.psnr_db:.2f} dB, SSIM {by.ssim:.3f}, CIEDE2000 {by.ciede2000:.2f}, FLIP {by.flip:.3f}")
        pictures.append(done.render)
    rows = [
        np.hstack([cv2.resize(picture[part], None, fx=scale, fy=scale) for picture in pictures])
        for part, scale in parts_of(camera, avatar, taken.shape[:2])
    ]
    widest = max(row.shape[1] for row in rows)
    whole = [np.pad(row, ((0, 0), (0, widest - row.shape[1]), (0, 0))) for row in rows]
    sheet = np.rint(255 * np.clip(np.vstack(whole), 0, 1)).astype(np.uint8)
    cv2.imwrite(str(path), sheet[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 92])


def plain(take_dir: Path, parts: Sequence[Part]) -> list[Part]:
    """The scan with its texture as if that were albedo."""
    texture = load_model(take_dir / "results" / "model.obj")[1]
    return [
        replace(part, material=plain_material(np.asarray(texture.tiles[int(part.name.removeprefix("scan"))])))
        for part in parts
    ]


def parts_of(camera: Camera, avatar: Figure, shape: tuple[int, ...]) -> list[tuple[tuple[slice, slice], float]]:
    """Where face, a hand and everything lie in the photograph, and how much larger to show them."""
    points = avatar.points()
    hand = min(("left_middle1", "right_middle1"), key=lambda n: np.linalg.norm(avatar.landmarks[n] - camera.centre))
    chosen = [
        points[np.linalg.norm(points - avatar.landmarks[name], axis=1) < reach]
        for name, reach in zip(("head", hand), REACH_M, strict=True)
    ]
    found = []
    for which, side in zip((*chosen, points), SIDE_PX, strict=True):
        px = camera.project(which)[0]
        (left, top), (right, bottom) = (px.min(axis=0) - 6).astype(int), (px.max(axis=0) + 6).astype(int)
        rows = slice(max(0, top), min(shape[0], bottom))
        columns = slice(max(0, left), min(shape[1], right))
        found.append(((rows, columns), side / (rows.stop - rows.start)))
    return found


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], sys.argv[3], Path(sys.argv[4]))
