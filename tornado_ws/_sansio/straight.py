"""The straight path: what a short unfragmented message touches, and nothing else.

Most messages are one frame of a few bytes. `StraightPath` has the state that these need, in
few fields, and three ways for them, which leave all else to `connection.Connection`:

* `StraightPath.receive_message`: a read that is exactly one such frame, as most are where each
  message is waited for. No list, no event, no position.
* `StraightPath._take_straight`: frames in a batch, until one is not of that kind. Of frames with
  equal heads, as many as there are at once.
* `StraightPath.send_message`: head and payload put together in place.

None of them decides that something is wrong. What they do not take they leave as it was, and the
long way finds out what it is.
"""
from __future__ import absolute_import, division, print_function

from itertools import chain, repeat, starmap

from tornado_ws import _straight
from tornado_ws._sansio import utf8
from tornado_ws._sansio.frames import (KEY_SIZE, LENGTH_16, MAX_STRAIGHT, OP_BINARY, OP_TEXT,
                                       OPCODE_MASK, RSV1, SMALL_HEADS, SMALL_MASKED_HEADS,
                                       KeySource, count_equal_heads, single_heads, straight_heads)
from tornado_ws._sansio.message import Message

_HEADS_FROM_CLIENT = straight_heads(masked=True)
_HEADS_FROM_SERVER = straight_heads(masked=False)
_DEFLATE_HEADS_FROM_CLIENT = straight_heads(masked=True, deflate=True)
_DEFLATE_HEADS_FROM_SERVER = straight_heads(masked=False, deflate=True)
_NO_HEAD = (None, MAX_STRAIGHT + 1, 0, None, None)  # as if too long for the straight path
_SINGLE_FROM_CLIENT = single_heads(masked=True)
_SINGLE_FROM_SERVER = single_heads(masked=False)
_NOTHING_SINGLE = {}


