"""Errors of the application in every callback, raised at once or later: C19, C26, C29.

Logged once with the path; the connection ends with 1011, or a 500 before the upgrade; on_close()
runs once where open() was reached; the server goes on; no Future is reported as never retrieved.
"""
from __future__ import absolute_import, division, print_function

import errno
import gc

import pytest
from peers import Noted, WebSocketCase, async_test, each, turns, until, with_rows
from tornado import gen
from tornado.concurrent import Future
from wire import HANDSHAKE, close_frame, frame, h

from tornado_ws import websocket

WORDS = "failed in the callback"


class Plain(Noted, websocket.WebSocketHandler):
    def on_message(self, message):
        self.note("message", message)
        self.write_message(message)

    def get_compression_options(self):
        return {}


def fail():
    raise IOError(errno.EIO, WORDS)


def at_once(self, *args):
    """Raise."""
    fail()


def failed_future(self, *args):
    """Return a Future that has failed."""
    future = Future()
    future.set_exception(IOError(errno.EIO, WORDS))
    return future


def failing_future(self, *args):
    """Return a Future that fails in a later turn of the loop."""
    future = Future()
    self.application.case_loop.add_callback(
        future.set_exception, IOError(errno.EIO, WORDS))
    return future


@gen.coroutine
def coroutine_at_once(self, *args):
    """Be a coroutine that raises before it waits."""
    fail()


@gen.coroutine
def coroutine_later(self, *args):
    """Be a coroutine that raises after it has waited."""
    yield turns(3)
    fail()


WAYS = [at_once, failed_future, failing_future, coroutine_at_once, coroutine_later]

# How to make each callback run: its name, what the peer sends, whether the connection lives on.
OPEN_CALLBACKS = [("open", b""), ("on_message", frame(0x81, b"x")), ("on_ping", frame(0x89, b"x")),
                  ("on_pong", frame(0x8A, b"x"))]
SYNCHRONOUS = ["check_origin", "select_subprotocol", "get_compression_options"]


def rows(callbacks, ways):
    """Make a row of `each` for each callback and way to fail."""
    result = []
    for callback in callbacks:
        callback = callback if isinstance(callback, tuple) else (callback,)
        for way in ways:
            result.append(("%s_%s" % (callback[0], way.__name__),) + callback + (way,))
    return result


class ErrorCase(WebSocketCase):
    """Checks what an error in a callback comes to.

    Attributes:
        base: The handler class whose callbacks are replaced.
        words: What the log's traceback has to have.
    """

    base = Plain
    words = WORDS

    def setUp(self):
        super(ErrorCase, self).setUp()
        self._app.case_loop = self.io_loop

    def failing(self, callback, way):
        """Make a handler class of which one callback fails."""
        return type(str("Failing"), (self.base,), {callback: way})

    @gen.coroutine
    def open_witness(self):
        """Open a connection that must notice nothing."""
        self.witness = yield self.open_raw(Plain)
        del self.notes[:]

    @gen.coroutine
    def check_logged(self, path, count=1):
        """Check that one error was logged, with path and traceback, and that the server lives."""
        yield turns(10)
        gc.collect()
        yield turns(2)
        entries = self.claim_logs("tornado.application")
        self.assertEqual(len(entries), count, entries)
        for entry in entries:
            self.assertIn(path, entry.message)
            self.assertIn(self.words, entry.traceback)
        self.witness.send(frame(0x81, b"works"))
        self.assertEqual((yield self.witness.read_frame()), (0x81, b"works"))

    @gen.coroutine
    def check_closed(self, callback, way, data):
        """Check an error of an open connection."""
        yield self.open_witness()
        path = self.add(self.failing(callback, way))
        peer = yield self.open_raw(path, after=data)
        answer = yield peer.read_frame()
        while answer.first != 0x88:
            answer = yield peer.read_frame()
        self.assertEqual(answer.payload, h("03f3"))
        if not self.tls:
            self.assertEqual((yield peer.read_rest()), b"")
        peer.close()
        yield until(lambda: ("close", None, None) in self.notes)
        yield self.check_logged(path)
        self.assertEqual(self.notes.count(("close", None, None)), 1)
        self.assertIsNone(self._app.case_handlers[-1](), "the handler is kept alive")

    @gen.coroutine
    def check_refused(self, callback, way):
        """Check an error before the upgrade."""
        yield self.open_witness()
        path = self.add(self.failing(callback, way))
        peer = yield self.connect_raw()
        headers = HANDSHAKE + (("Origin", "http://127.0.0.1:%d" % self.get_http_port()),
                               ("Sec-WebSocket-Protocol", "chat"),
                               ("Sec-WebSocket-Extensions", "permessage-deflate"))
        peer.send_request(path, headers, after=frame(0x81, b"x"))
        status, _, body = yield peer.read_response()
        self.assertEqual(status, 500)
        self.assertNotIn(WORDS.encode("ascii"), body)
        self.assertEqual(self.notes, [])
        peer.close()
        yield self.check_logged(path)

    @gen.coroutine
    def check_on_close(self, way, end):
        """Check an error in on_close()."""
        def on_close(handler):
            handler.note("closing")
            return way(handler)

        yield self.open_witness()
        path = self.add(self.failing("on_close", on_close))
        peer = yield self.open_raw(path)
        end(self, peer)
        yield until(lambda: ("closing",) in self.notes)
        yield peer.read_rest() if not peer.stream.closed() else gen.moment
        yield self.check_logged(path)
        self.assertEqual(self.notes.count(("closing",)), 1)


