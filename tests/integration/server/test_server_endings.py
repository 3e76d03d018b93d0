"""Every way in which a connection ends: contract section 6, C26 and C28."""
from __future__ import absolute_import, division, print_function

import errno
import gc
import sys
import weakref

import pytest
import tornado
from peers import Noted, WebSocketCase, async_test, each, turns, until, with_rows
from tornado import gen, web
from tornado.concurrent import Future
from wire import HANDSHAKE, close_frame, frame

from tornado_ws import websocket
from tornado_ws._connection import protocol as _protocol

pytestmark = pytest.mark.cpython  # they wait until the handler is freed


class Plain(Noted, websocket.WebSocketHandler):
    """Notes what comes."""

    needs_collector = False


def fail(self, *args):
    raise IOError(errno.EIO, "failed in the callback")


@gen.coroutine
def fail_later(self, *args):
    yield turns(3)
    raise IOError(errno.EIO, "failed in the callback")


@gen.coroutine
def fail_before_yield(self, *args):
    # Tornado < 5 on Python 3: the wrapper's frame, which the error refers to, keeps the Future.
    self.needs_collector = sys.version_info >= (3,) and tornado.version_info < (5,)
    fail(self)
    yield gen.moment


def nothing(case, peer):
    """Do nothing: the connection ends by itself."""


def peer_closes(case, peer):
    peer.send(close_frame(1001, b"bye"))


def peer_closes_without_code(case, peer):
    peer.send(close_frame())


def we_close(case, peer):
    case.handler.close(4000, "ours")
    peer.send(close_frame(4000, b"theirs"))


def we_close_unanswered(case, peer):
    case.handler.close(4000)


def we_close_and_peer_drops(case, peer):
    case.handler.close(4000)
    peer.close()


def peer_closes_and_drops(case, peer):
    peer.send(close_frame(1001, b"bye"))
    peer.close()


def peer_closes_after_much(case, peer):
    peer.send(frame(0x81, b"m") * 2000, close_frame(1001, b"bye"))


def drop_with_fin(case, peer):
    peer.finish()


def drop_after_part_of_a_frame(case, peer):
    peer.send(frame(0x81, b"never whole")[:7])
    peer.finish()


def drop(case, peer):
    peer.close()


def drop_with_rst(case, peer):
    peer.reset()


def stream_close(case, peer):
    case.handler.stream.close()


def connection_abort(case, peer):
    case.handler.send_error(500)


def protocol_error(case, peer):
    peer.send(frame(0xFF, b"reserved bits"))


def invalid_text(case, peer):
    peer.send(frame(0x81, b"\xff"))


def message(case, peer):
    peer.send(frame(0x81, b"x"))


def ping(case, peer):
    peer.send(frame(0x89, b"x"))


def pong(case, peer):
    peer.send(frame(0x8A, b"x"))


def write_fails(case, peer):
    peer.reset()
    try:
        case.handler.write_message(b"x" * 100000)
    except websocket.WebSocketClosedError:
        pass


class Keepalive(Plain):
    ping_interval = 0.01
    ping_timeout = 0.01


class Deflating(Plain):
    def get_compression_options(self):
        return {}

    def on_message(self, message):
        self.write_message(message)


class ClosesInOnMessage(Plain):
    def on_message(self, message):
        self.close(4000)
        self.stream.close()


class WritesMuch(Plain):
    def open(self):
        self.note("open")
        self.write_message(b"x" * (8 * 1024 * 1024))


def failing(name, function):
    return type("Failing", (Plain,), {name: function})


QUIET = [
    ("peer_closes", Plain, peer_closes, 1001, "bye"),
    ("peer_closes_without_code", Plain, peer_closes_without_code, None, None),
    ("peer_closes_deflating", Deflating, peer_closes, 1001, "bye"),
    ("peer_closes_with_keepalive", failing("ping_interval", 60), peer_closes, 1001, "bye"),
    ("peer_closes_after_much", Deflating, peer_closes_after_much, 1001, "bye"),
    ("peer_closes_and_drops", Plain, peer_closes_and_drops, 1001, "bye"),
    ("we_close", Plain, we_close, 4000, "theirs"),
    ("we_close_unanswered", Plain, we_close_unanswered, None, None),
    ("we_close_and_peer_drops", Plain, we_close_and_peer_drops, None, None),
    ("drop_with_fin", Plain, drop_with_fin, None, None),
    ("drop_after_part_of_a_frame", Plain, drop_after_part_of_a_frame, None, None),
    ("drop", Plain, drop, None, None),
    ("drop_with_rst", Plain, drop_with_rst, None, None),
    ("drop_while_writing", WritesMuch, drop_with_rst, None, None),
    ("write_fails", Plain, write_fails, None, None),
    ("stream_close", Plain, stream_close, None, None),
    ("stream_close_while_writing", WritesMuch, stream_close, None, None),
    ("stream_close_in_on_message", ClosesInOnMessage, message, None, None),
    ("send_error", Plain, connection_abort, None, None),
    ("protocol_error", Plain, protocol_error, None, None),
    ("invalid_text", Plain, invalid_text, None, None),
    ("ping_timeout", Keepalive, nothing, None, None),
]
LOGGED = [
    ("exception_in_open", failing("open", fail), nothing),
    ("exception_in_open_later", failing("open", fail_later), nothing),
    ("exception_in_on_message", failing("on_message", fail), message),
    ("exception_in_on_message_before_yield", failing("on_message", fail_before_yield), message),
    ("exception_in_on_message_later", failing("on_message", fail_later), message),
    ("exception_in_on_ping", failing("on_ping", fail), ping),
    ("exception_in_on_pong", failing("on_pong", fail), pong),
    ("exception_in_on_pong_later", failing("on_pong", fail_later), pong),
]


