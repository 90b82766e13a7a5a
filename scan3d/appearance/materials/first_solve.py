"""The solve on a thousandth of the surface, all views at once: what the cameras make of light, patches of gloss.

Everything that many points must agree on comes from here: exposures, the lens' shading, light thrown back by the skin
itself, roughness by patch. The texels that follow are each solved alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from scan3d.appearance.materials.agreement import Agreement, agree
from scan3d.appearance.materials.gloss_fit import NODES, GlossFit, GlossSums, fit_gloss
from scan3d.appearance.materials.light_points import LightPoints
from scan3d.appearance.materials.lighting import Diffuse, Lighting, Lobe, grey_of
from scan3d.appearance.materials.observations import Lamp, LitView, Sight, Watched, grey_light, picked, radius2
from scan3d.appearance.materials.regions import Patches, make_patches
from scan3d.appearance.materials.surface import Points, Surface, at_vertices, spread_by_area
from scan3d.appearance.materials.transport import Transport
from scan3d.pipeline.executor import run_units
from scan3d.pipeline.progress import Progress

TABLE_BYTES = 600 << 20  # of the samples
_MOST = 40_000
_ROUNDS = 3
_PATCH_M = 0.015


@dataclass(frozen=True, kw_only=True, eq=False)
class FirstSolve:
    """What all texels share.

    lighting: the light on the surface. agreement: of the cameras. guess: (V, L, 3) diffuse radiance of the vertices.
    fit, patches: gloss by patch, None where no photograph shows gloss. roughness, specular: (V,) of the vertices.
    """

    lighting: Lighting
    agreement: Agreement
    guess: np.ndarray
    fit: GlossFit | None
    patches: Patches | None
    roughness: np.ndarray
    specular: np.ndarray


@dataclass(frozen=True, kw_only=True, eq=False)
class _Table:
    """Samples of all views: value (V, S, L, 3) diffuse or all light, gloss (V, S, L), sights of the views."""

    value: np.ndarray
    gloss: np.ndarray
    sights: tuple[Sight, ...]
    radius2: np.ndarray

    @property
    def share(self) -> np.ndarray:
        return np.stack([sight.share for sight in self.sights])


def first_solve(
    surface: Surface, lights: LightPoints, lamps: Sequence[Lamp], views: Sequence[LitView], transport: Transport, *,
    lens: bool = True, table_bytes: int = TABLE_BYTES, progress: Progress, workers: int | None = None,
) -> FirstSolve:  # fmt: skip
    """Solve a sample of the surface's vertices. lens: False where the photographs' shading was corrected before."""
    points = at_vertices(surface, spread_by_area(surface, min(_MOST, table_bytes // (16 * len(views) * len(lamps)))))
    table = _sampled(surface, points, lights, lamps, views, progress, workers)
    agreement = agree(table.value, table.share, table.radius2, lens=lens)
    for number in range(len(views)):
        factor = agreement.factor(number, table.radius2[number])
        table.value[number] *= factor[:, None]
        table.gloss[number] *= grey_of(factor)[:, None]
    lighting = Lighting(
        lights=lights, seen=transport.seen, thrown=np.zeros((*transport.direct.shape, 3), np.float32), workers=workers
    )
    plain = not all(lamp.polarised for lamp in lamps)
    patches: Patches | None = None
    fit: GlossFit | None = None
    lobe: Lobe | None = None
    made: Diffuse | None = None
    for turn in range(_ROUNDS):
        value, weight = _means(table, points, lighting, lobe, made, lamps)
        made = lighting.diffuse(points, value, weight)
        albedo = _spread(surface, points, made)
        lighting = replace(lighting, thrown=transport.thrown_back(albedo, lights.colour))
        if any(lamp.shows_gloss for lamp in lamps) and (plain or turn == _ROUNDS - 1):
            patches, fit = _fitted(surface, points, table, lighting, made, lamps)
            roughness, specular = _of_vertices(surface, patches, fit)
            lobe = Lobe(
                roughness=roughness[points.index], gain=specular[points.index],
                second_roughness=fit.second_roughness, second_share=fit.second_share, leak=fit.leak,
            )  # fmt: skip
    light = transport.direct[:, :, None] * lights.colour[None] + lighting.thrown
    nothing = np.zeros(len(surface.mesh.vertices), np.float32)
    return FirstSolve(
        lighting=lighting,
        agreement=agreement,
        guess=(albedo[:, None] * light).astype(np.float32),
        fit=fit,
        patches=patches,
        roughness=roughness if fit else nothing,
        specular=specular if fit else nothing,
    )


def _sampled(
    surface: Surface, points: Points, lights: LightPoints, lamps: Sequence[Lamp], views: Sequence[LitView],
    progress: Progress, workers: int | None,
) -> _Table:  # fmt: skip
    shape = (len(views), len(points), len(lamps))
    value, gloss = np.zeros((*shape, 3), np.float32), np.zeros(shape, np.float32)
    far = np.zeros(shape[:2], np.float32)
    with progress.task("samples", len(views)) as task:

        def look(number: int) -> Sight:
            view = views[number]
            sight = Watched(surface.mesh, view).sight(points.position, points.normal)
            far[number] = radius2(sight, view.camera)
            for k, lamp in enumerate(lamps):
                value[number, :, k], gloss[number, :, k] = _seen_light(view, lamp, sight, lights.colour[k])
            task.advance()
            return sight

        sights = run_units(look, range(len(views)), workers=workers)
    return _Table(value=value, gloss=gloss, sights=tuple(sights), radius2=far)


def _seen_light(view: LitView, lamp: Lamp, sight: Sight, colour: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Diffuse light (N, 3) that a view shows of its points under a lamp, and gloss (N,), grey; without polarisers all
    light, and no gloss."""
    if lamp.plain is not None:
        return picked(view.load(lamp.plain), sight), np.zeros(len(sight.share), np.float32)
    assert lamp.cross is not None
    cross = picked(view.load(lamp.cross), sight)
    if lamp.parallel is None:
        return 2 * cross, np.zeros(len(sight.share), np.float32)
    parallel = picked(view.load(lamp.parallel), sight)
    return 2 * cross, grey_light(parallel, cross, colour, sight)


