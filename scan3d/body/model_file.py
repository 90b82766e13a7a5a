"""Model files: SMPL-X's own format (.npz, .pkl), and those of its elders SMPL-H and SMPL."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from scan3d.body.model import BodyModel
from scan3d.body.skeleton import JOINTS, PARENTS
from scan3d.errors import InputError

# Shape numbers of a file that holds both: 300 of the body, then 100 of the expression (SMPL-X 1.1).
SHAPES, EXPRESSIONS = 300, 100
_HAND = 45
_KINDS = {55: "SMPL-X", 52: "SMPL-H", 24: "SMPL"}
_NEEDED = ("v_template", "f", "weights", "shapedirs", "J_regressor", "kintree_table")
_NO_MODEL = "Give a model file of SMPL-X, SMPL-H or SMPL (.npz or .pkl), or build one with: scan3d body build"

Read = Callable[[str], Any]


def write_body_model(model: BodyModel, path: Path) -> None:
    """Writes SMPL-X's npz, which unmodified smplx 0.1.28 reads; what it has no place for is under "scan3d_...".

    The same model gives the same bytes. Raises ValueError for a model that has not SMPL-X's 55 joints.
    """
    if model.joints != len(JOINTS):
        raise ValueError(f"only SMPL-X's 55 joints fit into its format, not {model.joints}")
    arrays = _standard(model) | _own(model)
    with zipfile.ZipFile(path, "w") as archive:
        for name, array in arrays.items():
            with io.BytesIO() as member:
                np.lib.format.write_array(member, np.asarray(array, order="C"), allow_pickle=False)
                info = zipfile.ZipInfo(f"{name}.npy", date_time=(1980, 1, 1, 0, 0, 0))
                # Dense floats hardly shrink and would take seconds to unpack.
                dense = name == "shapedirs"
                info.compress_type = zipfile.ZIP_STORED if dense else zipfile.ZIP_DEFLATED
                archive.writestr(info, member.getvalue(), compresslevel=None if dense else 4)


def _standard(model: BodyModel) -> dict[str, np.ndarray]:
    """The keys that smplx asks for, in the types it expects."""
    count = len(model.template)
    shapes = np.zeros((count, 3, SHAPES + EXPRESSIONS), np.float32)
    shapes[..., : min(SHAPES, model.shape_basis.shape[2])] = model.shape_basis[..., :SHAPES]
    kept = model.expression_basis[..., :EXPRESSIONS]
    shapes[..., SHAPES : SHAPES + kept.shape[2]] = kept
    features = 9 * (model.joints - 1)
    pose = np.zeros((count, 3, features), np.float32) if model.pose_basis is None else model.pose_basis
    parents = model.parents.astype(np.int64)
    parents[0] = 2**32 - 1  # as SMPL-X's own files have it; smplx makes it -1
    hands = _full_hands(model)
    return {
        "v_template": model.template.astype(np.float32),
        "f": model.faces.astype(np.uint32),
        "shapedirs": shapes,
        "posedirs": np.asarray(pose, np.float32),
        "J_regressor": model.joint_regressor.astype(np.float32),
        "kintree_table": np.stack([parents, np.arange(model.joints)]),
        "weights": model.weights.astype(np.float32),
        **{f"hands_components{side}": hands[number].astype(np.float32) for number, side in enumerate("lr")},
        **{f"hands_mean{side}": model.hand_means[number].astype(np.float32) for number, side in enumerate("lr")},
        **_face_landmarks(model),
        **({} if model.uv is None else {"vt": model.uv.astype(np.float32), "ft": _uv_faces(model)}),
    }


def _full_hands(model: BodyModel) -> np.ndarray:
    """(2, 45, 45) hand components, rows of zeros where the model has fewer."""
    full = np.zeros((2, _HAND, _HAND))
    full[:, : model.hand_bases.shape[1]] = model.hand_bases
    return full


def _uv_faces(model: BodyModel) -> np.ndarray:
    assert model.quad_uv is not None
    return model.quad_uv[:, [0, 1, 2, 0, 2, 3]].reshape(-1, 3).astype(np.uint32)


def _face_landmarks(model: BodyModel) -> dict[str, np.ndarray]:
    """lmk_*: the 51 inner landmarks of a face ("face_17" .. "face_67") and the 17 of its contour ("face_0" .. "face_16"
    of a face seen from the front, "face_0_13" of one turned to its left by 13 degrees, and so on in steps of 13)."""
    corner = _corner_of_vertices(model.faces)

    def places(vertices: list[int]) -> tuple[np.ndarray, np.ndarray]:
        faces, corners = corner[vertices].T
        return faces, np.eye(3, dtype=np.float32)[corners]

    nose = model.landmarks.get("nose", 0)
    faces, bary = places([model.landmarks.get(f"face_{number}", nose) for number in range(17, 68)])
    # smplx reads row d for a head turned by d degrees to its right, and row 39 + d for one turned to its left.
    degrees = [-d for d in range(40)] + list(range(1, 40))
    order = []
    for near in (13 * round(d / 13) for d in degrees):
        front = [model.landmarks.get(f"face_{n}", nose) for n in range(17)]
        order.append([model.landmarks.get(f"face_{n}_{near}", front[n]) for n in range(17)])
    turned_faces, turned_bary = places([vertex for row in order for vertex in row])
    return {
        "lmk_faces_idx": faces.astype(np.int64),
        "lmk_bary_coords": bary,
        "dynamic_lmk_faces_idx": turned_faces.reshape(79, 17).astype(np.int64),
        "dynamic_lmk_bary_coords": turned_bary.reshape(79, 17, 3),
    }


def _corner_of_vertices(faces: np.ndarray) -> np.ndarray:
    """(V, 2) a face of each vertex, and which of its corners it is; (0, 0) for a vertex without any."""
    result = np.zeros((int(faces.max()) + 1, 2), np.int64)
    for column in (2, 1, 0):
        result[faces[::-1, column]] = np.stack([np.arange(len(faces))[::-1], np.full(len(faces), column)], axis=1)
    return result


def _own(model: BodyModel) -> dict[str, np.ndarray]:
    """What BodyModel holds beyond SMPL-X's format."""
    arrays: dict[str, np.ndarray] = {
        "scan3d_name": np.array(model.name),
        "scan3d_licence": np.array(model.licence),
        "scan3d_sizes": np.array([model.shape_basis.shape[2], model.expression_basis.shape[2]]),
        "scan3d_hand_components": np.array(model.hand_bases.shape[1]),
    }
    if model.quads is not None:
        arrays["scan3d_quads"] = model.quads.astype(np.uint32)
    if model.quad_uv is not None:
        arrays["scan3d_quad_uv"] = model.quad_uv.astype(np.uint32)
    for kind, named in (("shape", model.shapes), ("part", model.parts)):
        if named:
            arrays[f"scan3d_{kind}_names"] = np.array(list(named))
            arrays[f"scan3d_{kind}s"] = np.stack(list(named.values())).astype(np.float32)
    if model.landmarks:
        arrays["scan3d_landmark_names"] = np.array(list(model.landmarks))
        arrays["scan3d_landmarks"] = np.array(list(model.landmarks.values()))
    return arrays


