"""Which cameras a take is reconstructed with."""

from __future__ import annotations

from scan3d.calibration.colmap_model import read_colmap_model
from scan3d.calibration.toml_file import read_calibration, read_left_out, read_reprojection
from scan3d.capture.take import Take
from scan3d.errors import CalibrationError
from scan3d.geometry import Rig


def left_out_of(take: Take) -> tuple[str, ...]:
    """Cameras that have photographs and that the alignment could not place: they are done without."""
    return read_left_out(take.calibration) if take.calibration is not None else ()


def rig_in_use(take: Take) -> Rig:
    """The take's rig without the cameras that take.toml holds out: they are for comparing only.

    Raises CalibrationError as `rig_of` does.
    """
    rig = rig_of(take)
    return rig.subset(camera_id for camera_id in rig.camera_ids if camera_id not in take.settings.held_out)


def reprojection_of(take: Take) -> dict[str, float]:
    """Mean reprojection error of the cameras whose calibration says it, pixels."""
    return read_reprojection(take.calibration) if take.calibration is not None else {}


def rig_of(take: Take) -> Rig:
    """The take's rig: calibration.toml of the take, else its COLMAP model, else the nearest calibration above.

    Raises CalibrationError where there is none, or where it cannot be used.
    """
    own = take.root / "calibration.toml"
    if take.calibration is not None and (take.calibration == own or take.colmap is None):
        return read_calibration(take.calibration)
    if take.colmap is not None:
        return read_colmap_model(take.colmap)
    raise CalibrationError(
        "There is no calibration for this take.",
        str(take.root),
        f"Put calibration.toml into the take or a folder above it, a COLMAP model into colmap/, or let "
        f"`scan3d align {take.root}` find the cameras from the photographs.",
    )
