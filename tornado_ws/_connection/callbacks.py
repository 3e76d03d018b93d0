"""The one owner of what an application's callbacks run in: context, thread, Task; and the guard.

*Context.* What ``prepare`` and ``open`` have set is seen by all callbacks of the connection, and
nothing that anybody else has set, whatever event they come from. So there is one context, taken
when the connection opens, and every call into the application enters it. It cannot be entered
twice: a callback that another callback causes comes in a later turn of the loop.

*Thread.* A connection belongs to its loop, and the loop to the thread that runs it now. Calls from
another thread are handed over; while nobody runs the loop, whoever calls is its own.

*Tasks.* The first step of a native coroutine is taken at once; one that suspends has a Task of its
own from then on, which ends with it, so that nothing of it is left for the next message.

*Guard.* Whatever goes wrong in a callback, or in the library on its behalf, ends up in `failed`:
this connection is failed first, then the error is logged, then the application is told; no other
connection notices. What must not be swallowed is raised by the loop, in a turn of its own: not
every loop survives that a socket's handler raises.
"""
from __future__ import absolute_import, division, print_function

import sys

from tornado.concurrent import is_future
from tornado.log import app_log, gen_log
from tornado.util import raise_exc_info

from tornado_ws._compat import contexts, futures, loop, tasks, threads
from tornado_ws._errors import WebSocketClosedError

CANCEL_NOTICE = 1.0  # seconds after which a loop that still runs was not ending

_CoroutineType = tasks.CoroutineType
_copy_context = contexts.copy_context
_NEVER_SWALLOWED = (KeyboardInterrupt, SystemExit)


class Callbacks(object):
    """Calls one connection's callbacks.

    Args:
        io_loop: The connection's IOLoop.
        owner: The protocol: `failed` asks it for ``is_closing()``, ``fail_callback()``, and
            ``log_callback_error(*exc_info)``, and for the ``path`` of the request.
        context: What they run in: see `contexts.request_context`.

    Attributes:
        run: ``run(function, *args)`` calls a function in the connection's context.
        thread: See `threads.thread_of`.
    """

    __slots__ = ("run", "thread", "_io_loop", "_owner", "_context", "_start")

    def __init__(self, io_loop, owner, context):
        self.thread = threads.thread_of(io_loop)
        self._io_loop = io_loop
        self._owner = owner
        self._start = loop.local_to(io_loop, tasks.Starter).start
        self._context = context
        self.run = context.run
        if loop.is_reentrant(io_loop):
            self.run = self._run_reentrant

    def forget(self):
        """Let go of the application: the connection is over."""
        self._context = contexts.copy_context()
        self.run = self._context.run
        self._owner = None

    # Into the application.

    def enter(self, function, *args):
        """Call a function in the connection's context, and return what it returns.

        What it fails with does not leave that context: one of Tornado's own kind may swallow it.
        """
        if loop.is_reentrant(self._io_loop):
            self.run = self._run_reentrant
        return self.run(self._guarded, function, args)

    def _guarded(self, function, args):
        try:
            return function(*args)
        except BaseException:
            self.failed(*sys.exc_info())
            return None

    def _run_reentrant(self, function, *args):
        """Do what ``run`` does where a callback that runs the loop may be in that context."""
        try:
            self._context.run(_nothing)
            context = self._context
        except RuntimeError:
            context = self._context.copy()
        return context.run(function, *args)

    def settle_open(self, result):
        """Take care of what ``open`` returned: what it sets, all callbacks see.

        Args, returns and raises as `settle`; it is not called in the connection's context.
        """
        if type(result) is _CoroutineType:
            context = contexts.without_handlers(self._context)
            return self._unless_done(self._start(result, context))
        return self._unless_done(self.run(futures.as_future, result))

    def settle(self, result):
        """Take care of what a callback returned, in the context in which it was called.

        Args:
            result: Anything.

        Returns:
            A Future that is not done, or None.

        Raises:
            BaseException: What a native coroutine failed with.
        """
        if type(result) is _CoroutineType:
            future = self._start(result, _copy_context())
            return future and self._unless_done(future)
        return self._unless_done(futures.as_future(result))

    def _unless_done(self, future):
        if future is None or not future.done():
            return future
        # Not raised: the traceback would refer to frames that refer to the Future.
        failure = futures.failure(future)
        if failure is not None:
            self.failed(*failure)
        return None

    # The guard.

    def failed(self, typ, error, traceback, raised=False):
        """Take what a callback, or the library on its behalf, failed with. Never raises.

        Args:
            typ, error, traceback: As of ``sys.exc_info()``.
            raised: Whether the loop has been told of it already.
        """
        owner = self._owner
        if owner is None:
            gen_log.debug("A callback failed after the connection's end was told: %r", error)
        elif isinstance(error, WebSocketClosedError) and owner.is_closing():
            gen_log.debug("A callback wrote to a connection that was closed meanwhile")
        else:
            owner.fail_callback()
            if isinstance(error, futures.TaskCancelled):
                self._note_cancellation(owner.path)
            elif isinstance(error, _NEVER_SWALLOWED):
                # It may have come by a signal; who raised it, or the interpreter, says so.
                gen_log.debug("%r in a callback of %s", error, owner.path)
            else:
                self._log(owner, typ, error, traceback)
        if isinstance(error, _NEVER_SWALLOWED) and not raised:
            # By a timer: Tornado 4.3 forgets callbacks that would come after one that raises.
            loop.call_later(self._io_loop, 0, raise_exc_info, (typ, error, traceback))

    def take(self, error):
        """Take what a callback that the extension has called failed with; see `failed`."""
        try:
            raise error
        except BaseException:
            self.failed(*sys.exc_info())
        finally:
            error = None  # its traceback refers to this frame

    def _note_cancellation(self, path):
        # At the end of a loop everything is cancelled, and nobody has to know.
        gen_log.debug("A callback of %s was cancelled", path)
        loop.call_later(self._io_loop, CANCEL_NOTICE, gen_log.warning,
                        "A callback of %s was cancelled: the connection was closed", path)

    @staticmethod
    def _log(owner, *exc_info):
        try:
            owner.log_callback_error(*exc_info)
        except Exception:
            try:
                app_log.error("Uncaught exception in %s, which could not be logged", owner.path,
                              exc_info=exc_info)
            except Exception:
                pass  # who would have to be told is who cannot be

    # Threads.

    def is_elsewhere(self):
        """Tell whether another thread than the current one runs the loop."""
        return threads.is_elsewhere(self.thread)

    def call_in_loop(self, function, *args):
        """Have the loop call a function, from another thread.

        Args:
            function: What to call; may return a Future.
            *args: Its arguments.

        Returns:
            A ``concurrent.futures.Future``, or on Python 2 without it one as good: its
            ``result(timeout)`` waits for the value of the function, or of the Future that it
            returned, and raises what they raised. ``cancel()`` before the loop got to it takes
            the call back.
        """
        call = _Call(function, args)
        if not loop.call_from_thread(self._io_loop, call.begin) and call.outcome.cancel():
            call.outcome = threads.ThreadFuture()
            call.outcome.set_exception(WebSocketClosedError("the connection's IOLoop is closed"))
        return call.outcome


