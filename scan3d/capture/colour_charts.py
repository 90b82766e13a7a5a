"""Colour charts: what their patches look like under a light, seen from Rec.709's white.

Published values are those of X-Rite for the ColorChecker Classic and the Digital SG, made before and after November
2014, as colour-science carries them (CIE xyY under D50). A chart of one's own is a TOML file:

    name = "our chart"
    columns = 6                       # patches row by row, from the upper left
    white = "D50"                     # of the values; D65 where they are linear_rec709
    values = "Lab"                    # Lab, XYZ (white: Y = 1), xyY or linear_rec709
    patches = [[37.99, 13.56, 14.06], ...]
    exposure = 0.5                    # of its photographs against the subject's, where it was another one; 1 else
"""

from __future__ import annotations

import functools
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from scan3d.errors import InputError

# Names for people -> colour-science's.
_PUBLISHED = {
    "classic24": "ColorChecker24 - After November 2014",
    "classic24-before-2014": "ColorChecker24 - Before November 2014",
    "sg": "ColorCheckerSG - After November 2014",
    "sg-before-2014": "ColorCheckerSG - Before November 2014",
}
CHARTS = tuple(_PUBLISHED)
# A xenon flash comes close to CIE D55.
LIGHTS = {"D50": "D50", "D55": "D55", "D65": "D65", "flash": "D55", "A": "A"}
ADAPTATIONS = ("Bradford", "CAT02")
_SPECTRA = "BabelColor Average"  # the mean of 30 charts
_OBSERVER = "CIE 1931 2 Degree Standard Observer"
# XYZ to linear Rec.709, IEC 61966-2-1 (inverse of its matrix).
_XYZ_FROM_RGB = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])


@dataclass(frozen=True, kw_only=True, eq=False)
class Chart:
    """A chart of rows x columns patches, row by row from the upper left.

    xyz: (N, 3) tristimulus under `white_xyz` (3,), Y = 1 for a white of reflectance 1. spectral: its patches have the
    spectra of the Classic: values under other lights follow from them. exposure: of the chart's photographs against the
    subject's.
    """

    name: str
    columns: int
    rows: int
    xyz: np.ndarray
    white_xyz: np.ndarray
    spectral: bool = False
    exposure: float = 1.0

    def linear(self, light: str = "D50", adaptation: str = "Bradford") -> np.ndarray:
        """(N, 3) linear Rec.709 of the patches under a light of `LIGHTS`, adapted to Rec.709's white (D65).

        The published values are adapted as they are; where the patches' spectra are known, what another light does
        to them beyond adaptation is added. Raises InputError for another light or adaptation.
        """
        if light not in LIGHTS or adaptation not in ADAPTATIONS:
            what = f"There is no light or adaptation called {light!r}, {adaptation!r}."
            next_step = f"Lights: {', '.join(LIGHTS)}; adaptations: {', '.join(ADAPTATIONS)}."
            raise InputError(what, "--light", next_step)
        xyz = self.xyz @ _adaptation(tuple(self.white_xyz), adaptation).T
        if self.spectral and LIGHTS[light] != "D50":
            xyz = xyz + _adapted_spectra(LIGHTS[light], adaptation) - _adapted_spectra("D50", adaptation)
        return np.asarray(xyz @ np.linalg.inv(_XYZ_FROM_RGB).T)

    def centres(self) -> np.ndarray:
        """(N, 2) the patches' middles in steps from one to the next: (0, 0), (1, 0), ..."""
        row, column = np.divmod(np.arange(self.rows * self.columns), self.columns)
        return np.stack([column, row], axis=1).astype(float)

    def corner_patches(self) -> tuple[int, int, int, int]:
        """Rows of the patches in the corners: first, last of the first row, last, first of the last row."""
        n = self.rows * self.columns
        return 0, self.columns - 1, n - 1, n - self.columns


def read_chart(name: str) -> Chart:
    """A chart by its name (`CHARTS`), or of a TOML file. Raises InputError where there is none or it is not whole."""
    if name in _PUBLISHED:
        return _published(name)
    path = Path(name)
    if path.suffix.lower() != ".toml":
        what = f"There is no colour chart called {name!r}."
        raise InputError(what, "--chart", f"Choose from {', '.join(CHARTS)}, or give a .toml file.")
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InputError(f"The chart's file cannot be read: {error}.", str(path), "Mend the file.") from error
    return _own(table, path)


def rgb_to_xyz(rgb: np.ndarray) -> np.ndarray:
    """Linear Rec.709 to CIE XYZ, white at Y = 1, (..., 3)."""
    return np.asarray(rgb @ _XYZ_FROM_RGB.T)


