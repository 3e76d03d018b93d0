"""What a server receives: contract section 5, C18 to C20, C22 and C23."""
from __future__ import absolute_import, division, print_function

import errno

import pytest
from peers import Noted, WebSocketCase, async_test, each, turns, until, with_rows
from tornado import gen
from tornado.concurrent import Future
from tornado.util import unicode_type
from wire import close_frame, frame, h

from tornado_ws import websocket

FLOOD = 20000


class Plain(Noted, websocket.WebSocketHandler):
    """Notes what comes."""


class Echo(Noted, websocket.WebSocketHandler):
    def on_message(self, message):
        self.write_message(message, isinstance(message, bytes))


class DeliveryTest(WebSocketCase):

    @async_test
    def test_c18_types(self):
        """C18: text comes as str (unicode on Python 2), binary as bytes."""
        peer = yield self.open_raw(Plain)
        peer.send(frame(0x81, b"text"), frame(0x81, h("c3a9 e29883 f09f9880")), frame(0x81),
                  frame(0x82, b"\x00\xff"), frame(0x82))
        yield until(lambda: len(self.notes) == 6)
        messages = [note[1] for note in self.notes[1:]]
        self.assertEqual(messages, [u"text", u"\xe9\u2603\U0001f600", u"", b"\x00\xff", b""])
        self.assertEqual([type(message) for message in messages],
                         [unicode_type] * 3 + [bytes] * 2)

    @async_test
    def test_c18_rfc_examples(self):
        """C18: RFC 6455 section 5.7: a masked "Hello", and a ping of it."""
        peer = yield self.open_raw(Plain)
        peer.send(h("81 85 37fa213d 7f9f4d5158"), h("89 85 37fa213d 7f9f4d5158"))
        self.assertEqual((yield peer.read(7)), h("8a 05 48656c6c6f"))
        self.assertEqual(self.notes, [("open",), ("message", "Hello"), ("ping", b"Hello")])

    @async_test
    def test_c18_not_overridden(self):
        """C18: on_message() has to be overridden: NotImplementedError, 1011."""
        class Bare(websocket.WebSocketHandler):
            pass

        peer = yield self.open_raw(Bare)
        peer.send(frame(0x81, b"x"))
        self.assertEqual((yield peer.read_frame()), (0x88, h("03f3")))
        self.assertIn("NotImplementedError",
                      self.claim_logs("tornado.application", "/1")[0].traceback)

    @async_test
    def test_c18_fragments(self):
        """C18: fragments arrive as one message, however they are cut, also inside characters."""
        peer = yield self.open_raw(Plain)
        text = u"h\xe9\u2603\U0001f600".encode("utf-8")
        for cut in range(len(text) + 1):
            peer.send(frame(0x01, text[:cut]), frame(0x80, text[cut:]))
        peer.send(*[frame(0x00 if i else 0x02, text[i:i + 1]) for i in range(len(text))])
        peer.send(frame(0x80))
        yield until(lambda: len(self.notes) == len(text) + 3)
        self.assertEqual(self.notes[1:-1], [("message", text.decode("utf-8"))] * (len(text) + 1))
        self.assertEqual(self.notes[-1], ("message", text))

    @async_test
    def test_c18_control_frames_between_fragments(self):
        """C18: control frames between fragments are handled at once."""
        peer = yield self.open_raw(Plain)
        peer.send(frame(0x01, b"a"), frame(0x89, b"1"), frame(0x00, b"b"), frame(0x8A, b"2"))
        self.assertEqual((yield peer.read_frame()), (0x8A, b"1"))
        yield until(lambda: ("pong", b"2") in self.notes)
        self.assertEqual(self.notes, [("open",), ("ping", b"1"), ("pong", b"2")])
        peer.send(frame(0x80, b"c"))
        yield until(lambda: self.notes[-1] == ("message", "abc"))

    @async_test
    def test_c18_every_split(self):
        """C18: a stream of frames cut at any byte gives the same messages."""
        data = (frame(0x81, b"Hello") + frame(0x02, b"x" * 126) + frame(0x89, b"p")
                + frame(0x80, b"y" * 3) + frame(0x81))
        expected = [("message", "Hello"), ("ping", b"p"), ("message", b"x" * 126 + b"yyy"),
                    ("message", "")]
        peer = yield self.open_raw(Plain)
        protocol = self.handler.ws_connection
        for cut in range(len(data) + 1):
            del self.notes[:]
            start = protocol._wire_bytes_in
            peer.send(data[:cut])
            yield until(lambda: protocol._wire_bytes_in == start + cut)
            peer.send(data[cut:])
            yield until(lambda: len(self.notes) == len(expected))
            self.assertEqual((cut, self.notes), (cut, expected))

    @async_test
    def test_c18_big_message(self):
        """C18: a message of many reads arrives whole."""
        peer = yield self.open_raw(Plain)
        payload = bytes(bytearray(range(256))) * 8192
        peer.send(frame(0x82, payload))
        yield until(lambda: len(self.notes) == 2)
        self.assertTrue(self.notes[1] == ("message", payload))

    @async_test
    def test_c18_on_message_assigned_anew(self):
        """C18: a new on_message takes effect with the next message of the same segment."""
        class Changing(Plain):
            def on_message(self, message):
                self.note("first", message)
                self.on_message = self.second

            def second(self, message):
                self.note("second", message)
                self.on_message = lambda message: self.note("third", message)

        peer = yield self.open_raw(Changing)
        peer.send(*[frame(0x81, b"m")] * 4)
        yield until(lambda: len(self.notes) == 5)
        self.assertEqual([note[0] for note in self.notes],
                         ["open", "first", "second", "third", "third"])


