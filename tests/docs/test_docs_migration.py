"""The rows of the table in ``docs/howto/migrate.rst``: Tornado's own module, and ours.

Each test does the same with both. What Tornado's does depends on its version; ours does not.
"""
from __future__ import absolute_import, division, print_function

import gc
import os
import socket
import warnings

import tornado
import tornado.websocket as stock
from tornado import gen, testing
from tornado.concurrent import Future
from tornado.httpclient import HTTPError, HTTPRequest
from tornado.iostream import IOStream
from tornado.web import Application

from tornado_ws import websocket as ours

TIMEOUT = float(os.environ.get("ASYNC_TEST_TIMEOUT", 60))
MIB = 1024 * 1024
TURNS = 100
async_test = testing.gen_test(timeout=TIMEOUT)
version = tornado.version_info


def handlers(module):
    """Make the handlers of the tests out of a websocket module."""
    class Length(module.WebSocketHandler):
        def on_message(self, message):
            self.write_message(str(len(message)))

    class Waiting(module.WebSocketHandler):
        @gen.coroutine
        def on_message(self, message):
            self.application.notes.append(message)
            if message == "wait":
                yield self.application.gate

    class Noting(module.WebSocketHandler):
        def select_subprotocol(self, subprotocols):
            self.application.notes.append(subprotocols)

        def check_origin(self, origin):
            self.application.notes.append(origin)
            return True

        def open(self):
            self.application.notes.append(getattr(self, "stream", "no stream"))

    class Pinging(module.WebSocketHandler):
        def open(self):
            try:
                self.ping(b"x" * 126)
            except ValueError:
                self.application.notes.append("ValueError")

    return [("/length", Length), ("/waiting", Waiting), ("/noting", Noting), ("/ping", Pinging),
            ("/get", handler_of_4_3(module))]


def handler_of_4_3(module):
    """Make a handler that overrides ``get`` as one could when that was no coroutine."""
    class Getting(module.WebSocketHandler):
        def get(self, *args, **kwargs):
            super(Getting, self).get(*args, **kwargs)

    return Getting


class MigrationCase(object):
    """What is done with both modules."""

    module = None
    settings = {}
    runTest = None  # pytest makes an instance without a test: Tornado < 6.4 needs the name

    def get_app(self):
        application = Application(handlers(self.module), **self.settings)
        application.gate = Future()
        application.notes = self.notes = []
        self.application = application
        return application

    def url(self, path):
        return "ws://127.0.0.1:%d%s" % (self.get_http_port(), path)

    def connect(self, path, **headers):
        headers = dict((name.replace("_", "-"), value) for name, value in headers.items())
        return ours.websocket_connect(HTTPRequest(self.url(path), headers=headers))

    @gen.coroutine
    def turn(self):
        """Give the server time for what has been sent: many requests and answers."""
        for _ in range(TURNS):
            yield gen.moment
        client = yield self.connect("/length")
        yield client.write_message("")
        yield client.read_message()
        client.close()

    @gen.coroutine
    def large(self):
        client = yield self.connect("/length")
        client.write_message(b"x" * (10 * MIB + 1), binary=True)
        answer = yield client.read_message()
        client.close()
        raise gen.Return(answer)

    @gen.coroutine
    def second_message(self):
        client = yield self.connect("/waiting")
        yield client.write_message("wait")
        yield client.write_message("second")
        yield self.turn()
        before = list(self.notes)
        self.application.gate.set_result(None)
        while len(self.notes) < 2:
            yield gen.moment
        client.close()
        raise gen.Return(before)

    @gen.coroutine
    def handshake(self, path="/noting", **headers):
        client = yield self.connect(path, **headers)
        yield self.turn()
        client.close()
        raise gen.Return(self.notes)


