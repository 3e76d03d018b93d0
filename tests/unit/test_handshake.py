"""The opening handshake, server side: RFC 6455 section 4.2, C6 to C10."""
from __future__ import absolute_import, division, print_function

import base64

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


def test_accept_value():
    """RFC 6455 section 1.3."""
    assert handshake.accept_value(KEY) == ACCEPT
    assert handshake.accept_value(KEY.encode("ascii")) == ACCEPT
    assert handshake.accept_value(KEY.encode("ascii").decode("ascii")) == ACCEPT
    assert isinstance(handshake.accept_value(KEY), str)


@pytest.mark.parametrize("upgrade", ["websocket", "WebSocket", "WEBSOCKET", "foo/1, websocket"])
@pytest.mark.parametrize(
    "connection", ["Upgrade", "upgrade", "keep-alive, Upgrade", "keep-alive,\tUPGRADE ,foo"]
)
def test_upgrade_is_accepted(upgrade, connection):
    """C6: `Upgrade: websocket` in any case, and the token `upgrade` in `Connection`."""
    handshake.check_upgrade(headers(("Upgrade", upgrade), ("Connection", connection)))


def test_repeated_upgrade_headers_are_one_list():
    fields = [("Upgrade", "h2c"), ("Upgrade", "websocket")]
    fields += [("Connection", "keep-alive"), ("Connection", "Upgrade")]
    handshake.check_upgrade(headers(*fields))


@pytest.mark.parametrize("upgrade", [None, "", "websockets", "web socket", "websocket/13", "h2c"])
def test_other_upgrades_are_refused(upgrade):
    """C6."""
    items = [("Connection", "Upgrade")] + ([("Upgrade", upgrade)] if upgrade is not None else [])
    error = refused(handshake.check_upgrade, headers(*items))
    assert (str(error), error.status) == ('Can "Upgrade" only to "WebSocket".', 400)


@pytest.mark.parametrize("connection", [None, "", "close", "keep-alive", "upgraded", "up grade"])
def test_connection_without_upgrade_is_refused(connection):
    """C6."""
    items = [("Upgrade", "websocket")]
    items += [("Connection", connection)] if connection is not None else []
    error = refused(handshake.check_upgrade, headers(*items))
    assert (str(error), error.status) == ('"Connection" must be "Upgrade".', 400)


@pytest.mark.parametrize("version", ["13", "8", "7", " 13\t"])
def test_versions(version):
    handshake.check_version({"Sec-WebSocket-Version": version})


@pytest.mark.parametrize(
    "version", [None, "", "0", "1", "6", "9", "12", "14", "013", "13, 8", "+8", "1 3", "\xb9"]
)
def test_other_versions_are_refused(version):
    """C7: 426 for any version but 7, 8 and 13."""
    fields = {} if version is None else {"Sec-WebSocket-Version": version}
    assert refused(handshake.check_version, fields).status == 426


def test_versions_can_be_fewer():
    handshake.check_version({"Sec-WebSocket-Version": "13"}, ("13",))
    assert refused(handshake.check_version, {"Sec-WebSocket-Version": "8"}, ("13",)).status == 426


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "Example.COM:8080",
        "127.0.0.1:80",
        "[::1]:8888",
        "[fe80::1%25eth0]",
        "under_score.example",
        "example.com:",
    ],
)
def test_key_is_returned(host):
    assert handshake.check_key(headers(("Host", host), ("Sec-WebSocket-Key", KEY))) == KEY


@pytest.mark.parametrize(
    "key",
    [
        None,
        "",
        "x",
        KEY[:-1],
        KEY[:-2],
        KEY + "=",
        KEY + "\n",
        KEY[1:],
        "A" + KEY,
        KEY[:-2] + "AA",
        "!" + KEY[1:],
        "-_" + KEY[2:],
        KEY[:12] + " " + KEY[13:],
        KEY + "," + KEY,
        "\xe9" * 22 + "==",
        base64.b64encode(b"x" * 15).decode("ascii"),
        base64.b64encode(b"x" * 17).decode("ascii"),
    ],
)
def test_a_key_must_be_base64_of_16_bytes(key):
    """C7: 400 for a missing or malformed `Sec-WebSocket-Key`."""
    fields = {"Host": "localhost"}
    if key is not None:
        fields["Sec-WebSocket-Key"] = key
    error = refused(handshake.check_key, fields)
    assert (str(error), error.status) == ("Missing/Invalid WebSocket headers", 400)


@pytest.mark.parametrize(
    "host",
    [
        None,
        "",
        " ",
        "a b",
        "a,b",
        "a/b",
        "user@a",
        "a:80:90",
        "a:http",
        ":80",
        "[::1",
        "::1",
        "a\x00",
        "a\n",
        "a?b",
        "a#b",
        "a\\b",
        "caf\xe9",
    ],
)
def test_a_host_must_be_there_and_well_formed(host):
    """C7: 400 for a missing or malformed `Host`."""
    fields = {"Sec-WebSocket-Key": KEY}
    if host is not None:
        fields["Host"] = host
    error = refused(handshake.check_key, fields)
    assert (str(error), error.status) == ("Missing/Invalid WebSocket headers", 400)


@pytest.mark.parametrize(
    "fields, origin",
    [
        ([], None),
        ([("Origin", "http://a")], "http://a"),
        ([("Sec-WebSocket-Origin", "http://b")], "http://b"),
        ([("Sec-WebSocket-Origin", "http://b"), ("Origin", "http://a")], "http://a"),
        ([("Sec-WebSocket-Origin", "http://b"), ("Origin", "")], ""),
    ],
)
def test_origin_of_a_request(fields, origin):
    """C8: `Origin`, else `Sec-WebSocket-Origin`."""
    assert handshake.request_origin(headers(*fields)) == origin


