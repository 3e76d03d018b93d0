"""The client of the installed module, as programs written for the installed Tornado use it (C2)."""
from __future__ import absolute_import, division, print_function

import datetime
import inspect
import unittest
import warnings

import tornado
from installed import installed, stock
from peers import async_test, each, until, with_rows
from raw_server import ClientCase
from tornado import gen, httpclient, httputil, queues
from tornado.ioloop import IOLoop
from wire import close_frame, frame

from tornado_ws import websocket

getargspec = getattr(inspect, "getfullargspec", None) or inspect.getargspec


class Proxied(installed.WebSocketClientConnection):
    """A subclass as proxies have it: told of messages and pings, taken by keyword only."""

    def __init__(self, **kwargs):
        self.on_ping_callback = kwargs.pop("on_ping_callback")
        self.seen = []
        super(Proxied, self).__init__(**kwargs)

    def on_message(self, message):
        self.seen.append(message)
        return super(Proxied, self).on_message(message)

    def on_ping(self, data):
        self.on_ping_callback(data)


def arguments_by_position(function, **values):
    """Return the values in the order of a function's parameters, without ``self``."""
    spec = getargspec(function)
    names = [name for name in spec.args if name != "self"]
    defaults = dict(zip(reversed(spec.args), reversed(spec.defaults or ())))
    last = max(names.index(name) for name in values)
    return [values[name] if name in values else defaults[name] for name in names[:last + 1]]


class InstalledClientCase(ClientCase):
    websocket = installed

    def proxy_request(self):
        """Make a request as such programs do."""
        request = httpclient.HTTPRequest(self.server_url(), headers={"X-Proxy": "yes"})
        request.headers = httputil.HTTPHeaders(request.headers)
        return httpclient._RequestProxy(request, httpclient.HTTPRequest._DEFAULTS)

    def loop_argument(self):
        """The loop, where stock's constructor wants it."""
        wanted = "io_loop" in getargspec(stock.WebSocketClientConnection.__init__).args
        return {"io_loop": IOLoop.current()} if wanted else {}

    @gen.coroutine
    def accept(self, connection, after=b""):
        peer = yield self.server.accept_websocket(after=after)
        self.connections.append((yield connection.connect_future))
        raise gen.Return(peer)


class ConstructorTest(InstalledClientCase):
    """C2: `WebSocketClientConnection` made directly, as jupyter-server-proxy and others do."""

    @async_test
    def test_by_keyword(self):
        messages = []
        connection = installed.WebSocketClientConnection(
            request=self.proxy_request(), on_message_callback=messages.append,
            compression_options={}, **self.loop_argument())
        peer = yield self.accept(connection)
        self.assertEqual(peer.request[1]["X-Proxy"], "yes")
        self.assertIn("permessage-deflate", peer.request[1]["Sec-WebSocket-Extensions"])
        peer.send(frame(0x81, b"a", None) + close_frame(1000, b"", None))
        yield until(lambda: None in messages)
        self.assertEqual(messages, [u"a", None])

    @async_test
    def test_subclass(self):
        """Its on_message and on_ping are called; super's on_message delivers."""
        pings, messages = [], []
        connection = Proxied(request=self.proxy_request(), on_message_callback=messages.append,
                             on_ping_callback=pings.append, compression_options={},
                             **self.loop_argument())
        peer = yield self.accept(connection)
        peer.send(frame(0x89, b"p", None) + frame(0x81, b"a", None))
        yield until(lambda: messages)
        self.assertEqual((pings, messages, connection.seen), ([b"p"], [u"a"], [u"a"]))
        connection.protocol.write_ping(b"x")
        self.assertEqual((yield peer.read_frame()), (0x8A, b"p"))
        self.assertEqual((yield peer.read_frame()), (0x89, b"x"))

    @async_test
    def test_by_position(self):
        """In the order of the installed Tornado's own constructor."""
        messages = []
        connection = installed.WebSocketClientConnection(*arguments_by_position(
            stock.WebSocketClientConnection.__init__, request=self.proxy_request(),
            on_message_callback=messages.append, compression_options={},
            **self.loop_argument()))
        peer = yield self.accept(connection, frame(0x81, b"a", None))
        self.assertIn("Sec-WebSocket-Extensions", peer.request[1])
        yield until(lambda: messages)
        self.assertEqual(messages, [u"a"])

    @async_test
    def test_read_message(self):
        connection = installed.WebSocketClientConnection(
            request=self.proxy_request(), **self.loop_argument())
        yield self.accept(connection, frame(0x81, b"a", None))
        self.assertEqual((yield connection.read_message()), u"a")


