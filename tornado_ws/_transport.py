"""Bytes in and out of one IOStream; what they mean is not known here.

Reading: one read of whatever is there, handed to ``on_data``, and control back to the IOLoop
before the next. A paused transport does not read, so TCP holds the peer back.

Writing: at most one write is under way on the stream. What is written meanwhile, or while the
transport is corked, is gathered and leaves in one piece. Each write has a Future; it is done at
once where the stream takes the bytes without waiting, or where it has nothing else to send and
the gathered bytes are few (they are sent in this turn of the loop).

Ending: `close` and `half_close` send what is gathered first; both are bounded in time.
"""
from __future__ import absolute_import, division, print_function

import collections
import socket
import weakref

from tornado.iostream import SSLIOStream, StreamBufferFullError, StreamClosedError

from tornado_ws import _compat
from tornado_ws._errors import WebSocketClosedError

READ_SIZE = 66 * 1024  # a message of 64 KiB with its header
LARGE_READ_SIZE = 256 * 1024
CORK_LIMIT = 64 * 1024
LARGE_PIECE = 128 * 1024  # what is not copied; for more, malloc may fetch new pages each time


class _Turn(object):
    """The turns of one IOLoop in which something is written.

    Attributes:
        number: Of the current one.
        corked: The transports that gather what else is written in it.
    """

    def __init__(self, io_loop):
        self._io_loop = weakref.ref(io_loop)
        self.number = 0
        self.corked = []
        self._ends = False

    def begin(self):
        """Return the number of this turn, which will end."""
        if not self._ends:
            self._ends = True
            _compat.call_soon(self._io_loop(), self._end)
        return self.number

    def _end(self):
        self.number += 1
        self._ends = False
        corked, self.corked = self.corked, []
        for transport in corked:
            transport.uncork()


_turns = weakref.WeakKeyDictionary()