@with_rows
class EndingTest(WebSocketCase):
    """on_close() comes exactly once; then the handler is freed, without the cycle collector, and
    so is the connection."""

    def setUp(self):
        super(EndingTest, self).setUp()
        gc.disable()
        self.addCleanup(gc.enable)
        self.patch(_protocol, "LINGER_TIMEOUT", 0.05)
        self.patch(_protocol, "CLOSE_TIMEOUT", 0.05)

    @gen.coroutine
    def check_ending(self, handler_class, act, note):
        peer = yield self.open_raw(handler_class)
        # Where open() raises, both may have gone.
        connections = [weakref.ref(self.handler._ws_protocol)] if self.handler is not None else []
        act(self, peer)
        yield until(lambda: note in self.notes)
        yield turns(5)
        peer.close()
        if self.handler is not None and self.handler.needs_collector:
            gc.collect()
        yield until(lambda: self.handler is None and not any(ref() for ref in connections))
        yield turns(5)
        self.assertEqual([n for n in self.notes if n[0] == "close"], [note])
        self.assertIs(self.notes[-1], self.notes[self.notes.index(note)])

    @each(*QUIET)
    @async_test
    def test_c26_c28(self, handler_class, act, code, reason):
        """C26, C28: ends that are nobody's fault in the application log nothing."""
        yield self.check_ending(handler_class, act, ("close", code, reason))

    @each(*LOGGED)
    @async_test
    def test_c26_c28_after(self, handler_class, act):
        """C26, C28: the same after an exception in a callback."""
        yield self.check_ending(handler_class, act, ("close", None, None))
        self.assertEqual(len(self.claim_logs("tornado.application", "/1")), 1)

    @each(("at_once", fail), ("before_yield", fail_before_yield), ("later", fail_later))
    @async_test
    def test_c26_exception_in_on_close(self, function):
        """C19, C26: an exception in on_close() is logged, the handler freed."""
        def on_close(self):
            self.note("close", self.close_code, self.close_reason)
            return function(self)

        yield self.check_ending(failing("on_close", on_close), peer_closes,
                                ("close", 1001, "bye"))
        self.assertEqual(len(self.claim_logs("tornado.application", "/1")), 1)

    @async_test
    def test_c28_refused(self):
        """C28: a handler whose handshake was refused is freed, too."""
        peer = yield self.connect_raw()
        path = self.add(Plain)
        for headers in ((), HANDSHAKE + (("Origin", "http://evil.example"),), HANDSHAKE[:2],
                        HANDSHAKE[:3]):
            peer.send_request(path, headers)
            status = (yield peer.read_response())[0]
            self.assertIn(status, (400, 403, 426))
            yield until(lambda: self.handler is None)
        self.assertEqual(self.notes, [])

    @async_test
    def test_c28_gone_during_prepare(self):
        """C28: a handler whose client left before the 101 is freed at once, also with pings."""
        class Pinging(Plain):
            ping_interval = 3600

            @gen.coroutine
            def prepare(self):
                prepared.append(True)
                yield gate

        prepared, gate = [], Future()
        peer = yield self.connect_raw()
        peer.send_request(self.add(Pinging))
        yield until(lambda: prepared)
        peer.close()
        yield turns(20)
        gate.set_result(None)
        yield until(lambda: self.handler is None)
        self.assertEqual(self.notes, [])

    @async_test
    def test_c26_not_opened(self):
        """C26: without open() there is no on_close(): prepare() failed, the peer went."""
        class Refusing(Plain):
            @gen.coroutine
            def prepare(self):
                prepared.append("begun")
                yield gate
                prepared.append("done")
                raise web.HTTPError(403)

        prepared, gate = [], Future()
        peer = yield self.connect_raw()
        peer.send_request(self.add(Refusing))
        yield until(lambda: prepared == ["begun"])
        peer.close()
        yield turns(20)
        gate.set_result(None)
        yield until(lambda: prepared == ["begun", "done"])
        peer = yield self.connect_raw()
        peer.send_request(self.add(Refusing))
        self.assertEqual((yield peer.read_response())[0], 403)
        yield turns(20)
        self.assertEqual(self.notes, [])

    @async_test
    def test_c28_many(self):
        """C28: a hundred connections, opened and closed at once, leave no handler."""
        path = self.add(Plain)
        peers = []
        for _ in range(100):
            peers.append((yield self.open_raw(path)))
        for i, peer in enumerate(peers):
            (peer_closes, drop, drop_with_rst)[i % 3](self, peer)
        yield until(lambda: len(self.notes) == 200)
        for peer in peers:
            peer.close()
        yield until(lambda: not any(ref() for ref in self._app.case_handlers))


class EndingOverTLSTest(EndingTest):
    """C26, C28 over TLS."""

    tls = True
