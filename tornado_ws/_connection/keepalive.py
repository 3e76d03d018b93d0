"""Pings at an interval, and the end of a connection that does not answer them.

A ping goes out every ``interval`` seconds. The first one that is not answered starts the
timeout, from when it has been handed to the socket; it may be longer than the interval, and any
pong ends it.
"""
from __future__ import absolute_import, division, print_function

from tornado_ws._compat import futures, loop
from tornado_ws._connection.deadline import Deadline


class Keepalive(object):
    """Keeps one connection alive.

    Args:
        io_loop: The IOLoop.
        interval: Seconds between pings.
        timeout: Seconds within which a pong has to come, 0 for no limit.
        send_ping: Called without arguments to send a ping; returns its Future, or None if it
            failed, which has stopped this.
        on_timeout: Called without arguments when no pong came; returns whether that ends the
            connection (it does not where reading was paused, so that no pong could be seen).
    """

    def __init__(self, io_loop, interval, timeout, send_ping, on_timeout):
        self._io_loop = io_loop
        self._interval = interval
        self._timeout = timeout
        self._send_ping = send_ping
        self._on_timeout = on_timeout
        self._asked = False     # a ping went out that was not answered
        self._pinged = None     # when it was sent
        self._deadline = None   # for its pong
        self._timer = loop.call_later(io_loop, interval, self._wake)

    def received_pong(self, data):
        """Take notice of a pong.

        Args:
            data: Its payload; that of the pings is empty.

        Returns:
            The seconds since the first ping that was not answered, or None if it answers none.
        """
        self._asked = False
        self._forget_deadline()
        if data or self._pinged is None:
            return None
        since, self._pinged = self._pinged, None
        return max(0.0, self._io_loop.time() - since)

    def stop(self):
        """Send no more pings."""
        self._forget_deadline()
        if self._timer is not None:
            self._io_loop.remove_timeout(self._timer)
            self._timer = None
        self._send_ping = self._on_timeout = None

    def _forget_deadline(self):
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _wake(self):
        self._timer = None
        if self._deadline is not None and self._deadline.is_over():
            return  # it is being judged, and goes on here
        sent = self._send_ping()
        if self._send_ping is None:
            return  # it failed, and we were stopped
        if self._pinged is None:
            self._pinged = self._io_loop.time()
        if self._timeout and not self._asked:
            self._asked = True
            if sent.done():
                self._start_timeout()
            else:
                futures.on_done(self._io_loop, sent, self._on_sent)
        self._timer = loop.call_later(self._io_loop, self._interval, self._wake)

    def _on_sent(self, sent):
        if not sent.cancelled() and sent.exception() is None:
            self._start_timeout()

    def _start_timeout(self):
        if self._asked and self._deadline is None and self._on_timeout is not None:
            self._deadline = Deadline(self._io_loop, self._timeout, self._judge)

    def _judge(self):
        self._deadline = None
        self._asked = False
        if self._on_timeout():
            self.stop()
        elif self._on_timeout is not None and self._timer is None:
            self._wake()
