"""What no Tornado has, the same for handlers and client connections.

Programs may use any of these names for their own purposes: all are methods or `Setting`
descriptors, which a subclass or an instance attribute may shadow, and nothing in the package reads
them. What they tell is kept under names that begin with ``_ws_``.
"""
from __future__ import absolute_import, division, print_function

import collections
import numbers

from tornado.ioloop import IOLoop

from tornado_ws._compat import futures
from tornado_ws._semantics import Setting
from tornado_ws._stream.draining import Draining, fail_closed


class Stats(collections.namedtuple("Stats", [
        "messages_in", "messages_out", "message_bytes_in", "message_bytes_out", "wire_bytes_in",
        "wire_bytes_out", "opened_at"])):
    """What a connection has done; see `Additions.ws_stats`."""

    __slots__ = ()


def check_limits(**limits):
    """Check what was given as a limit in seconds or bytes.

    Args:
        **limits: By name; each a number from 0, or None.

    Raises:
        ValueError: One is something else.
    """
    for name, value in sorted(limits.items()):
        if value is not None and not (isinstance(value, numbers.Real) and value >= 0):
            raise ValueError("%s is a number from 0, or None: not %r" % (name, value))


class Additions(object):
    """A mixin of `WebSocketHandler` and `WebSocketClientConnection`."""

    _ws_protocol = None                # while there is a connection whose end was not told
    _ws_sent_close = None, None        # code and reason of our close frame
    _ws_connection_error = None
    _ws_latency = None
    _ws_stats = Stats(0, 0, 0, 0, 0, 0, None)  # after the end
    _ws_closed_waiters = ()            # the Futures of `wait_closed`
    _ws_telling = False                # whether an awaitable of on_close is not done yet

    @Setting
    def sent_close_code(self):
        """The code of the close frame that this side sent, or None: RFC 6455 section 7.4."""
        return self._ws_sent_close[0]

    @Setting
    def sent_close_reason(self):
        """The reason in the close frame that this side sent, or None.

        For a connection that was failed it says what was wrong; 1000 ``ping timed out`` is for a
        peer that did not answer a ping.
        """
        return self._ws_sent_close[1]

    @Setting
    def connection_error(self):
        """The exception that ended the connection without a close frame of the peer's, or None.

        An ``IOError``: what the system said (``ConnectionResetError``), a ``TimeoutError``
        (``socket.timeout`` on Python 2) if the peer did not answer our close frame in time, a
        ``StreamBufferFullError``, or a ``StreamClosedError`` if the socket was closed without a
        word.
        """
        return self._ws_connection_error

    @Setting
    def latency(self):
        """Seconds from the last answered ping of ``ping_interval`` to its pong; None before."""
        return self._ws_latency

    def measure_latency(self):
        """Send a ping and measure how long its pong takes.

        Returns:
            A Future of the seconds. It fails with WebSocketClosedError if the connection is closed
            before; nobody has to look at it. A pong to a later ping counts too.
        """
        future, protocol = self._ws_new_future(), self._ws_protocol
        if protocol is None:
            fail_closed(future)
        else:
            protocol.measure_latency(future)
        return future

    def ws_stats(self):
        """Tell what the connection has done.

        Returns:
            A namedtuple of ``messages_in`` and ``messages_out``, counts; ``message_bytes_in`` and
            ``message_bytes_out``, the bytes of their payloads, uncompressed; ``wire_bytes_in`` and
            ``wire_bytes_out``, the bytes of all frames as they were sent; and ``opened_at``,
            seconds of the IOLoop's clock, None if it never was open. It stays after the end.
        """
        return self._ws_stats if self._ws_protocol is None else self._ws_protocol.stats()

    @Setting
    def buffered_amount(self):
        """How many bytes were accepted that the kernel has not taken yet."""
        protocol = self._ws_protocol
        return 0 if protocol is None else protocol._transport.buffered_amount()

    def wait_drained(self, to=0):
        """Wait until little enough waits to be sent.

        Args:
            to: The number of bytes.

        Returns:
            A Future that is done when at most so many bytes wait. It fails with
            WebSocketClosedError if the connection is closed before; nobody has to look at it.

        Raises:
            ValueError: ``to`` is no number from 0.
        """
        check_limits(to=to)
        future, protocol = self._ws_new_future(), self._ws_protocol
        if protocol is None:
            fail_closed(future)
        else:
            Draining(protocol._transport, to, future).look()
        return future

    def wait_closed(self):
        """Wait for the end of the connection.

        Returns:
            A Future that is done when ``on_close`` has been called and what it returned is done;
            for a client, when its callback has had the final None. Before the connection is open,
            and after its end, it is done already.
        """
        future = self._ws_new_future()
        if self._ws_protocol is None and not self._ws_telling:
            future.set_result(None)
        else:
            self._ws_closed_waiters = [
                waiter for waiter in self._ws_closed_waiters if not waiter.done()] + [future]
        return future

    def _ws_new_future(self):
        protocol = self._ws_protocol
        return futures.new_future(IOLoop.current() if protocol is None else protocol.io_loop)

    def _ws_end(self, protocol, on_close, *args):
        """Call the callback for the end, and tell who waits for it."""
        pending = protocol.call_on_close(on_close, *args)
        self._ws_protocol, self._ws_stats = None, protocol.stats()
        if pending is None:
            self._ws_on_told()
        else:
            self._ws_telling = True
            futures.on_done(protocol.io_loop, pending, self._ws_on_told)

    def _ws_on_told(self, pending=None):
        self._ws_telling = False
        waiters, self._ws_closed_waiters = self._ws_closed_waiters, ()
        futures.tell_all(waiters)
