"""What `websocket_connect` takes and what it sends (C38)."""
from __future__ import absolute_import, division, print_function

import base64
import socket

from peers import WRONG_LIMITS, async_test, each, until, with_rows
from raw_server import ClientCase, fails
from tornado import netutil
from tornado.httpclient import HTTPRequest
from tornado.httputil import HTTPHeaders
from tornado.ioloop import IOLoop
from wire import KEY, frame

from tornado_ws import websocket


def basic(text):
    return "Basic " + str(base64.b64encode(text).decode("ascii"))


@with_rows
class URLTest(ClientCase):
    @each(
        ("http", "http://127.0.0.1/"), ("https", "https://127.0.0.1/"), ("ftp", "ftp://127.0.0.1/"),
        ("wsx", "wsx://127.0.0.1/"), ("xws", "xws://127.0.0.1/"), ("no_scheme", "127.0.0.1/"),
        ("no_colon", "ws"), ("relative", "//127.0.0.1/"), ("path", "/ws:"), ("empty", ""),
        ("leading_space", " ws://127.0.0.1/"), ("mailto", "mailto:ws@example.com"),
    )
    def test_other_schemes_are_value_errors(self, url):
        """C38: ``ws:`` and ``wss:`` only, at the call; as a string or in an HTTPRequest."""
        for form in (url, HTTPRequest(url)):
            with self.assertRaises(ValueError):
                self.start(form) if form else websocket.websocket_connect(form)

    @each(
        ("fragment", "ws://127.0.0.1/#a"), ("empty_fragment", "ws://127.0.0.1/#"),
        ("space", "ws://127.0.0.1/a b"), ("tab", "ws://127.0.0.1/a\tb"),
        ("line_break", "ws://127.0.0.1/ HTTP/1.1\r\nX: y"), ("nul", "ws://127.0.0.1/\x00"),
        ("delete", "ws://127.0.0.1/\x7f"),
    )
    def test_characters_that_no_url_has(self, url):
        """C38, RFC 6455 section 3: no fragment; nothing that could end the request line."""
        for form in (url, HTTPRequest(url)):
            with self.assertRaises(ValueError):
                self.start(form)

    @each(
        ("no_host", "ws:///"), ("nothing_else", "ws://"), ("no_slashes", "ws:foo"),
        ("port_name", "ws://127.0.0.1:http/"), ("port_large", "ws://127.0.0.1:65536/"),
        ("port_negative", "ws://127.0.0.1:-1/"), ("open_bracket", "ws://[::1/"),
    )
    def test_no_host_or_port(self, url):
        """C38: what cannot be connected to is known at the call."""
        with self.assertRaises(ValueError):
            self.start(url)

    @async_test
    def test_ipv6_address(self):
        """RFC 3986 section 3.2.2: in brackets, also in the Host header."""
        try:
            listening = netutil.bind_sockets(0, "::1", socket.AF_INET6)[0]
        except EnvironmentError:
            self.skipTest("no IPv6")
        self.addCleanup(listening.close)
        netutil.add_accept_handler(listening, self.server._on_accept)
        url = "ws://[::1]:%d/" % listening.getsockname()[1]
        _, peer = yield self.open(url)
        self.assertEqual(peer.request[1]["Host"], url[len("ws://"):-1])
        self.io_loop.remove_handler(listening)

    @each(("lower", "ws"), ("upper", "WS"), ("mixed", "Ws"))
    @async_test
    def test_scheme_of_any_case(self, scheme):
        """C38, RFC 3986 section 3.1: schemes have no case."""
        yield self.open("%s://127.0.0.1:%d/" % (scheme, self.server.port))

    @async_test
    def test_unicode_url(self):
        yield self.open(u"ws://127.0.0.1:%d/" % self.server.port)

    @each(
        ("nothing", "", "/"), ("root", "/", "/"), ("path", "/a/b", "/a/b"),
        ("query", "/a?b=c&d", "/a?b=c&d"), ("query_alone", "?b=c", "/?b=c"),
        ("percent", "/%20?%23", "/%20?%23"),
    )
    @async_test
    def test_path_and_query(self, path, target):
        """RFC 6455 section 3: the resource name is path and query, never empty."""
        _, peer = yield self.open(self.server_url(path))
        self.assertEqual(peer.request[0], "GET %s HTTP/1.1" % target)


