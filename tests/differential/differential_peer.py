"""Raw peers: they send the bytes that a scenario writes out, and record what comes back."""
from __future__ import absolute_import, division, print_function

import base64
import hashlib
import socket
import struct
import zlib

from tornado import gen
from tornado.iostream import IOStream, StreamClosedError
from tornado.netutil import add_accept_handler
from tornado.queues import Queue
from tornado.testing import bind_unused_port

TEXT, BINARY, CLOSE, PING, PONG, CONTINUATION = 0x1, 0x2, 0x8, 0x9, 0xA, 0x0
FIN, RSV1 = 0x80, 0x40
KEY = b"dGhlIHNhbXBsZSBub25jZQ=="
MASK = b"\x37\xfa\x21\x3d"
GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
READ_SIZE = 65536
LONGEST_SHOWN = 200
"""Bytes of content that a trace shows; of longer content it holds the length and a digest."""
DEFLATE_TAIL = b"\x00\x00\xff\xff"
DATED = ("date",)
SINCE_43 = ("date", "server")
"""Headers left out of a 101: 4.3 sends only the handshake's own (scenario ``plain_headers``)."""


def shorten(data):
    """Return bytes as they are, or the length and a digest of long ones."""
    if len(data) <= LONGEST_SHOWN:
        return data
    return (len(data), hashlib.sha1(data).hexdigest())


