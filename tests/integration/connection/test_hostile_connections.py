"""Connections that are opened and dropped in every state: nothing of them is left; C26, C28, C37.

200 connections, times the environment variable ``TORNADO_WS_SCALE``.
"""
from __future__ import absolute_import, division, print_function

import gc
import os
import resource

import pytest
from peers import Noted, WebSocketCase, async_test, each, turns, until, with_rows
from tornado import gen
from tornado.concurrent import Future
from tornado.iostream import IOStream
from wire import HANDSHAKE, close_frame, frame

from tornado_ws import websocket
from tornado_ws._connection import protocol as _protocol

pytestmark = [pytest.mark.cpython, pytest.mark.asyncio_timers]

SCALE = int(os.environ.get("TORNADO_WS_SCALE", 1))
CONNECTIONS = 200 * SCALE
AT_ONCE = 100  # are open at the same time
SETTLING_TIME = 20  # seconds; as a rule a few turns of the loop are enough


class Counting(Noted, websocket.WebSocketHandler):
    """Counts in place of noting; its prepare(), on_message() and close() wait if the path says."""

    def note(self, *note):
        counts = self.application.counts
        counts[note[0]] = counts.get(note[0], 0) + 1

    @gen.coroutine
    def prepare(self):
        self.note("made")
        if self.request.query == "prepare":
            yield self.application.release

    def open(self):
        self.note("open")
        if self.request.query == "close":
            self.close(1001, "going away")

    @gen.coroutine
    def on_message(self, message):
        self.note("message")
        if self.request.query == "message":
            yield self.application.release

    def get_compression_options(self):
        return {}


def head(path):
    fields = HANDSHAKE + (("Host", "127.0.0.1"), ("Sec-WebSocket-Extensions", "permessage-deflate"))
    lines = ["GET %s HTTP/1.1" % path] + ["%s: %s" % field for field in fields]
    return "\r\n".join(lines + ["", ""]).encode("ascii")


# What a peer sends before it drops the connection, after the query of its path: whether it gets
# to open() is the third item; the last is what it sends when it has the 101.
STATES = [
    ("connected", None, False, b""),
    ("first_byte", "", False, b""),
    ("half_a_head", "", False, b""),
    ("refused", "", False, b""),
    ("preparing", "prepare", False, b""),
    ("opened", "", True, b""),
    ("unread_message", "", True, frame(0x81, b"x" * 100000)),
    ("half_a_header", "", True, frame(0x81, b"x" * 1000)[:3]),
    ("half_a_frame", "", True, frame(0x81, b"x" * 1000)[:100]),
    ("half_a_message", "", True, frame(0x01, b"x" * 1000)),
    ("half_a_deflated_one", "", True, frame(0x41, b"\xf2")),
    ("callback_waits", "message", True, frame(0x81, b"x") * 3),
    ("pinging", "", True, frame(0x89, b"x") * 10),
    ("peer_closes", "", True, close_frame(1000)),
    ("peer_fails", "", True, b"\xff" * 100),
    ("server_closes", "close", True, b""),
]


class Leftovers(object):
    """What a loop and a process have: it must not grow with the number of connections."""

    def __init__(self, io_loop):
        self.loop = io_loop

    def count(self):
        gc.collect()
        counts = {"descriptors": len(os.listdir("/proc/self/fd"))}
        for kind in (Future, IOStream, websocket.WebSocketHandler, websocket.WebSocketProtocol):
            counts[kind.__name__] = sum(1 for thing in gc.get_objects() if isinstance(thing, kind))
        counts["timers"] = len(self._timers())
        return counts

    def grown(self, before, after):
        """Return what is more than the test's own few Futures."""
        return dict((name, count) for name, count in after.items()
                    if count > before[name] + (5 if name == "Future" else 0))

    def _timers(self):
        asyncio_loop = getattr(self.loop, "asyncio_loop", None)
        if asyncio_loop is not None:
            return [timer for timer in asyncio_loop._scheduled if not timer._cancelled]
        return [timer for timer in self.loop._timeouts if timer.callback is not None]