class DeliveryOverTLSTest(DeliveryTest):
    """C18 over TLS."""

    tls = True


def fail_at_once(self, data):
    raise IOError(errno.EIO, "failed in the callback")


@gen.coroutine
def fail_in_the_future(self, data):
    yield turns(3)
    raise IOError(errno.EIO, "failed in the callback")


def return_failed_future(self, data):
    future = Future()
    future.set_exception(IOError(errno.EIO, "failed in the callback"))
    return future


CALLBACKS = [("%s_%s" % (callback, function.__name__), callback, first, function)
             for callback, first in [("on_message", 0x81), ("on_ping", 0x89), ("on_pong", 0x8A)]
             for function in (fail_at_once, fail_in_the_future, return_failed_future)]


@with_rows
class ExceptionTest(WebSocketCase):

    @each(*CALLBACKS)
    @async_test
    def test_c19(self, callback, first, function):
        """C19: an exception in a callback is logged with the path and ends its connection."""
        handler_class = type("Failing", (Echo,), {callback: function})
        path = self.add(Echo)
        other = yield self.open_raw(path)
        peer = yield self.open_raw(handler_class)
        peer.send(frame(first, b"x"))
        frames = yield peer.read_frames()
        self.assertEqual([f for f in frames if f != (0x8A, b"x")], [(0x88, h("03f3"))])
        peer.close()
        yield until(lambda: ("close", None, None) in self.notes)
        entry, = self.claim_logs("tornado.application")
        self.assertIn("/2", entry.message)
        self.assertIn("failed in the callback", entry.traceback)
        other.send(frame(0x81, b"works"))
        self.assertEqual((yield other.read_frame()), (0x81, b"works"))
        self.assertEqual(self.notes.count(("close", None, None)), 1)

    @async_test
    def test_c19_what_was_written_before_arrives(self):
        """C19: what the callback wrote before it failed is sent; later messages are dropped."""
        class Failing(Plain):
            def on_message(self, message):
                self.note("message", message)
                self.write_message(message)
                if message == "2":
                    raise IOError(errno.EIO, "failed in the callback")

        peer = yield self.open_raw(Failing)
        peer.send(frame(0x81, b"1"), frame(0x81, b"2"), frame(0x81, b"3"))
        self.assertEqual((yield peer.read_frames()),
                         [(0x81, b"1"), (0x81, b"2"), (0x88, h("03f3"))])
        peer.close()
        yield until(lambda: ("close", None, None) in self.notes)
        self.assertEqual(self.notes[1:], [("message", "1"), ("message", "2"),
                                          ("close", None, None)])
        self.claim_logs("tornado.application", "/1")


