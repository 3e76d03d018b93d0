"""The limit of a message and the memory that a peer can take: C36."""
from __future__ import absolute_import, division, print_function

import io
import sys
import zlib

import pytest
from core_frames import (ALL_15, ROLES, byte_by_byte, close_code_of, connect, frame_for, receive,
                         receive_parts)
from frame_oracle import raw

from tornado_ws._sansio.connection import PROTOCOL_ERROR
from tornado_ws._sansio.frames import OP_BINARY, OP_TEXT, Header
from tornado_ws._sansio.message import Message

EACH_ROLE = pytest.mark.parametrize("role", ROLES)
CHUNK = 64 * 1024
LIMIT = 1000


def deflate(data):
    """Compress as a sender would, independently of ours."""
    context = zlib.compressobj(9, zlib.DEFLATED, -15)
    return (context.compress(data) + context.flush(zlib.Z_SYNC_FLUSH))[:-4]


def outcome(connection, *parts):
    """Return the lengths of the messages, then the close code if there is an error."""
    return [payload.close_code if opcode == PROTOCOL_ERROR else len(payload)
            for opcode, payload in receive_parts(connection, parts)]


@EACH_ROLE
@pytest.mark.parametrize("first", [0x81, 0x82])
@pytest.mark.parametrize("limit", [0, 1, 124, 125, 126, 1000])
def test_the_limit_of_a_frame(role, first, limit):
    """C36: below and at the limit is a message, above is 1009, before any payload has come."""
    for size in {max(limit - 1, 0), limit}:
        data = frame_for(role, first, b"x" * size)
        assert outcome(connect(role, limit), data) == [size]
        assert outcome(connect(role, limit), *byte_by_byte(data)) == [size]
    data = frame_for(role, first, b"x" * (limit + 1))
    head = data[:-limit - 1]
    for parts in ([data], [head], byte_by_byte(head)):
        assert outcome(connect(role, limit), *parts) == [1009]


@EACH_ROLE
@pytest.mark.parametrize("limit", [65535, 65536])
def test_the_limit_of_a_long_frame(role, limit):
    """C36: as it comes from a socket."""
    for size, expected in ((limit - 1, limit - 1), (limit, limit), (limit + 1, 1009)):
        data = frame_for(role, 0x82, b"x" * size)
        parts = [data[start:start + 4000] for start in range(0, len(data), 4000)]
        assert outcome(connect(role, limit), *parts) == [expected]


@EACH_ROLE
@pytest.mark.parametrize("first", [0x01, 0x02])
@pytest.mark.parametrize("sizes, fits", [
    ((999, 0), True), ((500, 499), True), ((1000,), True), ((0, 1000), True), ((1, 998, 1), True),
    ((0, 0, 1001), False), ((1001, 0), False), ((500, 501), False), ((1000, 0, 1), False)])
def test_the_limit_of_a_sum_of_fragments(role, first, sizes, fits):
    """C36."""
    frames = [frame_for(role, first, b"x" * sizes[0])]
    frames += [frame_for(role, 0x00, b"x" * size) for size in sizes[1:]]
    data = b"".join(frames) + frame_for(role, 0x89) + frame_for(role, 0x80)
    expected = [0, sum(sizes)] if fits else [1009]
    assert outcome(connect(role, LIMIT), data) == expected
    assert outcome(connect(role, LIMIT), *byte_by_byte(data)) == expected


@EACH_ROLE
@pytest.mark.parametrize("first", [0xc1, 0xc2])
@pytest.mark.parametrize("size, result", [(0, 0), (999, 999), (1000, 1000), (1001, 1009)])
def test_the_limit_of_what_is_inflated(role, first, size, result):
    """C36: in one frame, in two, in one-byte parts; as it is sent it is small."""
    payload = deflate(b"x" * size)
    assert len(payload) < 20
    whole = frame_for(role, first, payload)
    halves = frame_for(role, first & 0x7f, payload[:3]) + frame_for(role, 0x80, payload[3:])
    for data in (whole, halves):
        assert outcome(connect(role, LIMIT, ALL_15), data) == [result]
        assert outcome(connect(role, LIMIT, ALL_15), *byte_by_byte(data)) == [result]


@EACH_ROLE
def test_the_limit_holds_before_inflating_too(role):
    """C36: stored blocks and empty ones are longer than what they hold."""
    payload = b"\x00\x00\x00\xff\xff" * 200 + b"\x00"
    assert outcome(connect(role, 1001, ALL_15), frame_for(role, 0xc2, payload)) == [0]
    assert outcome(connect(role, 1000, ALL_15), frame_for(role, 0xc2, payload)) == [1009]


