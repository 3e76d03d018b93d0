"""The part of `_compat` that is about the ways into an IOLoop that each message takes."""
from __future__ import absolute_import, division, print_function

import functools
import sys

import tornado
from tornado.concurrent import Future

if tornado.version_info < (5,) or sys.version_info < (3,):
    # Tornado < 5.0, or Python 2: the loop is Tornado's own.
    def future_maker(io_loop):
        """Return what makes Futures for a loop when called."""
        return Future

    def take_events(io_loop, sock, events, handler):
        """Have a handler called in place of the one that a socket has.

        Args:
            io_loop: The IOLoop.
            sock: The socket, which has a handler.
            events: What the loop listens for.
            handler: As of ``IOLoop.add_handler``.
        """
        io_loop.remove_handler(sock)
        io_loop.add_handler(sock, handler, events)

    def serve_reads(io_loop, sock, function):
        """Do nothing: a socket's handler is all that this loop calls."""
else:
    # Tornado >= 5.0 on Python 3: it is asyncio's, which Tornado's handlers are one step away from.
    def future_maker(io_loop):
        """Return what makes Futures for a loop when called."""
        return functools.partial(Future, loop=io_loop.asyncio_loop)

    def take_events(io_loop, sock, events, handler):
        """Have a handler called in place of the one that a socket has.

        Args:
            io_loop: The IOLoop.
            sock: The socket, which has a handler.
            events: What the loop listens for.
            handler: As of ``IOLoop.add_handler``.
        """
        fd = sock.fileno()
        io_loop.handlers[fd] = io_loop.handlers[fd][0], handler

    def serve_reads(io_loop, sock, function):
        """Have a function called when a socket can be read, without its handler.

        It holds until the IOLoop is told to listen no more.
        """
        # Tornado < 6.1: the loop that listens is asyncio's own on every system.
        loop = getattr(io_loop, "selector_loop", io_loop.asyncio_loop)
        loop.add_reader(sock.fileno(), function)
