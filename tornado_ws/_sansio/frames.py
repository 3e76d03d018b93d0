"""Frames: RFC 6455 section 5.2, byte by byte.

::

    byte 0          FIN RSV1 RSV2 RSV3 | opcode (4 bits)
    byte 1          MASK | length (7 bits)
    then            2 bytes of length if the 7 bits are 126, 8 bytes if they are 127
    then            4 bytes of masking key if MASK is set
    then            the payload, XORed with the masking key if there is one

A frame is described by its *first byte* (FIN, RSV bits and opcode in one int), as it stands on
the wire: ``0x81`` is an unfragmented text message.
"""
from __future__ import absolute_import, division, print_function

import collections
import os
import struct

from tornado_ws import _straight
from tornado_ws._sansio.errors import ProtocolError

OP_CONTINUATION = 0x0
OP_TEXT = 0x1
OP_BINARY = 0x2
OP_CLOSE = 0x8
OP_PING = 0x9
OP_PONG = 0xA

FIN = 0x80
RSV1 = 0x40
RSV2 = 0x20
RSV3 = 0x10
RSV_MASK = RSV1 | RSV2 | RSV3
OPCODE_MASK = 0x0F
CONTROL_BIT = 0x08
MASK_BIT = 0x80
LENGTH_MASK = 0x7F

CLOSE_NORMAL = 1000
CLOSE_GOING_AWAY = 1001
CLOSE_PROTOCOL_ERROR = 1002
CLOSE_UNSUPPORTED_DATA = 1003
CLOSE_INVALID_DATA = 1007
CLOSE_POLICY_VIOLATION = 1008
CLOSE_MESSAGE_TOO_BIG = 1009
CLOSE_MANDATORY_EXTENSION = 1010
CLOSE_INTERNAL_ERROR = 1011
CLOSE_BAD_GATEWAY = 1014

MAX_CONTROL_PAYLOAD = 125
LENGTH_16 = 126
LENGTH_64 = 127
MAX_LENGTH_16 = 0xFFFF
MAX_STRAIGHT = 64 * 1024  # the longest payload on the straight path: one that a read holds
KEY_SIZE = 4
# RFC 6455 section 5.2: "the most significant bit MUST be 0".
MAX_LENGTH_64 = 0x7FFFFFFFFFFFFFFF

_MESSAGE_OPCODES = (OP_TEXT, OP_BINARY, RSV1 | OP_TEXT, RSV1 | OP_BINARY)
_OPCODES = frozenset([OP_CONTINUATION, OP_TEXT, OP_BINARY, OP_CLOSE, OP_PING, OP_PONG])
_KEYS_A_BLOCK = 64

_pack_8 = struct.Struct("BB").pack
_pack_16 = struct.Struct("!BBH").pack
_pack_64 = struct.Struct("!BBQ").pack
_unpack_byte = struct.Struct("B").unpack_from
_unpack_16 = struct.Struct("!H").unpack_from
_unpack_64 = struct.Struct("!Q").unpack_from
_byte = struct.Struct("B").pack
_cut_keys = struct.Struct(_KEYS_A_BLOCK * ("%ds" % KEY_SIZE)).unpack


class Header(collections.namedtuple("Header", "first length key start")):
    """The header of one frame.

    Attributes:
        first: The first byte: FIN, RSV bits and opcode.
        length: The payload's length in bytes.
        key: The masking key, 4 bytes, or None.
        start: The position of the payload.
    """

    __slots__ = ()


def straight_heads(masked, deflate=False):
    """Make the table of the two first bytes of data frames that need no second look.

    Args:
        masked: Whether the frames carry a masking key.
        deflate: Whether they may be compressed.

    Returns:
        A dict from the two bytes to ``(opcode, length, stride, unpack, unpack_run)``, for
        unfragmented text and binary frames without a reserved bit but RSV1, which stands in the
        opcode if it is set: such frames are not part of a run. For 0 to 125 bytes the stride is
        the size of the whole frame, ``unpack(data, pos)`` gives its key, where it has one, and
        payload, and ``unpack_run(data)`` iterates over those of equally long frames; it is None
        on Python 2. For more the length is the least that such a header may tell, the stride is
        the size of the header, and unpack gives the payload's length, and the key.
    """
    mask_bit, key = (MASK_BIT, "%ds" % KEY_SIZE) if masked else (0, "")
    heads = {}
    for opcode in _MESSAGE_OPCODES if deflate else (OP_TEXT, OP_BINARY):
        for length in range(LENGTH_16):
            frame = struct.Struct("=2x%s%ds" % (key, length))
            heads[_byte(FIN | opcode) + _byte(mask_bit | length)] = (
                opcode, length, frame.size, frame.unpack_from,
                None if opcode & RSV1 else getattr(frame, "iter_unpack", None))
        for code, field, least in ((LENGTH_16, "H", LENGTH_16),
                                   (LENGTH_64, "Q", MAX_LENGTH_16 + 1)):
            header = struct.Struct("!2x" + field + key)
            heads[_byte(FIN | opcode) + _byte(mask_bit | code)] = (
                opcode, least, header.size, header.unpack_from, None)
    return heads


