"""The parts of the fit, each against a truth of its own: derivatives, nearest places, cleaning, cloth, limbs."""

from __future__ import annotations

import numpy as np
import pytest

from scan3d.body.fit.anatomy import ARMS, LEGS, PARTS, limb_rotations, part_of_joints, pose_prior
from scan3d.body.fit.cloth import Cloth, looseness_m
from scan3d.body.fit.kernels import nearest_on_triangles
from scan3d.body.fit.posing import Body, State, chain, inverse_left_jacobian
from scan3d.body.fit.scan_points import clean
from scan3d.body.fit.surface_match import Pairs, geman_mcclure
from scan3d.body.model import BodyModel, BodyParameters
from scan3d.body.rotations import left_jacobians, matrices, vectors
from scan3d.body.skinning import pose_body
from scan3d.errors import InputError
from scan3d.geometry import Mesh


def some_state(body: Body, seed: int, amount: float = 0.3) -> State:
    rng = np.random.default_rng(seed)
    rest = body.neutral()
    return State(
        rotations=matrices(amount * rng.normal(size=(len(body.names), 3))) @ rest.rotations,
        blends=rng.normal(size=body.basis.shape[2]),
        translation=rng.normal(size=3),
    )


def stepped(state: State, step: np.ndarray) -> State:
    joints = 3 * len(state.rotations)
    return State(
        rotations=matrices(step[3 : 3 + joints].reshape(-1, 3)) @ state.rotations,
        blends=state.blends + step[3 + joints :],
        translation=state.translation + step[:3],
    )


def column(mesh_height: float = 1.7, radius: float = 0.15, rings: int = 60, offset: float = 0.0) -> Mesh:
    """A closed upright cylinder."""
    around = np.linspace(0, 2 * np.pi, 49)[:-1]
    heights = offset + np.linspace(0, mesh_height, rings)
    circle = radius * np.stack([np.cos(around), np.sin(around)], axis=1)
    points = np.concatenate([np.column_stack([circle, np.full(48, z)]) for z in heights])
    grid = np.arange(len(points)).reshape(rings, 48)
    a, b, c, d = grid[:-1], np.roll(grid[:-1], -1, axis=1), np.roll(grid[1:], -1, axis=1), grid[1:]
    faces = np.concatenate([np.stack([x.ravel() for x in t], axis=1) for t in ((a, b, c), (a, c, d))])
    low, high = len(points), len(points) + 1
    points = np.concatenate([points, [[0, 0, heights[0]], [0, 0, heights[-1]]]])
    caps = [np.stack([np.full(48, low), np.roll(grid[0], -1), grid[0]], axis=1)]
    caps.append(np.stack([np.full(48, high), grid[-1], np.roll(grid[-1], -1)], axis=1))
    return Mesh(vertices=points, faces=np.concatenate([faces, *caps]))


def test_the_body_stands_where_skinning_puts_it(stick: BodyModel) -> None:
    body = Body.of(stick)
    state = some_state(body, 0)
    moved = body.moved(state)
    parameters = BodyParameters(
        shape=state.blends[: body.shapes],
        expression=state.blends[body.shapes :],
        pose=vectors(state.rotations),
        translation=state.translation,
    )
    posed = pose_body(stick, parameters)
    assert np.allclose(moved.vertices, posed.vertices, atol=1e-6)
    assert np.allclose(moved.places, posed.joints, atol=1e-9)


