"""Which thread runs a loop: also where the loop does not say so (C17)."""
import asyncio
import threading

import pytest

from tornado_ws._compat import threads


class Silent(asyncio.SelectorEventLoop):
    """As uvloop's, it does not tell which thread runs it."""

    _runs = False

    @property
    def _thread_id(self):
        raise AttributeError("_thread_id")

    @_thread_id.setter
    def _thread_id(self, value):
        self._runs = value is not None

    def is_running(self):
        return self._runs


class Loop:
    """An IOLoop, as far as its thread is concerned."""

    def __init__(self, asyncio_loop):
        self.asyncio_loop = asyncio_loop


@pytest.fixture(params=[asyncio.SelectorEventLoop, Silent])
def loop(request):
    """Give a loop that is not running."""
    made = request.param()
    yield made
    made.close()


def test_c17_nobody_runs_it(loop):
    """C17: whoever calls then is the loop's own."""
    thread = threads.thread_of(Loop(loop))
    assert thread._thread_id is None
    assert not threads.is_elsewhere(thread)


def test_c17_its_own_thread(loop):
    """C17: in the loop's callbacks."""
    async def ask():
        return thread._thread_id, threads.is_elsewhere(thread)

    thread = threads.thread_of(Loop(loop))
    assert loop.run_until_complete(ask()) == (threading.get_ident(), False)


def test_c17_another_thread_runs_it(loop):
    """C17: calls from here are handed over."""
    async def run():
        running.set()
        while not asked.is_set():
            await asyncio.sleep(0.001)

    running, asked = threading.Event(), threading.Event()
    thread = threads.thread_of(Loop(loop))
    runner = threading.Thread(target=loop.run_until_complete, args=(run(),))
    runner.start()
    try:
        assert running.wait(60)
        assert threads.is_elsewhere(thread)
    finally:
        asked.set()
        runner.join()


def test_c17_a_loop_of_another_kind():
    """C17: who uses it first is its own."""
    assert not threads.is_elsewhere(threads.thread_of(object()))
