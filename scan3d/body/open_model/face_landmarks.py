"""The 68 landmarks of a face (Sagonas et al. 2013, 300 faces in the wild) as vertices of the base mesh."""

from __future__ import annotations

import numpy as np

from scan3d.openhuman import OpenHuman

# Turns of the head, degrees to its left, for which the contour is told.
CONTOUR_TURNS = (-39, -26, -13, 0, 13, 26, 39)


def face_landmarks(human: OpenHuman) -> dict[str, int]:
    """ "face_0" .. "face_67" -> row of the open human's vertices; the contour also as "face_0_13" and the like.

    Numbers run as they do there, from the person's right to the left: 0-16 contour, 17-26 brows, 27-35 nose, 36-47
    eyes, 48-67 mouth. Left halves are found by geometry, the right ones are their mirror images in the picture.
    """
    points = human.vertices.astype(np.float64)
    body = np.unique(human.quads[human.group("body")])
    neck = np.asarray(human.weights[:, [human.bone(f"neck0{k}") for k in (1, 2, 3)]].sum(axis=1)).ravel()
    heads, _ = human.joints(points)
    eye = heads[human.bone("eye.L")]
    face = body[(points[body, 2] > eye[2] - 0.16) & (points[body, 1] < eye[1] + 0.09) & (neck[body] < 0.3)]
    left = _Left(points, face, human)
    found = left.brow(eye) | left.nose(eye) | left.eye() | left.mouth()
    found |= _contour(points, face, human, eye)
    return {f"face_{name}": row for name, row in found.items()}


class _Left:
    """Finds the landmarks of the left half and mirrors them."""

    def __init__(self, points: np.ndarray, face: np.ndarray, human: OpenHuman) -> None:
        from scan3d.body.open_model.places import twins

        self.points, self.human, self.twin = points, human, twins(points)
        normals = _normals(points, human.quads[human.group("body")])
        inside = human.masks["mouth_inside"][face] > 0.5
        self.front = face[(normals[face, 1] < -0.15) & ~inside]

    def pair(self, left: int, right: int, row: int) -> dict[str, int]:
        return {str(left): row, str(right): int(self.twin[row])}

    def at(self, x: float, z: float, rows: np.ndarray | None = None) -> int:
        """The front vertex nearest to a place in the view from the front."""
        rows = self.front if rows is None else rows
        return int(rows[np.argmin(np.hypot(self.points[rows, 0] - x, self.points[rows, 2] - z))])

    def brow(self, eye: np.ndarray) -> dict[str, int]:
        """An arch above the eye; its upper edge lies 24 to 28 mm above the pupil (Farkas 1994), its middle 21 mm."""
        found: dict[str, int] = {}
        scale = eye[0] / 0.031
        for step, (x, z) in enumerate(
            [(0.012, 0.018), (0.021, 0.0205), (0.031, 0.0225), (0.042, 0.022), (0.053, 0.018)]
        ):
            found |= self.pair(22 + step, 21 - step, self.at(scale * x, eye[2] + scale * z))
        return found

    def nose(self, eye: np.ndarray) -> dict[str, int]:
        middle = self.front[np.abs(self.points[self.front, 0]) < 1e-4]
        middle = middle[np.argsort(-self.points[middle, 2])]
        below = middle[(self.points[middle, 2] < eye[2]) & (self.points[middle, 2] > eye[2] - 0.06)]
        tip = below[np.argmin(self.points[below, 1])]
        found = {}
        for step in range(4):
            height = eye[2] + (self.points[tip, 2] - eye[2]) * step / 3
            found[str(27 + step)] = self.at(0.0, height, middle)
        # Where the nose meets the lip: the deepest place of the middle line below its tip.
        lips = self.points[self.human.masks["lips"] > 0.5, 2].max()
        under = middle[(self.points[middle, 2] < self.points[tip, 2]) & (self.points[middle, 2] > lips - 0.002)]
        base = under[self.points[under, 1] > self.points[under, 1].max() - 0.002][0]
        found["33"] = int(base)
        for left, right, x in ((34, 32, 0.007), (35, 31, 0.0145)):
            found |= self.pair(left, right, self.at(x, float(self.points[base, 2]) + 0.003 * (left == 35)))
        return found

    def eye(self) -> dict[str, int]:
        """Along the edge of the lids, where the lashes grow."""
        from scipy.spatial import cKDTree

        lashes = np.unique(self.human.quads[self.human.group("l-eyelashes")])
        near, _ = cKDTree(self.points[lashes]).query(self.points[self.front])
        edge = self.front[near < 0.002]
        x = self.points[edge, 0]
        inner, outer = edge[np.argmin(x)], edge[np.argmax(x)]
        a, b = self.points[inner], self.points[outer]
        line = a[2] + (x - a[0]) / (b[0] - a[0]) * (b[2] - a[2])
        upper, lower = edge[self.points[edge, 2] > line + 0.001], edge[self.points[edge, 2] < line - 0.001]
        found = self.pair(42, 39, int(inner)) | self.pair(45, 36, int(outer))
        for left, right, share, rows in ((43, 38, 1 / 3, upper), (44, 37, 2 / 3, upper)):
            found |= self.pair(left, right, self.along(rows, a[0] + share * (b[0] - a[0])))
        for left, right, share, rows in ((47, 40, 1 / 3, lower), (46, 41, 2 / 3, lower)):
            found |= self.pair(left, right, self.along(rows, a[0] + share * (b[0] - a[0])))
        return found

    def along(self, rows: np.ndarray, x: float) -> int:
        return int(rows[np.argmin(np.abs(self.points[rows, 0] - x))])

    def mouth(self) -> dict[str, int]:
        """The lips' edge, and the line where they meet."""
        lips = self.front[(self.human.masks["lips"][self.front] > 0.4) & (self.points[self.front, 0] > -1e-4)]
        corner = lips[np.argmax(self.points[lips, 0])]
        half = self.points[corner, 0]
        opened, moves = self.human.target("arkit-jawOpen")
        drop = np.zeros(len(self.points))
        drop[opened] = -moves[:, 2]
        upper, lower = lips[drop[lips] < 0.006], lips[drop[lips] >= 0.006]
        found = self.pair(54, 48, int(corner)) | self.pair(64, 60, int(corner))
        for left, right, share in ((53, 49, 0.68), (52, 50, 0.28), (51, 51, 0.0)):
            found |= self.pair(left, right, self._edge(upper, share * half, 1))
        for left, right, share in ((55, 59, 0.68), (56, 58, 0.32), (57, 57, 0.0)):
            found |= self.pair(left, right, self._edge(lower, share * half, -1))
        for left, right, share in ((63, 61, 0.35), (62, 62, 0.0)):
            found |= self.pair(left, right, self._edge(upper, share * half, -1))
        for left, right, share in ((65, 67, 0.35), (66, 66, 0.0)):
            found |= self.pair(left, right, self._edge(lower, share * half, 1))
        return found

    def _edge(self, rows: np.ndarray, x: float, way: int) -> int:
        """The highest (way 1) or lowest (-1) of some vertices near a place across."""
        near = rows[np.abs(self.points[rows, 0] - x) < 0.0035]
        near = rows if len(near) == 0 else near
        return int(near[np.argmax(way * self.points[near, 2])])