def test_the_jacobian_agrees_with_differences(stick: BodyModel) -> None:
    # Correctives are held by it, so a body without them is asked.
    body = Body.of(stick)
    body = Body(**{**{name: getattr(body, name) for name in body.__dataclass_fields__}, "correctives": None})
    state, rng = some_state(body, 1), np.random.default_rng(2)
    count = len(body.template)
    corners, shares = rng.integers(0, count, (40, 3)), rng.dirichlet([1, 1, 1], 40)
    ways = rng.normal(size=(40, 3))
    blends = body.basis.shape[2]
    rows = body.rows_of_jacobian(body.moved(state, with_basis=True), corners, shares, ways, blends)

    def value(step: np.ndarray) -> np.ndarray:
        vertices = body.moved(stepped(state, step)).vertices
        return np.einsum("nk,nkc,nc->n", shares, vertices[corners], ways)

    for column_number in range(0, rows.shape[1], 3):
        step = np.zeros(rows.shape[1])
        step[column_number] = 1e-5
        slope = (value(step) - value(-step)) / 2e-5
        assert np.allclose(rows[:, column_number], slope, atol=1e-7)
    fewer = body.rows_of_jacobian(body.moved(state, with_basis=True), corners, shares, ways, 1)
    assert np.array_equal(fewer, rows[:, : fewer.shape[1]])


def test_a_small_turn_changes_an_axis_angle_by_the_inverse_jacobian() -> None:
    angles = np.random.default_rng(0).normal(size=(20, 3))
    product = inverse_left_jacobian(angles) @ left_jacobians(angles)
    assert np.allclose(product, np.eye(3), atol=1e-9)


def test_the_nearest_place_of_a_triangle() -> None:
    triangle = np.array([[0.0, 0, 0], [1, 0, 0], [0, 1, 0]])
    points = np.array([[0.2, 0.3, 5.0], [-1, -1, 0], [2, -1, 0], [0.5, -1, 0], [1, 1, 0], [-1, 0.5, 0], [-1, 3, 0]])
    wanted = [[0.2, 0.3, 0], [0, 0, 0], [1, 0, 0], [0.5, 0, 0], [0.5, 0.5, 0], [0, 0.5, 0], [0, 1, 0]]
    shares = nearest_on_triangles(points, np.tile(triangle, (len(points), 1, 1)))
    assert np.allclose(shares.sum(axis=1), 1)
    assert np.allclose(shares @ triangle, wanted)


def test_limbs_point_where_they_are_said_to(stick: BodyModel) -> None:
    body = Body.of(stick)
    joints = body.rest_joints(np.zeros(body.basis.shape[2]))
    for side, sign in (("left", 1.0), ("right", -1.0)):
        for kind, ways, chain_names in (
            ("arm", ARMS, ("shoulder", "elbow", "wrist")),
            ("leg", LEGS, ("hip", "knee", "ankle")),
        ):
            for way in ways:
                rotations = np.tile(np.eye(3), (len(joints), 1, 1))
                for number, rotation in limb_rotations(body, joints, side, way, kind).items():
                    rotations[number] = rotation
                _, places = chain(body.parents, rotations, joints, np.zeros(3))
                a, b, c = (places[body.joint(f"{side}_{name}")] for name in chain_names)
                for bone, direction in ((b - a, way.upper), (c - b, way.lower)):
                    aim = np.asarray(direction) * [sign, 1, 1]
                    assert np.allclose(bone / np.linalg.norm(bone), aim / np.linalg.norm(aim), atol=1e-6), way.name


def test_every_joint_belongs_to_a_part_and_limits_push_back(stick: BodyModel) -> None:
    names = Body.of(stick).names
    assert set(part_of_joints(names)) == set(range(len(PARTS)))
    prior = pose_prior(names, np.zeros((2, 45)))
    angles = prior.mean.copy()
    knee = names.index("left_knee")
    angles[knee, 0] = np.radians(-40)
    gradient, _ = prior.pull(angles)
    assert gradient[knee, 0] < 0 and np.count_nonzero(gradient) == 1
    assert prior.cost(angles) > prior.cost(prior.mean) == 0


