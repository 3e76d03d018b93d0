"""First steps by hand: for Pythons of which asyncio's Tasks cannot start eagerly (3.7 to 3.11).

While the first step is taken, a spare Task is the current one. If the coroutine ends there, the
spare one is used again, unless somebody refers to it by then, weakly too, or has named, changed or
cancelled it; if it suspends, the Task is its own from then on. A spare Task that nobody needs ends
by itself in the next turn of the loop.
"""
from __future__ import absolute_import, division, print_function

import itertools
import sys
from asyncio import CancelledError
from asyncio.tasks import _current_tasks
from weakref import getweakrefcount

from tornado_ws._compat.contexts import detached
from tornado_ws._compat.counted import CountedTask
from tornado_ws._compat.factory import make_task


class _Steps(object):
    """To a Task it is a coroutine: one whose first step was taken already, or none.

    Attributes:
        shown: The coroutine that a Task shows as its own; None while it is spare.
    """

    _coroutine = shown = None

    def take(self, coroutine, context, yielded):
        """Go on with a coroutine that yielded something in its first step."""
        self._coroutine = self.shown = coroutine
        self._context = context
        self._yielded = (yielded,)
        if yielded is not None:
            # The mark says to whom a Future was yielded: to nobody yet, and others may wait too.
            yielded._asyncio_future_blocking = False

    def send(self, value):
        """Take a step."""
        if self._coroutine is None:
            raise StopIteration  # nobody needed this Task
        if self._yielded:
            return self._hand_over()
        return self._context.run(self._coroutine.send, value)

    def throw(self, *exc_info):
        """Raise an exception, which is a cancellation if nothing was awaited yet."""
        try:
            if self._coroutine is None:
                raise exc_info[1] if len(exc_info) > 1 else exc_info[0]
            if self._yielded:
                awaited = self._hand_over()
                if awaited is not None and awaited.cancel():
                    return awaited
            return self._context.run(self._coroutine.throw, *exc_info)
        finally:
            exc_info = awaited = None  # to which the traceback would refer

    def _hand_over(self):
        yielded, = self._yielded
        self._yielded = ()
        if yielded is not None:
            yielded._asyncio_future_blocking = True
        return yielded

    def close(self):
        """End what is not finished: called for a Task that is not."""
        if self._coroutine is not None:
            self._coroutine.close()

    def __await__(self):
        """Make this a coroutine to `collections.abc`; nobody awaits it."""
        return self

    def __getattr__(self, name):
        # Names, ``cr_frame`` and their like, by which asyncio shows where a Task is.
        if name.startswith("cr_") or name in ("__name__", "__qualname__"):
            return getattr(self.shown, name)
        raise AttributeError(name)


_set = CountedTask.__setattr__


class _Task(CountedTask):
    """A Task that knows whether anybody has left something with it."""

    is_untouched = True

    def __setattr__(self, name, value):
        _set(self, "is_untouched", False)
        _set(self, name, value)

    if hasattr(CountedTask, "set_name"):
        # Python >= 3.8: Tasks have names.
        def set_name(self, name):
            _set(self, "is_untouched", False)
            super(_Task, self).set_name(name)

    def add_done_callback(self, *args, **kwargs):
        _set(self, "is_untouched", False)
        super(_Task, self).add_done_callback(*args, **kwargs)

    def get_coro(self):
        """Return the callback's own coroutine."""
        return self._coro.shown


def _make_task(loop):
    task = _Task(_Steps(), loop=loop)
    _set(task, "_log_destroy_pending", False)  # its loop was closed: its owner's to say
    return task


_numbers = itertools.count()


def _count_up(task):
    return next(_numbers)


# Who counts no references (PyPy) cannot tell: there each coroutine uses a Task up.
_count_references = getattr(sys, "getrefcount", None) or _count_up


class Starter(object):
    """Starts the coroutines of one loop's connections.

    Args:
        io_loop: The IOLoop.
    """

    def __init__(self, io_loop):
        self._loop = io_loop.asyncio_loop
        self._get_task_factory = self._loop.get_task_factory
        self._spare = self._steps = None

    def start(self, coroutine, context):
        """Take a coroutine's first step.

        Args:
            coroutine: A coroutine that was not started.
            context: What it runs in.

        Returns:
            None if it is done, else a Future of its outcome.

        Raises:
            BaseException: What the coroutine raised.
        """
        loop, task, steps = self._loop, self._spare, self._steps
        if self._get_task_factory() is not None:
            return make_task(loop, coroutine, context)
        if task is None or task.done():
            task = self._spare = detached(_make_task, loop)
            steps = self._steps = task._coro
            self._references = _count_references(task)
            self._weak_references = getweakrefcount(task)
        outer = _current_tasks.get(loop)
        _current_tasks[loop] = task
        steps.shown = coroutine
        yielded = self  # what no coroutine yields
        try:
            yielded = context.run(coroutine.send, None)
        except StopIteration:
            if task._must_cancel:
                raise CancelledError  # as of a Task that ends though it is to be cancelled
            return None
        finally:
            if outer is None:
                del _current_tasks[loop]
            else:
                _current_tasks[loop] = outer
            steps.shown = None
            # Whoever has it, or has left something with it, takes it for the coroutine's own.
            if (yielded is not self or not task.is_untouched or task._must_cancel
                    or _count_references(task) > self._references
                    or getweakrefcount(task) > self._weak_references):
                self._spare = None
        if task.done():
            # The coroutine has run the loop, in which the unused Task has ended.
            task = detached(_make_task, loop)
        task._coro.take(coroutine, context, yielded)
        return task
