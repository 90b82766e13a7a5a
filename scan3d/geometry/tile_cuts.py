"""Faces cut where their texture crosses from one tile to the next, so that each shows one picture only."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating]
Ints = npt.NDArray[np.int32]

_ON_THE_LINE = 1e-9


@dataclass(frozen=True, kw_only=True, eq=False)
class Cuts:
    """faces, face_uv: (F', 4) quads and triangles, whose last entry is -1; owner: (F',) the face that each is of.

    ends: (N, 2) and share: (N,) of new vertices, one after the other behind the old ones: each lies between two
    earlier ones, so much of the way from the first to the second. uv: (T', 2) with new rows behind the old ones.
    """

    faces: Ints
    face_uv: Ints
    owner: Ints
    uv: Floats
    ends: Ints
    share: Floats

    def carried(self, values: Floats) -> Floats:
        """(V + N, ...) what the vertices carry, (V, ...) with that of the new ones behind."""
        count = len(values)
        result = np.concatenate([values, np.zeros((len(self.share), *values.shape[1:]), values.dtype)])
        for number, ((first, second), share) in enumerate(zip(self.ends, self.share, strict=True)):
            result[count + number] = (1 - share) * result[first] + share * result[second]
        return result


def tile_of(uv: Floats, face_uv: Ints) -> Ints:
    """(F, 2) column and row of the tile in which the middle of each face's texture lies."""
    used = (face_uv >= 0)[..., None]
    middle = np.where(used, uv[face_uv], 0).sum(axis=1) / used.sum(axis=1)
    return np.floor(middle).astype(np.int32)


def triangles(faces: Ints, face_uv: Ints) -> tuple[Ints, Ints]:
    """(N, 3) of quads and triangles (F, 4), and the same of their texture coordinates."""
    quad = faces[:, 3] >= 0
    return tuple(  # type: ignore[return-value]
        np.concatenate([table[:, :3], table[quad][:, [0, 2, 3]]]) for table in (faces, face_uv)
    )


def cut_at_tiles(faces: Ints, face_uv: Ints, uv: Floats, vertices: int) -> Cuts:
    """Cut at all whole numbers of u and v. faces, face_uv: (F, 4), -1 behind a triangle; vertices: how many."""
    work = _Work(vertices, np.asarray(uv, np.float64))
    owner = np.arange(len(faces), dtype=np.int32)
    for axis in (0, 1):
        low, high = _reach(face_uv, work.array(), axis)
        for line in range(int(np.floor(low.min(initial=0))) + 1, int(np.ceil(high.max(initial=0)))):
            low, high = _reach(face_uv, work.array(), axis)
            crossing = (low < line - _ON_THE_LINE) & (high > line + _ON_THE_LINE)
            rows = np.flatnonzero(crossing)
            if not len(rows):
                continue
            pieces = [
                (row, *piece) for row in rows.tolist() for piece in work.cut(faces[row], face_uv[row], axis, line)
            ]
            faces = np.concatenate([faces[~crossing], np.array([p[1] for p in pieces], np.int32)])
            face_uv = np.concatenate([face_uv[~crossing], np.array([p[2] for p in pieces], np.int32)])
            owner = np.concatenate([owner[~crossing], owner[[p[0] for p in pieces]]])
    # Faces stay in the order of those they are of.
    order = np.argsort(owner, kind="stable")
    return Cuts(
        faces=faces[order],
        face_uv=face_uv[order],
        owner=owner[order],
        uv=work.array(),
        ends=np.array(work.ends, np.int32).reshape(-1, 2),
        share=np.array(work.share),
    )


def _reach(face_uv: Ints, uv: Floats, axis: int) -> tuple[Floats, Floats]:
    values = uv[face_uv, axis]
    values[face_uv < 0] = np.nan
    return np.nanmin(values, axis=1), np.nanmax(values, axis=1)


class _Work:
    """Vertices and texture coordinates as they grow; an edge that two faces share is cut once."""

    def __init__(self, vertices: int, uv: Floats) -> None:
        self.vertices = vertices
        self.ends: list[tuple[int, int]] = []
        self.share: list[float] = []
        self._uv = uv
        self._new_uv: list[Floats] = []
        self._found: dict[tuple[int, int, int, int], tuple[int, int]] = {}

    def array(self) -> Floats:
        """(T', 2) all texture coordinates."""
        if self._new_uv:
            self._uv = np.concatenate([self._uv, self._new_uv])
            self._new_uv = []
        return self._uv

    def _at(self, row: int) -> Floats:
        return self._uv[row] if row < len(self._uv) else self._new_uv[row - len(self._uv)]

    def cut(self, face: Ints, corners: Ints, axis: int, line: int) -> list[tuple[list[int], list[int]]]:
        """The pieces of a face on either side of a line, as quads and triangles."""
        count = 4 if face[3] >= 0 else 3
        away = [float(self._at(int(corner))[axis]) - line for corner in corners[:count]]
        sides: tuple[list[tuple[int, int]], list[tuple[int, int]]] = ([], [])
        for k in range(count):
            here, after = (int(face[k]), int(corners[k])), (int(face[(k + 1) % count]), int(corners[(k + 1) % count]))
            s, t = away[k], away[(k + 1) % count]
            if s <= _ON_THE_LINE:
                sides[0].append(here)
            if s >= -_ON_THE_LINE:
                sides[1].append(here)
            if min(s, t) < -_ON_THE_LINE and max(s, t) > _ON_THE_LINE:
                middle = self._between(here, after, s / (s - t), axis, line)
                sides[0].append(middle)
                sides[1].append(middle)
        return [piece for side in sides for piece in _fours(side)]

    def _between(
        self, first: tuple[int, int], second: tuple[int, int], share: float, axis: int, line: int
    ) -> tuple[int, int]:
        """Vertex and row of uv on an edge."""
        if first[0] > second[0]:
            first, second, share = second, first, 1 - share
        key = (first[0], second[0], first[1], second[1])
        if key not in self._found:
            at = (1 - share) * self._at(first[1]) + share * self._at(second[1])
            at[axis] = line
            self.ends.append((first[0], second[0]))
            self.share.append(share)
            self._new_uv.append(at)
            self._found[key] = (
                self.vertices + len(self.ends) - 1,
                len(self._uv) + len(self._new_uv) - 1,
            )
        return self._found[key]


def _fours(polygon: list[tuple[int, int]]) -> list[tuple[list[int], list[int]]]:
    """A convex polygon as quads and triangles, by their vertices and rows of uv."""
    pieces = []
    while len(polygon) > 4:
        pieces.append(polygon[:3])
        polygon = [polygon[0], *polygon[2:]]
    pieces += [polygon] if len(polygon) >= 3 else []
    return [([v for v, _ in p] + [-1] * (4 - len(p)), [t for _, t in p] + [-1] * (4 - len(p))) for p in pieces]
