"""Path-traced pictures of a subject under known light: Mitsuba 3, one scene for all cameras.

Maps are handed over in memory, textures and acceleration structure are built once per light setup, and what differs
between cameras is a sensor. Radiance is linear Rec.709, unclipped.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from scan3d.errors import InputError
from scan3d.geometry import Camera, Mesh
from scan3d.geometry.lights import LightSetup, Panel, Surroundings
from scan3d.geometry.materials import Material, Part
from scan3d.simulate.variant import choose_variant, load_mitsuba

_DEPTH = 5  # bounces that matter for skin of albedo 0.3 to 0.7: the sixth adds less than 0.2 %
Crop = tuple[int, int, int, int]


class Scene:
    """Parts under one light setup, ready to be looked at.

    gloss: False leaves out all specular reflection, for what crossed polarisers let through. surface: (mitsuba,
    material, gloss) -> a surface of Mitsuba, None for the studio's own.
    """

    def __init__(
        self, parts: Sequence[Part], lights: LightSetup, *, variant: str = "auto", gloss: bool = True,
        surface: Callable[[Any, Material, bool], Any] | None = None,
    ) -> None:  # fmt: skip
        if not parts and not lights.panels:
            raise InputError("There is nothing to render.", "simulate", "Give at least one part.")
        self._mi = load_mitsuba(choose_variant(variant))
        scene: dict[str, Any] = {
            "type": "scene",
            "integrator": {"type": "path", "max_depth": _DEPTH + 1, "hide_emitters": True},
        }
        for number, part in enumerate(parts):
            bsdf = self._mi.load_dict((surface or _bsdf)(self._mi, part.material, gloss))
            scene[f"part{number}"] = _mesh(self._mi, part.name, part.mesh, bsdf)
        for number, panel in enumerate(lights.panels):
            # Loaded here: what a scene's record names is made side by side, lamps in another order every time, and
            # with them the noise.
            scene[f"panel{number}"] = self._mi.load_dict(_panel(self._mi, panel))
        if lights.surroundings is not None:
            scene["surroundings"] = _surroundings(self._mi, lights.surroundings)
        self._scene = self._mi.load_dict(scene)

    def render(
        self, camera: Camera, *, samples: int, seed: int = 0, crop: Crop | None = None, aperture_m: float = 0.0,
        focus_m: float | None = None, alpha: bool = False,
    ) -> np.ndarray:  # fmt: skip
        """Radiance (H, W, 3) float32 of a pinhole camera, or of its crop (x0, y0, x1, y1) in pixels; with alpha a
        fourth channel, how much of each pixel the parts cover.

        samples: paths per pixel. aperture_m: diameter of the lens' opening, 0 for everything sharp; focus_m: distance
        of the plane that is sharp. The same seed gives the same picture: to the byte where samples is a power of four,
        else to rounding, as the blocks that threads work on then cut pixels in two.
        """
        record = _sensor(self._mi, camera, crop, aperture_m, focus_m)
        record["film"]["pixel_format"] = "rgba" if alpha else "rgb"
        sensor = self._mi.load_dict(record)
        picture = self._mi.render(self._scene, sensor=sensor, spp=samples, seed=seed)
        return np.array(picture, dtype=np.float32)[..., : 4 if alpha else 3]


def render(
    parts: Sequence[Part], lights: LightSetup, camera: Camera, *, samples: int, seed: int = 0, crop: Crop | None = None,
    aperture_m: float = 0.0, focus_m: float | None = None, variant: str = "auto",
) -> np.ndarray:  # fmt: skip
    """One picture, with polarisers if the lights have them; see `Scene.render`. Many pictures: `Studio`."""
    studio = Studio(parts, lights, variant=variant)
    return studio.render(camera, samples=samples, seed=seed, crop=crop, aperture_m=aperture_m, focus_m=focus_m)


class Studio:
    """A subject under one light setup, seen through polarisers if the setup has them.

    What scatters below the surface has lost its polarisation: half of it passes a crossed polariser, and none of the
    gloss. Parallel, half of the scattered light and all gloss pass, as a polarised lamp is reckoned at full strength.
    So parallel - cross is the gloss, and twice the crossed picture is the diffuse one.
    """

    def __init__(self, parts: Sequence[Part], lights: LightSetup, *, variant: str = "auto") -> None:
        self._state = lights.polarisation
        self._full = Scene(parts, lights, variant=variant) if self._state != "cross" else None
        self._matt = Scene(parts, lights, variant=variant, gloss=False) if self._state != "none" else None

    def render(
        self, camera: Camera, *, samples: int, seed: int = 0, crop: Crop | None = None, aperture_m: float = 0.0,
        focus_m: float | None = None,
    ) -> np.ndarray:  # fmt: skip
        """As `Scene.render`."""
        full, matt = (
            scene.render(camera, samples=samples, seed=seed, crop=crop, aperture_m=aperture_m, focus_m=focus_m)
            if scene is not None
            else None
            for scene in (self._full, self._matt)
        )
        if matt is None:
            assert full is not None
            return full
        return 0.5 * matt if full is None else full - 0.5 * matt


def _mesh(mi: Any, name: str, mesh: Mesh, bsdf: Any) -> Any:
    """Mitsuba's mesh: a vertex for every pair of position and texture coordinate; normals as given, else smooth."""
    uv = mesh.uv if mesh.uv is not None else np.zeros((len(mesh.faces), 3, 2))
    keys = np.concatenate([mesh.faces.reshape(-1, 1), np.ascontiguousarray(uv, np.float32).reshape(-1, 2)], axis=1)
    unique, index = np.unique(keys.astype(np.float64), axis=0, return_inverse=True)
    vertex = unique[:, 0].astype(np.int64)
    # Row 0 of our maps lies at v = 1; of Mitsuba's bitmaps at v = 0.
    coordinates = np.stack([unique[:, 1], 1 - unique[:, 2]], axis=1)
    properties = mi.Properties()
    properties["mesh_bsdf"] = bsdf
    made = mi.Mesh(
        name, len(unique), len(mesh.faces), has_vertex_normals=True, has_vertex_texcoords=True, props=properties
    )
    parameters = mi.traverse(made)
    parameters["vertex_positions"] = _flat(mesh.vertices[vertex], np.float32)
    normals = mesh.vertex_normals() if mesh.normals is None else mesh.normals
    parameters["vertex_normals"] = _flat(normals[vertex], np.float32)
    parameters["vertex_texcoords"] = _flat(coordinates, np.float32)
    parameters["faces"] = _flat(np.asarray(index).reshape(-1, 3), np.uint32)
    parameters.update()
    return made


