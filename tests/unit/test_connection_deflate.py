"""Compressed messages on a connection: RFC 7692 section 7.2.3, C18, C30, C34."""
from __future__ import absolute_import, division, print_function

import pytest
from core_frames import (ALL_15, ROLES, byte_by_byte, close_code_of, connect, frame, frame_for,
                         receive, receive_parts)
from frame_oracle import raw

from tornado_ws._sansio.deflate import (Parameters, PerMessageDeflateCompressor,
                                        PerMessageDeflateDecompressor)
from tornado_ws._sansio.frames import OP_BINARY, OP_PING, OP_TEXT

EACH_ROLE = pytest.mark.parametrize("role", ROLES)
HELLO = [(OP_TEXT, u"Hello")]
TEXT = u"\u20ac and more of the same, the same, the same. " * 3
NO_TAKEOVER = Parameters(True, True, 15, 15)


# Section 7.2.3.1 to 7.2.3.6: the frames, what they are.
EXAMPLES = [
    pytest.param("c1 07 f2 48 cd c9 c9 07 00", HELLO, id="7.2.3.1-one_frame"),
    pytest.param("41 03 f2 48 cd 80 04 c9 c9 07 00", HELLO, id="7.2.3.1-two_frames"),
    pytest.param("c1 07 f2 48 cd c9 c9 07 00 c1 07 f2 48 cd c9 c9 07 00", HELLO * 2,
                 id="7.2.3.2-without_the_window"),
    pytest.param("c1 07 f2 48 cd c9 c9 07 00 c1 05 f2 00 11 00 00", HELLO * 2,
                 id="7.2.3.2-with_the_window"),
    pytest.param("c1 0b 00 05 00 fa ff 48 65 6c 6c 6f 00", HELLO, id="7.2.3.3-stored"),
    pytest.param("c1 08 f3 48 cd c9 c9 07 00 00", HELLO, id="7.2.3.4-BFINAL"),
    pytest.param("c1 0d f2 48 05 00 00 00 ff ff ca c9 c9 07 00", HELLO, id="7.2.3.5-two_blocks"),
    pytest.param("c1 01 00", [(OP_TEXT, u"")], id="7.2.3.6-empty"),
]


def for_role(role, text):
    """Mask the frames of a server's example, for a server."""
    data, out = bytearray(raw(text)), b""
    while data:
        size = data[1]
        out += frame_for(role, data[0], bytes(data[2:2 + size]))
        data = data[2 + size:]
    return out


@EACH_ROLE
@pytest.mark.parametrize("text, events", EXAMPLES)
def test_examples_of_the_rfc_at_every_split(role, text, events):
    """C34."""
    data = for_role(role, text)
    assert receive(connect(role, deflate=ALL_15), data) == events
    assert receive_parts(connect(role, deflate=ALL_15), byte_by_byte(data)) == events
    for i in range(len(data)):
        assert receive_parts(connect(role, deflate=ALL_15), [data[:i], data[i:]]) == events


def test_examples_of_the_rfc_are_written():
    """Section 7.2.3.2: the second message refers to the first, unless that was ruled out."""
    server = connect("server", deflate=ALL_15)
    assert server.send_message(OP_TEXT, b"Hello") == raw("c1 07 f2 48 cd c9 c9 07 00")
    assert server.send_message(OP_TEXT, b"Hello") == raw("c1 05 f2 00 11 00 00")
    server = connect("server", deflate=NO_TAKEOVER)
    for _ in range(2):
        assert server.send_message(OP_TEXT, b"Hello") == raw("c1 07 f2 48 cd c9 c9 07 00")
    assert server.send_message(OP_TEXT, b"") == raw("c1 01 00")


@EACH_ROLE
def test_control_frames_between_the_fragments_of_a_compressed_message(role):
    """C18: they are not compressed (section 5) and come at once."""
    compressed = PerMessageDeflateCompressor(True, 15).compress(TEXT.encode("utf-8"))
    ping = frame_for(role, 0x89, b"\xff ping")
    fragments = [compressed[i:i + 1] for i in range(len(compressed))]
    data = frame_for(role, 0x41, fragments[0]) + ping
    data += b"".join(frame_for(role, 0x00, part) + ping for part in fragments[1:])
    data += frame_for(role, 0x80)
    expected = [(OP_PING, b"\xff ping")] * len(fragments) + [(OP_TEXT, TEXT)]
    assert receive(connect(role, deflate=ALL_15), data) == expected
    assert receive_parts(connect(role, deflate=ALL_15), byte_by_byte(data)) == expected