class StraightPath(_straight.Core):
    """The base of a connection: the fields that a short message touches.

    Args and attributes are those of `connection.Connection`.
    """

    __slots__ = (
        "_heads",       # the frames that may come in a batch
        "_small_heads",  # of what is sent
        "_decompressor", "_min_size",
        "_max_message_size",
        "__weakref__",
    )

    def __init__(self, is_client, max_message_size, mask, urandom):
        self.wire_bytes_in = self.wire_bytes_out = 0
        self.message_bytes_in = self.message_bytes_out = 0
        self.messages_in = self.messages_out = 0
        self._is_client = bool(is_client)
        self._mask = mask
        self._heads = _HEADS_FROM_SERVER if is_client else _HEADS_FROM_CLIENT
        self._small_heads = SMALL_MASKED_HEADS if is_client else SMALL_HEADS
        self._keys = self._next_key = None
        if is_client:
            source = KeySource(urandom)
            self._keys, self._next_key = source.keys, source.next_key
        self._compressor = self._decompressor = None
        self._min_size = 0
        self.max_message_size = max_message_size
        self._set_between(True)

    @property
    def max_message_size(self):
        """The most bytes that a received message may have, or None."""
        return self._max_message_size

    @max_message_size.setter
    def max_message_size(self, size):
        self._max_message_size = size
        self._limit = MAX_STRAIGHT if size is None else int(max(min(size, MAX_STRAIGHT), -1))

    def enable_deflate(self, compressor, decompressor, min_size=0):
        """Switch permessage-deflate on, as negotiated (RFC 7692).

        Args:
            compressor: For messages sent: has ``compress(data)``.
            decompressor: For messages received: has ``feed_pieces(data, final, max_length)``.
            min_size: Messages with fewer bytes are sent uncompressed.
        """
        self._compressor = compressor
        self._decompressor = decompressor
        self._min_size = min_size
        self._heads = _DEFLATE_HEADS_FROM_SERVER if self._is_client else _DEFLATE_HEADS_FROM_CLIENT

    def _set_between(self, between):
        """Say whether the next byte starts a frame that may be a whole message."""
        self._single = _NOTHING_SINGLE
        if between:
            self._single = _SINGLE_FROM_SERVER if self._is_client else _SINGLE_FROM_CLIENT

    # Receiving.

    @_straight.before("receive_message")
    def receive_message(self, data):
        """Take bytes from the peer if they are exactly one message, uncompressed and in one frame.

        For any other bytes, right or wrong, nothing is changed: `Connection.receive_data` has to
        be given them.

        Args:
            data: bytes, any number.

        Returns:
            The message, unicode for text and bytes for binary data; None if it is not that.

        Raises:
            MemoryError: The connection takes no notice of what comes after it.
        """
        single = self._single.get(data[:2])
        if single is None:
            return None
        size, start, unpack, is_text = single
        length = len(data) - start
        # RFC 6455 section 5.2: "the minimal number of bytes MUST be used to encode the length".
        if (length != size if unpack is None
                else length < size or unpack(data)[0] != length):
            return None
        if length > self._limit:
            return None
        try:
            payload = data[start:]
            if not self._is_client:
                payload = self._mask(data[start - KEY_SIZE:start], payload)
            if is_text:
                payload = utf8.decode(payload)
        except UnicodeDecodeError:
            return None
        except BaseException:
            self.discard()
            raise
        self.wire_bytes_in += len(data)
        self.message_bytes_in += length
        self.messages_in += 1
        return payload

    def discard(self):
        """Take no more notice of what the peer sends."""
        self._set_between(False)

    @_straight.before("take_straight")
    def _take_straight(self, data, pos, events, frames, room):
        """Take unfragmented data frames of up to 64 KiB that are all here.

        Args:
            data: The bytes received.
            pos: Where a header starts.
            events: The list to which the messages are added.
            frames: How many to take at most.
            room: Once their payloads have so many bytes, no more is taken.

        Returns:
            The position of the first frame that was not taken.
        """
        is_client, size, limit = self._is_client, len(data), self._limit
        taken, known = 0, len(events)
        try:
            while frames and taken < room:
                start, head = pos, data[pos:pos + 2]
                opcode, length, stride, unpack, unpack_run = self._heads.get(head, _NO_HEAD)
                pos += stride
                if length > limit or pos > size:
                    return start
                if length >= LENGTH_16:
                    header, least = unpack(data, start), length
                    length = header[0]
                    pos += length
                    if not least <= length <= limit or pos > size:
                        return start
                    payload = data[pos - length:pos]
                    if not is_client:
                        payload = self._mask(header[1], payload)
                elif unpack_run is not None and data[pos:pos + 2] == head and pos + stride <= size:
                    most = min(frames, (size - start) // stride)
                    count = count_equal_heads(data, start, stride, most)
                    pos = start + count * stride
                    self._take_run(opcode, length, unpack_run(data[start:pos]), events)
                    room -= count * length
                    frames -= count
                    continue
                else:
                    parts = unpack(data, start)
                    payload = parts[0] if is_client else self._mask(*parts)
                taken += self._add_message(opcode, payload, events)
                frames -= 1
            return pos
        finally:
            self.message_bytes_in += taken
            self.messages_in += len(events) - known

    def _add_message(self, opcode, payload, events):
        """Add the message that is one frame's payload; return its size."""
        if opcode & RSV1:
            message = Message(opcode & OPCODE_MASK, self._decompressor.feed_pieces,
                              self._max_message_size)
            events.append((message.opcode, message.feed(payload, True)))
            return message.size
        events.append((opcode, payload if opcode == OP_BINARY else utf8.decode(payload)))
        return len(payload)

    def _take_run(self, opcode, length, frames, events):
        """Take frames with equal heads; no step of it is one of the interpreter's."""
        known = len(events)
        payloads = chain.from_iterable(frames) if self._is_client else starmap(self._mask, frames)
        if opcode == OP_TEXT:
            payloads = map(utf8.decode, payloads)
        try:
            events.extend(zip(repeat(opcode), payloads))
        finally:
            self.message_bytes_in += (len(events) - known) * length

    # Sending.

    @_straight.before("send_message")
    def send_message(self, opcode, payload):
        """Encode a message as one frame, compressed where that was negotiated.

        Args:
            opcode: ``OP_TEXT`` or ``OP_BINARY``.
            payload: bytes; for text, UTF-8.

        Returns:
            The frame's bytes.
        """
        length = len(payload)
        if length >= LENGTH_16 or self._compressor is not None:
            head, payload = self.send_large_message(opcode, payload)
            return head + payload
        keys = self._keys
        if keys is None:
            frame = self._small_heads[opcode][length] + payload
        else:
            key = keys.pop() if keys else self._next_key()
            frame = self._small_heads[opcode][length] + key + self._mask(key, payload)
        self.wire_bytes_out += len(frame)
        self.message_bytes_out += length
        self.messages_out += 1
        return frame
