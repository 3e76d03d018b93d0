"""Futures of the installed Tornado's kind, and what can be awaited."""
from __future__ import absolute_import, division, print_function

import functools
import inspect
import sys

import tornado
from tornado import gen
from tornado.concurrent import Future, is_future

from tornado_ws._compat.contexts import detached
from tornado_ws._compat.errors import CancelledError

if tornado.version_info < (5,) or sys.version_info < (3,):
    # Tornado < 5.0, or Python 2: Futures are Tornado's own and know no loop.
    def future_maker(io_loop, kind=Future):
        """Return what makes Futures, of a kind, for a loop when called."""
        return kind
else:
    # Tornado >= 5.0 on Python 3: Futures are asyncio's, and belong to one loop.
    def future_maker(io_loop, kind=Future):
        """Return what makes Futures, of a kind, for a loop when called."""
        return functools.partial(kind, loop=io_loop.asyncio_loop)


def _on_done_in_turn(io_loop, future, function):
    detached(future.add_done_callback,
             lambda future: detached(io_loop.add_callback, function, future))


if tornado.version_info < (5,) or sys.version_info < (3,):
    # Tornado < 5.0, or Python 2: a Future calls who waits for it inside of whoever settles it.
    def on_done(io_loop, future, function):
        """Have a function called with a Future, in a turn of the loop, when that is done."""
        _on_done_in_turn(io_loop, future, function)
else:
    # Tornado >= 5.0 on Python 3: asyncio's do not, those of an executor do, in its thread.
    def on_done(io_loop, future, function):
        """Have a function called with a Future, in a turn of the loop, when that is done."""
        if isinstance(future, Future):
            detached(future.add_done_callback, function)
        else:
            _on_done_in_turn(io_loop, future, function)


if sys.version_info < (3,):
    # Python 2: no native coroutines.
    def _is_awaitable(result):
        return False
else:
    # Python >= 3: coroutines, and whatever has ``__await__``.
    _is_awaitable = inspect.isawaitable


class TaskCancelled(CancelledError):
    """A coroutine ended because somebody cancelled its Task, not by an error of its own."""


def new_future(io_loop, kind=Future):
    """Make a Future of the installed Tornado's kind, or a subclass of it, for a loop."""
    return future_maker(io_loop, kind)()


def tell_all(waiters):
    """Give Futures None; those that are done, as they were cancelled, are passed over."""
    for waiter in waiters:
        if not waiter.done():
            waiter.set_result(None)


def as_future(result):
    """Turn what a callback returned into a Future.

    Args:
        result: Any object.

    Returns:
        The Future itself, a Future of the coroutine or awaitable, or None for anything else.
    """
    if is_future(result):
        return result
    if _is_awaitable(result):
        future = gen.convert_yielded(result)
        future._log_destroy_pending = False
        return future
    return None


def failure(future):
    """Tell what a Future that is done failed with.

    It is not raised: its traceback would refer to the frames that hold the Future, the Future to
    it, and all of them to the connection, which only the cycle collector could free then. For the
    same reason whoever calls a callback lets go of its Future before returning.

    Args:
        future: A Future of any kind.

    Returns:
        A tuple as of ``sys.exc_info()``, or None for a success.
    """
    if future.cancelled():
        # A Task counts who asked for its cancellation: nobody if the coroutine raised it itself.
        kind = TaskCancelled if getattr(future, "cancelling", int)() else CancelledError
        return kind, kind("the Future was cancelled"), None
    error = future.exception()
    if error is None:
        return None
    if hasattr(future, "exc_info"):
        # Tornado < 5.0: on Python 2 an exception does not know its traceback.
        return future.exc_info()
    return type(error), error, getattr(error, "__traceback__", None)


class Waiting(object):
    """What ``__await__`` of a Future gives that has something to do before it waits.

    An iterator, as for a coroutine, but without ``yield from``, which Python 2 cannot read.

    Args:
        begin: Called when the waiting begins; returns the Future to wait for, or None.
    """

    _steps = None

    def __init__(self, begin):
        self._begin = begin

    def __iter__(self):
        return self

    def __next__(self):
        if self._steps is None:
            future = self._begin()
            if future is None:
                raise StopIteration
            self._steps = future.__await__()
        return next(self._steps)


class Until(object):
    """An awaitable that ends with a Future, or without an error when it is cancelled.

    Args:
        future: The Future.
        on_cancel: Called when the task that awaits this is cancelled.
    """

    def __init__(self, future, on_cancel):
        self._future = future
        self._on_cancel = on_cancel

    def __await__(self):
        try:
            for step in self._future.__await__():
                yield step
        except CancelledError:
            self._on_cancel()


def decided(name, result):
    """Refuse the awaitable that a method returned which has to decide at once.

    An awaitable is true, whatever it will be; as an answer of ``check_origin`` it would let
    everybody in.

    Args:
        name: The method's name.
        result: What it returned.

    Returns:
        The result.

    Raises:
        TypeError: It is a Future or another awaitable.
    """
    if result is None or not is_future(result) and not _is_awaitable(result):
        return result
    if is_future(result):
        result.add_done_callback(lambda future: future.cancelled() or future.exception())
    elif hasattr(result, "close"):
        result.close()
    raise TypeError("%s decides at once: it cannot be a coroutine" % name)


if tornado.version_info < (6,):
    # Tornado < 6.0: a request handler's method that returns None is done.
    def nothing_to_await():
        """Return what a request handler's method returns when its work is done."""
        return None
else:
    # Tornado >= 6.0: subclasses await it.
    def nothing_to_await():
        """Return what a request handler's method returns when its work is done."""
        future = Future()
        future.set_result(None)
        return future
