"""What an application may send, and as which bytes it goes out."""
from __future__ import absolute_import, division, print_function

from tornado.escape import json_encode

from tornado_ws._compat.data import unicode_type
from tornado_ws._sansio import utf8
from tornado_ws._sansio.frames import OP_BINARY, OP_TEXT


def encode_message(message, binary):
    """Turn what `write_message` was given into an opcode and payload bytes.

    Args:
        message: A dict (sent as JSON), unicode or bytes; with ``binary`` also a bytearray or
            memoryview.
        binary: Whether it is sent as a binary message.

    Returns:
        ``(opcode, payload)``.

    Raises:
        TypeError: It is of another type.
        UnicodeEncodeError: The text has lone surrogates.
    """
    opcode = OP_BINARY if binary else OP_TEXT
    if type(message) is unicode_type:  # the most frequent kind
        return opcode, utf8.encode(message)
    if isinstance(message, dict):
        message = json_encode(message)
    if isinstance(message, bytes):
        return opcode, message
    if isinstance(message, unicode_type):
        return opcode, utf8.encode(message)
    if binary and isinstance(message, bytearray):
        return opcode, bytes(message)
    if binary and isinstance(message, memoryview):
        return opcode, message.tobytes()
    raise TypeError("a %s message is a str, bytes or dict%s, not %s"
                    % ("binary" if binary else "text",
                       ", bytearray or memoryview" if binary else "", type(message).__name__))
