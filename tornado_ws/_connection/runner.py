"""One Task for all the coroutines that a connection's callbacks return.

A Task of its own for each message would cost more than the message, and would start it in a
later turn of the loop, after the batch. So the first step of a coroutine is taken at once, as
asyncio's eager tasks do; most need no other. If it suspends, the connection's Task goes on with
it. Inside, ``asyncio.current_task`` is that Task from the first step on, and each coroutine has
its own copy of the context variables, so ``asyncio.timeout`` and their like work as ever.

To the Task a `Runner` is one endless coroutine: an object with ``send`` and ``throw``. What the
current coroutine yields it yields to the Task; between coroutines it waits for ``_wake``.
"""
from __future__ import absolute_import, division, print_function

from tornado_ws import _compat


class Runner(object):
    """Steps coroutines for one connection, one at a time.

    Args:
        io_loop: The IOLoop, which has to be asyncio's.
    """

    def __init__(self, io_loop):
        self._io_loop = io_loop
        self._loop = io_loop.asyncio_loop
        self._task = None
        self._wake = None       # what the Task waits for between coroutines
        self._coroutine = None
        self._context = None
        self._outcome = None    # the Future of the current coroutine
        self._yielded = ()      # what it yielded in its first step, for the Task
        self._stopped = False
        self._entered = None    # the Task while it is the current one

    def start(self, coroutine):
        """Take a coroutine's first step; afterwards `leave` has to be called, some time.

        Args:
            coroutine: A coroutine that was not started.

        Returns:
            None if it is done, else a Future of its outcome.

        Raises:
            Exception: What the coroutine raised.
        """
        if self._coroutine is not None or not (self._entered or self._enter()):
            return _compat.as_future(coroutine)
        context = _compat.copy_context()
        try:
            yielded = context.run(coroutine.send, None)
        except StopIteration:
            return None
        self._context = context
        self._coroutine = coroutine
        self._task.cancel_requested = False
        self._yielded = (yielded,)
        self._outcome = _compat.new_future(self._io_loop)
        self._wake_up()
        return self._outcome

    def _enter(self):
        """Make the Task the current one, which is not done for each coroutine of a batch."""
        if _compat.current_task(self._loop) is not None:
            return False
        if self._task is None:
            self._task = _compat.new_task(self, self._loop)
        self._entered = self._task
        _compat.enter_task(self._loop, self._task)
        return True

    def leave(self):
        """Say that no more coroutines are started for now."""
        task, self._entered = self._entered, None
        if task is not None:
            _compat.leave_task(self._loop, task)

    def stop(self):
        """Let the Task end, once the current coroutine has."""
        self._stopped = True
        self._wake_up()

    def _wake_up(self):
        wake, self._wake = self._wake, None
        if wake is not None and not wake.done():
            wake.set_result(None)

    # What the Task calls.

    def send(self, value):
        """Go on with the current coroutine; give the Task what it has to wait for."""
        if self._yielded:
            yielded, = self._yielded
            self._yielded = ()
            return yielded
        return self._step("send", value)

    def throw(self, *exc_info):
        """Raise an exception, such as a cancellation, in the current coroutine."""
        self._yielded = ()
        if self._coroutine is None:
            self._task = self._wake = None
            raise exc_info[1] if len(exc_info) > 1 else exc_info[0]
        return self._step("throw", *exc_info)

    def close(self):
        """End what is not finished: called for a Task that is not."""
        if self._coroutine is not None:
            self._coroutine.close()

    def __await__(self):
        """Make this a coroutine to `collections.abc`; nobody awaits it."""
        return self

    def _step(self, method, *args):
        if self._coroutine is not None:
            try:
                return self._context.run(getattr(self._coroutine, method), *args)
            except StopIteration:
                self._finish(_compat.Future.set_result, None)
            except _compat.CancelledError as error:
                cancelled = self._task.cancel_requested
                self._finish(_compat.Future.set_exception,
                             _compat.TaskCancelled() if cancelled else error)
            except Exception as error:
                self._finish(_compat.Future.set_exception, error)
        if self._stopped:
            raise StopIteration
        self._wake = _compat.new_future(self._io_loop)
        return next(iter(self._wake.__await__()))

    def _finish(self, settle, value):
        self._coroutine = self._context = None
        outcome, self._outcome = self._outcome, None
        settle(outcome, value)
