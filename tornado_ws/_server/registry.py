"""The connections of an Application: a list of them, a limit, and the end of all at once.

They are held weakly, by their transports: one that was failed lives on for a while without its
handler, and its socket counts. Handlers of one Application may belong to several loops, each run
by a thread of its own; what is done to a connection is done on its loop.
"""
from __future__ import absolute_import, division, print_function

import functools
import weakref

from tornado import web
from tornado.ioloop import IOLoop

from tornado_ws._compat import futures, loop, threads
from tornado_ws._connection.additions import check_limits
from tornado_ws._connection.deadline import Deadline
from tornado_ws._connection.delivery import END_GRACE
from tornado_ws._sansio.close import build_close
from tornado_ws._sansio.errors import HandshakeError

STATUS_UNAVAILABLE = 503
OTHER_LOOP_GRACE = 1.0  # seconds that a loop of another thread may be late
LAST_TURNS = 3          # of the loop, in which handlers are told that their sockets are closed

_NAME = "_tornado_ws"


class _Entry(weakref.ref):
    """A connection: a weak reference to its transport."""

    __slots__ = ("key", "handler", "connections")

    def __new__(cls, transport, handler, connections):
        return super(_Entry, cls).__new__(cls, transport, _forget)

    def __init__(self, transport, handler, connections):
        super(_Entry, self).__init__(transport, _forget)
        self.key = id(transport)
        self.handler = weakref.ref(handler)
        self.connections = connections


def _forget(entry):
    connections = entry.connections()
    if connections is not None and connections.entries.get(entry.key) is entry:
        del connections.entries[entry.key]


class Connections(object):
    """The connections of one Application.

    Attributes:
        entries: By the ids of their transports.
        closed: Whether no more are admitted.
    """

    def __init__(self):
        self.entries = {}
        self.closed = False
        self._weakly = weakref.ref(self)

    def add(self, handler, transport):
        """Enter a connection that is open now."""
        self.entries[id(transport)] = _Entry(transport, handler, self._weakly)

    def members(self):
        """Return the connections whose sockets are open: pairs of transport and handler or None."""
        members = []
        for entry in self.entries.copy().values():
            transport = entry()
            if transport is not None and not transport.stream.closed():
                members.append((transport, entry.handler()))
        return members

    def admit(self, most):
        """Decide about a new one.

        Args:
            most: How many there may be, or None.

        Raises:
            HandshakeError: 503, if it is refused.
            ValueError: ``most`` is no number from 0.
        """
        if self.closed:
            raise HandshakeError("The server is closing.", STATUS_UNAVAILABLE)
        if most is not None:
            check_limits(websocket_max_connections=most)
            if len(self.entries) >= most and len(self.members()) >= most:
                raise HandshakeError("Too many WebSocket connections.", STATUS_UNAVAILABLE)


def connections_of(application):
    """Return the `Connections` of an Application.

    Raises:
        TypeError: It is no Application.
    """
    if not isinstance(application, web.Application):
        raise TypeError("a tornado.web.Application is needed, not %r" % (application,))
    found = application.__dict__.get(_NAME)
    return found or application.__dict__.setdefault(_NAME, Connections())


def open_connections(application):
    """List the WebSocket handlers of an Application whose connections are open.

    Args:
        application: The ``tornado.web.Application``.

    Returns:
        A new list of `WebSocketHandler`. Those that are closing are not in it.
    """
    handlers = []
    for _, handler in connections_of(application).members():
        protocol = handler and handler._ws_protocol
        if protocol is not None and not protocol.is_closing():
            handlers.append(handler)
    return handlers


def close_all_connections(application, code=1001, reason="", timeout=None):
    """Close all WebSocket connections of an Application, for good: a service that stops.

    From now on handshakes are answered with 503. Handlers are told by ``on_close``, as ever.

    Args:
        application: The ``tornado.web.Application``.
        code, reason: As of `WebSocketHandler.close`; 1001 is for one who goes away.
        timeout: Seconds after which every socket that is still open is cut off. None: each
            connection has its ``close_timeout``.

    Returns:
        A Future of the number of connections that had to be cut off, done when the last socket is
        closed.

    Raises:
        ValueError: The code may not be sent, the reason is too long, or the timeout is no number
            from 0; then nothing is changed.
    """
    check_limits(timeout=timeout)
    build_close(code, reason)
    connections = connections_of(application)
    connections.closed = True
    by_loop = {}
    for transport, handler in connections.members():
        by_loop.setdefault(transport.io_loop, []).append((transport, handler))
    farewell = _Farewell(IOLoop.current())
    farewell.begin(by_loop, code, reason, timeout)
    return farewell.future


