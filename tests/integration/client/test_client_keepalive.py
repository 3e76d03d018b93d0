"""Pings: the client's own, the server's, and those that keep a connection alive (C23, C37)."""
from __future__ import absolute_import, division, print_function

from peers import async_test, each, until, with_rows
from raw_server import ClientCase
from tornado import gen
from wire import close_frame, frame

from tornado_ws import websocket

INTERVAL = 0.02  # seconds
TIMED_OUT = (0x88, b"\x03\xe8ping timed out")


class NotingConnection(websocket.WebSocketClientConnection):
    """Notes the pings and pongs that it is told of."""

    notes = None

    def on_ping(self, data):
        self.notes.append(("ping", data))

    def on_pong(self, data):
        self.notes.append(("pong", data))


@with_rows
class PingTest(ClientCase):
    @each(
        ("nothing", (), b""), ("bytes", (b"\x00\xff",), b"\x00\xff"),
        ("text", (u"\u20ac",), b"\xe2\x82\xac"), ("longest", (b"x" * 125,), b"x" * 125),
    )
    @async_test
    def test_ping(self, arguments, payload):
        """C23: bytes, or text as UTF-8, up to 125 bytes."""
        conn, peer = yield self.open()
        conn.ping(*arguments)
        self.assertEqual((yield peer.read_frame()), (0x89, payload))

    @each(("bytes", b"x" * 126), ("text", u"\u20ac" * 42))
    @async_test
    def test_long_ping(self, data):
        """C23: ValueError, nothing is sent."""
        conn, peer = yield self.open()
        with self.assertRaises(ValueError):
            conn.ping(data)
        conn.ping(b"next")
        self.assertEqual((yield peer.read_frame()), (0x89, b"next"))

    @async_test
    def test_pings_are_answered(self):
        """C23, RFC 6455 section 5.5.3: with the same data, between fragments too."""
        conn, peer = yield self.open()
        peer.send(frame(0x01, b"a", None) + frame(0x89, b"ping", None))
        self.assertEqual((yield peer.read_frame()), (0x8A, b"ping"))
        peer.send(frame(0x80, b"b", None))
        self.assertEqual((yield conn.read_message()), u"ab")

    @async_test
    def test_on_ping_and_on_pong_are_told(self):
        """C23: methods of a subclass, before messages that came after them."""
        notes = []
        conn, peer = yield self.open(connection_class=NotingConnection)
        conn.notes = notes
        peer.send(frame(0x89, b"a", None) + frame(0x8A, b"b", None) + frame(0x81, b"c", None))
        self.assertEqual((yield conn.read_message()), u"c")
        self.assertEqual(notes, [("ping", b"a"), ("pong", b"b")])

    @async_test
    def test_one_pong_for_many_pings_while_the_socket_is_full(self):
        """C23, RFC 6455 section 5.5.3: at most one unsent pong waits, for the last ping."""
        conn, peer = yield self.open(on_message_callback=lambda message: None)
        size = 32 * 1024 * 1024
        write = conn.write_message(b"x" * size, True)
        self.assertFalse(write.done())
        pings = 20000
        peer.send(b"".join(frame(0x89, b"%d" % number if str is bytes else str(number).encode(),
                                 None) for number in range(pings)))
        peer.send(close_frame(1000, b"", None))
        yield until(lambda: conn.close_code)
        rest = b""
        total = yield self.skip(peer, size)
        rest = yield peer.read_rest()
        self.assertEqual(total, size)
        self.assertLess(len(rest), 1000)

    @gen.coroutine
    def skip(self, peer, size):
        """Read a frame of that many bytes without keeping it; return how many they were."""
        yield peer.read(14)
        left = size - len(peer.buffer)
        peer.buffer = b""
        yield peer.stream.read_bytes(left)
        raise gen.Return(size)


