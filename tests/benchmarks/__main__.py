"""`python -m tests.benchmarks [NAME ...]` writes docs/benchmarks.*

head    accuracy, completeness, F, rephotography, CPU in units and wall on the sample rig capture (about 6 minutes)
growth  CPU with 8, 16, 32 views and with 0.25, 1, 4 megapixels (about 20 minutes)
memory  peak memory at 64 views of 24 megapixels (an hour)
simulate  what a photograph of the virtual studio costs, beside bare Mitsuba (about 5 minutes)
calibration  the board solver with 4, 16, 64 cameras, and beside OpenCV's and scipy's (about 2 minutes)
fit  the body fit against truths from outside the model (about 40 minutes)
render  final and quick pictures beside bare Mitsuba, how alike they are, white furnaces (about 8 minutes)
rights  the registry: a check, a verification, edits and forgeries that are found (about 10 minutes)
colour  charts from spectra, vignetting and factors of a rig, all planted (about 5 minutes)
appearance  skin from a polarised flash sequence, with shadows and without (about an hour)
appearance-size  memory with 60 views, 8 lamps and maps of 8192 texels, and what they cost (about an hour and a half)
skull  held-out photographs of a skull by flash, made again, beside plain blending (about an hour)
watermark  who is found by the watermark after what, and at which cost, beside blind-watermark (about 10 minutes)
Without a name: head and growth.
"""

from __future__ import annotations

import sys

from tests.benchmarks.page import write_page
from tests.benchmarks.tasks import TASKS


def main(names: list[str]) -> None:
    chosen = names or ["head", "growth"]
    unknown = sorted(set(chosen) - set(TASKS))
    if unknown:
        sys.exit(f"There is no benchmark '{unknown[0]}'. Choose from: {', '.join(TASKS)}.")
    for name in chosen:
        result = TASKS[name]()
        print(write_page(name, result), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
