"""What a peer can do wrong: every row of C29, whole, byte by byte and at every split.

A ``|`` in the bytes stands where the connection has to fail: after the byte before it, whether
or not anything follows. Without a ``|`` that is the last byte.
"""
from __future__ import absolute_import, division, print_function

import collections
import gc
import weakref

import pytest
from core_frames import (ALL_15, MASK, ROLES, byte_by_byte, close_code_of, connect, frame_for,
                         receive, receive_parts)
from frame_oracle import raw

from tornado_ws._sansio.connection import PROTOCOL_ERROR
from tornado_ws._sansio.frames import OP_CLOSE, OP_PING, OP_TEXT

Row = collections.namedtuple("Row", "name code server client deflate limit")
Row.__new__.__defaults__ = (False, None)

KEY = " 37 fa 21 3d "
NULL_KEY = " 00 00 00 00 "
X200 = "78" * 200

ROWS = [
    # Reserved bits, RSV1 out of place, reserved opcodes.
    Row("RSV1 without an extension", 1002, "c1 | 80" + KEY, "c1 | 00"),
    Row("RSV2", 1002, "a1 | 80" + KEY, "a1 | 00"),
    Row("RSV3", 1002, "91 | 80" + KEY, "91 | 00"),
    Row("RSV2 with deflate", 1002, "e1 | 80" + KEY, "e1 | 00", True),
    Row("RSV3 with deflate", 1002, "d2 | 80" + KEY, "d2 | 00", True),
    Row("RSV1 on a continuation", 1002, "01 80" + KEY + "c0 | 80" + KEY, "01 00 c0 | 00", True),
    Row("RSV1 on a later fragment", 1002, "41 80" + KEY + "40 | 80" + KEY, "41 00 40 | 00", True),
    Row("RSV1 on a ping", 1002, "c9 | 80" + KEY, "c9 | 00", True),
    Row("RSV1 on a pong", 1002, "ca | 80" + KEY, "ca | 00", True),
    Row("RSV1 on a close", 1002, "c8 | 80" + KEY, "c8 | 00", True),
    Row("reserved data opcode 3", 1002, "83 | 80" + KEY, "83 | 00"),
    Row("reserved data opcode 7", 1002, "87 | 80" + KEY, "87 | 00"),
    Row("reserved control opcode 11", 1002, "8b | 80" + KEY, "8b | 00"),
    Row("reserved control opcode 15", 1002, "8f | 80" + KEY, "8f | 00"),
    # Control frames.
    Row("fragmented ping", 1002, "09 | 80" + KEY, "09 | 00"),
    Row("fragmented pong", 1002, "0a | 80" + KEY, "0a | 00"),
    Row("fragmented close", 1002, "08 | 80" + KEY, "08 | 00"),
    Row("ping of 126 bytes", 1002, "89 fe | 00 7e" + KEY, "89 7e | 00 7e"),
    Row("pong of 64 KiB", 1002, "8a ff | 00 00", "8a 7f | 00 00"),
    Row("close of 126 bytes", 1002, "88 fe | 00 7e" + KEY, "88 7e | 00 7e"),
    # Fragmentation.
    Row("continuation without a start", 1002, "80 80" + KEY, "80 00"),
    Row("first of many continuations", 1002, "00 85" + KEY + "| 7f", "00 05 | 48"),
    Row("continuation after the end", 1002, "01 80" + KEY + "80 80" + KEY + "80 80" + KEY,
        "01 00 80 00 80 00"),
    Row("text inside a message", 1002, "01 80" + KEY + "81 80" + KEY, "01 00 81 00"),
    Row("binary inside a message", 1002, "01 80" + KEY + "02 81" + KEY + "| 00",
        "01 00 02 01 | 00"),
    # Masking.
    Row("wrong masking of text", 1002, "81 05 | 48 65", "81 85 | 37 fa"),
    Row("wrong masking of many short frames", 1002, "81 01 |" + "78 81 01" * 20,
        "82 81 |" + "82 82 81" * 20),
    Row("wrong masking of a ping", 1002, "89 00", "89 80 | 37 fa 21 3d"),
    Row("wrong masking of a second fragment", 1002, "01 80" + KEY + "80 00", "01 00 80 80 |"),
    # Lengths.
    Row("64-bit length with the top bit set", 1002, "82 ff 80 00 00 00 00 00 00 00 |" + KEY,
        "82 7f 80 00 00 00 00 00 00 00"),
    Row("64-bit length of all ones", 1002, "82 ff ff ff ff ff ff ff ff ff |" + KEY,
        "82 7f ff ff ff ff ff ff ff ff"),
    Row("125 in 16 bits", 1002, "82 fe 00 7d |" + KEY, "82 7e 00 7d | 00"),
    Row("0 in 16 bits", 1002, "82 fe 00 00 |" + KEY, "82 7e 00 00"),
    Row("65535 in 64 bits", 1002, "82 ff 00 00 00 00 00 00 ff ff |" + KEY,
        "82 7f 00 00 00 00 00 00 ff ff"),
    Row("1 in 64 bits", 1002, "82 ff 00 00 00 00 00 00 00 01 |" + KEY,
        "82 7f 00 00 00 00 00 00 00 01"),
    # Close frames.
    Row("close with one byte", 1002, "88 81" + NULL_KEY + "03", "88 01 03"),
    Row("close code 0", 1002, "88 82" + NULL_KEY + "00 00", "88 02 00 00"),
    Row("close code 999", 1002, "88 82" + NULL_KEY + "03 e7", "88 02 03 e7"),
    Row("close code 1004", 1002, "88 82" + NULL_KEY + "03 ec", "88 02 03 ec"),
    Row("close code 1005", 1002, "88 82" + NULL_KEY + "03 ed", "88 02 03 ed"),
    Row("close code 1006", 1002, "88 82" + NULL_KEY + "03 ee", "88 02 03 ee"),
    Row("close code 1015", 1002, "88 82" + NULL_KEY + "03 f7", "88 02 03 f7"),
    Row("close code 1016", 1002, "88 83" + NULL_KEY + "03 f8 78", "88 03 03 f8 78"),
    Row("close code 2999", 1002, "88 82" + NULL_KEY + "0b b7", "88 02 0b b7"),
    Row("close code 5000", 1002, "88 82" + NULL_KEY + "13 88", "88 02 13 88"),
    Row("close code 65535", 1002, "88 82" + NULL_KEY + "ff ff", "88 02 ff ff"),
    Row("close reason not UTF-8", 1007, "88 84" + NULL_KEY + "03 e8 c3 28", "88 04 03 e8 c3 28"),
    Row("close reason cut short", 1007, "88 83" + NULL_KEY + "03 e8 c3", "88 03 03 e8 c3"),
    Row("close reason with a surrogate", 1007, "88 85" + NULL_KEY + "03 e8 ed a0 80",
        "88 05 03 e8 ed a0 80"),
    # UTF-8: known at the first bad byte, in frames that are far from complete.
    Row("stray byte", 1007, "81 81" + NULL_KEY + "80", "81 01 80"),
    Row("stray byte in an unfinished frame", 1007, "81 fe 01 00" + NULL_KEY + "61 ff | 61 61",
        "81 7e 01 00 61 ff | 61 61"),
    Row("overlong form", 1007, "81 85" + NULL_KEY + "61 c0 | af 61 61", "81 05 61 c0 | af 61 61"),
    Row("surrogate", 1007, "81 85" + NULL_KEY + "61 ed a0 | 80 61", "81 05 61 ed a0 | 80 61"),
    Row("code point over U+10FFFF", 1007, "81 85" + NULL_KEY + "f4 90 | 80 80 61",
        "81 05 f4 90 | 80 80 61"),
    Row("character not finished", 1007, "81 82" + NULL_KEY + "e2 82", "81 02 e2 82"),
    Row("character not finished in the last fragment", 1007,
        "01 82" + NULL_KEY + "e2 82 80 80" + KEY, "01 02 e2 82 80 00"),
    Row("wrong continuation in the next fragment", 1007,
        "01 82" + NULL_KEY + "e2 82 00 fe 10 00" + NULL_KEY + "41 | 41",
        "01 02 e2 82 00 7e 10 00 41 | 41"),
    Row("surrogate across fragments with a ping between", 1007,
        "01 81" + NULL_KEY + "ed 89 80" + KEY + "80 85" + NULL_KEY + "a0 | 80 61 61 61",
        "01 01 ed 89 00 80 05 a0 | 80 61 61 61"),
    Row("stray byte in the first of many fragments", 1007, "01 81" + NULL_KEY + "ff | 00 81",
        "01 01 ff | 00 01"),
    # Deflate.
    Row("reserved block type", 1007, "c2 82" + NULL_KEY + "07 |00", "c2 02 07 |00", True),
    Row("length of a stored block does not match", 1007,
        "c2 86" + NULL_KEY + "00 05 00 fb ff | 00", "c2 06 00 05 00 fb ff | 00", True),
    Row("invalid data in an unfinished frame", 1007, "42 fe 10 00" + NULL_KEY + "07 | ff ff",
        "42 7e 10 00 07 | ff ff", True),
    Row("invalid data in a later fragment", 1007,
        "42 87" + NULL_KEY + "f2 48 cd c9 c9 07 00 80 81" + NULL_KEY + "07",
        "42 07 f2 48 cd c9 c9 07 00 80 01 07", True),
    Row("inflated text is not UTF-8", 1007, "c1 86" + NULL_KEY + "00 01 00 fe ff ff",
        "c1 06 00 01 00 fe ff ff", True),
    Row("inflated text is not UTF-8 in an unfinished frame", 1007,
        "41 fe 10 00" + NULL_KEY + "00 05 00 fa ff 61 ff | 61",
        "41 7e 10 00 00 05 00 fa ff 61 ff | 61", True),
    # Limits.
    Row("frame over the limit", 1009, "82 fe 00 c8" + KEY + "|" + X200, "82 7e 00 c8 |" + X200,
        limit=199),
    Row("largest length there is", 1009, "82 ff 7f ff ff ff ff ff ff ff" + KEY,
        "82 7f 7f ff ff ff ff ff ff ff", limit=0x7ffffffffffffffe),
    Row("fragments over the limit", 1009,
        "01 e4" + NULL_KEY + "78" * 100 + "80 81" + KEY + "| 78",
        "01 64" + "78" * 100 + "80 01 | 78", limit=100),
    Row("compressed frame over the limit", 1009, "c2 fe 00 c8" + KEY + "| 00",
        "c2 7e 00 c8 | 00", True, 199),
    # 101 bytes of "a" from 6 bytes: one, then 100 copies of it.
    Row("inflated message over the limit", 1009, "c2 86" + NULL_KEY + "4a 4c a4 03 00 | 00",
        "c2 06 4a 4c a4 03 00 | 00", True, 100),
    Row("inflated fragments over the limit", 1009,
        "42 82" + NULL_KEY + "4a 4c 80 84" + NULL_KEY + "a4 03 00 | 00",
        "42 02 4a 4c 80 04 a4 03 00 | 00", True, 100),
    # Two things wrong: the first one counts. FF, then "a" 200 times; and the reverse.
    Row("inflated text not UTF-8 and then over the limit", 1007,
        "c1 86" + NULL_KEY + "fa 9f | 38 4c 00 00", "c1 06 fa 9f | 38 4c 00 00", True, 100),
    Row("inflated text over the limit and then not UTF-8", 1009,
        "c1 87" + NULL_KEY + "4a 4c 1c 1e e0 | 3f 00", "c1 07 4a 4c 1c 1e e0 | 3f 00", True, 100),
]

