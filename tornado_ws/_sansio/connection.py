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
path (`straight.StraightPath`, the base class); in the header of a frame, whose bytes wait in
``_data``; or in a payload, of which each part is unmasked, inflated and checked as it arrives, so
that nothing waits for the rest of a frame to be found wrong.

One call returns one batch: at most `BATCH_EVENTS` events, and no more messages once they hold
`BATCH_BYTES`. What is left stays inside, `backlog` is true, and the next call goes on with it.
"""
from __future__ import absolute_import, division, print_function

import os

from tornado_ws._sansio.close import build_close, parse_close
from tornado_ws._sansio.errors import ProtocolError
from tornado_ws._sansio.frames import (CLOSE_INVALID_DATA, CLOSE_PROTOCOL_ERROR, CONTROL_BIT, FIN,
                                       KEY_SIZE, MAX_CONTROL_PAYLOAD, OP_CLOSE, OP_CONTINUATION,
                                       OPCODE_MASK, RSV1, build_header, encode_frame,
                                       encode_masked_frame, mask_bytes, parse_header)
from tornado_ws._sansio.message import Message
from tornado_ws._sansio.straight import StraightPath

PROTOCOL_ERROR = 0x10  # no opcode has more than four bits
BATCH_EVENTS = 256
BATCH_BYTES = 256 * 1024


class Connection(StraightPath):
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
        messages_in, messages_out: How many messages came in and went out.
        backlog: Whether a batch ended before the bytes at hand did.
        bytes_missing: What the frame in progress still needs, 0 between frames.
        any_close_code: Whether close frames may have any code of 16 bits, in both directions;
            unless it is set, only what RFC 6455 section 7.4 allows.
    """

    __slots__ = (
        "close_sent", "close_received", "backlog", "bytes_missing", "any_close_code",
        "_data",     # received, not yet taken
        "_message",  # the message in progress
        "_header",   # the frame whose payload is being received
        "_control",  # what has come of a control frame's payload
        "_ended",    # whether nothing more is taken from the peer
    )

    def __init__(self, is_client, max_message_size=None, mask=mask_bytes, urandom=os.urandom):
        super(Connection, self).__init__(is_client, max_message_size, mask, urandom)
        self.close_sent = False
        self.close_received = False
        self.backlog = False
        self.bytes_missing = 0
        self._data = b""
        self._message = None
        self._header = None
        self._control = b""
        self._ended = False
        self.any_close_code = False

    # Receiving.

    def receive_data(self, data):
        """Take bytes from the peer and return what they mean.

        Never raises for what a peer sent: what is wrong with the bytes is the last event. After a
        close frame or an error the connection takes no notice of what it is given.

        Args:
            data: bytes, any number; ``b""`` to go on with a `backlog`.

        Returns:
            A list of events, one batch.

        Raises:
            MemoryError: For which nobody is to blame. Some of the bytes are lost, so what comes
                after them is not looked at.
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
        except BaseException:
            self.discard()
            raise
        if self._ended:
            self._data = b""
            self.backlog = False
        else:
            self._data = rest = data[pos:]
            self._set_between(not rest and self._message is None and self._header is None)
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
            self.messages_in += 1
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
        super(Connection, self).discard()
        self._ended = True
        self.backlog = False
        self._message = self._header = None
        self._data = b""

    # Sending.

    def send_large_message(self, opcode, payload, compress=None):
        """Encode a message as `send_message` does, without a copy of what is sent as it is.

        Args:
            opcode, payload: As of `send_message`.
            compress: Whether to compress it, where that was negotiated; None for the rule.

        Returns:
            The frame in two pieces, its header and its payload.
        """
        first, length = FIN | opcode, len(payload)
        if self._compressor is not None and (
                length >= self._min_size if compress is None else compress):
            payload = self._compressor.compress(payload)
            first |= RSV1
        head = build_header(first, len(payload), self._is_client)
        if self._is_client:
            key = self._next_key()
            head += key
            payload = self._mask(key, payload)
        self.wire_bytes_out += len(head) + len(payload)
        self.message_bytes_out += length
        self.messages_out += 1
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
