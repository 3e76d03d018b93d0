"""One message to many connections: C50."""
from __future__ import absolute_import, division, print_function

import random
import threading
import zlib

from both_roles import BothRolesCase
from hypothesis import given, settings
from hypothesis import strategies as st
from installed import installed
from peers import TIMEOUT, Noted, OtherLoop, async_test, until, with_rows
from tornado import gen
from tornado.concurrent import Future
from tornado.iostream import StreamBufferFullError
from wire import close_frame

PLAIN, COMPRESSED, BINARY = 0x81, 0xC1, 0x82
OFFER = "permessage-deflate; server_max_window_bits=%d"
NO_TAKEOVER = "permessage-deflate; server_no_context_takeover"
# What a client offers, and what its handler wants.
KINDS = [(None, None), ("permessage-deflate", {}), (NO_TAKEOVER, {}),
         (OFFER % 9, {"min_size": 30}), ("permessage-deflate", {"compression_level": 1})]

kinds = st.sampled_from(KINDS)
# Few, so that a compressor finds them again in its context, where it must not.
messages = st.builds(lambda piece, times: piece * times,
                     st.sampled_from([b"", b"the quick brown ", b"fox jumps over the", b"dog"]),
                     st.sampled_from([1, 2, 50, 4000]))
numbers = st.integers(0, 4)
# Calls of the methods of `Mixture`.
steps = st.lists(st.one_of(
    st.tuples(st.just("broadcast"), messages, st.sampled_from([None, None, None, 0, 10000])),
    st.tuples(st.just("say"), numbers, messages, st.sampled_from([None, None, True, False])),
    st.tuples(st.just("close"), numbers),
    st.just(("turn",))), min_size=10, max_size=40)


class Inflater(object):
    """Reads the messages of one server connection."""

    def __init__(self, peer, takeover=True):
        self.peer = peer
        self.takeover = takeover
        self.context = zlib.decompressobj(-15)
        self.firsts = []
        self.payloads = []

    @gen.coroutine
    def read(self):
        received = yield self.peer.read_frame()
        payload = received.payload
        self.firsts.append(received.first)
        self.payloads.append(payload)
        if received.first & 0x40:
            payload = self.context.decompress(payload + b"\0\0\xff\xff")
            if not self.takeover:
                self.context = zlib.decompressobj(-15)
        raise gen.Return(payload)


