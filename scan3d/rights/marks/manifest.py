"""C2PA manifests: signed by the studio's own certificate, read with the studio's root as the only one trusted.

`Valid` says that a file is as its signer left it, whoever that is; only `Trusted` says that the studio signed it.
"""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from scan3d import __version__
from scan3d.errors import InputError, MissingDependencyError
from scan3d.rights.marks.certificates import Authority
from scan3d.rights.marks.xmp import source_type

MIME_TYPES = {
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".png": "image/png",
    ".tif": "image/tiff",
    ".tiff": "image/tiff",
    ".webp": "image/webp",
    ".mp4": "video/mp4",
}
USE_ASSERTION = "scan3d.use"
WATERMARK_ALGORITHM = "scan3d.lattice.1"


@dataclass(frozen=True, kw_only=True)
class Provenance:
    """What a reader of C2PA says about a file.

    state: "trusted" (signed by the studio, unchanged), "valid" (unchanged, signed by somebody else), "invalid"
    (changed since, or wrongly signed) or "none" (no manifest). codes: the specification's names of what failed.
    use: what the studio stated about the use; of a trusted manifest only.
    """

    state: str
    signer: str = ""
    codes: tuple[str, ...] = ()
    use: Mapping[str, Any] | None = None


@dataclass(frozen=True, kw_only=True)
class Statement:
    """What a manifest states. claims: as order.MarkOrder has them."""

    use_id: str
    watermark_id: int | None
    claims: Mapping[str, str]
    labelled: bool


def sign(data: bytes, suffix: str, statement: Statement, authority: Authority) -> tuple[bytes, bytes]:
    """(the file with its manifest, the manifest alone). suffix: a key of MIME_TYPES.

    Raises MissingDependencyError without c2pa-python, InputError where the file is not what its suffix says.
    """
    c2pa = _library()
    info = c2pa.C2paSignerInfo(
        c2pa.C2paSigningAlg.ED25519, authority.chain.encode(), authority.signer_key, None
    )  # No time stamp: it would send the picture's hash to a server.
    out = io.BytesIO()
    try:
        context = c2pa.Context(_settings(authority.anchor))
        with (
            c2pa.Signer.from_info(info) as signer,
            c2pa.Builder(json.dumps(_definition(statement, authority)), context) as builder,
        ):
            manifest = builder.sign(signer, MIME_TYPES[suffix], io.BytesIO(data), out)
    except c2pa.C2paError as error:
        raise InputError(f"The C2PA manifest cannot be signed: {error}", suffix, "Give a sound file.") from error
    return out.getvalue(), bytes(manifest)


def read(path: Path, anchor: str | None) -> Provenance:
    """What the manifest in a file is worth. anchor: PEM of the only root trusted. Never raises for a bad file."""
    c2pa = _library()
    mime = MIME_TYPES.get(path.suffix.lower())
    if mime is None:
        return Provenance(state="none")
    try:
        context = c2pa.Context(_settings(anchor))
        with path.open("rb") as file, c2pa.Reader(mime, file, context=context) as reader:
            state = str(reader.get_validation_state()).lower()
            report = json.loads(reader.json())
    except c2pa.C2paError.ManifestNotFound:
        return Provenance(state="none")
    except c2pa.C2paError as error:
        return Provenance(state="invalid", codes=(str(error).partition(":")[0],))
    active = report.get("manifests", {}).get(report.get("active_manifest"), {})
    failures = report.get("validation_results", {}).get("activeManifest", {}).get("failure", [])
    return Provenance(
        state=state if state in ("trusted", "valid") else "invalid",
        signer=str(active.get("signature_info", {}).get("issuer", "")),
        codes=tuple(str(failure.get("code")) for failure in failures),
        use=_use(active) if state == "trusted" else None,
    )


def _use(manifest: Mapping[str, Any]) -> Mapping[str, Any] | None:
    return next((a["data"] for a in manifest.get("assertions", []) if a.get("label") == USE_ASSERTION), None)


def _definition(statement: Statement, authority: Authority) -> dict[str, Any]:
    created = {"action": "c2pa.created", "digitalSourceType": source_type(statement.claims)}
    actions: list[dict[str, Any]] = [created]
    assertions: list[dict[str, Any]] = []
    if statement.labelled:
        actions.append({"action": "c2pa.edited", "description": "A visible label was added."})
    if statement.watermark_id is not None:
        actions.append({"action": "c2pa.watermarked"})
        number = base64.b64encode(statement.watermark_id.to_bytes(4, "big")).decode()
        binding = {"alg": WATERMARK_ALGORITHM, "blocks": [{"scope": {}, "value": number}]}
        assertions.append({"label": "c2pa.soft-binding", "data": binding})
    never = {"use": "notAllowed"}
    mining = {f"cawg.{name}": never for name in ("ai_training", "ai_generative_training", "data_mining")}
    use = {
        "use_id": statement.use_id,
        "watermark_id": statement.watermark_id,
        "studio": authority.signer,
        "claims": dict(statement.claims),
    }
    return {
        "claim_generator_info": [{"name": "scan3d", "version": __version__}],
        "title": f"use {statement.use_id}",
        "assertions": [
            {"label": "c2pa.actions.v2", "data": {"actions": actions}},
            *assertions,
            {"label": "cawg.training-mining", "data": {"entries": mining}},
            {"label": USE_ASSERTION, "data": use},
        ],
    }


def _settings(anchor: str | None) -> Any:
    return _library().Settings.from_dict(
        {
            "builder": {"thumbnail": {"enabled": False}},
            "verify": {"verify_trust": True, "remote_manifest_fetch": False, "ocsp_fetch": False},
            "trust": {} if anchor is None else {"trust_anchors": anchor},
        }
    )


def _library() -> ModuleType:
    try:
        import c2pa
    except ImportError as error:
        raise MissingDependencyError(
            "Signing and reading C2PA manifests needs c2pa-python.", "", "pip install c2pa-python"
        ) from error
    return c2pa