class StockTest(MigrationCase, testing.AsyncHTTPTestCase):

    module = stock

    @async_test
    def test_the_limit_is_10_mib_from_4_5(self):
        with testing.ExpectLog("tornado.general", ".*", required=False):
            answer = yield self.large()
        self.assertEqual(answer, None if version >= (4, 5) else str(10 * MIB + 1))

    @async_test
    def test_a_coroutine_holds_messages_back_from_4_5(self):
        notes = yield self.second_message()
        self.assertEqual(notes, ["wait"] if version >= (4, 5) else ["wait", "second"])

    def test_io_loop_is_no_argument_from_5_0(self):
        code = stock.websocket_connect.__code__
        names = code.co_varnames[:code.co_argcount]
        self.assertEqual(names[1], "callback" if version >= (5,) else "io_loop")

    @async_test
    def test_no_subprotocol_is_an_empty_list_from_5_1(self):
        notes = yield self.handshake()
        self.assertEqual(notes[0], [] if version >= (5, 1) else [""])

    @async_test
    def test_a_long_ping_is_a_value_error_from_5_1(self):
        with testing.ExpectLog("tornado.general", ".*", required=False):
            notes = yield self.handshake("/ping")
        self.assertEqual(notes, ["ValueError"] if version >= (5, 1) else [])

    @async_test
    def test_the_stream_is_gone_from_6_0(self):
        notes = yield self.handshake()
        if version >= (6, 2):
            self.assertEqual(notes[-1], "no stream")
        elif version >= (6,):
            self.assertEqual(notes[-1], None)
        else:
            self.assertIsInstance(notes[-1], IOStream)

    @async_test
    def test_versions_7_and_8_are_gone_from_6_6(self):
        yield self.check_old_version(version >= (6, 6))

    @async_test
    def test_check_origin_is_not_asked_from_6_6(self):
        origin = "http://127.0.0.1:%d" % self.get_http_port()
        notes = yield self.handshake(Origin=origin)
        self.assertEqual(origin in notes, version < (6, 6))

    @async_test
    def test_get_has_to_be_awaited_from_6_0(self):
        yield self.check_get(version < (6,))

    @async_test
    def test_sec_fetch_site_comes_first_from_6_6(self):
        yield self.check_fetch_site(version >= (6, 6))

    @gen.coroutine
    def check_get(self, opened):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # "was never awaited"
            try:
                client = yield self.connect("/get")
            except ours.WebSocketError:
                client = None
            gc.collect()
        self.assertEqual(client is not None, opened)
        if client is not None:
            client.close()

    @gen.coroutine
    def check_fetch_site(self, opened):
        """A page of another host, of which the browser says that it is of the same."""
        try:
            client = yield self.connect(
                "/length", Origin="https://a.example", Sec_Fetch_Site="same-origin")
        except HTTPError:
            client = None
        self.assertEqual(client is not None, opened)
        if client is not None:
            client.close()

    @gen.coroutine
    def check_old_version(self, refused):
        stream = IOStream(socket.socket())
        yield stream.connect(("127.0.0.1", self.get_http_port()))
        yield stream.write(
            b"GET /length HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\n"
            b"Connection: Upgrade\r\nSec-WebSocket-Version: 8\r\n"
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
        line = yield stream.read_until(b"\r\n")
        self.assertEqual(line.split()[1], b"426" if refused else b"101")
        stream.close()


class OursTest(StockTest):

    module = ours

    @async_test
    def test_the_limit_is_10_mib_from_4_5(self):
        """Ours: 100 MiB."""
        self.assertEqual((yield self.large()), str(10 * MIB + 1))

    @async_test
    def test_a_coroutine_holds_messages_back_from_4_5(self):
        """Ours: it holds back nothing."""
        self.assertEqual((yield self.second_message()), ["wait", "second"])

    @async_test
    def test_io_loop_is_no_argument_from_5_0(self):
        """Ours: it is the second one."""
        client = yield ours.websocket_connect(self.url("/length"), self.io_loop)
        client.close()

    @async_test
    def test_no_subprotocol_is_an_empty_list_from_5_1(self):
        """Ours: an empty list."""
        self.assertEqual((yield self.handshake())[0], [])

    @async_test
    def test_a_long_ping_is_a_value_error_from_5_1(self):
        """Ours: a ValueError."""
        self.assertEqual((yield self.handshake("/ping")), ["ValueError"])

    @async_test
    def test_the_stream_is_gone_from_6_0(self):
        """Ours: it is there."""
        self.assertIsInstance((yield self.handshake())[-1], IOStream)

    @async_test
    def test_versions_7_and_8_are_gone_from_6_6(self):
        """Ours: they are spoken."""
        yield self.check_old_version(False)

    @async_test
    def test_get_has_to_be_awaited_from_6_0(self):
        """Ours: it need not be."""
        yield self.check_get(True)

    @async_test
    def test_sec_fetch_site_comes_first_from_6_6(self):
        """Ours: it is not looked at."""
        yield self.check_fetch_site(False)

    @async_test
    def test_check_origin_is_not_asked_from_6_6(self):
        """Ours: it is asked always."""
        origin = "http://127.0.0.1:%d" % self.get_http_port()
        self.assertIn(origin, (yield self.handshake(Origin=origin)))


class NoLimitSettingTest(MigrationCase, testing.AsyncHTTPTestCase):
    """The setting ``websocket_max_message_size=None``."""

    module = ours
    settings = {"websocket_max_message_size": None}

    @async_test
    def test_none_is_the_default_limit(self):
        self.assertEqual((yield self.large()), str(10 * MIB + 1))


class StockNoLimitSettingTest(NoLimitSettingTest):

    module = stock

    @async_test
    def test_none_is_the_default_limit(self):
        """Not from Tornado 5.1 on: there no message arrives."""
        with testing.ExpectLog("tornado.general", ".*", required=False), \
                testing.ExpectLog("tornado.application", ".*", required=False):
            client = yield self.connect("/length")
            yield client.write_message("x")
            answer = client.read_message()
            for _ in range(TURNS):
                yield gen.moment
            self.assertEqual(answer.done() and answer.result() is not None, version < (5, 1))
            client.protocol.stream.close()
            yield answer
