"""From a camera's colours of a chart to its true ones: the correction, and how good it is on patches it has not seen.

Linear: a 3 x 3 matrix. Root-polynomial: 3 x 6 or 3 x 13 on terms such as sqrt(red green), all of degree one, so that
twice the light gives twice the colour (Finlayson, Mackiewicz and Hurlbert 2015, "Color correction using root-polynomial
regression"). What is the chart's photograph's own may be solved for with them, and is not carried over to others: light
that is uneven over the chart, a slope of its logarithm, and stray light over all of it, a share of its white.

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
# How many of slope (2) and veil (1) are solved for, the fewest first.
_NUISANCES = {0: "", 2: " + uneven light", 3: " + uneven and stray light"}
_VEIL_STEP, _MOST_VEIL = 1e-4, 0.1
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
    much brighter, in logarithm, the chart is lit one chart's width to the right and one width further down. veil: stray
    light over the chart, as a share of its white.
    tried: mean held-out CIEDE2000 of every kind tried.
    """

    correction: Correction
    held_out: np.ndarray
    fitted: np.ndarray
    slope: np.ndarray
    veil: float
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

    places: (N, 2) of the patches, in widths of the chart from its middle. uneven: what is not the camera's, a slope of
    the light and stray light, may be solved for. The scale is the chart's: a white of reflectance 1 there becomes 1.
    """
    scale = float(np.median(measured[:, 1][reference[:, 1] > np.median(reference[:, 1])]))
    chart = _Measured(
        colours=measured / scale, reference=reference, places=places,
        white=measured[np.argmax(reference.min(axis=1))] / scale,
    )  # fmt: skip
    kinds = [kind for kind in KINDS if len(KINDS[kind]) <= 6 or len(measured) >= _MANY]
    best: tuple[float, str, int, np.ndarray] | None = None
    tried = {}
    for nuisances, words in _NUISANCES.items():
        for kind in kinds if uneven or not nuisances else []:
            held_out = _leave_one_out(chart, kind, nuisances)
            mean = float(held_out.mean())
            tried[kind + words] = mean
            if best is None or mean < _WORTH * best[0]:
                best = (mean, kind, nuisances, held_out)
    assert best is not None
    _, kind, nuisances, held_out = best
    matrix, nuisance = _solve(chart, kind, nuisances, np.ones(len(measured)), None, _STEPS)
    return ChartFit(
        correction=Correction(kind=kind, matrix=matrix / scale),
        held_out=held_out,
        fitted=ciede2000(_shown(chart, kind, matrix, nuisance), reference),
        slope=nuisance[:2],
        veil=float(nuisance[2]),
        tried=tried,
    )


def ciede2000(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """(N,) CIEDE2000 between linear Rec.709 colours (N, 3), white at 1."""
    difference = colour_science().difference.delta_E_CIE2000(lab_of(first), lab_of(second))
    return np.asarray(difference, dtype=np.float64)


def lab_of(rgb: np.ndarray) -> np.ndarray:
    """CIELAB of linear Rec.709 (N, 3) against Rec.709's own white (CIE 15)."""
    f, _ = _cube_root(rgb_to_xyz(rgb) / rgb_to_xyz(np.ones(3)))
    return np.stack([116 * f[:, 1] - 16, 500 * (f[:, 0] - f[:, 1]), 200 * (f[:, 1] - f[:, 2])], axis=1)


@dataclass(frozen=True, kw_only=True, eq=False)
class _Measured:
    """A chart as measured: camera colours (N, 3) near 1, what they should be, where they are, the whitest of them."""

    colours: np.ndarray
    reference: np.ndarray
    places: np.ndarray
    white: np.ndarray


def _leave_one_out(chart: _Measured, kind: str, nuisances: int) -> np.ndarray:
    n = len(chart.colours)
    start = _solve(chart, kind, nuisances, np.ones(n), None, _STEPS)
    predicted = np.empty((n, 3))
    for left_out in range(n):
        weight = np.ones(n)
        weight[left_out] = 0.0
        matrix, nuisance = _solve(chart, kind, nuisances, weight, start, _LATER_STEPS)
        predicted[left_out] = _shown(chart, kind, matrix, nuisance)[left_out]
    return ciede2000(predicted, chart.reference)


def _shown(chart: _Measured, kind: str, matrix: np.ndarray, nuisance: np.ndarray) -> np.ndarray:
    """(N, 3) the chart as corrected, without its uneven and stray light."""
    terms = expanded(chart.colours - nuisance[2] * chart.white, kind)
    return np.asarray(terms @ matrix.T * np.exp(-chart.places @ nuisance[:2])[:, None])


def _solve(
    chart: _Measured, kind: str, nuisances: int, weight: np.ndarray, start: tuple[np.ndarray, np.ndarray] | None,
    steps: int,
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """Gauss-Newton with a Huber loss on differences as CIEDE2000 measures them: matrix (3, terms), and slope and veil
    (3,), of which the first `nuisances` are solved for."""
    n, count = len(chart.colours), len(KINDS[kind])
    aim = lab_of(chart.reference)
    lengths = _lengths(aim)
    matrix, nuisance = (_start(chart, count, weight), np.zeros(3)) if start is None else start
    ridge = np.full((3, count), 1e-9)
    ridge[:, 3:] = _RIDGE  # roots only where they pay
    penalty = np.append(ridge.ravel(), np.full(nuisances, 1e-6))
    for _ in range(steps):
        share = np.exp(-chart.places @ nuisance[:2])[:, None]
        terms = expanded(chart.colours - nuisance[2] * chart.white, kind)
        predicted = terms @ matrix.T * share
        lab, d_lab = _lab_and_slopes(predicted)
        residual = np.einsum("nij,nj->ni", lengths, lab - aim)
        metric = lengths @ d_lab
        by_nuisance = -predicted[..., None] * chart.places[:, None]
        if nuisances == 3:
            veiled = expanded(chart.colours - (nuisance[2] + _VEIL_STEP) * chart.white, kind) @ matrix.T * share
            by_nuisance = np.concatenate([by_nuisance, (veiled - predicted)[..., None] / _VEIL_STEP], axis=2)
        by_matrix = np.einsum("nic,nt->nict", metric, terms * share).reshape(n, 3, -1)
        jacobian = np.concatenate([by_matrix, metric @ by_nuisance[..., :nuisances]], axis=2)
        size = np.linalg.norm(residual, axis=1)
        weighed = jacobian * (weight * np.minimum(1.0, _HUBER / np.maximum(size, 1e-9)))[:, None, None]
        known = np.append(matrix.ravel(), nuisance[:nuisances])
        normal = np.einsum("nia,nib->ab", weighed, jacobian) + np.diag(penalty)
        step = np.linalg.solve(normal, -np.einsum("nia,ni->a", weighed, residual) - penalty * known)
        matrix = matrix + step[: 3 * count].reshape(3, count)
        nuisance = nuisance + np.append(step[3 * count :], np.zeros(3 - nuisances))
        nuisance[2] = np.clip(nuisance[2], 0.0, _MOST_VEIL)
    return matrix, nuisance


def _start(chart: _Measured, count: int, weight: np.ndarray) -> np.ndarray:
    """(3, count) least squares in linear light, dark patches weighed up."""
    even = (weight / (rgb_to_xyz(chart.reference)[:, 1] + 0.02))[:, None]
    first = np.linalg.lstsq(chart.colours * even, chart.reference * even, rcond=None)[0].T
    return np.concatenate([first, np.zeros((3, count - 3))], axis=1)


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
