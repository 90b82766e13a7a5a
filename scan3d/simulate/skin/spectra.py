"""What light meets in skin: absorption of melanin and haemoglobin, scattering, and the eye's own curves.

All on 400..700 nm in steps of 10 nm, absorption and scattering in 1/mm.
"""

from __future__ import annotations

import numpy as np

WAVELENGTHS_NM = np.arange(400.0, 701.0, 10.0)


def _numbers(text: str) -> np.ndarray:
    return np.array([float(word) for word in text.split()])


# Molar extinction of oxygenated and deoxygenated haemoglobin, 1/(cm M): S. Prahl's compilation of Gratzer and Kollias
# (Oregon Medical Laser Center, 1998).
_OXY = _numbers("""
    266232 466840 480360 246072 102580 62816 44480 33209.2 26629.2 23684.4 20932.8 20035.2
    24202.4 39956.8 53236 43016 32613.2 44496 50104 14400.8 3200 1506 942 610 442 368 319.6
    294 277.6 276 290
""")
_DEOXY = _numbers("""
    223296 303956 407560 528600 413280 103292 23388.8 16156.4 14550 16684 20862 25773.6
    31589.6 39036.4 46592 53412 53788 45072 37020 28324.4 14677.2 9443.6 6509.6 5148.8 4345.2
    3750.12 3226.56 2795.12 2407.92 2051.96 1794.28
""")

# CIE standard illuminant D65, relative power (ISO 11664-2).
_D65 = _numbers("""
    82.75 91.49 93.43 86.68 104.86 117.01 117.81 114.86 115.92 108.81 109.35 107.8 104.79
    107.69 104.41 104.05 100 96.33 95.79 88.69 90.01 89.6 87.7 83.29 83.7 80.03 80.21 82.28
    78.28 69.72 71.61
""")

_REC709_FROM_XYZ = np.array(
    [[3.2404542, -1.5371385, -0.4985314], [-0.9692660, 1.8760108, 0.0415560], [0.0556434, -0.2040259, 1.0572252]]
)


def melanin_absorption() -> np.ndarray:
    """(31,) of pure melanosome: 519 (l / 500 nm)^-3 per cm (Jacques 2013, Phys. Med. Biol. 58, eq. 11)."""
    return np.asarray(51.9 * (WAVELENGTHS_NM / 500.0) ** -3)


def blood_absorption(oxygenation: float) -> np.ndarray:
    """(31,) of whole blood with 150 g/l of haemoglobin of 64500 g/mol, saturated by this share with oxygen."""
    extinction = oxygenation * _OXY + (1 - oxygenation) * _DEOXY
    return np.asarray(np.log(10) * extinction * 150 / 64500 / 10)


def baseline_absorption() -> np.ndarray:
    """(31,) of skin without melanin and blood (Saidi 1992, in Jacques 1998 and Donner and Jensen 2006)."""
    return np.asarray(0.0244 + 8.53 * np.exp(-(WAVELENGTHS_NM - 154) / 66.2))


def reduced_scattering() -> np.ndarray:
    """(31,) of skin: 46 (l / 500 nm)^-1.42 per cm, the mean of eight studies (Jacques 2013, table 2)."""
    return np.asarray(4.6 * (WAVELENGTHS_NM / 500.0) ** -1.421)


def rec709_weights() -> np.ndarray:
    """(31, 3): a reflectance times this is its linear Rec.709 colour under D65; a perfect white is (1, 1, 1).

    The eye's curves are the fit of Wyman, Sloan and Shirley 2013 (JCGT 2-2, multi-lobe) to CIE 1931.
    """
    nm = WAVELENGTHS_NM

    def lobe(scale: float, centre: float, left: float, right: float) -> np.ndarray:
        t = (nm - centre) * np.where(nm < centre, left, right)
        return np.asarray(scale * np.exp(-0.5 * t * t))

    x = lobe(0.362, 442.0, 0.0624, 0.0374) + lobe(1.056, 599.8, 0.0264, 0.0323) - lobe(0.065, 501.1, 0.0490, 0.0382)
    y = lobe(0.821, 568.8, 0.0213, 0.0247) + lobe(0.286, 530.9, 0.0613, 0.0322)
    z = lobe(1.217, 437.0, 0.0845, 0.0278) + lobe(0.681, 459.0, 0.0385, 0.0725)
    weights = (np.stack([x, y, z], axis=1) * _D65[:, None]) @ _REC709_FROM_XYZ.T
    return np.asarray(weights / weights.sum(axis=0))
