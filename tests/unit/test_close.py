"""The payload of close frames: RFC 6455 section 5.5.1 and 7.4, C24, C26, C29."""
from __future__ import absolute_import, division, print_function

import struct

import pytest
from frame_oracle import raw

from tornado_ws._sansio import close
from tornado_ws._sansio.errors import ProtocolError


def test_close_codes_that_may_be_sent():
    """C24, C29: exactly 1000-1003, 1007-1014 and 3000-4999 of all that fit in two bytes."""
    allowed = [code for code in range(65536) if close.is_valid_close_code(code)]
    assert allowed == (list(range(1000, 1004)) + list(range(1007, 1015)) + list(range(3000, 5000)))


@pytest.mark.parametrize("code, reason, text", [
    (None, b"", ""),
    (1000, b"", "03 e8"),
    (1002, b"no", "03 ea 6e 6f"),
    (4999, b"\xe2\x82\xac", "13 87 e2 82 ac"),
    (3000, b"r" * 123, "0b b8" + "72" * 123)])
def test_close_payloads_are_written_and_read(code, reason, text):
    """Section 5.5.1: two bytes of code, then the reason."""
    assert close.build_close(code, reason) == raw(text)
    assert close.parse_close(raw(text)) == (code, reason.decode("utf-8") or None)


@pytest.mark.parametrize("code", [
    0, 1, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65535, 65536, -1, 1000.0, "1000", b"",
    True])
def test_a_close_code_that_may_not_be_sent_is_refused(code):
    """C24."""
    with pytest.raises(ValueError) as error:
        close.build_close(code, b"")
    assert repr(code) in str(error.value)


def test_a_close_reason_is_at_most_123_bytes_long():
    """C24."""
    with pytest.raises(ValueError) as error:
        close.build_close(1000, b"r" * 124)
    assert "124" in str(error.value) and "123" in str(error.value)


@pytest.mark.parametrize("reason", [b"\xff", b"caf\xe9", b"\xed\xa0\x80", u"\ud800"])
def test_a_close_reason_is_utf_8(reason):
    """C24: RFC 6455 section 5.5.1; a peer must fail the connection otherwise."""
    with pytest.raises(ValueError):
        close.build_close(1000, reason)


@pytest.mark.parametrize("code", [0, 1, 400, 1000, 1005, 1006, 1015, 10000, 65535, True])
def test_any_code_of_16_bits_can_be_written(code):
    """Section 11 of the contract: where the installed Tornado's semantics are wanted."""
    payload = close.build_close(code, b"why", any_code=True)
    assert close.parse_close(payload, any_code=True) == (int(code), u"why")


@pytest.mark.parametrize("code", [65536, -1, 1 << 70, 1000.0, "1000", b"", object()])
def test_a_code_that_does_not_fit_can_not(code):
    with pytest.raises(ValueError) as error:
        close.build_close(code, b"", any_code=True)
    assert repr(code) in str(error.value)


@pytest.mark.parametrize("reason, kept", [
    (b"r" * 123, b"r" * 123),
    (b"r" * 124, b"r" * 123),
    (b"r" * 122 + b"\xc3\xa9", b"r" * 122),
    (b"r" * 121 + b"\xc3\xa9" * 5, b"r" * 121 + b"\xc3\xa9"),
    (b"r" * 121 + b"\xe2\x82\xac", b"r" * 121),
    (b"r" * 120 + b"\xf0\x9f\x98\x80", b"r" * 120),
    (b"r" * 119 + b"\xf0\x9f\x98\x80" * 2, b"r" * 119 + b"\xf0\x9f\x98\x80"),
    (b"\x80" * 200, b"\x80" * 120)])
def test_a_long_reason_is_cut_at_a_character(reason, kept):
    """Section 11 of the contract; what is no UTF-8 is cut somewhere."""
    assert close.build_close(1000, reason, any_code=True)[2:] == kept


@pytest.mark.parametrize("any_code", [False, True])
@pytest.mark.parametrize("text", ["00", "03", "ff"])
def test_a_payload_of_one_byte_is_a_protocol_error(text, any_code):
    """C29."""
    with pytest.raises(ProtocolError) as error:
        close.parse_close(raw(text), any_code)
    assert (error.value.close_code, error.value.peer_close) == (1002, (None, None))


@pytest.mark.parametrize("code", [0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65535])
def test_a_code_that_must_not_be_on_the_wire(code):
    """C26, C29: a protocol error, which says what the peer said; or taken as it is."""
    payload = struct.pack("!H", code) + b"no"
    with pytest.raises(ProtocolError) as error:
        close.parse_close(payload)
    assert (error.value.close_code, error.value.peer_close) == (1002, (code, u"no"))
    assert str(code) in error.value.reason
    assert close.parse_close(payload, any_code=True) == (code, u"no")


@pytest.mark.parametrize("code, any_code, wrong", [
    (1000, False, 1007), (1000, True, 1007), (1005, False, 1002), (1005, True, 1007)])
def test_a_reason_that_is_no_text(code, any_code, wrong):
    """C26, C29: the code is known all the same."""
    with pytest.raises(ProtocolError) as error:
        close.parse_close(struct.pack("!H", code) + b"\xff", any_code)
    assert (error.value.close_code, error.value.peer_close) == (wrong, (code, None))
