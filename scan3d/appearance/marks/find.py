"""Moles, freckles, scars, blemishes and veins as data: found in the albedo that was measured, which stays as it is.

Places that differ from the skin around them are fitted one by one (`fit`), long ones are followed (`lines`).
What is listed stands out from the unevenness of the skin around it, is explained by the shape of a mark, and has skin
on all sides: brows, lips, nostrils and folds do not. Sizes are the outline's, as one would put a ruler to it: twice
the distance at which about a sixth of the contrast is left; where half is left a mark is 0.85 as large.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scan3d.appearance.marks.candidates import Candidate, candidates
from scan3d.appearance.marks.fit import HALF_AT, MarkShape, fit_mark
from scan3d.appearance.marks.folds import Folds
from scan3d.appearance.marks.lines import Line, follow
from scan3d.appearance.marks.skin_picture import Patch, SkinPicture, skin_picture
from scan3d.appearance.materials.solve import TileMaps
from scan3d.appearance.materials.surface import Surface
from scan3d.geometry.imperfections import Imperfection

LEAST_MM = 1.0
_MOST_MM, _WIDEST_LINE_MM = 12.0, 5.0
_LEAST_CONTRAST = 0.05
_STANDS_OUT, _LINE_STANDS_OUT = 6.0, 5.0  # standard deviations of the skin around
_EXPLAINED = 0.33  # of what varies in the window
_UNEXPLAINED, _UNEVEN_LEAVES = 0.25, 20.0  # of the mark itself; the second over stands_out squared: skin's unevenness
_LINE_UNEXPLAINED, _LINE_EXPLAINED, _LINE_AROUND = 0.25, 0.55, 0.75
_LONG, _LEAST_LINE_MM = 2.2, 8.0  # length over width, from which a mark is followed; and is a line
_AROUND = 0.8
_OFF = 0.45  # of the candidate's size, between it and the fitted middle
_COLOURED = 0.28  # least spread of the channels' densities over the strongest: marks have 0.38 and more, errors 0.26
_DOUBTS = 4.0
_UNEVEN = 0.07  # skin around varies by 0.03, beside lips and nostrils by 0.06; brows by 0.15
_LUMINANCE = np.array([0.2126, 0.7152, 0.0722])


@dataclass(frozen=True, kw_only=True, eq=False)
class _Found:
    """A mark with what it rests on. reach_mm: of the skin it takes; others' middles within are the same mark."""

    place: np.ndarray
    size_mm: float
    width_mm: float
    contrast: np.ndarray
    strength: float
    line: Line | None = None

    def holds(self, other: _Found) -> bool:
        """Whether the other's middle lies in this mark."""
        points = self.place[None] if self.line is None else self.line.points
        reach = 0.5 * self.size_mm if self.line is None else 0.75 * self.width_mm + 1.0
        return float(np.linalg.norm(points - other.place, axis=1).min()) < 1e-3 * max(reach, 0.5)


def tile_marks(surface: Surface, maps: TileMaps, known: np.ndarray) -> list[Imperfection]:
    """Marks of a tile's skin, of its texels known (N,) bool."""
    skin = known & (surface.label[surface.mesh.faces[maps.face]] == 0).all(axis=1)
    picture = skin_picture(surface, maps.index, maps.face, maps.albedo, skin)
    return [] if picture is None else find_marks(picture, folds=Folds(surface.mesh))


def find_marks(skin: SkinPicture, *, folds: Folds | None = None, part: str = "skin") -> list[Imperfection]:
    """Marks of one tile, strongest first. Marks on both sides of a seam of the chart are one; on two tiles they are
    two: see `without_doubles`. folds: of the surface; in them a mark must be stronger."""
    found = candidates(skin.albedo, skin.known, 1e3 * skin.texel_m)
    if not found:
        return []
    spots, lines = _looked_at(skin, found)
    kept: list[_Found] = []
    for line in sorted(lines, key=lambda mark: -mark.strength):
        if not any(other.holds(line) or line.holds(other) for other in kept):
            kept.append(line)
    kept += _apart(kept, sorted(spots, key=lambda mark: -mark.strength))
    marks = [_record(mark, skin, part) for mark in kept if folds is None or _believed(mark, skin, folds)]
    return sorted(marks, key=lambda m: -abs(m.contrast))