def single_heads(masked):
    """Make the table of the two first bytes of data frames that may be all that is there.

    Args:
        masked: Whether the frames carry a masking key.

    Returns:
        A dict from the two bytes to ``(length, start, unpack, is_text)``, for unfragmented text
        and binary frames without a reserved bit: the payload's length, where the payload starts
        (behind the masking key), and None. For more than 125 bytes the length is the least that
        such a header may tell, and ``unpack(data)[0]`` is what it tells.
    """
    heads = {}
    for head, (opcode, length, stride, unpack, _) in straight_heads(masked).items():
        if length >= LENGTH_16:
            heads[head] = length, stride, unpack, opcode == OP_TEXT
        else:
            heads[head] = length, stride - length, None, opcode == OP_TEXT
    return heads


def count_equal_heads(data, pos, stride, most):
    """Count frames that begin with the same two bytes as the one at a position.

    Args:
        data: The bytes received.
        pos: Where the first frame starts.
        stride: The size of each frame.
        most: How many whole frames of that size there is room for, at least one.

    Returns:
        Of these, how many can be told to be equal in few steps: at least one.
    """
    first, second = data[pos:pos + 1], data[pos + 1:pos + 2]
    end = pos + most * stride
    while data[pos:end:stride] != first * most or data[pos + 1:end:stride] != second * most:
        most //= 2
        end = pos + most * stride
    return most


def _check_first(first, deflate):
    opcode = first & OPCODE_MASK
    # RFC 7692 section 6: RSV1 is the "Per-Message Compressed" bit, on a message's first frame.
    allowed = RSV1 if deflate and opcode in (OP_TEXT, OP_BINARY) else 0
    # "MUST be 0 unless an extension is negotiated that defines meanings for non-zero values."
    if first & RSV_MASK & ~allowed:
        raise ProtocolError(CLOSE_PROTOCOL_ERROR, "reserved bit set")
    # "If an unknown opcode is received, the receiving endpoint MUST _Fail the WebSocket
    # Connection_."
    if opcode not in _OPCODES:
        raise ProtocolError(CLOSE_PROTOCOL_ERROR, "reserved opcode")
    # Section 5.5: control frames "MUST NOT be fragmented".
    if first & CONTROL_BIT and not first & FIN:
        raise ProtocolError(CLOSE_PROTOCOL_ERROR, "fragmented control frame")


def _check_second(first, second, masked):
    # Section 5.1: "The server MUST close the connection upon receiving a frame that is not
    # masked"; "A client MUST close a connection if it detects a masked frame."
    if bool(second & MASK_BIT) != masked:
        raise ProtocolError(CLOSE_PROTOCOL_ERROR,
                            "frame is not masked" if masked else "frame is masked")
    # Section 5.5: "All control frames MUST have a payload length of 125 bytes or less".
    if first & CONTROL_BIT and second & LENGTH_MASK > MAX_CONTROL_PAYLOAD:
        raise ProtocolError(CLOSE_PROTOCOL_ERROR, "control frame is too long")


def _parse_length(data, pos, length):
    """Return the payload's length, None if bytes of it are missing, and the position after."""
    if length < LENGTH_16:
        return length, pos
    size, unpack, shortest = ((2, _unpack_16, LENGTH_16) if length == LENGTH_16
                              else (8, _unpack_64, MAX_LENGTH_16 + 1))
    if len(data) - pos < size:
        return None, pos
    length, = unpack(data, pos)
    # "the minimal number of bytes MUST be used to encode the length"
    if not shortest <= length <= MAX_LENGTH_64:
        raise ProtocolError(CLOSE_PROTOCOL_ERROR, "length is not minimal or too large")
    return length, pos + size


