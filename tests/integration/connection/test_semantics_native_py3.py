"""Native coroutines in both semantics (C6, C20, section 11)."""
import tornado
from installed import installed
from peers import Noted, WebSocketCase, async_test, each, turns, until, with_rows
from tornado import gen, locks
from wire import HANDSHAKE, close_frame, frame

from tornado_ws import websocket


@with_rows
class _Tests(object):
    """What both ways in have in common: 4.3 could not run native coroutines."""

    def handler_class(self, **methods):
        return type("Handler", (Noted, self.websocket.WebSocketHandler), methods)

    @async_test
    async def test_on_message_is_awaited(self):
        """C20: order and backpressure hold."""
        gate = locks.Event()

        async def on_message(handler, message):
            handler.note("start", message)
            await gate.wait()
            handler.note("end", message)
        peer = await self.open_raw(self.handler_class(on_message=on_message))
        peer.send(frame(0x81, b"a"), frame(0x81, b"b"))
        await until(lambda: ("start", "a") in self.notes)
        await turns(20)
        self.assertNotIn(("start", "b"), self.notes)
        gate.set()
        await until(lambda: ("end", "b") in self.notes)
        self.assertEqual(self.notes[1:], [("start", "a"), ("end", "a"),
                                          ("start", "b"), ("end", "b")])

    @async_test
    async def test_open_is_awaited(self):
        """C12, C20: it runs before any message is delivered."""
        gate = locks.Event()

        async def open(handler):
            handler.note("start")
            await gate.wait()
            handler.note("end")
        peer = await self.open_raw(self.handler_class(
            open=open, on_message=lambda handler, message: handler.note("message", message)),
            after=frame(0x81, b"a"))
        await turns(20)
        self.assertEqual(self.notes, [("start",)])
        gate.set()
        await until(lambda: ("message", "a") in self.notes)
        self.assertEqual(self.notes, [("start",), ("end",), ("message", "a")])
        peer.close()

    @each(("serial", True), ("concurrent", False))
    @async_test
    async def test_serial_messages_decides_for_both_kinds(self, serial):
        """C20: the class attribute forces one rule for Futures and native coroutines."""
        gate, notes = locks.Event(), []

        async def native(handler, message):
            notes.append(message)
            await gate.wait()

        @gen.coroutine
        def future(handler, message):
            notes.append(message)
            yield gate.wait()
        for on_message in (native, future):
            del notes[:]
            gate.clear()
            peer = await self.open_raw(self.handler_class(
                on_message=on_message, serial_messages=serial))
            peer.send(frame(0x81, b"a"), frame(0x81, b"b"))
            await until(lambda: notes)
            await turns(20)
            self.assertEqual(notes, ["a"] if serial else ["a", "b"])
            gate.set()
            await until(lambda: len(notes) == 2)

    @async_test
    async def test_super_get_awaited(self):
        """C6, section 11: ``await super().get()`` ends at once, or on 6.x with the connection."""
        waits = self.websocket is installed and tornado.version_info >= (6,)

        class Handler(Noted, self.websocket.WebSocketHandler):
            async def get(self, *args, **kwargs):
                result = super().get(*args, **kwargs)
                if result is not None:
                    await result
                self.note("get is done")

            def on_message(self, message):
                self.note("message", message)
        peer = await self.open_raw(Handler)
        peer.send(frame(0x81, b"a"))
        await until(lambda: ("message", "a") in self.notes)
        await turns(5)
        self.assertEqual(("get is done",) in self.notes, not waits)
        peer.send(close_frame(1000))
        await until(lambda: ("get is done",) in self.notes and ("close", 1000, None) in self.notes)

    @async_test
    async def test_super_get_awaited_that_refuses(self):
        """C6: a refusal is over when get is."""
        class Handler(Noted, self.websocket.WebSocketHandler):
            async def get(self, *args, **kwargs):
                result = super().get(*args, **kwargs)
                if result is not None:
                    await result
                self.note("get is done")
        peer = await self.connect_raw()
        peer.send_request(self.add(Handler), HANDSHAKE + (("Origin", "http://evil.example"),))
        status, _, body = await peer.read_response()
        self.assertEqual((status, body), (403, b"Cross origin websockets not allowed"))
        await until(lambda: ("get is done",) in self.notes)
        self.assertEqual(self.notes, [("get is done",)])

    @async_test
    async def test_super_get_waits_for_the_handlers_own_end(self):
        """Section 11: whatever ends the connection ends the wait."""
        class Handler(Noted, self.websocket.WebSocketHandler):
            async def get(self, *args, **kwargs):
                result = super().get(*args, **kwargs)
                if result is not None:
                    await result
                self.note("get is done")

            def on_message(self, message):
                raise LookupError()
        peer = await self.open_raw(Handler)
        peer.send(frame(0x81, b"a"))
        await peer.read_rest()
        await until(lambda: ("get is done",) in self.notes)
        self.claim_logs("tornado.application", "")

    @async_test
    async def test_prepare_is_awaited(self):
        """C8: the handshake is answered after ``prepare``."""
        gate = locks.Event()

        class Handler(Noted, self.websocket.WebSocketHandler):
            async def prepare(self):
                self.note("prepare")
                await gate.wait()
                self.set_header("X-Prepared", "yes")
        future = self.open_raw(Handler)
        await until(lambda: self.notes)
        await turns(5)
        self.assertEqual(self.notes, [("prepare",)])
        gate.set()
        peer = await future
        self.assertEqual(peer.response[1]["X-Prepared"], "yes")


class ImportTest(_Tests, WebSocketCase):
    websocket = websocket


class InstalledTest(_Tests, WebSocketCase):
    websocket = installed
