"""One IOStream, once its HTTP part is over: reading, writing, ending.

Reading: one read of whatever is there, handed to ``on_data``, and control back to the IOLoop
before the next. A paused transport does not read, so TCP holds the peer back.

Writing: at most one write is under way on the stream, and what is written meanwhile is gathered
behind it. Otherwise it depends on who writes. While callbacks of the connection are being called
(``batching``) frames are gathered until they return; but the first that the last callback of a
batch writes leaves at once, and so does each that a callback writes after it has taken `PATIENCE`.
Anybody else's first write in a turn of the loop leaves at once, the others at the end of the turn.
What becomes of a write its Future tells: see `turn`.

Ending: `close` and `half_close` send what is gathered first; both are bounded in time.
"""
from __future__ import absolute_import, division, print_function

import socket
import time

from tornado.iostream import SSLIOStream, StreamBufferFullError, StreamClosedError

from tornado_ws import _straight
from tornado_ws._compat import contexts, futures, loop
from tornado_ws._errors import WebSocketClosedError
from tornado_ws._stream.turn import Gathering, Turn

READ_SIZE = 66 * 1024  # a message of 64 KiB with its header
LARGE_READ_SIZE = 256 * 1024
GATHER_LIMIT = 64 * 1024
LARGE_PIECE = 128 * 1024  # what is not copied; for more, malloc may fetch new pages each time
PATIENCE = 0.005  # seconds that a callback may take before each of its writes leaves at once

_now = getattr(time, "monotonic", time.time)


