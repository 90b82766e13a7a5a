"""The colour of skin from its two pigments: melanin in the upper layer, blood in the one below.

Two layers of Kubelka and Munk (Anderson and Parrish 1981; Cotton and Claridge 1996) under a surface of index 1.4
(Saunderson 1942), with the absorption of Jacques 2013, integrated to linear Rec.709.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numba
import numpy as np

from scan3d.simulate.skin import spectra

EPIDERMIS_MM = 0.06
OXYGENATION = 0.75

# Diffuse reflectance of a surface of index 1.4 from inside and from outside (Egan and Hilgeman 1973).
_FROM_INSIDE = 0.529
_FROM_OUTSIDE = 0.057

MELANIN_RANGE = (0.003, 0.75)
BLOOD_RANGE = (0.0005, 0.2)
_STEPS = 96

# Individual typology angles of the lightest and the darkest skin, degrees (Chardon 1991: over 55 "very light", under
# -30 "dark"; measured people reach from about 60 to -60).
ITA_LIGHTEST_DEG = 56.0
ITA_DARKEST_DEG = -48.0

LUMINANCE = np.array([0.2126, 0.7152, 0.0722])


def reflectance(melanin: np.ndarray, blood: np.ndarray, oxygenation: float = OXYGENATION) -> np.ndarray:
    """(..., 31) diffuse reflectance at spectra.WAVELENGTHS_NM.

    melanin: volume share of melanosomes in the epidermis, 0.01 very light .. 0.43 very dark. blood: volume share of
    blood in the dermis, 0.002 pale .. 0.1 flushed. The two are broadcast against each other.
    """
    melanin, blood = np.broadcast_arrays(np.asarray(melanin, np.float64), np.asarray(blood, np.float64))
    m, b = melanin[..., None], blood[..., None]
    base, scattering = spectra.baseline_absorption(), spectra.reduced_scattering()
    upper = m * spectra.melanin_absorption() + (1 - m) * base
    lower = b * spectra.blood_absorption(oxygenation) + (1 - b) * base
    # Star and others 1988: K and S of Kubelka and Munk from transport coefficients.
    K1, S1 = 2 * upper, 0.75 * scattering
    ratio = 2 * lower / (0.75 * scattering)
    deep = 1 + ratio - np.sqrt(ratio * (ratio + 2))
    a = 1 + K1 / S1
    c = np.sqrt(a * a - 1)
    sinh, cosh = np.sinh(c * S1 * EPIDERMIS_MM), np.cosh(c * S1 * EPIDERMIS_MM)
    through = c / (a * sinh + c * cosh)
    back = sinh / (a * sinh + c * cosh)
    inside = back + through**2 * deep / (1 - back * deep)
    return np.asarray((1 - _FROM_OUTSIDE) * (1 - _FROM_INSIDE) * inside / (1 - _FROM_INSIDE * inside))


def skin_colour(melanin: np.ndarray, blood: np.ndarray, oxygenation: float = OXYGENATION) -> np.ndarray:
    """(..., 3) linear Rec.709 albedo of skin with these shares of melanosomes and blood."""
    return np.asarray(np.clip(reflectance(melanin, blood, oxygenation) @ spectra.rec709_weights(), 0.0, 1.0))


def typology_angle_deg(albedo: np.ndarray) -> np.ndarray:
    """(...) individual typology angle atan((L* - 50) / b*) of linear Rec.709 albedos under D65 (Chardon 1991)."""
    matrix = np.array(
        [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.119192, 0.9503041]]
    )
    xyz = np.asarray(albedo) @ matrix.T / matrix.sum(axis=1)
    f = np.where(xyz > 216 / 24389, np.cbrt(xyz), (24389 / 27 * xyz + 16) / 116)
    lightness, yellow = 116 * f[..., 1] - 16, 200 * (f[..., 1] - f[..., 2])
    return np.asarray(np.degrees(np.arctan2(lightness - 50, yellow)))


@dataclass(frozen=True, kw_only=True)
class Pigment:
    """What a person's skin holds where nothing is special. Volume shares, as `reflectance` takes them."""

    melanin: float
    blood: float


def pigment_of_tone(tone: float) -> Pigment:
    """The pigments of a tone from 0 (very light) to 1 (very dark), even steps of the typology angle.

    Raises ValueError for a tone outside 0..1.
    """
    if not 0 <= tone <= 1:
        raise ValueError(f"tone is {tone}, not in 0..1")
    wanted = ITA_LIGHTEST_DEG + tone * (ITA_DARKEST_DEG - ITA_LIGHTEST_DEG)
    blood = 0.0135
    shares = np.geomspace(0.004, 0.7, 400)
    angles = typology_angle_deg(skin_colour(shares, np.full(400, blood)))
    return Pigment(melanin=float(np.exp(np.interp(-wanted, -angles, np.log(shares)))), blood=blood)


@cache
def _table() -> np.ndarray:
    melanin = np.geomspace(*MELANIN_RANGE, _STEPS)
    blood = np.geomspace(*BLOOD_RANGE, _STEPS)
    table = skin_colour(melanin[:, None], blood[None, :]).astype(np.float32)
    table.flags.writeable = False
    return table


@numba.njit(cache=True, nogil=True)
def _look_up(table, log_melanin, log_blood, low_m, low_b, per_m, per_b, out):
    last = table.shape[0] - 1.001
    for n in range(len(out)):
        x = min(max((log_melanin[n] - low_m) * per_m, 0.0), last)
        y = min(max((log_blood[n] - low_b) * per_b, 0.0), last)
        i, j = int(x), int(y)
        fx, fy = x - i, y - j
        for c in range(3):
            near = table[i, j, c] * (1 - fy) + table[i, j + 1, c] * fy
            far = table[i + 1, j, c] * (1 - fy) + table[i + 1, j + 1, c] * fy
            out[n, c] = near * (1 - fx) + far * fx


def colours(log_melanin: np.ndarray, log_blood: np.ndarray) -> np.ndarray:
    """(N, 3) float32 as skin_colour, from a table, of (N,) natural logarithms of the shares."""
    out = np.empty((len(log_melanin), 3), np.float32)
    (m0, m1), (b0, b1) = np.log(MELANIN_RANGE), np.log(BLOOD_RANGE)
    _look_up(_table(), log_melanin, log_blood, m0, b0, (_STEPS - 1) / (m1 - m0), (_STEPS - 1) / (b1 - b0), out)
    return out


def mean_free_path_m(pigment: Pigment) -> tuple[float, float, float]:
    """How far red (610 nm), green (540) and blue (460) light goes in the dermis between two events, metres."""
    lower = pigment.blood * spectra.blood_absorption(OXYGENATION) + spectra.baseline_absorption()
    path = 1e-3 / (lower + spectra.reduced_scattering())
    red, green, blue = (float(np.interp(nm, spectra.WAVELENGTHS_NM, path)) for nm in (610, 540, 460))
    return red, green, blue
