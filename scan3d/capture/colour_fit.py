"""From a camera's colours of a chart to its true ones: the correction, and how good it is on patches it has not seen.

Linear: a 3 x 3 matrix. Root-polynomial: 3 x 6 or 3 x 13 on terms such as sqrt(red green), all of degree one, so that
twice the light gives twice the colour (Finlayson, Mackiewicz and Hurlbert 2015, "Color correction using root-polynomial
regression"). Light that is uneven over the chart, a slope of its logarithm, may be solved for with them.

What is minimised is near to CIEDE2000: differences in CIELAB, each patch's weighed by that formula's own lengths of
lightness, chroma and hue, with a Huber loss. The kind is chosen by leaving out one patch after the other.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scan3d.capture.colour_charts import colour_science, rgb_to_xyz

# Terms of each kind as exponents of red, green, blue; all of degree one.
_THIRD = ((1, 2), (2, 1))
KINDS: dict[str, np.ndarray] = {
    "linear": np.eye(3),
    "root-polynomial 2": np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1], [0.5, 0.5, 0], [0, 0.5, 0.5], [0.5, 0, 0.5]]),
    "root-polynomial 3": np.array(
        [[1, 0, 0], [0, 1, 0], [0, 0, 1], [0.5, 0.5, 0], [0, 0.5, 0.5], [0.5, 0, 0.5]]
        + [[a / 3, b / 3, 0] for a, b in _THIRD]
        + [[0, a / 3, b / 3] for a, b in _THIRD]
        + [[a / 3, 0, b / 3] for a, b in _THIRD]
        + [[1 / 3, 1 / 3, 1 / 3]]
    ),
}
_MANY = 60  # patches from which 13 terms are tried
_WORTH = 0.97  # a richer kind must beat a simpler one by so much
_STEPS, _LATER_STEPS = 8, 4
_HUBER = 1.5  # units of CIEDE2000
_RIDGE = 0.02
_DARK = 216.0 / 24389.0  # CIE 15: where the cube root ends


@dataclass(frozen=True, kw_only=True, eq=False)
class Correction:
    """Camera colours to linear Rec.709: kind of `KINDS`, matrix (3, terms)."""

    kind: str
    matrix: np.ndarray

    def apply(self, rgb: np.ndarray) -> np.ndarray:
        """(..., 3) linear camera colours to linear Rec.709, same shape and type; negative ones count as black in
        the roots."""
        flat = np.asarray(rgb).reshape(-1, 3)
        if self.kind == "linear":
            return np.asarray(flat @ self.matrix.T.astype(flat.dtype)).reshape(np.shape(rgb))
        return np.asarray(expanded(flat, self.kind) @ self.matrix.T.astype(flat.dtype)).reshape(np.shape(rgb))


@dataclass(frozen=True, kw_only=True, eq=False)
class ChartFit:
    """A correction, and what it is worth.

    held_out: (N,) CIEDE2000 of each patch by the fit to all others. fitted: (N,) by the fit to all. slope: (2,) how
    much brighter, in logarithm, the chart is lit one chart's width to the right and one width further down.
    tried: mean held-out CIEDE2000 of every kind tried.
    """

    correction: Correction
    held_out: np.ndarray
    fitted: np.ndarray
    slope: np.ndarray
    tried: dict[str, float]


def expanded(rgb: np.ndarray, kind: str) -> np.ndarray:
    """(N, terms) of (N, 3) colours."""
    if kind == "linear":
        return rgb
    exponents = KINDS[kind]
    roots = np.log(np.maximum(rgb, 1e-12)) @ exponents[3:].T.astype(rgb.dtype)
    return np.concatenate([rgb, np.exp(roots)], axis=1)


def fit_chart(measured: np.ndarray, reference: np.ndarray, places: np.ndarray, *, uneven: bool = True) -> ChartFit:
    """The correction that brings measured (N, 3) linear camera colours to reference (N, 3) linear Rec.709.

    places: (N, 2) of the patches, in widths of the chart from its middle. uneven: a slope of the light may be solved
    for. The scale is the chart's: a white of reflectance 1 there becomes 1.
    """
    scale = float(np.median(measured[:, 1][reference[:, 1] > np.median(reference[:, 1])]))
    colours = measured / scale
    kinds = [kind for kind in KINDS if len(KINDS[kind]) <= 6 or len(measured) >= _MANY]
    choices = [(kind, slope) for slope in ([False, True] if uneven else [False]) for kind in kinds]
    best: tuple[float, str, bool, np.ndarray] | None = None
    tried = {}
    for kind, slope in choices:
        held_out = _leave_one_out(colours, reference, places, kind, slope)
        mean = float(held_out.mean())
        tried[kind + (" + uneven light" if slope else "")] = mean
        if best is None or mean < _WORTH * best[0]:
            best = (mean, kind, slope, held_out)
    assert best is not None
    _, kind, slope, held_out = best
    matrix, slopes = _solve(colours, reference, places, kind, slope, np.ones(len(colours)), None, _STEPS)
    fitted = ciede2000(_model(colours, places, kind, matrix, slopes), reference)
    return ChartFit(
        correction=Correction(kind=kind, matrix=matrix / scale), held_out=held_out, fitted=fitted, slope=slopes,
        tried=tried,
    )  # fmt: skip


def ciede2000(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """(N,) CIEDE2000 between linear Rec.709 colours (N, 3), white at 1."""
    difference = colour_science().difference.delta_E_CIE2000(lab_of(first), lab_of(second))
    return np.asarray(difference, dtype=np.float64)


def lab_of(rgb: np.ndarray) -> np.ndarray:
    """CIELAB of linear Rec.709 (N, 3) against Rec.709's own white (CIE 15)."""
    f, _ = _cube_root(rgb_to_xyz(rgb) / rgb_to_xyz(np.ones(3)))
    return np.stack([116 * f[:, 1] - 16, 500 * (f[:, 0] - f[:, 1]), 200 * (f[:, 1] - f[:, 2])], axis=1)


