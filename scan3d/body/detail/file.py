"""Detail of a body as a file: detail.npz."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from scan3d.body.detail.registration import Detail
from scan3d.errors import InputError


def write_detail(detail: Detail, path: Path) -> None:
    """Keys: level, offsets (V', 3) float32 metres at rest, seen (V',) bool, confidence (V',) float32."""
    np.savez_compressed(
        path,
        level=np.int32(detail.level),
        offsets=detail.offsets,
        seen=detail.seen,
        confidence=detail.confidence,
    )


def read_detail(path: Path) -> Detail:
    """What write_detail wrote. Raises InputError for anything else."""
    try:
        with np.load(path) as file:
            detail = Detail(
                level=int(file["level"]),
                offsets=np.asarray(file["offsets"], np.float32),
                seen=np.asarray(file["seen"], bool),
                confidence=np.asarray(file["confidence"], np.float32),
            )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError("The file holds no detail of a body.", str(path), "Run: scan3d fit TAKE") from error
    if detail.offsets.shape != (len(detail.seen), 3) or not np.isfinite(detail.offsets).all():
        raise InputError("The detail's arrays contradict each other.", str(path), "Run: scan3d fit TAKE")
    return detail
