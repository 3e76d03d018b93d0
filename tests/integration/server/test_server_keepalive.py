"""Pings that the server sends by itself: contract section 9, C35 and C37."""
from __future__ import absolute_import, division, print_function

from peers import Noted, WebSocketCase, async_test, turns, until
from tornado import gen
from tornado.concurrent import Future
from wire import close_frame, frame, h

from tornado_ws import websocket
from tornado_ws._connection import protocol as _protocol

TIMED_OUT = (0x88, h("03e8") + b"ping timed out")


class Plain(Noted, websocket.WebSocketHandler):
    """Notes what comes."""


def pinging(interval, timeout=None, base=Plain):
    return type("Pinging", (base,), {"ping_interval": interval, "ping_timeout": timeout})


class KeepaliveTest(WebSocketCase):

    @gen.coroutine
    def answer(self, peer, count):
        """Answer so many pings."""
        for _ in range(count):
            first, payload = yield peer.read_frame()
            self.assertEqual(first, 0x89)
            peer.send(frame(0x8A, payload))

    @async_test
    def test_c37_answered(self):
        """C37: a peer that answers is kept; on_pong() is told."""
        peer = yield self.open_raw(pinging(0.01, 0.2))
        yield self.answer(peer, 40)
        yield until(lambda: len(self.notes) >= 41)
        self.assertEqual({note[0] for note in self.notes[1:]}, {"pong"})

    @async_test
    def test_c37_not_answered(self):
        """C37: a peer that does not answer gets a close with the reason, and on_close() comes."""
        self.patch(_protocol, "CLOSE_TIMEOUT", 0.05)
        peer = yield self.open_raw(pinging(0.01, 0.01))
        frames = yield peer.read_frames()
        self.assertEqual(frames[0], (0x89, b""))
        self.assertEqual(frames[-1], TIMED_OUT)
        yield until(lambda: self.notes[-1] == ("close", None, None))

    @async_test
    def test_c37_not_answered_any_more(self):
        """C37: the same after some answers; the peer's answer to the close counts."""
        peer = yield self.open_raw(pinging(0.01, 0.2))
        yield self.answer(peer, 3)
        while True:
            received = yield peer.read_frame()
            if received.first != 0x89:
                break
        self.assertEqual(received, TIMED_OUT)
        peer.send(close_frame(1000, b"sorry"))
        self.assertEqual((yield peer.read_rest()), b"")
        yield until(lambda: self.notes[-1] == ("close", 1000, "sorry"))

    @async_test
    def test_c37_timeout_longer_than_the_interval(self):
        """C37: pings go on until the timeout, which may be longer; one late pong is enough."""
        peer = yield self.open_raw(pinging(0.01, 0.5))
        for _ in range(3):
            for _ in range(4):
                self.assertEqual((yield peer.read_frame()), (0x89, b""))
            peer.send(frame(0x8A))
        frames = yield peer.read_frames_until_close()
        self.assertGreaterEqual(frames.count((0x89, b"")), 3)
        self.assertEqual(frames[-1], TIMED_OUT)

    @async_test
    def test_c37_unasked_pong(self):
        """C37: any pong shows that the peer is there."""
        peer = yield self.open_raw(pinging(0.01, 0.2))
        for _ in range(40):
            self.assertEqual((yield peer.read_frame()).first, 0x89)
            peer.send(frame(0x8A, b"unasked"))
        self.assertFalse(self.handler.ws_connection.is_closing())

    @async_test
    def test_c37_no_timeout(self):
        """C37: a timeout of 0 is none: pings only."""
        peer = yield self.open_raw(pinging(0.002, 0))
        for _ in range(20):
            self.assertEqual((yield peer.read_frame()), (0x89, b""))
        peer.send(frame(0x81, b"here"))
        yield until(lambda: self.notes[-1] == ("message", "here"))

    @async_test
    def test_c37_pings_stop_at_the_peers_close(self):
        """C37: no ping after the close frame, whoever sent it first."""
        peer = yield self.open_raw(pinging(0.002, 5))
        yield self.answer(peer, 2)
        peer.send(close_frame(1000))
        frames = yield peer.read_frames()
        self.assertEqual(frames[-1], (0x88, h("03e8")))

    @async_test
    def test_c37_pings_stop_at_our_close(self):
        """C37: the same when the server closes and the peer takes its time."""
        self.patch(_protocol, "CLOSE_TIMEOUT", 0.1)
        peer = yield self.open_raw(pinging(0.002, 5))
        yield self.answer(peer, 2)
        self.handler.close(1001)
        frames = yield peer.read_frames()
        self.assertEqual(frames[-1], (0x88, h("03e9")))
        self.assertEqual(frames.count((0x88, h("03e9"))), 1)

    @async_test
    def test_c37_pongs_count_while_a_callback_waits(self):
        """C21, C37: pongs count while a message is awaited."""
        gate = Future()

        class Waiting(Plain):
            serial_messages = True

            @gen.coroutine
            def on_message(self, message):
                yield gate

        peer = yield self.open_raw(pinging(0.01, 0.2, Waiting))
        peer.send(frame(0x81, b"1"), frame(0x81, b"2"))
        yield self.answer(peer, 40)
        self.assertFalse(self.handler.ws_connection.is_closing())
        gate.set_result(None)

    @async_test
    def test_c37_reading_pauses(self):
        """C21, C37: while reading pauses no pong can be seen, and that is no timeout."""
        gate = Future()

        class Waiting(Plain):
            serial_messages = True

            @gen.coroutine
            def on_message(self, message):
                yield gate

        peer = yield self.open_raw(pinging(0.01, 0.02, Waiting))
        peer.send(frame(0x81, b"x" * 1000) * 5000)
        for _ in range(10):
            self.assertEqual((yield peer.read_frame()), (0x89, b""))
            peer.send(frame(0x8A))
        self.assertFalse(self.handler.ws_connection.is_closing())
        gate.set_result(None)

    @async_test
    def test_c37_default_timeout(self):
        """C37: without a timeout of its own, the timeout is the interval."""
        peer = yield self.open_raw(pinging(0.05))
        frames = yield peer.read_frames_until_close()
        self.assertEqual(frames, [(0x89, b""), TIMED_OUT])

    @async_test
    def test_c35_off_by_default(self):
        """C35: without settings no ping is sent."""
        peer = yield self.open_raw(Plain)
        handler = self.handler
        self.assertEqual((handler.ping_interval, handler.ping_timeout), (None, None))
        yield turns(100)
        peer.send(close_frame())
        self.assertEqual((yield peer.read_frames()), [(0x88, b"")])


class KeepaliveOverTLSTest(KeepaliveTest):
    """C37 over TLS."""

    tls = True


class SettingsTest(WebSocketCase):

    settings = {"websocket_ping_interval": 0.01, "websocket_ping_timeout": 0.01}

    @async_test
    def test_c35_settings(self):
        """C35: ``websocket_ping_interval`` and ``websocket_ping_timeout`` of the application."""
        peer = yield self.open_raw(Plain)
        self.assertEqual((yield peer.read_frame()), (0x89, b""))
        self.assertEqual((yield peer.read_frames_until_close())[-1], TIMED_OUT)

    @async_test
    def test_c35_property(self):
        """C35: a property of the handler overrides the setting."""
        class Quiet(Plain):
            @property
            def ping_interval(self):
                return None

        peer = yield self.open_raw(Quiet)
        peer.send(frame(0x81, b"x"))
        yield until(lambda: len(self.notes) == 2)
        yield turns(100)
        peer.send(close_frame())
        self.assertEqual((yield peer.read_frames()), [(0x88, b"")])