def read_body_model(path: Path) -> BodyModel:
    """Reads a model file of SMPL-X, SMPL-H or SMPL. Raises InputError for any other file, and for a damaged one."""
    if not path.is_file():
        raise InputError("There is no such model file.", str(path), _NO_MODEL)
    with path.open("rb") as file:
        zipped = file.read(4) == b"PK\x03\x04"
    if zipped:
        return _read_npz(path)
    from scan3d.body.model_pickle import read_model_pickle

    return _model(path, read_model_pickle(path))


def _read_npz(path: Path) -> BodyModel:
    try:
        with np.load(path, allow_pickle=False) as file:
            return _model(path, _Members(path, file))
    except (zipfile.BadZipFile, OSError, EOFError) as error:
        raise InputError("The model file is damaged.", str(path), "Download or build it again.") from error


class _Members(Mapping[str, Any]):
    """An npz read key by key, so that members nobody asks for may hold what cannot be read safely."""

    def __init__(self, path: Path, file: Any) -> None:
        self._path, self._file = path, file

    def __getitem__(self, key: str) -> Any:
        try:
            return self._file[key]
        except ValueError as error:
            raise InputError(f"'{key}' in the model file is not plain numbers.", str(self._path), _NO_MODEL) from error

    def __iter__(self):
        return iter(self._file.files)

    def __len__(self) -> int:
        return len(self._file.files)


