"""What a peer does wrong and what it gets for it: contract section 7, C29, every row."""
from __future__ import absolute_import, division, print_function

import logging
import struct
import zlib

from peers import Noted, WebSocketCase, async_test, each, turns, until, with_rows
from tornado import gen
from wire import close_frame, deflate, frame, h, parse_frame

from tornado_ws import websocket
from tornado_ws._connection import protocol as _protocol

DEFLATE = ("Sec-WebSocket-Extensions", "permessage-deflate")
LIMIT = 200

# Rows: name, what is sent first and is right, the offending bytes, the close code.
WRONG_FRAMES = [
    ("rsv1", b"", h("c1 85 37fa213d 7f9f4d5158"), 1002),
    ("rsv2", b"", h("a1 85 37fa213d 7f9f4d5158"), 1002),
    ("rsv3", b"", h("91 85 37fa213d 7f9f4d5158"), 1002),
    ("rsv1_on_binary", b"", h("c2 80 37fa213d"), 1002),
    ("rsv1_on_continuation", frame(0x01, b"a"), h("c0 80 37fa213d"), 1002),
    ("rsv1_on_ping", b"", h("c9 80 37fa213d"), 1002),
    ("rsv2_on_close", b"", h("a8 80 37fa213d"), 1002),
    ("rsv3_on_pong", b"", h("9a 80 37fa213d"), 1002),
    ("reserved_data_opcode_3", b"", h("83 80 37fa213d"), 1002),
    ("reserved_data_opcode_7", b"", h("87 80 37fa213d"), 1002),
    ("reserved_control_opcode_b", b"", h("8b 80 37fa213d"), 1002),
    ("reserved_control_opcode_f", b"", h("8f 80 37fa213d"), 1002),
    ("fragmented_ping", b"", h("09 81 37fa213d 56"), 1002),
    ("fragmented_pong", b"", h("0a 80 37fa213d"), 1002),
    ("fragmented_close", b"", h("08 82 37fa213d 3412"), 1002),
    ("long_ping", b"", h("89 fe 007e 37fa213d"), 1002),
    ("long_pong", b"", h("8a fe 007e 37fa213d"), 1002),
    ("long_close", b"", h("88 fe 007e 37fa213d"), 1002),
    ("very_long_ping", b"", h("89 ff 0000000000010000 37fa213d"), 1002),
    ("continuation_without_start", b"", h("80 81 37fa213d 56"), 1002),
    ("open_continuation_without_start", b"", h("00 81 37fa213d 56"), 1002),
    ("continuation_after_the_end", frame(0x01, b"a") + frame(0x80, b"b"), h("80 80 37fa213d"),
     1002),
    ("text_inside_text", frame(0x01, b"a"), h("81 80 37fa213d"), 1002),
    ("binary_inside_text", frame(0x01, b"a"), h("02 81 37fa213d 56"), 1002),
    ("text_inside_binary", frame(0x02, b"a") + frame(0x00, b"b"), h("01 80 37fa213d"), 1002),
    ("unmasked_text", b"", h("81 05 48656c6c6f"), 1002),
    ("unmasked_empty", b"", h("82 00"), 1002),
    ("unmasked_ping", b"", h("89 00"), 1002),
    ("unmasked_close", b"", h("88 00"), 1002),
    ("top_bit_of_the_length", b"", h("82 ff 8000000000000000 37fa213d"), 1002),
    ("all_bits_of_the_length", b"", h("82 ff ffffffffffffffff 37fa213d"), 1002),
    ("length_0_in_16_bits", b"", h("82 fe 0000 37fa213d"), 1002),
    ("length_125_in_16_bits", b"", h("82 fe 007d 37fa213d"), 1002),
    ("length_125_in_64_bits", b"", h("82 ff 000000000000007d 37fa213d"), 1002),
    ("length_65535_in_64_bits", b"", h("82 ff 000000000000ffff 37fa213d"), 1002),
    ("close_of_one_byte", b"", h("88 81 37fa213d 34"), 1002),
] + [
    ("close_code_%d" % code, b"", close_frame(code), 1002)
    for code in (0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2999, 5000, 65535)
] + [
    ("invalid_close_code_with_reason", b"", close_frame(1005, b"why"), 1002),
]

INVALID_TEXT = [
    ("ff", "ff"), ("bare_continuation", "80"), ("overlong_2", "c0 af"), ("overlong_3", "e0 80 af"),
    ("overlong_4", "f0 80 80 af"), ("surrogate", "ed a0 80"),
    ("surrogate_pair", "ed a0 bd ed b8 80"), ("above_10ffff", "f4 90 80 80"),
    ("five_bytes", "f8 88 80 80 80"), ("cut_off", "e2 98"), ("broken_off", "e2 98 41"),
]
WRONG_TEXT = [
    ("text_" + name, b"", frame(0x81, b"ok" + h(data)), 1007) for name, data in INVALID_TEXT
] + [
    ("fragments_" + name, frame(0x01, b"ok"), frame(0x00, h(data)[:1]) + frame(0x80, h(data)[1:]),
     1007) for name, data in INVALID_TEXT
] + [
    ("reason_" + name, b"", close_frame(1000, h(data)), 1007) for name, data in INVALID_TEXT
]

