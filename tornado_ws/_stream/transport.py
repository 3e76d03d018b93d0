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
        ends: Whether the end of the current one is waited for.
        corked: The transports that gather what else is written in it.
        accepted: The Future of all writes that need not be waited for, which is done.
    """

    def __init__(self, io_loop):
        self.accepted = _compat.new_future(io_loop)
        self.accepted.set_result(None)
        self._io_loop = weakref.ref(io_loop)
        self.number = 0
        self.ends = False
        self.corked = []

    def begin(self):
        """Wait for the end of this turn."""
        self.ends = True
        _compat.call_soon(self._io_loop(), self._end)

    def _end(self):
        self.number += 1
        self.ends = False
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
        self._unsent = 0          # bytes that were written here and that the stream has not taken
        self._write_future = None
        self._under_way = 0       # bytes of the write of which that is the Future
        self._waiters = []        # Futures of its bytes
        self._next_waiters = []   # Futures of what was gathered since
        self._limit = stream.max_write_buffer_size
        self._gather_limit = CORK_LIMIT if self._limit is None else min(CORK_LIMIT, self._limit)
        self._turn = _turns.get(self.io_loop)
        if self._turn is None:
            self._turn = _turns[self.io_loop] = _Turn(self.io_loop)
        self._turn_number = None  # of the last turn in which a write was sent at once
        self._accepted = self._turn.accepted
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
        self._read_rest()
        if self.stream.error is not None:
            self.stream.error.__traceback__ = None  # it refers to the frames that used the stream
        if self._timer is not None:
            self.io_loop.remove_timeout(self._timer)
        on_close, self._on_data, self._on_close = self._on_close, _ignore, _ignore
        for waiter in self._waiters + self._next_waiters:
            if not waiter.done():
                waiter.set_exception(WebSocketClosedError("the connection was closed"))
                waiter.exception()  # nobody has to ask for it
        on_close()

    def _read_rest(self):
        try:
            while self._take(self.stream.read_bytes(READ_SIZE, partial=True)):
                pass
        except (StreamClosedError, EnvironmentError):
            pass  # no more bytes

    # Writing.

    def cork(self):
        """Gather what is written until the matching `uncork`."""
        self._corks += 1

    def uncork(self):
        """Send what was gathered since the matching `cork`."""
        self._corks -= 1
        if not self._corks and self._gathered:
            self.flush()

    def flush(self):
        """Send what was gathered, corked or not."""
        if self._gathered and self._write_future is None:
            gathered, self._gathered = self._gathered, []
            try:
                self._send(gathered)
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
        unsent = self._unsent + len(data)
        if self._write_future is None:
            if not self._corks and self._turn_number != self._turn.number:
                self._begin_turn()
            elif unsent < self._gather_limit and self.stream.socket is not None:
                self._gathered.append(data)
                self._unsent = unsent
                if not self._corks:
                    self._corks = 1
                    self._turn.corked.append(self)
                return self._accepted
        if self._limit is not None:
            self._check_room(len(data))
        self._unsent = unsent
        if self._write_future is not None:
            self._gathered.append(data)
            return self._wait(self._next_waiters)
        if self._gathered:
            gathered, self._gathered = self._gathered, []
            gathered.append(data)
            self._send(gathered)
        else:
            self._send([data])
        return self._accepted if self._write_future is None else self._wait(self._waiters)

    def _begin_turn(self):
        turn = self._turn
        self._turn_number = turn.number
        if not turn.ends:
            turn.begin()

    def write_large(self, head, payload):
        """Send a frame in two pieces, which need not be joined; as `write` otherwise."""
        self._check_room(len(head) + len(payload))
        self._gathered.append(head)
        self._unsent += len(head)
        return self.write(payload)

    def _check_room(self, size):
        limit = self._limit
        if limit is not None and self._unsent + size > limit:
            raise StreamBufferFullError("more than max_write_buffer_size (%d bytes) would wait "
                                        "to be sent: the peer reads too slowly" % limit)

    def _wait(self, waiters):
        future = _compat.new_future(self.io_loop)
        waiters.append(future)
        return future

    def _send(self, buffers):
        """Send all that is not sent yet; no write is under way."""
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
            self._under_way = self._unsent
            future.add_done_callback(self._on_written)
        elif future.exception() is not None:
            raise WebSocketClosedError("the connection is closed")
        else:
            self._unsent = 0

    def _on_written(self, future):
        self._write_future = None
        if future.cancelled() or future.exception() is not None:
            return  # the close callback comes
        self._unsent -= self._under_way
        done, self._waiters, self._next_waiters = self._waiters, self._next_waiters, []
        self.flush()
        if self._write_future is None:
            done, self._waiters = done + self._waiters, []
        for waiter in done:
            if not waiter.done():
                waiter.set_result(None)
        self._end_if_sent()

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
        self.flush()
        self._end_if_sent()
        if self._timer is None and not self.stream.closed():
            self._timer = self.io_loop.call_later(timeout, self.stream.close)

    def _end_if_sent(self):
        if self._at_end is not None and not self._unsent:
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
