"""WebSocketHandler: the server's side, plugged into ``tornado.web.Application``."""
from __future__ import absolute_import, division, print_function

import sys

from tornado import web
from tornado.log import gen_log

from tornado_ws._compat import futures, rules
from tornado_ws._connection.additions import Additions
from tornado_ws._connection.callbacks import close_and_forget
from tornado_ws._connection.protocol import WebSocketProtocol13
from tornado_ws._errors import WebSocketClosedError
from tornado_ws._sansio import handshake
from tornado_ws._sansio.errors import HandshakeError
from tornado_ws._semantics import TORNADO_4_3, Setting, class_setting
from tornado_ws._server.registry import STATUS_UNAVAILABLE, connections_of

_REASONS = {400: "Bad Request", 403: "Forbidden", 426: "Upgrade Required",
            503: "Service Unavailable"}


class WebSocketHandler(Additions, web.RequestHandler):
    """A request handler whose request becomes a WebSocket.

    Override `on_message`, and as needed `open`, `on_close` and the methods that decide about the
    handshake; send with `write_message`. Until the handshake is answered this is an ordinary
    ``RequestHandler``: ``prepare`` may be a coroutine, authenticate, set headers and cookies, or
    refuse. Afterwards ``write``, ``redirect``, ``set_header`` and their like raise RuntimeError.

    ``open`` and ``on_message`` may be native coroutines (``async def``): the next message waits
    until they are done, in a bounded queue; pings are answered meanwhile. A Future that they
    return (``@gen.coroutine``) holds nothing back, as in Tornado 4.3; ``serial_messages``
    decides otherwise.

    Attributes:
        ws_connection: The `WebSocketProtocol13` while the connection is open, else None.
        stream: The IOStream once the handshake is answered, before that None.
        close_code: The code of the peer's close frame (RFC 6455 section 7.4), or None.
        close_reason: The reason of the peer's close frame, or None.
        open_args, open_kwargs: The groups of the ``URLSpec``.
        serial_messages: True or False makes every awaitable that on_message returns hold back
            the next message, or none; None is the rule above. Set it on the class.
    """

    close_code = None
    close_reason = None
    stream = None
    serial_messages = None
    _ws_semantics = TORNADO_4_3
    _ws_protocol_class = WebSocketProtocol13
    _ws_opened = False
    _ws_closed_future = None  # what get() waits for
    _ws_thread = None         # tells which thread is the loop's

    def __init__(self, application, request, **kwargs):
        self.ws_connection = None
        self._on_close_called = False
        super(WebSocketHandler, self).__init__(application, request, **kwargs)

    # The handshake.

    def get(self, *args, **kwargs):
        """Answer the opening handshake (RFC 6455 section 4.2).

        A request that cannot become a WebSocket gets an ordinary HTTP response: 400, 403 when
        `check_origin` refuses, 426 for an unknown version, or 503 when the setting
        ``websocket_max_connections`` or `close_all_connections` allows no more. The work is done
        when this returns: an override need neither return nor await the result.

        Args:
            *args: Positional groups of the ``URLSpec``.
            **kwargs: Named groups of the ``URLSpec``.

        Returns:
            None, or from Tornado 6.0 on a Future, since handlers there are awaited.

        Raises:
            ValueError, TypeError: A method or a setting gave what cannot be used: it is a 500.
        """
        self.open_args = args
        self.open_kwargs = kwargs
        semantics = self._ws_semantics
        forced = type(self).serial_messages
        self._ws_serial_messages = ((forced, forced) if isinstance(forced, bool)
                                    else (semantics.serial_messages, True))
        self._ws_serial_open = (semantics.serial_open, True)
        try:
            self._ws_accept()
        except HandshakeError as error:
            self._ws_refuse(error)
        except futures.CancelledError:  # which old Tornados do not answer
            self.log_exception(*sys.exc_info())
            self.send_error(500)
        if semantics.get_waits and self._ws_opened and not self._on_close_called:
            self._ws_closed_future = futures.new_future(self.stream.io_loop)
            return futures.Until(self._ws_closed_future, self.stream.close)
        return futures.nothing_to_await()

    def _ws_accept(self):
        handshake.check_upgrade(self.request.headers, self.request.version)
        connections_of(self.application).admit(self.settings.get("websocket_max_connections"))
        if not self._ws_semantics.allow_origin(self):
            raise HandshakeError("Cross origin websockets not allowed", 403)
        protocol = self.get_websocket_protocol()
        if protocol is None:
            raise HandshakeError("WebSocket version not supported", 426)
        protocol.accept_connection(self)

    def _ws_refuse(self, error):
        self.set_status(error.status, _REASONS[error.status])
        if error.status == handshake.STATUS_UPGRADE_REQUIRED:
            # RFC 6455 section 4.2.2: "a |Sec-WebSocket-Version| header field indicating the
            # version(s) the server is capable of understanding"
            self.set_header("Sec-WebSocket-Version", ", ".join(self._ws_semantics.versions))
        if error.status == STATUS_UNAVAILABLE and connections_of(self.application).closed:
            rules.end_connection(self)
        self.finish(error.message)
        gen_log.debug("%s", error.detail)

    def get_websocket_protocol(self):
        """Make the protocol object for the version that the client asks for.

        Returns:
            A `WebSocketProtocol13`, or None if the version is not spoken.

        Raises:
            ValueError: A compression option or a limit is unknown or out of range.
            TypeError: `get_compression_options` is a coroutine.
        """
        semantics = self._ws_semantics
        try:
            handshake.check_version(self.request.headers, semantics.versions)
        except HandshakeError:
            return None
        limit = semantics.setting(self, "max_message_size")
        if limit is None:
            limit = semantics.default_message_limit()
        interval = semantics.setting(self, "ping_interval") or 0
        timeout = semantics.ping_timeout(interval, semantics.setting(self, "ping_timeout"))
        options = futures.decided("get_compression_options", self.get_compression_options())
        return self._ws_protocol_class(
            self, compression_options=options, max_message_size=limit, ping_interval=interval,
            ping_timeout=timeout, close_timeout=class_setting(self, "close_timeout"),
            max_buffered_amount=class_setting(self, "max_buffered_amount"))

    def _ws_switch_protocols(self, answer):
        """Take the stream over from HTTP.

        Args:
            answer: The handshake's response headers, a list of pairs.

        Returns:
            ``(head, stream)``: the bytes of the whole 101 response, with what the application
            set, unless they are on their way already, and the IOStream.

        Raises:
            ValueError: A header cannot be sent.
        """
        for name, value in answer:
            self.set_header(name, value)
        self.clear_header("Content-Type")
        self.clear_header("Content-Length")
        head = self._ws_semantics.answer(self)
        self.stream = self.request.connection.detach()
        return head, self.stream

    @property
    def _ws_path(self):
        return self.request.path

    def _ws_open(self, protocol):
        self.ws_connection = self._ws_protocol = protocol
        self._ws_thread = protocol.thread
        self._ws_opened = True
        connections_of(self.application).add(self, protocol._transport)
        return self.open(*self.open_args, **self.open_kwargs)

    # What an application overrides.

    def open(self, *args, **kwargs):
        """Called when the connection is open, before any message.

        An exception is logged and closes the connection with 1011.

        Args:
            *args: Positional groups of the ``URLSpec``.
            **kwargs: Named groups of the ``URLSpec``.

        Returns:
            Nothing, or an awaitable.
        """

    def on_message(self, message):
        """Called with each message; has to be overridden.

        An exception is logged and closes the connection with 1011.

        Args:
            message: unicode for a text message, bytes for a binary one.

        Returns:
            Nothing, or an awaitable.
        """
        raise NotImplementedError

    def on_ping(self, data):
        """Called when a ping has come; the library answers it (Tornado 4.5).

        Args:
            data: Its payload, bytes.
        """

    def on_pong(self, data):
        """Called when a pong has come.

        Args:
            data: Its payload, bytes.
        """

    def on_close(self):
        """Called once, after `open`, when the connection is over.

        ``close_code`` and ``close_reason`` hold what the peer's close frame said, or None.
        """

    def select_subprotocol(self, subprotocols):
        """Choose one of the subprotocols that the client offers (RFC 6455 section 1.9).

        Args:
            subprotocols: A list of str in the client's order, empty if it offered none.

        Returns:
            One of them, or None.
        """
        return None

    def get_compression_options(self):
        """Say whether and how to compress (permessage-deflate, RFC 7692).

        Returns:
            None for no compression, or a dict with any of these keys: ``compression_level``
            (zlib's, 6), ``mem_level`` (zlib's, 1-9, 8), ``max_wbits`` or
            ``server_max_window_bits`` (8-15, 15), ``client_max_window_bits`` (8-15, 15),
            ``server_no_context_takeover`` and ``client_no_context_takeover`` (bool, False),
            ``min_size`` (bytes, 0: shorter messages are sent as they are).
        """
        return None

    def check_origin(self, origin):
        """Decide whether a page of that origin may connect.

        A page of any site can open a WebSocket to any other, with the user's cookies: this is what
        keeps it out (cross-site WebSocket hijacking). The default allows the request's own ``Host``
        and the application's setting ``trusted_origins``, a list of ``scheme://host[:port]``.
        It is called after ``prepare``, for every request that has an origin; other programs
        than browsers send none.

        Args:
            origin: The value of ``Origin``, or of version 8's ``Sec-WebSocket-Origin``.

        Returns:
            A bool.
        """
        return self._ws_semantics.check_origin(self, origin)

    @Setting
    def ping_interval(self):
        """Seconds between pings: ``websocket_ping_interval``; None or 0 for none."""
        return self.settings.get("websocket_ping_interval", None)

    @Setting
    def ping_timeout(self):
        """Seconds for a pong to come: ``websocket_ping_timeout``; None: the interval, 0: no end."""
        return self.settings.get("websocket_ping_timeout", None)

    @Setting
    def max_message_size(self):
        """The most bytes of a message: setting ``websocket_max_message_size``.

        It holds as sent and inflated; a larger message closes the connection with 1009. None
        is the stream's ``max_buffer_size``, 100 MiB unless the HTTPServer was given another.
        """
        return self.settings.get("websocket_max_message_size", None)

    @Setting
    def max_buffered_amount(self):
        """The most bytes that may wait for a client: ``websocket_max_buffered_amount``.

        A `write_message` that would pass it raises ``StreamBufferFullError``, and the client is
        closed with 1008 as too slow: what was written and not begun is dropped. None is no limit.
        """
        return self.settings.get("websocket_max_buffered_amount", None)

    @Setting
    def close_timeout(self):
        """Seconds for a peer to answer a close frame: ``websocket_close_timeout``; None is 5.

        Then the socket is closed. 0 waits for no answer.
        """
        return self.settings.get("websocket_close_timeout", None)

    # What an application calls.

    @Setting
    def selected_subprotocol(self):
        """What `select_subprotocol` returned, while the connection is open."""
        return self.ws_connection.selected_subprotocol if self.ws_connection else None

    def write_message(self, message, binary=False, compress=None):
        """Send a message.

        May be called from any thread; the result is then a ``concurrent.futures.Future``.

        Args:
            message: A dict (sent as JSON text), str or UTF-8 bytes; with ``binary`` also a
                bytearray or memoryview.
            binary: Whether to send a binary message.
            compress: False sends this one as it is, for what compresses badly or mixes a secret
                with what others say; True compresses it even below ``min_size``. None is the rule
                of `get_compression_options`. Without compression it makes no difference.

        Returns:
            A Future that is done when the socket has taken the message (flow control), and that
            fails with WebSocketClosedError if the connection is closed before. Nobody has to
            wait for it.

        Raises:
            WebSocketClosedError: The connection is closed or closing.
            TypeError: The message is of another type.
            UnicodeEncodeError: The text has lone surrogates.
            StreamBufferFullError: More than `max_buffered_amount` would wait to be sent; the
                connection is closed with 1008 (and this is a WebSocketClosedError too). Or more
                than the stream's ``max_write_buffer_size``; then it is dropped.
        """
        protocol = self.ws_connection
        if protocol is None:
            raise WebSocketClosedError("the connection is closed or closing")
        if compress is not None:
            return protocol.write_message_as(message, binary, compress)
        return protocol.write_message(message, binary)

    def ping(self, data=b""):
        """Send a ping; the answer comes to `on_pong`. May be called from any thread.

        Args:
            data: At most 125 bytes, or a str of as many bytes of UTF-8.

        Raises:
            WebSocketClosedError: The connection is closed or closing.
            ValueError: The data is too long.
            TypeError: It is of another type.
        """
        if self.ws_connection is None:
            raise WebSocketClosedError("the connection is closed or closing")
        return self.ws_connection.write_ping(data)

    def close(self, code=None, reason=None):
        """Close the connection. May be called from any thread.

        The peer has `close_timeout` to answer; then the socket is closed.

        Args:
            code: A close code (RFC 6455 section 7.4): 1000-1003, 1007-1014 or 3000-4999. None
                sends none, or 1000 if there is a reason.
            reason: Text of at most 123 bytes of UTF-8, or None.

        Raises:
            ValueError: The code may not be sent, or the reason is too long or no UTF-8.
            TypeError: The reason is no text.
        """
        return close_and_forget(self, "ws_connection", code, reason)

    def _ws_part(self, code, reason, timeout):
        """Close the connection within a time, in seconds, whatever an override of close does."""
        protocol = self._ws_protocol
        if protocol is not None and timeout is not None:
            protocol._close_timeout = timeout
        WebSocketHandler.close(self, code, reason)

    def set_nodelay(self, value):
        """Set or clear TCP_NODELAY on the socket; it is set when the connection opens.

        Args:
            value: True to send small messages at once, False to let TCP gather them.
        """
        self.stream.set_nodelay(value)

    # What Tornado and the protocol call.

    def on_connection_close(self):
        """Called when the connection is over, before or after the handshake."""
        protocol, self.ws_connection = self.ws_connection, None
        if protocol is not None:
            protocol.on_connection_close()
        protocol = self._ws_protocol
        if protocol is not None and not self._on_close_called:
            self._on_close_called = True
            self._ws_end(protocol, self.on_close)
            self.ui = None  # its functions refer to the handler
            if self._ws_closed_future is not None and not self._ws_closed_future.done():
                self._ws_closed_future.set_result(None)

    def _ws_on_ping(self, data):
        return self._ws_semantics.ping_hook(self)(data)

    def _ws_log_exception(self, *exc_info):
        if self._on_close_called:  # an error of on_close goes there on every Tornado
            self.log_exception(*exc_info)
        else:
            self._ws_semantics.log_exception(self, *exc_info)

    def _break_cycles(self):
        # Tornado's: called when a response is finished, and a 101 is when it has been written.
        if self.get_status() != 101 or self._on_close_called:
            super(WebSocketHandler, self)._break_cycles()

    def send_error(self, *args, **kwargs):
        """Answer with an error, or drop the connection if it is a WebSocket already."""
        if self.stream is None:
            super(WebSocketHandler, self).send_error(*args, **kwargs)
        else:
            self.stream.close()


def _refuse_after_upgrade(name):
    method = getattr(web.RequestHandler, name)

    def refuse_after_upgrade(self, *args, **kwargs):
        if self.stream is not None:
            raise RuntimeError("Method not supported for Web Sockets")
        return method(self, *args, **kwargs)

    refuse_after_upgrade.__name__ = name
    refuse_after_upgrade.__doc__ = method.__doc__
    return refuse_after_upgrade


for _name in ("finish", "flush", "redirect", "set_cookie", "set_header", "set_status", "write"):
    setattr(WebSocketHandler, _name, _refuse_after_upgrade(_name))