TOO_BIG = [
    ("one_frame", b"", frame(0x82, b"x" * (LIMIT + 1)), 1009),
    ("text", b"", frame(0x81, b"x" * (LIMIT + 1)), 1009),
    ("one_huge_frame", b"", h("82 ff 0000000000010000 37fa213d"), 1009),
    ("the_hugest_frame", b"", h("82 ff 7fffffffffffffff 37fa213d"), 1009),
    ("two_fragments", frame(0x02, b"x" * LIMIT), frame(0x80, b"y"), 1009),
    ("many_fragments", frame(0x01, b"x") + frame(0x00, b"y" * 99) * 2, frame(0x00, b"yy"), 1009),
]

BOMB = deflate(b"x" * 100000)
WRONG_DEFLATE = [
    ("reserved_block_type", b"", frame(0xC1, h("07")), 1007),
    ("no_deflate_data", b"", frame(0xC2, h("ff ff ff ff")), 1007),
    ("wrong_stored_length", b"", frame(0xC2, h("00 05 00 05 00 61")), 1007),
    ("distance_too_far_back", b"", frame(0xC2, zlib.compressobj(9, zlib.DEFLATED, -15).compress(
        b"") + h("02 1f 00")), 1007),
    ("invalid_text_inflated", b"", frame(0xC1, deflate(b"ok\xff")), 1007),
    ("invalid_text_in_fragments", frame(0x41, deflate(b"ok\xff")[:2]),
     frame(0x80, deflate(b"ok\xff")[2:]), 1007),
    ("bomb", b"", frame(0xC2, BOMB), 1009),
    ("bomb_in_fragments", frame(0x42, BOMB[:5]), frame(0x80, BOMB[5:]), 1009),
    ("rsv1_on_continuation", frame(0x41, deflate(b"a")[:1]), h("c0 80 37fa213d"), 1002),
    ("rsv1_on_ping", b"", h("c9 80 37fa213d"), 1002),
    ("rsv2", b"", h("a1 80 37fa213d"), 1002),
    ("rsv1_and_rsv2", b"", h("e1 80 37fa213d"), 1002),
    ("rsv1_inside_a_message", frame(0x01, b"a"), h("c1 80 37fa213d"), 1002),
]


def said_by(data):
    """Return what on_close has of a wrong close frame: code and reason (C26)."""
    parsed = parse_frame(data)
    if data[:1] != b"\x88" or parsed is None or len(parsed[0].payload) < 2:
        return None, None
    code, reason = struct.unpack("!H", parsed[0].payload[:2])[0], parsed[0].payload[2:]
    return code, u"why" if reason == b"why" else None


class Limited(Noted, websocket.WebSocketHandler):
    max_message_size = LIMIT

    def get_compression_options(self):
        return {}


