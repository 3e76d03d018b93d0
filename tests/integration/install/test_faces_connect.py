"""What `websocket_connect` takes, keeps and raises, with both faces (C38-C40, C43, section 11)."""
from __future__ import absolute_import, division, print_function

import base64
import gc
import os
import socket
import warnings

import tornado
from installed import installed
from peers import async_test, each, turns, until, with_rows
from raw_server import ClientCase, fails
from silence import ListeningSocket, SilentResolver
from tornado import gen, simple_httpclient
from tornado.httpclient import HTTPError, HTTPRequest
from tornado.ioloop import IOLoop
from tornado.iostream import StreamClosedError, UnsatisfiableReadError
from wire import accept_value, response_head

from tornado_ws import websocket
from tornado_ws._compat import http, rules

SOON = 0.3  # seconds
MIB = 1024 * 1024
TIMEOUT_ERROR = getattr(simple_httpclient, "HTTPTimeoutError", HTTPError)
STREAM_CLOSED_ERROR = getattr(simple_httpclient, "HTTPStreamClosedError", HTTPError)

CREDENTIALS = [
    ("plain", "user:pass", b"user:pass"),
    ("escapes", "user:p%40ss%20w%C3%A9", u"user:p@ss w\xe9".encode("utf-8")),
    ("lower_case", "user:p%2f%c3%a9", u"user:p/\xe9".encode("utf-8")),
    ("escaped_colon", "us%3Aer:p%2Fw", b"us:er:p/w"),
    ("more_colons", "u:p:q", b"u:p:q"),
    ("at", "us@er:p@ss", b"us@er:p@ss"),
    ("user_alone", "user", b"user:"),
    ("empty_password", "user:", b"user:"),
    ("empty_user", ":pass", b":pass"),
    ("no_escape", "us%er:100%", b"us%er:100%"),
    ("no_text", "user:%ff", b"user:\xff"),
    ("percent", "user:%2540", b"user:%40"),
    ("plus", "us+er:a+b", b"us+er:a+b"),
]


def not_http_1_1(version):
    """Return a function from a key to a 101 response of another HTTP version."""
    return lambda key: response_head(accept_value(key)).replace(b"HTTP/1.1", version)


