"""Pings whose pongs somebody waits for."""
from __future__ import absolute_import, division, print_function

import os

from tornado_ws._stream.draining import fail_closed

PROBE_SIZE = 4  # bytes


class Probes(object):
    """The pings of one connection that were sent to measure its latency.

    Args:
        io_loop: The IOLoop.
    """

    def __init__(self, io_loop):
        self._io_loop = io_loop
        self._waiting = []  # (data, when it was sent, Future), in order

    def add(self, future):
        """Take notice of a ping that is sent now; return its data."""
        data = os.urandom(PROBE_SIZE)
        self._waiting.append((data, self._io_loop.time(), future))
        return data

    def received_pong(self, data):
        """Take notice of a pong.

        RFC 6455 section 5.5.3: one who has not answered earlier pings "MAY elect to send a Pong
        frame for only the most recently processed Ping frame"; so it answers those as well.

        Args:
            data: Its payload.
        """
        for number, probe in enumerate(self._waiting, 1):
            if probe[0] == data:
                answered = self._waiting[:number]
                del self._waiting[:number]
                now = self._io_loop.time()
                for _, since, future in answered:
                    if not future.done():
                        future.set_result(max(0.0, now - since))
                return

    def fail(self):
        """Take notice of the connection's end."""
        waiting, self._waiting = self._waiting, []
        for _, _, future in waiting:
            if not future.done():
                fail_closed(future)
