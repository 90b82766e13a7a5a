"""The avatar as OpenUSD: UsdSkel with blend shapes, materials as UsdPreviewSurface, Z up, metres."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from scan3d.avatar.avatar import Avatar, quaternions
from scan3d.avatar.moving import Moves, moves_of
from scan3d.avatar.rig import Rig
from scan3d.avatar.skin_weights import strongest
from scan3d.avatar.surface import smooth_normals
from scan3d.avatar.tiles import tiled
from scan3d.avatar.usd_material import write_material
from scan3d.errors import MissingDependencyError
from scan3d.pipeline.aside import written_aside

Floats = npt.NDArray[np.floating]

_SLIGHTEST_M = 1e-6


@dataclass(frozen=True, kw_only=True)
class UsdOptions:
    """weights: joints a vertex. texture_size: the longest side of a map. correctives: whether those
    that the pose and the motion need come along as shapes."""

    weights: int = 8
    texture_size: int | None = None
    correctives: bool = True


def write_usd(
    avatar: Avatar,
    rig: Rig,
    path: Path,
    options: UsdOptions,
    *,
    turns: Floats | None = None,
    translation: Floats | None = None,
    strengths: Mapping[str, float] | None = None,
) -> None:
    """Write a .usd and its maps beside it, in a folder named after it.

    Joints whose names USD does not allow ("thigh.L") get an underscore instead; the skeleton's jointNames keep them.
    Raises MissingDependencyError without usd-core, StorageError where the disk refuses.
    """
    try:
        from pxr import Usd, UsdGeom, UsdSkel
    except ImportError:
        raise MissingDependencyError(
            "USD is written by usd-core, which is not installed.", "--format usd", 'Run: pip install "scan3d[usd]"'
        ) from None
    if not options.correctives:
        avatar = replace(avatar, correctives=None)
    moves = moves_of(avatar, rig, turns=turns, translation=translation, strengths=strengths)
    stage = Usd.Stage.CreateInMemory()
    UsdGeom.SetStageUpAxis(stage, UsdGeom.Tokens.z)
    UsdGeom.SetStageMetersPerUnit(stage, 1.0)
    root = UsdSkel.Root.Define(stage, f"/{_identifier(avatar.name)}")
    stage.SetDefaultPrim(root.GetPrim())
    if avatar.licence:
        root.GetPrim().SetDocumentation(avatar.licence)
    mesh = _mesh(stage, root, avatar)
    skeleton = _skeleton(stage, root, avatar, rig, mesh, options)
    _shapes(stage, mesh, moves, len(avatar.vertices))
    _animation(stage, skeleton, mesh, rig, moves)
    _materials(stage, root, mesh, avatar, path, options.texture_size)
    root.GetPrim().GetVariantSets().SetSelection("shading", "preview")
    root.CreateExtentAttr(UsdGeom.Boundable.ComputeExtentFromPlugins(root, Usd.TimeCode.Default()))
    with written_aside(path) as aside:
        stage.GetRootLayer().Export(str(aside))


def _identifier(name: str) -> str:
    from pxr import Tf

    return str(Tf.MakeValidIdentifier(name))


def _mesh(stage: Any, root: Any, avatar: Avatar) -> Any:
    from pxr import Sdf, UsdGeom, Vt

    mesh = UsdGeom.Mesh.Define(stage, root.GetPath().AppendChild("body"))
    used = avatar.faces >= 0
    mesh.CreatePointsAttr(_vectors(avatar.vertices))
    mesh.CreateFaceVertexCountsAttr(Vt.IntArray.FromNumpy(used.sum(axis=1).astype(np.int32)))
    mesh.CreateFaceVertexIndicesAttr(Vt.IntArray.FromNumpy(np.ascontiguousarray(avatar.faces[used], np.int32)))
    mesh.CreateSubdivisionSchemeAttr(UsdGeom.Tokens.none)
    mesh.CreateNormalsAttr(_vectors(smooth_normals(avatar.vertices, avatar.triangles()[0])))
    mesh.SetNormalsInterpolation(UsdGeom.Tokens.vertex)
    mesh.CreateExtentAttr(_vectors(np.stack([avatar.vertices.min(axis=0), avatar.vertices.max(axis=0)])))
    coordinates = UsdGeom.PrimvarsAPI(mesh).CreatePrimvar(
        "st", Sdf.ValueTypeNames.TexCoord2fArray, UsdGeom.Tokens.faceVarying
    )
    coordinates.Set(Vt.Vec2fArray.FromNumpy(np.ascontiguousarray(avatar.uv, np.float32)))
    coordinates.SetIndices(Vt.IntArray.FromNumpy(np.ascontiguousarray(avatar.face_uv[used], np.int32)))
    return mesh


def _vectors(values: Floats) -> Any:
    from pxr import Vt

    return Vt.Vec3fArray.FromNumpy(np.ascontiguousarray(values, np.float32))


def _matrix(turn: Floats, place: Floats) -> Any:
    """USD multiplies rows by matrices: the transpose of what stands in books."""
    from pxr import Gf

    matrix = np.eye(4)
    matrix[:3, :3], matrix[3, :3] = turn.T, place
    return Gf.Matrix4d(*matrix.ravel().tolist())


def _joint_paths(rig: Rig) -> list[str]:
    paths: list[str] = []
    for name, parent in zip(rig.names, rig.parents, strict=True):
        own = _identifier(name)
        paths.append(own if parent < 0 else f"{paths[parent]}/{own}")
    return paths


def _skeleton(stage: Any, root: Any, avatar: Avatar, rig: Rig, mesh: Any, options: UsdOptions) -> Any:
    from pxr import Gf, UsdGeom, UsdSkel, Vt

    skeleton = UsdSkel.Skeleton.Define(stage, root.GetPath().AppendChild("skeleton"))
    skeleton.CreateJointsAttr(_joint_paths(rig))
    skeleton.CreateJointNamesAttr(list(rig.names))
    bind = [_matrix(axes, head) for axes, head in zip(rig.axes, rig.heads, strict=True)]
    rest = [_matrix(turn, place) for turn, place in zip(*rig.locals_at_rest(), strict=True)]
    skeleton.CreateBindTransformsAttr(Vt.Matrix4dArray(bind))
    skeleton.CreateRestTransformsAttr(Vt.Matrix4dArray(rest))
    UsdSkel.BindingAPI.Apply(skeleton.GetPrim())
    binding = UsdSkel.BindingAPI.Apply(mesh.GetPrim())
    binding.CreateSkeletonRel().SetTargets([skeleton.GetPath()])
    binding.CreateGeomBindTransformAttr(Gf.Matrix4d(1.0))
    joints, weights = strongest(avatar.weights, options.weights)
    bones = np.where(weights > 0, rig.bone_of_joint()[joints], 0)
    binding.CreateJointIndicesPrimvar(False, options.weights).Set(
        Vt.IntArray.FromNumpy(np.ascontiguousarray(bones.ravel(), np.int32))
    )
    binding.CreateJointWeightsPrimvar(False, options.weights).Set(
        Vt.FloatArray.FromNumpy(np.ascontiguousarray(weights.ravel(), np.float32))
    )
    for primvar in (binding.GetJointIndicesPrimvar(), binding.GetJointWeightsPrimvar()):
        primvar.SetInterpolation(UsdGeom.Tokens.vertex)
    return skeleton


def _shapes(stage: Any, mesh: Any, moves: Moves, count: int) -> None:
    from pxr import UsdSkel, Vt

    targets = []
    for name in moves.names:
        move = moves.move(name, count)
        shape = UsdSkel.BlendShape.Define(stage, mesh.GetPath().AppendChild(_identifier(name)))
        rows = np.flatnonzero(np.abs(move).max(axis=1) > _SLIGHTEST_M)
        rows = rows if len(rows) else np.array([0])
        shape.CreateOffsetsAttr(_vectors(move[rows]))
        shape.CreatePointIndicesAttr(Vt.IntArray.FromNumpy(rows.astype(np.int32)))
        targets.append(shape.GetPath())
    if targets:
        binding = UsdSkel.BindingAPI(mesh.GetPrim())
        binding.CreateBlendShapesAttr([_identifier(name) for name in moves.names])
        binding.CreateBlendShapeTargetsRel().SetTargets(targets)


def _animation(stage: Any, skeleton: Any, mesh: Any, rig: Rig, moves: Moves) -> None:
    """The pose it opens in, and the motion by frames where there is one."""
    from pxr import UsdSkel, Vt

    animation = UsdSkel.Animation.Define(stage, skeleton.GetPath().AppendChild("motion"))
    animation.CreateJointsAttr(_joint_paths(rig))
    animation.CreateScalesAttr(Vt.Vec3hArray(len(rig.names), (1, 1, 1)))
    turns, places = animation.CreateRotationsAttr(), animation.CreateTranslationsAttr()
    turns.Set(_quaternions(moves.local_turns))
    places.Set(_vectors(moves.local_places))
    weights = animation.CreateBlendShapeWeightsAttr() if moves.names else None
    if weights is not None:
        animation.CreateBlendShapesAttr([_identifier(name) for name in moves.names])
        weights.Set(Vt.FloatArray.FromNumpy(moves.strengths.astype(np.float32)))
    if moves.times_s is not None and moves.animated_turns is not None and moves.animated_places is not None:
        fps = 1 / (moves.times_s[1] - moves.times_s[0]) if len(moves.times_s) > 1 else 30.0
        stage.SetTimeCodesPerSecond(round(float(fps), 6))
        stage.SetFramesPerSecond(round(float(fps), 6))
        stage.SetStartTimeCode(0)
        stage.SetEndTimeCode(len(moves.times_s) - 1)
        for frame in range(len(moves.times_s)):
            turns.Set(_quaternions(moves.animated_turns[frame]), frame)
            places.Set(_vectors(moves.animated_places[frame]), frame)
            if weights is not None and moves.animated_strengths is not None:
                weights.Set(Vt.FloatArray.FromNumpy(moves.animated_strengths[frame].astype(np.float32)), frame)
    UsdSkel.BindingAPI(skeleton.GetPrim()).CreateAnimationSourceRel().SetTargets([animation.GetPath()])


def _quaternions(turns: Floats) -> Any:
    from pxr import Gf, Vt

    return Vt.QuatfArray([Gf.Quatf(*(float(x) for x in q)) for q in quaternions(turns)])


def _materials(stage: Any, root: Any, mesh: Any, avatar: Avatar, path: Path, texture_size: int | None) -> None:
    from pxr import UsdGeom, UsdShade, Vt

    scope = UsdGeom.Scope.Define(stage, root.GetPath().AppendChild("materials"))
    UsdShade.MaterialBindingAPI.Apply(mesh.GetPrim())
    groups, of_material = tiled(avatar.materials)
    for number, material in enumerate(groups):
        made = write_material(
            stage, scope.GetPath().AppendChild(_identifier(material.name)), material, path, texture_size
        )
        faces = np.flatnonzero(of_material[avatar.face_material] == number).astype(np.int32)
        subset = UsdGeom.Subset.CreateGeomSubset(
            mesh, _identifier(material.name), UsdGeom.Tokens.face, Vt.IntArray.FromNumpy(faces), "materialBind"
        )
        UsdShade.MaterialBindingAPI.Apply(subset.GetPrim()).Bind(made)
    UsdGeom.Subset.SetFamilyType(mesh, "materialBind", UsdGeom.Tokens.partition)
