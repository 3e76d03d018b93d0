"""Frames: RFC 6455 section 5.2 to 5.7 and 7.4, C24, C29."""
from __future__ import absolute_import, division, print_function

import struct

import pytest
from core_frames import MASK, frame
from frame_oracle import mask, raw

from tornado_ws._sansio import frames
from tornado_ws._sansio.errors import ProtocolError

HELLO = b"Hello"
KIB = bytes(bytearray(i % 256 for i in range(256)))

# Section 5.7: the frame's first bytes, its first byte, its payload, its masking key.
RFC_EXAMPLES = [
    ("81 05 48 65 6c 6c 6f", 0x81, HELLO, None),
    ("81 85 37 fa 21 3d 7f 9f 4d 51 58", 0x81, HELLO, MASK),
    ("01 03 48 65 6c", 0x01, b"Hel", None),
    ("80 02 6c 6f", 0x80, b"lo", None),
    ("89 05 48 65 6c 6c 6f", 0x89, HELLO, None),
    ("8a 85 37 fa 21 3d 7f 9f 4d 51 58", 0x8a, HELLO, MASK),
    ("82 7e 01 00", 0x82, KIB, None),
    ("82 7f 00 00 00 00 00 01 00 00", 0x82, KIB * 256, None),
]

# A payload length and the bytes that say it, section 5.2.
LENGTHS = [
    (0, "00"),
    (1, "01"),
    (125, "7d"),
    (126, "7e 00 7e"),
    (127, "7e 00 7f"),
    (0xffff, "7e ff ff"),
    (0x10000, "7f 00 00 00 00 00 01 00 00"),
    (0xffffffff, "7f 00 00 00 00 ff ff ff ff"),
    (0x7fffffffffffffff, "7f 7f ff ff ff ff ff ff ff"),
]


def with_mask_bit(length):
    first, rest = length[:2], length[2:]
    return "%02x%s" % (int(first, 16) | 0x80, rest)


def code_of(error):
    return error.value.close_code


@pytest.mark.parametrize("text, first, payload, key", RFC_EXAMPLES)
def test_examples_of_the_rfc_are_read(text, first, payload, key):
    data = raw(text)
    header = frames.parse_header(data, 0, key is not None, False)
    assert header == (first, len(payload), key, min(len(data), header.start))
    if len(data) > header.start:
        taken = data[header.start:]
        assert (frames.mask_bytes(key, taken) if key else taken) == payload


@pytest.mark.parametrize("text, first, payload, key", RFC_EXAMPLES)
def test_examples_of_the_rfc_are_written(text, first, payload, key):
    if key is None:
        data = frames.encode_frame(first, payload)
    else:
        data = frames.encode_masked_frame(first, payload, key, frames.mask_bytes)
    assert data.startswith(raw(text))
    assert data == frame(first, payload, key)


@pytest.mark.parametrize("length, text", LENGTHS)
@pytest.mark.parametrize("masked", [False, True])
def test_lengths_are_written_and_read_in_as_few_bytes_as_possible(length, text, masked):
    head = raw("82" + (with_mask_bit(text) if masked else text))
    assert frames.build_header(0x82, length, masked) == head
    key = MASK if masked else b""
    start = len(head + key)
    assert frames.parse_header(head + key, 0, masked, False) == (0x82, length, key or None, start)


@pytest.mark.parametrize("length, text", LENGTHS)
def test_a_header_is_waited_for_until_it_is_whole(length, text):
    data = raw("82" + with_mask_bit(text)) + MASK
    for end in range(len(data)):
        assert frames.parse_header(data[:end], 0, True, False) is None
    assert frames.parse_header(data + b"payload", 0, True, False).length == length


def test_a_header_is_read_where_it_stands():
    data = b"before" + raw("82 85") + MASK + b"after"
    assert frames.parse_header(data, 6, True, False) == (0x82, 5, MASK, 12)
    header = frames.parse_header(b"\x00" * 3 + raw("82 7e 01 00"), 3, False, False)
    assert (header.first, header.length, header.key, header.start) == (0x82, 256, None, 7)
    assert frames.parse_header(data, len(data), True, False) is None


