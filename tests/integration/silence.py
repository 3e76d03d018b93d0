"""Peers that say nothing: name servers that do not answer, ports at which nobody accepts."""
from __future__ import absolute_import, division, print_function

import socket

from tornado.concurrent import Future
from tornado.netutil import Resolver


class SilentResolver(Resolver):
    """Answers when the test says so; a Resolver of every Tornado's kind."""

    def initialize(self, **kwargs):
        self.asked = []
        self.answer = Future()

    def resolve(self, host, port, *args, **kwargs):
        self.asked.append((host, port))
        return self.answer

    def close(self):
        pass


class ListeningSocket(object):
    """Listens on 127.0.0.1 and never accepts."""

    def __init__(self, backlog):
        self.socket = socket.socket()
        self.socket.bind(("127.0.0.1", 0))
        self.socket.listen(backlog)
        self.address = self.socket.getsockname()
        self.waiting = []

    def fill(self):
        """Make connections until the queue is full: then Linux answers no SYN any more."""
        for _ in range(16):
            sock = socket.socket()
            self.waiting.append(sock)
            sock.settimeout(0.2)
            try:
                sock.connect(self.address)
            except socket.timeout:
                return True
        return False

    def close(self):
        for sock in [self.socket] + self.waiting:
            sock.close()