@with_rows
class HandshakeTest(ClientCase):
    @async_test
    def test_request(self):
        """C38, RFC 6455 section 4.1: the headers of the opening handshake."""
        _, peer = yield self.open()
        headers = peer.request[1]
        self.assertEqual(headers["Host"], "127.0.0.1:%d" % self.server.port)
        self.assertEqual(headers["Upgrade"], "websocket")
        self.assertEqual(headers["Connection"], "Upgrade")
        self.assertEqual(headers["Sec-WebSocket-Version"], "13")
        self.assertEqual(len(base64.b64decode(headers["Sec-WebSocket-Key"])), 16)
        for name in ("Origin", "Sec-WebSocket-Protocol", "Sec-WebSocket-Extensions",
                     "Authorization", "Content-Length"):
            self.assertNotIn(name, headers)

    @async_test
    def test_each_key_is_another(self):
        """RFC 6455 section 4.1: "selected randomly for each connection"."""
        keys = set()
        for _ in range(4):
            _, peer = yield self.open()
            keys.add(peer.request[1]["Sec-WebSocket-Key"])
        self.assertEqual(len(keys), 4)

    @each(
        ("one", ["chat"], "chat"), ("two", ["b", "a"], "b, a"), ("tuple", ("a", "b"), "a, b"),
    )
    @async_test
    def test_subprotocols_are_offered_in_order(self, offered, text):
        """C38: the keyword ``subprotocols``, the preferred first; what was chosen can be read."""
        conn, peer = yield self.open(
            subprotocols=offered, headers=[("Sec-WebSocket-Protocol", offered[-1])])
        self.assertEqual(peer.request[1]["Sec-WebSocket-Protocol"], text)
        self.assertEqual(conn.selected_subprotocol, offered[-1])

    @each(("none", None), ("empty", []))
    @async_test
    def test_no_subprotocol(self, offered):
        conn, peer = yield self.open(subprotocols=offered)
        self.assertNotIn("Sec-WebSocket-Protocol", peer.request[1])
        self.assertIs(conn.selected_subprotocol, None)

    @async_test
    def test_the_server_need_not_choose_a_subprotocol(self):
        """RFC 6455 section 1.9: the server selects one or none."""
        conn, _ = yield self.open(subprotocols=["a"])
        self.assertIs(conn.selected_subprotocol, None)

    @async_test
    def test_the_connection_knows_the_handshake(self):
        """The attributes of 4.3: ``headers`` of the 101, ``request``, ``protocol``."""
        conn, _ = yield self.open(headers=[("X-Node", "7")])
        self.assertEqual(conn.headers["X-Node"], "7")
        self.assertTrue(conn.request.url.endswith(":%d/" % self.server.port))
        self.assertIsInstance(conn.protocol, websocket.WebSocketProtocol13)
        self.assertIs(conn.close_code, None)
        self.assertIs(conn.close_reason, None)

    @async_test
    def test_connect_future_gives_the_connection(self):
        """The attribute ``connect_future`` of 4.3, also long after."""
        conn, _ = yield self.open()
        self.assertIs((yield conn.connect_future), conn)
        self.assertIs((yield conn.connect_future), conn)

    @async_test
    def test_callback_gets_the_future(self):
        """C40: ``callback`` is called with the Future, on the loop."""
        calls = []
        future = self.start(
            callback=lambda future: calls.append((future.result(), IOLoop.current())))
        yield self.server.accept_websocket()
        self.connections.append((yield future))
        yield until(lambda: calls)
        self.assertEqual(calls, [(future.result(), self.io_loop)])

    @async_test
    def test_callback_gets_the_error(self):
        """C40: the Future also when it failed."""
        calls = []
        future = self.start(callback=lambda future: calls.append(future.exception()))
        peer = yield self.server.accept()
        peer.close()
        error = yield fails(future)
        yield until(lambda: calls)
        self.assertEqual(calls, [error])

    @async_test
    def test_arguments_in_the_order_of_4_3(self):
        """C1: url, io_loop, callback, connect_timeout, on_message_callback, compression_options."""
        calls, messages = [], []
        future = websocket.websocket_connect(
            self.server_url(), self.io_loop, calls.append, 15, messages.append, {})
        peer = yield self.server.accept_websocket(after=frame(0x81, b"x", None))
        conn = yield future
        self.connections.append(conn)
        yield until(lambda: calls and messages)
        self.assertEqual(calls, [future])
        self.assertEqual(conn.request.connect_timeout, 15)
        self.assertEqual(messages, [u"x"])
        self.assertIn("permessage-deflate", peer.request[1]["Sec-WebSocket-Extensions"])

    @each(
        ("unknown_key", {"level": 9}), ("bad_value", {"compression_level": 10}),
        ("bits", {"client_max_window_bits": 7}), ("type", {"min_size": "1"}), ("list", []),
    )
    @async_test
    def test_bad_compression_options(self, options):
        """C30: a ValueError when the client starts, naming the key."""
        with self.assertRaises(ValueError) as caught:
            self.start(compression_options=options)
        for key in options:
            self.assertIn(key, str(caught.exception))
        yield []

    @each(*WRONG_LIMITS)
    @async_test
    def test_bad_limits(self, name, value):
        """C36, C37: a time or limit that is no number from 0 is a ValueError, naming it."""
        with self.assertRaises(ValueError) as caught:
            self.start(**{name: value})
        self.assertIn(name, str(caught.exception))
        yield []


