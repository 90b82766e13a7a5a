"""The stages of the virtual studio: a subject with its maps, and what light each camera receives."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from scan3d.geometry import Camera, Mesh
from scan3d.geometry.imperfections import Imperfection
from scan3d.geometry.lights import LightSetup
from scan3d.geometry.materials import Material, Part
from scan3d.pipeline.executor import run_units
from scan3d.pipeline.progress import Progress, Task
from scan3d.pipeline.stage import Stage
from scan3d.pipeline.store import Store, Units
from scan3d.simulate.radiance import RadianceOptions
from scan3d.simulate.subject import Subject

if TYPE_CHECKING:
    from scan3d.simulate.bodies import Body

SUBJECT = Stage(name="subject", version=1, tools=("numpy", "scipy", "numba"))
RADIANCE = Stage(name="radiance", version=1, tools=("mitsuba", "open3d-cpu", "opencv-contrib-python-headless"))


@dataclass(frozen=True, kw_only=True)
class SubjectOptions:
    """seed: who it is. pose, garment, hair: as `make_body` knows them. tone: 0 very light to 1 very dark, None by the
    seed. texture_size: texels along a side of the skin's maps. scatter: light enters the skin, where the renderer can.
    """

    seed: int = 1
    pose: str = "a"
    garment: str = "fitted"
    hair: str = "auto"
    tone: float | None = None
    texture_size: int = 4096
    scatter: bool = False


def dressed_body(options: SubjectOptions) -> tuple[Body, Subject]:
    """Somebody made from a seed: the body as it was made, and its surfaces with their materials."""
    from scan3d.simulate.bodies import make_body
    from scan3d.simulate.skin import dress_up

    body = make_body(options.seed, pose=options.pose, garment=options.garment, hair=options.hair)
    parts, marks = dress_up(
        body.skin, body.rest, body.skin_regions, body.others, seed=options.seed, tone=options.tone,
        size=options.texture_size, scatter=options.scatter, stubble=_stubble(body.parameters),
    )  # fmt: skip
    name = f"subject {options.seed}"
    return body, Subject(name=name, parts=parts, imperfections=marks, parameters=body.parameters)


def make_subject(store: Store, options: SubjectOptions, *, progress: Progress) -> Path:
    """Folder with somebody made from a seed; `read_subject` reads it."""

    def work(out: Path) -> None:
        with progress.task("subject", 2) as task:
            subject = dressed_body(options)[1]
            task.advance()
            write_subject(out, subject)
            task.advance()

    return store.run(SUBJECT, {}, options, work)


def _stubble(parameters: Mapping[str, Any]) -> float:
    """How dense the beard stands: every man shaved at another hour."""
    if parameters["sex"] != "male":
        return 0.0
    return float(np.random.default_rng([int(parameters["seed"]), 5]).beta(1.2, 2.0))


def write_subject(out: Path, subject: Subject) -> None:
    """A folder per part with its arrays, and subject.json."""
    parts = []
    for number, part in enumerate(subject.parts):
        folder = out / f"part{number}"
        folder.mkdir(parents=True)
        material = part.material
        for name, array in _arrays(part).items():
            np.save(folder / f"{name}.npy", array)
        plain = ("kind", "specular", "second_roughness", "second_share", "scatter_m")
        parts.append({"name": part.name, **{key: getattr(material, key) for key in plain}})
    record = {
        "name": subject.name,
        "parts": parts,
        "imperfections": [asdict(mark) for mark in subject.imperfections],
        "parameters": dict(subject.parameters),
    }
    (out / "subject.json").write_text(json.dumps(record, indent=1))


def _arrays(part: Part) -> dict[str, np.ndarray]:
    material = part.material
    arrays = {
        "vertices": part.mesh.vertices,
        "faces": part.mesh.faces,
        "albedo": material.albedo.astype(np.float16),
        "roughness": material.roughness.astype(np.float16),
    }
    if part.mesh.uv is not None:
        arrays["uv"] = part.mesh.uv
    if material.normal is not None:
        arrays["normal"] = material.normal
    return arrays


def read_subject(folder: Path) -> Subject:
    """The subject that `write_subject` left in a folder."""
    record = json.loads((folder / "subject.json").read_text())
    parts = []
    for number, of in enumerate(record["parts"]):
        arrays = {path.stem: np.load(path) for path in sorted((folder / f"part{number}").glob("*.npy"))}
        mesh = Mesh(vertices=arrays["vertices"], faces=arrays["faces"], uv=arrays.get("uv"))
        material = Material(
            kind=of["kind"],
            albedo=arrays["albedo"].astype(np.float32),
            roughness=arrays["roughness"].astype(np.float32),
            specular=of["specular"],
            second_roughness=of["second_roughness"],
            second_share=of["second_share"],
            normal=arrays.get("normal"),
            scatter_m=tuple(of["scatter_m"]),
        )
        parts.append(Part(name=of["name"], mesh=mesh, material=material))
    marks = tuple(Imperfection(**{**mark, **_tuples(mark)}) for mark in record["imperfections"])
    return Subject(name=record["name"], parts=tuple(parts), imperfections=marks, parameters=record["parameters"])


def _tuples(mark: Mapping[str, Any]) -> dict[str, Any]:
    return {key: tuple(mark[key]) for key in ("position_m", "uv")}


def make_radiance(
    store: Store, subject_folder: Path, cameras: Sequence[Camera], held_out: Sequence[Camera],
    lights: Sequence[LightSetup], options: RadianceOptions, *, progress: Progress, workers: int | None = None,
) -> Path:  # fmt: skip
    """Folder with `<camera>.<light>.npy`, (H, W, 3) float16 linear radiance as each lens throws it on its sensor.

    held_out: cameras that take a photograph under the first light only. A setup's scene is built once; each view is
    kept as soon as it is finished.
    """
    from scan3d.simulate.studio import open_studio, photograph

    def work(out: Path) -> None:
        units = store.units(out)
        parts = read_subject(subject_folder).parts
        with progress.task("photographs", len(cameras) * len(lights) + len(held_out)) as task:
            for number, setup in enumerate(lights):
                wanted = [*cameras, *(held_out if number == 0 else ())]
                names = {camera.camera_id: f"{camera.camera_id}.{setup.name}.npy" for camera in wanted}
                missing = [camera for camera in wanted if not units.path(names[camera.camera_id]).exists()]
                task.advance(len(wanted) - len(missing))
                if missing:
                    studio = open_studio(parts, setup, quick=options.samples == 0, variant=options.variant)
                    look = functools.partial(photograph, studio, parts, options=options)
                    take = functools.partial(_take, units, names, task, look)
                    # A path tracer uses every core by itself; rays of the quick one do not.
                    run_units(take, missing, workers=workers if options.samples == 0 else 1)
                for name in names.values():
                    units.keep(name, out / name)

    return store.run(RADIANCE, {"subject": subject_folder}, options, work)


def _take(
    units: Units, names: Mapping[str, str], task: Task, photograph: Callable[[Camera], np.ndarray], camera: Camera
) -> None:
    def make(path: Path) -> None:
        with path.open("wb") as file:
            np.save(file, photograph(camera).astype(np.float16))

    units.run(names[camera.camera_id], make)
    task.advance()


def read_radiance(folder: Path, camera_id: str, light: str) -> np.ndarray:
    """(H, W, 3) float32 linear radiance of one camera under one light."""
    return np.asarray(np.load(folder / f"{camera_id}.{light}.npy"), np.float32)


def record_of_cameras(cameras: Sequence[Camera]) -> tuple[dict[str, Any], ...]:
    """JSON values that tell cameras apart, exactly."""
    return tuple(
        {
            "camera_id": camera.camera_id,
            "model": camera.intrinsics.model,
            "size": [camera.intrinsics.width, camera.intrinsics.height],
            "params": camera.intrinsics.params().tolist(),
            "cam_from_world": camera.cam_from_world.matrix().tolist(),
        }
        for camera in cameras
    )
