"""Which photographs show the colour chart, which show a white wall, and what was said about them.

<take>/chart/<camera_id>.<ext>              the chart in front of each camera
<take>/chart/<camera_id>/<state>.<ext>      the same by state: a light's id, "cross", "parallel"
<take>/chart/chart.toml                     optional, the chart's own values
<take>/flat/<camera_id>.<ext>               an evenly white wall

Both folders may lie beside the calibration that the take uses: photographed once a day. A chart that is in view in the
photographs themselves needs no folder.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from scan3d.capture.colour_charts import CHARTS, Chart, read_chart
from scan3d.capture.images import DEVELOPED, RAW
from scan3d.capture.take import Take
from scan3d.errors import CaptureError, InputError

_SUFFIXES = (*DEVELOPED, *RAW)


@dataclass(frozen=True, kw_only=True)
class ChartShot:
    """One photograph of a chart. state: a light's id or a polarisation, "" where it stands for all lights."""

    camera_id: str
    state: str
    path: Path

    @property
    def where(self) -> str:
        """For messages."""
        return f"camera {self.camera_id}, {self.path}"

    @property
    def name(self) -> str:
        """camera, or camera/state."""
        return f"{self.camera_id}/{self.state}" if self.state else self.camera_id


def chart_of(take: Take, option: str | None) -> Chart:
    """The chart that was named, else that of chart/chart.toml, else take.toml's, else the ColorChecker Classic."""
    if option is not None:
        return read_chart(option)
    own = [folder / "chart.toml" for folder in _folders(take, "chart")]
    found = next((path for path in own if path.is_file()), None)
    if found is not None:
        return read_chart(str(found))
    name = take.settings.chart
    if not name:
        return read_chart("classic24")
    if name in CHARTS:
        return read_chart(name)
    path = take.root / name
    if path.suffix == ".toml":
        return read_chart(str(path))
    what = f"take.toml says chart = {name!r}, which is no chart that is known."
    raise InputError(what, str(take.root / "take.toml"), f"Write one of {', '.join(CHARTS)}, or a .toml file's name.")


def chart_shots(take: Take, *, in_view: bool) -> list[ChartShot]:
    """The photographs of the chart. in_view: without a folder chart/, the take's own photographs show it."""
    for folder in _folders(take, "chart"):
        found = _in_folder(folder, take.camera_ids)
        if found:
            return found
    if in_view or take.settings.chart:
        return [
            ChartShot(camera_id=camera_id, state=light, path=path)
            for camera_id, by_light in take.photographs.items()
            for light, path in by_light.items()
        ]
    return []


def flat_shots(take: Take) -> dict[str, Path]:
    """Photographs of a white wall by camera id."""
    for folder in _folders(take, "flat"):
        found = {path.stem: path for path in _files(folder.iterdir()) if path.stem in take.camera_ids}
        if found:
            return found
    return {}


def read_corners(take: Take, given: Sequence[str]) -> dict[str, np.ndarray]:
    """Corners (4, 2) by camera or camera/state: of options CAMERA=x,y,x,y,x,y,x,y, which go before take.toml's table
    chart_corners. Raises InputError where they cannot be read or name a camera that the take does not have.
    """
    table = take.settings.extra.get("chart_corners", {})
    if not isinstance(table, Mapping):
        what = "chart_corners in take.toml must be a table: camera = four pixels."
        raise InputError(what, str(take.root / "take.toml"), "Write cam00 = [[x, y], [x, y], [x, y], [x, y]].")
    corners = {str(name): _four(value, str(take.root / "take.toml"), str(name)) for name, value in table.items()}
    for text in given:
        name, _, numbers = text.partition("=")
        corners[name] = _four(numbers.replace(";", ",").split(","), "--corners", name)
    for name in corners:
        if name.split("/")[0] not in take.camera_ids:
            what = f"Corners of the chart are given for {name!r}, and the take has no such camera."
            raise InputError(what, str(take.root), f"Cameras: {', '.join(take.camera_ids[:8])}.")
    return corners


def _four(value: object, where: str, name: str) -> np.ndarray:
    try:
        return np.array(value, dtype=float).reshape(4, 2)
    except (TypeError, ValueError) as error:
        what = f"The chart's corners of {name!r} are not four pixels."
        next_step = "Give the middles of its corner patches, clockwise from the first: CAMERA=x,y,x,y,x,y,x,y."
        raise InputError(what, where, next_step) from error


def _folders(take: Take, name: str) -> list[Path]:
    roots = [take.root] if take.calibration is None else [take.root, take.calibration.parent]
    return [root / name for root in roots if (root / name).is_dir()]


def _in_folder(folder: Path, camera_ids: Sequence[str]) -> list[ChartShot]:
    plain = [path for path in _files(folder.iterdir()) if path.stem in camera_ids]
    shots = [ChartShot(camera_id=path.stem, state="", path=path) for path in plain]
    for camera_id in camera_ids:
        if (folder / camera_id).is_dir():
            files = _files((folder / camera_id).iterdir())
            shots += [ChartShot(camera_id=camera_id, state=path.stem, path=path) for path in files]
    names = [shot.name for shot in shots]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        what = f"There are two photographs of the chart for {twice}."
        raise CaptureError(what, str(folder), "Remove the one that is not meant.")
    return sorted(shots, key=lambda shot: (shot.camera_id, shot.state))


def _files(entries: Iterable[Path]) -> list[Path]:
    return sorted(p for p in entries if p.is_file() and p.suffix.lower() in _SUFFIXES and not p.name.startswith("."))
