"""Receiving on a connection, both roles: RFC 6455 sections 5.4 to 5.7, C18, C23, C27."""
from __future__ import absolute_import, division, print_function

import pytest
from core_frames import (MASK, ROLES, byte_by_byte, close_code_of, connect, frame, frame_for,
                         receive, receive_parts)
from frame_oracle import mask, raw

from tornado_ws._sansio.connection import PROTOCOL_ERROR, Connection
from tornado_ws._sansio.frames import OP_BINARY, OP_CLOSE, OP_PING, OP_PONG, OP_TEXT

EACH_ROLE = pytest.mark.parametrize("role", ROLES)
KIB = bytes(bytearray(i % 256 for i in range(256)))


def each_split(data):
    """Yield the data whole, byte by byte, and cut in two at every place."""
    yield [data]
    yield byte_by_byte(data)
    for i in range(1, len(data)):
        yield [data[:i], data[i:]]


@pytest.mark.parametrize("role, text, events", [
    ("client", "81 05 48 65 6c 6c 6f", [(OP_TEXT, u"Hello")]),
    ("server", "81 85 37 fa 21 3d 7f 9f 4d 51 58", [(OP_TEXT, u"Hello")]),
    ("client", "01 03 48 65 6c 80 02 6c 6f", [(OP_TEXT, u"Hello")]),
    ("client", "89 05 48 65 6c 6c 6f", [(OP_PING, b"Hello")]),
    ("server", "8a 85 37 fa 21 3d 7f 9f 4d 51 58", [(OP_PONG, b"Hello")])])
def test_examples_of_the_rfc(role, text, events):
    """Section 5.7."""
    for parts in each_split(raw(text)):
        assert receive_parts(connect(role), parts) == events


@EACH_ROLE
@pytest.mark.parametrize("size", [5, 300, 70000])
def test_no_bytes_are_nothing(role, size):
    """Wherever in a frame the connection is."""
    data = frame_for(role, 0x82, b"x" * size)
    for cut in range(min(20, len(data))):
        connection = connect(role)
        assert connection.receive_data(data[:cut]) == []
        assert connection.receive_data(b"") == []
        assert connection.receive_data(data[cut:]) == [(OP_BINARY, b"x" * size)]


@pytest.mark.parametrize("text, size", [
    ("82 7e 01 00", 256), ("82 7f 00 00 00 00 00 01 00 00", 65536)])
