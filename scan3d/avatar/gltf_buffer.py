"""The binary part of a glTF file, and the tables that say what lies where in it."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

_KINDS = {
    np.dtype(np.float32): 5126,
    np.dtype(np.uint8): 5121,
    np.dtype(np.uint16): 5123,
    np.dtype(np.uint32): 5125,
}
_VERTEX_DATA, _INDEX_DATA = 34962, 34963
_SLIGHTEST = 1e-6


class Buffer:
    """Collects chunks, bufferViews and accessors; each method returns an index into its table."""

    def __init__(self) -> None:
        self.chunks: list[bytes] = []
        self.size = 0
        self.views: list[Any] = []
        self.accessors: list[Any] = []

    def view(self, data: bytes, target: int | None = None) -> int:
        """Any bytes, at a multiple of four."""
        import pygltflib as g

        self.views.append(g.BufferView(buffer=0, byteOffset=self.size, byteLength=len(data), target=target))
        padding = -len(data) % 4
        self.chunks += [data, bytes(padding)]
        self.size += len(data) + padding
        return len(self.views) - 1

    def values(
        self, values: npt.NDArray[Any], kind: str, *, bounds: bool = False, vertex_data: bool | None = None
    ) -> int:
        """(N, C) numbers as an accessor; floats become 32 bit."""
        data = _stored(values)
        target = _VERTEX_DATA if vertex_data is None and kind != "MAT4" else None
        return self._accessor(data, kind, self.view(data.tobytes(), target), bounds)

    def indices(self, faces: npt.NDArray[np.int32]) -> int:
        """Corners of triangles."""
        flat = faces.reshape(-1, 1)
        data = flat.astype(np.uint16 if flat.max(initial=0) < 65535 else np.uint32)
        return self._accessor(data, "SCALAR", self.view(data.tobytes(), _INDEX_DATA), False)

    def sparse(self, values: npt.NDArray[np.floating], *, bounds: bool = False, least: float = _SLIGHTEST) -> int:
        """(N, 3) vectors of which most are zero: only the others are stored."""
        import pygltflib as g

        data = _stored(values)
        # Column by column: over rows of three, max(axis=1) takes ten times as long.
        largest = np.maximum(np.maximum(np.abs(data[:, 0]), np.abs(data[:, 1])), np.abs(data[:, 2]))
        rows = np.flatnonzero(largest > least)
        if not len(rows):
            rows = np.array([0])
        if 2 * len(rows) > len(data):
            return self._accessor(data, "VEC3", self.view(data.tobytes(), _VERTEX_DATA), bounds)
        kept = np.zeros_like(data)
        kept[rows] = data[rows]
        number = self._accessor(kept, "VEC3", None, bounds)
        places = rows.astype(np.uint32 if rows.max() > 65535 else np.uint16)
        self.accessors[number].sparse = g.Sparse(
            count=len(rows),
            indices=g.AccessorSparseIndices(
                bufferView=self.view(places.tobytes()), componentType=_KINDS[places.dtype], byteOffset=0
            ),
            values=g.AccessorSparseValues(bufferView=self.view(data[rows].tobytes()), byteOffset=0),
        )
        return number

    def _accessor(self, data: npt.NDArray[Any], kind: str, view: int | None, bounds: bool) -> int:
        import pygltflib as g

        entry = g.Accessor(
            bufferView=view, byteOffset=None if view is None else 0, componentType=_KINDS[data.dtype], count=len(data),
            type=kind, normalized=None,
        )  # fmt: skip
        if bounds:
            entry.min, entry.max = data.min(axis=0).tolist(), data.max(axis=0).tolist()
        self.accessors.append(entry)
        return len(self.accessors) - 1


def _stored(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    return np.ascontiguousarray(values, values.dtype if values.dtype in _KINDS else np.float32)
