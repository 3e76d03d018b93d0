"""The Futures of ``read_message``: a read that is cancelled takes no message."""
from __future__ import absolute_import, division, print_function

from tornado_ws._compat import futures


class Read(futures.Future):
    """The Future of a read that waits for its message.

    Whoever awaits it may be cancelled in the very turn in which the message has come, as by
    ``asyncio.wait_for``; the message then goes back.

    Attributes:
        give_back: Called with the message.
    """

    __slots__ = ("give_back",)

    def __await__(self):
        return _Reading(self)

    __iter__ = __await__


class _Reading(object):
    """Waits for a `Read`: an iterator as for a coroutine, but without ``yield from``."""

    __slots__ = ("_future", "_waits")

    def __init__(self, future):
        self._future = future
        self._waits = False

    def __iter__(self):
        return self

    def __next__(self):
        future = self._future
        if self._waits or future.done():
            self._future = None
            try:
                raise StopIteration(future.result())
            finally:
                future = None  # to which the traceback of its exception would refer
        self._waits = True
        future._asyncio_future_blocking = True
        return future

    def send(self, value):
        """Go on; only None can be sent."""
        return self.__next__()

    def throw(self, *exc_info):
        """Take what is raised in the one who waits; a message that has come goes back."""
        future, self._future = self._future, None
        if future.done() and not future.cancelled() and future.exception() is None:
            future.give_back(future.result())
        try:
            raise exc_info[1] if len(exc_info) > 1 and exc_info[1] is not None else exc_info[0]
        finally:
            del future, exc_info  # to which the traceback would refer
