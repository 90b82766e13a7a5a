"""What the open body is made with, each on cases whose answer is known."""

from itertools import pairwise

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from scan3d.body.open_model.cage import Cage, make_cage, model_frame
from scan3d.body.open_model.face import JAW_OPEN_DEG, expressions, with_jaw
from scan3d.body.open_model.hands import hand_space
from scan3d.body.open_model.joints import joint_matrix, joint_weights
from scan3d.body.open_model.kinematics import TWIN, below, features, moves, skinned
from scan3d.body.open_model.people import RANGES_M, draw_people
from scan3d.body.open_model.regressor import carrying_rows, joint_regressor
from scan3d.body.open_model.relaxing import make_patch, relaxed, smoothed
from scan3d.body.open_model.rest_pose import level_from_sculpted, levelled
from scan3d.body.open_model.shape_space import shape_space
from scan3d.body.skeleton import JOINTS, PARENTS, joint
from scan3d.openhuman import load_open_human


@pytest.fixture(scope="module")
def cage() -> Cage:
    return make_cage(load_open_human())


@pytest.fixture(scope="module")
def sculpted(cage: Cage) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Points (V, 3), joints (55, 3) and weights (V, 55) of MakeHuman's base shape."""
    full = model_frame(cage.human.vertices.astype(np.float64))
    return full[cage.rows], joint_matrix(cage.human) @ full, joint_weights(cage.human, cage.rows)


def test_the_cage_keeps_skin_eyes_and_teeth_and_is_symmetric(cage: Cage) -> None:
    assert len(cage.rows) == len(set(cage.rows.tolist())) > 9930
    points = model_frame(cage.human.vertices.astype(np.float64))[cage.rows]
    np.testing.assert_allclose(points[cage.mirror], points * [-1, 1, 1], atol=1e-6)
    assert cage.part("l-eye").sum() == cage.part("r-eye").sum() > 50
    assert sorted({name for name in cage.landmarks if "left" in name}) == sorted(
        name.replace("right", "left") for name in cage.landmarks if "right" in name
    )


def test_smplx_finds_its_parts_at_the_places_it_has_written_down(cage: Cage) -> None:
    """vertex_ids.py of smplx 0.1.28, in words: each must be that part and on its side."""
    points = model_frame(cage.human.vertices.astype(np.float64))[cage.rows]
    weights = joint_weights(cage.human, cage.rows)
    owner = [JOINTS[k] for k in weights.argmax(axis=1)]
    wanted = {
        **{8079: "right_thumb3", 7669: "right_index3", 7794: "right_middle3", 7905: "right_ring3"},
        **{8022: "right_pinky3", 5361: "left_thumb3", 4933: "left_index3", 5058: "left_middle3"},
        **{5169: "left_ring3", 5286: "left_pinky3", 5770: "left_foot", 5780: "left_foot", 8846: "left_ankle"},
        **{8463: "right_foot", 8474: "right_foot", 8635: "right_ankle", 9929: "right_eye", 9448: "left_eye"},
        **{9120: "head", 616: "head", 6: "head"},
    }
    assert {place: owner[place] for place in wanted} == wanted
    assert points[6, 0] > 0.05 and points[616, 0] < -0.05
    # Fingertips and toes are the ends: nothing of their joint lies further out.
    foot = weights[:, joint("left_foot")] > 0.5
    assert points[5770, 2] >= points[foot, 2].max() - 0.005
    assert points[5780, 0] > points[5770, 0] + 0.04
    head = weights[:, joint("head")] > 0.5
    assert points[9120, 2] >= points[head & cage.part("body"), 2].max() - 1e-9


def test_landmarks_of_the_face_lie_in_the_order_of_the_68(cage: Cage) -> None:
    at = {k: model_frame(cage.human.vertices[cage.rows[v]].astype(np.float64)) for k, v in cage.landmarks.items()}
    x = [at[f"face_{number}"][0] for number in range(68)]
    y = [at[f"face_{number}"][1] for number in range(68)]
    assert all(a < b for a, b in pairwise(x[:17]))  # the contour, from the right to the left
    assert all(a < b for a, b in pairwise(x[17:27]))  # brows
    assert all(a > b for a, b in pairwise(y[27:31]))  # down the nose
    assert x[36] < x[39] < x[42] < x[45] and y[37] > y[41] and y[43] > y[47]
    assert x[48] < x[51] < x[54] and y[51] > y[62] >= y[66] - 1e-3 > y[57] > y[8]
    # Turned to its left, the head shows the outline of its right cheek further back.
    assert at["face_3_39"][2] < at["face_3_-39"][2] and at["face_13_-39"][2] < at["face_13_39"][2]


