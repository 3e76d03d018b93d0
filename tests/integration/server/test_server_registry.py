"""The connections of an application, all at once: C55."""
from __future__ import absolute_import, division, print_function

import gc
import struct
import threading

import pytest
from installed import installed
from peers import Noted, OtherLoop, WebSocketCase, async_test, each, turns, until, with_rows
from tornado import gen
from tornado.concurrent import Future
from wire import close_frame, frame

from tornado_ws import websocket
from tornado_ws._server import registry as _registry


class Plain(Noted, websocket.WebSocketHandler):
    """Notes what comes."""


def going_away(code=1001, reason=b""):
    return (0x88, struct.pack("!H", code) + reason)


class OpenConnectionsTest(WebSocketCase):
    """C55: open_connections."""

    @async_test
    def test_a_snapshot(self):
        """C55: the open handlers of that application, of all classes; it does not follow."""
        self.assertEqual(websocket.open_connections(self._app), [])
        yield self.open_raw(Plain)
        first = self.handler
        peer = yield self.open_raw(type("Other", (Plain,), {}))
        second = self.handler
        snapshot = websocket.open_connections(self._app)
        self.assertEqual(sorted(snapshot, key=id), sorted([first, second], key=id))
        peer.send(close_frame(1000))
        yield until(lambda: websocket.open_connections(self._app) == [first])
        self.assertEqual(len(snapshot), 2)
        first.close()
        self.assertEqual(websocket.open_connections(self._app), [])

    @async_test
    def test_in_callbacks(self):
        """C55: in open() the handler is there, in on_close() it is not any more."""
        seen = []

        class Looking(Plain):
            def look(self):
                seen.append(self in websocket.open_connections(self.application))

            open = on_close = look

        peer = yield self.open_raw(Looking)
        peer.send(close_frame(1000))
        yield until(lambda: len(seen) == 2)
        self.assertEqual(seen, [True, False])

    @pytest.mark.cpython
    @async_test
    def test_held_weakly(self):
        """C28, C55: a closed handler is freed."""
        peer = yield self.open_raw(Plain)
        self.assertEqual(len(websocket.open_connections(self._app)), 1)
        peer.send(close_frame(1000))
        yield peer.read_rest()
        yield until(lambda: gc.collect() is not None and self.handler is None)
        self.assertEqual(self._app._tornado_ws.entries, {})

    def test_no_application(self):
        """C55: something else is a TypeError."""
        with self.assertRaises(TypeError):
            websocket.open_connections(self.http_server)