class Coroutine(Plain):
    """Notes the begin and end of on_message(), which waits for `release`."""

    @gen.coroutine
    def on_message(self, message):
        self.note("begin", message)
        yield self.application.release
        self.note("end", message)


class ConcurrencyTest(WebSocketCase):

    def setUp(self):
        super(ConcurrencyTest, self).setUp()
        self._app.release = Future()

    @gen.coroutine
    def run_messages(self, handler_class, begun):
        peer = yield self.open_raw(handler_class)
        peer.send(frame(0x81, b"1"), frame(0x81, b"2"))
        yield until(lambda: len(self.notes) == 1 + begun)
        yield turns(20)
        self.assertEqual(self.notes, [("open",), ("begin", "1"), ("begin", "2")][:1 + begun])
        self._app.release.set_result(None)
        yield until(lambda: len(self.notes) == 5)
        raise gen.Return(self.notes[1:])

    @async_test
    def test_c20_future_holds_nothing_back(self):
        """C20: a Future from on_message() does not hold back the next message."""
        notes = yield self.run_messages(Coroutine, 2)
        self.assertEqual(notes[:2], [("begin", "1"), ("begin", "2")])
        self.assertEqual(sorted(notes[2:]), [("end", "1"), ("end", "2")])

    @async_test
    def test_c20_serial_messages_true(self):
        """C20: with ``serial_messages = True`` it does."""
        notes = yield self.run_messages(type("S", (Coroutine,), {"serial_messages": True}), 1)
        self.assertEqual(notes, [("begin", "1"), ("end", "1"), ("begin", "2"), ("end", "2")])

    @async_test
    def test_c20_serial_messages_false(self):
        """C20: with ``serial_messages = False`` it does not."""
        notes = yield self.run_messages(type("C", (Coroutine,), {"serial_messages": False}), 2)
        self.assertEqual(notes[:2], [("begin", "1"), ("begin", "2")])

    @async_test
    def test_c20_close_does_not_wait_for_futures(self):
        """C20, C26: on_close() comes although a Future of on_message() is not done."""
        peer = yield self.open_raw(Coroutine)
        peer.send(frame(0x81, b"1"), close_frame(1000))
        self.assertEqual((yield peer.read_frames()), [(0x88, h("03e8"))])
        yield until(lambda: self.notes[-1] == ("close", 1000, None))
        self._app.release.set_result(None)
        yield until(lambda: self.notes[-1] == ("end", "1"))


@pytest.mark.prompt_sockets
class StarvationTest(WebSocketCase):

    @gen.coroutine
    def count_most_in_a_turn(self):
        """Turn the loop until all of the flood is there; return the most messages of a turn."""
        most = before = 0
        while before < FLOOD:
            yield gen.moment
            most = max(most, len(self.notes) - before)
            before = len(self.notes)
        raise gen.Return(most)

    @async_test
    def test_c22_work_in_one_turn_is_bounded(self):
        """C22: while one connection floods, control returns to the loop again and again."""
        peer = yield self.open_raw(Plain)
        peer.send(frame(0x81, b"") * FLOOD)
        self.assertLessEqual((yield self.count_most_in_a_turn()), 1000)

    @async_test
    def test_c22_others_are_served(self):
        """C22: another connection's echo comes before the flood is worked off."""
        flood = 4 * FLOOD  # where a thread waits for sockets, it needs time to be heard
        busy = yield self.open_raw(Plain)
        other = yield self.open_raw(Echo)
        busy.send(frame(0x81, b"") * flood)
        yield until(lambda: len(self.notes) > 10)
        other.send(frame(0x81, b"quick"))
        self.assertEqual((yield other.read_frame()), (0x81, b"quick"))
        self.assertLess(len(self.notes), flood)
        yield until(lambda: len(self.notes) == flood + 2)

    @async_test
    def test_c22_serial_callbacks(self):
        """C22: the same with awaited callbacks that are done at once, or soon."""
        class Serial(Plain):
            serial_messages = True

            @gen.coroutine
            def on_message(self, message):
                self.note("message", message)
                if len(self.application.case_notes) % 100 == 0:
                    yield gen.moment

        peer = yield self.open_raw(Serial)
        peer.send(frame(0x81, b"") * FLOOD)
        self.assertLessEqual((yield self.count_most_in_a_turn()), 1000)


