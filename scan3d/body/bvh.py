"""BVH files (Biovision hierarchy): a skeleton's offsets and its joints' angles, frame by frame."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from scan3d.body.rotations import Array, matrices
from scan3d.errors import InputError

_CHANNELS = {"Xposition", "Yposition", "Zposition", "Xrotation", "Yrotation", "Zrotation"}
_AXIS = {"X": 0, "Y": 1, "Z": 2}


@dataclass(frozen=True, kw_only=True, eq=False)
class BvhMotion:
    """A skeleton and its motion, in the file's own units and axes.

    names: of joints, parents first; ends of chains are "<parent> end". parents: (B,) -1 for the root. offsets: (B, 3)
    from the parent. rotations: (N, B, 3, 3) in the parent's frame. positions: (N, B, 3) offsets as moved by position
    channels. fps: frames a second.
    """

    names: tuple[str, ...]
    parents: npt.NDArray[np.int32]
    offsets: Array
    rotations: Array
    positions: Array
    fps: float

    def rest(self) -> Array:
        """(B, 3) places of the joints with no rotation."""
        places = self.offsets.copy()
        for number, above in enumerate(self.parents):
            if above >= 0:
                places[number] += places[above]
        return places

    def world(self) -> tuple[Array, Array]:
        """Turns (N, B, 3, 3) and places (N, B, 3) of the joints in the file's frame."""
        turns, places = self.rotations.copy(), self.positions.copy()
        for number, above in enumerate(self.parents):
            if above >= 0:
                turns[:, number] = turns[:, above] @ self.rotations[:, number]
                places[:, number] = places[:, above] + np.einsum(
                    "nab,nb->na", turns[:, above], self.positions[:, number]
                )
        return turns, places


def read_bvh(path: Path) -> BvhMotion:
    """Reads a BVH file with any order of channels. Raises InputError, saying the line, where it makes no sense."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise InputError("The motion cannot be read.", str(path), "Check the path.") from error
    head, found, tail = text.partition("MOTION")
    if not head.lstrip().startswith("HIERARCHY") or not found:
        raise InputError("The file is no BVH.", str(path), "Give a file that begins with HIERARCHY.")
    skeleton = _Hierarchy(head, path)
    fps, table = _frames(tail, sum(len(channels) for channels in skeleton.channels), path)
    rotations = np.tile(np.eye(3), (len(table), len(skeleton.names), 1, 1))
    offsets = np.array(skeleton.offsets, np.float64).reshape(-1, 3)
    positions = np.tile(offsets, (len(table), 1, 1))
    column = 0
    for number, channels in enumerate(skeleton.channels):
        for channel in channels:
            axis = _AXIS[channel[0]]
            if channel.endswith("position"):
                # A joint's position replaces its offset.
                positions[:, number, axis] = table[:, column]
            else:
                turn = matrices(np.radians(table[:, column])[:, None] * np.eye(3)[axis])
                rotations[:, number] = rotations[:, number] @ turn
            column += 1
    return BvhMotion(
        names=tuple(skeleton.names),
        parents=np.array(skeleton.parents, np.int32),
        offsets=offsets,
        rotations=rotations,
        positions=positions,
        fps=fps,
    )


class _Hierarchy:
    """The first half of a file, joint by joint."""

    def __init__(self, text: str, path: Path) -> None:
        self.names: list[str] = []
        self.parents: list[int] = []
        self.offsets: list[list[float]] = []
        self.channels: list[list[str]] = []
        self.path = path
        open_joints: list[int] = []
        for number, line in enumerate(text.splitlines(), 1):
            words = line.split()
            if not words or words[0] in ("HIERARCHY", "{"):
                continue
            if words[0] in ("ROOT", "JOINT", "End"):
                self._joint(words, open_joints)
            elif words[0] == "}":
                self._expect(bool(open_joints), number)
                open_joints.pop()
            elif words[0] == "OFFSET" and open_joints:
                self._expect(len(words) == 4, number)
                self.offsets[-1] = [self._number(word, number) for word in words[1:]]
            elif words[0] == "CHANNELS" and open_joints:
                self._expect(set(words[2:]) <= _CHANNELS and words[1:2] == [str(len(words) - 2)], number)
                self.channels[-1] = words[2:]
            else:
                self._expect(False, number)
        self._expect(bool(self.names) and not open_joints, len(text.splitlines()))

    def _joint(self, words: list[str], open_joints: list[int]) -> None:
        above = open_joints[-1] if open_joints else -1
        name = f"{self.names[above]} end" if words[0] == "End" and above >= 0 else " ".join(words[1:])
        open_joints.append(len(self.names))
        self.names.append(name)
        self.parents.append(above)
        self.offsets.append([0.0, 0.0, 0.0])
        self.channels.append([])

    def _number(self, word: str, line: int) -> float:
        try:
            return float(word)
        except ValueError:
            self._expect(False, line)
            raise

    def _expect(self, good: bool, line: int) -> None:
        if not good:
            raise InputError("The skeleton of the motion is damaged.", f"{self.path}, line {line}", "Export it again.")


def _frames(text: str, columns: int, path: Path) -> tuple[float, Array]:
    """Frames a second and the table (N, columns)."""
    lines = [line for line in text.splitlines() if line.strip()]
    damaged = InputError("The frames of the motion are damaged.", str(path), "Export it again.")
    try:
        count = int(lines[0].split(":")[1])
        seconds = float(lines[1].split(":")[1])
        table = np.array([[float(word) for word in line.split()] for line in lines[2 : 2 + count]], np.float64)
    except (IndexError, ValueError) as error:
        raise damaged from error
    if count < 1 or table.shape != (count, columns) or not np.isfinite(table).all() or not seconds > 0:
        raise damaged
    return 1 / seconds, table
