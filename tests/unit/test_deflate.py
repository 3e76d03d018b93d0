"""The codecs of permessage-deflate: RFC 7692 section 7.2, C29, C33, C34, C36, C64.

Each test runs with zlib, with what stands for ISA-L, and with the engines that are installed.
"""
from __future__ import absolute_import, division, print_function

import random
import zlib

import pytest
from deflate_engines import OTHERS
from frame_oracle import raw

from tornado_ws._sansio import deflate
from tornado_ws._sansio.deflate import Parameters
from tornado_ws._sansio.engines import STANDARD, Engine
from tornado_ws._sansio.errors import ProtocolError

ENGINES = dict([(name, Engine(module)) for name, module in OTHERS], zlib=STANDARD)
WITH_ZLIB = pytest.mark.parametrize("engine", ["zlib"], indirect=True)
"""For tests that know its bytes, levels or texts."""

used = {"engine": STANDARD}


@pytest.fixture(autouse=True, params=sorted(ENGINES))
def engine(request):
    used["engine"] = ENGINES[request.param]
    yield
    used["engine"] = STANDARD


def inflater(persistent=True, max_wbits=15, **kwargs):
    kwargs.update(used)
    return deflate.PerMessageDeflateDecompressor(persistent, max_wbits, **kwargs)


def deflater(persistent=True, max_wbits=15, **kwargs):
    kwargs.update(used)
    return deflate.PerMessageDeflateCompressor(persistent, max_wbits, **kwargs)


def failure(function, *args):
    with pytest.raises(ProtocolError) as info:
        function(*args)
    assert len(info.value.reason) < 124
    return info.value.close_code


def noise(length, seed=7):
    choose = random.Random(seed).randrange
    return bytes(bytearray(choose(256) for _ in range(length)))


# Messages (C33, C34)

# RFC 7692 sections 7.2.3.1, 7.2.3.3, 7.2.3.4 and 7.2.3.5
HELLO = [
    "f2 48 cd c9 c9 07 00",
    "00 05 00 fa ff 48 65 6c 6c 6f 00",
    "f3 48 cd c9 c9 07 00 00",
    "f2 48 05 00 00 00 ff ff ca c9 c9 07 00",
]


@pytest.mark.parametrize("payload", HELLO)
@pytest.mark.parametrize("persistent", [True, False])
def test_payloads_of_the_rfc_are_decompressed(payload, persistent):
    receiver = inflater(persistent)
    for _ in range(3):
        assert receiver.decompress(raw(payload)) == b"Hello"


@pytest.mark.parametrize("payload", HELLO)
def test_payloads_in_parts(payload):
    """RFC 7692 section 7.2.3.1: a message compressed as a whole, then fragmented."""
    payload = raw(payload)
    receiver = inflater()
    for cut in range(len(payload) + 1):
        parts = [receiver.feed(payload[:cut], False, 5), receiver.feed(payload[cut:], True, 5)]
        assert b"".join(parts) == b"Hello"
    parts = [receiver.feed(payload[i : i + 1], False, None) for i in range(len(payload))]
    assert b"".join(parts + [receiver.feed(b"", True, None)]) == b"Hello"


@WITH_ZLIB
def test_sharing_the_window():
    """RFC 7692 section 7.2.3.2: the second `Hello` refers to the first."""
    sender, receiver = deflater(), inflater()
    assert sender.compress(b"Hello") == raw("f2 48 cd c9 c9 07 00")
    assert sender.compress(b"Hello") == raw("f2 00 11 00 00")
    assert receiver.decompress(raw("f2 48 cd c9 c9 07 00")) == b"Hello"
    assert receiver.decompress(raw("f2 00 11 00 00")) == b"Hello"


def test_no_context_takeover():
    """C34: each message stands alone."""
    sender, receiver = deflater(False), inflater(False)
    for _ in range(2):
        assert sender.compress(b"Hello") == raw("f2 48 cd c9 c9 07 00")
        assert receiver.decompress(raw("f2 48 cd c9 c9 07 00")) == b"Hello"
    assert failure(receiver.decompress, raw("f2 00 11 00 00")) == 1007


@pytest.mark.parametrize("persistent", [True, False])
def test_empty_messages(persistent):
    """C34; RFC 7692 section 7.2.3.6."""
    sender, receiver = deflater(persistent), inflater(persistent)
    for message in (b"", b"", b"Hello", b"", b"", b"Hello", b""):
        payload = sender.compress(message)
        if not message:
            assert payload == b"\x00"
        assert receiver.feed(payload, True, len(message)) == message
    empty = deflater(persistent)
    empty.compress(b"")
    assert empty._context is None


