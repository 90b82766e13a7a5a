"""From numbers to a verdict in plain words: is the capture good, and if not, which camera and what to do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from scan3d.report.data import CameraNumbers, ReportData

GRADES = ("good", "look", "bad")


@dataclass(frozen=True, kw_only=True)
class Finding:
    """Something that asks for attention.

    grade      "look" or "bad".
    camera_id  the camera it concerns; empty when it concerns the whole.
    measure    name of the field of CameraNumbers or ReportData that shows it.
    what       the observation, next_step what to do about it: plain sentences.
    """

    grade: str
    camera_id: str
    measure: str
    what: str
    next_step: str


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """grade: "good", "look" or "bad"; headline: a sentence; findings: the worst first."""

    grade: str
    headline: str
    findings: tuple[Finding, ...]

    def of(self, camera_id: str) -> str:
        """The worst grade among a camera's findings."""
        return _worst([finding.grade for finding in self.findings if finding.camera_id == camera_id])


def judge(data: ReportData) -> Verdict:
    """Compares every number with its threshold and every camera with the others of its rig."""
    limit = limits(data)
    of_cameras = [finding for camera in data.cameras for finding in _camera_findings(camera, data, limit)]
    of_whole = [*_surface_findings(data)]
    findings = sorted([*of_whole, *of_cameras], key=lambda finding: -GRADES.index(finding.grade))
    bad_cameras = {finding.camera_id for finding in of_cameras if finding.grade == "bad"}
    grade = _worst([finding.grade for finding in of_whole])
    if findings and grade == "good":
        grade = "look"
    # One bad camera of many is outvoted by the others; several are not.
    if len(bad_cameras) >= max(2, 0.15 * len(data.cameras)):
        grade = "bad"
    headline = _headline(grade, [finding.camera_id for finding in findings if finding.camera_id])
    return Verdict(grade=grade, headline=headline, findings=tuple(findings))


def limits(data: ReportData) -> dict[str, float]:
    """For each measure of a camera the value from which on it is flagged, as its bars are drawn against."""
    t = data.thresholds
    found = {"shift_px": t.shift_look_px, "exposure_ev": t.exposure_look_ev}
    found["photometric_levels"] = t.photometric_look_levels
    for measure in ("shift_px", "photometric_levels"):
        middle, spread = _usual([getattr(camera, measure) for camera in data.cameras])
        found[measure] = max(found[measure], middle + t.outlier * spread)
    found["shift_px"] = min(found["shift_px"], t.shift_bad_px)
    middle, _ = _usual([camera.depth_confirmed for camera in data.cameras])
    found["depth_confirmed"] = t.depth_look * middle
    # Sharpness is a ratio of powers and differs by factors between a subject's sides: compared as logarithms.
    known = [camera.sharpness for camera in data.cameras if camera.sharpness is not None]
    middle, spread = _usual([float(np.log(max(sharpness, 1e-6))) for sharpness in known])
    share = min(t.sharpness_look, float(np.exp(-t.outlier * spread)))
    found["sharpness"] = share * float(np.exp(middle)) if known else 0.0
    return found


