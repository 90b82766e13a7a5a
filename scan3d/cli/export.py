"""`scan3d export TAKE --format FORMAT`"""

from __future__ import annotations

import enum
from pathlib import Path
from typing import Annotated

import typer

from scan3d.cli.options import Debug, For, Json, LeavingFor, Registry, Use
from scan3d.cli.session import Outcome, Session, run
from scan3d.errors import InputError


class Format(enum.StrEnum):
    """What the file is."""

    GLB = "glb"
    USD = "usd"
    FBX = "fbx"
    BLEND = "blend"
    OBJ = "obj"
    TWIN = "twin"


class Bones(enum.StrEnum):
    """Whose bone names and hierarchy."""

    SMPLX = "smplx"
    RIGIFY = "rigify"
    MIXAMO = "mixamo"
    UNREAL = "unreal"
    VRM = "vrm"


class Rest(enum.StrEnum):
    """How the avatar stands at rest."""

    MODEL = "model"
    A = "a"
    T = "t"


def export(
    take: Annotated[
        Path | None, typer.Argument(metavar="TAKE", help="The folder of one capture.", show_default=False)
    ] = None,
    format: Annotated[
        Format, typer.Option(help="fbx and blend need Blender; twin is what the add-on reads.")
    ] = Format.GLB,
    pose: Annotated[
        str | None,
        typer.Option(
            metavar="NAME|FILE[:FRAME]",
            help="Opens in this pose: of the library, 'scan', a body.npz, or a frame of a motion. By default at rest.",
            show_default=False,
        ),
    ] = None,
    motion: Annotated[
        Path | None,
        typer.Option(help="Moves like this: an AMASS or SMPL-X motion (.npz), or a .bvh.", show_default=False),
    ] = None,
    rest: Annotated[
        Rest, typer.Option(help="The pose that the skin is bound in; model: the body model's own, the most exact.")
    ] = Rest.MODEL,
    lod: Annotated[int, typer.Option(help="Level of detail: 0 is the finest.", min=0, max=8)] = 0,
    texture_size: Annotated[
        int | None,
        typer.Option(metavar="PIXELS", help="Longest side of the maps; as they are by default.", show_default=False),
    ] = None,
    bones: Annotated[Bones, typer.Option(help="Names and hierarchy of the bones.")] = Bones.SMPLX,
    weights: Annotated[int, typer.Option(help="Bones that move a vertex at most: 4 or 8.")] = 8,
    correctives: Annotated[
        bool, typer.Option(help="Shapes that correct the skin in a pose, where the body model has them.")
    ] = True,
    addon: Annotated[
        Path | None,
        typer.Option(
            metavar="OUT.zip", help="Write the Blender add-on instead, which needs no take.", show_default=False
        ),
    ] = None,
    registry: Registry = None,
    use: Use = None,
    purpose: For = LeavingFor.use,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Write the fitted person as a file for other programs, into TAKE/results/avatar.

    Skin, bones, shapes of the face, maps, and a motion if one is given. Run `scan3d fit TAKE` first.
    """

    def work(session: Session) -> Outcome:
        if addon is not None:
            from scan3d.avatar.addon import write_addon

            version = write_addon(addon)
            said = f"Add-on {version}: {addon}. In Blender: Edit, Preferences, Add-ons, Install from Disk."
            return Outcome(data={"addon": str(addon), "version": version}, lines=[said])
        if take is None:
            raise InputError(
                "No take was given.", "scan3d export", "Give the folder of one capture, or --addon OUT.zip."
            )
        from scan3d.workflows.export import ExportOptions, export_take
        from scan3d.workflows.leaving import LeavingOptions

        options = ExportOptions(
            format=format.value, pose=pose, motion=motion, rest=rest.value, lod=lod, texture_size=texture_size,
            bones=bones.value, weights=weights, correctives=correctives,
            leaving=LeavingOptions(registry=registry, use=use, purpose=purpose.value),
        )  # fmt: skip
        done = export_take(take, options, progress=session.progress)
        about = done.summary
        lines = [
            f"{about['vertices']} vertices, {about['triangles']} triangles, {about['bones']} bones, "
            f"{len(about['shapes'])} shapes, maps: {', '.join(about['maps']) or 'none'}.",
            *about["notes"],
            f"Avatar: {done.path}",
        ]
        return Outcome(data={"path": str(done.path), **about}, lines=lines)

    run(work, as_json=json, debug=debug)
