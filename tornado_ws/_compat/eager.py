"""First steps of coroutines where asyncio's Tasks can start eagerly (Python 3.12 and later)."""
from __future__ import absolute_import, division, print_function

import asyncio

from tornado_ws._compat.factory import make_task

# In two steps, so that the Task is at hand when the second one fails.
_new_task, _begin_task = asyncio.Task.__new__, asyncio.Task.__init__


class Starter(object):
    """Starts the coroutines of one loop's connections.

    Args:
        io_loop: The IOLoop.
    """

    def __init__(self, io_loop):
        self._loop = io_loop.asyncio_loop
        self._get_task_factory = self._loop.get_task_factory

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
        loop = self._loop
        if self._get_task_factory() is None:
            task = _new_task(asyncio.Task)
            try:
                _begin_task(task, coroutine, loop=loop, context=context, eager_start=True)
            except BaseException:
                # SystemExit and KeyboardInterrupt: whoever gets them here need not be told again.
                task._log_traceback = False
                raise
        else:
            task = make_task(loop, coroutine, context)
        if not task.done():
            task._log_destroy_pending = False
            return task
        try:
            if task.cancelled():
                raise asyncio.CancelledError
            error = task.exception()
            if error is not None:
                raise error
        finally:
            task = error = None  # to which the traceback would refer
        return None
