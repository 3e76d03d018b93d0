"""`WebSocketProtocol13` of the installed module, made as stock's is (section 11)."""
from __future__ import absolute_import, division, print_function

import inspect

import tornado
from installed import installed, stock
from peers import Noted, WebSocketCase, async_test, each, with_rows
from tornado import httpclient, httputil
from tornado.ioloop import IOLoop
from wire import close_frame, frame

LIMIT = 1000
GETARGSPEC = getattr(inspect, "getfullargspec", None) or inspect.getargspec
TAKES_PARAMS = "params" in GETARGSPEC(stock.WebSocketProtocol13.__init__).args


class Params(object):
    """What Tornado 6's ``_WebSocketParams`` has."""

    def __init__(self, ping_interval=None, ping_timeout=None, max_message_size=None,
                 compression_options=None):
        self.ping_interval, self.ping_timeout = ping_interval, ping_timeout
        self.max_message_size = max_message_size
        self.compression_options = compression_options


Params = getattr(installed, "_WebSocketParams", Params)


def params(handler, **values):
    return Params(**dict(dict(max_message_size=LIMIT, compression_options={}), **values))


BY_NAME = [
    ("params", lambda handler: installed.WebSocketProtocol13(
        handler, mask_outgoing=False, params=params(handler))),
    ("params_alone", lambda handler: installed.WebSocketProtocol13(
        handler=handler, params=params(handler))),
    ("own_arguments", lambda handler: installed.WebSocketProtocol13(
        handler, compression_options={}, max_message_size=LIMIT, ping_interval=0)),
    ("both", lambda handler: installed.WebSocketProtocol13(
        handler, False, compression_options={},
        params=params(handler, compression_options=None))),
]
BY_POSITION = [
    ("params", lambda handler: installed.WebSocketProtocol13(handler, False, params(handler))),
] if TAKES_PARAMS else []


@with_rows
class ProtocolTest(WebSocketCase):
    websocket = installed

    def make_handler(self, make):
        class Own(Noted, installed.WebSocketHandler):
            max_message_size = LIMIT

            def get_websocket_protocol(self):
                return make(self)

            def on_message(self, message):
                self.write_message(message)
        return Own

    @each(*BY_NAME + [(name + "_by_position", make) for name, make in BY_POSITION])
    @async_test
    def test_an_override_of_get_websocket_protocol(self, make):
        """Section 11: by name and by position; limit and compression are what it says."""
        peer = yield self.open_raw(self.make_handler(make),
                                   [("Sec-WebSocket-Extensions", "permessage-deflate")])
        self.assertEqual(peer.response[1]["Sec-WebSocket-Extensions"], "permessage-deflate")
        self.assertIsInstance(self.handler.ws_connection, installed.WebSocketProtocol13)
        peer.send(frame(0x82, b"x" * LIMIT))
        first, _ = yield peer.read_frame()
        self.assertEqual(first, 0xC1)
        peer.send(frame(0x82, b"x" * (LIMIT + 1)))
        self.assertEqual((yield peer.read_frame()).payload[:2], b"\x03\xf1")

    @async_test
    def test_4_3s_arguments(self):
        """Section 11: ``compression_options`` third, limits as the handler has them."""
        peer = yield self.open_raw(
            self.make_handler(lambda handler: installed.WebSocketProtocol13(handler, False, {})),
            [("Sec-WebSocket-Extensions", "permessage-deflate")])
        self.assertEqual(peer.response[1]["Sec-WebSocket-Extensions"], "permessage-deflate")
        peer.send(frame(0x82, b"x" * (LIMIT + 1)))
        self.assertEqual((yield peer.read_frame()).payload[:2], b"\x03\xf1")

    @async_test
    def test_pings(self):
        """Section 11: interval and timeout of params; the default of the timeout is stock's."""
        made = []

        def make(handler):
            made.append(installed.WebSocketProtocol13(
                handler, False, params=params(handler, ping_interval=100)))
            return made[0]

        yield self.open_raw(self.make_handler(make))
        self.assertEqual(made[0].ping_interval, 100)
        if (4, 5) <= tornado.version_info < (6, 5):
            self.assertEqual(made[0].ping_timeout, 300)
        else:
            self.assertEqual(made[0].ping_timeout, 100)
        self.assertEqual(made[0].params.ping_interval, 100)

    @each(("None", None), ("nothing", "nothing"))
    @async_test
    def test_no_limit_is_the_default(self, limit):
        """Section 11: programs patch ``_default_max_message_size``."""
        if hasattr(installed, "_default_max_message_size"):
            self.patch(installed, "_default_max_message_size", LIMIT)
        else:
            self.addCleanup(vars(installed).pop, "_default_max_message_size")
            installed._default_max_message_size = LIMIT
        values = {} if limit == "nothing" else {"max_message_size": limit}
        handler_class = self.make_handler(
            lambda handler: installed.WebSocketProtocol13(handler, **values))
        handler_class.max_message_size = None
        peer = yield self.open_raw(handler_class)
        peer.send(frame(0x82, b"x" * (LIMIT + 1)))
        self.assertEqual((yield peer.read_frame()).payload[:2], b"\x03\xf1")

    @async_test
    def test_of_every_connection(self):
        """C2: handlers and client connections have protocols of the class in the module."""
        class Plain(Noted, installed.WebSocketHandler):
            """Notes what comes."""
        client = yield self.connect(Plain)
        self.assertIsInstance(client.protocol, installed.WebSocketProtocol13)
        self.assertIsInstance(self.handler.ws_connection, installed.WebSocketProtocol13)

    @async_test
    def test_a_client_of_ones_own(self):
        """Section 11: an override in a client takes params too."""
        class Own(installed.WebSocketClientConnection):
            def get_websocket_protocol(self):
                protocol = super(Own, self).get_websocket_protocol()
                return installed.WebSocketProtocol13(
                    protocol.handler, mask_outgoing=True,
                    params=params(self, max_message_size=10))

        class Sending(Noted, installed.WebSocketHandler):
            def open(self):
                self.write_message(u"x" * 11)

        request = httpclient.HTTPRequest(self.url(self.add(Sending)))
        request.headers = httputil.HTTPHeaders(request.headers)
        request = httpclient._RequestProxy(request, httpclient.HTTPRequest._DEFAULTS)
        wanted = "io_loop" in GETARGSPEC(stock.WebSocketClientConnection.__init__).args
        connection = Own(request=request, **({"io_loop": IOLoop.current()} if wanted else {}))
        conn = yield connection.connect_future
        self.assertIs((yield conn.read_message()), None)
        self.assertEqual(conn.protocol.close_code, None)

    @async_test
    def test_wrong_arguments(self):
        """C2: as of any Python function."""
        for args, kwargs in ((range(20), {}), ((None, False), {"mask_outgoing": True}),
                             ((None,), {"nonsense": 1})):
            with self.assertRaises(TypeError):
                installed.WebSocketProtocol13(*args, **kwargs)
        yield []

    @async_test
    def test_the_peers_close_code(self):
        """Section 11: such a protocol is one of the installed semantics."""
        peer = yield self.open_raw(self.make_handler(
            lambda handler: installed.WebSocketProtocol13(handler, params=params(handler))))
        peer.send(close_frame(10000))
        self.assertEqual((yield peer.read_frames()), [(0x88, b"\x27\x10")])
