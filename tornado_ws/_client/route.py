"""The ways to a server other than TCP: through a proxy, over a socket that is there, or a path.

A route is for one connection. Its ``connect`` gives a Future of a stream, ``close`` gives that up,
and ``phase`` says what it is about.
"""
from __future__ import absolute_import, division, print_function

import base64
import socket
import ssl

from tornado import gen, httpclient, httputil
from tornado.escape import native_str, utf8
from tornado.ioloop import IOLoop
from tornado.iostream import IOStream, StreamClosedError

from tornado_ws._client import proxy as proxies
from tornado_ws._client.redirects import with_defaults
from tornado_ws._compat import futures, http, socks
from tornado_ws._errors import WebSocketError

_PROXY_OPTIONS = ("proxy_host", "proxy_port", "proxy_username", "proxy_password")


class Tunnel(http.HTTPConnection):
    """Asks an HTTP proxy for a tunnel (RFC 7231 section 4.3.6).

    Args:
        io_loop: The IOLoop, the current one.
        proxy: A `Proxy`.
        target: ``host:port``.
        resolver: The name resolver.
        max_buffer_size: Of the stream, in bytes.
    """

    def __init__(self, io_loop, proxy, target, resolver, max_buffer_size):
        self.future = futures.new_future(io_loop)
        self._target = target
        self._fields = httputil.HTTPHeaders({"Host": target})
        if proxy.username is not None:
            self._fields["Proxy-Authorization"] = native_str(b"Basic " + base64.b64encode(
                utf8(proxy.username) + b":" + utf8(proxy.password)))
        request = httpclient.HTTPRequest(
            "http://%s/" % _authority(proxy.host, proxy.port), method="CONNECT",
            allow_nonstandard_methods=True, follow_redirects=False, decompress_response=False)
        request = with_defaults(request)
        request.connect_timeout = request.request_timeout = 0  # the connection has its own
        super(Tunnel, self).__init__(io_loop, request, self._on_response, resolver,
                                     max_buffer_size)

    def _create_connection(self, stream):
        connection = super(Tunnel, self)._create_connection(stream)

        def write_headers(start_line, headers):
            del connection.write_headers  # refers to the connection
            return connection.write_headers(
                httputil.RequestStartLine("CONNECT", self._target, "HTTP/1.1"), self._fields)

        connection.write_headers = write_headers
        return connection

    def headers_received(self, start_line, headers):
        if not 200 <= start_line.code < 300:
            return super(Tunnel, self).headers_received(start_line, headers)
        self.final_callback = None
        self._remove_timeout()
        stream = self.connection.detach()
        stream.set_close_callback(None)
        if self.future.done():
            stream.close()
        else:
            self.future.set_result(stream)
        return None

    def _ws_refuse_response(self):
        self._fail(WebSocketError("the proxy's answer is none to CONNECT"))

    def on_connection_close(self):
        if self.final_callback is not None:  # else the answer is on its way
            self._fail(StreamClosedError(real_error=self.stream.error))
            self.close()

    def _on_response(self, response):
        self._fail(response.error)

    def _fail(self, error):
        if not self.future.done():
            self.future.set_exception(error)

    def _handle_exception(self, typ, value, tb):
        return super(Tunnel, self)._handle_exception(typ, value, tb) or self.future.done()

    def close(self):
        """Give up, if there is no tunnel yet."""
        self._fail(StreamClosedError())
        if self.final_callback is not None:
            self.final_callback = None
            self._remove_timeout()
            self.tcp_client.close()
            if hasattr(self, "stream"):
                self.stream.close()


def _authority(host, port):
    """Write a host and a port as in a URL; a name that is not ASCII by IDNA (RFC 5890)."""
    if ":" in host:
        return "[%s]:%d" % (host, port)
    return "%s:%d" % (native_str(host.encode("idna")), port)


class TunnelRoute(object):
    """The way through an HTTP proxy.

    Args:
        proxy: A `Proxy`.
    """

    _tunnel = None

    def __init__(self, proxy):
        self._proxy = proxy
        self.phase = "while connecting to the proxy %s:%s" % proxy[1:3]

    def connect(self, tcp_client, host, port, max_buffer_size):
        """Begin to connect; return a Future of a stream."""
        self._tunnel = Tunnel(IOLoop.current(), self._proxy, _authority(host, port),
                              tcp_client.resolver, max_buffer_size)
        return self._tunnel.future

    def close(self):
        """Give up."""
        if self._tunnel is not None:
            self._tunnel.close()


