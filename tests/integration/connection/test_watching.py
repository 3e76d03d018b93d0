"""Latency and counters, in both roles: C52 and C62."""
from __future__ import absolute_import, division, print_function

import gc
import warnings

import tornado.web
import tornado.websocket
from both_roles import BothRolesCase, both_roles
from installed import installed
from peers import async_test, turns, until, with_rows

import tornado_ws
from tornado_ws import websocket

OFFER = (("Sec-WebSocket-Extensions", "permessage-deflate"),)


@with_rows
class LatencyTest(BothRolesCase):
    """C52."""

    @both_roles()
    @async_test
    def test_measure_latency(self, side):
        """C52: a ping with four bytes; the Future has the seconds until its pong."""
        peer = yield self.open_side(side)
        future = self.end.measure_latency()
        first, payload = yield peer.read_frame()
        self.assertEqual((first, len(payload)), (0x89, 4))
        peer.send(self.frame(0x8A, b"another"), self.frame(0x8A))
        yield turns(3)
        self.assertFalse(future.done())
        peer.send(self.frame(0x8A, payload))
        self.assertGreaterEqual((yield future), 0)
        self.assertIsInstance(future.result(), float)
        self.assertIs(self.end.latency, None)

    @both_roles()
    @async_test
    def test_a_later_pong_answers_earlier_pings(self, side):
        """C52, RFC 6455 section 5.5.3: and not the pings after it."""
        peer = yield self.open_side(side)
        futures, payloads = [], []
        for _ in range(4):
            futures.append(self.end.measure_latency())
            payloads.append((yield peer.read_frame()).payload)
        self.assertEqual(len(set(payloads)), 4)
        if hasattr(futures[0], "cancel"):
            futures[0].cancel()  # somebody waits no longer
        peer.send(self.frame(0x8A, payloads[2]))
        seconds = yield futures[1:3]
        self.assertGreaterEqual(seconds[0], seconds[1])
        self.assertFalse(futures[3].done())
        peer.send(self.frame(0x8A, payloads[3]))
        yield futures[3]

    @both_roles()
    @async_test
    def test_no_pong_comes(self, side):
        """C52: the connection closes first; nobody has to look at the Future."""
        peer = yield self.open_side(side)
        looked, left = self.end.measure_latency(), self.end.measure_latency()
        self.assertFalse(left.done())
        del left
        peer.send(self.close_frame(1000))
        with self.assertRaises(websocket.WebSocketClosedError):
            yield looked
        yield self.wait_end()
        with self.assertRaises(websocket.WebSocketClosedError):
            yield self.end.measure_latency()
        gc.collect()

    @both_roles()
    @async_test
    def test_closing(self, side):
        """C52: no ping is sent after the close frame."""
        peer = yield self.open_side(side)
        self.end.close(1000)
        with self.assertRaises(websocket.WebSocketClosedError):
            yield self.end.measure_latency()
        self.assertEqual((yield peer.read_frame()).first, 0x88)

    @both_roles()
    @async_test
    def test_latency(self, side):
        """C52: of the last keepalive ping that was answered, to the first empty pong after it."""
        peer = yield self.open_side(side, ping_interval=0.02, ping_timeout=0)
        self.assertIs(self.end.latency, None)
        self.assertEqual((yield peer.read_frame()), (0x89, b""))
        peer.send(self.frame(0x8A, b"not empty"))
        yield turns(5)
        self.assertIs(self.end.latency, None)
        yield peer.read_frame()  # a second ping; the pong is one to the first as well
        peer.send(self.frame(0x8A))
        yield until(lambda: self.end.latency is not None)
        first = self.end.latency
        self.assertGreaterEqual(first, 0.015)  # clocks of loops count milliseconds
        yield peer.read_frame()
        peer.send(self.frame(0x8A), self.close_frame(1000))
        yield self.wait_end()
        self.assertGreaterEqual(self.end.latency, 0)
        self.assertNotEqual(self.end.latency, first)

    @both_roles()
    @async_test
    def test_ping_returns_none(self, side):
        """C52: ``PeriodicCallback(self.ping, ...)`` is the usual keepalive of old programs."""
        peer = yield self.open_side(side)
        self.assertIs(self.end.ping(), None)
        self.assertEqual((yield peer.read_frame()), (0x89, b""))
        peer.send(self.frame(0x8A))
        yield turns(5)
        self.assertIs(self.end.latency, None)


@with_rows
class StatsTest(BothRolesCase):
    """C62."""

    @both_roles()
    @async_test
    def test_stats(self, side):
        """C62: counts of messages and bytes, from the opening to after the end."""
        before = self.io_loop.time()
        peer = yield self.open_side(side)
        mask = 4 if side == "client" else 0
        stats = self.end.ws_stats()
        self.assertTrue(before <= stats.opened_at <= self.io_loop.time())
        self.assertEqual(stats[:-1], (0,) * 6)
        peer.send(self.frame(0x01, b"ab"), self.frame(0x89, b"p"), self.frame(0x80, b"cd"))
        yield peer.read_frame()
        self.end.write_message(b"12345")
        yield peer.read_frame()
        stats = self.end.ws_stats()
        self.assertEqual((stats.messages_in, stats.message_bytes_in), (1, 4))
        self.assertEqual((stats.messages_out, stats.message_bytes_out), (1, 5))
        self.assertEqual(stats.wire_bytes_in, 4 + 3 + 4 + 3 * (4 - mask))
        self.assertEqual(stats.wire_bytes_out, 3 + 7 + 2 * mask)
        peer.send(self.close_frame(1000))
        yield self.wait_end()
        after = self.end.ws_stats()
        self.assertEqual((after.messages_in, after.messages_out), (1, 1))
        self.assertEqual(after.opened_at, stats.opened_at)
        self.assertGreater(after.wire_bytes_in, stats.wire_bytes_in)
        yield turns(3)
        self.assertEqual(self.end.ws_stats(), after)

    @async_test
    def test_before_it_is_open(self):
        """C62: nothing, and no time."""
        got = []

        class Early(websocket.WebSocketHandler):
            def prepare(self):
                got.append((self.ws_stats(), self.latency, self.buffered_amount))

        yield self.open_raw(Early)
        self.assertEqual(got, [((0, 0, 0, 0, 0, 0, None), None, 0)])

    @async_test
    def test_compressed(self):
        """C62: a message's bytes as it is, the wire's as they go."""
        yield self.open_side(
            "server", OFFER, get_compression_options=lambda handler: {})
        self.end.write_message(b"x" * 10000)
        stats = self.end.ws_stats()
        self.assertEqual(stats.message_bytes_out, 10000)
        self.assertLess(stats.wire_bytes_out, 100)


class InstalledLatencyTest(LatencyTest):
    """The same after ``install()``."""

    websocket = installed


class InstalledStatsTest(StatsTest):
    """The same after ``install()``."""

    websocket = installed

    def test_instrumentation(self):
        """C62: what asks for the installed module's class finds its handlers."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # of references to Tornado's own
            tornado_ws.install()
        self.addCleanup(tornado_ws.uninstall)

        class Handler(tornado.websocket.WebSocketHandler):
            pass

        class Other(tornado.web.RequestHandler):
            pass

        def trace(handler):  # as instrumentation does
            return issubclass(handler, tornado.websocket.WebSocketHandler)

        self.assertTrue(trace(Handler))
        self.assertFalse(trace(Other))
