"""Frames as RFC 6455 section 5 defines them, written independently of the package.

Bytes are given in hex as the RFC writes them: ``raw("81 05 48656c6c6f")``.
"""
from __future__ import absolute_import, division, print_function

import binascii
import struct


def raw(text):
    """Return the bytes that a hex string with spaces stands for."""
    return binascii.unhexlify("".join(text.split()).encode("ascii"))


def mask(key, data):
    """Mask by the definition of section 5.3: octet i is XORed with octet i MOD 4 of the key."""
    key = bytearray(key)
    return bytes(bytearray(byte ^ key[i % 4] for i, byte in enumerate(bytearray(data))))


def frame(first, payload=b"", key=None, mask=mask):
    """Build a frame, right or wrong.

    Args:
        first: Its first byte, ``0x81`` for a whole text message.
        payload: bytes.
        key: The masking key; None leaves the frame unmasked, as a server sends it.
        mask: ``mask(key, payload)``, which masks.
    """
    bit, size = 0x80 if key else 0, len(payload)
    if size < 126:
        head = struct.pack("!BB", first, bit | size)
    elif size < 0x10000:
        head = struct.pack("!BBH", first, bit | 126, size)
    else:
        head = struct.pack("!BBQ", first, bit | 127, size)
    return head + (key + mask(key, payload) if key else payload)
