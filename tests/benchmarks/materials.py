"""Skin from several lights: a head of the virtual studio under a polarised flash sequence, its truth known.

24 cameras, eight lamps, crossed and parallel polarisers, path traced on the exact mesh; the ninth lamp and two cameras
are held out. Solved with shadows and without. SCAN3D_BENCH_PICTURES names a folder that keeps the traced pictures.
"""

from __future__ import annotations

import gc
import json
import os
import shutil
import tempfile
import time
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import drjit
import numpy as np
from scipy.spatial import KDTree

from scan3d.appearance.marks.find import tile_marks, without_doubles
from scan3d.appearance.materials.files import read_material, write_tile
from scan3d.appearance.materials.observations import LitView, lamps_of, sharpened
from scan3d.appearance.materials.relief import tangent_frames
from scan3d.appearance.materials.solve import SolveOptions, Solver, TileMaps
from scan3d.appearance.materials.surface import Surface, make_surface, points_of
from scan3d.capture.colour import linear_to_srgb
from scan3d.capture.rig_file import read_rig_definition
from scan3d.geometry import Camera, Mesh
from scan3d.geometry.imperfections import Imperfection
from scan3d.geometry.lights import LightSetup
from scan3d.geometry.materials import Part
from scan3d.geometry.rig_definition import RigDefinition, RingDefinition
from scan3d.report.score.colour import relative_power
from scan3d.report.score.difference import ciede2000, lab_of_srgb, structural_similarity
from scan3d.simulate.lights import light_setups
from scan3d.simulate.path_tracer import Scene
from scan3d.simulate.sensor import SensorModel, expose, meter
from scan3d.simulate.stages import SubjectOptions, dressed_body
from scan3d.simulate.subject import Subject
from scan3d.simulate.truth_maps import TruthCaster
from tests.benchmarks.machine import circumstances, finished

_SEED, _TONE = 3, 0.2
_CENTRE_M, _RADIUS_M, _BELOW_M = (0.0, -0.02, 1.42), 0.17, 1.22
_HELD_LAMP = "panel7"
_PATHS, _HELD_PATHS = 16, 256
_MAPS = 4096  # texels of a quarter of a millimetre, as the photographs' pixels
_SEEN = 0.3  # light that told of a texel
_PLACE_M, _SIZE_SHARE = 2e-3, 0.25


def appearance() -> dict[str, Any]:
    """Scores of the solve with shadows and without. SCAN3D_BENCH_SCALE shrinks the maps."""
    made = circumstances()
    size = round(_MAPS * float(os.environ.get("SCAN3D_BENCH_SCALE", "1")))
    with tempfile.TemporaryDirectory() as folder:
        kept = Path(os.environ.get("SCAN3D_BENCH_PICTURES", folder))
        scene = _Head.made(kept)
        result: dict[str, Any] = {"texture_size": size, "trial": size != _MAPS}
        for name, visible in (("shadows", True), ("no_shadows", False)):
            started = time.process_time()
            surface, maps, solver = scene.solved(size, visible)
            cpu_s = time.process_time() - started
            out = Path(folder) / name
            out.mkdir(exist_ok=True)
            result[name] = {
                "cpu_s": cpu_s,
                **scene.map_scores(surface, maps, solver),
                **scene.relit(out, surface, maps, solver),
            }
            if visible:
                result["marks"] = scene.mark_scores(surface, maps)
    return {"made": finished(made), **result}


