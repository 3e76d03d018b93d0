"""Close codes that RFC 6455 does not allow, and reasons that do not fit (C24, C26, section 11).

With 4.3's semantics `close` refuses them, and the peer's are reported and answered with 1002; what
is installed sends and echoes them, as every Tornado does.
"""
from __future__ import absolute_import, division, print_function

import struct

from installed import installed
from peers import Noted, async_test, each, turns, until, with_rows
from raw_server import ClientCase
from tornado import gen
from wire import close_frame, frame

from tornado_ws import websocket

REFUSED = (0, 1, 400, 500, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 10000, 65535)
NO_CODES = (("too_large", 65536), ("negative", -1), ("huge", 1 << 70), ("text", "1000"),
            ("float", 1000.0), ("list", [1000]))
CODE_ROWS = [("%d" % code, code) for code in REFUSED]
SIDES = (("server", "server"), ("client", "client"))


def both_sides(*rows):
    """Return the rows for either role."""
    return each(*[("%s_%s" % (side, row[0]), side) + row[1:] for side, _ in SIDES for row in rows])


def payload_of(code, reason=b""):
    return struct.pack("!H", code) + reason


class CloseCase(ClientCase):
    """What the tests of both faces share; ``self.end`` is the handler or the connection."""

    websocket = websocket

    @gen.coroutine
    def open_side(self, side):
        """Open a connection and return its other end, a `RawPeer`."""
        if side == "client":
            self.end, peer = yield self.open()
            self.mask = None
        else:
            class Plain(Noted, self.websocket.WebSocketHandler):
                """Notes what comes."""
            peer = yield self.open_raw(Plain)
            self.end, self.mask = self.handler, b"\x01\x02\x03\x04"
        self.read = None
        raise gen.Return(peer)

    def send_close(self, peer, code, reason=b""):
        peer.send(close_frame(code, reason, self.mask))

    def is_over(self):
        """Tell whether the application has been told of the end."""
        if self.end is not self.handler_or_none():
            self.read = self.read or self.end.read_message()
            return self.read.done()
        return any(note[0] == "close" for note in self.notes)

    def handler_or_none(self):
        return self.handler if self._app.case_handlers else None

    def said(self):
        return self.end.close_code, self.end.close_reason


@with_rows
class OwnCloseTest(CloseCase):
    """4.3's semantics: C24."""

    @both_sides(*CODE_ROWS + list(NO_CODES))
    @async_test
    def test_a_code_that_may_not_be_sent(self, side, code):
        """C24: a ValueError that names it; nothing is sent, and the connection stays open."""
        peer = yield self.open_side(side)
        with self.assertRaises(ValueError) as caught:
            self.end.close(code, "why")
        self.assertIn(repr(code), str(caught.exception))
        self.end.write_message(u"open")
        self.assertEqual((yield peer.read_frame()), (0x81, b"open"))

    @both_sides(("long", "r" * 124, ValueError), ("surrogate", u"\ud800", ValueError),
                ("number", 5, TypeError))
    @async_test
    def test_a_reason_that_cannot_be_sent(self, side, reason, kind):
        """C24: likewise."""
        peer = yield self.open_side(side)
        with self.assertRaises(kind):
            self.end.close(1000, reason)
        self.end.write_message(u"open")
        self.assertEqual((yield peer.read_frame()), (0x81, b"open"))