@EACH_ROLE
def test_the_limit_is_that_of_each_message(role):
    """C36: nothing of one message counts for the next."""
    whole = frame_for(role, 0x82, b"x" * LIMIT)
    parts = frame_for(role, 0x02, b"x" * 600) + frame_for(role, 0x80, b"x" * 400)
    inflated = frame_for(role, 0xc2, deflate(b"x" * LIMIT))
    data = (whole + parts + inflated) * 3
    assert outcome(connect(role, LIMIT, ALL_15), data) == [LIMIT] * 9


@EACH_ROLE
def test_control_frames_have_no_part_in_the_limit(role):
    data = frame_for(role, 0x01, b"ab") + frame_for(role, 0x89, b"p" * 125) * 20
    assert outcome(connect(role, 3), data + frame_for(role, 0x80, b"c")) == [125] * 20 + [3]


@EACH_ROLE
def test_without_a_limit_there_is_none(role):
    data = frame_for(role, 0x82, b"x" * 300000)
    inflated = frame_for(role, 0xc2, deflate(b"x" * 300000))
    assert outcome(connect(role, None, ALL_15), data, inflated) == [300000, 300000]


def test_the_limit_can_be_changed_between_messages():
    """It is known late: the stream has it."""
    connection = connect("client")
    connection.max_message_size = 1
    assert outcome(connection, raw("82 01 00")) == [1]
    connection.max_message_size = 0
    assert outcome(connection, raw("82 01 00")) == [1009]


@EACH_ROLE
@pytest.mark.parametrize("size", [126, 1000, 65535])
def test_the_limit_holds_on_the_straight_path_too(role, size):
    """C36: a longer frame whose bytes are all there at once."""
    data = frame_for(role, 0x82, b"x" * size)
    assert receive(connect(role, size), data * 2) == [(OP_BINARY, b"x" * size)] * 2
    assert close_code_of(receive(connect(role, size - 1), data * 2)) == 1009


# Memory.


def fields(thing):
    """Yield the names and values of an object's attributes, those in slots too."""
    for kind in type(thing).__mro__:
        for name in getattr(kind, "__slots__", ()):
            if hasattr(thing, name):
                yield name, getattr(thing, name)
    for item in getattr(thing, "__dict__", {}).items():
        yield item


def held(thing, seen=None):
    """Return how many bytes a connection, and what it alone refers to, take up."""
    seen = set() if seen is None else seen
    if id(thing) in seen:
        return 0
    seen.add(id(thing))
    size = sys.getsizeof(thing)
    if isinstance(thing, (list, tuple)):
        size += sum(held(item, seen) for item in thing)
    elif not isinstance(thing, (bytes, io.BytesIO)):
        for name, value in fields(thing):
            if name != "_keys" and isinstance(value, (bytes, io.BytesIO, list, Header, Message)):
                size += held(value, seen)
    return size


@pytest.mark.cpython
def test_memory_is_measured_where_it_is_held():
    """The measure itself: it sees the payloads of all kinds of parts."""
    for part in (1, 100, 5000):
        connection = connect("client")
        receive(connection, raw("02 00"))
        for _ in range(100):
            receive(connection, frame_for("client", 0x00, b"x" * part))
        assert 100 * part <= held(connection) < 2 * 100 * part + 5000
    connection = connect("client")
    receive(connection, b"\x82\x7f" + b"\x00" * 4)
    assert held(connection) >= held(connect("client")) + 6
    connection.receive_data(frame_for("client", 0x82, b"") * 100000)
    assert held(connection) > 150000


STORED = b"\x00\x00\x00\xff\xff"  # an empty deflate block


@pytest.mark.cpython
@pytest.mark.parametrize("role, first, payload", [
    ("server", 0x01, b""), ("client", 0x02, b""), ("server", 0x02, b"x"), ("client", 0x01, b"x"),
    ("client", 0x41, b""), ("client", 0x42, STORED)])
def test_many_fragments_take_no_more_memory_than_their_bytes(role, first, payload):
    """C36: 100 000 of them."""
    connection = connect(role, 1 << 20, ALL_15)
    assert receive(connection, frame_for(role, first)) == []
    chunk = frame_for(role, 0x00, payload) * 5000
    for count in range(5000, 100001, 5000):
        assert receive(connection, chunk) == []
        arrived = count if payload == b"x" else 0
        assert held(connection) < 5000 + arrived * 9 // 8


def test_a_message_of_many_fragments_is_whole():
    """C36: of 100 000 one-byte fragments, with empty ones between."""
    connection = connect("client")
    text = b"0123456789" * 10
    data = b"".join(frame_for("client", 0x00, text[i:i + 1]) + b"\x00\x00" for i in range(100))
    assert receive(connection, raw("01 00")) == []
    for _ in range(1000):
        assert receive(connection, data) == []
    assert receive(connection, raw("80 01 21")) == [(OP_TEXT, u"0123456789" * 10000 + u"!")]


