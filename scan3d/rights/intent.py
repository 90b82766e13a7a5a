"""What is about to leave the house, and the leave to do so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from scan3d.rights.canonical import sha256, typed_bytes
from scan3d.rights.vocabulary import Content, Deliverable, Medium, Purpose


@dataclass(frozen=True, kw_only=True)
class TwinHashes:
    """What identifies a twin: SHA-256 of its mesh, of its maps, of its body's numbers; 64 digits each."""

    mesh_sha256: str
    textures_sha256: str
    body_sha256: str


@dataclass(frozen=True, kw_only=True)
class Intent:
    """Something that somebody wants to let out.

    twin: as it lies in the take now. scene: all that decides what is shown, JSON values; sizes and speeds do not belong
    in it. shown_body_sha256: the body shown, where it is edited. request_id: under which approval; None for quality
    control. licensee_id, medium, territories, content: held against the approval where they are given.
    """

    purpose: Purpose
    deliverable: Deliverable
    twin: TwinHashes
    scene: Mapping[str, Any]
    request_id: str | None = None
    shown_body_sha256: str | None = None
    licensee_id: str | None = None
    medium: Medium | None = None
    territories: tuple[str, ...] | None = None
    content: Content | None = None

    @property
    def scene_sha256(self) -> str:
        """What a request names."""
        return sha256(typed_bytes("scene", self.scene))

    @property
    def body_sha256(self) -> str:
        """The body that will be seen."""
        return self.shown_body_sha256 or self.twin.body_sha256


@dataclass(frozen=True, kw_only=True)
class Permit:
    """What the gate allows. use_id: "" until it is reserved. label: to be written on pictures, None for none.

    claims: what the file's metadata say. left: uses that the licence has left, None without one.
    """

    purpose: Purpose
    subject_id: str
    twin_id: str
    licence_id: str | None = None
    request_id: str | None = None
    use_id: str = ""
    watermark_id: int = 0
    label: str | None = None
    not_for_use: bool = False
    claims: Mapping[str, str] = field(default_factory=dict)
    left: int | None = None
