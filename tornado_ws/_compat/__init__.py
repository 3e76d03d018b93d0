"""Every difference between Tornado 4.3 ... newest and Python 2.7 ... newest that we have to know.

Only this module, `http` for Tornado's HTTP client, `loop` for the ways into an IOLoop, `rules` for
what ``install()`` follows and `imports` for Python's import system look at versions. What they
export is named after what it does, so the rest of the package reads the same for all of them. Each
branch says in one comment of one form which versions it is for.
"""
from __future__ import absolute_import, division, print_function

import inspect
import socket
import sys
import threading
import warnings

import tornado
from tornado import gen, util, websocket
from tornado.concurrent import Future, is_future

StockWebSocketError = websocket.WebSocketError
StockWebSocketClosedError = websocket.WebSocketClosedError
unicode_type = util.unicode_type
_MAX_BUFFERS = 512  # of one system call; Linux takes 1024

# The masking function in C, or None where Tornado has no C extension (its own substitute takes
# the data byte by byte, 100 ms a mebibyte).
websocket_mask = util._websocket_mask
if websocket_mask is util._websocket_mask_python:
    websocket_mask = None

if sys.version_info < (3,):
    # Python 2: no ResourceWarning, no native coroutines, no CancelledError, another name for
    # the thread id.
    from thread import get_ident as current_thread

    class ResourceWarning(Warning):
        """A resource was not closed (Python 3 has it built in)."""

    class CancelledError(Exception):
        """A Future or a Task was cancelled (Python 3 has it in asyncio)."""

    CALLBACK_ERRORS = (Exception,)

    def _is_awaitable(result):
        return False
else:
    # Python >= 3: all of these are there.
    from asyncio import CancelledError
    CALLBACK_ERRORS = (Exception, CancelledError)
    ResourceWarning = ResourceWarning
    current_thread = threading.get_ident
    _is_awaitable = inspect.isawaitable

try:
    # Python >= 3, or Python 2 with the package `futures`.
    from concurrent.futures import Future as ThreadFuture
except ImportError:
    # Python 2 without it: what a waiting thread needs, no more.
    class ThreadFuture(object):
        """The outcome of a call that another thread makes."""

        def __init__(self):
            self._done = threading.Event()
            self._value = self._error = None

        def done(self):
            """Tell whether there is an outcome."""
            return self._done.is_set()

        def set_result(self, value):
            """Give the call's value."""
            self._value = value
            self._done.set()

        def set_exception(self, error):
            """Give the call's exception."""
            self._error = error
            self._done.set()

        def result(self, timeout=None):
            """Wait for the outcome.

            Args:
                timeout: Seconds to wait at most, or None.

            Returns:
                The call's value.

            Raises:
                ioloop.TimeoutError: There was none in time.
                Exception: What the call raised.
            """
            if not self._done.wait(timeout):
                raise gen.TimeoutError("no result after %s seconds" % timeout)
            if self._error is not None:
                raise self._error
            return self._value

if tornado.version_info < (5,):
    # Tornado < 5.0: Futures are its own and know no loop.
    _uses_asyncio = False
else:
    # Tornado >= 5.0: Futures are asyncio's, but on Python 2.
    _uses_asyncio = sys.version_info >= (3,)

if _uses_asyncio:
    # Tornado >= 5.0 on Python 3: a Future belongs to one loop.
    def new_future(io_loop, kind=Future):
        """Make a Future of the installed Tornado's kind, or a subclass of it, for a loop."""
        return kind(loop=io_loop.asyncio_loop)

    def call_soon(io_loop, function):
        """Call a function in the next turn of a loop, from the loop's own thread."""
        io_loop.asyncio_loop.call_soon(function)
else:
    # Tornado < 5.0, or Python 2.
    def new_future(io_loop, kind=Future):
        """Make a Future of the installed Tornado's kind, or a subclass of it, for a loop."""
        return kind()

    def call_soon(io_loop, function):
        """Call a function in the next turn of a loop, from the loop's own thread."""
        io_loop.add_callback(function)


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
        return CancelledError, CancelledError("the Future was cancelled"), None
    error = future.exception()
    if error is None:
        return None
    if hasattr(future, "exc_info"):
        # Tornado < 5.0: on Python 2 an exception does not know its traceback.
        return future.exc_info()
    return type(error), error, getattr(error, "__traceback__", None)


