"""The stages that give a fitted body the scan's surface and its maps."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from scan3d.body.bake import BakeOptions, ScanTexture, bake_maps, bake_target
from scan3d.body.bake.files import write_maps
from scan3d.body.bake.marks import carried_marks
from scan3d.body.detail import register_detail
from scan3d.body.detail.file import read_detail, write_detail
from scan3d.body.detail.fine_mesh import fine_mesh
from scan3d.body.detail.posing import placed
from scan3d.body.model import BodyModel, BodyParameters
from scan3d.geometry import Mesh
from scan3d.geometry.imperfections import Imperfection
from scan3d.pipeline.progress import Progress
from scan3d.pipeline.stage import Stage
from scan3d.pipeline.store import Store

_TOOLS = ("numpy", "scipy", "numba", "open3d-cpu")
DETAIL = Stage(name="body-detail", version=2, tools=_TOOLS)
MAPS = Stage(name="body-maps", version=2, tools=(*_TOOLS, "opencv-contrib-python-headless"))
DETAIL_FILE = "detail.npz"
MARKS_FILE = "imperfections.json"


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


@dataclass(frozen=True, kw_only=True, eq=False)
class ScanSkin:
    """What a scan shows of its skin: texture, of its atlas (None: nothing), marks on it, and JSON values that say where
    they come from."""

    texture: ScanTexture | None
    marks: Sequence[Imperfection] = ()
    origin: Mapping[str, Any]


def make_maps(
    store: Store, inputs: Mapping[str, Path | bytes | str], detail_file: Path, scan: Mesh,
    skin: Callable[[], ScanSkin], model: BodyModel, parameters: BodyParameters, options: BakeOptions, *,
    progress: Progress, workers: int | None = None,
) -> Path:  # fmt: skip
    """Folder with albedo.png, normal.png, displacement.png, coverage.png, imperfections.json and maps.json; of solved
    skin with specular.png and roughness.png, too.

    inputs: the files that scan, skin, model and parameters come from. skin: reads the scan's atlas, which takes
    seconds, only where the maps have to be made. detail_file: of make_detail. Raises
    InputError as bake_target and bake_maps do.
    """

    def work(out: Path) -> None:
        shown, detail = skin(), read_detail(detail_file)
        target = bake_target(model, parameters, detail)
        maps = bake_maps(target, scan, shown.texture, options=options, progress=progress, workers=workers)
        write_maps(maps, out, about={"origin": dict(shown.origin), "options": asdict(options)})
        rest = placed(model, parameters, fine_mesh(model, detail.level)).linear + detail.offsets
        marks = carried_marks(target, rest, shown.marks)
        (out / MARKS_FILE).write_text(json.dumps(marks, indent=1) + "\n")

    return store.run(MAPS, {**inputs, "detail": detail_file}, options, work)
