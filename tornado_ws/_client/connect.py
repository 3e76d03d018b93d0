"""`websocket_connect`: from a URL to a connection."""
from __future__ import absolute_import, division, print_function

import copy
import functools
import numbers

from tornado import httpclient, httputil
from tornado.ioloop import IOLoop

from tornado_ws._client.connection import WebSocketClientConnection
from tornado_ws._client.reconnect import Connections, Session
from tornado_ws._client.redirects import Redirects, copy_request, with_defaults
from tornado_ws._client.route import Ways
from tornado_ws._client.url import check_url
from tornado_ws._compat import futures
from tornado_ws._compat.http import ROUTE
from tornado_ws._connection.additions import check_limits
from tornado_ws._sansio import deflate, handshake


class ConnectFuture(futures.Future):
    """The Future of a `WebSocketClientConnection`; on Python 3 also two things more.

    ``async with websocket_connect(url) as conn:`` connects, and closes at the end.
    ``async for conn in websocket_connect(url):`` connects again and again.
    """

    _ws_make_session = None  # f(future) -> Session
    _ws_session = None

    def __aenter__(self):
        return self

    def __aexit__(self, *exc_info):
        return self.result()._ws_close_and_wait()

    def __aiter__(self):
        session = self._ws_get_session()
        if not session.goes_on:
            raise ValueError("a socket that is connected cannot be connected again")
        return Connections(session)

    def aclose(self):
        """Close the connection that ``async for`` had; return a Future, done when it is closed."""
        return self._ws_get_session().close()

    def _ws_get_session(self):
        if self._ws_session is None:
            self._ws_session = self._ws_make_session(self)
        return self._ws_session


def _check_call(url, io_loop, callback, connect_timeout, max_redirects, on_message_callback,
                compression_options, resolver, **limits):
    if not isinstance(getattr(url, "url", url), (str, type(u""))):
        raise TypeError("a WebSocket URL is a str, not %r" % (getattr(url, "url", url),))
    if not hasattr(io_loop or IOLoop, "add_callback"):
        raise TypeError("io_loop is an IOLoop, not %r; as in Tornado 4.3 it is the second argument:"
                        " give a callback by name (callback=...)" % (io_loop,))
    for name, function in (("callback", callback), ("on_message_callback", on_message_callback)):
        if not (function is None or callable(function)):
            raise TypeError("%s is a function or None, not %r" % (name, function))
    if isinstance(connect_timeout, numbers.Real) and connect_timeout < 0:
        raise ValueError("connect_timeout is in seconds, 0 for none: not %r" % (connect_timeout,))
    if not isinstance(max_redirects, numbers.Integral):
        raise TypeError("max_redirects is an int, not %r" % (max_redirects,))
    if max_redirects < 0:
        raise ValueError("max_redirects is 0 or more, not %d" % max_redirects)
    if compression_options is not None:
        deflate.check_options(compression_options)
    check_limits(**limits)


def _copy_request(url, connect_timeout):
    """Make the HTTP request of the handshake; the caller's own is not changed."""
    if isinstance(url, httpclient.HTTPRequest):
        request = copy.copy(url)
        request.headers = httputil.HTTPHeaders(request.headers)
        if connect_timeout is not None:
            request.connect_timeout = connect_timeout
            if request.request_timeout is None:
                request.request_timeout = connect_timeout
    else:
        request = httpclient.HTTPRequest(url, connect_timeout=connect_timeout,
                                         request_timeout=connect_timeout)
    check_url(request.url)
    return request


def _call_when_done(io_loop, future, callback):
    if callback is not None:
        io_loop.add_future(future, callback)


def _connect_later(connect, future):
    try:
        connect()
    except Exception as error:
        future.set_exception(error)


def _given(**limits):
    """Return the limits that were given: a class of a program's own may not know the others."""
    return dict((name, limit) for name, limit in limits.items() if limit is not None)


def _make_connection(connection_class, ways, request, **arguments):
    request = with_defaults(copy_request(request))
    setattr(request, ROUTE, ways.route(request.url))
    return connection_class(request=request, **arguments)


def _connect(io_loop, request, max_redirects, ways, make, future):
    if max_redirects:
        stay = ways.unix_socket is not None
        Redirects(io_loop, request, max_redirects, stay, make, future).start()
    else:
        make(request=request, connect_future=future)


