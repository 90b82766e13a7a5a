"""What a photograph of the virtual studio costs, beside Mitsuba rendering the same scene with nothing around it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from scan3d.capture.rig_file import read_rig_definition
from scan3d.simulate.lights import light_setups
from scan3d.simulate.optics import pinhole_plan
from scan3d.simulate.path_tracer import Studio, _sensor
from scan3d.simulate.radiance import RadianceOptions
from scan3d.simulate.stages import SubjectOptions, dressed_body
from scan3d.simulate.studio import bounds, open_studio, photograph
from scan3d.simulate.variant import choose_variant, load_mitsuba
from scan3d.workflows.simulate import OVERSAMPLE, PATHS
from tests.benchmarks.machine import circumstances, finished, middle_cpu_s

_CAMERAS, _RUNS = (0, 5, 11), 3
_SAMPLES, _OVERSAMPLE = PATHS["standard"], OVERSAMPLE["standard"]


def simulate() -> dict[str, Any]:
    """CPU seconds per million paths of whole photographs by `scan3d simulate`, of the quick renderer and of Mitsuba."""
    made = circumstances()
    definition = read_rig_definition("demo_16")
    parts = dressed_body(SubjectOptions(texture_size=2048))[1].parts
    setup = light_setups("studio", definition.subject_centre_m, definition.subject_radius_m)[0]
    rig = definition.rig()
    cameras = [rig.cameras[number] for number in _CAMERAS]
    options = RadianceOptions(
        samples=_SAMPLES, seed=1, oversample=_OVERSAMPLE, aperture_m=0.0, lights=(), cameras=()
    )  # fmt: skip
    brief = replace(options, samples=0, oversample=OVERSAMPLE["preview"])
    studio, quick = open_studio(parts, setup, quick=False), open_studio(parts, setup, quick=True)
    assert isinstance(studio, Studio) and studio._full is not None
    mi, scene = load_mitsuba(choose_variant()), studio._full._scene
    views = [view for camera in cameras for view in pinhole_plan(camera, bounds(parts), oversample=_OVERSAMPLE)]
    sensors = [mi.load_dict(_sensor(mi, view.camera, view.crop, 0.0, None)) for view in views]

    def bare() -> None:
        import numpy as np

        for sensor in sensors:
            np.array(mi.render(scene, sensor=sensor, spp=_SAMPLES, seed=1))

    ours = middle_cpu_s(lambda: [photograph(studio, parts, camera, options) for camera in cameras], _RUNS, warm=True)
    alone = middle_cpu_s(bare, _RUNS, warm=True)
    fast = middle_cpu_s(lambda: [photograph(quick, parts, camera, brief) for camera in cameras], _RUNS, warm=True)
    paths = sum(view.shape[0] * view.shape[1] for view in views) * _SAMPLES / 1e6
    return {
        "made": finished(made),
        "variant": choose_variant(),
        "million_paths": paths,
        "photographs": len(cameras),
        "paths_a_pixel": _SAMPLES,
        "cpu_s_per_million_paths": ours / paths,
        "bare_cpu_s_per_million_paths": alone / paths,
        "overhead": ours / alone - 1,
        "cpu_s_per_photograph": ours / len(cameras),
        "preview_cpu_s_per_photograph": fast / len(cameras),
        "preview_times_cheaper": ours / fast,
    }
