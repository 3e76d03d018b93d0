"""The client's side of a connection; `websocket_connect` makes it."""
from __future__ import absolute_import, division, print_function

import collections
import os

from tornado import httpclient
from tornado.iostream import StreamClosedError, UnsatisfiableReadError
from tornado.log import app_log

from tornado_ws._client.reading import Read
from tornado_ws._client.url import SCHEMES, split_credentials
from tornado_ws._compat import contexts, futures, http, loop
from tornado_ws._compat.rules import WarnsIfUnclosed
from tornado_ws._connection.additions import Additions
from tornado_ws._connection.callbacks import close_and_forget
from tornado_ws._connection.delivery import READ_AHEAD_BYTES, READ_AHEAD_COUNT
from tornado_ws._connection.protocol import WebSocketProtocol13
from tornado_ws._errors import WebSocketClosedError, WebSocketError
from tornado_ws._sansio import deflate, handshake
from tornado_ws._sansio.errors import HandshakeError
from tornado_ws._semantics import TORNADO_4_3

MAX_BUFFER_SIZE = 100 * 1024 * 1024
CONNECT_TURNS = 3  # of the loop, after which whoever waited for the connection has been told
READS_IN_A_ROW = 32  # that are done at once
READ_ON_COUNT = 64   # messages that may wait when reading, which had paused, goes on


