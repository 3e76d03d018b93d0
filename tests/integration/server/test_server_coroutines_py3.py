"""Handlers with native coroutines (Python 3): C6, C12, C19, C20 and C21."""
from __future__ import absolute_import, division, print_function

import asyncio
import contextlib
import errno
import json
import sys
import unittest

import test_server_flow
import tornado
from peers import Noted, WebSocketCase, async_test, each, turns, until, with_rows
from tornado import gen
from tornado.concurrent import Future
from wire import frame, h

from tornado_ws import websocket


class Waiting(Noted, websocket.WebSocketHandler):
    async def on_message(self, message):
        self.note("begin", message[:8])
        await self.application.gate
        self.note("end", message[:8])


class Failing(Noted, websocket.WebSocketHandler):
    async def on_message(self, message):
        self.note("begin", message)
        await self.application.gate
        raise IOError(errno.EIO, "failed in on_message")


class NativeFlowTest(test_server_flow.FlowTest):
    """C20, C21: a native on_message() is awaited before the next message."""

    waiting, failing = Waiting, Failing


class Echo(Noted, websocket.WebSocketHandler):
    async def on_message(self, message):
        await self.write_message(message)


class GetThatAwaits(Echo):
    async def get(self, *args):
        await turns(3)
        self.note("get", args)
        waited = super().get(*args)
        if tornado.version_info >= (6,):
            await waited


class GetThatGoesOn(Echo):
    async def get(self, *args):
        self.note("get", args)
        super().get(*args)
        await turns(3)


class GetThatReturns(Echo):
    async def get(self, *args):
        self.note("get", args)
        return super().get(*args) and None


class AsyncPrepare(Echo):
    async def prepare(self):
        await turns(20)
        self.note("get", ("x",))


@with_rows
class NativeGetTest(WebSocketCase):

    @each(("awaits", GetThatAwaits), ("goes_on", GetThatGoesOn), ("returns", GetThatReturns),
          ("prepares", AsyncPrepare))
    @async_test
    def test_c6_native_get(self, handler_class):
        """C6, C12: ``async def get`` and ``prepare``; frames come with the handshake."""
        peer = yield self.connect_raw()
        path = self.add(handler_class, "(.*)")
        peer.send_request(path + "x", after=frame(0x81, b"early"))
        self.assertIn(" 101 ", (yield peer.read_head())[0])
        self.assertEqual((yield peer.read_frame()), (0x81, b"early"))
        yield turns(10)
        peer.send(frame(0x81, b"late"))
        self.assertEqual((yield peer.read_frame()), (0x81, b"late"))
        self.assertEqual(self.notes, [("get", ("x",)), ("open",)])

    @each(("awaits", GetThatAwaits), ("goes_on", GetThatGoesOn), ("returns", GetThatReturns))
    @async_test
    def test_c6_native_get_is_refused(self, handler_class):
        """C6: the same when the request is refused; the next request is answered."""
        peer = yield self.connect_raw()
        path = self.add(handler_class, "(.*)")
        peer.send_request(path, ())
        self.assertEqual((yield peer.read_response())[0], 400)
        peer.send_request(path)
        self.assertIn(" 101 ", (yield peer.read_head())[0])


