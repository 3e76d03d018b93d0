"""What waits for a slow peer, and its limit: C51, in both roles."""
from __future__ import absolute_import, division, print_function

import struct

from both_roles import BothRolesCase, both_roles
from installed import installed
from peers import async_test, each, until, with_rows
from tornado import gen
from tornado.iostream import StreamBufferFullError
from wire import parse_frame

from tornado_ws import websocket
from tornado_ws._stream import transport as _transport

LIMIT = 256 * 1024
PIECE = 16 * 1024


def numbered(number, size=PIECE):
    """Return a message that begins with its number."""
    return struct.pack("!I", number) + b"x" * (size - 4)


@with_rows
class BufferedTest(BothRolesCase):
    """C51: buffered_amount and wait_drained."""

    @both_roles()
    @async_test
    def test_it_is_what_the_kernel_has_not_taken(self, side):
        """C51: what was written less what arrives if the connection is cut now."""
        peer = yield self.open_side(side)
        self.assertEqual(self.end.buffered_amount, 0)
        size = 0
        while self.end.buffered_amount < LIMIT:
            before = self.protocol._wire_bytes_out
            self.end.write_message(numbered(0), binary=True)
            size += self.protocol._wire_bytes_out - before
        yield gen.moment
        waiting = self.end.buffered_amount
        self.assertGreater(waiting, 0)
        self.protocol.stream.close()
        self.assertEqual(self.end.buffered_amount, 0)
        self.assertEqual(len((yield peer.read_rest())), size - waiting)
        yield self.wait_end()
        self.assertEqual(self.end.buffered_amount, 0)

    @async_test
    def test_what_is_gathered_counts(self):
        """C51: also bytes that wait for the end of a callback, not for the peer."""
        peer = yield self.open_side("server")
        amounts = []

        def on_message(message):
            for _ in range(2):
                self.end.write_message(b"abc")
                amounts.append(self.end.buffered_amount)

        self.end.on_message = on_message
        peer.send(self.frame(0x81, b"go"))
        yield peer.read_frame()
        yield peer.read_frame()
        self.assertEqual(amounts, [0, 5])  # the first left at once
        self.assertEqual(self.end.buffered_amount, 0)

    @both_roles(("all", 0), ("half", LIMIT // 2))
    @async_test
    def test_wait_drained(self, side, to):
        """C51: done when no more than that waits."""
        peer = yield self.open_side(side)
        self.assertTrue(self.end.wait_drained(to).done())
        while self.end.buffered_amount < LIMIT:
            self.end.write_message(numbered(0), binary=True)
        drained = self.end.wait_drained(to)
        self.assertFalse(drained.done())
        seen = []
        drained.add_done_callback(lambda future: seen.append(self.end.buffered_amount))
        while not drained.done():
            yield peer.read(PIECE)
        yield until(lambda: seen)
        self.assertLessEqual(seen[0], to)

    @both_roles()
    @async_test
    def test_wait_drained_fails(self, side):
        """C51: the connection closes before; nobody has to look at it."""
        yield self.open_side(side)
        while self.end.buffered_amount < LIMIT:
            self.end.write_message(numbered(0), binary=True)
        looked, left = self.end.wait_drained(), self.end.wait_drained(1)
        del left
        self.protocol.stream.close()
        with self.assertRaises(websocket.WebSocketClosedError):
            yield looked
        yield self.wait_end()
        with self.assertRaises(websocket.WebSocketClosedError):
            yield self.end.wait_drained()
        with self.assertRaises(ValueError):
            self.end.wait_drained(-1)

    @async_test
    def test_wait_drained_in_a_callback(self):
        """C51: what the callback has gathered leaves first."""
        peer = yield self.open_side("server")
        amounts = []

        @gen.coroutine
        def on_message(message):
            for _ in range(5):
                self.end.write_message(b"abc")
            yield self.end.wait_drained()
            amounts.append(self.end.buffered_amount)

        self.end.on_message = on_message
        peer.send(self.frame(0x81, b"go"))
        for _ in range(5):
            yield peer.read_frame()
        yield until(lambda: amounts)
        self.assertEqual(amounts, [0])


@with_rows
class LimitTest(BothRolesCase):
    """C51: max_buffered_amount."""

    @gen.coroutine
    def overfill(self, side, size, **options):
        peer = yield self.open_side(side, max_buffered_amount=LIMIT, **options)
        self.futures = []
        with self.assertRaises(StreamBufferFullError):
            while True:
                self.futures.append(
                    self.end.write_message(numbered(len(self.futures), size), binary=True))
                self.assertLessEqual(self.end.buffered_amount, LIMIT)
        raise gen.Return(peer)

    @both_roles(("small", 1000), ("middle", PIECE), ("large", 200 * 1024))
    @async_test
    def test_too_slow(self, side, size):
        """C51: the messages that were begun arrive, whole and in order, and 1008 follows them.

        The Futures of the others, and only these, fail.
        """
        peer = yield self.overfill(side, size, close_timeout=60)
        self.assertEqual((self.end.sent_close_code, self.end.sent_close_reason),
                         (1008, "too slow"))
        self.assertLessEqual(self.end.buffered_amount, max(size, _transport.GATHER_LIMIT) + 1024)
        with self.assertRaises(websocket.WebSocketClosedError):
            self.end.write_message(b"x")
        frames = yield peer.read_frames_until_close()
        for number, received in enumerate(frames[:-1]):
            self.assertEqual(received.payload, numbered(number, size))
        self.assertEqual(frames[-1].payload, struct.pack("!H", 1008) + b"too slow")
        if size <= PIECE:  # else there may be none but the one that was begun
            self.assertLess(len(frames) - 1, len(self.futures))
        kept = [future for future in self.futures if future.exception() is None]
        self.assertEqual(len(kept), len(frames) - 1)
        self.assertEqual(kept, self.futures[:len(kept)])
        for future in self.futures[len(kept):]:
            self.assertIsInstance(future.exception(), websocket.WebSocketClosedError)
        peer.send(self.close_frame(1008))
        yield self.wait_end()
        line, = self.end_lines()
        self.assertIn("closed by this side: 1008 too slow", line)

    @both_roles()
    @async_test
    def test_a_peer_that_never_reads(self, side):
        """C51: close_timeout bounds it, and on_close comes."""
        yield self.overfill(side, PIECE, close_timeout=0.05)
        yield self.wait_end()
        self.assertIsInstance(self.end.connection_error, EnvironmentError)

    @both_roles()
    @async_test
    def test_a_peer_that_reads(self, side):
        """C51: all messages arrive, in order, however many there are; nobody is closed."""
        peer = yield self.open_side(side, max_buffered_amount=LIMIT)
        count = 0
        while self.protocol._wire_bytes_out < 16 * LIMIT:
            self.end.write_message(numbered(count), binary=True)
            count += 1
            if self.end.buffered_amount > LIMIT // 2:
                drained = self.end.wait_drained(PIECE)
                while not drained.done():
                    peer.buffer += yield peer.stream.read_bytes(1 << 20, partial=True)
        last = self.end.write_message(u"end")
        numbers = []
        while True:
            received = yield peer.read_frame()
            if received.first == 0x81:
                break
            numbers.append(struct.unpack("!I", received.payload[:4])[0])
        yield last
        self.assertEqual(numbers, list(range(count)))

    @both_roles()
    @async_test
    def test_a_burst_is_no_slow_peer(self, side):
        """C51: what is gathered for the end of a turn is handed over before anybody is judged."""
        peer = yield self.open_side(side, max_buffered_amount=1000)
        for number in range(100):
            self.end.write_message(numbered(number, 200), binary=True)
        for number in range(100):
            self.assertEqual((yield peer.read_frame()).payload, numbered(number, 200))
        with self.assertRaises(StreamBufferFullError):  # more than may ever wait
            self.end.write_message(numbered(0, 2000), binary=True)

    @async_test
    def test_a_callback_that_does_not_catch_it(self):
        """C51, C19: it is no failure of the callback's."""
        peer = yield self.open_side("server", max_buffered_amount=1000)
        self.end.on_message = lambda message: self.end.write_message(b"x" * 2000)
        peer.send(self.frame(0x81, b"go"))
        frames = yield peer.read_frames_until_close()
        self.assertEqual(frames[0].payload[:2], struct.pack("!H", 1008))
        peer.send(self.close_frame(1008))
        yield self.wait_end()

    @both_roles()
    @async_test
    def test_control_frames_are_not_refused(self, side):
        """C51: pings and pongs pass where a message would not, behind what waits."""
        peer = yield self.open_side(side, max_buffered_amount=LIMIT)
        while self.end.buffered_amount + PIECE + 100 < LIMIT:
            self.end.write_message(numbered(0), binary=True)
        self.end.write_message(b"x" * (LIMIT - self.end.buffered_amount - 20), binary=True)
        self.end.ping(b"p" * 100)
        peer.send(self.frame(0x89, b"q" * 100))
        while True:
            first, payload = yield peer.read_frame()
            if first != 0x82:
                break
        self.assertEqual((first, payload), (0x89, b"p" * 100))
        self.assertEqual((yield peer.read_frame()), (0x8A, b"q" * 100))

    @async_test
    def test_an_orderly_close(self):
        """C51: close() sends all that waits."""
        peer = yield self.open_side("server", max_buffered_amount=LIMIT)
        count = 0
        while self.end.buffered_amount + 2 * PIECE < LIMIT:
            self.end.write_message(numbered(count), binary=True)
            count += 1
        self.end.close(1000)
        frames = yield peer.read_frames_until_close()
        self.assertEqual(len(frames), count + 1)

    @both_roles()
    @async_test
    def test_a_loss(self, side):
        """C14, C51: what waits behind a write under way fails with the connection."""
        yield self.open_side(side, max_buffered_amount=LIMIT)
        while self.end.buffered_amount + PIECE < LIMIT // 2:
            self.end.write_message(numbered(0), binary=True)
        last = self.end.write_message(b"last")
        self.protocol.stream.close()
        with self.assertRaises(websocket.WebSocketClosedError):
            yield last
        yield self.wait_end()

    @async_test
    def test_setting(self):
        """C51: the application's setting."""
        self._app.settings["websocket_max_buffered_amount"] = 1000
        yield self.open_side("server")
        with self.assertRaises(StreamBufferFullError):
            self.end.write_message(b"x" * 1000)

    @each(("negative", -1), ("text", "5"))
    @async_test
    def test_a_limit_that_is_none(self, value):
        """C51: what is no number of bytes is refused by name."""
        with self.assertRaises(ValueError) as caught:
            self.websocket.websocket_connect(self.server_url(), max_buffered_amount=value)
        self.assertIn("max_buffered_amount", str(caught.exception))
        yield gen.moment


class TLSLimitTest(LimitTest):
    """The same over TLS."""

    tls = True


class InstalledBufferedTest(BufferedTest):
    """The same after ``install()``."""

    websocket = installed


class InstalledLimitTest(LimitTest):
    """The same after ``install()``."""

    websocket = installed


def test_frames_are_counted_whole():
    """The tests' own numbers: a frame is its payload and a short head."""
    assert parse_frame(b"\x82\x04" + numbered(7, 4)) == ((0x82, b"\0\0\0\7"), 6)
