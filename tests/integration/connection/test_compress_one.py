"""Compression of one message, in both roles: C57."""
from __future__ import absolute_import, division, print_function

import os
import threading
import zlib

from both_roles import BothRolesCase, both_roles
from installed import installed
from peers import async_test, until, with_rows
from tornado import gen

from tornado_ws import websocket

DEFLATE = (("Sec-WebSocket-Extensions", "permessage-deflate"),)
TEXT = b"the same again " * 10
PLAIN, COMPRESSED = 0x81, 0xC1


@with_rows
class CompressOneTest(BothRolesCase):
    """C57."""

    @gen.coroutine
    def open_deflate(self, side, **options):
        if side == "server":
            peer = yield self.open_side(
                side, DEFLATE, get_compression_options=lambda handler: options)
        else:
            peer = yield self.open_side(side, DEFLATE, compression_options=options)
        self.inflater = zlib.decompressobj(-15)
        raise gen.Return(peer)

    @gen.coroutine
    def check(self, peer, first, message):
        """Read a frame; compressed ones share one context."""
        received = yield peer.read_frame()
        self.assertEqual(received.first, first)
        payload = received.payload
        if first & 0x40:
            payload = self.inflater.decompress(payload + b"\0\0\xff\xff")
        self.assertEqual(payload, message)

    @both_roles()
    @async_test
    def test_false_and_true(self, side):
        """C57: each message by itself, and the context goes on over those that are left out."""
        peer = yield self.open_deflate(side, min_size=100)
        for compress, message, first in [
                (None, TEXT, COMPRESSED), (False, TEXT, PLAIN), (None, b"short", PLAIN),
                (True, b"short", COMPRESSED), (True, TEXT, COMPRESSED), (None, TEXT, COMPRESSED),
                (False, b"", PLAIN), (True, b"", COMPRESSED)]:
            self.end.write_message(message, compress=compress)
            yield self.check(peer, first, message)

    @both_roles()
    @async_test
    def test_large(self, side):
        """C57: the same for messages that are not copied."""
        peer = yield self.open_deflate(side)
        message = os.urandom(300 * 1024)
        for compress, first in [(False, 0x82), (True, 0xC2)]:
            self.end.write_message(message, binary=True, compress=compress)
            yield self.check(peer, first, message)

    @both_roles()
    @async_test
    def test_without_the_extension(self, side):
        """C57: nothing happens."""
        peer = yield self.open_side(side)
        for compress in (None, False, True):
            self.end.write_message(TEXT, False, compress)
            yield self.check(peer, PLAIN, TEXT)

    @both_roles()
    @async_test
    def test_errors(self, side):
        """C13, C14, C57: what is wrong is told as ever."""
        peer = yield self.open_deflate(side)
        with self.assertRaises(TypeError):
            self.end.write_message(1, compress=False)
        self.end.close()
        with self.assertRaises(websocket.WebSocketClosedError):
            self.end.write_message("x", compress=True)
        protocol = self.protocol
        with self.assertRaises(websocket.WebSocketClosedError):
            protocol.write_message_as("x", False, True)
        self.assertEqual((yield peer.read_frame()).first, 0x88)

    @both_roles()
    @async_test
    def test_from_another_thread(self, side):
        """C17, C57."""
        peer = yield self.open_deflate(side)
        outcomes = []
        thread = threading.Thread(target=lambda: outcomes.append(
            self.end.write_message(TEXT, compress=False)))
        thread.start()
        yield self.check(peer, PLAIN, TEXT)
        thread.join()
        yield until(lambda: outcomes[0].done())
        outcomes[0].result(0)


class InstalledCompressOneTest(CompressOneTest):
    """The same after ``install()``."""

    websocket = installed
