"""The ways into a loop of asyncio's, from which Tornado's are one step away; `loop` chooses."""
from __future__ import absolute_import, division, print_function

from tornado_ws._compat.contexts import detached


def call_soon(io_loop, function, *args):
    """Call a function in the next turn of a loop, from the loop's own thread."""
    detached(io_loop.asyncio_loop.call_soon, function, *args)


def is_closed(io_loop):
    """Tell whether a loop was closed."""
    return io_loop.asyncio_loop.is_closed()


def is_reentrant(io_loop):
    """Tell whether callbacks may run a loop that is running (nest_asyncio marks it)."""
    return hasattr(io_loop.asyncio_loop, "_nest_patched")


def take_events(io_loop, sock, events, handler):
    """Have a handler called in place of the one that a socket has.

    Args:
        io_loop: The IOLoop.
        sock: The socket, which has a handler.
        events: What the loop listens for.
        handler: As of ``IOLoop.add_handler``.
    """
    fd = sock.fileno()
    io_loop.handlers[fd] = io_loop.handlers[fd][0], handler


def serve_reads(io_loop, sock, function):
    """Have a function called when a socket can be read, without its handler.

    It holds until the IOLoop is told to listen no more.
    """
    # Tornado < 6.1: the loop that listens is asyncio's own on every system.
    loop = getattr(io_loop, "selector_loop", io_loop.asyncio_loop)
    detached(loop.add_reader, sock.fileno(), function)