@with_rows
class BroadcastTest(BothRolesCase):
    """C50."""

    @gen.coroutine
    def open_handler(self, offer=None, options=None, **attributes):
        """Open a server connection: ``(handler, Inflater)``."""
        class Handler(Noted, self.websocket.WebSocketHandler):
            def get_compression_options(self):
                return options

        for name, value in attributes.items():
            setattr(Handler, name, value)
        headers = [("Sec-WebSocket-Extensions", offer)] if offer else []
        peer = yield self.open_raw(Handler, headers)
        raise gen.Return((self.handler, Inflater(peer, offer != NO_TAKEOVER)))

    @async_test
    def test_plain(self):
        """C50: every kind of message, to handlers and clients; clients mask each frame anew."""
        handlers = []
        for _ in range(3):
            handlers.append((yield self.open_handler()))
        client, peer = yield self.open()
        connections = [handler for handler, _ in handlers] + [client]
        for message, binary, first, payload in [
                (u"\xe4", False, PLAIN, b"\xc3\xa4"), ({"a": 1}, False, PLAIN, b'{"a": 1}'),
                (bytearray(b"b"), True, BINARY, b"b"), (b"", False, PLAIN, b""),
                (b"x" * 300000, True, BINARY, b"x" * 300000)]:
            self.assertEqual(self.websocket.broadcast(iter(connections), message, binary), [])
            for _, reader in handlers:
                self.assertEqual((yield reader.read()), payload)
                self.assertEqual(reader.firsts[-1], first)
            self.assertEqual((yield peer.read_frame()), (first, payload))
        stats = handlers[0][0].ws_stats()
        self.assertEqual((stats.messages_out, stats.message_bytes_out), (5, 300011))
        self.assertEqual(stats.wire_bytes_out, 4 + 10 + 3 + 2 + 300010)

    @async_test
    def test_wrong_arguments(self):
        """C50: an error at the call; nobody gets anything."""
        handler, reader = yield self.open_handler()
        for args, kwargs, error in [
                (([handler], 1), {}, TypeError), (([handler, None], "x"), {}, TypeError),
                (([handler], u"\ud800"), {}, UnicodeEncodeError),
                (([handler], "x"), {"skip_above": -1}, ValueError)]:
            with self.assertRaises(error):
                self.websocket.broadcast(*args, **kwargs)
        self.websocket.broadcast([handler], "right")
        self.assertEqual((yield reader.read()), b"right")

    @async_test
    def test_who_did_not_get_it(self):
        """C50: closed, closing and slow ones are returned; the others get it."""
        well, reader = yield self.open_handler()
        closed, closed_reader = yield self.open_handler()
        closed_reader.peer.send(close_frame(1000))
        yield closed_reader.peer.read_rest()
        yield until(lambda: closed._ws_protocol is None)
        closing, _ = yield self.open_handler()
        closing.close()
        lost, _ = yield self.open_handler()
        lost.stream.close()
        slow, _ = yield self.open_handler()
        while slow.buffered_amount < 100000:
            slow.write_message(b"x" * 50000)
        full, _ = yield self.open_handler(max_buffered_amount=100000)
        with self.assertRaises(StreamBufferFullError):
            while True:
                full.write_message(b"x" * 50000)
        everybody = [closed, slow, closing, well, lost, full]
        missed = self.websocket.broadcast(everybody, "news", skip_above=99999)
        self.assertEqual(set(missed), set(everybody) - {well})
        self.assertEqual((yield reader.read()), b"news")
        self.assertEqual(self.websocket.broadcast([slow], "news"), [])

    @async_test
    def test_a_limit_that_a_broadcast_passes(self):
        """C50, C51: it closes the slow one, and is no error of the broadcast's."""
        slow, _ = yield self.open_handler(max_buffered_amount=100000)
        well, reader = yield self.open_handler()
        missed = []
        while not missed:
            missed = self.websocket.broadcast([slow, well], b"x" * 50000, True)
            yield reader.read()
        self.assertEqual(missed, [slow])
        self.assertEqual(slow.sent_close_code, 1008)

    @async_test
    def test_compressed_once(self):
        """C50: one frame for all with the same options, in the smallest window."""
        options = {"compression_level": 9}
        ends = []
        for offer in (OFFER % 15, OFFER % 10, NO_TAKEOVER):
            ends.append((yield self.open_handler(offer, options)))
        other = yield self.open_handler(OFFER % 15, {"mem_level": 1, "min_size": 10})
        ends.append(other)
        rng = random.Random(1)
        block = bytes(bytearray(rng.randrange(256) for _ in range(2000)))
        message = block + block  # which only a window of over 2000 bytes finds
        handlers = [handler for handler, _ in ends]
        self.assertEqual(self.websocket.broadcast(handlers, message, True), [])
        for _, reader in ends:
            self.assertEqual((yield reader.read()), message)
        payloads = [reader.payloads[0] for _, reader in ends]
        self.assertEqual(payloads[0], payloads[1])
        self.assertEqual(payloads[0], payloads[2])
        self.assertGreater(len(payloads[0]), 4000)
        self.assertLess(len(payloads[3]), 2200)
        self.websocket.broadcast(handlers, b"short")
        for _, reader in ends:
            self.assertEqual((yield reader.read()), b"short")
        self.assertEqual([reader.firsts[-1] for _, reader in ends], [COMPRESSED] * 3 + [PLAIN])

    @async_test
    def test_own_messages_between(self):
        """C50: who has sent others since the last broadcast compresses by itself, once."""
        pairs = []
        for _ in range(2):
            pairs.append((yield self.open_handler("permessage-deflate", {})))
        (one, first), (two, second) = pairs
        text = b"the quick brown fox jumps over the lazy dog"
        for own in (None, one, None, None, two, one, None):
            if own is not None:
                own.write_message(text)
                self.assertEqual((yield (first if own is one else second).read()), text)
            self.websocket.broadcast([one, two], text)
            self.assertEqual((yield first.read()), text)
            self.assertEqual((yield second.read()), text)
            shared = first.payloads[-1] == second.payloads[-1]
            self.assertEqual(shared, own is None, own)
            if own is not None:  # which made use of what came before
                mine, others = (first, second) if own is one else (second, first)
                self.assertLess(len(mine.payloads[-1]), 10)
        one.write_message(text)
        self.assertEqual((yield first.read()), text)

    @async_test
    def test_in_a_callback_and_in_a_burst(self):
        """C15, C50: broadcasts and own messages leave in the order of the calls."""
        ends = []
        for options in (None, {}):
            ends.append((yield self.open_handler("permessage-deflate", options)))
        handlers = [handler for handler, _ in ends]

        def on_message(message):
            for number in range(20):
                self.websocket.broadcast(handlers, str(2 * number))
                for handler in handlers:
                    handler.write_message(str(2 * number + 1))

        handlers[0].on_message = on_message
        ends[0][1].peer.send(self.masked_text())
        for _, reader in ends:
            for number in range(40):
                self.assertEqual((yield reader.read()), str(number).encode("ascii"))
        on_message(None)  # outside of a callback
        for _, reader in ends:
            for number in range(40):
                self.assertEqual((yield reader.read()), str(number).encode("ascii"))

    def masked_text(self):
        self.side = "server"
        return self.frame(0x81, b"go")

    @async_test
    def test_from_another_thread(self):
        """C17, C50: it goes through the loop; the list has those closed at the call."""
        handler, reader = yield self.open_handler("permessage-deflate", {})
        closed, closed_reader = yield self.open_handler()
        closed.close()
        results = []

        def run():
            for number in range(10):
                results.append(self.websocket.broadcast([handler, closed], "message %d" % number))

        thread = threading.Thread(target=run)
        thread.start()
        for number in range(10):
            self.assertEqual((yield reader.read()), b"message %d" % number)
        thread.join()
        self.assertEqual(results, [[closed]] * 10)

    @async_test
    def test_another_loop_rests_afterwards(self):
        """C50: a loop of another thread sends it, and has no more to do."""
        other = OtherLoop(self._app)
        self.addCleanup(other.stop)
        handler = type("Handler", (Noted, self.websocket.WebSocketHandler), {})
        peer = yield self.open_raw(handler, port=other.port)
        yield until(lambda: ("open",) in self.notes)
        added, add_callback = [], other.io_loop.add_callback
        other.io_loop.add_callback = lambda *args: (added.append(args), add_callback(*args))
        self.websocket.broadcast([self.handler], "once")
        self.assertEqual((yield peer.read_frame()).payload, b"once")
        for _ in range(100):
            turned = Future()
            add_callback(self.io_loop.add_callback, turned.set_result, None)
            yield turned
        self.assertLess(len(added), 50)
        del other.io_loop.add_callback
        peer.close()

    def test_mixed(self):
        """C50: whatever the connections are and do between, each sees the same, in order."""
        other = OtherLoop(self._app)
        self.addCleanup(other.stop)
        paths = {}
        for kind in KINDS:
            handler = type("Handler", (Noted, self.websocket.WebSocketHandler), {
                "get_compression_options": lambda handler, options=kind[1]: options})
            paths[str(kind)] = self.add(handler)

        @settings(max_examples=20)
        @given(st.lists(st.tuples(kinds, st.booleans()), min_size=2, max_size=5), steps)
        def check(members, steps):
            mixture = Mixture(self.websocket.broadcast)
            ports = [self.get_http_port(), other.port]

            @gen.coroutine
            def run():
                for kind, is_elsewhere in members:
                    headers = [("Sec-WebSocket-Extensions", kind[0])] if kind[0] else []
                    peer = yield self.open_raw(
                        paths[str(kind)], headers, port=ports[is_elsewhere])
                    yield until(lambda: ("open",) in self.notes)
                    del self.notes[:]
                    mixture.add(self.handler, is_elsewhere, Inflater(peer, kind[0] != NO_TAKEOVER))
                for step in steps:
                    yield getattr(mixture, step[0])(*step[1:])
                for _, reader, expected in mixture.members:
                    for message in expected:
                        self.assertEqual((yield reader.read()), message)
                    reader.peer.close()
                yield until(lambda: not self.websocket.open_connections(self._app))

            self.io_loop.run_sync(run, timeout=TIMEOUT)

        check()


