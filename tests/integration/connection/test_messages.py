"""What an application may send: C13."""
from __future__ import absolute_import, division, print_function

import array
import collections
import json

import pytest

from tornado_ws._connection.messages import encode_message
from tornado_ws._sansio.frames import OP_BINARY, OP_TEXT

EURO = b"\xe2\x82\xac"


class Text(type(u"")):
    """A str (unicode on Python 2) of an application's own type."""


class Data(bytes):
    """Bytes of an application's own type."""


@pytest.mark.parametrize("message, payload", [
    (u"", b""),
    (u"\u20ac", EURO),
    (u"\U0001d11e", b"\xf0\x9d\x84\x9e"),
    (b"", b""),
    (EURO, EURO),
    (Text(u"own"), b"own"),
    (Data(b"own"), b"own")])
def test_text_and_bytes(message, payload):
    """C13: text as UTF-8, bytes as they are; ``binary`` says as what they are sent."""
    assert encode_message(message, False) == (OP_TEXT, payload)
    assert encode_message(message, True) == (OP_BINARY, payload)
    assert isinstance(encode_message(message, True)[1], bytes)


@pytest.mark.parametrize("message", [
    {}, {u"a": [1, None, u"\u20ac"]}, collections.OrderedDict([("b", 1), ("a", 2)])])
@pytest.mark.parametrize("binary, opcode", [(False, OP_TEXT), (True, OP_BINARY)])
def test_a_dict_is_json(message, binary, opcode):
    """C13."""
    kind, payload = encode_message(message, binary)
    assert kind == opcode and isinstance(payload, bytes)
    assert json.loads(payload.decode("utf-8")) == message


def test_json_does_not_end_a_script_element():
    """As in Tornado 4.3, whose ``json_encode`` is used."""
    assert encode_message({u"a": u"</script>"}, False)[1] == b'{"a": "<\\/script>"}'


@pytest.mark.parametrize("message, payload", [
    (bytearray(b"\x00\xff"), b"\x00\xff"),
    (memoryview(b"\x00\xff"), b"\x00\xff"),
    (memoryview(b"012345")[1:4], b"123"),
    (memoryview(bytearray(b"\x00\xff")), b"\x00\xff"),
    (bytearray(), b"")])
def test_buffers_are_binary(message, payload):
    """C13: a copy, so that the application may go on to use its buffer."""
    opcode, data = encode_message(message, True)
    assert (opcode, data) == (OP_BINARY, payload) and type(data) is bytes


@pytest.mark.parametrize("message", [bytearray(b"x"), memoryview(b"x")])
def test_buffers_are_no_text(message):
    """C13."""
    with pytest.raises(TypeError) as error:
        encode_message(message, False)
    assert type(message).__name__ in str(error.value)
    assert "text" in str(error.value)


@pytest.mark.parametrize("message", [
    None, 0, 1.5, True, [], ["x"], (), {1}, object(), array.array("B", [1]), Exception("x"), str])
@pytest.mark.parametrize("binary", [False, True])
def test_anything_else_is_a_type_error_that_names_the_type(message, binary):
    """C13."""
    with pytest.raises(TypeError) as error:
        encode_message(message, binary)
    text = str(error.value)
    assert type(message).__name__ in text
    assert ("binary" in text, "bytearray or memoryview" in text) == (binary, binary)


def test_a_dict_that_is_no_json_is_a_type_error():
    with pytest.raises(TypeError):
        encode_message({u"a": object()}, False)


@pytest.mark.parametrize("text", [u"\ud800", u"a\udfff", u"\udc00\ud800"])
@pytest.mark.parametrize("binary", [False, True])
def test_text_with_a_lone_surrogate_is_refused(text, binary):
    """It has no UTF-8: the peer would have to fail the connection (C29)."""
    with pytest.raises(UnicodeEncodeError):
        encode_message(text, binary)
