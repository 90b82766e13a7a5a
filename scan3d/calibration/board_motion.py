"""Bodies that move while cameras are not quite in step: where one was when a camera took it a little late.

Between frames a body's pose is the quadratic through it and its neighbours, in the tangent of its own pose. What
makes that necessary: a board carried at 0.3 m/s moves 10 mm in a fifth of a frame at 6 frames per second. Cameras
without a common clock are late by a time of their own, and each of their frames by a little more or less.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from scan3d.calibration.board_poses import compose, inverted, logs, small_poses

# Frames: what cameras that run freely were found to scatter by (USB cameras at 6 frames per second: 0.1).
JITTER_WEIGHT = 0.1**-2.0


@dataclass(frozen=True, kw_only=True, eq=False)
class Motion:
    """times: (C,) frames that each camera is late by; jitter: (V,) that each view is late by beyond that. first,
    second: (B, 6) velocity and half the acceleration of every body, per frame and frame^2, in its own frame, zero where
    its neighbours were not seen. previous, following: (B,) numbers of the bodies one frame before and after, -1 where
    there is none."""

    times: np.ndarray
    jitter: np.ndarray
    first: np.ndarray
    second: np.ndarray
    previous: np.ndarray
    following: np.ndarray

    @staticmethod
    def between(previous: np.ndarray, following: np.ndarray, *, cameras: int, views: int) -> Motion:
        """Of bodies that stand still so far; see refreshed()."""
        still = np.zeros((len(previous), 6))
        return Motion(
            times=np.zeros(cameras),
            jitter=np.zeros(views),
            first=still,
            second=still,
            previous=previous,
            following=following,
        )

    def refreshed(self, world_from_body: np.ndarray) -> Motion:
        """The motion that poses (B, 3, 4) say."""
        back = inverted(world_from_body)
        has_before, has_after = self.previous >= 0, self.following >= 0
        before = logs(compose(back, world_from_body[self.previous])) * has_before[:, None]
        after = logs(compose(back, world_from_body[self.following])) * has_after[:, None]
        both = (has_before & has_after)[:, None]
        first = np.where(both, 0.5 * (after - before), after - before)
        return replace(self, first=first, second=np.where(both, 0.5 * (after + before), 0.0))

    def bodies_of_views(self, indices: np.ndarray, world_from_body: np.ndarray) -> np.ndarray:
        """(V, 3, 4) where the body of each view was when its camera took it. indices: (V, 3) camera, body, board."""
        time = (self.times[indices[:, 0]] + self.jitter)[:, None]
        moved = time * self.first[indices[:, 1]] + time**2 * self.second[indices[:, 1]]
        return compose(world_from_body[indices[:, 1]], small_poses(moved))

    def cost(self) -> float:
        """Half the weighted squares of the jitter."""
        return 0.5 * JITTER_WEIGHT * float((self.jitter**2).sum())

    def velocities(self, indices: np.ndarray) -> np.ndarray:
        """(V, 6) of each view's body at that moment, per frame."""
        time = (self.times[indices[:, 0]] + self.jitter)[:, None]
        return np.asarray(self.first[indices[:, 1]] + 2 * time * self.second[indices[:, 1]])
