"""Messages that wait for an earlier one's callback: contract section 5, C20 and C21."""
from __future__ import absolute_import, division, print_function

import errno

from peers import Noted, WebSocketCase, async_test, turns, until
from tornado import gen
from tornado.concurrent import Future
from wire import close_frame, frame, h

from tornado_ws import websocket
from tornado_ws._connection import delivery as _delivery
from tornado_ws._connection import protocol as _protocol

MEGABYTE = 1024 * 1024


class Waiting(Noted, websocket.WebSocketHandler):
    """on_message() waits for the case's `gate`, and notes when it begins and ends."""

    serial_messages = True

    @gen.coroutine
    def on_message(self, message):
        self.note("begin", message[:8])
        yield self.application.gate
        self.note("end", message[:8])


class Failing(Waiting):
    @gen.coroutine
    def on_message(self, message):
        self.note("begin", message)
        yield self.application.gate
        raise IOError(errno.EIO, "failed in on_message")


class FlowTest(WebSocketCase):
    """Serial delivery, with Futures."""

    waiting, failing = Waiting, Failing

    def setUp(self):
        super(FlowTest, self).setUp()
        self._app.gate = Future()

    def release(self):
        self._app.gate.set_result(None)

    @gen.coroutine
    def open_waiting(self, handler_class=None):
        """Open a connection and send a message, whose callback waits."""
        peer = yield self.open_raw(handler_class or self.waiting)
        del self.notes[:]
        peer.send(frame(0x81, b"0"))
        yield until(lambda: self.notes == [("begin", "0")])
        del self.notes[:]
        raise gen.Return(peer)

    @async_test
    def test_c21_order(self):
        """C20, C21: the following messages wait, in order."""
        peer = yield self.open_waiting()
        for i in range(1, 10):
            peer.send(frame(0x81, ("%d" % i).encode("ascii")))
            yield turns(3)
        self.assertEqual(self.notes, [])
        self.release()
        yield until(lambda: len(self.notes) == 19)
        expected = [(what, "%d" % i) for i in range(10) for what in ("begin", "end")]
        self.assertEqual(self.notes, expected[1:])

    @async_test
    def test_c21_control_frames_meanwhile(self):
        """C21: pings are answered and pongs counted meanwhile."""
        peer = yield self.open_waiting()
        peer.send(frame(0x81, b"1"), frame(0x89, b"ping"), frame(0x8A, b"pong"))
        self.assertEqual((yield peer.read_frame()), (0x8A, b"ping"))
        yield until(lambda: len(self.notes) == 2)
        self.assertEqual(self.notes, [("ping", b"ping"), ("pong", b"pong")])
        self.release()
        yield until(lambda: self.notes[-1] == ("end", "1"))

    @async_test
    def test_c21_close_meanwhile(self):
        """C21: the peer's close is answered meanwhile; nothing can be written any more."""
        self.patch(_delivery, "END_GRACE", 0.01)
        self.patch(_delivery, "CALLBACK_GRACE", 0.05)
        peer = yield self.open_waiting()
        handler = self.handler
        peer.send(close_frame(1001, b"bye"))
        self.assertEqual((yield peer.read_frames()), [(0x88, h("03e9"))])
        with self.assertRaises(websocket.WebSocketClosedError):
            handler.write_message("late")
        yield until(lambda: self.notes)
        self.assertEqual(self.notes, [("close", 1001, "bye")])
        self.release()
        yield until(lambda: len(self.notes) == 2)

    @async_test
    def test_c21_messages_before_the_close(self):
        """C21: messages received before a close frame are delivered before on_close()."""
        self.patch(_delivery, "END_GRACE", 0.01)
        peer = yield self.open_waiting()
        peer.send(frame(0x81, b"1"), frame(0x81, b"2"), close_frame(1000))
        self.assertEqual((yield peer.read_frame()), (0x88, h("03e8")))
        yield turns(10)
        self.assertEqual(self.notes, [])
        self.release()
        yield until(lambda: len(self.notes) == 6)
        self.assertEqual(self.notes[:-1], [
            ("end", "0"), ("begin", "1"), ("end", "1"), ("begin", "2"), ("end", "2")])
        self.assertEqual(self.notes[-1], ("close", 1000, None))

    @async_test
    def test_c21_answers_before_the_close(self):
        """C21: what a callback answers soon after the peer's close frame came is still sent."""
        class Answering(self.waiting):
            serial_messages = True

            @gen.coroutine
            def on_message(self, message):
                self.note("begin", message)
                yield self.application.gate
                yield self.write_message("answer " + message)

        peer = yield self.open_waiting(Answering)
        peer.send(frame(0x81, b"1"), close_frame(1000))
        yield turns(10)
        self.release()
        self.assertEqual((yield peer.read_frames()),
                         [(0x81, b"answer 0"), (0x81, b"answer 1"), (0x88, h("03e8"))])
        yield until(lambda: self.notes[-1] == ("close", 1000, None))

    @async_test
    def test_c27_a_close_that_comes_alone_is_answered_at_once(self):
        """C27: nobody is waited for when no message is left and no callback is at work."""
        self.patch(_delivery, "END_TURNS", 1000000)
        self.patch(_delivery, "END_GRACE", 3600)
        peer = yield self.open_waiting()
        self.release()
        yield until(lambda: self.notes == [("end", "0")])
        peer.send(close_frame(1000))
        self.assertEqual((yield peer.read_frames()), [(0x88, h("03e8"))])
        yield until(lambda: self.notes[-1] == ("close", 1000, None))

    @async_test
    def test_c20_c21_a_callback_that_holds_nothing_back_answers_before_the_close(self):
        """C20, C21: a close that comes alone waits for it some turns of the loop."""
        class Answering(self.waiting):
            serial_messages = False

            @gen.coroutine
            def on_message(self, message):
                self.note("begin", message)
                yield self.application.gate
                self.write_message("answer " + message)

        self.patch(_delivery, "END_TURNS", 200)
        peer = yield self.open_waiting(Answering)
        protocol = self.handler.ws_connection
        peer.send(close_frame(1000))
        while protocol.close_code is None:
            yield gen.moment  # each turn counts: `until` would wait for a time that may be longer
        self.release()
        self.assertEqual((yield peer.read_frames()),
                         [(0x81, b"answer 0"), (0x88, h("03e8"))])

    @gen.coroutine
    def check_drop(self, drop):
        self.patch(_delivery, "CALLBACK_GRACE", 0.05)
        peer = yield self.open_waiting()
        handler = self.handler
        drop(peer)
        yield until(lambda: self.notes)
        self.assertEqual(self.notes, [("close", None, None)])
        with self.assertRaises(websocket.WebSocketClosedError):
            handler.write_message("late")
        self.release()
        yield until(lambda: len(self.notes) == 2)
        self.assertEqual(self.notes[1], ("end", "0"))

    @async_test
    def test_c21_end_of_the_peer_meanwhile(self):
        """C21: a peer that closes its socket is noticed meanwhile."""
        yield self.check_drop(lambda peer: peer.close())

    @async_test
    def test_c21_reset_meanwhile(self):
        """C21: a reset is noticed meanwhile."""
        yield self.check_drop(lambda peer: peer.reset())

    @async_test
    def test_c25_after_our_close_no_gap(self):
        """C25: after the first message that is dropped none is delivered, though there is room."""
        self.patch(_delivery, "READ_AHEAD_COUNT", 8)
        peer = yield self.open_raw(self.waiting)
        peer.send(frame(0x81, b"0"))
        yield until(lambda: self.notes)
        self.handler.close(1000)
        peer.send(*[frame(0x81, b"%d" % i) for i in range(1, 20)])
        peer.send(frame(0x89, b"seen"))
        self.assertEqual((yield peer.read_frame()), (0x88, h("03e8")))
        self.assertEqual((yield peer.read_frame()), (0x8A, b"seen"))
        self._app.gate.set_result(None)
        yield until(lambda: ("end", "8") in self.notes)
        peer.send(frame(0x81, b"later"), close_frame(1000))
        yield peer.read_rest()
        self.assertEqual([note[1] for note in self.notes if note[0] == "begin"],
                         ["%d" % i for i in range(9)])

    @async_test
    def test_c21_drop_with_messages_waiting(self):
        """C21: what was received before a drop is delivered, then on_close() is called."""
        peer = yield self.open_waiting()
        handler = self.handler
        peer.send(frame(0x81, b"1"), frame(0x81, b"2"))
        peer.finish()
        yield until(handler.stream.closed)
        with self.assertRaises(websocket.WebSocketClosedError):
            handler.write_message("late")
        self.assertEqual(self.notes, [])
        self.release()
        yield until(lambda: len(self.notes) == 6)
        self.assertEqual(self.notes[-2:], [("end", "2"), ("close", None, None)])

    @gen.coroutine
    def fill(self, peer, data):
        """Send data until the server takes no more; return how many bytes it has taken."""
        protocol, before = self.handler.ws_connection, 0
        before = protocol._wire_bytes_in
        peer.send(data)
        taken = -1
        while taken < protocol._wire_bytes_in:
            taken = protocol._wire_bytes_in
            yield turns(300)
        raise gen.Return(taken - before)

    @async_test
    def test_c21_read_ahead_is_bounded_by_bytes(self):
        """C21: reading pauses when many bytes wait: TCP holds the peer back; all comes later."""
        peer = yield self.open_waiting()
        data = b"".join(frame(0x82, ("%08d" % i).encode("ascii") + b"." * MEGABYTE)
                        for i in range(24))
        taken = yield self.fill(peer, data)
        self.assertLess(taken, 4 * MEGABYTE)
        self.assertTrue(peer.stream.writing())
        self.assertEqual(self.notes, [])
        self.release()
        yield until(lambda: len(self.notes) == 49)
        self.assertEqual([note[1] for note in self.notes[1::2]],
                         [("%08d" % i).encode("ascii") for i in range(24)])

    @async_test
    def test_c21_read_ahead_is_bounded_by_count(self):
        """C21: the same when many small messages wait."""
        peer = yield self.open_waiting()
        count = 4000
        data = b"".join(frame(0x82, ("%08d" % i).encode("ascii") + b"." * 92)
                        for i in range(count))
        taken = yield self.fill(peer, data)
        self.assertLess(taken, len(data) // 2)
        self.release()
        yield until(lambda: len(self.notes) == 2 * count + 1)
        self.assertEqual([int(note[1]) for note in self.notes[1::2]], list(range(count)))

    @async_test
    def test_c21_reset_while_reading_pauses(self):
        """C21: while the read-ahead is full a reset is noticed by the next write at the latest."""
        peer = yield self.open_waiting()
        handler = self.handler
        yield self.fill(peer, frame(0x82, b"." * 1000) * 10000)
        peer.reset()
        with self.assertRaises(websocket.WebSocketClosedError):
            while True:  # a loop with a thread for its sockets may be late
                handler.write_message("late")
                yield gen.moment
        self.release()
        yield until(lambda: self.notes[-1:] == [("close", None, None)])
        self.assertEqual(self.notes.count(("close", None, None)), 1)

    @async_test
    def test_c21_own_close_while_reading_pauses(self):
        """C21, C24: close() while the read-ahead is full: the peer's answer is still read."""
        self.patch(_delivery, "END_GRACE", 0.01)
        peer = yield self.open_waiting()
        yield self.fill(peer, frame(0x82, b"." * 1000) * 10000)
        self.handler.close(4000, "enough")
        peer.send(close_frame(4000))
        self.assertEqual((yield peer.read_frames()), [(0x88, b"\x0f\xa0enough")])
        self.release()
        yield until(lambda: self.notes[-1:] == [("close", 4000, None)])

    @async_test
    def test_c19_failure_ends_the_waiting(self):
        """C19, C21: when the awaited callback fails, waiting messages are dropped."""
        self.patch(_protocol, "LINGER_TIMEOUT", 0.5)
        peer = yield self.open_waiting(self.failing)
        peer.send(frame(0x81, b"1"))
        yield turns(10)
        self.release()
        self.assertEqual((yield peer.read_frames()), [(0x88, h("03f3"))])
        peer.close()
        yield until(lambda: self.notes)
        self.assertEqual(self.notes, [("close", None, None)])
        self.claim_logs("tornado.application", "/1")

    @async_test
    def test_c21_each_message_waits(self):
        """C21: callbacks that take a turn each, thousands of them, all in order."""
        self.release()

        class Yielding(Noted, websocket.WebSocketHandler):
            serial_messages = True

            @gen.coroutine
            def on_message(self, message):
                yield gen.moment
                self.note(message)

        count = 3000
        peer = yield self.open_raw(Yielding)
        peer.send(*[frame(0x81, ("%d" % i).encode("ascii")) for i in range(count)])
        yield until(lambda: len(self.notes) == count + 1)
        self.assertEqual([note[0] for note in self.notes[1:]], ["%d" % i for i in range(count)])


class FlowOverTLSTest(FlowTest):
    """C20, C21 over TLS."""

    tls = True