class Mixture(object):
    """Connections of two loops, what is done with them, and what each one's peer has to see.

    Attributes:
        members: Of each connection its handler, an `Inflater`, and the list of its messages.
    """

    def __init__(self, broadcast):
        self.members = []
        self._broadcast = broadcast
        self._elsewhere = set()
        self._closed = set()

    def add(self, handler, is_elsewhere, reader):
        self.members.append((handler, reader, []))
        if is_elsewhere:
            self._elsewhere.add(handler)

    @gen.coroutine
    def turn(self):
        yield gen.moment

    @gen.coroutine
    def say(self, number, message, compress):
        handler, _, expected = self.members[number % len(self.members)]
        if handler not in self._closed:
            handler.write_message(message, True, compress=compress)
            expected.append(message)

    @gen.coroutine
    def close(self, number):
        handler = self.members[number % len(self.members)][0]
        handler.close()
        self._closed.add(handler)

    @gen.coroutine
    def broadcast(self, message, skip_above):
        # Another thread's connections are left out without a word: then they have no part.
        members = [member for member in self.members
                   if skip_above is None or member[0] not in self._elsewhere]
        slow = {handler for handler, _, _ in members
                if skip_above is not None and handler.buffered_amount > skip_above}
        missed = set(self._broadcast([member[0] for member in members], message, True, skip_above))
        here = {handler for handler, _, _ in members} - self._elsewhere
        assert missed & here == here & (self._closed | slow)
        assert missed & self._elsewhere <= self._closed  # closed at the call, or on the way
        for handler, _, expected in members:
            if handler not in missed | self._closed:
                expected.append(message)


class InstalledBroadcastTest(BroadcastTest):
    """The same after ``install()``."""

    websocket = installed
