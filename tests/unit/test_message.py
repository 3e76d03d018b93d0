"""A message while its parts arrive: RFC 6455 sections 5.4 and 8.1, C18, C29, C36."""
from __future__ import absolute_import, division, print_function

import pytest

from tornado_ws._sansio import message as message_module
from tornado_ws._sansio.deflate import PerMessageDeflateDecompressor
from tornado_ws._sansio.errors import ProtocolError
from tornado_ws._sansio.frames import OP_BINARY, OP_TEXT
from tornado_ws._sansio.message import Message

EURO = b"\xe2\x82\xac"


def put_together(opcode, parts, max_size=None):
    """Give a message its parts, the last one as the final one; return what comes of it."""
    message = Message(opcode, None, max_size)
    for part in parts[:-1]:
        assert message.feed(part, False) is None
    whole = message.feed(parts[-1], True)
    assert message.size == sum(len(part) for part in parts)
    assert message.opcode == opcode
    return whole


SMALL, LARGE = b"s", b"L" * 5000
PARTS = [
    [b""], [b"x"], [SMALL] * 3, [LARGE], [LARGE] * 3, [SMALL, LARGE], [LARGE, SMALL],
    [SMALL, SMALL, LARGE, SMALL, LARGE, LARGE, SMALL, SMALL], [SMALL, b""], [b"", LARGE],
    [b"", b"", b""], [LARGE, b"", b"", LARGE, b""], [b"x" * 4095, b"y" * 4096, b"z" * 4097],
]


@pytest.mark.parametrize("parts", PARTS, ids=lambda parts: "-".join(str(len(p)) for p in parts))
@pytest.mark.parametrize("first_block", [0, 5000, 10000, 1 << 24])
def test_parts_small_and_large_are_put_together_in_order(parts, first_block, monkeypatch):
    """Wherever the first block ends."""
    monkeypatch.setattr(message_module, "FIRST_BLOCK", first_block)
    whole = b"".join(parts)
    for opcode, expected in ((OP_BINARY, whole), (OP_TEXT, whole.decode("ascii"))):
        message = put_together(opcode, parts)
        assert message == expected and type(message) is type(expected)


@pytest.mark.parametrize("cut", range(1, 12))
def test_text_may_be_cut_inside_a_character(cut):
    """C18, C29: two, three and four bytes."""
    data = b"\xc2\xa2" + EURO + b"\xf0\x9d\x84\x9e" + b"end"
    assert put_together(OP_TEXT, [data[:cut], data[cut:]]) == u"\xa2\u20ac\U0001d11eend"
    parts = [data[i:i + 1] for i in range(len(data))]
    assert put_together(OP_TEXT, parts + [b""]) == u"\xa2\u20ac\U0001d11eend"


@pytest.mark.parametrize("good, bad", [
    ([], b"\xff"), ([b"a", b"\xe2"], b"\x28"), ([b"\xe2\x82"], b"\xe2"), ([LARGE], b"\xc0"),
    ([b"\xed"], b"\xa0"), ([b"\xf4"], b"\x90")])
@pytest.mark.parametrize("final", [False, True])
def test_the_part_with_a_bad_byte_is_refused(good, bad, final):
    """C29: at once, final or not; binary messages have no bad bytes."""
    text, binary = Message(OP_TEXT, None, None), Message(OP_BINARY, None, None)
    for part in good:
        assert text.feed(part, False) is None
        assert binary.feed(part, False) is None
    with pytest.raises(UnicodeDecodeError):
        text.feed(bad, final)
    assert binary.feed(bad, final) == (b"".join(good) + bad if final else None)


@pytest.mark.parametrize("parts", [[b"\xe2\x82"], [b"a\xe2", b"\x82"], [b"\xf0\x9d\x84", b""]])
def test_text_that_ends_inside_a_character_is_refused(parts):
    """C29."""
    with pytest.raises(UnicodeDecodeError):
        put_together(OP_TEXT, parts)


def test_the_limit_is_that_of_all_announced_frames_together():
    """C36: before their payload; at the limit is allowed."""
    message = Message(OP_BINARY, None, 10)
    message.announce(4)
    message.announce(0)
    message.announce(6)
    with pytest.raises(ProtocolError) as error:
        message.announce(1)
    assert error.value.close_code == 1009
    unlimited = Message(OP_BINARY, None, None)
    unlimited.announce(2 ** 63 - 1)
    unlimited.announce(2 ** 63 - 1)


def test_a_limit_of_nothing_allows_empty_messages():
    message = Message(OP_TEXT, None, 0)
    message.announce(0)
    assert message.feed(b"", True) == u""
    with pytest.raises(ProtocolError):
        message.announce(1)


def test_a_compressed_message_is_inflated_part_by_part():
    """C36: each part has the room that those before it have left."""
    inflate = PerMessageDeflateDecompressor(True, 15).feed_pieces
    message = Message(OP_BINARY, inflate, 10)
    assert message.feed(b"\x00\x05\x00\xfa\xff12345", False) is None
    assert message.feed(b"\x00\x05\x00\xfa\xff67890\x00", True) == b"1234567890"
    assert message.size == 10
    message = Message(OP_BINARY, inflate, 9)
    assert message.feed(b"\x00\x05\x00\xfa\xff12345", False) is None
    with pytest.raises(ProtocolError) as error:
        message.feed(b"\x00\x05\x00\xfa\xff67890\x00", True)
    assert error.value.close_code == 1009


@pytest.mark.parametrize("size", [4 << 20, 16 << 20, (16 << 20) + 1, 20 << 20])
def test_large_messages_are_put_together(size):
    part = bytes(bytearray(i * i % 251 for i in range(256 * 1024 + 1)))
    whole = (part * (size // len(part) + 1))[:size]
    parts = [whole[i:i + len(part)] for i in range(0, size, len(part))] + [b""]
    assert put_together(OP_BINARY, parts) == whole
