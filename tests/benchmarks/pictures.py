"""What final and quick pictures cost beside bare Mitsuba on the same scene, how alike they are, and white furnaces."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from scan3d.geometry import Mesh
from scan3d.geometry.materials import Material, Part
from scan3d.render.flip import flip
from scan3d.render.frames import framed
from scan3d.render.lamps import light_of
from scan3d.render.looks import read_look
from scan3d.render.preview import Preview
from scan3d.render.tracing import Tracer
from scan3d.render.views import seen
from scan3d.simulate.lights import even
from scan3d.simulate.path_tracer import Scene, _sensor
from scan3d.simulate.stages import SubjectOptions, dressed_body
from scan3d.simulate.variant import choose_variant, load_mitsuba
from tests.benchmarks.machine import circumstances, finished, middle_cpu_s

_SAMPLES, _SIZE, _RUNS = 64, (600, 750), 3
_LOOKS = {"face": "loop", "full": "three_point"}
MOST_FLIP, MOST_OFF = 0.10, 0.005
_FRONT = np.array([0.0, -1.0, 0.0])


def render() -> dict[str, Any]:
    """CPU of final and quick pictures of a dressed person, and of Mitsuba alone with its principled surface."""
    made = circumstances()
    parts = dressed_body(SubjectOptions(texture_size=2048))[1].parts
    points = np.concatenate([part.mesh.vertices for part in parts])
    top = points[points[:, 2].argmax()]
    landmarks = {"top": top, "head": top - [0, 0, 0.2]}
    pictures = {crop: _picture(parts, points, landmarks, crop, name) for crop, name in _LOOKS.items()}
    return {
        "made": finished(made), "variant": choose_variant(), "samples": _SAMPLES, "size_px": list(_SIZE),
        "pictures": pictures, "furnaces": _furnaces(),
    }  # fmt: skip


def _picture(parts: Sequence[Part], points: np.ndarray, landmarks: Mapping[str, Any], crop: str, name: str) -> Any:
    look = read_look(name)
    camera = framed(replace(look.camera, crop=crop, size_px=_SIZE), points, landmarks, _FRONT)
    light = light_of(look, landmarks["head"] + [0, -0.1, 0.07], _FRONT)
    mi, variant = load_mitsuba(choose_variant()), choose_variant()
    tracer, quick, bare = Tracer(parts, light), Preview(parts, light), Scene(parts, light, variant=variant)
    sensor = mi.load_dict(_sensor(mi, camera, None, 0.0, None))
    final = tracer.render(camera, samples=_SAMPLES)
    preview = quick.render(camera)
    error = flip(seen(final.beauty, "standard"), seen(preview.beauty, "standard"))
    inside = final.alpha > 0.5
    ours = middle_cpu_s(lambda: tracer.render(camera, samples=_SAMPLES), _RUNS)
    alone = middle_cpu_s(lambda: np.array(mi.render(bare._scene, sensor=sensor, spp=_SAMPLES)), _RUNS)
    return {
        "look": name, "final_cpu_s": ours, "bare_cpu_s": alone, "ratio": ours / alone,
        "preview_cpu_s": middle_cpu_s(lambda: quick.render(camera), _RUNS),
        "flip": float(error.mean()), "flip_inside": float(error[inside].mean()),
    }  # fmt: skip


def _furnaces() -> dict[str, float]:
    """How far from 1 a ball in light of 1 is, in the mean over it, of our surface and of Mitsuba's principled one."""
    kinds = {
        "diffuse": (1.0, 0.0, 0.5, 0.0), "rough lobe": (0.0, 1.0, 0.6, 0.0), "sharp lobe": (0.0, 1.0, 0.3, 0.0),
        "both lobes": (0.0, 1.0, 0.6, 0.3), "skin": (1.0, 0.028, 0.5, 0.2),
    }  # fmt: skip
    from scan3d.geometry.lights import LightSetup

    light = LightSetup(name="even", surroundings=even())
    found = {}
    for name, (albedo, specular, roughness, share) in kinds.items():
        part = Part(name="ball", mesh=_ball(), material=_white(albedo, specular, roughness, share))
        camera = framed(
            replace(read_look("loop").camera, crop="full", size_px=(64, 64)), part.mesh.vertices, {}, _FRONT
        )
        frame = Tracer([part], light).render(camera, samples=1024)
        found[name] = float(abs(frame.beauty[frame.alpha > 0.999].mean() - 1))
        if name == "skin":
            plain = Scene([part], light).render(camera, samples=1024)
            found["Mitsuba's principled surface as skin"] = float(abs(plain[frame.alpha > 0.999].mean() - 1))
    return found


def _white(albedo: float, specular: float, roughness: float, share: float) -> Material:
    return Material(
        kind="skin", albedo=np.full((1, 1, 3), albedo, np.float32), roughness=np.full((1, 1), roughness, np.float32),
        specular=specular, second_share=share, second_roughness=0.3,
    )  # fmt: skip


def _ball() -> Mesh:
    import trimesh

    made = trimesh.creation.icosphere(subdivisions=5, radius=1.0)
    return Mesh(vertices=np.asarray(made.vertices), faces=np.asarray(made.faces, np.int32))


def draw(result: Mapping[str, Any], made: str, table: Callable[[Any], str]) -> str:
    """The section of the page."""
    rows = [("", "final, CPU s", "bare Mitsuba, CPU s", "ratio", "preview, CPU s", "FLIP", "FLIP in the subject")]
    for crop, one in result["pictures"].items():
        numbers = (one["final_cpu_s"], one["bare_cpu_s"], one["ratio"], one["preview_cpu_s"])
        likeness = (f"{one['flip']:.3f}", f"{one['flip_inside']:.3f}")
        rows.append((f"{crop}, {one['look']}", *(f"{n:.2f}" for n in numbers), *likeness))
    furnaces = [("White furnace", "off by")]
    furnaces += [(name, f"{100 * off:.2f} %") for name, off in result["furnaces"].items()]
    worst_flip = max(one["flip_inside"] for one in result["pictures"].values())
    worst = max(off for name, off in result["furnaces"].items() if not name.startswith("Mitsuba"))
    white = "met" if worst <= MOST_OFF else "**not met**"
    width, height = result["size_px"]
    return "\n".join(
        [
            "## Pictures\n",
            made,
            f"A dressed virtual person, {width} x {height}, {result['samples']} paths a pixel, Mitsuba's "
            f"{result['variant']}. Bare Mitsuba renders the same scene with its own principled surface.\n",
            table(rows),
            f"Preview against final: mean FLIP in the subject {worst_flip:.3f}; reach: <= {MOST_FLIP:.2f}: "
            f"{'met' if worst_flip <= MOST_FLIP else '**not met**'}.\n",
            table(furnaces),
            f"Reach: each lobe and their mix within {100 * MOST_OFF:.1f} %: {white}.\n",
        ]
    )
