"""The part of `_compat` that is about Tornado's HTTP client."""
from __future__ import absolute_import, division, print_function

import functools
import ssl
import sys

import tornado
from tornado import gen, httpclient, iostream, netutil, simple_httpclient
from tornado.tcpclient import TCPClient

if sys.version_info < (3,):
    # Python 2: another name.
    from urlparse import urljoin
else:
    # Python >= 3.
    from urllib.parse import urljoin  # noqa: F401 (it is exported)

_MAX_HEADER_SIZE = 64 * 1024
_FOR_EVER = 365 * 24 * 3600  # seconds
_PIECE = 64 * 1024  # bytes of a body that are read at once
ROUTE = "_ws_route"  # an attribute of a request: see _TCPClient
MAX_BODY = 1024 * 1024  # bytes that are kept of the answer that refuses a connection

if tornado.version_info < (5, 1):
    # Tornado < 5.1: there is one class, with a status of its own.
    def timeout_error(message):
        """Make the error of the installed Tornado's HTTP client for a time that is over."""
        return httpclient.HTTPError(599, message)

    def stream_closed_error(message):
        """Make the error of the installed Tornado's HTTP client for a stream that was closed."""
        return httpclient.HTTPError(599, message)
else:
    # Tornado >= 5.1: each has a class.
    def timeout_error(message):
        """Make the error of the installed Tornado's HTTP client for a time that is over."""
        return simple_httpclient.HTTPTimeoutError(message)

    def stream_closed_error(message):
        """Make the error of the installed Tornado's HTTP client for a stream that was closed."""
        return simple_httpclient.HTTPStreamClosedError(message)


class _TCPClient(TCPClient):
    """A TCPClient whose ``close`` gives up what it is connecting, TLS included.

    Attributes:
        phase: What it is doing, in words.
        route: What connects in place of TCP, or None: its ``connect(tcp_client, host, port,
            max_buffer_size)`` gives a Future of a stream, its ``close()`` gives that up, its
            ``phase`` says what it does.
    """

    phase = route = None

    def __init__(self, *args, **kwargs):
        super(_TCPClient, self).__init__(*args, **kwargs)
        self._streams = []
        self._closed = False

    def _create_stream(self, *args, **kwargs):
        created = super(_TCPClient, self)._create_stream(*args, **kwargs)
        self.phase = "while connecting to %s:%s" % self._target
        if isinstance(created, tuple):
            # Tornado >= 5.0: the stream and a Future; before it only the Future.
            self._streams.append(created[0])
            if self._closed:
                created[0].close()
        return created

    def connect(self, host, port, ssl_options=None, **kwargs):
        self._target = host, port
        if ssl_options is not None:
            return self._connect_tls(host, port, ssl_options, **kwargs)
        return self._connect_plain(host, port, **kwargs)

    def _connect_plain(self, host, port, **kwargs):
        if self.route is not None:
            self.phase = self.route.phase
            return self._connect_by_route(host, port, **kwargs)
        self.phase = "while resolving %s" % host
        return super(_TCPClient, self).connect(host, port, **kwargs)

    @gen.coroutine
    def _connect_by_route(self, host, port, **kwargs):
        stream = yield self.route.connect(self, host, port, kwargs["max_buffer_size"])
        self._streams = [stream]
        if self._closed:
            stream.close()
        raise gen.Return(stream)

    @gen.coroutine
    def _connect_tls(self, host, port, ssl_options, **kwargs):
        stream = yield self._connect_plain(host, port, **kwargs)
        stream.io_loop.remove_handler(stream.socket)
        plain, stream.socket = stream.socket, None
        self._streams = []
        self.phase = "during TLS handshake with %s:%s" % self._target
        try:
            wrapped = netutil.ssl_wrap_socket(plain, ssl_options, server_hostname=host,
                                              do_handshake_on_connect=False)
        except Exception:
            plain.close()
            raise
        stream = iostream.SSLIOStream(wrapped, ssl_options=ssl_options,
                                      max_buffer_size=kwargs["max_buffer_size"])
        self._streams = [stream]
        yield stream.wait_for_handshake()
        raise gen.Return(stream)

    def close(self):
        super(_TCPClient, self).close()
        self._closed = True
        if self.route is not None:
            self.route.close()
        for stream in self._streams:
            stream.close()


@gen.coroutine
def _read_until_close(stream, delegate):
    """Give a delegate a body that ends with the stream, piece by piece."""
    while True:
        try:
            piece = yield stream.read_bytes(_PIECE, partial=True)
        except iostream.StreamClosedError:
            break
        result = delegate.data_received(piece)
        if result is not None:
            yield result


