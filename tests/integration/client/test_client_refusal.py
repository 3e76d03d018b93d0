"""What the client does with an answer that is no right opening handshake (C32, C39)."""
from __future__ import absolute_import, division, print_function

from free_port import free_port
from peers import async_test, each, with_rows
from raw_server import NETWORK_ERRORS, ClientCase, fails
from tornado import gen
from tornado.httpclient import HTTPError
from wire import accept_value, frame, response_head

from tornado_ws.websocket import WebSocketError

BODY = b"no websocket here"


def http_response(status, headers=(), body=BODY):
    lines = ["HTTP/1.1 " + status] + ["%s: %s" % item for item in headers]
    lines.append("Content-Length: %d" % len(body))
    return "\r\n".join(lines + ["", ""]).encode("ascii") + body


def bad_101(*replacements):
    """Return a function from a key to a 101 response in which lines are replaced."""
    def build(key):
        head = response_head(accept_value(key)).decode("ascii")
        for old, new in replacements:
            assert old in head, old
            head = head.replace(old, new)
        return head.encode("ascii")
    return build


def more_101(*headers):
    """Return a function from a key to a 101 response with more headers."""
    return lambda key: response_head(accept_value(key), headers)


def extension(value):
    return more_101(("Sec-WebSocket-Extensions", value))


@with_rows
class HTTPAnswerTest(ClientCase):
    @each(("400", "400 Bad Request"), ("401", "401 Unauthorized"), ("403", "403 Forbidden"),
          ("404", "404 Not Found"), ("426", "426 Upgrade Required"),
          ("500", "500 Internal Server Error"), ("503", "503 Service Unavailable"))
    @async_test
    def test_an_http_error_comes_with_its_response(self, status):
        """C39: `HTTPError` with the response for an HTTP error status."""
        refusal = yield self.answer(http_response(status, [("X-Why", "because")]))
        self.assertIsInstance(refusal.error, HTTPError)
        self.assertEqual(refusal.error.code, int(status.split()[0]))
        self.assertEqual(refusal.error.response.headers["X-Why"], "because")
        self.assertEqual(refusal.error.response.body, BODY)
        self.assertEqual(refusal.rest, b"")

    @each(("301", "301 Moved Permanently"), ("302", "302 Found"), ("303", "303 See Other"),
          ("307", "307 Temporary Redirect"), ("308", "308 Permanent Redirect"))
    @async_test
    def test_a_redirect_is_not_followed(self, status):
        """C39: a redirect is an HTTPError, wherever it points to."""
        refusal = yield self.answer(http_response(status, [("Location", self.server_url())]))
        self.assertIsInstance(refusal.error, HTTPError)
        self.assertEqual(refusal.error.code, int(status.split()[0]))
        self.assertEqual(refusal.error.response.headers["Location"], self.server_url())
        second = self.server.accept()
        self.assertFalse(second.done())

    @each(("200", "200 OK"), ("202", "202 Accepted"), ("206", "206 Partial Content"))
    @async_test
    def test_any_other_answer_is_a_websocket_error(self, status):
        """C39: a successful HTTP response is no WebSocket."""
        refusal = yield self.answer(http_response(status))
        self.assertIsInstance(refusal.error, WebSocketError)
        self.assertEqual(refusal.rest, b"")

    @async_test
    def test_no_content(self):
        """C39: 204 has no body, and is no WebSocket either."""
        refusal = yield self.answer(b"HTTP/1.1 204 No Content\r\n\r\n")
        self.assertIsInstance(refusal.error, WebSocketError)

    @async_test
    def test_the_socket_is_closed_after_an_error_whose_body_never_ends(self):
        """C39: what the server promised and does not send is bounded by the time limit."""
        refusal = yield self.answer(b"HTTP/1.1 404 Not Found\r\nContent-Length: 5\r\n\r\nabc",
                                    connect_timeout=0.2)
        self.assertIsInstance(refusal.error, HTTPError)
        self.assertEqual(refusal.error.code, 599)


