"""Native coroutines that callbacks return: the first step at once, the rest in a Task of its own.

A Task for each would cost more than the message; most coroutines end in their first step and need
none. `Starter.start` takes that step, and only a coroutine that suspends has a Task from then on,
which is the one that was current in the first step.
"""
from __future__ import absolute_import, division, print_function

import functools
import sys

import tornado

from tornado_ws._compat.futures import as_future

if sys.version_info < (3,):
    # Python 2: no native coroutines.
    class CoroutineType(object):
        """The type of what nobody can make."""
else:
    # Python >= 3.
    from types import CoroutineType  # noqa: F401 (it is exported)

if tornado.version_info < (5,) or sys.version_info < (3,):
    # Tornado < 5.0, or Python 2: Tornado runs coroutines.
    class Starter(object):
        """Starts the coroutines of one loop's connections.

        Args:
            io_loop: The IOLoop.
        """

        def __init__(self, io_loop):
            pass

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
            return context.run(as_future, coroutine)
elif sys.version_info < (3, 7):
    # Python 3.6: no context variables, in which a step by hand would have to be taken.
    from tornado_ws._compat.counted import CountedTask

    class Starter(object):
        """The same: starts coroutines."""

        def __init__(self, io_loop):
            self._make_task = functools.partial(CountedTask, loop=io_loop.asyncio_loop)

        def start(self, coroutine, context):
            """Have a coroutine take its first step in the next turn, in a Task of its own."""
            task = context.run(self._make_task, coroutine)
            task._log_destroy_pending = False
            return task
elif sys.version_info < (3, 12):
    # Python 3.7-3.11: Tasks cannot start eagerly.
    from tornado_ws._compat.steps import Starter
else:
    # Python >= 3.12: Tasks can start eagerly, in a given context.
    from tornado_ws._compat.eager import Starter  # noqa: F401 (it is exported)
