"""A callback runs the loop inside itself, as notebooks do with nest_asyncio: C46."""
from __future__ import absolute_import, division, print_function

import asyncio
import logging
import sys

import tornado
from peers import Noted, WebSocketCase, async_test, each, turns, until, with_rows
from tornado import gen
from wire import close_frame, frame, h

from tornado_ws import websocket

COUNT = 40


def nothing():
    """Do nothing: the loop turns for it, and does not wait."""


def run_nested(loop, count):
    """Turn a loop that is running, as nest_asyncio does it."""
    task = asyncio.current_task()
    if task is not None:
        asyncio.tasks._leave_task(loop, task)
    for _ in range(count):
        loop.call_soon(nothing)
        loop._run_once()
    if task is not None:
        asyncio.tasks._enter_task(loop, task)
    for _ in range(100):  # the turn from which this was called counts on what it had to do
        loop.call_soon(nothing)


class Plain(Noted, websocket.WebSocketHandler):
    """Each of its first messages makes the peer send one more, which comes while it is handled."""

    def on_message(self, message):
        self.note("begin", message)
        self.run_loop(message)
        self.note("end", message)
        self.write_message(message)

    def run_loop(self, message):
        self.application.send_more()
        loop = self.ws_connection.io_loop.asyncio_loop
        self.application.depth += 1
        self.application.deepest = max(self.application.deepest, self.application.depth)
        run_nested(loop, 5)
        self.application.depth -= 1


class Native(Plain):
    async def on_message(self, message):
        self.note("begin", message)
        self.run_loop(message)
        self.note("end", message)
        await self.write_message(message)


class NativeSuspended(Plain):
    async def on_message(self, message):
        self.note("begin", message)
        await turns(1)
        self.run_loop(message)
        await turns(1)
        self.note("end", message)
        await self.write_message(message)


@with_rows
class NestedTest(WebSocketCase):

    def setUp(self):
        super().setUp()
        loop = getattr(self.io_loop, "asyncio_loop", None)
        if (not isinstance(loop, asyncio.BaseEventLoop) or tornado.version_info < (5,)
                or sys.version_info < (3, 7)):
            super().tearDown()
            self.skipTest("the loop is not asyncio's own, or has no current_task()")
        self.loop = loop
        self._app.depth = self._app.deepest = 0

    @gen.coroutine
    def begin(self, handler_class, patched_before, batch):
        """Open a connection; the peer sends ``batch`` messages whenever it is asked for more."""
        if patched_before:
            self.loop._nest_patched = True
        self.peer = peer = yield self.open_raw(handler_class)
        self.loop._nest_patched = True
        self.sent = []
        self._app.send_more = lambda: self.send(batch)
        raise gen.Return(peer)

    def send(self, count):
        """Send some messages, unless all are sent."""
        numbers = ["%d" % (len(self.sent) + i) for i in range(count)]
        if len(self.sent) < COUNT:
            self.sent += numbers
            self.peer.send(*[frame(0x81, number.encode("ascii")) for number in numbers])

    def check(self, frames):
        """Check that all messages came, one after the other, and that nothing was logged."""
        expected = [(0x81, number.encode("ascii")) for number in self.sent]
        self.assertGreaterEqual(len(expected), COUNT)
        self.assertEqual([one for one in frames if one.first == 0x81], expected)
        self.assertEqual([note for note in self.notes if note[0] in ("begin", "end")],
                         [(what, number) for number in self.sent for what in ("begin", "end")])
        self.assertEqual(self._app.deepest, 1)
        self.assertEqual([], [entry for entry in self.log.entries
                              if entry.level >= logging.WARNING])

    @each(*[("%s_%s_%d" % (name, when, batch), handler_class, when == "before", batch)
            for name, handler_class in (("plain", Plain), ("native", Native),
                                        ("suspended", NativeSuspended))
            for when in ("before", "after") for batch in (1, 3)])
    @async_test
    def test_c46_nothing_is_lost(self, handler_class, patched_before, batch):
        """C46: more comes while a callback runs the loop: all is delivered in order."""
        peer = yield self.begin(handler_class, patched_before, batch)
        self.send(batch)
        frames = []
        while len(frames) < COUNT or len(frames) < len(self.sent):
            frames.append((yield peer.read_frame()))
        self.check(frames)
        peer.send(frame(0x89, b"p"), close_frame(1000))
        self.assertEqual((yield peer.read_frames_until_close()),
                         [(0x8A, b"p"), (0x88, h("03e8"))])
        peer.close()
        yield until(lambda: self.notes[-1][0] == "close")

    @each(("plain", Plain), ("native", Native), ("suspended", NativeSuspended))
    @async_test
    def test_c46_the_end_comes_meanwhile(self, handler_class):
        """C46: a close frame comes while a callback runs the loop; on_close() comes last."""
        peer = yield self.begin(handler_class, True, 2)
        self._app.send_more = lambda: peer.stream.closed() or peer.send(*ends.pop() or [b""])
        ends = [[], [], [frame(0x81, b"2"), frame(0x81, b"3"), close_frame(1000)]]
        peer.send(frame(0x81, b"1"))
        frames = yield peer.read_frames_until_close()
        self.assertEqual(frames, [(0x81, b"1"), (0x81, b"2"), (0x81, b"3"), (0x88, h("03e8"))])
        peer.close()
        yield until(lambda: self.notes[-1][0] == "close")
        self.assertEqual(self.notes, [("open",)] + [
            (what, number) for number in "123" for what in ("begin", "end")]
            + [("close", 1000, None)])
        self.assertEqual([], [entry for entry in self.log.entries
                              if entry.level >= logging.WARNING])