@with_rows
class CloseAllTest(WebSocketCase):
    """C55: close_all_connections."""

    websocket = websocket

    @gen.coroutine
    def open_many(self, count, **attributes):
        class Handler(Noted, self.websocket.WebSocketHandler):
            pass

        for name, value in attributes.items():
            setattr(Handler, name, value)
        path = self.add(Handler)
        peers = []
        for _ in range(count):
            peers.append((yield self.open_raw(path)))
        raise gen.Return(peers)

    @each(("default", (), going_away()), ("given", (4000, "over"), going_away(4000, b"over")),
          ("none", (None,), (0x88, b"")))
    @async_test
    def test_all_answer(self, arguments, expected):
        """C55: each gets the close frame; done when the last socket is closed, and told."""
        peers = yield self.open_many(5)
        future = self.websocket.close_all_connections(self._app, *arguments)
        for number, peer in enumerate(peers):
            self.assertEqual((yield peer.read_frame()), expected)
            yield turns(3)
            self.assertFalse(future.done())
            peer.send(frame(*expected))
        self.assertEqual((yield future), 0)
        self.assertEqual(sum(note[0] == "close" for note in self.notes), 5)
        for peer in peers:
            self.assertEqual((yield peer.read_rest()), b"")

    @async_test
    def test_nobody_is_there(self):
        """C55: then it is done soon."""
        self.assertEqual((yield self.websocket.close_all_connections(self._app)), 0)
        self.assertEqual((yield self.websocket.close_all_connections(self._app)), 0)

    @async_test
    def test_close_timeout(self):
        """C55: who does not answer is cut off after its own close_timeout."""
        peers = yield self.open_many(3, close_timeout=0.5)
        future = self.websocket.close_all_connections(self._app)
        peers[0].send(close_frame(1001))
        self.assertEqual((yield future), 2)
        self.assertEqual(sum(note[0] == "close" for note in self.notes), 3)

    @each(("shorter", 0.05, 1000), ("longer", 0.1, 0.01))
    @async_test
    def test_timeout(self, timeout, close_timeout):
        """C55: a timeout takes the place of close_timeout."""
        peers = yield self.open_many(3, close_timeout=close_timeout)
        begun = self.io_loop.time()
        future = self.websocket.close_all_connections(self._app, timeout=timeout)
        peers[1].send(close_frame(1001))
        self.assertEqual((yield future), 2)
        self.assertGreaterEqual(self.io_loop.time() - begun, timeout * 0.9)

    @async_test
    def test_a_callback_that_hangs(self):
        """C55: the time limit holds whatever a callback does."""
        release = Future()

        @gen.coroutine
        def on_message(handler, message):
            handler.note("message", message)
            yield release

        peers = yield self.open_many(1, on_message=on_message, serial_messages=True)
        peers[0].send(frame(0x81, b"x"), frame(0x81, b"y"))
        yield until(lambda: ("message", "x") in self.notes)
        peers[0].send(close_frame(1001))
        self.assertEqual((yield self.websocket.close_all_connections(self._app, timeout=0.05)), 1)
        release.set_result(None)
        yield until(lambda: self.notes[-1][0] == "close")

    @async_test
    def test_one_that_was_failed_and_one_that_is_closing(self):
        """C55: sockets count, also where the handler is done or has closed before."""
        failed, closing, reset = yield self.open_many(3)
        failed.send(frame(0x83, b"x"))
        yield until(lambda: any(note[0] == "close" for note in self.notes))
        self.handler.close(4000)
        websocket_closed = self.websocket.close_all_connections(self._app)
        reset_frames = [closing, reset]
        reset.send(close_frame(4000))
        closing.send(close_frame(1001))
        for peer in reset_frames:
            yield peer.read_rest()
        yield turns(5)
        self.assertFalse(websocket_closed.done())
        failed.close()
        self.assertEqual((yield websocket_closed), 0)

    @async_test
    def test_no_more_come(self):
        """C55: 503 with Connection: close, for good; also for who was in prepare()."""
        release = Future()

        @gen.coroutine
        def prepare(handler):
            handler.note("prepare")
            yield release

        class Late(Noted, self.websocket.WebSocketHandler):
            pass

        Late.prepare = prepare
        late = yield self.connect_raw()
        path = self.add(Late)
        late.send_request(path)
        yield until(lambda: self.notes)
        yield self.websocket.close_all_connections(self._app)
        release.set_result(None)
        later = yield self.connect_raw()
        later.send_request(path)
        for client in (late, later):
            status, headers, body = yield client.read_response()
            self.assertEqual((status, headers["Connection"]), (503, "close"))
            self.assertIn(b"closing", body)
            self.assertEqual((yield client.read_rest()), b"")
        self.assertNotIn(("open",), self.notes)

    @each(("code", (1005,), {}), ("reason", (1001, "x" * 200), {}),
          ("timeout", (), {"timeout": -1}), ("timeout_text", (), {"timeout": "5"}))
    @async_test
    def test_wrong_arguments(self, args, kwargs):
        """C55: an error at the call, and nobody is closed."""
        peers = yield self.open_many(1)
        with self.assertRaises(ValueError):
            self.websocket.close_all_connections(self._app, *args, **kwargs)
        self.handler.write_message("still open")
        self.assertEqual((yield peers[0].read_frame()), (0x81, b"still open"))
        yield self.open_many(1)

    @async_test
    def test_an_override_of_close(self):
        """C55: a handler's own close() keeps nobody from being closed."""
        peers = yield self.open_many(1, close=lambda handler, *args, **kwargs: None)
        future = self.websocket.close_all_connections(self._app)
        self.assertEqual((yield peers[0].read_frame()), going_away())
        peers[0].send(close_frame(1001))
        self.assertEqual((yield future), 0)

    @async_test
    def test_another_thread(self):
        """C55: connections of another loop's, on their own loop."""
        yield self.open_many(1)
        other = OtherLoop(self._app)
        self.addCleanup(other.stop)
        stranger = yield self.open_raw("/1", port=other.port)
        yield until(lambda: len(websocket.open_connections(self._app)) == 2)
        own = self._closing[0]
        future = self.websocket.close_all_connections(self._app, timeout=30)
        for peer in (own, stranger):
            self.assertEqual((yield peer.read_frame()), going_away())
            self.assertFalse(future.done())
            peer.send(close_frame(1001))
        self.assertEqual((yield future), 0)

    @async_test
    def test_another_thread_that_stands_still(self):
        """C55: its loop cannot be made to run; the Future does not wait for ever."""
        self.patch(_registry, "OTHER_LOOP_GRACE", 0.1)
        other = OtherLoop(self.add_and_return_app())
        self.addCleanup(other.stop)
        yield self.open_raw("/1", port=other.port)
        yield until(lambda: websocket.open_connections(self._app))
        block = threading.Event()
        self.addCleanup(block.set)
        other.io_loop.add_callback(block.wait)
        self.assertEqual((yield self.websocket.close_all_connections(self._app, timeout=0)), 1)

    def add_and_return_app(self):
        self.add(type("Handler", (Noted, self.websocket.WebSocketHandler), {}))
        return self._app


class InstalledCloseAllTest(CloseAllTest):
    """The same after ``install()``."""

    websocket = installed


class MaxConnectionsTest(WebSocketCase):
    """C55: websocket_max_connections."""

    @async_test
    def test_more_are_refused(self):
        """C55: 503, and welcome again when somebody has left."""
        self._app.settings["websocket_max_connections"] = 2
        path = self.add(Plain)
        peers = []
        for _ in range(2):
            peers.append((yield self.open_raw(path)))
        refused = yield self.connect_raw()
        for _ in range(2):  # an ordinary response: the HTTP connection goes on
            refused.send_request(path)
            status, headers, body = yield refused.read_response()
            self.assertEqual(status, 503)
            self.assertIn(b"Too many", body)
            self.assertNotEqual(headers.get("Connection"), "close")
        peers[0].send(close_frame(1000))
        yield peers[0].read_rest()
        refused.send_request(path)
        self.assertEqual((yield refused.read_head())[0], "HTTP/1.1 101 Switching Protocols")

    @async_test
    def test_a_limit_that_is_none(self):
        """C55: no number is an error of the server."""
        self._app.settings["websocket_max_connections"] = "many"
        peer = yield self.connect_raw()
        peer.send_request(self.add(Plain))
        self.assertEqual((yield peer.read_response())[0], 500)
        self.claim_logs("tornado.application", "Uncaught exception GET")