class NativeOpenTest(WebSocketCase):

    @async_test
    def test_c20_native_open_is_awaited(self):
        """C20: a native open() is awaited before the first message."""
        gate = Future()

        class Opening(Echo):
            async def open(self):
                self.note("open begins")
                await gate
                self.note("open ends")

            async def on_message(self, message):
                self.note(message)

        peer = yield self.open_raw(Opening, after=frame(0x81, b"1"))
        peer.send(frame(0x81, b"2"), frame(0x89, b"p"))
        self.assertEqual((yield peer.read_frame()), (0x8A, b"p"))
        self.assertEqual(self.notes, [("open begins",), ("ping", b"p")])
        gate.set_result(None)
        yield until(lambda: len(self.notes) == 5)
        self.assertEqual(self.notes[2:], [("open ends",), ("1",), ("2",)])

    @async_test
    def test_c12_native_open_fails(self):
        """C12: an exception in a native open() ends the connection; on_close() runs."""
        class Opening(Echo):
            async def open(self):
                await turns(2)
                raise IOError(errno.EIO, "failed in open")

        peer = yield self.open_raw(Opening, after=frame(0x81, b"never"))
        self.assertEqual((yield peer.read_frames()), [(0x88, h("03f3"))])
        peer.close()
        yield until(lambda: self.notes)
        self.assertEqual(self.notes, [("close", None, None)])
        self.assertIn("failed in open",
                      self.claim_logs("tornado.application", "/1")[0].traceback)

    @async_test
    def test_c20_serial_messages_false(self):
        """C20: ``serial_messages = False`` lets native coroutines run side by side."""
        gate = Future()

        class Concurrent(Echo):
            serial_messages = False

            async def on_message(self, message):
                self.note(message)
                await gate

        peer = yield self.open_raw(Concurrent)
        peer.send(frame(0x81, b"1"), frame(0x81, b"2"))
        yield until(lambda: len(self.notes) == 3)
        self.assertEqual(self.notes[1:], [("1",), ("2",)])
        gate.set_result(None)
        yield turns(3)

    @async_test
    def test_c19_native_callbacks_fail(self):
        """C19: exceptions of native on_ping(), on_pong() and on_close() are logged."""
        class Failing(Echo):
            async def on_ping(self, data):
                await turns(2)
                raise IOError(errno.EIO, "failed in on_ping")

            async def on_close(self):
                self.note("closed")
                await turns(2)
                raise IOError(errno.EIO, "failed in on_close")

        peer = yield self.open_raw(Failing)
        peer.send(frame(0x89, b"x"))
        self.assertEqual((yield peer.read_frames()), [(0x8A, b"x"), (0x88, h("03f3"))])
        peer.close()
        yield until(lambda: len([e for e in self.log.entries if "Uncaught" in e.message]) == 2)
        self.assertEqual(self.notes, [("open",), ("closed",)])
        tracebacks = [entry.traceback for entry in self.claim_logs("tornado.application", "/1")]
        self.assertIn("failed in on_ping", tracebacks[0])
        self.assertIn("failed in on_close", tracebacks[1])

    @gen.coroutine
    def answer(self, on_message, *messages):
        """Send messages to a handler; return the payloads of as many answers."""
        peer = yield self.open_raw(type("Answering", (Echo,), {"on_message": on_message}))
        peer.send(*[frame(0x81, message) for message in messages])
        payloads = []
        for _ in messages:
            payloads.append((yield peer.read_frame()).payload)
        raise gen.Return(payloads)

    @unittest.skipIf(tornado.version_info < (5,), "no asyncio below it")
    @async_test
    def test_c20_asyncio_in_a_callback(self):
        """C20: tasks, timeouts and cancellation of asyncio work in callbacks as in any task."""
        async def on_message(self, message):
            tasks = {current_task()}
            with_timeout = asyncio.wait_for(asyncio.get_event_loop().create_future(), 0.001)
            with contextlib.suppress(asyncio.TimeoutError):
                await with_timeout
            tasks.add(current_task())
            numbers = await asyncio.gather(asyncio.sleep(0, 1), asyncio.sleep(0.001, 2))
            tasks.add(current_task())
            self.write_message({"numbers": numbers, "tasks": len(tasks)})

        current_task = getattr(asyncio, "current_task", None) or asyncio.Task.current_task
        payloads = yield self.answer(on_message, b"1", b"2")
        for payload in payloads:
            self.assertEqual(json.loads(payload.decode("ascii")), {"numbers": [1, 2], "tasks": 1})

    @unittest.skipIf(sys.version_info < (3, 7) or tornado.version_info < (5,), "none below them")
    @async_test
    def test_c20_no_task_after_a_batch(self):
        """C20: coroutines that do not suspend are in a task; nothing after their batch is."""
        async def on_message(self, message):
            asyncio.get_event_loop().call_soon(lambda: outside.append(asyncio.current_task()))
            self.write_message(str(isinstance(asyncio.current_task(), asyncio.Task)))

        outside = []
        payloads = yield self.answer(on_message, b"1", b"2", b"3")
        self.assertEqual(payloads, [b"True"] * 3)
        self.assertEqual(outside, [None] * 3)

    @unittest.skipIf(sys.version_info < (3, 7) or tornado.version_info < (5,), "none below them")
    @async_test
    def test_c20_context_variables(self):
        """C20: each callback has a context of its own; what it sets is not seen by the next."""
        from contextvars import ContextVar
        variable = ContextVar("variable", default="unset")

        async def on_message(self, message):
            before = variable.get()
            variable.set(message)
            if message != "1":
                await asyncio.sleep(0)
            self.write_message("%s %s" % (before, variable.get()))

        self.assertEqual((yield self.answer(on_message, b"1", b"2", b"3")),
                         [b"unset 1", b"unset 2", b"unset 3"])
        self.assertEqual(variable.get(), "unset")

    @async_test
    def test_c19_pings_one_after_the_other(self):
        """C19: on_ping() as a native coroutine, for each ping."""
        class Pinged(Noted, websocket.WebSocketHandler):
            async def on_ping(self, data):
                await turns(2)
                self.note("ping", data)

        peer = yield self.open_raw(Pinged)
        for data in (b"1", b"2", b"3"):
            peer.send(frame(0x89, data))
            yield until(lambda: self.notes[-1] == ("ping", data))
        peer.send(frame(0x89, b"4"), frame(0x89, b"5"))
        yield until(lambda: self.notes[-2:] == [("ping", b"4"), ("ping", b"5")])

    @unittest.skipIf(tornado.version_info < (5,), "no asyncio below it")
    @async_test
    def test_c19_cancelled(self):
        """C19: a callback that is cancelled has failed: logged, 1011; the loop goes on."""
        class Cancelled(Echo):
            async def on_message(self, message):
                future = asyncio.get_event_loop().create_future()
                future.cancel()
                await future

        peer = yield self.open_raw(Cancelled)
        peer.send(frame(0x81, b"1"), frame(0x81, b"2"))
        self.assertEqual((yield peer.read_frames()), [(0x88, h("03f3"))])
        peer.close()
        yield until(lambda: self.notes[-1] == ("close", None, None))
        self.claim_logs("tornado.application", "/1")

    @async_test
    def test_c14_native_echo_under_load(self):
        """C14, C15, C20: a handler that awaits each write answers everything in order."""
        peer = yield self.open_raw(Echo)
        peer.send(*[frame(0x81, b"%d" % i) for i in range(2000)])
        for i in range(2000):
            self.assertEqual((yield peer.read_frame()), (0x81, b"%d" % i))
