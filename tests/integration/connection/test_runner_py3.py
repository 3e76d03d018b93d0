"""The Runner as asyncio sees it: C20."""
from __future__ import absolute_import, division, print_function

import asyncio
import collections.abc
import sys

import pytest
import tornado
from tornado.concurrent import Future
from tornado.ioloop import IOLoop

from tornado_ws._connection.runner import Runner

pytestmark = pytest.mark.skipif(sys.version_info < (3, 7) or tornado.version_info < (5,),
                                reason="Tornado runs coroutines there")


def run(function):
    """Call a function with a loop, in a turn of it."""
    async def call():
        return function(IOLoop.current())

    loop = IOLoop(make_current=False)
    try:
        return loop.run_sync(call)
    finally:
        loop.close()


def test_a_task_takes_it_for_a_coroutine():
    def check(loop):
        runner = Runner(loop)
        assert isinstance(runner, collections.abc.Coroutine)
        assert runner.__await__() is runner
        runner.close()  # with nothing to end

    run(check)


def test_closing_it_ends_the_coroutine():
    """As a Task's coroutine is closed when nobody will go on with it."""
    async def wait():
        try:
            await Never()
        finally:
            ended.append(True)

    class Never(object):
        def __await__(self):
            yield

    def check(loop):
        runner = Runner(loop)
        runner._coroutine = coroutine = wait()
        coroutine.send(None)
        runner.close()
        assert ended == [True]

    ended = []
    run(check)


def test_cancelled_between_two_coroutines():
    """The Task ends then; the next coroutine that waits gets another."""
    async def wait(future):
        await future

    def start():
        """As it is done for a message: not from within a Task."""
        future = Future()
        outcome = runner.start(wait(future))
        runner.leave()
        future.set_result(None)
        return outcome

    async def check():
        tasks = []
        for _ in range(2):
            started = Future()
            loop.add_callback(lambda: started.set_result(start()))
            await (await started)
            task = runner._task
            tasks.append(task)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        assert tasks[0] is not tasks[1]

    loop = IOLoop(make_current=False)
    runner = Runner(loop)
    loop.run_sync(check)
    loop.close()