@with_rows
class ConnectTest(ClientCase):
    websocket = websocket

    # Credentials.

    @each(*CREDENTIALS)
    @async_test
    def test_credentials(self, userinfo, sent):
        """C43: percent-decoded (RFC 3986 section 3.2.1), the password may be missing."""
        _, peer = yield self.open("ws://%s@127.0.0.1:%d/a@b" % (userinfo, self.server.port))
        scheme, value = peer.request[1]["Authorization"].split(" ")
        self.assertEqual((scheme, base64.b64decode(value)), ("Basic", sent))
        self.assertEqual(peer.request[1]["Host"], "127.0.0.1:%d" % self.server.port)
        self.assertEqual(peer.request[0], "GET /a@b HTTP/1.1")

    @each(("none", ""), ("empty", "@"))
    @async_test
    def test_no_credentials(self, userinfo):
        """C43: neither where there are none, nor from what only looks so."""
        _, peer = yield self.open("ws://%s127.0.0.1:%d/u:p@q?r@s" % (userinfo, self.server.port))
        self.assertNotIn("Authorization", peer.request[1])
        self.assertEqual(peer.request[0], "GET /u:p@q?r@s HTTP/1.1")

    @async_test
    def test_credentials_of_a_request(self):
        """C38, C43: those of the URL come first, as in Tornado; the request stays as it is."""
        url = "ws://us%%3Aer@127.0.0.1:%d/" % self.server.port
        request = HTTPRequest(url, auth_username="other", auth_password="secret")
        _, peer = yield self.open(request)
        self.assertEqual(base64.b64decode(peer.request[1]["Authorization"].split()[1]), b"us:er:")
        self.assertEqual((request.url, request.auth_username), (url, "other"))
        request = HTTPRequest(self.server_url(), auth_username="o%20r", auth_password="s:t")
        _, peer = yield self.open(request)
        self.assertEqual(base64.b64decode(peer.request[1]["Authorization"].split()[1]),
                         b"o%20r:s:t")

    # Answers.

    @each(("1_0", b"HTTP/1.0"))
    @async_test
    def test_a_101_of_an_old_version(self, version):
        """C39, RFC 7230 section 6.7: HTTP/1.0 knows no upgrade."""
        refusal = yield self.answer(not_http_1_1(version))
        self.assertIsInstance(refusal.error, self.websocket.WebSocketError)
        self.assertIn("HTTP/1.1", str(refusal.error))
        self.assertEqual(refusal.rest, b"")

    @async_test
    def test_a_101_of_a_newer_version(self):
        """C39: HTTP/1.1 "or higher"."""
        refusal = yield self.answer(not_http_1_1(b"HTTP/1.2"))
        self.assertIs(refusal.error, None)

    @gen.coroutine
    def refuse(self, head, piece, count):
        """Answer with a head and a body in pieces; return the error and the pieces sent."""
        future = self.start()
        peer = yield self.server.accept()
        yield peer.read_head()
        peer.stream.write(b"\r\n".join(head + [b"", b""]))
        sent = 0
        while sent < count and not future.done():
            sent += 1
            try:
                yield peer.stream.write(piece)
            except StreamClosedError:
                break
        error = yield fails(future)
        raise gen.Return((error, sent))

    @each(
        ("length", [b"Content-Length: 67108864"], b""),
        ("huge_length", [b"Content-Length: 999999999999999"], b""),
        ("chunks", [b"Transfer-Encoding: chunked"], b"10000\r\n"),
        ("until_the_end", [], b""),
    )
    @async_test
    def test_a_large_body(self, fields, before):
        """C39: at most 1 MiB of a refusal's body is kept, and nobody waits for the rest."""
        piece = before + b"x" * 65536 + (b"\r\n" if before else b"")
        error, sent = yield self.refuse([b"HTTP/1.1 403 Forbidden", b"X-Why: big"] + fields,
                                        piece, 1024)
        self.assertIsInstance(error, HTTPError)
        self.assertEqual((error.code, error.response.headers["X-Why"]), (403, "big"))
        self.assertEqual(error.response.body, b"x" * MIB)
        self.assertLess(sent, 1024)

    @each(("less", MIB - 1), ("all", MIB))
    @async_test
    def test_a_body_that_fits(self, size):
        """C39: up to 1 MiB it is there as it is."""
        head = "HTTP/1.1 404 Not Found\r\nContent-Length: %d\r\n\r\n" % size
        refusal = yield self.answer(head.encode("ascii") + b"x" * size)
        self.assertEqual(refusal.error.code, 404)
        self.assertEqual(refusal.error.response.body, b"x" * size)

    @async_test
    def test_one_byte_more(self):
        """C39."""
        head = "HTTP/1.1 404 Not Found\r\nContent-Length: %d\r\n\r\n" % (MIB + 1)
        refusal = yield self.answer(head.encode("ascii") + b"x" * (MIB + 1))
        self.assertEqual(refusal.error.code, 404)
        self.assertEqual(refusal.error.response.body, b"x" * MIB)

    @async_test
    def test_a_large_answer_that_is_no_error(self):
        """C39: likewise."""
        error, sent = yield self.refuse([b"HTTP/1.1 200 OK"], b"x" * 65536, 1024)
        self.assertIsInstance(error, self.websocket.WebSocketError)
        self.assertLess(sent, 1024)

    # TLS.

    @each(("certificate", {"certfile": os.path.join(os.sep, "no", "such", "file")}),
          ("authorities", {"ca_certs": os.path.join(os.sep, "no", "such", "file")}),
          ("ciphers", {"ciphers": "no-such-cipher"}))
    @async_test
    def test_tls_options_that_cannot_be_used(self, options):
        """C39: the attempt fails, nothing is logged, and no socket stays open."""
        with warnings.catch_warnings():
            # Tornado makes its context by what Python 3.10 and later call deprecated.
            warnings.simplefilter("ignore", DeprecationWarning)
            future = self.start(HTTPRequest("wss://127.0.0.1:%d/" % self.server.port,
                                            ssl_options=options))
            error = yield fails(future)
        self.assertIsInstance(error, EnvironmentError)
        error = None
        peer = yield self.server.accept()
        self.assertEqual((yield peer.read_rest()), b"")
        yield turns(5)
        self.assertEqual([entry for entry in self.log.entries if entry.level > 10], [])

    # Arguments.

    @each(("function", lambda: None), ("text", "loop"), ("number", 20))
    @async_test
    def test_no_loop(self, io_loop):
        """C40, section 2: a callback where 4.3 has ``io_loop`` is an error that says so."""
        with self.assertRaises(TypeError) as caught:
            self.start(io_loop=io_loop)
        for text in ("io_loop", "callback=", repr(io_loop)):
            self.assertIn(text, str(caught.exception))
        yield []

    @each(("callback", "callback", TypeError, 20),
          ("on_message_callback", "on_message_callback", TypeError, "x"),
          ("connect_timeout", "connect_timeout", ValueError, -1))
    @async_test
    def test_other_arguments(self, name, kind, value):
        """C38: an argument that cannot be used is an error at the call, which names it."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of any callback, from 6.5 on
            with self.assertRaises(kind) as caught:
                self.start(**{name: value})
        self.assertIn(name, str(caught.exception))
        self.assertIn(repr(value), str(caught.exception))
        yield []

    @each(("none", None), ("number", 7), ("request", HTTPRequest(None)))
    @async_test
    def test_no_url(self, url):
        """C38."""
        with self.assertRaises(TypeError) as caught:
            self.websocket.websocket_connect(url)
        self.assertIn("URL", str(caught.exception))
        yield []


class InstalledConnectTest(ConnectTest):
    websocket = installed


class PositionTest(ClientCase):
    @async_test
    def test_a_callback_in_the_second_place(self):
        """C40, section 2: with 4.3's conventions ``io_loop`` is there."""
        with self.assertRaises(TypeError) as caught:
            websocket.websocket_connect(self.server_url(), lambda future: None)
        self.assertIn("io_loop", str(caught.exception))
        yield []

    @async_test
    def test_a_callback_in_the_second_place_of_the_installed(self):
        """Section 11: the installed Tornado's order; no ``io_loop`` from 5.0 on."""
        calls = []
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            if tornado.version_info < (5,):
                with self.assertRaises(TypeError):
                    installed.websocket_connect(self.server_url(), calls.append)
                raise gen.Return(None)
            future = installed.websocket_connect(self.server_url(), calls.append)
        yield self.server.accept_websocket()
        self.connections.append((yield future))
        yield until(lambda: calls)
        self.assertEqual(calls, [future])

    @async_test
    def test_a_loop_in_the_second_place(self):
        """C40."""
        future = websocket.websocket_connect(self.server_url(), IOLoop.current())
        yield self.server.accept_websocket()
        self.connections.append((yield future))


