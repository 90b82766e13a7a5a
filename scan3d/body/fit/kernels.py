"""The inner loop of the fit: how a point of the skinned surface moves along a direction with every parameter."""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True, nogil=True, fastmath=True)
def jacobian_rows(
    corners,
    shares,
    directions,
    weight_joint,
    weight_share,
    shifts,
    rest,
    basis,
    parents,
    world,
    places,
    joint_basis,
    blends,
):
    """(N, 3 + 3 J + blends) derivative of direction . point by translation, joint increments and blend amounts.

    A point is the mean of vertices corners (N, 3) by shares (N, 3). directions: (N, 3). weight_joint, weight_share:
    (V, K) skinning weights, share 0 where unused. rest: (V, 3) vertices before posing. basis: (V, 3, D), of which the
    first `blends` are asked for. world: (J, 3, 3) world rotations; places: (J, 3) joints in the world. shifts: (J, 3),
    a joint moves a rest point to world @ rest + shift. joint_basis: (J, 3, D), derivative of the shifts by the blends.

    A joint's increment is a small rotation in its parent's frame, applied after its own rotation; that of the root in
    the world's. Pose correctives are held.
    """
    count, joints = len(corners), len(parents)
    width = 3 + 3 * joints + blends
    result = np.zeros((count, width))
    for i in range(count):
        moment = np.zeros((joints, 3))
        share = np.zeros(joints)
        row = result[i]
        n0, n1, n2 = directions[i, 0], directions[i, 1], directions[i, 2]
        for c in range(3):
            b = shares[i, c]
            if b == 0.0:
                continue
            v = corners[i, c]
            r0, r1, r2 = rest[v, 0], rest[v, 1], rest[v, 2]
            g0, g1, g2 = 0.0, 0.0, 0.0
            for k in range(weight_joint.shape[1]):
                w = weight_share[v, k]
                if w == 0.0:
                    continue
                j = weight_joint[v, k]
                m = world[j]
                w *= b
                share[j] += w
                moment[j, 0] += w * (m[0, 0] * r0 + m[0, 1] * r1 + m[0, 2] * r2 + shifts[j, 0])
                moment[j, 1] += w * (m[1, 0] * r0 + m[1, 1] * r1 + m[1, 2] * r2 + shifts[j, 1])
                moment[j, 2] += w * (m[2, 0] * r0 + m[2, 1] * r1 + m[2, 2] * r2 + shifts[j, 2])
                g0 += w * (n0 * m[0, 0] + n1 * m[1, 0] + n2 * m[2, 0])
                g1 += w * (n0 * m[0, 1] + n1 * m[1, 1] + n2 * m[2, 1])
                g2 += w * (n0 * m[0, 2] + n1 * m[1, 2] + n2 * m[2, 2])
            for d in range(blends):
                row[3 + 3 * joints + d] += g0 * basis[v, 0, d] + g1 * basis[v, 1, d] + g2 * basis[v, 2, d]
        for j in range(joints):
            w = share[j]
            if w != 0.0:
                for d in range(blends):
                    row[3 + 3 * joints + d] += w * (
                        n0 * joint_basis[j, 0, d] + n1 * joint_basis[j, 1, d] + n2 * joint_basis[j, 2, d]
                    )
        row[0], row[1], row[2] = n0, n1, n2
        for j in range(joints - 1, -1, -1):
            w = share[j]
            parent = parents[j]
            if w == 0.0 and moment[j, 0] == 0.0:
                continue
            if parent >= 0:
                share[parent] += w
                moment[parent, 0] += moment[j, 0]
                moment[parent, 1] += moment[j, 1]
                moment[parent, 2] += moment[j, 2]
            a0 = moment[j, 0] - w * places[j, 0]
            a1 = moment[j, 1] - w * places[j, 1]
            a2 = moment[j, 2] - w * places[j, 2]
            t0, t1, t2 = a1 * n2 - a2 * n1, a2 * n0 - a0 * n2, a0 * n1 - a1 * n0
            at = 3 + 3 * j
            if parent < 0:
                row[at], row[at + 1], row[at + 2] = t0, t1, t2
            else:
                f = world[parent]
                row[at] = f[0, 0] * t0 + f[1, 0] * t1 + f[2, 0] * t2
                row[at + 1] = f[0, 1] * t0 + f[1, 1] * t1 + f[2, 1] * t2
                row[at + 2] = f[0, 2] * t0 + f[1, 2] * t1 + f[2, 2] * t2
    return result


@njit(cache=True, nogil=True, fastmath=True)
def skin_points(rest, weight_joint, weight_share, world, moved):
    """(V, 3) rest points moved by linear blend skinning: sum of share * (world[joint] @ rest + moved[joint])."""
    result = np.empty(rest.shape)
    for v in range(len(rest)):
        r0, r1, r2 = rest[v, 0], rest[v, 1], rest[v, 2]
        x, y, z = 0.0, 0.0, 0.0
        for k in range(weight_joint.shape[1]):
            w = weight_share[v, k]
            if w != 0.0:
                j = weight_joint[v, k]
                m = world[j]
                x += w * (m[0, 0] * r0 + m[0, 1] * r1 + m[0, 2] * r2 + moved[j, 0])
                y += w * (m[1, 0] * r0 + m[1, 1] * r1 + m[1, 2] * r2 + moved[j, 1])
                z += w * (m[2, 0] * r0 + m[2, 1] * r1 + m[2, 2] * r2 + moved[j, 2])
        result[v, 0], result[v, 1], result[v, 2] = x, y, z
    return result


@njit(cache=True)
def nearest_on_triangles(points, triangles):
    """Shares (N, 3) of the corners of the nearest point on each triangle (N, 3, 3) to a point (N, 3) (Ericson 2005)."""
    shares = np.zeros((len(points), 3))
    for i in range(len(points)):
        a, b, c, p = triangles[i, 0], triangles[i, 1], triangles[i, 2], points[i]
        ab, ac, ap = b - a, c - a, p - a
        d1, d2 = (ab * ap).sum(), (ac * ap).sum()
        if d1 <= 0 and d2 <= 0:
            shares[i, 0] = 1.0
            continue
        bp = p - b
        d3, d4 = (ab * bp).sum(), (ac * bp).sum()
        if d3 >= 0 and d4 <= d3:
            shares[i, 1] = 1.0
            continue
        vc = d1 * d4 - d3 * d2
        if vc <= 0 and d1 >= 0 and d3 <= 0:
            t = d1 / (d1 - d3) if d1 != d3 else 0.0
            shares[i, 0], shares[i, 1] = 1 - t, t
            continue
        cp = p - c
        d5, d6 = (ab * cp).sum(), (ac * cp).sum()
        if d6 >= 0 and d5 <= d6:
            shares[i, 2] = 1.0
            continue
        vb = d5 * d2 - d1 * d6
        if vb <= 0 and d2 >= 0 and d6 <= 0:
            t = d2 / (d2 - d6) if d2 != d6 else 0.0
            shares[i, 0], shares[i, 2] = 1 - t, t
            continue
        va = d3 * d6 - d5 * d4
        if va <= 0 and d4 - d3 >= 0 and d5 - d6 >= 0:
            total = (d4 - d3) + (d5 - d6)
            t = (d4 - d3) / total if total != 0 else 0.0
            shares[i, 1], shares[i, 2] = 1 - t, t
            continue
        total = va + vb + vc
        shares[i, 1] = vb / total
        shares[i, 2] = vc / total
        shares[i, 0] = 1 - shares[i, 1] - shares[i, 2]
    return shares