def calls_for(fragments, payload):
    """Count the calls of functions that so many fragments cost."""
    connection = connect("client")
    connection.receive_data(raw("01 00"))
    chunk = frame_for("client", 0x00, payload) * 1000
    calls = [0]

    def count(_, event, __):
        calls[0] += event in ("call", "c_call")

    for _ in range(fragments // 1000):
        sys.setprofile(count)
        try:
            receive(connection, chunk)
        finally:
            sys.setprofile(None)
    return calls[0]


@pytest.mark.parametrize("payload", [b"", b"x", b"x" * 100], ids=len)
def test_the_work_is_linear_in_the_number_of_fragments(payload):
    """C36: twice as many fragments cost twice as many calls, wherever the message stands."""
    few, many = calls_for(2000, payload), calls_for(8000, payload)
    assert 3.5 * few < many < 4.5 * few


@pytest.mark.cpython
@EACH_ROLE
@pytest.mark.parametrize("first", [0x82, 0x81, 0xc2, 0x02])
def test_a_declared_length_allocates_nothing(role, first):
    """C36: without a limit 2**63 - 1 bytes are waited for, with one they are refused at once."""
    mask_bit = b"\xff" if role == "server" else b"\x7f"
    head = bytes(bytearray([first])) + mask_bit + b"\x7f" + b"\xff" * 7
    head += b"\x00" * 4 if role == "server" else b""
    connection = connect(role, None, ALL_15)
    before = held(connection)
    for part in byte_by_byte(head):
        assert receive(connection, part) == []
        assert held(connection) < before + 1000
    assert connection.bytes_missing == 0x7fffffffffffffff
    assert receive(connection, b"\x00" * 4) == []
    assert held(connection) < before + 1000
    connection = connect(role, 100 << 20, ALL_15)
    assert close_code_of(receive_parts(connection, byte_by_byte(head))) == 1009


@pytest.mark.cpython
@EACH_ROLE
@pytest.mark.parametrize("end", ["error", "close", "discard"])
def test_a_connection_at_its_end_holds_nothing_of_the_peer(role, end):
    """A message in progress and what was not taken yet are let go with it."""
    connection = connect(role)
    fresh = held(connection)
    parts = frame_for(role, 0x02, b"x" * CHUNK) + frame_for(role, 0x00, b"x" * 1000)
    assert receive(connection, parts) == []
    assert held(connection) > fresh + CHUNK
    rest = frame_for(role, 0x89) * 1000
    if end == "discard":
        connection.receive_data(rest)
        connection.discard()
    else:
        last = b"\xff\xff" if end == "error" else frame_for(role, 0x88)
        connection.receive_data(last + rest)
    assert held(connection) < fresh + 500


@pytest.mark.cpython
@EACH_ROLE
def test_a_bomb_is_refused_within_its_limit(role):
    """C36: whole, in fragments, after a message that fills the window (context takeover)."""
    zeros = deflate(b"\0" * (10 << 20))
    context = zlib.compressobj(9, zlib.DEFLATED, -15)
    filling = (context.compress(b"\0" * 32768) + context.flush(zlib.Z_SYNC_FLUSH))[:-4]
    later = (context.compress(b"\0" * (10 << 20)) + context.flush(zlib.Z_SYNC_FLUSH))[:-4]
    fragments = frame_for(role, 0x42, zeros[:5000])
    fragments += b"".join(frame_for(role, 0x00, zeros[i:i + 1]) for i in range(5000, len(zeros)))
    for data, first in ((frame_for(role, 0xc2, zeros), []), (fragments, []),
                        (frame_for(role, 0xc2, filling) + frame_for(role, 0xc2, later), [32768])):
        connection = connect(role, 1 << 20, ALL_15)
        assert outcome(connection, data) == first + [1009]
        assert held(connection) < 5000


@pytest.mark.cpython
@EACH_ROLE
def test_a_message_at_the_limit_is_received_in_chunks(role):
    """C36: while it arrives, no more is held than what came of it, and an eighth."""
    limit = 1 << 20
    data = frame_for(role, 0x82, b"x" * limit)
    connection = connect(role, limit)
    for start in range(0, len(data) - CHUNK, CHUNK):
        assert receive(connection, data[start:start + CHUNK]) == []
        assert held(connection) < (start + CHUNK) * 9 // 8 + 5000
    [(opcode, message)] = receive(connection, data[start + CHUNK:])
    assert (opcode, len(message)) == (OP_BINARY, limit)
