"""`scan3d evaluate TAKE`"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated

import typer

from scan3d.cli.options import Debug, Json, Take
from scan3d.cli.session import Outcome, Session, run

if TYPE_CHECKING:
    from scan3d.workflows.evaluate import Evaluation


def evaluate(
    take: Take,
    own_frame: Annotated[
        bool | None,
        typer.Option(
            "--own-frame/--same-frame",
            help="Whether the result lies in a frame of its own and is first moved onto the truth by its cameras. "
            "By default where `scan3d align` found them.",
            show_default=False,
        ),
    ] = None,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Compare a simulated take's results with its truth.

    Shape, colours on photographs that nobody was given, marks on the skin, cameras and body, as far as TAKE/truth
    knows them. Writes TAKE/results/evaluation.json.
    """

    def work(session: Session) -> Outcome:
        from scan3d.workflows.evaluate import as_json, evaluate_take

        done = evaluate_take(take, own_frame=own_frame, progress=session.progress)
        return Outcome(data={"evaluation": str(done.path), **as_json(done)}, lines=table(done))

    run(work, as_json=json, debug=debug)


def table(done: Evaluation) -> list[str]:
    parts = [_shape(done), _views(done), _marks(done), _cameras(done), _body(done)]
    lines = [line for part in parts if part for line in [*part, ""]]
    return [*lines, f"Evaluation: {done.path}"]


def _shape(done: Evaluation) -> list[str]:
    shape = done.shape
    lines = [f"Two cameras see {shape.truth_share:.0%} of the true surface.", "Shape               median       95 %"]
    for name, of in (("result to truth", shape.accuracy), ("truth to result", shape.completeness)):
        lines.append(f"{name}  {of.median_m * 1e3:6.3f} mm  {of.p95_m * 1e3:6.3f} mm")
    lines.append("within      accuracy  completeness      F")
    lines += [f"{at.tolerance_m * 1e3:5.2f} mm  {at.precision:9.1%}  {at.recall:12.1%}  {at.f:6.3f}" for at in shape.at]
    return lines


def _views(done: Evaluation) -> list[str]:
    from scan3d.workflows.evaluate import mean_view

    if done.views is None:
        return []
    if not done.views:
        return ["Held-out photographs: the results have no textured model to compare."]
    lines = ["Held-out photographs    PSNR    SSIM  CIEDE2000  sharpness  coverage"]
    rows = [(view.camera_id, vars(view)) for view in done.views]
    for name, of in [*rows, ("mean", mean_view(done.views))]:
        sharpness = "-" if math.isnan(of["sharpness"]) else f"{of['sharpness']:.2f}"
        lines.append(
            f"{name:<19} {of['psnr_db']:5.2f} dB  {of['ssim']:.4f}  {of['ciede2000']:9.2f}  {sharpness:>9}"
            f"  {of['coverage']:8.1%}"
        )
    return lines


def _marks(done: Evaluation) -> list[str]:
    from scan3d.workflows.evaluate import marks_by_kind

    if not done.marks:
        return []
    lines = ["Marks on the skin     all  seen  found        by chance"]
    for kind, of in marks_by_kind(done.marks).items():
        share = f"{of['found'] / of['seen']:.0%}" if of["seen"] else "-"
        chance = "-" if of["by_chance"] is None else f"{of['by_chance']:.1f}"
        lines.append(f"{kind:<18}  {of['marks']:5}  {of['seen']:4}  {of['found']:5} {share:>5}  {chance:>9}")
    return lines


def _cameras(done: Evaluation) -> list[str]:
    if not done.cameras:
        return []
    worst = max(done.cameras, key=lambda camera: camera.position_m)
    turned = max(done.cameras, key=lambda camera: camera.turn_rad)
    return [
        f"Cameras: the furthest from its true place is {worst.camera_id}, {worst.position_m * 1e3:.2f} mm; "
        f"the most turned {turned.camera_id}, {math.degrees(turned.turn_rad):.3f} degrees."
    ]


def _body(done: Evaluation) -> list[str]:
    if not done.body:
        return []
    lines = ["Body                 truth    result     error"]
    for number in done.body:
        error = number.result - number.truth
        lines.append(f"{number.name:<16}  {number.truth:8.3f}  {number.result:8.3f}  {error:+8.3f}")
    return lines
