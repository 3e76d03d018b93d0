"""The peak of the memory that a peer can take from a server, measured by tracemalloc: C21,
C23, C36.

The peer is in the same process but takes no memory while it is measured: it sends from, and reads
into, buffers that were made before, without an IOStream. The figures of a run are printed
(``pytest -s``). The amounts are a sample; the environment variable ``TORNADO_WS_SCALE`` multiplies
them, and the bounds stay the same.
"""
from __future__ import absolute_import, division, print_function

import importlib
import os
import socket
import zlib

import pytest
from peers import Noted, WebSocketCase, async_test, each, until, with_rows
from tornado import gen
from wire import HANDSHAKE, deflate, frame

from tornado_ws import websocket

pytestmark = pytest.mark.cpython

SCALE = int(os.environ.get("TORNADO_WS_SCALE", 1))
LIMIT = 1 << 20
CHUNK = 256 * 1024  # the most bytes of one read
FRAGMENTS = 25000 * SCALE
OWN = 400 * 1024    # for zlib's state, the test, the loop, the socket's own read

DEFLATE = (("Sec-WebSocket-Extensions", "permessage-deflate"),)


class BarePeer(object):
    """A client on a plain socket that neither copies nor keeps what it sends and receives."""

    def __init__(self, port, receive_buffer=None):
        self.socket = socket.socket()
        if receive_buffer is not None:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.connect(("127.0.0.1", port))
        self.socket.setblocking(False)
        self.received = 0
        self.start = b""
        self._room = bytearray(65536)
        self._view = memoryview(self._room)

    @gen.coroutine
    def handshake(self, path, headers=()):
        """Open the WebSocket."""
        lines = ["GET %s HTTP/1.1" % path, "Host: 127.0.0.1"]
        lines += ["%s: %s" % field for field in HANDSHAKE + tuple(headers)]
        yield self.send("\r\n".join(lines + ["", ""]).encode("ascii"))
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            try:
                head += self.socket.recv(1)
            except BlockingIOError:
                yield gen.moment
        assert b" 101 " in head

    @gen.coroutine
    def send(self, data, times=1):
        """Send bytes again and again; return whether the server took all of them."""
        view = memoryview(data)
        for _ in range(times):
            position = 0
            while position < len(data):
                try:
                    position += self.socket.send(view[position:position + CHUNK])
                except BlockingIOError:
                    yield gen.moment
                except OSError:
                    raise gen.Return(False)
        raise gen.Return(True)

    @gen.coroutine
    def read_to_end(self):
        """Read up to the connection's end; the first bytes are in ``start``."""
        while True:
            try:
                size = self.socket.recv_into(self._room)
            except BlockingIOError:
                yield gen.moment
                continue
            except OSError:
                return
            if not size:
                return
            if self.received < 100:
                self.start += bytes(self._view[:min(size, 100)])
            self.received += size

    def close(self):
        self.socket.close()


class Deflating(Noted, websocket.WebSocketHandler):
    max_message_size = LIMIT

    def on_message(self, message):
        self.note("message", len(message))

    def on_ping(self, data):
        self.application.pings += 1

    def on_pong(self, data):
        self.application.pings += 1

    def get_compression_options(self):
        return {}


class MemoryCase(WebSocketCase):

    def setUp(self):
        super(MemoryCase, self).setUp()
        self.tracemalloc = importlib.import_module("tracemalloc")  # which PyPy lacks
        self._app.pings = 0

    @gen.coroutine
    def open_bare(self, handler_class=Deflating, headers=DEFLATE, **kwargs):
        path = handler_class if isinstance(handler_class, str) else self.add(handler_class)
        peer = BarePeer(self.get_http_port(), **kwargs)
        self._closing.append(peer)
        yield peer.handshake(path, headers)
        yield until(lambda: self.notes)
        raise gen.Return(peer)

    def start_measuring(self):
        self.tracemalloc.start()
        self.addCleanup(self.tracemalloc.stop)
        self.before = self.tracemalloc.get_traced_memory()[0]

    def check_peak(self, bound):
        """Check the peak since `start_measuring`, in bytes over what was there; end measuring."""
        peak = self.tracemalloc.get_traced_memory()[1] - self.before
        self.tracemalloc.stop()
        print("%s: peak %d KiB, bound %d KiB" % (self.id().rpartition(".")[2], peak >> 10,
                                                 bound >> 10))
        self.assertLess(peak, bound)

    @gen.coroutine
    def check_failed(self, peer, code, *data):
        """Send what fails the connection; check the close code, and on_close()."""
        self.start_measuring()
        for piece, times in data:
            yield peer.send(piece, times)
        yield peer.read_to_end()
        self.assertEqual(peer.start[0:1] + peer.start[2:4], b"\x88" + code)
        peer.close()
        yield until(lambda: self.notes[-1] == ("close", None, None))


