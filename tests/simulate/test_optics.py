"""Pictures of real lenses from pinhole views: light, places and edges, for every lens model."""

import numpy as np
import pytest

from scan3d.geometry import Camera
from scan3d.simulate.optics import PinholeView, pinhole_plan, resample
from tests.simulate.lenses import LENSES, camera

MODELS = sorted(LENSES)


def smooth(directions: np.ndarray) -> np.ndarray:
    """(..., 3) a radiance that changes slowly over directions (..., 3) of the world."""
    return 1.0 + 0.5 * np.stack([np.sin(4 * directions[..., k] + k) for k in range(3)], axis=-1)


def grid(width: int, height: int, x0: int = 0, y0: int = 0, fine: int = 1) -> np.ndarray:
    """(height * fine, width * fine, 2) middles of the pixels' parts."""
    step = 1.0 / fine
    return np.stack(
        np.meshgrid(x0 + (np.arange(width * fine) + 0.5) * step, y0 + (np.arange(height * fine) + 0.5) * step), axis=-1
    )


def binned(values: np.ndarray, fine: int) -> np.ndarray:
    height, width = values.shape[0] // fine, values.shape[1] // fine
    return np.asarray(values.reshape(height, fine, width, fine, -1).mean(axis=(1, 3)))


def rendered(view: PinholeView, radiance, fine: int = 4) -> np.ndarray:  # type: ignore[no-untyped-def]
    height, width = view.shape
    directions = view.camera.ray_directions(grid(width, height, view.crop[0], view.crop[1], fine))
    return binned(radiance(view.camera, directions), fine).astype(np.float32)


def picture(lens: Camera, radiance, oversample: float = 1.5) -> np.ndarray:  # type: ignore[no-untyped-def]
    plan = pinhole_plan(lens, oversample=oversample)
    return resample(lens, plan, [rendered(view, radiance) for view in plan])


@pytest.mark.parametrize("model", MODELS)
def test_light_arrives_as_it_was(model: str) -> None:
    lens = camera(model)
    plan = pinhole_plan(lens)
    assert len(plan) == (5 if model == "fisheye" else 1)
    flat = resample(lens, plan, [np.full((*view.shape, 3), 0.7, np.float32) for view in plan])
    assert np.abs(flat - 0.7).max() < 1e-5, "seams or borders change the light"
    seen = picture(lens, lambda _, directions: smooth(directions))
    exact = smooth(lens.ray_directions(grid(lens.intrinsics.width, lens.intrinsics.height)))
    # The light changes by up to 0.02 from pixel to pixel.
    assert np.abs(seen - exact).max() < 1.5e-3


@pytest.mark.parametrize("model", MODELS)
def test_discs_lie_where_the_lens_sees_them(model: str) -> None:
    lens = camera(model)
    middles = lens.ray_directions(np.array([[31.3, 40.6], [76.2, 104.9], [121.7, 158.1]]))
    rims = lens.ray_directions(np.array([[43.3, 40.6], [88.2, 104.9], [133.7, 158.1]]))

    def discs(_: Camera, directions: np.ndarray) -> np.ndarray:
        return (directions @ middles.T > (middles * rims).sum(axis=1)).astype(float)

    seen = picture(lens, discs)
    exact = binned(discs(lens, lens.ray_directions(grid(150, 200, fine=6))), 6)
    for disc in range(3):
        images = [image[..., disc] for image in (seen, exact)]
        centres = [(image[..., None] * grid(150, 200)).sum(axis=(0, 1)) / image.sum() for image in images]
        assert np.linalg.norm(centres[0] - centres[1]) < 0.01
        assert abs(images[0].sum() / images[1].sum() - 1) < 2e-3
    assert np.abs(seen - exact).max() < 0.35, "edges are softer than a pixel"


@pytest.mark.parametrize("model", MODELS)
def test_the_plan_covers_the_box_and_little_else(model: str) -> None:
    lens = camera(model)
    box = np.array([[-0.2, -0.15, -0.25], [0.2, 0.15, 0.3]])
    plan = pinhole_plan(lens, box)
    assert len(plan) == 1
    everything = sum(view.shape[0] * view.shape[1] for view in pinhole_plan(lens))
    assert plan[0].shape[0] * plan[0].shape[1] < 0.7 * everything
    inside = np.random.default_rng(0).uniform(*box, (2000, 3))
    in_lens = lens.intrinsics.contains(lens.project(inside)[0])
    px = plan[0].camera.project(inside)[0][in_lens]
    x0, y0, x1, y1 = plan[0].crop
    assert in_lens.any()
    assert ((px >= (x0, y0)) & (px < (x1, y1))).all()
    behind = box + 4.0 * lens.centre
    assert pinhole_plan(lens, behind) == ()
    assert not resample(lens, (), []).any()


@pytest.mark.parametrize("model", MODELS)
def test_views_are_nowhere_coarser_than_asked(model: str) -> None:
    lens = camera(model)
    for view in pinhole_plan(lens, oversample=2.0):
        rng = np.random.default_rng(1)
        px = np.stack([rng.uniform(1, 149, 800), rng.uniform(1, 199, 800)], axis=-1)
        steps = [
            view.camera.project(lens.centre + lens.ray_directions(px + step))[0]
            for step in ([0, 0], [0.1, 0], [0, 0.1])
        ]
        inside = view.camera.intrinsics.contains(steps[0])
        across = np.linalg.norm(np.stack(steps[1:]) - steps[0], axis=-1)[:, inside] / 0.1
        assert inside.any() and across.min() > 1.9
        assert view.camera.intrinsics.cx == view.camera.intrinsics.width / 2, "a thin lens needs a middle axis"


def test_a_camera_inside_the_box_sees_all_around() -> None:
    lens = camera("fisheye")
    box = np.stack([lens.centre - 1.0, lens.centre + 1.0])
    plan = pinhole_plan(lens, box)
    flat = resample(lens, plan, [np.ones((*view.shape, 3), np.float32) for view in plan])
    assert np.abs(flat - 1).max() < 1e-5


def test_a_picture_of_another_shape_is_refused() -> None:
    lens = camera("pinhole")
    with pytest.raises(ValueError, match="shape"):
        resample(lens, pinhole_plan(lens), [np.zeros((3, 3, 3), np.float32)])