def _flat(values: np.ndarray, kind: type) -> np.ndarray:
    return np.ascontiguousarray(values, kind).ravel()


def texture(mi: Any, picture: np.ndarray, *, exact: bool = False) -> dict[str, Any]:
    """A map as it is: linear, no conversion; in half precision, which is finer than 11 bits, unless exact."""
    kind = np.float32 if exact else np.float16
    bitmap = mi.Bitmap(np.ascontiguousarray(picture if picture.ndim == 3 else picture[..., None], kind))
    return {"type": "bitmap", "bitmap": bitmap, "raw": True, "format": "variant" if exact else "fp16"}


def _bsdf(mi: Any, material: Material, gloss: bool) -> dict[str, Any]:
    """Disney's principled surface (Burley 2012), two of them for skin with two lobes, under a normal map if any."""
    albedo = mi.load_dict(texture(mi, material.albedo))  # once for both lobes: maps are large
    if not gloss or not np.any(material.specular):
        surface: dict[str, Any] = {"type": "diffuse", "reflectance": albedo}
    else:
        surface = _glossy(mi, material, albedo, texture(mi, material.roughness))
        if material.second_share > 0:
            sharp = _glossy(mi, material, albedo, float(material.second_roughness))
            surface = {"type": "blendbsdf", "weight": float(material.second_share), "rough": surface, "sharp": sharp}
    return bumped(mi, material, surface)


def bumped(mi: Any, material: Material, surface: Any) -> dict[str, Any]:
    """A surface seen from both sides, under the material's normal map if it has one."""
    if material.normal is not None:
        # Mitsuba's second tangent is the normal across the first, whichever way v runs: up, as OpenGL has it.
        normal = material.normal.astype(np.float32) / 65535
        surface = {"type": "normalmap", "normalmap": texture(mi, normal, exact=True), "bsdf": surface}
    return {"type": "twosided", "bsdf": surface}