@with_rows
class Bad101Test(ClientCase):
    """C39: a bad 101 fails with WebSocketError; no frame is sent, the socket is closed."""

    @each(
        ("accept_is_missing", ("Sec-WebSocket-Accept:", "X-Accept:")),
        ("accept_is_of_another_key", ("Accept: ", "Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nX: ")),
        ("accept_is_empty", ("Accept: ", "Accept:\r\nX: ")),
        ("accept_is_quoted", ("Accept: ", 'Accept: "s3p"\r\nX: ')),
        ("upgrade_is_missing", ("Upgrade: websocket", "X-Upgrade: websocket")),
        ("upgrade_is_another", ("Upgrade: websocket", "Upgrade: h2c")),
        ("upgrade_has_more", ("Upgrade: websocket", "Upgrade: websocket, h2c")),
        ("connection_is_missing", ("Connection: Upgrade", "X-Connection: Upgrade")),
        ("connection_is_close", ("Connection: Upgrade", "Connection: close")),
        ("connection_is_a_look_alike", ("Connection: Upgrade", "Connection: upgraded")),
    )
    @async_test
    def test_header(self, replacement):
        """C39, RFC 6455 section 4.1: each of the three headers is checked."""
        refusal = yield self.answer(bad_101(replacement))
        self.assertIsInstance(refusal.error, WebSocketError)
        self.assertEqual(refusal.rest, b"")

    @each(
        ("any_case", [("Upgrade: websocket", "UPGRADE: WebSocket")]),
        ("a_list", [("Connection: Upgrade", "Connection: keep-alive, Upgrade")]),
        ("a_list_in_any_case", [("Connection: Upgrade", "connection: keep-alive ,UPGRADE")]),
        ("two_fields", [("Connection: Upgrade", "Connection: keep-alive\r\nConnection: upgrade")]),
        ("more_headers", [("Upgrade: websocket", "Upgrade: websocket\r\nSet-Cookie: a=b")]),
        ("another_reason_phrase", [("Switching Protocols", "Go on")]),
    )
    @async_test
    def test_right_answers(self, replacements):
        """C39: a list in Connection, and letters of any case, are right answers."""
        refusal = yield self.answer(bad_101(*replacements))
        self.assertIs(refusal.error, None)

    @each(
        ("accept", [("Sec-WebSocket-Accept", "AAAA")]),
        ("upgrade", [("Upgrade", "websocket")]),
    )
    @async_test
    def test_repeated_header(self, headers):
        """C39: a header that is there twice is no right answer."""
        refusal = yield self.answer(more_101(*headers))
        self.assertIsInstance(refusal.error, WebSocketError)
        self.assertEqual(refusal.rest, b"")

    @each(
        ("none_was_offered", None, ["a"]),
        ("another", ["a", "b"], ["c"]),
        ("other_case", ["chat"], ["Chat"]),
        ("two_of_the_offered", ["a", "b"], ["a, b"]),
        ("two_fields", ["a", "b"], ["a", "b"]),
        ("empty", ["a"], [""]),
    )
    @async_test
    def test_subprotocol(self, offered, answered):
        """C39: a subprotocol that was not offered, or more than one, is refused."""
        headers = [("Sec-WebSocket-Protocol", value) for value in answered]
        refusal = yield self.answer(more_101(*headers), subprotocols=offered)
        self.assertIsInstance(refusal.error, WebSocketError)
        self.assertEqual(refusal.rest, b"")

    @each(
        ("not_offered", None, "permessage-deflate"),
        ("unknown", {}, "permessage-bzip2"),
        ("one_more", {}, "permessage-deflate, x-frame"),
        ("twice", {}, "permessage-deflate, permessage-deflate"),
        ("other_case", {}, "Permessage-Deflate"),
        ("unknown_parameter", {}, "permessage-deflate; level=9"),
        ("repeated_flag", {}, "permessage-deflate; server_no_context_takeover; "
                              "server_no_context_takeover"),
        ("repeated_bits", {}, "permessage-deflate; server_max_window_bits=9; "
                              "server_max_window_bits=9"),
        ("flag_with_value", {}, "permessage-deflate; server_no_context_takeover=1"),
        ("bits_without_value", {}, "permessage-deflate; client_max_window_bits"),
        ("server_bits_without_value", {}, "permessage-deflate; server_max_window_bits"),
        ("bits_7", {}, "permessage-deflate; server_max_window_bits=7"),
        ("bits_16", {}, "permessage-deflate; client_max_window_bits=16"),
        ("bits_08", {}, "permessage-deflate; server_max_window_bits=08"),
        ("bits_negative", {}, "permessage-deflate; server_max_window_bits=-9"),
        ("bits_float", {}, "permessage-deflate; server_max_window_bits=9.0"),
        ("bits_text", {}, "permessage-deflate; server_max_window_bits=abc"),
        ("bits_empty", {}, 'permessage-deflate; server_max_window_bits=""'),
        ("malformed", {}, "permessage-deflate; ="),
        ("unfinished_quote", {}, 'permessage-deflate; server_max_window_bits="9'),
        ("more_than_asked_of_server", {"server_max_window_bits": 9},
         "permessage-deflate; server_max_window_bits=10"),
        ("not_granted_window", {"server_max_window_bits": 9}, "permessage-deflate"),
        ("more_than_offered", {"client_max_window_bits": 9},
         "permessage-deflate; client_max_window_bits=10"),
        ("not_granted_takeover", {"server_no_context_takeover": True}, "permessage-deflate"),
    )
    @async_test
    def test_extension(self, options, answered):
        """C32: an extension that was not offered, or a malformed answer, fails the handshake."""
        refusal = yield self.answer(extension(answered), compression_options=options)
        self.assertIsInstance(refusal.error, WebSocketError)
        self.assertEqual(refusal.rest, b"")

    @async_test
    def test_frames_after_a_bad_101_are_not_delivered(self):
        """C39: what follows a refused answer is nobody's."""
        notes = []

        def respond(key):
            return bad_101(("Upgrade: websocket", "Upgrade: h2c"))(key) + frame(0x81, b"x", None)
        refusal = yield self.answer(respond, on_message_callback=notes.append)
        self.assertIsInstance(refusal.error, WebSocketError)
        yield [gen.moment] * 10
        self.assertEqual(notes, [])