@dataclass(frozen=True, kw_only=True, eq=False)
class _Head:
    """The subject, its rig, its lights by id, and where the traced pictures lie."""

    subject: Subject
    definition: RigDefinition
    setups: Mapping[str, LightSetup]
    folder: Path

    @staticmethod
    def made(folder: Path) -> _Head:
        folder.mkdir(parents=True, exist_ok=True)
        _, subject = dressed_body(SubjectOptions(seed=_SEED, tone=_TONE, texture_size=4096))
        setups = light_setups("flashes+polarised", _CENTRE_M, _RADIUS_M)
        own = {s.name: s for s in setups if not s.name.startswith("all")}
        head = _Head(subject=subject, definition=_definition(), setups=own, folder=folder)
        head.trace()
        return head

    def trace(self) -> None:
        """All pictures that are not there yet: one of everything, one without gloss, polarisers by their sums."""
        for name in sorted({setup.panels[0].name for setup in self.setups.values()}):
            cameras = self.definition.held_out().cameras if name == _HELD_LAMP else self.definition.rig().cameras
            missing = [c for c in cameras if not self._path(c.camera_id, f"{name}_parallel").exists()]
            if not missing:
                continue
            # Exposure follows from all pictures.
            shutil.rmtree(self.folder / "photographs", ignore_errors=True)
            setup = replace(self.setups[f"{name}_cross"], polarisation="none")
            full, matt = (Scene(self.subject.parts, setup, gloss=gloss) for gloss in (True, False))
            for camera in missing:
                seed = zlib.crc32((camera.camera_id + name).encode()) % 1_000_003
                paths = _HELD_PATHS if name == _HELD_LAMP else _PATHS
                a = full.render(camera, samples=paths, seed=seed)
                b = 0.5 * sum(matt.render(camera, samples=paths, seed=seed + k) for k in range(2))
                np.save(self._path(camera.camera_id, f"{name}_cross"), (0.5 * b).astype(np.float16))
                np.save(self._path(camera.camera_id, f"{name}_parallel"), (a - 0.5 * b).astype(np.float16))
            del full, matt  # before the next two: they hold gigabytes of maps
            gc.collect()
            drjit.flush_malloc_cache()

    def _path(self, camera_id: str, light: str) -> Path:
        return self.folder / f"{camera_id}.{light}.npy"

    def _radiance(self, camera_id: str, light: str) -> np.ndarray:
        return np.asarray(np.load(self._path(camera_id, light)), np.float32)

    @property
    def lit(self) -> dict[str, LightSetup]:
        return {name: setup for name, setup in self.setups.items() if setup.panels[0].name != _HELD_LAMP}

    def exposure(self) -> float:
        return meter(self._radiance(c.camera_id, n)[::4, ::4] for c in self.definition.rig().cameras for n in self.lit)

    def solved(self, size: int, visible: bool) -> tuple[Surface, TileMaps, Solver]:
        exposure = self.exposure()
        sensor = SensorModel(exposure=exposure)

        def view(camera: Camera) -> LitView:
            def developed(light: str) -> np.ndarray:
                path = self.folder / "photographs" / f"{camera.camera_id}.{light}.npy"
                if not path.exists():
                    path.parent.mkdir(exist_ok=True)
                    taken = expose(
                        self._radiance(camera.camera_id, light), sensor, intrinsics=camera.intrinsics, seed=_SEED,
                        camera_id=camera.camera_id, shot=light,
                    )  # fmt: skip
                    np.save(path, np.rint(taken * 65535).astype(np.uint16))
                return np.asarray(np.load(path))

            seen_by = camera.scaled(min(1.0, size / _MAPS))
            pixels = (seen_by.intrinsics.width, seen_by.intrinsics.height)

            def load(light: str) -> np.ndarray:
                linear = developed(light).astype(np.float32) / np.float32(65535 * exposure)
                return sharpened(cv2.resize(linear, pixels, interpolation=cv2.INTER_AREA))

            return LitView(camera=seen_by, load=load)

        whole, owner = _joined(self.subject.parts)
        keep = whole.corners()[..., 2].max(axis=1) > _BELOW_M
        used, number = np.unique(whole.faces[keep], return_inverse=True)
        assert whole.uv is not None and whole.normals is not None
        mesh = Mesh(
            vertices=whole.vertices[used], faces=number.reshape(-1, 3), uv=whole.uv[keep], normals=whole.normals[used]
        )
        skin = np.zeros(len(whole.vertices), bool)
        skin[whole.faces[owner == 0]] = True
        label = np.where(skin[used], 0, -1)
        surface = make_surface(mesh, owner[keep], size, label=label)
        cameras = self.definition.rig().cameras
        solver = Solver(
            surface, lamps_of(self.lit), [view(c) for c in cameras], options=SolveOptions(visible=visible),
            blockers=Mesh(vertices=whole.vertices, faces=whole.faces),
        )  # fmt: skip
        return surface, next(iter(solver.tiles())), solver

    def map_scores(self, surface: Surface, maps: TileMaps, solver: Solver) -> dict[str, float]:
        """Albedo (dB of sRGB), normals, gain and roughness on skin that was seen, against the truth's maps."""
        material, size = self.subject.parts[0].material, surface.texture_size
        assert material.normal is not None

        def true(picture: np.ndarray) -> np.ndarray:
            small = cv2.resize(picture, (size, size), interpolation=cv2.INTER_AREA)
            return np.asarray(small.reshape(size * size, -1)[maps.index])

        lean = true(material.normal.astype(np.float32) * np.float32(2 / 65535) - 1)
        along, across, up = tangent_frames(surface, maps.index, maps.face)
        normal = lean[:, :1] * along + lean[:, 1:2] * across + lean[:, 2:] * up
        normal /= np.linalg.norm(normal, axis=1, keepdims=True)
        seen = maps.trusted > _SEEN

        def over_four(values: np.ndarray) -> np.ndarray:
            """Unit vectors of squares of two by two texels that were seen."""
            picture, known = np.zeros((size * size, 3), np.float32), np.zeros(size * size, np.float32)
            picture[maps.index[seen]], known[maps.index[seen]] = values[seen], 1
            half = (size // 2, size // 2)
            mean = cv2.resize(picture.reshape(size, size, 3), half, interpolation=cv2.INTER_AREA)
            whole = cv2.resize(known.reshape(size, size), half, interpolation=cv2.INTER_AREA) > 0.999
            return np.asarray(mean[whole] / np.linalg.norm(mean[whole], axis=1, keepdims=True))

        def apart(a: np.ndarray, b: np.ndarray) -> float:
            return float(np.degrees(np.arccos(np.clip((a * b).sum(axis=1), -1, 1))).mean())

        error = linear_to_srgb(maps.albedo[seen]) - linear_to_srgb(true(material.albedo)[seen])
        rough = true(material.roughness)[:, 0]
        fit, patches = solver.common.fit, solver.common.patches
        assert fit is not None and patches is not None and isinstance(material.specular, float)
        patch = fit.specular[np.isfinite(fit.specular)] / material.specular - 1
        # A region's truth is the mean over the texels that it is the nearest one of.
        known = np.flatnonzero(np.isfinite(fit.roughness))
        own = points_of(surface, maps.index[seen], maps.face[seen]).position
        _, nearest = KDTree(patches.centre[known]).query(own)
        texels = np.bincount(nearest, minlength=len(known))
        mean = np.bincount(nearest, rough[seen], len(known))[texels > 0] / texels[texels > 0]
        return {
            "seen_share": float(seen.mean()),
            "albedo_db": float(-10 * np.log10((error**2).mean())),
            "normal_deg": apart(maps.normal[seen], normal[seen]),
            "mesh_normal_deg": apart(up[seen], normal[seen]),
            "normal_deg_over_four": apart(over_four(maps.normal), over_four(normal)),
            "mesh_normal_deg_over_four": apart(over_four(up), over_four(normal)),
            "specular_error": float(np.median(np.abs(patch))),
            "specular_texel_error": float(np.median(np.abs(maps.specular[seen] / material.specular - 1))),
            "roughness_error": float(np.median(np.abs(fit.roughness[known][texels > 0] / mean - 1))),
            "roughness_texel_error": float(np.median(np.abs(maps.roughness[seen] / rough[seen] - 1))),
            "second_roughness": fit.second_roughness,
            "second_share": fit.second_share,
        }

    def mark_scores(self, surface: Surface, maps: TileMaps) -> dict[str, float]:
        """Of the catalogue's marks on skin that was seen: found at the right place and size; and what was invented."""
        seen = maps.trusted > _SEEN
        found = without_doubles(tile_marks(surface, maps, seen))
        size = surface.texture_size
        known = np.zeros((size, size), bool)
        known.ravel()[maps.index[seen]] = True

        def visible(mark: Imperfection) -> bool:
            row, column = int((1 - mark.uv[1]) * size), int(mark.uv[0] * size)
            return bool(known[max(0, row - 2) : row + 3, max(0, column - 2) : column + 3].all())

        true = [m for m in self.subject.imperfections if m.position_m[2] > _BELOW_M and m.size_mm >= 1 and visible(m)]
        return score_marks(true, found, every=self.subject.imperfections)

    def relit(self, out: Path, surface: Surface, maps: TileMaps, solver: Solver) -> dict[str, float]:
        """The held-out lamp in the held-out cameras: the solved maps, path traced, against the photographs."""
        fit, exposure = solver.common.fit, self.exposure()
        assert fit is not None
        write_tile(out, surface, maps, gloss=True)
        gloss = {"second_roughness": fit.second_roughness, "second_share": fit.second_share}
        (out / "appearance.json").write_text(json.dumps({"tiles": [1001], "gloss": gloss}))
        (material,) = read_material(out)
        parts = [replace(self.subject.parts[0], material=material), *self.subject.parts[1:]]
        scene = Scene(parts, replace(self.setups[f"{_HELD_LAMP}_cross"], polarisation="none"))
        caster = TruthCaster(self.subject.parts)
        rows = []
        for camera in self.definition.held_out().cameras:
            true = sum(
                (self._radiance(camera.camera_id, f"{_HELD_LAMP}_{s}") for s in ("cross", "parallel")), np.zeros(())
            )
            shown = scene.render(camera, samples=_HELD_PATHS, seed=5)
            a, b = (linear_to_srgb(np.clip(p * exposure, 0, 1)) for p in (shown, true))
            skin = cv2.erode((caster.maps(camera).part == 0).astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
            rows.append(picture_scores(a, b, skin))
        return {key: float(np.nanmean([row[key] for row in rows])) for key in rows[0]}


def picture_scores(shown: np.ndarray, taken: np.ndarray, inside: np.ndarray) -> dict[str, float]:
    """Of two sRGB-encoded pictures (H, W, 3), where `inside` is True."""
    shown = np.where(inside[..., None], shown, taken)
    error = float(((shown - taken)[inside] ** 2).mean())
    return {
        "psnr_db": -10 * float(np.log10(error)),
        "ssim": float(structural_similarity(shown, taken)[inside].mean()),
        "ciede2000": float(ciede2000(lab_of_srgb(shown[inside]), lab_of_srgb(taken[inside])).mean()),
        "pore_power": relative_power(shown, taken, inside),
    }


def score_marks(
    true: Sequence[Imperfection], found: Sequence[Imperfection], *, every: Sequence[Imperfection]
) -> dict[str, float]:
    """Each mark of the truth and the nearest found one. What lies on no mark of the catalogue at all was invented:
    `every` has those too that too little was seen of to be asked for."""
    places = np.array([m.position_m for m in found]).reshape(-1, 3)
    right = placed = 0
    for mark in true:
        away = np.linalg.norm(places - mark.position_m, axis=1) if len(places) else np.array([np.inf])
        at = int(np.argmin(away))
        if away[at] <= _PLACE_M:
            placed += 1
            right += abs(found[at].size_mm / mark.size_mm - 1) <= _SIZE_SHARE
    middles = np.array([m.position_m for m in every]).reshape(-1, 3)
    reach = np.array([_PLACE_M + 0.5e-3 * m.size_mm for m in every])
    invented = sum(bool((np.linalg.norm(middles - place, axis=1) > reach).all()) for place in places)
    return {"marks": len(true), "found": len(found), "placed": placed, "right": right, "invented": invented}


def _definition() -> RigDefinition:
    base = read_rig_definition("head_32")
    lens = replace(
        base.lens, model="pinhole", width=1024, height=1280, focal_px=4100.0, distance_m=1.1, distortion=(),
        focal_spread=0.0, centre_spread_px=0.0, distortion_spread=0.0, pixel_um=10.0,
    )  # fmt: skip
    rings = tuple(
        RingDefinition(
            cameras=12, distance_m=1.1, aim_height_m=_CENTRE_M[2], elevation_rad=float(np.radians(up)),
            start_rad=float(np.radians(start)),
        )
        for up, start in ((-12.0, 0.0), (28.0, 15.0))
    )  # fmt: skip
    return replace(
        base,
        name="rig",
        subject_centre_m=_CENTRE_M,
        subject_radius_m=_RADIUS_M,
        held_out_count=2,
        lens=lens,
        rings=rings,
    )


def _joined(parts: Sequence[Part]) -> tuple[Mesh, np.ndarray]:
    """All parts as one mesh with uv and smooth normals, and the part of each face."""
    starts = np.cumsum([0, *(len(part.mesh.vertices) for part in parts[:-1])])
    mesh = Mesh(
        vertices=np.concatenate([part.mesh.vertices for part in parts]),
        faces=np.concatenate([part.mesh.faces + start for part, start in zip(parts, starts, strict=True)]),
        uv=np.concatenate([np.clip(np.asarray(part.mesh.uv), 0, 1) for part in parts]),
        normals=np.concatenate([part.mesh.vertex_normals() for part in parts]),
    )
    return mesh, np.repeat(np.arange(len(parts)), [len(part.mesh.faces) for part in parts])


_CLAIMS = (
    ("albedo_db", "diffuse albedo, PSNR, dB", 35.0, True, 1),
    ("normal_deg", "normals of texels of a quarter of a millimetre, mean, degrees", 3.0, False, 2),
    ("mesh_normal_deg", "the mesh's own normals", None, False, 2),
    ("normal_deg_over_four", "normals over half a millimetre, mean, degrees", 3.0, False, 2),
    ("mesh_normal_deg_over_four", "the mesh's own normals", None, False, 2),
    ("specular_error", "specular gain by region, median error", 0.1, False, 3),
    ("specular_texel_error", "specular gain by texel, median error", None, False, 3),
    ("roughness_error", "roughness by region, median error", 0.1, False, 3),
    ("roughness_texel_error", "roughness by texel, median error", None, False, 3),
    ("psnr_db", "held-out camera and lamp, PSNR, dB", 31.4, True, 2),
    ("ssim", "SSIM", 0.90, True, 3),
    ("ciede2000", "CIEDE2000, mean", 1.5, False, 2),
    ("pore_power", "power at 2 to 8 px, of the photographs'", 0.9, True, 2),
    ("cpu_s", "CPU of the whole solve with maps of 4096, s", None, False, 0),
)


def draw(result: Mapping[str, Any], made: str, table: Callable[[Sequence[Sequence[str]]], str]) -> str:
    """This benchmark's part of the page."""
    rows = [("", "reach", "with shadows", "without", "")]
    for key, words, reach, least, digits in _CLAIMS:
        value = result["shadows"][key]
        met = "" if reach is None else "met" if (value >= reach if least else value <= reach) else "**not met**"
        limit = "" if reach is None else f"{'>=' if least else '<='} {reach:g}"
        rows.append((words, limit, f"{value:.{digits}f}", f"{result['no_shadows'][key]:.{digits}f}", met))
    marks = result["marks"]
    return "\n".join(
        [
            "## Skin from several lights\n",
            made,
            "A simulated head, exact mesh, 24 cameras of 1024 x 1280 pixels (0.25 mm each), eight lamps, crossed and "
            "parallel polarisers, 32 paths a pixel of diffuse light, 16 of gloss, a sensor's noise, 2 % between "
            "exposures, lens shading. The ninth lamp and two cameras are held out. Maps of "
            f"{result['texture_size']} texels for the whole body.\n",
            table(rows),
            f"Marks of at least 1 mm: {marks['marks']} on skin that was seen, {marks['placed']} found within 2 mm, "
            f"{marks['right']} of them with their size within 25 %; {marks['invented']} of {marks['found']} found were "
            "invented. Reach: 95 %, and 1 in 100.\n",
        ]
    )  # fmt: skip
