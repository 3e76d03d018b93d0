"""A shorter way for bytes between a TCP or TLS socket and an IOStream's user.

IOStream makes a Future for each read, and looks for more after each; a small message costs
several times what its system calls do. Here the socket's read events are served directly by
``recv`` and short writes by ``send``, while the IOStream stays in charge of everything else:
what could not be sent at once, errors, closing, its close callback. All its events come here
first; where the loop is asyncio's, those for reading without Tornado's own step in between.

This is the only module that uses what IOStream does not document: ``_state`` (the events it
listens for), ``_handle_events`` (its event handler), ``_add_io_state`` and
``_read_buffer_size``, which are the same from Tornado 4.3 on, and what `unsent_bytes` looks at.
Other kinds of streams do without.
"""
from __future__ import absolute_import, division, print_function

import errno
import functools
import socket
import ssl

from tornado.ioloop import IOLoop
from tornado.iostream import IOStream, SSLIOStream

from tornado_ws import _straight
from tornado_ws._compat import contexts, loop
from tornado_ws._compat.data import send_buffers, unsent_bytes, view_from
from tornado_ws._errors import WebSocketClosedError
from tornado_ws._stream.transport import LARGE_PIECE, READ_SIZE, Transport
from tornado_ws._stream.turn import Gathering

READ = IOLoop.READ
MAX_RECORD = 16384  # bytes of a TLS record (RFC 8446 section 5.1)
RECORDS = -(-READ_SIZE // MAX_RECORD)  # read in one turn of the loop, if they are full


def open_transport(stream, on_data, on_close, kind=None):
    """Make a transport for a stream; arguments as of `Transport`, and its class if it has to be."""
    return (kind or transport_kind(stream))(stream, on_data, on_close)


def transport_kind(stream):
    """Return the class of the best transport for a stream."""
    return Transport if stream.closed() else _KINDS.get(type(stream), Transport)


class DirectTransport(Transport):
    """A transport whose bytes go straight from and to the socket."""

    _would_block = (errno.EAGAIN, errno.EWOULDBLOCK, errno.EINTR)
    _is_plain = True  # whether what comes and goes is what the socket has

    def __init__(self, stream, on_data, on_close):
        super(DirectTransport, self).__init__(stream, on_data, on_close)
        self._socket = stream.socket
        self._serving = False  # whether the socket's events come here
        if self._is_plain and type(stream.socket) is socket.socket:
            self._plain = stream.socket

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
        if (self._is_data_here() or stream.closed() or self._read_future is not None
                or loop.is_reentrant(self.io_loop)):
            super(DirectTransport, self)._read()
        else:
            self._serving = True
            if not (stream._state or 0) & READ:
                contexts.detached(stream._add_io_state, READ)
            loop.take_events(self.io_loop, stream.socket, stream._state, self._on_events)
            loop.serve_reads(self.io_loop, stream.socket, self._receive)

    def _is_data_here(self):
        """Tell whether the stream has read what came in the same segment as the handshake."""
        return self.stream._read_buffer_size

    def _read_rest(self):
        if self.stream._read_buffer_size:
            super(DirectTransport, self)._read_rest()

    def _listen(self):
        contexts.detached(self.stream._add_io_state, READ)
        loop.serve_reads(self.io_loop, self.stream.socket, self._receive)

    def _on_events(self, fd, events):
        stream = self.stream
        if events & READ:
            self._receive()
        if events & ~READ and not stream.closed():
            stream._handle_events(fd, events & ~READ)
            if not self.paused and not stream.closed():
                self._listen()  # which it stops doing while it writes

    @_straight.before("receive_bytes")
    def _receive(self):
        if self.paused:
            # The event comes again and again until the bytes are read: do not listen.
            stream = self.stream
            stream._state &= ~READ
            self.io_loop.update_handler(stream.socket, stream._state)
            return
        if loop.is_reentrant(self.io_loop):
            self._receive_apart()
            return
        try:
            data = self._receive_bytes()
        except EnvironmentError as error:
            self._close_unless_blocked(error)
            return
        if data:
            self._on_data(data)
        else:
            self.stream.close()

    def _receive_apart(self):
        """Receive outside of the Handle of a read event, which cannot be entered twice."""
        self._serving = False
        stream = self.stream
        loop.take_events(self.io_loop, stream.socket, stream._state, stream._handle_events)
        loop.serve_reads(self.io_loop, stream.socket,
                         functools.partial(stream._handle_events, stream.fileno(), READ))
        super(DirectTransport, self)._read()

    def _receive_bytes(self):
        return self._socket.recv(self.read_size)

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
                sent = send_buffers(self._socket, buffers)
        except EnvironmentError as error:
            self._check_sent(error)
            sent = 0
        self._send_rest(buffers, sent)

    def _left_under_way(self):
        return unsent_bytes(self.stream)

    def _on_error(self, error):
        """Take notice of an error of the socket's that the extension has met."""
        try:
            raise error
        except EnvironmentError:
            self._close_unless_blocked(error)
        finally:
            error = None  # its traceback refers to this frame

    def _write_rest(self, data, sent):
        """Go on as `_write_alone` where a part of the bytes is sent."""
        self._unsent = len(data)
        self._send_rest([data], sent)
        if self._write_future is None:
            return self._done()
        self._under_way = Gathering(self)
        return self.wait(self._under_way)

    def _close_unless_blocked(self, error):
        if error.errno not in self._would_block:
            self.stream.close(exc_info=True)

    def _check_sent(self, error):
        self._close_unless_blocked(error)
        if self.stream.closed():
            raise WebSocketClosedError("the connection is closed")

    def _send_rest(self, buffers, sent):
        rest = list(_what_is_left(buffers, sent))
        if rest:
            self._write(rest)
        else:
            self._unsent = 0


class DirectTLSTransport(DirectTransport):
    """The same over TLS: what OpenSSL reads and sends at once are records."""

    _is_plain = False
    # As errno these two are ENOENT and ESRCH, which no socket has.
    _would_block = DirectTransport._would_block + (
        ssl.SSL_ERROR_WANT_READ, ssl.SSL_ERROR_WANT_WRITE)

    def _is_data_here(self):
        # A stream with a small chunk size leaves a part of a record, of which no event tells.
        return self.stream._read_buffer_size or self._socket.pending()

    def _receive(self):
        for _ in range(RECORDS):
            self._whole = False
            super(DirectTLSTransport, self)._receive()
            if not self._whole or self.paused or self.stream.closed():
                break

    def _receive_bytes(self):
        data = self._socket.recv(MAX_RECORD)
        self._whole = len(data) == MAX_RECORD  # so the next one is of the same message
        return data

    def _send(self, buffers):
        # A record that the socket does not take has to be the first that OpenSSL is given again,
        # with no less after it. So it gets one at a time, and IOStream what is left.
        data = b"".join(buffers)
        view, sent = memoryview(data), 0
        try:
            while sent < len(data):
                more = self._socket.send(view[sent:sent + MAX_RECORD])
                if not more:
                    break  # what Python 2 does where Python 3 raises
                sent += more
        except EnvironmentError as error:
            self._check_sent(error)
        self._send_rest([data], sent)


_KINDS = {IOStream: DirectTransport, SSLIOStream: DirectTLSTransport}


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
            yield view_from(data, sent)
            sent = 0
        else:
            sent -= len(data)
