"""An avatar: somebody's body as a rest mesh with bones, weights, shapes and maps, and how it poses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from scan3d.body.rotations import matrices

Floats = npt.NDArray[np.floating]
Ints = npt.NDArray[np.int32]

# A model stands Y up and faces +Z; an avatar stands Z up and faces -Y, its left at +X in both.
WORLD_FROM_MODEL = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]])


@dataclass(frozen=True, kw_only=True)
class Material:
    """What a part is made of. kind: "skin", "eyes", "mouth", "teeth" or "eyelashes".

    maps: name -> picture: "albedo" (sRGB), "normal" (tangent space, OpenGL, not a colour), "roughness" (grey, not a
    colour), "specular" (grey, linear: reflectance straight on, over 0.08), "displacement" (grey 16 bit, not a colour).
    roughness, specular: where there is no map. tile: the (u, v) of its
    square of texture coordinates, (0, 0) for the usual one.
    displacement_m: height of black and of white in the displacement map, metres.
    """

    name: str
    kind: str = "skin"
    maps: Mapping[str, Path] = field(default_factory=dict)
    colour: tuple[float, float, float] = (0.55, 0.42, 0.35)
    roughness: float = 0.5
    specular: float = 0.35
    tile: tuple[int, int] = (0, 0)
    displacement_m: tuple[float, float] = (0.0, 0.0)


@dataclass(frozen=True, kw_only=True, eq=False)
class Correctives:
    """Shapes that follow the joints' turns: moves @ (entries of the local rotation matrices, less those at rest).

    joint, row, column: (K,) which entry of which joint's matrix, in the world's axes. vertices: K times the (n,)
    vertices that it moves, moves: K times (n, 3) by how much, metres.
    """

    joint: Ints
    row: Ints
    column: Ints
    vertices: tuple[Ints, ...]
    moves: tuple[Floats, ...]

    def total(self, values: Floats, count: int) -> Floats:
        """(count, 3) what all of them together move, by their strengths (K,)."""
        result = np.zeros((count, 3))
        for strength, rows, moves in zip(values, self.vertices, self.moves, strict=True):
            result[rows] += strength * moves
        return result

    def turned(self, turns: Floats) -> Correctives:
        """The same with each vertex's moves turned by its own matrix of (V, 3, 3)."""
        moved = [
            np.einsum("vab,vb->va", turns[rows], moves).astype(np.float32)
            for rows, moves in zip(self.vertices, self.moves, strict=True)
        ]
        return replace(self, moves=tuple(moved))

    def of_vertices(self, used: Ints, count: int) -> Correctives:
        """The same of some of `count` vertices (N,), in that order."""
        place = np.full(count, -1, np.int32)
        place[used] = np.arange(len(used), dtype=np.int32)
        kept = [place[rows] >= 0 for rows in self.vertices]
        return replace(
            self,
            vertices=tuple(place[rows[keep]] for rows, keep in zip(self.vertices, kept, strict=True)),
            moves=tuple(moves[keep] for moves, keep in zip(self.moves, kept, strict=True)),
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class Animation:
    """A motion as the avatar's own turns. fps: frames a second. rotations: (N, J, 3, 3) local, in the world's axes.

    translations: (N, 3) of the root, metres. strengths: (N, S) of the shapes, 0 to 1; None where the face is left as it
    is.
    """

    fps: float
    rotations: Floats
    translations: Floats
    strengths: Floats | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class Avatar:
    """Somebody at rest in the world: metres, Z up, facing -Y, feet at z = 0.

    vertices: (V, 3). faces: (F, 4) int32, counter-clockwise from outside; a triangle's last entry is -1. uv: (T, 2),
    row 0 of a picture at v = 1. face_uv: (F, 4) rows of uv. face_material: (F,) rows of materials.
    joint_names, parents (J,), -1 for the root; joints: (J, 3) where they are at rest. weights: (V, J), rows sum to 1.
    rest_turns: (J, 3, 3) how far each joint is turned at rest from the model's own zero pose, in the world's axes: the
    identity where the rest pose is the model's own.
    shapes: name -> (V, 3) moves at full strength.
    expression_of_shapes: (S, E) the model's expression numbers that come nearest to each shape.
    root_shift_m: (3,) to be added to a translation of the model's parameters to get the root's here.
    shape, expression: numbers of the body model that the rest mesh holds. pose: (J, 3, 3) and translation (3,): how
    the person stood when scanned, as local turns.
    lod: 0 is the finest.
    """

    name: str
    licence: str
    model_name: str
    vertices: Floats
    faces: Ints
    uv: Floats
    face_uv: Ints
    face_material: Ints
    materials: tuple[Material, ...]
    joint_names: tuple[str, ...]
    parents: Ints
    joints: Floats
    weights: Floats
    rest_turns: Floats
    shapes: Mapping[str, Floats]
    expression_of_shapes: Floats
    root_shift_m: Floats
    shape: Floats
    expression: Floats
    pose: Floats
    translation: Floats
    correctives: Correctives | None = None
    animation: Animation | None = None
    lod: int = 0

    def with_vertices(self, used: Ints) -> Avatar:
        """The avatar with these rows (N,) of its vertices and all that they carry; its faces have to be renumbered."""
        correctives = self.correctives
        return replace(
            self,
            vertices=self.vertices[used],
            weights=self.weights[used],
            shapes={name: moves[used] for name, moves in self.shapes.items()},
            correctives=None if correctives is None else correctives.of_vertices(used, len(self.vertices)),
        )

    def triangles(self) -> tuple[Ints, Ints, Ints]:
        """(N, 3) of vertices, (N, 3) of uv, (N,) which face each is of."""
        quad = self.faces[:, 3] >= 0
        owner = np.repeat(np.arange(len(self.faces), dtype=np.int32), 1 + quad)
        second = np.concatenate([[False], owner[1:] == owner[:-1]]) if len(owner) else np.zeros(0, bool)
        order = np.where(second[:, None], [[0, 2, 3]], [[0, 1, 2]])
        rows = owner[:, None]
        return self.faces[rows, order], self.face_uv[rows, order], owner

    def turns_of(self, pose: Floats) -> Floats:
        """(..., J, 3, 3) local turns in the world's axes from a model's pose (..., J, 3), axis-angles, root first.

        The root's of the model stands it up (a quarter turn about X); here it stands already.
        """
        turns = WORLD_FROM_MODEL @ matrices(pose) @ WORLD_FROM_MODEL.T
        turns[..., 0, :, :] = WORLD_FROM_MODEL.T @ turns[..., 0, :, :]
        return np.asarray(turns)

    def upright(self, pose: Floats) -> Floats:
        """Local turns of a pose (J, 3) of which only the joints but the root matter: it faces -Y."""
        turns = self.turns_of(pose)
        turns[0] = np.eye(3)
        return turns

    def posed_joints(self, turns: Floats, translation: Floats) -> tuple[Floats, Floats]:
        """World turns (J, 3, 3) and places (J, 3) of the joints by local turns (J, 3, 3)."""
        globals_, places = np.empty((len(self.parents), 3, 3)), np.empty((len(self.parents), 3))
        # How far each joint is turned at rest, the parents' turns included.
        at_rest = self.rest_globals()
        for joint, parent in enumerate(self.parents):
            if parent < 0:
                globals_[joint], places[joint] = turns[joint], self.joints[joint] + translation
                continue
            arm = at_rest[parent].T @ (self.joints[joint] - self.joints[parent])
            globals_[joint] = globals_[parent] @ turns[joint]
            places[joint] = places[parent] + globals_[parent] @ arm
        return globals_, places

    def rest_globals(self) -> Floats:
        """(J, 3, 3) turns of the joints at rest from the model's zero pose, those of their parents included."""
        return world_turns(self.rest_turns, self.parents)

    def corrective_values(self, turns: Floats) -> Floats:
        """(..., K) how strong the correctives are by local turns (..., J, 3, 3); none without correctives."""
        c = self.correctives
        if c is None:
            return np.zeros((*turns.shape[:-3], 0))
        return np.asarray((turns - self.rest_turns)[..., c.joint, c.row, c.column])

    def posed(
        self, turns: Floats, translation: Floats | None = None, strengths: Mapping[str, float] | None = None
    ) -> Floats:
        """(V, 3) vertices by linear blend skinning; strengths of shapes by name. Metres, world."""
        vertices = np.array(self.vertices, np.float64)
        for name, strength in (strengths or {}).items():
            vertices += strength * self.shapes[name]
        if self.correctives is not None:
            vertices += self.correctives.total(self.corrective_values(turns), len(vertices))
        world, places = self.posed_joints(turns, np.zeros(3) if translation is None else translation)
        turn = world @ self.rest_globals().transpose(0, 2, 1)
        shift = places - np.einsum("jab,jb->ja", turn, self.joints)
        affine = np.concatenate([turn, shift[:, :, None]], axis=2).reshape(-1, 12)
        blended = (self.weights @ affine).reshape(-1, 3, 4)
        return np.asarray(np.einsum("vab,vb->va", blended[:, :, :3], vertices) + blended[:, :, 3])

    def on_the_floor(self, turns: Floats, translation: Floats) -> npt.NDArray[np.float64]:
        """(3,) the translation with which a pose's lowest vertex stands at z = 0: with detail, soles lie elsewhere."""
        return np.asarray(translation - [0, 0, self.posed(turns, translation)[:, 2].min()])


def world_turns(turns: Floats, parents: Ints) -> Floats:
    """(J, 3, 3) turns with those of all parents before them."""
    result = np.array(turns, np.float64)
    for joint, parent in enumerate(parents):
        if parent >= 0:
            result[joint] = result[parent] @ result[joint]
    return result


def quaternions(rotations: Floats) -> Floats:
    """(..., 4) unit quaternions (w, x, y, z), w >= 0, of rotations (..., 3, 3)."""
    from scipy.spatial.transform import Rotation

    flat = Rotation.from_matrix(rotations.reshape(-1, 3, 3)).as_quat(canonical=True)
    return np.asarray(np.roll(flat, 1, axis=1).reshape(*rotations.shape[:-2], 4))