def xor(mask, data):
    """Mask or unmask."""
    size = len(data)
    if not size:
        return b""
    pattern = (mask * (size // 4 + 1))[:size]
    number = int(base64.b16encode(data), 16) ^ int(base64.b16encode(pattern), 16)
    return base64.b16decode(("%0*X" % (2 * size, number)).encode("ascii"))


def frame(opcode, payload=b"", fin=True, rsv=0, mask=MASK):
    """Build one frame; ``mask=None`` leaves it unmasked."""
    size = len(payload)
    mask_bit = 0 if mask is None else 0x80
    head = struct.pack("B", (FIN if fin else 0) | rsv | opcode)
    if size < 126:
        head += struct.pack("B", mask_bit | size)
    elif size < 0x10000:
        head += struct.pack("!BH", mask_bit | 126, size)
    else:
        head += struct.pack("!BQ", mask_bit | 127, size)
    return head + (payload if mask is None else mask + xor(mask, payload))


def close_frame(code=None, reason=b"", mask=MASK):
    """Build a close frame."""
    return frame(CLOSE, b"" if code is None else struct.pack("!H", code) + reason, mask=mask)


def deflate(data, compressor=None):
    """Compress the payload of one message as RFC 7692 7.2.1 says."""
    compressor = compressor or zlib.compressobj(6, zlib.DEFLATED, -15)
    return (compressor.compress(data) + compressor.flush(zlib.Z_SYNC_FLUSH))[:-4]


def accept_value(key):
    """Compute the answer to a key (RFC 6455 4.2.2)."""
    return base64.b64encode(hashlib.sha1(key + GUID).digest())


class RawPeer(object):
    """One end of a connection, below the protocol.

    Args:
        trace: the trace in which received heads and frames are recorded.
        stream: the connection, or None until connected.
    """

    def __init__(self, trace, stream=None):
        self._trace = trace
        self.stream = stream
        self._buffer = b""
        self._ended = False
        self._inflator = zlib.decompressobj(-15)
        self.mask = None

    def send(self, data):
        """Send bytes, in one piece; nothing when the other side has ended the connection."""
        if not self.stream.closed():
            self.stream.write(data)

    def close(self):
        """Drop the connection."""
        if self.stream is not None:
            self.stream.close()

    @gen.coroutine
    def _read_more(self):
        try:
            data = yield self.stream.read_bytes(READ_SIZE, partial=True)
        except StreamClosedError:
            self._ended = True
        else:
            self._buffer += data

    @gen.coroutine
    def read_head(self, excluded):
        """Read up to the empty line; record the first line and the headers, sorted."""
        while b"\r\n\r\n" not in self._buffer:
            if self._ended:
                self._trace["head"].append(("nothing", shorten(self._buffer)))
                raise gen.Return({})
            yield self._read_more()
        head, self._buffer = self._buffer.split(b"\r\n\r\n", 1)
        lines = head.decode("latin1").split("\r\n")
        headers = [tuple(line.split(": ", 1)) for line in lines[1:]]
        shown = sorted(self._without_random(name.lower(), value) for name, value in headers
                       if name.lower() not in excluded)
        self._trace["head"].append((lines[0], shown))
        raise gen.Return({name.lower(): value for name, value in headers})

    @staticmethod
    def _without_random(name, value):
        if name == "sec-websocket-key":
            return (name, "%d random bytes" % len(base64.b64decode(value)))
        if name in ("host", "origin", "location"):
            return (name, value.rstrip("0123456789"))
        return (name, value)

    def _take_frame(self):
        """Take one frame off the buffer; return (first byte, masked, form, payload) or None."""
        data = self._buffer
        if len(data) < 2:
            return None
        first, second = struct.unpack("BB", data[:2])
        masked, form, size = second & 0x80, second & 0x7F, second & 0x7F
        offset = 2
        if form == 126:
            offset, size = 4, struct.unpack("!H", data[2:4].rjust(2, b"\xff"))[0]
        elif form == 127:
            offset, size = 10, struct.unpack("!Q", data[2:10].rjust(8, b"\xff"))[0]
        start = offset + (4 if masked else 0)
        if len(data) < start + size:
            return None
        self._buffer = data[start + size:]
        payload = data[start:start + size]
        if masked:
            payload = xor(data[offset:start], payload)
        return first, bool(masked), min(form, 126) if form < 127 else 127, payload

    def _record_frame(self, taken):
        first, masked, form, payload = taken
        form = {126: "16-bit length", 127: "64-bit length"}.get(form, "7-bit length")
        if first & RSV1:
            payload = self._inflator.decompress(payload + DEFLATE_TAIL)
            form = "deflated"
        self._trace["wire"].append(
            ("%02x" % first, "masked" if masked else "unmasked", form, shorten(payload)))
        return first & 0xF, payload

    @gen.coroutine
    def read_frame(self):
        """Read and record one frame; return opcode and payload (None at the connection's end)."""
        while True:
            taken = self._take_frame()
            if taken is not None:
                raise gen.Return(self._record_frame(taken))
            if self._ended:
                self._trace["wire"].append("end instead of a frame")
                raise gen.Return((None, None))
            yield self._read_more()

    @gen.coroutine
    def read_frames(self, count):
        """Read and record several frames; return the last."""
        result = None
        for _ in range(count):
            result = yield self.read_frame()
        raise gen.Return(result)

    @gen.coroutine
    def read_end(self):
        """Record every frame up to the connection's end, and what is left that is not one."""
        while not self._ended:
            yield self._read_more()
        taken = self._take_frame()
        while taken is not None:
            self._record_frame(taken)
            taken = self._take_frame()
        if self._buffer:
            self._trace["wire"].append(("rest", shorten(self._buffer)))
        self._trace["wire"].append("end")

    @gen.coroutine
    def read_body(self):
        """Record everything up to the connection's end as it is."""
        while not self._ended:
            yield self._read_more()
        self._trace["wire"].append(("body", shorten(self._buffer)))


class RawClient(RawPeer):
    """A client below the protocol."""

    @gen.coroutine
    def connect(self, port):
        """Connect to a local port."""
        self.stream = IOStream(socket.socket())
        self.port = port
        self.mask = MASK
        yield self.stream.connect(("127.0.0.1", port))

    def request(self, path=b"/", version=b"HTTP/1.1", method=b"GET", **changes):
        """Build a request for the opening handshake.

        Args:
            path: the target.
            version: the HTTP version.
            method: the HTTP method.
            **changes: headers to add or replace, ``_`` for ``-``; None takes one away.
        """
        headers = {"Host": b"127.0.0.1:%s" % str(self.port).encode("ascii"),
                   "Upgrade": b"websocket", "Connection": b"Upgrade",
                   "Sec-WebSocket-Key": KEY, "Sec-WebSocket-Version": b"13"}
        headers.update((name.replace("_", "-"), value) for name, value in changes.items())
        lines = [b" ".join((method, path, version))]
        lines += [name.encode("ascii") + b": " + value
                  for name, value in sorted(headers.items()) if value is not None]
        return b"\r\n".join(lines) + b"\r\n\r\n"

    @gen.coroutine
    def handshake(self, and_then=b"", **request):
        """Send a request (and ``and_then`` in the same piece); read and record the answer."""
        self.send(self.request(**request) + and_then)
        headers = yield self.read_head(SINCE_43)
        raise gen.Return(headers)

    @gen.coroutine
    def refused_handshake(self, **request):
        """Send a request; record the head and the body of the answer."""
        self.send(self.request(**request))
        headers = yield self.read_head(DATED)
        length = int(headers.get("content-length", "0"))
        while len(self._buffer) < length and not self._ended:
            yield self._read_more()
        self._trace["wire"].append(("body", shorten(self._buffer)))

    @gen.coroutine
    def finish(self, code=1000):
        """Do the closing handshake, and record all up to the connection's end."""
        self.send(close_frame(code))
        yield self.read_end()


class RawServer(object):
    """A server below the protocol: hands out a :class:`RawPeer` for each connection."""

    def __init__(self, trace, loop):
        self._trace = trace
        self._loop = loop
        self._sock, self.port = bind_unused_port()
        self._accepted = Queue()
        self._peers = []
        add_accept_handler(self._sock, self._on_accept, io_loop=loop)

    def _on_accept(self, connection, address):
        peer = RawServerPeer(self._trace, IOStream(connection, io_loop=self._loop))
        self._peers.append(peer)
        self._accepted.put_nowait(peer)

    def accept(self):
        """Return a Future for the next connection."""
        return self._accepted.get()

    def close(self):
        """Stop listening and drop the connections."""
        self._loop.remove_handler(self._sock.fileno())
        self._sock.close()
        for peer in self._peers:
            peer.close()


class RawServerPeer(RawPeer):
    """The server's end of a connection, below the protocol."""

    @gen.coroutine
    def read_request(self):
        """Read and record the request; return its headers."""
        headers = yield self.read_head(())
        raise gen.Return(headers)

    @gen.coroutine
    def accept_handshake(self, and_then=b"", **changes):
        """Answer the request with a 101; ``changes`` as in :meth:`RawClient.request`."""
        request = yield self.read_request()
        headers = {"Upgrade": b"websocket", "Connection": b"Upgrade",
                   "Sec-WebSocket-Accept": accept_value(
                       request["sec-websocket-key"].encode("ascii"))}
        headers.update((name.replace("_", "-"), value) for name, value in changes.items())
        lines = [b"HTTP/1.1 101 Switching Protocols"]
        lines += [name.encode("ascii") + b": " + value
                  for name, value in sorted(headers.items()) if value is not None]
        self.send(b"\r\n".join(lines) + b"\r\n\r\n" + and_then)

    @gen.coroutine
    def answer(self, status, body=b"", *headers):
        """Answer the request with something else than a 101, and end the connection."""
        yield self.read_request()
        lines = [b"HTTP/1.1 " + status,
                 b"Content-Length: " + str(len(body)).encode("ascii")] + list(headers)
        yield self.stream.write(b"\r\n".join(lines) + b"\r\n\r\n" + body)

    def send_frame(self, opcode, payload=b"", **kwargs):
        """Send one unmasked frame."""
        kwargs.setdefault("mask", None)
        self.send(frame(opcode, payload, **kwargs))

    @gen.coroutine
    def finish(self, code=1000):
        """Start the closing handshake, record the client's part, end the connection."""
        self.send(close_frame(code, mask=None))
        yield self.read_frame()
        self.close()
