"""`tornado_ws.testing.WebSocketTestCase` (C63)."""
from __future__ import absolute_import, division, print_function

import os
import ssl
import unittest

from peers import until
from tornado import gen, testing
from tornado.httpclient import HTTPError, HTTPRequest
from tornado.web import Application

from tornado_ws import websocket
from tornado_ws.testing import WebSocketTestCase


class Echo(websocket.WebSocketHandler):
    ended = []

    def on_message(self, message):
        return self.write_message(message)

    def on_close(self):
        self.ended.append(self.close_code)


class Origin(websocket.WebSocketHandler):
    def open(self):
        self.write_message(self.request.headers["Origin"] + self.request.uri)


class Case(WebSocketTestCase):
    __test__ = False
    runTest = None  # pytest makes an instance without a test: Tornado < 6.4 needs the name

    def get_app(self):
        return Application([("/echo", Echo), ("/origin", Origin)])


class HelperTest(Case):
    __test__ = True

    @testing.gen_test
    def test_messages(self):
        """C63: a path is enough; the HTTP client of `AsyncHTTPTestCase` works beside it."""
        conn = yield self.ws_connect("/echo")
        conn.write_message(u"hello")
        self.assertEqual((yield conn.read_message()), u"hello")
        with self.assertRaises(HTTPError) as caught:
            yield self.http_client.fetch(self.get_url("/echo"))
        self.assertEqual(caught.exception.code, 400)

    @testing.gen_test
    def test_request(self):
        """C63: headers are those of an HTTPRequest, which is not changed."""
        origin = "http://127.0.0.1:%d" % self.get_http_port()
        request = HTTPRequest("/origin?a=b", headers={"Origin": origin})
        conn = yield self.ws_connect(request)
        self.assertEqual((yield conn.read_message()), origin + "/origin?a=b")
        self.assertEqual(request.url, "/origin?a=b")
        request.headers["Origin"] = "http://evil.example"
        with self.assertRaises(HTTPError) as caught:
            yield self.ws_connect(request)
        self.assertEqual(caught.exception.code, 403)

    @testing.gen_test
    def test_arguments(self):
        """C63: those of `websocket_connect`, a class too."""
        class Client(websocket.WebSocketClientConnection):
            pass

        messages = []
        conn = yield self.ws_connect("/echo", connection_class=Client, subprotocols=["chat"],
                                     on_message_callback=messages.append)
        self.assertIsInstance(conn, Client)
        self.assertEqual(conn.request.headers["Sec-WebSocket-Protocol"], "chat")
        conn.write_message(u"x")
        yield until(lambda: messages)


class HTTPSTest(Case, testing.AsyncHTTPSTestCase):
    __test__ = True

    def get_ssl_options(self):
        from peers import tls_context
        return tls_context()

    def get_app(self):
        return Application([("/echo", Echo)])

    @testing.gen_test
    def test_tls(self):
        """C63: with `AsyncHTTPSTestCase` it is ``wss``, and any certificate will do."""
        conn = yield self.ws_connect("/echo")
        self.assertIsInstance(conn.protocol.stream.socket, ssl.SSLSocket)


class Left(Case):
    """What a test leaves open: run by the tests below."""

    def test_open(self):
        self.conn = self.io_loop.run_sync(lambda: self.ws_connect("/echo"))

    def test_connecting(self):
        self.future = self.ws_connect("/echo")

    def test_failed(self):
        self.future = self.ws_connect("/nothing")
        self.io_loop.run_sync(lambda: until(self.future.done))

    @testing.gen_test
    def test_silence(self):
        conn = yield self.ws_connect("/echo")
        with self.assertRaises(gen.TimeoutError):
            os.environ["ASYNC_TEST_TIMEOUT"] = "0.05"
            yield conn.read_message()
        conn.write_message(u"still there")
        self.assertEqual((yield conn.read_message()), u"still there")


class EndTest(unittest.TestCase):
    def run_left(self, name):
        value = os.environ.get("ASYNC_TEST_TIMEOUT")
        case = Left("test_" + name)
        result = unittest.TestResult()
        try:
            case.run(result)
        finally:
            os.environ.pop("ASYNC_TEST_TIMEOUT", None)
            if value is not None:
                os.environ["ASYNC_TEST_TIMEOUT"] = value
        self.assertEqual((result.errors, result.failures), ([], []))
        return case

    def test_an_open_connection_is_closed(self):
        """C63: and waited for."""
        del Echo.ended[:]
        case = self.run_left("open")
        self.assertIsNotNone(case.conn._ws_ended)

    def test_an_attempt_is_given_up(self):
        """C63: and a failed one is no matter."""
        self.assertTrue(self.run_left("connecting").future.done())
        self.run_left("failed")

    def test_no_read_waits_for_ever(self):
        """C63: it fails when the time is over, and takes no message then."""
        self.run_left("silence")
