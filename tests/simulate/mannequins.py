"""A body simple enough to know all of: an egg with a cap, a garment strip and two eyes."""

from __future__ import annotations

import numpy as np

from scan3d.geometry import Mesh

Others = tuple[tuple[str, str, Mesh], ...]


def globe(rings: int, segments: int, axes: tuple[float, float, float], centre: tuple[float, float, float]) -> Mesh:
    """An ellipsoid (metres) with its longitude and latitude as uv, cut along +Y."""
    latitude = np.linspace(-np.pi / 2, np.pi / 2, rings + 1)
    longitude = np.linspace(0, 2 * np.pi, segments + 1)
    lat, lon = np.meshgrid(latitude, longitude, indexing="ij")
    unit = np.stack([np.cos(lat) * np.sin(lon), np.cos(lat) * np.cos(lon), np.sin(lat)], axis=-1)
    grid = np.arange((rings + 1) * (segments + 1)).reshape(rings + 1, segments + 1)
    a, b, c, d = grid[:-1, :-1].ravel(), grid[:-1, 1:].ravel(), grid[1:, 1:].ravel(), grid[1:, :-1].ravel()
    corners = np.concatenate([np.stack([a, c, b], axis=1), np.stack([a, d, c], axis=1)])
    # Longitude runs clockwise seen from above: u is turned round, so that the map is not a mirror image.
    uv = np.stack([0.98 - 0.96 * lon / (2 * np.pi), 0.02 + 0.96 * (lat / np.pi + 0.5)], axis=-1).reshape(-1, 2)
    points = unit.reshape(-1, 3) * axes + np.array(centre)
    _, first, inverse = np.unique(np.round(unit.reshape(-1, 3), 9), axis=0, return_index=True, return_inverse=True)
    faces = inverse.reshape(-1)[corners]
    keep = (faces[:, 0] != faces[:, 1]) & (faces[:, 1] != faces[:, 2]) & (faces[:, 0] != faces[:, 2])
    return Mesh(vertices=points[first], faces=faces[keep], uv=uv[corners[keep]])


def mannequin() -> tuple[Mesh, dict[str, np.ndarray], Others]:
    """An egg 30 cm tall: body, regions and others as dress_up takes them. The garment is its lower third."""
    body = globe(48, 64, (0.1, 0.11, 0.15), (0.0, 0.0, 0.2))
    z, y, x = body.vertices[:, 2], body.vertices[:, 1], body.vertices[:, 0]
    front = (y < -0.02).astype(np.float32)
    regions = {
        "face": front * (z > 0.14) * (z < 0.28),
        "lips": np.clip(1.3 - np.hypot(x / 0.025, (z - 0.165) / 0.009), 0, 1) * front,
        "brow": ((np.abs(z - 0.243) < 0.007) & (np.abs(np.abs(x) - 0.032) < 0.02)) * front,
        "palm": (y > 0.09) & (z > 0.2),
        "scalp": z > 0.31,
        "hidden": z < 0.13,
        "torso": z < 0.15,
    }
    eyes = [globe(16, 24, (0.0125,) * 3, (side * 0.032, -0.0995, 0.225)) for side in (-1, 1)]
    shirt = globe(24, 48, (0.104, 0.114, 0.154), (0.0, 0.0, 0.2))
    shirt = shirt.submesh(shirt.corners()[..., 2].max(axis=1) < 0.13)
    cap = globe(24, 48, (0.104, 0.114, 0.155), (0.0, 0.0, 0.2))
    cap = cap.submesh(cap.corners()[..., 2].min(axis=1) > 0.312)
    others: Others = (
        ("eye_right", "eye", eyes[0]),
        ("eye_left", "eye", eyes[1]),
        ("shirt", "cloth", shirt),
        ("hair", "hair", cap),
    )
    return body, {name: np.asarray(values, np.float32) for name, values in regions.items()}, others
