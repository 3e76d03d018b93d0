"""One WebSocket connection after its handshake, either role, as a state machine without I/O.

Bytes from the peer go into `Connection.receive_data`, which returns events: plain tuples
``(opcode, payload)``

=================  ==========================================================
``OP_TEXT``        a whole text message, unicode
``OP_BINARY``      a whole binary message, bytes
``OP_PING``        a ping that has to be answered, bytes
``OP_PONG``        a pong, bytes
``OP_CLOSE``       ``(code or None, reason or None)``; the last event
``PROTOCOL_ERROR`` the `ProtocolError`; the last event
=================  ==========================================================

Each ``send_*`` method returns the bytes of its one frame. Receiving, a connection is in one of
three places: between frames, where an unfragmented data frame that is all there has its straight
path, `_take_straight`; in the header of a frame, whose bytes wait in ``_data``; or in a payload,
of which each part is unmasked, inflated and checked as it arrives, so that nothing waits for the
rest of a frame to be found wrong.

One call returns one batch: at most `BATCH_EVENTS` events, and no more messages once they hold
`BATCH_BYTES`. What is left stays inside, `backlog` is true, and the next call goes on with it.
"""
from __future__ import absolute_import, division, print_function

import os
from itertools import chain, repeat, starmap

from tornado_ws._sansio import utf8
from tornado_ws._sansio.close import build_close, parse_close
from tornado_ws._sansio.errors import ProtocolError
from tornado_ws._sansio.frames import (CLOSE_INVALID_DATA, CLOSE_PROTOCOL_ERROR, CONTROL_BIT, FIN,
                                       KEY_SIZE, LENGTH_16, MAX_CONTROL_PAYLOAD, MAX_LENGTH_16,
                                       OP_BINARY, OP_CLOSE, OP_CONTINUATION, OP_TEXT, OPCODE_MASK,
                                       RSV1, SMALL_HEADS, KeySource, build_header,
                                       count_equal_heads, encode_frame, encode_masked_frame,
                                       mask_bytes, parse_header, straight_heads)
from tornado_ws._sansio.message import Message

PROTOCOL_ERROR = 0x10  # no opcode has more than four bits
BATCH_EVENTS = 256
BATCH_BYTES = 256 * 1024

_HEADS_FROM_CLIENT = straight_heads(masked=True)
_HEADS_FROM_SERVER = straight_heads(masked=False)
_DEFLATE_HEADS_FROM_CLIENT = straight_heads(masked=True, deflate=True)
_DEFLATE_HEADS_FROM_SERVER = straight_heads(masked=False, deflate=True)
_NO_HEAD = (None, MAX_LENGTH_16 + 1, 0, None, None)  # as if too long for the straight path


