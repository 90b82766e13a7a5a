"""Where exactly crossings, tags and dots lie: from the full picture, once they are known to a pixel or two.

Crossings of squares and corners of tags are where lines through their edges cross (`edge_lines`). Crossings too small
for that are found as the point that all gradients around point past (Förstner and Gülch 1987, as OpenCV's
cornerSubPix). Dots are ellipses through their rims; the middle of the picture of a disc is not the picture of its
middle (Heikkilä 2000), and the difference is taken off as the board's own map has it.
"""

from __future__ import annotations

import warnings

import numpy as np

from scan3d.calibration.board_map import BoardMap, fit_board_map
from scan3d.calibration.board_picture import BoardPicture
from scan3d.calibration.edge_lines import LEAST_REACH_PX, MOST_REACH_PX, Edges, crossing, fit_edges
from scan3d.calibration.targets import Board, dictionary_of

_ROUNDS = 2
_CLEAR_SHARE = 0.85  # of the way to the next edge beside one that profiles reach
_NEAR, _FAR = 0.14, 0.45  # where along an edge of length 1 from its crossing profiles are taken
_ALONG = 10
_LEAST_OTHERS, _MANY = 7, 40
_OFF_PX = 0.4  # from where its neighbours put a corner: beyond it is none, or measured wrongly
_STRAY_PX = 3.0  # from where a corner was looked for
_RAYS = 48  # from the middle of a dot
_STEPS = 25  # along each


def refine_crossings(picture: BoardPicture, board: Board, ids: np.ndarray, px_cv: np.ndarray) -> np.ndarray:
    """(N, 2) crossings of four squares, OpenCV's pixels; nan where there is none near where it was looked for.

    board: a ChArUco board or chessboard. ids: (N,) of its points. px_cv: (N, 2) about where they are.
    """
    plane, gap_m = board.points_m[ids, :2], _gap_m(board)
    found = _by_gradients(picture, px_cv, gap_m, plane)
    for _ in range(_ROUNDS):
        lost = _off_the_others(plane, found)
        good = np.isfinite(found).all(axis=1) & ~lost
        board_map = fit_board_map(plane[good], found[good])
        if board_map is None:
            break
        found[lost] = board_map(plane[lost])
        refined = crossings_by_lines(picture, board, board_map, ids, found)
        # Where squares are large enough and edges unclear all the same, something lies over the crossing.
        lines = gap_m * board_map.px_per_m(plane).min(axis=1) >= LEAST_REACH_PX
        found[lines] = refined[lines]
    found[_off_the_others(plane, found)] = np.nan
    found[np.linalg.norm(found - px_cv, axis=1) > _STRAY_PX + 2.0 * picture.reduction] = np.nan
    return found


def crossings_by_lines(
    picture: BoardPicture, board: Board, board_map: BoardMap, ids: np.ndarray, px: np.ndarray,
    *, least_reach_px: float = LEAST_REACH_PX,
) -> np.ndarray:  # fmt: skip
    """(N, 2) crossings about px (N, 2); nan where a square is too small in the picture, or an edge unclear.

    least_reach_px: what must be clear beside an edge; where the marker beside is as near as a crossing may be off, its
    edge is taken for the square's.
    """
    plane, gap_m = board.points_m[ids, :2], _gap_m(board)
    shift = np.where(np.isfinite(px), px - board_map(plane), 0.0)

    def warp(places: np.ndarray, rows: np.ndarray) -> np.ndarray:
        return board_map(places) + shift[rows][:, None, None, None]

    there = np.linspace(_NEAR, _FAR, _ALONG) * board.square_m
    along = np.broadcast_to(np.stack([-there, there]), (len(plane), 2, _ALONG))
    scale = board_map.px_per_m(plane)
    fits = []
    for axis in (0, 1):
        across = scale[:, 1 - axis]
        reach = np.repeat(np.minimum(gap_m, MOST_REACH_PX / across)[:, None], 2, axis=1)
        edges = Edges(anchor=plane, axis=np.full(len(plane), axis), along_m=along, reach_m=reach)
        slope, offset = fit_edges(picture, edges, warp)
        fits.append((np.where(reach[:, 0] * across >= least_reach_px, slope, np.nan), offset))
    moved = crossing(fits[0], fits[1])
    moved[~(np.abs(moved) < gap_m).all(axis=1)] = np.nan
    return board_map(plane + moved) + shift


