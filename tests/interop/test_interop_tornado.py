"""Our client and Tornado's server, Tornado's client and our server, in every cell (C1, C2).

The pairs of modules times what is agreed about compression are test classes, made at the end.
"""
from __future__ import absolute_import, division, print_function

from installed import installed, stock
from peers import Noted, WebSocketCase, async_test, each, until, with_rows
from tornado import gen
from tornado.httpclient import HTTPRequest

from tornado_ws import websocket

MODULES = {"Face": websocket, "Installed": installed, "Stock": stock}
TEXT = u"na\xefve \u20ac \U0001f600"
SIZES = (0, 1, 125, 126, 127, 65535, 65536, 1024 * 1024)
OP_TEXT, OP_CONTINUATION = 1, 0


def make_handler(module, options):
    """Make a handler class of a module: an echo server that notes all that happens."""
    class Handler(Noted, module.WebSocketHandler):
        def get_compression_options(self):
            return options

        def select_subprotocol(self, subprotocols):
            return subprotocols[-1] if subprotocols else None

        def on_message(self, message):
            if isinstance(message, bytes):
                self.write_message(message, True)
            elif message == u"close me":
                self.close(4001, u"as you like")
            elif message == u"ping me":
                self.ping(b"from the server")
            elif message == u"fragments":
                self.ws_connection._write_frame(False, OP_TEXT, b"in ")
                self.ping(b"between")
                self.ws_connection._write_frame(False, OP_CONTINUATION, b"three ")
                self.ws_connection._write_frame(True, OP_CONTINUATION, b"pieces")
            else:
                self.write_message(message)
    return Handler


class InteropCase(WebSocketCase):
    """Has a server and a client of two modules; ``compression`` are the options of both."""

    server_module = client_module = None
    compression = (None, None)

    @property
    def compressed(self):
        return None not in self.compression

    def setUp(self):
        super(InteropCase, self).setUp()
        self.client_notes = []


