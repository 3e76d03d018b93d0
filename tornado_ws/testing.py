"""A test case for WebSocket handlers, after ``tornado.testing``."""
from __future__ import absolute_import, division, print_function

import copy

from tornado import gen, testing
from tornado.httpclient import HTTPRequest

from tornado_ws._client.connect import websocket_connect
from tornado_ws._client.connection import WebSocketClientConnection
from tornado_ws._compat import futures, loop

__all__ = ["WebSocketTestCase"]


class _Bounded(object):
    """A client connection that does not wait for a message for ever."""

    def _ws_read(self, iterating):
        future = super(_Bounded, self)._ws_read(iterating)
        if not future.done():
            seconds = testing.get_async_test_timeout()
            timer = loop.call_later(self.io_loop, seconds, _fail, future, seconds)
            futures.on_done(self.io_loop, future,
                            lambda future: self.io_loop.remove_timeout(timer))
        return future


def _fail(future, seconds):
    if not future.done():
        future.set_exception(gen.TimeoutError("no message within %s seconds" % seconds))


class WebSocketTestCase(testing.AsyncHTTPTestCase):
    """Runs an application on a free port, and connects to its WebSockets.

    A subclass has ``get_app``, as of ``tornado.testing.AsyncHTTPTestCase``; it may also be one of
    ``AsyncHTTPSTestCase``.
    """

    def get_ws_url(self, path):
        """Return the WebSocket URL of a path of the application."""
        scheme = "wss" if self.get_protocol() == "https" else "ws"
        return "%s://127.0.0.1:%d%s" % (scheme, self.get_http_port(), path)

    def ws_connect(self, path, **kwargs):
        """Connect to the application.

        No wait is longer than ``ASYNC_TEST_TIMEOUT`` of the environment, or 5 seconds: neither the
        one for the connection nor those for a message, which fail with
        ``tornado.gen.TimeoutError``. What the test leaves open is closed when it has ended.

        Args:
            path: The path and query, or an ``HTTPRequest`` with them in place of a URL. Any
                certificate is trusted.
            kwargs: As of ``websocket_connect``.

        Returns:
            The Future that ``websocket_connect`` returns.

        Raises:
            ValueError, TypeError: As of ``websocket_connect``.
        """
        request = HTTPRequest(path) if not isinstance(path, HTTPRequest) else copy.copy(path)
        request.url = self.get_ws_url(request.url)
        if request.ssl_options is None:
            request.validate_cert = False
        base = kwargs.pop("connection_class", WebSocketClientConnection)
        timeout = kwargs.pop("connect_timeout", None) or testing.get_async_test_timeout()
        request.request_timeout = timeout
        future = websocket_connect(
            request, connection_class=type(base.__name__, (_Bounded, base), {}),
            connect_timeout=timeout, io_loop=kwargs.pop("io_loop", None) or self.io_loop, **kwargs)
        self.__dict__.setdefault("_ws_futures", []).append(future)
        return future

    def tearDown(self):
        try:
            self.io_loop.run_sync(self._ws_close_all)
        finally:
            super(WebSocketTestCase, self).tearDown()

    @gen.coroutine
    def _ws_close_all(self):
        yield [future.aclose() for future in self.__dict__.pop("_ws_futures", ())]
