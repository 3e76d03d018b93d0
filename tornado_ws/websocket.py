"""Tornado 4.3's ``tornado.websocket``, on the Tornado that is installed.

An application changes ``from tornado import websocket`` to ``from tornado_ws import websocket``.
"""
from __future__ import absolute_import, division, print_function

from tornado_ws._client.connect import websocket_connect
from tornado_ws._client.connection import WebSocketClientConnection
from tornado_ws._connection.backend import set_deflate_backend
from tornado_ws._connection.broadcast import broadcast
from tornado_ws._connection.protocol import WebSocketProtocol, WebSocketProtocol13
from tornado_ws._errors import WebSocketClosedError, WebSocketError
from tornado_ws._sansio.deflate import PerMessageDeflateCompressor as _PerMessageDeflateCompressor
from tornado_ws._sansio.deflate import \
    PerMessageDeflateDecompressor as _PerMessageDeflateDecompressor
from tornado_ws._server.handler import WebSocketHandler
from tornado_ws._server.registry import close_all_connections, open_connections

__all__ = [
    "WebSocketClientConnection", "WebSocketClosedError", "WebSocketError", "WebSocketHandler",
    "WebSocketProtocol", "WebSocketProtocol13", "broadcast", "close_all_connections",
    "open_connections", "set_deflate_backend", "websocket_connect",
    "_PerMessageDeflateCompressor", "_PerMessageDeflateDecompressor"]