def _model(path: Path, data: Mapping[str, Any]) -> BodyModel:
    missing = [key for key in _NEEDED if key not in data]
    if missing:
        what = f"This is not a body model: it lacks {', '.join(missing)}."
        raise InputError(what, str(path), _NO_MODEL)
    reader = _Reader(path, data)
    template = reader.floats("v_template", (None, 3))
    count = len(template)
    table = reader.whole("kintree_table", (2, None), None)
    joints = table.shape[1]
    if joints not in _KINDS:
        what = f"The model has {joints} joints; SMPL-X has 55, SMPL-H 52, SMPL 24."
        raise InputError(what, str(path), _NO_MODEL)
    parents = np.where(np.arange(joints) == 0, -1, table[0]).astype(np.int32)
    if (parents >= np.arange(joints)).any() or (parents[1:] < 0).any():
        raise InputError("The model's joints do not form a tree.", str(path), _NO_MODEL)
    if joints == len(JOINTS) and tuple(parents.tolist()) != PARENTS:
        raise InputError("The model's joints are not connected as SMPL-X's are.", str(path), _NO_MODEL)
    shape, expression = _bases(reader, count, joints)
    surface = _surface(reader, count)
    return BodyModel(
        name=reader.text("scan3d_name") or path.stem,
        licence=reader.text("scan3d_licence") or "As its publisher says.",
        template=template,
        faces=reader.whole("f", (None, 3), count),
        shape_basis=shape,
        expression_basis=expression,
        pose_basis=_pose_basis(reader, count, joints),
        joint_regressor=reader.floats("J_regressor", (joints, count)),
        parents=parents,
        weights=_weights(reader, count, joints),
        **_hands(reader, joints),
        quads=surface["quads"],
        uv=surface["uv"],
        quad_uv=surface["quad_uv"],
        shapes=reader.named("shape", (count, 3)),
        parts=reader.named("part", (count,)),
        landmarks=_landmarks(reader, count),
    )


class _Reader:
    """Takes arrays out of a file's data, and says what is wrong with them."""

    def __init__(self, path: Path, data: Mapping[str, Any]) -> None:
        self.path, self.data = path, data

    def __contains__(self, key: str) -> bool:
        return key in self.data

    def fail(self, what: str) -> InputError:
        return InputError(what, str(self.path), _NO_MODEL)

    def floats(self, key: str, shape: tuple[int | None, ...]) -> np.ndarray:
        """float32 of this shape (None: any), all finite."""
        array = self._array(key, shape)
        if array.dtype.kind not in "fiu":
            raise self.fail(f"'{key}' in the model file is not numbers.")
        array = np.asarray(array, np.float32)
        if not np.isfinite(array).all():
            raise self.fail(f"'{key}' in the model file has values that are not numbers (NaN or infinite).")
        return array

    def whole(self, key: str, shape: tuple[int | None, ...], below: int | None) -> np.ndarray:
        """Whole numbers of this shape, at least 0 and below a bound where one is given."""
        array = self._array(key, shape)
        if array.dtype.kind not in "iuf" or not np.isfinite(array.astype(np.float64)).all():
            raise self.fail(f"'{key}' in the model file is not whole numbers.")
        result = array.astype(np.int64)
        if below is not None and len(result) and (result.min() < 0 or result.max() >= below):
            raise self.fail(f"'{key}' in the model file names vertices that it does not have.")
        return result.astype(np.int32) if below is not None else result

    def text(self, key: str) -> str:
        return str(self._array(key, ())) if key in self.data else ""

    def named(self, kind: str, shape: tuple[int, ...]) -> dict[str, np.ndarray]:
        """Name -> array of the pair of keys that holds several."""
        if f"scan3d_{kind}s" not in self.data:
            return {}
        names = [str(name) for name in self._array(f"scan3d_{kind}_names", (None,))]
        return dict(zip(names, self.floats(f"scan3d_{kind}s", (len(names), *shape)), strict=True))

    def _array(self, key: str, shape: tuple[int | None, ...]) -> np.ndarray:
        value = self.data[key]
        array = np.asarray(value.toarray() if hasattr(value, "toarray") else value)
        fits = array.ndim == len(shape) and all(b is None or a == b for a, b in zip(array.shape, shape, strict=True))
        if not fits or array.dtype.kind == "O":
            wanted = " x ".join("any" if size is None else str(size) for size in shape) or "a single value"
            raise self.fail(f"'{key}' in the model file has the shape {array.shape}, where {wanted} is due.")
        return array


