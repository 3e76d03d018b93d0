"""Calls from other threads: contract section 4, C17."""
from __future__ import absolute_import, division, print_function

import threading

from peers import Noted, WebSocketCase, async_test, each, until, with_rows
from tornado import gen, testing, web
from tornado.httpserver import HTTPServer
from tornado.ioloop import IOLoop
from wire import close_frame, frame

from tornado_ws import websocket

WAIT = 30
"""Seconds that a thread waits for a result; nothing depends on them."""


class Plain(Noted, websocket.WebSocketHandler):
    """Does nothing by itself."""


class Caller(threading.Thread):
    """A thread that calls a function and keeps its result or its exception."""

    def __init__(self, function):
        super(Caller, self).__init__()
        self.result = self.error = None
        self.over = False
        self._function = function

    def run(self):
        try:
            self.result = self._function()
        except Exception as error:
            self.error = error
        self.over = True


@with_rows
class ThreadTest(WebSocketCase):

    @gen.coroutine
    def call(self, function):
        """Call a function in another thread while the loop turns; return the `Caller`."""
        caller = Caller(function)
        caller.start()
        yield until(lambda: caller.over)
        caller.join()
        raise gen.Return(caller)

    @async_test
    def test_c17_write_message_in_order(self):
        """C17: messages of another thread leave in order; each result can be waited for."""
        peer = yield self.open_raw(Plain)
        handler = self.handler

        def write():
            outcomes = [handler.write_message("%d" % i) for i in range(100)]
            return [outcome.result(WAIT) for outcome in outcomes]

        caller = yield self.call(write)
        self.assertEqual((caller.result, caller.error), ([None] * 100, None))
        for i in range(100):
            self.assertEqual((yield peer.read_frame()), (0x81, ("%d" % i).encode("ascii")))

    @async_test
    def test_c17_order_of_all_calls(self):
        """C17: write_message, ping and close of one thread happen in the order of the calls."""
        peer = yield self.open_raw(Plain)
        handler = self.handler

        def act():
            handler.write_message("a")
            handler.ping(b"b")
            handler.write_message(b"c", binary=True)
            return handler.close(4001, "d").result(WAIT)

        caller = yield self.call(act)
        self.assertEqual((caller.result, caller.error), (None, None))
        frames = []
        for _ in range(4):
            frames.append((yield peer.read_frame()))
        self.assertEqual(frames, [(0x81, b"a"), (0x89, b"b"), (0x82, b"c"),
                                  (0x88, b"\x0f\xa1d")])
        peer.send(close_frame(4001))
        self.assertEqual((yield peer.read_rest()), b"")
        yield until(lambda: ("close", 4001, None) in self.notes)

    @async_test
    def test_c17_result_waits_for_the_socket(self):
        """C17, C14: the result is there when the socket has taken the message."""
        peer = yield self.open_raw(Plain)
        handler, size = self.handler, 32 * 1024 * 1024
        caller = Caller(lambda: handler.write_message(b"x" * size, True).result(WAIT))
        caller.start()
        taken = 0
        while taken < size // 2:
            taken += len((yield peer.read(1024 * 1024)))
            self.assertFalse(caller.over)
        while taken < size + 10:
            taken += len((yield peer.read(min(1024 * 1024, size + 10 - taken))))
        yield until(lambda: caller.over)
        self.assertEqual((caller.result, caller.error), (None, None))

    @async_test
    def test_c17_two_threads(self):
        """C17: two threads do not mix their messages; each thread's own order is kept."""
        peer = yield self.open_raw(Plain)
        handler = self.handler

        def writer(name):
            return lambda: [handler.write_message("%s%d" % (name, i)).result(WAIT)
                            for i in range(100)]

        callers = [Caller(writer(name)) for name in "ab"]
        for caller in callers:
            caller.start()
        payloads = []
        for _ in range(200):
            payloads.append((yield peer.read_frame())[1].decode("ascii"))
        for name in "ab":
            self.assertEqual([payload for payload in payloads if payload.startswith(name)],
                             ["%s%d" % (name, i) for i in range(100)])
        yield until(lambda: all(caller.over for caller in callers))
        self.assertEqual([caller.error for caller in callers], [None, None])

    @each(("type", lambda handler: handler.write_message(7), TypeError),
          ("ping", lambda handler: handler.ping(b"x" * 126), ValueError),
          ("reason", lambda handler: handler.close(1000, "x" * 124), ValueError),
          ("code", lambda handler: handler.close(1005), ValueError))
    @async_test
    def test_c17_errors(self, act, error):
        """C17, C13, C23, C24: errors come out of the result; the connection works on."""
        peer = yield self.open_raw(Plain)
        handler = self.handler
        caller = yield self.call(lambda: act(handler).result(WAIT))
        self.assertIsInstance(caller.error, error)
        handler.write_message("next")
        self.assertEqual((yield peer.read_frame()), (0x81, b"next"))
        peer.send(frame(0x81, b"in"))
        yield until(lambda: ("message", "in") in self.notes)

    @async_test
    def test_c17_connection_lost(self):
        """C17, C14: the result fails with WebSocketClosedError if the connection is lost."""
        peer = yield self.open_raw(Plain)
        handler = self.handler
        caller = Caller(lambda: handler.write_message(b"x" * (32 * 1024 * 1024)).result(WAIT))
        caller.start()
        yield peer.read(1024)
        peer.reset()
        yield until(lambda: caller.over)
        self.assertIsInstance(caller.error, websocket.WebSocketClosedError)

    @async_test
    def test_c17_after_the_end(self):
        """C17, C25: on a closed connection it raises WebSocketClosedError, as in the loop."""
        peer = yield self.open_raw(Plain)
        handler = self.handler
        peer.close()
        yield until(lambda: ("close", None, None) in self.notes)
        for act in (lambda: handler.write_message("x"), lambda: handler.ping(b"x")):
            caller = yield self.call(act)
            self.assertIsInstance(caller.error, websocket.WebSocketClosedError)

    @async_test
    def test_c17_close_of_a_closed_connection(self):
        """C17, C24: close() of a connection that is over also has a result to wait for."""
        peer = yield self.open_raw(Plain)
        handler = self.handler
        peer.close()
        yield until(lambda: ("close", None, None) in self.notes)
        caller = yield self.call(lambda: handler.close().result(WAIT))
        self.assertIsNone(caller.error)

    @async_test
    def test_c17_second_close(self):
        """C17, C24: a close from a thread after a close is a no-op."""
        peer = yield self.open_raw(Plain)
        handler = self.handler
        for code in (4000, 4001):
            caller = yield self.call(lambda: handler.close(code).result(WAIT))
            self.assertIsNone(caller.error)
        self.assertEqual((yield peer.read_frame()), (0x88, b"\x0f\xa0"))
        peer.send(close_frame(4000))
        self.assertEqual((yield peer.read_rest()), b"")

    @async_test
    def test_c17_the_message_is_taken_at_the_call(self):
        """C17: what the thread does to its bytearray or dict afterwards changes nothing."""
        peer = yield self.open_raw(Plain)
        handler = self.handler

        def write():
            data, fields = bytearray(b"first"), {"n": 1}
            outcomes = [handler.write_message(data, binary=True), handler.write_message(fields)]
            data[:] = b"other"
            fields["n"] = 2
            return [outcome.result(WAIT) for outcome in outcomes]

        caller = Caller(write)
        caller.start()
        self.assertEqual((yield peer.read_frame()), (0x82, b"first"))
        self.assertEqual((yield peer.read_frame()), (0x81, b'{"n": 1}'))
        yield until(lambda: caller.over)
        caller.join()
        self.assertIsNone(caller.error)

    @each(("number", 5), ("list", [1]), ("none", None), ("surrogates", u"\ud800"))
    @async_test
    def test_c17_a_wrong_message_fails_at_the_call(self, message):
        """C17: TypeError and UnicodeEncodeError are raised in the thread, and nothing is sent."""
        peer = yield self.open_raw(Plain)
        handler = self.handler
        caller = yield self.call(lambda: handler.write_message(message))
        self.assertIsInstance(caller.error, (TypeError, UnicodeEncodeError))
        handler.write_message(u"next")
        self.assertEqual((yield peer.read_frame()), (0x81, b"next"))

    @async_test
    def test_c17_a_cancelled_call_is_not_made(self):
        """C17: ``cancel()`` before the loop got to it; nothing is sent, nothing logged."""
        peer = yield self.open_raw(Plain)
        handler = self.handler
        callers = [Caller(lambda: handler.write_message(u"never")),
                   Caller(lambda: handler.write_message(u"sent"))]
        for caller in callers:
            caller.start()
            caller.join()  # the loop stands still meanwhile
        self.assertTrue(callers[0].result.cancel())
        self.assertTrue(callers[0].result.cancelled())
        self.assertEqual((yield peer.read_frame()), (0x81, b"sent"))
        yield until(callers[1].result.done)
        self.assertIsNone(callers[1].result.exception(WAIT))
        self.assertFalse(callers[1].result.cancel())

    @async_test
    def test_c17_a_write_that_fails_later(self):
        """C17: the result of a write that was under way when the connection ended."""
        yield self.open_raw(Plain, receive_buffer=4096)
        handler = self.handler
        caller = Caller(lambda: handler.write_message(b"x" * 20000000, binary=True))
        caller.start()
        caller.join()
        yield until(lambda: handler.ws_connection._wire_bytes_out > 20000000)
        handler.stream.close()
        yield until(caller.result.done)
        self.assertIsInstance(caller.result.exception(WAIT), websocket.WebSocketClosedError)


