"""Faces cut where their texture enters the next tile: nothing moves, nothing is lost."""

import numpy as np
import pytest

from scan3d.geometry.tile_cuts import cut_at_tiles, tile_of


def sheet(columns: int, rows: int, across: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Vertices of a flat sheet, its quads, and uv that are its places; the last quad is two triangles."""
    x, y = np.meshgrid(np.linspace(0.1, across, columns + 1), np.linspace(0.1, across, rows + 1))
    places = np.stack([x.ravel(), y.ravel(), 0 * x.ravel()], axis=1)
    first = (np.arange(rows)[:, None] * (columns + 1) + np.arange(columns)).ravel()
    quads = np.stack([first, first + 1, first + columns + 2, first + columns + 1], axis=1)
    a, b, c, d = quads[-1]
    faces = np.concatenate([quads[:-1], [[a, b, c, -1], [a, c, d, -1]]]).astype(np.int32)
    return places, faces, places[:, :2].copy()


def areas(points: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Signed areas of polygons in the plane."""
    result = np.zeros(len(faces))
    for number, face in enumerate(faces):
        x, y = points[face[face >= 0], :2].T
        result[number] = 0.5 * np.sum(x * np.roll(y, -1) - y * np.roll(x, -1))
    return result


@pytest.mark.parametrize(("columns", "rows", "across"), [(5, 4, 1.9), (3, 3, 2.7), (1, 1, 3.2), (4, 7, 2.1)])
def test_every_piece_lies_in_one_tile_and_nothing_is_lost(columns: int, rows: int, across: float) -> None:
    places, faces, uv = sheet(columns, rows, across)
    cuts = cut_at_tiles(faces, faces, uv, len(places))
    after = cuts.carried(places)
    # uv are the places: what the new vertices carry is where the texture was cut.
    used = cuts.faces >= 0
    assert after[cuts.faces[used], :2] == pytest.approx(cuts.uv[cuts.face_uv[used]], abs=1e-12)
    pieces = areas(after, cuts.faces)
    assert pieces.min() > 0
    whole = areas(places, faces)
    assert np.bincount(cuts.owner, pieces, len(faces)) == pytest.approx(whole)
    assert np.all(np.diff(cuts.owner) >= 0)
    tile = tile_of(cuts.uv, cuts.face_uv)
    for face, at in zip(cuts.face_uv, tile, strict=True):
        corners = cuts.uv[face[face >= 0]] - at
        assert corners.min() > -1e-9 and corners.max() < 1 + 1e-9
    # Neighbours share what was cut: as many edges with one face as the sheet's border has, nowhere three.
    ends = [
        tuple(sorted(pair))
        for face in cuts.faces
        for pair in zip(face[face >= 0], np.roll(face[face >= 0], -1), strict=True)
    ]
    _, count = np.unique(ends, axis=0, return_counts=True)
    assert count.max() <= 2
    lonely = np.unique(ends, axis=0)[count == 1]
    lengths = np.linalg.norm(after[lonely[:, 0]] - after[lonely[:, 1]], axis=1)
    assert lengths.sum() == pytest.approx(4 * (across - 0.1))


def test_what_lies_in_one_tile_stays_as_it_is() -> None:
    places, faces, uv = sheet(3, 3, 0.9)
    cuts = cut_at_tiles(faces, faces, uv, len(places))
    assert np.array_equal(cuts.faces, faces) and not len(cuts.share) and np.array_equal(cuts.uv, uv)
    # On the line is not across it.
    cuts = cut_at_tiles(faces, faces, uv / uv.max(), len(places))
    assert not len(cuts.share)
