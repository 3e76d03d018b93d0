"""Sending on a connection, both roles: C15, C23, C24."""
from __future__ import absolute_import, division, print_function

import pytest
from core_frames import OUR_KEY, ROLES, connect, frame, receive
from frame_oracle import raw

from tornado_ws._sansio.connection import Connection
from tornado_ws._sansio.frames import OP_BINARY, OP_CLOSE, OP_PING, OP_PONG, OP_TEXT

EACH_ROLE = pytest.mark.parametrize("role", ROLES)


def from_role(role, first, payload=b""):
    """Build the frame that this role sends."""
    return frame(first, payload, OUR_KEY if role == "client" else None)


@EACH_ROLE
@pytest.mark.parametrize("size", [0, 1, 125, 126, 65535, 65536, 1 << 20])
def test_a_message_is_one_frame(role, size):
    """C15: masked by a client, not by a server (RFC 6455 section 5.1)."""
    payload = b"x" * size
    connection = connect(role)
    assert connection.send_message(OP_TEXT, payload) == from_role(role, 0x81, payload)
    assert connection.send_message(OP_BINARY, payload) == from_role(role, 0x82, payload)


@EACH_ROLE
@pytest.mark.parametrize("opcode", [OP_CLOSE, OP_PING, OP_PONG])
def test_control_frames_have_at_most_125_bytes(role, opcode):
    """C23; nothing is counted for one that is refused."""
    connection = connect(role)
    payload = b"p" * 125
    data = connection.send_frame(0x80 | opcode, payload)
    assert data == from_role(role, 0x80 | opcode, payload)
    with pytest.raises(ValueError) as error:
        connection.send_frame(0x80 | opcode, payload + b"p")
    assert "126" in str(error.value) and "125" in str(error.value)
    assert connection.wire_bytes_out == len(data)


@EACH_ROLE
def test_frames_can_be_sent_as_they_are(role):
    """Fragments, with any first byte."""
    connection = connect(role)
    assert connection.send_frame(0x01, b"Hel") == from_role(role, 0x01, b"Hel")
    assert connection.send_frame(0x80, b"lo") == from_role(role, 0x80, b"lo")
    assert connection.send_frame(0x71, b"x" * 126) == from_role(role, 0x71, b"x" * 126)


@EACH_ROLE
@pytest.mark.parametrize("arguments, payload", [
    ((), ""),
    ((None, None), ""),
    ((None, u""), ""),
    ((1000,), "03 e8"),
    ((1001, None), "03 e9"),
    ((None, u"bye"), "03 e8 62 79 65"),
    ((3000, u"\u20ac"), "0b b8 e2 82 ac"),
    ((3000, b"\xe2\x82\xac"), "0b b8 e2 82 ac"),
    ((4999, u"r" * 123), "13 87" + "72" * 123)])
def test_close_frames(role, arguments, payload):
    """C24: a reason without a code means 1000."""
    connection = connect(role)
    assert not connection.close_sent
    assert connection.send_close(*arguments) == from_role(role, 0x88, raw(payload))
    assert connection.close_sent and not connection.close_received


@EACH_ROLE
@pytest.mark.parametrize("arguments", [
    (999,), (1004, u""), (1005,), (1006, u"x"), (1015,), (2999,), (5000,), (0,), (-1,),
    (70000,), (1000, u"r" * 124), (1000, u"\u20ac" * 42), (None, b"r" * 124)])
def test_a_close_that_may_not_be_sent_changes_nothing(role, arguments):
    """C24: ValueError, nothing sent."""
    connection = connect(role)
    with pytest.raises(ValueError):
        connection.send_close(*arguments)
    assert not connection.close_sent
    assert connection.wire_bytes_out == 0


@EACH_ROLE
def test_a_reason_that_is_no_text_is_refused(role):
    """A lone surrogate has no UTF-8: UnicodeEncodeError is a ValueError."""
    connection = connect(role)
    with pytest.raises(ValueError):
        connection.send_close(1000, u"\ud800")
    assert not connection.close_sent


