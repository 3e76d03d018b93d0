"""The client in native coroutines (C41, C44)."""
import asyncio
import gc
import unittest
import weakref

from peers import async_test, each, turns, until, with_rows
from raw_server import ClientCase
from tornado import gen, locks
from tornado.concurrent import Future
from tornado.netutil import BlockingResolver
from wire import close_frame, frame

from tornado_ws.websocket import WebSocketClosedError


def text(data):
    return frame(0x81, data, None)


CLOSE = close_frame(1000, b"", None)


class IterationTest(ClientCase):
    """C44: ``async for message in conn`` ends when the connection closes."""

    @async_test
    async def test_messages_until_the_close(self):
        conn, peer = await self.open(after=text(b"a") + frame(0x82, b"b", None))
        peer.send(text(b"") + CLOSE)
        self.assertEqual([message async for message in conn], [u"a", b"b", u""])
        self.assertEqual(conn.close_code, 1000)

    @async_test
    async def test_the_socket_ends(self):
        conn, peer = await self.open()
        peer.send(text(b"a"))
        peer.finish()
        self.assertEqual([message async for message in conn], [u"a"])

    @async_test
    async def test_a_second_loop_ends_at_once(self):
        conn, peer = await self.open(after=CLOSE)
        for _ in range(2):
            self.assertEqual([message async for message in conn], [])

    @async_test
    async def test_messages_that_come_one_by_one(self):
        conn, peer = await self.open()
        received = []
        peer.send(text(b"0"))
        async for message in conn:
            received.append(message)
            peer.send(text(str(len(received)).encode()) if len(received) < 5 else CLOSE)
        self.assertEqual(received, [u"0", u"1", u"2", u"3", u"4"])

    @async_test
    async def test_leaving_the_loop_keeps_the_rest(self):
        conn, peer = await self.open()
        peer.send(text(b"a") + text(b"b"))
        async for message in conn:
            break
        self.assertEqual(await conn.read_message(), u"b")

    @async_test
    async def test_with_reads_in_between(self):
        """Both take from the same queue."""
        conn, peer = await self.open()
        peer.send(text(b"a") + text(b"b") + text(b"c") + CLOSE)
        received = []
        async for message in conn:
            received.append(message)
            received.append(await conn.read_message())
        self.assertEqual(received, [u"a", u"b", u"c", None])


class ContextTest(ClientCase):
    """C44: ``async with websocket_connect(url) as conn`` connects, and closes at the end."""

    @async_test
    async def test_connects_and_closes(self):
        done = []

        async def client():
            async with self.start() as conn:
                await conn.write_message(u"inside")
            done.append(conn)
        task = gen.convert_yielded(client())
        peer = await self.server.accept_websocket()
        self.assertEqual(await peer.read_frame(), (0x81, b"inside"))
        self.assertEqual(await peer.read_frame(), (0x88, b""))
        self.assertEqual(done, [])  # the closing handshake is part of it
        peer.send(CLOSE)
        await task
        self.assertEqual(done[0].close_code, 1000)
        self.assertEqual(await peer.read_rest(), b"")

    @async_test
    async def test_closes_when_the_body_fails(self):
        async def client():
            async with self.start():
                raise LookupError()
        task = gen.convert_yielded(client())
        peer = await self.server.accept_websocket()
        self.assertEqual((await peer.read_frame()).first, 0x88)
        peer.send(CLOSE)
        with self.assertRaises(LookupError):
            await task

    @async_test
    async def test_closed_inside(self):
        async def client():
            async with self.start() as conn:
                conn.close(1001)
        task = gen.convert_yielded(client())
        peer = await self.server.accept_websocket()
        self.assertEqual(await peer.read_frame(), (0x88, b"\x03\xe9"))
        peer.send(CLOSE)
        await task

    @async_test
    async def test_closed_by_the_server_inside(self):
        async def client():
            async with self.start() as conn:
                return [message async for message in conn]
        task = gen.convert_yielded(client())
        peer = await self.server.accept_websocket(after=text(b"a") + CLOSE)
        self.assertEqual(await task, [u"a"])
        self.assertEqual((await peer.read_frames()), [(0x88, b"\x03\xe8")])

    @async_test
    async def test_everybody_who_waits_for_the_end_is_told(self):
        """C44: several blocks of one Future, one that is cancelled at last, and ``aclose``."""
        future, leave = self.start(), Future()

        async def client():
            async with future:
                await leave

        tasks = [gen.convert_yielded(client()) for _ in range(3)]
        peer = await self.server.accept_websocket()
        await future
        leave.set_result(None)
        tasks.append(future.aclose())
        self.assertEqual(await peer.read_frame(), (0x88, b""))
        if isinstance(tasks[0], asyncio.Task):
            tasks.pop(0).cancel()
        await turns(3)
        self.assertFalse(any(task.done() for task in tasks))
        peer.send(CLOSE)
        for task in tasks:
            await task

    @async_test
    async def test_a_refusal_is_raised_on_entering(self):
        async def client():
            async with self.start():
                self.fail("not reached")
        task = gen.convert_yielded(client())
        peer = await self.server.accept()
        peer.close()
        with self.assertRaises(EnvironmentError):
            await task


