"""Errors of native coroutines and cancellation in every callback: C19, C20, C26, C29.

As `test_errors_callbacks`, with ``async def`` and ``CancelledError``; nothing is reported as
never awaited either, which ``filterwarnings = error`` of ``setup.cfg`` would turn into an error.
"""
from __future__ import absolute_import, division, print_function

import asyncio
import errno
import logging
import sys
import unittest

import tornado
from peers import async_test, each, turns, until, with_rows
from test_errors_callbacks import ENDS, OPEN_CALLBACKS, SYNCHRONOUS, ErrorCase, rows
from tornado import gen
from tornado.concurrent import Future
from wire import frame, h

from tornado_ws._connection import callbacks as _callbacks


async def native_at_once(self, *args):
    """Raise before waiting."""
    raise IOError(errno.EIO, "failed in the callback")


async def native_later(self, *args):
    """Raise after waiting."""
    await turns(3)
    raise IOError(errno.EIO, "failed in the callback")


def cancelled_at_once(self, *args):
    """Raise CancelledError."""
    raise asyncio.CancelledError("failed in the callback")


def cancelled_future(self, *args):
    """Return a Future that somebody has cancelled."""
    future = Future()
    future.cancel()
    return future


async def native_cancelled(self, *args):
    """Be cancelled before waiting."""
    raise asyncio.CancelledError("failed in the callback")


async def native_cancelled_later(self, *args):
    """Be cancelled after waiting."""
    await turns(3)
    raise asyncio.CancelledError("failed in the callback")


@gen.coroutine
def coroutine_cancelled(self, *args):
    """Be cancelled in one of Tornado's coroutines, after waiting."""
    yield turns(3)
    raise asyncio.CancelledError("failed in the callback")


NATIVE = [native_at_once, native_later]
CANCELLED = [cancelled_at_once, native_cancelled]
CANCELLED_LATER = [native_cancelled_later, cancelled_future]

# Tornado < 5 has no asyncio, so nothing cancels there; what is raised at once is caught even so.
needs_asyncio = unittest.skipIf(tornado.version_info < (5,), "Tornado has no cancellation")
# What Tornado runs, prepare() and its own coroutines: there it is lost on the way to us.
needs_tornado_to_catch = unittest.skipIf(
    tornado.version_info < (6, 6) and sys.version_info >= (3, 8),
    "Tornado does not catch CancelledError")


class Awaitable(object):
    """One that cannot be closed, other than a coroutine."""

    def __await__(self):
        return iter(())


class AwaitableOriginTest(ErrorCase):

    @async_test
    def test_check_origin(self):
        """C8: any awaitable as the answer is refused, not taken for yes."""
        self.words = ""
        yield self.check_refused("check_origin", lambda handler, origin: Awaitable())


@with_rows
class NativeTest(ErrorCase):

    @each(*rows(OPEN_CALLBACKS, NATIVE))
    @async_test
    def test_error(self, callback, data, way):
        """C19, C20: an ``async def`` callback that raises."""
        yield self.check_closed(callback, way, data)

    @each(*[("%s_%s" % (end, way.__name__), way, function)
            for end, function in ENDS for way in NATIVE])
    @async_test
    def test_on_close(self, way, end):
        """C26: ``async def on_close`` that raises."""
        yield self.check_on_close(way, end)

    @each(*rows(["prepare"], NATIVE))
    @async_test
    def test_before_the_upgrade(self, callback, way):
        """C7: ``async def prepare`` that raises."""
        yield self.check_refused(callback, way)

    @each(*rows(SYNCHRONOUS, NATIVE))
    @async_test
    def test_what_decides_at_once(self, callback, way):
        """C8: a coroutine is no answer, above all not "yes"; it is not left unawaited."""
        self.words = ""
        yield self.check_refused(callback, way)

    @async_test
    def test_messages_behind_the_failed_one(self):
        """C19, C20: what waited for the coroutine is dropped, not delivered."""
        async def on_message(handler, message):
            handler.note("message", message)
            await native_later(handler)

        yield self.open_witness()
        path = self.add(self.failing("on_message", on_message))
        peer = yield self.open_raw(path)
        peer.send(frame(0x81, b"1"), frame(0x81, b"2") * 10)
        self.assertEqual((yield peer.read_frames()), [(0x88, h("03f3"))])
        peer.close()
        yield until(lambda: ("close", None, None) in self.notes)
        self.assertEqual(self.notes, [("open",), ("message", "1"), ("close", None, None)])
        yield self.check_logged(path)


