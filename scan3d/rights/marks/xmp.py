"""The terms of a use as XMP: IPTC Photo Metadata 2025.1, PLUS LDF 2.0.1 and XMP Rights, as RDF/XML or JSON-LD.

Properties and vocabularies: iptc.org/std/photometadata, ns.useplus.org/LDF/ldf-XMPSpecification; the AIGC field of
China's GB 45438-2025 as TC260's practice guide writes it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from xml.etree import ElementTree
from xml.sax.saxutils import escape, quoteattr

SOURCE_TYPES = "http://cv.iptc.org/newscodes/digitalsourcetype/"
# A picture put together of captured and computed parts.
DEFAULT_SOURCE_TYPE = "compositeSynthetic"

MODEL_RELEASES = {
    "none": "MR-NON",
    "not_applicable": "MR-NAP",
    "unlimited": "MR-UMR",
    "limited": "MR-LMR",
}

NAMESPACES = {
    "dc": "http://purl.org/dc/elements/1.1/",
    "xmp": "http://ns.adobe.com/xap/1.0/",
    "xmpRights": "http://ns.adobe.com/xap/1.0/rights/",
    "Iptc4xmpExt": "http://iptc.org/std/Iptc4xmpExt/2008-02-29/",
    "plus": "http://ns.useplus.org/ldf/xmp/1.0/",
    "TC260": "http://www.tc260.org.cn/ns/AIGC/1.0/",
    "scan3d": "urn:scan3d:rights:1#",
}
_RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_VOCABULARY = "http://ns.useplus.org/ldf/vocab/"
_BAG, _SEQUENCE, _LANGUAGES = "Bag", "Seq", "Alt"


def properties(claims: Mapping[str, str], *, use_id: str, label: str | None = None) -> dict[str, Any]:
    """Property -> text, or a (kind, items) of "Bag", "Seq" or "Alt", items being texts or dictionaries of them.

    claims: as `order.MarkOrder` describes them; what is not claimed is not written. Training on the picture is
    always said to be forbidden.
    """
    found: dict[str, Any] = {
        "dc:identifier": use_id,
        "scan3d:UseID": use_id,
        "xmpRights:Marked": "True",
        "Iptc4xmpExt:DigitalSourceType": source_type(claims),
        "plus:Version": "PLUS 2.0.1",
        "plus:DataMining": _VOCABULARY + "DMI-PROHIBITED-AIMLTRAINING",
    }
    release = MODEL_RELEASES.get(claims.get("model_release", ""))
    if release:
        found["plus:ModelReleaseStatus"] = _VOCABULARY + release
    for name, claim in (
        ("xmp:CreatorTool", "program"),
        ("xmpRights:WebStatement", "terms_url"),
        ("plus:TermsAndConditionsURL", "terms_url"),
        ("plus:LicenseID", "licence"),
        ("plus:LicenseStartDate", "valid_from"),
        ("plus:LicenseEndDate", "valid_to"),
        ("scan3d:Territories", "territories"),
        ("scan3d:Media", "media"),
        ("scan3d:Purpose", "purpose"),
    ):
        if claims.get(claim):
            found[name] = claims[claim]
    for name, kind, claim in (
        ("dc:creator", _SEQUENCE, "studio"),
        ("dc:rights", _LANGUAGES, "rights"),
        ("xmpRights:UsageTerms", _LANGUAGES, "terms"),
        ("xmpRights:Owner", _BAG, "subject"),
        ("Iptc4xmpExt:PersonInImage", _BAG, "subject"),
        ("plus:ModelReleaseID", _BAG, "consent"),
    ):
        if claims.get(claim):
            found[name] = (kind, [claims[claim]])
    if claims.get("subject"):
        licensor = {"plus:LicensorName": claims["subject"]}
        if claims.get("terms_url"):
            licensor["plus:LicensorURL"] = claims["terms_url"]
        found["plus:Licensor"] = (_SEQUENCE, [licensor])
    if claims.get("licensee"):
        found["plus:Licensee"] = (_SEQUENCE, [{"plus:LicenseeName": claims["licensee"]}])
    if label is not None:
        aigc = {"Label": "1", "ContentProducer": claims.get("studio", ""), "ProduceID": use_id}
        found["TC260:AIGC"] = json.dumps(aigc, ensure_ascii=False, separators=(",", ":"))
    return found


def sidecar_path(path: Path) -> Path:
    """Where the terms of a file lie that has no room for them."""
    return path.with_name(path.name + ".xmp")


def source_type(claims: Mapping[str, str]) -> str:
    """The URI of IPTC's digital source type; claims may give the URI or its last word."""
    said = claims.get("digital_source_type") or DEFAULT_SOURCE_TYPE
    return said if said.startswith("http") else SOURCE_TYPES + said


