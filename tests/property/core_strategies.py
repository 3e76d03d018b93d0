"""What the property tests of the core draw from, and what they do with it."""
from __future__ import absolute_import, division, print_function

from frame_oracle import frame
from hypothesis import strategies as st

from tornado_ws._sansio.connection import PROTOCOL_ERROR, Connection
from tornado_ws._sansio.deflate import Parameters, create_codecs
from tornado_ws._sansio.frames import FIN, OP_BINARY, OP_CLOSE, OP_PING, OP_PONG, OP_TEXT, RSV1

ROLES = ("server", "client")
OTHER = {"server": "client", "client": "server"}

roles = st.sampled_from(ROLES)
texts = st.text(alphabet=st.characters(blacklist_categories=["Cs"]), max_size=60)
# Some are longer than what fits a small frame, a medium frame and a batch.
payloads = st.one_of(
    st.binary(max_size=60),
    st.tuples(st.binary(min_size=1, max_size=9), st.sampled_from([14, 126, 5000, 15000])).map(
        lambda pair: pair[0] * pair[1]))
limits = st.one_of(st.none(), st.sampled_from([0, 10, 125, 126, 1000, 65536]))
# What two ends agree on; None for no compression.
agreements = st.one_of(st.none(), st.builds(
    Parameters, st.booleans(), st.booleans(), st.integers(8, 15), st.integers(8, 15)))
# With the largest window every reference in deflate data is within it.
large_windows = st.one_of(st.none(), st.builds(
    Parameters, st.booleans(), st.booleans(), st.just(15), st.just(15)))
# A close code and a reason as they may be sent.
close_codes = st.one_of(st.integers(1000, 1003), st.integers(1007, 1014),
                        st.integers(3000, 4999))
closes = st.one_of(
    st.just((None, u"")),
    st.tuples(close_codes, st.text(alphabet=u"abc \u20ac\U0001d11e", max_size=30)))
masking_keys = st.binary(min_size=4, max_size=4)


def connect(role, agreed=None, limit=None, min_size=0):
    """Make one end of a connection; its masking keys are always the same."""
    connection = Connection(role == "client", limit,
                            urandom=lambda n: bytes(bytearray(i % 251 for i in range(n))))
    if agreed is not None:
        compressor, decompressor = create_codecs(role, agreed, {}, None)
        connection.enable_deflate(compressor, decompressor, min_size)
    return connection


def receive(connection, parts):
    """Give a connection the parts; return its events, each error as its close code."""
    events = []
    for part in parts:
        events += connection.receive_data(part)
        while connection.backlog:
            events += connection.receive_data(b"")
    return [(opcode, payload.close_code if opcode == PROTOCOL_ERROR else payload)
            for opcode, payload in events]


@st.composite
def cuts(draw, data):
    """Cut data into parts, empty ones included."""
    places = sorted(draw(st.lists(st.integers(0, len(data)), max_size=12)))
    return [data[start:end] for start, end in zip([0] + places, places + [len(data)])]


first_bytes = st.one_of(
    st.sampled_from([FIN | opcode for opcode in (OP_TEXT, OP_BINARY, OP_CLOSE, OP_PING, OP_PONG)]),
    st.sampled_from([0x00, 0x80, OP_TEXT, OP_BINARY]),
    st.sampled_from([FIN | RSV1 | OP_TEXT, FIN | RSV1 | OP_BINARY, RSV1 | OP_TEXT]),
    st.integers(0, 255))
# Deflate data (the compressed empty message, "Hello", a stored block), UTF-8 right and wrong.
snippets = st.sampled_from([
    b"", b"\x00", b"\xf2\x48\xcd\xc9\xc9\x07\x00", b"\x00\x05\x00\xfa\xffHello\x00",
    b"\xf3\x48\xcd\xc9\xc9\x07\x00", b"\x4a\x4c\xa4\x03\x00\x00", b"\xe2\x82\xac", b"\xe2\x82",
    b"\xac", b"\xed\xa0\x80", b"\xff", b"\x03\xe8", b"\x03\xe8bye", b"\x03\xed", b"x" * 126])
frame_payloads = st.one_of(snippets, st.binary(max_size=20), st.lists(snippets).map(b"".join))


@st.composite
def streams(draw, role):
    """Make what a peer may send to this role: frames, mostly right, and any bytes between."""
    pieces = []
    for _ in range(draw(st.integers(0, 8))):
        kind = draw(st.integers(0, 19))
        if kind == 0:
            pieces.append(draw(st.binary(max_size=15)))
        else:
            masked = (role == "server") != (kind == 1)
            key = draw(masking_keys) if masked else None
            pieces.append(frame(draw(first_bytes), draw(frame_payloads), key))
    return b"".join(pieces)