def _means(
    table: _Table, points: Points, lighting: Lighting, lobe: Lobe | None, made: Diffuse | None, lamps: Sequence[Lamp]
) -> tuple[np.ndarray, np.ndarray]:
    """Diffuse radiance (S, L, 3) over all views and its weight (S, L), by reweighted means.

    Without polarisers gloss is taken off as far as it is known; before that, what is brighter than the rest counts
    little.
    """
    share = table.share[:, :, None] * np.ones(len(lamps), np.float32)
    value = table.value
    plain = np.array([lamp.plain is not None for lamp in lamps])
    if lobe is not None and made is not None and plain.any():
        value = value.copy()
        for number, sight in enumerate(table.sights):
            for k in np.flatnonzero(plain):
                shine = lighting.gloss(points, made.normal, sight, int(k), lobe)
                value[number, :, k] -= shine[:, None] * lighting.lights.colour[k]
    grey = value.mean(axis=3)
    low = _quantile(grey, share > 0, 0.3 if lobe is None and plain.any() else 0.5)
    above = 0.06 if lobe is None and plain.any() else 0.2
    for _ in range(4):
        off = (grey - low) / (low + 0.02 * low.max() + 1e-9)
        robust = share / (1 + (off / np.where(off > 0, above, 0.2)) ** 2) ** 2
        total = robust.sum(axis=0)
        low = (robust * grey).sum(axis=0) / np.maximum(total, 1e-9)
    mean = (robust[..., None] * value).sum(axis=0) / np.maximum(total, 1e-9)[..., None]
    return mean.astype(np.float32), np.where(total > 1e-3, total, 0).astype(np.float32)