def _bases(reader: _Reader, count: int, joints: int) -> tuple[np.ndarray, np.ndarray]:
    """Shape and expression basis. Only SMPL-X has expressions: its last 100, or those after 10 in its small files."""
    basis = reader.floats("shapedirs", (count, 3, None))
    size = basis.shape[2]
    if joints != len(JOINTS):
        return basis, basis[..., :0]
    start = SHAPES if size >= SHAPES + EXPRESSIONS else min(10, size)
    shape, expression = basis[..., :start], basis[..., start:]
    if "scan3d_sizes" in reader:
        sizes = reader.whole("scan3d_sizes", (2,), None)
        shape, expression = shape[..., : sizes[0]], expression[..., : sizes[1]]
    return shape, expression


def _pose_basis(reader: _Reader, count: int, joints: int) -> np.ndarray | None:
    if "posedirs" not in reader:
        return None
    basis = reader.floats("posedirs", (count, 3, 9 * (joints - 1)))
    return basis if basis.any() else None


def _weights(reader: _Reader, count: int, joints: int) -> np.ndarray:
    weights = reader.floats("weights", (count, joints))
    if weights.min() < -1e-3 or np.abs(weights.sum(axis=1) - 1).max() > 1e-2:
        raise reader.fail("'weights' in the model file do not sum to one at every vertex.")
    return weights


def _hands(reader: _Reader, joints: int) -> dict[str, np.ndarray]:
    """Means and components, none for a model without fingers or a file without hands."""
    if joints == 24 or "hands_meanl" not in reader:
        return {"hand_means": np.zeros((2, _HAND), np.float32), "hand_bases": np.zeros((2, 0, _HAND), np.float32)}
    means = np.stack([reader.floats(f"hands_mean{side}", (_HAND,)) for side in "lr"])
    bases = np.stack([reader.floats(f"hands_components{side}", (None, _HAND)) for side in "lr"])
    if "scan3d_hand_components" in reader:
        bases = bases[:, : int(reader.whole("scan3d_hand_components", (), None))]
    return {"hand_means": means, "hand_bases": bases}


def _surface(reader: _Reader, count: int) -> dict[str, np.ndarray | None]:
    """Quads and texture coordinates where the file has them."""
    quads = reader.whole("scan3d_quads", (None, 4), count) if "scan3d_quads" in reader else None
    uv = reader.floats("vt", (None, 2)) if "vt" in reader else None
    quad_uv = None
    if quads is not None and uv is not None and "scan3d_quad_uv" in reader:
        quad_uv = reader.whole("scan3d_quad_uv", (len(quads), 4), len(uv))
    return {"quads": quads, "uv": uv, "quad_uv": quad_uv}


def _landmarks(reader: _Reader, count: int) -> dict[str, int]:
    if "scan3d_landmarks" not in reader:
        return {}
    vertices = reader.whole("scan3d_landmarks", (None,), count)
    names = [str(name) for name in reader.data["scan3d_landmark_names"]]
    return dict(zip(names, vertices.tolist(), strict=True))
