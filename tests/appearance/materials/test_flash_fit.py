"""A flash on the camera: its place, its strength and the room's light come out of the photographs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from scan3d.appearance.materials.flash_fit import FlashSamples, fit_flash, start
from tests.appearance.materials.flash_scene import (
    F0,
    FLASH_M,
    RADIUS_M,
    ROOM,
    ROUGHNESS,
    Shot,
    paint,
    shots,
    shown,
)


def samples(made: list[Shot], *, points: int = 250) -> FlashSamples:
    rng = np.random.default_rng(3)
    normal = rng.normal(size=(points, 3))
    normal /= np.linalg.norm(normal, axis=1)[:, None]
    rows = []
    for number, shot in enumerate(made):
        eye = shot.camera.centre - RADIUS_M * normal
        cosine = (normal * eye).sum(1) / np.linalg.norm(eye, axis=1)
        seen = np.flatnonzero(cosine > 0.3)
        px, _ = shot.camera.project(RADIUS_M * normal[seen])
        far = ((px - shot.camera.intrinsics.cx) ** 2).sum(1) / (2 * shot.camera.intrinsics.cx**2)
        rows.append((seen, np.full(len(seen), number), shown(normal[seen], shot), cosine[seen], far))
    point, view, value, weight, far = (np.concatenate(column) for column in zip(*rows, strict=True))
    return FlashSamples(
        position=RADIUS_M * normal, normal=normal, point=point, view=view, value=value, weight=weight,
        lit=np.ones(len(point)), radius2=far, thrown=np.zeros(len(point)),
        centre=np.stack([shot.camera.centre for shot in made]),
        turn=np.stack([shot.camera.cam_from_world.rotation for shot in made]),
    )  # fmt: skip


def test_the_flash_is_found_where_it_sits_and_as_strong_as_it_was() -> None:
    made = shots(14)
    seen = samples(made)
    fit = start(seen, (0.0, -0.05, 0.0))
    for _ in range(4):
        fit = fit_flash(seen, fit, known_place=False, lens=False)
    # The whole's brightness is nobody's to know: as bright as the paint is.
    truth = paint(seen.normal).mean(axis=1)
    fit = fit.times(float(np.median(truth / fit.albedo)))
    # Nearer to the subject is almost the same as stronger.
    assert (np.abs(fit.place_m - FLASH_M) < (0.004, 0.004, 0.02)).all()
    ratio = fit.gain / np.stack([shot.gain for shot in made])
    assert np.abs(ratio / ratio.mean(axis=0) - 1).max() < 0.03  # nor is its colour as a whole
    assert np.abs(fit.albedo / truth - 1).max() < 0.05
    assert np.abs(fit.ambient - ROOM).max() < 0.008
    assert fit.roughness == pytest.approx(ROUGHNESS, abs=0.02)
    assert fit.specular == pytest.approx(F0, rel=0.1)
    assert fit.residual < 0.01


def test_a_known_place_is_kept_and_what_is_no_part_of_the_model_counts_little() -> None:
    made = shots(14)
    seen = samples(made)
    rng = np.random.default_rng(5)
    wrong = rng.random(len(seen.view)) < 0.05
    seen = replace(seen, value=np.where(wrong[:, None], 0.3 * seen.value, seen.value))
    fit = fit_flash(seen, start(seen, tuple(FLASH_M)), known_place=True)
    assert np.array_equal(fit.place_m, FLASH_M)
    truth = paint(seen.normal).mean(axis=1)
    off = np.log(fit.albedo / truth)
    assert np.percentile(np.abs(off - np.median(off)), 90) < 0.05
