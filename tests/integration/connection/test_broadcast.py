"""One message to many connections: C50."""
from __future__ import absolute_import, division, print_function

import random
import threading
import zlib

from both_roles import BothRolesCase
from installed import installed
from peers import Noted, async_test, until, with_rows
from tornado import gen
from tornado.iostream import StreamBufferFullError
from wire import close_frame

PLAIN, COMPRESSED, BINARY = 0x81, 0xC1, 0x82
OFFER = "permessage-deflate; server_max_window_bits=%d"
NO_TAKEOVER = "permessage-deflate; server_no_context_takeover"


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
    def test_mixed(self):
        """C50: whatever the connections are and do between, each sees the same, in order."""
        rng = random.Random(self.id())
        kinds = [(None, None), ("permessage-deflate", {}), (NO_TAKEOVER, {}),
                 (OFFER % 9, {"min_size": 30}), ("permessage-deflate", {"compression_level": 1})]
        for _ in range(6):
            ends, expected = [], {}
            for offer, options in rng.sample(kinds * 2, 7):
                handler, reader = yield self.open_handler(offer, options)
                ends.append((handler, reader))
                expected[handler] = []
            for number in range(40):
                message = (b"%d " % number) * rng.choice([1, 5, 50, 4000])
                self.say(rng, [handler for handler, _ in ends], message, expected)
                if rng.random() < 0.3:
                    yield gen.moment
            for handler, reader in ends:
                for message in expected[handler]:
                    self.assertEqual((yield reader.read()), message)
                reader.peer.close()

    def say(self, rng, handlers, message, expected):
        """Send a message to one or to all, or close one."""
        if rng.random() < 0.4:
            handler = rng.choice(handlers)
            if not handler.sent_close_code:
                handler.write_message(message, compress=rng.choice([None, True, False]))
                expected[handler].append(message)
        elif rng.random() < 0.03:
            rng.choice(handlers).close(1000)
        else:
            missed = self.websocket.broadcast(handlers, message)
            self.assertEqual(set(missed), {
                handler for handler in handlers if handler.sent_close_code})
            for handler in set(handlers) - set(missed):
                expected[handler].append(message)


class InstalledBroadcastTest(BroadcastTest):
    """The same after ``install()``."""

    websocket = installed
