"""The part of `_compat` that is about the rules of the installed Tornado's websocket module."""
from __future__ import absolute_import, division, print_function

import operator
import warnings

import tornado
from tornado import web
from tornado.log import app_log, gen_log

from tornado_ws._compat import http
from tornado_ws._compat.futures import decided


def _answer_as_response(handler):
    """Send the 101 the way of any response, which overrides and instrumentation take part in."""
    handler.set_status(101)
    connection = handler.request.connection
    # What Tornado does to a connection after its last response is not for this one: it would say
    # "Connection: close" and close it (no_keep_alive), or have Nagle's algorithm back.
    connection._disconnect_on_finish = False
    connection._finish_request = _nothing_to_finish
    try:
        handler.finish()
    except BaseException:
        if handler._headers_written:
            connection.detach().close()  # too late for another response; Tornado logs the error
        raise
    return b""


def end_connection(handler):
    """Have the HTTP connection of a request closed after its response, and the client told so."""
    handler.set_header("Connection", "close")
    handler.request.connection._disconnect_on_finish = True


def _nothing_to_finish(future=None):
    """Stand in for what ends a request on a connection that goes on as a WebSocket."""


def _log_error(handler, *exc_info):
    app_log.error("Uncaught exception in %s", handler.request.path, exc_info=exc_info)


if tornado.version_info < (5, 1):
    # Tornado < 5.1: errors of callbacks are logged, whatever log_exception does.
    log_callback_error = _log_error
else:
    # Tornado >= 5.1: they go through log_exception, of which error trackers make use.
    def log_callback_error(handler, *exc_info):
        """Log what a callback failed with, as a program on this Tornado expects it."""
        if type(handler).log_exception == web.RequestHandler.log_exception:
            _log_error(handler, *exc_info)
        else:
            handler.log_exception(*exc_info)


if tornado.version_info < (4, 5):
    # Tornado < 4.5: a 101 leaves no line.
    def log_handshake(handler):
        """Write the 101's line into the access log, if a program on this Tornado expects it."""
else:
    # Tornado >= 4.5: it is a response like any other.
    def log_handshake(handler):
        """Write the 101's line into the access log, if a program on this Tornado expects it."""
        handler._log()


def _log_exception(handler, *exc_info):
    handler.log_exception(*exc_info)


def _generous_ping_timeout(interval, timeout):
    return max(3 * interval, 30) if timeout is None else timeout


def _capped_ping_timeout(interval, timeout):
    if timeout is not None and 0 < interval < timeout:
        gen_log.warning("websocket_ping_timeout (%s s) is longer than websocket_ping_interval "
                        "(%s s), which is used instead", timeout, interval)
    return interval if timeout is None else min(timeout, interval)


def _allow_origin_by_fetch_site(handler):
    headers = handler.request.headers
    if "Origin" in headers and "Sec-Fetch-Site" not in headers:
        try:
            handler._origin_matches_host(headers["Origin"])
        except ValueError:  # it cannot be parsed
            return False
    return handler._check_cross_origin(
        lambda origin: decided("check_origin", handler.check_origin(origin))) is None


def _check_trusted_origin(handler, origin):
    return handler.check_trusted_origin(origin)


def _network_error(connection, error):
    if error.real_error is not None:
        return error.real_error
    return http.stream_closed_error("Stream closed") if connection.lost_in_answer else error


def _timeout_error(connection):
    return http.timeout_error(connection.describe_timeout())


if tornado.version_info < (4, 5):
    # Tornado < 4.5: what the stream may hold is the limit.
    DEFAULT_MESSAGE_LIMIT = None
else:
    # Tornado >= 4.5: a limit of its own; before 5.1 without a name.
    DEFAULT_MESSAGE_LIMIT = 10 * 1024 * 1024


def warn_of_callback():
    """Warn of ``websocket_connect(callback=...)`` where the installed Tornado does."""
    if tornado.version_info >= (6, 5):
        # Tornado >= 6.5: it will go in 7.0. The words are Tornado's: programs filter by them.
        warnings.warn("The callback argument to websocket_connect is deprecated. "
                      "Use the returned Future instead.", DeprecationWarning, stacklevel=3)


if tornado.version_info < (6, 4):
    # Tornado < 6.4: a connection that is dropped is nobody's business.
    class WarnsIfUnclosed(object):
        """A client connection that warns when it is freed while it is open."""
else:
    # Tornado >= 6.4: its connections have a __del__.
    class WarnsIfUnclosed(object):
        """A client connection that warns when it is freed while it is open.

        It looks at ``protocol``, which is None or has ``is_closing()``, and touches no stream.
        """

        protocol = None

        def __del__(self):
            if self.protocol is not None and not self.protocol.is_closing():
                warnings.warn("Unclosed WebSocketClientConnection", ResourceWarning, source=self)


def installed_rules():
    """Return where the installed Tornado's websocket module departs from 4.3's.

    Returns:
        A dict of fields of ``Semantics``.
    """
    # Every Tornado: a close code is whatever 16 bits hold, a key is whatever is not empty; the HTTP
    # client's errors are raised.
    rules = dict(any_close_code=True, any_key=True, network_error=_network_error,
                 timeout_error=_timeout_error)
    version = tornado.version_info
    if version >= (4, 5):
        # Tornado >= 4.5: on_message may be a coroutine, and messages wait for it; the 101 is a
        # finished response, logged like any other; pings have settings.
        rules.update(serial_messages=True, answer=_answer_as_response, setting=getattr,
                     ping_hook=operator.attrgetter("on_ping"),
                     ping_timeout=_generous_ping_timeout)
    if version >= (5, 1):
        # Tornado >= 5.1: the same for open; errors go through the handler's log_exception.
        rules.update(serial_open=True, log_exception=_log_exception, queue_is_deque=False)
    if version >= (6,):
        # Tornado >= 6.0: get() is a coroutine that ends with the connection.
        rules.update(get_waits=True)
    if version >= (6, 5):
        # Tornado >= 6.5: another default and a limit.
        rules.update(ping_timeout=_capped_ping_timeout)
    if version >= (6, 6):
        # Tornado >= 6.6: only RFC 6455; the browser's Sec-Fetch-Site comes before the origin.
        rules.update(versions=("13",), allow_origin=_allow_origin_by_fetch_site,
                     check_origin=_check_trusted_origin)
    return rules