class Connection(object):
    """The state of one connection.

    Args:
        is_client: Whether this end is the client: it masks what it sends, the peer does not.
        max_message_size: The most bytes that a received message may have, as sent and after
            decompression; None for no limit. Also an attribute.
        mask: The masking function ``mask(key, data)`` on bytes.
        urandom: The source of masking keys, a function from a number of bytes to bytes.

    Attributes:
        close_sent, close_received: Whether a close frame went out or came in.
        wire_bytes_in, wire_bytes_out: Bytes received and sent, all in all.
        message_bytes_in, message_bytes_out: Payload bytes of messages, uncompressed.
        backlog: Whether a batch ended before the bytes at hand did.
        bytes_missing: What the frame in progress still needs, 0 between frames.
        any_close_code: Whether close frames may have any code of 16 bits, in both directions;
            unless it is set, only what RFC 6455 section 7.4 allows.
    """

    def __init__(self, is_client, max_message_size=None, mask=mask_bytes, urandom=os.urandom):
        self.close_sent = False
        self.close_received = False
        self.backlog = False
        self.bytes_missing = 0
        self.any_close_code = False
        self.wire_bytes_in = self.wire_bytes_out = 0
        self.message_bytes_in = self.message_bytes_out = 0
        self._mask = mask
        self.max_message_size = max_message_size
        self._is_client = is_client
        self._next_key = KeySource(urandom).next_key if is_client else None
        self._compressor = self._decompressor = None
        self._min_size = 0
        self._heads = _HEADS_FROM_SERVER if is_client else _HEADS_FROM_CLIENT
        self._data = b""        # received, not yet taken
        self._message = None    # the message in progress
        self._header = None     # the frame whose payload is being received
        self._control = b""     # what has come of a control frame's payload
        self._ended = False     # nothing more is taken from the peer

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

    # Receiving.

    def receive_data(self, data):
        """Take bytes from the peer and return what they mean.

        Never raises: what is wrong with the bytes is the last event. After a close frame or an
        error the connection takes no notice of what it is given.

        Args:
            data: bytes, any number; ``b""`` to go on with a `backlog`.

        Returns:
            A list of events, one batch.
        """
        self.wire_bytes_in += len(data)
        if self._ended:
            return []
        if self._data:
            data = self._data + data
        events = []
        try:
            pos = self._take_batch(data, events)
        except UnicodeDecodeError:
            self._fail(events, ProtocolError(CLOSE_INVALID_DATA, "invalid UTF-8 in text"))
        except ProtocolError as error:
            self._fail(events, error)
        if self._ended:
            self._data = b""
            self.backlog = False
        else:
            self._data = data[pos:]
        return events

    def _take_batch(self, data, events):
        """Take one batch of frames; return the position of the first byte not taken."""
        size = len(data)
        ceiling = self.message_bytes_in + BATCH_BYTES
        pos = frames = 0
        while pos < size and frames < BATCH_EVENTS and self.message_bytes_in < ceiling:
            if self._header is None and self._message is None:
                start, known = pos, len(events)
                pos = self._take_straight(data, pos, events, BATCH_EVENTS - frames,
                                          ceiling - self.message_bytes_in)
                if pos != start:
                    frames += len(events) - known
                    continue
            step = self._step(data, pos, events)
            if step is None or self._ended:
                self.backlog = False
                return pos
            pos = step
            frames += 1
        self.backlog = pos < size
        return pos

    def _take_straight(self, data, pos, events, frames, room):
        """Take unfragmented data frames of up to 65535 bytes that are all here.

        Args:
            data: The bytes received.
            pos: Where a header starts.
            events: The list to which the messages are added.
            frames: How many to take at most.
            room: Once their payloads have so many bytes, no more is taken.

        Returns:
            The position of the first frame that was not taken.
        """
        is_client, size, taken = self._is_client, len(data), 0
        limit = self.max_message_size
        if limit is None or limit > MAX_LENGTH_16:
            limit = MAX_LENGTH_16
        try:
            while frames and taken < room:
                start, head = pos, data[pos:pos + 2]
                opcode, length, stride, unpack, unpack_run = self._heads.get(head, _NO_HEAD)
                pos += stride
                if length > limit or pos > size:
                    return start
                if length == LENGTH_16:
                    header = unpack(data, start)
                    length = header[0]
                    pos += length
                    if not LENGTH_16 <= length <= limit or pos > size:
                        return start
                    payload = data[pos - length:pos]
                    if not is_client:
                        payload = self._mask(header[1], payload)
                elif unpack_run is not None and data[pos:pos + 2] == head and pos + stride <= size:
                    most = min(frames, (size - start) // stride)
                    count = count_equal_heads(data, start, stride, most)
                    pos = start + count * stride
                    self._take_run(opcode, unpack_run(data[start:pos]), events)
                    taken += count * length
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

    def _add_message(self, opcode, payload, events):
        """Add the message that is one frame's payload; return its size."""
        if opcode & RSV1:
            message = Message(opcode & OPCODE_MASK, self._decompressor.feed_pieces,
                              self.max_message_size)
            events.append((message.opcode, message.feed(payload, True)))
            return message.size
        events.append((opcode, payload if opcode == OP_BINARY else utf8.decode(payload)))
        return len(payload)

    def _take_run(self, opcode, frames, events):
        """Take frames with equal heads; no step of it is one of the interpreter's."""
        payloads = chain.from_iterable(frames) if self._is_client else starmap(self._mask, frames)
        if opcode == OP_TEXT:
            payloads = map(utf8.decode, payloads)
        events.extend(zip(repeat(opcode), payloads))

    def _step(self, data, pos, events):
        """Take a frame's header and what is there of its payload, or more of the payload.

        Returns:
            The position after it, or None if more bytes have to come first.
        """
        header = self._header
        if header is None:
            header = parse_header(data, pos, not self._is_client, self._decompressor is not None)
            if header is None:
                return None
            self._begin_frame(header)
            pos = header.start
        part = data[pos:pos + self.bytes_missing]
        pos += len(part)
        if header.key is not None and part:
            turn = (header.length - self.bytes_missing) % KEY_SIZE
            self.bytes_missing -= len(part)
            part = self._mask(header.key[turn:] + header.key[:turn], part)
        else:
            self.bytes_missing -= len(part)
        frame_ends = not self.bytes_missing
        if frame_ends:
            self._header = None
        if header.first & CONTROL_BIT:
            self._control += part
            if frame_ends:
                self._end_control(header.first & OPCODE_MASK, events)
        else:
            self._feed_message(part, frame_ends and bool(header.first & FIN), events)
        return pos

    def _begin_frame(self, header):
        first = header.first
        if not first & CONTROL_BIT:
            # RFC 6455 section 5.4: "The fragments of one message MUST NOT be interleaved between
            # the fragments of another message".
            if (first & OPCODE_MASK == OP_CONTINUATION) != (self._message is not None):
                raise ProtocolError(CLOSE_PROTOCOL_ERROR, "new message inside a message"
                                    if self._message else "continuation without a message")
            if self._message is None:
                inflate = self._decompressor.feed_pieces if first & RSV1 else None
                self._message = Message(first & OPCODE_MASK, inflate, self.max_message_size)
            self._message.announce(header.length)
        self._header = header
        self.bytes_missing = header.length

    def _feed_message(self, part, final, events):
        message = self._message
        payload = message.feed(part, final)
        if final:
            self._message = None
            self.message_bytes_in += message.size
            events.append((message.opcode, payload))

    def _end_control(self, opcode, events):
        payload, self._control = self._control, b""
        if opcode == OP_CLOSE:
            payload = parse_close(payload, self.any_close_code)
            self.close_received = True
            self.discard()
        events.append((opcode, payload))

    def _fail(self, events, error):
        self.discard()
        # Both refer to the frame that has the events.
        error.__traceback__ = error.__context__ = None
        events.append((PROTOCOL_ERROR, error))

    def discard(self):
        """Take no more notice of what the peer sends."""
        self._ended = True
        self.backlog = False
        self._message = self._header = None
        self._data = b""

    # Sending.

    def send_message(self, opcode, payload):
        """Encode a message as one frame, compressed where that was negotiated.

        Args:
            opcode: ``OP_TEXT`` or ``OP_BINARY``.
            payload: bytes; for text, UTF-8.

        Returns:
            The frame's bytes.
        """
        length = len(payload)
        self.message_bytes_out += length
        if self._is_client:
            return b"".join(self._encode(opcode, payload))
        if self._compressor is not None and length >= self._min_size:
            payload = self._compressor.compress(payload)
            opcode |= RSV1
            length = len(payload)
        if length < LENGTH_16:
            self.wire_bytes_out += 2 + length
            return SMALL_HEADS[opcode][length] + payload
        frame = build_header(FIN | opcode, length, False) + payload
        self.wire_bytes_out += len(frame)
        return frame

    def send_large_message(self, opcode, payload):
        """Encode a message as `send_message` does, without a copy of what is sent as it is.

        Returns:
            The frame in two pieces, its header and its payload.
        """
        self.message_bytes_out += len(payload)
        return self._encode(opcode, payload)

    def _encode(self, opcode, payload):
        first = FIN | opcode
        if self._compressor is not None and len(payload) >= self._min_size:
            payload = self._compressor.compress(payload)
            first |= RSV1
        head = build_header(first, len(payload), self._is_client)
        if self._is_client:
            key = self._next_key()
            head += key
            payload = self._mask(key, payload)
        self.wire_bytes_out += len(head) + len(payload)
        return head, payload

    def send_frame(self, first, payload):
        """Encode one frame as it is given.

        Args:
            first: The frame's first byte: FIN, RSV bits and opcode.
            payload: bytes, at most 125 in a control frame.

        Returns:
            The frame's bytes.

        Raises:
            ValueError: The control frame is too long (RFC 6455 section 5.5).
        """
        if first & CONTROL_BIT and len(payload) > MAX_CONTROL_PAYLOAD:
            raise ValueError("control frame payload has %d bytes, at most %d fit"
                             % (len(payload), MAX_CONTROL_PAYLOAD))
        if self._is_client:
            frame = encode_masked_frame(first, payload, self._next_key(), self._mask)
        else:
            frame = encode_frame(first, payload)
        self.wire_bytes_out += len(frame)
        return frame

    def send_close(self, code=None, reason=None):
        """Encode the close frame; nothing may be sent after it (RFC 6455 section 5.5.1).

        Args:
            code, reason: As `close.build_close` takes them.

        Returns:
            The frame's bytes.

        Raises:
            ValueError: The code may not be sent or the reason is too long; nothing is changed.
            TypeError: The reason is no text; nothing is changed.
        """
        payload = build_close(code, reason, self.any_close_code)
        frame = self.send_frame(FIN | OP_CLOSE, payload)
        self.close_sent = True
        return frame