def allowed_first_bytes(deflate):
    """Write down section 5.2 and RFC 7692 section 6 independently: every valid first byte."""
    control = [0x88, 0x89, 0x8a]
    plain = [fin | opcode for fin in (0, 0x80) for opcode in (0, 1, 2)]
    compressed = [fin | 0x40 | opcode for fin in (0, 0x80) for opcode in (1, 2)]
    return set(control + plain + (compressed if deflate else []))


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("deflate", [False, True])
def test_every_first_byte_is_allowed_or_a_protocol_error(masked, deflate):
    """C29: reserved bits and opcodes, RSV1 out of place, a fragmented control frame."""
    accepted = set()
    for first in range(256):
        data = frame(first, b"", MASK if masked else None)
        try:
            assert frames.parse_header(data, 0, masked, deflate).first == first
        except ProtocolError as error:
            assert error.close_code == 1002
        else:
            accepted.add(first)
    assert accepted == allowed_first_bytes(deflate)


def test_a_wrong_first_byte_is_found_when_nothing_follows():
    """C29: what is wrong is said as soon as its byte is there."""
    for deflate in (False, True):
        refused = set()
        for first in range(256):
            try:
                header = frames.parse_header(bytes(bytearray([first])), 0, True, deflate)
            except ProtocolError as error:
                assert error.close_code == 1002
                refused.add(first)
            else:
                assert header is None
        assert refused == set(range(256)) - allowed_first_bytes(deflate)


@pytest.mark.parametrize("masked, text", [
    (True, "81 05"), (False, "81 85"), (True, "88 00"), (False, "80 80"), (True, "82 7e"),
    (False, "82 ff")])
def test_masking_is_required_of_clients_and_forbidden_to_servers(masked, text):
    """C29, section 5.1; two bytes are enough to know."""
    with pytest.raises(ProtocolError) as error:
        frames.parse_header(raw(text), 0, masked, False)
    assert code_of(error) == 1002


@pytest.mark.parametrize("first", ["88", "89", "8a"])
@pytest.mark.parametrize("second", ["7e", "7f"])
def test_control_frames_are_short(first, second):
    """C29, section 5.5: "MUST have a payload length of 125 bytes or less"."""
    assert frames.parse_header(raw(first + "7d"), 0, False, False).length == 125
    with pytest.raises(ProtocolError) as error:
        frames.parse_header(raw(first + second), 0, False, False)
    assert code_of(error) == 1002


@pytest.mark.parametrize("text", [
    "7e 00 00", "7e 00 01", "7e 00 7d",
    "7f 00 00 00 00 00 00 00 00", "7f 00 00 00 00 00 00 00 7d", "7f 00 00 00 00 00 00 00 7e",
    "7f 00 00 00 00 00 00 ff ff",
    "7f 80 00 00 00 00 00 00 00", "7f ff ff ff ff ff ff ff ff", "7f 80 00 00 00 00 01 00 00"])
def test_lengths_that_are_not_minimal_or_too_large_are_refused(text):
    """C29, section 5.2; the masking key is not waited for."""
    for data, masked in ((raw("82" + text), False), (raw("82" + with_mask_bit(text)), True)):
        assert frames.parse_header(data[:-1], 0, masked, False) is None
        with pytest.raises(ProtocolError) as error:
            frames.parse_header(data, 0, masked, False)
        assert code_of(error) == 1002


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("deflate", [False, True])
def test_the_table_of_straight_frames_is_what_the_header_says(masked, deflate):
    """The straight path takes unfragmented text and binary frames, nothing else."""
    heads = frames.straight_heads(masked, deflate)
    firsts = (0x81, 0x82, 0xc1, 0xc2) if deflate else (0x81, 0x82)
    assert sorted(heads) == sorted(
        bytes(bytearray([first, second])) for first in firsts for second in range(256)
        if bool(second & 0x80) == masked)
    for head, (opcode, length, stride, unpack, unpack_run) in heads.items():
        rest = {126: b"\x01\x02", 65536: b"\0" * 5 + b"\x01\x02\x03"}.get(length, b"")
        header = frames.parse_header(b"??" + head + rest + MASK, 2, masked, deflate)
        assert header.first == 0x80 | opcode
        key = (MASK,) if masked else ()
        if rest:
            told = 0x0102 if length == 126 else 0x010203
            assert (stride, header.length) == (header.start - 2, told)
            assert unpack(b"??" + head + rest + MASK, 2) == (header.length,) + key
            assert unpack_run is None
        else:
            assert (length, stride) == (header.length, header.start - 2 + length)
            data = head + b"".join(key) + b"p" * length
            assert unpack(b"??" + data + b"rest", 2) == key + (b"p" * length,)
            if unpack_run is not None:
                assert list(unpack_run(data * 3)) == [key + (b"p" * length,)] * 3
                assert not opcode & frames.RSV1