class _Farewell(object):
    """The end of all connections, of all loops.

    Args:
        io_loop: The loop of who waits for it.
    """

    def __init__(self, io_loop):
        self.future = futures.new_future(io_loop)
        self._io_loop = io_loop
        self._partings = []
        self._cut = 0
        self._deadline = None

    def begin(self, by_loop, code, reason, timeout):
        """Begin on each loop; ``by_loop`` has the connections."""
        self._partings = [_Parting(members) for members in by_loop.values()]
        elsewhere = False
        for io_loop, parting in zip(by_loop, list(self._partings)):
            if threads.is_elsewhere(threads.thread_of(io_loop)):
                elsewhere = True
                parting.on_done = functools.partial(self._tell_here, parting)
                loop.call_from_thread(io_loop, parting.begin, code, reason, timeout)
            else:
                parting.on_done = functools.partial(self._on_done, parting)
                parting.begin(code, reason, timeout)
        if elsewhere and self._partings:
            longest = max(parting.longest for parting in self._partings)
            seconds = 2 * longest + END_GRACE if timeout is None else timeout
            self._deadline = Deadline(
                self._io_loop, seconds + OTHER_LOOP_GRACE, self._on_time)
        self._end_if_done()

    def _tell_here(self, parting):
        loop.call_from_thread(self._io_loop, self._on_done, parting)

    def _on_done(self, parting):
        if parting in self._partings:
            self._partings.remove(parting)
            self._cut += parting.cut
            self._end_if_done()

    def _on_time(self):
        # A loop that does not run, or stands still: nothing can be done about it from here.
        self._cut += sum(parting.cut + len(parting.left) for parting in self._partings)
        self._partings = []
        self._end_if_done()

    def _end_if_done(self):
        if not self._partings:
            if self._deadline is not None:
                self._deadline.cancel()
            self._end_in(LAST_TURNS)

    def _end_in(self, turns):
        if turns:
            loop.call_soon(self._io_loop, self._end_in, turns - 1)
        elif not self.future.done():
            self.future.set_result(self._cut)


class _Parting(object):
    """The end of the connections of one loop.

    Args:
        members: Pairs of a transport and its handler or None.

    Attributes:
        on_done: Called once, on that loop, when the last socket is closed.
        cut: How many were cut off.
        left: The transports that are not closed yet.
        longest: The longest time that one of them gives its peer, in seconds.
    """

    on_done = None

    def __init__(self, members):
        self._members = members
        self.left = set(transport for transport, _ in members)
        self.cut = 0
        protocols = [handler._ws_protocol for _, handler in members if handler is not None]
        self.longest = max([0] + [protocol._closing_time() for protocol in protocols
                                  if protocol is not None])
        self._deadline = None

    def begin(self, code, reason, timeout):
        """Say goodbye to all."""
        for transport, handler in self._members:
            transport.on_gone += (self._on_gone,)
            if transport.stream.closed():
                self._on_gone(transport)
            elif handler is not None:
                handler._ws_part(code, reason or None, timeout)
        if timeout is not None and self.left:
            io_loop = self._members[0][0].io_loop
            self._deadline = Deadline(io_loop, timeout, self._on_time)

    def _on_time(self):
        for transport, handler in self._members:
            if transport in self.left:
                transport.cut = True
                protocol = handler and handler._ws_protocol
                if protocol is not None:
                    protocol._on_close_timeout()
                transport.stream.close()

    def _on_gone(self, transport):
        if transport not in self.left:
            return
        self.left.discard(transport)
        self.cut += transport.cut
        if not self.left:
            self._members = ()
            if self._deadline is not None:
                self._deadline.cancel()
            self.on_done()
