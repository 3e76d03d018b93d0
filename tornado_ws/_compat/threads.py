"""Which thread runs a loop, and what another one gets that calls it."""
from __future__ import absolute_import, division, print_function

import sys

if sys.version_info < (3,):
    # Python 2: another name.
    from thread import get_ident as current_thread
else:
    # Python >= 3.
    from threading import get_ident as current_thread

try:
    # Python >= 3, or Python 2 with the package `futures`.
    from concurrent.futures import Future as ThreadFuture  # noqa: F401 (it is exported)
except ImportError:
    # Python 2 without it.
    from tornado_ws._compat.outcome import ThreadFuture  # noqa: F401 (it is exported)


class _AskedLoop(object):
    """A loop of asyncio's kind that does not say which thread runs it (uvloop)."""

    def __init__(self, loop):
        from asyncio import _get_running_loop
        self._running_loop = _get_running_loop
        self._loop = loop

    @property
    def _thread_id(self):
        if self._running_loop() is self._loop:
            return current_thread()
        return -1 if self._loop.is_running() else None


class _OwnLoop(object):
    """A loop of Tornado's own (Tornado < 5.0, or Python 2)."""

    def __init__(self, io_loop):
        self._io_loop = io_loop

    @property
    def _thread_id(self):
        return self._io_loop._thread_ident if self._io_loop._running else None


class _OtherLoop(object):
    """A loop of which nothing is known: the thread that uses it first is its own."""

    def __init__(self):
        self._thread_id = current_thread()


def thread_of(io_loop):
    """Say where a loop tells which thread runs it.

    Args:
        io_loop: The IOLoop.

    Returns:
        An object with the attribute ``_thread_id``: that of the thread that runs the loop now, None
        while nobody does. For asyncio's own loops it is the loop, whose attribute has this name.
    """
    loop = getattr(io_loop, "asyncio_loop", None)
    if loop is not None:
        return loop if hasattr(loop, "_thread_id") else _AskedLoop(loop)
    if hasattr(io_loop, "_thread_ident"):
        return _OwnLoop(io_loop)
    return _OtherLoop()


def is_elsewhere(thread):
    """Tell whether another thread than the current one runs a loop.

    Args:
        thread: What `thread_of` returned for it.
    """
    running = thread._thread_id
    return running is not None and running != current_thread()
