"""What a server sends: contract section 4, C13 to C16."""
from __future__ import absolute_import, division, print_function

import gc
import json
import socket

from peers import Noted, WebSocketCase, async_test, each, turns, until, with_rows
from tornado import gen
from tornado.concurrent import Future
from wire import close_frame, frame, h

from tornado_ws import websocket
from tornado_ws._stream import transport as _transport

MEGABYTE = 1024 * 1024
BIG = b"x" * (2 * MEGABYTE)
"""Much more than small socket buffers take."""


class Plain(Noted, websocket.WebSocketHandler):
    """Does nothing by itself."""


class SmallBuffers(Plain):
    """Has a small send buffer, so that the peer's reading is felt at once; and much patience."""

    close_timeout = 60

    def prepare(self):
        self.request.connection.stream.socket.setsockopt(
            socket.SOL_SOCKET, socket.SO_SNDBUF, 16 * 1024)


@with_rows
class TypesTest(WebSocketCase):

    @each(("text", u"h\xe9\u2603", False, 0x81, u"h\xe9\u2603".encode("utf-8")),
          ("native_text", "text", False, 0x81, b"text"), ("empty", u"", False, 0x81, b""),
          ("bytes_as_text", b"h\xc3\xa9", False, 0x81, b"h\xc3\xa9"),
          ("bytes", b"\x00\xff", True, 0x82, b"\x00\xff"),
          ("empty_binary", b"", True, 0x82, b""),
          ("text_as_binary", u"h\xe9", True, 0x82, b"h\xc3\xa9"),
          ("bytearray", bytearray(b"\x00\xff"), True, 0x82, b"\x00\xff"),
          ("memoryview", memoryview(b"\x00\xff"), True, 0x82, b"\x00\xff"),
          ("slice", memoryview(b"abcdef")[1:4], True, 0x82, b"bcd"),
          ("astral", u"\U0001f600", False, 0x81, h("f09f9880")))
    @async_test
    def test_c13(self, message, binary, first, payload):
        """C13: text as UTF-8, bytes as they are; with binary=True also other buffers."""
        peer = yield self.open_raw(Plain)
        self.assertIsInstance(self.handler.write_message(message, binary=binary), Future)
        self.assertEqual((yield peer.read_frame()), (first, payload))

    @each(("dict", {u"a": [1, u"\xe9"], u"b": None}), ("empty_dict", {}))
    @async_test
    def test_c13_json(self, message):
        """C13: a dict goes as JSON text."""
        peer = yield self.open_raw(Plain)
        self.handler.write_message(message)
        first, payload = yield peer.read_frame()
        self.assertEqual((first, json.loads(payload.decode("ascii"))), (0x81, message))

    @each(("none", None, False, "NoneType"), ("int", 7, False, "int"),
          ("list", [b"a"], False, "list"), ("tuple", (b"a",), True, "tuple"),
          ("float", 1.5, True, "float"), ("bytearray", bytearray(b"a"), False, "bytearray"),
          ("memoryview", memoryview(b"a"), False, "memoryview"))
    @async_test
    def test_c13_other_types(self, message, binary, name):
        """C13: any other type is a TypeError that names it; nothing is sent."""
        peer = yield self.open_raw(Plain)
        with self.assertRaises(TypeError) as caught:
            self.handler.write_message(message, binary)
        self.assertIn(name, str(caught.exception))
        self.handler.write_message("next")
        self.assertEqual((yield peer.read_frame()), (0x81, b"next"))

    @each(("at_once", None), ("each_turn", 1))
    @async_test
    def test_c15_order_of_large_and_small(self, between):
        """C15, C16: whatever part of a batch the socket takes, and however it is sent."""
        peer = yield self.open_raw(SmallBuffers, receive_buffer=16 * 1024)
        sizes = [1, 128 * 1024, 2, 3, 128 * 1024 - 1, 600000, 0, 300000, 300001, 70000, 5]
        messages = [bytes(bytearray([65 + i])) * size for i, size in enumerate(sizes)]
        futures = []
        for message in messages:
            futures.append(self.handler.write_message(message, binary=True))
            if between:
                yield turns(between)
        for message in messages:
            self.assertEqual((yield peer.read_frame()), (0x82, message))
        for future in futures:
            yield future

    @each(("125", 125, h("82 7d")), ("126", 126, h("82 7e 007e")),
          ("65535", 65535, h("82 7e ffff")), ("65536", 65536, h("82 7f 0000000000010000")))
    @async_test
    def test_c15_lengths(self, size, head):
        """C15: each message is one frame, its length in the fewest bytes (RFC 6455 5.2)."""
        peer = yield self.open_raw(Plain)
        self.handler.write_message(b"x" * size, binary=True)
        self.handler.write_message("next")
        self.assertEqual((yield peer.read(len(head) + size)), head + b"x" * size)
        self.assertEqual((yield peer.read_frame()), (0x81, b"next"))


