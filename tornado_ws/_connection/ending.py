"""Why a connection ended, in one line."""
from __future__ import absolute_import, division, print_function

import logging

from tornado.log import gen_log

from tornado_ws._sansio.close import build_close, parse_close
from tornado_ws._sansio.errors import ProtocolError
from tornado_ws._sansio.frames import OP_CLOSE

UNTOLD = u""  # what ended it has a line of its own


def close_said(code, reason, any_code):
    """Tell what a close frame says.

    Args:
        code, reason, any_code: As `build_close` takes them.

    Returns:
        ``(code, reason)``, each None if it is not there.
    """
    try:
        return parse_close(build_close(code, reason, any_code), True)
    except ProtocolError as error:  # the reason is bytes that are no UTF-8
        return error.peer_close


def by_peer(opcode, data):
    """Describe what came last: the event of a close frame, or of an error.

    Args:
        opcode, data: The event.
    """
    if opcode == OP_CLOSE:
        return u"closed by the peer: %s" % words(*data)
    return u"failed: %s" % data


def by_us(code, reason):
    """Describe our own close frame, which was the first."""
    return u"closed by this side: %s" % words(code, reason)


def words(code, reason):
    """Describe what a close frame says."""
    if code is None:
        return u"no code"
    return u"%d %s" % (code, reason) if reason else u"%d" % code


def log_end(path, cause, error):
    """Write the one line about a connection's end.

    Args:
        path: Of the request.
        cause: What ended it: text, or None for nothing but the loss.
        error: What it was lost by, or None.
    """
    if cause == UNTOLD or not gen_log.isEnabledFor(logging.DEBUG):
        return
    causes = [cause] if cause is not None else []
    if error is not None:
        causes.append(u"lost: %s" % (error or type(error).__name__))
    gen_log.debug(u"Connection %s [%s]", u"; ".join(causes), path)