EACH_ROW = pytest.mark.parametrize("role, row", [
    pytest.param(role, row, id="%s-%s" % (role, row.name.replace(" ", "_")))
    for row in ROWS for role in ROLES])


def bytes_of(role, row):
    """Return the offending bytes and after how many of them the connection has to fail."""
    before, _, after = getattr(row, role).partition("|")
    return raw(before + after), len(raw(before))


def connect_for(role, row):
    return connect(role, row.limit, ALL_15 if row.deflate else None)


def fail(role, row, parts):
    """Give a connection an earlier message and a ping, then the parts; return the close code."""
    early = frame_for(role, 0x81, b"early") + frame_for(role, 0x89, b"ping")
    connection = connect_for(role, row)
    events = receive_parts(connection, [early + parts[0]] + parts[1:])
    assert events[:2] == [(OP_TEXT, u"early"), (OP_PING, b"ping")]
    assert PROTOCOL_ERROR not in [opcode for opcode, _ in events[:-1]]
    assert not connection.close_received
    return close_code_of(events)


@EACH_ROW
def test_an_error_has_its_close_code_at_every_split(role, row):
    """C29; what came before is delivered first."""
    data, _ = bytes_of(role, row)
    assert fail(role, row, [data]) == row.code
    assert fail(role, row, byte_by_byte(data)) == row.code
    for i in range(1, len(data)):
        assert fail(role, row, [data[:i], data[i:]]) == row.code