def bombs():
    """Make messages of 64 MiB in 64 KiB: a name, and bytes with how many times they are sent."""
    size = 64 << 20
    whole = deflate(b"\0" * size)
    context = zlib.compressobj(9, zlib.DEFLATED, -15)
    first = (context.compress(b"\0" * 40000) + context.flush(zlib.Z_SYNC_FLUSH))[:-4]
    later = (context.compress(b"\0" * size) + context.flush(zlib.Z_SYNC_FLUSH))[:-4]
    inner = b"\0" * (8 << 20)
    for _ in range(2):
        inner = deflate(inner)
    return [
        ("whole", [(frame(0xc2, whole), 1)]),
        ("text", [(frame(0xc1, whole), 1)]),
        ("fragmented", [(frame(0x42, whole[:1000])
                         + b"".join(frame(0x00, whole[i:i + 1000])
                                    for i in range(1000, len(whole), 1000)), 1)]),
        ("byte_fragments", [(frame(0x42, whole[:1])
                             + b"".join(frame(0x00, whole[i:i + 1]) for i in range(1, 3000)), 1),
                            (frame(0x80, whole[3000:]), 1)]),
        ("takeover", [(frame(0xc2, first) + frame(0xc2, later), 1)]),
        ("many_streams", [(frame(0xc2, deflate(b"\0" * 100000, mode=zlib.Z_FINISH) * 600), 1)]),
        ("plain", [(frame(0x02, b"x" * LIMIT), 1), (frame(0x00, b"x"), 1)]),
        ("declared", [(frame(0x82, b"x" * (LIMIT + 1)), 1)]),
    ]