class WebSocketClientConnection(WarnsIfUnclosed, Additions, http.HTTPConnection):
    """A client's connection; `websocket_connect` makes it.

    Args:
        io_loop: The IOLoop to live on, the current one.
        request: The ``HTTPRequest`` with Tornado's defaults and a ``ws:`` or ``wss:`` URL.
        on_message_callback, compression_options, subprotocols, resolver: As in
            `websocket_connect`.
        ping_interval, ping_timeout, max_message_size: Likewise.
        close_timeout, max_buffered_amount: Likewise.
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
    close_code = None     # of the server's close frame (RFC 6455 section 7.4), or None
    close_reason = None
    _ws_semantics = TORNADO_4_3
    _ws_protocol_class = WebSocketProtocol13
    _ws_serial_messages = (False, True)
    _ws_delivery = None
    _ws_thread = None     # tells which thread is the loop's
    _ws_ended = None      # when the connection was lost
    _ws_end_timer = None  # when ``async with`` waits no longer

    def __init__(self, io_loop, request, on_message_callback=None, compression_options=None,
                 ping_interval=None, ping_timeout=None, max_message_size=None,
                 subprotocols=None, resolver=None, connect_future=None, close_timeout=None,
                 max_buffered_amount=None):
        self._ws_context = contexts.request_context()
        self.selected_subprotocol = None
        self.key = handshake.make_key(os.urandom(16))
        self._ws_queue = collections.deque()
        if self._ws_semantics.queue_is_deque:
            self.read_queue = self._ws_queue
        self._on_message_callback = on_message_callback
        self._ws_waiters = collections.deque()  # (Future, whether it is an iteration's)
        self._ws_reads = 0             # in a row that were done at once
        self._ws_closed = False
        self._ws_end_waiters = []      # the Futures of `_ws_close_and_wait`
        self._ws_make_future = futures.future_maker(io_loop)
        self._ws_make_read = futures.future_maker(io_loop, Read)
        self._ws_compression_options = compression_options
        self._ws_limits = dict(
            max_message_size=max_message_size, ping_interval=ping_interval,
            ping_timeout=ping_interval if ping_timeout is None else ping_timeout,
            close_timeout=close_timeout, max_buffered_amount=max_buffered_amount)
        self._ws_connect_future = connect_future or futures.new_future(io_loop)
        self._ws_connect_timer = None

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
        self._ws_subprotocols = handshake.offered_subprotocols(request.headers)
        if request.connect_timeout:
            self._ws_connect_timer = loop.call_later(
                io_loop, request.connect_timeout, self._ws_on_too_late)
        super(WebSocketClientConnection, self).__init__(
            io_loop, request, self._on_http_response, resolver, MAX_BUFFER_SIZE)
        futures.on_done(io_loop, self._ws_connect_future, self._ws_on_connect_done)

    # Connecting.

    @property
    def connect_future(self):
        """The Future of this connection."""
        if self._ws_connect_future is None:  # kept no longer than needed: it refers back
            future = futures.new_future(self.io_loop)
            future.set_result(self)
            return future
        return self._ws_connect_future

    def _ws_on_connect_done(self, future):
        """Clean up after the outcome, whatever it is."""
        if self._ws_connect_timer is not None:
            self.io_loop.remove_timeout(self._ws_connect_timer)
            self._ws_connect_timer = None
        self.final_callback = None  # Tornado then closes what it may still be connecting
        self._remove_timeout()
        if self.protocol is None and self._ws_connect_future is not None:
            self.tcp_client.close()
            if getattr(self, "stream", None) is not None:
                self.stream.close()

    def _ws_fail_connect(self, error):
        if not self._ws_connect_future.done():
            self._ws_connect_future.set_exception(error)

    def _ws_fail_network(self, error):
        self._ws_fail_connect(
            self._ws_semantics.network_error(self, StreamClosedError(real_error=error)))

    def _ws_on_too_late(self):
        self._ws_connect_timer = None
        self._ws_fail_connect(self._ws_semantics.timeout_error(self))

    def _handle_exception(self, typ, value, tb):
        """Handle an error of Tornado's HTTP connection; after a failed attempt none matters."""
        return (super(WebSocketClientConnection, self)._handle_exception(typ, value, tb)
                or self._ws_connect_future is not None and self._ws_connect_future.done())

    def _on_http_response(self, response):
        """Take the outcome of an HTTP request that did not become a WebSocket."""
        error = response.error
        if error is None:
            self._ws_refuse_response()
        elif isinstance(error, UnsatisfiableReadError):  # the head is too long
            self._ws_fail_network(error)
        elif not isinstance(error, httpclient.HTTPError) or error.code != 599:
            self._ws_fail_connect(error)
        elif str(error.message).startswith("Timeout"):
            self._ws_fail_connect(self._ws_semantics.timeout_error(self))
        else:
            self._ws_fail_network(error)

    def _ws_refuse_response(self):
        self._ws_fail_connect(WebSocketError("Non-websocket response"))

    def headers_received(self, start_line, headers):
        """Take the head of the server's response: called by Tornado's HTTP connection."""
        if start_line.code != 101:
            return super(WebSocketClientConnection, self).headers_received(start_line, headers)
        if self._ws_connect_future.done():  # cancelled, or too late
            self.stream.close()
            return None
        self.headers = headers
        self.final_callback = None
        self.stream = self.connection.detach()
        protocol = self.get_websocket_protocol()
        try:
            handshake.check_http_version(start_line[0])
            protocol._process_server_headers(self.key, headers, self._ws_subprotocols)
        except HandshakeError as error:
            self._ws_fail_connect(WebSocketError(error.message))
            return None
        self.protocol = self._ws_protocol = protocol
        self.selected_subprotocol = protocol.selected_subprotocol
        protocol.answers_later = True
        if (self._on_message_callback is not None
                and type(self).on_message == WebSocketClientConnection.on_message):
            self.on_message = self._on_message_callback  # without a detour
        delivery = self._ws_delivery = protocol.begin(self.stream, self._ws_context)
        self._ws_context = None
        self._ws_thread = protocol.thread
        delivery.unread = self._ws_queue
        delivery.held = True
        future, self._ws_connect_future = self._ws_connect_future, None
        future.set_result(self)
        self._ws_begin_in(CONNECT_TURNS)
        return None

    def _ws_begin_in(self, turns):
        if turns:
            loop.call_soon(self.io_loop, self._ws_begin_in, turns - 1)
        else:
            self._ws_delivery.release()

    @property
    def _ws_path(self):
        return self.parsed.path

    def get_websocket_protocol(self):
        """Make the protocol object."""
        return self._ws_protocol_class(
            self, mask_outgoing=True, compression_options=self._ws_compression_options,
            **self._ws_limits)

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
        future = self._ws_read(False)
        if callback is not None:
            self.io_loop.add_future(future, callback)
        return future

    def _ws_read(self, iterating):
        queue = self._ws_queue
        if queue and not self._ws_waiters:
            self._ws_reads += 1
            if iterating or self._ws_reads <= READS_IN_A_ROW:
                message, delivery = queue.popleft(), self._ws_delivery
                delivery.unread_bytes -= len(message)  # what _ws_take does, without the call
                if delivery.attention and len(queue) <= READ_ON_COUNT:
                    delivery.go_on()
                future = self._ws_make_future()
                future.set_result(message)
                return future
            # A coroutine that reads by calling itself would go one deeper each time.
            loop.call_soon(self.io_loop, self._ws_feed)
        self._ws_reads = 0
        if self._ws_closed and not queue:
            future = self._ws_make_future()
            _end_read(future, iterating)
            return future
        future = self._ws_make_read()
        future.give_back = self._ws_give_back
        while self._ws_waiters and self._ws_waiters[-1][0].done():
            self._ws_waiters.pop()  # cancelled
        self._ws_waiters.append((future, iterating))
        return future

    def _ws_take(self):
        """Take the next message out of the queue."""
        queue, delivery = self._ws_queue, self._ws_delivery
        message = queue.popleft()
        delivery.unread_bytes -= len(message)
        if delivery.attention and len(queue) <= READ_ON_COUNT:
            delivery.go_on()
        return message

    def _ws_feed(self):
        """Give those who wait what there is."""
        while self._ws_waiters and (self._ws_queue or self._ws_closed):
            future, iterating = self._ws_waiters.popleft()
            if future.done():
                continue  # cancelled
            if self._ws_queue:
                future.set_result(self._ws_take())
            else:
                _end_read(future, iterating)

    def _ws_give_back(self, message):
        self._ws_queue.appendleft(message)
        self._ws_delivery.unread_bytes += len(message)
        self._ws_feed()

    def on_message(self, message):
        """Take a message from the protocol; None when the connection is closed."""
        if self._on_message_callback is not None:
            return self._on_message_callback(message)
        if message is None:
            self._ws_closed = True
            self._ws_feed()
            return None
        waiters, queue, delivery = self._ws_waiters, self._ws_queue, self._ws_delivery
        while waiters and not queue:
            future, _ = waiters.popleft()
            if not future.done():  # else it was cancelled
                future.set_result(message)
                return None
        if len(queue) >= READ_AHEAD_COUNT or delivery.unread_bytes >= READ_AHEAD_BYTES:
            delivery.attention = True
            if delivery.drops():
                return None
        queue.append(message)
        delivery.unread_bytes += len(message)
        return None

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
        return self._ws_read(True)

    # Sending.

    def write_message(self, message, binary=False, compress=None):
        """Send a message; arguments, result and errors as in `WebSocketHandler.write_message`."""
        if self.protocol is None:
            raise WebSocketClosedError("the connection is closed or closing")
        if compress is not None:
            return self.protocol.write_message_as(message, binary, compress)
        return self.protocol.write_message(message, binary)

    def ping(self, data=b""):
        """Send a ping; arguments and errors as in `WebSocketHandler.ping`."""
        if self.protocol is None:
            raise WebSocketClosedError("the connection is closed or closing")
        return self.protocol.write_ping(data)

    # Closing.

    def close(self, code=None, reason=None):
        """Close the connection; arguments and errors as in `WebSocketHandler.close`."""
        return close_and_forget(self, "protocol", code, reason)

    def _ws_close_and_wait(self):
        """Close the connection and return a Future that is done when it is closed.

        It is done at the latest when the peer has had its time, whatever a callback does.
        """
        future = futures.new_future(self.io_loop)
        protocol = self._ws_protocol
        if protocol is None:
            future.set_result(None)
        else:
            self._ws_end_waiters.append(future)
            if self._ws_end_timer is None:
                self._ws_end_timer = loop.call_later(
                    self.io_loop, protocol._closing_time(), self._ws_on_closed)
        self.close()
        return future

    def _ws_on_closed(self):
        if self._ws_end_timer is not None:
            self.io_loop.remove_timeout(self._ws_end_timer)
            self._ws_end_timer = None
        waiters, self._ws_end_waiters = self._ws_end_waiters, []
        futures.tell_all(waiters)

    def on_connection_close(self):
        """Called when the connection is over, before or after the handshake."""
        protocol = self._ws_protocol
        if self._ws_connect_future is not None:
            self._ws_fail_network(self.stream.error)
        elif protocol is not None:
            self._ws_ended = self.io_loop.time()
            protocol.on_connection_close()
            self.tcp_client.close()
            self._ws_end(protocol, self.on_message, None)
            self.__dict__.pop("on_message", None)
            self._ws_on_closed()

    def _ws_on_ping(self, data):
        return self._ws_semantics.ping_hook(self)(data)

    def _ws_log_exception(self, *exc_info):
        app_log.error("Uncaught exception in %s", self._ws_path, exc_info=exc_info)


def _end_read(future, iterating):
    if iterating:
        future.set_exception(StopAsyncIteration())
    else:
        future.set_result(None)