@EACH_ROLE
def test_messages_may_come_uncompressed(role):
    """Section 6: RSV1 says of each message whether it is; the window skips those which are not."""
    window = "c1 07 f2 48 cd c9 c9 07 00", "81 02 48 69", "82 00", "c1 05 f2 00 11 00 00"
    data = b"".join(for_role(role, text) for text in window)
    fragments = frame_for(role, 0x01, b"a") + frame_for(role, 0x80, b"b")
    expected = HELLO + [(OP_TEXT, u"Hi"), (OP_BINARY, b"")] + HELLO + [(OP_TEXT, u"ab")]
    for parts in ([data + fragments], byte_by_byte(data + fragments)):
        assert receive_parts(connect(role, deflate=ALL_15), parts) == expected


@EACH_ROLE
def test_short_messages_go_uncompressed(role):
    """C30: ``min_size`` is the first length that is compressed."""
    connection = connect(role, deflate=ALL_15, options={"min_size": 5})
    firsts = [bytearray(connection.send_message(OP_BINARY, b"x" * size))[0]
              for size in (0, 4, 5, 6)]
    assert firsts == [0x82, 0x82, 0xc2, 0xc2]


def test_what_is_compressed_is_counted_as_it_was():
    """The counters of messages are of the application's bytes, both ways."""
    server, client = connect("server", deflate=ALL_15), connect("client", deflate=ALL_15)
    payload = b"a" * 1000
    data = client.send_message(OP_BINARY, payload)
    assert len(data) < 100
    assert receive(server, data) == [(OP_BINARY, payload)]
    assert (client.message_bytes_out, client.wire_bytes_out) == (1000, len(data))
    assert (server.message_bytes_in, server.wire_bytes_in) == (1000, len(data))


@EACH_ROLE
@pytest.mark.parametrize("agreed", [
    ALL_15, NO_TAKEOVER, Parameters(True, False, 8, 15), Parameters(False, True, 9, 8)])
def test_both_ends_talk_with_any_parameters(role, agreed):
    """C33, C34: many messages, short and long, in both kinds."""
    other = "client" if role == "server" else "server"
    sender, receiver = connect(role, deflate=agreed), connect(other, deflate=agreed)
    for size in (0, 1, 100, 5000, 70000, 3):
        payload = (TEXT.encode("utf-8") * (size // 100 + 1))[:size]
        data = sender.send_message(OP_BINARY, payload)
        assert receive_parts(receiver, [data[:7], data[7:]]) == [(OP_BINARY, payload)]
    data = sender.send_message(OP_TEXT, TEXT.encode("utf-8"))
    assert receive(receiver, data) == [(OP_TEXT, TEXT)]


@EACH_ROLE
def test_control_frames_are_never_compressed(role):
    """Section 5: the extension is of data messages alone."""
    connection = connect(role, deflate=ALL_15)
    assert bytearray(connection.send_frame(0x89, b"aaaaaaaaaaaa"))[0] == 0x89
    assert bytearray(connection.send_close(1000, u"aaaaaaaaaaaa"))[0] == 0x88


@EACH_ROLE
def test_a_compressed_message_of_many_streams(role):
    """C34: a stream may end (BFINAL) and another follow in the same message."""
    stream = raw("f3 48 cd c9 c9 07 00")  # "Hello", BFINAL set
    data = frame_for(role, 0xc1, stream * 3 + b"\x00")
    for parts in ([data], byte_by_byte(data)):
        assert receive_parts(connect(role, deflate=ALL_15), parts) == [(OP_TEXT, u"Hello" * 3)]


def test_deflate_is_off_until_it_is_switched_on():
    """C30; afterwards both directions have it."""
    connection = connect("client")
    assert connection.send_message(OP_TEXT, b"Hi")[:1] == b"\x81"
    assert close_code_of(receive(connect("client"), raw("c1 01 00"))) == 1002
    connection.enable_deflate(PerMessageDeflateCompressor(True, None),
                              PerMessageDeflateDecompressor(True, None))
    assert connection.send_message(OP_TEXT, b"Hi")[:1] == b"\xc1"
    assert receive(connection, frame(0xc1, b"\x00")) == [(OP_TEXT, u"")]
