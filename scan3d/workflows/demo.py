"""`scan3d demo`: somebody is photographed in the virtual studio and goes through the whole program, to be looked at."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from scan3d.pipeline.progress import Progress
from scan3d.workflows.evaluate import Evaluation, evaluate_take
from scan3d.workflows.export import Exported, ExportOptions, export_take
from scan3d.workflows.fit import BodyFit, fit_take
from scan3d.workflows.reconstruct import Reconstruction, reconstruct_take
from scan3d.workflows.render import Rendered, RenderOptions, render_take
from scan3d.workflows.render_subject import avatar_figure
from scan3d.workflows.simulate import SimulateOptions, estimate_seconds, simulate_take

SUBJECT = 2
# Beyond this, photographs are made smaller: a demo is watched.
_PATIENCE_S = 11 * 60.0
_SCALES = (1.0, 0.75, 0.5)
_RECONSTRUCT_CPU_S_PER_MPX, _EVALUATE_S = 3.0, 40.0
# The open body is built once on a machine; then the fit, the detail and its maps, and the avatar.
_BODY_CPU_S, _FIT_S, _POSE = 55.0, 130.0, "contrapposto"
_LOOKS, _LOOK_S = ("three_point", "rembrandt"), 8.0


@dataclass(frozen=True, kw_only=True)
class Demo:
    """The take, and what came of it."""

    take: Path
    reconstruction: Reconstruction
    evaluation: Evaluation
    fit: BodyFit
    avatar: Exported
    pictures: tuple[Rendered, ...]


def plan_demo(subject: int = SUBJECT, *, workers: int | None = None) -> tuple[SimulateOptions, float]:
    """What is simulated, as large as patience allows on so many cores, and about how many seconds all will take."""
    for scale in _SCALES:
        options = SimulateOptions(rig="demo_16", subject=subject, scale=scale)
        reconstruct_s = 0.6 * _RECONSTRUCT_CPU_S_PER_MPX * 31 * scale**2 + 20
        total_s = estimate_seconds(options, workers=workers) + reconstruct_s + _EVALUATE_S + _BODY_CPU_S + _FIT_S
        total_s += _LOOK_S * len(_LOOKS)
        if total_s <= _PATIENCE_S:
            break
    return options, total_s


def run_demo(out: Path, options: SimulateOptions, *, progress: Progress, workers: int | None = None) -> Demo:
    """Simulate, reconstruct, fit, export, render and evaluate in OUT; what is finished already is not done again.

    Raises a Scan3dError where OUT holds anything else.
    """
    simulated = simulate_take(out, options, progress=progress, workers=workers)
    reconstruction = reconstruct_take(simulated.take, quality="standard", progress=progress, workers=workers)
    fit = fit_take(simulated.take, progress=progress)
    avatar = export_take(simulated.take, ExportOptions(pose=_POSE), progress=progress)
    looks = [RenderOptions(pose=_POSE, look=look) for look in _LOOKS]
    figure = avatar_figure(simulated.take, _POSE)
    pictures = tuple(render_take(simulated.take, look, progress=progress, figure=figure) for look in looks)
    evaluation = evaluate_take(simulated.take, progress=progress)
    return Demo(
        take=simulated.take,
        reconstruction=reconstruction,
        evaluation=evaluation,
        fit=fit,
        avatar=avatar,
        pictures=pictures,
    )