def _own(table: dict[str, Any], path: Path) -> Chart:
    kinds: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
        "Lab": _xyz_of_lab,
        "XYZ": lambda values, _: values,
        "xyY": lambda values, _: _xyz_of_xy(values),
        "linear_rec709": lambda values, _: rgb_to_xyz(values),
    }
    try:
        columns, kind = int(table["columns"]), str(table["values"])
        values = np.array(table["patches"], float)
        exposure = float(table.get("exposure", 1.0))
        white = "D65" if kind == "linear_rec709" else str(table.get("white", "D50"))
        if kind not in kinds or white not in ("D50", "D55", "D65") or values.ndim != 2 or values.shape[1] != 3:
            raise ValueError("values, white or patches")
        if not 0 < exposure < np.inf:
            raise ValueError("exposure")
        if columns < 2 or len(values) % columns or len(values) < 12 or not np.isfinite(values).all():
            raise ValueError("columns and the number of patches")
    except (KeyError, ValueError, TypeError) as error:
        what = f"The chart's file is not whole: {error}."
        next_step = 'It needs columns, values = "Lab" (or XYZ, xyY, linear_rec709) and 12 patches or more.'
        raise InputError(what, str(path), next_step) from error
    # Rec.709's own white for its own values, so that nothing is adapted.
    white_xyz = rgb_to_xyz(np.ones(3)) if kind == "linear_rec709" else _white(white)
    xyz = kinds[kind](values, white_xyz)
    return Chart(
        name=str(table.get("name", path.stem)), columns=columns, rows=len(values) // columns, xyz=xyz,
        white_xyz=white_xyz, exposure=exposure,
    )  # fmt: skip


@functools.cache
def _published(name: str) -> Chart:
    data = colour_science().CCS_COLOURCHECKERS[_PUBLISHED[name]]
    white = _xyz_of_xy(np.array([*data.illuminant, 1.0]))
    values = _xyz_of_xy(np.array(list(data.data.values())))
    rows, columns = data.rows, data.columns
    if columns * rows == 140:
        # Published column by column: A1 to A10, B1, ...; a person reads rows. The long side lies.
        names = list(data.data)
        order = sorted(range(len(names)), key=lambda k: (int(names[k][1:]), names[k][0]))
        values, rows, columns = values[order], 10, 14
    return Chart(
        name=name, columns=columns, rows=rows, xyz=values, white_xyz=white, spectral=name.startswith("classic24")
    )


def _xyz_of_xy(xyy: np.ndarray) -> np.ndarray:
    x, y, luminance = xyy[..., 0], xyy[..., 1], xyy[..., 2]
    return np.stack([x * luminance / y, luminance, (1 - x - y) * luminance / y], axis=-1)


def _xyz_of_lab(lab: np.ndarray, white: np.ndarray) -> np.ndarray:
    """CIE 15."""
    fy = (lab[:, 0] + 16) / 116
    f = np.stack([fy + lab[:, 1] / 500, fy, fy - lab[:, 2] / 200], axis=1)
    cubes = np.where(f > 6 / 29, f**3, 3 * (6 / 29) ** 2 * (f - 4 / 29))
    return np.asarray(cubes * white)


def _white(light: str) -> np.ndarray:
    x, y = colour_science().CCS_ILLUMINANTS[_OBSERVER][light]
    return _xyz_of_xy(np.array([x, y, 1.0]))


@functools.cache
def _adaptation(white_xyz: tuple[float, ...], method: str) -> np.ndarray:
    """(3, 3) from a white to that of Rec.709."""
    matrix = colour_science().adaptation.matrix_chromatic_adaptation_VonKries(
        np.array(white_xyz), rgb_to_xyz(np.ones(3)), transform=method
    )
    return np.asarray(matrix)


@functools.cache
def _adapted_spectra(light: str, method: str) -> np.ndarray:
    """(24, 3) XYZ of the Classic's spectra under a light, adapted to D65."""
    colour = colour_science()
    shape = colour.SpectralShape(380, 730, 10)
    observer = colour.MSDS_CMFS[_OBSERVER].copy().align(shape).values
    power = colour.SDS_ILLUMINANTS[light].copy().align(shape).values
    spectra = np.array([sd.copy().align(shape).values for sd in colour.SDS_COLOURCHECKERS[_SPECTRA].values()])
    white = power @ observer / (power @ observer[:, 1])
    xyz = spectra * power @ observer / (power @ observer[:, 1])
    return np.asarray(xyz @ _adaptation(tuple(white), method).T)


@functools.cache
def colour_science() -> Any:
    """colour-science, imported when it is needed (two seconds), without its remarks on what else it could draw."""
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import colour
    return colour
