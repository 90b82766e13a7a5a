"""What a fitted body is for: a face that is the person's, and other poses in which it is still them."""

from __future__ import annotations

import numpy as np
import pytest

from scan3d.body.detail import register_detail
from scan3d.body.fit import fit_body
from scan3d.body.fit.result import Fitted
from scan3d.body.library import open_model
from scan3d.body.model import BodyModel
from tests.body.fit.reposed import reposed
from tests.body.fit.scores import face_errors_m
from tests.body.fit.truth import Truth, make_truth

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def model() -> BodyModel:
    return open_model()


@pytest.fixture(scope="module")
def fitted(model: BodyModel) -> tuple[Truth, Fitted]:
    truth = make_truth(1000, person_seed=1000, pose="a", finer=True)
    return truth, fit_body(truth.scan, model)


def test_eyes_nose_lips_and_ears_lie_where_they_are(model: BodyModel, fitted: tuple[Truth, Fitted]) -> None:
    errors = face_errors_m(*fitted, model)
    assert len(errors) == 6
    assert np.mean(list(errors.values())) < 0.0025 and max(errors.values()) < 0.005


def test_noise_makes_no_faces(fitted: tuple[Truth, Fitted]) -> None:
    assert np.abs(fitted[1].parameters.expression).max() < 1


def test_a_body_fitted_in_one_pose_is_the_person_in_another(model: BodyModel, fitted: tuple[Truth, Fitted]) -> None:
    truth, found = fitted
    detail = register_detail(found.scan, model, found.parameters, level=1)
    for pose in ("walk", "t"):
        off_m = reposed(truth, found, model, detail, pose).off_m
        assert len(off_m) > 5000
        assert off_m.mean() < 0.003 and (off_m < 0.006).mean() > 0.95