@pytest.mark.parametrize("persistent", [True, False])
def test_contexts_are_made_at_first_use_and_kept_as_agreed(persistent):
    """C34."""
    sender, receiver = deflater(persistent), inflater(persistent)
    assert sender._context is None
    assert receiver._context is None
    payload = sender.compress(b"Hello")
    receiver.feed(payload[:3], False, None)
    assert receiver._context is not None
    receiver.feed(payload[3:], True, None)
    assert (sender._context is not None) is persistent
    assert (receiver._context is not None) is persistent


FINAL_HELLO = "f3 48 cd c9 c9 07 00"


@pytest.mark.parametrize(
    "payload, message",
    [
        (FINAL_HELLO * 3 + "00", b"HelloHelloHello"),
        (FINAL_HELLO + "f2 48 cd c9 c9 07 00", b"HelloHello"),
        ("f2 48 cd c9 c9 07 00 00 00 ff ff" + FINAL_HELLO + "00", b"HelloHello"),
        ("03 00" * 1024 + "00", b""),
        # Without the octet that should follow: what is left of the tail belongs to nothing.
        (FINAL_HELLO, b"Hello"),
        ("03", b""),
        # BFINAL on the very block that lost its end.
        ("01", b""),
        ("f2 48 cd c9 c9 07 00 00 00 ff ff 01", b"Hello"),
    ],
)
@pytest.mark.parametrize("persistent", [True, False])
@pytest.mark.parametrize("step", [1, 3, 1 << 20])
def test_final_blocks(payload, message, persistent, step):
    """C34: blocks with BFINAL, several in a message, and the next message fine again."""
    payload = raw(payload)
    receiver = inflater(persistent)
    for _ in range(3):
        parts = [
            receiver.feed(payload[start : start + step], False, None)
            for start in range(0, len(payload), step)
        ]
        parts.append(receiver.feed(b"", True, 0))
        assert b"".join(parts) == message
        assert receiver.decompress(payload) == message
        assert receiver.decompress(raw("f2 48 cd c9 c9 07 00")) == b"Hello"


@pytest.mark.parametrize("step", [7, 1 << 20])
def test_long_streams_that_end(step):
    """C34: streams with BFINAL, each given in several pieces; zlib tells their rest twice."""
    maker = zlib.compressobj(9, zlib.DEFLATED, -15)
    payload = (maker.compress(b"x" * 300000) + maker.flush()) * 3 + b"\x00"
    receiver = inflater()
    parts = [
        receiver.feed(payload[start : start + step], False, None)
        for start in range(0, len(payload), step)
    ]
    parts.append(receiver.feed(b"", True, 0))
    assert b"".join(parts) == b"x" * 900000
    assert receiver.decompress(payload) == b"x" * 900000


def test_final_blocks_per_message_are_limited():
    receiver = inflater()
    for _ in range(2):
        assert receiver.decompress(raw(FINAL_HELLO * 1024 + "00")) == b"Hello" * 1024
    assert failure(receiver.decompress, raw(FINAL_HELLO * 1025 + "00")) == 1007
    receiver = inflater()
    receiver.feed(raw(FINAL_HELLO * 1024), False, None)
    assert failure(receiver.feed, raw(FINAL_HELLO + "00"), True, None) == 1007


class CountedBytes(bytes):
    """Counts the bytes in the slices that are taken from it."""

    taken = 0

    def __getitem__(self, where):
        piece = bytes.__getitem__(self, where)
        self.taken += len(piece)
        return piece

    def __getslice__(self, start, stop):
        return self[slice(start, stop)]


def test_final_blocks_before_much_else():
    """The megabyte that follows a thousand streams is not copied for each of them."""
    data = noise(0xFFFF) * 16
    stored = b"".join(
        b"\x00\xff\xff\x00\x00" + data[start : start + 0xFFFF]
        for start in range(0, len(data), 0xFFFF)
    )
    payload = CountedBytes(b"\x03\x00" * 1000 + stored)
    receiver = inflater()
    assert receiver.feed(payload, False, None) == data
    assert receiver.feed(b"\x00", True, 0) == b""
    assert len(payload) <= payload.taken < 20 * len(payload)


@pytest.mark.parametrize(
    "payload",
    [
        "07",
        "ff ff ff ff",
        "06 00",
        "00 05 00 fa fe 48 65 6c 6c 6f 00",
        "f2 00 11 00 00",
        "f2 48 cd c9 c9 07 00 ff ff ff ff",
        FINAL_HELLO + "07",
    ],
)
def test_undecodable_data(payload):
    """C29: 1007."""
    for persistent in (True, False):
        assert failure(inflater(persistent).decompress, raw(payload)) == 1007
        assert failure(inflater(persistent).feed, raw(payload), False, 100) == 1007


