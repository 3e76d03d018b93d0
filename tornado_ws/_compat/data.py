"""What text and bytes are, and how bytes go into a socket."""
from __future__ import absolute_import, division, print_function

import socket

import tornado
from tornado import util

from tornado_ws import _straight

unicode_type = util.unicode_type
_MAX_BUFFERS = 512  # of one system call; Linux takes 1024

# Tornado's masking function in C, or None where ours is better: in C too, or Tornado has no
# extension (its own substitute takes the data byte by byte, 100 ms a mebibyte).
websocket_mask = util._websocket_mask
if _straight.in_c or websocket_mask is util._websocket_mask_python:
    websocket_mask = None

if hasattr(socket.socket, "sendmsg"):
    # Python >= 3, but on Windows.
    def send_buffers(sock, buffers):
        """Send what a socket takes of some buffers; return the number of bytes."""
        return sock.sendmsg(buffers[:_MAX_BUFFERS])
else:
    # Python 2, or Windows.
    def send_buffers(sock, buffers):
        """Send what a socket takes of some buffers; return the number of bytes."""
        return sock.send(b"".join(buffers))


if tornado.version_info < (6,):
    # Tornado < 6.0: streams take bytes, or copy anything else.
    def view_from(data, start):
        """Return the bytes from a position on, as an IOStream takes them best."""
        return data[start:] if start else data
else:
    # Tornado >= 6.0: streams keep views.
    def view_from(data, start):
        """Return the bytes from a position on, as an IOStream takes them best."""
        return memoryview(data)[start:] if start else data


if tornado.version_info < (5,):
    # Tornado < 5.0: a stream counts them.
    def unsent_bytes(stream):
        """Tell how many bytes of what an open IOStream was given the socket has not taken."""
        return stream._write_buffer_size
else:
    # Tornado >= 5.0: a stream's buffer does.
    def unsent_bytes(stream):
        """Tell how many bytes of what an open IOStream was given the socket has not taken."""
        return len(stream._write_buffer)
