"""The body's colour at its vertices, coarse: what was seen, spread over the surface to where nothing was."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from scan3d.body.bake.surfaces import BakeTarget
from scan3d.body.detail.laplacian import edge_weights, neighbour_means, vertex_areas
from scan3d.body.detail.solver import Stiffness, solve_moves

Floats = npt.NDArray[np.floating]

_ROUNDS = 3  # of means over neighbours: the tone of a place is that of some centimetres around
_STEPS = 600
_WIDE_M = 0.04  # over which the wide tone is a mean


class ToneSums:
    """Colours of texels, summed at the corners of their faces."""

    def __init__(self, vertices: int) -> None:
        self.total = np.zeros((vertices, 3))
        self.weight = np.zeros(vertices)

    def add(self, corners: npt.NDArray[np.int32], share: Floats, colour: Floats) -> None:
        """corners, share: (N, 3) vertices and their weights. colour: (N, C), C up to 3."""
        for k in range(3):
            vertex, weight = corners[:, k], np.clip(share[:, k], 0, 1)
            self.weight += np.bincount(vertex, weight, minlength=len(self.weight))
            for c in range(colour.shape[1]):
                self.total[:, c] += np.bincount(vertex, weight * colour[:, c], minlength=len(self.weight))


def spread_tone(target: BakeTarget, sums: ToneSums, *, told: bool = True) -> Floats:
    """(V', C) a tone everywhere: harmonic between what was seen and, where told, the known tones of mouth, teeth and
    eyes."""
    means = neighbour_means(target.mesh.faces, len(sums.weight))
    weight, total = sums.weight, sums.total
    for _ in range(_ROUNDS):
        weight, total = means @ weight, means @ total
    seen = (sums.weight > 1e-3) & (weight > 0)
    colour = np.where(seen[:, None], total / np.maximum(weight, 1e-12)[:, None], 0.0)
    known = seen
    if told:
        given = ~seen & (target.tone_share > 0.5)
        colour[given] = target.tone[given]
        known = seen | given
    middle = colour[seen].mean(axis=0) if seen.any() else np.full(colour.shape[1], 0.5)
    if known.all():
        return colour
    vertices = np.asarray(target.mesh.vertices, np.float64)
    edges = edge_weights(vertices, target.mesh.faces)
    # What is known holds its vertex fast; a part that nothing known touches takes the middle tone.
    held = np.where(known, 1e3, 1e-7)
    stiffness = Stiffness(edges=edges, plate=np.zeros(len(seen)), length=np.ones(len(seen)), fading=held)
    wanted = np.where(known, 1e3, 0.0)[:, None] * (colour - middle)
    start = np.where(known[:, None], colour - middle, 0.0)
    none = np.zeros((len(seen), 3, 3))
    colour = middle + solve_moves(stiffness, none, wanted, start, steps=_STEPS, tolerance=1e-4)
    return np.clip(colour, 0, 1)


def wide_tone(target: BakeTarget, tone: Floats) -> Floats:
    """(V', 3) the tone (V', 3) over some centimetres of the surface: light and shade without what is drawn on it."""
    vertices = np.asarray(target.mesh.vertices, np.float64)
    count = len(vertices)
    stiffness = Stiffness(
        edges=edge_weights(vertices, target.mesh.faces),
        plate=np.zeros(count),
        length=np.full(count, _WIDE_M),
        fading=vertex_areas(vertices, target.mesh.faces),
    )
    wanted = stiffness.fading[:, None] * tone
    return solve_moves(stiffness, np.zeros((count, 3, 3)), wanted, tone, steps=_STEPS, tolerance=1e-3)
