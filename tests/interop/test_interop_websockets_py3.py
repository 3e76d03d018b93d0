"""Both our roles against the library `websockets`, which shares no code with Tornado.

It needs that library, the newest: the tox environment ``interop`` has it.
"""
import os

import pytest
from peers import Noted, WebSocketCase, async_test, each, until, with_rows
from websockets.asyncio.client import connect
from websockets.asyncio.server import serve
from websockets.exceptions import ConnectionClosed

from tornado_ws import websocket

pytestmark = pytest.mark.interop

TEXT = "na\u00efve \u20ac \U0001f600"
SIZES = (0, 1, 125, 126, 127, 65535, 65536, 1024 * 1024)
RANDOM = os.urandom(1024 * 1024)


class EchoHandler(Noted, websocket.WebSocketHandler):
    options = None

    def get_compression_options(self):
        return self.options

    def select_subprotocol(self, subprotocols):
        return subprotocols[-1] if subprotocols else None

    def on_message(self, message):
        if message == "close me":
            self.close(4001, "as you like")
        elif message == "ping me":
            self.ping(b"from the server")
        else:
            self.write_message(message, isinstance(message, bytes))


class InteropCase(WebSocketCase):
    """``compressed`` is whether permessage-deflate is offered and taken."""

    compressed = False
    options = None


@with_rows
class _ServerTests(object):
    """Our server, their client."""

    def connect(self, **kwargs):
        handler_class = type("Handler", (EchoHandler,), {"options": self.options})
        return connect(self.url(self.add(handler_class)), max_size=None,
                       compression="deflate" if self.compressed else None, **kwargs)

    @async_test
    async def test_messages(self):
        async with self.connect() as peer:
            for message in ("", "Hello", TEXT, b"", b"\x00\xff", TEXT.encode()):
                await peer.send(message)
                answer = await peer.recv()
                self.assertEqual(answer, message)
                self.assertIs(type(answer), type(message))
            self.assertEqual(bool(peer.protocol.extensions), self.compressed)

    @async_test
    async def test_sizes(self):
        async with self.connect() as peer:
            for size in SIZES:
                for message in (RANDOM[:size], RANDOM.hex()[:size]):
                    await peer.send(message)
                    self.assertTrue(await peer.recv() == message, size)

    @async_test
    async def test_many_messages(self):
        async with self.connect() as peer:
            messages = ["%d %s" % (number, "the same words again " * (number % 7))
                        for number in range(300)]
            for message in messages:
                await peer.send(message)
            self.assertEqual([await peer.recv() for _ in messages], messages)

    @async_test
    async def test_fragments(self):
        """`websockets` sends an iterable as fragments."""
        async with self.connect() as peer:
            for parts in ([TEXT, "", TEXT], [b"a", b"b", b"c"], ["x" * 100000] * 3):
                await peer.send(parts)
                self.assertEqual(await peer.recv(), type(parts[0])().join(parts))

    @async_test
    async def test_pings(self):
        async with self.connect() as peer:
            for data in (b"", b"x" * 125):
                await (await peer.ping(data))
            await peer.send("ping me")
            await until(lambda: ("pong", b"from the server") in self.notes)

    @each(("1000", 1000, ""), ("1001", 1001, "away"), ("4999", 4999, "\u20ac" * 41))
    @async_test
    async def test_close_by_the_client(self, code, reason):
        async with self.connect() as peer:
            await peer.close(code, reason)
            self.assertEqual(peer.close_code, code)
        await until(lambda: self.notes[-1:] == [("close", code, reason or None)])

    @async_test
    async def test_close_by_the_server(self):
        async with self.connect() as peer:
            await peer.send("close me")
            with self.assertRaises(ConnectionClosed) as caught:
                await peer.recv()
        self.assertEqual((caught.exception.rcvd.code, caught.exception.rcvd.reason),
                         (4001, "as you like"))
        await until(lambda: self.notes[-1:] == [("close", 4001, "as you like")])

    @async_test
    async def test_subprotocol(self):
        async with self.connect(subprotocols=["a", "b"]) as peer:
            self.assertEqual(peer.subprotocol, "b")

    @async_test
    async def test_their_keepalive(self):
        async with self.connect(ping_interval=0.02, ping_timeout=30) as peer:
            await until(lambda: len([note for note in self.notes if note[0] == "ping"]) > 3)
            await peer.send("alive")
            self.assertEqual(await peer.recv(), "alive")

    @async_test
    async def test_our_keepalive(self):
        self._app.settings["websocket_ping_interval"] = 0.02
        async with self.connect() as peer:
            await until(lambda: self.notes.count(("pong", b"")) > 3)
            await peer.send("alive")
            self.assertEqual(await peer.recv(), "alive")

    @async_test
    async def test_limit(self):
        """A message over our limit: they see 1009."""
        self._app.settings["websocket_max_message_size"] = 1000
        async with self.connect() as peer:
            await peer.send("x" * 1001)
            with self.assertRaises(ConnectionClosed) as caught:
                await peer.recv()
        self.assertEqual(caught.exception.rcvd.code, 1009)


