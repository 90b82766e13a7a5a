"""The one family of errors a user may meet: what is wrong, where it is, what to do next."""

from __future__ import annotations


class Scan3dError(Exception):
    """An error written for the person at the rig, never for the programmer.

    what:      what is wrong, in one sentence.
    where:     camera, file or stage it was found in; may be empty.
    next_step: what the user can do about it; may be empty.
    """

    exit_code = 1

    def __init__(self, what: str, where: str = "", next_step: str = "") -> None:
        # All three go to Exception.args, so that the error survives the way back from a worker process.
        super().__init__(what, where, next_step)
        self.what = what
        self.where = where
        self.next_step = next_step

    def __str__(self) -> str:
        lines = [self.what]
        if self.where:
            lines.append(f"where: {self.where}")
        if self.next_step:
            lines.append(f"next:  {self.next_step}")
        return "\n".join(lines)


class InputError(Scan3dError):
    """A path, option or file that the user gave cannot be used."""

    exit_code = 2


class CalibrationError(Scan3dError):
    """Cameras are missing, contradictory, not numbers, or of another rig."""

    exit_code = 3


class CaptureError(Scan3dError):
    """Photographs or masks of a take are missing, damaged or not those of the rig."""

    exit_code = 4


class StorageError(Scan3dError):
    """The disk is full, the folder read-only or in use by another run."""

    exit_code = 5


class MissingDependencyError(Scan3dError):
    """An optional library or a system library is not installed."""

    exit_code = 6


class ReconstructionError(Scan3dError):
    """The photographs are readable, but no surface or no alignment comes out of them."""

    exit_code = 7


class CancelledError(Scan3dError):
    """The user stopped the run; what was finished is kept."""

    exit_code = 130

    def __init__(
        self,
        what: str = "Stopped.",
        where: str = "",
        next_step: str = "Run the same command again: it goes on where it stopped.",
    ) -> None:
        super().__init__(what, where, next_step)
