"""One camera of every lens model, with as much distortion as real lenses have, in front of the origin."""

import numpy as np

from scan3d.geometry import Camera, Intrinsics
from scan3d.geometry.rig_definition import look_at

_SIZE = {"width": 150, "height": 200, "cx": 76.3, "cy": 98.1}
LENSES = {
    "pinhole": Intrinsics(model="pinhole", fx=230, fy=230, **_SIZE),
    "opencv": Intrinsics(model="opencv", fx=230, fy=231, distortion=(-0.25, 0.08, 1e-3, -8e-4), **_SIZE),
    "full_opencv": Intrinsics(
        model="full_opencv", fx=230, fy=228, distortion=(0.3, -0.1, -5e-4, 6e-4, 0.02, 0.5, 0.05, 0.01), **_SIZE
    ),
    "fisheye": Intrinsics(model="fisheye", fx=95, fy=95, distortion=(-0.02, 0.004, -0.002, 3e-4), **_SIZE),
}


def camera(model: str, distance_m: float = 2.0) -> Camera:
    """The lens at a place from which it sees the origin, aimed a little past it."""
    place = distance_m * np.array([0.3, -0.9, 0.25])
    return Camera(
        camera_id=model,
        intrinsics=LENSES[model],
        cam_from_world=look_at(place, np.array([0.05, 0.0, -0.04])),
    )