@with_rows
class PeersCloseTest(CloseCase):
    """4.3's semantics: C26."""

    @both_sides(*CODE_ROWS)
    @async_test
    def test_a_code_that_may_not_be_sent(self, side, code):
        """C26, C29: it is reported, with its reason; the answer is 1002."""
        peer = yield self.open_side(side)
        self.send_close(peer, code, b"why")
        first, payload = yield peer.read_frame()
        self.assertEqual((first, payload[:2]), (0x88, payload_of(1002)))
        self.assertIn(str(code).encode("ascii"), payload)
        self.assertEqual((yield peer.read_rest()), b"")
        yield until(self.is_over)
        self.assertEqual(self.said(), (code, u"why"))

    @both_sides(("valid", 1001, 1007), ("invalid", 1005, 1002))
    @async_test
    def test_a_reason_that_is_no_text(self, side, code, answer):
        """C26, C29: the code is reported all the same."""
        peer = yield self.open_side(side)
        self.send_close(peer, code, b"\xff")
        self.assertEqual((yield peer.read_frame()).payload[:2], payload_of(answer))
        yield until(self.is_over)
        self.assertEqual(self.said(), (code, None))

    @both_sides(("code", 1005))
    @async_test
    def test_in_answer_to_ours(self, side, code):
        """C26: after our own close frame nothing more is sent, but it is reported."""
        peer = yield self.open_side(side)
        self.end.close(4000)
        self.assertEqual((yield peer.read_frame()), (0x88, payload_of(4000)))
        self.send_close(peer, code)
        self.assertEqual((yield peer.read_rest()), b"")
        yield until(self.is_over)
        self.assertEqual(self.said(), (code, None))

    @both_sides(("rsv", 0xF1))
    @async_test
    def test_another_violation_reports_none(self, side, first):
        """C26: None where the peer sent no close frame."""
        peer = yield self.open_side(side)
        peer.send(frame(first, b"x", self.mask))
        self.assertEqual((yield peer.read_frame()).payload[:2], payload_of(1002))
        yield until(self.is_over)
        self.assertEqual(self.said(), (None, None))


