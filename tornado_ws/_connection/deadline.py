"""Time limits that do not blame a peer for a loop that stood still."""
from __future__ import absolute_import, division, print_function

from tornado_ws._compat import loop


class Deadline(object):
    """Calls a function when a time is over and what came meanwhile has been read.

    A loop that was blocked finds timers and sockets ready together, and some loops look at the
    timers first. What they schedule for the next turn comes before the sockets too; after two
    turns everybody has been heard.

    Args:
        io_loop: The IOLoop.
        seconds: From now on.
        function: Called without arguments.
    """

    __slots__ = ("_io_loop", "_function", "_timer")

    def __init__(self, io_loop, seconds, function):
        self._io_loop = io_loop
        self._function = function
        self._timer = loop.call_later(io_loop, seconds, self._on_time)

    def cancel(self):
        """Take it back, also when the time is over but nothing was called yet."""
        self._function = None
        if self._timer is not None:
            self._io_loop.remove_timeout(self._timer)
            self._timer = None

    def is_over(self):
        """Tell whether the time is over, so that the function will be called soon."""
        return self._timer is None

    def _on_time(self):
        self._timer = None
        loop.call_soon(self._io_loop, loop.call_soon, self._io_loop, self._judge)

    def _judge(self):
        function, self._function = self._function, None
        if function is not None:
            function()
