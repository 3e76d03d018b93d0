"""Tornado 4.3's ``tornado.websocket``, on the Tornado that is installed.

An application changes ``from tornado import websocket`` to ``from tornado_ws import websocket``.
"""
from __future__ import absolute_import, division, print_function

from tornado_ws._client import WebSocketClientConnection
from tornado_ws._connect import websocket_connect
from tornado_ws._delivery import WebSocketProtocol
from tornado_ws._errors import WebSocketClosedError, WebSocketError
from tornado_ws._handler import WebSocketHandler
from tornado_ws._protocol import WebSocketProtocol13
from tornado_ws._sansio.deflate import PerMessageDeflateCompressor as _PerMessageDeflateCompressor
from tornado_ws._sansio.deflate import \
    PerMessageDeflateDecompressor as _PerMessageDeflateDecompressor

__all__ = [
    "WebSocketClientConnection", "WebSocketClosedError", "WebSocketError", "WebSocketHandler",
    "WebSocketProtocol", "WebSocketProtocol13", "websocket_connect",
    "_PerMessageDeflateCompressor", "_PerMessageDeflateDecompressor"]
