"""Binary PLY: the mesh as measured, in metres and in the world frame."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from scan3d.errors import InputError
from scan3d.geometry import Mesh
from scan3d.pipeline.aside import write_bytes
from scan3d.report.mesh_files.corners import check_mesh, unit_normals
from scan3d.report.texture import to_8_bit

_TYPES = {
    "char": "i1", "int8": "i1", "uchar": "u1", "uint8": "u1", "short": "i2", "int16": "i2", "ushort": "u2",
    "uint16": "u2", "int": "i4", "int32": "i4", "uint": "u4", "uint32": "u4", "float": "f4", "float32": "f4",
    "double": "f8", "float64": "f8",
}  # fmt: skip
_PLACE = ("x", "y", "z")
_NORMAL = ("nx", "ny", "nz")
_COLOUR = ("red", "green", "blue")


def write_ply(mesh: Mesh, path: Path, *, colour: NDArray[np.generic] | None = None) -> None:
    """Writes a little-endian binary PLY: float32 metres in the world frame (Z up), with unit normals.

    mesh    every entry of `mesh.vertex_values` with one number per vertex becomes a float32 property of that
            name, so "confidence" arrives as `confidence`.
    colour  (V, 3) uint8 or uint16 sRGB, or None: written as uchar red, green, blue.

    Raises InputError for a mesh or colours that do not fit together, StorageError when it cannot be written.
    """
    check_mesh(mesh)
    count = len(mesh.vertices)
    columns: dict[str, NDArray[np.generic]] = {}
    columns |= _named(_PLACE, np.asarray(mesh.vertices, np.float32))
    columns |= _named(_NORMAL, unit_normals(mesh))
    if colour is not None:
        if colour.shape != (count, 3):
            raise InputError(
                f"Colours of the shape {colour.shape} on {count} vertices.",
                "colour",
                "Give (vertices, 3) numbers.",
            )
        columns |= _named(_COLOUR, to_8_bit(colour))
    for name, values in mesh.vertex_values.items():
        if np.shape(values) == (count,):
            columns[name.replace(" ", "_")] = np.asarray(values, np.float32)
    table = np.empty(count, [(name, "u1" if column.dtype == np.uint8 else "<f4") for name, column in columns.items()])
    for name, column in columns.items():
        table[name] = column
    faces = np.empty(len(mesh.faces), [("count", "u1"), ("index", "<i4", 3)])
    faces["count"], faces["index"] = 3, mesh.faces
    write_bytes(path, _header(table, len(faces)), table.tobytes(), faces.tobytes())


def read_ply(path: Path) -> Mesh:
    """Reads a binary little-endian PLY of triangles, as `write_ply` and most scanners write it.

    Normals come back as `normals`, all other numbers of a vertex (confidence, red, green, blue) in
    `vertex_values` under their names. Raises InputError, naming the file, for anything else.
    """
    if not path.is_file():
        raise InputError("The mesh is not there.", str(path), "Check the path.")
    with path.open("rb") as file:
        elements = _read_header(file, path)
        vertices = _read_vertices(file, elements, path)
        faces = _read_faces(file, elements, path)
    names = vertices.dtype.names or ()
    known = {*_PLACE, *_NORMAL}
    mesh = Mesh(
        vertices=np.stack([vertices[name] for name in _PLACE], axis=1),
        faces=faces,
        normals=np.stack([vertices[name] for name in _NORMAL], axis=1) if set(_NORMAL) <= set(names) else None,
        vertex_values={name: np.ascontiguousarray(vertices[name]) for name in names if name not in known},
    )
    check_mesh(mesh)
    return mesh


def _named(names: tuple[str, ...], values: NDArray[np.generic]) -> dict[str, NDArray[np.generic]]:
    return {name: values[:, column] for column, name in enumerate(names)}


def _header(vertices: NDArray[np.void], face_count: int) -> bytes:
    kinds = {np.dtype("<f4"): "float", np.dtype("u1"): "uchar"}
    lines = ["ply", "format binary_little_endian 1.0", "comment scan3d: metres, world frame, Z up, facing -Y"]
    lines += [f"element vertex {len(vertices)}"]
    lines += [f"property {kinds[vertices.dtype[name]]} {name}" for name in vertices.dtype.names or ()]
    lines += [f"element face {face_count}", "property list uchar int vertex_indices", "end_header"]
    return ("\n".join(lines) + "\n").encode("ascii")


def _read_header(file: BinaryIO, path: Path) -> dict[str, tuple[int, list[list[str]]]]:
    """Elements by name: how many, and their property lines split into words."""
    unfit = InputError(
        "The file is not a binary little-endian PLY.", str(path), "Export it as binary PLY and try again."
    )
    if file.readline(16).strip() != b"ply":
        raise unfit
    elements: dict[str, tuple[int, list[list[str]]]] = {}
    binary = False
    for raw in iter(lambda: file.readline(4096), b""):
        words = raw.decode("ascii", "replace").split()
        if words == ["end_header"]:
            break
        if words[:2] == ["format", "binary_little_endian"]:
            binary = True
        elif words[:1] == ["element"] and len(words) == 3 and words[2].isdigit():
            elements[words[1]] = (int(words[2]), [])
        elif words[:1] == ["property"] and elements:
            next(reversed(elements.values()))[1].append(words[1:])
    # Only what stands in this order can be read in one piece; nobody writes anything else for a mesh.
    if not binary or list(elements)[:2] not in (["vertex"], ["vertex", "face"]):
        raise unfit
    return elements


def _read_vertices(file: BinaryIO, elements: dict[str, tuple[int, list[list[str]]]], path: Path) -> NDArray[np.void]:
    count, properties = elements["vertex"]
    if any(len(words) != 2 or words[0] not in _TYPES for words in properties):
        raise InputError("Vertices with lists cannot be read.", str(path), "Export plain vertices.")
    dtype = np.dtype([(name, "<" + _TYPES[kind]) for kind, name in properties])
    if not set(_PLACE) <= set(dtype.names or ()):
        raise InputError("The vertices have no x, y and z.", str(path), "Export positions with the mesh.")
    return _take(file, dtype, count, path)


def _read_faces(file: BinaryIO, elements: dict[str, tuple[int, list[list[str]]]], path: Path) -> NDArray[np.int32]:
    count, properties = elements.get("face", (0, []))
    if count == 0:
        return np.zeros((0, 3), np.int32)
    words = properties[0]
    if len(properties) != 1 or words[0] != "list" or words[1] not in _TYPES or words[2] not in _TYPES:
        raise InputError("The faces are not plain lists of vertices.", str(path), "Export triangles only.")
    dtype = np.dtype([("count", "<" + _TYPES[words[1]]), ("index", "<" + _TYPES[words[2]], 3)])
    faces = _take(file, dtype, count, path)
    if not (faces["count"] == 3).all():
        raise InputError("The faces are not all triangles.", str(path), "Triangulate the mesh and export it again.")
    return faces["index"].astype(np.int32)


def _take(file: BinaryIO, dtype: np.dtype[np.void], count: int, path: Path) -> NDArray[np.void]:
    data = file.read(dtype.itemsize * count)
    if len(data) != dtype.itemsize * count:
        raise InputError("The file ends before the mesh does.", str(path), "Copy or export it again.")
    return np.frombuffer(data, dtype)