# Ways in which a connection ends.
ENDS = [
    ("close_frame", lambda case, peer: peer.send(close_frame(1000))),
    ("reset", lambda case, peer: peer.reset()),
    ("wrong_frame", lambda case, peer: (peer.send(b"\xff\xff"), peer.finish())),
    ("drop", lambda case, peer: case.handler.stream.close()),
]


@with_rows
class OpenConnectionTest(ErrorCase):

    @each(*rows(OPEN_CALLBACKS, WAYS))
    @async_test
    def test_error(self, callback, data, way):
        """C19, C26, C29: logged once, 1011, on_close() once, others go on."""
        yield self.check_closed(callback, way, data)

    @each(*[("%s_%s" % (end, way.__name__), way, function)
            for end, function in ENDS for way in WAYS])
    @async_test
    def test_on_close(self, way, end):
        """C26: an error in on_close() is logged once, whatever ended the connection."""
        yield self.check_on_close(way, end)

    @async_test
    def test_errors_in_everything(self):
        """C19, C26: a callback fails, then on_close() too: each is logged once."""
        yield self.open_witness()
        path = self.add(type(str("Failing"), (Plain,), {"on_message": at_once,
                                                        "on_close": coroutine_later}))
        peer = yield self.open_raw(path)
        peer.send(frame(0x81, b"1") * 3)
        self.assertEqual((yield peer.read_frames()), [(0x88, h("03f3"))])
        peer.close()
        yield turns(20)
        yield self.check_logged(path, 2)

    @async_test
    def test_many_failing_futures(self):
        """C19, C20: of messages that are handled at the same time, each failure is logged."""
        yield self.open_witness()
        path = self.add(self.failing("on_message", coroutine_later))
        peer = yield self.open_raw(path)
        peer.send(frame(0x81, b"1") * 5)
        self.assertEqual((yield peer.read_frames()), [(0x88, h("03f3"))])
        peer.close()
        yield turns(20)
        yield self.check_logged(path, 5)
        self.assertEqual(self.notes.count(("close", None, None)), 1)

    @async_test
    def test_error_after_the_end(self):
        """C19: a Future that fails when the connection is over is logged, and no more."""
        release = Future()

        class Late(Plain):
            @gen.coroutine
            def on_message(self, message):
                self.note("begin")
                yield release
                fail()

        yield self.open_witness()
        path = self.add(Late)
        peer = yield self.open_raw(path)
        peer.send(frame(0x81, b"x"))
        yield until(lambda: ("begin",) in self.notes)
        peer.reset()
        yield until(lambda: ("close", None, None) in self.notes)
        release.set_result(None)
        yield turns(5)
        yield self.check_logged(path)
        self.assertEqual(self.notes.count(("close", None, None)), 1)


@pytest.mark.own_tls_errors
@with_rows
class OpenConnectionOverTLSTest(ErrorCase):

    tls = True

    @each(*rows(OPEN_CALLBACKS, [at_once]))
    @async_test
    def test_error(self, callback, data, way):
        """C19, C26, C29: the same over TLS, where the peer has to close."""
        yield self.check_closed(callback, way, data)


@with_rows
class RefusalTest(ErrorCase):

    @each(*rows(["prepare"], WAYS) + rows(SYNCHRONOUS, [at_once]))
    @async_test
    def test_error(self, callback, way):
        """C7, C9, C31: logged once, 500, not opened; the traceback is not in the response."""
        yield self.check_refused(callback, way)

    @each(*rows(SYNCHRONOUS, WAYS[1:]))
    @async_test
    def test_future(self, callback, way):
        """These decide at once: a Future is no answer, and above all not "yes" (C8)."""
        self.words = ""
        yield self.check_refused(callback, way)

    @async_test
    def test_coroutine_that_refuses(self):
        """C8: check_origin() as a coroutine that would say no lets nobody in."""
        @gen.coroutine
        def check_origin(self, origin):
            raise gen.Return(False)

        self.words = ""
        yield self.check_refused("check_origin", check_origin)
