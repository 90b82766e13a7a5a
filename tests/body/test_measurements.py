"""Measures of a figure of cylinders against closed forms; of the open human against the simulator's own tape."""

from dataclasses import replace

import numpy as np
import pytest

from scan3d.body.alignment import UPRIGHT
from scan3d.body.measurements import LEVEL_SIGMA_M, Measurement, Spread, measure_body, measure_posed
from scan3d.body.model import BodyModel
from scan3d.body.skeleton import JOINTS, PARENTS, joint
from scan3d.body.skinning import Posed
from scan3d.body.standing import Standing
from tests.body.stick_body import stick_body

AROUND = 64
POLYGON = 2 * AROUND * np.sin(np.pi / AROUND)  # the length around a cylinder of radius 1


def cylinders() -> tuple[BodyModel, Posed]:
    """A standing figure: an hourglass of a trunk, two arms straight to the sides, two legs, a neck and a head.

    Its joints lie on the axes; metres, Z up, facing -Y.
    """
    places = np.zeros((55, 3))
    at = {
        "pelvis": (0, 0, 0.95), "spine1": (0, 0, 1.05), "spine2": (0, 0, 1.15), "spine3": (0, 0, 1.30),
        "neck": (0, 0, 1.46), "head": (0, 0, 1.56), "left_shoulder": (0.18, 0, 1.44), "left_elbow": (0.45, 0, 1.44),
        "left_wrist": (0.70, 0, 1.44), "left_hip": (0.1, 0, 0.9), "left_knee": (0.1, 0, 0.48),
        "left_ankle": (0.1, 0, 0.08), "left_foot": (0.1, -0.12, 0.02), "left_eye": (0.03, -0.08, 1.62),
    }  # fmt: skip
    for name, place in at.items():
        places[joint(name)] = place
        if name.startswith("left"):
            places[joint(name.replace("left", "right"))] = np.array(place) * [-1, 1, 1]
    trunk = np.linspace(0.82, 1.45, 64)
    tubes = [("spine2", *_along(2, trunk, (0, 0), 0.13 + 0.04 * np.cos((trunk - 0.85) * 2 * np.pi / 0.5)))]
    tubes.append(
        (
            "head",
            *_along(2, np.linspace(1.45, 1.75, 31), (0, 0), np.where(np.linspace(1.45, 1.75, 31) < 1.58, 0.06, 0.09)),
        )
    )
    for side, x in (("left", 1.0), ("right", -1.0)):
        legs = np.linspace(0.0, 0.8, 81)
        radius = 0.04 + 0.05 * legs + 0.02 * np.exp(-(((legs - 0.36) / 0.05) ** 2))
        tubes.append((f"{side}_hip", *_along(2, legs, (0.1 * x, 0), radius)))
        arm = np.linspace(0.2, 0.75, 56)
        tubes.append((f"{side}_elbow", *_along(0, x * arm, (0, 1.44), 0.06 - 0.04 * arm)))
    vertices = np.concatenate([points for _, points, _ in tubes])
    starts = np.cumsum([0, *(len(points) for _, points, _ in tubes)])
    weights = np.zeros((len(vertices), 55))
    for (name, points, _), start in zip(tubes, starts, strict=False):
        weights[start : start + len(points), JOINTS.index(name)] = 1
    faces = np.concatenate([faces + start for (_, _, faces), start in zip(tubes, starts, strict=False)])
    model = replace(stick_body(), template=vertices, faces=faces.astype(np.int32), weights=weights, pose_basis=None,
                    shape_basis=np.zeros((len(vertices), 3, 1)), expression_basis=np.zeros((len(vertices), 3, 0)),
                    joint_regressor=np.zeros((55, len(vertices))))  # fmt: skip
    return model, Posed(vertices=vertices, joints=places, world_from_rest=np.tile(np.eye(4), (55, 1, 1)))


