"""Waiting until little enough waits to be sent."""
from __future__ import absolute_import, division, print_function

from tornado_ws._compat import futures, loop
from tornado_ws._stream.turn import closed_error


def fail_closed(future):
    """Have a Future fail with ``WebSocketClosedError``; nobody has to ask for it."""
    future.set_exception(closed_error())
    future.exception()


class Draining(object):
    """Settles a Future when at most so many bytes of a transport wait, or when it is closed.

    Args:
        transport: The transport.
        to: The number of bytes.
        future: The Future.
    """

    def __init__(self, transport, to, future):
        self._transport = transport
        self._to = to
        self._future = future

    def look(self, written=None):
        """Look how much waits, now and whenever a write is done."""
        transport, future = self._transport, self._future
        if future.done():
            return  # cancelled
        if not transport.batching:
            transport.flush()
        if transport.stream.closed():
            fail_closed(future)
        elif transport.buffered_amount() <= self._to:
            future.set_result(None)
        elif transport.under_way is not None:
            futures.on_done(transport.io_loop, transport.under_way, self.look)
        else:
            loop.call_soon(transport.io_loop, self.look)  # callbacks are being called
