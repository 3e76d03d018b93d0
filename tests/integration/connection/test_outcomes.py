"""What the Future of a write tells, and when what was written leaves: C14, C16."""
from __future__ import absolute_import, division, print_function

import gc
import socket
import time

from peers import Noted, WebSocketCase, async_test, turns, until
from raw_server import ClientCase
from tornado import gen
from tornado.iostream import StreamBufferFullError
from wire import frame

from tornado_ws import websocket
from tornado_ws._stream import transport as _transport
from tornado_ws.websocket import WebSocketClosedError


class Plain(Noted, websocket.WebSocketHandler):
    """Notes what comes."""


class FutureTest(WebSocketCase):

    @async_test
    def test_c14_futures_of_writes_outside_of_callbacks_are_distinct(self):
        """C14: of one connection, and of several, in one turn of the loop."""
        handlers = []
        for _ in range(3):
            yield self.open_raw(Plain)
            handlers.append(self.handler)
        futures = [handler.write_message(u"x") for handler in handlers for _ in range(3)]
        self.assertEqual(len(set(map(id, futures))), 9)
        yield futures
        del handlers[:]

    @async_test
    def test_c14_looking_at_a_future_hands_the_bytes_over(self):
        """C14: ``yield``, ``result()`` and ``exception()`` outside of a callback."""
        peer = yield self.open_raw(Plain)
        handler = self.handler
        transport = handler.ws_connection._transport
        for look in (lambda future: future.result(), lambda future: future.exception()):
            first, second = handler.write_message(u"1"), handler.write_message(u"2")
            self.assertTrue(first.done() and second.done())
            self.assertTrue(transport.gathered)
            self.assertIsNone(look(second))
            self.assertFalse(transport.gathered)
            self.assertEqual((yield peer.read_frame()), (0x81, b"1"))
            self.assertEqual((yield peer.read_frame()), (0x81, b"2"))
        yield [handler.write_message(u"%d" % i) for i in range(3)]
        for i in range(3):
            self.assertEqual((yield peer.read_frame()), (0x81, b"%d" % i))

    @async_test
    def test_c14_bytes_that_were_lost(self):
        """C14: the stream is closed before they left: looking fails, and not looking is silent."""
        yield self.open_raw(Plain)
        handler = self.handler
        futures = [handler.write_message(u"x") for _ in range(3)]
        silent = [handler.write_message(u"y") for _ in range(3)]
        handler.stream.close()
        yield until(lambda: ("close", None, None) in self.notes)
        self.assertIsNone(futures[0].result())  # it was with the socket
        for future in futures[1:]:
            self.assertTrue(future.done())
            self.assertIsInstance(future.exception(), WebSocketClosedError)
            with self.assertRaises(WebSocketClosedError):
                yield future
        del silent, futures, future
        gc.collect()

    @async_test
    def test_c14_handed_over_is_a_success_for_good(self):
        """C14: whatever happens to the connection later."""
        peer = yield self.open_raw(Plain)
        futures = [self.handler.write_message(u"x") for _ in range(3)]
        yield futures
        peer.reset()
        yield until(lambda: ("close", None, None) in self.notes)
        self.assertEqual([future.result() for future in futures], [None] * 3)

    @async_test
    def test_c14_gathered_behind_a_write_under_way_when_the_peer_resets(self):
        """C14: what waited fails; nobody is told that it was sent."""
        peer = yield self.open_raw(Plain, receive_buffer=4096)
        handler = self.handler
        handler.stream.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        large = handler.write_message(b"x" * 10000000, binary=True)
        small = [handler.write_message(u"y") for _ in range(2)]
        self.assertFalse(large.done() or small[0].done() or small[1].done())
        peer.reset()
        for future in [large] + small:
            with self.assertRaises(WebSocketClosedError):
                yield future

    @async_test
    def test_c14_close_hands_over_what_was_gathered(self):
        """C14: so does an abort, without waiting."""
        for end in (lambda handler: handler.close(),
                    lambda handler: handler.ws_connection._abort()):
            peer = yield self.open_raw(Plain)
            futures = [self.handler.write_message(u"%d" % i) for i in range(3)]
            end(self.handler)
            self.assertEqual([future.result() for future in futures], [None] * 3)
            for i in range(3):
                self.assertEqual((yield peer.read_frame()), (0x81, b"%d" % i))
            peer.close()

    @async_test
    def test_c14_a_limit_that_open_sets(self):
        """C14: ``max_write_buffer_size`` of the stream, which a program may set at any time."""
        class Limited(Plain):
            def open(self):
                self.stream.max_write_buffer_size = 1000

        peer = yield self.open_raw(Limited)
        handler = self.handler
        for _ in range(2):
            yield handler.write_message(b"x" * 900)
        with self.assertRaises(StreamBufferFullError):
            handler.write_message(b"x" * 1001)
        yield peer.read_rest()

    @async_test
    def test_c16_an_error_of_one_connection_keeps_nothing_of_another(self):
        """C16: at the end of a turn what one cannot send does not stop what others can."""
        yield self.open_raw(Plain)
        broken = self.handler
        peer = yield self.open_raw(Plain)
        handler = self.handler

        def fail(buffers):
            raise MemoryError("no memory to send")

        lost = [broken.write_message(u"x") for _ in range(2)][1]
        broken.ws_connection._transport._send = fail
        for i in range(3):
            handler.write_message(u"%d" % i)
        for i in range(3):
            self.assertEqual((yield peer.read_frame()), (0x81, b"%d" % i))
        yield until(lambda: ("close", None, None) in self.notes)
        with self.assertRaises(WebSocketClosedError):
            lost.result()
        del broken, handler

    @async_test
    def test_c16_a_callback_that_takes_its_time(self):
        """C16: what it writes first leaves at once, and so does the rest from some time on."""
        class Working(Plain):
            def on_message(self, message):
                transport, waiting = self.ws_connection._transport, []
                for i in range(5):
                    self.write_message(u"%d" % i)
                    waiting.append(len(transport.gathered))
                    if i >= 2:
                        time.sleep(0.01)  # work, of a kind that blocks
                self.note("waiting", waiting)

        self.patch(_transport, "PATIENCE", 0.005)
        peer = yield self.open_raw(Working)
        peer.send(frame(0x81, b"go"))
        for i in range(5):
            self.assertEqual((yield peer.read_frame()), (0x81, b"%d" % i))
        yield until(lambda: len(self.notes) == 2)
        waiting = self.notes[1][1]
        self.assertEqual((waiting[0], waiting[3:]), (0, [0, 0]))

    @async_test
    def test_c16_the_answers_of_a_batch_leave_together(self):
        """C16: those of all but its last message are gathered; looking at one sends nothing."""
        class Answering(Plain):
            def on_message(self, message):
                future = self.write_message(message)
                assert future.result() is None
                self.note(message, len(self.ws_connection._transport.gathered))

        peer = yield self.open_raw(Answering)
        peer.send(*[frame(0x81, b"%d" % i) for i in range(4)])
        for i in range(4):
            self.assertEqual((yield peer.read_frame()), (0x81, b"%d" % i))
        yield until(lambda: len(self.notes) == 5)
        self.assertEqual([note[1] for note in self.notes[1:]][-1], 0)


