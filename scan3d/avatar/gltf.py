"""The avatar as glTF 2.0 binary: skin, shapes, maps, motion. The one place where Z up becomes Y up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from scan3d import __version__
from scan3d.avatar.avatar import WORLD_FROM_MODEL, Avatar, quaternions
from scan3d.avatar.gltf_buffer import Buffer
from scan3d.avatar.gltf_material import made_material
from scan3d.avatar.moving import Moves, moves_of
from scan3d.avatar.rig import Rig
from scan3d.avatar.skin_weights import strongest
from scan3d.avatar.surface import changed_normals, corners_as_vertices, smooth_normals, tangents
from scan3d.pipeline.aside import write_bytes

Floats = npt.NDArray[np.floating]

_VRM_LICENCE = "https://vrm.dev/licenses/1.0/"


@dataclass(frozen=True, kw_only=True)
class GltfOptions:
    """weights: joints a vertex, 4 or 8. texture_size: the longest side of a map, None for as they are.

    correctives: whether those that the pose and the motion need come along as shapes. normals: whether shapes
    move normals too.
    """

    weights: int = 8
    texture_size: int | None = None
    correctives: bool = True
    normals: bool = True


def write_gltf(
    avatar: Avatar,
    rig: Rig,
    path: Path,
    options: GltfOptions,
    *,
    turns: Floats | None = None,
    translation: Floats | None = None,
    strengths: Mapping[str, float] | None = None,
) -> None:
    """Write a .glb: metres, Y up, facing +Z. turns (J, 3, 3), translation (3,): the pose it opens in, rest without.

    Raises StorageError where the disk refuses. Specification: Khronos glTF 2.0; VRM 1.0 for bones named by it.
    """
    import pygltflib as g

    if not options.correctives:
        avatar = replace(avatar, correctives=None)
    buffer = Buffer()
    gltf = g.GLTF2(asset=g.Asset(version="2.0", generator=f"scan3d {__version__}", copyright=_rights(avatar)))
    moves = moves_of(avatar, rig, turns=turns, translation=translation, strengths=strengths)
    _nodes(gltf, avatar, rig, moves)
    _skin(gltf, rig, buffer)
    _mesh(gltf, avatar, rig, buffer, options, moves)
    _animation(gltf, rig, buffer, moves)
    for material in avatar.materials:
        gltf.materials.append(made_material(gltf, buffer, material, options.texture_size))
    if rig.naming.name == "vrm":
        _vrm(gltf, avatar, rig)
    gltf.bufferViews, gltf.accessors = buffer.views, buffer.accessors
    gltf.buffers.append(g.Buffer(byteLength=buffer.size))
    gltf.set_binary_blob(b"".join(buffer.chunks))
    write_bytes(path, *gltf.save_to_bytes())


def y_up(vectors: Floats) -> Floats:
    """(..., 3) vectors of the world in glTF's axes."""
    return np.asarray(vectors @ WORLD_FROM_MODEL)


def _rights(avatar: Avatar) -> str | None:
    first = avatar.licence.strip().splitlines()
    return first[0] if first else None


def _rotations(turns: Floats) -> Floats:
    """(..., 4) quaternions (x, y, z, w), as glTF has them."""
    return np.asarray(np.roll(quaternions(turns), -1, axis=-1))


def _nodes(gltf: Any, avatar: Avatar, rig: Rig, moves: Moves) -> None:
    """A node for each bone, in order, then the mesh's."""
    import pygltflib as g

    turns, places = _root_y_up(rig, moves.local_turns, moves.local_places)
    for bone, name in enumerate(rig.names):
        node = g.Node(name=name, rotation=_unit(_rotations(turns[bone])), translation=places[bone].tolist())
        node.children = np.flatnonzero(rig.parents == bone).tolist() or None
        gltf.nodes.append(node)
    roots = np.flatnonzero(rig.parents < 0).tolist()
    gltf.nodes.append(g.Node(name=avatar.name, mesh=0, skin=0))
    gltf.scenes.append(g.Scene(name=avatar.name, nodes=[*roots, len(rig.names)]))
    gltf.scene = 0


def _unit(quaternion: Floats) -> list[float]:
    """As numbers that JSON holds exactly and whose length is 1 in double precision."""
    return [float(x) for x in quaternion / np.linalg.norm(quaternion)]


def _root_y_up(rig: Rig, turns: Floats, places: Floats) -> tuple[Floats, Floats]:
    """Local turns and places (..., B, ...) with those of roots in glTF's axes; the others are in their parents'."""
    root = rig.parents < 0
    turns, places = turns.copy(), places.copy()
    turns[..., root, :, :] = WORLD_FROM_MODEL.T @ turns[..., root, :, :]
    places[..., root, :] = y_up(places[..., root, :])
    return turns, places


def _skin(gltf: Any, rig: Rig, buffer: Buffer) -> None:
    import pygltflib as g

    axes, heads = WORLD_FROM_MODEL.T @ rig.axes, y_up(rig.heads)
    inverse = np.tile(np.eye(4), (len(axes), 1, 1))
    inverse[:, :3, :3] = axes.transpose(0, 2, 1)
    inverse[:, :3, 3] = -np.einsum("bji,bj->bi", axes, heads)
    # Column by column, as glTF stores matrices.
    matrices = buffer.values(inverse.transpose(0, 2, 1).reshape(-1, 16), "MAT4")
    root = int(np.flatnonzero(rig.parents < 0)[0])
    gltf.skins.append(g.Skin(joints=list(range(len(rig.names))), inverseBindMatrices=matrices, skeleton=root))