def _contour(points: np.ndarray, face: np.ndarray, human: OpenHuman, eye: np.ndarray) -> dict[str, int]:
    """The outline of the face before the ears, from the eyes' height on the right round the chin to the left."""
    ears = human.masks["ear"] > 0.3
    ear_front = points[np.flatnonzero(ears), 1].min()
    rows = face[(points[face, 1] < ear_front + 0.004) & ~ears[face]]
    chin = points[rows[np.abs(points[rows, 0]) < 0.002], 2]
    front = rows[(np.abs(points[rows, 0]) < 1e-4) & (points[rows, 1] < eye[1] + 0.01)]
    chin_z = points[front, 2].min() if len(front) else chin.min()
    found: dict[str, int] = {}
    for degrees in CONTOUR_TURNS:
        turn = np.radians(degrees)
        # To the person's left in a picture taken from the front; a head turned left shows more of its right.
        aside = np.cos(turn) * points[:, 0] - np.sin(turn) * points[:, 1]
        for number in range(17):
            share = 1 - abs(number - 8) / 8
            height = eye[2] + (chin_z - eye[2]) * np.sin(0.5 * np.pi * share)
            level = rows[np.abs(points[rows, 2] - height) < 0.006]
            if number == 8:
                row = level[np.argmin(np.abs(points[level, 0]) + (points[level, 1] - points[level, 1].min()))]
            else:
                row = level[np.argmax(np.sign(number - 8) * aside[level])]
            found[str(number) if degrees == 0 else f"{number}_{degrees}"] = int(row)
    return found


def _normals(points: np.ndarray, quads: np.ndarray) -> np.ndarray:
    cross = np.cross(points[quads[:, 2]] - points[quads[:, 0]], points[quads[:, 3]] - points[quads[:, 1]])
    result = np.zeros_like(points)
    for column in range(4):
        np.add.at(result, quads[:, column], cross)
    return np.asarray(result / np.maximum(np.linalg.norm(result, axis=1, keepdims=True), 1e-20))
