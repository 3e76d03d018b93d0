"""A message while its parts arrive: RFC 6455 section 5.4 and RFC 7692 section 6.2.

A part is what came of a frame's payload in one read. Each is inflated and checked at once, so a
bad byte or a byte too many ends the message there, and memory holds what the limit allows.

The first parts are gathered in one buffer, which grows by an eighth when it is full and in the
end is the message, without a copy. As the parts do not pile up, the next message finds memory that
the process has already; to get pages from the system costs more than to fill them. But what it
has already it keeps: about one such message. So from `FIRST_BLOCK` bytes on the parts do pile up,
to be joined in the end: of that, twice the size of the message, malloc gives all back. What is
inflated piles up too: of a message that is refused nothing is kept beyond the limit. Small parts
are always gathered, or a million one-byte fragments would be a million objects.
"""
from __future__ import absolute_import, division, print_function

import io

from tornado_ws._sansio import utf8
from tornado_ws._sansio.errors import ProtocolError
from tornado_ws._sansio.frames import CLOSE_MESSAGE_TOO_BIG, OP_TEXT


def _is_buffer_given():
    """Tell whether a BytesIO hands its buffer over; Python 2 makes a copy."""
    data = b"buffer" * 10
    return io.BytesIO(data).getvalue() is data


FIRST_BLOCK = 16 * 1024 * 1024 if _is_buffer_given() else 0
_SMALL_PART = 4096


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
        self._block = None  # the buffer of parts
        self._parts = []    # before those in it
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
        if self._block is None:
            if final:
                return part
            self._block = io.BytesIO()
        if len(part) < _SMALL_PART or (self._inflate is None and not self._parts
                                       and self.size <= FIRST_BLOCK):
            self._block.write(part)
        else:
            self._end_block()
            self._parts.append(part)
        if not final:
            return None
        if not self._parts:
            return self._block.getvalue()
        self._end_block()
        return b"".join(self._parts)

    def _end_block(self):
        if self._block.tell():
            self._parts.append(self._block.getvalue())
            self._block = io.BytesIO()
