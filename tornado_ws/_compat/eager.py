"""First steps of coroutines where asyncio's Tasks can start eagerly (Python 3.12 and later)."""
from __future__ import absolute_import, division, print_function

import asyncio


class Starter(object):
    """Starts the coroutines of one loop's connections.

    Args:
        io_loop: The IOLoop.
    """

    def __init__(self, io_loop):
        self._loop = io_loop.asyncio_loop

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
        task = asyncio.Task(coroutine, loop=self._loop, context=context, eager_start=True)
        if not task.done():
            task._log_destroy_pending = False
            return task
        if task.cancelled():
            raise asyncio.CancelledError
        error = task.exception()
        if error is None:
            return None
        try:
            raise error
        finally:
            task = error = None  # which the traceback would refer to
