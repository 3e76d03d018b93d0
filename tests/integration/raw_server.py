"""The test case of the client: a server that speaks raw bytes, and what the tests ask of both.

::

    class SomeTest(ClientCase):
        @async_test
        def test_something(self):
            conn, peer = yield self.open()             # our client, and a `wire.RawPeer`
            peer.send(frame(0x81, b"Hello", mask=None))
            self.assertEqual((yield conn.read_message()), u"Hello")
"""
from __future__ import absolute_import, division, print_function

import collections

from peers import WebSocketCase, tls_context
from tornado import gen
from tornado.iostream import StreamClosedError
from wire import RawServer

NETWORK_ERRORS = (StreamClosedError, EnvironmentError)

Refusal = collections.namedtuple("Refusal", "error rest")


class ClientCase(WebSocketCase):
    """Runs our client against a `RawServer` of its own, ``self.server``."""

    tls = False

    def setUp(self):
        super(ClientCase, self).setUp()
        self.server = RawServer(tls_context() if self.tls else None)
        self.connections = []

    def tearDown(self):
        for connection in self.connections:
            connection.close()
        self.server.close()
        super(ClientCase, self).tearDown()

    def server_url(self, path="/", host="127.0.0.1"):
        """Return the WebSocket URL of the raw server."""
        return "%s://%s:%d%s" % ("wss" if self.tls else "ws", host, self.server.port, path)

    def start(self, url=None, **kwargs):
        """Call `websocket_connect` for the raw server; return its Future."""
        return self.websocket.websocket_connect(url or self.server_url(), **kwargs)

    @gen.coroutine
    def open(self, url=None, headers=(), after=b"", **kwargs):
        """Connect our client to the raw server: ``(connection, RawPeer)``.

        ``headers`` are added to the 101 response, ``after`` goes in the same segment.
        """
        future = self.start(url, **kwargs)
        peer = yield self.server.accept_websocket(headers, after)
        connection = yield future
        self.connections.append(connection)
        raise gen.Return((connection, peer))

    @gen.coroutine
    def answer(self, response, **kwargs):
        """Answer a handshake with a whole HTTP response: a `Refusal`.

        ``response`` is bytes, or a function from the Sec-WebSocket-Key to bytes. The result has
        the exception (None if the client took the answer) and what came from the client until
        it closed the connection.
        """
        future = self.start(**kwargs)
        peer = yield self.server.accept()
        _, headers = yield peer.read_head()
        if callable(response):
            response = response(headers["Sec-WebSocket-Key"])
        peer.stream.write(response)
        try:
            connection = yield future
        except Exception as error:
            rest = yield peer.read_rest()
            raise gen.Return(Refusal(error, rest))
        self.connections.append(connection)
        raise gen.Return(Refusal(None, b""))


@gen.coroutine
def fails(future):
    """Return the exception that a Future fails with; it has to fail."""
    try:
        result = yield future
    except Exception as error:
        raise gen.Return(error)
    raise AssertionError("no error but %r" % (result,))


@gen.coroutine
def settled(measure, turns=200):
    """Turn the IOLoop until ``measure()`` has not changed for many turns; return its value."""
    value, left = measure(), turns
    while left:
        yield gen.moment
        now = measure()
        left = turns if now != value else left - 1
        value = now
    raise gen.Return(value)
