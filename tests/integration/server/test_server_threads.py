"""Calls from other threads: contract section 4, C17."""
from __future__ import absolute_import, division, print_function

import threading

from peers import Noted, WebSocketCase, async_test, each, until, with_rows
from tornado import gen
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