# Windows (C33)

WINDOWS = list(range(8, 16))


@pytest.mark.parametrize("max_wbits", [7, 16, 0, -15])
def test_other_windows_are_refused(max_wbits):
    with pytest.raises(ValueError):
        deflater(True, max_wbits)
    with pytest.raises(ValueError):
        inflater(True, max_wbits)


def test_no_window_means_the_largest():
    data = noise(30000) * 2
    payload = deflater(True, None).compress(data)
    assert len(payload) < 40000
    assert inflater(True, None).decompress(payload) == data


def strict_inflate(payload, bits):
    """Inflate byte by byte: only then must zlib find each match in the window itself."""
    context = zlib.decompressobj(-bits)
    data, pending = [], payload + b"\x00\x00\xff\xff"
    while True:
        piece = context.decompress(pending, 1)
        pending = context.unconsumed_tail
        if not piece and not pending:
            return b"".join(data)
        data.append(piece)


def window_tester(bits):
    """Repeats from just inside and just outside of a window, and long runs."""
    size = 1 << bits
    block = noise(size, bits)
    return block + block[5:] + block[:300] + b"a" * 700 + block * 2


@pytest.mark.parametrize("bits", WINDOWS[:4])
@pytest.mark.parametrize("level", [0, 1, 3, 6, 9])
@pytest.mark.parametrize("mem_level", [1, 8, 9])
def test_no_match_is_farther_away_than_the_window(bits, level, mem_level):
    """C33: also for 8 bits, where zlib works with 9."""
    options = {"compression_level": level, "mem_level": mem_level}
    sender = deflater(True, bits, compression_options=options)
    data = window_tester(bits) + b"".join(noise(n) + noise(9, n) for n in range(225, 275))
    assert strict_inflate(sender.compress(data), bits) == data


@WITH_ZLIB
def test_the_strict_test_can_fail():
    sender = deflater(True, 9)
    data = noise(260) * 2 + noise(240, 3) * 2
    wide = deflater(True, 10)
    assert strict_inflate(sender.compress(data), 8) == data
    with pytest.raises(zlib.error):
        strict_inflate(wide.compress(data), 8)


@pytest.mark.parametrize("bits", WINDOWS)
@pytest.mark.parametrize("persistent", [True, False])
def test_every_window_in_both_directions(bits, persistent):
    """C33."""
    sender, receiver = deflater(persistent, bits), inflater(persistent, bits)
    for message in (b"x", window_tester(8), window_tester(bits), b"x" * 3000, window_tester(8)):
        assert receiver.decompress(sender.compress(message)) == message


def test_the_window_is_the_agreed_one():
    data = noise(1500) * 2
    assert len(deflater(True, 11).compress(data)) < 1700
    assert len(deflater(True, 10).compress(data)) > 3000


@WITH_ZLIB
def test_level_and_memory_are_used():
    data = b"0123456789" * 100
    stored = deflater(compression_options={"compression_level": 0}).compress(data)
    assert len(stored) > len(data)
    assert inflater().decompress(stored) == data
    text = b"".join(noise(5, n % 50) for n in range(5000))
    sizes = [
        len(deflater(compression_options=options).compress(text))
        for options in ({}, {"mem_level": 8, "compression_level": 6}, {"mem_level": 1})
    ]
    assert sizes[0] == sizes[1] != sizes[2]


# Limits (C36)


@pytest.mark.parametrize("size", [0, 1, 2, 1000, 65535, 65536, 65537, 131072, 200000])
@pytest.mark.parametrize("make", [noise, lambda size: b"a" * size], ids=["noise", "run"])
def test_the_limit_is_exact(size, make):
    """C36: a message of the limit passes, one byte more does not (1009)."""
    message = make(size)
    payload = deflater().compress(message)
    assert inflater().feed(payload, True, size) == message
    assert inflater().decompress(payload) == message
    assert inflater(max_message_size=size).decompress(payload) == message
    assert inflater(max_message_size=1 << 70).decompress(payload) == message
    if size:
        assert failure(inflater().feed, payload, True, size - 1) == 1009
        assert failure(inflater(max_message_size=size - 1).decompress, payload) == 1009


def test_the_limit_holds_for_each_part():
    payload = deflater().compress(b"a" * 1000)
    receiver = inflater()
    first = receiver.feed(payload[:-2], False, 1000)
    assert receiver.feed(payload[-2:], True, 1000 - len(first)) == b"a" * (1000 - len(first))
    receiver = inflater()
    first = receiver.feed(payload[:-4], False, 1000)
    assert len(first) < 1000
    assert failure(receiver.feed, payload[-4:], True, 999 - len(first)) == 1009