@EACH_ROLE
@pytest.mark.parametrize("reason", [5, 1.5, [u"x"], bytearray(b"x")])
def test_a_reason_of_another_kind_is_refused(role, reason):
    """C24: by name."""
    connection = connect(role)
    with pytest.raises(TypeError) as error:
        connection.send_close(1000, reason)
    assert repr(reason) in str(error.value)
    assert not connection.close_sent


@EACH_ROLE
@pytest.mark.parametrize("arguments, payload", [
    ((), ""), ((None, u""), "03 e8"), ((None, u"x"), "03 e8 78"), ((1,), "00 01"),
    ((0, None), "00 00"), ((10000, u"x"), "27 10 78"), ((65535,), "ff ff"), ((1005,), "03 ed"),
    ((400, u"r" * 200), "01 90" + "72" * 123), ((1, u"\u20ac" * 42), "00 01" + "e2 82 ac" * 41)])
def test_close_frames_with_any_code(role, arguments, payload):
    """Section 11 of the contract: as every Tornado sends them."""
    connection = connect(role)
    connection.any_close_code = True
    assert connection.send_close(*arguments) == from_role(role, 0x88, raw(payload))
    assert connection.close_sent


@EACH_ROLE
def test_sent_bytes_are_counted(role):
    connection = connect(role)
    data = (connection.send_message(OP_TEXT, b"Hello") + connection.send_message(OP_BINARY, b"")
            + connection.send_frame(0x89, b"ping") + connection.send_close(1000))
    assert connection.wire_bytes_out == len(data)
    assert connection.message_bytes_out == 5
    assert (connection.wire_bytes_in, connection.message_bytes_in) == (0, 0)


def test_each_frame_of_a_client_has_its_own_key():
    """RFC 6455 section 5.3: the key "needs to be unpredictable"."""
    client = Connection(True)
    keys = {client.send_message(OP_TEXT, b"")[2:6] for _ in range(100)}
    assert len(keys) > 95
    assert client.send_frame(0x89, b"")[2:6] not in keys


def test_a_server_needs_no_random_numbers():
    def urandom(_):
        raise AssertionError("nothing to mask")

    server = Connection(False, urandom=urandom)
    assert server.send_message(OP_TEXT, b"Hello") == frame(0x81, b"Hello")


def test_a_client_masks_with_the_function_that_it_is_given():
    client = Connection(True, mask=lambda key, data: data.upper(),
                        urandom=lambda n: OUR_KEY * (n // 4))
    assert client.send_message(OP_TEXT, b"Hello") == raw("81 85") + OUR_KEY + b"HELLO"


@EACH_ROLE
def test_one_end_hears_what_the_other_says(role):
    other = "client" if role == "server" else "server"
    sender, receiver = connect(role), connect(other)
    data = (sender.send_message(OP_TEXT, b"\xe2\x82\xac") + sender.send_frame(0x89, b"1")
            + sender.send_message(OP_BINARY, b"x" * 70000) + sender.send_frame(0x8a, b"")
            + sender.send_close(1001, u"going"))
    assert receive(receiver, data) == [
        (OP_TEXT, u"\u20ac"), (OP_PING, b"1"), (OP_BINARY, b"x" * 70000), (OP_PONG, b""),
        (OP_CLOSE, (1001, u"going"))]
    assert receive(sender, receiver.send_close(1001)) == [(OP_CLOSE, (1001, None))]
    assert sender.close_sent and sender.close_received
    assert receiver.close_sent and receiver.close_received


@EACH_ROLE
def test_an_end_that_has_sent_its_close_frame_still_listens(role):
    """RFC 6455 section 5.5.1: until the peer's close frame comes, data may."""
    other = "client" if role == "server" else "server"
    closing, busy = connect(role), connect(other)
    closing.send_close(1000)
    data = busy.send_message(OP_TEXT, b"last words") + busy.send_close(1000)
    assert receive(closing, data) == [(OP_TEXT, u"last words"), (OP_CLOSE, (1000, None))]