def test_loose_cloth_holds_the_body_inside_and_hardly_pulls_it_out(stick: BodyModel) -> None:
    body = Body.of(stick)
    bald = np.zeros(len(body.strongest), bool)
    clothed = np.flatnonzero(Cloth.over(body, bald).clothed)[0]
    bare = np.flatnonzero(~Cloth.over(body, bald).clothed)[0]
    off = np.array([-0.01, 0.03, 0.03])
    normal = np.tile([0.0, 0, 1], (3, 1))
    corners = np.repeat(np.array([clothed, clothed, bare])[:, None], 3, axis=1)
    pairs = Pairs(
        corners=corners,
        shares=np.tile([1.0, 0, 0], (3, 1)),
        offset=off[:, None] * normal,
        normal=normal,
        distance=np.abs(off),
        trust=np.ones(3),
        rows=np.arange(3),
    )
    weight = geman_mcclure(pairs.distance, 0.02)
    changed, offset = Cloth.over(body, bald).weighed(pairs, weight, back=False)
    assert changed[0] > 2 * weight[0] and changed[1] < 0.1 * weight[1] and changed[2] == weight[2]
    assert offset[0, 2] < off[0] and offset[2, 2] == off[2]
    known = Cloth.over(body, bald, np.array([0.0, 0, 1])).weighed(pairs, weight, back=False)[0]
    assert known[0] == weight[0] and known[2] < weight[2]
    # Hair is as cloth is, and where nothing else hangs.
    hairy = bald.copy()
    hairy[bare] = True
    hair = Cloth.only_hair(hairy).weighed(pairs, weight, back=False)[0]
    assert hair[0] == weight[0] and hair[1] == weight[1] and hair[2] < 0.1 * weight[2]


def test_how_loose_clothes_are_is_told_by_trunk_and_legs() -> None:
    part = np.repeat(np.arange(len(PARTS)), 100)
    distance = np.where(part == PARTS.index("hands"), 0.1, -0.002)
    assert looseness_m(part, distance) == pytest.approx(0.002)
    assert looseness_m(part, np.where(part == PARTS.index("legs"), 0.02, distance)) == pytest.approx(0.02)


def test_clean_points_lie_on_the_scan_evenly() -> None:
    scan = column()
    points = clean(scan)
    assert len(points.points) == 30_000
    assert points.floor_m == pytest.approx(0, abs=0.01) and points.height_m == pytest.approx(1.7, abs=0.02)
    wall = np.abs(points.points[:, 2] - 0.85) < 0.8
    assert np.allclose(np.linalg.norm(points.points[wall, :2], axis=1), 0.15, atol=0.001)
    upper = (points.points[wall, 2] > 0.85).mean()
    assert upper == pytest.approx(0.5, abs=0.01)
    assert np.allclose(np.linalg.norm(points.normals, axis=1), 1)


def test_dirt_is_dropped_and_a_torn_piece_kept() -> None:
    body = column()
    torn = column(0.25, 0.05, rings=12, offset=1.76)
    dirt = column(0.02, 0.004, rings=4)
    far = column(0.6, 0.1, rings=12)
    pieces = [body, torn, dirt, far]
    moved = [body.vertices, torn.vertices, np.add(dirt.vertices, [0.2, 0, 1]), np.add(far.vertices, [1.5, 0, 0])]
    starts = np.cumsum([0, *(len(v) for v in moved[:-1])])
    faces = np.concatenate([piece.faces + start for piece, start in zip(pieces, starts, strict=True)])
    kept = clean(Mesh(vertices=np.concatenate(moved), faces=faces)).mesh
    assert len(kept.vertices) == len(body.vertices) + len(torn.vertices)


def test_what_cannot_be_a_standing_adult_is_refused() -> None:
    good = column()
    none = Mesh(vertices=np.zeros((0, 3)), faces=np.zeros((0, 3), np.int32))
    broken = Mesh(
        vertices=np.where(np.arange(len(good.vertices))[:, None] == 7, np.nan, good.vertices), faces=good.faces
    )
    lying = Mesh(vertices=good.vertices[:, [0, 2, 1]], faces=good.faces)
    for scan, words in (
        (none, "empty"),
        (broken, "not numbers"),
        (column(1.1), "1.10 m high: less"),
        (column(0.9), "less than an adult"),
        (column(3.0), "more than any person"),
        (Mesh(vertices=1000 * good.vertices, faces=good.faces), "not the metre"),
        (lying, "lies on its side"),
    ):
        with pytest.raises(InputError, match=words) as caught:
            clean(scan, where="scan.ply")
        assert caught.value.where == "scan.ply" and caught.value.next_step
