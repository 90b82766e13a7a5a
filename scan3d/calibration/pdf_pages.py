"""A PDF of a few vector pages, measured in millimetres: as much of ISO 32000-1 as a printed board needs.

Coordinates of a page run to the right and down from its upper left corner. Numbers are written to a tenth of a
micrometre. The bytes depend on what is drawn only.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field

_POINTS_PER_MM = 72.0 / 25.4
_CIRCLE = 4.0 / 3.0 * (math.sqrt(2.0) - 1.0)  # where a quarter circle's control points lie; off by 0.03 % of its radius
_LARGEST_MM = 14400 / _POINTS_PER_MM  # of a page, annex C
_HELVETICA_EM = 0.52  # mean width of a letter


@dataclass(kw_only=True)
class Page:
    """A page of width_mm x height_mm that is drawn on from bottom to top."""

    width_mm: float
    height_mm: float
    _commands: list[str] = field(default_factory=list)
    _black: bool | None = None

    def __post_init__(self) -> None:
        if not (0 < self.width_mm <= _LARGEST_MM and 0 < self.height_mm <= _LARGEST_MM):
            raise ValueError(f"a page of a PDF is at most {_LARGEST_MM:.0f} mm long")

    def rectangle(self, x0: float, y0: float, x1: float, y1: float, *, black: bool = True) -> None:
        """Filled."""
        self._colour(black)
        self._commands.append(f"{_number(x0)} {_number(y0)} {_number(x1 - x0)} {_number(y1 - y0)} re f")

    def ellipse(self, x0: float, y0: float, x1: float, y1: float, *, black: bool = True) -> None:
        """Filled, within a rectangle, of four Bézier curves."""
        self._colour(black)
        x, y, a, b = (x0 + x1) / 2, (y0 + y1) / 2, (x1 - x0) / 2, (y1 - y0) / 2
        path = [f"{_number(x + a)} {_number(y)} m"]
        for (ax, ay), (bx, by) in (((1, 0), (0, 1)), ((0, 1), (-1, 0)), ((-1, 0), (0, -1)), ((0, -1), (1, 0))):
            # Leaving (ax, ay) towards (bx, by), arriving there from (ax, ay)'s side.
            curve = (
                x + a * (ax + _CIRCLE * bx), y + b * (ay + _CIRCLE * by),
                x + a * (bx + _CIRCLE * ax), y + b * (by + _CIRCLE * ay), x + a * bx, y + b * by,
            )  # fmt: skip
            path.append(" ".join(map(_number, curve)) + " c")
        self._commands.append(" ".join([*path, "f"]))

    def text(self, x: float, y: float, words: str, *, height_mm: float, black: bool = True) -> None:
        """One line of Helvetica with its baseline starting at (x, y); characters outside Latin-1 become '?'."""
        self._colour(black)
        escaped = words.encode("latin-1", "replace").decode("latin-1")
        escaped = escaped.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)")
        place = f"1 0 0 -1 {_number(x)} {_number(y)} Tm"
        self._commands.append(f"BT /F1 {_number(height_mm)} Tf {place} ({escaped}) Tj ET")

    def content(self) -> bytes:
        """The page's stream, not compressed."""
        scale = f"{_POINTS_PER_MM:.8f} 0 0 {-_POINTS_PER_MM:.8f} 0 {self.height_mm * _POINTS_PER_MM:.6f} cm"
        return "\n".join([scale, *self._commands]).encode("latin-1")

    def _colour(self, black: bool) -> None:
        if black is not self._black:
            self._commands.append("0 g" if black else "1 g")
            self._black = black


def text_width_mm(words: str, height_mm: float) -> float:
    """About how long a line is."""
    return len(words) * height_mm * _HELVETICA_EM


def pdf_bytes(pages: Sequence[Page], *, title: str) -> bytes:
    """The file. Readers are told to print it at its own size."""
    count = len(pages)
    kids = " ".join(f"{5 + 2 * k} 0 R" for k in range(count))
    name = title.encode("latin-1", "replace").replace(b"\\", rb"\\").replace(b"(", rb"\(").replace(b")", rb"\)")
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R /ViewerPreferences << /PrintScaling /None >> >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {count} >>".encode(),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
        b"<< /Title (" + name + b") /Producer (scan3d) >>",
    ]
    for k, page in enumerate(pages):
        width, height = (f"{side * _POINTS_PER_MM:.6f}" for side in (page.width_mm, page.height_mm))
        objects.append(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 {width} {height}] /Contents {6 + 2 * k} 0 R "
            "/Resources << /Font << /F1 3 0 R >> >> >>".encode()
        )
        packed = zlib.compress(page.content(), 9)
        head = f"<< /Length {len(packed)} /Filter /FlateDecode >>\nstream\n".encode()
        objects.append(head + packed + b"\nendstream")
    return _file(objects)


def _file(objects: Sequence[bytes]) -> bytes:
    out = bytearray(b"%PDF-1.6\n%\xe2\xe3\xcf\xd3\n")
    places = []
    for number, body in enumerate(objects, 1):
        places.append(len(out))
        out += f"{number} 0 obj\n".encode() + body + b"\nendobj\n"
    start = len(out)
    out += f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n".encode()
    for place in places:
        out += f"{place:010d} 00000 n \n".encode()
    out += f"trailer\n<< /Size {len(objects) + 1} /Root 1 0 R /Info 4 0 R >>\nstartxref\n{start}\n%%EOF\n".encode()
    return bytes(out)


def _number(value: float) -> str:
    text = f"{value:.4f}".rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text
