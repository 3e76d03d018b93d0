"""The ways into a loop of Tornado's own; `loop` chooses."""
from __future__ import absolute_import, division, print_function

from tornado_ws._compat.contexts import detached


def call_soon(io_loop, function, *args):
    """Call a function in the next turn of a loop, from the loop's own thread."""
    detached(io_loop.add_callback, function, *args)


def is_closed(io_loop):
    """Tell whether a loop was closed."""
    return getattr(io_loop, "_closing", False) or getattr(io_loop, "closing", False)


def is_reentrant(io_loop):
    """Tell whether callbacks may run a loop that is running: none of these."""
    return False


def take_events(io_loop, sock, events, handler):
    """Have a handler called in place of the one that a socket has.

    Args:
        io_loop: The IOLoop.
        sock: The socket, which has a handler.
        events: What the loop listens for.
        handler: As of ``IOLoop.add_handler``.
    """
    io_loop.remove_handler(sock)
    detached(io_loop.add_handler, sock, handler, events)


def serve_reads(io_loop, sock, function):
    """Do nothing: a socket's handler is all that this loop calls."""
