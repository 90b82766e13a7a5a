"""The process that matches and maps photographs, apart from everything else.

pycolmap brings compression and linear-algebra libraries of its own, which end a process that uses others of
their kind; and a crash in it must not take the program along. So it runs as `python -m
scan3d.calibration.sfm_worker JOB.json` and says how far it is in lines of JSON on its standard output:

    {"task": "matching photographs", "total": 495}   {"advance": 1}   {"error": "...", "where": "...", "next":
    "..."}

Job files and results are described at `match` and in `sfm_mapping`.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

from scan3d.calibration.sfm_lines import LineTask, say
from scan3d.errors import Scan3dError


def match(job: dict[str, Any]) -> None:
    """Match features.

    job: features: {name: .npz file}; neighbours: pairs per photograph; every_pair_of: names matched with all
    others;
    known: .npz of matches made before, or null; workers; out: .npz file of matches per pair, keyed by "a/b"
    with names in sorted order.
    """
    from scan3d.calibration.features import Features
    from scan3d.calibration.matching import choose_pairs, match_pairs

    features = {name: Features.load(Path(path)) for name, path in job["features"].items()}
    names, workers = sorted(features), job["workers"]
    with LineTask("choosing pairs", len(names) * (len(names) - 1) // 2) as task:
        pairs = set(choose_pairs(features, neighbours=job["neighbours"], workers=workers, task=task))
    for name in job["every_pair_of"]:
        pairs.update((min(name, other), max(name, other)) for other in names if other != name)
    known: dict[str, np.ndarray] = {}
    if job["known"]:
        with np.load(job["known"], allow_pickle=False) as data:
            known = {key: data[key] for key in data.files}
    new = sorted(pair for pair in pairs if "/".join(pair) not in known)
    with LineTask("matching photographs", len(new)) as task:
        matches = match_pairs(features, new, workers=workers, task=task)
    with Path(job["out"]).open("wb") as file:
        np.savez(file, **known, **{"/".join(pair): found for pair, found in matches.items()})  # type: ignore[arg-type]


def main(job_path: str) -> int:
    """Run one job file. Returns the process's exit code."""
    job = json.loads(Path(job_path).read_text(encoding="utf-8"))
    try:
        if job["kind"] == "match":
            match(job)
        else:
            from scan3d.calibration.sfm_mapping import map_photographs

            map_photographs(job)
    except Scan3dError as error:
        say({"error": error.what, "where": error.where, "next": error.next_step})
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