@with_rows
class ConnectTest(InstalledClientCase):
    @async_test
    def test_positional_arguments(self):
        """Section 11: `websocket_connect` takes them in the installed Tornado's order."""
        messages = []
        future = installed.websocket_connect(*arguments_by_position(
            stock.websocket_connect, url=self.server_url(), connect_timeout=15,
            on_message_callback=messages.append, compression_options={}))
        peer = yield self.server.accept_websocket(after=frame(0x81, b"a", None))
        conn = yield future
        self.connections.append(conn)
        self.assertIn("Sec-WebSocket-Extensions", peer.request[1])
        self.assertEqual(conn.request.connect_timeout, 15)
        yield until(lambda: messages)
        self.assertEqual(messages, [u"a"])
        self.assertIsInstance(conn, installed.WebSocketClientConnection)

    @async_test
    def test_keywords_of_the_superset(self):
        """C2: what newer Tornados have is taken on old ones too."""
        future = installed.websocket_connect(
            self.server_url(), ping_interval=0, ping_timeout=0, max_message_size=1000,
            subprotocols=["a"], resolver=None)
        yield self.server.accept_websocket([("Sec-WebSocket-Protocol", "a")])
        conn = yield future
        self.connections.append(conn)
        self.assertEqual(conn.selected_subprotocol, "a")

    @async_test
    def test_an_http_request(self):
        conn, peer = yield self.open(httpclient.HTTPRequest(self.server_url("/path")))
        self.assertEqual(peer.request[0], "GET /path HTTP/1.1")

    @async_test
    def test_callback(self):
        """Section 11: ``callback`` works, with a DeprecationWarning from 6.5 on."""
        calls = []
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            future = installed.websocket_connect(self.server_url(), callback=calls.append)
        found = [entry for entry in caught if entry.category is DeprecationWarning
                 and "callback" in str(entry.message)]
        self.assertEqual(len(found), 1 if tornado.version_info >= (6, 5) else 0)
        for entry in found:  # it points to the caller
            self.assertIn("test_install_client", entry.filename)
        yield self.server.accept_websocket()
        self.connections.append((yield future))
        yield until(lambda: calls)
        self.assertEqual(calls, [future])

    @async_test
    def test_callback_of_the_face(self):
        """Section 11: with 4.3's semantics it is not deprecated."""
        calls = []
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            future = websocket.websocket_connect(self.server_url(), callback=calls.append)
        yield self.server.accept_websocket()
        self.connections.append((yield future))
        yield until(lambda: calls)

    @async_test
    def test_callback_of_read_message(self):
        calls = []
        conn, peer = yield self.open(after=frame(0x81, b"a", None))
        conn.read_message(callback=calls.append)
        yield until(lambda: calls)
        self.assertEqual(calls[0].result(), u"a")

    @each(("short", 3, None), ("long", 1000, None), ("longer", 100, 250), ("shorter", 100, 50),
          ("zero", 100, 0))
    @async_test
    def test_ping_timeout(self, interval, timeout):
        """Section 11: default and cap of the ping timeout are as installed; import has neither."""
        arguments = dict(ping_interval=interval, ping_timeout=timeout)
        conn, _ = yield self.open(**arguments)
        wanted = timeout
        if timeout is None:
            wanted = interval
            if (4, 5) <= tornado.version_info < (6, 5):
                wanted = max(3 * interval, 30)
        elif tornado.version_info >= (6, 5) and timeout > interval:
            wanted = interval
            self.claim_logs("tornado.general", "ping_timeout")
        self.assertEqual(conn.protocol.ping_timeout, wanted)
        self.websocket = websocket
        conn, _ = yield self.open(**arguments)
        self.assertEqual(conn.protocol.ping_timeout, interval if timeout is None else timeout)

    @each(("interval", -1, None), ("timeout", 100, -1))
    @async_test
    def test_a_time_below_0_is_none(self, interval, timeout):
        """Section 11: no pings, or no limit for their answers, as with the installed Tornado."""
        conn, _ = yield self.open(ping_interval=interval, ping_timeout=timeout)
        self.assertEqual(conn.protocol._keepalive is None, interval < 0)
        self.assertEqual(conn.protocol.ping_timeout, 0)

    @unittest.skipIf(tornado.version_info < (4, 5), "it has no on_ping")
    @async_test
    def test_on_ping_of_the_instance(self):
        """Section 11: it is called, as with the installed Tornado."""
        pings = []
        conn, peer = yield self.open()
        conn.on_ping = pings.append
        peer.send(frame(0x89, b"hi", None))
        yield until(lambda: pings == [b"hi"])


