"""What stands between a protocol and a client connection: it keeps the latter from living on."""
from __future__ import absolute_import, division, print_function

import weakref

from tornado.log import app_log

from tornado_ws import _compat


class Listener(object):
    """What the protocol calls in place of the connection.

    A connection that its user has let go must be freed, so it is referred to weakly, except while
    somebody can still be told something: a reader that waits, or ``on_message_callback``.
    """

    _serial_messages = (False, True)
    _ends_in_order = True
    _answers_later = True
    close_code = close_reason = None

    def __init__(self, connection):
        self._connection = weakref.ref(connection)
        self.anchor = None
        self.path = None

    def on_message(self, message):
        connection = self._connection()
        return connection.on_message(message) if connection is not None else None

    def on_ping(self, data):
        connection = self._connection()
        return connection.on_ping(data) if connection is not None else None

    def on_pong(self, data):
        connection = self._connection()
        return connection.on_pong(data) if connection is not None else None

    def on_connection_close(self):
        connection, self.anchor = self._connection(), None
        if connection is not None:
            connection.on_connection_close()

    def check_read(self, future):
        connection = self._connection()
        if future.cancelled() and connection is not None:
            connection._forget_read(future)

    def check_callback(self, future):
        exc_info = _compat.failure(future)
        if exc_info is not None:
            self._log_callback_error(*exc_info)

    def _log_callback_error(self, *exc_info):
        app_log.error("Uncaught exception in %s", self.path, exc_info=exc_info)