class TypesOverTLSTest(TypesTest):
    """C13, C15 over TLS."""

    tls = True


class FutureTest(WebSocketCase):

    @async_test
    def test_c14_done_at_once(self):
        """C14: the Future resolves to None when the socket has taken the message."""
        yield self.open_raw(Plain)
        futures = [self.handler.write_message("x") for _ in range(10)]
        for future in futures:
            self.assertIsInstance(future, Future)
            self.assertIsNone((yield future))

    @async_test
    def test_c14_pending_until_the_peer_reads(self):
        """C14: while the peer does not read it is pending; when the peer reads it is done."""
        peer = yield self.open_raw(SmallBuffers, receive_buffer=16 * 1024)
        futures = [self.handler.write_message(BIG, binary=True), self.handler.write_message("x")]
        yield turns(50)
        self.assertEqual([future.done() for future in futures], [False, False])
        self.assertEqual((yield peer.read_frame()), (0x82, BIG))
        self.assertEqual((yield peer.read_frame()), (0x81, b"x"))
        for future in futures:
            self.assertIsNone((yield future))

    @gen.coroutine
    def check_lost(self, end):
        peer = yield self.open_raw(SmallBuffers, receive_buffer=16 * 1024)
        futures = [self.handler.write_message(BIG, binary=True), self.handler.write_message("x")]
        yield turns(50)
        self.assertEqual([future.done() for future in futures], [False, False])
        end(peer)
        for future in futures:
            with self.assertRaises(websocket.WebSocketClosedError):
                yield future

    @async_test
    def test_c14_peer_resets_while_pending(self):
        """C14: it fails with WebSocketClosedError when the peer drops the connection."""
        yield self.check_lost(lambda peer: peer.reset())

    @async_test
    def test_c14_peer_goes_while_pending(self):
        """C14: the same when the peer closes its socket."""
        yield self.check_lost(lambda peer: peer.close())

    @async_test
    def test_c14_stream_closed_while_pending(self):
        """C14: the same when the stream is closed at this end."""
        yield self.check_lost(lambda peer: self.handler.stream.close())

    @async_test
    def test_c14_close_while_pending(self):
        """C14, C25: close() comes after what was written before; that still arrives."""
        peer = yield self.open_raw(SmallBuffers, receive_buffer=16 * 1024)
        future = self.handler.write_message(BIG, binary=True)
        self.handler.close()
        yield turns(20)
        self.assertFalse(future.done())
        self.assertEqual((yield peer.read_frame()), (0x82, BIG))
        self.assertEqual((yield peer.read_frame()), (0x88, b""))
        self.assertIsNone((yield future))

    @async_test
    def test_c14_nobody_awaits(self):
        """C14: a Future that fails and that nobody awaits logs nothing, also when collected."""
        peer = yield self.open_raw(SmallBuffers, receive_buffer=16 * 1024)
        for _ in range(3):
            self.handler.write_message(BIG, binary=True)
        yield turns(20)
        peer.reset()
        yield until(lambda: ("close", None, None) in self.notes)
        yield turns(5)
        gc.collect()
        yield turns(5)
        gc.collect()
        self.assertEqual([entry for entry in self.log.entries
                          if "never retrieved" in entry.message], [])

    @async_test
    def test_c14_cancelled(self):
        """C14: cancelling the Future is harmless: the message leaves, the next too."""
        peer = yield self.open_raw(SmallBuffers, receive_buffer=16 * 1024)
        self.handler.write_message(BIG, binary=True)
        future = self.handler.write_message("second")
        self.handler.write_message("third")
        yield turns(5)
        future.cancel()
        payloads = []
        for _ in range(3):
            payloads.append((yield peer.read_frame())[1])
        self.assertEqual([len(BIG), b"second", b"third"], [len(payloads[0])] + payloads[1:])

    @async_test
    def test_c14_closed(self):
        """C14, C25: on a closed connection it raises WebSocketClosedError at once."""
        peer = yield self.open_raw(Plain)
        handler = self.handler
        peer.close()
        yield until(lambda: ("close", None, None) in self.notes)
        for method in (handler.write_message, handler.ping):
            with self.assertRaises(websocket.WebSocketClosedError):
                method(b"x")

    @async_test
    def test_c14_write_error_is_found_out(self):
        """C14: a peer that is gone makes a write fail sooner or later, never return None."""
        peer = yield self.open_raw(Plain)
        handler = self.handler
        peer.reset()
        with self.assertRaises(websocket.WebSocketClosedError):
            while True:  # a loop with a thread for its sockets may be late
                result = handler.write_message("x")
                self.assertIsInstance(result, Future)
                yield result
                yield gen.moment


class FutureOverTLSTest(FutureTest):
    """C14 over TLS."""

    tls = True


