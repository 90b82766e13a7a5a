"""Reads the pickles that SMPL-X, SMPL-H and SMPL are published as, and builds nothing but arrays from them.

A pickle is a program. Only the constructors of numpy's arrays and of scipy's sparse matrices run; an array of chumpy
(the library the old files were written with) becomes the plain array it holds. Anything else is refused by name.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from scan3d.errors import InputError

_NEXT = "Give a model file of SMPL-X, SMPL-H or SMPL, as its publisher has it."
_SPARSE = ("csc_matrix", "csr_matrix", "coo_matrix", "csc_array", "csr_array", "coo_array")


class _RefusedError(Exception):
    """A name that no model file has a reason to use."""


class _Chumpy:
    """Stands for chumpy.Ch and its like: keeps the state it is given, runs nothing."""

    def __init__(self, *arguments: Any) -> None:
        self.state: Any = arguments[0] if arguments else {}

    def __setstate__(self, state: Any) -> None:
        self.state = state


class _Sparse:
    """Stands for a scipy sparse matrix: keeps its state, which holds plain arrays."""

    kind = ""

    def __init__(self, *arguments: Any) -> None:
        self.state: Any = {}

    def __setstate__(self, state: Any) -> None:
        self.state = state


def _sparse_of(kind: str) -> type[_Sparse]:
    return type(f"_{kind}", (_Sparse,), {"kind": kind[:3]})


def _constructors() -> dict[tuple[str, str], Any]:
    """(module, name) in the file -> what is called in its place."""
    numpy_core = ("numpy.core.multiarray", "numpy._core.multiarray")
    found: dict[tuple[str, str], Any] = {
        ("numpy", "ndarray"): np.ndarray,
        ("numpy", "dtype"): np.dtype,
        ("_codecs", "encode"): _encode,
        ("copy_reg", "_reconstructor"): _reconstructed,
        ("copyreg", "_reconstructor"): _reconstructed,
        ("__builtin__", "object"): object,
        ("builtins", "object"): object,
    }
    from numpy._core.multiarray import _reconstruct, scalar
    from numpy._core.numeric import _frombuffer  # type: ignore[attr-defined]

    for module in ("numpy.core.numeric", "numpy._core.numeric"):
        found[module, "_frombuffer"] = _frombuffer
    for module in numpy_core:
        found[module, "_reconstruct"] = _reconstruct
        found[module, "scalar"] = scalar
    return found


def _encode(text: str, encoding: str = "latin1") -> bytes:
    """What pickles of bytes written by Python 2's protocols call."""
    if encoding not in ("latin1", "latin-1"):
        raise _RefusedError(f"_codecs.encode to {encoding}")
    return text.encode("latin1")


def _reconstructed(kind: type, base: type, state: Any) -> Any:
    """copyreg's way to make an object: only of the stand-ins here."""
    if not issubclass(kind, (_Chumpy, _Sparse)):
        raise _RefusedError(f"an object of {kind.__name__}")
    return kind()


class _ModelUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        known: Callable[..., Any] | None = _constructors().get((module, name))
        if known is not None:
            return known
        if module.split(".")[0] == "chumpy":
            return _Chumpy
        if module.startswith("scipy.sparse") and name in _SPARSE:
            return _sparse_of(name)
        raise _RefusedError(f"{module}.{name}")


def read_model_pickle(path: Path) -> Mapping[str, Any]:
    """Key -> array of a model's pickle. Raises InputError for a file that is none, is damaged or wants to run code."""
    try:
        with path.open("rb") as file:
            data = _ModelUnpickler(file, encoding="latin1").load()
    except _RefusedError as error:
        what = f"The file is a pickle that asks for {error}, which no body model needs; it was not opened further."
        raise InputError(what, str(path), _NEXT) from error
    except Exception as error:  # whatever bytes there are, the unpickler may fail in any way
        raise InputError("This is not a body model, or it is damaged.", str(path), _NEXT) from error
    if not isinstance(data, dict) or not all(isinstance(key, str) for key in data):
        raise InputError("This is not a body model: the file does not hold named arrays.", str(path), _NEXT)
    return {key: _plain(value) for key, value in data.items()}


def _plain(value: Any) -> Any:
    """The array in a chumpy or sparse value; other values as they are."""
    if isinstance(value, _Chumpy):
        return _of_chumpy(value)
    if isinstance(value, _Sparse):
        return _of_sparse(value)
    return value


def _of_chumpy(value: _Chumpy, depth: int = 0) -> Any:
    """The array a chumpy value holds: its own "x", or the picked entries of another one ("a" at "idxs")."""
    state = value.state if isinstance(value.state, dict) else {}
    if depth > 8:
        return None
    if "x" in state:
        inner = state["x"]
        return _of_chumpy(inner, depth + 1) if isinstance(inner, _Chumpy) else inner
    if "a" in state and "idxs" in state and "preferred_shape" in state:
        source = state["a"]
        array = _of_chumpy(source, depth + 1) if isinstance(source, _Chumpy) else source
        return np.asarray(array).ravel()[np.asarray(state["idxs"])].reshape(state["preferred_shape"])
    return None


def _of_sparse(value: _Sparse) -> Any:
    """The full matrix of a scipy sparse one."""
    from scipy.sparse import coo_array, csc_array, csr_array

    state = value.state
    shape = tuple(int(size) for size in state.get("_shape", state.get("shape")))
    if value.kind == "coo":
        row, col = state["coords"] if "coords" in state else (state["row"], state["col"])
        return coo_array((state["data"], (row, col)), shape=shape).toarray()
    made = {"csc": csc_array, "csr": csr_array}[value.kind]
    return made((state["data"], state["indices"], state["indptr"]), shape=shape).toarray()
