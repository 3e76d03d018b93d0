"""Calls for which there is nothing to do: too early, too late, or about nothing."""
from __future__ import absolute_import, division, print_function

import socket

from peers import Noted, WebSocketCase, async_test, turns, until
from raw_server import ClientCase
from tornado import gen
from tornado.iostream import StreamBufferFullError
from wire import close_frame, frame

from tornado_ws import websocket

LIMIT = 2000  # bytes


class Plain(Noted, websocket.WebSocketHandler):
    """Notes what comes."""


class Narrow(Plain):
    """Lets little wait to be sent."""

    def prepare(self):
        self.request.connection.stream.max_write_buffer_size = LIMIT


class LateServerCallTest(WebSocketCase):

    @async_test
    def test_close_before_the_handshake(self):
        """C25: a protocol that has no stream yet has nothing to close."""
        protocol = websocket.WebSocketProtocol13(None)
        self.assertIs(protocol.close(), None)
        self.assertTrue(protocol.is_closing())
        yield turns(1)

    @async_test
    def test_a_read_event_without_bytes(self):
        """An event may be spurious (epoll, select): it ends nothing."""
        peer = yield self.open_raw(Plain)
        self.handler.ws_connection._transport._receive()
        peer.send(frame(0x81, b"x"))
        yield until(lambda: ("message", u"x") in self.notes)

    @async_test
    def test_c14_no_room_for_a_ping(self):
        """C14, C16: the limit of what may wait holds for pings; the connection is dropped."""
        peer = yield self.open_raw(Narrow)
        with self.assertRaises(StreamBufferFullError):
            for _ in range(LIMIT // 100 + 1):
                self.handler.ping(b"x" * 100)
        yield peer.read_rest()
        yield until(lambda: self.notes[-1] == ("close", None, None))

    @async_test
    def test_c23_no_room_for_a_pong(self):
        """C14, C23: a pong for which there is no room ends the connection, without a word."""
        class Full(Narrow):
            def on_message(self, message):
                self.write_message(b"x" * (LIMIT - 100))

        peer = yield self.open_raw(Full)
        peer.send(frame(0x81, b"x"), frame(0x89, b"x" * 120))
        yield peer.read_rest()
        yield until(lambda: self.notes[-1] == ("close", None, None))

    @async_test
    def test_c26_told_by_somebody_else_that_it_is_over(self):
        """C26: on_connection_close() is public in Tornado; who calls it ends the connection."""
        peer = yield self.open_raw(Plain)
        self.handler.on_connection_close()
        self.assertEqual((yield peer.read_rest()), b"")
        yield turns(5)
        self.assertEqual(self.notes, [("open",), ("close", None, None)])

    @async_test
    def test_c26_on_close_may_be_a_coroutine(self):
        """C19, C26: one that ends well leaves nothing in the log."""
        class Later(Plain):
            @gen.coroutine
            def on_close(self):
                yield turns(3)
                self.note("closed")

        peer = yield self.open_raw(Later)
        peer.send(close_frame(1000))
        yield until(lambda: self.notes == [("open",), ("closed",)])

    @async_test
    def test_c18_nodelay_of_the_protocol(self):
        """Tornado 6 calls the protocol's set_nodelay()."""
        yield self.open_raw(Plain)
        sock = self.handler.stream.socket
        for value in (False, True):
            self.handler.ws_connection.set_nodelay(value)
            self.assertEqual(bool(sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)), value)


class LateClientCallTest(ClientCase):

    @async_test
    def test_c19_the_final_none_fails(self):
        """C19: an on_message_callback that cannot do with None is logged, and that is all."""
        def fail_at_the_end(message):
            messages.append(message)
            if message is None:
                raise LookupError("failed in the callback")

        messages = []
        conn, peer = yield self.open(on_message_callback=fail_at_the_end)
        peer.send(frame(0x81, b"x", mask=None), close_frame(1000, mask=None))
        yield until(lambda: len(messages) == 2)
        self.assertEqual(messages, [u"x", None])
        self.claim_logs("tornado.application", "Uncaught exception")
