"""The size of a mark by least squares: a capsule with a fading edge on skin that is a gentle slope.

A mark covers the skin: its colour = skin x (1 - contrast x cover), cover 1 in the middle and 0 outside. Place, widths
and direction are searched for; skin and contrasts follow from them in closed form (variable projection, Golub and
Pereyra 1973). What texels and lenses blur is part of the model, so that a small mark is not measured too large.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scan3d.appearance.marks.skin_picture import Patch

# Of the outline's radius: where a mark begins to fade, and where nothing is left.
FADES, ENDS = 0.5, 1.2
HALF_AT = 0.5 * (FADES + ENDS)
_TURNS = np.array([[0.0, 0.0], *([np.cos(a), np.sin(a)] for a in np.arange(6) * np.pi / 3)])
_SHARES = np.array([0.5, *[1 / 12] * 6])  # of the seven points that stand for a Gaussian (Radon 1948)
_LARGE = 3.5  # times the blur: from this half width on, blur is a wider edge and no more
_HELD = 0.02  # share of the texels that say that skin does not bend
_ROUNDS = 2
_LEAST_EXPLAINED = 0.15  # by a first guess, of what varies in the window: a search is worth its time
_STARTS = (
    (0.0, 0.35),
    *((k * np.pi / 4, 1.0) for k in range(4)),
    *((k * np.pi / 6, 1.9) for k in range(6)),
)  # direction, and the root of how much longer than wide
_LEAST_WIDTH_MM, _MOST_LONG = 0.3, 2.2
_ROUND = 2.0  # in standard deviations of the skin, for twice as long as wide: noise makes weak marks long, never short


@dataclass(frozen=True, kw_only=True, eq=False)
class MarkShape:
    """centre (2,) mm in the patch. size_mm: length of the outline, twice where a sixth of the contrast is left: as far
    as one would put a ruler. width_mm: across. contrast (3,): by channel, positive where darker. unexplained: what
    the fit leaves inside the outline, of what the mark changes there. uneven: standard deviation, as a share, of the
    skin around, of its luminance. stands_out: the contrast over the standard deviation of the skin around, both in
    colours in which that skin varies alike in all directions. explained: share of the variance of everything in the
    window that the mark takes. around: share of the directions around it in which skin was seen. error_mm: of the
    size, standard deviation.
    """

    centre: np.ndarray
    size_mm: float
    width_mm: float
    angle: float
    contrast: np.ndarray
    unexplained: float
    uneven: float
    stands_out: float
    explained: float
    around: float
    error_mm: float


_LUMINANCE = np.array([0.2126, 0.7152, 0.0722])


def fit_mark(patch: Patch, size_mm: float) -> MarkShape | None:
    """The mark near the patch's middle that is about so large; None where there is too little to see it by."""
    from scipy.optimize import least_squares

    away = np.hypot(*patch.at.T)
    size_mm = max(size_mm, 8 * patch.blur_mm)
    if len(away) < 25 or (away < 0.5 * size_mm).sum() < 4:
        return None
    colour = patch.colour / np.maximum(np.median(patch.colour, axis=0), 1e-4)
    scale = whitening(colour, away > 0.8 * size_mm)
    reach, weight = float(away.max()), np.ones(len(away))
    skin = _Skin(patch.at / reach, colour @ scale, weight)
    starts = [
        np.array([0, 0, np.log(0.5 * size_mm / (1 + 0.5 * (long > 0.5))), long, angle]) for angle, long in _STARTS
    ]
    shares = [skin.taken(_cover(patch, start)) for start in starts]
    if max(shares) < _LEAST_EXPLAINED:
        return None
    values = starts[int(np.argmax(shares))]
    lowest = np.array([-0.7 * size_mm, -0.7 * size_mm, np.log(_LEAST_WIDTH_MM), 0.0, -10.0])
    highest = np.array([0.7 * size_mm, 0.7 * size_mm, np.log(0.6 * reach), _MOST_LONG, 10.0])
    for _ in range(_ROUNDS):

        def off(v: np.ndarray, skin: _Skin = skin) -> np.ndarray:
            return np.append(skin.left(_cover(patch, v)), _ROUND * v[3] ** 2)

        fit = least_squares(
            off, np.clip(values, lowest + 1e-6, highest - 1e-6),
            bounds=(lowest, highest), x_scale=[0.3, 0.3, 0.2, 0.4, 0.4], max_nfev=15, ftol=1e-4, xtol=1e-4,
        )  # fmt: skip
        values, cover = fit.x, _cover(patch, fit.x)
        # Neighbours: what does not fit outside the mark does not count.
        size = np.linalg.norm(skin.left(cover) / np.sqrt(weight)[:, None], axis=1)
        usual = max(float(np.median(size)) / 1.54, 1e-6)
        weight = np.where(cover > 0.05, 1.0, 1 / (1 + (size / (3 * usual)) ** 2))
        skin = _Skin(patch.at / reach, colour @ scale, weight)
    return _described(patch, colour, scale, skin, values, fit.jac)