@with_rows
class PingTest(WebSocketCase):

    @each(("default", (), b""), ("bytes", (b"\x00\xff",), b"\x00\xff"),
          ("text", (u"\xe9",), b"\xc3\xa9"), ("longest", (b"x" * 125,), b"x" * 125),
          ("longest_text", (u"\xe9" * 62,), b"\xc3\xa9" * 62))
    @async_test
    def test_c23_ping(self, arguments, payload):
        """C23: a ping of up to 125 bytes; on_pong() is told of the answer."""
        peer = yield self.open_raw(Plain)
        self.handler.ping(*arguments)
        self.assertEqual((yield peer.read_frame()), (0x89, payload))
        peer.send(frame(0x8A, payload))
        yield until(lambda: self.notes[-1] == ("pong", payload))

    @each(("bytes", b"x" * 126), ("text", u"\xe9" * 63))
    @async_test
    def test_c23_too_long(self, data):
        """C23: more is a ValueError; nothing is sent."""
        peer = yield self.open_raw(Plain)
        with self.assertRaises(ValueError):
            self.handler.ping(data)
        self.handler.ping(b"next")
        self.assertEqual((yield peer.read_frame()), (0x89, b"next"))

    @async_test
    def test_c23_no_data(self):
        """C23: what is no bytes and no str is a TypeError that says so."""
        yield self.open_raw(Plain)
        for wrong in (None, 5):
            with self.assertRaises(TypeError) as caught:
                self.handler.ping(wrong)
            self.assertIn("bytes", str(caught.exception))

    @each(("empty", b""), ("longest", b"x" * 125))
    @async_test
    def test_c23_pong(self, payload):
        """C23: a ping is answered by the library with its payload; on_ping() is told."""
        peer = yield self.open_raw(Plain)
        peer.send(frame(0x89, payload))
        self.assertEqual((yield peer.read_frame()), (0x8A, payload))
        yield until(lambda: self.notes[-1] == ("ping", payload))

    @async_test
    def test_c23_unasked_pong(self):
        """C23: an unsolicited pong is told of and needs no answer (RFC 6455 5.5.3)."""
        peer = yield self.open_raw(Plain)
        peer.send(frame(0x8A, b"alive"), frame(0x89, b"next"))
        self.assertEqual((yield peer.read_frame()), (0x8A, b"next"))
        self.assertIn(("pong", b"alive"), self.notes)

    @async_test
    def test_c23_one_unsent_pong(self):
        """C23: while the peer does not read, one pong is kept: the last one due."""
        peer = yield self.open_raw(Plain, receive_buffer=16 * 1024)
        self.handler.write_message(b"x" * (16 * 1024 * 1024), binary=True)
        for i in range(500):
            peer.send(frame(0x89, ("%03d" % i).encode("ascii") + b"." * 100))
        yield until(lambda: len(self.notes) == 501)
        self.assertEqual((yield peer.read_frame()).first, 0x82)
        pongs = []
        while not pongs or not pongs[-1].startswith(b"499"):
            first, payload = yield peer.read_frame()
            self.assertEqual(first, 0x8A)
            pongs.append(payload)
        self.assertLessEqual(len(pongs), 2)
        peer.send(frame(0x89, b"next"))
        self.assertEqual((yield peer.read_frame()), (0x8A, b"next"))
