"""The stages of an alignment: features of photographs, and cameras from features.

They live up here because finding the subject is capture's business and features are calibration's.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from scan3d.calibration.features import extract_features
from scan3d.calibration.sfm import SfmModel, map_features, match_features, read_model
from scan3d.capture.lenses import LensGroups
from scan3d.capture.take import Take
from scan3d.errors import CaptureError
from scan3d.pipeline.executor import run_units
from scan3d.pipeline.progress import Progress
from scan3d.pipeline.stage import Stage
from scan3d.pipeline.store import Store

FEATURES = Stage(name="features", version=1, tools=("opencv-contrib-python-headless", "numpy"))
MAPPING = Stage(name="mapping", version=1, tools=("pycolmap", "numpy"))


@dataclass(frozen=True, kw_only=True)
class FeatureOptions:
    """masks: None, True or False as in `align_take`. max_features: kept per photograph."""

    masks: bool | None
    linear: bool
    max_features: int = 5000


@dataclass(frozen=True, kw_only=True)
class MappingOptions:
    """How features become cameras. neighbours: pairs matched per photograph at first."""

    mapper: str
    groups: dict[str, str]
    focal_px: dict[str, float | None]
    neighbours: int = 12


# -- features ------------------------------------------------------------------------------------------------


def make_features(store: Store, take: Take, masks: bool | None, progress: Progress, workers: int) -> dict[str, Path]:
    """The file of `Features` of each photograph."""
    images = take.images()
    options = FeatureOptions(masks=masks, linear=take.settings.linear)
    inputs: dict[str, Path | bytes | str] = {f"image {c}": path for c, path in images.items()}
    if masks is not False:
        inputs |= {f"mask {c}": path for c, path in take.masks.items() if c in images}
        inputs |= {f"plate {c}": path for c, path in take.plates.items() if c in images}

    def work(out: Path) -> None:
        units = store.units(out)
        with progress.task("features", len(images)) as task:
            run_units(
                lambda c: units.run(f"{c}.npz", lambda path: _write_features(path, take, c, options)),
                sorted(images), workers=workers, progress_task=task,
            )  # fmt: skip
        for camera_id in images:
            units.keep(f"{camera_id}.npz", out / f"{camera_id}.npz")

    folder = store.run(FEATURES, inputs, options, work)
    return {camera_id: folder / f"{camera_id}.npz" for camera_id in sorted(images)}


def _write_features(path: Path, take: Take, camera_id: str, options: FeatureOptions) -> None:
    from scan3d.capture.images import load_rgb

    rgb = load_rgb(take.images()[camera_id], camera_id=camera_id, linear=options.linear)
    mask, how = (None, "none") if options.masks is False else find_subject(rgb, take, camera_id)
    if options.masks and mask is None:
        what = "The subject cannot be told from the background in this photograph."
        where = f"camera {camera_id}, {take.images()[camera_id]}"
        raise CaptureError(what, where, f"Put a mask into {take.root / 'masks'}, or align without --masks.")
    extract_features(rgb, mask, max_features=options.max_features, note=how).save(path)


def find_subject(rgb: np.ndarray, take: Take, camera_id: str) -> tuple[np.ndarray | None, str]:
    """Where the subject is, and how that is known; a rough answer is good enough to look for features."""
    from scan3d.capture.images import load_mask, load_rgb
    from scan3d.capture.masks import mask_from_backdrop, mask_from_darkness, mask_from_plate

    if camera_id in take.masks:
        return load_mask(take.masks[camera_id], camera_id=camera_id) >= 0.5, "given"
    if camera_id in take.plates:
        made = mask_from_plate(rgb, load_rgb(take.plates[camera_id], camera_id=camera_id))
        if made.reliable:
            return made.mask, made.method
    made = mask_from_backdrop(rgb)
    if made.reliable:
        return made.mask, made.method
    hint = mask_from_darkness(rgb)
    if hint is not None and 0.02 < hint.share < 0.8:
        return hint.mask, hint.method
    return None, "none"


# -- mapping -------------------------------------------------------------------------------------------------


def make_model(
    store: Store, features: Mapping[str, Path], lenses: LensGroups, mapper: str,
    progress: Progress, workers: int,
) -> Path:  # fmt: skip
    """The folder of a mapped model. What does not register at first is matched with everything, once more."""
    options = MappingOptions(mapper=mapper, groups=dict(lenses.group_of), focal_px=dict(lenses.focal_px))

    def attempt(matches: Path, out: Path) -> SfmModel:
        map_features(
            features, matches, out, groups=options.groups, focal_px=options.focal_px, mapper=mapper,
            workers=workers, progress=progress,
        )  # fmt: skip
        return read_model(out)

    def matched(name: str, out: Path, missing: list[str], known: Path | None) -> Path:
        return store.units(out).run(
            name,
            lambda path: match_features(
                features, path, neighbours=options.neighbours, every_pair_of=missing, known=known,
                workers=workers, progress=progress,
            ),
        )  # fmt: skip

    def work(out: Path) -> None:
        matches = matched("matches.npz", out, [], None)
        first = attempt(matches, out / "first")
        chosen, missing = "first", sorted(set(features) - set(first.rig.camera_ids))
        if missing:
            more = matched("all_matches.npz", out, missing, matches)
            if len(attempt(more, out / "second").rig) > len(first.rig):
                chosen = "second"
        for part in ("model.json", "points.npz"):
            (out / chosen / part).rename(out / part)
        for folder in ("first", "second"):
            shutil.rmtree(out / folder, ignore_errors=True)

    return store.run(MAPPING, dict(features), options, work)