def test_long_examples_of_the_rfc(text, size):
    """Section 5.7: 256 bytes and 64 KiB of binary data."""
    payload = KIB * (size // 256)
    assert receive(connect("client"), raw(text) + payload) == [(OP_BINARY, payload)]


@EACH_ROLE
@pytest.mark.parametrize("size", [0, 1, 2, 3, 4, 5, 124, 125, 126, 127, 300])
def test_messages_of_every_length_class_at_every_split(role, size):
    payload = (KIB * 2)[:size]
    for parts in each_split(frame_for(role, 0x82, payload)):
        assert receive_parts(connect(role), parts) == [(OP_BINARY, payload)]


@EACH_ROLE
@pytest.mark.parametrize("size", [65535, 65536, 200000])
def test_long_messages_in_parts_of_odd_sizes(role, size):
    payload = (KIB * (size // 256 + 1))[:size]
    data = frame_for(role, 0x82, payload)
    parts = [data[i:i + 4099] for i in range(0, len(data), 4099)]
    assert receive_parts(connect(role), parts) == [(OP_BINARY, payload)]


@EACH_ROLE
def test_text_is_unicode_and_binary_is_bytes(role):
    """C18, however they come: at once, in parts, in fragments, empty."""
    text = u"\u20ac".encode("utf-8")
    for payload, decoded in ((b"", u""), (text, u"\u20ac"), (text * 100, u"\u20ac" * 100)):
        for first, expected in ((0x81, decoded), (0x82, payload)):
            whole = frame_for(role, first, payload)
            fragments = (frame_for(role, first & 0x0f, payload[:1])
                         + frame_for(role, 0x00, payload[1:]) + frame_for(role, 0x80))
            for parts in ([whole], byte_by_byte(whole), [fragments], byte_by_byte(fragments)):
                [(opcode, message)] = receive_parts(connect(role), parts)
                assert opcode == first & 0x0f
                assert message == expected and type(message) is type(expected)


@EACH_ROLE
def test_control_frames_between_fragments_come_at_once(role):
    """C18, section 5.4: "Control frames MAY be injected in the middle of a fragmented message"."""
    data = (frame_for(role, 0x01, b"He") + frame_for(role, 0x89, b"ping")
            + frame_for(role, 0x00, b"l") + frame_for(role, 0x8a, b"")
            + frame_for(role, 0x80, b"lo") + frame_for(role, 0x82, b"next"))
    expected = [(OP_PING, b"ping"), (OP_PONG, b""), (OP_TEXT, u"Hello"), (OP_BINARY, b"next")]
    for parts in each_split(data):
        assert receive_parts(connect(role), parts) == expected


@EACH_ROLE
def test_a_close_between_fragments_ends_the_message_unfinished(role):
    data = (frame_for(role, 0x01, b"He") + frame_for(role, 0x88, raw("03 e9"))
            + frame_for(role, 0x80, b"llo"))
    for parts in each_split(data):
        assert receive_parts(connect(role), parts) == [(OP_CLOSE, (1001, None))]


@EACH_ROLE
def test_empty_fragments_are_fragments(role):
    data = frame_for(role, 0x02) + frame_for(role, 0x00) * 3 + frame_for(role, 0x80)
    for parts in each_split(data):
        assert receive_parts(connect(role), parts) == [(OP_BINARY, b"")]


@EACH_ROLE
@pytest.mark.parametrize("payload, event", [
    (b"", (None, None)),
    (raw("03 e8"), (1000, None)),
    (raw("03 e8") + b"bye", (1000, u"bye")),
    (raw("0b b8 e2 82 ac"), (3000, u"\u20ac")),
    (raw("13 87") + b"r" * 123, (4999, u"r" * 123))])
def test_close_frames(role, payload, event):
    """Section 5.5.1; nothing stands for no code and for no reason."""
    for parts in each_split(frame_for(role, 0x88, payload)):
        connection = connect(role)
        assert not connection.close_received
        assert receive_parts(connection, parts) == [(OP_CLOSE, event)]
        assert connection.close_received and not connection.close_sent


@EACH_ROLE
def test_nothing_is_delivered_after_a_close_frame(role):
    """C27: neither from the same bytes nor from later ones, be they right or wrong."""
    close = frame_for(role, 0x88, raw("03 e8"))
    for rest in (frame_for(role, 0x81, b"late"), close, raw("ff ff ff"), raw("82"),
                 frame_for(role, 0x81, b"x") * 1000):
        connection = connect(role)
        events = receive(connection, frame_for(role, 0x81, b"early") + close + rest)
        assert events == [(OP_TEXT, u"early"), (OP_CLOSE, (1000, None))]
        assert receive(connection, rest) == []
        assert receive(connection, b"") == []
        assert not connection.backlog


@EACH_ROLE
def test_nothing_is_delivered_after_an_error(role):
    for rest in (frame_for(role, 0x81, b"late"), raw("ff ff"), frame_for(role, 0x81, b"x") * 1000):
        connection = connect(role)
        events = receive(connection, frame_for(role, 0x81, b"early") + raw("ff ff") + rest)
        assert events[:-1] == [(OP_TEXT, u"early")]
        assert close_code_of(events) == 1002
        assert receive(connection, rest) == []
        assert not connection.backlog and not connection.close_received


@EACH_ROLE
def test_what_is_discarded_is_not_delivered(role):
    """After `discard`, in any state, the peer is not listened to any more."""
    message = frame_for(role, 0x81, b"Hello")
    for before in (b"", message[:1], message[:-1], frame_for(role, 0x01, b"He"), message * 300):
        connection = connect(role)
        connection.receive_data(before)
        connection.discard()
        assert not connection.backlog
        for data in (b"", message, raw("ff ff"), frame_for(role, 0x88)):
            assert connection.receive_data(data) == []
        assert not connection.close_received


@EACH_ROLE
def test_the_end_is_an_error_of_the_right_kind(role):
    [(opcode, error)] = receive(connect(role), raw("f1 00"))
    assert opcode == PROTOCOL_ERROR
    assert (error.close_code, error.reason) == (1002, "reserved bit set")
    assert isinstance(error.reason, str)


def test_a_masked_payload_is_unmasked_wherever_it_is_cut():
    """Section 5.3: the key goes on where the last part ended, for three parts of any size."""
    payload = KIB[:11]
    data = frame(0x82, payload, MASK)
    start = len(data) - len(payload)
    for i in range(start, len(data)):
        for j in range(i, len(data)):
            parts = [data[:i], data[i:j], data[j:]]
            assert receive_parts(connect("server"), parts) == [(OP_BINARY, payload)]


def test_the_masking_function_that_is_given_unmasks():
    calls = []

    def counting(key, data):
        calls.append((key, data))
        return mask(key, data)

    connection = Connection(False, mask=counting)
    data = frame(0x81, b"Hello", MASK)
    assert receive(connection, data) == [(OP_TEXT, u"Hello")]
    assert calls == [(MASK, data[-5:])]
    assert receive_parts(connection, [data[:8], data[8:]]) == [(OP_TEXT, u"Hello")]
    assert calls[1:] == [(MASK, data[6:8]), (MASK[2:] + MASK[:2], data[8:])]


def test_a_client_unmasks_nothing():
    connection = Connection(True, mask=None)
    assert receive_parts(connection, byte_by_byte(frame(0x81, b"Hello"))) == [(OP_TEXT, u"Hello")]


@EACH_ROLE
def test_bytes_missing_says_what_the_frame_still_needs(role):
    connection = connect(role)
    data = frame_for(role, 0x82, KIB)
    head = len(data) - len(KIB)
    for i in range(head):
        assert connection.receive_data(data[i:i + 1]) == []
        assert connection.bytes_missing == (0 if i < head - 1 else 256)
    connection.receive_data(data[head:head + 100])
    assert connection.bytes_missing == 156
    assert connection.receive_data(data[head + 100:]) == [(OP_BINARY, KIB)]
    assert connection.bytes_missing == 0


@EACH_ROLE
def test_received_bytes_are_counted(role):
    """C62: wire bytes as they come, messages as the application gets them, no control frames."""
    connection = connect(role)
    data = (frame_for(role, 0x81, b"Hello") + frame_for(role, 0x89, b"ping")
            + frame_for(role, 0x02, b"abc") + frame_for(role, 0x80, b"de"))
    receive_parts(connection, byte_by_byte(data))
    assert (connection.wire_bytes_in, connection.message_bytes_in) == (len(data), 10)
    assert connection.messages_in == 2
    receive(connection, data + frame_for(role, 0x88))
    assert connection.wire_bytes_in == 2 * len(data) + len(frame_for(role, 0x88))
    assert (connection.messages_in, connection.message_bytes_in) == (4, 20)
    receive(connection, data)
    assert (connection.messages_in, connection.message_bytes_in) == (4, 20)
    assert (connection.wire_bytes_out, connection.message_bytes_out) == (0, 0)
    assert connection.messages_out == 0


@EACH_ROLE
@pytest.mark.parametrize("size", [1, 5, 200])
def test_messages_of_a_batch_are_counted_up_to_the_one_that_is_wrong(role, size):
    """C62: those that are delivered; of equal heads, too."""
    connection = connect(role)
    good = frame_for(role, 0x81, b"x" * size)
    bad = frame_for(role, 0x81, b"x" * (size - 1) + b"\xff")
    events = receive(connection, good * 20 + bad + good)
    assert len(events) == 21 and close_code_of(events) == 1007
    assert (connection.messages_in, connection.message_bytes_in) == (20, 20 * size)


@EACH_ROLE
def test_a_new_connection_has_seen_nothing(role):
    connection = connect(role, 1000)
    assert not connection.close_sent and not connection.close_received
    assert not connection.backlog and connection.bytes_missing == 0
    assert connection.wire_bytes_in == connection.wire_bytes_out == 0
    assert connection.message_bytes_in == connection.message_bytes_out == 0
    assert connection.messages_in == connection.messages_out == 0
    assert connection.max_message_size == 1000 and connect(role).max_message_size is None


@EACH_ROLE
def test_nothing_comes_of_nothing(role):
    connection = connect(role)
    assert connection.receive_data(b"") == []
    assert not connection.backlog and connection.wire_bytes_in == 0
    assert receive(connection, frame_for(role, 0x81, b"Hello")) == [(OP_TEXT, u"Hello")]
    assert connection.receive_data(b"") == []
