"""The protocol's base class, and what can be asked of the class itself."""
from __future__ import absolute_import, division, print_function

from tornado_ws import websocket


def test_the_base_class_has_a_handler_and_no_stream():
    """4.3's `WebSocketProtocol`: what a program may make of it without a connection."""
    protocol = websocket.WebSocketProtocol(None)
    assert protocol.stream is None
    protocol.on_connection_close()
    assert protocol.client_terminated and protocol.server_terminated


def test_the_accept_value_of_the_rfc():
    """RFC 6455 section 1.3, by 4.3's name."""
    compute = websocket.WebSocketProtocol13.compute_accept_value
    for key in ("dGhlIHNhbXBsZSBub25jZQ==", b"dGhlIHNhbXBsZSBub25jZQ=="):
        assert compute(key) == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
