"""Frames, handshakes and the peers that send them, written independently of the package.

Bytes are written in hex as RFC 6455 writes them: ``h("81 05 48656c6c6f")``.
"""
from __future__ import absolute_import, division, print_function

import base64
import collections
import hashlib
import socket
import ssl
import struct
import zlib

import frame_oracle
from tornado import gen, iostream, netutil, testing
from tornado.httputil import HTTPHeaders
from tornado.ioloop import IOLoop
from tornado.queues import Queue

KEY = "dGhlIHNhbXBsZSBub25jZQ=="  # RFC 6455 section 1.3
ACCEPT = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
MASK = b"\x37\xfa\x21\x3d"  # section 5.7
HANDSHAKE = (("Upgrade", "websocket"), ("Connection", "Upgrade"),
             ("Sec-WebSocket-Key", KEY), ("Sec-WebSocket-Version", "13"))

BYTES = [code for code in range(256)
         if not (0x30 < code < 0x39 or 0x41 < code < 0x5a or 0x61 < code < 0x7a)
         and (code < 0xa2 or code in (0xad, 0xc3, 0xe9, 0xff))]
"""Bytes to try in a header: all, but of the digits, letters and high ones that are alike a few."""

Frame = collections.namedtuple("Frame", "first payload")
"""A frame's first byte, ``0x81`` for a whole text message, and its payload, unmasked."""


h = frame_oracle.raw


def frame(first, payload=b"", mask=MASK):
    """Build a frame: ``first`` is its first byte, ``0x81`` a whole text message.

    ``mask`` is the masking key; None leaves the frame unmasked, as a server sends it.
    """
    return frame_oracle.frame(first, payload, mask)


def close_frame(code=None, reason=b"", mask=MASK):
    """Build a close frame."""
    return frame(0x88, b"" if code is None else struct.pack("!H", code) + reason, mask)


def parse_frame(data):
    """Parse the frame at the start of ``data``: ``(Frame, bytes taken)``, or None if it is short.

    The payload comes unmasked.
    """
    if len(data) < 2:
        return None
    first, second = struct.unpack("!BB", data[:2])
    size, pos = second & 0x7F, 2
    if size > 125:
        pos, form = (4, "!H") if size == 126 else (10, "!Q")
        if len(data) < pos:
            return None
        size, = struct.unpack(form, data[2:pos])
    start = pos + (4 if second & 0x80 else 0)
    if len(data) < start + size:
        return None
    payload = data[start:start + size]
    if second & 0x80:
        payload = frame_oracle.mask(data[pos:start], payload)
    return Frame(first, payload), start + size


def deflate(data, bits=15, mode=zlib.Z_SYNC_FLUSH):
    """Compress a message by itself as RFC 7692 section 7.2.1 says."""
    context = zlib.compressobj(6, zlib.DEFLATED, -bits)
    data = context.compress(data) + context.flush(mode)
    return data[:-4] if mode == zlib.Z_SYNC_FLUSH else data


def inflate(payload, bits=15):
    """Undo `deflate`."""
    return zlib.decompressobj(-bits).decompress(payload + b"\x00\x00\xff\xff")


def accept_value(key):
    """Compute the answer to a Sec-WebSocket-Key (RFC 6455 section 4.2.2)."""
    guid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
    return str(base64.b64encode(hashlib.sha1((key + guid).encode("ascii")).digest()).decode())


def response_head(accept, headers=()):
    """Build a 101 response."""
    items = (("Upgrade", "websocket"), ("Connection", "Upgrade"),
             ("Sec-WebSocket-Accept", accept)) + tuple(headers)
    lines = ["HTTP/1.1 101 Switching Protocols"] + ["%s: %s" % item for item in items]
    return "\r\n".join(lines + ["", ""]).encode("latin-1")