def _mesh(gltf: Any, avatar: Avatar, rig: Rig, buffer: Buffer, options: GltfOptions, moves: Moves) -> None:
    """One set of vertices for all materials; a primitive for each."""
    import pygltflib as g

    corners = corners_as_vertices(avatar)
    vertex = corners.vertex
    normals = smooth_normals(avatar.vertices, corners.quads)
    joints, weights = strongest(avatar.weights, options.weights)
    joints = np.where(weights > 0, rig.bone_of_joint()[joints], 0)
    shared = {
        "POSITION": buffer.values(y_up(avatar.vertices)[vertex], "VEC3", bounds=True),
        "NORMAL": buffer.values(y_up(normals)[vertex], "VEC3"),
    }
    for group in range(options.weights // 4):
        part = slice(4 * group, 4 * group + 4)
        small = np.uint8 if len(rig.names) < 256 else np.uint16
        shared[f"JOINTS_{group}"] = buffer.values(joints[vertex, part].astype(small), "VEC4")
        shared[f"WEIGHTS_{group}"] = buffer.values(weights[vertex, part], "VEC4")
    tangent = None
    if any("normal" in material.maps for material in avatar.materials):
        values = tangents(corners, avatar.vertices, normals)
        tangent = buffer.values(np.column_stack([y_up(values[:, :3]), values[:, 3]]), "VEC4")
    targets = [
        _target(avatar, moves.move(name, len(avatar.vertices)), normals, corners.quads, vertex, buffer, options)
        for name in moves.names
    ]
    primitives = []
    for number, material in enumerate(avatar.materials):
        faces = corners.triangles[avatar.face_material[corners.owner] == number]
        flipped = (corners.uv - material.tile) * [1, -1] + [0, 1]
        coordinates = buffer.values(flipped, "VEC2")
        attributes = g.Attributes(**shared, TEXCOORD_0=coordinates)
        if "normal" in material.maps:
            attributes.TANGENT = tangent
        primitives.append(
            g.Primitive(attributes=attributes, indices=buffer.indices(faces), material=number, targets=targets or None)
        )
    mesh = g.Mesh(name=avatar.name, primitives=primitives)
    if moves.names:
        mesh.extras = {"targetNames": moves.names}
        mesh.weights = [float(w) for w in moves.strengths]
    gltf.meshes.append(mesh)


def _target(
    avatar: Avatar, move: Floats, normals: Floats, quads: npt.NDArray[np.int32], vertex: npt.NDArray[np.int32],
    buffer: Buffer, options: GltfOptions,
) -> Any:  # fmt: skip
    import pygltflib as g

    target = g.Attributes(POSITION=buffer.sparse(y_up(move)[vertex], bounds=True))
    if options.normals:
        changed = changed_normals(avatar.vertices, move, quads, normals)
        target.NORMAL = buffer.sparse(y_up(changed)[vertex], least=1e-3)
    return target


def _animation(gltf: Any, rig: Rig, buffer: Buffer, moves: Moves) -> None:
    import pygltflib as g

    if moves.times_s is None or moves.animated_turns is None or moves.animated_places is None:
        return
    animation = g.Animation(name="motion")
    times = buffer.values(moves.times_s[:, None], "SCALAR", bounds=True, vertex_data=False)
    turns, places = _root_y_up(rig, moves.animated_turns, moves.animated_places)

    def channel(node: int, path: str, accessor: int) -> None:
        animation.samplers.append(g.AnimationSampler(input=times, output=accessor, interpolation="LINEAR"))
        target = g.AnimationChannelTarget(node=node, path=path)
        animation.channels.append(g.AnimationChannel(sampler=len(animation.samplers) - 1, target=target))

    for bone in np.flatnonzero(rig.joint >= 0).tolist():
        rotations = _continuous(_rotations(turns[:, bone]))
        channel(bone, "rotation", buffer.values(rotations, "VEC4", vertex_data=False))
    moved = int(rig.bone_of_joint()[0])
    channel(moved, "translation", buffer.values(places[:, moved], "VEC3", vertex_data=False))
    if moves.animated_strengths is not None:
        strengths = buffer.values(moves.animated_strengths.reshape(-1, 1), "SCALAR", vertex_data=False)
        channel(len(rig.names), "weights", strengths)
    gltf.animations.append(animation)


def _continuous(rotations: Floats) -> Floats:
    """(N, 4) the same rotations, no neighbour on the far side of the sphere."""
    flips = np.concatenate([[1.0], np.where(np.sum(rotations[1:] * rotations[:-1], axis=1) < 0, -1.0, 1.0)])
    return np.asarray(rotations * np.cumprod(flips)[:, None])


def _vrm(gltf: Any, avatar: Avatar, rig: Rig) -> None:
    """VRM 1.0's list of which bone is which, so that its readers take the file for a character."""
    bones = {name: {"node": bone} for bone, name in enumerate(rig.names) if rig.joint[bone] >= 0}
    gltf.extensionsUsed.append("VRMC_vrm")
    gltf.extensions["VRMC_vrm"] = {
        "specVersion": "1.0",
        "meta": {"name": avatar.name, "version": "1", "authors": [avatar.name], "licenseUrl": _VRM_LICENCE},
        "humanoid": {"humanBones": bones},
    }
