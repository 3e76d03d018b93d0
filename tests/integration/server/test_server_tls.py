"""TLS records below the frames: whatever their borders are, no byte is lost or late."""
from __future__ import absolute_import, division, print_function

import os
import socket

import pytest
from peers import Noted, WebSocketCase, async_test, turns, until
from tornado import gen
from wire import frame

from tornado_ws import websocket

RECORD = 16384  # the most bytes of a record (RFC 8446 section 5.1)
SIZES = [n + more for n in (RECORD, 4 * RECORD, 5 * RECORD, 20 * RECORD) for more in range(-15, 2)]


class Plain(Noted, websocket.WebSocketHandler):
    """Notes what comes."""


class Echo(Noted, websocket.WebSocketHandler):
    def on_message(self, message):
        self.write_message(message, binary=True)


class Small(Plain):
    """Has a small send buffer, so that it is full soon."""

    def prepare(self):
        self.request.connection.stream.socket.setsockopt(
            socket.SOL_SOCKET, socket.SO_SNDBUF, 8192)


class RecordsTest(WebSocketCase):
    tls = True

    @async_test
    def test_c18_messages_around_full_records(self):
        """C18: a record's last byte may be a frame's last, or the first of its header."""
        peer = yield self.open_raw(Echo)
        for size in SIZES:
            payload = b"%06d" % size * (size // 6) + b"x" * (size % 6)
            peer.send(frame(0x82, payload))
            self.assertEqual((yield peer.read_frame()), (0x82, payload))

    @async_test
    def test_c18_many_messages_in_full_records(self):
        """C18: all that came is delivered without more having to come."""
        peer = yield self.open_raw(Plain)
        data = frame(0x81, b"x" * 26)  # 32 bytes, so that records are full
        count = 50 * RECORD // len(data)
        peer.send(data * count)
        yield until(lambda: len(self.notes) == count + 1)

    @async_test
    def test_c14_small_messages_until_the_socket_is_full(self):
        """C14, C15: a record that the socket does not take is sent later, whole and in order."""
        peer = yield self.open_raw(Small, receive_buffer=8192)
        future, count = self.handler.write_message("0"), 1
        while future.done():
            yield gen.moment
            future = self.handler.write_message("%d" % count + "." * (count % 997))
            count += 1
        for i in range(count):
            first, payload = yield peer.read_frame()
            self.assertEqual((first, payload.rstrip(b".")), (0x81, ("%d" % i).encode("ascii")))
        yield future

    @pytest.mark.own_tls_errors
    @async_test
    def test_c26_what_is_no_tls(self):
        """C26: it ends that connection; others go on."""
        peer = yield self.open_raw(Plain)
        other = yield self.open_raw(Echo)
        os.write(peer.stream.socket.fileno(), b"this is no record at all")
        yield until(lambda: ("close", None, None) in self.notes)
        other.send(frame(0x82, b"x"))
        self.assertEqual((yield other.read_frame()), (0x82, b"x"))


class SmallChunksTest(WebSocketCase):
    """The stream reads less at once than a record has."""

    tls = True
    server_options = {"chunk_size": 64}

    @async_test
    def test_c18_frames_with_the_request(self):
        """C18: the rest of a record, of which the socket knows nothing more, is delivered."""
        for count in range(1, 20):
            del self.notes[:]
            peer = yield self.open_raw(Plain, after=frame(0x81, b"x" * 30) * count)
            yield until(lambda: len(self.notes) == count + 1)
            peer.send(frame(0x81, b"last"))
            yield until(lambda: len(self.notes) == count + 2)
            yield turns(3)
            self.assertEqual(self.notes[-1], ("message", "last"))