@EACH_ROW
def test_an_error_is_found_as_soon_as_its_byte_is_there(role, row):
    """C29; and not earlier."""
    data, enough = bytes_of(role, row)
    connection = connect_for(role, row)
    events = receive_parts(connection, byte_by_byte(data[:enough - 1]))
    assert PROTOCOL_ERROR not in [opcode for opcode, _ in events]
    assert close_code_of(receive(connection, data[enough - 1:enough])) == row.code
    assert close_code_of(receive(connect_for(role, row), data[:enough])) == row.code


@pytest.mark.cpython
@EACH_ROW
def test_a_failed_connection_is_freed_at_once(role, row):
    """C28: the error, with what Python 3 keeps in it, makes no cycle with the connection."""
    data, _ = bytes_of(role, row)
    connection = connect_for(role, row)
    freed = weakref.ref(connection)
    gc.disable()
    try:
        events = receive(connection, data)
        assert close_code_of(events) == row.code
        del connection, events
        assert freed() is None
    finally:
        gc.enable()


@pytest.mark.parametrize("role", ROLES)
def test_the_rows_differ_from_what_is_right_in_one_thing_only(role):
    """The frames around which the rows are built are accepted."""
    text = ("81 05 48 65 6c 6c 6f 01 01 e2 89 00 80 02 82 ac 82 7e 00 7e" + "78" * 126
            + "88 05 03 e8 e2 82 ac")
    if role == "server":
        text = ("81 85" + NULL_KEY + "48 65 6c 6c 6f 01 81" + NULL_KEY + "e2 89 80" + KEY
                + "80 82" + NULL_KEY + "82 ac 82 fe 00 7e" + NULL_KEY + "78" * 126
                + "88 85" + NULL_KEY + "03 e8 e2 82 ac")
    events = receive_parts(connect(role, 126), byte_by_byte(raw(text)))
    assert events == [(1, u"Hello"), (9, b""), (1, u"\u20ac"), (2, b"x" * 126),
                      (8, (1000, u"\u20ac"))]
    deflated = "c2 06 4a 4c a4 03 00 00" if role == "client" else (
        "c2 86" + NULL_KEY + "4a 4c a4 03 00 00")
    assert receive(connect(role, 101, ALL_15), raw(deflated)) == [(2, b"a" * 101)]


