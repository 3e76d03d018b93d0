"""Opening handshakes that no client means well with: RFC 6455 section 4.2.1; C6, C7, C9, C31.

Whatever the bytes, the answer is a proper HTTP response or, where Tornado's HTTP parser gives up,
a closed socket; nothing of the request comes back, nothing is logged above debug level but for
what Tornado itself says of malformed HTTP, and the next request is served.
"""
from __future__ import absolute_import, division, print_function

import sys

from peers import Noted, WebSocketCase, async_test, each, turns, with_rows
from tornado import gen
from wire import BYTES, HANDSHAKE, KEY, frame

from tornado_ws import websocket

HUGE = 64 * 1024
MARK = b"mark-of-the-request"

FIELDS = dict((name, value.encode("ascii")) for name, value in HANDSHAKE)
SEC_FIELDS = ("Sec-WebSocket-Key", "Sec-WebSocket-Version", "Sec-WebSocket-Protocol",
              "Sec-WebSocket-Extensions", "Sec-WebSocket-Origin", "Sec-WebSocket-Accept",
              "Sec-Fetch-Site")


class Echo(Noted, websocket.WebSocketHandler):
    def on_message(self, message):
        self.write_message(message)

    def get_compression_options(self):
        return {}


def request(path, fields, first=b"GET %s HTTP/1.1"):
    """Build a request of raw bytes; ``fields`` replace the handshake's, or are added."""
    lines = [first.replace(b"%s", path.encode("ascii")), b"Host: 127.0.0.1"]
    items = dict(FIELDS, **fields)
    for name in sorted(items):
        values = items[name] if isinstance(items[name], list) else [items[name]]
        lines += [name.encode("ascii") + b": " + value for value in values]
    return b"\r\n".join(lines + [b"", b""])


class HandshakeCase(WebSocketCase):

    @gen.coroutine
    def answer(self, data):
        """Send a request and FIN; return the status (None without an answer) and all bytes."""
        peer = yield self.connect_raw()
        peer.send(data)
        while b"\r\n\r\n" not in peer.buffer and (yield peer._fill()):
            pass
        head = peer.buffer
        status = int(head.split(b" ", 2)[1]) if head.startswith(b"HTTP/1.1 ") else None
        if status == 101:
            peer.send(frame(0x88))
        if not peer.stream.closed():
            peer.finish()
        rest = yield peer.read_rest()
        self.assertTrue(status or not head, head)
        raise gen.Return((status, head + rest))

    @gen.coroutine
    def check_served(self, path):
        """Check that an ordinary client is served."""
        peer = yield self.open_raw(path)
        peer.send(frame(0x81, b"works"))
        self.assertEqual((yield peer.read_frame()), (0x81, b"works"))
        peer.close()

    def claim_http_errors(self):
        """Take what Tornado logs of requests that are no HTTP."""
        self.log.entries = [entry for entry in self.log.entries
                            if entry.logger != "tornado.general"
                            or not entry.message.startswith("Malformed HTTP")]


@with_rows
class BytesTest(HandshakeCase):

    @each(*[(name.replace("-", "_"), name) for name in SEC_FIELDS])
    @async_test
    def test_all_byte_values(self, name):
        """C7, C9, C31: all kinds of bytes, alone, within and at the end of a Sec-* header."""
        path = self.add(Echo)
        for code in BYTES:
            byte = bytes(bytearray([code]))
            for value in (MARK + byte + MARK, FIELDS.get(name, b"") + byte):
                status, data = yield self.answer(request(path, {name: value}))
                self.assertIn(status, (101, 400, 403, 426, None), value)
                # Only what ends lines and headers may be the HTTP parser's business.
                self.assertTrue(status or code < 0x20 or code >= 0x7f, value)
                self.assertNotIn(MARK, data)
                self.assertNotIn(b"Traceback", data)
        self.claim_http_errors()
        yield self.check_served(path)

    @each(*[(name.replace("-", "_"), name) for name in sorted(FIELDS)])
    @async_test
    def test_nothing_is_reflected(self, name):
        """C6, C7, C9: a value that is refused, or that the handler does not choose, is not quoted,
        with markup, line ends or escapes in it.
        """
        path = self.add(Echo)
        for value in (MARK, MARK + b"<script>", MARK + b"%0d%0aSet-Cookie: a=b", MARK + b"\t"):
            status, data = yield self.answer(request(path, {name: value}))
            self.assertIn(status, (101,) if name == "Sec-WebSocket-Protocol" else (400, 426))
            self.assertNotIn(MARK, data)
            self.assertNotIn(b"Set-Cookie", data)

    @each(("token", b"a\xffb"), ("utf8", u"caf\xe9".encode("utf-8")), ("latin1", b"caf\xe9"))
    @async_test
    def test_subprotocol_that_is_no_ascii(self, offer):
        """C9: it is handed on; chosen, it goes back as the bytes that came.

        On Python 2 Tornado hands out headers as the UTF-8 of their Latin-1.
        """
        class Selecting(Echo):
            def select_subprotocol(self, subprotocols):
                return subprotocols[0]

        path = self.add(Selecting)
        status, data = yield self.answer(request(path, {"Sec-WebSocket-Protocol": offer}))
        self.assertEqual(status, 101)
        answer = data.split(b"Sec-Websocket-Protocol: ")[1].split(b"\r\n")[0]
        self.assertIn(answer, (offer, offer.decode("latin-1").encode("utf-8")))


