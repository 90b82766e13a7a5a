import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scan3d.rights.marks.xmp import json_ld, packet, properties, read_packet

CLAIMS = {
    "subject": 'Ada <& "L">',
    "studio": "Studio Nörd",
    "licensee": "Marke AG",
    "licence": "L-1",
    "consent": "C-9",
    "terms": "Web and print, until 2027",
    "terms_url": "https://example.org/terms?a=1&b=2",
    "rights": "© Ada",
    "model_release": "limited",
    "valid_from": "2026-01-01",
    "valid_to": "2027-01-01",
    "territories": "DE FR",
}


def test_says_what_iptc_and_plus_ask_for() -> None:
    found = read_packet(packet(properties(CLAIMS, use_id="u1", label="AI")))
    assert found == properties(CLAIMS, use_id="u1", label="AI")
    assert found["Iptc4xmpExt:DigitalSourceType"].endswith("/digitalsourcetype/compositeSynthetic")
    assert found["plus:ModelReleaseStatus"] == "http://ns.useplus.org/ldf/vocab/MR-LMR"
    assert found["plus:Licensee"] == ("Seq", [{"plus:LicenseeName": "Marke AG"}])
    assert found["Iptc4xmpExt:PersonInImage"] == ("Bag", [CLAIMS["subject"]])
    assert '"ProduceID":"u1"' in found["TC260:AIGC"]


def test_what_is_not_claimed_is_not_said() -> None:
    found = properties({}, use_id="u1")
    assert "plus:ModelReleaseStatus" not in found and "dc:creator" not in found and "TC260:AIGC" not in found
    assert found["plus:DataMining"].endswith("DMI-PROHIBITED-AIMLTRAINING")


@given(st.dictionaries(st.sampled_from(sorted(CLAIMS)), st.text(min_size=1, max_size=40)))
@settings(max_examples=60, deadline=None)
def test_any_text_makes_a_packet_that_can_be_read(claims: dict[str, str]) -> None:
    found = read_packet(packet(properties(claims, use_id="u1")))
    assert found["scan3d:UseID"] == "u1"
    if set(claims.get("licensee", "?")) <= set(string.printable) - set("\r\x0b\x0c"):
        assert "licensee" not in claims or found["plus:Licensee"][1][0]["plus:LicenseeName"] == claims["licensee"]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"no XML",
        b"<a><b></a>",
        b"\xff\xfe\x00",
        b'<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><x>&b;</x>',
    ],
)
def test_what_is_no_packet_says_nothing(data: bytes) -> None:
    assert read_packet(data) == {}


def test_json_ld_names_its_vocabularies() -> None:
    ld = json_ld(properties(CLAIMS, use_id="u1"))
    assert ld["@context"]["plus"] == "http://ns.useplus.org/ldf/xmp/1.0/"
    assert ld["xmpRights:UsageTerms"]["rdf:_1"]["@value"] == CLAIMS["terms"]
    assert ld["xmpRights:Marked"] is True and ld["plus:Licensee"] == {"@list": [{"plus:LicenseeName": "Marke AG"}]}
    prefixes = {name.split(":")[0] for name in ld if not name.startswith("@")}
    assert prefixes <= set(ld["@context"])