@with_rows
class _Tests(object):
    @gen.coroutine
    def dial(self, headers=None, **kwargs):
        """Connect the one module's client to the other's server."""
        path = self.add(make_handler(self.server_module, self.compression[0]))
        request = HTTPRequest(self.url(path), headers=headers)
        connection = yield self.client_module.websocket_connect(
            request, compression_options=self.compression[1], **kwargs)
        self._closing.append(connection)
        raise gen.Return(connection)

    @async_test
    def test_text_and_binary(self):
        conn = yield self.dial()
        for message in (u"", u"Hello", TEXT, b"", b"\x00\xff\xfe", TEXT.encode("utf-8")):
            conn.write_message(message, isinstance(message, bytes))
            answer = yield conn.read_message()
            self.assertEqual(answer, message)
            self.assertIs(type(answer), type(message))

    @async_test
    def test_sizes(self):
        """Every form of the length, up to 1 MiB, text and binary."""
        conn = yield self.dial()
        for size in SIZES:
            data = (b"0123456789abcdef" * (size // 16 + 1))[:size]
            for message in (data, data.decode("ascii")):
                conn.write_message(message, isinstance(message, bytes))
                answer = yield conn.read_message()
                self.assertTrue(answer == message, size)

    @async_test
    def test_many_messages(self):
        """Order holds, and with compression the contexts stay in step."""
        conn = yield self.dial()
        messages = [u"%d %s" % (number, u"the same words again " * (number % 7))
                    for number in range(300)]
        for message in messages:
            conn.write_message(message)
        for message in messages:
            self.assertEqual((yield conn.read_message()), message)

    @async_test
    def test_fragments_from_the_client(self):
        conn = yield self.dial()
        for first, data in ((OP_TEXT, TEXT.encode("utf-8")), (OP_TEXT, b"abc")):
            conn.protocol._write_frame(False, first, data[:1])
            conn.protocol.write_ping(b"between")
            conn.protocol._write_frame(False, OP_CONTINUATION, b"")
            conn.protocol._write_frame(True, OP_CONTINUATION, data[1:])
            self.assertEqual((yield conn.read_message()), data.decode("utf-8"))

    @async_test
    def test_fragments_from_the_server(self):
        conn = yield self.dial()
        conn.write_message(u"fragments")
        self.assertEqual((yield conn.read_message()), u"in three pieces")

    @async_test
    def test_pings_of_the_client(self):
        conn = yield self.dial()
        conn.on_pong = lambda data: self.client_notes.append(data)
        for data in (b"", b"x" * 125):
            conn.protocol.write_ping(data)
            conn.write_message(u"x")
            yield conn.read_message()
        yield until(lambda: len(self.client_notes) == 2)
        self.assertEqual(self.client_notes, [b"", b"x" * 125])

    @async_test
    def test_pings_of_the_server(self):
        conn = yield self.dial()
        conn.write_message(u"ping me")
        read = conn.read_message()  # stock's client answers while somebody reads
        yield until(lambda: ("pong", b"from the server") in self.notes)
        conn.close()
        self.assertIs((yield read), None)

    @each(("1000", 1000, None), ("1001", 1001, u"away"), ("4999", 4999, u"\u20ac" * 41))
    @async_test
    def test_close_by_the_client(self, code, reason):
        conn = yield self.dial()
        conn.close(code, reason)
        yield until(lambda: self.notes[-1:] == [("close", code, reason)])
        self.assertIs((yield conn.read_message()), None)

    @async_test
    def test_close_without_a_code(self):
        conn = yield self.dial()
        conn.close()
        yield until(lambda: self.notes[-1:] == [("close", None, None)])

    @async_test
    def test_close_by_the_server(self):
        conn = yield self.dial()
        conn.write_message(u"close me")
        self.assertIs((yield conn.read_message()), None)
        self.assertEqual((conn.close_code, conn.close_reason), (4001, u"as you like"))
        yield until(lambda: self.notes[-1:] == [("close", 4001, None)])

    @async_test
    def test_subprotocol(self):
        """Offered by a header, which every version of the client can."""
        conn = yield self.dial(headers={"Sec-WebSocket-Protocol": "a, b"})
        self.assertEqual(conn.headers["Sec-WebSocket-Protocol"], "b")

    @async_test
    def test_compression_is_agreed(self):
        """Whether it is on; the counters of both sides show that it is used."""
        conn = yield self.dial()
        self.assertEqual("Sec-WebSocket-Extensions" in conn.headers, self.compressed)
        conn.write_message(u"x" * 10000)
        yield conn.read_message()
        self.assertEqual(conn.protocol._wire_bytes_out < 1000, self.compressed)
        self.assertEqual(conn.protocol._wire_bytes_in < 1000, self.compressed)

    @async_test
    def test_on_message_callback(self):
        messages = []
        conn = yield self.dial(on_message_callback=messages.append)
        conn.write_message(u"a")
        conn.write_message(u"close me")
        yield until(lambda: None in messages)
        self.assertEqual(messages, [u"a", None])


COMPRESSION = {
    "Plain": (None, None),
    "Deflate": ({}, {}),
    "ServerOnly": ({}, None),
    "ClientOnly": (None, {}),
    "Levels": ({"compression_level": 1, "mem_level": 5}, {"compression_level": 9}),
}


def make_classes():
    """Make the test classes: all of compression for the face, one kind for the installed."""
    for ours, name in [("Face", name) for name in COMPRESSION] + [("Installed", "Deflate")]:
        for server, client in ((ours, "Stock"), ("Stock", ours)):
            yield type("%sServer%sClient%sTest" % (server, client, name), (_Tests, InteropCase),
                       dict(server_module=MODULES[server], client_module=MODULES[client],
                            compression=COMPRESSION[name], __module__=__name__))


globals().update((made.__name__, made) for made in make_classes())