@with_rows
class InstalledOwnCloseTest(CloseCase):
    """Section 11: what the installed Tornado sends is sent."""

    websocket = installed

    @gen.coroutine
    def check_ends(self, peer, code=None):
        """The peer's answer ends the connection, and the application is told."""
        self.send_close(peer, code)
        self.assertEqual((yield peer.read_rest()), b"")
        yield until(self.is_over)
        self.assertEqual(self.said(), (code, None))

    @both_sides(*CODE_ROWS)
    @async_test
    def test_a_code_that_may_not_be_sent(self, side, code):
        """Section 11: 0 to 65535, as they are."""
        peer = yield self.open_side(side)
        self.end.close(code, "why")
        self.assertEqual((yield peer.read_frame()), (0x88, payload_of(code, b"why")))
        yield self.check_ends(peer, code)

    @both_sides(*NO_CODES)
    @async_test
    def test_no_code(self, side, code):
        """Section 11: a ValueError that names it, and the connection is closed with 1011."""
        peer = yield self.open_side(side)
        with self.assertRaises(ValueError) as caught:
            self.end.close(code, "why")
        self.assertIn(repr(code), str(caught.exception))
        with self.assertRaises(installed.WebSocketClosedError):
            self.end.write_message(u"x")
        self.end.close(1000)
        self.assertEqual((yield peer.read_frame()), (0x88, payload_of(1011)))
        yield self.check_ends(peer, 1011)

    @both_sides(("surrogate", u"\ud800", ValueError), ("number", 5, TypeError))
    @async_test
    def test_no_reason(self, side, reason, kind):
        """Section 11: never an exception that leaves the connection open."""
        peer = yield self.open_side(side)
        with self.assertRaises(kind):
            self.end.close(1000, reason)
        self.assertEqual((yield peer.read_frame()), (0x88, payload_of(1011)))
        yield self.check_ends(peer)

    @both_sides(
        ("long", u"r" * 200, b"r" * 123),
        ("two_bytes", u"r" * 122 + u"\xe9", b"r" * 122),
        ("three_bytes", u"\u20ac" * 42, u"\u20ac".encode("utf-8") * 41),
        ("bytes", b"r" * 200, b"r" * 123),
    )
    @async_test
    def test_a_long_reason(self, side, reason, sent):
        """Section 11: it is cut at a character."""
        peer = yield self.open_side(side)
        self.end.close(1000, reason)
        self.assertEqual((yield peer.read_frame()), (0x88, payload_of(1000, sent)))
        yield self.check_ends(peer, 1000)

    @both_sides(("empty", "", payload_of(1000)), ("none", None, b""),
                ("text", "why", payload_of(1000, b"why")))
    @async_test
    def test_a_reason_alone(self, side, reason, sent):
        """Section 11, C24: it means 1000."""
        peer = yield self.open_side(side)
        self.end.close(reason=reason)
        self.assertEqual((yield peer.read_frame()), (0x88, sent))
        yield self.check_ends(peer)

    @async_test
    def test_in_a_callback(self):
        """Section 11: programs swallow the error; the connection ends all the same."""
        class Swallowing(Noted, installed.WebSocketHandler):
            def on_message(self, message):
                try:
                    self.close(70000)
                except Exception as error:
                    self.note("error", type(error))

        peer = yield self.open_raw(Swallowing)
        peer.send(frame(0x81, b"x"))
        self.assertEqual((yield peer.read_frame()), (0x88, payload_of(1011)))
        peer.send(close_frame(1011))
        self.assertEqual((yield peer.read_rest()), b"")
        yield until(lambda: len(self.notes) == 3)
        self.assertEqual(self.notes[1:], [("error", ValueError), ("close", 1011, None)])

    @async_test
    def test_in_open(self):
        class Refusing(Noted, installed.WebSocketHandler):
            def open(self):
                self.close(400, "no")

        peer = yield self.open_raw(Refusing)
        self.assertEqual((yield peer.read_frame()), (0x88, payload_of(400, b"no")))
        peer.send(close_frame(400))
        self.assertEqual((yield peer.read_rest()), b"")

    @async_test
    def test_a_peer_that_does_not_answer(self):
        """C25, section 11: after an error too the socket is dropped when the time is over."""
        from tornado_ws._connection import protocol
        self.patch(protocol, "CLOSE_TIMEOUT", 0.05)
        peer = yield self.open_side("server")
        with self.assertRaises(ValueError):
            self.end.close(70000)
        self.assertEqual((yield peer.read_frame()), (0x88, payload_of(1011)))
        self.assertEqual((yield peer.read_rest()), b"")
        yield until(self.is_over)

    @async_test
    def test_both_faces_talk(self):
        """C3: each keeps its own rule, in one process."""
        class Installed(Noted, installed.WebSocketHandler):
            def on_message(self, message):
                self.close(10000, "over")

        client = yield self.connect(Installed)
        client.write_message(u"x")
        self.assertIs((yield client.read_message()), None)
        self.assertEqual((client.close_code, client.close_reason), (10000, u"over"))
        self.websocket = websocket
        client = yield self.connect(Installed)
        client.write_message(u"x")
        self.assertIs((yield client.read_message()), None)
        self.assertEqual((client.close_code, client.close_reason), (10000, u"over"))
        yield until(lambda: ("close", 1002, u"invalid close code 10000") in self.notes)


@with_rows
class InstalledPeersCloseTest(CloseCase):
    """Section 11: what the peer says is taken and echoed."""

    websocket = installed

    @both_sides(*CODE_ROWS)
    @async_test
    def test_a_code_that_may_not_be_sent(self, side, code):
        """Section 11, C26, C27: reported, and echoed as it is."""
        peer = yield self.open_side(side)
        self.send_close(peer, code, b"why")
        self.assertEqual((yield peer.read_frames()), [(0x88, payload_of(code))])
        yield until(self.is_over)
        self.assertEqual(self.said(), (code, u"why"))
        yield turns(3)
        self.assertEqual([], [entry for entry in self.log.entries
                              if entry.message.startswith("Connection failed")])

    @both_sides(("text", 1001))
    @async_test
    def test_a_reason_that_is_no_text(self, side, code):
        """C29: 1007 goes back; the code is reported."""
        peer = yield self.open_side(side)
        self.send_close(peer, code, b"\xff")
        self.assertEqual((yield peer.read_frame()).payload[:2], payload_of(1007))
        yield until(self.is_over)
        self.assertEqual(self.said(), (code, None))