def packet(found: Mapping[str, Any]) -> bytes:
    """An XMP packet (ISO 16684-1), UTF-8. Signs that XML cannot hold are left out."""
    spaces = "".join(f"\n    xmlns:{prefix}={quoteattr(uri)}" for prefix, uri in NAMESPACES.items())
    body = "\n".join(_element(name, value) for name, value in sorted(found.items()))
    text = (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>\n'
        f'<x:xmpmeta xmlns:x="adobe:ns:meta/">\n <rdf:RDF xmlns:rdf="{_RDF}">\n'
        f'  <rdf:Description rdf:about=""{spaces}>\n{body}\n  </rdf:Description>\n </rdf:RDF>\n</x:xmpmeta>\n'
        '<?xpacket end="r"?>'
    )
    return text.encode()


def read_packet(data: bytes) -> dict[str, Any]:
    """What `packet` was given, of the properties in NAMESPACES; empty for what is no XMP.

    An entity declaration makes a packet unreadable: XMP has none, and they can be made to swallow all memory.
    """
    if b"<!ENTITY" in data or b"<!DOCTYPE" in data:
        return {}
    try:
        root = ElementTree.fromstring(data.strip(b"\0 \r\n\t").decode("utf-8").lstrip("\ufeff"))
    except (ElementTree.ParseError, UnicodeDecodeError, ValueError):
        return {}
    found: dict[str, Any] = {}
    for description in root.iter(f"{{{_RDF}}}Description"):
        for name, text in description.attrib.items():
            if _short(name):
                found[_short(name)] = text
        for element in description:
            if _short(element.tag):
                found[_short(element.tag)] = _value(element)
    return found


def json_ld(found: Mapping[str, Any]) -> dict[str, Any]:
    """The same as a JSON-LD packet for glTF's KHR_xmp_json_ld (ISO 16684-3): lists and languages by their keys."""
    used = {name.split(":")[0] for name in found}
    out: dict[str, Any] = {"@context": {prefix: uri for prefix, uri in NAMESPACES.items() if prefix in used}}
    for name, value in found.items():
        if isinstance(value, str):
            out[name] = value == "True" if name == "xmpRights:Marked" else value
        elif value[0] == _LANGUAGES:
            out[name] = {
                "@type": "rdf:Alt",
                "rdf:_1": {"@language": "x-default", "@value": value[1][0]},
            }
            out["@context"]["rdf"] = _RDF
        elif value[0] == _SEQUENCE:
            out[name] = {"@list": list(value[1])}
        else:
            out[name] = {"@set": list(value[1])}
    return out


def _element(name: str, value: Any) -> str:
    if isinstance(value, str):
        return f"   <{name}>{_text(value)}</{name}>"
    kind, items = value
    language = ' xml:lang="x-default"' if kind == _LANGUAGES else ""
    rows = [
        f"     <rdf:li{language}>{_text(item)}</rdf:li>"
        if isinstance(item, str)
        else '     <rdf:li rdf:parseType="Resource">'
        + "".join(f"<{key}>{_text(text)}</{key}>" for key, text in item.items())
        + "</rdf:li>"
        for item in items
    ]
    return f"   <{name}>\n    <rdf:{kind}>\n" + "\n".join(rows) + f"\n    </rdf:{kind}>\n   </{name}>"


def _text(text: str) -> str:
    return escape("".join(sign for sign in text if sign in "\t\n\r" or _is_xml(ord(sign))))


def _is_xml(code: int) -> bool:
    """XML 1.0, 2.2: the signs a document may hold."""
    return 0x20 <= code <= 0xD7FF or 0xE000 <= code <= 0xFFFD or 0x10000 <= code <= 0x10FFFF


def _short(tag: str) -> str:
    """prefix:Name of a tag of ElementTree, empty for namespaces that are not ours to read."""
    uri, _, name = tag.removeprefix("{").partition("}")
    return next((f"{prefix}:{name}" for prefix, known in NAMESPACES.items() if known == uri), "")


def _value(element: ElementTree.Element) -> Any:
    for kind in (_BAG, _SEQUENCE, _LANGUAGES):
        group = element.find(f"{{{_RDF}}}{kind}")
        if group is not None:
            items = [{_short(part.tag): part.text or "" for part in li} if len(li) else li.text or "" for li in group]
            return (kind, items)
    return element.text or ""
