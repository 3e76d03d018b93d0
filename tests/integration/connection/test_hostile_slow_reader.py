"""Peers that do not read, and peers that talk without end: C14, C21, C22, C23, C26.

Everything is counted: bytes that wait to be sent, messages made, messages worked off before
another connection gets its turn. ``TORNADO_WS_SCALE`` multiplies the amounts.
"""
from __future__ import absolute_import, division, print_function

import os
import socket

import pytest
from peers import Noted, WebSocketCase, async_test, each, turns, until, with_rows
from tornado import gen
from tornado.iostream import StreamBufferFullError
from wire import deflate, frame

from tornado_ws import websocket

SCALE = int(os.environ.get("TORNADO_WS_SCALE", 1))
PIECE = b"x" * 65536
BUFFERS = 16 * 1024 * 1024  # more than both sockets' buffers on one machine ever have
LIMIT = 1024 * 1024


class Sender(Noted, websocket.WebSocketHandler):
    """Has a small socket buffer, and a limit of its write buffer if the application has one."""

    def prepare(self):
        stream = self.request.connection.stream
        stream.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 256 * 1024)
        if self.application.write_limit is not None:
            stream.max_write_buffer_size = self.application.write_limit

    def on_message(self, message):
        self.note("message", message)

    def waiting_bytes(self):
        """Return how much was written and is not with the socket yet."""
        transport = self.ws_connection._transport
        return transport._unsent


class Streaming(Sender):
    """Sends without end, each message when the last is gone."""

    @gen.coroutine
    def open(self):
        self.note("open")
        self.application.made = 0
        try:
            while True:
                yield self.write_message(PIECE, binary=True)
                self.application.made += 1
        except websocket.WebSocketClosedError:
            self.note("stopped")


class SlowReaderCase(WebSocketCase):

    def get_app(self):
        app = super(SlowReaderCase, self).get_app()
        app.write_limit = None
        return app

    def open_slow(self, handler_class):
        return self.open_raw(handler_class, receive_buffer=256 * 1024)