class SocksRoute(object):
    """The way through a SOCKS proxy.

    Args:
        proxy: A `Proxy`.
    """

    _task = _future = None
    _closed = False

    def __init__(self, proxy):
        self._proxy = proxy._replace(scheme=proxy.scheme.rstrip("h"))
        self._resolves = proxy.scheme.endswith("h")
        self.phase = "while connecting to the proxy %s:%s" % proxy[1:3]

    @gen.coroutine
    def connect(self, tcp_client, host, port, max_buffer_size):
        """Begin to connect; return a Future of a stream."""
        if not self._resolves:
            family = socket.AF_INET if self._proxy.scheme == "socks4" else socket.AF_UNSPEC
            addresses = yield tcp_client.resolver.resolve(host, port, family)
            host = addresses[0][1][0]
        if self._closed:
            raise StreamClosedError()
        io_loop = IOLoop.current()
        # Tornado < 6.1: a coroutine cannot take that what it waits for is cancelled.
        self._future = futures.new_future(io_loop)
        self._task = socks.connect(self._proxy, host, port)
        futures.on_done(io_loop, self._task, self._on_task)
        sock = yield self._future
        raise gen.Return(IOStream(sock, max_buffer_size=max_buffer_size))

    def _on_task(self, task):
        failure = futures.failure(task)
        if self._closed:
            if failure is None:
                task.result().close()
        elif failure is None:
            self._future.set_result(task.result())
        else:
            error, refused = socks.failure(failure[1])
            self._future.set_exception(error or WebSocketError(refused))

    def close(self):
        """Give up."""
        self._closed = True
        if self._task is not None:
            self._task.cancel()
        if self._future is not None and not self._future.done():
            self._future.set_exception(StreamClosedError())


class SocketRoute(object):
    """The way over a socket that is connected.

    Args:
        sock: The socket.
    """

    phase = "over a socket"

    def __init__(self, sock):
        self._socket = sock

    @gen.coroutine
    def connect(self, tcp_client, host, port, max_buffer_size):
        """Return a Future of a stream."""
        sock, self._socket = self._socket, None
        return IOStream(sock, max_buffer_size=max_buffer_size)

    def close(self):
        """Give up."""
        if self._socket is not None:
            self._socket.close()


class PathRoute(object):
    """The way over a Unix socket.

    Args:
        path: The path.
    """

    _stream = None

    def __init__(self, path):
        self._path = path
        self.phase = "while connecting to %s" % path

    def connect(self, tcp_client, host, port, max_buffer_size):
        """Begin to connect; return a Future of a stream."""
        self._stream = IOStream(socket.socket(socket.AF_UNIX), max_buffer_size=max_buffer_size)
        return self._stream.connect(self._path)

    def close(self):
        """Give up."""
        if self._stream is not None:
            self._stream.close()


class Ways(object):
    """How a call wants to get to its server.

    Args:
        request: The ``HTTPRequest``, from which the proxy is taken away.
        proxy: None, a bool or the URL of a proxy.
        sock: A socket or None.
        unix_socket: A path or None.

    Raises:
        ValueError, TypeError: They cannot be used, or not together.
        NotImplementedError, ImportError: There is not what SOCKS needs.
    """

    def __init__(self, request, proxy, sock, unix_socket):
        self.sock = sock
        self.unix_socket = unix_socket
        self._by_environment = proxy is True
        self._proxy = proxies.of_request(request)
        if isinstance(proxy, (str, type(u""))):
            self._proxy = proxies.parse(proxy)
        elif self._by_environment:
            proxies.of_environment(request.url)  # for its errors
        elif proxy not in (None, False):
            raise TypeError("a proxy is a str, True or None, not %r" % (proxy,))
        for name in _PROXY_OPTIONS:
            setattr(request, name, None)
        given = [self._proxy or self._by_environment or None, sock, unix_socket]
        if given.count(None) < 2:
            raise ValueError("there can be one of a proxy, sock and unix_socket")
        if sock is not None:
            _check_socket(sock)

    def route(self, url):
        """Return the route to a URL; None for TCP."""
        proxy = proxies.of_environment(url) if self._by_environment else self._proxy
        if proxy is not None:
            return (TunnelRoute if proxy.scheme == "http" else SocksRoute)(proxy)
        if self.sock is not None:
            return SocketRoute(self.sock)
        return None if self.unix_socket is None else PathRoute(self.unix_socket)


def _check_socket(sock):
    if isinstance(sock, ssl.SSLSocket) or not hasattr(sock, "getpeername"):
        raise TypeError("sock is a socket without TLS, not %r" % (sock,))
    try:
        sock.getpeername()
    except EnvironmentError as error:
        raise ValueError("sock is not connected: %s" % error)
