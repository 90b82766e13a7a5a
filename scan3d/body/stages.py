"""The stages that give a fitted body the scan's surface and its maps."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from scan3d.body.bake import BakeOptions, ScanTexture, bake_maps, bake_target
from scan3d.body.bake.files import write_maps
from scan3d.body.detail import register_detail
from scan3d.body.detail.file import read_detail, write_detail
from scan3d.body.model import BodyModel, BodyParameters
from scan3d.geometry import Mesh
from scan3d.pipeline.progress import Progress
from scan3d.pipeline.stage import Stage
from scan3d.pipeline.store import Store

_TOOLS = ("numpy", "scipy", "numba", "open3d-cpu")
DETAIL = Stage(name="body-detail", version=2, tools=_TOOLS)
MAPS = Stage(name="body-maps", version=1, tools=(*_TOOLS, "opencv-contrib-python-headless"))
DETAIL_FILE = "detail.npz"


@dataclass(frozen=True, kw_only=True)
class DetailOptions:
    """level: how often the body's mesh is split, each time into four times as many faces."""

    level: int = 2


def make_detail(
    store: Store, inputs: Mapping[str, Path | bytes | str], scan: Mesh, model: BodyModel, parameters: BodyParameters,
    options: DetailOptions, *, progress: Progress,
) -> Path:  # fmt: skip
    """Folder with detail.npz: the scan's surface as offsets of the body.

    inputs: the files that scan, model and parameters come from. Raises InputError as register_detail does.
    """

    def work(out: Path) -> None:
        detail = register_detail(scan, model, parameters, level=options.level, progress=progress)
        write_detail(detail, out / DETAIL_FILE)

    return store.run(DETAIL, dict(inputs), options, work)


def make_maps(
    store: Store, inputs: Mapping[str, Path | bytes | str], detail_folder: Path, scan: Mesh,
    texture: Callable[[], ScanTexture | None], model: BodyModel, parameters: BodyParameters, options: BakeOptions, *,
    progress: Progress, workers: int | None = None,
) -> Path:  # fmt: skip
    """Folder with albedo.png, normal.png, displacement.png, coverage.png and maps.json.

    inputs: the files that scan, texture, model and parameters come from. texture: reads the scan's atlas, which takes
    seconds, only where the maps have to be made. detail_folder: of make_detail. Raises
    InputError as bake_target and bake_maps do.
    """

    def work(out: Path) -> None:
        target = bake_target(model, parameters, read_detail(detail_folder / DETAIL_FILE))
        maps = bake_maps(target, scan, texture(), options=options, progress=progress, workers=workers)
        write_maps(maps, out)

    return store.run(MAPS, {**inputs, "detail": detail_folder}, options, work)