def test_the_level_pose_is_level_and_leads_back_exactly(
    sculpted: tuple[np.ndarray, np.ndarray, np.ndarray],
) -> None:
    points, joints, weights = sculpted
    level, places = levelled(points, joints, weights)
    for side, sign in (("left", 1), ("right", -1)):
        arm = places[[joint(f"{side}_{name}") for name in ("shoulder", "elbow", "wrist", "middle1")]]
        np.testing.assert_allclose(np.ptp(arm[:, 1:], axis=0), 0, atol=1e-9)
        assert (np.diff(sign * arm[:, 0]) > 0.05).all()
        # Palm down: the index finger is the one in front.
        assert places[joint(f"{side}_index1"), 2] > places[joint(f"{side}_pinky1"), 2] + 0.03
        leg = places[joint(f"{side}_ankle")] - places[joint(f"{side}_hip")]
        assert np.degrees(np.arctan2(sign * leg[0], -leg[1])) == pytest.approx(4, abs=1e-6)
    turns = level_from_sculpted(joints)
    back = np.stack([(turns[p] if p >= 0 else np.eye(3)) @ turns[k].T for k, p in enumerate(PARENTS)])
    again, _ = skinned(level, weights, moves(places, back))
    np.testing.assert_allclose(again, points, atol=1e-9)


