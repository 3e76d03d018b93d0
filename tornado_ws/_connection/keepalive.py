"""Pings at an interval, and the end of a connection that does not answer them.

A ping goes out every ``interval`` seconds. The first one that is not answered starts the
timeout, which may be longer than the interval; any pong ends it.
"""
from __future__ import absolute_import, division, print_function


class Keepalive(object):
    """Keeps one connection alive.

    Args:
        io_loop: The IOLoop.
        interval: Seconds between pings.
        timeout: Seconds within which a pong has to come, 0 for no limit.
        send_ping: Called without arguments to send a ping.
        on_timeout: Called without arguments when no pong came; returns whether that ends the
            connection (it does not where reading was paused, so that no pong could be seen).
    """

    def __init__(self, io_loop, interval, timeout, send_ping, on_timeout):
        self._io_loop = io_loop
        self._interval = interval
        self._timeout = timeout
        self._send_ping = send_ping
        self._on_timeout = on_timeout
        self._deadline = None
        self._next_ping = io_loop.time() + interval
        self._timer = io_loop.add_timeout(self._next_ping, self._wake)

    def received_pong(self):
        """Take notice of a pong."""
        self._deadline = None

    def stop(self):
        """Send no more pings."""
        if self._timer is not None:
            self._io_loop.remove_timeout(self._timer)
            self._timer = None
        self._send_ping = self._on_timeout = None

    def _wake(self):
        self._timer = None
        now = self._io_loop.time()
        if self._deadline is not None and now >= self._deadline:
            self._deadline = None
            if self._on_timeout() or self._on_timeout is None:
                return
        if now >= self._next_ping:
            self._send_ping()
            if self._send_ping is None:
                return  # it failed, and we were stopped
            self._next_ping = now + self._interval
            if self._timeout and self._deadline is None:
                self._deadline = now + self._timeout
        wake = self._next_ping if self._deadline is None else min(self._next_ping, self._deadline)
        self._timer = self._io_loop.add_timeout(wake, self._wake)
