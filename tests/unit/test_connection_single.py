"""A read that is exactly one message, and the memory that runs out: C19, C27, C29, C36, C62."""
from __future__ import absolute_import, division, print_function

import struct

import pytest
from core_frames import (ALL_15, ROLES, byte_by_byte, close_code_of, connect, frame_for, receive,
                         receive_parts)
from frame_oracle import raw

from tornado_ws._sansio.connection import Connection
from tornado_ws._sansio.frames import OP_BINARY, OP_TEXT, mask_bytes

EACH_ROLE = pytest.mark.parametrize("role", ROLES)
KIB = bytes(bytearray(i % 256 for i in range(256))) * 4


def state(connection):
    """Return all that a connection knows."""
    return [(name, getattr(connection, name)) for kind in type(connection).__mro__
            for name in getattr(kind, "__slots__", ()) if name not in ("__weakref__", "_next_key")]


def assert_left_alone(connection, data):
    before = state(connection)
    assert connection.receive_message(data) is None
    assert state(connection) == before


def told(events):
    return [(opcode, getattr(payload, "close_code", payload)) for opcode, payload in events]


def with_length(bits, role, length, payload, first=0x82):
    """Build a frame whose header says, in 16 or 64 bits, what it is told to."""
    second = {16: 0x7e, 64: 0x7f}[bits] | (0x80 if role == "server" else 0)
    head = bytes(bytearray([first, second])) + struct.pack("!H" if bits == 16 else "!Q", length)
    return head + (b"\0" * 4 if role == "server" else b"") + payload


@EACH_ROLE
@pytest.mark.parametrize("size", [
    0, 1, 2, 5, 124, 125, 126, 127, 128, 255, 256, 1000, 65535, 65536])
def test_one_message_is_taken(role, size):
    """C18, C62: as `receive_data` takes it; text and binary, again and again."""
    connection, other = connect(role), connect(role)
    payload = b"x" * size
    for first, opcode, expected in ((0x81, OP_TEXT, u"x" * size), (0x82, OP_BINARY, payload)):
        data = frame_for(role, first, payload)
        message = connection.receive_message(data)
        assert message == expected and type(message) is type(expected)
        assert other.receive_data(data) == [(opcode, expected)]
        assert state(connection) == state(other)
    assert (connection.messages_in, connection.message_bytes_in) == (2, 2 * size)
    assert connection.wire_bytes_in == 2 * len(frame_for(role, 0x82, payload))


@EACH_ROLE
@pytest.mark.parametrize("bits, length", [
    (16, 0), (16, 1), (16, 123), (16, 124), (16, 125),
    (64, 0), (64, 1), (64, 119), (64, 125), (64, 126), (64, 127), (64, 65534), (64, 65535)])
@pytest.mark.parametrize("first", [0x81, 0x82])
def test_a_length_that_is_not_minimal_is_refused_in_a_read_of_one_frame(role, bits, length, first):
    """C29, section 5.2: "the minimal number of bytes MUST be used to encode the length".

    Reads of exactly 132 and 133 bytes at a server, of 128 and 129 at a client, are among them:
    as long as a frame of 126 or 127 bytes whose header had no length of its own.
    """
    data = with_length(bits, role, length, b"x" * length, first)
    connection = connect(role)
    assert_left_alone(connection, data)
    assert close_code_of(receive(connection, data)) == 1002


@EACH_ROLE
@pytest.mark.parametrize("bits, claimed, size", [
    (16, 126, 125), (16, 126, 127), (16, 126, 0), (16, 200, 199), (16, 200, 201),
    (16, 65535, 65534), (16, 0, 126), (16, 125, 126), (16, 0, 200), (16, 258, 2), (16, 126, 252),
    (64, 65536, 65535), (64, 65536, 65537), (64, 65536, 0), (64, 0, 65536), (64, 65535, 65536),
    (64, 65537, 65536), (64, (1 << 63) + 65536, 65536), (64, (1 << 64) - 1, 65536),
    (64, (1 << 32) + 65536, 65536)])
def test_a_length_that_is_not_that_of_the_read_is_left_alone(role, bits, claimed, size):
    """C29: also in a batch, where the long way takes over from there."""
    data = with_length(bits, role, claimed, b"x" * size)
    assert_left_alone(connect(role), data)
    batch, pieces = connect(role), connect(role)
    parts = byte_by_byte(data[:14]) + [data[14:]]
    assert told(receive(batch, frame_for(role, 0x82, b"Hello") + data)) == (
        [(OP_BINARY, b"Hello")] + told(receive_parts(pieces, parts)))


@EACH_ROLE
def test_every_read_of_up_to_140_bytes_means_what_it_means_the_long_way(role):
    """C29: each second byte with a read of each size."""
    mask_bit = 0x80 if role == "server" else 0
    for size in range(2, 141):
        for second in {mask_bit | n for n in range(max(size - 12, 0), 128)}:
            data = bytes(bytearray([0x82, second, 0, 126])) + b"\0" * (size - 4)
            data = data[:size]
            connection, other = connect(role), connect(role)
            events = other.receive_data(data)
            message = connection.receive_message(data)
            if message is None:
                assert state(connection) == state(connect(role))
            else:
                assert events == [(OP_BINARY, message)]
                assert state(connection) == state(other)


@EACH_ROLE
@pytest.mark.parametrize("size", [0, 5, 300])
def test_less_or_more_than_a_message_is_left_alone(role, size):
    data = frame_for(role, 0x82, KIB[:size])
    for other in byte_by_byte(data) + [b"", data[:-1], data + b"\x82", data * 2, data[1:]]:
        if other != data:
            assert_left_alone(connect(role), other)
    assert_left_alone(connect(role), frame_for(role, 0x82, b"x" * 65537))


