"""RFC 6455 between a handler (or client connection) and its IOStream.

What is received is delivered by a `delivery.Delivery`; the opening handshake is in `opening`; here
are control frames, sending, and the end, which comes in two steps. *Closing*: no more is sent
(`is_closing`), because either side sent a close frame, the connection was failed, or the stream was
closed. *Lost*: no more can be received either.
"""
from __future__ import absolute_import, division, print_function

import operator

from tornado.escape import utf8
from tornado.iostream import StreamBufferFullError, StreamClosedError

from tornado_ws import _straight
from tornado_ws._compat.data import unicode_type, websocket_mask
from tornado_ws._compat.errors import PeerTimeoutError
from tornado_ws._compat.futures import on_done
from tornado_ws._compat.threads import current_thread
from tornado_ws._connection import ending
from tornado_ws._connection.additions import Stats, check_limits
from tornado_ws._connection.callbacks import Callbacks
from tornado_ws._connection.deadline import Deadline
from tornado_ws._connection.delivery import LOST, OPEN, Delivery
from tornado_ws._connection.keepalive import Keepalive
from tornado_ws._connection.latency import Probes
from tornado_ws._connection.messages import encode_message
from tornado_ws._connection.opening import OpeningHandshake
from tornado_ws._errors import WebSocketClosedError
from tornado_ws._sansio import deflate
from tornado_ws._sansio.connection import Connection
from tornado_ws._sansio.frames import (CLOSE_INTERNAL_ERROR, CLOSE_POLICY_VIOLATION, FIN,
                                       MAX_CONTROL_PAYLOAD, OP_BINARY, OP_CLOSE, OP_PING, OP_PONG,
                                       OP_TEXT, OPCODE_MASK, RSV1, RSV2, RSV3, RSV_MASK, mask_bytes)
from tornado_ws._sansio.utf8 import encode as encode_text
from tornado_ws._semantics import TORNADO_4_3
from tornado_ws._stream.direct import LARGE_PIECE, open_transport
from tornado_ws._stream.draining import fail_closed
from tornado_ws._stream.limited import SlowConsumerError, limited_kind

CLOSE_TIMEOUT = 5.0   # seconds for the peer to answer a close frame, and for the last bytes
LINGER_TIMEOUT = 2.0  # seconds for a failed peer to see why, and to close


class WebSocketProtocol(_straight.Protocol):
    """What does not depend on the protocol's version: a handler and its stream.

    Args:
        handler: The `WebSocketHandler` or `WebSocketClientConnection`.

    Attributes:
        stream: The IOStream, once the handshake is done.
        client_terminated: Whether the peer has ended its side (in either role; 4.3's name).
        server_terminated: Whether this end has sent its close frame.
    """

    stream = None

    def __init__(self, handler):
        self.handler = handler
        self.thread = self._transport = None
        self.client_terminated = self.server_terminated = False

    def _abort(self):
        """Close the socket without a word."""
        self.client_terminated = self.server_terminated = True
        if self.stream is not None:
            self.stream.close()

    def on_connection_close(self):
        """Take notice that the handler is done with the connection."""
        self._abort()


