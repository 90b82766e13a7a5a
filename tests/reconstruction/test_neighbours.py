"""Who helps whom: angles, what is hidden, resolution, and that sources complement each other."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import trimesh

from scan3d.geometry import Camera, Mesh
from scan3d.reconstruction.neighbours import _pick, choose_neighbours, count_views
from scan3d.reconstruction.views import View
from tests.reconstruction.ellipsoid_scene import look_at


def ball(centre: tuple[float, float, float] = (0, 0, 0), radius: float = 0.1, subdivisions: int = 4) -> Mesh:
    made = trimesh.creation.icosphere(subdivisions=subdivisions, radius=radius)
    return Mesh(vertices=made.vertices + np.array(centre), faces=np.array(made.faces))


def view_of(camera: Camera) -> View:
    def unread() -> np.ndarray:
        raise AssertionError("geometry alone decides")

    return View(camera=camera, load_grey=unread, load_mask=unread)


def ring(turns_deg: list[float], distance_m: float = 1.0, size: int = 200) -> list[View]:
    """Views on a level circle at these angles."""
    turns = np.radians(turns_deg)
    places = distance_m * np.stack([np.cos(turns), np.sin(turns), 0 * turns], 1)
    return [view_of(look_at(place, f"cam{k}", size, 3.0 * size)) for k, place in enumerate(places)]


def test_sources_stand_at_angles_that_measure_and_still_match() -> None:
    turns = [0.0, 1.0, 18.0, 36.0, 75.0, 180.0]
    chosen = choose_neighbours(ring(turns), ball(), count=2, scale=1.0)
    assert chosen[0] == [2, 3]  # neither its twin nor one at 75 degrees
    assert 5 not in {source for i, sources in enumerate(chosen) if i != 5 for source in sources}
    assert chosen[5] == []  # sees nothing that another sees well
    assert all(i not in sources for i, sources in enumerate(chosen))


def test_sources_stand_on_both_sides() -> None:
    turns = [0.0, 17.0, 18.0, 19.0, -18.0]
    chosen = choose_neighbours(ring(turns), ball(), count=2, scale=1.0)
    assert 4 in chosen[0]  # it sees the side that the others see less squarely


def test_a_source_of_the_same_resolution_is_preferred() -> None:
    near, far = ring([0.0, 18.0]), ring([-18.0], distance_m=3.0)
    chosen = choose_neighbours(near + far, ball(), count=2, scale=1.0)
    assert chosen[0] == [1, 2]
    zoomed = replace(far[0].camera, intrinsics=replace(far[0].camera.intrinsics, fx=1800.0, fy=1800.0))
    worth_as_much = choose_neighbours([*ring([0.0, 60.0]), view_of(zoomed)], ball(), count=1, scale=1.0)
    assert worth_as_much[0] == [2]


def test_the_choice_repeats_itself_and_respects_its_count() -> None:
    views = ring(list(np.arange(0.0, 360, 20)))
    for count in (1, 3, 6):
        chosen = choose_neighbours(views, ball(), count=count, scale=0.5)
        assert chosen == choose_neighbours(views, ball(), count=count, scale=0.5)
        assert {len(sources) for sources in chosen} == {count}
    for i, sources in enumerate(choose_neighbours(views, ball(), count=2, scale=1.0)):
        assert set(sources) == {(i + 1) % 18, (i - 1) % 18}


def test_views_are_counted_where_the_surface_faces_them() -> None:
    views, mesh = ring([0.0, 30.0, 60.0, 90.0]), ball()
    count = count_views(views, mesh, scale=1.0)
    expected = np.zeros(len(mesh.vertices), int)
    doubtful = np.zeros(len(mesh.vertices), bool)
    for view in views:
        to_camera = view.camera.centre - mesh.vertices
        cosine = (to_camera * mesh.vertices).sum(1) / np.linalg.norm(to_camera, axis=1) / 0.1
        expected += cosine > 0.26
        doubtful |= np.abs(cosine - 0.26) < 0.01
    assert doubtful.mean() < 0.1
    assert (count == expected)[~doubtful].all()
    assert set(count) == {0, 1, 2, 3, 4}


def test_what_another_body_hides_is_not_seen() -> None:
    front, back = ball((0.3, 0, 0), 0.05), ball()
    both = Mesh(
        vertices=np.concatenate([back.vertices, front.vertices]),
        faces=np.concatenate([back.faces, front.faces + len(back.vertices)]),
    )
    (view,) = ring([0.0])
    count = count_views([view], both, scale=1.0)[: len(back.vertices)]
    alone = count_views([view], back, scale=1.0)
    px, _ = view.camera.project(back.vertices)
    shadow_px = 600 * 0.05 / np.sqrt(0.7**2 - 0.05**2)
    radius = np.linalg.norm(px - 100, axis=1)
    assert not count[radius < shadow_px - 2].any()
    clear = radius > shadow_px + 2
    assert (count[clear] == alone[clear]).all()
    assert alone[clear].sum() > 50


def test_what_lies_outside_the_picture_or_behind_the_camera_is_not_seen() -> None:
    (view,) = ring([0.0])
    beside, behind = ball((0, 1.0, 0)), ball((2.0, 0, 0))
    for mesh in (beside, behind):
        assert not count_views([view], mesh, scale=1.0).any()


def test_later_choices_fill_what_earlier_ones_left() -> None:
    worth = np.array([[0.0, 0, 0, 0], [0.9, 0.9, 0.0, 0.0], [0.8, 0.8, 0.1, 0.0], [0.0, 0.0, 0.5, 0.5]])
    assert _pick(worth, 2) == [1, 3]
    assert _pick(worth, 3) == [1, 3, 2]
    assert _pick(worth, 9) == [1, 3, 2]  # the first is worth nothing
    assert _pick(np.zeros((3, 5)), 2) == []
