"""Random cameras for round trips, and the sameness of two cameras whatever their lens is called."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from scan3d.geometry import Camera, Intrinsics, Rig, Rigid3

COUNTS = {"pinhole": 0, "opencv": 4, "full_opencv": 8, "fisheye": 4}
NAMES = st.from_regex(r"[A-Za-z][A-Za-z0-9_. -]{0,8}[A-Za-z0-9]", fullmatch=True)
_SMALL = st.floats(-0.3, 0.3)
_HALF_TURNS = [(0.0, 1.0, 0.0, 0.0), (0.0, 0.0, 1.0, 0.0), (0.0, 0.6, 0.8, 0.0), (1.0, 0.0, 0.0, 0.0)]


@st.composite
def intrinsics(draw: st.DrawFn, models: tuple[str, ...], rational: bool = True) -> Intrinsics:
    model = draw(st.sampled_from(models))
    width, height = draw(st.integers(1, 9000)), draw(st.integers(1, 9000))
    distortion = draw(st.lists(_SMALL, min_size=COUNTS[model], max_size=COUNTS[model]))
    if model == "full_opencv" and not rational:
        distortion[5:] = [0.0] * 3
    return Intrinsics(
        model=model,
        width=width,
        height=height,
        fx=draw(st.floats(10.0, 1e5)),
        fy=draw(st.floats(10.0, 1e5)),
        cx=draw(st.floats(-1e3, 1e4)),
        cy=draw(st.floats(-1e3, 1e4)),
        distortion=tuple(distortion),
    )


@st.composite
def poses(draw: st.DrawFn) -> Rigid3:
    any_turn = st.tuples(*[st.floats(-1.0, 1.0)] * 4).filter(lambda q: np.linalg.norm(q) > 1e-3)
    # Half turns are where rotation vectors are two and quaternions cancel.
    quaternion = draw(st.one_of(any_turn, st.sampled_from(_HALF_TURNS)))
    translation = draw(st.tuples(*[st.floats(-50.0, 50.0)] * 3))
    return Rigid3.from_quaternion(quaternion, translation)


@st.composite
def rigs(draw: st.DrawFn, models: tuple[str, ...], rational: bool = True) -> Rig:
    names = draw(st.lists(NAMES, min_size=1, max_size=4, unique_by=str.lower))
    lens = intrinsics(models, rational)
    cameras = [Camera(camera_id=name, intrinsics=draw(lens), cam_from_world=draw(poses())) for name in names]
    return Rig(cameras=tuple(cameras), scale_is_metric=draw(st.booleans()), source="drawn")


def padded(lens: Intrinsics) -> np.ndarray:
    """fx fy cx cy and eight coefficients, so that lenses whose last ones are zero compare as what they are."""
    return np.pad(lens.params(), (0, 12 - len(lens.params())))


def worst_difference(a: Rig, b: Rig) -> float:
    """The largest difference of any number, relative to the number where it is above one."""
    assert sorted(a.camera_ids) == sorted(b.camera_ids)
    worst = 0.0
    for camera in a:
        other = b[camera.camera_id]
        mine, theirs = camera.intrinsics, other.intrinsics
        assert (mine.width, mine.height) == (theirs.width, theirs.height)
        assert (mine.model == "fisheye") == (theirs.model == "fisheye")
        pairs = [
            (padded(mine), padded(theirs)),
            (camera.cam_from_world.matrix(), other.cam_from_world.matrix()),
            (camera.centre, other.centre),
        ]
        for x, y in pairs:
            worst = max(worst, float((np.abs(x - y) / np.maximum(1.0, np.abs(x))).max()))
    return worst