@pytest.mark.parametrize(
    "origin, host",
    [
        ("http://example.com", "example.com"),
        ("https://example.com", "example.com"),
        ("HTTP://EXAMPLE.com", "Example.COM"),
        ("http://example.com:8080", "example.com:8080"),
        ("http://localhost:1/path?x=1#y", "localhost:1"),
        ("http://localhost?x", "localhost"),
        ("http://[::1]:80", "[::1]:80"),
        ("http://[::A]", "[::a]"),
    ],
)
def test_same_origin(origin, host):
    """C8: the origin's host[:port] is compared with `Host`, both lower-cased."""
    assert handshake.same_origin(origin, host) is True


@pytest.mark.parametrize(
    "origin",
    [
        "",
        "null",
        "example.com",
        "//example.com",
        "://example.com",
        "1http://example.com",
        "http:example.com",
        "http:/example.com",
        "http:///example.com",
        "http:\\\\example.com",
        "http://example.com:80",
        "http://example.com:",
        "http://example.com.",
        "http://example.com.evil.com",
        "http://evil-example.com",
        "http://sub.example.com",
        "http://com",
        "http://user@example.com",
        "http://user:pw@example.com",
        "http://evil.com@example.com",
        "http://example.com@evil.com",
        "http://evil.com\\@example.com",
        "http://evil.com#@example.com",
        "http://evil.com?@example.com",
        "http://evil.com/example.com",
        "http://example.com\\.evil.com",
        "http://example.com,http://evil.com",
        "http://example.com, http://evil.com",
        "http://example.com evil",
        " http://example.com",
        "http://example.com ",
        "http://example.com/\n",
        "http://example.com\x00",
        "http://example.com/\x00",
        "http://ex\xe4mple.com",
        "http://[::1",
        "http://[example.com",
        "http://exa mple.com",
    ],
)
def test_another_or_unparsable_origin(origin):
    """C8: `null`, unparsable origins, user-info tricks and look-alikes are refused."""
    assert handshake.same_origin(origin, "example.com") is False


@pytest.mark.parametrize("host", [None, "", "evil.com", "example.com:80", "example.com, evil.com"])
def test_another_or_no_host(host):
    assert handshake.same_origin("http://example.com", host) is False


def test_an_empty_host_is_no_origin():
    assert handshake.same_origin("http://", "") is False


@pytest.mark.parametrize(
    "fields, tokens",
    [
        ([], []),
        ([("Sec-WebSocket-Protocol", "")], []),
        ([("Sec-WebSocket-Protocol", "chat, superchat")], ["chat", "superchat"]),
        ([("Sec-WebSocket-Protocol", "b"), ("Sec-WebSocket-Protocol", "a,b")], ["b", "a", "b"]),
    ],
)
def test_offered_subprotocols(fields, tokens):
    """C9: the offered tokens in order, an empty list when none is offered."""
    assert handshake.offered_subprotocols(headers(*fields)) == tokens


@pytest.mark.parametrize("offer", ["mock_id:14", "json/v1", "a==", "Bearer x.y", "chat room"])
def test_offers_need_not_be_tokens(offer):
    """C9: every Tornado hands them on."""
    fields = {"Sec-WebSocket-Protocol": "a ,, %s\t,b" % offer}
    assert handshake.offered_subprotocols(fields) == ["a", offer, "b"]


def test_response_headers():
    """C10."""
    required = [
        ("Upgrade", "websocket"),
        ("Connection", "Upgrade"),
        ("Sec-WebSocket-Accept", ACCEPT),
    ]
    assert handshake.response_headers(KEY, None, None) == required
    assert handshake.response_headers(KEY, "chat", "foo; x") == required + [
        ("Sec-WebSocket-Protocol", "chat"),
        ("Sec-WebSocket-Extensions", "foo; x"),
    ]


def test_encoded_response():
    items = handshake.response_headers(KEY, "chat", None)
    items += [("Set-Cookie", "a=1"), ("Set-Cookie", "b=\t2"), (b"X-Bytes", b"\xff")]
    assert handshake.encode_response(items) == (
        b"HTTP/1.1 101 Switching Protocols\r\n"
        b"Upgrade: websocket\r\n"
        b"Connection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
        b"Sec-WebSocket-Protocol: chat\r\n"
        b"Set-Cookie: a=1\r\n"
        b"Set-Cookie: b=\t2\r\n"
        b"X-Bytes: \xff\r\n"
        b"\r\n"
    )


@pytest.mark.parametrize(
    "text, data",
    [
        (u"", b""),
        (u"caf\xe9", b"caf\xe9"),
        (u"\xe9\u20ac", b"\xc3\xa9\xe2\x82\xac"),
        (u"\U0001f600", b"\xf0\x9f\x98\x80"),
    ],
)
def test_text_is_sent_as_latin_1_or_else_utf_8(text, data):
    head = b"HTTP/1.1 101 Switching Protocols\r\nX: " + data + b"\r\n\r\n"
    assert handshake.encode_response([("X", text)]) == head


@pytest.mark.parametrize("code", [c for c in range(32) if c != 9] + [127])
def test_control_characters_never_leave(code):
    """C10: no CR/LF, nor any other control character but a tab."""
    for wrap in (bytes, lambda data: data.decode("latin-1")):
        bad = wrap(bytes(bytearray([65, code, 66])))
        for item in ((bad, "x"), ("X", bad)):
            with pytest.raises(ValueError):
                handshake.encode_response([item])


@pytest.mark.parametrize("name", ["", "X Y", "X:", "X\t", "X,Y", u"caf\xe9", u"\u20ac"])
def test_a_header_name_is_a_token(name):
    with pytest.raises(ValueError):
        handshake.encode_response([(name, "x")])