def without_doubles(marks: list[Imperfection]) -> list[Imperfection]:
    """Of marks that lie on each other, the larger: two tiles may show one mark."""
    if not marks:
        return []
    from scipy.spatial import KDTree

    ordered = sorted(marks, key=lambda m: -m.size_mm)
    places, sizes = np.array([m.position_m for m in ordered]), np.array([m.size_mm for m in ordered])
    kept = np.zeros(len(ordered), bool)
    for number, around in enumerate(KDTree(places).query_ball_point(places, 0.5e-3 * sizes.max())):
        larger = np.array([k for k in around if kept[k]], np.int64)
        reach = 0.5e-3 * np.minimum(sizes[larger], 2 * sizes[number])
        kept[number] = bool((np.linalg.norm(places[larger] - places[number], axis=1) > reach).all())
    return sorted((m for m, stays in zip(ordered, kept, strict=True) if stays), key=lambda m: -abs(m.contrast))


def _apart(lines: list[_Found], spots: list[_Found]) -> list[_Found]:
    """Spots, strongest first, that are on no stronger one and on no line: only what is near is looked at, since cloth
    may have thousands."""
    from scipy.spatial import KDTree

    if not spots:
        return []
    places = np.array([spot.place for spot in spots])
    reach_m = 1e-3 * max(0.5, 0.5 * max(spot.size_mm for spot in spots))
    tree = KDTree(places)
    on_line = np.zeros(len(spots), bool)
    for line in lines:
        assert line.line is not None
        near = np.unique(np.concatenate(tree.query_ball_point(line.line.points, 1e-3 * (0.75 * line.width_mm + 1))))
        on_line[[k for k in near.astype(np.int64) if _same(line, spots[k])]] = True
    kept = np.zeros(len(spots), bool)
    for number, around in enumerate(tree.query_ball_point(places, reach_m)):
        kept[number] = not on_line[number] and not any(kept[k] and _same(spots[k], spots[number]) for k in around)
    return [spot for spot, stays in zip(spots, kept, strict=True) if stays]


def _same(first: _Found, second: _Found) -> bool:
    """A spot on a line is another mark where it is much stronger: a mole on a vein."""
    if first.line is None:
        return first.holds(second) or second.holds(first)
    return first.holds(second) and bool(np.abs(second.contrast).max() < 2 * np.abs(first.contrast).max())


def _looked_at(skin: SkinPicture, found: list[Candidate]) -> tuple[list[_Found], list[_Found]]:
    """Spots and lines that pass, of candidates, strongest first: what lies in a fitted mark is not fitted again; where
    nothing fits, another size may."""
    from scipy.spatial import KDTree

    places = np.array([skin.position[c.row, c.column] for c in found], np.float64)
    tree, used = KDTree(places), np.zeros(len(found), bool)
    spots, lines = [], []
    for number, candidate in enumerate(found):
        if used[number]:
            continue
        patch = skin.patch(places[number], 1.3 * candidate.size_mm + 2)
        if patch.around(0.5 * candidate.size_mm) < _AROUND:
            continue
        shape = fit_mark(patch, candidate.size_mm)
        if shape is None or shape.explained < _EXPLAINED:
            continue
        place = patch.of(shape.centre)
        used[tree.query_ball_point(places[number], 0.45e-3 * candidate.size_mm)] = True
        used[tree.query_ball_point(place, 0.45e-3 * min(shape.size_mm, 8))] = True
        if shape.size_mm > _LONG * shape.width_mm and shape.size_mm > 4:
            line = _line(skin, patch, shape)
            if line is not None:
                lines.append(line)
                continue
        if _is_spot(shape, candidate, 1e3 * skin.texel_m):
            spots.append(
                _Found(
                    place=place, size_mm=shape.size_mm, width_mm=shape.width_mm, contrast=shape.contrast,
                    strength=shape.stands_out,
                )
            )  # fmt: skip
    return spots, lines