@with_rows
class _ClientTests(object):
    """Our client, their server."""

    async def dial(self, converse=None, **client):
        """Connect to a server of theirs; ``converse(peer)`` is what it does, else it echoes."""
        self.their_server = await serve(
            converse or self.echo, "127.0.0.1", 0, max_size=None,
            subprotocols=["b"] if "subprotocols" in client else None,
            compression="deflate" if self.compressed else None)
        connection = await websocket.websocket_connect(
            "ws://127.0.0.1:%d/" % self.their_server.sockets[0].getsockname()[1],
            compression_options=self.options, **client)
        self._closing.append(connection)
        return connection

    async def finish(self, connection):
        connection.close()
        while await connection.read_message() is not None:
            pass
        self.their_server.close()
        await self.their_server.wait_closed()

    async def echo(self, peer):
        async for message in peer:
            await peer.send(message)

    @async_test
    async def test_messages(self):
        conn = await self.dial()
        for message in ("", "Hello", TEXT, b"", b"\x00\xff", TEXT.encode()):
            conn.write_message(message, isinstance(message, bytes))
            answer = await conn.read_message()
            self.assertEqual(answer, message)
            self.assertIs(type(answer), type(message))
        self.assertEqual("Sec-WebSocket-Extensions" in conn.headers, self.compressed)
        await self.finish(conn)

    @async_test
    async def test_sizes(self):
        conn = await self.dial()
        for size in SIZES:
            for message in (RANDOM[:size], RANDOM.hex()[:size]):
                conn.write_message(message, isinstance(message, bytes))
                self.assertTrue(await conn.read_message() == message, size)
        await self.finish(conn)

    @async_test
    async def test_many_messages(self):
        conn = await self.dial()
        messages = ["%d %s" % (number, "the same words again " * (number % 7))
                    for number in range(300)]
        for message in messages:
            conn.write_message(message)
        self.assertEqual([await conn.read_message() for _ in messages], messages)
        await self.finish(conn)

    @async_test
    async def test_fragments(self):
        texts = [[TEXT, "", TEXT], [b"a", b"b", b"c"], ["x" * 100000] * 3]

        async def converse(peer):
            for parts in texts:
                await peer.send(parts)
            await peer.wait_closed()
        conn = await self.dial(converse)
        for parts in texts:
            self.assertEqual(await conn.read_message(), type(parts[0])().join(parts))
        await self.finish(conn)

    @async_test
    async def test_pings(self):
        async def converse(peer):
            await (await peer.ping(b"from the server"))
            await peer.send("ponged")
            await peer.wait_closed()
        pongs = []
        conn = await self.dial(converse)
        conn.on_pong = pongs.append
        conn.ping(b"x" * 125)
        self.assertEqual(await conn.read_message(), "ponged")
        await until(lambda: pongs)
        self.assertEqual(pongs, [b"x" * 125])
        await self.finish(conn)

    @each(("1000", 1000, ""), ("1001", 1001, "away"), ("4999", 4999, "\u20ac" * 41))
    @async_test
    async def test_close_by_the_client(self, code, reason):
        seen = []

        async def converse(peer):
            await peer.wait_closed()
            seen.append((peer.close_code, peer.close_reason))
        conn = await self.dial(converse)
        conn.close(code, reason)
        self.assertIs(await conn.read_message(), None)
        await until(lambda: seen)
        self.assertEqual(seen, [(code, reason)])
        await self.finish(conn)

    @async_test
    async def test_close_by_the_server(self):
        async def converse(peer):
            await peer.close(4001, "as you like")
        conn = await self.dial(converse)
        self.assertIs(await conn.read_message(), None)
        self.assertEqual((conn.close_code, conn.close_reason), (4001, "as you like"))
        await self.finish(conn)

    @async_test
    async def test_subprotocol(self):
        conn = await self.dial(subprotocols=["a", "b"])
        self.assertEqual(conn.selected_subprotocol, "b")
        await self.finish(conn)

    @async_test
    async def test_our_keepalive(self):
        conn = await self.dial(ping_interval=0.02)
        pongs = []
        conn.on_pong = pongs.append
        await until(lambda: len(pongs) > 3)
        conn.write_message("alive")
        self.assertEqual(await conn.read_message(), "alive")
        await self.finish(conn)

    @async_test
    async def test_limit(self):
        """A message over our limit: they see 1009."""
        codes = []

        async def converse(peer):
            await peer.send("x" * 1001)
            await peer.wait_closed()
            codes.append(peer.close_code)
        conn = await self.dial(converse, max_message_size=1000)
        self.assertIs(await conn.read_message(), None)
        await until(lambda: codes)
        self.assertEqual(codes, [1009])
        await self.finish(conn)


class PlainServerTest(_ServerTests, InteropCase):
    pass


class DeflateServerTest(_ServerTests, InteropCase):
    compressed, options = True, {}


class NoTakeoverServerTest(_ServerTests, InteropCase):
    compressed = True
    options = {"server_no_context_takeover": True, "client_no_context_takeover": True,
               "server_max_window_bits": 9, "client_max_window_bits": 9}


class PlainClientTest(_ClientTests, InteropCase):
    pass


class DeflateClientTest(_ClientTests, InteropCase):
    compressed, options = True, {}


class NoTakeoverClientTest(_ClientTests, InteropCase):
    compressed = True
    options = {"server_no_context_takeover": True, "client_no_context_takeover": True,
               "server_max_window_bits": 9, "client_max_window_bits": 9}
