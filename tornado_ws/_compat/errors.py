"""Exceptions that not every Python or Tornado has, or that have to be the installed Tornado's."""
from __future__ import absolute_import, division, print_function

import sys

from tornado import websocket

StockWebSocketError = websocket.WebSocketError
StockWebSocketClosedError = websocket.WebSocketClosedError

if sys.version_info < (3,):
    # Python 2: none of these.
    from socket import timeout as PeerTimeoutError

    class ResourceWarning(Warning):
        """A resource was not closed (Python 3 has it built in)."""

    class CancelledError(Exception):
        """A Future or a Task was cancelled (Python 3 has it in asyncio)."""
else:
    # Python >= 3: they are there.
    from asyncio import CancelledError  # noqa: F401 (it is exported)
    ResourceWarning = ResourceWarning
    PeerTimeoutError = TimeoutError