class _Skin:
    """The skin of a patch as a surface of second degree, taken off what is seen: what is left is a mark's."""

    def __init__(self, at: np.ndarray, colour: np.ndarray, weight: np.ndarray) -> None:
        """at: (N, 2) of about unit length. colour, weight: (N, 3) and (N,)."""
        x, y = at.T
        self.root = np.sqrt(weight)
        self.weight = weight
        self.basis = np.column_stack([np.ones(len(x)), x, y, x * x, x * y, y * y])
        # The bend is held back as if it had been seen in some texels to be none.
        held = np.zeros((3, 6))
        held[:, 3:] = np.eye(3) * np.sqrt(_HELD * len(x))
        self._plane, self._turn = np.linalg.qr(np.concatenate([self.basis * self.root[:, None], held]))
        self._colour = self._off(colour * self.root[:, None])
        self.power = float((self._colour**2).sum())

    def _off(self, values: np.ndarray) -> np.ndarray:
        padded = np.concatenate([values, np.zeros((3, *values.shape[1:]))])
        return np.asarray(padded - self._plane @ (self._plane.T @ padded))

    def left(self, cover: np.ndarray) -> np.ndarray:
        """(N, 3) what skin and a mark with this cover leave, weighted."""
        mark = self._off(cover * self.root)
        power = max(float(mark @ mark), 1e-12)
        return np.asarray((self._colour - np.outer(mark, mark @ self._colour / power))[: len(cover)])

    def taken(self, cover: np.ndarray) -> float:
        """Share of what is no skin that a mark with this cover takes."""
        mark = self._off(cover * self.root)
        return float(((mark @ self._colour) ** 2).sum() / max(float(mark @ mark) * self.power, 1e-12))

    def solved(self, colour: np.ndarray, cover: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Colour of the skin (N, 3), and what the mark adds in its middle (3,), of a colour (N, 3)."""
        mark, rest = self._off(cover * self.root), self._off(colour * self.root[:, None])
        gain = mark @ rest / max(float(mark @ mark), 1e-12)
        padded = np.concatenate([(colour - np.outer(cover, gain)) * self.root[:, None], np.zeros((3, 3))])
        return self.basis @ np.linalg.solve(self._turn, self._plane.T @ padded), gain


def _described(
    patch: Patch, colour: np.ndarray, scale: np.ndarray, bare: _Skin, values: np.ndarray, jacobian: np.ndarray
) -> MarkShape:
    x, y, log_width, long, angle = values
    cover, weight = _cover(patch, values), bare.weight
    skin, gain = bare.solved(colour, cover)
    skin = np.maximum(skin, 1e-3)
    within = np.maximum(cover.sum(), 1e-6)
    contrast = -gain / np.maximum((skin * cover[:, None]).sum(axis=0) / within, 1e-3)
    width = np.exp(log_width)
    inside = cover > 0.1
    light = (colour / skin - 1) @ _LUMINANCE
    ring = ~inside & (np.hypot(*(patch.at - [x, y]).T) < (1 + long**2) * width + 2.5)
    white = (colour / skin - 1) @ scale
    marked = np.outer(cover, -contrast @ scale)
    around = np.linalg.norm(white[ring], axis=1) if ring.any() else np.array([np.inf])
    explained = 1 - ((white - marked) ** 2 * weight[:, None]).sum() / ((white**2) * weight[:, None]).sum()
    unexplained = ((white - marked)[inside] ** 2).sum() / max(float((marked[inside] ** 2).sum()), 1e-12)
    away = patch.at[ring] - [x, y]
    sectors = np.unique(((np.arctan2(away[:, 1], away[:, 0]) + np.pi) / (2 * np.pi) * 16).astype(int) % 16)
    stands_out = float(np.linalg.norm(contrast @ scale) / np.sqrt(max(np.mean(around**2) / 3, 1e-9)))
    spread = np.linalg.pinv(jacobian.T @ jacobian + 1e-9 * np.eye(5)) * float(np.mean(around**2) / 3)
    error = 2 * width * np.sqrt(max(spread[2, 2], 0) * (1 + long**2) ** 2 + spread[3, 3] * (2 * long) ** 2)
    return MarkShape(
        centre=np.array([x, y]), size_mm=float(2 * width * (1 + long**2)), width_mm=float(2 * width),
        angle=float(angle), contrast=contrast, unexplained=float(unexplained),
        uneven=float(np.sqrt(np.mean(light[ring] ** 2))) if ring.any() else np.inf, stands_out=stands_out,
        explained=float(explained), around=len(sectors) / 16, error_mm=float(error),
    )  # fmt: skip


def whitening(colour: np.ndarray, outside: np.ndarray) -> np.ndarray:
    """(3, 3): the skin around has unit covariance after it. Never finer than half a per cent."""
    values = colour[outside] if outside.sum() > 20 else colour
    spread = 1.4826 * np.median(np.abs(values - np.median(values, axis=0)), axis=0)
    usual = (np.abs(values - np.median(values, axis=0)) < 3 * spread + 1e-6).all(axis=1)
    covariance = np.cov(values[usual].T) if usual.sum() > 10 else np.diag(spread**2)
    return np.asarray(np.linalg.cholesky(np.linalg.inv(covariance + 0.005**2 * np.eye(3))))


def _cover(patch: Patch, values: np.ndarray) -> np.ndarray:
    """(N,) how much of each texel the mark covers."""
    x, y, log_width, long, angle = values
    width, blur = np.exp(log_width), patch.blur_mm
    c, s = np.cos(angle), np.sin(angle)
    small = width < _LARGE * blur
    spread = patch.at[:, None] - [x, y] + 2 * blur * _TURNS if small else patch.at - [x, y]
    along = np.abs(spread[..., 0] * c + spread[..., 1] * s)
    across = spread[..., 1] * c - spread[..., 0] * s
    radius = np.hypot(np.maximum(along - width * long**2, 0), across) / width
    # Variances add: that of an edge that fades so is a twentieth of its breadth squared.
    fade = ENDS - FADES if small else np.sqrt((ENDS - FADES) ** 2 + 20 * (blur / width) ** 2)
    t = np.clip((HALF_AT + 0.5 * fade - radius) / fade, 0, 1)
    cover = t * t * (3 - 2 * t)
    return np.asarray(cover @ _SHARES if small else cover)
