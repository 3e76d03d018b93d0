"""The ways into an IOLoop.

Timers and readers are registered without a context: they are the connection's, and it enters its
own whatever Handle an event comes in. A cancelled timer would keep a context, and with it perhaps
the handler, until its time.
"""
from __future__ import absolute_import, division, print_function

import sys

import tornado

from tornado_ws._compat.contexts import detached

_LOCALS = "_tornado_ws"

if tornado.version_info < (5,) or sys.version_info < (3,):
    # Tornado < 5.0, or Python 2: the loop is Tornado's own.
    from tornado_ws._compat.own_loop import (call_soon, is_closed, is_reentrant,  # noqa: F401
                                             serve_reads, take_events)
else:
    # Tornado >= 5.0 on Python 3: it is asyncio's.
    from tornado_ws._compat.asyncio_loop import (call_soon, is_closed, is_reentrant,  # noqa: F401
                                                 serve_reads, take_events)


def call_later(io_loop, seconds, function, *args):
    """Call a function later; return what ``IOLoop.remove_timeout`` takes."""
    return detached(io_loop.call_later, seconds, function, *args)


def call_from_thread(io_loop, function, *args):
    """Have a loop call a function, from any thread.

    Returns:
        Whether it will, as far as can be told: False if the loop is closed.
    """
    def call():
        # Tornado < 4.5 waits for what is in a list that it returns, and so again for that list.
        function(*args)

    try:
        io_loop.add_callback(call)
    except RuntimeError:
        return False
    return not is_closed(io_loop)


def local_to(io_loop, kind):
    """Return the one object of a kind that a loop has; make it if there is none.

    It is kept by the loop itself: a registry of loops would keep them, since such objects refer to
    their loop.

    Args:
        io_loop: The IOLoop.
        kind: A class, called with the loop.
    """
    locals_ = io_loop.__dict__.setdefault(_LOCALS, {})
    found = locals_.get(kind)
    if found is None:
        found = locals_[kind] = kind(io_loop)
    return found
