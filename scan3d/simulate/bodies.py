"""Dressed adults for the virtual studio, one for each seed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from scan3d.errors import InputError
from scan3d.geometry import Mesh
from scan3d.geometry.materials import Kind
from scan3d.simulate.body_surface import body_surface


@dataclass(frozen=True, kw_only=True, eq=False)
class Body:
    """A person to be rendered, without materials. Metres, world frame, facing -Y, feet on z = 0.

    skin: the whole skin, posed, with uv (F, 3, 2). skin_regions: name -> (V,) float32 0..1: "face", "lips", "palm",
    "sole", "nail", "scalp", "brow", "torso", "arm", "leg", "joint", "ear", "areola" and "hidden" (under the garment).
    rest: the same topology before posing, for detail that must not depend on the pose. others: (name, kind, mesh) of
    garment, eyes and hair, posed, with uv. parameters: JSON values that made the body, with its measures in metres.
    """

    skin: Mesh
    skin_regions: Mapping[str, np.ndarray]
    rest: Mesh
    others: tuple[tuple[str, Kind, Mesh], ...]
    parameters: Mapping[str, object]


def make_body(seed: int, *, pose: str = "a", garment: str = "fitted", hair: str = "auto") -> Body:
    """The person of a seed: the same seed, pose and choices give the same arrays.

    pose: a name in poses.POSES. garment: "fitted" or "loose". hair: a name in hair.STYLES, or "auto".
    Raises InputError for a name that is not known.
    """
    from scan3d.simulate.anthropometry import sample_person
    from scan3d.simulate.eyes import eye_meshes
    from scan3d.simulate.garments import OUTFITS, dress
    from scan3d.simulate.hair import STYLES, hair_cap
    from scan3d.simulate.poses import POSES, posed

    _check("pose", pose, tuple(POSES))
    _check("garment", garment, ("fitted", "loose"))
    _check("hair", hair, ("auto", *STYLES))
    body = body_surface()
    rng = np.random.default_rng([seed, 4])
    person = sample_person(rng)
    outfit = OUTFITS[int(rng.integers(len(OUTFITS)))]
    style = str(rng.choice(STYLES, p=person.hair_chances)) if hair == "auto" else hair
    cage = person.cage
    moved = posed(body.human, cage, POSES[pose])
    moved = moved - [0, 0, body.surface.points(moved)[:, 2].min()]
    skin, rest = body.surface.mesh(moved), body.surface.mesh(cage)
    pieces, hidden = dress(skin, outfit, loose=garment == "loose", seed=seed)
    others: list[tuple[str, Kind, Mesh]] = [(name, "cloth", mesh) for name, mesh in pieces]
    others += [(name, "eye", mesh) for name, mesh in eye_meshes(body.human, moved)]
    cap = hair_cap(skin, style)
    if cap is not None:
        others.append(("hair", "hair", cap))
    return Body(
        skin=skin,
        skin_regions={**body.regions, "hidden": hidden},
        rest=rest,
        others=tuple(others),
        parameters={"seed": seed, **person.parameters, "pose": pose, "garment": garment, "hair": style},
    )


def _check(what: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise InputError(f"There is no {what} '{value}'.", "", f"Choose one of: {', '.join(known)}.")
