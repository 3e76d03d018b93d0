"""A turn of the loop in which something fails: other connections send what they have; C14, C19."""
from __future__ import absolute_import, division, print_function

import socket

import pytest
from tornado import gen
from tornado.ioloop import IOLoop
from tornado.iostream import IOStream

from tornado_ws._compat import loop
from tornado_ws._errors import WebSocketClosedError
from tornado_ws._stream import direct


@pytest.fixture
def io_loop():
    made = IOLoop(make_current=False)
    yield made
    made.close()


class Ends(object):
    """A transport and the socket at its other end."""

    def __init__(self):
        ours, self.theirs = socket.socketpair()
        self.theirs.settimeout(60)
        self.transport = direct.open_transport(IOStream(ours), lambda data: None, lambda: None)
        self.transport.resume()

    def close(self):
        self.transport.stream.close()
        self.theirs.close()


@pytest.fixture
def two(io_loop):
    """Give two transports of one loop."""
    made = []

    @gen.coroutine
    def make():
        made.extend([Ends(), Ends()])
        yield gen.moment

    io_loop.run_sync(make)
    yield made

    @gen.coroutine
    def close():
        for ends in made:
            ends.close()
        yield gen.moment

    io_loop.run_sync(close)


def run(io_loop, function):
    """Call a function in a turn of the loop; the loop makes a few more."""
    @gen.coroutine
    def call():
        result = function()
        for _ in range(5):
            yield gen.moment
        raise gen.Return(result)

    return io_loop.run_sync(call)


def test_a_turn_that_cannot_begin(io_loop, two, monkeypatch):
    """C19: the write raises; those after it, of every connection, leave as ever."""
    def fail():
        def call_soon(*args):
            monkeypatch.undo()
            raise MemoryError

        monkeypatch.setattr(loop, "call_soon", call_soon)
        with pytest.raises(MemoryError):
            two[0].transport.write(b"0")
        return [ends.transport.write(data) for ends in two for data in (b"1", b"2", b"3")]

    run(io_loop, fail)
    for ends in two:
        assert ends.theirs.recv(100) == b"123"


def test_ctrl_c_at_the_end_of_a_turn(io_loop, two, monkeypatch):
    """C19: the connections that come after it send in the next turn."""
    one, other = two

    def interrupt():
        del one.transport.flush
        raise KeyboardInterrupt

    def write():
        ends_of_turn = []
        monkeypatch.setattr(loop, "call_soon",
                            lambda io_loop, function: ends_of_turn.append(function))
        for ends in two:
            for data in (b"1", b"2", b"3"):
                ends.transport.write(data)
        monkeypatch.undo()
        one.transport.flush = interrupt
        end_of_turn, = ends_of_turn
        with pytest.raises(KeyboardInterrupt):
            end_of_turn()

    run(io_loop, write)
    run(io_loop, lambda: [other.transport.write(data) for data in (b"4", b"5")])
    received = b""
    while len(received) < 5:
        received += other.theirs.recv(100)
    assert received == b"12345"


def test_ctrl_c_while_it_is_sent(io_loop, two):
    """C14, C19: the connection ends, since what was sent is not known, and the Future says so."""
    transport = two[0].transport

    def interrupt(buffers):
        raise KeyboardInterrupt

    def write():
        transport.write(b"1")
        written = transport.write(b"2")
        transport._send = interrupt
        with pytest.raises(KeyboardInterrupt):
            transport.flush()
        return written

    written = run(io_loop, write)
    assert transport.stream.closed()
    with pytest.raises(WebSocketClosedError):
        written.result()
    assert two[0].theirs.recv(100) == b"1"
    assert two[0].theirs.recv(100) == b""
