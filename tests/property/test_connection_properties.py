"""A connection for any bytes and any messages: C15, C18, C29, C34, C36."""
from __future__ import absolute_import, division, print_function

from core_strategies import (OTHER, agreements, closes, connect, cuts, frame, large_windows, limits,
                             masking_keys, payloads, receive, roles, streams, texts)
from hypothesis import assume, given
from hypothesis import strategies as st

from tornado_ws._sansio import close, frames
from tornado_ws._sansio.connection import PROTOCOL_ERROR
from tornado_ws._sansio.deflate import create_codecs
from tornado_ws._sansio.frames import OP_BINARY, OP_CLOSE, OP_PING, OP_PONG, OP_TEXT

control_payloads = st.binary(max_size=125)
# What an application sends: an opcode and bytes.
sent_messages = st.one_of(
    st.tuples(st.just(OP_BINARY), payloads),
    st.tuples(st.just(OP_TEXT), texts.map(lambda text: text.encode("utf-8"))),
    st.tuples(st.sampled_from([OP_PING, OP_PONG]), control_payloads))


def check_events(events, limit):
    """Hold events against the rules that they keep whatever the peer sends."""
    for i, (opcode, payload) in enumerate(events):
        if opcode == OP_TEXT:
            assert isinstance(payload, type(u""))
            payload = payload.encode("utf-8")
        if opcode in (OP_TEXT, OP_BINARY):
            assert isinstance(payload, bytes)
            assert limit is None or len(payload) <= limit
        elif opcode in (OP_PING, OP_PONG):
            assert isinstance(payload, bytes) and len(payload) <= 125
        else:
            assert i == len(events) - 1
            if opcode == OP_CLOSE:
                code, reason = payload
                assert code is None or close.is_valid_close_code(code)
                assert reason is None or code is not None and isinstance(reason, type(u""))
            else:
                assert opcode == PROTOCOL_ERROR and payload in (1002, 1007, 1009)


@given(roles, agreements, limits, st.binary(max_size=200))
def test_any_bytes_give_events_or_an_error_at_the_end(role, agreed, limit, data):
    """C29: and never an exception."""
    check_events(receive(connect(role, agreed, limit), [data]), limit)


@given(st.data(), roles, agreements, limits)
def test_any_frames_give_events_or_an_error_at_the_end(data, role, agreed, limit):
    """C29, C36: frames that are mostly right get further than noise."""
    stream = data.draw(streams(role))
    check_events(receive(connect(role, agreed, limit), [stream]), limit)


@given(st.data(), roles, large_windows, limits)
def test_how_bytes_are_cut_makes_no_difference(data, role, agreed, limit):
    """C29: the same events, the same close code; byte by byte too."""
    stream = data.draw(streams(role))
    whole = receive(connect(role, agreed, limit), [stream])
    parts = data.draw(cuts(stream))
    assert receive(connect(role, agreed, limit), parts) == whole
    single = [stream[i:i + 1] for i in range(len(stream))]
    assert receive(connect(role, agreed, limit), single) == whole


@given(st.data(), roles, large_windows, limits)
def test_what_follows_the_end_makes_no_difference(data, role, agreed, limit):
    """C27: bytes after a close frame or an error are not looked at."""
    stream = data.draw(streams(role))
    events = receive(connect(role, agreed, limit), [stream])
    assume(events and events[-1][0] in (OP_CLOSE, PROTOCOL_ERROR))
    rest = data.draw(streams(role))
    assert receive(connect(role, agreed, limit), [stream, rest]) == events


@given(st.data(), roles, agreements, st.sampled_from([0, 20]),
       st.lists(sent_messages, max_size=6), st.one_of(st.none(), closes))
def test_what_is_sent_is_what_is_received(data, role, agreed, min_size, messages, close):
    """C15, C34: encoding, then decoding at the other end, is the identity, in order."""
    sender, receiver = connect(role, agreed, None, min_size), connect(OTHER[role], agreed)
    stream, expected = b"", []
    for opcode, payload in messages:
        if opcode in (OP_TEXT, OP_BINARY):
            stream += sender.send_message(opcode, payload)
        else:
            stream += sender.send_frame(frames.FIN | opcode, payload)
        expected.append((opcode, payload.decode("utf-8") if opcode == OP_TEXT else payload))
    if close is not None:
        code, reason = close
        stream += sender.send_close(code, reason)
        expected.append((OP_CLOSE, (code, reason or None)))
    assert receive(receiver, data.draw(cuts(stream))) == expected
    assert sender.wire_bytes_out == receiver.wire_bytes_in == len(stream)
    assert sender.message_bytes_out == receiver.message_bytes_in
    assert not receiver.close_sent and receiver.close_received == sender.close_sent


@given(st.data(), roles, agreements, payloads)
def test_how_a_message_is_fragmented_makes_no_difference(data, role, agreed, payload):
    """C18: pings may stand between the fragments."""
    first, body = frames.FIN | OP_BINARY, payload
    if agreed is not None:
        compressor, _ = create_codecs(OTHER[role], agreed, {}, None)
        first, body = first | frames.RSV1, compressor.compress(payload)
    parts = data.draw(cuts(body))
    stream = b""
    for i, part in enumerate(parts):
        key = data.draw(masking_keys) if role == "server" else None
        head = (first if i == 0 else frames.FIN) & (0xff if i == len(parts) - 1 else 0x7f)
        stream += frame(head, part, key) + frame(0x89, b"%d" % i, key)
    pings = [(OP_PING, b"%d" % i) for i in range(len(parts))]
    events = receive(connect(role, agreed), data.draw(cuts(stream)))
    assert events == pings[:-1] + [(OP_BINARY, payload)] + pings[-1:]


@given(masking_keys, st.binary(max_size=300))
def test_masking_twice_is_nothing(key, data):
    """RFC 6455 section 5.3."""
    masked = frames.mask_bytes(key, data)
    assert len(masked) == len(data)
    assert frames.mask_bytes(key, masked) == data
    for i, byte in enumerate(bytearray(masked)):
        assert byte ^ bytearray(key)[i % 4] == bytearray(data)[i]


@given(st.integers(0, 255), st.integers(0, 2 ** 63 - 1), st.booleans(), st.binary(max_size=5))
def test_a_header_is_read_as_it_was_written(first, length, masked, before):
    """Every header that `build_header` makes is minimal: `parse_header` takes no other."""
    key = b"abcd" if masked else b""
    data = before + frames.build_header(first, length, masked) + key
    try:
        header = frames.parse_header(data, len(before), masked, True)
    except frames.ProtocolError:
        opcode, control = first & 0x0f, first & 0x08
        assert (first & 0x30 or opcode not in (0, 1, 2, 8, 9, 10)
                or (first & 0x40 and opcode not in (1, 2))
                or (control and (length > 125 or not first & 0x80)))
    else:
        assert header == (first, length, key or None, len(data))


@given(closes)
def test_a_close_payload_is_read_as_it_was_written(said):
    """C24."""
    code, reason = said
    payload = close.build_close(code, reason)
    assert close.parse_close(payload) == (code, reason or None)