def _leave_one_out(
    colours: np.ndarray, reference: np.ndarray, places: np.ndarray, kind: str, slope: bool
) -> np.ndarray:  # fmt: skip
    n = len(colours)
    start = _solve(colours, reference, places, kind, slope, np.ones(n), None, _STEPS)
    predicted = np.empty((n, 3))
    for left_out in range(n):
        weight = np.ones(n)
        weight[left_out] = 0.0
        matrix, slopes = _solve(colours, reference, places, kind, slope, weight, start, _LATER_STEPS)
        predicted[left_out] = _model(colours, places, kind, matrix, slopes)[left_out]
    return ciede2000(predicted, reference)


def _model(
    colours: np.ndarray, places: np.ndarray, kind: str, matrix: np.ndarray, slope: np.ndarray
) -> np.ndarray:  # fmt: skip
    return np.asarray(expanded(colours, kind) @ matrix.T * np.exp(-places @ slope)[:, None])


def _solve(
    colours: np.ndarray, reference: np.ndarray, places: np.ndarray, kind: str, slope: bool, weight: np.ndarray,
    start: tuple[np.ndarray, np.ndarray] | None, steps: int,
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """Gauss-Newton with a Huber loss on differences as CIEDE2000 measures them; matrix (3, terms) and slope (2,)."""
    terms = expanded(colours, kind)
    count = terms.shape[1]
    lengths = _lengths(lab_of(reference))
    aim = lab_of(reference)
    if start is None:
        even = weight / (rgb_to_xyz(reference)[:, 1] + 0.02)
        first = np.linalg.lstsq(colours * even[:, None], reference * even[:, None], rcond=None)[0].T
        matrix, slopes = np.concatenate([first, np.zeros((3, count - 3))], axis=1), np.zeros(2)
    else:
        matrix, slopes = start[0].copy(), start[1].copy()
    ridge = np.full(3 * count, 1e-9)
    ridge.reshape(3, count)[:, 3:] = _RIDGE  # roots only where they pay
    for _ in range(steps):
        share = np.exp(-places @ slopes)
        predicted = terms @ matrix.T * share[:, None]
        lab, d_lab = _lab_and_slopes(predicted)
        residual = np.einsum("nij,nj->ni", lengths, lab - aim)
        metric = lengths @ d_lab
        by_matrix = np.einsum("nic,nt->nict", metric, terms * share[:, None]).reshape(len(colours), 3, -1)
        parts, penalty, known = [by_matrix], ridge, matrix.ravel()
        if slope:
            parts.append(-np.einsum("nic,nc,nk->nik", metric, predicted, places))
            penalty, known = np.append(ridge, [1e-6, 1e-6]), np.append(known, slopes)
        jacobian = np.concatenate(parts, axis=2)
        size = np.linalg.norm(residual, axis=1)
        robust = weight * np.minimum(1.0, _HUBER / np.maximum(size, 1e-9))
        weighed = jacobian * robust[:, None, None]
        normal = np.einsum("nia,nib->ab", weighed, jacobian) + np.diag(penalty)
        step = np.linalg.solve(normal, -np.einsum("nia,ni->a", weighed, residual) - penalty * known)
        matrix = matrix + step[: 3 * count].reshape(3, count)
        slopes = slopes + step[3 * count :] if slope else slopes
    return matrix, slopes


def _cube_root(ratio: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """f(t) of CIELAB and its slope."""
    bright = ratio > _DARK
    safe = np.maximum(ratio, _DARK)
    straight = 24389.0 / 27.0 / 116.0
    value = np.where(bright, np.cbrt(safe), ratio * straight + 16 / 116)
    return value, np.where(bright, np.cbrt(safe) ** -2 / 3, straight)


def _lab_and_slopes(rgb: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """CIELAB (N, 3) and its derivatives (N, 3, 3) by linear Rec.709."""
    white = rgb_to_xyz(np.ones(3))
    from_rgb = rgb_to_xyz(np.eye(3)).T / white[:, None]
    f, slope = _cube_root(rgb @ from_rgb.T)
    mix = np.array([[0, 116, 0], [500, -500, 0], [0, 200, -200.0]])
    lab = f @ mix.T - (16, 0, 0)
    return lab, np.einsum("ij,nj,jc->nic", mix, slope, from_rgb)


def _lengths(lab: np.ndarray) -> np.ndarray:
    """(N, 3, 3) that turn a small CIELAB difference at each colour into CIEDE2000's lightness, chroma and hue
    (without its rotation term for blue)."""
    light, a, b = lab.T
    c0 = np.hypot(a, b)
    g = 0.5 * (1 - np.sqrt(c0**7 / (c0**7 + 25.0**7)))
    a1 = (1 + g) * a
    chroma = np.hypot(a1, b)
    hue = np.arctan2(b, a1)
    t = (
        1 - 0.17 * np.cos(hue - np.radians(30)) + 0.24 * np.cos(2 * hue) + 0.32 * np.cos(3 * hue + np.radians(6))
        - 0.20 * np.cos(4 * hue - np.radians(63))
    )  # fmt: skip
    s_l = 1 + 0.015 * (light - 50) ** 2 / np.sqrt(20 + (light - 50) ** 2)
    s_c, s_h = 1 + 0.045 * chroma, 1 + 0.015 * chroma * t
    out = np.zeros((len(lab), 3, 3))
    out[:, 0, 0] = 1 / s_l
    out[:, 1, 1], out[:, 1, 2] = (1 + g) * np.cos(hue) / s_c, np.sin(hue) / s_c
    out[:, 2, 1], out[:, 2, 2] = -(1 + g) * np.sin(hue) / s_h, np.cos(hue) / s_h
    return out
