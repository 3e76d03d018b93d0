"""One call handles a bounded amount and the next one goes on: C22."""
from __future__ import absolute_import, division, print_function

import pytest
from core_frames import ALL_15, ROLES, byte_by_byte, close_code_of, connect, frame_for, receive
from frame_oracle import mask

from tornado_ws._sansio.connection import BATCH_BYTES, BATCH_EVENTS, Connection
from tornado_ws._sansio.deflate import PerMessageDeflateCompressor
from tornado_ws._sansio.frames import OP_BINARY, OP_CLOSE, OP_PING, OP_TEXT

EACH_ROLE = pytest.mark.parametrize("role", ROLES)
KIB = b"x" * 1024


def batches_of(connection, data):
    """Return the events of each call until nothing is left."""
    batches = [connection.receive_data(data)]
    while connection.backlog:
        batches.append(connection.receive_data(b""))
    return batches


@EACH_ROLE
@pytest.mark.parametrize("count, sizes", [
    (255, [255]), (256, [256]), (257, [256, 1]), (1000, [256, 256, 256, 232])])
def test_a_batch_has_a_bounded_number_of_events(role, count, sizes):
    """C22: short messages, which take the straight path."""
    data = b"".join(frame_for(role, 0x81, b"%d" % i) for i in range(count))
    batches = batches_of(connect(role), data)
    assert [len(batch) for batch in batches] == sizes
    assert sum(batches, []) == [(OP_TEXT, u"%d" % i) for i in range(count)]


def fragmented_after_each(role):
    return frame_for(role, 0x01, b"a") + frame_for(role, 0x89) + frame_for(role, 0x80, b"b")


@EACH_ROLE
@pytest.mark.parametrize("deflate", [None, ALL_15])
def test_runs_of_equal_heads_end_where_another_head_comes(role, deflate):
    """C15, C18: messages of one kind and length, which are taken together, and what is between."""
    for other in (frame_for(role, 0x82, b"abc"), frame_for(role, 0x81, b"abcd"),
                  frame_for(role, 0x89, b"abc"), frame_for(role, 0x81, KIB)):
        expected, data = [], b""
        for length in (1, 2, 3, 7, 16, 40):
            texts = [u"%03d" % i for i in range(length)]
            expected += [(OP_TEXT, text) for text in texts] + receive(connect(role), other)
            data += b"".join(frame_for(role, 0x81, text.encode("ascii")) for text in texts) + other
        connection = connect(role, deflate=deflate)
        assert receive(connection, data) == expected
        assert connection.message_bytes_in == sum(
            len(payload) for opcode, payload in expected if opcode != OP_PING)


@EACH_ROLE
@pytest.mark.parametrize("bad", [0, 1, 5, 11])
def test_a_bad_text_in_a_run_does_not_take_the_ones_before_it(role, bad):
    """C29: 1007 for the message that is not UTF-8, after those that were received before it."""
    data = b"".join(frame_for(role, 0x81, b"\xff" if i == bad else b"x") for i in range(12))
    events = receive(connect(role), data)
    assert events[:-1] == [(OP_TEXT, u"x")] * bad
    assert close_code_of(events) == 1007


@EACH_ROLE
def test_frames_of_every_kind_count(role):
    """C22: pings, long frames, and fragments, of which no message may come for long."""
    for data, events in ((frame_for(role, 0x89, b"p"), 1), (frame_for(role, 0x82, KIB), 1),
                         (fragmented_after_each(role), 2)):
        batches = batches_of(connect(role), data * 600)
        assert max(len(batch) for batch in batches) <= BATCH_EVENTS
        assert len(sum(batches, [])) == 600 * events
    endless = frame_for(role, 0x02) + frame_for(role, 0x00) * 999
    batches = batches_of(connect(role), endless)
    assert len(batches) == 4 and sum(batches, []) == []


