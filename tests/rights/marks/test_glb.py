import json
import struct
from pathlib import Path

import pytest

from scan3d.errors import InputError
from scan3d.rights.marks.glb import read_glb_packet, with_packet
from scan3d.rights.marks.xmp import json_ld, properties

PACKET = json_ld(properties({"subject": "Ada", "terms": "Web"}, use_id="u1"))
WHERE = Path("a.glb")


def a_glb() -> bytes:
    import pygltflib as g

    views = [g.BufferView(buffer=0, byteLength=5)]
    gltf = g.GLTF2(asset=g.Asset(version="2.0"), buffers=[g.Buffer(byteLength=5)], bufferViews=views)
    gltf.set_binary_blob(b"12345")
    return b"".join(gltf.save_to_bytes())


def test_the_packet_is_in_and_the_rest_stays() -> None:
    import pygltflib as g

    marked = with_packet(a_glb(), PACKET, WHERE)
    assert read_glb_packet(marked, WHERE) == PACKET
    assert len(marked) == struct.unpack_from("<I", marked, 8)[0] and len(marked) % 4 == 0
    loaded = g.GLTF2.load_from_bytes(marked)
    assert marked[-8:] == b"12345\0\0\0"
    assert loaded.extensionsUsed == ["KHR_xmp_json_ld"]


def test_a_second_packet_takes_the_place_of_the_first() -> None:
    again = with_packet(with_packet(a_glb(), PACKET, WHERE), {**PACKET, "scan3d:UseID": "u2"}, WHERE)
    assert read_glb_packet(again, WHERE)["scan3d:UseID"] == "u2"


def test_none_where_there_is_none() -> None:
    assert read_glb_packet(a_glb(), WHERE) == {}


@pytest.mark.parametrize(
    "data", [b"", b"glTF", b"no model at all, and long enough", a_glb()[:30], a_glb().replace(b"asset", b"essat")]
)
def test_what_is_no_glb_is_refused(data: bytes) -> None:
    with pytest.raises(InputError, match="no glTF"):
        with_packet(data, PACKET, WHERE)


def test_json_of_the_packet_is_json() -> None:
    assert json.loads(json.dumps(PACKET)) == PACKET
