"""The payload of a close frame: RFC 6455 section 5.5.1 and 7.4.

::

    2 bytes         the close code; or nothing at all
    then            the reason, UTF-8

Which codes may be on the wire is the RFC's, or anything of 16 bits where *any code* is asked for,
which is how every Tornado has it.
"""
from __future__ import absolute_import, division, print_function

import operator
import struct

from tornado_ws._sansio import utf8
from tornado_ws._sansio.errors import ProtocolError
from tornado_ws._sansio.frames import (CLOSE_BAD_GATEWAY, CLOSE_INVALID_DATA, CLOSE_NORMAL,
                                       CLOSE_PROTOCOL_ERROR, CLOSE_UNSUPPORTED_DATA,
                                       MAX_CONTROL_PAYLOAD)

CODE_SIZE = 2
MAX_CODE = 0xFFFF
MAX_REASON = MAX_CONTROL_PAYLOAD - CODE_SIZE
MAX_CHARACTER = 4  # bytes of UTF-8

_code = struct.Struct("!H")


def is_valid_close_code(code):
    """Tell whether a close code may stand in a close frame (RFC 6455 section 7.4).

    1004, 1005, 1006 and 1015 are reserved and never sent; 1012 to 1014 were registered with
    IANA later; 3000-3999 are for libraries and 4000-4999 for private use.
    """
    return (CLOSE_NORMAL <= code <= CLOSE_UNSUPPORTED_DATA
            or CLOSE_INVALID_DATA <= code <= CLOSE_BAD_GATEWAY
            or 3000 <= code <= 4999)


def build_close(code, reason, any_code=False):
    """Build the payload of a close frame.

    Args:
        code: The close code, an int, or None for an empty payload. With a reason, None means
            1000; with any code, an empty reason is one.
        reason: unicode or UTF-8 bytes, or None.
        any_code: Whether any code of 16 bits will do, and a long reason is cut.

    Returns:
        bytes, at most 125.

    Raises:
        ValueError: The code may not be sent, or the reason is over 123 bytes or no UTF-8.
        TypeError: The reason is no text.
    """
    if code is None and (reason or any_code and reason is not None):
        code = CLOSE_NORMAL
    reason = _encode_reason(reason)
    if code is None:
        return b""
    if any_code:
        return _code.pack(_fitting_code(code)) + _cut(reason)
    utf8.decode(reason)
    if not isinstance(code, int) or not is_valid_close_code(code):
        raise ValueError("invalid close code %r: use 1000-1003, 1007-1014 or 3000-4999" % (code,))
    if len(reason) > MAX_REASON:
        raise ValueError("close reason has %d bytes of UTF-8, at most %d fit"
                         % (len(reason), MAX_REASON))
    return _code.pack(code) + reason


def _encode_reason(reason):
    if reason is None or isinstance(reason, bytes):
        return reason or b""
    if not isinstance(reason, type(u"")):
        raise TypeError("a close reason is a str, not %r" % (reason,))
    return utf8.encode(reason)


def _fitting_code(code):
    try:
        number = operator.index(code)
    except TypeError:
        number = -1
    if not 0 <= number <= MAX_CODE:
        raise ValueError("invalid close code %r: use an int of 16 bits, best one of 1000-1003, "
                         "1007-1014 or 3000-4999" % (code,))
    return number


def _cut(reason):
    end = MAX_REASON
    # RFC 3629 section 3: a byte 10xxxxxx goes on with a character.
    while (len(reason) > end > MAX_REASON - MAX_CHARACTER + 1
           and b"\x80" <= reason[end:end + 1] < b"\xc0"):
        end -= 1
    return reason[:end]


def parse_close(payload, any_code=False):
    """Parse the payload of a close frame.

    Args:
        payload: bytes.
        any_code: Whether any code may be there.

    Returns:
        ``(code, reason)``: an int or None if the payload is empty, and unicode or None.

    Raises:
        ProtocolError: One byte only, or a code that must not be sent (close code 1002); a reason
            that is not UTF-8 (1007). What could be read is the error's ``peer_close``.
    """
    if not payload:
        return None, None
    if len(payload) < CODE_SIZE:
        raise ProtocolError(CLOSE_PROTOCOL_ERROR, "close frame with one byte")
    error = None
    code, = _code.unpack(payload[:CODE_SIZE])
    try:
        reason = utf8.decode(payload[CODE_SIZE:]) or None
    except UnicodeDecodeError:
        reason = None
        error = ProtocolError(CLOSE_INVALID_DATA, "invalid UTF-8 in close reason")
    if not any_code and not is_valid_close_code(code):
        error = ProtocolError(CLOSE_PROTOCOL_ERROR, "invalid close code %d" % code)
    if error is not None:
        error.peer_close = code, reason
        raise error
    return code, reason