@with_rows
class KeepaliveTest(ClientCase):
    @async_test
    def test_off_by_default(self):
        """C35: 4.3 sent no pings."""
        conn, peer = yield self.open()
        over = []
        self.io_loop.call_later(5 * INTERVAL, over.append, True)
        yield until(lambda: over)
        conn.close()
        self.assertEqual((yield peer.read_frame()), (0x88, b""))

    @each(("bare", 0), ("none", None))
    @async_test
    def test_no_interval_no_timeout(self, interval):
        """C35: a timeout alone does nothing."""
        conn, peer = yield self.open(ping_interval=interval, ping_timeout=INTERVAL)
        over = []
        self.io_loop.call_later(5 * INTERVAL, over.append, True)
        yield until(lambda: over)
        conn.close()
        self.assertEqual((yield peer.read_frame()), (0x88, b""))

    @async_test
    def test_pings_go_on_as_long_as_they_are_answered(self):
        """C37."""
        conn, peer = yield self.open(ping_interval=INTERVAL, ping_timeout=50 * INTERVAL)
        for _ in range(5):
            first, data = yield peer.read_frame()
            self.assertEqual(first, 0x89)
            peer.send(frame(0x8A, data, None))
        peer.send(frame(0x81, b"alive", None))
        self.assertEqual((yield conn.read_message()), u"alive")

    @async_test
    def test_no_answer_closes(self):
        """C37: the reason is ``ping timed out``; the default timeout is the interval."""
        conn, peer = yield self.open(ping_interval=INTERVAL)
        self.assertEqual((yield peer.read_frame()).first, 0x89)
        last = yield peer.read_frame()
        while last.first == 0x89:
            last = yield peer.read_frame()
        self.assertEqual(last, TIMED_OUT)
        peer.send(close_frame(1000, b"", None))
        self.assertIs((yield conn.read_message()), None)

    @async_test
    def test_a_timeout_that_is_longer_than_the_interval(self):
        """C37: several pings go out before the time is over."""
        conn, peer = yield self.open(ping_interval=INTERVAL, ping_timeout=10 * INTERVAL)
        frames = [(yield peer.read_frame())]
        while frames[-1].first == 0x89:
            frames.append((yield peer.read_frame()))
        self.assertEqual(frames[-1], TIMED_OUT)
        self.assertGreater(len(frames), 3)

    @async_test
    def test_a_timeout_of_0_waits_for_ever(self):
        """C37: pings without an answer, and nothing happens."""
        conn, peer = yield self.open(ping_interval=INTERVAL, ping_timeout=0)
        for _ in range(6):
            self.assertEqual((yield peer.read_frame()).first, 0x89)
        peer.send(frame(0x81, b"alive", None))
        self.assertEqual((yield conn.read_message()), u"alive")

    @async_test
    def test_pings_stop_when_the_connection_closes(self):
        """C37: nothing follows the close frame."""
        conn, peer = yield self.open(ping_interval=INTERVAL, ping_timeout=0)
        yield peer.read_frame()
        conn.close(1001)
        last = yield peer.read_frame()
        while last.first == 0x89:
            last = yield peer.read_frame()
        self.assertEqual(last, (0x88, b"\x03\xe9"))
        over = []
        self.io_loop.call_later(5 * INTERVAL, over.append, True)
        yield until(lambda: over)
        peer.send(close_frame(1001, b"", None))
        self.assertEqual((yield peer.read_rest()), b"")

    @async_test
    def test_a_reader_that_lags_is_not_a_dead_server(self):
        """C37, C42: while reading is paused no pong can be seen: the connection stays."""
        conn, peer = yield self.open(ping_interval=INTERVAL, ping_timeout=5 * INTERVAL)
        pongs = []

        @gen.coroutine
        def answer():
            ping = yield peer.read_frame()
            while ping is not None and ping.first == 0x89:
                pongs.append(peer.send(frame(0x8A, ping.payload, None)))
                ping = yield peer.read_frame()
            raise gen.Return(ping)
        peer.send(frame(0x81, b"x" * 1000, None) * 2000)
        end = answer()
        yield until(lambda: len(pongs) == 10)
        for _ in range(2000):
            self.assertEqual((yield conn.read_message()), u"x" * 1000)
            yield gen.moment
        yield until(lambda: len(pongs) >= 14)
        self.assertFalse(conn.protocol.is_closing())
        conn.close(1001)
        self.assertEqual((yield end), (0x88, b"\x03\xe9"))
