"""The engine: stages, their content-addressed store, the executor, progress. It knows no domain."""

from scan3d.pipeline.executor import cpu_count, run_units
from scan3d.pipeline.progress import CancelToken, Progress, Silent, Task
from scan3d.pipeline.stage import Stage, insignificant
from scan3d.pipeline.store import Store, Units

__all__ = [
    "CancelToken",
    "Progress",
    "Silent",
    "Stage",
    "Store",
    "Task",
    "Units",
    "cpu_count",
    "insignificant",
    "run_units",
]