class LoopTest(WebSocketCase):

    @async_test
    def test_c17_a_loop_that_runs_in_another_thread_now(self):
        """C17: the thread that runs the loop now is its own, whoever ran it first."""
        yield self.open_raw(Plain)
        handler, outcomes = self.handler, []

        def look():
            outcomes.append(handler.ws_connection._callbacks.is_elsewhere())

        look()
        caller = Caller(look)
        caller.start()
        yield until(lambda: caller.over)
        caller.join()
        self.assertEqual(outcomes, [False, True])

    def test_c17_a_loop_that_nobody_runs(self):
        """C17: whoever calls is its own; a closed loop fails the call."""
        handlers, got = [], []

        class Handler(websocket.WebSocketHandler):
            def open(self):
                handlers.append(self)

        @gen.coroutine
        def connect():
            server = HTTPServer(web.Application([("/", Handler)]))
            sock, port = testing.bind_unused_port()
            server.add_sockets([sock])
            conn = yield websocket.websocket_connect("ws://127.0.0.1:%d/" % port)
            raise gen.Return((conn, server))

        @gen.coroutine
        def read():
            got.append((yield conn.read_message()))
            conn.close()
            got.append((yield conn.read_message()))
            server.stop()

        io_loop = IOLoop(make_current=False)
        conn, server = io_loop.run_sync(connect)
        handler = handlers.pop()
        caller = Caller(lambda: handler.write_message(u"while nobody runs it"))
        caller.start()
        caller.join()
        self.assertIsNone(caller.error)
        io_loop.run_sync(read)
        io_loop.close(all_fds=True)
        self.assertEqual(got, [u"while nobody runs it", None])

    def test_c17_a_closed_loop(self):
        """C17: it fails the call, in any thread."""
        handlers = []

        class Handler(websocket.WebSocketHandler):
            def open(self):
                handlers.append(self)

        @gen.coroutine
        def connect():
            server = HTTPServer(web.Application([("/", Handler)]))
            sock, port = testing.bind_unused_port()
            server.add_sockets([sock])
            conn = yield websocket.websocket_connect("ws://127.0.0.1:%d/" % port)
            server.stop()
            raise gen.Return(conn)

        io_loop = IOLoop(make_current=False)
        conn = io_loop.run_sync(connect)
        io_loop.close(all_fds=True)
        handler = handlers.pop()
        for _ in range(2):
            with self.assertRaises(websocket.WebSocketClosedError):
                handler.write_message(u"too late")
        with self.assertRaises(websocket.WebSocketClosedError):
            handler.ws_connection._callbacks.call_in_loop(len, u"").result(WAIT)
        conn.protocol = None
