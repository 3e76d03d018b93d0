"""Why a connection ended, and waiting for that: C53 and C54, in both roles."""
from __future__ import absolute_import, division, print_function

import logging
import socket

from both_roles import BothRolesCase, both_roles
from installed import installed
from peers import async_test, each, turns, until, with_rows
from tornado import gen
from tornado.concurrent import Future
from tornado.iostream import StreamBufferFullError, StreamClosedError

from tornado_ws import websocket

try:
    TIMEOUT_ERROR = TimeoutError
except NameError:  # Python 2
    TIMEOUT_ERROR = socket.timeout


def why(end):
    """Return what the connection says about its end."""
    return end.sent_close_code, end.sent_close_reason, end.connection_error


@with_rows
class EndingTest(BothRolesCase):
    """C53."""

    @both_roles(("code", (4000, "enough"), (4000, "enough"), "4000 enough"),
                ("reason", (None, "why"), (1000, "why"), "1000 why"),
                ("nothing", (), (None, None), "no code"))
    @async_test
    def test_closed_here(self, side, arguments, said, words):
        """C53: what our side said, from the call on, and who began."""
        peer = yield self.open_side(side)
        self.assertEqual(why(self.end), (None, None, None))
        self.end.close(*arguments)
        self.assertEqual(why(self.end), said + (None,))
        yield peer.read_frame()
        peer.send(self.close_frame(4001, b"fine"))
        yield self.wait_end()
        self.assertEqual(why(self.end), said + (None,))
        line, = self.end_lines()
        self.assertTrue(line.startswith("Connection closed by this side: %s [/" % words), line)

    @both_roles(("code", (4000, b"bye"), (4000, None), "4000 bye"),
                ("nothing", (), (None, None), "no code"))
    @async_test
    def test_closed_there(self, side, arguments, said, words):
        """C53: the peer closes; our side says the same code."""
        peer = yield self.open_side(side)
        peer.send(self.close_frame(*arguments))
        yield self.wait_end()
        self.assertEqual(why(self.end), said + (None,))
        line, = self.end_lines()
        self.assertTrue(line.startswith("Connection closed by the peer: %s [/" % words), line)

    @both_roles()
    @async_test
    def test_a_violation(self, side):
        """C53: 1002 with what was wrong, on the wire, in the attributes and in the line."""
        peer = yield self.open_side(side)
        peer.send(self.frame(0x83, b"x"))
        yield self.wait_end()
        code, reason, error = why(self.end)
        self.assertEqual((code, error), (1002, None))
        self.assertEqual((yield peer.read_frame()).payload[2:], reason.encode("ascii"))
        line, = self.end_lines()
        self.assertTrue(line.startswith("Connection failed: 1002 %s [/" % reason), line)

    @both_roles()
    @async_test
    def test_a_callback_that_fails(self, side):
        """C53: 1011; the traceback is the line that this end has."""
        peer = yield self.open_side(side)
        if side == "server":
            self.end.on_message = lambda message: 1 // 0
        else:
            self.end.on_message = lambda message: message and 1 // 0
        peer.send(self.frame(0x81, b"x"))
        yield until(lambda: self.end.sent_close_code)
        self.assertEqual(why(self.end), (1011, None, None))
        yield until(lambda: self.protocol is None)
        self.claim_logs("tornado.application", "Uncaught exception")
        self.assertEqual(self.end_lines(), [])

    @both_roles()
    @async_test
    def test_a_reset(self, side):
        """C53: the system's own error."""
        peer = yield self.open_side(side)
        peer.reset()
        yield self.wait_end()
        code, reason, error = why(self.end)
        self.assertEqual((code, reason), (None, None))
        self.assertIsInstance(error, EnvironmentError)
        line, = self.end_lines()
        self.assertTrue(line.startswith("Connection lost: "), line)

    @both_roles()
    @async_test
    def test_an_end_without_a_word(self, side):
        """C53: the peer closes the socket, with no close frame: a StreamClosedError."""
        peer = yield self.open_side(side)
        peer.close()
        yield self.wait_end()
        self.assertIsInstance(self.end.connection_error, StreamClosedError)
        self.assertEqual(len(self.end_lines()), 1)

    @both_roles()
    @async_test
    def test_a_full_buffer(self, side):
        """C53: what max_write_buffer_size does is told too."""
        yield self.open_side(side)
        self.protocol.stream.max_write_buffer_size = 1000
        with self.assertRaises(StreamBufferFullError):
            self.end.write_message(b"x" * 2000, binary=True)
        yield self.wait_end()
        self.assertIsInstance(self.end.connection_error, StreamBufferFullError)

    @both_roles()
    @async_test
    def test_a_ping_timeout(self, side):
        """C53: 1000 ``ping timed out``, and then that nobody answered that either."""
        yield self.open_side(side, ping_interval=0.02, ping_timeout=0.02, close_timeout=0.02)
        yield self.wait_end()
        code, reason, error = why(self.end)
        self.assertEqual((code, reason), (1000, "ping timed out"))
        self.assertIsInstance(error, TIMEOUT_ERROR)
        line, = self.end_lines()
        self.assertIn("closed by this side: 1000 ping timed out; lost: the peer did not answer the "
                      "close frame within 0.02 s", line)

    @async_test
    def test_levels(self):
        """C53: at debug level, and nothing is made up where nobody listens."""
        peer = yield self.open_side("server")
        peer.send(self.close_frame(1000))
        yield self.wait_end()
        entry, = [entry for entry in self.log.entries if entry.logger == "tornado.general"]
        self.assertEqual((entry.level, entry.traceback), (logging.DEBUG, None))
        logging.getLogger("tornado").setLevel(logging.INFO)
        del self.log.entries[:]
        peer = yield self.open_side("server")
        peer.send(self.close_frame(1000))
        yield self.wait_end()
        self.assertEqual(self.end_lines(), [])


