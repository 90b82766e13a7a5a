"""What preview, standard and high mean: the options of every stage, and the time they take."""

from __future__ import annotations

from dataclasses import dataclass, replace

from scan3d.appearance.stages import TextureOptions
from scan3d.errors import InputError
from scan3d.reconstruction.stages import ShapeOptions, SurfaceOptions


@dataclass(frozen=True, kw_only=True)
class Quality:
    """cpu_s_per_mpx and cpu_s_fixed: measured cost (tests/benchmarks), for the estimate before a run starts."""

    name: str
    shape: ShapeOptions
    surface: SurfaceOptions
    texture: TextureOptions
    cpu_s_per_mpx: float
    cpu_s_fixed: float

    def on(self, device: str) -> Quality:
        """The same with its sweeps on another device, which changes no result."""
        return replace(self, shape=replace(self.shape, device=device), surface=replace(self.surface, device=device))


PREVIEW = Quality(
    name="preview",
    shape=ShapeOptions(hull_resolution=128, again=False, finest_px=0, sources=4, voxel_px=2.2),
    surface=SurfaceOptions(rounds=0, faces=100_000),
    texture=TextureOptions(texture_size=1024, padding_px=4),
    cpu_s_per_mpx=0.6,
    cpu_s_fixed=25.0,
)
STANDARD = Quality(
    name="standard",
    shape=ShapeOptions(),
    surface=SurfaceOptions(),
    texture=TextureOptions(),
    cpu_s_per_mpx=4.5,
    cpu_s_fixed=90.0,
)
HIGH = Quality(
    name="high",
    shape=ShapeOptions(hull_resolution=256, finest_px=1500),
    surface=SurfaceOptions(rounds=2, faces=2_000_000),
    texture=TextureOptions(texture_size=8192, bits=16),
    cpu_s_per_mpx=8.0,
    cpu_s_fixed=240.0,
)


def quality_called(name: str) -> Quality:
    """The preset of that name.  Raises InputError for another."""
    for quality in (PREVIEW, STANDARD, HIGH):
        if quality.name == name:
            return quality
    raise InputError(f"There is no quality '{name}'.", "--quality", "Choose preview, standard or high.")
