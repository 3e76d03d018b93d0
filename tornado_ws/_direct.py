"""A shorter way for bytes between a plain TCP socket and an IOStream's user.

IOStream makes a Future for each read, and looks for more after each; a small message costs
several times what its system calls do. Here the socket's read events are served directly by
``recv`` and short writes by ``send``, while the IOStream stays in charge of everything else:
what could not be sent at once, errors, closing, its close callback. All its events come here
first; where the loop is asyncio's, those for reading without Tornado's own step in between.

This is the only module that uses what IOStream does not document: ``_state`` (the events it
listens for), ``_handle_events`` (its event handler), ``_add_io_state`` and
``_read_buffer_size``; they are the same from Tornado 4.3 on. TLS and other streams do without.
"""
from __future__ import absolute_import, division, print_function

import errno

from tornado.ioloop import IOLoop
from tornado.iostream import IOStream

from tornado_ws import _compat, _compat_loop
from tornado_ws._errors import WebSocketClosedError
from tornado_ws._transport import LARGE_PIECE, Transport

_WOULD_BLOCK = (errno.EAGAIN, errno.EWOULDBLOCK, errno.EINTR)
READ = IOLoop.READ


def open_transport(stream, on_data, on_close):
    """Make the best transport for a stream; arguments as of `Transport`."""
    direct = type(stream) is IOStream and not stream.closed()
    kind = DirectTransport if direct else Transport
    return kind(stream, on_data, on_close)


class DirectTransport(Transport):
    """A transport whose bytes go straight from and to the socket."""

    def __init__(self, stream, on_data, on_close):
        super(DirectTransport, self).__init__(stream, on_data, on_close)
        self._socket = stream.socket
        self._serving = False  # whether the socket's events come here

    def resume(self):
        """Read, starting in a later turn of the loop."""
        if self.paused:
            self.paused = False
            if not self._serving:
                self._read()
            elif not self.stream.closed() and not self.stream._state & READ:
                self._listen()

    def _read(self):
        stream = self.stream
        if stream._read_buffer_size or stream.closed() or self._read_future is not None:
            # What came in the same segment as the handshake.
            super(DirectTransport, self)._read()
        else:
            self._serving = True
            if not (stream._state or 0) & READ:
                stream._add_io_state(READ)
            with _compat.no_stack_context():
                _compat_loop.take_events(
                    self.io_loop, stream.socket, stream._state, self._on_events)
            _compat_loop.serve_reads(self.io_loop, stream.socket, self._receive)

    def _read_rest(self):
        if self.stream._read_buffer_size:
            super(DirectTransport, self)._read_rest()

    def _listen(self):
        self.stream._add_io_state(READ)
        _compat_loop.serve_reads(self.io_loop, self.stream.socket, self._receive)

    def _on_events(self, fd, events):
        stream = self.stream
        if events & READ:
            self._receive()
        if events & ~READ and not stream.closed():
            stream._handle_events(fd, events & ~READ)
            if not self.paused and not stream.closed():
                self._listen()  # which it stops doing while it writes

    def _receive(self):
        if self.paused:
            # The event comes again and again until the bytes are read: do not listen.
            stream = self.stream
            stream._state &= ~READ
            self.io_loop.update_handler(stream.socket, stream._state)
            return
        try:
            data = self._socket.recv(self.read_size)
        except EnvironmentError as error:
            if error.errno not in _WOULD_BLOCK:
                self.stream.close(exc_info=True)
            return
        if data:
            self._on_data(data)
        else:
            self.stream.close()

    def _send(self, buffers):
        # A stream that was closed has closed its socket: that says so itself.
        try:
            if len(buffers) > 1:
                buffers = _join_small(buffers)
            if len(buffers) == 1:
                sent = self._socket.send(buffers[0])
                if sent == len(buffers[0]):
                    self._unsent = 0
                    return
            else:
                sent = _compat.send_buffers(self._socket, buffers)
        except EnvironmentError as error:
            if error.errno not in _WOULD_BLOCK:
                self.stream.close(exc_info=True)
                raise WebSocketClosedError("the connection is closed")
            sent = 0
        rest = list(_what_is_left(buffers, sent))
        if rest:
            self._write(rest)
        else:
            self._unsent = 0


def _join_small(pieces):
    """Join the pieces that are not large with their neighbours."""
    if max(map(len, pieces)) < LARGE_PIECE:
        return [b"".join(pieces)]
    buffers, small = [], []
    for piece in pieces:
        if len(piece) < LARGE_PIECE:
            small.append(piece)
        else:
            if small:
                buffers.append(b"".join(small))
                small = []
            buffers.append(piece)
    if small:
        buffers.append(b"".join(small))
    return buffers


def _what_is_left(buffers, sent):
    for data in buffers:
        if sent < len(data):
            yield _compat.view_from(data, sent)
            sent = 0
        else:
            sent -= len(data)
