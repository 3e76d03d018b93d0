"""The exceptions that users see."""
from __future__ import absolute_import, division, print_function

from tornado_ws._compat import errors


class WebSocketError(errors.StockWebSocketError):
    """A WebSocket could not be opened, or was used where it cannot be.

    Derived from the installed Tornado's class of the same name.
    """


class WebSocketClosedError(WebSocketError, errors.StockWebSocketClosedError):
    """The connection is closed or closing, so nothing can be sent.

    Derived from the installed Tornado's class of the same name.
    """
