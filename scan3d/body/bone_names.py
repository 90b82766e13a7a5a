"""Which joints of somebody's skeleton are which of ours: limbs by their names, trunk and neck by how they hang."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

FILE = Path(__file__).parent / "data" / "bone_names.toml"
_FINGERS = ("index", "middle", "ring", "pinky", "thumb")
_LIMBS = ("hip", "knee", "ankle", "foot", "shoulder", "elbow", "wrist", "collar")
_PREFIX = re.compile(r"^(.*:)?(mixamorig\d*_?|j_bip_(c_)?|def-|org-|bip\d*\s+|b_|jt_)?", re.IGNORECASE)
_SIDES = (
    ("left", re.compile(r"^(left|l(?=[A-Z_ .-]))|[_ .-]l(eft)?(?=$|[_ .-]\d)|(?<=[a-z])Left$|(?<=[a-z])L$")),
    ("right", re.compile(r"^(right|r(?=[A-Z_ .-]))|[_ .-]r(ight)?(?=$|[_ .-]\d)|(?<=[a-z])Right$|(?<=[a-z])R$")),
)


def side_and_part(name: str) -> tuple[str, str]:
    """("left", "right" or "", the rest of the name in small letters and digits)."""
    bare = _PREFIX.sub("", name.strip(), count=1)
    # The marks of a side may be capital; what they are told from, as "Leg" from "L", is the letter that follows.
    spelled = re.sub(r"^(Left|LEFT)", "left", re.sub(r"^(Right|RIGHT)", "right", bare))
    spelled = re.sub(r"^L(?=[A-Z_ .-])", "l", re.sub(r"^R(?=[A-Z_ .-])", "r", spelled))
    spelled = re.sub(r"([_ .-])(L|R)(?=$|[_ .-]\d)", lambda found: found[1] + found[2].lower(), spelled)
    for side, pattern in _SIDES:
        if pattern.search(spelled):
            return side, re.sub(r"[^a-z0-9]", "", pattern.sub("", spelled, count=1).lower())
    return "", re.sub(r"[^a-z0-9]", "", spelled.lower())


def joints_by_name(names: Sequence[str], parents: npt.NDArray[np.int32]) -> dict[str, int]:
    """Our joint -> number of theirs, for limbs, fingers, pelvis, chest ("spine3") and head as far as they are found."""
    known = _aliases()
    parts: dict[tuple[str, str], int] = {}
    for number, name in enumerate(names):
        if not name.endswith(" end"):
            parts.setdefault(side_and_part(name), number)
    found: dict[str, int] = {}
    for side in ("left", "right"):
        for joint in _LIMBS:
            # "foot" is the ankle where there is no ankle, "shoulder" the collar where there is an upper arm.
            for alias in known[joint]:
                theirs = parts.get((side, alias))
                if theirs is not None and theirs not in found.values():
                    found[f"{side}_{joint}"] = theirs
                    break
        for finger in _FINGERS:
            for phalanx in (1, 2, 3):
                spelled = [f"{alias}{zero}{phalanx}" for alias in known[finger] for zero in ("", "0")]
                for one in spelled:
                    if (side, one) in parts:
                        found.setdefault(f"{side}_{finger}{phalanx}", parts[side, one])
    return _trunk(found, parts, parents)


def _trunk(
    found: dict[str, int], parts: Mapping[tuple[str, str], int], parents: npt.NDArray[np.int32]
) -> dict[str, int]:
    arms = [found.get(f"{side}_collar", found.get(f"{side}_shoulder")) for side in ("left", "right")]
    hips = [found.get(f"{side}_hip") for side in ("left", "right")]
    if hips[0] is not None and hips[1] is not None:
        found["pelvis"] = _common(hips[0], hips[1], parents)
    if arms[0] is not None and arms[1] is not None:
        found["spine3"] = _common(arms[0], arms[1], parents)
        head = next((parts["", one] for one in _aliases()["head"] if ("", one) in parts), None)
        if head is None:
            head = _last_above(found["spine3"], [arms[0], arms[1]], parents)
        if head is not None:
            found["head"] = head
    return found


def chain(low: int, high: int, parents: npt.NDArray[np.int32]) -> list[int]:
    """Joints from below `low` down to `high`, both of one chain, `high` last; empty where they are not."""
    path = []
    number = high
    while number >= 0 and number != low:
        path.append(number)
        number = int(parents[number])
    return path[::-1] if number == low else []


def _common(first: int, second: int, parents: npt.NDArray[np.int32]) -> int:
    above = set()
    number = first
    while number >= 0:
        above.add(number)
        number = int(parents[number])
    number = int(parents[second])
    while number not in above or number == first:
        number = int(parents[number])
    return number


def _last_above(chest: int, arms: list[int], parents: npt.NDArray[np.int32]) -> int | None:
    """The last joint before the end of the chain that goes up from the chest between the arms, or None."""
    taken = {number for arm in arms for number in chain(chest, arm, parents)}
    number = next((int(n) for n in np.flatnonzero(parents == chest) if int(n) not in taken), None)
    while number is not None:
        below = np.flatnonzero(parents == number)
        if not len(below) or not (parents == below[0]).any():
            return number
        number = int(below[0])
    return None


@cache
def _aliases() -> dict[str, list[str]]:
    return tomllib.loads(FILE.read_text())
