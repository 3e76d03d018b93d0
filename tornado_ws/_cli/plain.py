"""A server without TLS that tells a peer who speaks TLS so, at once.

To Tornado's parser the beginning of a TLS handshake is that of a long line: it waits for the end
of it, and the peer for an answer, until one of them gives up.
"""
from __future__ import absolute_import, division, print_function

import functools
import socket

from tornado import httpserver, netutil
from tornado.ioloop import IOLoop
from tornado.iostream import IOStream

TLS_HANDSHAKE = b"\x16"  # the first byte, RFC 8446 section 5.1; no method of HTTP begins so
ANSWER = b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"


class PlainServer(httpserver.HTTPServer):
    """An ``HTTPServer`` that looks at the first byte of each connection before it reads."""

    def add_sockets(self, sockets):
        """Take connections from listening sockets; called once."""
        self._listening = list(sockets)
        self._silent = {}  # the connections that have not sent anything yet, by descriptor
        for listener in self._listening:
            netutil.add_accept_handler(listener, self._accept)

    def stop(self):
        """Take no more connections, and drop those that have not sent anything yet."""
        loop = IOLoop.current()
        for each in self._listening + list(self._silent.values()):
            loop.remove_handler(each.fileno())
            each.close()

    def _accept(self, connection, address):
        self._silent[connection.fileno()] = connection
        IOLoop.current().add_handler(
            connection.fileno(), functools.partial(self._look, connection, address), IOLoop.READ)

    def _look(self, connection, address, fd, events):
        IOLoop.current().remove_handler(fd)
        del self._silent[fd]
        try:
            connection.setblocking(False)
            if connection.recv(1, socket.MSG_PEEK) == TLS_HANDSHAKE:
                connection.send(ANSWER)
                connection.shutdown(socket.SHUT_WR)
                connection.recv(1 << 16)  # what is left unread would make a reset of the answer
                connection.close()
                return
        except socket.error:
            connection.close()
            return
        self.handle_stream(IOStream(connection), address)
