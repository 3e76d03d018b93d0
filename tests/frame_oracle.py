"""Frames as RFC 6455 section 5 defines them, written independently of the package.

Bytes are given in hex as the RFC writes them: ``raw("81 05 48656c6c6f")``.
"""
from __future__ import absolute_import, division, print_function

import binascii
import struct

XOR = [bytes(bytearray(left ^ right for left in range(256))) for right in range(256)]


def raw(text):
    """Return the bytes that a hex string with spaces stands for."""
    return binascii.unhexlify("".join(text.split()).encode("ascii"))


def mask(key, data):
    """Mask or unmask a payload, by the definition of section 5.3 or, a longer one, by tables.

    Octet i is XORed with octet i MOD 4 of the key.
    """
    key, octets = bytearray(key), bytearray(data)
    if len(octets) <= 64:
        return bytes(bytearray(octet ^ key[i % 4] for i, octet in enumerate(octets)))
    for i in range(4):
        octets[i::4] = octets[i::4].translate(XOR[key[i]])
    return bytes(octets)


def frame(first, payload=b"", key=None):
    """Build a frame, right or wrong.

    Args:
        first: Its first byte, ``0x81`` for a whole text message.
        payload: bytes.
        key: The masking key; None leaves the frame unmasked, as a server sends it.
    """
    bit, size = 0x80 if key else 0, len(payload)
    if size < 126:
        head = struct.pack("!BB", first, bit | size)
    elif size < 0x10000:
        head = struct.pack("!BBH", first, bit | 126, size)
    else:
        head = struct.pack("!BBQ", first, bit | 127, size)
    return head + (key + mask(key, payload) if key else payload)