@with_rows
class HTTPRequestTest(ClientCase):
    """C38: options of an `HTTPRequest` are honoured; the request object is not changed."""

    def request(self, **kwargs):
        return HTTPRequest(self.server_url("/path"), **kwargs)

    @each(("dict", dict), ("http_headers", HTTPHeaders))
    @async_test
    def test_headers(self, kind):
        headers = kind({"X-Token": "abc", "Cookie": "a=b", "Origin": "http://a.example"})
        _, peer = yield self.open(self.request(headers=headers))
        self.assertEqual(peer.request[0], "GET /path HTTP/1.1")
        self.assertEqual(peer.request[1]["X-Token"], "abc")
        self.assertEqual(peer.request[1]["Cookie"], "a=b")
        self.assertEqual(peer.request[1]["Origin"], "http://a.example")

    @async_test
    def test_host(self):
        """A Host of the caller's own goes out as it is."""
        _, peer = yield self.open(self.request(headers={"Host": "example.com"}))
        self.assertEqual(peer.request[1].get_list("Host"), ["example.com"])

    @async_test
    def test_subprotocol_in_a_header(self):
        """What is offered by a header may be chosen (the way of 4.3, which has no keyword)."""
        conn, _ = yield self.open(self.request(headers={"Sec-WebSocket-Protocol": "a, b"}),
                                  headers=[("Sec-WebSocket-Protocol", "b")])
        self.assertEqual(conn.selected_subprotocol, "b")

    @async_test
    def test_the_handshake_is_ours(self):
        """The request cannot break the handshake's own headers."""
        _, peer = yield self.open(self.request(headers={
            "Upgrade": "h2c", "Connection": "close", "Sec-WebSocket-Key": KEY,
            "Sec-WebSocket-Version": "8"}))
        headers = peer.request[1]
        self.assertEqual(headers.get_list("Upgrade"), ["websocket"])
        self.assertEqual(headers.get_list("Connection"), ["Upgrade"])
        self.assertEqual(headers.get_list("Sec-WebSocket-Version"), ["13"])
        self.assertNotEqual(headers["Sec-WebSocket-Key"], KEY)

    @async_test
    def test_authentication(self):
        _, peer = yield self.open(self.request(auth_username="me", auth_password="secret"))
        self.assertEqual(peer.request[1]["Authorization"], basic(b"me:secret"))

    @async_test
    def test_authentication_in_the_url(self):
        url = "ws://me:secret@127.0.0.1:%d/" % self.server.port
        _, peer = yield self.open(url)
        self.assertEqual(peer.request[1]["Authorization"], basic(b"me:secret"))
        self.assertEqual(peer.request[1]["Host"], "127.0.0.1:%d" % self.server.port)

    @async_test
    def test_user_agent(self):
        _, peer = yield self.open(self.request(user_agent="Agent/1"))
        self.assertEqual(peer.request[1]["User-Agent"], "Agent/1")

    @each(
        ("line_break", {"headers": {"X-A": "a\r\nX-B: b"}}),
        ("authentication", {"auth_username": "a", "auth_password": "b", "auth_mode": "digest"}),
        ("method", {"method": "NONSENSE"}),
    )
    @async_test
    def test_what_tornado_cannot_do_fails_at_once(self, options):
        """C38: an option that Tornado's HTTP client refuses is an error, not a time limit."""
        error = yield fails(self.start(self.request(**options), connect_timeout=0))
        self.assertNotIsInstance(error, EnvironmentError)

    @async_test
    def test_the_request_is_not_changed_and_can_be_used_again(self):
        """C38: neither its attributes nor its headers, which may be the caller's dict."""
        headers = {"X-Token": "abc"}
        request = self.request(headers=headers, connect_timeout=7)
        before = dict(vars(request), _headers=dict(request.headers))
        keys = set()
        for _ in range(2):
            conn, peer = yield self.open(request, connect_timeout=15, subprotocols=["a"],
                                         compression_options={})
            self.assertEqual(conn.request.connect_timeout, 15)
            self.assertEqual(peer.request[1]["X-Token"], "abc")
            keys.add(peer.request[1]["Sec-WebSocket-Key"])
        self.assertEqual(dict(vars(request), _headers=dict(request.headers)), before)
        self.assertEqual(headers, {"X-Token": "abc"})
        self.assertEqual(len(keys), 2)

    @async_test
    def test_timeouts_of_the_request_are_used(self):
        conn, _ = yield self.open(self.request(connect_timeout=7, request_timeout=9))
        self.assertEqual(conn.request.connect_timeout, 7)
        self.assertEqual(conn.request.request_timeout, 9)