@with_rows
class NetworkErrorTest(ClientCase):
    """C39: `StreamClosedError` or `IOError` for network errors."""

    @async_test
    def test_nobody_listens(self):
        error = yield fails(self.start("ws://127.0.0.1:%d/" % free_port()))
        self.assertIsInstance(error, NETWORK_ERRORS)

    @async_test
    def test_the_name_is_unknown(self):
        """RFC 6761 section 6.4: ``invalid`` has no names."""
        error = yield fails(self.start("ws://tornado-ws.invalid/"))
        self.assertIsInstance(error, NETWORK_ERRORS)

    @each(
        ("nothing", b""),
        ("half_a_line", b"HTTP/1.1 10"),
        ("half_a_head", b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: webs"),
    )
    @async_test
    def test_the_server_closes_after(self, data):
        future = self.start()
        peer = yield self.server.accept()
        yield peer.read_head()
        if data:
            yield peer.stream.write(data)
        peer.close()
        error = yield fails(future)
        self.assertIsInstance(error, NETWORK_ERRORS)

    @async_test
    def test_the_server_resets(self):
        future = self.start()
        peer = yield self.server.accept()
        yield peer.read_head()
        peer.reset()
        error = yield fails(future)
        self.assertIsInstance(error, NETWORK_ERRORS)

    @async_test
    def test_the_server_closes_at_once(self):
        """Before it has read the request."""
        future = self.start()
        peer = yield self.server.accept()
        peer.close()
        error = yield fails(future)
        self.assertIsInstance(error, NETWORK_ERRORS)

    @each(
        ("another_protocol", b"SSH-2.0-OpenSSH_9.6\r\n\r\n"),
        ("no_colon", b"HTTP/1.1 101 Switching Protocols\r\nUpgrade\r\n\r\n"),
        ("no_status", b"HTTP/1.1 abc def\r\n\r\n"),
    )
    @async_test
    def test_no_http(self, data):
        """An answer that is no HTTP at all fails at once, not when the time is over."""
        refusal = yield self.answer(data, connect_timeout=2)
        self.assertIsInstance(refusal.error, NETWORK_ERRORS + (WebSocketError,))
        self.assertEqual(refusal.rest, b"")
