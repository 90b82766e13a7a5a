"""Rays through the written cameras hit the true mesh where the photographs show it, for every lens model."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from scan3d.calibration.colmap_model import read_colmap_model, write_colmap_model
from scan3d.geometry import Camera, Mesh, Rig
from scan3d.geometry.lights import LightSetup
from scan3d.geometry.materials import Material, Part
from scan3d.simulate.lights import even
from scan3d.simulate.optics import pinhole_plan, resample
from scan3d.simulate.path_tracer import Studio
from scan3d.simulate.preview import Preview
from scan3d.simulate.truth_maps import TruthCaster
from tests.simulate.lenses import LENSES, camera

# A picture of a megapixel is the lens of the smaller one with so many times as many pixels along a side.
_FINER = 5.8
WHITE = Material(
    kind="plain", albedo=np.ones((2, 2, 3), np.float32), roughness=np.ones((2, 2), np.float32), specular=0.0
)


def ball(radius_m: float = 0.3, centre: tuple[float, float, float] = (0.0, 0.0, 0.0), steps: int = 200) -> Part:
    """A closed sphere of small triangles."""
    import trimesh

    made = trimesh.creation.uv_sphere(radius=radius_m, count=[steps, steps])
    mesh = Mesh(vertices=made.vertices + centre, faces=made.faces)
    return Part(name="ball", mesh=mesh, material=WHITE)


def body() -> tuple[Part, ...]:
    """A ball with a thin rod and a small ball beside it: outlines in front of others and beside them."""
    import trimesh

    rod = trimesh.creation.cylinder(radius=0.012, height=0.8, sections=48)
    rod.apply_transform(trimesh.transformations.rotation_matrix(0.7, [0.3, 1, 0.2]))
    stick = Part(name="rod", mesh=Mesh(vertices=rod.vertices, faces=rod.faces), material=WHITE)
    return ball(0.22), stick, ball(0.05, (0.25, -0.1, 0.2), 80)


def written(of: Camera, folder: Path) -> Camera:
    """The camera as it is read back from the files of a take's truth."""
    write_colmap_model(Rig(cameras=(of,), source="made"), folder, {of.camera_id: f"{of.camera_id}.jpg"})
    return read_colmap_model(folder).cameras[0]


# Lenses that are looked through in the default suite.
_DAILY = ("fisheye", "full_opencv")


@pytest.mark.parametrize(
    ("model", "quick"),
    [
        *(
            pytest.param(model, True, id=f"{model} preview", marks=[] if model in _DAILY else [pytest.mark.slow])
            for model in LENSES
        ),
        *(pytest.param(model, False, id=f"{model} path traced", marks=pytest.mark.slow) for model in LENSES),
    ],
)
def test_rays_hit_where_the_photograph_shows_the_subject(model: str, quick: bool, tmp_path: Path) -> None:
    view = camera(model, 0.8 if model == "fisheye" else 1.6).scaled(_FINER)
    assert view.intrinsics.width * view.intrinsics.height >= 1e6
    parts = body()
    # White in even light is as bright as the light itself: the photograph is the share that the subject covers.
    light = LightSetup(name="even", surroundings=even())
    plan = pinhole_plan(view, [[-0.6] * 3, [0.6] * 3], oversample=3.0 if quick else 1.5)
    if quick:
        studio: Preview | Studio = _Flat(parts, light)
    else:
        parts = (replace(ball(), material=replace(WHITE, albedo=np.full((2, 2, 3), 0.5, np.float32))),)
        studio = Studio(parts, light, variant="scalar_rgb")
    pictures = [studio.render(v.camera, samples=16, seed=1, crop=v.crop) for v in plan]
    photograph = resample(view, plan, pictures)[..., 1] / (1.0 if quick else 0.5)
    mask = TruthCaster(parts).maps(written(view, tmp_path)).mask
    shown, true = photograph > 0.5, mask > 0.5
    assert true.sum() > 20_000
    assert (shown & true).sum() / (shown | true).sum() >= 0.999
    y, x = np.mgrid[0 : mask.shape[0], 0 : mask.shape[1]]
    centroid = [np.array([(m * x).sum(), (m * y).sum()]) / m.sum() for m in (np.minimum(photograph, 1), mask)]
    assert np.abs(centroid[0] - centroid[1]).max() <= 0.05


class _Flat(Preview):
    """Everything as bright as white in even light, without shade: only outlines count."""

    def _shaded(self, number: int, face: np.ndarray, corner: np.ndarray, directions: np.ndarray) -> np.ndarray:
        return np.ones((len(face), 3), np.float32)


def test_depth_normal_and_coverage_of_a_sphere() -> None:
    view = camera("opencv")
    maps = TruthCaster([ball(0.3, steps=400)]).maps(view)
    sure = maps.mask == 1
    y, x = np.nonzero(sure)
    points = view.ray_directions(np.stack([x, y], axis=-1) + 0.5)
    points = view.centre + points * (maps.depth_m[y, x] / (points @ view.forward))[:, None]
    assert np.abs(np.linalg.norm(points, axis=1) - 0.3).max() < 2e-4
    assert np.abs(maps.normal[y, x] - points / 0.3).max() < 0.01
    assert (maps.part[sure] == 0).all() and (maps.part[maps.mask == 0] == -1).all()
    assert (maps.depth_m[maps.part < 0] == 0).all()
    # The solid angle of a sphere, summed up from what the pixels cover.
    size = view.intrinsics.width, view.intrinsics.height
    corners = view.ray_directions(np.stack(np.meshgrid(*(np.arange(n + 1.0) for n in size)), axis=-1).reshape(-1, 2))
    corners = corners.reshape(size[1] + 1, size[0] + 1, 3)
    across, down = corners[:-1, 1:] - corners[:-1, :-1], corners[1:, :-1] - corners[:-1, :-1]
    pixel_sr = np.abs((np.cross(across, down) * corners[:-1, :-1]).sum(axis=-1))
    distance = float(np.linalg.norm(view.centre))
    expected = 2 * np.pi * (1 - np.sqrt(1 - (0.3 / distance) ** 2))
    assert (maps.mask * pixel_sr).sum() == pytest.approx(expected, rel=2e-3)
