"""`websocket_connect`: from a URL to a connection."""
from __future__ import absolute_import, division, print_function

import copy
import functools
import numbers
import re

from tornado import httpclient, httputil
from tornado.escape import to_unicode
from tornado.ioloop import IOLoop

from tornado_ws._client.connection import SCHEMES, WebSocketClientConnection
from tornado_ws._compat import futures
from tornado_ws._connection.additions import check_limits
from tornado_ws._sansio import deflate, handshake

_NOT_IN_URL = re.compile(u"[\x00-\x20\x7f]")
_AUTHORITY = re.compile(  # RFC 3986 section 3.2: [ userinfo "@" ] host [ ":" port ]
    r"//(?:[^/?]*@)?(?:\[[^\]/?@]+\]|[^/?@:\[\]]+)(?::([0-9]*))?(?:[/?]|\Z)")
_MAX_PORT = 65535


class ConnectFuture(futures.Future):
    """The Future of a `WebSocketClientConnection`; on Python 3 also a context manager.

    ``async with websocket_connect(url) as conn:`` connects, and closes at the end.
    """

    def __aenter__(self):
        return self

    def __aexit__(self, *exc_info):
        return self.result()._ws_close_and_wait()


def _check_call(url, io_loop, callback, connect_timeout, on_message_callback, compression_options):
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
    if compression_options is not None:
        deflate.check_options(compression_options)


def _copy_request(url, connect_timeout):
    """Make the HTTP request of the handshake; the caller's own is not changed."""
    if isinstance(url, httpclient.HTTPRequest):
        request = copy.copy(url)
        request.headers = httputil.HTTPHeaders(request.headers)
        if connect_timeout is not None:
            request.connect_timeout = connect_timeout
    else:
        request = httpclient.HTTPRequest(url, connect_timeout=connect_timeout,
                                         request_timeout=connect_timeout)
    url = to_unicode(request.url)
    scheme, colon, rest = url.partition(u":")
    if scheme.lower() not in SCHEMES or not colon:
        raise ValueError("a WebSocket URL begins with ws: or wss:, not %r" % url)
    # RFC 6455 section 3: "Fragment identifiers [...] MUST NOT be used on these URIs."
    if u"#" in rest or _NOT_IN_URL.search(rest):
        raise ValueError("a WebSocket URL has no fragment, space or control character: %r" % url)
    authority = _AUTHORITY.match(rest)
    if authority is None or int(authority.group(1) or 0) > _MAX_PORT:
        raise ValueError("a WebSocket URL names a host, and a port up to %d: %r"
                         % (_MAX_PORT, url))
    return httpclient._RequestProxy(request, httpclient.HTTPRequest._DEFAULTS)


def _call_when_done(io_loop, future, callback):
    if callback is not None:
        io_loop.add_future(future, callback)


def _connect_later(connect, future):
    try:
        connect()
    except Exception as error:
        future.set_exception(error)


def _begin(io_loop, connect, future, callback):
    if IOLoop.current(instance=False) is io_loop:
        connect()
        _call_when_done(io_loop, future, callback)
    else:
        io_loop.add_callback(_call_when_done, io_loop, future, callback)
        io_loop.add_callback(_connect_later, connect, future)


def _given(**limits):
    """Return the limits that were given: a class of a program's own may not know the others."""
    check_limits(**limits)
    return dict((name, limit) for name, limit in limits.items() if limit is not None)


def websocket_connect(url, io_loop=None, callback=None, connect_timeout=None,
                      on_message_callback=None, compression_options=None, ping_interval=None,
                      ping_timeout=None, max_message_size=None, subprotocols=None,
                      resolver=None, connection_class=WebSocketClientConnection,
                      close_timeout=None, max_buffered_amount=None):
    """Open a WebSocket to a server.

    Args:
        url: A ``ws:`` or ``wss:`` URL, or an ``HTTPRequest`` with one, whose headers,
            authentication, TLS options and timeouts are used.
        io_loop: The IOLoop to live on; None for the current one.
        callback: Called on the IOLoop with the Future when it is done, or None.
        connect_timeout: Seconds for everything until the connection is open (name look-up, TCP,
            TLS, handshake); None is 20, 0 is for ever.
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

    Returns:
        A Future of a `WebSocketClientConnection`. It fails with ``HTTPError`` if the server
        answers with an HTTP error or redirects, or if the time is over (599); with
        `WebSocketError` if it answers anything else that is no right handshake; with
        ``StreamClosedError`` or another ``IOError`` if the network fails.

    Raises:
        ValueError: The URL, a compression option or a subprotocol cannot be used.
        TypeError: An argument is of the wrong kind.
    """
    _check_call(url, io_loop, callback, connect_timeout, on_message_callback, compression_options)
    limits = _given(close_timeout=close_timeout, max_buffered_amount=max_buffered_amount)
    request = _copy_request(url, connect_timeout)
    subprotocols = handshake.check_subprotocols(subprotocols)
    io_loop = io_loop or IOLoop.current()
    future = futures.new_future(io_loop, ConnectFuture)
    connect = functools.partial(
        connection_class, io_loop=io_loop, request=request, connect_future=future,
        on_message_callback=on_message_callback, compression_options=compression_options,
        ping_interval=ping_interval, ping_timeout=ping_timeout, subprotocols=subprotocols,
        max_message_size=max_message_size, resolver=resolver, **limits)
    _begin(io_loop, connect, future, callback)
    return future
