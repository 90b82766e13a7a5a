"""The recipe as a whole, on a subject whose every point is known."""

import numpy as np
import pytest

from scan3d.geometry import Mesh
from scan3d.pipeline.progress import Silent
from scan3d.reconstruction import levels
from scan3d.reconstruction.hull import visual_hull
from scan3d.reconstruction.neighbours import choose_neighbours, count_views
from scan3d.reconstruction.silhouettes import missing_masks
from scan3d.reconstruction.views import View
from tests.reconstruction.ellipsoid_scene import DISTANCE_M, RADII_M, Shot, off_surface_m, shots

REFINE = levels.RefinePass(reach=3.0)


@pytest.fixture(scope="module")
def swept(scene: list[Shot]) -> levels.Swept:
    views = [shot.view() for shot in scene]
    return levels.depth_level(views, visual_hull(views, resolution=64).surface(), 0.5, levels.FROM_HULL)


@pytest.fixture(scope="module")
def coarse(swept: levels.Swept) -> Mesh:
    return swept.mesh


def pixel_m(shot: Shot) -> float:
    return float(DISTANCE_M / shot.camera.intrinsics.fx)


def test_the_first_level_finds_the_surface_from_the_hull(scene: list[Shot], coarse: Mesh) -> None:
    assert np.median(off_surface_m(coarse.vertices)) < 0.6 * pixel_m(scene[0])
    assert np.percentile(off_surface_m(coarse.vertices), 95) < 3 * pixel_m(scene[0])


def test_every_view_says_how_much_of_it_was_confirmed(scene: list[Shot], swept: levels.Swept) -> None:
    assert len(swept.confirmed) == len(scene)
    assert all(0.5 < share <= 1 for share in swept.confirmed)


def test_refinement_reaches_a_tenth_of_a_pixel(scene: list[Shot], coarse: Mesh) -> None:
    views = [shot.view() for shot in scene]
    refined = levels.refine_level(views, coarse, 1.0, REFINE)
    sure = (refined.views >= 3) & (refined.score > 0.5)
    assert sure.mean() > 0.8
    before = np.median(off_surface_m(coarse.vertices)[sure])
    after = np.median(off_surface_m(refined.mesh.vertices)[sure])
    assert after < 0.12 * pixel_m(scene[0])
    assert after < 0.6 * before


def test_the_number_of_workers_changes_no_byte(scene: list[Shot], coarse: Mesh) -> None:
    views = [shot.view() for shot in scene[:6]]
    one, two = (levels.refine_level(views, coarse, 1.0, REFINE, workers=n) for n in (1, 2))
    assert one.mesh.vertices.tobytes() == two.mesh.vertices.tobytes()


def test_a_stopped_refinement_goes_on_where_it_was(
    scene: list[Shot], coarse: Mesh, monkeypatch: pytest.MonkeyPatch
) -> None:
    from scan3d.reconstruction import refinement

    class Memory:
        state: tuple[int, dict[str, np.ndarray]] | None = None
        stop_after = 3

        def arrays(self, name, make):
            return make()

        def latest(self):
            return self.state

        def put(self, number, arrays):
            self.state = (number, {name: a.copy() for name, a in arrays.items()})
            if number == self.stop_after:
                raise KeyboardInterrupt

    monkeypatch.setattr(refinement, "_KEEP_EVERY_S", -1.0)
    views = [shot.view() for shot in scene[:6]]
    whole = levels.refine_level(views, coarse, 1.0, REFINE)
    memory = Memory()
    with pytest.raises(KeyboardInterrupt):
        levels.refine_level(views, coarse, 1.0, REFINE, keeper=memory)
    memory.stop_after = -1
    resumed = levels.refine_level(views, coarse, 1.0, REFINE, keeper=memory)
    assert resumed.mesh.vertices.tobytes() == whole.mesh.vertices.tobytes()


def test_neighbours_are_those_that_see_the_same_from_a_useful_angle(scene: list[Shot], coarse: Mesh) -> None:
    views = [shot.view() for shot in scene]
    chosen = choose_neighbours(views, coarse, count=4, scale=0.5)
    for i, sources in enumerate(chosen):
        assert i not in sources
        apart = [min((i - j) % 16, (j - i) % 16) for j in sources]
        assert 1 in apart or 2 in apart
        assert max(apart) <= 4
    assert (count_views(views, coarse, scale=0.5) >= 3).mean() > 0.95


@pytest.mark.slow
def test_a_subject_before_a_backdrop_of_noise_is_found_without_any_mask() -> None:
    scene = shots(size=480)
    rng = np.random.default_rng(0)

    def lost(shot: Shot) -> View:
        coarse_noise = rng.random((30, 30)).astype(np.float32).repeat(16, 0).repeat(16, 1)
        grey = np.where(shot.mask, shot.grey, 0.4 + 0.2 * coarse_noise).astype(np.float32)
        return View(camera=shot.camera, load_grey=lambda: grey, load_mask=lambda: np.ones_like(shot.mask))

    masks = missing_masks([lost(shot) for shot in scene], [True] * len(scene), progress=Silent())
    recall = [(mask[shot.mask] > 0).mean() for mask, shot in zip(masks, scene, strict=True)]
    alike = [
        ((mask > 0) & shot.mask).sum() / ((mask > 0) | shot.mask).sum() for mask, shot in zip(masks, scene, strict=True)
    ]
    # a backdrop as loud as this one is the hardest case; on a 32 camera head recall is 0.99
    assert np.median(recall) > 0.75
    assert np.median(alike) > 0.7


def test_a_few_masks_come_from_the_others(scene: list[Shot]) -> None:
    views = [shot.view() for shot in scene]
    lost = [k in (2, 9) for k in range(len(views))]
    masks = missing_masks(views, lost, progress=Silent())
    for mask, shot in zip(masks, (scene[2], scene[9]), strict=True):
        assert ((mask > 0) & shot.mask).sum() / ((mask > 0) | shot.mask).sum() > 0.85


def test_halving_edges_keeps_the_shape(coarse: Mesh, scene: list[Shot]) -> None:
    views = [shot.view() for shot in scene]
    finer = levels.dense_enough(coarse, views, 4.0, most_faces=10 * len(coarse.faces))
    assert len(finer.faces) == 4 * len(coarse.faces)
    assert finer.face_areas().sum() == pytest.approx(coarse.face_areas().sum())
    assert RADII_M.max() * 0.9 < np.abs(finer.vertices).max() < RADII_M.max() * 1.1
