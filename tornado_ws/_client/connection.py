"""The client's side of a connection; `websocket_connect` makes it."""
from __future__ import absolute_import, division, print_function

import collections
import os
import sys
import warnings

from tornado import httpclient
from tornado.iostream import StreamClosedError, UnsatisfiableReadError

from tornado_ws import _compat
from tornado_ws._client.listener import Listener
from tornado_ws._client.url import split_credentials
from tornado_ws._compat import http as _compat_http
from tornado_ws._compat import loop as _compat_loop
from tornado_ws._connection.protocol import WebSocketProtocol13
from tornado_ws._errors import WebSocketClosedError, WebSocketError
from tornado_ws._sansio import deflate, handshake
from tornado_ws._sansio.errors import HandshakeError
from tornado_ws._semantics import TORNADO_4_3

MAX_BUFFER_SIZE = 100 * 1024 * 1024
QUEUE_COUNT = 256  # messages that may wait for read_message
QUEUE_BYTES = 1024 * 1024

SCHEMES = {"ws": "http", "wss": "https"}


class WebSocketClientConnection(_compat_http.HTTPConnection):
    """A client's connection; `websocket_connect` makes it.

    Args:
        io_loop: The IOLoop to live on, the current one.
        request: The ``HTTPRequest`` with Tornado's defaults and a ``ws:`` or ``wss:`` URL.
        on_message_callback, compression_options, subprotocols, resolver: As in
            `websocket_connect`.
        ping_interval, ping_timeout, max_message_size: Likewise.
        connect_future: The Future to resolve, or None to make one.

    Attributes:
        protocol: The `WebSocketProtocol13`; None before the handshake and after `close`.
        headers: The headers of the server's 101 response.
        request: The HTTP request.
        selected_subprotocol: What the server chose of the offered subprotocols, or None.

    Raises:
        ValueError: A compression option or a subprotocol cannot be offered.
    """

    protocol = None
    _semantics = TORNADO_4_3
    _ws_protocol_class = WebSocketProtocol13

    def __init__(self, io_loop, request, on_message_callback=None, compression_options=None,
                 ping_interval=None, ping_timeout=None, max_message_size=None,
                 subprotocols=None, resolver=None, connect_future=None):
        self._listener = Listener(self)
        self._thread = _compat.current_thread()
        self.selected_subprotocol = None
        self.key = handshake.make_key(os.urandom(16))
        self.read_queue = collections.deque()
        self._queue_bytes = 0
        self._held = False  # whether reading waits for the queue
        self._new_future = _compat_loop.future_maker(io_loop)
        self._waiters = collections.deque()  # (Future, whether it is an iteration's)
        self._closed = False
        self._closed_future = None
        self._on_message_callback = on_message_callback
        self._compression_options = compression_options
        self._limits = dict(max_message_size=max_message_size, ping_interval=ping_interval,
                            ping_timeout=ping_interval if ping_timeout is None else ping_timeout)
        self._connect_future = connect_future or _compat.new_future(io_loop)
        self._connect_timer = None

        url, credentials = split_credentials(request.url)
        if credentials is not None:
            request.auth_username, request.auth_password = credentials
        scheme, colon, rest = url.partition(":")
        request.url = SCHEMES[scheme.lower()] + colon + rest
        request.follow_redirects = False
        extension = None
        if compression_options is not None:
            extension = deflate.build_offer(deflate.check_options(compression_options))
        request.headers.update(handshake.request_headers(self.key, subprotocols, extension))
        self._subprotocols = handshake.offered_subprotocols(request.headers)
        if request.connect_timeout:
            self._connect_timer = io_loop.call_later(request.connect_timeout, self._on_too_late)
        super(WebSocketClientConnection, self).__init__(
            io_loop, request, self._on_http_response, resolver, MAX_BUFFER_SIZE)
        self._connect_future.add_done_callback(self._on_connect_done)

    def __del__(self):
        protocol = self.protocol
        if protocol is None or protocol.is_closing():
            return
        try:
            protocol.abort_from_anywhere()
            self.tcp_client.close()
        except Exception:  # the loop is closed, or the interpreter is ending
            if protocol.stream.socket is not None:
                protocol.stream.socket.close()
        try:
            warnings.warn("unclosed WebSocketClientConnection to %s"
                          % self.parsed.netloc.rpartition("@")[2],
                          _compat.ResourceWarning, stacklevel=2)
        except (TypeError, AttributeError):
            pass  # Python 2 is ending

    @property
    def close_code(self):
        """The code of the server's close frame (RFC 6455 section 7.4), or None."""
        return self._listener.close_code

    @property
    def close_reason(self):
        """The reason of the server's close frame, or None."""
        return self._listener.close_reason

    # Connecting.

    @property
    def connect_future(self):
        """The Future of this connection."""
        if self._connect_future is None:  # kept no longer than needed: it refers back
            future = _compat.new_future(self.io_loop)
            future.set_result(self)
            return future
        return self._connect_future

    def _on_connect_done(self, future):
        """Clean up after the outcome, whatever it is."""
        if self._connect_timer is not None:
            self.io_loop.remove_timeout(self._connect_timer)
            self._connect_timer = None
        self.final_callback = None  # Tornado then closes what it may still be connecting
        self._remove_timeout()
        if self.protocol is None:
            self.tcp_client.close()
            if getattr(self, "stream", None) is not None:
                self.stream.close()

    def _fail_connect(self, error):
        if not self._connect_future.done():
            self._connect_future.set_exception(error)

    def _fail_network(self, error):
        self._fail_connect(self._semantics.network_error(self, StreamClosedError(real_error=error)))

    def _on_too_late(self):
        self._connect_timer = None
        self._fail_connect(self._semantics.timeout_error(self))

    def _handle_exception(self, typ, value, tb):
        """Handle an error of Tornado's HTTP connection; after a failed attempt none matters."""
        return (super(WebSocketClientConnection, self)._handle_exception(typ, value, tb)
                or self._connect_future is not None and self._connect_future.done())

    def _on_http_response(self, response):
        """Take the outcome of an HTTP request that did not become a WebSocket."""
        error = response.error
        if error is None:
            self._refuse_response()
        elif (isinstance(error, UnsatisfiableReadError)  # the head is too long
              or isinstance(error, httpclient.HTTPError) and error.code == 599
              and not str(error.message).startswith("Timeout")):
            self._fail_network(error)
        else:
            self._fail_connect(error)

    def _refuse_response(self):
        self._fail_connect(WebSocketError("Non-websocket response"))

    def headers_received(self, start_line, headers):
        """Take the head of the server's response: called by Tornado's HTTP connection."""
        if start_line.code != 101:
            return super(WebSocketClientConnection, self).headers_received(start_line, headers)
        if self._connect_future.done():  # cancelled, or too late
            self.stream.close()
            return None
        self.headers = headers
        self.final_callback = None
        self.stream = self.connection.detach()
        protocol = self.get_websocket_protocol()
        try:
            handshake.check_http_version(start_line[0])
            protocol._process_server_headers(self.key, headers, self._subprotocols)
        except HandshakeError as error:
            self._fail_connect(WebSocketError(error.message))
            return None
        self.protocol = protocol
        self.selected_subprotocol = protocol.selected_subprotocol
        with _compat.no_stack_context():  # which refers to this connection
            protocol._start(self.stream)
        future, self._connect_future = self._connect_future, None
        future.set_result(self)
        protocol._go_on()
        return None

    def get_websocket_protocol(self):
        """Make the protocol object."""
        self._listener.path = self.parsed.path
        if self._on_message_callback is not None:
            self._listener.anchor = self
            if type(self).on_message == WebSocketClientConnection.on_message:
                self._listener.on_message = self._on_message_callback  # without a detour
        return self._ws_protocol_class(
            self._listener, mask_outgoing=True, compression_options=self._compression_options,
            **self._limits)

    # Receiving.

    def read_message(self, callback=None):
        """Read the next message.

        Reading from the socket pauses while many messages wait to be read. With
        ``on_message_callback`` messages go there, and nothing comes here.

        Args:
            callback: Called on the IOLoop with the Future when it is done, or None.

        Returns:
            A Future of unicode for a text message, bytes for a binary one, None when the
            connection is closed.
        """
        future = self._read(False)
        if callback is not None:
            self.io_loop.add_future(future, callback)
        return future

    def _read(self, iterating):
        future = self._new_future()
        if self.read_queue:
            message = self.read_queue.popleft()
            self._queue_bytes -= len(message)
            future.set_result(message)
            if self._held:
                self._hold_if_full()
        elif self._closed:
            _end_read(future, iterating)
        else:
            self._waiters.append((future, iterating))
            self._listener.anchor = self
            future.add_done_callback(self._listener.check_read)
        return future

    def _forget_read(self, future):
        self._waiters = collections.deque(pair for pair in self._waiters if pair[0] is not future)
        self._release_anchor()

    def on_message(self, message):
        """Take a message from the protocol; None when the connection is closed."""
        if self._on_message_callback is not None:
            return self._on_message_callback(message)
        if message is None:
            self._closed = True
        while self._waiters:
            future, iterating = self._waiters.popleft()
            if future.done():
                continue  # cancelled
            if message is not None:
                future.set_result(message)
                self._release_anchor()
                return None
            _end_read(future, iterating)
        if message is not None:
            queue = self.read_queue
            queue.append(message)
            self._queue_bytes += len(message)
            if len(queue) >= QUEUE_COUNT or self._queue_bytes >= QUEUE_BYTES:
                self._hold_if_full()
        return None

    def _hold_if_full(self):
        held = len(self.read_queue) >= QUEUE_COUNT or self._queue_bytes >= QUEUE_BYTES
        if held != self._held and self.protocol is not None:
            self._held = held
            self.protocol.hold_reading(held)

    def _release_anchor(self):
        if not self._waiters:
            self._listener.anchor = None

    def on_ping(self, data):
        """Called when a ping has come; the library answers it.

        Args:
            data: Its payload, bytes.
        """

    def on_pong(self, data):
        """Called when a pong has come.

        Args:
            data: Its payload, bytes.
        """

    def __aiter__(self):
        return self

    def __anext__(self):
        return self._read(True)

    # Sending.

    def write_message(self, message, binary=False):
        """Send a message; arguments, result and errors as in `WebSocketHandler.write_message`."""
        if self.protocol is None:
            raise WebSocketClosedError("the connection is closed or closing")
        return self.protocol.write_message(message, binary)

    def ping(self, data=b""):
        """Send a ping; arguments and errors as in `WebSocketHandler.ping`."""
        if self.protocol is None:
            raise WebSocketClosedError("the connection is closed or closing")
        return self.protocol.write_ping(data)

    # Closing.

    def close(self, code=None, reason=None):
        """Close the connection; arguments and errors as in `WebSocketHandler.close`."""
        if self.protocol is None:
            return _compat.no_result(self._thread)
        result = self.protocol.close(code, reason)
        if result is None:
            self.protocol = None
        return result

    def _close_and_wait(self):
        """Close the connection and return a Future that is done when it is closed."""
        future = self._closed_future = _compat.new_future(self.io_loop)
        if self._closed:
            future.set_result(None)
        else:
            self._listener.anchor = self  # until it is told
        self.close()
        return future

    def on_connection_close(self):
        """Called when the connection is over, before or after the handshake."""
        if self._connect_future is not None:
            self._fail_network(self.stream.error)
        elif not self._closed:
            self._closed = True
            self.tcp_client.close()
            self._tell_the_end()
            if self._closed_future is not None and not self._closed_future.done():
                self._closed_future.set_result(None)

    def _tell_the_end(self):
        try:
            future = _compat.as_future(self.on_message(None))
            if future is not None:
                future.add_done_callback(self._listener.check_callback)
                future = None  # see `_compat.failure`
        except _compat.CALLBACK_ERRORS:
            self._listener._log_callback_error(*sys.exc_info())


def _end_read(future, iterating):
    if iterating:
        future.set_exception(StopAsyncIteration())
    else:
        future.set_result(None)