def refine_tags(picture: BoardPicture, board: Board, tags: np.ndarray, corners_cv: np.ndarray) -> np.ndarray:
    """(T, 4, 2) corners of tags (T,), from corners known to a pixel or so; nan where a side is not to be seen."""
    plane = board.points_m[:, :2].reshape(-1, 4, 2)[tags]
    found = corners_cv.copy()
    for _ in range(_ROUNDS):
        good = np.isfinite(found).all(axis=(1, 2))
        board_map = fit_board_map(plane[good].reshape(-1, 2), found[good].reshape(-1, 2))
        if board_map is None:
            return np.full(corners_cv.shape, np.nan)
        found[good] = _tag_corners(picture, board_map, board, plane[good], found[good])
    moved = np.linalg.norm(found - corners_cv, axis=-1)
    found[(moved > 2.0 + 2.0 * picture.reduction).any(axis=1)] = np.nan
    return found


def refine_dots(picture: BoardPicture, board: Board, px_cv: np.ndarray) -> np.ndarray:
    """(N, 2) pictures of the middles of all dots of a board, from places known to a fraction of a dot."""
    plane = board.points_m[:, :2]
    turn = np.linspace(0, 2 * np.pi, _RAYS, endpoint=False)
    circle = 0.5 * board.marker_m * np.stack([np.cos(turn), np.sin(turn)], axis=1)
    apart = board.square_m * (np.sqrt(2.0) if board.kind == "asymmetric_circles" else 1.0)
    free = min(0.45, 0.9 * (apart / board.marker_m - 1.0))
    shares = np.linspace(1 - free, 1 + free, _STEPS)
    found = px_cv
    for _ in range(_ROUNDS):
        board_map = fit_board_map(plane, found)
        if board_map is None:
            return np.full(px_cv.shape, np.nan)
        # Along each ray from the middle of the dot, the rim is looked for around where it is expected.
        expected = board_map(plane[:, None] + circle) - board_map(plane)[:, None]
        light = picture.light(found[:, None, None] + shares[:, None] * expected[:, :, None])
        rim = found[:, None] + _rim(light, shares)[..., None] * expected
        shift = np.array([_ellipse_middle(points) for points in expected])
        found = np.array([_ellipse_middle(points) for points in rim]) - shift
        if not np.isfinite(found).all():
            return found
    return found


def _off_the_others(plane: np.ndarray, found: np.ndarray) -> np.ndarray:
    """(N,) bool: points far from where the others put them, against how well the others agree; one after the other,
    the worst first, for it bends what is expected of the rest."""
    off = np.zeros(len(found), bool)
    rows = np.flatnonzero(np.isfinite(found).all(axis=1))
    while len(rows) > _LEAST_OTHERS:
        worst = rows[int(np.argmax(_from_the_others(plane[rows], found[rows])))]
        rest = rows[rows != worst]
        board_map = fit_board_map(plane[rest], found[rest])
        if board_map is None:
            break
        usual = float(np.median(_from_the_others(plane[rest], found[rest])))
        if not np.linalg.norm(found[worst] - board_map(plane[worst])) > max(_OFF_PX, 6.0 * usual):
            break
        off[worst] = True
        rows = rest
    return off


def _from_the_others(plane: np.ndarray, found: np.ndarray) -> np.ndarray:
    """(N,) distance of each point from where the map of the others puts it, pixels; 0 where they are too few."""
    # Of many points the one judged hardly bends the map; of few it is left out.
    whole = fit_board_map(plane, found) if len(plane) > _MANY else None
    if whole is not None:
        return np.asarray(np.linalg.norm(found - whole(plane), axis=1))
    off = np.zeros(len(plane))
    for row in range(len(plane)):
        others = np.arange(len(plane)) != row
        board_map = fit_board_map(plane[others], found[others])
        if board_map is not None:
            off[row] = np.linalg.norm(found[row] - board_map(plane[row]))
    return off


def _gap_m(board: Board) -> float:
    """How far beside an edge nothing else lies."""
    return _CLEAR_SHARE * (0.5 * (board.square_m - board.marker_m) if board.kind == "charuco" else 0.4 * board.square_m)


def _by_gradients(picture: BoardPicture, px_cv: np.ndarray, gap_m: float, plane: np.ndarray) -> np.ndarray:
    import cv2

    board_map = fit_board_map(plane, px_cv)
    clear_px = np.full(len(px_cv), 3.0) if board_map is None else board_map.px_per_m(plane).min(axis=1) * gap_m
    found = np.full(px_cv.shape, np.nan)
    halves = np.clip(np.floor(np.sqrt(2.0) * clear_px), 2, 15).astype(int)
    inside = ((px_cv >= 1) & (px_cv <= np.array(picture.size) - 2)).all(axis=1)
    criteria = (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_MAX_ITER, 60, 1e-4)
    for half in np.unique(halves[inside]):
        rows = np.flatnonzero(inside & (halves == half))
        start = np.ascontiguousarray(px_cv[rows, None], dtype=np.float32)
        found[rows] = cv2.cornerSubPix(picture.grey, start, (int(half), int(half)), (-1, -1), criteria)[:, 0]
    moved = np.linalg.norm(found - px_cv, axis=1)
    found[~(moved <= np.maximum(1.5, 0.5 * halves) + picture.reduction)] = np.nan
    return found


