"""Whatever goes wrong in a connection ends that connection, and harms no other: C19."""
from __future__ import absolute_import, division, print_function

import logging

import tornado
from peers import TIMEOUT, Noted, WebSocketCase, async_test, each, turns, until, with_rows
from tornado import gen
from tornado.log import app_log
from wire import close_frame, deflate, frame, h

from tornado_ws import websocket

INTERNAL_ERROR = (0x88, h("03f3"))
DEFLATE = (("Sec-WebSocket-Extensions", "permessage-deflate"),)


class Panic(BaseException):
    """As of a library in another language."""


class Plain(Noted, websocket.WebSocketHandler):
    def on_message(self, message):
        self.note("message", message)
        self.write_message(message)


class Compressing(Plain):
    def get_compression_options(self):
        return {}


def raising(error):
    """Make a callback that raises."""
    def callback(self, *args):
        self.note("raises")
        raise error
    return callback


CALLBACKS = (("open", b""), ("on_message", frame(0x81, b"x")), ("on_ping", frame(0x89, b"x")),
             ("on_pong", frame(0x8A, b"x")))


class GuardCase(WebSocketCase):

    @gen.coroutine
    def open_witness(self):
        """Open a connection that must notice nothing."""
        self.witness = yield self.open_raw(Plain)
        del self.notes[:]

    @gen.coroutine
    def check_witness(self):
        """Check that the other connection goes on, and that new ones open."""
        for peer in self.witness, (yield self.open_raw(Plain)):
            peer.send(frame(0x81, b"works"))
            self.assertEqual((yield peer.read_frame()), (0x81, b"works"))

    @gen.coroutine
    def check_failed(self, peer):
        """Check that a connection was failed with 1011, and that on_close() comes once."""
        frames = yield peer.read_frames_until_close()
        self.assertEqual(frames[-1], INTERNAL_ERROR)
        self.assertEqual((yield peer.read_rest()), b"")
        peer.close()
        yield until(lambda: ("close", None, None) in self.notes)
        yield turns(5)
        self.assertEqual(self.notes.count(("close", None, None)), 1)
        self.assertNotIn(("message", "never"), self.notes)


@with_rows
class BaseExceptionTest(GuardCase):

    @each(*[(name, name, data) for name, data in CALLBACKS])
    @async_test
    def test_c19_base_exception(self, name, data):
        """C19: a BaseException ends the connection and is logged; nothing comes after it."""
        yield self.open_witness()
        handler_class = type(str("Failing"), (Plain,), {name: raising(Panic("of another kind"))})
        peer = yield self.open_raw(handler_class, after=data + frame(0x81, b"never"))
        yield self.check_failed(peer)
        self.assertEqual(self.notes.count(("raises",)), 1)
        entry, = self.claim_logs("tornado.application", "/2")
        self.assertIn("of another kind", entry.traceback)
        yield self.check_witness()

    @async_test
    def test_c19_base_exception_in_on_close(self):
        """C19: the same in on_close()."""
        yield self.open_witness()
        peer = yield self.open_raw(type(str("Failing"), (Plain,), {
            "on_close": raising(Panic("of another kind"))}))
        peer.send(close_frame(1000))
        self.assertEqual((yield peer.read_frames()), [(0x88, h("03e8"))])
        yield until(lambda: ("raises",) in self.notes)
        yield turns(5)
        entry, = self.claim_logs("tornado.application", "/2")
        self.assertIn("of another kind", entry.traceback)
        yield self.check_witness()


@with_rows
class NotSwallowedTest(GuardCase):

    def _handle_exception(self, *exc_info):
        """Have Tornado < 6's test case not take errors out of the loop."""
        return False

    @each(("keyboard_interrupt", KeyboardInterrupt), ("system_exit", SystemExit))
    def test_c19_what_must_not_be_swallowed(self, kind):
        """C19: it goes out through the run of the loop; the connection is failed all the same."""
        path = self.add(type(str("Failing"), (Plain,), {
            "on_message": raising(kind("from on_message"))}))
        self.io_loop.run_sync(self.open_witness, TIMEOUT)
        peer = self.io_loop.run_sync(lambda: self.open_raw(path), TIMEOUT)
        peer.send(frame(0x81, b"x"), frame(0x81, b"never"))
        limit = self.io_loop.call_later(TIMEOUT, self.io_loop.stop)
        with self.assertRaises(kind):
            self.io_loop.start()
        self.io_loop.remove_timeout(limit)
        self.io_loop.stop()  # Tornado < 5 takes it for running otherwise
        self.io_loop.start()
        self.io_loop.run_sync(lambda: self.check_failed(peer), TIMEOUT)
        self.assertEqual(self.notes.count(("raises",)), 1)
        entry, = self.claim_logs("tornado.general", "in a callback of " + path)
        self.assertIn("from on_message", entry.message)
        self.io_loop.run_sync(self.check_witness, TIMEOUT)


