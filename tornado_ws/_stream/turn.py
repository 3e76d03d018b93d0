"""What is written together: the turns of a loop, and what became of the bytes.

Frames that are gathered leave in one piece, a *gathering*. Its Futures are done from the start, so
that nobody pays for waiting; they tell the truth all the same, since whoever looks at one looks at
what became of the gathering's bytes, and hands them over first unless callbacks of the connection
are being called: then they leave when these return.
"""
from __future__ import absolute_import, division, print_function

from tornado_ws import _straight
from tornado_ws._compat import futures, loop
from tornado_ws._errors import WebSocketClosedError


def closed_error():
    """Make the error of what can no longer be sent."""
    return WebSocketClosedError("the connection was closed before this was sent")


class Gathering(object):
    """Bytes that leave in one piece.

    Attributes:
        transport: The transport, until the bytes are with the socket or lost.
        lost: Whether the connection was closed before they were with the socket.
        waiters: The Futures, not done, of those of its writes that have to wait.
    """

    __slots__ = ("transport", "lost", "waiters")

    def __init__(self, transport):
        self.transport = transport
        self.lost = False
        self.waiters = []

    def settle(self, lost):
        """Say what became of the bytes; only the first time counts."""
        if self.transport is None:
            return
        self.transport = None
        self.lost = lost
        waiters, self.waiters = self.waiters, ()
        for waiter in waiters:
            if waiter.done():
                continue
            if lost:
                waiter.set_exception(closed_error())
                waiter.exception()  # nobody has to ask for it
            else:
                waiter.set_result(None)

    def hand_over(self):
        """Hand the bytes to the socket, if they still wait and may leave now.

        Raises:
            WebSocketClosedError: They are lost.
        """
        if self.transport is not None:
            self.transport.hand_over(self)
        if self.lost:
            raise closed_error()

    def begin_waiting(self):
        """Hand the bytes over; return a Future if the socket has not taken them yet.

        Raises:
            WebSocketClosedError: They are lost.
        """
        self.hand_over()
        if self.transport is None or self.transport.batching:
            return None
        return self.transport.wait(self)


class Written(futures.Future):
    """The Future of a write that was gathered: done, and true to what became of its bytes.

    Attributes:
        gathering: The `Gathering`.
    """

    __slots__ = ("gathering",)

    def result(self, *timeout):
        """Return None; raise ``WebSocketClosedError`` if the bytes were lost."""
        self.gathering.hand_over()
        return super(Written, self).result(*timeout)

    def exception(self, *timeout):
        """Return a ``WebSocketClosedError`` if the bytes were lost, else None."""
        try:
            self.gathering.hand_over()
        except WebSocketClosedError as error:
            return error
        return super(Written, self).exception(*timeout)

    def exc_info(self):
        """Return the same as Tornado 4's Futures give it."""
        error = self.exception()
        return None if error is None else (type(error), error, None)

    def __await__(self):
        gathering = self.gathering
        transport = gathering.transport
        if not gathering.lost and (transport is None or transport.batching):
            return iter(())
        return futures.Waiting(gathering.begin_waiting)


class Turn(_straight.Turn):
    """The turns of one IOLoop in which something is written.

    Args:
        io_loop: The IOLoop.

    Attributes:
        number: Of the current one.
        gathering: The transports that gather what else is written in it.
        make_future: Makes Futures for the loop.
        make_written: Makes `Written` Futures for it.
    """

    def __init__(self, io_loop):
        self._io_loop = io_loop
        self.make_future = futures.future_maker(io_loop)
        self.make_written = futures.future_maker(io_loop, Written)
        self.number = 0
        self.gathering = []
        self._ends = False

    def make_done(self):
        """Make a Future of what has been sent."""
        future = self.make_future()
        future.set_result(None)
        return future

    def begin(self):
        """Wait for the end of this turn.

        Raises:
            WebSocketClosedError: The loop is closed.
        """
        if not self._ends:
            if loop.is_closed(self._io_loop):
                raise WebSocketClosedError("the connection's IOLoop is closed")
            loop.call_soon(self._io_loop, self._end)
            self._ends = True

    def _end(self):
        self.number += 1
        self._ends = False
        gathering, self.gathering = iter(self.gathering), []
        try:
            for transport in gathering:
                transport.end_turn()
        finally:
            self.gathering += gathering
            if self.gathering:  # Ctrl-C came between: the rest in the next turn
                self.begin()
