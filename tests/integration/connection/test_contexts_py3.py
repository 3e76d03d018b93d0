"""In which context of variables a connection's callbacks run, and in which turn: C45."""
from __future__ import absolute_import, division, print_function

import sys
import unittest

import tornado
from peers import Noted, WebSocketCase, async_test, each, turns, until, with_rows
from tornado.iostream import StreamBufferFullError
from wire import close_frame, frame, h

from tornado_ws import websocket

if sys.version_info >= (3, 7):
    from contextvars import ContextVar, copy_context

    user = ContextVar("user", default="nobody")
    setting = ContextVar("setting", default="unset")

# Tornado < 5 has a loop that knows no context variables.
needs_variables = unittest.skipIf(
    sys.version_info < (3, 7) or tornado.version_info < (5,), "no context variables")

PIECE = b"x" * 1000000


class Named(Noted, websocket.WebSocketHandler):
    """Its context has its name; each callback notes that and the name that it sees."""

    def prepare(self):
        self.name = self.get_argument("u")
        user.set(self.name)

    def see(self, what):
        self.note(self.name, what, user.get())

    def open(self):
        self.application.named[self.name] = self
        self.see("open")

    def on_message(self, message):
        self.see("message")
        act = getattr(self, "act_" + message, None)
        if act is not None:
            act(self.application.named["bob"])
            self.see("acted")

    def on_ping(self, data):
        self.see("ping")

    def on_pong(self, data):
        self.see("pong")

    def on_close(self):
        self.see("close")

    def act_flood(self, other):
        while not other.ws_connection.stream.writing():
            other.write_message(PIECE, binary=True)

    def act_close(self, other):
        other.close()

    def act_abort(self, other):
        other.ws_connection._abort()

    def act_stream(self, other):
        other.ws_connection.stream.close()

    def act_full(self, other):
        other.ws_connection.stream.max_write_buffer_size = 1
        try:
            other.write_message(b"22")
        except StreamBufferFullError:
            pass


class NamedNative(Named):
    """The same with coroutines."""

    async def on_message(self, message):
        Named.on_message(self, message)
        await turns(1)
        self.see("later")

    async def on_ping(self, data):
        await turns(1)
        self.see("ping")

    async def on_pong(self, data):
        self.see("pong")

    async def on_close(self):
        self.see("close")


KINDS = (("plain", Named), ("native", NamedNative))
DROPS = ("abort", "stream", "full")


@needs_variables
@with_rows
class OthersTest(WebSocketCase):

    async def open_both(self, handler_class):
        self._app.named = {}
        path = self.add(handler_class)
        self.bob = await self.open_raw(path + "?u=bob")
        self.alice = await self.open_raw(path + "?u=alice")
        await until(lambda: len(self.notes) == 2)

    def seen(self, name):
        """What a connection noted; and all that anybody noted has to be of his own name."""
        self.assertEqual([], [note for note in self.notes if note[0] != note[2]])
        return [note[1] for note in self.notes if note[0] == name and note[1] != "later"]

    @each(*KINDS)
    @async_test
    def test_c45_partial_write_by_another(self, handler_class):
        """C45: another connection writes more than the socket takes; nothing of its is seen."""
        yield self.open_both(handler_class)
        self.bob.send(frame(0x81, b"before"))
        yield until(lambda: "message" in self.seen("bob"))
        self.alice.send(frame(0x81, b"flood"))
        yield until(lambda: "acted" in self.seen("alice"))
        self.bob.send(frame(0x81, b"while"))
        got = (yield self.bob.read_frame())
        self.assertEqual(got, (0x82, PIECE))
        self.bob.send(frame(0x89, b"x"), frame(0x8A, b"y"), frame(0x81, b"after"),
                      close_frame(1000))
        frames = yield self.bob.read_frames_until_close()
        self.assertEqual(frames[-1], (0x88, h("03e8")))
        yield until(lambda: "close" in self.seen("bob"))
        self.assertEqual(sorted(self.seen("bob")),
                         ["close", "message", "message", "message", "open", "ping", "pong"])

    @each(*KINDS)
    @async_test
    def test_c45_close_by_another(self, handler_class):
        """C45: another connection closes it; on_close() sees its own."""
        yield self.open_both(handler_class)
        self.alice.send(frame(0x81, b"close"))
        self.assertEqual((yield self.bob.read_frame()).first, 0x88)
        self.bob.send(frame(0x81, b"late"), close_frame())
        yield until(lambda: "close" in self.seen("bob"))
        self.assertEqual(self.seen("bob"), ["open", "message", "close"])
        self.assertEqual(self.seen("alice"), ["open", "message", "acted"])

    @each(*[("%s_%s" % (kind, way), handler_class, way)
            for kind, handler_class in KINDS for way in DROPS])
    @async_test
    def test_c45_dropped_by_another(self, handler_class, way):
        """C45: another connection drops it; on_close() comes after that one's callback."""
        yield self.open_both(handler_class)
        self.alice.send(frame(0x81, way.encode("ascii")))
        yield until(lambda: "close" in self.seen("bob"))
        self.assertEqual(self.seen("bob"), ["open", "close"])
        self.assertEqual(self.seen("alice"), ["open", "message", "acted"])
        self.assertLess(self.notes.index(("alice", "acted", "alice")),
                        self.notes.index(("bob", "close", "bob")))

    @each(*[(way, way) for way in DROPS])
    @async_test
    def test_c45_dropped_by_itself(self, way):
        """C45: what a callback does to its own connection: on_close() is not called inside it."""
        yield self.open_both(Named)
        self.bob.send(frame(0x81, way.encode("ascii")))
        yield until(lambda: "close" in self.seen("bob"))
        self.assertEqual(self.seen("bob"), ["open", "message", "acted", "close"])