class Transport(object):
    """One IOStream, once its HTTP part is over.

    Args:
        stream: The IOStream, detached from HTTP.
        on_data: Called with the bytes of each read.
        on_close: Called once, when the stream is closed and all that it had is read.

    Attributes:
        paused: Whether nothing is read.
        read_size: The most bytes of one read.
    """

    def __init__(self, stream, on_data, on_close):
        self.stream = stream
        self.io_loop = stream.io_loop
        self._on_data = on_data
        self._on_close = on_close
        self.paused = True
        self.read_size = READ_SIZE
        self._read_future = None
        self._corks = 0
        self._gathered = []
        self._total = 0           # bytes that were written here, ever
        self._sent = 0            # bytes of them that the stream has taken
        self._write_future = None
        self._write_end = 0       # what _sent becomes when it is done
        self._limit = stream.max_write_buffer_size
        self._gather_limit = CORK_LIMIT if self._limit is None else min(CORK_LIMIT, self._limit)
        self._waiters = collections.deque()  # (total, Future) of writes that wait
        self._turn = _turns.get(self.io_loop)
        if self._turn is None:
            self._turn = _turns[self.io_loop] = _Turn(self.io_loop)
        self._turn_number = None  # of the last turn in which a write was sent at once
        self._accepted = _compat.new_future(self.io_loop)
        self._accepted.set_result(None)
        self._at_end = None       # what to do when all is sent
        self._timer = None
        with _compat.no_stack_context():
            stream.set_close_callback(self._on_stream_close)

    # Reading.

    def pause(self):
        """Read no more until `resume`."""
        self.paused = True

    def resume(self):
        """Read, starting in a later turn of the loop."""
        if self.paused:
            self.paused = False
            self._read()

    def _read(self):
        if self._read_future is not None or self.stream.closed():
            return  # of a closed stream the close callback reads the rest
        try:
            future = self.stream.read_bytes(self.read_size, partial=True)
        except (StreamClosedError, EnvironmentError):
            return
        self._read_future = future
        if future.done():
            self.io_loop.add_callback(self._on_read, future)
        else:
            future.add_done_callback(self._on_read)

    def _on_read(self, future):
        if self._read_future is not future:
            return  # taken when the stream was closed
        self._read_future = None
        self._take(future)
        if not self.paused:
            self._read()

    def _take(self, future):
        if future.cancelled() or future.exception() is not None:
            return False  # the close callback comes
        self._on_data(future.result())
        return True

    def _on_stream_close(self):
        future, self._read_future = self._read_future, None
        if future is not None:
            self._take(future)
        try:
            while self._take(self.stream.read_bytes(READ_SIZE, partial=True)):
                pass
        except (StreamClosedError, EnvironmentError):
            pass  # no more bytes
        if self.stream.error is not None:
            self.stream.error.__traceback__ = None  # it refers to the frames that used the stream
        if self._timer is not None:
            self.io_loop.remove_timeout(self._timer)
        on_close, self._on_data, self._on_close = self._on_close, _ignore, _ignore
        self._fail_waiters()
        on_close()

    # Writing.

    def cork(self):
        """Gather what is written until the matching `uncork`."""
        self._corks += 1

    def uncork(self):
        """Send what was gathered since the matching `cork`."""
        self._corks -= 1
        if not self._corks:
            self.flush()

    def flush(self):
        """Send what was gathered, corked or not."""
        if self._gathered and self._write_future is None:
            try:
                self._send()
            except WebSocketClosedError:
                pass  # the close callback comes

    def write(self, data):
        """Send bytes, in the order of the calls.

        Args:
            data: bytes, not empty.

        Returns:
            A Future, done when the stream has taken the bytes; it fails with
            `WebSocketClosedError` if the stream is closed before.

        Raises:
            WebSocketClosedError: The stream is closed.
            StreamBufferFullError: More bytes would wait than the stream's
                ``max_write_buffer_size``; these are not sent.
        """
        total = self._total + len(data)
        if (self._write_future is None and (self._corks or self._turn_number == self._turn.number)
                and total - self._sent < self._gather_limit and not self.stream.closed()):
            self._gathered.append(data)
            self._total = total
            if not self._corks:
                self._corks = 1
                self._turn.corked.append(self)
            return self._accepted
        self._check_room(len(data))
        self._gathered.append(data)
        self._total = total
        if self._write_future is None:
            self._send()
            if not self._corks:
                self._turn_number = self._turn.begin()
            if self._write_future is None:
                return self._accepted
        future = _compat.new_future(self.io_loop)
        self._waiters.append((total, future))
        return future

    def write_large(self, head, payload):
        """Send a frame in two pieces, which need not be joined; as `write` otherwise."""
        self._check_room(len(head) + len(payload))
        self._gathered.append(head)
        self._total += len(head)
        return self.write(payload)

    def _check_room(self, size):
        limit = self._limit
        if limit is not None and self._total - self._sent + size > limit:
            raise StreamBufferFullError("more than max_write_buffer_size (%d bytes) would wait "
                                        "to be sent: the peer reads too slowly" % limit)

    def _send(self):
        buffers, self._gathered = self._gathered, []
        self._write([b"".join(buffers)])

    def _write(self, buffers):
        """Hand bytes to the stream; those of the last buffer are the last that it has."""
        try:
            for data in buffers:
                future = self.stream.write(data)
        except StreamClosedError:
            raise WebSocketClosedError("the connection is closed")
        if not future.done():
            self._write_future = future
            self._write_end = self._total
            future.add_done_callback(self._on_written)
        elif future.exception() is not None:
            raise WebSocketClosedError("the connection is closed")
        else:
            self._set_sent(self._total)

    def _on_written(self, future):
        self._write_future = None
        if future.cancelled() or future.exception() is not None:
            return  # the close callback comes
        self._set_sent(self._write_end)
        self.flush()
        self._end_if_sent()

    def _set_sent(self, total):
        self._sent = total
        while self._waiters and self._waiters[0][0] <= total:
            waiter = self._waiters.popleft()[1]
            if not waiter.done():
                waiter.set_result(None)

    def _fail_waiters(self):
        while self._waiters:
            waiter = self._waiters.popleft()[1]
            if not waiter.done():
                waiter.set_exception(WebSocketClosedError("the connection was closed"))
                waiter.exception()  # nobody has to ask for it

    # Ending.

    def close(self, timeout):
        """Close the stream when all is sent.

        Args:
            timeout: Seconds after which it is closed in any case.
        """
        self._end(self.stream.close, timeout)

    def half_close(self, timeout):
        """Send what is gathered, then nothing more; wait for the peer to close.

        What the peer still sends is read and dropped: closing a socket with unread bytes resets
        the connection, and the peer would lose what it has not read yet.

        Args:
            timeout: Seconds after which the stream is closed in any case.
        """
        self._on_data = self._on_close = _ignore
        self.resume()
        self._end(self._shut_down_writing, timeout)

    def abort(self):
        """Close the stream at once."""
        self.stream.close()

    def _end(self, action, timeout):
        self._at_end = action
        if self._timer is None:
            self._timer = self.io_loop.call_later(timeout, self.stream.close)
        self.flush()
        self._end_if_sent()

    def _end_if_sent(self):
        if self._at_end is not None and self._sent == self._total:
            action, self._at_end = self._at_end, None
            action()

    def _shut_down_writing(self):
        # TLS has no half-closed state that IOStream could keep; there only the time limit helps.
        if not isinstance(self.stream, SSLIOStream) and not self.stream.closed():
            try:
                self.stream.socket.shutdown(socket.SHUT_WR)
            except EnvironmentError:
                self.stream.close()  # the peer was faster


def _ignore(*args):
    """Stand in for the callbacks of a transport that has ended."""