if _uses_asyncio and sys.version_info >= (3, 7):
    # Tornado >= 5.0 on Python >= 3.7: asyncio lets others step coroutines for a Task.
    from asyncio import Task as _Task
    from asyncio import current_task
    from asyncio.tasks import _enter_task as enter_task
    from asyncio.tasks import _leave_task as leave_task
    from contextvars import copy_context
    from types import CoroutineType  # what a `Runner` can run

    class TaskCancelled(CancelledError):
        """A coroutine ended because its Task was cancelled, not by an error of its own."""

    class _RunnerTask(_Task):
        cancel_requested = False

        def cancel(self, *args, **kwargs):
            self.cancel_requested = True
            return super(_RunnerTask, self).cancel(*args, **kwargs)

    def new_task(coroutine, loop):
        """Make a Task of asyncio's that may be idle when its loop is closed.

        Its attribute ``cancel_requested`` tells whether its ``cancel`` was called.
        """
        task = _RunnerTask(coroutine, loop=loop)
        task._log_destroy_pending = False
        return task
else:
    # Tornado < 5.0 or Python < 3.7: Tornado runs them.
    current_task = enter_task = leave_task = new_task = copy_context = CoroutineType = None
    TaskCancelled = ()


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
    if not is_future(result) and not _is_awaitable(result):
        return result
    if is_future(result):
        result.add_done_callback(lambda future: future.cancelled() or future.exception())
    elif hasattr(result, "close"):
        result.close()
    raise TypeError("%s decides at once: it cannot be a coroutine" % name)


def no_result(thread):
    """Return what a call from any thread returns when there is nothing to do.

    Args:
        thread: The id of the loop's thread.

    Returns:
        None on that thread; on another one something to wait for, which is done.
    """
    if current_thread() == thread:
        return None
    outcome = ThreadFuture()
    outcome.set_result(None)
    return outcome


def call_in_loop(io_loop, function, *args):
    """Have a loop call a function, from any thread.

    Args:
        io_loop: The IOLoop.
        function: What to call on it; may return a Future.
        *args: Its arguments.

    Returns:
        An object whose ``result(timeout)`` waits for the value of the function, or of the Future
        that it returned, and raises what they raised.
    """
    outcome = ThreadFuture()

    def relay(future):
        try:
            outcome.set_result(future.result())
        except CALLBACK_ERRORS as error:
            outcome.set_exception(error)
        finally:
            future = None  # the traceback refers to this frame

    def run():
        try:
            result = function(*args)
        except CALLBACK_ERRORS as error:
            outcome.set_exception(error)
            return
        if is_future(result):
            result.add_done_callback(relay)
        else:
            outcome.set_result(result)

    io_loop.add_callback(run)
    return outcome


if tornado.version_info < (6,):
    # Tornado < 6.0: callbacks run in the stack context of whoever registered them.
    from tornado.stack_context import NullContext as no_stack_context
else:
    # Tornado >= 6.0: there is none.
    from contextlib import contextmanager

    @contextmanager
    def no_stack_context():
        """Register callbacks without the current stack context."""
        yield


if hasattr(socket.socket, "sendmsg"):
    # Python >= 3, but on Windows.
    def send_buffers(sock, buffers):
        """Send what a socket takes of some buffers; return the number of bytes."""
        return sock.sendmsg(buffers[:_MAX_BUFFERS])
else:
    # Python 2, or Windows.
    def send_buffers(sock, buffers):
        """Send what a socket takes of some buffers; return the number of bytes."""
        return sock.send(b"".join(buffers))


if tornado.version_info < (6,):
    # Tornado < 6.0: streams take bytes, or copy anything else.
    def view_from(data, start):
        """Return the bytes from a position on, as an IOStream takes them best."""
        return data[start:] if start else data
else:
    # Tornado >= 6.0: streams keep views.
    def view_from(data, start):
        """Return the bytes from a position on, as an IOStream takes them best."""
        return memoryview(data)[start:] if start else data


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


def warn_of_callback():
    """Warn of ``websocket_connect(callback=...)`` where the installed Tornado does."""
    if tornado.version_info >= (6, 5):
        # Tornado >= 6.5: it will go in 7.0.
        warnings.warn("The callback argument to websocket_connect is deprecated. "
                      "Use the returned Future instead.", DeprecationWarning, stacklevel=3)