def _tag_corners(
    picture: BoardPicture, board_map: BoardMap, board: Board, plane: np.ndarray, px: np.ndarray
) -> np.ndarray:
    """(T, 4, 2): each side fitted by itself, in the order top, right, bottom, left; neighbours crossed."""
    shift = (px - board_map(plane)).mean(axis=1)  # (T, 2): what the map misses at each tag

    def warp(places: np.ndarray, lines: np.ndarray) -> np.ndarray:
        return board_map(places) + shift[lines][:, None, None, None]

    cell_m = _CLEAR_SHARE * board.square_m / _cells(board)
    out_m = min(_CLEAR_SHARE * board.gap_m, cell_m)
    there = np.linspace(-_FAR + 0.02, _FAR - 0.02, 2 * _ALONG) * board.square_m
    middle = 0.5 * (plane + np.roll(plane, -1, axis=1))
    fits = []
    for k, outwards_last in enumerate((False, True, True, False)):
        scale = board_map.px_per_m(middle[:, k])[:, 1 - k % 2]
        reach = np.minimum([cell_m, out_m] if outwards_last else [out_m, cell_m], MOST_REACH_PX / scale[:, None])
        edges = Edges(
            anchor=middle[:, k], axis=np.full(len(plane), k % 2), reach_m=reach,
            along_m=np.broadcast_to(there, (len(plane), 1, len(there))),
        )  # fmt: skip
        slope, offset = fit_edges(picture, edges, warp)
        wide = reach.min(axis=1) * scale >= LEAST_REACH_PX
        fits.append((np.where(wide, slope, np.nan), offset))
    # Lines about the middles of their sides, as lines about the tag's middle.
    half = 0.5 * board.square_m
    flat = {k: (fits[k][0], fits[k][1] + (-half if k == 0 else half)) for k in (0, 2)}
    upright = {k: (fits[k][0], fits[k][1] + (half if k == 1 else -half)) for k in (1, 3)}
    corners = [crossing(flat[a], upright[b]) for a, b in ((0, 3), (0, 1), (2, 1), (2, 3))]
    at = plane.mean(axis=1)[:, None] + np.stack(corners, axis=1)
    return board_map(at) + shift[:, None]


def _cells(board: Board) -> int:
    return int(dictionary_of(board).markerSize) + 2


def _rim(light: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """(N, R) shares at which rays (N, R, S) pass from the dark dot to the bright ground; nan without a clear pass."""
    ends = _STEPS // 6
    dark, bright = light[..., :ends].mean(axis=-1), light[..., -ends:].mean(axis=-1)
    above = light - (0.5 * (dark + bright))[..., None]
    passes = (above[..., :-1] < 0) & (above[..., 1:] >= 0)
    first = passes.argmax(axis=-1)[..., None]
    low, high = (np.take_along_axis(above, first + k, -1)[..., 0] for k in (0, 1))
    a, b = (shares[first[..., 0] + k] for k in (0, 1))
    with np.errstate(invalid="ignore", divide="ignore"):
        at = a - low / (high - low) * (b - a)
    return np.where((passes.sum(axis=-1) == 1) & (bright - dark > 0.02), at, np.nan)


def _ellipse_middle(points: np.ndarray) -> np.ndarray:
    """(2,) middle of the ellipse through points (R, 2), nan rows left out, refitted without the worst."""
    finite = np.isfinite(points).all(axis=1)
    good = finite
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        for _ in range(3):
            if good.sum() < 12:
                return np.full(2, np.nan)
            centre, scale = points[good].mean(axis=0), points[good].std()
            x, y = ((points - centre) / scale).T
            # a x^2 + b x y + c y^2 + d x + e y = 1: the rim is never near its own middle.
            terms = np.stack([x * x, x * y, y * y, x, y], axis=1)
            a, b, c, d, e = np.linalg.lstsq(terms[good], np.ones(good.sum()), rcond=None)[0]
            off = np.abs(terms @ (a, b, c, d, e) - 1)
            good = finite & (off <= 4 * np.median(off[finite]) + 1e-3)
    if not 4 * a * c - b * b > 0:
        return np.full(2, np.nan)
    return centre + scale * np.linalg.solve([[2 * a, b], [b, 2 * c]], [-d, -e])
