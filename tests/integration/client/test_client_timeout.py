"""The time limit of `websocket_connect` covers everything until the connection is open (C39).

A test passes when the Future fails with HTTPError 599; the limits are short so that this is soon.
"""
from __future__ import absolute_import, division, print_function

import socket
import unittest

from peers import async_test, each, until, with_rows
from raw_server import ClientCase, fails
from silence import ListeningSocket, SilentResolver
from tornado import gen
from tornado.httpclient import HTTPError, HTTPRequest

from tornado_ws import websocket

SOON = 0.3  # seconds
LATER = 30


@with_rows
class ConnectTimeoutTest(ClientCase):
    @gen.coroutine
    def check(self, future):
        error = yield fails(future)
        self.assertIsInstance(error, HTTPError)
        self.assertEqual(error.code, 599)

    @async_test
    def test_name_lookup(self):
        """C39: a resolver that does not answer; what it answers too late changes nothing."""
        resolver = SilentResolver()
        yield self.check(self.start(connect_timeout=SOON, resolver=resolver))
        self.assertEqual(resolver.asked, [("127.0.0.1", self.server.port)])
        resolver.answer.set_result([(socket.AF_INET, ("127.0.0.1", self.server.port))])
        # Where Tornado goes on to connect, this first connection ends without a byte.
        future = self.start()
        peer = yield self.server.accept()
        if not (yield peer.read(1)):
            peer = yield self.server.accept()
        peer.close()
        yield fails(future)

    @async_test
    def test_tcp(self):
        """C39: a full queue of connections, so that TCP itself gets no answer."""
        listening = ListeningSocket(0)
        try:
            if not listening.fill():
                raise unittest.SkipTest("this system's queue of connections cannot be filled")
            yield self.check(self.start("ws://%s:%d/" % listening.address, connect_timeout=SOON))
        finally:
            listening.close()

    @each(("ws", "ws"), ("wss", "wss"))
    @async_test
    def test_never_accepted(self, scheme):
        """C39: TCP is open, nobody is there: no TLS, no answer to the handshake."""
        listening = ListeningSocket(5)
        try:
            url = "%s://%s:%d/" % ((scheme,) + listening.address)
            yield self.check(self.start(url, connect_timeout=SOON))
        finally:
            listening.close()

    @async_test
    def test_tls_is_not_answered(self):
        """C39: the time for TLS counts; then the socket is closed."""
        future = self.start("wss://127.0.0.1:%d/" % self.server.port, connect_timeout=SOON)
        peer = yield self.server.accept()
        yield self.check(future)
        hello = yield peer.read_rest()
        self.assertEqual(hello[:1], b"\x16")  # a TLS handshake record, and then the end

    @each(
        ("nothing", b""),
        ("half_a_line", b"HTTP/1.1 10"),
        ("half_a_head", b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"),
        ("half_a_refusal", b"HTTP/1.1 404 Not Found\r\nContent-Length: 9\r\n\r\nab"),
    )
    @async_test
    def test_handshake(self, data):
        """C39: a handshake that is answered by half or not at all; the socket is closed."""
        future = self.start(connect_timeout=SOON)
        peer = yield self.server.accept()
        yield peer.read_head()
        if data:
            peer.stream.write(data)
        yield self.check(future)
        self.assertEqual((yield peer.read_rest()), b"")

    @async_test
    def test_late_101(self):
        """C39: an answer that comes when the time is over is no connection."""
        messages = []
        future = self.start(connect_timeout=SOON, on_message_callback=messages.append)
        peer = yield self.server.accept()
        yield peer.read_head()
        yield self.check(future)
        yield peer.read_rest()
        self.assertEqual(messages, [])


@with_rows
class OtherTimeoutsTest(ClientCase):
    @each(
        ("connect", {"connect_timeout": SOON}),
        ("request", {"request_timeout": SOON}),
        ("the_shorter", {"connect_timeout": LATER, "request_timeout": SOON}),
    )
    @async_test
    def test_timeouts_of_an_http_request(self, timeouts):
        """C38: timeouts of an HTTPRequest are honoured."""
        future = self.start(HTTPRequest(self.server_url(), **timeouts))
        error = yield fails(future)
        self.assertEqual(error.code, 599)

    @async_test
    def test_the_argument_comes_before_the_request(self):
        """C38, C39: connect_timeout given twice: the call's own counts."""
        request = HTTPRequest(self.server_url(), connect_timeout=LATER)
        error = yield fails(self.start(request, connect_timeout=SOON))
        self.assertEqual(error.code, 599)

    @async_test
    def test_an_open_connection_has_no_time_limit(self):
        """C39: when the connection is open no timer of the handshake is left."""
        # Long enough to be connected on a machine that has other work.
        limits = HTTPRequest(self.server_url(), connect_timeout=1, request_timeout=1)
        conn, peer = yield self.open(limits)
        over = []
        self.io_loop.call_later(1.1, over.append, True)
        yield until(lambda: over)
        self.assertFalse(conn.protocol.is_closing())
        peer.send(b"\x81\x01x")
        self.assertEqual((yield conn.read_message()), u"x")

    @each(
        ("longer", LATER, False), ("none", 0, False),
        ("request_longer", LATER, True), ("request_none", 0, True),
    )
    @async_test
    def test_only_connect_timeout_limits(self, connect_timeout, as_request):
        """C39: the limit that was asked for counts, not HTTPRequest's own 20 seconds.

        That default is made short here; the server answers when it is over.
        """
        url = self.server_url()
        defaults = HTTPRequest._DEFAULTS
        before = defaults["request_timeout"]
        defaults["request_timeout"] = SOON
        try:
            future = self.start(HTTPRequest(url) if as_request else url,
                                connect_timeout=connect_timeout)
            over = []
            self.io_loop.call_later(2 * SOON, over.append, True)
            yield until(lambda: over)
            yield self.server.accept_websocket()
            self.connections.append((yield future))
        finally:
            defaults["request_timeout"] = before

    @async_test
    def test_the_default_is_20_seconds(self):
        """C39: without an argument the time is limited all the same."""
        conn, _ = yield self.open()
        self.assertEqual(conn.request.connect_timeout, 20)

    @async_test
    def test_the_loop_is_left_clean_when_many_fail(self):
        """C39: no timer, socket or callback of a failed attempt is left (the peers see the end)."""
        futures = [self.start(connect_timeout=SOON) for _ in range(10)]
        peers = yield [self.server.accept() for _ in range(10)]
        errors = yield [fails(future) for future in futures]
        self.assertEqual([error.code for error in errors], [599] * 10)
        yield [peer.read_rest() for peer in peers]


class CallbackTest(ClientCase):
    @async_test
    def test_callback_gets_the_timeout(self):
        """C40: the callback is called with the Future that failed."""
        calls = []
        future = websocket.websocket_connect(
            self.server_url(), None, calls.append, SOON)
        yield fails(future)
        yield until(lambda: calls)
        self.assertEqual(calls, [future])
