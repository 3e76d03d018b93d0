"""The Task of a native coroutine is its own: C20; and BaseExceptions in it: C19."""
from __future__ import absolute_import, division, print_function

import asyncio
import contextlib
import sys
import unittest

import tornado
from peers import Noted, WebSocketCase, async_test, each, turns, until, with_rows
from tornado import gen
from wire import frame, h

from tornado_ws import websocket

needs_tasks = unittest.skipIf(
    sys.version_info < (3, 7) or tornado.version_info < (5,), "coroutines run Tornado's own way")


class Panic(BaseException):
    """As of a library in another language."""


class TaskCase(WebSocketCase):

    @gen.coroutine
    def open_native(self, on_message, **attributes):
        """Connect to a handler of which on_message() is a given coroutine."""
        attributes["on_message"] = on_message
        peer = yield self.open_raw(
            type("Native", (Noted, websocket.WebSocketHandler), attributes))
        del self.notes[:]
        raise gen.Return(peer)

    def gate(self):
        """Make a Future to wait for."""
        return self.io_loop.asyncio_loop.create_future()


@needs_tasks
@with_rows
class OwnTaskTest(TaskCase):

    @async_test
    def test_c20_each_has_its_own(self):
        """C20: one that suspends has a Task, the same from its first step on to its end."""
        async def on_message(self, message):
            first = asyncio.current_task()
            await turns(2)
            tasks.append(asyncio.current_task())
            self.note(message, first is tasks[-1])

        tasks = []
        peer = yield self.open_native(on_message)
        peer.send(frame(0x81, b"1"), frame(0x81, b"2"))
        yield until(lambda: len(self.notes) == 2)
        peer.send(frame(0x81, b"3"))
        yield until(lambda: len(tasks) == 3 and all(task.done() for task in tasks))
        self.assertEqual(self.notes, [("1", True), ("2", True), ("3", True)])
        self.assertEqual(len(set(tasks)), 3)
        self.assertIsInstance(tasks[0], asyncio.Task)

    @each(("suspended", 2), ("at_once", 0))
    @async_test
    def test_c20_late_cancel_is_harmless(self, waits):
        """C20: to cancel the Task of a message that is done touches no later message."""
        async def on_message(self, message):
            if message == "1":
                tasks.append(asyncio.current_task())
                if waits:
                    await turns(waits)
            elif message == "2":
                tasks[0].cancel()
                await turns(3)
                tasks[0].cancel()
                await turns(3)
            self.note(message)

        tasks = []
        peer = yield self.open_native(on_message)
        peer.send(frame(0x81, b"1"))
        yield until(lambda: self.notes)
        tasks[0].cancel()
        peer.send(frame(0x81, b"2"), frame(0x81, b"3"))
        yield until(lambda: len(self.notes) == 3)
        self.assertEqual(self.notes, [("1",), ("2",), ("3",)])
        peer.send(frame(0x89, b"p"))
        self.assertEqual((yield peer.read_frame()), (0x8A, b"p"))

    @each(("suspended", 2), ("at_once", 0))
    @async_test
    def test_c20_swallowed_cancellation_ends_with_its_task(self, waits):
        """C20: it is swallowed: the message is handled, and the next starts uncancelled."""
        async def on_message(self, message):
            task = asyncio.current_task()
            tasks.append(task)
            self.note(message, task.cancelling())
            if message == "1":
                if waits:
                    await turns(waits)
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await gate
                self.note("swallowed", task.cancelling())
            await turns(2)
            self.note("end", message)

        tasks, gate = [], self.gate()
        peer = yield self.open_native(on_message)
        peer.send(frame(0x81, b"1"), frame(0x81, b"2"))
        yield until(lambda: len(tasks) == 2 and all(task.done() for task in tasks))
        self.assertEqual(self.notes, [("1", 0), ("swallowed", 1), ("end", "1"),
                                      ("2", 0), ("end", "2")])
        self.assertEqual([task.cancelled() for task in tasks], [False, False])

    @async_test
    def test_c20_swallowed_cancellation_without_waiting(self):
        """C20: a Task cancelled in a step that is the last touches no other message."""
        async def on_message(self, message):
            self.note(message, asyncio.current_task().cancelling())
            if message == "1":
                asyncio.current_task().cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await asyncio.sleep(0)

        peer = yield self.open_native(on_message)
        peer.send(frame(0x81, b"1"), frame(0x81, b"2"), frame(0x81, b"3"))
        yield until(lambda: len(self.notes) == 3)
        self.assertEqual(self.notes, [("1", 0), ("2", 0), ("3", 0)])

    @each(("at_once", False), ("same_turn", True))
    @async_test
    def test_c20_cancel_in_the_turn_of_the_first_step(self, later):
        """C20: a cancel in the turn of the first step reaches what is awaited."""
        async def work():
            await gate

        async def on_message(self, message):
            if message == "warm":
                await turns(1)
                self.note("warm")
                return
            inner.append(asyncio.ensure_future(work()))
            cancel = asyncio.current_task().cancel
            if later:
                asyncio.get_event_loop().call_soon(cancel)
            else:
                cancel()
            try:
                await inner[-1]
            except asyncio.CancelledError:
                self.note("cancelled")

        inner, gate = [], self.gate()
        peer = yield self.open_native(on_message)
        peer.send(frame(0x81, b"warm"))
        yield until(lambda: self.notes)
        for count in (1, 2):
            peer.send(frame(0x81, b"cancel"))
            yield until(lambda: len(self.notes) == 1 + count)
            yield until(inner[-1].done)
            self.assertTrue(inner[-1].cancelled())
        self.assertEqual(self.notes, [("warm",), ("cancelled",), ("cancelled",)])

    @async_test
    def test_c20_shows_where_it_is(self):
        """C20: all_tasks(), get_stack(), get_coro() and repr() show the handler's coroutine."""
        async def on_message_that_waits(self, message):
            tasks.append(asyncio.current_task())
            await gate
            self.note("end")

        tasks, gate = [], self.gate()
        peer = yield self.open_native(on_message_that_waits)
        peer.send(frame(0x81, b"1"))
        yield until(lambda: tasks)
        for _ in range(2):
            task, = tasks
            self.assertIn(task, asyncio.all_tasks(self.io_loop.asyncio_loop))
            self.assertEqual(task.get_stack()[0].f_code.co_name, "on_message_that_waits")
            self.assertIn("on_message_that_waits", repr(task))
            coroutine = task.get_coro()
            self.assertEqual(coroutine.__name__, "on_message_that_waits")
            self.assertTrue(asyncio.iscoroutine(coroutine))
            coroutine = task = None
            yield turns(3)
        gate.set_result(None)
        yield until(tasks[0].done)
        self.assertEqual(self.notes, [("end",)])
        self.assertNotIn(tasks[0], asyncio.all_tasks(self.io_loop.asyncio_loop))

    @each(("result", False), ("error", True))
    @async_test
    def test_c20_one_future_for_two(self, fails):
        """C20: two coroutines of one batch wait for the same Future, and both go on."""
        async def on_message(self, message):
            self.note("begin", message)
            try:
                self.note(await gate, message)
            except KeyError:
                self.note("result", message)

        gate = self.gate()
        peer = yield self.open_native(on_message, serial_messages=False)
        peer.send(frame(0x81, b"1"), frame(0x81, b"2"))
        yield until(lambda: len(self.notes) == 2)
        yield turns(3)
        if fails:
            gate.set_exception(KeyError("failed"))
        else:
            gate.set_result("result")
        yield until(lambda: len(self.notes) == 4)
        self.assertEqual(self.notes, [("begin", "1"), ("begin", "2"),
                                      ("result", "1"), ("result", "2")])

    @each(("first_step", 0), ("suspended", 3))
    @async_test
    def test_c19_base_exception(self, waits):
        """C19: a BaseException out of a coroutine ends the connection; nothing comes after it."""
        if waits and sys.version_info < (3, 8):
            self.skipTest("there asyncio lets it out of the loop")

        async def on_message(self, message):
            self.note(message)
            if waits:
                await turns(waits)
            raise Panic("of another kind")

        witness = yield self.open_native(Noted.on_message)
        peer = yield self.open_native(on_message)
        peer.send(frame(0x81, b"1"), frame(0x81, b"never"))
        self.assertEqual((yield peer.read_frames()), [(0x88, h("03f3"))])
        peer.close()
        yield until(lambda: len(self.notes) > 1)
        self.assertEqual(self.notes, [("1",), ("close", None, None)])
        entry, = self.claim_logs("tornado.application", "/2")
        self.assertIn("of another kind", entry.traceback)
        witness.send(frame(0x81, b"works"))
        yield until(lambda: self.notes[-1] == ("message", "works"))
