"""The opening handshake, of both roles: what `protocol.WebSocketProtocol13` does before frames."""
from __future__ import absolute_import, division, print_function

from tornado_ws._compat.contexts import request_context
from tornado_ws._compat.futures import decided
from tornado_ws._connection.backend import current_engine
from tornado_ws._sansio import deflate, handshake, headers


class OpeningHandshake(object):
    """The part of a protocol object that negotiates.

    Attributes:
        selected_subprotocol: What was agreed, or None.
    """

    selected_subprotocol = None

    # The opening handshake of a server.

    @staticmethod
    def compute_accept_value(key):
        """Compute the Sec-WebSocket-Accept value for a Sec-WebSocket-Key (RFC 6455 section 1.3).

        Args:
            key: The key, bytes or str.

        Returns:
            A native str.
        """
        return handshake.accept_value(key)

    def accept_connection(self, handler=None):
        """Answer the handshake of the handler's request, take its stream over and open it.

        Until all checks have passed the request stays an ordinary HTTP request.

        Args:
            handler: Not used: Tornado 6's callers pass it.

        Raises:
            HandshakeError: The request must be refused; it has the HTTP status.
            ValueError: select_subprotocol returned what the client did not offer, or a header
                that the application set cannot be sent.
        """
        handler = self.handler
        request_headers = handler.request.headers
        key = handshake.check_key(request_headers, self._semantics.any_key)
        self._select_subprotocol(handshake.offered_subprotocols(request_headers))
        extensions = headers.parse_extensions(request_headers.get("Sec-WebSocket-Extensions", ""))
        extension = None
        if self._compression_options is not None:
            agreed = deflate.negotiate_offer(extensions, self._compression_options)
            if agreed is not None:
                parameters, extension = agreed
                self._enable_deflate("server", parameters)
        answer = handshake.response_headers(key, self.selected_subprotocol, extension)
        head, stream = handler._ws_switch_protocols(answer)
        if stream.closed():  # the client left during prepare
            handler.ui = None  # its functions refer to the handler
            return
        self.begin(stream, request_context())
        if head:
            self._transport.gather(head)
        self._delivery.open(handler._ws_serial_open, handler._ws_open, self)

    def _select_subprotocol(self, offered):
        selected = decided("select_subprotocol", self.handler.select_subprotocol(offered))
        if selected:
            if selected not in offered:
                raise ValueError("select_subprotocol returned %r, which the client did not offer"
                                 % (selected,))
            self.selected_subprotocol = selected

    def _enable_deflate(self, role, parameters):
        options = self._compression_options
        compressor, decompressor = deflate.create_codecs(
            role, parameters, options, None, current_engine())
        self._core.enable_deflate(compressor, decompressor, options.get("min_size", 0))

    # The opening handshake of a client.

    def _process_server_headers(self, key, response_headers, subprotocols=()):
        """Check the server's 101 response.

        Args:
            key: The Sec-WebSocket-Key that was sent.
            response_headers: The response's HTTPHeaders.
            subprotocols: Those that were offered.

        Raises:
            HandshakeError: It breaks RFC 6455 section 4.1 or RFC 7692 section 7.
        """
        options = self._compression_options
        subprotocol, params = handshake.check_response(
            response_headers, key, subprotocols, options is not None, response_headers.get_list)
        if params is not None:
            self._enable_deflate("client", deflate.accept_response(params, options))
        self.selected_subprotocol = subprotocol
