"""Tasks made as an application wants them: by the task factory of its event loop."""
from __future__ import absolute_import, division, print_function


def make_task(loop, coroutine, context):
    """Have a loop make a Task.

    Args:
        loop: The event loop of asyncio.
        coroutine: A coroutine that was not started.
        context: What it runs in; a copy of it where that cannot be handed on.

    Returns:
        What the loop's task factory makes.
    """
    try:
        return loop.create_task(coroutine, context=context)
    except TypeError:
        # Python < 3.11, or a factory as they were before: neither knows of contexts.
        return context.run(loop.create_task, coroutine)