@unittest.skipIf(tornado.version_info < (5, 1), "it is a deque")
@with_rows
class ReadQueueTest(InstalledClientCase):
    """The ``read_queue`` of a client, as far as it stands for a ``tornado.queues.Queue``."""

    @async_test
    def test_get_with_a_time_limit(self):
        """It is as Tornado's: a deadline, or a timedelta from now; and no message is lost."""
        conn, peer = yield self.open()
        for timeout in (self.io_loop.time() + 0.01, datetime.timedelta(seconds=0.01)):
            with self.assertRaises(gen.TimeoutError):
                yield conn.read_queue.get(timeout=timeout)
        peer.send(frame(0x81, b"a", None), frame(0x81, b"b", None))
        got = yield conn.read_queue.get(timeout=datetime.timedelta(seconds=60))
        self.assertEqual(got, u"a")
        self.assertEqual((yield conn.read_message()), u"b")

    @async_test
    def test_get_nowait(self):
        """It gives what is there, None after the end, and is an error while there is nothing."""
        conn, peer = yield self.open()
        self.assertRaises(queues.QueueEmpty, conn.read_queue.get_nowait)
        peer.send(*[frame(0x81, b"x", None)] * 40)
        yield until(lambda: conn.read_queue.qsize() == 40)
        self.assertEqual([conn.read_queue.get_nowait() for _ in range(40)], [u"x"] * 40)
        peer.close()
        yield conn.wait_closed()
        self.assertIsNone(conn.read_queue.get_nowait())


@with_rows
class LimitTest(InstalledClientCase):
    """Section 11: the default limit, `_default_max_message_size` and None."""

    def setUp(self):
        super(LimitTest, self).setUp()
        self.before = getattr(installed, "_default_max_message_size", None)

    def tearDown(self):
        if self.before is None:
            vars(installed).pop("_default_max_message_size", None)
        else:
            installed._default_max_message_size = self.before
        super(LimitTest, self).tearDown()

    @gen.coroutine
    def check_limit(self, limit, **arguments):
        """The client takes a message of ``limit`` bytes and refuses one more."""
        conn, peer = yield self.open(**arguments)
        peer.send(frame(0x82, b"x" * limit, None))
        message = yield conn.read_message()
        self.assertEqual(len(message), limit)
        peer.send(frame(0x82, b"x" * (limit + 1), None))
        self.assertEqual((yield peer.read_frame()).payload[:2], b"\x03\xf1")
        self.assertIs((yield conn.read_message()), None)

    @each(("nothing_given", {}), ("none_given", {"max_message_size": None}))
    @async_test
    def test_the_patched_default(self, arguments):
        """Programs set ``tornado.websocket._default_max_message_size``: it takes effect."""
        installed._default_max_message_size = 1000
        yield self.check_limit(1000, **arguments)
        installed._default_max_message_size = 2000
        yield self.check_limit(2000, **arguments)

    @async_test
    def test_an_own_limit_comes_first(self):
        installed._default_max_message_size = 1000
        yield self.check_limit(1500, max_message_size=1500)

    @async_test
    def test_the_default_as_it_is(self):
        """10 MiB from 4.5 on."""
        limit = 10 * 1024 * 1024
        conn, peer = yield self.open()
        peer.send(b"\x82\x7f\x00\x00\x00\x00\x00\xa0\x00\x01")
        if tornado.version_info >= (4, 5):
            self.assertEqual((yield peer.read_frame()).payload[:2], b"\x03\xf1")
        else:
            peer.send(b"x" * (limit + 1))
            self.assertEqual(len((yield conn.read_message())), limit + 1)

    @async_test
    def test_the_face_has_its_own(self):
        """C1: the patch is for the installed module; 4.3's semantics stay."""
        installed._default_max_message_size = 1000
        self.websocket = websocket
        conn, peer = yield self.open()
        peer.send(frame(0x82, b"x" * 1001, None))
        self.assertEqual(len((yield conn.read_message())), 1001)

    @each(("nothing", {}), ("none", {"websocket_max_message_size": None}))
    @async_test
    def test_a_server_with_the_patched_default(self, settings):
        """Also for handlers; a setting of None means the default."""
        class Handler(installed.WebSocketHandler):
            def on_message(self, message):
                self.write_message(u"%d" % len(message))
        self._app.settings.update(settings)
        installed._default_max_message_size = 1000
        peer = yield self.open_raw(Handler)
        peer.send(frame(0x82, b"x" * 1000))
        self.assertEqual((yield peer.read_frame()), (0x81, b"1000"))
        peer.send(frame(0x82, b"x" * 1001))
        self.assertEqual((yield peer.read_frame()).payload[:2], b"\x03\xf1")

    @async_test
    def test_a_server_with_a_setting(self):
        class Handler(installed.WebSocketHandler):
            def on_message(self, message):
                self.write_message(u"%d" % len(message))
        self._app.settings["websocket_max_message_size"] = 500
        peer = yield self.open_raw(Handler)
        peer.send(frame(0x82, b"x" * 501))
        self.assertEqual((yield peer.read_frame()).payload[:2], b"\x03\xf1")