class RawPeer(object):
    """One end of a connection, below the protocol. It reads only when a test reads."""

    def __init__(self, stream):
        self.stream = stream
        self.buffer = b""

    @classmethod
    @gen.coroutine
    def connect(cls, port, tls=False, receive_buffer=None):
        """Connect to a port of 127.0.0.1; ``receive_buffer`` is SO_RCVBUF in bytes."""
        sock = socket.socket()
        if receive_buffer is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        stream = (iostream.SSLIOStream(sock, ssl_options={"cert_reqs": ssl.CERT_NONE}) if tls
                  else iostream.IOStream(sock))
        peer = cls(stream)
        yield stream.connect(("127.0.0.1", port))
        stream.set_nodelay(True)
        raise gen.Return(peer)

    def send(self, *pieces):
        """Send bytes, all in one piece; returns the stream's Future."""
        return self.stream.write(b"".join(pieces))

    def send_request(self, path, headers=HANDSHAKE, method="GET", host=True, after=b""):
        """Send an HTTP request, and ``after`` in the same segment."""
        lines = ["%s %s HTTP/1.1" % (method, path)]
        if host:
            lines.append("Host: 127.0.0.1:%d" % self.stream.socket.getpeername()[1])
        lines.extend("%s: %s" % item for item in headers)
        head = "\r\n".join(lines + ["", ""])
        return self.stream.write((head if isinstance(head, bytes) else head.encode("latin-1"))
                                 + after)

    @gen.coroutine
    def _fill(self):
        try:
            self.buffer += yield self.stream.read_bytes(65536, partial=True)
        except EnvironmentError:  # StreamClosedError; an end of TLS without a farewell
            raise gen.Return(False)
        raise gen.Return(True)

    @gen.coroutine
    def read(self, size):
        """Read that many bytes, fewer only at the connection's end."""
        while len(self.buffer) < size and (yield self._fill()):
            pass
        data, self.buffer = self.buffer[:size], self.buffer[size:]
        raise gen.Return(data)

    @gen.coroutine
    def read_rest(self):
        """Read all bytes up to the connection's end."""
        while (yield self._fill()):
            pass
        data, self.buffer = self.buffer, b""
        raise gen.Return(data)

    @gen.coroutine
    def read_frame(self):
        """Read a `Frame`; None at the connection's end."""
        parsed = parse_frame(self.buffer)
        while parsed is None:
            if not (yield self._fill()):
                raise gen.Return(None)
            parsed = parse_frame(self.buffer)
        result, taken = parsed
        self.buffer = self.buffer[taken:]
        raise gen.Return(result)

    @gen.coroutine
    def read_frames(self):
        """Read all frames up to the connection's end, a list."""
        frames = []
        while True:
            result = yield self.read_frame()
            if result is None:
                raise gen.Return(frames)
            frames.append(result)

    @gen.coroutine
    def read_frames_until_close(self):
        """Read all frames up to the close frame, a list."""
        frames = []
        while not frames or frames[-1].first != 0x88:
            frames.append((yield self.read_frame()))
        raise gen.Return(frames)

    @gen.coroutine
    def read_head(self):
        """Read the head of a request or response: ``(first line, HTTPHeaders)``."""
        while b"\r\n\r\n" not in self.buffer:
            if not (yield self._fill()):
                raise EOFError("connection ended in %r" % self.buffer)
        head, self.buffer = self.buffer.split(b"\r\n\r\n", 1)
        if str is not bytes:
            head = head.decode("latin-1")
        first, _, fields = head.partition("\r\n")
        raise gen.Return((first, HTTPHeaders.parse(fields)))

    @gen.coroutine
    def read_response(self):
        """Read a whole HTTP response: ``(status, HTTPHeaders, body)``."""
        first, headers = yield self.read_head()
        body = yield self.read(int(headers.get("Content-Length", 0)))
        raise gen.Return((int(first.split()[1]), headers, body))

    def finish(self):
        """Send FIN, over TLS without a farewell; the other direction stays open."""
        if not self.stream.closed():
            socket.socket.shutdown(self.stream.socket, socket.SHUT_WR)

    def reset(self):
        """Drop the connection with RST, unless it is closed already."""
        if not self.stream.closed():
            self.stream.socket.setsockopt(
                socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.stream.close()

    def close(self):
        """Close the socket."""
        self.stream.close()


class RawServer(object):
    """Accepts connections of clients under test; ``yield server.accept()`` gives a `RawPeer`.

    Args:
        tls_context: An ``ssl.SSLContext`` (see `tls_context`), or None.
    """

    def __init__(self, tls_context=None):
        self.socket, self.port = testing.bind_unused_port()
        self._tls_context = tls_context
        self._queue = Queue()
        self._peers = []
        netutil.add_accept_handler(self.socket, self._on_accept)

    def _on_accept(self, sock, address):
        if self._tls_context is None:
            stream = iostream.IOStream(sock)
        else:
            stream = iostream.SSLIOStream(self._tls_context.wrap_socket(
                sock, server_side=True, do_handshake_on_connect=False))
        stream.set_nodelay(True)
        self._peers.append(RawPeer(stream))
        self._queue.put_nowait(self._peers[-1])

    def accept(self):
        """Return a Future of the next connection."""
        return self._queue.get()

    @gen.coroutine
    def accept_websocket(self, headers=(), after=b""):
        """Accept a connection and answer its handshake; ``after`` goes in the same segment.

        What the client sent is ``peer.request``: the request line and HTTPHeaders.
        """
        peer = yield self.accept()
        peer.request = yield peer.read_head()
        key = peer.request[1]["Sec-WebSocket-Key"]
        peer.send(response_head(accept_value(key), headers) + after)
        raise gen.Return(peer)

    def close(self):
        """Stop listening, close all connections."""
        IOLoop.current().remove_handler(self.socket)
        self.socket.close()
        self.close_peers()

    def close_peers(self):
        """Close all connections."""
        for peer in self._peers:
            peer.close()
