"""The opening handshake, client side: RFC 6455 section 4.1, C32, C39."""
from __future__ import absolute_import, division, print_function

import base64
import binascii

import pytest
from tornado.httputil import HTTPHeaders

from tornado_ws._sansio import handshake
from tornado_ws._sansio.errors import HandshakeError

# RFC 6455 section 1.3
KEY = "dGhlIHNhbXBsZSBub25jZQ=="
ACCEPT = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="


def headers(*items):
    result = HTTPHeaders()
    for name, value in items:
        result.add(name, value)
    return result


def refused(function, *args):
    with pytest.raises(HandshakeError) as info:
        function(*args)
    return info.value


def test_key_of_a_client():
    assert handshake.make_key(b"the sample nonce") == KEY
    assert isinstance(handshake.make_key(b"the sample nonce"), str)
    binary = binascii.unhexlify(b"000102030405060708090a0b0c0d0eff")
    assert base64.b64decode(handshake.make_key(binary)) == binary
    for wrong in (b"", b"x" * 15, b"x" * 17):
        with pytest.raises(ValueError):
            handshake.make_key(wrong)


def test_request_headers():
    required = [
        ("Upgrade", "websocket"),
        ("Connection", "Upgrade"),
        ("Sec-WebSocket-Key", KEY),
        ("Sec-WebSocket-Version", "13"),
    ]
    assert handshake.request_headers(KEY, None, None) == required
    assert handshake.request_headers(KEY, [], None) == required
    items = handshake.request_headers(KEY, [u"b", "a"], "foo; x")
    assert items == required + [
        ("Sec-WebSocket-Protocol", "b, a"),
        ("Sec-WebSocket-Extensions", "foo; x"),
    ]
    assert all(isinstance(text, str) for item in items for text in item)


@pytest.mark.parametrize("subprotocols", [
    ["a", "a"], ["a", u"a"], [""], ["a,b"], ["a", "b\r\nX: y"], [u"\xe9"], [" a"], ["a "], ["a\t"],
    ["a", "b\x7f"], ["a\tb"], ["a\n"], [None], [1], [["a"]], "chat", u"chat", b"chat", "", 5])
def test_what_cannot_be_offered(subprotocols):
    """C9: what could not arrive as it is; RFC 6455 section 4.1, 10: nothing twice."""
    with pytest.raises(ValueError) as error:
        handshake.request_headers(KEY, subprotocols, None)
    wrong = subprotocols[-1] if isinstance(subprotocols, list) else subprotocols
    assert repr(wrong) in str(error.value)


@pytest.mark.parametrize("offer", ["mock_id:14", "json/v1", "a==", "Bearer x", '"a";b', "a", "!~"])
def test_what_is_no_token_can_be_offered(offer):
    """C9."""
    items = handshake.request_headers(KEY, iter(["chat", offer]), None)
    assert items[-1] == ("Sec-WebSocket-Protocol", "chat, " + offer)
    assert check(answer((PROTOCOL, offer)), ["chat", offer]) == (offer, None)


def check(fields, subprotocols=None, offered_deflate=False):
    response = headers(*fields)
    return handshake.check_response(
        response, KEY, subprotocols, offered_deflate, response.get_list
    )


def answer(*extra):
    fields = [("Upgrade", "websocket"), ("Connection", "Upgrade")]
    return fields + [("Sec-WebSocket-Accept", ACCEPT)] + list(extra)


PROTOCOL = "Sec-WebSocket-Protocol"
EXTENSIONS = "Sec-WebSocket-Extensions"


def test_plain_response_is_accepted():
    assert check(answer()) == (None, None)
    assert check(answer(), ["chat"], True) == (None, None)


def test_response_is_read_leniently_where_the_rfc_is():
    fields = [
        ("Upgrade", "WebSocket"),
        ("connection", "keep-alive, upgrade"),
        ("Sec-WebSocket-Accept", "\t%s " % ACCEPT),
    ]
    assert handshake.check_response(
        dict((name.title(), value) for name, value in fields),
        KEY,
        None,
        False,
        lambda name: [value for key, value in fields if key.lower() == name.lower()],
    ) == (None, None)


def test_response_with_subprotocol_and_extension():
    fields = answer(
        (PROTOCOL, "chat"), (EXTENSIONS, "permessage-deflate; server_max_window_bits=10; x")
    )
    expected = ("chat", [("server_max_window_bits", "10"), ("x", None)])
    assert check(fields, ["superchat", "chat"], True) == expected
    assert check(answer((EXTENSIONS, "permessage-deflate")), None, True) == (None, [])
    assert check(answer((EXTENSIONS, "")), None, True) == (None, None)


@pytest.mark.parametrize(
    "fields, complaint",
    [
        ([], "Upgrade"),
        (answer()[1:], "Upgrade"),
        (answer(("Upgrade", "websocket")), "Upgrade"),
        ([("Upgrade", "h2c")] + answer()[1:], "h2c"),
        ([("Upgrade", "websocket, h2c")] + answer()[1:], "Upgrade"),
        (answer()[:1] + answer()[2:], "Connection"),
        (answer()[:1] + [("Connection", "close")] + answer()[2:], "close"),
        (answer()[:2], "Sec-WebSocket-Accept"),
        (answer(("Sec-WebSocket-Accept", ACCEPT)), "Sec-WebSocket-Accept"),
        (answer()[:2] + [("Sec-WebSocket-Accept", ACCEPT.lower())], "Sec-WebSocket-Accept"),
        (answer((PROTOCOL, "other")), "other"),
        (answer((PROTOCOL, "Chat")), "Chat"),
        (answer((PROTOCOL, "")), "subprotocol"),
        (answer((PROTOCOL, "chat, superchat")), "chat, superchat"),
        (answer((PROTOCOL, "chat"), (PROTOCOL, "superchat")), PROTOCOL),
        (answer((PROTOCOL, "chat"), (PROTOCOL, "chat")), PROTOCOL),
        (answer((EXTENSIONS, "permessage-foo")), "permessage-foo"),
        (answer((EXTENSIONS, "permessage-deflate, foo")), "foo"),
        (answer((EXTENSIONS, "permessage-deflate, permessage-deflate")), "more than once"),
        (answer((EXTENSIONS, "permessage-deflate;")), "extensions"),
    ],
)
def test_wrong_responses_are_refused(fields, complaint):
    """C32, C39, RFC 6455 section 4.1: the message says what is wrong."""
    assert complaint in str(refused(check, fields, ["chat", "superchat"], True))


def test_nothing_that_was_not_offered_is_accepted():
    """C32."""
    assert "offered" in str(refused(check, answer((EXTENSIONS, "permessage-deflate"))))
    assert "offered" in str(refused(check, answer((PROTOCOL, "chat"))))


@pytest.mark.parametrize(
    "fields",
    [
        [("Upgrade", "\x9b" * 10000)] + answer()[1:],
        answer((PROTOCOL, "\x9b" * 10000)),
        answer((EXTENSIONS, "a" * 10000)),
    ],
)
def test_messages_quote_little_and_nothing_raw(fields):
    message = str(refused(check, fields, [], True))
    assert len(message) < 250
    assert "\x9b" not in message