def _camera_findings(camera: CameraNumbers, data: ReportData, limit: dict[str, float]) -> Iterator[Finding]:
    t, name = data.thresholds, camera.camera_id
    shift, exposure, levels = camera.shift_px, camera.exposure_ev, camera.photometric_levels
    if shift is not None and shift > limit["shift_px"]:
        grade = "bad" if shift > t.shift_bad_px else "look"
        what = f"{name} shows the subject {shift:.1f} px away from where the other cameras see it."
        step = "Check that it sits tight and that its file is its own; then calibrate the rig again."
        yield _finding(grade, name, "shift_px", what, step)
    if exposure is not None and abs(exposure) > limit["exposure_ev"]:
        grade = "bad" if abs(exposure) > t.exposure_bad_ev else "look"
        what = f"{name} is {abs(exposure):.1f} stops {'brighter' if exposure > 0 else 'darker'} than the others."
        step = "Check its aperture, shutter and ISO, and that the flash fired for it."
        yield _finding(grade, name, "exposure_ev", what, step)
    if levels is not None and levels > limit["photometric_levels"]:
        what = f"{name} differs from the model by {levels:.0f} levels of 255, more than the other cameras."
        step = "Open its photograph: look for motion, a lamp in view, a reflection, or a dirty lens."
        yield _finding("look", name, "photometric_levels", what, step)
    if camera.sharpness is not None and camera.sharpness < limit["sharpness"]:
        usual, _ = _usual([other.sharpness for other in data.cameras])
        part = max(camera.sharpness / usual, 0.01)
        what = f"{name} is soft: its detail has at most {part:.0%} of the power usual in this rig."
        step = "Focus it again and lock the focus; check its aperture, and that the subject stood still."
        yield _finding("look", name, "sharpness", what, step)
    if camera.depth_confirmed is not None and camera.depth_confirmed < limit["depth_confirmed"]:
        usual, _ = _usual([other.depth_confirmed for other in data.cameras])
        grade = "bad" if camera.depth_confirmed < t.depth_bad * usual else "look"
        share = f"{camera.depth_confirmed:.0%} of the depth of {name}; {usual:.0%} is usual in this take"
        step = "Check its focus, that it was triggered with the others, and its calibration."
        yield _finding(grade, name, "depth_confirmed", f"The other cameras confirm only {share}.", step)
    if camera.surface_seen is not None and camera.surface_seen < t.seen_look:
        what = f"{name} sees next to nothing of the subject."
        yield _finding("look", name, "surface_seen", what, "Aim it again, then calibrate.")
    if camera.mask_overlap is not None and camera.mask_overlap < t.mask_overlap_look:
        what = f"The mask of {name} leaves out {1 - camera.mask_overlap:.0%} of the subject."
        step = "See it under Masks; correct the mask, or photograph the empty backdrop as a clean plate."
        yield _finding("look", name, "mask_overlap", what, step)


def _surface_findings(data: ReportData) -> Iterator[Finding]:
    t = data.thresholds
    uncovered = 0.0 if data.coverage is None else data.coverage.below(t.needed_cameras)
    if uncovered > t.uncovered_look:
        grade = "bad" if uncovered > t.uncovered_bad else "look"
        what = f"Fewer than {t.needed_cameras} cameras see {uncovered:.0%} of the surface; it was closed there."
        step = "Coverage shows where. Turn or add a camera, unless it is the ground or beyond the pictures."
        yield _finding(grade, "", "coverage", what, step)
    unsure = 0.0 if data.confidence is None else data.confidence.below(t.low_confidence)
    if unsure > t.unsure_look:
        grade = "bad" if unsure > t.unsure_bad else "look"
        what = f"The surface is uncertain (confidence below {t.low_confidence:g}) on {unsure:.0%} of its area."
        step = "Confidence shows where: often gloss, hair, motion, or too few cameras."
        yield _finding(grade, "", "confidence", what, step)
    if data.mesh.pieces > 1:
        what = f"The surface is in {data.mesh.pieces} pieces."
        step = "Look at the preview: a piece beside the subject is often a stand that the masks let in."
        yield _finding("look", "", "mesh", what, step)


def _finding(grade: str, camera_id: str, measure: str, what: str, next_step: str) -> Finding:
    return Finding(grade=grade, camera_id=camera_id, measure=measure, what=what, next_step=next_step)


def _usual(values: Sequence[float | None]) -> tuple[float, float]:
    """Median and robust standard deviation of what was measured."""
    known = np.array([value for value in values if value is not None and np.isfinite(value)])
    if len(known) == 0:
        return 0.0, 0.0
    middle = float(np.median(known))
    return middle, 1.4826 * float(np.median(np.abs(known - middle)))


def _worst(grades: Sequence[str]) -> str:
    return max(grades, key=GRADES.index, default="good")


def _headline(grade: str, cameras: Sequence[str]) -> str:
    names = list(dict.fromkeys(cameras))
    listed = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
    if grade == "good":
        return "The capture is good."
    if grade == "look":
        return f"Usable. Look at {listed}." if names else "Usable, with parts to look at."
    return f"Not good. Look at {listed} and repeat the shot." if names else "Not good. Repeat the shot."