@with_rows
class DropTest(WebSocketCase):

    server_options = {"idle_connection_timeout": 0.5}
    settings = {"websocket_ping_interval": 0.2, "websocket_ping_timeout": 0.2}

    def get_app(self):
        app = super(DropTest, self).get_app()
        app.counts = {}
        app.log_request = lambda handler: None
        return app

    def setUp(self):
        super(DropTest, self).setUp()
        self._app.release = Future()
        # Tornado looks for idle connections; that timer is the server's, not a connection's.
        self.path = self.add(Counting)

    @gen.coroutine
    def bring_to(self, name, query, opens, data):
        """Connect a peer and bring its connection to a state."""
        peer = yield self.connect_raw()
        request = head("%s?%s" % (self.path, query))
        if name == "refused":
            request = request.replace(b"websocket", b"something")
        size = {"connected": 0, "first_byte": 1, "half_a_head": 60}.get(name, len(request))
        if size:
            peer.send(request[:size])
        if opens:
            yield peer.read_head()
            if data:
                peer.send(data)
        elif name == "refused":
            yield peer.read_response()
        raise gen.Return(peer)

    @gen.coroutine
    def check(self, drop, states, count):
        leftovers = Leftovers(self.io_loop)
        # What is made once is made now.
        yield self.run_some(lambda peer: peer.close(), states, len(states))
        before = leftovers.count()
        opened = yield self.run_some(drop, states, count)
        counts = self._app.counts
        self.assertEqual(counts.get("close", 0), counts.get("open", 0))
        self.assertGreaterEqual(counts.get("open", 0), opened)
        deadline = self.io_loop.time() + SETTLING_TIME
        left = self.left(leftovers, before)
        while left and self.io_loop.time() < deadline:
            yield gen.sleep(0.05)
            left = self.left(leftovers, before)
        self.assertEqual(left, {})

    def left(self, leftovers, before):
        """Return what is more than before, and the handlers that are still there."""
        found = leftovers.grown(before, leftovers.count())
        handlers = [ref for ref in self._app.case_handlers if ref() is not None]
        if handlers:
            found["handlers"] = handlers
        return found

    def settled(self, rests):
        """Let all who wait go on; tell whether every connection has ended at both ends."""
        release, self._app.release = self._app.release, Future()
        release.set_result(None)
        counts = self._app.counts
        return (all(rest.done() for rest in rests)
                and counts.get("close", 0) == counts.get("open", 0))

    @gen.coroutine
    def run_some(self, drop, states, count):
        """Open and drop connections, many at a time; return how many were opened."""
        opened = done = 0
        while done < count:
            chosen = [states[i % len(states)] for i in range(done, min(done + AT_ONCE, count))]
            done += len(chosen)
            peers = yield [self.bring_to(*state) for state in chosen]
            for state, peer in zip(chosen, peers):
                drop(peer)
                opened += state[2]
            rests = [peer.read_rest() for peer in peers if not peer.stream.closed()]
            yield until(lambda: self.settled(rests))
            for peer in peers:
                peer.close()
            self._closing[:] = []
        raise gen.Return(opened)

    @each(("FIN", lambda peer: peer.close()),
          ("RST", lambda peer: peer.reset()))
    @async_test
    def test_dropped(self, drop):
        """C26, C28: dropped in any state; on_close() runs once for each that was opened."""
        yield self.check(drop, STATES, CONNECTIONS * 2 // 5)

    @async_test
    def test_half_closed(self):
        """C26, C28: the peer sends FIN and goes on reading."""
        yield self.check(lambda peer: peer.finish(),
                         [state for state in STATES if state[0] != "refused"],
                         CONNECTIONS // 10)

    @async_test
    def test_silent(self):
        """C25, C28, C37: the peer says nothing more, and reads: timeouts end all of them.

        Before the handshake it is the HTTPServer's ``idle_connection_timeout``, after it the
        missing pong, in closing the time for that.
        """
        self.patch(_protocol, "CLOSE_TIMEOUT", 0.5)
        yield self.check(lambda peer: None, STATES, AT_ONCE)


class ManyAtOnceTest(WebSocketCase):

    @async_test
    def test_many_open_at_the_same_time(self):
        """C26, C28: they are closed together by the server, and all of it is freed."""
        self._app.counts = {}
        path = self.add(Counting)
        leftovers = Leftovers(self.io_loop)
        limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        count = min(CONNECTIONS // 5, limit // 4)
        before = leftovers.count()
        peers = yield [self.open_raw(path) for _ in range(count)]
        self.assertEqual(self._app.counts["open"], count)
        for reference in self._app.case_handlers:
            reference().close()
        for peer in peers:
            peer.send(close_frame())
        yield [peer.read_rest() for peer in peers]
        yield until(lambda: self._app.counts.get("close") == count)
        for peer in peers:
            peer.close()
        del peers[:], self._closing[:]
        peer = None  # noqa: F841
        yield turns(10)
        self.assertEqual(leftovers.grown(before, leftovers.count()), {})