class AwaitingTest(SlowReaderCase):

    @async_test
    def test_server_waits_for_the_reader(self):
        """C14: who awaits write_message() makes no more than the sockets take; nothing waits."""
        peer = yield self.open_slow(Streaming)
        for _ in range(3):  # the reader takes a little, and the server goes on as far
            yield turns(200)
            before = self._app.made
            self.assertLess(before * len(PIECE), BUFFERS)
            self.assertLessEqual(self.handler.waiting_bytes(), len(PIECE) + 1000)
            for _ in range(50):
                self.assertEqual(len((yield peer.read_frame()).payload), len(PIECE))
            yield until(lambda: self._app.made > before)
        peer.reset()
        yield until(lambda: ("stopped",) in self.notes and ("close", None, None) in self.notes)

    @async_test
    def test_echo_of_a_peer_that_does_not_read(self):
        """C20, C21: an echo that returns write_message() with serial_messages holds the peer
        back."""
        class Echo(Sender):
            serial_messages = True

            def on_message(self, message):
                self.application.made += 1
                return self.write_message(message, binary=True)

        self._app.made = 0
        peer = yield self.open_slow(Echo)
        sent = peer.send(frame(0x82, PIECE) * (SCALE * 2 * BUFFERS // len(PIECE)))
        yield turns(500)
        self.assertFalse(sent.done())
        self.assertLess(self._app.made * len(PIECE), BUFFERS)
        self.assertLessEqual(self.handler.waiting_bytes(), len(PIECE) + 1000)
        peer.reset()
        yield until(lambda: ("close", None, None) in self.notes)


@with_rows
class NotAwaitingTest(SlowReaderCase):

    @each(("pieces", PIECE), ("small", b"x" * 100), ("too_large", b"x" * (2 * LIMIT)))
    @async_test
    def test_limit(self, message):
        """C14, C26: over ``max_write_buffer_size`` there is a clear error, and the end."""
        self._app.write_limit = LIMIT
        other = yield self.open_raw(Sender)
        del self.notes[:]
        peer = yield self.open_slow(Sender)
        handler = self.handler
        with self.assertRaises(StreamBufferFullError) as caught:
            for _ in range(BUFFERS // len(message)):
                handler.write_message(message, binary=True)
        self.assertIn("max_write_buffer_size (%d bytes)" % LIMIT, str(caught.exception))
        with self.assertRaises(websocket.WebSocketClosedError):
            handler.write_message(message, binary=True)
        yield until(lambda: ("close", None, None) in self.notes)
        self.assertEqual(self.notes, [("open",), ("close", None, None)])
        handler = caught = None  # noqa: F841
        yield peer.read_rest()
        other.send(frame(0x89, b"works"))
        self.assertEqual((yield other.read_frame()), (0x8a, b"works"))

    @async_test
    def test_limit_is_kept(self):
        """C14: up to the limit all is well: what waits arrives when the peer reads again."""
        self._app.write_limit = LIMIT
        peer = yield self.open_slow(Sender)
        count = 0
        while self.handler.waiting_bytes() + len(PIECE) + 10 <= LIMIT:
            self.handler.write_message(PIECE, binary=True)
            count += 1
        self.assertGreaterEqual(count, LIMIT // (len(PIECE) + 10))
        for _ in range(count):
            self.assertEqual((yield peer.read_frame()), (0x82, PIECE))
        peer.send(frame(0x81, b"works"))
        yield until(lambda: ("message", "works") in self.notes)

    @async_test
    def test_error_in_a_callback(self):
        """C19: where a callback does not catch it, it is logged once, and on_close() runs."""
        class Careless(Sender):
            def on_message(self, message):
                for _ in range(BUFFERS // len(PIECE)):
                    self.write_message(PIECE, binary=True)

        self._app.write_limit = LIMIT
        peer = yield self.open_slow(Careless)
        peer.send(frame(0x81, b"x"))
        yield until(lambda: ("close", None, None) in self.notes)
        entry, = self.claim_logs("tornado.application")
        self.assertIn("/1", entry.message)
        self.assertIn("max_write_buffer_size", entry.traceback)
        yield peer.read_rest()

    @async_test
    def test_pongs_at_the_limit(self):
        """C23: pings of a peer that does not read add one pong to what waits."""
        self._app.write_limit = LIMIT
        peer = yield self.open_slow(Sender)
        self.handler.write_message(b"x" * (LIMIT - 1000), binary=True)
        before = self.handler.waiting_bytes()
        for _ in range(10):
            peer.send(frame(0x89, b"p" * 125) * 100)
            yield turns(20)
        yield until(lambda: self.notes.count(("ping", b"p" * 125)) == 1000)
        self.assertLessEqual(self.handler.waiting_bytes(), before + 127)


FLOOD = 20000 * SCALE
FLOODS = [
    ("empty_messages", frame(0x81, b"")),
    ("small_messages", frame(0x81, b"x" * 16)),
    ("binary", frame(0x82, b"x" * 16)),
    ("deflated", frame(0xc1, deflate(b"x" * 16))),
    ("pings", frame(0x89, b"")),
    ("pongs", frame(0x8a, b"x" * 125)),
    ("empty_fragments", frame(0x00, b"")),
    ("one_byte_fragments", frame(0x00, b"x")),
]


class Quiet(Noted, websocket.WebSocketHandler):
    """Takes everything, in a counter."""

    def on_message(self, message):
        self.application.taken += 1

    on_ping = on_pong = on_message

    def get_compression_options(self):
        return {}


class Echo(Noted, websocket.WebSocketHandler):
    def on_message(self, message):
        self.write_message(message)


@pytest.mark.prompt_sockets
@with_rows
class OthersTest(WebSocketCase):
    """While one connection floods, another one's messages are echoed."""

    @each(*FLOODS)
    @async_test
    def test_flood(self, data):
        """C22: between an echo and the next, a bounded part of the flood is worked off.

        That is the bytes which arrived in a few turns of the loop, 256 KiB or 256 frames each.
        """
        self._app.taken = 0
        busy = yield self.open_raw(Quiet, [("Sec-WebSocket-Extensions", "permessage-deflate")])
        core = self.handler.ws_connection._core
        other = yield self.open_raw(Echo)
        fragments = data[:1] == b"\x00"
        flood = data * FLOOD
        if fragments:
            flood = frame(0x01, b"") + flood
        sent = busy.send(flood)
        most = rounds = 0
        while core.wire_bytes_in < len(flood) or core.backlog:
            before = core.wire_bytes_in - len(core._data)
            other.send(frame(0x81, b"quick"))
            self.assertEqual((yield other.read_frame()), (0x81, b"quick"))
            most = max(most, core.wire_bytes_in - len(core._data) - before)
            rounds += 1
        yield sent
        self.assertGreaterEqual(rounds, len(flood) // (1024 * 1024) + 2)
        self.assertLessEqual(most, 8 * max(256 * len(data), 64 * 1024))
        if not fragments:
            self.assertEqual(self._app.taken, FLOOD)

    @async_test
    def test_timer_during_a_flood(self):
        """C22: a timer that is due fires while the flood is worked off."""
        self._app.taken = 0
        busy = yield self.open_raw(Quiet)
        fired = []
        busy.send(frame(0x81, b"") * FLOOD)
        yield until(lambda: self._app.taken)
        self.io_loop.add_timeout(self.io_loop.time(), lambda: fired.append(self._app.taken))
        yield until(lambda: self._app.taken == FLOOD)
        self.assertLess(fired[0], FLOOD // 2)

    @async_test
    def test_flood_over_many_connections(self):
        """C22: ten floods at the same time do not starve an echo."""
        self._app.taken = 0
        path = self.add(Quiet)
        peers = yield [self.open_raw(path) for _ in range(10)]
        other = yield self.open_raw(Echo)
        for peer in peers:
            peer.send(frame(0x81, b"") * FLOOD)
        rounds = 0
        yield until(lambda: self._app.taken)
        while self._app.taken < FLOOD * 10:
            other.send(frame(0x81, b"quick"))
            self.assertEqual((yield other.read_frame()), (0x81, b"quick"))
            rounds += 1
        self.assertGreater(rounds, 3)