class Setting(Noted, websocket.WebSocketHandler):
    """Each callback notes what it sees of ``user`` and ``setting``, and sets the latter."""

    def see(self, what):
        self.note(what, user.get(), setting.get())
        setting.set(what)

    def prepare(self):
        user.set("prepare")

    def open(self):
        self.see("open")

    def on_message(self, message):
        self.see("message")

    def on_ping(self, data):
        self.see("ping")

    def on_pong(self, data):
        self.see("pong")

    def on_close(self):
        self.see("close")


class NativeSetting(Setting):
    async def on_message(self, message):
        self.see("message")
        await turns(1)
        setting.set("later")

    async def on_ping(self, data):
        self.see("ping")

    async def on_pong(self, data):
        await turns(1)
        self.see("pong")


class NativeOpen(NativeSetting):
    async def open(self):
        self.see("open")
        await turns(3)
        user.set("opened")
        setting.set("open ended")


class NativeOpenAtOnce(NativeSetting):
    async def open(self):
        self.see("open")
        user.set("opened")
        setting.set("open ended")


class NativePrepare(NativeSetting):
    async def prepare(self):
        await turns(2)
        user.set("prepare")


@needs_variables
@with_rows
class SettingsTest(WebSocketCase):

    async def run_all(self, handler_class):
        """Have each callback called; two messages in one batch, the others by themselves."""
        peer = await self.open_raw(handler_class)
        peer.send(frame(0x81, b"1"), frame(0x81, b"2"))
        await until(lambda: len(self.notes) == 3)
        for data in frame(0x89, b"x"), frame(0x8A, b"x"), frame(0x81, b"3"):
            count = len(self.notes)
            peer.send(data)
            await until(lambda: len(self.notes) == count + 1)
        peer.send(close_frame(1000))
        await until(lambda: self.notes[-1][0] == "close")

    @async_test
    def test_c45_plain_callbacks_go_on_from_each_other(self):
        """C45: prepare() and open() are seen, and what a plain callback sets, by all later ones."""
        yield self.run_all(Setting)
        self.assertEqual(self.notes, [
            ("open", "prepare", "unset"), ("message", "prepare", "open"),
            ("message", "prepare", "message"), ("ping", "prepare", "message"),
            ("pong", "prepare", "ping"), ("message", "prepare", "pong"),
            ("close", "prepare", "message")])
        self.assertEqual((user.get(), setting.get()), ("nobody", "unset"))

    @each(("plain", NativeSetting, "prepare", "open"),
          ("native", NativeOpen, "opened", "open ended"),
          ("native_at_once", NativeOpenAtOnce, "opened", "open ended"))
    @async_test
    def test_c45_coroutines_begin_where_open_ended(self, handler_class, name, value):
        """C45: what open() sets, a coroutine too, is seen; what other coroutines set, is not."""
        yield self.run_all(handler_class)
        self.assertEqual(self.notes, [("open", "prepare", "unset")] + [
            (what, name, value)
            for what in ("message", "message", "ping", "pong", "message", "close")])
        self.assertEqual((user.get(), setting.get()), ("nobody", "unset"))

    @unittest.skipIf(tornado.version_info < (6,), "there prepare() is a Task with its own context")
    @async_test
    def test_c45_native_prepare(self):
        """C45: what ``async def prepare`` sets is seen by all."""
        yield self.run_all(NativePrepare)
        self.assertEqual([note[1] for note in self.notes], ["prepare"] * 7)

    @async_test
    def test_c45_client(self):
        """C45: a client's callback sees what its caller had set, not what the server's does."""
        class Greeting(Setting):
            def open(self):
                self.write_message("1")

            def on_message(self, message):
                self.write_message("2")

        def on_message(message):
            seen.append((message, user.get(), setting.get()))
            setting.set(message or "")

        def start():
            user.set("caller")
            return self.connect(Greeting, on_message_callback=on_message)

        seen = []
        client = yield copy_context().run(start)
        yield until(lambda: len(seen) == 1)
        client.write_message("x")
        yield until(lambda: len(seen) == 2)
        client.close()
        yield until(lambda: len(seen) == 3)
        self.assertEqual(seen, [("1", "caller", "unset"), ("2", "caller", "1"),
                                (None, "caller", "2")])
