"""What is judged on the sample head: the peer's figures, and what this project set out to reach without masks."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Claim:
    """key: of a result.  peer: OpenMVS 2.3.0, every stage.  least: whether more is better.  None: not known, not set.

    What is a yes or no counts as 1 or 0.
    """

    key: str
    words: str
    digits: int = 0
    peer: float | None = None
    reach: float | None = None
    least: bool = False

    def verdict(self, value: float | None) -> str:
        """ "met", "**not met**", or nothing where nothing was set out.  What was not measured is not met."""
        if self.reach is None:
            return ""
        if value is None or not (value >= self.reach if self.least else value <= self.reach):
            return "**not met**"
        return "met"

    def reach_text(self) -> str:
        """The reach with its direction."""
        return "" if self.reach is None else f"{'>=' if self.least else '<='} {self.reach:g}"

    def number(self, value: float | bool | None) -> str:
        """A figure with this claim's digits."""
        if value is None:
            return ""
        return ("yes" if value else "no") if isinstance(value, bool) else f"{value:.{self.digits}f}"


HEAD = (
    Claim(key="f_0.25mm", words="F at 0.25 mm", digits=3, peer=0.874, reach=0.92, least=True),
    Claim(key="f_0.5mm", words="F at 0.5 mm", digits=3, peer=0.956, reach=0.97, least=True),
    Claim(key="f_1mm", words="F at 1 mm", digits=3, peer=0.987, reach=0.99, least=True),
    Claim(key="accuracy_median_mm", words="accuracy, median, mm", digits=4, peer=0.0775, reach=0.058),
    Claim(key="accuracy_p95_mm", words="accuracy, 95%, mm", digits=3, peer=0.453),
    Claim(key="complete_1mm", words="complete within 1 mm", digits=4, peer=0.985, reach=0.988, least=True),
    Claim(key="psnr_db", words="held-out views, PSNR, dB", digits=2, peer=27.14, reach=29.6, least=True),
    Claim(key="ssim", words="held-out views, SSIM", digits=3, peer=0.739, reach=0.80, least=True),
    Claim(key="sharpness", words="power at 2 to 8 px, of the photographs'", digits=2, reach=0.9, least=True),
    Claim(key="ciede2000", words="held-out views, CIEDE2000", digits=2, peer=2.63),
    Claim(key="units", words="CPU, every stage, units", digits=2, peer=120, reach=10),
    Claim(key="cpu_s", words="CPU, s"),
    Claim(key="wall_s", words="wall, s"),
    Claim(key="wall_over_cpu", words="wall / CPU on two cores", digits=2, reach=0.6),
    Claim(key="peak_mb", words="peak memory, MB", peer=1700),
    Claim(key="watertight", words="watertight"),
    Claim(key="boundary_edges", words="boundary edges"),
    Claim(key="non_manifold_edges", words="non-manifold edges"),
    Claim(key="manifold", words="manifold"),
    Claim(key="pieces", words="pieces"),
    Claim(key="faces", words="faces"),
    Claim(key="mask_iou_mean", words="masks it made, mean IoU", digits=4),
    Claim(key="mask_iou_worst", words="masks it made, worst IoU", digits=4),
)
PREVIEW = (
    Claim(key="units", words="CPU, every stage, units", digits=2, reach=1.5),
    Claim(key="accuracy_median_mm", words="accuracy, median, mm", digits=3, reach=0.4),
)