class WebSocketProtocol13(OpeningHandshake, WebSocketProtocol):
    """RFC 6455 (version 13; 7 and 8 are the same on the wire).

    Args:
        handler: As in `WebSocketProtocol`.
        mask_outgoing: Whether this end is the client.
        compression_options: None for no compression, or a dict (see
            `WebSocketHandler.get_compression_options`).
        max_message_size: In bytes; None for the stream's ``max_buffer_size``.
        ping_interval: Seconds between pings; None or 0 for none.
        ping_timeout: Seconds within which a pong has to come; 0 for no limit.
        close_timeout: Seconds for the peer to answer a close frame; None for 5.
        max_buffered_amount: The most bytes that may wait for the peer; None for no limit.

    Attributes:
        selected_subprotocol: What was agreed, or None.
        close_code, close_reason: What the peer's close frame said, or None.

    Raises:
        ValueError: A compression option, a limit or a time is unknown or out of range.
    """

    FIN, OPCODE_MASK = FIN, OPCODE_MASK
    RSV1, RSV2, RSV3, RSV_MASK = RSV1, RSV2, RSV3, RSV_MASK

    close_code = None
    close_reason = None
    _semantics = TORNADO_4_3
    io_loop = None
    answers_later = False  # whether messages are answered by who reads them later
    _delivery = None
    _callbacks = None
    _keepalive = None
    _heard = None          # how far messages had come when the last ping went out
    _waiting = None        # the time limit of the closing handshake
    _close_timeout = None
    _max_buffered_amount = None
    _cause = None          # of the end: text
    _error = None          # for which the connection was dropped
    _probes = None         # pings whose pongs somebody waits for
    _opened_at = None
    _pong_future = None    # the pong under way
    _pending_pong = None

    def __init__(self, handler, mask_outgoing=False, compression_options=None,
                 max_message_size=None, ping_interval=None, ping_timeout=0, close_timeout=None,
                 max_buffered_amount=None):
        super(WebSocketProtocol13, self).__init__(handler)
        check_limits(max_message_size=max_message_size, ping_interval=ping_interval,
                     ping_timeout=ping_timeout, close_timeout=close_timeout,
                     max_buffered_amount=max_buffered_amount)
        if compression_options is not None:
            compression_options = deflate.check_options(compression_options)
        self._core = Connection(mask_outgoing, max_message_size, websocket_mask or mask_bytes)
        self._core.any_close_code = self._semantics.any_close_code
        self.mask_outgoing = mask_outgoing
        self.ping_interval = ping_interval
        self.ping_timeout = ping_timeout
        self._compression_options = compression_options
        if close_timeout is not None:
            self._close_timeout = close_timeout
        if max_buffered_amount is not None:
            self._max_buffered_amount = max_buffered_amount

    def begin(self, stream, context):
        """Go over from HTTP to frames.

        Args:
            stream: The IOStream.
            context: What callbacks run in: see `_compat.contexts.request_context`.

        Returns:
            The `Delivery`; reading has not begun.
        """
        self.stream = stream
        self.io_loop = stream.io_loop
        self._opened_at = self.io_loop.time()
        if self._core.max_message_size is None:
            self._core.max_message_size = stream.max_buffer_size
        if not stream.closed():
            stream.set_nodelay(True)
        self._callbacks = Callbacks(self.io_loop, self, context)
        self.thread = self._callbacks.thread
        self._delivery = delivery = Delivery(self, self._core, self._callbacks,
                                             self.handler._ws_serial_messages)
        transport = self._transport = delivery.transport = open_transport(
            stream, delivery.receive, self._on_transport_close,
            limited_kind(stream) if self._max_buffered_amount is not None else None)
        if self._max_buffered_amount is not None:
            transport.limit = self._max_buffered_amount
        if self.ping_interval:
            self._keepalive = Keepalive(
                self.io_loop, self.ping_interval, self.ping_timeout,
                self._send_keepalive, self._on_ping_timeout)
        return delivery

    # What Delivery asks for.

    @property
    def path(self):
        """The path of the request, for log lines."""
        return self.handler._ws_path

    def _handle_message(self, opcode, data):
        """Handle a control frame, or the end that a protocol error makes."""
        if opcode == OP_PING:
            self._send_pong(data)
            self._delivery.call(self.handler._ws_on_ping, data)
        elif opcode == OP_PONG:
            if self._probes is not None:
                self._probes.received_pong(data)
            if self._keepalive is not None:
                latency = self._keepalive.received_pong(data)
                if latency is not None:
                    self.handler._ws_latency = latency
            self._delivery.call(self.handler.on_pong, data)
        elif opcode == OP_CLOSE:
            self.client_terminated = True
            # RFC 6455 section 5.5.1: "the endpoint typically echos the status code it received."
            self.close(data[0])
        else:
            self._fail(data.close_code, data.reason)

    def notice_end(self, opcode, data):
        """Take notice of what ends the events, before it is handled."""
        if opcode == OP_CLOSE:
            self._stop_keepalive()
        if opcode != OP_CLOSE or not self.server_terminated:
            self._cause = ending.by_peer(opcode, data)
        self.close_code, self.close_reason = data if opcode == OP_CLOSE else data.peer_close
        self.handler.close_code, self.handler.close_reason = self.close_code, self.close_reason

    def tell(self):
        """Tell the application that the connection is over; called once, as its last callback."""
        self.handler.on_connection_close()

    def call_on_close(self, on_close, *args):
        """Call the callback for the end; nothing waits for it, and its errors are logged.

        Args:
            on_close: The callback.
            *args: Its arguments.

        Returns:
            The Future of what it returned, if that is not done, else None.
        """
        return self._delivery.call(on_close, *args)

    # Pings and pongs.

    def _send_pong(self, data):
        # Section 5.5.2: a pong is sent "unless it already received a Close frame"; section 5.5.3:
        # one who has not yet answered earlier pings "MAY elect to send a Pong frame for only the
        # most recently processed Ping frame".
        if self._pong_future is not None and not self._pong_future.done():
            self._pending_pong = data
        elif not self.client_terminated:
            self._pending_pong = None
            try:
                self._pong_future = self._write_frame(True, OP_PONG, data)
            except (WebSocketClosedError, StreamBufferFullError):
                return
            if not self._pong_future.done():
                on_done(self.io_loop, self._pong_future, self._on_pong_sent)

    def _on_pong_sent(self, future):
        pending, self._pending_pong = self._pending_pong, None
        if pending is not None and not future.cancelled() and future.exception() is None:
            self._send_pong(pending)

    def _send_keepalive(self):
        """Send a ping; return its Future, or None if the connection is over."""
        self._heard = self._progress()
        try:
            return self._write_frame(True, OP_PING, b"")
        except (WebSocketClosedError, StreamBufferFullError) as error:
            self._abort(error)
            return None

    def measure_latency(self, future):
        """Send a ping, and settle a Future; see `WebSocketHandler.measure_latency`."""
        if self.server_terminated or self.client_terminated:
            fail_closed(future)
            return
        if self._probes is None:
            self._probes = Probes(self.io_loop)
        try:
            self._write_frame(True, OP_PING, self._probes.add(future))
        except (WebSocketClosedError, StreamBufferFullError):
            self._probes.fail()

    def _progress(self):
        return self._core.message_bytes_in, self._core.bytes_missing

    def _on_ping_timeout(self):
        # A message that came since the ping is a sign of life; the pong may wait behind it.
        if self._transport.paused or self._progress() != self._heard:
            return False
        self.close(reason="ping timed out")
        return True

    @staticmethod
    def ping_sleep_time(last_ping_time, interval, now):
        """Tell how many seconds from ``now`` the next ping is due (Tornado 6.5's name)."""
        return max(0, last_ping_time + interval - now)

    # Sending.

    @_straight.before("write_message")
    def write_message(self, message, binary=False):
        """Send a message; see `WebSocketHandler.write_message`."""
        if self.server_terminated or self.client_terminated:
            raise WebSocketClosedError("the connection is closed or closing")
        kind = type(message)
        if kind is bytes:  # what encode_message does, without the call
            opcode, payload = OP_BINARY if binary else OP_TEXT, message
        elif kind is unicode_type:
            opcode, payload = OP_BINARY if binary else OP_TEXT, encode_text(message)
        else:
            opcode, payload = encode_message(message, binary)
        if current_thread() != self.thread._thread_id and self._callbacks.is_elsewhere():
            return self._callbacks.call_in_loop(self._send_message, opcode, payload)
        if len(payload) >= LARGE_PIECE:
            return self._send_message(opcode, payload)
        try:
            return self._transport.write(self._core.send_message(opcode, payload))
        except StreamBufferFullError as error:
            self._on_full(error)
            raise

    def _write_encoded(self, frame):
        """Send the frame of a message, which the extension has made."""
        try:
            return self._transport.write(frame)
        except StreamBufferFullError as error:
            self._on_full(error)
            raise

    def write_message_as(self, message, binary, compress):
        """Send a message, compressed or not; see `WebSocketHandler.write_message`."""
        if self.server_terminated or self.client_terminated:
            raise WebSocketClosedError("the connection is closed or closing")
        opcode, payload = encode_message(message, binary)
        if current_thread() != self.thread._thread_id and self._callbacks.is_elsewhere():
            return self._callbacks.call_in_loop(self._send_message, opcode, payload, compress)
        return self._send_message(opcode, payload, compress)

    def _send_message(self, opcode, payload, compress=None):
        if self.server_terminated or self.client_terminated:
            raise WebSocketClosedError("the connection is closed or closing")
        try:
            head, payload = self._core.send_large_message(opcode, payload, compress)
            if len(payload) < LARGE_PIECE:
                return self._transport.write(head + payload)
            return self._transport.write_large(head, payload)
        except StreamBufferFullError as error:
            self._on_full(error)
            raise

    def _on_full(self, error):
        """End a connection whose peer reads too slowly."""
        if isinstance(error, SlowConsumerError):
            self._transport.drop_backlog()
            self._close(CLOSE_POLICY_VIOLATION, "too slow")
        else:
            self._abort(error)

    def write_ping(self, data):
        """Send a ping; see `WebSocketHandler.ping`."""
        if self.server_terminated or self.client_terminated:
            raise WebSocketClosedError("the connection is closed or closing")
        if data is None:
            raise TypeError("the data of a ping are bytes or a str, not None")
        data = utf8(data)
        if len(data) > MAX_CONTROL_PAYLOAD:
            raise ValueError("control frame payload has %d bytes, at most %d fit"
                             % (len(data), MAX_CONTROL_PAYLOAD))
        if current_thread() != self.thread._thread_id and self._callbacks.is_elsewhere():
            return self._callbacks.call_in_loop(self._send_ping, data)
        return self._send_ping(data)

    def _send_ping(self, data):
        if self.server_terminated or self.client_terminated:
            raise WebSocketClosedError("the connection is closed or closing")
        self._write_frame(True, OP_PING, data)

    def _write_frame(self, fin, opcode, data, flags=0):
        return self._write(self._core.send_frame((FIN if fin else 0) | opcode | flags, data))

    def _write(self, frame):
        try:
            return self._transport.write_control(frame)
        except StreamBufferFullError as error:
            self._abort(error)
            raise

    def set_nodelay(self, value):
        """Set or clear TCP_NODELAY; it is set when the connection opens."""
        self.stream.set_nodelay(value)

    # Closing.

    def is_closing(self):
        """Tell whether nothing can be sent any more."""
        return (self.server_terminated or self.client_terminated or self.stream is None
                or self._delivery.state != OPEN or self.stream.closed())

    def close(self, code=None, reason=None):
        """Begin or answer the closing handshake; see `WebSocketHandler.close`."""
        if self._transport is None:
            return None
        if current_thread() != self.thread._thread_id and self._callbacks.is_elsewhere():
            return self._callbacks.call_in_loop(self._close, code, reason)
        return self._close(code, reason)

    def _close(self, code, reason):
        if not self.server_terminated:
            self._end_sending(code, reason)
        if self.client_terminated:
            self._transport.close(self._closing_time())
        elif self._waiting is None:
            self._waiting = Deadline(self.io_loop, self._closing_time(), self._on_close_timeout)
            self._delivery.go_on()

    def _closing_time(self):
        """Tell how many seconds the peer has to answer our close frame."""
        return CLOSE_TIMEOUT if self._close_timeout is None else self._close_timeout

    def _on_close_timeout(self):
        self._transport.cut = True
        self._abort(PeerTimeoutError("the peer did not answer the close frame within %g s"
                                     % self._closing_time()))

    def _end_sending(self, code, reason):
        try:
            close_frame = self._core.send_close(code, reason)
        except (ValueError, TypeError):
            if self._semantics.any_close_code:
                self._close(CLOSE_INTERNAL_ERROR, None)  # programs swallow the error
            raise
        self.server_terminated = True
        self._stop_keepalive()
        try:
            self._write(close_frame)
        except (WebSocketClosedError, StreamBufferFullError):
            pass  # the stream is closed, which is what was wanted
        else:
            self._transport.flush()
            said = ending.close_said(code, reason, self._semantics.any_close_code)
            self.handler._ws_sent_close = said
            if self._cause is None:
                self._cause = ending.by_us(*said)

    def _stop_keepalive(self):
        if self._keepalive is not None:
            self._keepalive.stop()
            self._keepalive = None

    def _fail(self, code, reason):
        """_Fail the WebSocket Connection_ (RFC 6455 section 7.1.7): say why, then close."""
        if not self.server_terminated:
            self._end_sending(code, reason)
        self.client_terminated = True
        self._core.discard()
        if self._delivery.state < LOST:
            self._transport.half_close(LINGER_TIMEOUT)
            self._lose()

    def fail_callback(self):
        """Fail the connection because of what happened here; never raises an Exception."""
        self._delivery.stop()
        self._cause = ending.UNTOLD
        try:
            self._fail(CLOSE_INTERNAL_ERROR, None)
        except Exception:  # out of memory, for example
            self._abort()

    def log_callback_error(self, *exc_info):
        """Log what a callback failed with, as the application wants it."""
        self.handler._ws_log_exception(*exc_info)

    def _abort(self, error=None):
        """Close the socket without a word."""
        self._error = self._error or error
        self.client_terminated = self.server_terminated = True
        self._stop_keepalive()
        self._transport.abort()

    def on_connection_close(self):
        """Take notice that the handler is done with the connection."""
        if self._delivery is not None and self._delivery.state < LOST:
            self._abort()

    def _on_transport_close(self):
        self.client_terminated = self.server_terminated = True
        if self._delivery.state < LOST and not self._core.close_received:
            error = self._error or self.stream.error or StreamClosedError()
            self._error = self.handler._ws_connection_error = error
        self._lose()

    def _lose(self):
        self._stop_keepalive()
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None
        if self._probes is not None:
            self._probes.fail()
        if self._delivery.state < LOST:
            ending.log_end(self.path, self._cause, self.handler._ws_connection_error)
            self._error = None
        self._delivery.lose()

    def stats(self):
        """Return the `Stats` of the connection."""
        core = self._core
        return Stats(core.messages_in, core.messages_out, core.message_bytes_in,
                     core.message_bytes_out, core.wire_bytes_in, core.wire_bytes_out,
                     self._opened_at)

    # 4.3's names of the counters.
    _message_bytes_in = property(operator.attrgetter("_core.message_bytes_in"))
    _message_bytes_out = property(operator.attrgetter("_core.message_bytes_out"))
    _wire_bytes_in = property(operator.attrgetter("_core.wire_bytes_in"))
    _wire_bytes_out = property(operator.attrgetter("_core.wire_bytes_out"))
