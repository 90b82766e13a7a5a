"""Masks for photographs whose backdrop tells nothing: from the other masks, or from a first coarse reconstruction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from scan3d.geometry import Mesh
from scan3d.geometry.rasterise import rasterise_depth
from scan3d.pipeline.progress import Progress
from scan3d.reconstruction import levels
from scan3d.reconstruction.hull import shared_space, visual_hull
from scan3d.reconstruction.neighbours import count_views
from scan3d.reconstruction.surface import compact, face_components
from scan3d.reconstruction.views import View

_ENOUGH_MASKS = 0.5  # of the views: then their hull says where the subject is in the others
_LONGEST_PX = 600  # of the silhouettes that are drawn
_LOOKS_AGAIN = 1
_WIDER = 0.015


def missing_masks(
    views: Sequence[View], missing: Sequence[bool], *, workers: int | None = None, progress: Progress
) -> list[np.ndarray]:
    """A mask (H, W) uint8, 0 or 255, for every view that `missing` marks, in their order.

    Where at least half of the views have masks their hull is drawn into the others.  Otherwise a first coarse surface
    is made of everything in the space the cameras share, and its silhouette is the mask: what stands in that space
    beside the subject becomes part of it.
    """
    known = [view for view, lost in zip(views, missing, strict=True) if not lost]
    if len(known) >= max(3, _ENOUGH_MASKS * len(views)):
        surface = visual_hull(known, workers=workers).surface()
    else:
        surface = first_surface(views, workers=workers, progress=progress)
        for _ in range(_LOOKS_AGAIN):
            surface = _look_again(views, missing, surface, workers=workers, progress=progress)
    return [silhouette(view, surface) for view, lost in zip(views, missing, strict=True) if lost]


def first_surface(views: Sequence[View], *, workers: int | None = None, progress: Progress) -> Mesh:
    """The largest surface in the space that the cameras share, with no mask to start from.

    One sweep through that whole space at an eighth of a megapixel or less, then what at least three views see.
    """
    space = visual_hull(views, resolution=64, workers=workers)
    start = space.surface()
    scale = 0.5 * levels.scales(views)[0]
    centre, _ = shared_space(views)
    depth = 1.2 * float(np.linalg.norm(np.ptp(start.vertices, axis=0)))
    pixel = levels.footprint_m(views, centre, scale)
    search = replace(levels.FROM_HULL, far=depth / pixel, agree=2.0, least_agreeing=2, least_score=0.4)
    found = levels.depth_level(views, start, scale, search, workers=workers, progress=progress)
    return _seen_part(views, found.mesh, scale)


def _look_again(
    views: Sequence[View], missing: Sequence[bool], surface: Mesh, *, workers: int | None, progress: Progress
) -> Mesh:
    """The surface again, from the silhouettes of the one before, widened: what was missed may grow back, and where
    only backdrop was matched there is nothing now."""
    masked = [
        _with_mask(view, silhouette(view, surface, wider=_WIDER) > 0) if lost else view
        for view, lost in zip(views, missing, strict=True)
    ]
    scale = levels.scales(views)[0]
    start = visual_hull(masked, resolution=128, workers=workers).surface()
    found = levels.depth_level(masked, start, scale, levels.FROM_HULL, workers=workers, progress=progress)
    return _seen_part(views, found.mesh, scale)


def _with_mask(view: View, mask: np.ndarray) -> View:
    return replace(view, load_mask=lambda: mask)


def _seen_part(views: Sequence[View], found: Mesh, scale: float) -> Mesh:
    """The largest piece of what at least three views see."""
    seen = count_views(views, found, scale=scale) >= 3
    keep = np.asarray(seen[found.faces].all(1))
    pieces = face_components(found.faces, keep, len(found.vertices))
    area = np.bincount(pieces[keep], weights=found.face_areas()[keep])
    kept, _ = compact(found, keep & (pieces == int(area.argmax())))
    return kept


def silhouette(view: View, surface: Mesh, *, wider: float = 0.0) -> np.ndarray:
    """Where the surface is seen in the view, (H, W) uint8 0 or 255, its small holes closed, a pixel wider and more:
    `wider` is a share of the picture's longer side."""
    import cv2

    height, width = view.shape()
    scale = min(1.0, _LONGEST_PX / max(height, width))
    shape = view.shape(scale)
    both = np.concatenate([surface.faces, surface.faces[:, ::-1]])  # cut surfaces are seen from behind too
    depth, _ = rasterise_depth(surface.vertices, both, view.matrix(scale), shape)
    inside = np.isfinite(depth).astype(np.uint8)
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (7, 7))
    inside = cv2.morphologyEx(inside, cv2.MORPH_CLOSE, disc)
    reach = 2 * round(wider * max(shape)) + 3
    inside = cv2.dilate(inside, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (reach, reach)))
    soft = cv2.resize(inside * np.float32(255), (width, height), interpolation=cv2.INTER_LINEAR)
    return (soft > 127).astype(np.uint8) * 255
