"""The Task of a native coroutine in its first step, and what is freed after one: C20, C28, C43.

As from the second step on it is nobody else's, and the loop's own way of making Tasks is taken.
"""
import asyncio
import gc
import weakref

import pytest
from peers import TIMEOUT, async_test, each, turns, until, with_rows
from raw_server import ClientCase
from test_tasks_py3 import TaskCase, needs_tasks
from wire import close_frame, frame

STORE = weakref.WeakKeyDictionary()


@needs_tasks
@with_rows
class FirstStepTest(TaskCase):

    @each(
        ("attribute", lambda task: setattr(task, "mark", 1), lambda task: hasattr(task, "mark")),
        ("name", lambda task: hasattr(task, "set_name") and task.set_name("mark"),
         lambda task: hasattr(task, "get_name") and task.get_name() == "mark"),  # Python 3.8+
        ("weak_key", lambda task: STORE.__setitem__(task, 1), lambda task: task in STORE),
    )
    @async_test
    def test_c20_what_is_left_with_it_does_not_reach_others(self, leave, find):
        """C20: not the next message, and not another connection."""
        async def on_message(self, message):
            task = asyncio.current_task()
            self.note(message, find(task))
            leave(task)

        first = yield self.open_native(on_message)
        second = yield self.open_native(on_message)
        first.send(frame(0x81, b"1"), frame(0x81, b"2"))
        second.send(frame(0x81, b"3"), frame(0x81, b"4"))
        yield until(lambda: len(self.notes) == 4)
        self.assertEqual({note[1] for note in self.notes}, {False})

    @async_test
    def test_c20_its_done_callbacks_are_called(self):
        """C20: also of one that ends with its first step."""
        async def on_message(self, message):
            asyncio.current_task().add_done_callback(lambda task: self.note("done", message))

        peer = yield self.open_native(on_message)
        peer.send(frame(0x81, b"1"), frame(0x81, b"2"))
        yield until(lambda: sorted(self.notes) == [("done", "1"), ("done", "2")])

    @async_test
    def test_c20_it_shows_the_coroutine(self):
        """C20: ``get_coro`` and ``repr``, from the first step on."""
        async def on_message(self, message):
            for _ in range(2):
                task = asyncio.current_task()
                self.note(task.get_coro().__name__, "on_message" in repr(task))
                await turns(1)

        peer = yield self.open_native(on_message)
        peer.send(frame(0x81, b"1"))
        yield until(lambda: len(self.notes) == 2)
        self.assertEqual(self.notes, [("on_message", True)] * 2)

    @async_test
    def test_c19_it_is_cancelled_though_it_ends(self):
        """C19: as any Task of which the cancellation was asked for in its last step."""
        async def on_message(self, message):
            self.note(message)
            asyncio.current_task().cancel()

        peer = yield self.open_native(on_message)
        peer.send(frame(0x81, b"1"), frame(0x81, b"2"))
        yield until(lambda: self.notes == [("1",), ("close", None, None)])
        self.claim_logs("tornado.application", "/1")

    @each(("keyboard_interrupt", KeyboardInterrupt), ("system_exit", SystemExit))
    def test_c19_what_must_not_be_swallowed_is_told_once(self, kind):
        """C19: it goes out through the run of the loop, and not to the log of asyncio as well."""
        async def on_message(self, message):
            raise kind("from on_message")

        peer = self.io_loop.run_sync(lambda: self.open_native(on_message), TIMEOUT)
        peer.send(frame(0x81, b"x"))
        limit = self.io_loop.call_later(TIMEOUT, self.io_loop.stop)
        with self.assertRaises(kind):
            self.io_loop.start()
        self.io_loop.remove_timeout(limit)
        self.io_loop.run_sync(lambda: until(lambda: self.notes == [("close", None, None)]), TIMEOUT)
        self.claim_logs("tornado.general", "from on_message")

    @each(("with_a_context", True), ("without", False))
    @async_test
    def test_c20_the_task_factory_of_the_loop_is_asked(self, knows):
        """C20, C45: for each coroutine; its Task sees what the connection's context has."""
        from contextvars import ContextVar  # Python 3.7+

        async def on_message(self, message):
            self.note(message, asyncio.current_task() in made, user.get())

        def factory(loop, coroutine, **kwargs):
            task = asyncio.Task(coroutine, loop=loop, **kwargs)
            made.append(task)
            return task

        made, user = [], ContextVar("user", default=None)
        peer = yield self.open_native(on_message, open=lambda self: user.set("somebody") and None)
        loop = self.io_loop.asyncio_loop
        if not knows and type(loop).__module__.startswith("uvloop"):
            self.skipTest("uvloop gives every factory a context")
        loop.set_task_factory(factory if knows else lambda *args: factory(*args))
        self.addCleanup(loop.set_task_factory, None)
        peer.send(frame(0x81, b"1"), frame(0x81, b"2"))
        yield until(lambda: self.notes == [("1", True, "somebody"), ("2", True, "somebody")])
        del made[:]


