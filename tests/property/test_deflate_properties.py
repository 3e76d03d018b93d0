"""permessage-deflate and UTF-8 for any input: C30 to C34, C36, C29."""
from __future__ import absolute_import, division, print_function

import zlib

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tornado_ws._sansio import deflate, headers, utf8
from tornado_ws._sansio.errors import HandshakeError, ProtocolError

slowly = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

WINDOW_BITS = st.integers(8, 15)
OPTIONS = {
    "compression_level": st.integers(-1, 9),
    "mem_level": st.integers(1, 9),
    "max_wbits": WINDOW_BITS,
    "server_max_window_bits": WINDOW_BITS,
    "client_max_window_bits": WINDOW_BITS,
    "server_no_context_takeover": st.booleans(),
    "client_no_context_takeover": st.booleans(),
    "min_size": st.integers(min_value=0),
}
options = st.lists(st.sampled_from(sorted(OPTIONS)), unique=True).flatmap(
    lambda keys: st.fixed_dictionaries(dict((key, OPTIONS[key]) for key in keys))
)
# Repeats at many distances, and what does not compress.
messages = st.lists(
    st.one_of(
        st.binary(max_size=300),
        st.tuples(st.binary(max_size=20), st.integers(0, 400)).map(lambda pair: pair[0] * pair[1]),
    ),
    max_size=4,
).map(b"".join)


def negotiate(server_options, client_options):
    """Let a client and a server agree over the headers that they would send."""
    offer = headers.parse_extensions(deflate.build_offer(deflate.check_options(client_options)))
    server, value = deflate.negotiate_offer(offer, deflate.check_options(server_options))
    [(name, params)] = headers.parse_extensions(value)
    assert name == "permessage-deflate"
    return server, deflate.accept_response(params, client_options)


def own_bits(side_options, name):
    return min(side_options.get("max_wbits", 15), side_options.get(name, 15))


@slowly
@given(options, options)
def test_any_two_sides_agree_on_what_both_want(server_options, client_options):
    """C31, C32: the same parameters on both sides, none looser than what either asked for."""
    agreed, same = negotiate(server_options, client_options)
    assert agreed == same
    server_bits, client_bits = agreed.server_max_window_bits, agreed.client_max_window_bits
    assert server_bits == min(
        own_bits(server_options, "server_max_window_bits"),
        client_options.get("server_max_window_bits", 15),
    )
    assert client_bits == min(
        own_bits(client_options, "client_max_window_bits"),
        server_options.get("client_max_window_bits", 15),
    )
    for name in ("server_no_context_takeover", "client_no_context_takeover"):
        wanted = bool(server_options.get(name) or client_options.get(name))
        assert getattr(agreed, name) is wanted


@slowly
@given(options, options, st.lists(messages, max_size=5))
def test_any_two_sides_can_talk(server_options, client_options, texts):
    """C33, C34: whatever was agreed, both directions carry several messages."""
    server_parameters, client_parameters = negotiate(server_options, client_options)
    server = deflate.create_codecs("server", server_parameters, server_options, None)
    client = deflate.create_codecs("client", client_parameters, client_options, None)
    for text in texts:
        assert server[1].decompress(client[0].compress(text)) == text
        assert client[1].decompress(server[0].compress(text)) == text


params = st.lists(
    st.tuples(
        st.sampled_from(sorted(OPTIONS)),
        st.sampled_from([None, "", "7", "8", "08", "9", "15", "16", "x"]),
    ),
    max_size=4,
)


@slowly
@given(params, options)
def test_any_offer_and_any_answer_get_an_end(given_params, side_options):
    """C31, C32: declined or answered; accepted or refused; and what is answered is well-formed."""
    agreed = deflate.negotiate_offer([("permessage-deflate", given_params)], side_options)
    if agreed is not None:
        parameters, value = agreed
        [(_, answer)] = headers.parse_extensions(value)
        assert len(dict(answer)) == len(answer)
        assert ("client_max_window_bits" in dict(answer)) <= (
            "client_max_window_bits" in dict(given_params)
        )
        assert parameters == deflate.accept_response(answer, {})
    try:
        accepted = deflate.accept_response(given_params, side_options)
    except HandshakeError:
        return
    assert 8 <= accepted.server_max_window_bits <= 15
    assert 8 <= accepted.client_max_window_bits <= 15


def cut(data, cuts):
    """Split into parts at any places, also into empty ones."""
    edges = [0] + sorted(place % (len(data) + 1) for place in cuts) + [len(data)]
    return [data[start:end] for start, end in zip(edges, edges[1:])]


cuts = st.lists(st.integers(min_value=0), max_size=6)


