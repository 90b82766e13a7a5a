"""The stage that turns undistorted views into a surface: the order of the levels, and what each leaves on disk."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from scipy.spatial import cKDTree

from scan3d.geometry import Mesh
from scan3d.pipeline.device import CPU
from scan3d.pipeline.progress import Progress
from scan3d.pipeline.stage import Stage, insignificant
from scan3d.pipeline.store import Store
from scan3d.reconstruction import levels
from scan3d.reconstruction.hull import visual_hull
from scan3d.reconstruction.keeping import UnitKeeper
from scan3d.reconstruction.manifold import make_manifold
from scan3d.reconstruction.neighbours import count_views
from scan3d.reconstruction.silhouettes import missing_masks
from scan3d.reconstruction.surface import compact, decimate, keep_seen
from scan3d.reconstruction.views import View

_CONFIRMED = "confirmed.json"
_TOOLS = ("numpy", "scipy", "numba", "open3d-cpu", "libigl", "opencv-contrib-python-headless")
SHAPE = Stage(name="shape", version=3, tools=_TOOLS)
MASKS = Stage(name="masks", version=2, tools=_TOOLS)
SURFACE = Stage(name="surface", version=1, tools=(*_TOOLS, "fast-simplification"))


@dataclass(frozen=True, kw_only=True)
class ShapeOptions:
    """hull_resolution: voxels along its longest side.  again: sweep the coarsest level twice, from the hull and from
    what that gave (measured on a head: final median 0.049 instead of 0.053 mm).  finest_px: long side of the finest
    level that may still change the topology; 0 stops after the coarsest.  sources: photographs each one is compared
    with.  voxel_px: cell of the surface in pixels of its level.  device: of the sweeps, from `choose_device`;
    what a GPU finds differs by rounding only."""

    hull_resolution: int = 192
    again: bool = True
    finest_px: int = 1000
    sources: int = 6
    voxel_px: float = 1.5
    device: str = insignificant(default=CPU)


@dataclass(frozen=True, kw_only=True)
class SurfaceOptions:
    """rounds: how often full resolution is refined; 0 leaves the shape as it is.  faces: the budget.  certain_share:
    unseen patches smaller than this share of the subject's extent are closed, larger ones cut away.  device: as in
    ShapeOptions."""

    rounds: int = 1
    faces: int = 500_000
    certain_share: float = 0.04
    device: str = insignificant(default=CPU)


@dataclass(frozen=True, kw_only=True)
class FinalOptions:
    """What the final surface depends on: how the shape was made too, because it decides the levels left."""

    shape: ShapeOptions
    surface: SurfaceOptions


@dataclass(frozen=True, kw_only=True)
class MaskOptions:
    """Cameras whose photographs say nothing about where the subject is."""

    missing: tuple[str, ...]


def make_missing_masks(
    store: Store, views_folder: Path, views: Sequence[View], options: MaskOptions, *, progress: Progress,
    workers: int | None = None,
) -> Path:  # fmt: skip
    """Folder with `<camera>.png` for each camera in the options: a mask from the others or from a first surface."""
    import cv2

    def work(out: Path) -> None:
        lost = [view.camera.camera_id in options.missing for view in views]
        made = missing_masks(views, lost, workers=workers, progress=progress)
        for camera_id, mask in zip(options.missing, made, strict=True):
            cv2.imwrite(str(out / f"{camera_id}.png"), mask, [cv2.IMWRITE_PNG_COMPRESSION, 1])

    return store.run(MASKS, {"views": views_folder}, options, work)


def depth_scales(views: Sequence[View], options: ShapeOptions) -> list[float]:
    """Scales of the depth levels, coarse to fine: the coarsest, and what `finest_px` allows below full resolution."""
    every = levels.scales(views)
    longest = max(max(view.shape()) for view in views)
    return every[:1] + [s for s in every[1:] if s < 1 and s * longest <= options.finest_px]


def make_shape(
    store: Store, views_folder: Path, masks_folder: Path | None, views: Sequence[View], options: ShapeOptions, *,
    progress: Progress, workers: int | None = None,
) -> Path:  # fmt: skip
    """Folder with the closed surface of the depth levels; `read_mesh` reads it, `read_confirmed` what it rests on."""

    def work(out: Path) -> None:
        with progress.task("visual hull", 1) as task:
            mesh = visual_hull(views, resolution=options.hull_resolution, workers=workers).surface()
            task.advance()
        scales = depth_scales(views, options)
        passes = [(scales[0], levels.FROM_HULL)] + [(scales[0], levels.AGAIN)] * options.again
        for number, (scale, search) in enumerate(passes + [(s, levels.FINER) for s in scales[1:]]):
            keeper = UnitKeeper(store.units(out), f"depth{number}")
            swept = levels.depth_level(
                views, mesh, scale, replace(search, sources=options.sources, voxel=options.voxel_px),
                workers=workers, progress=progress,
                keeper=keeper, device=options.device,
            )  # fmt: skip
            mesh = swept.mesh
        _write_mesh(out, mesh)
        names = [view.camera.camera_id for view in views]
        (out / _CONFIRMED).write_text(json.dumps(dict(zip(names, swept.confirmed, strict=True)), indent=1))

    return store.run(SHAPE, _inputs(views_folder, masks_folder), options, work)


def make_surface(
    store: Store, views_folder: Path, masks_folder: Path | None, shape_folder: Path, views: Sequence[View],
    shape: ShapeOptions, options: SurfaceOptions, *, progress: Progress, workers: int | None = None,
) -> Path:  # fmt: skip
    """Folder with the final surface: refined, trimmed to what was seen, manifold, within its budget of faces.

    `read_mesh` reads it; its vertex values are "score", the correlation of the photographs there, and "views", how
    many of them see it.
    """

    def work(out: Path) -> None:
        mesh = read_mesh(shape_folder)
        coarse = depth_scales(views, shape)[-1]
        finer = [s for s in levels.scales(views) if s > coarse] or [1.0]
        refined = None
        for number, scale in enumerate((finer + finer[-1:] * (options.rounds - 1)) if options.rounds else []):
            mesh = levels.dense_enough(mesh, views, scale, most_faces=4 * options.faces)
            refined = levels.refine_level(
                views, mesh, scale, levels.FINE if number else levels.REFINE, workers=workers, progress=progress,
                keeper=UnitKeeper(store.units(out), f"refine{number}"), device=options.device,
            )  # fmt: skip
            mesh = refined.mesh
        with progress.task("surface", 1) as task:
            if refined is None:
                seen = count_views(views, mesh, scale=min(coarse, 0.25))
                values = {"score": np.ones(len(seen), np.float32), "views": seen.astype(np.float32)}
            else:
                values = {
                    "score": refined.score.astype(np.float32),
                    "views": refined.views.astype(np.float32),
                }
            _write_mesh(out, _finished(replace(mesh, vertex_values=values), len(views), options))
            task.advance()

    inputs = {**_inputs(views_folder, masks_folder), "shape": shape_folder}
    return store.run(SURFACE, inputs, FinalOptions(shape=shape, surface=options), work)


def _inputs(views_folder: Path, masks_folder: Path | None) -> dict[str, Path | bytes | str]:
    """What the views are made of: their folder, and that of masks made later where there is one."""
    inputs: dict[str, Path | bytes | str] = {"views": views_folder}
    return inputs | ({"masks": masks_folder} if masks_folder else {})


def _finished(mesh: Mesh, view_count: int, options: SurfaceOptions) -> Mesh:
    """The mesh trimmed to what was seen, decimated, manifold, with its vertex values carried over."""
    least = 3 if view_count >= 12 else 2
    certain_m = options.certain_share * float(np.ptp(mesh.vertices, axis=0).max())
    kept, _ = compact(mesh, keep_seen(mesh, mesh.vertex_values["views"] >= least, certain_m=certain_m))
    small = make_manifold(decimate(make_manifold(kept), options.faces))
    whole, _ = compact(small, keep_seen(small, np.ones(len(small.vertices), bool), certain_m=0.0))
    nearest = cKDTree(mesh.vertices).query(whole.vertices, workers=-1)[1]
    return replace(whole, vertex_values={name: v[nearest] for name, v in mesh.vertex_values.items()})


def read_confirmed(shape_folder: Path) -> dict[str, float]:
    """Per camera the share of its depths, at the finest depth level, that its neighbours confirm."""
    found: dict[str, float] = json.loads((shape_folder / _CONFIRMED).read_text())
    return found


def _write_mesh(out: Path, mesh: Mesh) -> None:
    np.save(out / "vertices.npy", mesh.vertices)
    np.save(out / "faces.npy", mesh.faces)
    for name, values in mesh.vertex_values.items():
        np.save(out / f"vertex_{name}.npy", values)


def read_mesh(folder: Path) -> Mesh:
    """The mesh that a stage of this module left in its folder."""
    values = {p.stem.removeprefix("vertex_"): np.load(p) for p in sorted(folder.glob("vertex_*.npy"))}
    return Mesh(vertices=np.load(folder / "vertices.npy"), faces=np.load(folder / "faces.npy"), vertex_values=values)