def _quantile(values: np.ndarray, known: np.ndarray, share: float) -> np.ndarray:
    """(S, L) of values (V, S, L) over the views that know each, 0 where none does."""
    ordered = np.sort(np.where(known, values, np.inf), axis=0)
    rank = np.floor(share * np.maximum(known.sum(axis=0) - 1, 0)).astype(np.int64)
    found = np.take_along_axis(ordered, rank[None], axis=0)[0]
    return np.where(np.isfinite(found), found, 0.0)


def _spread(surface: Surface, points: Points, made: Diffuse) -> np.ndarray:
    """(V, 3) albedo of all vertices from the nearest that were solved; of what nobody saw, the mean."""
    from scipy.spatial import KDTree

    good = (made.trusted > 0.05) & (made.albedo.max(axis=1) < 1.2)
    if not good.any():
        return np.full((len(surface.mesh.vertices), 3), 0.3, np.float32)
    away, near = KDTree(points.position[good]).query(surface.mesh.vertices, 3)
    weight = 1 / (away + 1e-4)
    albedo = (weight[..., None] * made.albedo[good][near]).sum(axis=1) / weight.sum(axis=1)[:, None]
    unseen = away[:, 0] > 0.03
    albedo[unseen] = np.median(made.albedo[good], axis=0)
    return np.asarray(np.clip(albedo, 0, 0.95), np.float32)


def _fitted(
    surface: Surface, points: Points, table: _Table, lighting: Lighting, made: Diffuse, lamps: Sequence[Lamp]
) -> tuple[Patches, GlossFit]:
    """Patches of the sampled vertices, and the two lobes of each."""
    good = np.flatnonzero(made.trusted > 0.05)
    vertices, normals = surface.mesh.vertices, surface.normals
    patches = make_patches(vertices, normals, surface.label, points.index[good], width_m=_PATCH_M)
    cell = np.ascontiguousarray(patches.cell[points.index])
    shown = lighting.shown(points, made)
    squares = NODES**4

    def work(number: int) -> GlossSums:
        sums = GlossSums.zeros(len(patches.centre))
        for k, lamp in enumerate(lamps):
            if not lamp.shows_gloss:
                continue
            value = table.gloss[number, :, k]
            if lamp.plain is not None:
                light = table.value[number, :, k]
                value = grey_light(light, shown[:, k], lighting.lights.colour[k], table.sights[number])
            lighting.pool_gloss(
                points, made, cell, table.sights[number], np.ascontiguousarray(value), k, squares,
                (sums.normal, sums.right, sums.square),
            )  # fmt: skip
        return sums

    parts = run_units(work, range(len(table.sights)), workers=lighting.workers)
    total = GlossSums(
        normal=sum((part.normal for part in parts), np.zeros(())),
        right=sum((part.right for part in parts), np.zeros(())),
        square=sum((part.square for part in parts), np.zeros(())),
    )
    return patches, fit_by_kind(total.mixed(patches.blend()), patches.label)


def fit_by_kind(sums: GlossSums, label: np.ndarray) -> GlossFit:
    """Two lobes for the skin (label 0), one for every other kind of surface."""
    skin = fit_gloss(sums.only(label == 0))
    roughness, specular, explained = skin.roughness.copy(), skin.specular.copy(), skin.explained.copy()
    for kind in np.unique(label[label > 0]):
        of = label == kind
        own = fit_gloss(sums.only(of), two_lobes=False)
        roughness[of], specular[of], explained[of] = own.roughness[of], own.specular[of], own.explained[of]
    return replace(skin, roughness=roughness, specular=specular, explained=explained)


def _of_vertices(surface: Surface, patches: Patches, fit: GlossFit) -> tuple[np.ndarray, np.ndarray]:
    """(V,) roughness and specular of the vertices."""
    both = [patches.spread(values, surface.mesh.vertices, surface.label) for values in (fit.roughness, fit.specular)]
    return both[0], both[1]