class _NoticingConnection(simple_httpclient._HTTPConnection):
    """Tornado's connection, which also notices an answer that is no HTTP, and its size.

    Attributes:
        lost_in_answer: Whether the stream was closed while the answer was read.
    """

    lost_in_answer = False
    _body_size = 0

    def data_received(self, chunk):
        room = MAX_BODY - self._body_size
        if self.request.streaming_callback is None:
            self._body_size += len(chunk)
        if self._body_size <= MAX_BODY:
            return super(_NoticingConnection, self).data_received(chunk)
        if room >= 0:
            super(_NoticingConnection, self).data_received(chunk[:room])
            self._body_size = MAX_BODY + 1
            self.finish()
        return None

    def _on_end_request(self):
        # A stream that is closed while Tornado reads is an error to it, which would come first.
        if self._body_size <= MAX_BODY:
            super(_NoticingConnection, self)._on_end_request()

    def describe_timeout(self):
        """Tell what the time was over for, in the words of Tornado 6.6."""
        phase = "during request" if hasattr(self, "stream") else self.tcp_client.phase
        return "Timeout %s" % phase

    def _create_connection(self, stream):
        connection = super(_NoticingConnection, self)._create_connection(stream)
        # Tornado < 6.6: it reads a body without a length as a whole.
        connection._read_body_until_close = functools.partial(_read_until_close, stream)
        read_response = connection.read_response

        def on_end(future):
            del connection.read_response  # refers to the delegate, which refers to it
            if stream.closed():
                self.lost_in_answer = future.cancelled() or future.exception() is not None
                self.on_connection_close()

        def watch(delegate):
            future = gen.convert_yielded(read_response(delegate))
            self.io_loop.add_future(future, on_end)
            return future

        connection.read_response = watch
        return connection


class _OldHTTPConnection(_NoticingConnection):
    """The same where Tornado cannot take over a connection after an interim response."""

    def headers_received(self, first_line, headers):
        if first_line.code < 200:
            return self._ws_refuse_response()
        return super(_OldHTTPConnection, self).headers_received(first_line, headers)


class _OldestHTTPConnection(_OldHTTPConnection):
    """The same where Tornado does not check every host name."""

    def _get_ssl_options(self, scheme):
        request = self.request
        if scheme != "https" or request.ssl_options is not None:
            return request.ssl_options if scheme == "https" else None
        context = ssl.create_default_context(cafile=request.ca_certs)
        if not request.validate_cert:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        if request.client_cert is not None:
            context.load_cert_chain(request.client_cert, request.client_key)
        return context


if tornado.version_info < (5,):
    # Tornado < 5.0: with ca_certs it checks no host name.
    _HTTPConnection = _OldestHTTPConnection
elif tornado.version_info < (6, 5):
    # Tornado 5.0-6.4: after an interim response it reads on from the stream that was detached.
    _HTTPConnection = _OldHTTPConnection
else:
    # Tornado >= 6.5: neither.
    _HTTPConnection = _NoticingConnection


class HTTPConnection(_HTTPConnection):
    """Tornado's HTTP client connection for one request, which starts at once.

    Args:
        io_loop: The IOLoop, the current one.
        request: The ``HTTPRequest`` with Tornado's defaults.
        on_response: Called with the ``HTTPResponse`` unless the connection is taken over.
        resolver: The name resolver, or None for Tornado's own.
        max_buffer_size: Of the stream, in bytes.
    """

    def __init__(self, io_loop, request, on_response, resolver, max_buffer_size):
        for name in ("connect_timeout", "request_timeout"):
            if not getattr(request, name):
                # Tornado 5: without a timeout it does not even connect.
                setattr(request, name, _FOR_EVER)
        if tornado.version_info < (5,):
            # Tornado < 5.0: the loop is an argument.
            args = (io_loop, None)
            self.tcp_client = _TCPClient(resolver=resolver, io_loop=io_loop)
        else:
            # Tornado >= 5.0: it is the current one.
            args = (None,)
            self.tcp_client = _TCPClient(resolver=resolver)
        self.tcp_client.route = getattr(request, ROUTE, None)
        # What is kept of a body has a limit of its own.
        args += (request, _release, on_response, max_buffer_size, self.tcp_client,
                 _MAX_HEADER_SIZE, sys.maxsize)
        super(HTTPConnection, self).__init__(*args)


def _release():
    """Return the connection to a pool: there is none."""