def test_the_elbow_bends_about_the_vertical_as_in_smplx(sculpted: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    points, joints, weights = sculpted
    level, places = levelled(points, joints, weights)
    turns = np.tile(np.eye(3), (55, 1, 1))
    turns[joint("left_elbow")] = Rotation.from_rotvec([0, -np.pi / 2, 0]).as_matrix()
    posed, _ = skinned(level, weights, moves(places, turns))
    tip = posed[weights[:, joint("left_middle3")] > 0.9].mean(axis=0) - places[joint("left_elbow")]
    assert tip[2] > 0.3 and abs(tip[0]) < 0.05  # the forearm points forward
    before = level[weights[:, joint("left_index1")] > 0.9].mean(axis=0)
    assert before[2] > places[joint("left_elbow"), 2]


def test_drawn_people_have_the_measures_of_adults(cage: Cage) -> None:
    people = draw_people(cage, cage.rows, 12, 5, lambda: None)
    assert people.male.sum() == 6
    for number, male in enumerate(people.male):
        ranges = RANGES_M["male" if male else "female"]
        for name in ("height", "waist", "hip"):
            low, high = ranges[name]
            assert low <= getattr(people, f"{name}_m")[number] <= high
        heights = people.points[number][cage.part("body"), 1]
        assert np.ptp(heights) == pytest.approx(people.height_m[number], abs=1e-4)
    again = draw_people(cage, cage.rows, 2, 5, lambda: None)
    np.testing.assert_array_equal(again.points, people.points[:2])
    sides = people.points[:, cage.mirror] * np.float32([-1, 1, 1]) - people.points
    assert 0.0005 < np.linalg.norm(sides, axis=2).max() < 0.03  # nearly symmetric, not quite


def test_shape_space_finds_the_directions_that_people_were_made_from() -> None:
    rng = np.random.default_rng(0)
    mirror = np.array([1, 0, 3, 2, 4])
    flip = np.array([-1, 1, 1])
    mean = rng.normal(size=(5, 3))
    mean = 0.5 * (mean + mean[mirror] * flip)
    even, odd = rng.normal(size=(2, 5, 3))
    even, odd = 0.5 * (even + even[mirror] * flip), 0.5 * (odd - odd[mirror] * flip)
    amounts = rng.normal(size=(400, 2)) * [3, 1]
    amounts -= amounts.mean(axis=0)
    people = mean + amounts[:, :1, None] * even + amounts[:, 1:, None] * odd
    space = shape_space(people.astype(np.float32), mirror, 4)
    assert space.real == 2 and space.explained[1] == pytest.approx(1, abs=1e-6)
    np.testing.assert_allclose(space.mean, mean, atol=1e-5)
    for column, (direction, spread) in enumerate(((even, amounts[:, 0].std()), (odd, amounts[:, 1].std()))):
        found = space.basis[..., column]
        np.testing.assert_allclose(np.abs(found), np.abs(direction * spread), atol=2e-4)
    assert not space.basis[..., 2:].any()


def test_regressed_joints_follow_scaled_and_moved_bodies(
    cage: Cage, sculpted: tuple[np.ndarray, np.ndarray, np.ndarray]
) -> None:
    points, joints, weights = sculpted
    skin = cage.part("body", "l-eye", "r-eye") & (cage.human.masks["mouth_inside"][cage.rows] < 0.5)
    rng = np.random.default_rng(2)
    stretched = 1 + 0.08 * rng.normal(size=(30, 1, 3))
    shifts = rng.normal(size=(30, 1, 3))
    people, wanted = points * stretched + shifts, joints * stretched + shifts
    carried = np.einsum("jv,nva->nja", carrying_rows(points, joints, weights, skin), people)
    np.testing.assert_allclose(carried, wanted, atol=1e-6)
    rows = joint_regressor(people[:20], wanted[:20], weights, cage.mirror, skin)
    assert (rows >= 0).all() and (rows > 0).sum(axis=1).max() < 150
    np.testing.assert_allclose(rows.sum(axis=1), 1, atol=1e-12)
    np.testing.assert_allclose(rows[list(TWIN)][:, cage.mirror], rows, atol=1e-12)
    error = np.linalg.norm(np.einsum("jv,nva->nja", rows, people[20:]) - wanted[20:], axis=2)
    assert error.max() < 0.005 and error.mean() < 0.001


def test_jaw_opens_the_mouth_as_arkit_does(cage: Cage, sculpted: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    points, joints, weights = sculpted
    opened = expressions(cage)["jawOpen"]
    mixed = with_jaw(weights, cage, points, joints[joint("jaw")], opened)
    np.testing.assert_allclose(mixed.sum(axis=1), 1, atol=1e-9)
    assert (mixed[cage.part("upper-teeth", "l-eye"), joint("jaw")] == 0).all()
    assert (mixed[cage.part("lower-teeth", "tongue"), joint("jaw")] > 0.99).all()
    turns = np.tile(np.eye(3), (55, 1, 1))
    turns[joint("jaw")] = Rotation.from_rotvec([JAW_OPEN_DEG, 0, 0], degrees=True).as_matrix()
    posed, _ = skinned(points, mixed, moves(joints, turns))
    teeth = cage.part("lower-teeth")
    np.testing.assert_allclose((posed - points)[teeth], opened[teeth], atol=0.003)
    skin = cage.part("body")
    plain, _ = skinned(points, weights, moves(joints, turns))
    left = [np.linalg.norm((found - points - opened)[skin], axis=1).sum() for found in (posed, plain)]
    assert left[0] < 0.5 * left[1]


def test_hands_stay_within_the_ranges_of_fingers_and_mirror() -> None:
    places = np.zeros((55, 3))
    for number, name in enumerate(("index", "middle", "ring", "pinky", "thumb")):
        for part in (1, 2, 3):
            places[joint(f"left_{name}{part}")] = [0.7 + 0.03 * part, 0, 0.04 - 0.02 * number]
    nails = dict.fromkeys(("index", "middle", "ring", "pinky", "thumb"), np.array([0.0, 1, 0]))
    means, bases, named = hand_space(places, nails)
    for name, pose in named.items():
        angles = np.degrees(np.linalg.norm(pose.reshape(15, 3), axis=1))
        assert angles[:12].max() <= 108 and angles[12:].max() <= 80, name
    # A fist curls down, palm down: about -Z on the left, about +Z on the right.
    assert (named["fist"].reshape(15, 3)[:12, 2] < -0.9).all()
    np.testing.assert_allclose(bases[0] @ bases[0].T, np.eye(len(bases[0])), atol=1e-9)
    np.testing.assert_allclose(means[1].reshape(15, 3), means[0].reshape(15, 3) * [1, -1, -1])
    for pose in named.values():
        kept = (pose - means[0]) @ bases[0].T @ bases[0] + means[0]
        np.testing.assert_allclose(kept, pose, atol=1e-3)
        twelve = (pose - means[0]) @ bases[0][:12].T @ bases[0][:12] + means[0]
        assert np.degrees(np.abs(twelve - pose).max()) < 8


def tube(sides: int = 24, rings: int = 41) -> tuple[np.ndarray, np.ndarray]:
    """A closed tube of radius 4 cm and 40 cm along X, its middle at the origin."""
    angle = 2 * np.pi * np.arange(sides) / sides
    circle = 0.04 * np.stack([np.zeros(sides), np.cos(angle), np.sin(angle)], axis=1)
    x = np.linspace(-0.2, 0.2, rings)
    points = (circle[None] + x[:, None, None] * [1, 0, 0]).reshape(-1, 3)
    faces = []
    for ring in range(rings - 1):
        for k in range(sides):
            a, b = ring * sides + k, ring * sides + (k + 1) % sides
            faces += [(a, b, b + sides), (a, b + sides, a + sides)]
    return points, np.array(faces)


def volume(points: np.ndarray, faces: np.ndarray) -> float:
    """Of the cone from the origin to an open surface."""
    a, b, c = points[faces].swapaxes(0, 1)
    return float(np.einsum("fi,fi->", a, np.cross(b, c)) / 6)


@pytest.mark.parametrize("degrees", [0, 60, 100])
def test_relaxed_skin_of_a_bent_tube_keeps_its_volume(degrees: float) -> None:
    points, faces = tube()
    edges = np.unique(np.sort(faces[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), axis=1), axis=0)
    share = np.clip(0.5 + points[:, 0] / 0.06, 0, 1)
    loose = np.abs(points[:, 0]) < 0.1
    x = np.array([0.2, 0, 0])
    bones = [(-x, 0 * x, False), (0 * x, x, True)]
    patch = make_patch(points, edges, faces, loose, 4 * share * (1 - share), bones)
    bend = np.eye(4)
    bend[:3, :3] = Rotation.from_rotvec([0, 0, np.radians(degrees)]).as_matrix()
    plain = points * (1 - share[:, None]) + points @ bend[:3, :3].T * share[:, None]
    better = plain.copy()
    better[patch.rows[: patch.free]] = relaxed(patch, plain[patch.rows], np.eye(4), bend, np.zeros(3), np.zeros(3))
    whole, after, lost = (volume(p, faces) for p in (points, better, plain))
    if degrees == 0:
        np.testing.assert_allclose(better, points, atol=1e-9)
    else:
        assert abs(after - whole) < 0.2 * abs(lost - whole)
        # The outside of the bend keeps about its distance from the joint.
        outer = np.argmin(points[:, 1] + 10 * np.abs(points[:, 0]))
        assert 0.85 < np.linalg.norm(better[outer]) / 0.04 < 1.3


def test_smoothing_fades_to_the_held_rim() -> None:
    points, faces = tube()
    edges = np.unique(np.sort(faces[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), axis=1), axis=0)
    loose = np.abs(points[:, 0]) < 0.1
    patch = make_patch(points, edges, faces, loose, np.zeros(len(points)), [(points[0], points[-1], False)])
    field = smoothed(patch, np.ones((patch.free, 3)), rounds=6)
    rim = np.abs(patch.points[: patch.free, 0]) > 0.09
    inner = np.abs(patch.points[: patch.free, 0]) < 0.02
    assert field[rim].max() < 0.9 and field[inner].min() > 0.99


def test_features_and_families_of_joints() -> None:
    turns = np.tile(np.eye(3), (55, 1, 1))
    assert features(turns).shape == (486,) and not features(turns).any()
    turns[1, 0, 2] = 5.0
    assert features(turns)[2] == 5.0
    assert set(np.flatnonzero(below(joint("left_wrist")))) == {joint("left_wrist"), *range(25, 40)}