def test_the_limit_holds_across_final_blocks():
    payload = raw(FINAL_HELLO * 3 + "00")
    assert inflater().feed(payload, True, 15) == b"Hello" * 3
    assert failure(inflater().feed, payload, True, 14) == 1009


def test_what_zlib_holds_back_is_not_lost():
    """Output that ends exactly at a step's end leaves the rest of a match inside zlib."""
    for size in range(65536 - 3, 65536 + 262):
        payload = deflater().compress(b"a" * size + b"b")
        for cut in (len(payload) - 1, len(payload) - 3):
            receiver = inflater()
            parts = [receiver.feed(payload[:cut], False, None)]
            parts.append(receiver.feed(payload[cut:], True, None))
            assert b"".join(parts) == b"a" * size + b"b"


@pytest.mark.cpython
@pytest.mark.parametrize("engine", sorted(set(ENGINES) - {"stand_in"}), indirect=True)
def test_a_bomb_costs_no_more_than_the_limit():
    """C36: memory use while refusing stays within the limit plus one chunk."""
    tracemalloc = pytest.importorskip("tracemalloc")
    limit = 1 << 20
    bomb = deflater().compress(bytes(1 << 26))
    tracemalloc.start()
    try:
        assert failure(inflater().feed, bomb, True, limit) == 1009
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < limit + len(bomb) + (256 << 10)


# Both together


@pytest.mark.parametrize("role", ["client", "server"])
def test_codecs_of_a_role(role):
    """Each side compresses as its own parameters say and decompresses as its peer's do."""
    parameters = Parameters(True, False, 9, 10)
    sender, receiver = deflate.create_codecs(role, parameters, {"mem_level": 9}, 77, **used)
    assert isinstance(sender, deflate.PerMessageDeflateCompressor)
    assert isinstance(receiver, deflate.PerMessageDeflateDecompressor)
    sender.compress(b"x")
    assert (sender._context is None) is (role == "server")
    receiver.decompress(b"\x00")
    assert (receiver._context is None) is (role == "client")
    data = noise(600) * 2
    assert (len(sender.compress(data)) < 800) is (role == "client")
    assert failure(receiver.decompress, deflater().compress(b"a" * 78)) == 1009


def test_codecs_talk_to_each_other():
    for numbers in ((False, False, 15, 15), (True, True, 8, 8), (False, True, 8, 9)):
        parameters = Parameters(*numbers)
        client = deflate.create_codecs("client", parameters, {}, None, **used)
        server = deflate.create_codecs("server", parameters, {"compression_level": 9}, None, **used)
        for message in (b"Hello", b"", b"Hello", window_tester(8)):
            assert server[1].decompress(client[0].compress(message)) == message
            assert client[1].decompress(server[0].compress(message)) == message


# What is not the peer's fault: C19.


class Failing(object):
    """Stands for an object of zlib's that fails."""

    def __init__(self, error):
        self._error = error

    def decompress(self, data, limit):
        raise self._error

    def compress(self, data):
        raise self._error


@WITH_ZLIB
@pytest.mark.parametrize("error, kind", [
    (MemoryError(), MemoryError),
    (zlib.error("Error -4 while decompressing data"), MemoryError),
    (zlib.error("Error -2 while decompressing data: inconsistent stream state"), zlib.error),
    (zlib.error("Error -3 while decompressing data: invalid block type"), ProtocolError),
    (zlib.error("Error 2 while decompressing data"), ProtocolError)], ids=str)
def test_the_peer_is_to_blame_for_its_data_only(error, kind):
    """C19: neither for memory that runs out nor for a context that is not in order."""
    receiver = inflater()
    receiver._context = Failing(error)
    with pytest.raises(kind) as caught:
        receiver.decompress(raw("f2 48 cd c9 c9 07 00"))
    assert type(caught.value) is kind


@WITH_ZLIB
def test_bad_data_are_told_by_zlib_as_is_expected():
    """The beginning of its texts."""
    with pytest.raises(zlib.error) as caught:
        zlib.decompressobj(-15).decompress(b"\xff" * 10)
    assert str(caught.value).startswith("Error -3 ")


@WITH_ZLIB
def test_a_message_that_could_not_be_compressed_is_not_referred_to():
    """C34: the peer did not get it. The next one starts with an empty window."""
    sender, receiver = deflater(), inflater()
    sender._context = Failing(MemoryError())
    with pytest.raises(MemoryError):
        sender.compress(b"Hello")
    assert receiver.decompress(sender.compress(b"Hello")) == b"Hello"
    assert sender.compress(b"Hello") == raw("f2 00 11 00 00")
