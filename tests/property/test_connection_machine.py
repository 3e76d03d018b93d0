"""Two ends that talk: whatever is sent, cut, closed and dropped in whatever order, C15, C26, C27.

The machine has a client and a server, and between them two pipes that hold what is under way.
Each end keeps to the protocol: it answers pings and the close frame, and sends nothing after its
own. Then what one end gets is what the other has sent, in order, and in the end all of it.
"""
from __future__ import absolute_import, division, print_function

from core_strategies import (OTHER, ROLES, agreements, closes, connect, limits, payloads, roles,
                             texts)
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tornado_ws._sansio.connection import BATCH_EVENTS
from tornado_ws._sansio.frames import FIN, OP_BINARY, OP_CLOSE, OP_PING, OP_PONG, OP_TEXT


class End(object):
    """One end: the connection, what it has said and heard, and what is under way to it."""

    def __init__(self, role, agreed, min_size):
        self.connection = connect(role, agreed, min_size=min_size)
        self.sent = []          # all whole messages and control frames
        self.got = []
        self.fragments = None   # what went out of a message that is not finished
        self.pipe = b""
        self.dropped = False

    @property
    def may_send(self):
        return not self.connection.close_sent


class TwoEnds(RuleBasedStateMachine):

    def __init__(self):
        super(TwoEnds, self).__init__()
        self.ends = {}

    @initialize(agreed=agreements, min_size=st.sampled_from([0, 10]))
    def open(self, agreed, min_size):
        self.ends = dict((role, End(role, agreed, min_size)) for role in ROLES)

    def send(self, role, data, event=None):
        """Put a frame on its way; ``event`` is what the other end has to make of it."""
        other = self.ends[OTHER[role]]
        if not other.dropped:
            other.pipe += data
        if event is not None:
            self.ends[role].sent.append(event)

    def ends_that(self, condition):
        return [role for role in ROLES if condition(self.ends[role])]

    # Sending.

    @rule(role=roles, text=texts, count=st.sampled_from([1, 1, 1, 2, BATCH_EVENTS + 1]))
    def send_text(self, role, text, count):
        end = self.ends[role]
        if end.may_send and end.fragments is None:
            for _ in range(count):
                self.send(role, end.connection.send_message(OP_TEXT, text.encode("utf-8")),
                          (OP_TEXT, text))

    @rule(role=roles, payload=payloads)
    def send_binary(self, role, payload):
        end = self.ends[role]
        if end.may_send and end.fragments is None:
            self.send(role, end.connection.send_message(OP_BINARY, payload), (OP_BINARY, payload))

    @rule(role=roles, part=payloads, final=st.booleans())
    def send_fragment(self, role, part, final):
        end = self.ends[role]
        if not end.may_send:
            return
        first = OP_BINARY if end.fragments is None else 0
        end.fragments = (end.fragments or b"") + part
        event = None
        if final:
            first, event, end.fragments = first | FIN, (OP_BINARY, end.fragments), None
        self.send(role, end.connection.send_frame(first, part), event)

    @rule(role=roles, data=st.binary(max_size=125))
    def send_ping(self, role, data):
        end = self.ends[role]
        if end.may_send:
            self.send(role, end.connection.send_frame(FIN | OP_PING, data), (OP_PING, data))

    @rule(role=roles, close=closes)
    def send_close(self, role, close):
        end = self.ends[role]
        if end.may_send:
            code, reason = close
            self.send(role, end.connection.send_close(code, reason),
                      (OP_CLOSE, (code, reason or None)))

    # The network.

    @rule(role=roles, size=st.one_of(st.integers(1, 20), st.integers(20, 5000), limits))
    def deliver(self, role, size):
        """Let some bytes arrive, all of them for None; a backlog may come of it."""
        end = self.ends[role]
        data = end.pipe[:size]
        end.pipe = end.pipe[len(data):]
        self.take(role, end.connection.receive_data(data))

    @precondition(lambda self: self.ends_that(lambda end: end.connection.backlog))
    @rule()
    def go_on(self):
        for role in self.ends_that(lambda end: end.connection.backlog):
            self.take(role, self.ends[role].connection.receive_data(b""))

    @rule(role=roles, lost=st.integers(0, 100))
    def drop(self, role, lost):
        """Cut a pipe: some of the last bytes in it, and all later ones, never arrive."""
        end = self.ends[role]
        end.pipe = end.pipe[:max(len(end.pipe) - lost, 0)]
        end.dropped = True

    def take(self, role, events):
        end = self.ends[role]
        assert len(events) <= BATCH_EVENTS
        sent = self.ends[OTHER[role]].sent
        for event in events:
            assert not end.got or end.got[-1][0] != OP_CLOSE
            assert event == sent[len(end.got)]
            end.got.append(event)
            opcode, payload = event
            if opcode == OP_PING and end.may_send:
                self.send(role, end.connection.send_frame(FIN | OP_PONG, payload),
                          (OP_PONG, payload))
            elif opcode == OP_CLOSE and end.may_send:
                code, _ = payload
                self.send(role, end.connection.send_close(code), (OP_CLOSE, (code, None)))

    # What has to be true.

    @invariant()
    def an_end_knows_whether_it_got_a_close_frame(self):
        for end in self.ends.values():
            closed = bool(end.got) and end.got[-1][0] == OP_CLOSE
            assert end.connection.close_received == closed

    def teardown(self):
        """Let everything arrive: the ends agree, and a close of either has closed both."""
        for _ in range(3):  # what was under way, the answers to it, the answers to those
            for role in self.ends:
                if self.ends[role].pipe:
                    self.deliver(role, None)
                while self.ends[role].connection.backlog:
                    self.go_on()
        for role in self.ends:
            end, other = self.ends[role], self.ends[OTHER[role]]
            assert end.pipe == b""
            if not end.dropped:
                assert end.got == other.sent
                assert end.connection.wire_bytes_in == other.connection.wire_bytes_out
        connections = [end.connection for end in self.ends.values()]
        if not any(end.dropped for end in self.ends.values()):
            assert len(set(connection.close_sent for connection in connections)) <= 1
            assert all(connection.close_received == connection.close_sent
                       for connection in connections)


TestTwoEnds = TwoEnds.TestCase
