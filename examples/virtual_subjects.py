"""Eight people of the virtual studio, from very light to very dark skin, at arm's length: a contact sheet.

python examples/virtual_subjects.py [OUT.jpg] [--width 480] [--samples 64]
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from PIL import Image

from scan3d.capture.colour import linear_to_srgb, quantised
from scan3d.geometry import Camera, Intrinsics
from scan3d.geometry.rig_definition import look_at
from scan3d.simulate.lights import light_setups
from scan3d.simulate.sensor import SensorModel, expose, meter
from scan3d.simulate.stages import RadianceOptions, SubjectOptions, dressed_body
from scan3d.simulate.studio import open_studio, photograph

SEEDS = (11, 4, 2, 6, 1, 14, 3, 8)
TONES = np.linspace(0.03, 0.97, len(SEEDS))
DISTANCE_M = 0.75


def portrait(seed: int, tone: float, width: int, samples: int) -> np.ndarray:
    """(H, W, 3) uint8 photograph of a head and shoulders, 4 : 5."""
    body, subject = dressed_body(SubjectOptions(seed=seed, tone=float(tone)))
    face = np.average(body.skin.vertices, axis=0, weights=body.skin_regions["face"])
    aim = face - [0.0, 0.0, 0.015]
    height = width * 5 // 4
    focal = DISTANCE_M * height / 0.38
    lens = Intrinsics(model="pinhole", width=width, height=height, fx=focal, fy=focal, cx=width / 2, cy=height / 2)
    away = DISTANCE_M * np.array([0.28, -0.95, 0.06])
    camera = Camera(camera_id=f"subject{seed}", intrinsics=lens, cam_from_world=look_at(aim + away, aim))
    (setup,) = light_setups("studio", (0.0, 0.0, float(face[2])), 0.45)
    options = RadianceOptions(samples=samples, seed=seed, oversample=1.5, aperture_m=0.0, lights=(), cameras=())
    radiance = photograph(open_studio(subject.parts, setup, quick=False), subject.parts, camera, options)
    sensor = SensorModel(exposure=meter([radiance], level=0.95))
    picture = expose(radiance, sensor, intrinsics=lens, seed=seed, camera_id=camera.camera_id)
    return quantised(linear_to_srgb(picture), np.uint8)


def main() -> None:
    """Two rows of four, the lightest first."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", nargs="?", type=Path, default=Path("virtual_subjects.jpg"))
    parser.add_argument("--width", type=int, default=480)
    parser.add_argument("--samples", type=int, default=64)
    options = parser.parse_args()
    people = []
    for seed, tone in zip(SEEDS, TONES, strict=True):
        people.append(portrait(seed, tone, options.width, options.samples))
        print(f"{len(people)} of {len(SEEDS)}", flush=True)
    half = len(people) // 2
    sheet = np.concatenate([np.concatenate(people[:half], axis=1), np.concatenate(people[half:], axis=1)])
    Image.fromarray(sheet).save(options.out, quality=92)


if __name__ == "__main__":
    main()