@with_rows
class WaitClosedTest(BothRolesCase):
    """C54."""

    @both_roles()
    @async_test
    def test_wait_closed(self, side):
        """C54: done after on_close, for each who waits; cancelling one harms no other."""
        peer = yield self.open_side(side)
        futures = [self.end.wait_closed() for _ in range(3)]
        if hasattr(futures[0], "cancel") and futures[0].cancel():
            self.assertTrue(futures[0].cancelled())
        told = []
        futures[1].add_done_callback(lambda future: told.append(list(self.closed)))
        peer.send(self.close_frame(1000))
        yield futures[1]
        yield futures[2]
        self.assertEqual(told, [[self.end]])
        yield self.end.wait_closed()

    @async_test
    def test_on_close_that_takes_its_time(self):
        """C54: done when what on_close returned is done."""
        release, order = Future(), []
        peer = yield self.open_side("server")

        @gen.coroutine
        def on_close():
            order.append("begun")
            yield release
            order.append("done")

        self.end.on_close = on_close
        first = self.end.wait_closed()
        peer.send(self.close_frame(1000))
        yield until(lambda: order)
        second = self.end.wait_closed()
        yield turns(5)
        self.assertFalse(first.done() or second.done())
        release.set_result(None)
        yield [first, second]
        self.assertEqual(order, ["begun", "done"])

    @async_test
    def test_before_it_is_open(self):
        """C54: nothing to wait for."""
        done = []

        class Early(websocket.WebSocketHandler):
            def prepare(self):
                done.append(self.wait_closed().done())

        yield self.open_raw(Early)
        self.assertEqual(done, [True])

    @both_roles(("a_tenth", 0.05), ("none", 0))
    @async_test
    def test_close_timeout(self, side, seconds):
        """C54: a connection's own time for the peer's answer."""
        peer = yield self.open_side(side, close_timeout=seconds)
        self.end.close(1001)
        yield self.wait_end()
        self.assertIsInstance(self.end.connection_error, EnvironmentError)
        self.assertEqual((yield peer.read_frames())[0].first, 0x88)

    @each(("negative", -1), ("text", "5"))
    @async_test
    def test_close_timeout_that_is_none(self, value):
        """C54: what is no number of seconds is refused by name."""
        with self.assertRaises(ValueError) as caught:
            self.websocket.websocket_connect(self.server_url(), close_timeout=value)
        self.assertIn("close_timeout", str(caught.exception))
        yield turns(1)

    @async_test
    def test_setting(self):
        """C54: the application's setting; a wrong one is an error of the server."""
        self._app.settings["websocket_close_timeout"] = 0.05
        yield self.open_side("server")
        self.end.close()
        yield self.wait_end()
        self.assertIsInstance(self.end.connection_error, EnvironmentError)
        self._app.settings["websocket_close_timeout"] = -1
        peer = yield self.connect_raw()
        peer.send_request(self.add(websocket.WebSocketHandler))
        self.assertEqual((yield peer.read_response())[0], 500)
        self.claim_logs("tornado.application", "Uncaught exception GET")


class InstalledEndingTest(EndingTest):
    """The same after ``install()``."""

    websocket = installed


class InstalledWaitClosedTest(WaitClosedTest):
    """The same after ``install()``."""

    websocket = installed