@EACH_ROLE
@pytest.mark.parametrize("extra, sizes", [(0, [256 // 8, 3]), (1, [256 // 8, 3]), (-1, [33, 2])])
def test_a_batch_has_a_bounded_number_of_bytes(role, extra, sizes):
    """C22: it ends with the message that reaches the limit."""
    size = BATCH_BYTES * 8 // 256 + extra
    data = b"".join(frame_for(role, 0x82, KIB[:1] * size) for _ in range(35))
    connection = connect(role)
    batches = batches_of(connection, data)
    assert [len(batch) for batch in batches] == sizes
    assert connection.message_bytes_in == 35 * size


@EACH_ROLE
def test_the_bytes_of_a_batch_are_inflated_ones(role):
    """C22, C36: many bombs in one read come one at a time."""
    bomb = PerMessageDeflateCompressor(False, 15).compress(b"\0" * BATCH_BYTES)
    data = frame_for(role, 0xc2, bomb) * 4
    assert len(data) < 3000
    batches = batches_of(connect(role, deflate=ALL_15), data)
    assert [len(batch) for batch in batches] == [1, 1, 1, 1]


@EACH_ROLE
def test_a_large_message_is_one_batch(role):
    message = KIB * 1024
    batches = batches_of(connect(role), frame_for(role, 0x82, message) + frame_for(role, 0x89))
    assert batches == [[(OP_BINARY, message)], [(OP_PING, b"")]]


@EACH_ROLE
def test_there_is_no_backlog_when_everything_was_taken(role):
    """Else the connection would be scheduled again for nothing."""
    text = frame_for(role, 0x81, b"x")
    connection = connect(role)
    assert len(connection.receive_data(text * BATCH_EVENTS)) == BATCH_EVENTS
    assert not connection.backlog
    assert connection.receive_data(frame_for(role, 0x82, b"x" * BATCH_BYTES)) != []
    assert not connection.backlog
    for end in range(1, len(text)):
        assert connection.receive_data(text[:end]) == [] and not connection.backlog
        assert connection.receive_data(text[end:]) == [(OP_TEXT, u"x")] and not connection.backlog


@EACH_ROLE
def test_a_backlog_of_less_than_a_frame_waits_for_the_rest(role):
    text = frame_for(role, 0x81, b"x")
    for end in range(1, len(text)):
        connection = connect(role)
        connection.receive_data(text * BATCH_EVENTS + text[:end])
        assert connection.backlog
        assert connection.receive_data(b"") == [] and not connection.backlog
        assert connection.receive_data(text[end:]) == [(OP_TEXT, u"x")]


@EACH_ROLE
def test_new_bytes_come_after_the_backlog(role):
    connection = connect(role)
    first = b"".join(frame_for(role, 0x81, b"%d" % i) for i in range(300))
    second = b"".join(frame_for(role, 0x81, b"%d" % i) for i in range(300, 400))
    events = connection.receive_data(first)
    for part in byte_by_byte(second[:50]):
        events += connection.receive_data(part)
    events += receive(connection, second[50:])
    assert events == [(OP_TEXT, u"%d" % i) for i in range(400)]


@EACH_ROLE
def test_the_end_may_be_in_the_backlog(role):
    """A close frame or an error has its turn after what came before it."""
    texts = frame_for(role, 0x81, b"x") * 300
    connection = connect(role)
    assert len(connection.receive_data(texts + frame_for(role, 0x88) + texts)) == BATCH_EVENTS
    assert connection.backlog and not connection.close_received
    events = connection.receive_data(b"")
    assert len(events) == 45 and events[-1] == (OP_CLOSE, (None, None))
    assert not connection.backlog

    connection = connect(role)
    assert len(connection.receive_data(texts + b"\xff\xff" + texts)) == BATCH_EVENTS
    events = connection.receive_data(b"")
    assert len(events) == 45 and close_code_of(events) == 1002
    assert not connection.backlog


@EACH_ROLE
def test_the_work_of_one_call_does_not_depend_on_what_is_left(role):
    """C22: only what a batch delivers is unmasked."""
    masked = []

    def counting(key, data):
        masked.append(len(data))
        return mask(key, data)

    connection = Connection(role == "client", mask=counting)
    connection.receive_data(frame_for(role, 0x81, b"x") * 10000)
    assert sum(masked) == (BATCH_EVENTS if role == "server" else 0)