def _along(
    axis: int, levels: np.ndarray, centre: tuple[float, float], radius: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    angle = np.arange(AROUND) * 2 * np.pi / AROUND
    others = [k for k in range(3) if k != axis]
    points = np.zeros((len(levels), AROUND, 3))
    points[..., axis] = levels[:, None]
    points[..., others[0]] = centre[0] + radius[:, None] * np.cos(angle)
    points[..., others[1]] = centre[1] + radius[:, None] * np.sin(angle)
    r, k = (v.ravel() for v in np.meshgrid(np.arange(len(levels) - 1), np.arange(AROUND), indexing="ij"))
    a, b = r * AROUND + k, r * AROUND + (k + 1) % AROUND
    return points.reshape(-1, 3), np.concatenate([np.c_[a, b, b + AROUND], np.c_[a, b + AROUND, a + AROUND]])


def named(taken: tuple[Measurement, ...]) -> dict[str, Measurement]:
    return {one.name: one for one in taken}


@pytest.fixture(scope="module")
def figure() -> dict[str, Measurement]:
    return named(measure_posed(*cylinders()))


@pytest.mark.parametrize(
    ("name", "radius"),
    [
        ("waist girth", 0.09),  # of the hourglass, narrowest at 1.10
        ("neck girth", 0.06),
        ("head girth", 0.09),
        ("calf girth", 0.04 + 0.05 * 0.36 + 0.02),
        ("upper arm girth", 0.06 - 0.04 * 0.288),
        ("wrist girth", 0.06 - 0.04 * 0.70),
        ("thigh girth", 0.04 + 0.05 * 0.79),
    ],
)
def test_girths_of_cylinders(figure: dict[str, Measurement], name: str, radius: float) -> None:
    assert figure[name].value_m == pytest.approx(POLYGON * radius, rel=0.01)


def test_heights_and_lengths_of_cylinders(figure: dict[str, Measurement]) -> None:
    expected = {"stature": 1.75, "waist height": 1.10, "inside leg height": 0.82, "knee height": 0.48}
    for name, value in expected.items():
        assert figure[name].value_m == pytest.approx(value, abs=0.012), name
    point = np.linalg.norm([0.0, 0.06 - 0.04 * 0.18])
    assert figure["shoulder width"].value_m == pytest.approx(0.36, abs=0.035)
    assert figure["arm length"].value_m == pytest.approx(0.52, abs=0.02 + point / 4)


def test_certainty_follows_the_surface() -> None:
    model, posed = cylinders()
    rows = {s: named(measure_posed(model, posed, Spread(common_m=s))) for s in (0.0, 0.002)}
    for name in ("calf girth", "neck girth", "waist girth"):
        extra = rows[0.002][name].sigma_m ** 2 - rows[0.0][name].sigma_m ** 2
        assert np.sqrt(extra) == pytest.approx(2 * np.pi * 0.002, rel=1e-9)
    # A steep place is less sure than one where the girth stays as it is.
    assert rows[0.0]["knee girth"].sigma_m > 0 and rows[0.0]["stature"].sigma_m == pytest.approx(LEVEL_SIGMA_M)
    # The girth of a ring of n vertices, each unsure by itself: each moves the length by 2 sin(pi/n) of its step out.
    vertex = named(measure_posed(model, posed, Spread(vertex_m=0.003)))["neck girth"]
    own = np.sqrt(vertex.sigma_m**2 - rows[0.0]["neck girth"].sigma_m ** 2)
    one = 0.003 * 2 * np.sin(np.pi / AROUND) * np.sqrt(AROUND)
    assert 0.55 * one < own < 1.05 * one


@pytest.fixture(scope="module")
def person() -> BodyModel:
    """The figure as a model of SMPL's 24 joints; its shape numbers make it 5% thicker and 5% taller."""
    model, posed = cylinders()
    template = posed.vertices @ UPRIGHT
    places = np.concatenate([posed.joints[:22], [[0.76, 0, 1.44], [-0.76, 0, 1.44]]]) @ UPRIGHT
    known, wanted = np.c_[template, np.ones(len(template))].T, np.c_[places, np.ones(24)].T
    weights = np.c_[model.weights[:, :22], np.zeros((len(template), 2))]
    return replace(
        model,
        template=template,
        shape_basis=np.stack([0.05 * template * [1, 0, 1], 0.05 * template * [0, 1, 0]], axis=2),
        parents=np.array([*PARENTS[:22], 20, 21], np.int32),
        weights=weights,
        joint_regressor=np.linalg.lstsq(known, wanted, rcond=None)[0].T,
    )


def test_a_thicker_and_a_taller_body_measure_so(person: BodyModel) -> None:
    plain, other = (named(measure_body(person, np.array(shape))) for shape in ([0.0, 0], [1.0, 2.0]))
    for name in ("waist girth", "neck girth", "calf girth", "thigh girth"):
        assert other[name].value_m == pytest.approx(1.05 * plain[name].value_m, rel=0.003), name
    assert plain["waist girth"].value_m == pytest.approx(POLYGON * 0.09, rel=0.01)
    assert other["waist height"].value_m == pytest.approx(1.1 * plain["waist height"].value_m, rel=0.005)
    assert other["stature"].value_m == pytest.approx(1.1 * plain["stature"].value_m, rel=1e-3)


def test_offsets_and_an_unsure_shape_count(person: BodyModel) -> None:
    plain = named(measure_body(person, np.zeros(2)))
    unsure = named(measure_body(person, np.zeros(2), spread=Spread(shape_covariance=np.diag([0.04, 0.09]))))
    for name, slope in (("stature", 0.3 * 0.05), ("neck girth", 0.2 * 0.05)):
        expected = np.hypot(plain[name].sigma_m, slope * plain[name].value_m)
        assert unsure[name].sigma_m == pytest.approx(expected, rel=0.02), name
        assert unsure[name].value_m == plain[name].value_m
    higher = np.zeros_like(person.template)
    higher[np.argmax(person.template[:, 1])] = [0, 0.03, 0]
    taller = named(measure_body(person, np.zeros(2), offsets=higher))["stature"].value_m
    assert taller == pytest.approx(plain["stature"].value_m + 0.03, abs=1e-6)


@pytest.mark.slow
def test_the_simulators_people_measure_as_the_simulator_says() -> None:
    """Its tape goes over the smooth surface, ours over the cage that surface is inscribed in: a few millimetres."""
    from scan3d.body.open_model.cage import make_cage
    from scan3d.body.open_model.joints import joint_matrix, joint_weights
    from scan3d.openhuman import load_open_human
    from scan3d.simulate.anthropometry import sample_person

    human = load_open_human()
    cage = make_cage(human)
    skin = cage.part("body")
    model = replace(
        stick_body(),
        template=human.vertices[cage.rows].astype(np.float64),
        faces=cage.faces,
        weights=np.asarray(joint_weights(human, cage.rows)),
        joint_regressor=np.zeros((55, len(cage.rows))),
        shape_basis=np.zeros((len(cage.rows), 3, 1)),
        expression_basis=np.zeros((len(cage.rows), 3, 0)),
        pose_basis=None,
        parts={"body": skin.astype(np.float32), "areola": human.masks["areola"][cage.rows]},
    )
    pairs = {"stature": "height_m", "bust girth": "chest_m", "abdominal girth": "waist_m", "hip girth": "hip_m"}
    errors: dict[str, list[float]] = {name: [] for name in pairs}
    for seed in range(8):
        person = sample_person(np.random.default_rng(seed))
        floor = np.array([0, 0, person.cage[cage.rows][skin][:, 2].min()])
        posed = Posed(
            vertices=person.cage[cage.rows] - floor,
            joints=joint_matrix(human) @ person.cage - floor,
            world_from_rest=np.tile(np.eye(4), (55, 1, 1)),
        )
        taken = named(measure_posed(model, posed))
        for name, theirs in pairs.items():
            errors[name].append(taken[name].value_m - float(str(person.parameters[theirs])))
    assert np.abs(errors["stature"]).max() < 0.004
    assert np.abs(errors["bust girth"]).max() < 0.006
    assert np.abs(errors["hip girth"]).max() < 0.009
    assert np.sort(np.abs(errors["abdominal girth"]))[-2] < 0.012


def test_a_body_without_marked_nipples_has_its_bust_where_it_stands_out_most() -> None:
    model, posed = cylinders()
    body = Standing(model=model, posed=posed)
    assert body.bust_z == pytest.approx(1.35, abs=0.015)
    assert body.hip_z == pytest.approx(0.85, abs=0.015)