def test_every_reason_can_be_sent_to_the_peer():
    """The reason of an error fits in a close frame, as ASCII, and quotes nothing."""
    reasons = set()
    for row in ROWS:
        for role in ROLES:
            data, _ = bytes_of(role, row)
            reasons.add(receive(connect_for(role, row), data)[-1][1].reason)
    assert len(reasons) > 10
    for reason in reasons:
        assert isinstance(reason, str) and 0 < len(reason) <= 123
        assert all(" " <= char <= "~" for char in reason)


def test_a_server_that_has_no_deflate_inflates_nothing():
    events = receive(connect("server"), raw("c1 87") + MASK + b"\x00" * 7)
    assert close_code_of(events) == 1002


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("payload, code, peer_close", [
    ("03 ed", 1002, (1005, None)), ("00 00 6e 6f", 1002, (0, u"no")),
    ("03 ee ff", 1002, (1006, None)), ("03 e8 ff", 1007, (1000, None)),
    ("03", 1002, (None, None))])
def test_an_error_in_a_close_frame_tells_what_the_peer_said(role, payload, code, peer_close):
    """C26, C29."""
    connection = connect(role)
    (_, error), = connection.receive_data(frame_for(role, 0x88, raw(payload)))
    assert (error.close_code, error.peer_close) == (code, peer_close)
    assert not connection.close_received


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("payload, event", [
    ("03 ed", (1005, None)), ("00 00", (0, None)), ("ff ff 6e 6f", (65535, u"no"))])
def test_any_close_code_can_be_taken(role, payload, event):
    """Section 11 of the contract: as every Tornado takes them."""
    connection = connect(role)
    connection.any_close_code = True
    assert connection.receive_data(frame_for(role, 0x88, raw(payload))) == [(OP_CLOSE, event)]
    assert connection.close_received
