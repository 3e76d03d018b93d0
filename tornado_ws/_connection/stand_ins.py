"""What stands in for the parts of a connection that there are no more."""
from __future__ import absolute_import, division, print_function


class AlwaysOpen(object):
    """Stands in for a stream that was closed before."""

    socket = True


class Nobody(object):
    """Stands in for the handler once a message was dropped: better an early end than a gap."""

    @staticmethod
    def on_message(message):
        """Drop a message."""