@with_rows
class BombTest(MemoryCase):

    @each(*bombs())
    @async_test
    def test_bomb(self, data):
        """C36, C29: 1009 with the limit and one chunk of memory, whatever the way in."""
        peer = yield self.open_bare()
        size = max(len(piece) for piece, _ in data)
        yield self.check_failed(peer, b"\x03\xf1", *data)
        self.check_peak(LIMIT + min(size, 2 * CHUNK) + OWN)
        self.assertLessEqual(len([note for note in self.notes if note[0] == "message"]), 1)

    @async_test
    def test_many_bombs_at_once(self):
        """C36: connections with an unfinished bomb each hold what came of it."""
        peers = []
        path = self.add(Deflating)
        data = frame(0x42, deflate(b"\0" * (LIMIT // 4 - 1)))
        for _ in range(20):
            peers.append((yield self.open_bare(path)))
        self.start_measuring()
        for peer in peers:
            yield peer.send(data)
            for _ in range(10):
                yield gen.moment
        self.check_peak(20 * (LIMIT // 4 + 64 * 1024) + OWN)


@with_rows
class FragmentsTest(MemoryCase):

    @each(("one_byte_text", 0x01, b"x", 1, FRAGMENTS),
          ("one_byte_binary", 0x02, b"x", 1, FRAGMENTS // 5),
          ("empty_text", 0x01, b"", 0, FRAGMENTS),
          ("empty_binary", 0x02, b"", 0, FRAGMENTS // 5),
          ("empty_deflated", 0x42, b"", 0, FRAGMENTS // 5),
          ("stored_deflated", 0x42, b"\0\0\0\xff\xff", 0, FRAGMENTS // 5))
    @async_test
    def test_fragments(self, first, payload, each_adds, count):
        """C36: memory is that of the message's bytes; without any it stays flat."""
        class Patient(Deflating):
            max_message_size = 100 << 20

        peer = yield self.open_bare(Patient)
        chunk = frame(0x00, payload) * 1000
        last = frame(0x80, b"\0" if first & 0x40 else b"")
        self.start_measuring()
        yield peer.send(frame(first, b""))
        yield peer.send(chunk, count // 1000)
        yield peer.send(last)
        yield until(lambda: len(self.notes) == 2)
        self.assertEqual(self.notes[-1], ("message", each_adds * count))
        self.check_peak(4 * each_adds * count + 2 * CHUNK + OWN)


@with_rows
class DeclaredLengthTest(MemoryCase):

    @each(("largest", b"\xff\x7f" + b"\xff" * 7, 1009),
          ("9_mib", b"\xff" + b"\0" * 5 + b"\x90\0\0", 1009),
          ("top_bit", b"\xff\x80" + b"\0" * 7, 1002), ("all_bits", b"\xff" + b"\xff" * 8, 1002))
    @async_test
    def test_declared(self, length, code):
        """C29, C36: a length over the limit is refused by its header; nothing is allocated."""
        peer = yield self.open_bare()
        yield self.check_failed(peer, b"\x03" + bytes(bytearray([code - 768])),
                                (b"\x82" + length + b"\0" * 4, 1))
        self.check_peak(OWN)

    @async_test
    def test_declared_below_the_limit(self):
        """C36: nor for one below it that does not come: 99 MiB from each of 20 connections."""
        class Default(Deflating):
            max_message_size = None

        path = self.add(Default)
        peers = []
        for _ in range(20):
            peers.append((yield self.open_bare(path)))
        self.start_measuring()
        for peer in peers:
            yield peer.send(b"\x82\xff" + b"\0" * 4 + b"\x06\x30\0\0" + b"\0" * 1000)
        for _ in range(100):
            yield gen.moment
        self.check_peak(OWN)


@with_rows
class FloodTest(MemoryCase):

    @async_test
    def test_pings_of_a_peer_that_never_reads(self):
        """C23: one pong is kept, so memory is flat; the flood itself is worked off."""
        peer = yield self.open_bare(receive_buffer=4096)
        count = 10000 * SCALE
        pings = frame(0x89, b"p" * 125) * 100
        self.start_measuring()
        sent = peer.send(pings, count // 100)
        yield until(lambda: self._app.pings == count or sent.done() and not sent.result())
        self.assertEqual(self._app.pings, count)
        self.check_peak(2 * CHUNK + OWN)

    @async_test
    def test_unasked_pongs(self):
        """C23: pongs that nobody asked for are told of and forgotten."""
        peer = yield self.open_bare()
        count = 10000 * SCALE
        self.start_measuring()
        yield peer.send(frame(0x8a, b"p" * 125) * 100, count // 100)
        yield until(lambda: self._app.pings == count)
        self.check_peak(2 * CHUNK + OWN)

    @each(("empty", b"", 1000000), ("large", b"x" * 60000, 10000))
    @async_test
    def test_messages_while_a_callback_waits(self, payload, count):
        """C21: the read-ahead is bounded in count and bytes, then TCP holds the peer back."""
        class Waiting(Deflating):
            serial_messages = True

            def on_message(self, message):
                self.note("message", message)
                return self.application.release

        self._app.release = gen.Future()
        peer = yield self.open_bare(Waiting)
        data = frame(0x82, payload) * 1000
        self.start_measuring()
        sent = peer.send(data, count // 1000 * SCALE)
        for _ in range(300):
            yield gen.moment
        self.assertFalse(sent.done())
        self.assertEqual(len(self.notes), 2)
        self.check_peak(LIMIT + 2 * CHUNK + OWN)
        peer.socket.shutdown(socket.SHUT_RDWR)
        self._app.release.set_result(None)
        yield sent
        yield until(lambda: self.notes[-1] == ("close", None, None))
