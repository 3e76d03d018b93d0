"""Bytes in and out of one stream: what a real peer seldom makes happen."""
from __future__ import absolute_import, division, print_function

import errno
import socket
import struct

import pytest
from tornado import gen
from tornado.concurrent import Future
from tornado.ioloop import IOLoop
from tornado.iostream import IOStream, StreamClosedError

from tornado_ws._compat import futures, threads
from tornado_ws._errors import WebSocketClosedError
from tornado_ws._stream import direct as _direct
from tornado_ws._stream.transport import Transport


@pytest.fixture
def ends():
    """Give both ends of a connection."""
    pair = socket.socketpair()
    yield pair
    for end in pair:
        end.close()


@pytest.fixture
def run(ends):
    """Give a function that runs a coroutine on a loop, which ends before the sockets do."""
    loop = IOLoop(make_current=False)
    yield lambda coroutine: loop.run_sync(coroutine, timeout=60)
    loop.close()


def test_small_pieces_are_joined_with_their_neighbours():
    large = b"x" * _direct.LARGE_PIECE
    assert _direct._join_small([b"a", b"b"]) == [b"ab"]
    assert _direct._join_small([large, large, b"a", b"b", large, b"c"]) == [
        large, large, b"ab", large, b"c"]


def test_a_socket_that_takes_nothing_now(run, ends):
    """What cannot be sent at once goes through the stream, after what the socket has."""
    @gen.coroutine
    def check():
        ours, theirs = ends
        transport = _direct.open_transport(IOStream(ours), lambda data: None, lambda: None)
        filled = 0
        try:
            while True:
                filled += ours.send(b"x" * 65536)
        except EnvironmentError:
            pass
        future = transport.write(b"end")
        assert not future.done()
        peer = IOStream(theirs)
        data = yield peer.read_bytes(filled + 3)
        yield future
        assert data[-4:] == b"xend"

    run(check)


def test_a_stream_that_listens_for_nothing_yet(run, ends):
    @gen.coroutine
    def check():
        ours, theirs = ends
        stream = IOStream(ours)
        came = Future()
        transport = _direct.open_transport(stream, came.set_result, lambda: None)
        if stream._state is not None:
            transport.io_loop.remove_handler(stream.fileno())
            stream._state = None
        transport.resume()
        theirs.send(b"hello")
        assert (yield came) == b"hello"

    run(check)


def connect_and_reset():
    """Return our end of a TCP connection that the peer has dropped with RST."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(1)
    theirs = socket.create_connection(listener.getsockname())
    ours, _ = listener.accept()
    listener.close()
    theirs.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    theirs.close()
    return ours


def test_a_peer_that_resets_before_the_half_close(run):
    """Contract section 7: the connection has ended; nothing is raised, nobody waits for more."""
    @gen.coroutine
    def check():
        stream, ended = IOStream(connect_and_reset()), Future()
        transport = _direct.open_transport(stream, lambda data: None, lambda: None)
        stream.set_close_callback(lambda: ended.set_result(None))
        transport.half_close(60)
        assert stream.closed()
        yield ended

    run(check)


class ClosedStream(object):
    """A stream whose reads fail by their Future once it is closed."""

    max_write_buffer_size = error = None

    def __init__(self):
        self.io_loop = IOLoop.current()

    def set_close_callback(self, callback):
        self.tell = callback

    def closed(self):
        return True

    def read_bytes(self, size, partial):
        future = futures.new_future(self.io_loop)
        future.set_exception(StreamClosedError())
        return future


def test_a_read_of_a_closed_stream_that_fails_later(run):
    """C26: the end is told all the same."""
    @gen.coroutine
    def check():
        stream, told = ClosedStream(), []
        Transport(stream, told.append, lambda: told.append("closed"))
        stream.tell()
        assert told == ["closed"]
        yield gen.moment

    run(check)


def test_who_waits_for_another_thread_waits_no_longer_than_wanted():
    """C17: ``result(timeout)`` of what a call from another thread returns."""
    with pytest.raises(Exception) as info:
        threads.ThreadFuture().result(0.01)
    assert type(info.value).__name__ == "TimeoutError"


class OwnStream(IOStream):
    """A kind of stream that is not known: an application's own."""


def test_other_streams(run, ends):
    """Of them only that is used which IOStream documents."""
    @gen.coroutine
    def check():
        ours, theirs = OwnStream(ends[0]), IOStream(ends[1])
        received, closed = [], Future()
        transport = _direct.open_transport(
            ours, received.append, lambda: closed.set_result(None))
        assert type(transport) is Transport
        transport.resume()
        data = b"0123456789" * 200000
        sent = transport.write(b"small"), transport.write(data)
        assert (yield theirs.read_bytes(5)) == b"small"
        assert not sent[1].done()
        assert (yield theirs.read_bytes(len(data))) == data
        yield list(sent)
        yield theirs.write(data)
        while sum(map(len, received)) < len(data):
            yield gen.moment
        assert b"".join(received) == data
        theirs.close()
        yield closed

    run(check)


def test_other_streams_that_end(run):
    """C14: a write that fails at once, and one after that, both say so; the end is told once."""
    @gen.coroutine
    def check():
        told, ended = [], Future()
        transport = _direct.open_transport(OwnStream(connect_and_reset()), told.append,
                                           lambda: ended.set_result(None))
        for _ in range(2):
            with pytest.raises(WebSocketClosedError):
                transport.write(b"x")
        transport.resume()
        transport.resume()
        yield ended
        assert told == []

    run(check)


class BrokenStream(IOStream):
    """A stream that cannot read."""

    def read_from_fd(self, *args):
        raise IOError(errno.EIO, "broken")


def test_other_streams_that_break(run, ends):
    """C26: an error of the system, of which a call of the stream itself tells, is the end."""
    @gen.coroutine
    def check():
        told, ended = [], Future()
        transport = _direct.open_transport(BrokenStream(ends[0]), told.append,
                                           lambda: ended.set_result(None))
        transport.resume()
        yield ended
        assert told == []

    run(check)