@needs_tasks
@with_rows
class ControlTest(TaskCase):

    @each(
        ("pong_drop", "on_pong", False), ("ping_drop", "on_ping", False),
        ("pong_close", "on_pong", True), ("ping_close", "on_ping", True),
    )
    @async_test
    def test_c26_on_close_waits_for_coroutines_of_control_frames(self, name, close):
        """C26: it is called when they are done."""
        async def callback(self, data):
            self.note("begin")
            await gate
            self.note("end")

        gate = self.gate()
        peer = yield self.open_native(None, **{name: callback})
        peer.send(frame(0x89, b""), frame(0x8A, b""))
        yield until(lambda: ("begin",) in self.notes)
        if close:
            peer.send(close_frame(1000))
            yield turns(5)
        peer.close()
        yield turns(20)
        gate.set_result(None)
        yield until(lambda: any(note[0] == "close" for note in self.notes))
        self.assertEqual([note[0] for note in self.notes if note[0] in ("begin", "end", "close")],
                         ["begin", "end", "close"])


class NoCollectorCase(TaskCase, ClientCase):

    def setUp(self):
        super().setUp()
        gc.collect()
        gc.disable()
        self.addCleanup(gc.enable)


async def raises(self, message):
    raise asyncio.CancelledError()


async def awaits_what_is_cancelled(self, message):
    future = asyncio.get_event_loop().create_future()
    future.cancel()
    await future


async def cancels_itself(self, message):
    asyncio.current_task().cancel()
    await asyncio.sleep(3600)


async def is_cancelled(self, message):
    asyncio.get_event_loop().call_soon(asyncio.current_task().cancel)
    await asyncio.sleep(3600)


async def writes_to_nobody(self, message):
    await self.write_message(b"x" * 20000000, binary=True)


async def measures_nobody(self, message):
    await self.measure_latency()


async def waits_for_nobody(self, message):
    self.write_message(b"x" * 20000000, binary=True)
    await self.wait_drained()


@pytest.mark.cpython
@needs_tasks
@with_rows
class HandlerFreedTest(NoCollectorCase):

    @each(*[(function.__name__, function) for function in (
        raises, awaits_what_is_cancelled, cancels_itself, is_cancelled, writes_to_nobody,
        measures_nobody, waits_for_nobody)])
    @async_test
    def test_c28_after_a_coroutine_that_did_not_end_well(self, on_message):
        """C28: without the cycle collector."""
        peer = yield self.open_native(on_message)
        peer.send(frame(0x81, b"x"))
        yield turns(20)
        peer.close()
        yield until(lambda: self.handler is None)
        self.log.entries = [entry for entry in self.log.entries
                            if entry.logger != "tornado.application"]


@pytest.mark.cpython
@needs_tasks
@with_rows
class ClientFreedTest(NoCollectorCase):

    @each(
        ("cancelled", False, False), ("cancelled_with_a_message", False, True),
        ("iteration_cancelled", True, False), ("iterated_to_the_end", True, True),
    )
    @async_test
    async def test_c43_after_a_read(self, iterate, comes):
        """C43: without the cycle collector."""
        async def read(conn):
            if not iterate:
                return await conn.read_message()
            return [message async for message in conn]

        async def session():
            conn, peer = await self.open()
            task = asyncio.ensure_future(read(conn))
            await turns(3)
            if comes:
                peer.send(frame(0x81, b"x", None))
            if comes and iterate:
                peer.send(close_frame(1000, b"", None))
                self.assertEqual(await task, [u"x"])
            else:
                await until(lambda: not comes or task._fut_waiter is None
                            or task._fut_waiter.done())
                task.cancel()
            await until(task.done)
            conn.close()
            peer.close()
            await conn.wait_closed()
            self.connections.remove(conn)
            return weakref.ref(conn)

        ref = await session()
        await until(lambda: ref() is None)
