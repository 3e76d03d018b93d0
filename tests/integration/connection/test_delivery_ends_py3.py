"""How delivery ends while coroutines are at work: C19, C21, C26."""
from __future__ import absolute_import, division, print_function

import contextlib

from peers import TIMEOUT, Noted, WebSocketCase, async_test, each, turns, until, with_rows
from tornado.concurrent import Future
from wire import close_frame, frame, h

from tornado_ws import websocket
from tornado_ws._connection import delivery, protocol

BRIEF = 0.05  # seconds; nothing depends on how much later it happens
RESERVED = h("03ea") + b"reserved opcode"
MANY = 320    # more than the read-ahead takes


class Answering(Noted, websocket.WebSocketHandler):
    """Takes a little for each message, and answers it."""

    async def on_message(self, message):
        await turns(1)
        self.note("message", message)
        await self.write_message(message)


class Hanging(Noted, websocket.WebSocketHandler):
    """Waits until the test says so."""

    async def on_message(self, message):
        self.note("begin", message)
        await self.application.gate
        self.note("end", message)


class HangingThenFailing(Hanging):
    async def on_message(self, message):
        await Hanging.on_message(self, message)
        raise IOError("failed in on_message")


class EndCase(WebSocketCase):

    def setUp(self):
        super().setUp()
        self.gate = self._app.gate = Future()

    def tearDown(self):
        if not self.gate.done():
            self.gate.set_result(None)
        super().tearDown()


@with_rows
class AllDeliveredTest(EndCase):

    def setUp(self):
        super().setUp()
        for name in "END_GRACE", "CALLBACK_GRACE":  # as on a machine that is quick enough
            self.patch(delivery, name, TIMEOUT)

    @each(("close_frame", close_frame(1000), (0x88, h("03e8")), 1000),
          ("protocol_error", frame(0x83), (0x88, RESERVED), None))
    @async_test
    def test_c21_all_are_answered_before_the_end(self, ending, answer, code):
        """C21: what came before a close frame or an error is delivered, and may be answered."""
        peer = yield self.open_raw(Answering)
        messages = ["%d" % i for i in range(MANY)]
        peer.send(*[frame(0x81, message.encode("ascii")) for message in messages] + [ending])
        frames = yield peer.read_frames_until_close()
        self.assertEqual(frames, [(0x81, message.encode("ascii")) for message in messages]
                         + [answer])
        peer.close()
        yield until(lambda: self.notes[-1][0] == "close")
        self.assertEqual(self.notes, [("open",)] + [("message", message) for message in messages]
                         + [("close", code, None)])

    @async_test
    def test_c21_all_are_delivered_after_the_loss(self):
        """C21, C26: the peer leaves at once: all that came is delivered, then comes on_close()."""
        class Listening(Noted, websocket.WebSocketHandler):
            async def on_message(self, message):
                await turns(1)
                self.note("message", message)

        peer = yield self.open_raw(Listening)
        messages = ["%d" % i for i in range(MANY)]
        yield peer.send(*[frame(0x81, message.encode("ascii")) for message in messages])
        peer.close()
        yield until(lambda: self.notes[-1][0] == "close")
        self.assertEqual(self.notes, [("open",)] + [("message", message) for message in messages]
                         + [("close", None, None)])

    @async_test
    def test_c26_on_close_waits_for_a_running_callback(self):
        """C26: a callback that is awaited is done before on_close() is called."""
        peer = yield self.open_raw(Hanging)
        peer.send(frame(0x81, b"1"), close_frame(1000))
        yield until(lambda: len(self.notes) == 2)
        handler = self.handler
        peer.close()
        yield until(handler.ws_connection.stream.closed)
        yield turns(20)
        self.assertEqual(self.notes, [("open",), ("begin", "1")])
        handler = None
        self.gate.set_result(None)
        yield until(lambda: self.notes[-1][0] == "close")
        self.assertEqual(self.notes[2:], [("end", "1"), ("close", 1000, None)])


