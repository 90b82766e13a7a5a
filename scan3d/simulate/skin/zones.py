"""How skin differs over the body: what each place holds more or less of than the person's usual skin.

Regional differences follow what skin studies report: cheeks, nose, ears, knuckles, elbows and knees hold more blood,
palms and soles half the melanosomes and no tan, lips much blood under a thin upper layer, lids more of both.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from scan3d.geometry import Mesh
from scan3d.simulate.skin import relief
from scan3d.simulate.skin.face import Face


@dataclass(frozen=True, kw_only=True, eq=False)
class Zones:
    """Per vertex, float32.

    log_melanin, log_blood: (V,) added to the logarithms of the person's shares. gloss: (V,) added to the roughness.
    relief: (V, relief.AMOUNTS). lips, nail, brow, scalp, beard, hidden: (V,) 0..1.
    """

    log_melanin: np.ndarray
    log_blood: np.ndarray
    gloss: np.ndarray
    relief: np.ndarray
    lips: np.ndarray
    nail: np.ndarray
    brow: np.ndarray
    scalp: np.ndarray
    beard: np.ndarray
    hidden: np.ndarray


def body_zones(
    rest: Mesh, regions: Mapping[str, np.ndarray], face: Face | None, *, melanin: float, tan: float
) -> Zones:
    """The zones of a body at rest.

    regions: (V,) 0..1 by name; a missing one is empty. melanin: the person's share, which says how far palms and soles
    are lighter. tan: how much more (log) melanin skin that is not under the garment holds.
    """
    count = len(rest.vertices)
    here = {name: np.asarray(regions.get(name, np.zeros(count)), np.float32) for name in _NAMES}
    pale = np.clip(here["palm"] + here["sole"], 0, 1)
    # The skin of palms and soles holds few melanosomes at any tone (Yamaguchi 2004: a fifth of
    # the melanocytes).
    lighter = np.log(min(1.0, (0.018 + 0.12 * melanin) / melanin))
    spread = smooth(rest, here["hidden"], 12)
    melanin_shift = lighter * pale - tan * np.clip(2 * spread, 0, 1) + 0.12 * here["joint"]
    blood_shift = 0.35 * here["joint"] + 0.35 * pale - 0.12 * here["torso"]
    gloss = 0.06 * (here["arm"] + here["leg"]) + 0.05 * pale
    amounts = np.zeros((count, relief.AMOUNTS), np.float32)
    amounts[:, relief.NET] = 0.7 + 0.4 * here["joint"] - 0.25 * here["face"] + 0.6 * pale
    amounts[:, relief.CREASES] = 0.8 * here["joint"] + 0.6 * pale
    amounts[:, relief.LIPS] = here["lips"]
    beard = np.zeros(count, np.float32)
    if face is not None:
        on_face = _face_shifts(rest.vertices, face, here)
        melanin_shift, blood_shift, gloss = melanin_shift + on_face[0], blood_shift + on_face[1], gloss + on_face[2]
        amounts[:, relief.PORES], amounts[:, relief.BROW_LINES] = on_face[3], on_face[4]
        beard = on_face[5]
    # Lips: thin upper layer over many vessels; nails: a clear plate over a pink bed.
    melanin_shift = melanin_shift - 0.45 * here["lips"] * np.clip(np.log(melanin / 0.02), 0, 1) - 0.5 * here["nail"]
    blood_shift = blood_shift + 2.0 * here["lips"] + 0.7 * here["nail"]
    bare = 1 - np.clip(here["lips"] + here["nail"], 0, 1)
    amounts[:, relief.NET] *= bare
    amounts[:, relief.PORES] *= bare
    gloss = gloss * bare - 0.06 * here["lips"] - 0.2 * here["nail"]
    return Zones(
        log_melanin=melanin_shift.astype(np.float32),
        log_blood=blood_shift.astype(np.float32),
        gloss=gloss.astype(np.float32),
        relief=amounts,
        beard=beard * (1 - here["lips"]),
        **{name: here[name] for name in ("lips", "nail", "brow", "scalp", "hidden")},
    )


_NAMES = ("face", "lips", "palm", "sole", "nail", "scalp", "brow", "torso", "arm", "leg", "joint", "hidden")


def _face_shifts(points: np.ndarray, face: Face, here: Mapping[str, np.ndarray]) -> list[np.ndarray]:
    """[melanin, blood, gloss, pores, forehead lines, beard], each (V,) float32."""
    s = face.scale

    def blob(centre: np.ndarray, wide: float, deep: float, high: float) -> np.ndarray:
        t = (points - centre) / (s * np.array([wide, deep, high]))
        return np.asarray(np.exp(-0.5 * (t * t).sum(axis=1)), np.float32)

    middle = 0.5 * (face.eyes[0] + face.eyes[1])
    cheeks = under = ears = lids = np.zeros(len(points), np.float32)
    for eye, ear, side in zip(face.eyes, face.ears, (-1, 1), strict=True):
        cheeks = cheeks + blob(
            np.array([eye[0] + side * s * 0.012, eye[1], 0.4 * eye[2] + 0.6 * face.mouth[2]]), 0.017, 0.03, 0.016
        )
        under = under + blob(eye + s * np.array([0, -0.012, -0.016]), 0.013, 0.02, 0.006)
        lids = lids + blob(eye + s * np.array([0, -0.01, 0.008]), 0.014, 0.02, 0.006)
        ears = ears + blob(ear, 0.014, 0.022, 0.03)
    nose = blob(face.nose, 0.012, 0.02, 0.013)
    chin = blob(face.chin, 0.016, 0.02, 0.012)
    forehead = blob(middle + s * np.array([0, -0.01, 0.05]), 0.045, 0.05, 0.018) * here["face"]
    melanin = 0.16 * under + 0.2 * lids + 0.06 * forehead - 0.05 * cheeks
    blood = 0.62 * cheeks + 0.68 * nose + 0.55 * ears + 0.3 * chin + 0.35 * lids + 0.12 * under - 0.1 * forehead
    oily = nose + 0.6 * forehead + 0.5 * chin
    pores = np.clip(0.9 * nose + 0.75 * cheeks + 0.4 * forehead + 0.4 * chin, 0, 1)
    low = np.clip((face.nose[2] - 0.008 * s - points[:, 2]) / (0.012 * s), 0, 1)
    low *= np.clip((points[:, 2] - (face.chin[2] - 0.055 * s)) / (0.03 * s), 0, 1)
    front = np.clip((middle[1] + 0.085 * s - points[:, 1]) / (0.015 * s), 0, 1)
    side_burn = np.clip(1.6 - np.abs(points[:, 0] - middle[0]) / (0.1 * s), 0, 1)
    bare_cheek = np.clip(1 - 1.5 * cheeks, 0, 1)
    near = np.linalg.norm(points - face.mouth, axis=1) < 0.16 * s
    beard = low * front * side_burn * bare_cheek * near * (1 - np.clip(2 * here["hidden"], 0, 1))
    shifts = (melanin, blood, -0.07 * np.clip(oily, 0, 1), pores, forehead, beard)
    return [np.asarray(shift, np.float32) for shift in shifts]


def smooth(mesh: Mesh, values: np.ndarray, rounds: int) -> np.ndarray:
    """(V,) values averaged with their neighbours along the edges, this many times."""
    edges = mesh.edges()
    count = len(mesh.vertices)
    degree = np.maximum(np.bincount(edges.ravel(), minlength=count), 1)
    values = np.asarray(values, np.float64)
    for _ in range(rounds):
        total = np.bincount(edges[:, 0], values[edges[:, 1]], count) + np.bincount(
            edges[:, 1], values[edges[:, 0]], count
        )
        values = 0.5 * values + 0.5 * total / degree
    return values