@pytest.mark.parametrize("stride", [2, 7])
@pytest.mark.parametrize("equal", range(1, 18))
def test_equal_heads_are_counted_and_never_too_many(stride, equal):
    """What is counted is equal, and if all are they are all counted."""
    first, other = (head + b"x" * (stride - 2) for head in (b"\x81\x85", b"\x81\x86"))
    for data, most in ((first * equal, equal), (first * equal + other * 9, equal + 9),
                       (first * equal + other[::-1] + first * 9, equal + 10)):
        count = frames.count_equal_heads(b"??" + data + b"rest", 2, stride, most)
        assert 1 <= count <= equal
        assert count == equal or most > equal


@pytest.mark.parametrize("first", sorted(allowed_first_bytes(True)))
@pytest.mark.parametrize("size", [0, 1, 125, 126, 65535, 65536])
def test_frames_of_every_kind_and_length_class_are_written(first, size):
    payload = KIB[:1] * size
    assert frames.encode_frame(first, payload) == frame(first, payload)
    masked = frames.encode_masked_frame(first, payload, MASK, frames.mask_bytes)
    assert masked == frame(first, payload, MASK)


def test_the_masking_function_that_is_given_is_used():
    seen = []

    def reverse(key, data):
        seen.append((key, data))
        return data[::-1]

    assert frames.encode_masked_frame(0x81, HELLO, MASK, reverse) == raw("81 85") + MASK + b"olleH"
    assert seen == [(MASK, HELLO)]


@pytest.mark.parametrize("size", list(range(10)) + [255, 256, 257, 4099])
@pytest.mark.parametrize("key", [MASK, b"\x00" * 4, b"\xff" * 4, b"\x00\x01\x80\xff"])
def test_masking_in_python_is_what_the_definition_says(size, key):
    """Section 5.3."""
    data = (KIB * 17)[:size]
    masked = frames.mask_bytes(key, data)
    assert type(masked) is bytes
    assert masked == mask(key, data)
    assert frames.mask_bytes(key, masked) == data


@pytest.mark.parametrize("size", [0, 1, 3, 5, 8])
def test_a_masking_key_has_four_bytes(size):
    with pytest.raises(ValueError):
        frames.mask_bytes(b"\x01" * size, HELLO)


def test_masking_keys_are_cut_from_random_blocks_and_never_repeat():
    """Section 5.3: a fresh key for each frame, from "a strong source of entropy"."""
    asked = []

    def urandom(size):
        asked.append(size)
        start = sum(asked[:-1])
        return b"".join(struct.pack("!I", n) for n in range(start // 4, (start + size) // 4))

    source = frames.KeySource(urandom)
    assert asked == []
    keys = [source.next_key() for _ in range(150)]
    assert keys == [struct.pack("!I", n) for n in range(150)]
    assert asked == [256, 256, 256]
    assert [source.keys.pop() for _ in range(42)] == [struct.pack("!I", n) for n in range(150, 192)]
    assert source.next_key() == struct.pack("!I", 192)


def test_masking_keys_come_from_the_system_by_default():
    source, other = frames.KeySource(), frames.KeySource()
    keys = [source.next_key() for _ in range(64)] + [other.next_key() for _ in range(64)]
    assert {len(key) for key in keys} == {4}
    assert len(set(keys)) > 100


def test_the_named_close_codes_are_those_of_the_registry():
    """RFC 6455 section 7.4.1, and IANA's registry for 1014."""
    named = {name: getattr(frames, name) for name in dir(frames) if name.startswith("CLOSE_")}
    assert named == {
        "CLOSE_NORMAL": 1000, "CLOSE_GOING_AWAY": 1001, "CLOSE_PROTOCOL_ERROR": 1002,
        "CLOSE_UNSUPPORTED_DATA": 1003, "CLOSE_INVALID_DATA": 1007,
        "CLOSE_POLICY_VIOLATION": 1008, "CLOSE_MESSAGE_TOO_BIG": 1009,
        "CLOSE_MANDATORY_EXTENSION": 1010, "CLOSE_INTERNAL_ERROR": 1011,
        "CLOSE_BAD_GATEWAY": 1014}


def test_a_protocol_error_says_code_and_reason():
    error = ProtocolError(1002, "reserved opcode")
    assert (error.close_code, error.reason, str(error)) == (
        1002, "reserved opcode", "1002 reserved opcode")