def _is_spot(shape: MarkShape, candidate: Candidate, texel_mm: float) -> bool:
    return (
        LEAST_MM <= shape.size_mm <= _MOST_MM
        and HALF_AT * shape.width_mm > 2 * texel_mm
        and np.abs(shape.contrast).max() > _LEAST_CONTRAST
        and shape.stands_out > _STANDS_OUT
        and shape.unexplained < max(_UNEXPLAINED, _UNEVEN_LEAVES / shape.stands_out**2)
        and shape.uneven < _UNEVEN
        and shape.around >= _AROUND
        and _of_skin(shape.contrast)
        and float(np.hypot(*shape.centre)) < _OFF * candidate.size_mm
        and shape.size_mm < 3 * shape.width_mm
    )


def _line(skin: SkinPicture, patch: Patch, shape: MarkShape) -> _Found | None:
    if not 2e3 * skin.texel_m / HALF_AT < shape.width_mm < _WIDEST_LINE_MM or shape.around < _LINE_AROUND:
        return None
    if shape.unexplained > _LINE_UNEXPLAINED or shape.stands_out < _LINE_STANDS_OUT:
        return None
    if shape.uneven > _UNEVEN or not _of_skin(shape.contrast):
        return None
    line = follow(skin, patch, shape)
    if line is None or line.explained < max(_LINE_EXPLAINED, line.edge):
        return None
    if line.length_mm < max(_LEAST_LINE_MM, 2.5 * line.width_mm):
        return None
    return _Found(
        place=line.middle, size_mm=line.length_mm, width_mm=line.width_mm, contrast=line.contrast,
        strength=line.explained, line=line,
    )  # fmt: skip


def _believed(mark: _Found, skin: SkinPicture, folds: Folds) -> bool:
    """Whether the mark is more than the error of albedos there."""
    doubt = folds.doubt(mark.place, skin.normal[skin.nearest(mark.place)].astype(np.float64))
    return float(np.abs(mark.contrast).max()) > _DOUBTS * doubt


def _of_skin(contrast: np.ndarray) -> bool:
    """Whether pigment, blood or their lack can look so. They take more of one colour than of another: what takes of
    all alike is light that was not known well, in folds. All channels go one way, or red most and blue least as over
    a vein: stray light of hair and cloth does not care."""
    density = -np.log(np.maximum(1 - contrast, 1e-2))
    strongest = float(np.abs(density).max())
    one_way = min(float(density.max()), -float(density.min())) < 0.3 * strongest
    ordered = bool(density[0] > density[1] > density[2])
    return float(np.ptp(density)) > _COLOURED * strongest and (one_way or ordered)


def _kind(contrast: np.ndarray, size_mm: float, long: float) -> str:
    """By colour and shape: what is lighter is a scar, a vein is long and bluer, a blemish redder."""
    light = float(contrast @ _LUMINANCE)
    if light < 0:
        return "scar"
    if long > 3:
        return "vein"
    if light > 0.38:
        return "mole"
    # Blood takes green more than blue, melanin blue more than green.
    return "blemish" if contrast[1] > contrast[2] and size_mm > 2.5 else "freckle"


def _record(mark: _Found, skin: SkinPicture, part: str) -> Imperfection:
    row, column = skin.nearest(mark.place)
    x, y, z = (float(v) for v in mark.place)
    return Imperfection(
        kind=_kind(mark.contrast, mark.size_mm, mark.size_mm / max(mark.width_mm, 1e-6)),
        part=part,
        position_m=(x, y, z),
        uv=skin.uv_of(row, column),
        size_mm=round(mark.size_mm, 2),
        contrast=round(float(mark.contrast @ _LUMINANCE), 3),
    )