@unittest.skipUnless(Future is asyncio.Future, "only Futures of asyncio can be cancelled")
@with_rows
class CancelTest(ClientCase):
    @async_test
    async def test_a_cancelled_read_loses_no_message(self):
        """C41: the next reader gets it."""
        conn, peer = await self.open()
        cancelled = conn.read_message()
        waiting = conn.read_message()
        cancelled.cancel()
        peer.send(text(b"a") + text(b"b"))
        self.assertEqual(await waiting, u"a")
        self.assertEqual(await conn.read_message(), u"b")

    @async_test
    async def test_wait_for_loses_no_message(self):
        """C41: ``asyncio.wait_for`` cancels what it waits for."""
        conn, peer = await self.open()
        with self.assertRaises(asyncio.TimeoutError):
            await asyncio.wait_for(conn.read_message(), 0.01)
        peer.send(text(b"a"))
        self.assertEqual(await asyncio.wait_for(conn.read_message(), 30), u"a")

    @async_test
    async def test_a_cancelled_iteration_loses_no_message(self):
        """C44."""
        conn, peer = await self.open()

        async def read():
            async for message in conn:
                return message
        task = asyncio.ensure_future(read())
        await turns(3)
        task.cancel()
        await asyncio.wait([task])
        peer.send(text(b"a"))
        self.assertEqual(await read(), u"a")

    @async_test
    async def test_cancelled_reads_are_not_gathered(self):
        """C42: who polls with a time limit, and no message comes, does not fill the memory."""
        conn, peer = await self.open()
        references = []
        for _ in range(100):
            future = conn.read_message()
            references.append(weakref.ref(future))
            future.cancel()
        del future
        await turns(3)
        gc.collect()
        self.assertLessEqual(len([None for reference in references if reference()]), 1)
        peer.send(text(b"a"))
        self.assertEqual(await conn.read_message(), u"a")

    @async_test
    async def test_a_read_cancelled_when_its_message_has_come(self):
        """C42: the reader is cancelled in that turn: the message goes to the next, in order."""
        conn, peer = await self.open()
        for _ in range(3):
            reader = asyncio.ensure_future(self.read_until_cancelled(conn))
            await turns(3)
            peer.send(text(b"a") + text(b"b"))
            with self.assertRaises(asyncio.CancelledError):
                await reader
            self.assertEqual(await conn.read_message(), u"a")
            self.assertEqual(await conn.read_message(), u"b")

    @staticmethod
    async def read_until_cancelled(conn):
        current_task = getattr(asyncio, "current_task", None) or asyncio.Task.current_task
        future, task = conn.read_message(), current_task()
        future.add_done_callback(lambda future: task.cancel())
        return await future

    @async_test
    async def test_a_message_in_the_turn_of_the_cancellation(self):
        """C42: it goes to the next reader."""
        conn, peer = await self.open()
        conn.read_message().cancel()
        conn.on_message(u"a")
        self.assertEqual(await conn.read_message(), u"a")

    @async_test
    async def test_a_cancelled_write_sends_all_the_same(self):
        """C15: the frame has been begun; the stream stays whole."""
        conn, peer = await self.open()
        future = conn.write_message(b"x" * 20000000, True)
        future.cancel()
        conn.write_message(u"next")
        await peer.read(14)
        await peer.stream.read_bytes(20000000 - len(peer.buffer))
        peer.buffer = b""
        self.assertEqual(await peer.read_frame(), (0x81, b"next"))

    @each(
        ("at_once", 0), ("a_turn_later", 1), ("two_turns_later", 2), ("ten_turns_later", 10),
    )
    @async_test
    async def test_cancelling_the_connect_closes_the_socket(self, count):
        """C39: nothing is left of an attempt that nobody waits for."""
        # A resolver with threads may answer when the loop is closed.
        future = self.start(connect_timeout=0, resolver=BlockingResolver())
        accepted = self.server.accept()
        await turns(count)
        future.cancel()
        await turns(20)
        if accepted.done():
            await accepted.result().read_rest()

    @async_test
    async def test_cancelling_while_the_handshake_is_not_answered(self):
        """C39: the server sees the end at once, not when a time limit is over."""
        future = self.start(connect_timeout=0)
        peer = await self.server.accept()
        await peer.read_head()
        future.cancel()
        self.assertEqual(await peer.read_rest(), b"")

    @async_test
    async def test_wait_for_the_connect(self):
        """C39: ``asyncio.wait_for`` around the connect."""
        task = asyncio.ensure_future(self.wait_shortly())
        peer = await self.server.accept()
        await peer.read_head()
        self.assertEqual(await peer.read_rest(), b"")
        with self.assertRaises(asyncio.TimeoutError):
            await task

    async def wait_shortly(self):
        await asyncio.wait_for(self.start(connect_timeout=0), 0.5)


