"""A transport that does not let more than so many bytes wait for a slow peer.

What is written behind a write under way stays here, frame by frame, and is handed to the stream in
portions: so it can be dropped when the limit is passed, and what is said last, the close frame,
comes soon.
"""
from __future__ import absolute_import, division, print_function

import collections

from tornado.iostream import StreamBufferFullError

from tornado_ws._errors import WebSocketClosedError
from tornado_ws._stream.direct import DirectTLSTransport, DirectTransport, transport_kind
from tornado_ws._stream.transport import GATHER_LIMIT, Transport
from tornado_ws._stream.turn import Gathering


class SlowConsumerError(StreamBufferFullError, WebSocketClosedError):
    """More bytes would wait than may: the connection is closed for it."""


def limited_kind(stream):
    """Return the class of the best limited transport for a stream."""
    return _KINDS[transport_kind(stream)]


class Limited(object):
    """The part that the kinds of limited transports have alike.

    Attributes:
        limit: The most bytes that may wait when a message is written.
    """

    def __init__(self, stream, on_data, on_close):
        self._backlog = collections.deque()  # (frame, Future) behind a write under way
        self._backlog_size = 0
        super(Limited, self).__init__(stream, on_data, on_close)

    def write(self, data):
        """Send bytes as `Transport.write` does.

        Raises:
            SlowConsumerError: More bytes would wait than may; these are not sent.
        """
        self._check_limit(len(data))
        return super(Limited, self).write(data)

    def write_quietly(self, data):
        """Do what `write` does; the Future is nobody's."""
        self.write(data)

    def write_large(self, head, payload):
        """Send a frame in two pieces; as `write` otherwise."""
        self._check_limit(len(head) + len(payload))
        if self._write_future is None:
            return super(Limited, self).write_large(head, payload)
        return self._write_behind(head + payload)

    def buffered_amount(self):
        """Tell how many bytes wait for the socket."""
        return super(Limited, self).buffered_amount() + self._backlog_size

    def _check_limit(self, size):
        if self.buffered_amount() + size > self.limit:
            self.flush()  # what is gathered waits for us, not for the peer
            if self.stream.socket is not None and self.buffered_amount() + size > self.limit:
                raise SlowConsumerError("more than max_buffered_amount (%d bytes) would wait to be "
                                        "sent: the peer reads too slowly" % self.limit)

    def _check_room(self, size):
        super(Limited, self)._check_room(size + self._backlog_size)

    def _write_behind(self, data):
        if self.stream.socket is None:
            raise WebSocketClosedError("the connection is closed")
        self._check_room(len(data))
        future = self._turn.make_future()
        self._backlog.append((data, future))
        self._backlog_size += len(data)
        return future

    def flush(self):
        """Send what was gathered, and what waits behind it; raises as `Transport.flush` does."""
        super(Limited, self).flush()
        while self._backlog and self._write_future is None and self.stream.socket is not None:
            self._take_portion()
            super(Limited, self).flush()

    def _take_portion(self):
        gathering, size = Gathering(self), 0
        while self._backlog and size < GATHER_LIMIT:
            data, future = self._backlog.popleft()
            self.gathered.append(data)
            gathering.waiters.append(future)
            size += len(data)
        self._gathering = gathering
        self._unsent += size
        self._backlog_size -= size

    def drop_backlog(self):
        """Drop what the stream has not been handed; the Futures fail."""
        dropped = Gathering(self)
        dropped.waiters = [future for _, future in self._backlog]
        self._backlog.clear()
        self._backlog_size = 0
        dropped.settle(True)

    def _lose_all(self):
        super(Limited, self)._lose_all()
        self.drop_backlog()


class LimitedTransport(Limited, Transport):
    """For any stream."""


class LimitedDirectTransport(Limited, DirectTransport):
    """For TCP."""


class LimitedDirectTLSTransport(Limited, DirectTLSTransport):
    """For TLS."""


_KINDS = {Transport: LimitedTransport, DirectTransport: LimitedDirectTransport,
          DirectTLSTransport: LimitedDirectTLSTransport}