class OrderTest(WebSocketCase):

    @async_test
    def test_c15_order(self):
        """C15: messages leave in the order of the calls, small and big, awaited or not."""
        @gen.coroutine
        def write(handler):
            for i in range(300):
                size = (0, 10, 200, 70000)[i % 4]
                future = handler.write_message(("%05d" % i).encode("ascii") + b"." * size)
                if i % 7 == 0:
                    yield future

        peer = yield self.open_raw(SmallBuffers, receive_buffer=16 * 1024)
        writing = write(self.handler)
        for i in range(300):
            first, payload = yield peer.read_frame()
            self.assertEqual((first, payload[:5]), (0x81, ("%05d" % i).encode("ascii")))
            self.assertEqual(len(payload), 5 + (0, 10, 200, 70000)[i % 4])
        yield writing

    @async_test
    def test_c15_control_frames_stand_between_messages(self):
        """C15: pings and pongs that are due while big messages wait do not break into them."""
        peer = yield self.open_raw(SmallBuffers, receive_buffer=16 * 1024)
        for _ in range(3):
            self.handler.write_message(BIG[:MEGABYTE], binary=True)
            self.handler.ping(b"mine")
        peer.send(frame(0x89, b"yours"))
        yield until(lambda: ("ping", b"yours") in self.notes)
        self.handler.close()
        received = {0x82: [], 0x89: [], 0x8A: [], 0x88: []}
        while not received[0x88]:
            first, payload = yield peer.read_frame()
            received[first].append(payload)
        self.assertEqual(received, {0x82: [BIG[:MEGABYTE]] * 3, 0x89: [b"mine"] * 3,
                                    0x8A: [b"yours"], 0x88: [b""]})


class OrderOverTLSTest(OrderTest):
    """C15 over TLS."""

    tls = True


def number(i):
    return ("%d" % i).encode("ascii")


class CountingSocket(object):
    """A socket that counts its system calls for sending."""

    def __init__(self, sock, sends):
        self._sock = sock
        self._sends = sends

    def __getattr__(self, name):
        return getattr(self._sock, name)

    def send(self, data, *args):
        self._sends.append(len(data))
        return self._sock.send(data, *args)


class BatchTest(WebSocketCase):

    def setUp(self):
        super(BatchTest, self).setUp()
        self.patch(_transport, "PATIENCE", 60)  # of a machine that has other work

    def counted(self, handler_class):
        """Return a handler class whose sends are counted in ``sends``."""
        sends = self.sends = []

        class Counted(handler_class):
            def prepare(self):
                stream = self.request.connection.stream
                stream.socket = CountingSocket(stream.socket, sends)
        return Counted

    @async_test
    def test_c16_answers_leave_together(self):
        """C16: the answers to frames that came together leave in one send."""
        class Echo(Plain):
            def on_message(self, message):
                self.write_message(message)
                self.write_message(message)

        peer = yield self.open_raw(self.counted(Echo))
        del self.sends[:]
        peer.send(b"".join(frame(0x81, number(i)) for i in range(50)) + frame(0x89, b"p"))
        for i in range(50):
            for _ in range(2):
                self.assertEqual((yield peer.read_frame()), (0x81, number(i)))
        self.assertEqual((yield peer.read_frame()), (0x8A, b"p"))
        self.assertEqual(len(self.sends), 1)

    @async_test
    def test_c16_handshake_and_open(self):
        """C16: the 101 and what open() and the first messages write leave in at most two."""
        class Greeting(Plain):
            def open(self):
                for i in range(20):
                    self.write_message("%d" % i)

        peer = yield self.open_raw(self.counted(Greeting))
        for i in range(20):
            self.assertEqual((yield peer.read_frame()), (0x81, number(i)))
        self.assertLessEqual(len(self.sends), 2)

    @async_test
    def test_c16_unfinished_awaitable(self):
        """C16: what was written leaves as soon as a callback returns an unfinished Future."""
        release = Future()

        class Asking(Plain):
            serial_messages = True

            @gen.coroutine
            def on_message(self, message):
                self.write_message("question")
                yield release
                self.write_message("thanks")

        peer = yield self.open_raw(Asking)
        peer.send(frame(0x81, b"go") + frame(0x81, b"answer"))
        self.assertEqual((yield peer.read_frame()), (0x81, b"question"))
        release.set_result(None)
        for payload in (b"thanks", b"question", b"thanks"):
            self.assertEqual((yield peer.read_frame()), (0x81, payload))

    @async_test
    def test_c16_no_timer(self):
        """C16: a message written outside of callbacks is sent without another event."""
        peer = yield self.open_raw(Plain)
        self.handler.write_message("a")
        self.handler.write_message("b")
        self.assertEqual((yield peer.read_frame()), (0x81, b"a"))
        self.assertEqual((yield peer.read_frame()), (0x81, b"b"))
        peer.send(close_frame(1000))
        self.assertEqual((yield peer.read_frames()), [(0x88, h("03e8"))])
