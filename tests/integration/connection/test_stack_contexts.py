"""Tornado's own contexts, where it has them, in a connection's callbacks: C45."""
from __future__ import absolute_import, division, print_function

import contextlib
import errno
import unittest

import tornado
from peers import Noted, WebSocketCase, async_test, until
from wire import close_frame, frame, h

from tornado_ws import websocket

if tornado.version_info < (6,):
    from tornado import stack_context

PIECE = b"x" * 1000000
current = ["nobody"]


@contextlib.contextmanager
def as_user(name):
    before, current[0] = current[0], name
    try:
        yield
    finally:
        current[0] = before


class Named(Noted, websocket.WebSocketHandler):
    """Runs in a context that has its name; each callback notes that and what it sees."""

    def _execute(self, *args, **kwargs):
        self.name = self.get_argument("u")
        with stack_context.StackContext(lambda: as_user(self.name)):
            return super(Named, self)._execute(*args, **kwargs)

    def see(self, what):
        self.note(self.name, what, current[0])

    def open(self):
        self.application.named[self.name] = self
        self.see("open")

    def on_message(self, message):
        self.see("message")
        other = self.application.named["bob"]
        if message == "flood":
            while not other.ws_connection.stream.writing():
                other.write_message(PIECE, binary=True)
        elif message == "abort":
            other.ws_connection._abort()
        self.see("acted")

    def on_ping(self, data):
        self.see("ping")

    def on_pong(self, data):
        self.see("pong")

    def on_close(self):
        self.see("close")


@unittest.skipIf(tornado.version_info >= (6,), "Tornado has no stack contexts any more")
class StackContextTest(WebSocketCase):

    def setUp(self):
        super(StackContextTest, self).setUp()
        self._app.named = {}
        self.path = self.add(Named)

    def seen(self, name):
        """What a connection noted; and all that anybody noted has to be of his own name."""
        self.assertEqual([], [note for note in self.notes if note[0] != note[2]])
        self.assertEqual(current, ["nobody"])
        return [note[1] for note in self.notes if note[0] == name]

    @async_test
    def test_c45_all_callbacks(self):
        """C45: the stack context of the request is there in all callbacks."""
        peer = yield self.open_raw(self.path + "?u=bob", after=frame(0x81, b"1"))
        peer.send(frame(0x81, b"2"), frame(0x89, b"x"), frame(0x8A, b"y"), close_frame(1000))
        yield until(lambda: "close" in self.seen("bob"))
        self.assertEqual(self.seen("bob"), ["open", "message", "acted", "message", "acted",
                                            "ping", "pong", "close"])

    @async_test
    def test_c45_partial_write_by_another(self):
        """C45: another connection writes more than the socket takes; nothing of its is seen."""
        bob = yield self.open_raw(self.path + "?u=bob")
        alice = yield self.open_raw(self.path + "?u=alice")
        alice.send(frame(0x81, b"flood"))
        yield until(lambda: "acted" in self.seen("alice"))
        self.assertEqual((yield bob.read_frame()), (0x82, PIECE))
        bob.send(frame(0x81, b"after"), frame(0x8A, b"y"), close_frame(1000))
        frames = yield bob.read_frames_until_close()
        self.assertEqual(frames[-1], (0x88, h("03e8")))
        yield until(lambda: "close" in self.seen("bob"))
        self.assertEqual(self.seen("bob"), ["open", "message", "acted", "pong", "close"])

    @async_test
    def test_c45_dropped_by_another(self):
        """C45: another connection drops it; on_close() comes after that one's callback."""
        yield self.open_raw(self.path + "?u=bob")
        alice = yield self.open_raw(self.path + "?u=alice")
        alice.send(frame(0x81, b"abort"))
        yield until(lambda: "close" in self.seen("bob"))
        self.assertEqual(self.seen("alice"), ["open", "message", "acted"])
        self.assertEqual(self.notes[-2:], [("alice", "acted", "alice"), ("bob", "close", "bob")])

    @async_test
    def test_c19_a_context_that_swallows_errors(self):
        """C19, C45: one that handles exceptions does not keep a failed connection open."""
        class Swallowing(Noted, websocket.WebSocketHandler):
            def _execute(self, *args, **kwargs):
                with stack_context.ExceptionStackContext(lambda *exc_info: True):
                    return super(Swallowing, self)._execute(*args, **kwargs)

            def on_message(self, message):
                raise IOError(errno.EIO, "failed in on_message")

        peer = yield self.open_raw(Swallowing)
        peer.send(frame(0x81, b"1"), frame(0x81, b"2"))
        self.assertEqual((yield peer.read_frames()), [(0x88, h("03f3"))])
        peer.close()
        yield until(lambda: self.notes[-1] == ("close", None, None))
        self.assertIn("failed in on_message",
                      self.claim_logs("tornado.application", "/2")[0].traceback)
