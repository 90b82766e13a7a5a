"""Structure from motion as seen from outside: jobs for the worker process, and what comes back.

pycolmap is never imported here; see `sfm_worker` for why.
"""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from scan3d import errors
from scan3d.calibration.colmap_format import CameraRow
from scan3d.calibration.colmap_lens import intrinsics_of_row
from scan3d.calibration.colmap_model import SparsePoints
from scan3d.geometry import Camera, Rig, Rigid3
from scan3d.pipeline.progress import Progress, Task

_POLL_S = 0.2
_PACKAGE_PARENT = Path(__file__).resolve().parents[2]  # the package need not be installed


@dataclass(frozen=True, kw_only=True)
class SfmModel:
    """Aligned cameras in a frame of arbitrary origin, turn and scale.

    rig: the registered cameras. points: sparse points. residuals: per camera observations, mean_px,
    median_px.
    verified_pairs: per photograph, registered or not, how many others it was verified to overlap with.
    report: what the mapping says of itself (lens model, mean_px, observations, ...).
    """

    rig: Rig
    points: SparsePoints
    residuals: Mapping[str, Mapping[str, float]]
    verified_pairs: Mapping[str, int]
    report: Mapping[str, Any]


def match_features(
    features: Mapping[str, Path],
    out: Path,
    *,
    neighbours: int,
    every_pair_of: Sequence[str] = (),
    known: Path | None = None,
    workers: int,
    progress: Progress,
) -> None:
    """Match photographs' features in a worker process and write the matches to `out` (.npz, see `sfm_worker`)."""
    job = {
        "kind": "match",
        "features": {name: str(path) for name, path in features.items()},
        "neighbours": neighbours,
        "every_pair_of": list(every_pair_of),
        "known": str(known) if known else None,
        "workers": workers,
        "out": str(out),
    }
    _run(job, out.with_suffix(".job"), progress)


def map_features(
    features: Mapping[str, Path],
    matches: Path,
    out: Path,
    *,
    groups: Mapping[str, str],
    focal_px: Mapping[str, float | None],
    mapper: str,
    workers: int,
    progress: Progress,
) -> None:
    """Map matched photographs in a worker process; `out` receives model.json and points.npz.

    groups: photographs of one group share their intrinsics. focal_px: per group, None where it is not known.
    mapper: "incremental" or "global".
    Raises ReconstructionError where no photographs can be aligned with each other.
    """
    out.mkdir(parents=True, exist_ok=True)
    job = {
        "kind": "map",
        "features": {name: str(path) for name, path in features.items()},
        "matches": str(matches),
        "groups": dict(groups),
        "focal_px": dict(focal_px),
        "mapper": mapper,
        "workers": workers,
        "out": str(out),
    }
    _run(job, out / "job.json", progress)


def read_model(folder: Path) -> SfmModel:
    """What `map_features` wrote."""
    table = json.loads((folder / "model.json").read_text())
    rows = [
        (group, CameraRow(0, c["model"], c["width"], c["height"], tuple(c["params"]), f"lens {group}"))
        for group, c in table["cameras"].items()
    ]
    lenses = {group: intrinsics_of_row(row) for group, row in rows}
    cameras = tuple(
        Camera(
            camera_id=name,
            intrinsics=lenses[image["group"]],
            cam_from_world=Rigid3.from_quaternion(image["quaternion_wxyz"], image["translation"]),
        )
        for name, image in sorted(table["images"].items())
    )
    with np.load(folder / "points.npz", allow_pickle=False) as data:
        points = SparsePoints(
            xyz=data["xyz"],
            rgb=np.full((len(data["xyz"]), 3), 128, np.uint8),
            error_px=data["error_px"],
            views=tuple(tuple(str(v).split("/")) for v in data["views"]),
        )
    keys = ("observations", "mean_px", "median_px")
    return SfmModel(
        rig=Rig(cameras=cameras, scale_is_metric=False, source=f"pycolmap {table['pycolmap']}"),
        points=points,
        residuals={name: {key: image[key] for key in keys} for name, image in sorted(table["images"].items())},
        verified_pairs=table["verified_pairs"],
        report={k: v for k, v in table.items() if k not in ("cameras", "images", "verified_pairs")},
    )


def _run(job: dict[str, Any], job_file: Path, progress: Progress) -> None:
    """Run one job in a worker process, passing on its progress; ends it when the user stops."""
    job_file.write_text(json.dumps(job))
    log = job_file.with_suffix(".log")
    # Threads are ours to share out: a matrix product in each of them must not start more of its own.
    environment = {
        **os.environ,
        "OPENBLAS_NUM_THREADS": "1",
        "OMP_NUM_THREADS": str(job["workers"]),
        "PYTHONPATH": os.pathsep.join([str(_PACKAGE_PARENT), os.environ.get("PYTHONPATH", "")]),
    }
    command = [sys.executable, "-m", "scan3d.calibration.sfm_worker", str(job_file)]
    with log.open("wb") as noise:
        # A session of its own: Ctrl-C reaches this process only, which then ends the worker.
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=noise, text=True, env=environment, start_new_session=True
        )
        try:
            said = _follow(process, progress)
            code = process.wait()
        finally:
            _end(process)
    if said is not None:
        raise said
    if code != 0:
        raise _died(code, log)
    for left in (log, job_file):
        left.unlink()


def _follow(process: subprocess.Popen[str], progress: Progress) -> errors.Scan3dError | None:
    """Read the worker's lines until it closes them; returns the error it reported, if any."""
    lines: queue.Queue[str | None] = queue.Queue()
    threading.Thread(target=_pump, args=(process, lines), daemon=True).start()
    said = None
    with ExitStack() as open_task:
        task: Task = open_task.enter_context(progress.task("starting pycolmap", 1))
        while True:
            try:
                line = lines.get(timeout=_POLL_S)
            except queue.Empty:
                task.check()
                continue
            if line is None:
                return said
            message = json.loads(line)
            if "task" in message:
                open_task.close()
                task = open_task.enter_context(progress.task(message["task"], message["total"]))
            elif "error" in message:
                said = errors.ReconstructionError(message["error"], message["where"], message["next"])
            else:
                task.advance(message.get("advance", 0))


def _pump(process: subprocess.Popen[str], lines: queue.Queue[str | None]) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("{"):
            lines.put(line)
    lines.put(None)


def _end(process: subprocess.Popen[str]) -> None:
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _died(code: int, log: Path) -> errors.Scan3dError:
    tail = log.read_text(errors="replace").strip().splitlines()[-1:]
    if "No module named 'pycolmap'" in "".join(tail):
        what = "Aligning photographs needs the package pycolmap."
        return errors.MissingDependencyError(what, "", "Install it: pip install pycolmap")
    reason = signal.Signals(-code).name if code < 0 else f"code {code}"
    what = f"The process that aligns photographs ended unexpectedly ({reason}): {''.join(tail)[:200]}"
    next_step = "Close other programs if memory is short, and run again; finished parts are kept."
    return errors.ReconstructionError(what, str(log), next_step)