@with_rows
class HugeTest(HandshakeCase):

    server_options = {"max_header_size": 1 << 20}

    @each(*[("%s_%s" % (name.replace("-", "_"), kind), name, piece)
            for name in SEC_FIELDS + ("Connection", "Upgrade", "Origin")
            for kind, piece in [("commas", b","), ("spaces", b" "), ("both", b", "),
                                ("semicolons", b"a;"), ("quotes", b'a;b="\\')]])
    @async_test
    def test_64_kib(self, name, piece):
        """C7, C9, C31: 64 KiB of separators are answered; the work, in calls, is linear.

        A regular expression that goes back over them would not end within the test's time limit.
        """
        path = self.add(Echo)
        usual = FIELDS.get(name, b"")
        calls = []
        for size in (HUGE // 8, HUGE):
            value = usual + piece * (size // len(piece)) + b"x"
            self.counter = [0]
            sys.setprofile(self.count)
            try:
                status, data = yield self.answer(request(path, {name: value}))
            finally:
                sys.setprofile(None)
            self.assertIn(status, (101, 400, 403, 426))
            self.assertLess(len(data), 1000)
            calls.append(self.counter[0])
        few, many = calls
        self.assertLess(many, 8 * few + 1000)
        yield self.check_served(path)

    def count(self, _, event, __):
        self.counter[0] += event in ("call", "c_call")

    @each(("commas", b","), ("spaces", b" "), ("both", b", ,\t"))
    @async_test
    def test_empty_lists(self, piece):
        """C31: 64 KiB of empty list elements around one good one are still a good list."""
        class Selecting(Echo):
            def select_subprotocol(self, subprotocols):
                self.note("offered", subprotocols)
                return subprotocols[0]

        gap = piece * (HUGE // len(piece))
        path = self.add(Selecting)
        status, data = yield self.answer(request(path, {
            "Sec-WebSocket-Protocol": gap + b"chat" + gap,
            "Sec-WebSocket-Extensions": gap + b"permessage-deflate" + gap}))
        self.assertEqual(status, 101)
        self.assertIn(b"Sec-Websocket-Protocol: chat\r\n", data)
        self.assertIn(b"Sec-Websocket-Extensions: permessage-deflate\r\n", data)
        self.assertEqual(self.notes[0], ("offered", ["chat"]))

    @async_test
    def test_many_offers(self):
        """C31: thousands of malformed offers are declined, and the good one behind them is
        taken."""
        path = self.add(Echo)
        offers = (b"permessage-deflate; server_max_window_bits=99, " * 1000
                  + b"permessage-deflate; server_no_context_takeover")
        status, data = yield self.answer(request(path, {"Sec-WebSocket-Extensions": offers}))
        self.assertEqual(status, 101)
        self.assertIn(b"permessage-deflate; server_no_context_takeover\r\n", data)


class HeaderLimitTest(HandshakeCase):

    @async_test
    def test_headers_over_the_limit_of_http(self):
        """More than Tornado's ``max_header_size`` is not collected: the connection ends."""
        path = self.add(Echo)
        peer = yield self.connect_raw()
        peer.send(request(path, {"Sec-WebSocket-Protocol": b"a" * (2 * HUGE)}))
        data = yield peer.read_rest()
        self.assertNotIn(b" 101 ", data)
        self.log.entries = [entry for entry in self.log.entries
                            if "exceeded" not in entry.message
                            and "Unsatisfiable" not in entry.message]
        self.assertEqual(self.notes, [])
        yield self.check_served(path)


@with_rows
class RequestTest(HandshakeCase):

    @each(("whole", 1), ("with_frames", 2))
    @async_test
    def test_byte_by_byte(self, count):
        """C6, C12: a handshake in as many segments as it has bytes is one handshake."""
        peer = yield self.connect_raw()
        data = request(self.add(Echo), {"Sec-WebSocket-Extensions": b"permessage-deflate"})
        data += frame(0x81, b"works") * (count - 1)
        for i in range(len(data)):
            peer.send(data[i:i + 1])
            yield turns(2)
        self.assertIn(" 101 ", (yield peer.read_head())[0])
        if count == 1:
            peer.send(frame(0x81, b"works"))
        first, payload = yield peer.read_frame()
        self.assertEqual(first, 0xc1)
        self.assertEqual(self.notes, [("open",)])
        self.assertEqual(len(self._app.case_handlers), 1)

    @async_test
    def test_http_1_0(self):
        """RFC 6455 section 4.2.1: "An HTTP/1.1 or higher GET request"; an older one gets 400."""
        path = self.add(Echo)
        status, _ = yield self.answer(request(path, {}, b"GET %s HTTP/1.0"))
        self.assertEqual((status, self.notes), (400, []))
        status, _ = yield self.answer(
            request(path, {"Connection": b"keep-alive, Upgrade"}, b"GET %s HTTP/1.0"))
        self.assertEqual((status, self.notes), (400, []))

    @each(*[(method, method) for method in
            ("HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "get", "BREW")])
    @async_test
    def test_other_methods(self, method):
        """C6: a handshake with another method than GET is 405, and opens nothing."""
        path = self.add(Echo)
        status, _ = yield self.answer(
            request(path, {"Content-Length": b"0"}, method.encode("ascii") + b" %s HTTP/1.1"))
        self.assertEqual((status, self.notes), (405, []))
        yield self.check_served(path)

    @each(("key", "Sec-WebSocket-Key", [KEY.encode("ascii")] * 2, 400),
          ("key_and_none", "Sec-WebSocket-Key", [KEY.encode("ascii"), b""], 400),
          ("version", "Sec-WebSocket-Version", [b"13", b"13"], 426),
          ("two_versions", "Sec-WebSocket-Version", [b"8", b"13"], 426),
          ("origin", "Origin", [b"http://127.0.0.1", b"http://127.0.0.1"], 403),
          ("other_origin", "Origin", [b"http://evil.example", b"http://127.0.0.1"], 403),
          ("host", "Host", [b"127.0.0.1"], 400),
          ("upgrade", "Upgrade", [b"websocket", b"h2c"], 101),
          ("connection", "Connection", [b"keep-alive", b"Upgrade"], 101),
          ("extensions", "Sec-WebSocket-Extensions", [b"x-a", b"permessage-deflate"], 101))
    @async_test
    def test_repeated_field(self, name, values, expected):
        """C7, C8: what may stand once is refused twice (Host is there already); lists are lists."""
        path = self.add(Echo)
        status, _ = yield self.answer(request(path, {name: values}))
        self.assertEqual(status, expected)
        self.assertEqual(len(self.notes), 2 if expected == 101 else 0)
        self.claim_http_errors()

    @async_test
    def test_handshake_with_a_body(self):
        """The body of a handshake belongs to HTTP: frames begin behind it."""
        peer = yield self.connect_raw()
        peer.send(request(self.add(Echo), {"Content-Length": b"5"}), b"12345",
                  frame(0x81, b"works"))
        self.assertIn(" 101 ", (yield peer.read_head())[0])
        self.assertEqual((yield peer.read_frame()), (0x81, b"works"))

    @async_test
    def test_pipelined_requests(self):
        """A second request behind the handshake is frames: wrong ones, answered with 1002."""
        path = self.add(Echo)
        peer = yield self.connect_raw()
        peer.send(request(path, {}) * 2)
        self.assertIn(" 101 ", (yield peer.read_head())[0])
        first, payload = yield peer.read_frame()
        self.assertEqual((first, payload[:2]), (0x88, b"\x03\xea"))
        self.assertEqual(len(self._app.case_handlers), 1)
