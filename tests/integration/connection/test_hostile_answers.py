"""Answers to a client's handshake that no server means well with: RFC 6455 section 4.1; C39, C32.

Whatever the bytes, `websocket_connect` ends with a connection, a `WebSocketError`, an
``HTTPError`` or a network error, and the socket of a refused one is closed.
"""
from __future__ import absolute_import, division, print_function

import sys

from peers import async_test, each, turns, with_rows
from raw_server import NETWORK_ERRORS, ClientCase
from tornado import gen
from tornado.httpclient import HTTPError
from wire import BYTES, accept_value, frame

from tornado_ws import websocket

HUGE = 64 * 1024
DEFLATE = b"permessage-deflate"
OFFER = {"compression_options": {}, "subprotocols": ["chat"]}


def response(key, **fields):
    """Build a 101 of raw bytes; ``fields`` replace or add headers, with ``_`` for ``-``."""
    items = {"Upgrade": b"websocket", "Connection": b"Upgrade",
             "Sec_WebSocket_Accept": accept_value(key).encode("ascii")}
    items.update(fields)
    lines = [name.replace("_", "-").encode("ascii") + b": " + items[name]
             for name in sorted(items)]
    return b"\r\n".join([b"HTTP/1.1 101 Switching Protocols"] + lines + [b"", b""])


class AnswerCase(ClientCase):

    @gen.coroutine
    def outcome(self, **fields):
        """Answer a handshake; return the exception, or None if the client took the answer."""
        refusal = yield self.answer(lambda key: response(key, **fields), **OFFER)
        if refusal.error is not None:
            self.assertIsInstance(
                refusal.error, NETWORK_ERRORS + (websocket.WebSocketError, HTTPError))
            self.assertNotIsInstance(refusal.error, ValueError)
        while self.connections:
            self.connections.pop().close()
        raise gen.Return(refusal.error)

    def claim_http_errors(self):
        """Take what Tornado logs of answers that are no HTTP."""
        self.log.entries = [entry for entry in self.log.entries
                            if entry.logger != "tornado.general"
                            or not entry.message.startswith("Malformed HTTP")]


@with_rows
class BytesTest(AnswerCase):

    @each(("Accept", "Sec_WebSocket_Accept", None), ("Protocol", "Sec_WebSocket_Protocol", b"chat"),
          ("Extensions", "Sec_WebSocket_Extensions", DEFLATE),
          ("Version", "Sec_WebSocket_Version", b"13"))
    @async_test
    def test_all_byte_values(self, name, usual):
        """C39: all kinds of bytes behind the right value: only blanks make no difference."""
        for code in BYTES:
            byte = bytes(bytearray([code]))

            def answer(key):
                right = accept_value(key).encode("ascii") if usual is None else usual
                return response(key, **{name: right + byte})

            refusal = yield self.answer(answer, **OFFER)
            while self.connections:
                self.connections.pop().close()
            error = refusal.error
            if error is not None:
                self.assertIsInstance(error, NETWORK_ERRORS + (websocket.WebSocketError,))
            # Tornado < 6 strips whatever Python calls a space.
            blank = (not byte.decode("latin-1").strip()
                     or byte == b"," and usual == DEFLATE)
            if not blank and name != "Sec_WebSocket_Version":
                self.assertIsNotNone(error, byte)
            elif byte in b" \t":
                self.assertIsNone(error, byte)
        self.claim_http_errors()

    @each(("-1", b"-1"), ("0", b"0"), ("7", b"7"), ("16", b"16"), ("99", b"99"),
          ("empty", b""), ("word", b"abc"), ("quoted", b'"16"'), ("zero_first", b"010"),
          ("huge", b"1" * 1000), ("twice", b"10; %s=10"))
    @async_test
    def test_window_bits(self, bits):
        """C32: window bits outside of 8 to 15, or twice, fail the handshake and nothing else."""
        for name in (b"server_max_window_bits", b"client_max_window_bits"):
            value = DEFLATE + b"; " + name + b"=" + bits.replace(b"%s", name)
            error = yield self.outcome(Sec_WebSocket_Extensions=value)
            self.assertIsInstance(error, websocket.WebSocketError)
            self.assertLess(len(str(error)), 200)


@with_rows
class HugeTest(AnswerCase):

    @each(*[("%s_%s" % (name, kind), name, piece)
            for name in ("Sec_WebSocket_Accept", "Sec_WebSocket_Protocol",
                         "Sec_WebSocket_Extensions", "Upgrade", "Connection")
            for kind, piece in [("commas", b","), ("spaces", b" "), ("semicolons", b"a;"),
                                ("quotes", b'a;b="\\')]])
    @async_test
    def test_60_kib(self, name, piece):
        """C39: nearly all that Tornado takes as a head; refused, with linear work, in few words."""
        calls = []
        for size in (7 * 1024, 56 * 1024):
            self.counter = 0
            sys.setprofile(self.count)
            try:
                error = yield self.outcome(**{name: b"x" + piece * (size // len(piece)) + b"x"})
            finally:
                sys.setprofile(None)
            self.assertIsInstance(error, websocket.WebSocketError)
            self.assertLess(len(str(error)), 200)
            calls.append(self.counter)
        few, many = calls
        self.assertLess(many, 8 * few + 1000)

    def count(self, _, event, __):
        self.counter += event in ("call", "c_call")

    @async_test
    def test_head_over_the_limit(self):
        """C39: an endless head ends the attempt; no more than a buffer of it is read."""
        error = yield self.outcome(X_Long=b"x" * (4 * HUGE))
        self.assertIsNotNone(error)
        self.log.entries = [entry for entry in self.log.entries
                            if "exceeded" not in entry.message
                            and "Unsatisfiable" not in entry.message]


class AnswerTest(AnswerCase):

    @async_test
    def test_byte_by_byte(self):
        """C39, C41: a 101 and frames in as many segments as they have bytes."""
        future = self.start(**OFFER)
        peer = yield self.server.accept()
        _, headers = yield peer.read_head()
        data = response(headers["Sec-WebSocket-Key"], Sec_WebSocket_Extensions=DEFLATE)
        data += frame(0x81, b"early", mask=None) + frame(0x02, b"la", mask=None)
        data += frame(0x80, b"te", mask=None)
        for i in range(len(data)):
            peer.send(data[i:i + 1])
            yield turns(2)
        conn = yield future
        self.connections.append(conn)
        self.assertEqual((yield conn.read_message()), u"early")
        self.assertEqual((yield conn.read_message()), b"late")

    @async_test
    def test_nothing_but_the_status_line(self):
        """C39: a 101 without headers is refused."""
        error = (yield self.answer(b"HTTP/1.1 101 \r\n\r\n")).error
        self.assertIsInstance(error, websocket.WebSocketError)

    @async_test
    def test_100_continue_again_and_again(self):
        """C39: nobody asked for interim responses: the attempt goes on, or is refused."""
        future = self.start(connect_timeout=5)
        peer = yield self.server.accept()
        _, headers = yield peer.read_head()
        for _ in range(5):
            peer.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        peer.send(response(headers["Sec-WebSocket-Key"]))
        try:
            conn = yield future
        except websocket.WebSocketError:
            self.assertEqual((yield peer.read_rest()), b"")
        else:
            self.connections.append(conn)
            peer.send(frame(0x81, b"works", mask=None))
            self.assertEqual((yield conn.read_message()), u"works")