@with_rows
class HangingTest(EndCase):

    @each(*[("%s_%d" % (name, count), handler_class, count)
            for name, handler_class in (("ends", Hanging), ("fails", HangingThenFailing))
            for count in (1, 5, 200)])
    @async_test
    def test_c26_on_close_comes_though_a_callback_hangs(self, handler_class, count):
        """C21, C26: on_close() comes; one line counts what was dropped; its end is no error."""
        self.patch(delivery, "CALLBACK_GRACE", BRIEF)
        peer = yield self.open_raw(handler_class)
        yield peer.send(*[frame(0x81, b"x")] * count)
        yield until(lambda: len(self.notes) == 2)
        peer.close()
        yield until(lambda: self.notes[-1][0] == "close")
        self.assertEqual(self.notes, [("open",), ("begin", "x"), ("close", None, None)])
        if count > 1:
            entry, = self.claim_logs("tornado.general", "/1: a callback took over")
            self.assertIn(" %d messages were dropped" % (count - 1), entry.message)
        self.gate.set_result(None)
        yield until(lambda: len(self.notes) == 4)
        yield turns(5)
        self.assertEqual(self.notes[3:], [("end", "x")])  # it was not cancelled

    @each(("close_frame", close_frame(1000, b"bye"), (0x88, h("03e8")), (1000, "bye")),
          ("protocol_error", frame(0x83), (0x88, RESERVED), (None, None)))
    @async_test
    def test_c21_the_end_is_answered_though_a_callback_hangs(self, ending, answer, told):
        """C21: the answer to a close frame or an error does not wait for ever."""
        self.patch(delivery, "END_GRACE", BRIEF)
        self.patch(delivery, "CALLBACK_GRACE", TIMEOUT)
        peer = yield self.open_raw(Hanging)
        peer.send(frame(0x81, b"1"), frame(0x81, b"2"), ending)
        self.assertEqual((yield peer.read_frame()), answer)
        self.assertEqual((yield peer.read_rest()), b"")
        peer.close()
        yield turns(20)
        self.assertEqual(self.notes, [("open",), ("begin", "1")])
        self.gate.set_result(None)
        yield until(lambda: self.notes[-1][0] == "close")
        self.assertEqual(self.notes[2:], [("end", "1"), ("begin", "2"), ("end", "2"),
                                          ("close",) + told])

    @async_test
    def test_c21_a_failure_ends_the_delivery(self):
        """C21: a callback that fails after the close frame came: nothing waits any longer."""
        self.patch(delivery, "END_GRACE", TIMEOUT)
        peer = yield self.open_raw(HangingThenFailing)
        peer.send(frame(0x81, b"1"), frame(0x81, b"never"), close_frame(1000))
        yield until(lambda: len(self.notes) == 2)
        self.gate.set_result(None)
        self.assertEqual((yield peer.read_frame()).first, 0x88)
        peer.close()
        yield until(lambda: self.notes[-1][0] == "close")
        self.assertEqual(self.notes[2:], [("end", "1"), ("close", 1000, None)])
        self.assertIn("failed in on_message",
                      self.claim_logs("tornado.application", "/1")[0].traceback)


@with_rows
class LingerTest(EndCase):

    async def send_all(self, data):
        """Send through the socket, which raises if the connection is reset."""
        def send():
            with contextlib.suppress(BlockingIOError):
                self.left = self.left[self.socket.send(self.left[:65536]):]
            return not self.left

        self.left = memoryview(data)
        await until(send)

    @each(("one_waits", 1), ("more_wait", 3))
    @async_test
    def test_c21_what_comes_after_an_error_is_read_and_dropped(self, count):
        """C21, C27: while a callback is awaited, and after the close frame: nobody is blocked."""
        for module, name in ((delivery, "END_GRACE"), (delivery, "CALLBACK_GRACE"),
                             (protocol, "LINGER_TIMEOUT")):
            self.patch(module, name, TIMEOUT)
        more = frame(0x82, b"x" * 65000) * 200  # what no socket's buffers take
        peer = yield self.open_raw(Hanging)
        # The IOStream closes when it finds the other half closed.
        self.socket = peer.stream.socket.dup()
        self.addCleanup(self.socket.close)
        self.socket.setblocking(False)
        peer.send(*[frame(0x81, b"1")] * count + [frame(0x83)])
        yield until(lambda: len(self.notes) == 2)
        yield self.send_all(more)
        self.assertEqual(self.notes, [("open",), ("begin", "1")])
        self.gate.set_result(None)
        self.assertEqual((yield peer.read_frame()), (0x88, RESERVED))
        yield self.send_all(more)
        self.assertEqual((yield peer.read_rest()), b"")
        peer.close()
        self.socket.close()
        yield until(lambda: self.notes[-1][0] == "close")
        self.assertEqual(self.notes, [("open",)] + [("begin", "1"), ("end", "1")] * count
                         + [("close", None, None)])


class PingTest(EndCase):

    @async_test
    def test_c19_pings_are_bounded(self):
        """C19: coroutines of on_ping() are bounded like messages; all pings are told at last."""
        class Pinged(Noted, websocket.WebSocketHandler):
            async def on_ping(self, data):
                self.note("ping", data)
                await self.application.gate

        peer = yield self.open_raw(Pinged)
        pings = [b"%d" % i for i in range(3000)]
        peer.send(*[frame(0x89, data) for data in pings] + [frame(0x81, b"x")])
        yield until(lambda: len(self.notes) > delivery.READ_AHEAD_COUNT)
        yield turns(50)
        self.assertLess(len(self.notes), delivery.READ_AHEAD_COUNT + delivery.BATCH_EVENTS + 2)
        self.gate.set_result(None)
        yield until(lambda: len(self.notes) == len(pings) + 2)
        # A coroutine's first step comes later where Tornado or Python < 3.7 takes it.
        self.assertIn(("message", "x"), self.notes)
        self.assertEqual([data for kind, data in self.notes[1:] if kind == "ping"], pings)
