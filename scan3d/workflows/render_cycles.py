"""Pictures by Cycles in a Blender of its own: light enters the skin and walks through it."""

from __future__ import annotations

import json
import resource
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

import scan3d.render
from scan3d.avatar.blender import Blender, find_blender
from scan3d.errors import Scan3dError
from scan3d.geometry import Camera
from scan3d.geometry.lights import LightSetup, Panel
from scan3d.geometry.materials import Material, Part
from scan3d.render.exr import read_exr, write_exr
from scan3d.render.frame import Frame
from scan3d.render.surface_rays import SurfaceRays
from scan3d.simulate.optics import PinholeView, pinhole_plan, resample

SCRIPT = Path(scan3d.render.__file__).parent / "in_blender" / "cycles_picture.py"
# Mean free paths of light in Caucasian skin, as Jensen et al. 2001 measured them ("Skin2": 1.09, 0.91 and 0.36 mm over
# absorption, and 3.67, 1.37, 0.68 mm of diffusion): the diffusion's are what Cycles calls a radius.
_SCATTER_M = (3.67e-3, 1.37e-3, 0.68e-3)
DENOISED = "Cycles' previews are denoised: for looking at, not for measuring."
UNPOLARISED = "Cycles knows no polarisers: it shows the light without them."


class Cycles:
    """Parts under one light. denoise: for quick looks; nothing denoised is ever compared."""

    def __init__(self, parts: Sequence[Part], lights: LightSetup, *, passes: bool, denoise: bool) -> None:
        self._blender: Blender = find_blender()
        self._parts, self._lights, self._denoise = tuple(parts), lights, denoise
        self._rays = SurfaceRays(parts) if passes else None
        points = np.concatenate([part.mesh.vertices for part in parts])
        self._box = np.stack([points.min(axis=0), points.max(axis=0)])
        notes = [DENOISED] if denoise else []
        self.notes = (*notes, *([UNPOLARISED] if lights.polarisation != "none" else []))

    def render(self, camera: Camera, *, samples: int, seed: int = 0) -> Frame:
        """samples: paths a pixel."""
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        i = camera.intrinsics
        with tempfile.TemporaryDirectory(prefix="scan3d-cycles-") as name:
            folder = Path(name)
            for number, part in enumerate(self._parts):
                _write_part(folder, number, part)
            if self._lights.surroundings is not None:
                radiance = self._lights.surroundings.radiance
                # Blender's panorama starts at -X where ours starts at +Y.
                write_exr(folder / "surroundings.exr", {"": np.roll(radiance, radiance.shape[1] // 4, axis=1)})
            if i.model == "pinhole" and abs(i.fx / i.fy - 1) < 1e-9:
                whole = PinholeView(camera=camera, crop=(0, 0, i.width, i.height))
                made = self._view(folder, whole, samples, seed)
            else:
                plan = pinhole_plan(camera, self._box)
                views = [self._view(folder, view, samples, seed) for view in plan]
                light = resample(camera, plan, [view[..., :3] for view in views])
                cover = resample(camera, plan, [np.repeat(view[..., 3:], 3, axis=-1) for view in views])
                made = np.concatenate([light, cover[..., :1]], axis=-1)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        frame = Frame(beauty=made[..., :3], alpha=np.clip(made[..., 3], 0, 1), cpu_s=spent)
        if self._rays is None:
            return frame
        depth, normal, part_id = self._rays.passes(camera)
        return replace(frame, depth_m=depth, normal=normal, part=part_id)

    def _view(self, folder: Path, view: PinholeView, samples: int, seed: int) -> np.ndarray:
        """(h, w, 4) of the view's crop."""
        scene: dict[str, Any] = {
            "samples": samples,
            "seed": seed,
            "denoise": self._denoise,
            "surroundings": self._lights.surroundings is not None,
            "camera": _camera(view),
            "panels": [_panel(panel) for panel in self._lights.panels],
            "parts": [_about(part) for part in self._parts],
        }
        (folder / "scene.json").write_text(json.dumps(scene))
        picture = folder / "picture.exr"
        picture.unlink(missing_ok=True)
        self._blender.run(SCRIPT, str(folder))
        if not picture.is_file():
            raise Scan3dError("Blender made no picture.", str(self._blender.path), "Use --engine mitsuba.")
        channels = read_exr(picture)
        return np.stack([channels[name] for name in "RGBA"], axis=-1)


def _about(part: Part) -> dict[str, Any]:
    material = part.material
    scatter = material.scatter_m if any(material.scatter_m) else _SCATTER_M
    return {
        "name": part.name,
        "normal": material.normal is not None,
        "second_share": material.second_share,
        "second_roughness": material.second_roughness,
        "scatter_m": list(scatter) if material.kind == "skin" else [],
    }


def _write_part(folder: Path, number: int, part: Part) -> None:
    mesh, material = part.mesh, part.material
    uv = np.zeros((len(mesh.faces), 3, 2)) if mesh.uv is None else mesh.uv
    normals = mesh.vertex_normals() if mesh.normals is None else mesh.normals
    np.savez(folder / f"part{number}.npz", vertices=mesh.vertices, faces=mesh.faces, uv=uv, normals=normals)
    for name, picture in _maps(material).items():
        write_exr(folder / f"{name}{number}.exr", {"": picture}, half=True)


def _maps(material: Material) -> dict[str, np.ndarray]:
    """What Blender's surface takes: its level of gloss is 1 where the reflectance straight on is 0.08."""
    specular = np.atleast_2d(np.asarray(material.specular, np.float32))
    grey = {"roughness": material.roughness, "level": specular / 0.08}
    maps = {"albedo": material.albedo} | {name: np.repeat(m[..., None], 3, axis=-1) for name, m in grey.items()}
    if material.normal is not None:
        maps["normal"] = material.normal.astype(np.float32) / 65535
    return maps


def _camera(view: PinholeView) -> dict[str, Any]:
    i = view.camera.intrinsics
    x0, y0, x1, y1 = view.crop
    # Blender's cameras look along -z with y up.
    world = view.camera.cam_from_world.inverse().matrix() @ np.diag([1.0, -1, -1, 1])
    return {
        "size_px": [x1 - x0, y1 - y0],
        "focal_px": i.fx,
        "centre_px": [i.cx - x0, i.cy - y0],
        "world_from_camera": world.tolist(),
    }


def _panel(panel: Panel) -> dict[str, Any]:
    corners = panel.corners_m()
    right, up = corners[1] - corners[0], corners[3] - corners[0]
    matrix = np.eye(4)
    # Blender's lamps shine along -z; right and up keep their lengths in the lamp's own size.
    matrix[:3, 0], matrix[:3, 1] = right / np.linalg.norm(right), up / np.linalg.norm(up)
    matrix[:3, 2] = np.cross(matrix[:3, 0], matrix[:3, 1])
    ahead = np.asarray(panel.target_m) - np.asarray(panel.centre_m)
    if matrix[:3, 2] @ ahead > 0:
        matrix[:3, 0] *= -1
        matrix[:3, 2] *= -1
    matrix[:3, 3] = corners.mean(axis=0)
    return {
        "name": panel.name,
        "size_m": list(panel.size_m),
        "radiance": list(panel.radiance),
        "round": panel.round,
        "world_from_lamp": matrix.tolist(),
    }