@with_rows
class ViolationTest(WebSocketCase):
    """The close frame arrives before the socket closes; on_close() is called; nothing is logged
    but one line at debug level.
    """

    @gen.coroutine
    def check(self, before, pieces, code, headers=()):
        """Send pieces, each after the server has got the one before."""
        peer = yield self.open_raw(self.path, headers)
        del self.notes[:], self.log.entries[:]
        protocol = self.handler.ws_connection
        sent = 0
        for piece in [before] + pieces:
            if piece:
                peer.send(piece)
                sent += len(piece)
                yield until(lambda: protocol._wire_bytes_in >= sent or protocol.is_closing())
        expected = [(0x88, h("%04x" % code))]
        first, payload = yield peer.read_frame()
        self.assertEqual([(first, payload[:2])], expected)
        payload[2:].decode("utf-8")
        self.assertEqual((yield peer.read_rest()), b"")
        peer.close()
        told = ("close",) + said_by(b"".join(pieces))
        yield until(lambda: told in self.notes)
        self.assertEqual([note for note in self.notes if note != ("message", "ab")], [told])
        lines = [entry for entry in self.log.entries if entry.logger == "tornado.general"]
        self.assertEqual([(entry.level, entry.traceback) for entry in lines],
                         [(logging.DEBUG, None)])

    @gen.coroutine
    def check_every_split(self, before, offending, code, headers=()):
        self.path = self.add(Limited)
        yield self.check(b"", [before + offending], code, headers)
        yield self.check(before, [offending], code, headers)
        cuts = range(1, len(offending))
        for cut in cuts if len(offending) < 40 else (1, 2, 3, 4, 5, 8, 9, len(offending) - 1):
            yield self.check(before, [offending[:cut], offending[cut:]], code, headers)

    @each(*WRONG_FRAMES)
    @async_test
    def test_c29_frame(self, before, offending, code):
        """C29: a frame that breaks a rule of RFC 6455 section 5: 1002."""
        yield self.check_every_split(before, offending, code)

    @each(*WRONG_TEXT)
    @async_test
    def test_c29_utf8(self, before, offending, code):
        """C29: invalid UTF-8 in text, also across fragments, or in a close reason: 1007."""
        yield self.check_every_split(before, offending, code)

    @each(*TOO_BIG)
    @async_test
    def test_c29_size(self, before, offending, code):
        """C29, C36: a message over the limit: 1009, as soon as its length is known."""
        yield self.check_every_split(before, offending, code)

    @each(*WRONG_DEFLATE)
    @async_test
    def test_c29_deflate(self, before, offending, code):
        """C29: wrong compressed messages: 1007, 1009 over the limit, 1002 for RSV bits."""
        yield self.check_every_split(before, offending, code, [DEFLATE])

    @each(*[row for row in INVALID_TEXT if row[0] != "cut_off"])
    @async_test
    def test_c29_utf8_at_the_first_bad_byte(self, data):
        """C29: bad text is refused at its first bad byte: the rest of the frame never comes."""
        bad = frame(0x01, b"ok" + h(data) + b"." * 100)[:8 + len(h(data))]
        self.path = self.add(Limited)
        yield self.check(b"", [bad], 1007)
        yield self.check(b"", [bad[i:i + 1] for i in range(len(bad))], 1007)

    @each(("length", h("82 ff 0000000000010000 37fa213d"), 1009),
          ("first_byte", h("83"), 1002), ("second_byte", h("81 05"), 1002),
          ("second_byte_of_ping", h("89 fe"), 1002), ("16_bits", h("82 fe 007d"), 1002))
    @async_test
    def test_c29_header_at_once(self, header, code):
        """C29: a wrong header is refused at its first wrong byte, not with what follows."""
        self.path = self.add(Limited)
        yield self.check(b"", [header], code)

    @async_test
    def test_c29_what_came_before(self):
        """C29: messages before the violation are delivered and answered first."""
        class Echo(Limited):
            def on_message(self, message):
                self.note("message", message)
                self.write_message(message)

        peer = yield self.open_raw(Echo)
        peer.send(frame(0x81, b"1"), frame(0x81, b"2"), h("83"), frame(0x81, b"3"))
        frames = yield peer.read_frames()
        self.assertEqual(frames[:2], [(0x81, b"1"), (0x81, b"2")])
        self.assertEqual([(f.first, f.payload[:2]) for f in frames[2:]], [(0x88, h("03ea"))])
        peer.close()
        yield until(lambda: ("close", None, None) in self.notes)
        self.assertEqual(self.notes, [("open",), ("message", "1"), ("message", "2"),
                                      ("close", None, None)])

    @async_test
    def test_c29_peer_sends_on(self):
        """C29: a peer that goes on sending still gets the close frame, no reset before it."""
        peer = yield self.open_raw(Limited)
        peer.send(h("83"), b"\0" * 4000000)
        first, payload = yield peer.read_frame()
        self.assertEqual((first, payload[:2]), (0x88, h("03ea")))
        peer.close()
        yield until(lambda: ("close", None, None) in self.notes)

    @async_test
    def test_c29_other_connections(self):
        """C29: other connections are untouched."""
        path = self.add(Limited)
        other = yield self.open_raw(path)
        peer = yield self.open_raw(path)
        peer.send(h("83"))
        yield peer.read_frame()
        other.send(frame(0x89, b"still there"))
        self.assertEqual((yield other.read_frame()), (0x8A, b"still there"))

    @async_test
    def test_c29_peer_that_never_closes(self):
        """C29: a peer that has got the close frame and stays is dropped after a while."""
        self.patch(_protocol, "LINGER_TIMEOUT", 0.05)
        peer = yield self.open_raw(Limited)
        stream = self.handler.stream
        peer.send(h("83"))
        self.assertEqual((yield peer.read_frame()).first, 0x88)
        yield until(stream.closed)
        yield turns(2)
        self.assertEqual(self.notes, [("open",), ("close", None, None)])

    @async_test
    def test_c25_c29_wrong_answer_to_our_close(self):
        """C25, C29: a violation after our close frame ends the connection; one frame is sent."""
        peer = yield self.open_raw(Limited)
        self.handler.close(4000)
        peer.send(h("83"))
        self.assertEqual((yield peer.read_frames()), [(0x88, h("0fa0"))])
        peer.close()
        yield until(lambda: ("close", None, None) in self.notes)


@with_rows
class ViolationOverTLSTest(WebSocketCase):

    tls = True

    @each(WRONG_FRAMES[1], WRONG_TEXT[0], TOO_BIG[3], WRONG_DEFLATE[0])
    @async_test
    def test_c29(self, before, offending, code):
        """C29 over TLS: the close frame, then the end of the connection."""
        # Nothing tells the server that the peer has seen the close frame.
        self.patch(_protocol, "LINGER_TIMEOUT", 0.05)
        peer = yield self.open_raw(Limited, [DEFLATE])
        peer.send(before + offending)
        first, payload = yield peer.read_frame()
        self.assertEqual((first, payload[:2]), (0x88, h("%04x" % code)))
        self.assertEqual((yield peer.read_rest()), b"")
        yield until(lambda: ("close", None, None) in self.notes)