@with_rows
class CancellationTest(ErrorCase):

    words = ""

    @each(*rows(OPEN_CALLBACKS, CANCELLED))
    @async_test
    def test_error(self, callback, data, way):
        """C19: CancelledError, which is no Exception from Python 3.8 on, ends it no less."""
        yield self.check_closed(callback, way, data)

    @each(*rows(OPEN_CALLBACKS, CANCELLED_LATER))
    @needs_asyncio
    @async_test
    def test_error_later(self, callback, data, way):
        """C19: the same for what is cancelled in a later turn."""
        yield self.check_closed(callback, way, data)

    @each(*[("%s_%s" % (end, way.__name__), way, function)
            for end, function in ENDS for way in CANCELLED])
    @async_test
    def test_on_close(self, way, end):
        """C26: CancelledError from on_close()."""
        yield self.check_on_close(way, end)

    @each(*[("%s_%s" % (end, way.__name__), way, function)
            for end, function in ENDS for way in CANCELLED_LATER])
    @needs_asyncio
    @async_test
    def test_on_close_later(self, way, end):
        """C26: CancelledError from on_close() in a later turn."""
        yield self.check_on_close(way, end)

    @each(*rows(SYNCHRONOUS, [cancelled_at_once]))
    @async_test
    def test_before_the_upgrade(self, callback, way):
        """C7: CancelledError before the upgrade is a 500, not a request without an answer."""
        yield self.check_refused(callback, way)

    @each(*rows(["prepare"], CANCELLED))
    @needs_tornado_to_catch
    @async_test
    def test_prepare(self, callback, way):
        """C7: the same of prepare(), which Tornado calls."""
        yield self.check_refused(callback, way)

    @each(*rows(["prepare"], CANCELLED_LATER + [coroutine_cancelled]))
    @needs_asyncio
    @needs_tornado_to_catch
    @async_test
    def test_prepare_later(self, callback, way):
        """C7: the same in a later turn."""
        yield self.check_refused(callback, way)

    @each(*rows(OPEN_CALLBACKS, [coroutine_cancelled]))
    @needs_tornado_to_catch
    @async_test
    def test_coroutine(self, callback, data, way):
        """C19: the same of Tornado's coroutines."""
        yield self.check_closed(callback, way, data)

    @needs_asyncio
    @async_test
    def test_task_that_is_cancelled(self):
        """C19: somebody cancels the callback's task: a warning; no other connection ends."""
        async def on_message(handler, message):
            asyncio.get_event_loop().call_soon(current_task().cancel)
            await turns(20)

        self.patch(_callbacks, "CANCEL_NOTICE", 0.1)
        current_task = getattr(asyncio, "current_task", None) or asyncio.Task.current_task
        yield self.open_witness()
        peer = yield self.open_raw(self.failing("on_message", on_message))
        peer.send(frame(0x81, b"x"))
        self.assertEqual((yield peer.read_frames()), [(0x88, h("03f3"))])
        peer.close()
        yield until(lambda: ("close", None, None) in self.notes)
        yield until(lambda: any("was cancelled:" in entry.message for entry in self.log.entries))
        warning, = self.claim_logs("tornado.general", "was cancelled:")
        self.assertEqual(warning.level, logging.WARNING)
        self.witness.send(frame(0x81, b"works"))
        self.assertEqual((yield self.witness.read_frame()), (0x81, b"works"))

    @async_test
    def test_awaited_while_the_connection_drops(self):
        """C20, C26: a coroutine that waits when its connection drops is done before on_close."""
        async def on_message(handler, message):
            handler.note("begin")
            await release
            handler.note("end")

        release = Future()
        yield self.open_witness()
        peer = yield self.open_raw(self.failing("on_message", on_message))
        peer.send(frame(0x81, b"x"))
        yield until(lambda: ("begin",) in self.notes)
        peer.reset()
        yield until(lambda: self.handler.stream.closed())
        yield turns(5)
        release.set_result(None)
        yield until(lambda: ("close", None, None) in self.notes)
        self.assertEqual(self.notes, [("open",), ("begin",), ("end",), ("close", None, None)])
