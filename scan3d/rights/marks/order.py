"""Marks a file, in the order that lets each mark live: label, watermark, XMP, and last the signature over all."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from scan3d import __version__
from scan3d.errors import InputError
from scan3d.pipeline.aside import write_bytes
from scan3d.rights.errors import UnmarkedOutputError
from scan3d.rights.marks import detached, glb, label, manifest, picture, watermark, xmp
from scan3d.rights.marks.certificates import Authority, read_authority
from scan3d.rights.marks.codeword import IDS

# What carries a detached signature and a sidecar of XMP instead of a manifest.
MODELS = (".glb", ".usd", ".usda", ".usdc", ".usdz", ".fbx", ".blend", ".obj", ".ply", ".zip")
FILMS = (".mp4",)


@dataclass(frozen=True, kw_only=True)
class MarkOrder:
    """What a file is to carry.

    use_id: of the registry. watermark_id: the use's number, 0 .. 2**32 - 1. label: text written over the picture, at
    least 5 % of its shortest side high. not_for_use: quality control; written across the picture.
    certificates: the folder of `certificates.create_authority`.
    claims: what XMP and C2PA say, all optional: subject (alias of the person), studio, licensee, licence (id),
    consent (id), terms (text), terms_url, rights (copyright line), model_release ("unlimited", "limited", "none",
    "not_applicable"), digital_source_type (IPTC's word or URI), valid_from, valid_to (ISO dates), territories,
    media, purpose. Others are signed with them and go nowhere else.
    of_model: the file is part of a model, as a map is: signed beside, whatever its ending, and never drawn on.
    """

    use_id: str
    watermark_id: int
    certificates: Path
    label: str | None = None
    not_for_use: bool = False
    claims: Mapping[str, str] = field(default_factory=dict)
    of_model: bool = False


@dataclass(frozen=True, kw_only=True)
class Marked:
    """path: the marked file. sidecars: what has to travel with it. sha256: of the file; manifest_sha256: of its C2PA
    manifest, or of the detached signature. watermark_id: None for what is no picture."""

    path: Path
    sidecars: tuple[Path, ...]
    sha256: str
    manifest_sha256: str
    watermark_id: int | None


def mark_file(source: Path, target: Path, order: MarkOrder) -> Marked:
    """Write the marked copy of `source` to `target`, of the same format; `source` stays as it is.

    Sidecars (TARGET.xmp, TARGET.signature.json) are in place before the file is, and each file appears whole or not
    at all. Raises InputError for what cannot be read or signed, UnmarkedOutputError for a format or a label that
    cannot be marked, StorageError where the disk refuses.
    """
    suffix = target.suffix.lower()
    if suffix != source.suffix.lower():
        raise InputError(
            f"A {source.suffix} cannot be marked as a {suffix}.", str(target), "Give both the same ending."
        )
    if not 0 <= order.watermark_id < IDS:
        raise InputError(f"The watermark's number {order.watermark_id} does not fit into 32 bits.", order.use_id)
    authority = read_authority(order.certificates)
    if order.of_model:
        return _mark_model(source, target, order, authority)
    if suffix in picture.FORMATS:
        return _mark_picture(source, target, order, authority)
    if suffix in FILMS:
        return _mark_film(source, target, order, authority)
    if suffix in MODELS:
        return _mark_model(source, target, order, authority)
    raise UnmarkedOutputError(
        f"A file of the kind '{suffix}' cannot be marked.",
        str(source),
        f"Choose one of: {' '.join((*picture.FORMATS, *FILMS, *MODELS))}",
    )


def _mark_picture(source: Path, target: Path, order: MarkOrder, authority: Authority) -> Marked:
    shown = picture.read_picture(source)
    pixels = shown.pixels
    if order.not_for_use:
        pixels = label.draw_not_for_use(pixels)
    if order.label is not None:
        pixels = label.draw_label(pixels, order.label)
    pixels = watermark.embed(pixels, order.watermark_id)
    data = picture.encode(picture.with_pixels(shown, pixels), xmp.packet(_properties(order)))
    data, proof = manifest.sign(data, target.suffix.lower(), _statement(order, watermarked=True), authority)
    write_bytes(target, data)
    return _marked(target, data, proof, watermark_id=order.watermark_id)


def _mark_film(source: Path, target: Path, order: MarkOrder, authority: Authority) -> Marked:
    """C2PA alone: frames would have to be coded anew to be labelled or watermarked."""
    if order.not_for_use or order.label is not None:
        raise UnmarkedOutputError(
            "Nothing can be written over the frames of a film.", str(source), "Render pictures instead."
        )
    data, proof = manifest.sign(
        _bytes_of(source), target.suffix.lower(), _statement(order, watermarked=False), authority
    )
    write_bytes(target, data)
    return _marked(target, data, proof)


def _mark_model(source: Path, target: Path, order: MarkOrder, authority: Authority) -> Marked:
    data = _bytes_of(source)
    found = _properties(order)
    if target.suffix.lower() == ".glb":
        data = glb.with_packet(data, xmp.json_ld(found), source)
    terms = xmp.packet(found)
    stated = _statement(order, watermarked=False)
    about = {
        "use_id": stated.use_id,
        "watermark_id": None,
        "studio": authority.signer,
        "claims": dict(stated.claims),
        "xmp_sha256": hashlib.sha256(terms).hexdigest(),
    }
    proof = detached.sign_detached(data, target.name, about, authority)
    sidecars = (xmp.sidecar_path(target), detached.signature_path(target))
    write_bytes(sidecars[0], terms)
    write_bytes(sidecars[1], proof)
    write_bytes(target, data)
    return _marked(target, data, proof, sidecars=sidecars)


def _properties(order: MarkOrder) -> dict[str, object]:
    claims = {"program": f"scan3d {__version__}", **order.claims}
    if order.not_for_use:
        claims["terms"] = f"{label.NOT_FOR_USE}. {claims.get('terms', '')}".strip()
    return xmp.properties(claims, use_id=order.use_id, label=order.label)


def _statement(order: MarkOrder, *, watermarked: bool) -> manifest.Statement:
    claims = {str(key): str(value) for key, value in order.claims.items()}
    if order.not_for_use:
        claims["not_for_use"] = "true"
    return manifest.Statement(
        use_id=order.use_id,
        watermark_id=order.watermark_id if watermarked else None,
        claims=claims,
        labelled=order.label is not None or order.not_for_use,
    )


def _marked(
    target: Path, data: bytes, proof: bytes, *, watermark_id: int | None = None, sidecars: tuple[Path, ...] = ()
) -> Marked:
    return Marked(
        path=target,
        sidecars=sidecars,
        sha256=hashlib.sha256(data).hexdigest(),
        manifest_sha256=hashlib.sha256(proof).hexdigest(),
        watermark_id=watermark_id,
    )


def _bytes_of(source: Path) -> bytes:
    try:
        return source.read_bytes()
    except OSError as error:
        raise InputError("The file cannot be read.", str(source), "Check the path.") from error
