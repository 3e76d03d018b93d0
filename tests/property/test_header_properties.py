"""Headers and handshakes for any input: lists, builders, C7, C8, C9, C39."""
from __future__ import absolute_import, division, print_function

import re
import string

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tornado.httputil import HTTPHeaders

from tornado_ws._sansio import handshake, headers
from tornado_ws._sansio.errors import HandshakeError

slowly = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

TOKEN_CHARS = string.ascii_letters + string.digits + "!#$%&'*+-.^_`|~"


def native(characters, **kwargs):
    """Native `str` on every Python: text drawn from what one byte can be."""
    return st.lists(st.sampled_from(characters), **kwargs).map("".join)


tokens = native(TOKEN_CHARS, min_size=1, max_size=9)
# Anything, and what comes close to being right.
anything = st.one_of(
    native([chr(code) for code in range(256)], max_size=50),
    native('ab=;,"\\ \t', max_size=30),
)
extension_lists = st.lists(
    st.tuples(tokens, st.lists(st.tuples(tokens, st.one_of(st.none(), tokens)), max_size=4)),
    max_size=4,
)
gaps = native(" \t", max_size=2)


@slowly
@given(anything)
def test_any_text_is_a_list_or_refused(value):
    assert "," not in "".join(headers.split_list(value))
    try:
        assert isinstance(headers.parse_extensions(value), list)
    except HandshakeError:
        pass


@slowly
@given(extension_lists)
def test_extensions_survive_building_and_parsing(extensions):
    built = [headers.build_extension(name, params) for name, params in extensions]
    assert headers.parse_extensions(", ".join(built)) == extensions
    assert headers.parse_extensions(",,".join(built) + ",") == extensions


@slowly
@given(extension_lists, gaps, st.data())
def test_quotes_and_gaps_make_no_difference(extensions, gap, data):
    """RFC 6455 section 9.1: a quoted value means the token in it."""
    pieces = []
    for name, params in extensions:
        for param, value in params:
            name += gap + ";" + gap + param
            if value is not None:
                escaped = [data.draw(st.sampled_from(["", "\\"])) + char for char in value]
                name += gap + "=" + gap + '"' + "".join(escaped) + '"'
        pieces.append(gap + name + gap)
    assert headers.parse_extensions(",".join(pieces)) == extensions


@slowly
@given(anything)
def test_what_is_parsed_can_be_built_again(value):
    try:
        extensions = headers.parse_extensions(value)
    except HandshakeError:
        return
    built = ", ".join(headers.build_extension(*extension) for extension in extensions)
    assert headers.parse_extensions(built) == extensions


@slowly
@given(st.lists(tokens, max_size=5), gaps)
def test_token_lists_survive(values, gap):
    assert headers.split_list((gap + "," + gap).join(values)) == values


@slowly
@given(anything, anything)
def test_any_request_is_taken_or_refused(first, second):
    """C7, C8, C9: whatever a header holds, nothing but a refusal comes of it."""
    names = ["Upgrade", "Connection", "Sec-WebSocket-Version", "Sec-WebSocket-Protocol"]
    request = dict.fromkeys(names, first)
    request.update({"Host": second, "Sec-WebSocket-Key": first, "Origin": second})
    for check in (
        handshake.check_upgrade,
        handshake.check_version,
        handshake.check_key,
    ):
        try:
            check(request)
        except HandshakeError as error:
            assert error.status in (400, 426)
    assert all(element.strip(" \t") for element in handshake.offered_subprotocols(request))
    assert handshake.request_origin(request) == second
    assert handshake.same_origin(first, second) in (True, False)


hosts = native(string.ascii_letters + string.digits + ".-", min_size=1, max_size=12)
ports = st.one_of(st.just(""), st.integers(0, 65535).map(":{0}".format))


@slowly
@given(hosts, ports, st.sampled_from(["", "/", "/a?b#c", "?x", "#"]))
def test_an_origin_matches_its_own_host_in_any_case(host, port, rest):
    """C8."""
    origin = "https://" + host + port + rest
    assert handshake.same_origin(origin, host + port)
    assert handshake.same_origin(origin.upper(), (host + port).lower())
    assert not handshake.same_origin(origin, host + port + "0")


@slowly
@given(hosts, native(string.printable + "\x00\xe9", min_size=1, max_size=8))
def test_nothing_before_or_behind_a_host_goes_unnoticed(host, extra):
    """C8: user-info tricks and look-alikes are refused; only a path may follow."""
    assert not handshake.same_origin("http://" + extra + host, host)
    if extra[0] not in "/?#":
        assert not handshake.same_origin("http://" + host + extra, host)


@slowly
@given(
    st.binary(min_size=16, max_size=16),
    st.lists(tokens, max_size=4, unique=True),
    st.booleans(),
    st.data(),
)
def test_our_client_and_server_agree(nonce, offered, deflate, data):
    extension = "permessage-deflate; x=1" if deflate else None
    key = handshake.make_key(nonce)
    request = HTTPHeaders(handshake.request_headers(key, offered, extension))
    request["Host"] = "localhost"
    handshake.check_upgrade(request)
    handshake.check_version(request)
    assert handshake.check_key(request) == key
    assert handshake.offered_subprotocols(request) == offered
    chosen = data.draw(st.sampled_from([None] + offered))
    response = HTTPHeaders(handshake.response_headers(key, chosen, extension))
    params = [("x", "1")] if deflate else None
    assert handshake.check_response(
        response, key, offered, deflate, response.get_list
    ) == (chosen, params)


names = st.one_of(tokens, native("a:\r\n \x00", max_size=3))
values = st.one_of(st.text(max_size=20), st.binary(max_size=20), anything)


@slowly
@given(st.lists(st.tuples(names, values), max_size=4))
def test_a_response_never_has_a_line_too_many(items):
    """C10: no CR, LF or other control character gets out."""
    try:
        head = handshake.encode_response(items)
    except ValueError:
        return
    lines = head.split(b"\r\n")
    assert len(lines) == len(items) + 3
    assert lines[-2:] == [b"", b""]
    assert not re.search(b"[\x00-\x08\x0a-\x1f\x7f]", b"".join(lines))
    for line, (name, _) in zip(lines[1:], items):
        assert line.startswith(name.encode("ascii") + b": ")


@slowly
@given(
    st.lists(st.tuples(st.sampled_from(["Upgrade", "Connection"]), anything), max_size=3),
    anything,
    anything,
    anything,
)
def test_any_response_is_taken_or_refused(items, accept, subprotocol, extensions):
    """C39."""
    fields = {"Upgrade": ["websocket"], "Connection": ["Upgrade"]}
    for name, value in items:
        fields[name] = fields[name] + [value]
    fields["Sec-WebSocket-Accept"] = [accept or handshake.accept_value("key")]
    fields["Sec-WebSocket-Protocol"] = [subprotocol]
    fields["Sec-WebSocket-Extensions"] = [extensions]
    joined = dict((name, ",".join(value)) for name, value in fields.items() if value)
    try:
        handshake.check_response(joined, "key", ["a"], True, fields.get)
    except HandshakeError as error:
        assert len(str(error)) < 400
