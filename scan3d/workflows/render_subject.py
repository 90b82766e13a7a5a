"""Who is rendered: the scan as it stands, or the avatar in a pose, as parts with materials."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from scan3d.avatar.avatar import Avatar
from scan3d.avatar.avatar import Material as AvatarMaterial
from scan3d.avatar.pictures import read_map
from scan3d.body.model import BodyModel
from scan3d.capture.colour import srgb_to_linear
from scan3d.errors import InputError
from scan3d.geometry import Mesh
from scan3d.geometry.materials import Kind, Material, Part
from scan3d.workflows.carry import PLAIN_TEXTURE, maps_note, second_lobe
from scan3d.workflows.take_body import chosen_pose, pose_names, read_take_body

Floats = npt.NDArray[np.floating]

# Skin where nothing was measured: Fresnel's 0.028 at an index of 1.4, and two lobes as Weyrich et al. 2006 and
# later fits of them have it, a wide one and a sharper one that takes about a fifth.
_F0, _ROUGHNESS, _SECOND_ROUGHNESS, _SECOND_SHARE = 0.028, 0.5, 0.3, 0.2
_WHITE_F0 = 0.08
_KINDS: Mapping[str, Kind] = {"skin": "skin", "eyes": "eye", "teeth": "plain", "mouth": "plain", "eyelashes": "hair"}


@dataclass(frozen=True, kw_only=True)
class Figure:
    """Who is rendered. landmarks: name -> (3,) places that frames are made by, metres, world. facing: (3,) unit, where
    the face looks, level. name: of files. notes: what a viewer of the pictures should know."""

    name: str
    parts: tuple[Part, ...]
    landmarks: Mapping[str, Floats]
    facing: Floats
    notes: tuple[str, ...] = ()

    def points(self) -> Floats:
        """(N, 3) all vertices."""
        return np.concatenate([part.mesh.vertices for part in self.parts])


def scan_figure(take: Path) -> Figure:
    """The scan as it stands: mesh and atlas of `scan3d reconstruct`, with the materials of results/appearance where
    there are any. Raises InputError where the take has no textured model."""
    from scan3d.report.score import load_model

    results = take / "results"
    if not (results / "model.obj").is_file():
        raise InputError(
            "The take has no textured model.", str(results / "model.obj"), f"Run: scan3d reconstruct {take}"
        )
    mesh, texture = load_model(results / "model.obj")
    # The file has a vertex for every seam: normals are those of the surface, seams or not.
    places, row = np.unique(mesh.vertices, axis=0, return_inverse=True)
    faces = row.reshape(-1)[mesh.faces].astype(np.int32)
    normals = Mesh(vertices=places, faces=faces).vertex_normals()
    materials, said = _appearance(results / "appearance")
    owner = np.zeros(len(faces)) if texture.tile_of_face is None else np.asarray(texture.tile_of_face)
    parts = []
    for tile, picture in enumerate(texture.tiles):
        of_tile = owner == tile
        if not of_tile.any():
            continue
        whole = Mesh(vertices=places, faces=faces[of_tile], normals=normals, uv=np.asarray(texture.uv[of_tile]))
        part = whole.submesh(np.ones(len(whole.faces), bool))
        material = materials[tile] if tile in materials else plain_material(np.asarray(picture))
        parts.append(Part(name=f"scan{tile}", mesh=part, material=material))
    return Figure(
        name="scan", parts=tuple(parts), landmarks=_guessed(places), facing=np.array([0.0, -1, 0]), notes=(said,)
    )


def _appearance(folder: Path) -> tuple[dict[int, Material], str]:
    """Tile -> material of `scan3d appearance`, and how it was made; nothing where that was not run."""
    if not (folder / "appearance.json").is_file():
        return {}, PLAIN_TEXTURE
    from scan3d.appearance.materials.files import read_material, read_record

    record = read_record(folder)
    tiles = [int(number) - 1001 for number in record["tiles"]]
    return dict(zip(tiles, read_material(folder), strict=True)), f"materials: {record.get('method', 'solved')}"


def plain_material(picture: np.ndarray) -> Material:
    """A texture (H, W, 3) sRGB as if it were albedo, with gloss as skin usually has."""
    return Material(
        kind="skin",
        albedo=srgb_to_linear(picture),
        roughness=_constant(_ROUGHNESS),
        specular=_F0,
        second_roughness=_SECOND_ROUGHNESS,
        second_share=_SECOND_SHARE,
    )


def _grey(path: Path) -> np.ndarray:
    picture = read_map(path)
    picture = picture if picture.ndim == 2 else picture[..., 0]
    return (picture / np.float32(np.iinfo(picture.dtype).max)).astype(np.float32)


def _constant(value: float) -> np.ndarray:
    return np.full((1, 1), value, np.float32)


def _sixteen(picture: np.ndarray) -> np.ndarray:
    return picture if picture.dtype == np.uint16 else picture.astype(np.uint16) * np.uint16(257)


def avatar_figure(take: Path, pose: str, model: BodyModel | None = None) -> Figure:
    """The fitted person in a pose (see `chosen_pose`), with the scan's detail and maps. model: as in `read_take_body`.

    Raises InputError where the take was not fitted or there is no such pose.
    """
    from scan3d.avatar.make import avatar_of

    body = read_take_body(take, model)
    chosen = chosen_pose(pose, body)
    avatar = avatar_of(
        body.model, body.parameters, level=body.level, offsets=body.offsets, materials=body.materials,
        uv_scale=body.uv_scale,
    )  # fmt: skip
    turns = avatar.turns_of(chosen.parameters.pose)
    place = chosen.parameters.translation + avatar.root_shift_m
    if pose in pose_names():
        place = avatar.on_the_floor(turns, place)
    world, joints = avatar.posed_joints(turns, place)
    vertices = avatar.posed(turns, place)
    landmarks = {name: joints[row] for row, name in enumerate(avatar.joint_names)}
    landmarks |= {"top": vertices[np.argmax(vertices[:, 2])], "floor": vertices[np.argmin(vertices[:, 2])]}
    facing = world[avatar.joint_names.index("head")] @ np.array([0.0, -1, 0])
    facing[2] = 0
    return Figure(
        name=chosen.name,
        parts=_avatar_parts(avatar, vertices, second_lobe(take) or (_SECOND_ROUGHNESS, _SECOND_SHARE)),
        landmarks=landmarks,
        facing=facing / max(float(np.linalg.norm(facing)), 1e-9),
        notes=(maps_note(take),),
    )


def _avatar_parts(avatar: Avatar, vertices: Floats, second: tuple[float, float]) -> tuple[Part, ...]:
    faces, corners, owner = avatar.triangles()
    normals = Mesh(vertices=vertices, faces=faces).vertex_normals()
    parts = []
    for number, material in enumerate(avatar.materials):
        own = avatar.face_material[owner] == number
        uv = avatar.uv[corners[own]] - np.asarray(material.tile)
        whole = Mesh(vertices=vertices, faces=faces[own], normals=normals, uv=np.asarray(uv))
        made = _of_avatar(material, second)
        parts.append(Part(name=material.name, mesh=whole.submesh(np.ones(len(whole.faces), bool)), material=made))
    return tuple(parts)


def _of_avatar(material: AvatarMaterial, second: tuple[float, float]) -> Material:
    plain = np.asarray(material.colour, np.float32).reshape(1, 1, 3)
    skin = material.kind == "skin"
    return Material(
        kind=_KINDS.get(material.kind, "plain"),
        albedo=srgb_to_linear(read_map(material.maps["albedo"])) if "albedo" in material.maps else plain,
        roughness=_grey(material.maps["roughness"]) if "roughness" in material.maps else _constant(material.roughness),
        specular=_WHITE_F0 * (_grey(material.maps["specular"]) if "specular" in material.maps else material.specular),
        second_roughness=second[0],
        second_share=second[1] if skin else 0.0,
        normal=_sixteen(read_map(material.maps["normal"])) if "normal" in material.maps else None,
    )


def _guessed(points: Floats) -> dict[str, Floats]:
    """Landmarks of a scan that nobody has fitted: of a standing person by shares of the height (ANSUR II's medians),
    of a head by itself."""
    low, high = points.min(axis=0), points.max(axis=0)
    height = high[2] - low[2]
    middle = 0.5 * (low + high)
    named = {"top": np.array([middle[0], middle[1], high[2]]), "floor": np.array([middle[0], middle[1], low[2]])}
    if height < 1.0:  # a head, or a bust
        return named | {"head": np.array([middle[0], middle[1], high[2] - min(0.13, 0.5 * height)])}
    shares = {"head": 0.925, "neck": 0.855, "spine3": 0.76, "spine1": 0.62, "pelvis": 0.54, "knee": 0.28}
    at = {name: np.array([middle[0], middle[1], low[2] + share * height]) for name, share in shares.items()}
    near = points[points[:, 2] > low[2] + 0.9 * height]
    at["head"][:2] = near[:, :2].mean(axis=0)
    return named | at | {"left_knee": at["knee"], "right_knee": at["knee"]}
