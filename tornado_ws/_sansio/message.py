"""A message while its parts arrive: RFC 6455 section 5.4 and RFC 7692 section 6.2.

A part is what came of a frame's payload in one read. Each is inflated and checked at once, so a
bad byte or a byte too many ends the message there, and memory holds what the limit allows. Small
parts are gathered in one buffer, or a million one-byte fragments would be a million objects.
"""
from __future__ import absolute_import, division, print_function

from tornado_ws._sansio import utf8
from tornado_ws._sansio.errors import ProtocolError
from tornado_ws._sansio.frames import CLOSE_MESSAGE_TOO_BIG, OP_TEXT

_SMALL_PART = 4096


_SPARE = 512 * 1024
_largest = 16 * 1024


def _join(parts, size):
    """Join the parts of a message, so that the next one as large costs no page faults.

    The GNU malloc gives the top of the heap back to the system when more is free there than twice
    the largest block that it ever freed by ``munmap``. The parts of a large message and the
    message itself are just over that: after each one their pages would be given back, to be
    fetched again one by one for the next, which costs several times what copying them does. A
    block larger than any message so far moves that bound. Its pages are never touched. (On
    Python 2 it is a short string, and all stays as it was.)
    """
    global _largest
    if size > _largest:
        _largest = size
        bytes(size + size // 4 + _SPARE)
    return b"".join(parts)


class Message(object):
    """Puts one message together.

    Args:
        opcode: ``OP_TEXT`` or ``OP_BINARY``.
        inflate: None for an uncompressed message, else
            `PerMessageDeflateDecompressor.feed_pieces`.
        max_size: The most bytes that the message may have, as sent and inflated; None for no
            limit.
    """

    def __init__(self, opcode, inflate, max_size):
        self.opcode = opcode
        self.size = 0
        self._inflate = inflate
        self._max_size = max_size
        self._announced = 0
        self._parts = []
        self._small = bytearray()
        self._validator = None

    def announce(self, length):
        """Take notice of a frame of the message before its payload.

        Args:
            length: The frame's payload length in bytes.

        Raises:
            ProtocolError: The message is over its limit (close code 1009).
        """
        self._announced += length
        if self._max_size is not None and self._announced > self._max_size:
            raise ProtocolError(CLOSE_MESSAGE_TOO_BIG, "message too big")

    def feed(self, part, final):
        """Take the next part.

        Args:
            part: Unmasked payload bytes.
            final: Whether the message ends with them.

        Returns:
            None, or the whole message if it is final: unicode for text, else bytes.

        Raises:
            ProtocolError: The part cannot be inflated (1007) or goes over the limit (1009).
            UnicodeDecodeError: The text is not UTF-8.
        """
        if self._inflate is None:
            return self._take(part, final)
        room = None if self._max_size is None else self._max_size - self.size
        whole = None
        for piece, last in self._inflate(part, final, room):
            whole = self._take(piece, last)
        return whole

    def _take(self, part, final):
        self.size += len(part)
        if self.opcode == OP_TEXT:
            return self._feed_text(part, final)
        return self._gather(part, final)

    def _feed_text(self, part, final):
        if self._validator is None:
            if final:
                return utf8.decode(part)
            self._validator = utf8.Validator()
        self._validator.feed(part)
        if final:
            self._validator.finish()
        data = self._gather(part, final)
        return utf8.decode(data) if final else None

    def _gather(self, part, final):
        if not final and len(part) < _SMALL_PART:
            self._small += part
            return None
        if self._small:
            self._parts.append(bytes(self._small))
            self._small = bytearray()
        if not self._parts and final:
            return part
        self._parts.append(part)
        return _join(self._parts, self.size) if final else None
