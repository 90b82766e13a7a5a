"""Bodies of the virtual studio: dressed, on the floor, facing the camera, the same for the same seed."""

from __future__ import annotations

import numpy as np
import open3d as o3d
import pytest

from scan3d.errors import InputError
from scan3d.simulate.anthropometry import RANGES_M, sample_person
from scan3d.simulate.bodies import Body, make_body


@pytest.fixture(scope="module")
def somebody() -> Body:
    return make_body(3)


def test_a_body_stands_on_the_floor_and_faces_minus_y(somebody: Body) -> None:
    low, high = somebody.skin.vertices.min(axis=0), somebody.skin.vertices.max(axis=0)
    assert abs(low[2]) < 1e-9
    assert abs(high[2] - somebody.parameters["height_m"]) < 1e-3
    eyes = np.mean([mesh.vertices.mean(axis=0) for _, kind, mesh in somebody.others if kind == "eye"], axis=0)
    head = somebody.skin.vertices[somebody.skin.vertices[:, 2] > eyes[2]]
    assert eyes[1] < head[:, 1].mean() - 0.02
    assert abs(eyes[0]) < 0.01


def test_the_left_eye_is_on_the_left(somebody: Body) -> None:
    places = {name: mesh.vertices.mean(axis=0)[0] for name, _, mesh in somebody.others}
    assert places["eye_left"] > 0.02 > -0.02 > places["eye_right"]


def test_the_skin_is_closed_and_its_map_is_not_mirrored(somebody: Body) -> None:
    assert somebody.skin.is_watertight()
    corner = somebody.skin.uv
    a, b = corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0]
    assert (a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0] > 0).all()
    assert corner.min() >= 0 and corner.max() <= 1


def test_the_same_seed_gives_the_same_bytes(somebody: Body) -> None:
    again = make_body(3)
    assert again.skin.vertices.tobytes() == somebody.skin.vertices.tobytes()
    assert again.parameters == somebody.parameters
    for (name, _, mesh), (other_name, _, other) in zip(somebody.others, again.others, strict=True):
        assert name == other_name and mesh.vertices.tobytes() == other.vertices.tobytes()
    assert make_body(4).parameters != somebody.parameters


def test_unknown_names_are_told_to_the_user() -> None:
    with pytest.raises(InputError, match="no pose 'handstand'"):
        make_body(0, pose="handstand")


def test_twenty_seeds_are_twenty_adults_within_published_percentiles() -> None:
    people = [sample_person(np.random.default_rng([seed, 4])).parameters for seed in range(20)]
    for person in people:
        ranges = RANGES_M[str(person["sex"])]
        for name, (low, high) in ranges.items():
            assert low <= person[name] <= high, (person, name)
    assert len({(p["height_m"], p["waist_m"], p["hip_m"]) for p in people}) == 20
    assert {p["sex"] for p in people} == {"male", "female"}
    assert np.ptp([p["height_m"] for p in people]) > 0.25 and np.ptp([p["waist_m"] for p in people]) > 0.1


def test_loose_cloth_stands_off_the_body_and_stays_outside_it() -> None:
    def distance_m(garment: str) -> tuple[np.ndarray, np.ndarray]:
        body = make_body(2, garment=garment)
        scene = o3d.t.geometry.RaycastingScene()
        scene.add_triangles(o3d.core.Tensor(body.skin.vertices.astype(np.float32)), body.skin.faces.astype(np.uint32))
        cloth = np.concatenate([mesh.vertices for _, kind, mesh in body.others if kind == "cloth"])
        signed = scene.compute_signed_distance(o3d.core.Tensor(cloth.astype(np.float32))).numpy()
        return signed, cloth

    fitted, _ = distance_m("fitted")
    loose, cloth = distance_m("loose")
    assert np.quantile(loose, 0.8) > 2 * np.quantile(fitted, 0.8) and np.quantile(loose, 0.95) > 0.02
    assert (loose > -0.002).mean() > 0.995 and np.isfinite(cloth).all()