@slowly
@given(st.lists(messages, min_size=1, max_size=3), WINDOW_BITS, st.booleans(), cuts)
def test_where_a_message_is_cut_makes_no_difference(texts, bits, persistent, places):
    """C34, C36: in parts as in one, up to the exact limit and not a byte over it."""
    sender = deflate.PerMessageDeflateCompressor(persistent, bits)
    receiver = deflate.PerMessageDeflateDecompressor(persistent, bits)
    for text in texts:
        received = b""
        parts = cut(sender.compress(text), places)
        for part in parts[:-1]:
            received += receiver.feed(part, False, len(text) - len(received))
        received += receiver.feed(parts[-1], True, len(text) - len(received))
        assert received == text


@slowly
@given(messages.filter(len), WINDOW_BITS, st.integers(min_value=1))
def test_no_more_than_the_limit_comes_out(text, bits, missing):
    """C36."""
    payload = deflate.PerMessageDeflateCompressor(True, bits).compress(text)
    limit = len(text) - 1 - missing % len(text)
    receiver = deflate.PerMessageDeflateDecompressor(True, bits, limit)
    try:
        receiver.decompress(payload)
    except ProtocolError as error:
        assert error.close_code == 1009
    else:
        raise AssertionError("%d bytes came out, %d may" % (len(text), limit))


# Streams that end, streams that do not, and nonsense between them.
segments = st.one_of(
    st.binary(max_size=30),
    st.just(b"\x03\x00"),
    messages.map(lambda data: zlib.compress(data)[2:-4]),
    messages.map(deflate.PerMessageDeflateCompressor(False, 15).compress),
)


@slowly
@given(st.lists(segments, max_size=5).map(b"".join), cuts, st.booleans())
def test_any_bytes_are_decompressed_or_refused(data, places, persistent):
    """C29: bytes or a close code, never anything else."""
    receiver = deflate.PerMessageDeflateDecompressor(persistent, 15)
    room = 5000
    parts = cut(data, places)
    try:
        for _ in range(2):
            for index, part in enumerate(parts):
                room -= len(receiver.feed(part, index == len(parts) - 1, room))
                assert room >= 0
    except ProtocolError as error:
        assert error.close_code in (1007, 1009)


@slowly
@given(st.lists(messages, min_size=1, max_size=4), st.booleans(), cuts)
def test_a_message_of_several_streams(texts, persistent, places):
    """C34: each stream ends with BFINAL at the end of a byte."""
    streams = []
    for text in texts:
        context = zlib.compressobj(6, zlib.DEFLATED, -15)
        streams.append(context.compress(text) + context.flush())
    payload = b"".join(streams) + b"\x00"
    receiver = deflate.PerMessageDeflateDecompressor(persistent, 15)
    for _ in range(2):
        parts = [receiver.feed(part, False, None) for part in cut(payload, places)]
        assert b"".join(parts) + receiver.feed(b"", True, 0) == b"".join(texts)


# Valid text with some bytes changed, so that most of it is right.
nearly_utf8 = st.tuples(
    st.text(max_size=20), st.lists(st.tuples(st.integers(0), st.integers(0, 255)), max_size=2)
)


def corrupt(pair):
    text, changes = pair
    data = bytearray(text.encode("utf-8"))
    for place, byte in changes:
        start = place % (len(data) + 1)
        data[start : start + 1] = [byte]
    return bytes(data)


@slowly
@given(st.one_of(st.binary(max_size=12), nearly_utf8.map(corrupt)), cuts)
def test_utf8_is_the_same_whole_or_in_parts(data, places):
    """C29: the validator and the decoder accept the same texts, whatever the cuts."""
    try:
        text = utf8.decode(data)
    except UnicodeDecodeError:
        text = None
    validator = utf8.Validator()
    try:
        for part in cut(data, places):
            validator.feed(part)
        validator.finish()
    except UnicodeDecodeError:
        assert text is None
    else:
        assert utf8.encode(text) == data


@slowly
@given(st.binary(max_size=12), cuts)
def test_the_first_wrong_byte_is_found_whatever_the_cuts(data, places):
    """C29: all cuts find the error in the same place, that of the first hopeless byte."""
    validator = utf8.Validator()
    wrong = None
    for index in range(len(data)):
        try:
            validator.feed(data[index : index + 1])
        except UnicodeDecodeError:
            wrong = index
            break
    validator = utf8.Validator()
    seen = 0
    for part in cut(data, places):
        seen += len(part)
        try:
            validator.feed(part)
        except UnicodeDecodeError:
            assert wrong is not None
            assert seen - len(part) <= wrong < seen
            break
        assert wrong is None or wrong >= seen