class ResponseTest(WebSocketCase):

    @async_test
    def test_c10_what_http_has_not_written_yet_leaves_before_the_first_frame(self):
        """Section 11: frames wait until the stream has nothing left to write."""
        peer = yield self.open_raw(Plain)
        handler = self.handler
        stream = handler.stream
        protocol = handler.ws_connection
        stream.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        stream.write(frame(0x82, b"x" * 3000000, mask=None))
        self.assertTrue(stream.writing())
        transport = type(protocol._transport)(stream, lambda data: None, lambda: None)
        future = transport.write(frame(0x81, b"after", mask=None))
        self.assertFalse(future.done())
        self.assertEqual((yield peer.read_frame()).first, 0x82)
        self.assertEqual((yield peer.read_frame()), (0x81, b"after"))
        yield future
        stream.close()


class ClientFutureTest(ClientCase):

    @async_test
    def test_c14_awaited_messages_are_with_the_socket(self):
        """C14: "send and go": what was awaited has left, whatever becomes of the connection."""
        conn, peer = yield self.open()
        for i in range(3):
            yield conn.write_message(u"%d" % i)
        conn.stream.close()
        for i in range(3):
            self.assertEqual((yield peer.read_frame()), (0x81, b"%d" % i))
        yield turns(3)

    @async_test
    def test_c14_the_end_of_a_turn_sends_the_rest(self):
        """C14, C16: nothing waits longer than the turn."""
        conn, peer = yield self.open()
        for i in range(3):
            conn.write_message(u"%d" % i)
        yield gen.moment
        for i in range(3):
            self.assertEqual((yield peer.read_frame()), (0x81, b"%d" % i))