@with_rows
class ErrorTest(ClientCase):
    """C39: with 4.3's semantics what networks do is a StreamClosedError or IOError."""

    websocket = websocket
    closed = StreamClosedError
    unreadable = StreamClosedError
    timeout_message = "Timeout before the WebSocket was open"
    timeout_kind = HTTPError

    @gen.coroutine
    def check_closed(self, data):
        """Answer a handshake with some bytes and the end; return the error."""
        future = self.start()
        peer = yield self.server.accept()
        yield peer.read_head()
        if data:
            yield peer.stream.write(data)
        peer.close()
        raise gen.Return((yield fails(future)))

    @each(("nothing", b""), ("half_a_line", b"HTTP/1.1 10"),
          ("half_a_head", b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: webs"))
    @async_test
    def test_the_server_closes_after(self, data):
        """Section 11: from 5.1 on HTTPStreamClosedError, before HTTPError 599."""
        error = yield self.check_closed(data)
        self.assertIs(type(error), self.closed)

    @async_test
    def test_half_a_body(self):
        """Section 11: the answer had begun; StreamClosedError for every Tornado."""
        error = yield self.check_closed(b"HTTP/1.1 404 Not Found\r\nContent-Length: 9\r\n\r\nab")
        self.assertIs(type(error), StreamClosedError)

    @async_test
    def test_a_reset(self):
        """Section 11: the system's own error."""
        future = self.start()
        peer = yield self.server.accept()
        yield peer.read_head()
        peer.reset()
        error = yield fails(future)
        self.assertIsInstance(error, EnvironmentError)
        if self.websocket is installed:
            self.assertNotIsInstance(error, StreamClosedError)
            self.assertIsInstance(error, socket.error)

    @async_test
    def test_a_head_that_is_too_long(self):
        """Section 11: what the stream raised."""
        future = self.start()
        peer = yield self.server.accept()
        yield peer.read_head()
        peer.stream.write(b"HTTP/1.1 101 Switching Protocols\r\nA: " + b"x" * 100000)
        error = yield fails(future)
        self.assertIs(type(error), self.unreadable)

    @gen.coroutine
    def check_timeout(self, url, phase, **kwargs):
        kwargs.setdefault("connect_timeout", SOON)
        error = yield fails(self.start(url, **kwargs))
        self.assertIsInstance(error, HTTPError)
        self.assertEqual(error.code, 599)
        self.assertIs(type(error), self.timeout_kind)
        self.assertEqual(error.message, self.timeout_message or phase)

    @async_test
    def test_the_time_is_over_in_the_handshake(self):
        """Section 11: HTTPTimeoutError, with the phase."""
        # Long enough to be connected on a machine that has other work.
        yield self.check_timeout(self.server_url(), "Timeout during request", connect_timeout=1)

    @async_test
    def test_the_time_of_the_request_is_over(self):
        """Section 11: the same error, whichever of the two limits is the shorter one."""
        request = HTTPRequest(self.server_url(), request_timeout=1)
        yield self.check_timeout(request, "Timeout during request", connect_timeout=60)

    @async_test
    def test_the_time_is_over_in_tls(self):
        """Section 11."""
        address = "127.0.0.1:%d" % self.server.port
        yield self.check_timeout("wss://%s/" % address, "Timeout during TLS handshake with "
                                 + address)

    @async_test
    def test_the_time_is_over_while_resolving(self):
        """Section 11."""
        resolver = SilentResolver()
        yield self.check_timeout("ws://example.invalid/", "Timeout while resolving example.invalid",
                                 resolver=resolver)
        resolver.answer.set_result([])
        yield turns(5)
        self.log.entries = [entry for entry in self.log.entries if entry.logger == "nothing"]

    @async_test
    def test_the_time_is_over_while_connecting(self):
        """Section 11."""
        listening = ListeningSocket(0)
        self.addCleanup(listening.close)
        if listening.fill():  # otherwise this system's queue of connections cannot be filled
            yield self.check_timeout("ws://%s:%d/" % listening.address,
                                     "Timeout while connecting to %s:%d" % listening.address)

    @async_test
    def test_a_refusal(self):
        """C39: HTTPError with the response."""
        refusal = yield self.answer(b"HTTP/1.1 404 Not Found\r\nContent-Length: 1\r\n\r\nx")
        self.assertIsInstance(refusal.error, HTTPError)
        self.assertEqual(refusal.error.response.body, b"x")


class InstalledErrorTest(ErrorTest):
    """Section 11: the classes that the installed Tornado raises."""

    websocket = installed
    closed = STREAM_CLOSED_ERROR
    unreadable = UnsatisfiableReadError
    timeout_message = None
    timeout_kind = TIMEOUT_ERROR


class HeldBodyTest(ClientCase):
    @async_test
    def test_the_rest_of_a_piece(self):
        """C39: what comes after the limit, in whatever pieces, is dropped."""
        self.patch(http, "MAX_BODY", 10)
        refusal = yield self.answer(b"HTTP/1.1 404 Not Found\r\nTransfer-Encoding: chunked\r\n\r\n"
                                    b"6\r\n012345\r\n6\r\n678901\r\n6\r\n234567\r\n0\r\n\r\n")
        self.assertEqual(refusal.error.response.body, b"0123456789")

    @async_test
    def test_a_body_that_is_not_kept(self):
        """C38, C39: a ``streaming_callback`` of the request gets it all, in order."""
        self.patch(http, "MAX_BODY", 10)
        pieces = []

        @gen.coroutine
        def take(piece):
            yield gen.moment
            pieces.append(piece)

        future = self.start(HTTPRequest(self.server_url(), streaming_callback=take))
        peer = yield self.server.accept()
        yield peer.read_head()
        yield peer.stream.write(b"HTTP/1.1 404 Not Found\r\n\r\n" + b"0123456789" * 20000)
        peer.close()
        error = yield fails(future)
        self.assertEqual(error.code, 404)
        yield until(lambda: sum(map(len, pieces)) == 200000)
        self.assertEqual(b"".join(pieces), b"0123456789" * 20000)


class UnclosedTest(ClientCase):
    @async_test
    def test_the_warning(self):
        """C43: where the installed Tornado's connection has a ``__del__`` (6.4) there is one."""
        for closes, count in ((False, 1), (True, 0)):
            conn, peer = yield self.open()
            del self.connections[:]
            if closes:
                conn.close()
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                getattr(conn, "__del__", lambda: None)()
            found = [entry for entry in caught if entry.category.__name__ == "ResourceWarning"
                     and "Unclosed WebSocketClientConnection" in str(entry.message)]
            self.assertEqual(len(found), count if tornado.version_info >= (6, 4) else 0)
            if tornado.version_info >= (6, 4) and not closes:
                conn.write_message(u"open")  # no stream was touched
                self.assertEqual((yield peer.read_frame()), (0x81, b"open"))
            conn.close()
        del conn
        gc.collect()

    @async_test
    def test_one_that_was_never_open(self):
        """C43: nothing is open, nothing warns."""
        if tornado.version_info >= (6, 4):
            class Never(rules.WarnsIfUnclosed):
                """A connection whose making failed."""
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                Never().__del__()
        else:
            self.assertFalse(hasattr(rules.WarnsIfUnclosed, "__del__"))
        yield []
