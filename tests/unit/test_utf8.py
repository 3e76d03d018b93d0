"""Strict UTF-8: RFC 3629, RFC 6455 section 8.1, C29."""
from __future__ import absolute_import, division, print_function

import binascii
import struct

import pytest

from tornado_ws._sansio import utf8


def raw(text):
    return binascii.unhexlify(text.replace(" ", "").encode("ascii"))


def char(code_point):
    return struct.pack("<I", code_point).decode("utf-32-le")


# RFC 3629 section 7, then the first and the last character of each length and around surrogates.
VALID = [
    ("", u""),
    ("41 e2 89 a2 ce 91 2e", u"A\u2262\u0391."),
    ("ed 95 9c ea b5 ad ec 96 b4", u"\ud55c\uad6d\uc5b4"),
    ("e6 97 a5 e6 9c ac e8 aa 9e", u"\u65e5\u672c\u8a9e"),
    ("ef bb bf f0 a3 8e b4", u"\ufeff\U000233b4"),
    ("00", u"\x00"),
    ("7f", u"\x7f"),
    ("c2 80", u"\x80"),
    ("df bf", u"\u07ff"),
    ("e0 a0 80", u"\u0800"),
    ("ed 9f bf", u"\ud7ff"),
    ("ee 80 80", u"\ue000"),
    ("ef bf bf", u"\uffff"),
    ("f0 90 80 80", u"\U00010000"),
    ("f4 8f bf bf", u"\U0010ffff"),
]

# The last byte of each is the first that cannot belong to valid UTF-8.
WRONG = [
    "80",
    "bf",
    "c0",
    "c1",
    "f5",
    "f8",
    "fe",
    "ff",
    "c2 41",
    "c2 c2",
    "df 7f",
    "e0 80",
    "e0 9f",
    "e0 a0 c0",
    "e1 41",
    "e2 82 28",
    "ed a0",
    "ed bf",
    "ed 9f 00",
    "ef bf c0",
    "f0 80",
    "f0 8f",
    "f0 90 28",
    "f0 90 80 28",
    "f1 c0",
    "f3 80 c0",
    "f4 90",
    "f4 bf",
    "f4 8f 41",
    "f4 8f bf ff",
    "48 65 6c 6c 6f ed a0",
    "e2 82 ac f0 9f 98 80 c0",
]

# Whole texts that the built-in decoder of some Python accepts.
SURROGATES = ["ed a0 80", "ed bf bf", "41 ed ad bf 42", "ed a0 bd ed b8 80"]

UNFINISHED = ["c2", "df", "e0", "e0 a0", "ed 9f", "ef bf", "f0", "f0 90", "f1 80 80", "f4 8f bf"]


@pytest.mark.parametrize("data, text", VALID)
def test_valid_utf8_is_decoded_and_encoded(data, text):
    data = raw(data)
    assert utf8.decode(data) == text
    assert isinstance(utf8.decode(data), type(u""))
    assert utf8.encode(text) == data
    assert isinstance(utf8.encode(text), bytes)


@pytest.mark.parametrize("data", WRONG + SURROGATES + UNFINISHED)
def test_invalid_utf8_is_refused(data):
    """C29: surrogates, overlong forms and what is over U+10FFFF too, on every Python."""
    with pytest.raises(UnicodeDecodeError):
        utf8.decode(raw(data))


@pytest.mark.parametrize(
    "text", [u"\ud800", u"\udfff", u"ab\udc00c", u"\ud800x", u"\U0001f600\udbff"]
)
def test_lone_surrogates_are_not_encoded(text):
    with pytest.raises(UnicodeEncodeError):
        utf8.encode(text)


class LenientText(type(u"")):
    """Text as a codec sees it that passes surrogates."""

    def encode(self, encoding):
        return b"a\xc3\xa9\xed\xa0\x80b"


class LenientBytes(bytes):
    """Bytes as a codec sees them that passes surrogates."""

    def decode(self, encoding):
        return u"a\ud800b"


