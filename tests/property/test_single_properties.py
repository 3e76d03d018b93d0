"""The short way for a read that is one message, beside the long one: C18, C29, C36, C62."""
from __future__ import absolute_import, division, print_function

import struct

from core_strategies import (connect, cuts, first_bytes, frame, frame_payloads, large_windows,
                             limits, masking_keys, payloads, roles, streams)
from hypothesis import example, given
from hypothesis import strategies as st

from tornado_ws._sansio.connection import PROTOCOL_ERROR
from tornado_ws._sansio.frames import OP_BINARY, OP_TEXT

COUNTERS = ("wire_bytes_in", "message_bytes_in", "messages_in", "bytes_missing", "backlog",
            "close_received", "wire_bytes_out", "message_bytes_out", "messages_out")


@st.composite
def reads(draw, role):
    """Make what comes of some reads: whole messages mostly, and what only looks like one."""
    parts = []
    for _ in range(draw(st.integers(1, 6))):
        kind = draw(st.integers(0, 9))
        key = draw(masking_keys) if (role == "server") != (kind == 1) else None
        if kind < 5:
            first = draw(st.sampled_from([0x81, 0x82])) if kind else draw(first_bytes)
            parts.append(frame(first, draw(st.one_of(frame_payloads, payloads)), key))
        elif kind < 7:  # a length that may be any, beside a payload that may be
            head = bytes(bytearray([draw(st.sampled_from([0x81, 0x82])),
                                    draw(st.sampled_from([126, 127, 255, 254, 120, 248]))]))
            size = draw(st.integers(110, 140))
            claimed = draw(st.one_of(st.just(size), st.integers(110, 140)))
            parts.append(head + struct.pack("!H", claimed) + (key or b"") + b"x" * size)
        else:
            parts += draw(cuts(draw(streams(role))))
    return parts


def plain(events):
    return [(opcode, (payload.close_code, str(payload)) if opcode == PROTOCOL_ERROR else payload)
            for opcode, payload in events]


def take(connection, part):
    """Take a part the short way where that is possible."""
    message = connection.receive_message(part)
    if message is None:
        return plain(connection.receive_data(part))
    return [(OP_BINARY if isinstance(message, bytes) else OP_TEXT, message)]


@given(st.data(), roles, large_windows, limits)
def test_the_short_way_means_the_same(data, role, agreed, limit):
    """The same events, errors and counters after each read, a backlog or not."""
    short, long = connect(role, agreed, limit), connect(role, agreed, limit)
    for part in data.draw(reads(role)):
        assert take(short, part) == plain(long.receive_data(part))
        for _ in range(data.draw(st.integers(0, 1)) if long.backlog else 0):
            assert take(short, b"") == plain(long.receive_data(b""))
        for name in COUNTERS:
            assert getattr(short, name) == getattr(long, name)


@given(roles, large_windows, st.sampled_from([0x81, 0x82]), st.text(max_size=300), masking_keys)
@example("server", None, 0x81, u"x" * 126, b"mask")
@example("client", None, 0x82, u"x" * 127, b"mask")
def test_the_short_way_is_taken(role, agreed, first, text, key):
    """Whenever the read is a message, text or binary, it is that message."""
    payload = text.encode("utf-8", "replace")
    data = frame(first, payload, key if role == "server" else None)
    message = connect(role, agreed).receive_message(data)
    assert message == (payload.decode("utf-8") if first == 0x81 else payload)