class Transport(_straight.Transport):
    """Bytes in and out of an IOStream; what they mean is not known here.

    Args:
        stream: The IOStream, detached from HTTP.
        on_data: Called with the bytes of each read.
        on_close: Called once, when the stream is closed and all that it had is read.

    Attributes:
        paused: Whether nothing is read.
        read_size: The most bytes of one read.
        batching: Whether callbacks of the connection are being called.
        last: Whether the one that is being called is the last of its batch.
        gathered: Buffers that wait to be sent.
        wrote: Since when the callback that is being called has been writing: None if it has not,
            0 if nobody asked the clock yet. Whoever calls a callback sets it to None.
        cut: Whether the stream was closed because the peer took too long to end.
        on_gone: Functions to call with the transport when the stream is closed, a tuple.
    """

    cut = False
    on_gone = ()

    def __init__(self, stream, on_data, on_close):
        self.stream = stream
        self.io_loop = stream.io_loop
        self._on_data = on_data
        self._on_close = on_close
        self.paused = True
        self.read_size = READ_SIZE
        self._read_future = None
        self.batching = self.last = False
        self.wrote = None
        self._turn = loop.local_to(self.io_loop, Turn)
        self._turn_number = -1
        self.gathered = []
        self._gathering = self._written = self._sent = None
        self._in_turn = False
        self._unsent = 0
        self._write_future = None
        self._plain = None
        self._under_way = None    # what the write belongs to of which that is the Future
        self._size_under_way = 0
        self._at_end = None       # what to do when all is sent
        self._timer = None
        contexts.detached(stream.set_close_callback, self._on_stream_close)
        if not stream.closed() and stream.writing():
            # What HTTP has written leaves first; a write of nothing is done when it has.
            self._under_way = Gathering(self)
            self._write([b""])
            if self._write_future is None:
                self._under_way = None

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
            loop.call_soon(self.io_loop, self._on_read, future)
        else:
            contexts.detached(future.add_done_callback, self._on_read)

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
            self._timer = None
        self._lose_all()
        on_close, self._on_data, self._on_close = self._on_close, _ignore, _ignore
        on_close()
        for function in self.on_gone:
            function(self)

    def _read_rest(self):
        try:
            while self._take(self.stream.read_bytes(READ_SIZE, partial=True)):
                pass
        except (StreamClosedError, EnvironmentError):
            pass  # no more bytes

    # Writing.

    @_straight.before("write")
    def write(self, data):
        """Send bytes, in the order of the calls.

        Args:
            data: bytes, not empty.

        Returns:
            A Future, done unless the socket has to be waited for. It fails with
            `WebSocketClosedError` if the stream is closed before it has taken the bytes.

        Raises:
            WebSocketClosedError: The stream is closed.
            StreamBufferFullError: More bytes would wait than the stream's
                ``max_write_buffer_size``; these are not sent.
        """
        stream = self.stream
        if self._write_future is not None or stream.socket is None:
            return self._write_behind(data)
        if stream.max_write_buffer_size is not None:
            self._check_room(len(data))
        if self.batching:
            if self.wrote is None:
                now = self.last
                self.wrote = _now() if now else 0
            else:
                now = self._has_lost_patience()
        else:
            turn = self._turn
            now = self._turn_number != turn.number
            if now:
                turn.begin()
                self._turn_number = turn.number
        unsent = self._unsent + len(data)
        if now and not self.gathered:
            return self._write_alone(data)
        if now or unsent >= GATHER_LIMIT:
            return self._write_now(data)
        self.gathered.append(data)
        self._unsent = unsent
        return self._written or self._gather()

    @_straight.before("write_quietly")
    def write_quietly(self, data):
        """Do what `write` does, without a Future."""
        stream, turn = self.stream, self._turn
        if self.batching or stream.socket is None or stream.max_write_buffer_size is not None:
            self.write(data)
        elif self._write_future is not None:
            self.gather(data)
        elif self._turn_number != turn.number and not self.gathered:
            turn.begin()
            self._turn_number = turn.number
            self._unsent = len(data)
            self._send((data,))
            if self._write_future is not None:
                self._under_way = Gathering(self)
        else:
            self.gather(data)
            if self._unsent >= GATHER_LIMIT:
                self.flush()
            elif not self._in_turn:
                self._in_turn = True
                turn.gathering.append(self)

    write_control = write  # no limit of messages is for it

    def buffered_amount(self):
        """Tell how many bytes were written here and wait for the socket."""
        if self.stream.socket is None:
            return 0
        if self._write_future is None:
            return self._unsent
        return self._unsent - self._size_under_way + self._left_under_way()

    def _left_under_way(self):
        return self._size_under_way

    @property
    def under_way(self):
        """The Future of the write under way, or None."""
        return self._write_future

    def _has_lost_patience(self):
        now = _now()
        if not self.wrote:
            self.wrote = now
        return now - self.wrote >= PATIENCE

    def _gather(self):
        """Make the Future of what is gathered: one for a batch, else one for each write."""
        if self._gathering is None:
            self._gathering = Gathering(self)
        written = self._turn.make_written()
        written.gathering = self._gathering
        written.set_result(None)
        if self.batching:
            self._written = written
        elif not self._in_turn:
            self._in_turn = True
            self._turn.gathering.append(self)
        return written

    def _write_alone(self, data):
        """Send bytes at once; nothing waits before them."""
        self._unsent = len(data)
        self._send([data])
        if self._write_future is not None:
            self._under_way = Gathering(self)
            return self.wait(self._under_way)
        return self._done()

    def _done(self):
        if not self.batching:
            return self._turn.make_done()
        if self._sent is None:
            self._sent = self._turn.make_done()
        return self._sent

    def _write_now(self, data):
        self.gathered.append(data)
        self._unsent += len(data)
        self.flush()
        if self._write_future is not None:
            return self.wait(self._under_way)
        if self.stream.socket is None:
            raise WebSocketClosedError("the connection is closed")
        return self._done()

    def _write_behind(self, data):
        """Gather bytes behind those of which the stream is still writing."""
        if self.stream.socket is None:
            raise WebSocketClosedError("the connection is closed")
        self._check_room(len(data))
        self.gathered.append(data)
        self._unsent += len(data)
        if self._gathering is None:
            self._gathering = Gathering(self)
        return self.wait(self._gathering)

    def gather(self, data):
        """Add bytes that leave with the next write, or with the next `flush`."""
        self.gathered.append(data)
        self._unsent += len(data)

    def write_large(self, head, payload):
        """Send a frame in two pieces, which need not be joined; as `write` otherwise."""
        if self.stream.socket is None:
            raise WebSocketClosedError("the connection is closed")
        self._check_room(len(head) + len(payload))
        self.gather(head)
        if self._write_future is None:
            return self._write_now(payload)
        return self._write_behind(payload)

    def _check_room(self, size):
        limit = self.stream.max_write_buffer_size  # programs set it at any time
        if limit is not None and self._unsent + size > limit:
            raise StreamBufferFullError("more than max_write_buffer_size (%d bytes) would wait "
                                        "to be sent: the peer reads too slowly" % limit)

    def wait(self, gathering):
        """Return a Future that is done when the stream has taken a gathering's bytes."""
        future = self._turn.make_future()
        gathering.waiters.append(future)
        return future

    def hand_over(self, gathering):
        """Send a gathering's bytes, unless callbacks are being called, which may write more."""
        if gathering is self._gathering and not self.batching:
            self.flush()

    def end_turn(self):
        """Send what was gathered in a turn of the loop. Raises as `flush` does."""
        self._in_turn = False
        if not self.batching:
            self.flush()

    def flush(self):
        """Send what was gathered. What cannot be sent closes the stream.

        Raises:
            KeyboardInterrupt, SystemExit: They came meanwhile; the stream is closed.
        """
        if not self.gathered or self._write_future is not None:
            return
        gathered, self.gathered = self.gathered, []
        gathering, self._gathering = self._gathering, None
        self._written = None
        lost = True
        try:
            self._send(gathered)
            lost = False
        except WebSocketClosedError:
            pass  # the close callback comes
        except BaseException as error:  # StreamBufferFullError, MemoryError, ...
            self.stream.close(exc_info=True)
            if not isinstance(error, Exception):
                raise
        finally:
            if self._write_future is not None:
                self._under_way = gathering or Gathering(self)
            elif gathering is not None:
                gathering.settle(lost)

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
            self._size_under_way = self._unsent
            futures.on_done(self.io_loop, future, self._on_written)
        elif future.exception() is not None:
            raise WebSocketClosedError("the connection is closed")
        else:
            self._unsent = 0

    def _on_written(self, future):
        self._write_future = None
        if future.cancelled() or future.exception() is not None:
            return  # the close callback comes
        self._unsent -= self._size_under_way
        done, self._under_way = self._under_way, None
        self.flush()
        done.settle(False)
        self._end_if_sent()

    def _lose_all(self):
        for gathering in (self._under_way, self._gathering):
            if gathering is not None:
                gathering.settle(True)
        self._under_way = self._gathering = self._written = None
        self.gathered = []

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
        """Close the stream at once, after a try to send what is gathered."""
        self.flush()
        self.stream.close()

    def _end(self, action, timeout):
        self._at_end = action
        self.flush()
        self._end_if_sent()
        if self._timer is None and not self.stream.closed():
            self._timer = loop.call_later(self.io_loop, timeout, self._cut_off)

    def _cut_off(self):
        self.cut = True
        self.stream.close()

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