def test_surrogates_that_a_lenient_codec_passes_are_found():
    with pytest.raises(UnicodeEncodeError) as encoding:
        utf8._encode_checked(LenientText(u"a\xe9\ud800b"))
    assert (encoding.value.start, encoding.value.end) == (2, 3)
    with pytest.raises(UnicodeDecodeError) as decoding:
        utf8._decode_checked(LenientBytes(b"a\xed\xa0\x80b"))
    assert decoding.value.start == 1
    with pytest.raises(UnicodeDecodeError):
        utf8._scan_checked(b"a\xed\xa0\x80b")


@pytest.mark.parametrize("data, text", VALID)
def test_both_ways_to_work_agree_on_valid_text(data, text):
    data = raw(data)
    assert utf8._decode_checked(data) == utf8.decode(data) == text
    assert utf8._encode_checked(text) == utf8.encode(text) == data
    assert utf8._scan_checked(data) == utf8._scan_built_in(data) == len(data)


def test_what_the_built_in_codec_does_is_tried_out():
    assert utf8._built_in_accepts(b"ok") is True
    assert utf8._built_in_accepts(b"\xff") is False


@pytest.mark.parametrize("data", UNFINISHED)
def test_an_unfinished_character_may_go_on(data):
    assert utf8._unfinished_character(b"ab" + raw(data), 2) == raw(data)
    assert utf8._unfinished_character(raw(data), len(raw(data))) == b""


@pytest.mark.parametrize("data", ["e0 80", "ed a0", "f0 80", "f4 90", "f0 90 41", "f4 8f 41"])
def test_a_hopeless_character_is_found_where_the_codec_would_wait(data):
    with pytest.raises(UnicodeDecodeError) as info:
        utf8._unfinished_character(b"ab" + raw(data), 2)
    assert info.value.start == 2


def feed_bytes(validator, data):
    for index in range(len(data)):
        validator.feed(data[index : index + 1])


@pytest.mark.parametrize("data, text", VALID)
def test_validator_accepts_valid_text_however_it_is_cut(data, text):
    data = raw(data)
    validator = utf8.Validator()
    for cut in range(len(data) + 1):
        validator.feed(data[:cut])
        validator.feed(b"")
        validator.feed(data[cut:])
        validator.finish()
    feed_bytes(validator, data)
    validator.finish()


@pytest.mark.parametrize("data", WRONG)
def test_validator_raises_at_the_first_wrong_byte(data):
    """C29: invalid UTF-8 is detected at the first bad byte, also across fragments."""
    data = raw(data)
    for cut in range(len(data)):
        validator = utf8.Validator()
        validator.feed(data[:cut])
        with pytest.raises(UnicodeDecodeError):
            validator.feed(data[cut:])
    validator = utf8.Validator()
    feed_bytes(validator, data[:-1])
    with pytest.raises(UnicodeDecodeError):
        validator.feed(data[-1:])


@pytest.mark.parametrize("data", UNFINISHED)
def test_validator_refuses_to_finish_inside_a_character(data):
    for feed in (feed_bytes, utf8.Validator.feed):
        validator = utf8.Validator()
        feed(validator, b"text" + raw(data))
        with pytest.raises(UnicodeDecodeError):
            validator.finish()


def test_validator_knows_every_first_and_second_byte():
    """Feed all 65536 pairs one byte at a time; what real characters begin with is right."""
    leads, pairs = set(), set()
    code_points = list(range(0x80, 0x800)) + list(range(0x800, 0x110000, 64))
    for code_point in code_points:
        if not 0xD800 <= code_point <= 0xDFFF:
            encoded = bytearray(char(code_point).encode("utf-8"))
            leads.add(encoded[0])
            pairs.add((encoded[0], encoded[1]))
    starts = leads.union(range(0x80))
    for first in range(256):
        validator = utf8.Validator()
        try:
            validator.feed(struct.pack("B", first))
        except UnicodeDecodeError:
            assert first not in starts
            continue
        assert first in starts
        allowed = set(second for lead, second in pairs if lead == first) or starts
        assert accepted_after(first) == allowed


def accepted_after(first):
    accepted = set()
    for second in range(256):
        validator = utf8.Validator()
        validator.feed(struct.pack("B", first))
        try:
            validator.feed(struct.pack("B", second))
        except UnicodeDecodeError:
            continue
        accepted.add(second)
    return accepted