class RaisingFilter(logging.Filter):
    def filter(self, record):
        raise ValueError("cannot log")


def out_of_memory(*args):
    raise MemoryError("out of memory")


@with_rows
class LibraryTest(GuardCase):

    @each(("inflating", "_decompressor", "feed_pieces"), ("deflating", "_compressor", "compress"))
    @async_test
    def test_c19_memory_error_in_the_core(self, codec, method):
        """C19: memory runs out while a message is received or sent: 1011, never 1002 or 1007."""
        yield self.open_witness()
        peer = yield self.open_raw(Compressing, headers=DEFLATE)
        core = self.handler.ws_connection._core
        self.assertIsNotNone(getattr(core, codec))
        setattr(core, codec, type(str("Failing"), (object,), {method: out_of_memory})())
        core = None
        peer.send(frame(0xC1, deflate(b"never" if method != "compress" else b"x")),
                  frame(0xC1, deflate(b"never")), frame(0x89, b"p"))
        yield self.check_failed(peer)
        entry, = self.claim_logs("tornado.application", "/2")
        self.assertIn("out of memory", entry.traceback)
        yield self.check_witness()

    @async_test
    def test_c19_log_exception_raises(self):
        """C19: an overridden log_exception() raises: the first error is logged nevertheless."""
        class Failing(Plain):
            on_message = raising(IOError("failed in on_message"))

            def log_exception(self, *exc_info):
                self.note("log_exception")
                raise ValueError("cannot log")

        yield self.open_witness()
        peer = yield self.open_raw(Failing)
        peer.send(frame(0x81, b"x"), frame(0x81, b"never"))
        yield self.check_failed(peer)
        # Tornado < 5.1 logs errors of callbacks whatever log_exception() does.
        self.assertEqual(self.notes.count(("log_exception",)), tornado.version_info >= (5, 1))
        entry, = self.claim_logs("tornado.application", "/2")
        self.assertIn("failed in on_message", entry.traceback)
        yield self.check_witness()

    @async_test
    def test_c19_logger_raises(self):
        """C19: logging itself fails: the connection is failed, and nobody else notices."""
        class Failing(Plain):
            on_message = raising(IOError("failed in on_message"))

        yield self.open_witness()
        peer = yield self.open_raw(Failing)
        broken = RaisingFilter()
        app_log.addFilter(broken)
        self.addCleanup(app_log.removeFilter, broken)
        peer.send(frame(0x81, b"x"), frame(0x81, b"never"))
        yield self.check_failed(peer)
        yield self.check_witness()


def write_after_close(handler, message):
    """Close, and write afterwards."""
    if message == "1":
        handler.close(1000)
    if message in "12":
        handler.write_message("too late")


@gen.coroutine
def write_after_close_later(handler, message):
    """The same in a coroutine that waits."""
    if message == "1":
        handler.close(1000)
    yield turns(3)
    if message in "12":
        handler.write_message("too late")


@with_rows
class ClosedTest(GuardCase):

    @each(("plain", write_after_close), ("coroutine", write_after_close_later))
    @async_test
    def test_c19_write_after_own_close(self, write):
        """C19: each write after the own close is a debug line, and all that waits is delivered."""
        class Closing(Plain):
            serial_messages = True

            def on_message(self, message):
                self.note("message", message)
                return write(self, message)

        yield self.open_witness()
        peer = yield self.open_raw(Closing)
        del self.notes[:]
        peer.send(*[frame(0x81, message) for message in (b"1", b"2", b"3", b"4")])
        self.assertEqual((yield peer.read_frame()), (0x88, h("03e8")))
        peer.send(frame(0x81, b"5"), close_frame(1000))
        self.assertEqual((yield peer.read_rest()), b"")
        yield until(lambda: self.notes[-1][0] == "close")
        self.assertEqual(self.notes, [("message", message) for message in "12345"]
                         + [("close", 1000, None)])
        lines = self.claim_logs("tornado.general", "wrote to a connection that was closed")
        self.assertEqual([entry.level for entry in lines], [logging.DEBUG] * 2)
        yield self.check_witness()
