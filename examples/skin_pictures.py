"""A face, a hand and a whole person: as the virtual studio photographs them, and as scan3d renders them.

    python examples/skin_pictures.py skin_pictures.jpg

Left to right: photograph, final picture, preview, all by the same light and of the same measured skin.
"""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np

from scan3d.geometry import Camera
from scan3d.render.frames import framed
from scan3d.render.lamps import light_of
from scan3d.render.looks import LookCamera, read_look
from scan3d.render.preview import Preview
from scan3d.render.tracing import Tracer
from scan3d.render.views import seen
from scan3d.simulate.path_tracer import Scene
from scan3d.simulate.stages import SubjectOptions, dressed_body

SIZE = (400, 500)
SAMPLES = 64
FRONT = np.array([0.0, -1.0, 0.0])
BEHIND = 0.12


def main(path: Path, texture_size: int = 4096) -> None:
    parts = dressed_body(SubjectOptions(seed=2, texture_size=texture_size))[1].parts
    points = np.concatenate([part.mesh.vertices for part in parts])
    eyes = np.concatenate([part.mesh.vertices for part in parts if part.name.startswith("eye")])
    face = eyes.mean(axis=0)
    light = light_of(read_look("loop"), face, FRONT)
    photographer, final, preview = Scene(parts, light), Tracer(parts, light), Preview(parts, light)
    rows = []
    for camera in cameras(points, face):
        taken = photographer.render(camera, samples=SAMPLES, alpha=True)
        shots = [(taken[..., :3], taken[..., 3])]
        shots += [(f.beauty, f.alpha) for f in (final.render(camera, samples=SAMPLES), preview.render(camera))]
        rows.append(np.hstack([seen(light + BEHIND * (1 - cover[..., None]), "standard") for light, cover in shots]))
    sheet = np.rint(255 * np.vstack(rows)).astype(np.uint8)
    cv2.imwrite(str(path), sheet[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 92])


def cameras(points: np.ndarray, face: np.ndarray) -> list[Camera]:
    """Of the face, the left hand and everything."""
    near = points[np.linalg.norm(points - face, axis=1) < 0.17]
    tip = points[points[:, 0].argmax()]
    hand = points[np.linalg.norm(points - tip, axis=1) < 0.2]
    turns = ((near, 15.0, 0.95), (hand, 40.0, 0.85), (points, 0.0, 0.9))
    return [
        framed(LookCamera(crop="full", focal_mm=85, azimuth_deg=turn, fill=fill, size_px=SIZE), which, {}, FRONT)
        for which, turn, fill in turns
    ]


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "skin_pictures.jpg"))