def _connect_again(io_loop, connect):
    future = futures.new_future(io_loop, ConnectFuture)
    _connect_later(functools.partial(connect, future), future)
    return future


def _start(url, io_loop, callback, connect_timeout, max_redirects, connection_class, subprotocols,
           proxy, sock, unix_socket, close_timeout, max_buffered_amount, **options):
    limits = dict(close_timeout=close_timeout, max_buffered_amount=max_buffered_amount)
    _check_call(url, io_loop, callback, connect_timeout, max_redirects, **dict(options, **limits))
    options.update(_given(**limits))
    request = _copy_request(url, connect_timeout)
    ways = Ways(request, proxy, sock, unix_socket)
    if sock is not None and max_redirects:
        raise ValueError("a redirect cannot be followed over a socket that is connected")
    subprotocols = handshake.check_subprotocols(subprotocols)
    io_loop = io_loop or IOLoop.current()
    future = futures.new_future(io_loop, ConnectFuture)
    make = functools.partial(_make_connection, connection_class, ways, io_loop=io_loop,
                             subprotocols=subprotocols, **options)
    connect = functools.partial(_connect, io_loop, request, max_redirects, ways, make)
    again = None if sock else functools.partial(_connect_again, io_loop, connect)
    future._ws_make_session = functools.partial(Session, io_loop, again)
    if IOLoop.current(instance=False) is io_loop:
        connect(future)
        _call_when_done(io_loop, future, callback)
    else:
        io_loop.add_callback(_call_when_done, io_loop, future, callback)
        io_loop.add_callback(_connect_later, functools.partial(connect, future), future)
    return future


def websocket_connect(url, io_loop=None, callback=None, connect_timeout=None,
                      on_message_callback=None, compression_options=None, ping_interval=None,
                      ping_timeout=None, max_message_size=None, subprotocols=None,
                      resolver=None, connection_class=WebSocketClientConnection,
                      close_timeout=None, max_buffered_amount=None, max_redirects=0, proxy=None,
                      sock=None, unix_socket=None):
    """Open a WebSocket to a server.

    Args:
        url: A ``ws:`` or ``wss:`` URL, or an ``HTTPRequest`` with one, whose headers,
            authentication, TLS options, proxy and timeouts are used.
        io_loop: The IOLoop to live on; None for the current one.
        callback: Called on the IOLoop with the Future when it is done, or None.
        connect_timeout: Seconds until the connection is open (name look-up, TCP, TLS, handshake,
            also of proxies and redirects together); None is 20, 0 is for ever.
        on_message_callback: Called with each message, and with None at the end, instead of
            `WebSocketClientConnection.read_message`.
        compression_options: None, or a dict as from `WebSocketHandler.get_compression_options`.
        ping_interval: Seconds between pings; None or 0 for none.
        ping_timeout: Seconds within which a pong has to come; None is the interval, 0 for ever.
        max_message_size: The most bytes of a message, as sent and inflated; None is 100 MiB.
        subprotocols: A list of str to offer, the preferred first, or None.
        resolver: A ``tornado.netutil.Resolver``, or None for the default.
        connection_class: The class to make.
        close_timeout: Seconds for the server to answer a close frame, 0 to wait for no answer;
            None is 5.
        max_buffered_amount: As `WebSocketHandler.max_buffered_amount`; None is no limit.
        max_redirects: How many redirects are followed (RFC 7231 section 6.4).
        proxy: The URL of a proxy, or True for the one that the environment names.
        sock, unix_socket: A connected socket, or a path, to use in place of TCP.

    Returns:
        A Future of a `WebSocketClientConnection`. It fails with ``HTTPError`` if server or proxy
        answers with an HTTP error or redirects once more, or if the time is over (599); with
        `WebSocketError` if it answers anything else that is no right handshake; with
        ``StreamClosedError`` or another ``IOError`` if the network fails.

    Raises:
        ValueError: The URL, a time or limit, an option, a subprotocol or a proxy cannot be used.
        TypeError: An argument is of the wrong kind.
        ImportError, NotImplementedError: What SOCKS needs is not there.
    """
    return _start(**locals())