def _glossy(mi: Any, material: Material, albedo: Any, roughness: Any) -> dict[str, Any]:
    # Of the principled surface: 1 where the reflectance at normal incidence is 0.08.
    share = np.clip(np.asarray(material.specular, np.float32) / 0.08, 0, 1)
    top = float(share.max())

    def principled(specular: float) -> dict[str, Any]:
        return {"type": "principled", "base_color": albedo, "roughness": roughness, "specular": specular}

    if share.ndim == 0:
        return principled(top)
    # It takes no map of it: a map mixes surfaces with none and with the most.
    return {
        "type": "blendbsdf", "weight": texture(mi, share / top), "a_none": principled(0.0), "b_most": principled(top),
    }  # fmt: skip


def _panel(mi: Any, panel: Panel) -> dict[str, Any]:
    corners = panel.corners_m()
    middle = corners.mean(axis=0)
    right, up = 0.5 * (corners[1] - corners[0]), 0.5 * (corners[3] - corners[0])
    ahead = np.asarray(panel.target_m, float) - middle
    ahead /= np.linalg.norm(ahead)
    matrix = np.eye(4)
    matrix[:3, 0], matrix[:3, 1], matrix[:3, 2], matrix[:3, 3] = right, up, ahead, middle
    return {
        "type": "disk" if panel.round else "rectangle",
        "to_world": mi.ScalarTransform4f(matrix),
        "emitter": {"type": "area", "radiance": {"type": "rgb", "value": list(panel.radiance)}},
    }


def _surroundings(mi: Any, surroundings: Surroundings) -> dict[str, Any]:
    """Mitsuba's map has its top at +Y and its middle at +Z; ours at +Z and -Y."""
    picture = surroundings.radiance
    if np.ptp(picture) == 0:
        return {"type": "constant", "radiance": {"type": "rgb", "value": float(picture.flat[0])}}
    world_from_map = np.eye(4)
    world_from_map[:3, :3] = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])
    return {
        "type": "envmap",
        "bitmap": mi.Bitmap(np.ascontiguousarray(picture, np.float32)),
        "to_world": mi.ScalarTransform4f(world_from_map),
    }


def _sensor(mi: Any, camera: Camera, crop: Crop | None, aperture_m: float, focus_m: float | None) -> dict[str, Any]:
    i = camera.intrinsics
    if i.model != "pinhole" or abs(i.fx / i.fy - 1) > 1e-9:
        raise InputError(
            "Only a pinhole with square pixels can be path traced.",
            f"camera {camera.camera_id}",
            "Render the views of `optics.pinhole_plan` and resample them.",
        )
    world_from_cam = camera.cam_from_world.inverse().matrix()
    film = {
        "type": "hdrfilm", "width": i.width, "height": i.height, "rfilter": {"type": "box"},
        "component_format": "float32",
    }  # fmt: skip
    if crop is not None:
        x0, y0, x1, y1 = crop
        film |= {"crop_offset_x": x0, "crop_offset_y": y0, "crop_width": x1 - x0, "crop_height": y1 - y0}
    sensor: dict[str, Any] = {
        "type": "thinlens" if aperture_m > 0 else "perspective",
        # Mitsuba's cameras look along +z with x to the left and y up.
        "to_world": mi.ScalarTransform4f(world_from_cam @ np.diag([-1.0, -1.0, 1.0, 1.0])),
        "fov": float(np.degrees(2 * np.arctan(0.5 * i.width / i.fx))),
        "fov_axis": "x",
        "near_clip": 1e-3,
        "far_clip": 1e4,
        "film": film,
        # On a dressed person under nine softboxes, 25 paths: 9.7 % noise, independent ones 21 %, stratified ones 16 %.
        # It wants that many: with 4 it moves outlines by a twentieth of a pixel.
        "sampler": {"type": "multijitter"},
    }
    if aperture_m > 0:
        distance = focus_m if focus_m is not None else float(np.linalg.norm(camera.centre))
        return sensor | {"aperture_radius": 0.5 * aperture_m, "focus_distance": distance}
    return sensor | {
        "principal_point_offset_x": float(0.5 - i.cx / i.width),
        "principal_point_offset_y": float(0.5 - i.cy / i.height),
    }