def close_and_forget(owner, name, code, reason):
    """Close the connection that a handler or client connection has, and have it refer to none.

    Args:
        owner: The handler or client connection.
        name: Of the attribute that has the protocol, or None, or what a program put there.
        code, reason: As of `WebSocketHandler.close`.

    Returns:
        None; in another thread than the loop's, a Future of its outcome.

    Raises:
        ValueError: The code may not be sent, or the reason is too long.
    """
    connection, result = getattr(owner, name), None
    if connection is not None:
        result = connection.close(code, reason)
    if owner._ws_thread is None or not threads.is_elsewhere(owner._ws_thread):
        setattr(owner, name, None)
    elif connection is None:
        result = threads.ThreadFuture()
        result.set_result(None)
    return result


class _Call(object):
    """A call that a loop makes for another thread."""

    def __init__(self, function, args):
        self.outcome = threads.ThreadFuture()
        self._function = function
        self._args = args

    def begin(self):
        function, args = self._function, self._args
        self._function = self._args = None
        if not self.outcome.set_running_or_notify_cancel():
            return
        try:
            result = function(*args)
        except Exception as error:
            self._fail(error)
            return
        if is_future(result):
            result.add_done_callback(self._relay)
        else:
            self.outcome.set_result(result)

    def _relay(self, future):
        failure = futures.failure(future)
        if failure is None:
            self.outcome.set_result(future.result())
        else:
            self._fail(failure[1])

    def _fail(self, error):
        if hasattr(error, "__traceback__"):
            error.__traceback__ = None  # it refers to frames that refer to the outcome
        self.outcome.set_exception(error)


def _nothing():
    """Stand in for a function, to try whether a context can be entered."""
