"""Residuals of board corners, their derivatives, and the normal equations they sum up to, compiled.

A corner X of a board goes board -> body -> world -> camera -> pixel. What a view depends on are 31 local parameters:
    0:6   the body's pose     world_from_body = world_from_body @ exp(d)
    6:12  the camera's pose   cam_from_world = exp(d) @ cam_from_world
    12:24 its lens            fx fy cx cy, then k1 k2 p1 p2 k3 k4 k5 k6 (fisheye: k1 k2 k3 k4)
    24:30 the board's place   body_from_board = body_from_board @ exp(d)
    30    the camera's time   filled in by whoever knows how the body moves (board_motion)
where d is (translation, rotation vector). The lens formulas are those of `scan3d.geometry.distortion`, once more, since
compiled code cannot call them; a test holds the two together.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np

LOCAL = 31
BODY, POSE, LENS, BOARD, TIME = 0, 6, 12, 24, 30
LENS_PARAMS = 12
FISHEYE = 1  # formula of a lens; 0 is the rational one that pinhole, opencv and full_opencv share

# What a corner counts as that the lens cannot map to a pixel (behind the camera, beyond where the lens folds).
LOST_PX = 300.0

# Any: mypy cannot see through a dispatcher called with a tuple of arrays.
_jit: Any = numba.njit(nogil=True, cache=True, error_model="numpy")


@_jit
def _project(point, lens, formula, by_point, by_lens):
    """(u, v, whether it has a pixel) of a point (3,) in the camera frame; fills derivatives (2, 3) and (2, 12)."""
    by_lens[:] = 0.0
    z = point[2]
    if not z > 1e-9:
        return 0.0, 0.0, False
    x, y = point[0] / z, point[1] / z
    r2 = x * x + y * y
    fx, fy = lens[0], lens[1]
    p1, p2 = 0.0, 0.0
    if formula == FISHEYE:
        r = np.sqrt(r2)
        theta = np.arctan(r)
        t2 = theta * theta
        poly = 1.0 + t2 * (lens[4] + t2 * (lens[5] + t2 * (lens[6] + t2 * lens[7])))
        growth = 1.0 + t2 * (3 * lens[4] + t2 * (5 * lens[5] + t2 * (7 * lens[6] + t2 * 9 * lens[7])))
        over = theta / r if r > 1e-8 else 1.0
        factor = over * poly
        slope = (growth / (1.0 + r2) - factor) / (2.0 * r2) if r2 > 1e-8 else lens[4] - 1.0 / 3.0
        power = over
        for k in range(4):
            power *= t2
            by_lens[0, 4 + k], by_lens[1, 4 + k] = fx * x * power, fy * y * power
        if not growth > 0.0:
            return 0.0, 0.0, False
    else:
        p1, p2 = lens[6], lens[7]
        bottom = 1.0 + r2 * (lens[9] + r2 * (lens[10] + r2 * lens[11]))
        top = 1.0 + r2 * (lens[4] + r2 * (lens[5] + r2 * lens[8]))
        if not bottom > 0.0:
            return 0.0, 0.0, False
        factor = top / bottom
        top_slope = lens[4] + r2 * (2 * lens[5] + 3 * r2 * lens[8])
        bottom_slope = lens[9] + r2 * (2 * lens[10] + 3 * r2 * lens[11])
        slope = (top_slope - factor * bottom_slope) / bottom
        if not factor + 2.0 * r2 * slope > 0.0:
            return 0.0, 0.0, False
        power = r2 / bottom
        for k, column in enumerate((4, 5, 8)):
            by_lens[0, column], by_lens[1, column] = fx * x * power, fy * y * power
            by_lens[0, 9 + k], by_lens[1, 9 + k] = -factor * by_lens[0, column], -factor * by_lens[1, column]
            power *= r2
        # The denominators' own powers are r2, r4, r6, as the numerators': the loop above fills both.
        by_lens[0, 6], by_lens[1, 6] = fx * 2 * x * y, fy * (r2 + 2 * y * y)
        by_lens[0, 7], by_lens[1, 7] = fx * (r2 + 2 * x * x), fy * 2 * x * y
    xd = x * factor + 2 * p1 * x * y + p2 * (r2 + 2 * x * x)
    yd = y * factor + 2 * p2 * x * y + p1 * (r2 + 2 * y * y)
    by_lens[0, 0], by_lens[1, 1] = xd, yd
    by_lens[0, 2] = by_lens[1, 3] = 1.0
    xx = factor + 2 * slope * x * x + 2 * p1 * y + 6 * p2 * x
    xy = 2 * slope * x * y + 2 * p1 * x + 2 * p2 * y
    yy = factor + 2 * slope * y * y + 2 * p2 * x + 6 * p1 * y
    by_point[0, 0], by_point[0, 1] = fx * xx / z, fx * xy / z
    by_point[1, 0], by_point[1, 1] = fy * xy / z, fy * yy / z
    by_point[0, 2] = -fx * (xx * x + xy * y) / z
    by_point[1, 2] = -fy * (xy * x + yy * y) / z
    return fx * xd + lens[2], fy * yd + lens[3], True


@_jit
def _fill_pose(by_point, rotation, point, out, first):
    """Derivative (2, 6) of a pixel by d of exp(d) before `point` (3,), which `rotation` takes to the camera frame."""
    for row in range(2):
        a0 = by_point[row, 0] * rotation[0, 0] + by_point[row, 1] * rotation[1, 0] + by_point[row, 2] * rotation[2, 0]
        a1 = by_point[row, 0] * rotation[0, 1] + by_point[row, 1] * rotation[1, 1] + by_point[row, 2] * rotation[2, 1]
        a2 = by_point[row, 0] * rotation[0, 2] + by_point[row, 1] * rotation[1, 2] + by_point[row, 2] * rotation[2, 2]
        out[row, first], out[row, first + 1], out[row, first + 2] = a0, a1, a2
        # a . (w x p) = w . (p x a)
        out[row, first + 3] = point[1] * a2 - point[2] * a1
        out[row, first + 4] = point[2] * a0 - point[0] * a2
        out[row, first + 5] = point[0] * a1 - point[1] * a0


@_jit
def _apply(pose, point, out):
    """The point (3,) through a pose (3, 4) [rotation | translation]."""
    for k in range(3):
        out[k] = pose[k, 0] * point[0] + pose[k, 1] * point[1] + pose[k, 2] * point[2] + pose[k, 3]


@_jit
def _compose(a, b, out):
    """out = a @ b of poses (3, 4)."""
    for i in range(3):
        for j in range(4):
            out[i, j] = a[i, 0] * b[0, j] + a[i, 1] * b[1, j] + a[i, 2] * b[2, j]
        out[i, 3] += a[i, 3]


@_jit
def residuals_of(starts, points, px, indices, lenses, formulas, cameras, bodies, boards, out):
    """Observed minus predicted pixels into out (N, 2); LOST_PX in both where there is no pixel.

    starts: (V + 1,) where each view's corners begin in points (N, 3) and px (N, 2). indices: (V, 3) camera, body,
    board. lenses: (C, 12); formulas: (C,). cameras, bodies, boards: (., 3, 4) [rotation | translation].
    """
    by_point, by_lens = np.zeros((2, 3)), np.zeros((2, LENS_PARAMS))
    cam_from_body, cam_from_board, at = np.zeros((3, 4)), np.zeros((3, 4)), np.zeros(3)
    for v in range(len(starts) - 1):
        c = indices[v, 0]
        _compose(cameras[c], bodies[indices[v, 1]], cam_from_body)
        _compose(cam_from_body, boards[indices[v, 2]], cam_from_board)
        for n in range(starts[v], starts[v + 1]):
            _apply(cam_from_board, points[n], at)
            x, y, good = _project(at, lenses[c], formulas[c], by_point, by_lens)
            out[n, 0] = px[n, 0] - x if good else LOST_PX
            out[n, 1] = px[n, 1] - y if good else LOST_PX


@_jit
def accumulate(
    starts, points, px, indices, lenses, formulas, cameras, bodies, boards, weights, width, matrices, vectors
):
    """Per view the sums J^T W J into matrices (V, 31, 31), upper triangle, and J^T W r into vectors (V, 31).

    weights: (N,) of the squared residuals. width: how many local parameters are needed: 24, or 30 with the boards'.
    """
    by_point, by_lens = np.zeros((2, 3)), np.zeros((2, LENS_PARAMS))
    jacobian, turn = np.zeros((2, TIME)), np.eye(3)
    cam_from_body, cam_from_board = np.zeros((3, 4)), np.zeros((3, 4))
    in_body, at = np.zeros(3), np.zeros(3)
    for v in range(len(starts) - 1):
        c, f = indices[v, 0], indices[v, 2]
        _compose(cameras[c], bodies[indices[v, 1]], cam_from_body)
        _compose(cam_from_body, boards[f], cam_from_board)
        matrix, vector = matrices[v], vectors[v]
        matrix[:] = 0.0
        vector[:] = 0.0
        for n in range(starts[v], starts[v + 1]):
            weight = weights[n]
            if weight == 0.0:
                continue
            _apply(boards[f], points[n], in_body)
            _apply(cam_from_body, in_body, at)
            x, y, good = _project(at, lenses[c], formulas[c], by_point, by_lens)
            if not good:
                continue
            _fill_pose(by_point, cam_from_body, in_body, jacobian, BODY)
            _fill_pose(by_point, turn, at, jacobian, POSE)
            jacobian[:, LENS:BOARD] = by_lens
            if width > BOARD:
                _fill_pose(by_point, cam_from_board, points[n], jacobian, BOARD)
            rx, ry = px[n, 0] - x, px[n, 1] - y
            for i in range(width):
                jx, jy = weight * jacobian[0, i], weight * jacobian[1, i]
                vector[i] += jx * rx + jy * ry
                for j in range(i, width):
                    matrix[i, j] += jx * jacobian[0, j] + jy * jacobian[1, j]


@_jit
def assemble(matrices, vectors, columns, outer, right):
    """Adds the views' parts of the outer parameters (everything but body poses) to outer (n, n) and right (n,).

    columns: (V, 25) place in the outer parameters of local parameters 6:31, -1 where held.
    """
    for v in range(len(matrices)):
        for i in range(LOCAL - 6):
            ci = columns[v, i]
            if ci < 0:
                continue
            right[ci] += vectors[v, 6 + i]
            for j in range(i, LOCAL - 6):
                cj = columns[v, j]
                if cj < 0:
                    continue
                value = matrices[v, 6 + i, 6 + j]
                outer[ci, cj] += value
                if ci != cj:
                    outer[cj, ci] += value


@_jit
def eliminate(matrices, vectors, columns, body_starts, body_views, damping, outer, right, inverses):
    """Schur complement: takes the body poses out of the outer normal equations, in place.

    body_views[body_starts[b]:body_starts[b + 1]] are the views of body b. damping: share of the diagonal that is added
    to the bodies' blocks. inverses: (B, 6, 6) of the damped blocks, for the way back.
    """
    place = np.full(outer.shape[0], -1)
    for b in range(len(body_starts) - 1):
        views = body_views[body_starts[b] : body_starts[b + 1]]
        block, rhs = np.zeros((6, 6)), np.zeros(6)
        touched = np.empty(len(views) * (LOCAL - 6), np.int64)
        count = 0
        for v in views:
            for i in range(6):
                rhs[i] += vectors[v, i]
                for j in range(i, 6):
                    block[i, j] += matrices[v, i, j]
            for i in range(LOCAL - 6):
                column = columns[v, i]
                if column >= 0 and place[column] < 0:
                    place[column] = count
                    touched[count] = column
                    count += 1
        for i in range(6):
            for j in range(i):
                block[i, j] = block[j, i]
            block[i, i] += damping * block[i, i] + 1e-9
        inverse = np.linalg.inv(block)
        inverses[b] = inverse
        if count == 0:
            continue
        cross = np.zeros((6, count))
        for v in views:
            for i in range(LOCAL - 6):
                if columns[v, i] >= 0:
                    at = place[columns[v, i]]
                    for k in range(6):
                        cross[k, at] += matrices[v, k, 6 + i]
        solved = inverse @ cross
        less = cross.T @ solved
        for i in range(count):
            for j in range(count):
                outer[touched[i], touched[j]] -= less[i, j]
            for k in range(6):
                right[touched[i]] -= solved[k, i] * rhs[k]
            place[touched[i]] = -1


@_jit
def substitute_back(matrices, vectors, columns, body_starts, body_views, inverses, step, out):
    """The bodies' steps (B, 6) into out, given the step (n,) of the outer parameters."""
    for b in range(len(body_starts) - 1):
        rhs = np.zeros(6)
        for v in body_views[body_starts[b] : body_starts[b + 1]]:
            for k in range(6):
                rhs[k] += vectors[v, k]
                for i in range(LOCAL - 6):
                    if columns[v, i] >= 0:
                        rhs[k] -= matrices[v, k, 6 + i] * step[columns[v, i]]
        out[b] = inverses[b] @ rhs
