"""Whole fits of the open body to bodies it was not built from."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from scan3d.body.fit import fit_body
from scan3d.body.fit.result import Fitted
from scan3d.body.fit_checks import fit_checks
from scan3d.body.library import open_model
from scan3d.body.model import BodyModel
from scan3d.body.skinning import pose_body
from scan3d.checks import Grade, worst
from scan3d.errors import InputError
from scan3d.geometry import Mesh
from tests.body.fit.scores import (
    girth_errors_m,
    inside_cloth,
    is_turned,
    joint_errors_m,
    scan_to_model_m,
)
from tests.body.fit.truth import Truth, make_truth

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def model() -> BodyModel:
    return open_model()


@pytest.fixture(scope="module")
def relaxed(model: BodyModel) -> tuple[Truth, Fitted]:
    truth = make_truth(2, pose="relaxed")
    return truth, fit_body(truth.scan, model)


@pytest.mark.parametrize("pose", ["a", "t", "walk"])
def test_a_bare_body_is_found_in_any_pose(model: BodyModel, pose: str) -> None:
    truth = make_truth(11, pose=pose)
    fitted = fit_body(truth.scan, model)
    errors = joint_errors_m(truth, fitted.names, fitted.joints)
    assert fitted.clothing == "tight"
    assert scan_to_model_m(truth, fitted, model).mean() < 0.0045
    assert np.mean(list(errors.values())) < 0.015 and max(errors.values()) < 0.06
    assert max(map(abs, girth_errors_m(truth, fitted, model).values())) < 0.012
    assert not is_turned(truth, fitted.names, fitted.joints)
    assert worst(fit_checks(fitted)) is not Grade.FAIL


def test_parameters_give_the_fitted_vertices(model: BodyModel, relaxed: tuple[Truth, Fitted]) -> None:
    _, fitted = relaxed
    assert np.allclose(pose_body(model, fitted.parameters).vertices, fitted.vertices, atol=1e-9)
    assert fitted.fingers


def test_the_same_scan_gives_the_same_body(model: BodyModel, relaxed: tuple[Truth, Fitted]) -> None:
    truth, fitted = relaxed
    again = fit_body(truth.scan, model)
    assert np.array_equal(again.vertices, fitted.vertices)


def test_loose_cloth_has_the_body_inside(model: BodyModel) -> None:
    truth = make_truth(12, pose="a", clothing="loose")
    fitted = fit_body(truth.scan, model)
    errors = joint_errors_m(truth, fitted.names, fitted.joints)
    assert fitted.clothing == "loose"
    assert inside_cloth(truth, fitted, model)[0] > 0.99
    assert np.mean(list(errors.values())) < 0.02
    assert worst(fit_checks(fitted)) is not Grade.FAIL


def test_missing_feet_and_a_stand(model: BodyModel) -> None:
    without = make_truth(6, pose="a", feet=False)
    fitted = fit_body(without.scan, model)
    checks = {check.name: check for check in fit_checks(fitted)}
    assert not fitted.has_feet and checks["fit_feet"].grade is Grade.WARN
    assert worst(checks.values()) is Grade.WARN
    assert np.mean(list(joint_errors_m(without, fitted.names, fitted.joints).values())) < 0.02
    stand = make_truth(7, pose="relaxed", stand=True)
    fitted = fit_body(stand.scan, model)
    assert abs(fitted.floor_m) < 0.02
    assert np.mean(list(joint_errors_m(stand, fitted.names, fitted.joints).values())) < 0.015


def test_a_turned_or_broken_fit_is_never_good(relaxed: tuple[Truth, Fitted]) -> None:
    _, fitted = relaxed
    assert worst(fit_checks(fitted)) is not Grade.FAIL
    swapped = replace(fitted, cost=fitted.turned_cost, turned_cost=fitted.cost)
    off = np.where(fitted.part == 2, 0.05, fitted.distance_m)
    lost = replace(fitted, distance_m=off)
    nothing = replace(fitted, vertices=np.full_like(fitted.vertices, np.nan))
    for bad in (swapped, lost, nothing):
        assert worst(fit_checks(bad)) is Grade.FAIL


def test_a_thing_as_tall_as_a_person_is_no_person(model: BodyModel) -> None:
    around = np.linspace(0, 2 * np.pi, 65)[:-1]
    heights = np.linspace(0, 1.75, 80)
    # A vase: round, as high as a person.
    radius = 0.2 + 0.06 * np.sin(5 * heights)
    rings = [
        np.stack([r * np.cos(around), r * np.sin(around), 0 * around + z], axis=1)
        for r, z in zip(radius, heights, strict=True)
    ]
    grid = np.arange(64 * 80).reshape(80, 64)
    a, b, c, d = grid[:-1], np.roll(grid[:-1], -1, axis=1), np.roll(grid[1:], -1, axis=1), grid[1:]
    faces = np.concatenate([np.stack([x.ravel() for x in t], axis=1) for t in ((a, b, c), (a, c, d))])
    fitted = fit_body(Mesh(vertices=np.concatenate(rings), faces=faces), model)
    assert worst(fit_checks(fitted)) is Grade.FAIL


def test_clothing_that_is_not_known_is_refused(model: BodyModel) -> None:
    with pytest.raises(InputError, match="no clothing 'wet'"):
        fit_body(make_truth(2, seen_only=False).scan, model, clothing="wet")
