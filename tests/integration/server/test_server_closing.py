"""The closing handshake: contract section 6, C24, C25 and C27."""
from __future__ import absolute_import, division, print_function

import struct

from peers import Noted, WebSocketCase, async_test, each, turns, until, with_rows
from tornado import gen
from wire import close_frame, frame, h

from tornado_ws import websocket
from tornado_ws._connection import protocol as _protocol

VALID_CODES = (1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999,
               4000, 4999)
INVALID_CODES = (-1, 0, 1, 999, 1004, 1005, 1006, 1015, 1016, 2000, 2999, 5000, 65535, 65536,
                 "1000", 1000.0)


def closing(code, reason=b""):
    """Return the close frame that a server sends."""
    return (0x88, b"" if code is None else struct.pack("!H", code) + reason)


class Plain(Noted, websocket.WebSocketHandler):
    """Notes what comes."""


@with_rows
class OwnCloseTest(WebSocketCase):

    @gen.coroutine
    def check_close(self, arguments, expected):
        peer = yield self.open_raw(Plain)
        self.handler.close(*arguments)
        yield self.check_answered(peer, expected)

    @gen.coroutine
    def check_answered(self, peer, expected):
        self.assertEqual((yield peer.read_frame()), expected)
        peer.send(frame(*expected))
        self.assertEqual((yield peer.read_rest()), b"")
        yield until(lambda: len(self.notes) == 2)
        self.assertEqual(self.notes[1][0], "close")

    @each(*[(str(code), code) for code in VALID_CODES])
    @async_test
    def test_c24_code(self, code):
        """C24: the valid codes go out; the peer's answer ends the connection at once."""
        yield self.check_close((code,), closing(code))
        self.assertEqual(self.notes[1], ("close", code, None))

    @each(("nothing", (), closing(None)), ("no_reason", (1000, None), closing(1000)),
          ("empty_reason", (1000, ""), closing(1000)),
          ("reason", (4000, u"\xe9"), closing(4000, h("c3a9"))),
          ("reason_without_code", (None, "why"), closing(1000, b"why")),
          ("empty_reason_without_code", (None, ""), closing(None)),
          ("longest", (1001, "x" * 123), closing(1001, b"x" * 123)),
          ("longest_text", (1001, u"\xe9" * 61), closing(1001, h("c3a9") * 61)))
    @async_test
    def test_c24_reason(self, arguments, expected):
        """C24: the reason goes out as UTF-8; without a code it means 1000."""
        yield self.check_close(arguments, expected)

    @each(*([("code_%s" % str(code).replace("-", "minus_").replace(".", "_float"), (code,))
             for code in INVALID_CODES if not isinstance(code, str)]
            + [("code_text", ("1000",)), ("reason", (1000, "x" * 124)),
               ("reason_text", (1000, u"\xe9" * 62)), ("reason_alone", (None, "x" * 124)),
               ("code_with_reason", (1005, "why"))]))
    @async_test
    def test_c24_invalid(self, arguments):
        """C24: an invalid code or reason is a ValueError; nothing is sent, nothing is closed."""
        peer = yield self.open_raw(Plain)
        with self.assertRaises(ValueError):
            self.handler.close(*arguments)
        self.handler.write_message("still open")
        self.assertEqual((yield peer.read_frame()), (0x81, b"still open"))
        self.handler.close(4000, "now")
        yield self.check_answered(peer, closing(4000, b"now"))

    @async_test
    def test_c24_second_close(self):
        """C24: a second close() is a no-op, before and after the end."""
        peer = yield self.open_raw(Plain)
        handler = self.handler
        handler.close(4000, "first")
        handler.close(4001, "second")
        handler.close()
        self.assertEqual((yield peer.read_frame()), closing(4000, b"first"))
        peer.send(close_frame(4000))
        self.assertEqual((yield peer.read_rest()), b"")
        yield until(lambda: len(self.notes) == 2)
        handler.close(4002)
        yield turns(5)
        self.assertEqual(self.notes, [("open",), ("close", 4000, None)])

    @async_test
    def test_c25_nothing_can_be_sent(self):
        """C25: after close() write_message() and ping() raise WebSocketClosedError.

        A ping that comes before the peer's close frame is still answered (RFC 6455 5.5.2).
        """
        peer = yield self.open_raw(Plain)
        handler = self.handler
        handler.close()
        for method in (handler.write_message, handler.ping):
            with self.assertRaises(websocket.WebSocketClosedError):
                method(b"x")
        peer.send(frame(0x89, b"ping"), close_frame())
        self.assertEqual((yield peer.read_frames()), [closing(None), (0x8A, b"ping")])
        for method in (handler.write_message, handler.ping):
            with self.assertRaises(websocket.WebSocketClosedError):
                method(b"x")

    @async_test
    def test_c25_close_in_a_batch(self):
        """C25: close() in a callback; what was written before goes out first, nothing after."""
        class Closing(Plain):
            def on_message(self, message):
                self.note("message", message)
                try:
                    self.write_message(message)
                except websocket.WebSocketClosedError:
                    self.note("refused", message)
                else:
                    if message == "2":
                        self.close(4000)

        peer = yield self.open_raw(Closing)
        peer.send(*[frame(0x81, number) for number in (b"1", b"2", b"3")])
        for expected in [(0x81, b"1"), (0x81, b"2"), closing(4000)]:
            self.assertEqual((yield peer.read_frame()), expected)
        peer.send(close_frame(4000))
        self.assertEqual((yield peer.read_rest()), b"")
        self.assertNotIn(("refused", "2"), self.notes)

    @async_test
    def test_c25_peer_never_answers(self):
        """C25: a peer that does not answer our close is dropped when its time is over."""
        self.assertEqual(_protocol.CLOSE_TIMEOUT, 5)
        self.patch(_protocol, "CLOSE_TIMEOUT", 0.05)
        peer = yield self.open_raw(Plain)
        self.handler.close(1001)
        self.assertEqual((yield peer.read_frames()), [closing(1001)])
        yield until(lambda: len(self.notes) == 2)
        self.assertEqual(self.notes[1], ("close", None, None))

    @async_test
    def test_c25_peer_talks_on(self):
        """C25: the same when the peer goes on sending messages and pings."""
        self.patch(_protocol, "CLOSE_TIMEOUT", 0.05)
        peer = yield self.open_raw(Plain)
        self.handler.close(1001)
        stream, protocol = self.handler.stream, self.handler.ws_connection
        while not stream.closed():
            if not peer.stream.closed() and not peer.stream.writing():
                peer.send(frame(0x81, b"x"), frame(0x89, b"y"))
            yield gen.moment
        self.assertIsNone(protocol)
        yield until(lambda: self.notes[-1] == ("close", None, None))
        self.assertEqual(self.notes.count(("close", None, None)), 1)

    @async_test
    def test_c25_peer_does_not_read(self):
        """C25: the same when our close frame cannot even be sent."""
        self.patch(_protocol, "CLOSE_TIMEOUT", 0.05)
        yield self.open_raw(Plain, receive_buffer=16 * 1024)
        handler = self.handler
        handler.write_message(b"x" * (16 * 1024 * 1024))
        handler.close()
        yield until(lambda: len(self.notes) == 2)
        self.assertEqual(self.notes[1], ("close", None, None))
        self.assertTrue(handler.stream.closed())

    @async_test
    def test_c25_peer_closes_but_does_not_read(self):
        """C25: the peer's close does not wait for ever for what is still to be sent."""
        self.patch(_protocol, "CLOSE_TIMEOUT", 0.05)
        peer = yield self.open_raw(Plain, receive_buffer=16 * 1024)
        self.handler.write_message(b"x" * (16 * 1024 * 1024))
        peer.send(close_frame(1000))
        yield until(lambda: len(self.notes) == 2)
        self.assertEqual(self.notes[1], ("close", 1000, None))

    @async_test
    def test_c26_both_close(self):
        """C26: both sides close at the same time: one frame each, on_close() once."""
        peer = yield self.open_raw(Plain)
        self.handler.close(4000, "mine")
        peer.send(close_frame(4001, b"yours"))
        self.assertEqual((yield peer.read_frames()), [closing(4000, b"mine")])
        yield until(lambda: len(self.notes) == 2)
        self.assertEqual(self.notes[1], ("close", 4001, "yours"))

    @async_test
    def test_c24_close_in_on_close(self):
        """C24: close() in on_close() is a no-op."""
        class Closing(Plain):
            def on_close(self):
                super(Closing, self).on_close()
                self.close(4000)

        peer = yield self.open_raw(Closing)
        peer.send(close_frame(1000))
        self.assertEqual((yield peer.read_frames()), [closing(1000)])
        yield until(lambda: len(self.notes) == 2)