@EACH_ROLE
@pytest.mark.parametrize("first", [
    0x01, 0x02, 0x00, 0x80, 0x88, 0x89, 0x8a, 0x83, 0xc1, 0xc2, 0xa1, 0x92, 0xff])
def test_other_frames_are_left_alone(role, first):
    """Fragments, control frames, reserved bits and opcodes; compressed messages too."""
    for deflate in (None, ALL_15):
        assert_left_alone(connect(role, None, deflate), frame_for(role, first, b"Hello"))


@EACH_ROLE
def test_an_uncompressed_message_is_taken_where_compression_was_agreed(role):
    assert connect(role, None, ALL_15).receive_message(frame_for(role, 0x81, b"Hello")) == u"Hello"


@EACH_ROLE
def test_wrong_masking_is_left_alone(role):
    """Section 5.1; the long way finds it."""
    data = frame_for("client" if role == "server" else "server", 0x82, b"Hello")
    connection = connect(role)
    assert_left_alone(connection, data)
    assert close_code_of(receive(connection, data)) == 1002


@EACH_ROLE
@pytest.mark.parametrize("limit", [0, 1, 124, 125, 126, 127, 1000, 65534, 65535, 65536])
def test_a_message_over_the_limit_is_left_alone(role, limit):
    """C36: also when the limit is set later."""
    connection, later = connect(role, limit), connect(role)
    later.max_message_size = limit
    for one in (connection, later):
        assert one.max_message_size == limit
        assert one.receive_message(frame_for(role, 0x82, b"x" * limit)) == b"x" * limit
        data = frame_for(role, 0x82, b"x" * (limit + 1))
        assert_left_alone(one, data)
        assert close_code_of(receive(one, data)) == 1009
    later.max_message_size = None
    assert later.max_message_size is None


@EACH_ROLE
@pytest.mark.parametrize("payload", [b"\xff", b"Hell\xe2\x82", b"\xed\xa0\x80", b"\xff" * 200])
def test_a_text_that_is_none_is_left_alone(role, payload):
    """C29: the long way finds it."""
    connection = connect(role)
    data = frame_for(role, 0x81, payload)
    assert_left_alone(connection, data)
    assert close_code_of(receive(connection, data)) == 1007


@EACH_ROLE
def test_a_message_is_left_alone_unless_it_starts_where_a_message_may(role):
    """In a header, in a payload, in a fragmented message, behind a backlog, after the end."""
    data = frame_for(role, 0x82, b"Hello")
    for before in (data[:1], data[:4], data[:-1], frame_for(role, 0x02, b"He"), data * 300,
                   frame_for(role, 0x88), raw("ff ff"), frame_for(role, 0x02) + data[:1],
                   frame_for(role, 0x82, KIB)[:20], frame_for(role, 0x89, b"ping")[:-1]):
        connection = connect(role)
        connection.receive_data(before)
        assert_left_alone(connection, data)
    connection = connect(role)
    connection.discard()
    assert_left_alone(connection, data)


@EACH_ROLE
def test_a_message_is_taken_when_what_was_before_is_complete(role):
    data = frame_for(role, 0x82, b"Hello")
    ping = frame_for(role, 0x89, b"ping")
    fragments = frame_for(role, 0x02, b"He") + frame_for(role, 0x80, b"llo")
    for before in (byte_by_byte(data), [data * 300], byte_by_byte(ping), byte_by_byte(fragments)):
        connection = connect(role)
        receive_parts(connection, before)
        assert connection.receive_message(data) == b"Hello"


# Memory that runs out: nobody is to blame.


def failing_mask(error, calls):
    """Make a masking function that fails at the call of that number."""
    left = [calls]

    def mask(key, data):
        left[0] -= 1
        if not left[0]:
            raise error
        return mask_bytes(key, data)
    return mask


@pytest.mark.parametrize("error", [MemoryError(), KeyboardInterrupt()], ids=repr)
@pytest.mark.parametrize("parts", [
    [b"Hello"], [b"Hello"] * 20, [b"x" * 200], [b"x" * 100000], [b"Hello", b"x" * 70000]],
    ids=lambda parts: "-".join(str(len(part)) for part in parts))
def test_what_is_not_the_peers_fault_leaves_the_core_as_it_is(error, parts):
    """C19: no protocol error comes of it; what follows the lost bytes is not looked at."""
    data = b"".join(frame_for("server", 0x82, part) for part in parts)
    for method in ("receive_data", "receive_message"):
        connection = Connection(False, mask=failing_mask(error, len(parts)))
        if method == "receive_message" and (len(parts) > 1 or len(data) > 65536):
            continue
        with pytest.raises(type(error)) as caught:
            getattr(connection, method)(data)
        assert caught.value is error
        assert not connection.backlog
        for rest in (data, raw("ff ff"), b""):
            assert connection.receive_message(rest) is None
            assert connection.receive_data(rest) == []


@pytest.mark.parametrize("method", ["send_message", "send_large_message"])
def test_what_could_not_be_encoded_is_not_counted(method):
    """C62: and the next message is sent."""
    for size in (5, 200):
        connection = Connection(True, mask=failing_mask(MemoryError(), 1))
        with pytest.raises(MemoryError):
            getattr(connection, method)(OP_BINARY, b"x" * size)
        assert connection.messages_out == connection.message_bytes_out == 0
        assert connection.wire_bytes_out == 0
        frame = getattr(connection, method)(OP_BINARY, b"x" * size)
        if method == "send_large_message":
            frame = b"".join(frame)
        assert receive(connect("server"), frame) == [(OP_BINARY, b"x" * size)]
        assert (connection.messages_out, connection.message_bytes_out) == (1, size)
        assert connection.wire_bytes_out == len(frame)
