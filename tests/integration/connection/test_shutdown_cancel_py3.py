"""Tasks that are cancelled while they wait for a connection: C14, C39, C41, C44.

What is cancelled is only the waiting: no message is lost or torn, nothing is logged, and no socket
of a cancelled attempt stays open.
"""
from __future__ import absolute_import, division, print_function

import asyncio
import gc
import unittest

import tornado
from peers import async_test, each, turns, until, with_rows
from raw_server import ClientCase
from tornado import gen
from wire import frame

from tornado_ws import websocket

BIG = b"x" * (16 * 1024 * 1024)

needs_asyncio = unittest.skipIf(tornado.version_info < (5,), "Tornado has no asyncio")


def text(payload):
    return frame(0x81, payload, mask=None)


@gen.coroutine
def cancelled(task):
    """Cancel a task once it waits; check that it ends so."""
    yield turns(3)
    task.cancel()
    yield until(task.done)
    assert task.cancelled()


@needs_asyncio
class ReadTest(ClientCase):

    @async_test
    def test_read_message(self):
        """C41: the message that then comes is for the next reader."""
        conn, peer = yield self.open()

        async def read():
            return await conn.read_message()

        for number in (b"1", b"2"):
            yield cancelled(asyncio.ensure_future(read()))
            peer.send(text(number))
            self.assertEqual((yield conn.read_message()), number.decode())

    @async_test
    def test_one_of_several_readers(self):
        """C41: the others get the messages, in order."""
        conn, peer = yield self.open()

        async def read():
            return await conn.read_message()

        tasks = [asyncio.ensure_future(read()) for _ in range(3)]
        yield cancelled(tasks[1])
        peer.send(text(b"1"), text(b"2"), text(b"3"))
        self.assertEqual((yield tasks[0]), "1")
        self.assertEqual((yield tasks[2]), "2")
        self.assertEqual((yield conn.read_message()), "3")

    @async_test
    def test_wait_for(self):
        """C41: a time limit by asyncio, again and again; then the message comes."""
        conn, peer = yield self.open()

        async def read():
            return await asyncio.wait_for(conn.read_message(), 0.01)

        for _ in range(3):
            with self.assertRaises(asyncio.TimeoutError):
                yield asyncio.ensure_future(read())
        peer.send(text(b"late"))
        self.assertEqual((yield conn.read_message()), "late")

    @async_test
    def test_iteration(self):
        """C44: a loop over messages that is cancelled can be begun anew."""
        conn, peer = yield self.open()
        messages = []

        async def iterate():
            async for message in conn:
                messages.append(message)

        yield cancelled(asyncio.ensure_future(iterate()))
        again = asyncio.ensure_future(iterate())
        peer.send(text(b"1"), text(b"2"), frame(0x88, b"", mask=None))
        yield again
        self.assertEqual(messages, ["1", "2"])

    @async_test
    def test_reader_when_the_connection_closes(self):
        """C41: a reader that was cancelled before is not told, and nothing is logged."""
        conn, peer = yield self.open()

        async def read():
            return await conn.read_message()

        yield cancelled(asyncio.ensure_future(read()))
        peer.reset()
        self.assertIsNone((yield conn.read_message()))


@needs_asyncio
@with_rows
class ConnectTest(ClientCase):

    @each(("at_once", 0), ("soon", 1), ("connecting", 3), ("handshake", 20))
    @async_test
    def test_websocket_connect(self, count):
        """C39: the socket of a cancelled attempt is closed; the peer sees the end."""
        async def connect():
            return await websocket.websocket_connect(self.server_url())

        task = asyncio.ensure_future(connect())
        yield turns(count)
        task.cancel()
        yield until(task.done)
        self.assertTrue(task.cancelled())
        if count == 20:
            peer = yield self.server.accept()
            yield peer.read_rest()
        gc.collect()
        yield turns(20)

    @async_test
    def test_the_101_comes_too_late(self):
        """C39: an answer to an attempt that was cancelled opens nothing."""
        future = self.start()
        peer = yield self.server.accept()
        yield peer.read_head()
        future.cancel()
        peer.send(b"HTTP/1.1 101 Switching Protocols\r\n\r\n", text(b"x"))
        yield peer.read_rest()

    @async_test
    def test_async_with(self):
        """C44: a block that is cancelled closes its connection."""
        async def run():
            async with websocket.websocket_connect(self.server_url()) as conn:
                inside.append(conn)
                await conn.read_message()

        inside = []
        task = asyncio.ensure_future(run())
        peer = yield self.server.accept_websocket()
        yield until(lambda: inside)
        yield turns(5)
        task.cancel()
        self.assertEqual((yield peer.read_frame()), (0x88, b""))
        peer.send(frame(0x88, b"", mask=None))
        yield peer.read_rest()
        yield until(task.done)
        self.assertTrue(task.cancelled())


@needs_asyncio
class WriteTest(ClientCase):

    @async_test
    def test_write_message(self):
        """C14, C15: what was begun is sent whole, and so is what comes after."""
        conn, peer = yield self.open()

        async def write():
            await conn.write_message(BIG, binary=True)

        yield cancelled(asyncio.ensure_future(write()))
        conn.write_message("next")
        first, payload = yield peer.read_frame()
        self.assertEqual((first, len(payload)), (0x82, len(BIG)))
        self.assertEqual((yield peer.read_frame()), (0x81, b"next"))

    @async_test
    def test_writer_when_the_connection_drops(self):
        """C14: a writer that was cancelled before is not told, and nothing is logged."""
        conn, peer = yield self.open()

        async def write():
            await conn.write_message(BIG, binary=True)

        yield cancelled(asyncio.ensure_future(write()))
        peer.reset()
        self.assertIsNone((yield conn.read_message()))
        gc.collect()
        yield turns(3)

    @async_test
    def test_all_futures_of_a_connection(self):
        """C14: cancelled in any order, with others that wait between them."""
        conn, peer = yield self.open()
        futures = [conn.write_message(b"%d" % i * 100000, binary=True) for i in range(100)]
        for future in futures[::3]:
            future.cancel()
        for i in range(100):
            first, payload = yield peer.read_frame()
            self.assertEqual((first, payload[:2]), (0x82, (b"%d" % i * 2)[:2]))
        for i, future in enumerate(futures):
            if i % 3:
                yield future