class OwnCloseOverTLSTest(OwnCloseTest):
    """C24, C25 over TLS."""

    tls = True


@with_rows
class PeerCloseTest(WebSocketCase):

    @each(*([("nothing", None, b"", None)]
            + [(str(code), code, b"why" if code % 2 else b"", "why" if code % 2 else None)
               for code in VALID_CODES]
            + [("longest", 1000, b"x" * 123, "x" * 123),
               ("text", 1000, h("c3a9 e29883"), u"\xe9\u2603")]))
    @async_test
    def test_c27_answer(self, code, reason, text):
        """C27, C26: answered with the same code; code and reason are there for on_close()."""
        peer = yield self.open_raw(Plain)
        handler = self.handler
        peer.send(close_frame(code, reason))
        self.assertEqual((yield peer.read_frames()), [closing(code)])
        yield until(lambda: len(self.notes) == 2)
        self.assertEqual(self.notes[1], ("close", code, text))
        self.assertEqual((handler.close_code, handler.close_reason), (code, text))

    @async_test
    def test_c27_nothing_after_it(self):
        """C27: nothing that comes after the close frame is delivered or answered."""
        peer = yield self.open_raw(Plain)
        peer.send(frame(0x81, b"before"), close_frame(1000), frame(0x81, b"after"),
                  frame(0x89, b"ping"), h("ff ff ff"), close_frame(1001))
        self.assertEqual((yield peer.read_frames()), [closing(1000)])
        yield until(lambda: len(self.notes) == 3)
        self.assertEqual(self.notes[1:], [("message", "before"), ("close", 1000, None)])

    @async_test
    def test_c27_in_the_middle_of_a_message(self):
        """C27: a close frame between fragments ends the connection; the message is dropped."""
        peer = yield self.open_raw(Plain)
        peer.send(frame(0x01, b"a"), close_frame(1001))
        self.assertEqual((yield peer.read_frames()), [closing(1001)])
        yield until(lambda: len(self.notes) == 2)
        self.assertEqual(self.notes[1], ("close", 1001, None))

    @async_test
    def test_c27_write_after_it(self):
        """C25, C27: once the peer's close is answered, writing raises WebSocketClosedError."""
        peer = yield self.open_raw(Plain)
        handler = self.handler
        peer.send(close_frame(1000))
        yield peer.read_frames()
        with self.assertRaises(websocket.WebSocketClosedError):
            handler.write_message("x")

    @async_test
    def test_c27_every_split(self):
        """C27: a close frame may come in any pieces."""
        data = close_frame(4000, b"bye")
        for cut in range(1, len(data)):
            peer = yield self.open_raw(Plain)
            protocol = self.handler.ws_connection
            peer.send(data[:cut])
            yield until(lambda: protocol._wire_bytes_in == cut)
            peer.send(data[cut:])
            self.assertEqual((yield peer.read_frames()), [closing(4000)])
        yield until(lambda: self.notes.count(("close", 4000, "bye")) == len(data) - 1)
