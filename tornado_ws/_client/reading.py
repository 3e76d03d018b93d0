"""The Futures of ``read_message``: a read that is cancelled takes no message."""
from __future__ import absolute_import, division, print_function

import functools

from tornado_ws._compat import futures


class Read(futures.Future):
    """The Future of a read that waits for its message.

    Whoever awaits it may be cancelled in the very turn in which the message has come, as by
    ``asyncio.wait_for``; the message then goes back.

    Attributes:
        give_back: Called with the message.
    """

    give_back = None

    def __await__(self):
        return futures.Waiting(functools.partial(_itself, self), self._undo)

    __iter__ = __await__

    def _undo(self):
        if self.done() and not self.cancelled() and self.exception() is None:
            give_back, self.give_back = self.give_back, None
            if give_back is not None:
                give_back(self.result())


def _itself(future):
    return future
