"""What there is to say about a take's colours, each with what to do next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from scan3d.checks import Check, Grade
from scan3d.workflows.colour_charts import ChartResult
from scan3d.workflows.colour_overlaps import OverlapAgreement

GOOD, BAD = 2.0, 4.0  # mean held-out CIEDE2000
_TONE = 0.06  # exponent away from 1
_UNEVEN_PERCENT = 25.0
_STRAY_PERCENT = 1.0
_FACTOR = 0.06
_FEW_POINTS = 300


def verdicts(
    results: Sequence[ChartResult], borrowed: Mapping[str, str], overlaps: OverlapAgreement | None, *, can_agree: bool
) -> list[Check]:
    """Checks of all charts and of the cameras' agreement."""
    checks = [check for result in results for check in _of_chart(result)]
    for name, owner in borrowed.items():
        what = f"It has no chart that can be used for {name}; the correction of {owner} stands in."
        checks.append(Check(name="chart_borrowed", grade=Grade.WARN, what=what, camera_id=name.split("/")[0],
                            next_step="Photograph the chart with this camera, too."))  # fmt: skip
    if overlaps is not None:
        checks += _of_overlaps(overlaps)
    elif not can_agree:
        what = "Cameras were not compared on the subject: there is no scan yet."
        next_step = "Run `scan3d reconstruct`, then this again."
        checks.append(Check(name="overlaps", grade=Grade.WARN, what=what, next_step=next_step))
    return checks


def _of_chart(result: ChartResult) -> list[Check]:
    camera_id, state = result.shot.camera_id, result.shot.state
    under = f" ({state})" if state else ""
    if result.problem is not None or result.figures is None:
        what, step = ("", "") if result.problem is None else (result.problem.what, result.problem.next_step)
        return [Check(name="chart", grade=Grade.FAIL, what=what + under, next_step=step, camera_id=camera_id)]
    figures = result.figures
    mean, worst = float(figures["mean"]), float(figures["worst"])
    grade = Grade.PASS if mean <= GOOD else Grade.WARN if mean <= BAD else Grade.FAIL
    what = f"Patches that were left out come back within CIEDE2000 {mean:.2f} on average{under}, {worst:.1f} at worst."
    step = "" if grade is Grade.PASS else "Look at its chart: glare, shadow, another chart than named, a JPEG style?"
    checks = [
        Check(name="held_out_patches", grade=grade, what=what, next_step=step, camera_id=camera_id, value=mean,
              limit=GOOD if grade is not Grade.FAIL else BAD)
    ]  # fmt: skip
    tone = figures["tone"]
    if tone is not None and abs(tone - 1) > _TONE:
        what = f"Its greys follow the true ones with an exponent of {tone:.2f}{under}: the values are not linear light."
        step = "Use RAW, or turn off the camera's picture style and contrast; set linear in take.toml for linear TIFF."
        checks.append(Check(name="tone", grade=Grade.WARN, what=what, next_step=step, camera_id=camera_id, value=tone))
    uneven = float(figures["uneven_percent"])
    if uneven > _UNEVEN_PERCENT:
        what = (
            f"The chart is lit unevenly{under}: {uneven:.0f} % from one side to the other. It was taken into account."
        )
        checks.append(Check(name="chart_light", grade=Grade.WARN, what=what, camera_id=camera_id, value=uneven,
                            unit="%", limit=_UNEVEN_PERCENT, next_step="Hold it where the light is even."))  # fmt: skip
    stray = float(figures["stray_percent"])
    if stray > _STRAY_PERCENT:
        what = f"Stray light lies over the chart{under}: {stray:.1f} % of its white. It was taken into account there."
        step = "Shade the lens from lamps and bright surfaces: the same light lies over the subject."
        checks.append(Check(name="stray_light", grade=Grade.WARN, what=what, next_step=step, camera_id=camera_id,
                            value=stray, unit="%", limit=_STRAY_PERCENT))  # fmt: skip
    return checks


def _of_overlaps(overlaps: OverlapAgreement) -> list[Check]:
    a, checks = overlaps.agreement, []
    what = (
        f"Cameras differ by {100 * a.after:.1f} % at the same point of the subject, {100 * a.before:.1f} % before "
        f"(CIEDE2000 {overlaps.ciede2000_after:.2f}, {overlaps.ciede2000_before:.2f} before)."
    )
    checks.append(Check(name="agreement", grade=Grade.PASS, what=what, value=100 * a.after, unit="%"))
    for k, camera_id in enumerate(overlaps.camera_ids):
        if a.shared[k] < _FEW_POINTS:
            what = f"It shares only {a.shared[k]} points of the subject with others: it was brought to agree by few."
            checks.append(Check(name="shared_points", grade=Grade.WARN, what=what, camera_id=camera_id))
        elif abs(a.factors[k] - 1).max() > _FACTOR:
            r, g, b = a.factors[k]
            than = f"{100 * abs(1 / g - 1):.0f} % {'darker' if g > 1 else 'brighter'} than"
            what = f"It was {than} the rig's mean (factors {r:.3f}, {g:.3f}, {b:.3f}); that was set right."
            step = "Check its aperture, exposure and white balance."
            checks.append(Check(name="factor", grade=Grade.WARN, what=what, next_step=step, camera_id=camera_id))
    return checks