class AwaitTest(ClientCase):
    @async_test
    async def test_a_native_callback_holds_back_the_next_message(self):
        """C20: for ``on_message_callback`` as for a handler's on_message."""
        notes, gate = [], locks.Event()

        async def wait(message):
            notes.append(message)
            await gate.wait()
            notes.append("done")
        conn, peer = await self.open(on_message_callback=wait)
        peer.send(text(b"a") + text(b"b") + frame(0x89, b"p", None))
        self.assertEqual(await peer.read_frame(), (0x8A, b"p"))
        self.assertEqual(notes, [u"a"])
        gate.set()
        await until(lambda: len(notes) == 4)
        self.assertEqual(notes, [u"a", "done", u"b", "done"])
        peer.send(CLOSE)
        await until(lambda: len(notes) == 6)
        self.assertEqual(notes[4:], [None, "done"])

    @async_test
    async def test_the_final_none_waits_for_a_callback_that_outlives_the_connection(self):
        """C41: the end is told as the last message, in order."""
        notes, gate = [], locks.Event()

        async def wait(message):
            notes.append(message)
            await gate.wait()
            notes.append("done")
        conn, peer = await self.open(on_message_callback=wait)
        peer.send(text(b"a"))
        await until(lambda: notes)
        peer.close()
        await until(lambda: conn.protocol.stream.closed())
        await turns(10)
        self.assertEqual(notes, [u"a"])
        gate.set()
        await until(lambda: len(notes) == 4)
        self.assertEqual(notes, [u"a", "done", None, "done"])

    @async_test
    async def test_an_error_with_the_final_none_is_logged(self):
        """C19."""
        async def fail(message):
            await gen.moment
            raise LookupError()
        conn, peer = await self.open(on_message_callback=fail, after=CLOSE)
        await peer.read_frame()
        await until(lambda: [entry for entry in self.log.entries
                             if entry.logger == "tornado.application"])
        self.claim_logs("tornado.application", "Uncaught exception")

    @async_test
    async def test_futures_that_nobody_awaits_say_nothing(self):
        """C14: no "exception was never retrieved" in the log (`WebSocketCase` looks)."""
        conn, peer = await self.open()
        conn.write_message(b"x" * 30000000, True)
        conn.write_message(u"y")
        peer.reset()
        self.assertIs(await conn.read_message(), None)
        with self.assertRaises(WebSocketClosedError):
            conn.write_message(u"z")
        gc.collect()
        await turns(3)