def parse_header(data, pos, masked, deflate):
    """Parse the frame header at a position; every rule is checked as soon as its byte is there.

    Args:
        data: The bytes received.
        pos: Where the header starts, an index into ``data``.
        masked: Whether the peer has to mask its frames (it is a client).
        deflate: Whether permessage-deflate was negotiated.

    Returns:
        The `Header`, or None while bytes of it are missing.

    Raises:
        ProtocolError: The header breaks a rule of RFC 6455 section 5 (close code 1002).
    """
    size = len(data)
    if pos == size:
        return None
    first, = _unpack_byte(data, pos)
    _check_first(first, deflate)
    if size - pos < 2:
        return None
    second, = _unpack_byte(data, pos + 1)
    _check_second(first, second, masked)
    length, pos = _parse_length(data, pos + 2, second & LENGTH_MASK)
    if length is None:
        return None
    if not masked:
        return Header(first, length, None, pos)
    if size - pos < KEY_SIZE:
        return None
    return Header(first, length, data[pos:pos + KEY_SIZE], pos + KEY_SIZE)


def _small_heads(mask_bit):
    return dict((opcode, [_byte(FIN | opcode) + _byte(mask_bit | n) for n in range(LENGTH_16)])
                for opcode in (OP_TEXT, OP_BINARY))


# For each opcode of a message, the headers of payloads of 0 to 125 bytes.
SMALL_HEADS = _small_heads(0)
SMALL_MASKED_HEADS = _small_heads(MASK_BIT)


def build_header(first, length, masked):
    """Build a frame header without its masking key.

    Args:
        first: The frame's first byte: FIN, RSV bits and opcode.
        length: The payload's length in bytes.
        masked: Whether a masking key follows.

    Returns:
        2, 4 or 10 bytes.
    """
    mask_bit = MASK_BIT if masked else 0
    if length < LENGTH_16:
        return _pack_8(first, mask_bit | length)
    if length <= MAX_LENGTH_16:
        return _pack_16(first, mask_bit | LENGTH_16, length)
    return _pack_64(first, mask_bit | LENGTH_64, length)


def encode_frame(first, payload):
    """Encode a frame of a server.

    Args:
        first: The frame's first byte: FIN, RSV bits and opcode.
        payload: bytes.

    Returns:
        The frame's bytes.
    """
    return build_header(first, len(payload), False) + payload


def encode_masked_frame(first, payload, key, mask):
    """Encode a frame of a client.

    Args:
        first: The frame's first byte: FIN, RSV bits and opcode.
        payload: bytes.
        key: The masking key, 4 bytes; RFC 6455 section 5.3: it "needs to be unpredictable".
        mask: The function that masks: ``mask(key, payload)``, as `mask_bytes`.

    Returns:
        The frame's bytes.
    """
    return build_header(first, len(payload), True) + key + mask(key, payload)


_tables = {}


def _xor_table(byte):
    table = _tables.get(byte)
    if table is None:
        table = _tables[byte] = bytes(bytearray(i ^ byte for i in range(256)))
    return table


@_straight.before("mask_bytes")
def mask_bytes(key, data):
    """Mask or unmask a payload in pure Python (RFC 6455 section 5.3).

    Each byte of the key is one translation of every fourth byte of the data.

    Args:
        key: The masking key, 4 bytes.
        data: bytes.

    Returns:
        bytes of the same length.

    Raises:
        ValueError: The key is not 4 bytes long.
    """
    if len(key) != KEY_SIZE:
        raise ValueError("a masking key has 4 bytes, not %d" % len(key))
    masked = bytearray(len(data))
    for i, byte in enumerate(bytearray(key)):
        masked[i::KEY_SIZE] = data[i::KEY_SIZE].translate(_xor_table(byte))
    return bytes(masked)


class KeySource(object):
    """Gives masking keys, cut from blocks of strong random bytes.

    Args:
        urandom: The source: a function from a number of bytes to bytes.

    Attributes:
        keys: Those at hand, a list; the next one is its last. Whoever takes one removes it.
    """

    __slots__ = ("keys", "_urandom")

    def __init__(self, urandom=os.urandom):
        self.keys = []
        self._urandom = urandom

    def next_key(self):
        """Return a masking key that was not given before: 4 bytes."""
        if not self.keys:
            self.keys.extend(reversed(_cut_keys(self._urandom(_KEYS_A_BLOCK * KEY_SIZE))))
        return self.keys.pop()
