"""Staying connected: `async for conn in websocket_connect(...)` (C60), with both faces."""
import asyncio
import contextlib
import email.utils
import gc
import socket
import ssl
import threading
import time
import warnings

import pytest
from free_port import free_port
from installed import installed
from peers import async_test, each, turns, until, with_rows
from raw_server import ClientCase
from tornado import gen, testing
from tornado.concurrent import Future
from tornado.httpclient import HTTPError, HTTPRequest, HTTPResponse
from tornado.ioloop import IOLoop
from tornado.iostream import StreamClosedError
from wire import close_frame, frame, response_head

from tornado_ws import websocket
from tornado_ws._client import reconnect
from tornado_ws._client.connect import ConnectFuture
from tornado_ws.websocket import WebSocketError


def answer(status, *headers):
    lines = ["HTTP/1.1 " + status, "Content-Length: 0"] + list(headers)
    return "\r\n".join(lines + ["", ""]).encode("ascii")


class ReconnectCase(ClientCase):
    websocket = websocket

    def setUp(self):
        super().setUp()
        self.patch(reconnect, "FIRST_WAIT", (0.001, 0.002))
        self.patch(reconnect, "MAX_WAIT", 0.01)

    async def refuse(self, response):
        """Answer the next request with an HTTP response."""
        peer = await self.server.accept()
        await peer.read_head()
        peer.send(response)
        await peer.read_rest()

    async def finish(self, connections):
        """Close the last connection, and not wait for a peer that does not answer."""
        closing = connections.aclose()
        for peer in self.server._peers:
            peer.close()
        await closing

    async def serve(self, text, *more):
        """Take the next connection and send a text, and more frames."""
        return await self.server.accept_websocket(
            after=frame(0x81, text, None) + b"".join(more))


@with_rows
class ReconnectTest(ReconnectCase):
    @async_test
    async def test_one_after_the_other(self):
        """C60: a connection, and after its end the next one."""
        seen = []

        async def client():
            async for conn in self.start():
                seen.append(conn)
                async for message in conn:
                    seen.append(message)
                if len(seen) == 6:
                    break

        task = gen.convert_yielded(client())
        for text in (b"1", b"2", b"3"):
            peer = await self.serve(text)
            await until(lambda: seen[-1:] == [text.decode()])
            peer.close()
        await task
        self.assertEqual(seen[1::2], ["1", "2", "3"])
        self.assertEqual(len(set(map(id, seen[::2]))), 3)
        self.assertIsInstance(seen[0], self.websocket.WebSocketClientConnection)

    @async_test
    async def test_what_the_call_gives_is_as_ever(self):
        """C60: the object is the Future, awaited or iterated over; its connection comes first."""
        called = []
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of Tornado 6.5, after install()
            future = self.start(callback=called.append)
        self.assertIsInstance(future, ConnectFuture)
        peer = await self.serve(b"x")
        conn = await future
        connections = future.__aiter__()
        self.assertIs(await connections.__anext__(), conn)
        await until(lambda: called)
        self.assertEqual(called, [future])
        peer.close()
        closing = connections.__anext__()
        await self.serve(b"y")
        self.assertIsNot(await closing, conn)
        self.assertEqual(called, [future])
        await self.finish(connections)

    @each(("500", "500 Internal Server Error"), ("502", "502 Bad Gateway"), ("503", "503 Busy"),
          ("504", "504 Gateway Timeout"), ("429", "429 Too Many Requests"))
    @async_test
    async def test_answers_that_pass(self, status):
        """C60: 5xx and 429 are tried again, as often as they come."""
        connections = self.start().__aiter__()
        waiting = connections.__anext__()
        for _ in range(3):
            await self.refuse(answer(status))
        await self.serve(b"at last")
        self.assertEqual(await (await waiting).read_message(), "at last")
        await self.finish(connections)

    @async_test
    async def test_network_errors(self):
        """C60: nobody listens; the server goes away, or is silent: tried again."""
        connections = self.start(connect_timeout=0.3).__aiter__()
        waiting = connections.__anext__()
        for reset in (False, True, None):
            peer = await self.server.accept()
            if reset is None:
                await peer.read_rest()  # until the time is over
            else:
                await peer.read_head()
                (peer.reset if reset else peer.close)()
        await self.serve(b"x")
        conn = await waiting
        self.server.close()
        refused = connections.__anext__()
        await until(lambda: connections._session._wait == reconnect.MAX_WAIT)
        self.assertFalse(refused.done())
        self.server = type(self.server)()
        await self.finish(connections)
        self.assertEqual(await conn.read_message(), "x")

    @each(("400", "400 Bad Request"), ("401", "401 Unauthorized"), ("403", "403 Forbidden"),
          ("404", "404 Not Found"), ("302", "302 Found"))
    @async_test
    async def test_answers_that_do_not(self, status):
        """C60: anything else is raised, and it is the end."""
        connections = self.start().__aiter__()
        waiting = connections.__anext__()
        await self.refuse(answer(status))
        with self.assertRaises(HTTPError) as caught:
            await waiting
        self.assertEqual(caught.exception.code, int(status[:3]))
        with self.assertRaises(StopAsyncIteration):
            await connections.__anext__()

    @async_test
    async def test_a_wrong_101(self):
        """C60: so is a server that does not speak the protocol, also the second time."""
        connections = self.start().__aiter__()
        waiting = connections.__anext__()
        (await self.serve(b"x")).close()
        await waiting
        waiting = connections.__anext__()
        await self.refuse(response_head("wrong"))
        with self.assertRaises(self.websocket.WebSocketError):
            await waiting

    @async_test
    async def test_an_open_connection_is_closed_first(self):
        """C60: and its end waited for, before the next begins."""
        connections = self.start().__aiter__()
        waiting = connections.__anext__()
        peer = await self.serve(b"x")
        conn = await waiting
        waiting = connections.__anext__()
        self.assertEqual((await peer.read_frame()).first, 0x88)
        second = self.server.accept_websocket()
        await turns(20)
        self.assertFalse(second.done())
        self.assertIs(conn._ws_ended, None)
        peer.send(close_frame(1000, mask=None))
        await second
        self.assertIsNot(await waiting, conn)
        await self.finish(connections)

    @async_test
    async def test_leaving_closes(self):
        """C60: the iterator that is freed closes its connection."""
        peer = gen.convert_yielded(self.serve(b"x"))
        async for conn in self.start():
            peer = await peer
            break
        gc.collect()  # where nobody counts references
        self.assertEqual((await peer.read_frame()).first, 0x88)
        peer.close()
        self.assertEqual(await conn.read_message(), "x")
        self.assertIsNone(await conn.read_message())

    @async_test
    async def test_aclosing(self):
        """C60: `aclose` waits for the end of the connection."""
        closed = []

        async def client():
            future = self.start()
            try:
                async for conn in future:
                    break
            finally:
                await future.aclose()
            closed.append(conn._ws_ended)

        task = gen.convert_yielded(client())
        peer = await self.serve(b"x")
        self.assertEqual((await peer.read_frame()).first, 0x88)
        self.assertEqual(closed, [])
        peer.close()
        await task
        self.assertIsNotNone(closed[0])

    @pytest.mark.skipif(not hasattr(contextlib, "aclosing"), reason="Python 3.10 has it")
    @async_test
    async def test_aclosing_of_the_library(self):
        """C60: ``async with contextlib.aclosing(websocket_connect(...)) as connections:``."""
        peers = gen.convert_yielded(self.closed_by_the_client())
        async with contextlib.aclosing(self.start()) as connections:
            async for conn in connections:
                break
        self.assertIsNotNone(conn._ws_ended)
        await peers

    async def closed_by_the_client(self):
        peer = await self.serve(b"x")
        await peer.read_frame()
        peer.close()

    @each(("nothing", 0), ("connecting", 1), ("open", 2), ("waiting", 3), ("ending", 4))
    @async_test
    async def test_aclose_at_any_time(self, state):
        """C60: whatever is under way ends, and nothing is left behind."""
        future = self.start()
        if state == 0:
            peer = await self.serve(b"x")
            await until(future.done)
        elif state == 1:
            waiting = future.__aiter__().__anext__()
            peer = await self.server.accept()
        else:
            connections = future.__aiter__()
            waiting = connections.__anext__()
            peer = await self.serve(b"x")
            await waiting
            if state == 3:
                self.patch(reconnect, "FIRST_WAIT", (900, 1000))
                peer.close()
                waiting = connections.__anext__()
                await until(lambda: connections._session._timer)
            elif state == 4:
                waiting = connections.__anext__()
        closing = future.aclose()
        rest = peer.read_rest()
        if state in (0, 2, 4):
            peer.send(close_frame(1000, mask=None))
        await closing
        await future.aclose()
        await rest
        if state in (1, 3, 4):
            with self.assertRaises((StopAsyncIteration, asyncio.CancelledError)):
                await waiting
        with self.assertRaises(StopAsyncIteration):
            await future.__aiter__().__anext__()
        await turns(50)

    @async_test
    async def test_a_wait_that_is_cancelled(self):
        """C60: as by `wait_for`; the attempt goes on, and the next call has it."""
        if not Future().cancel():
            self.skipTest("Futures of Tornado 4 cannot be cancelled")
        connections = self.start().__aiter__()
        connections.__anext__().cancel()
        peer = await self.serve(b"x")
        await until(lambda: connections._session._attempt.done())
        conn = await connections.__anext__()
        self.assertEqual(await conn.read_message(), "x")
        connections.__anext__().cancel()
        self.assertEqual((await peer.read_frame()).first, 0x88)
        peer.close()
        await self.refuse(answer("404 Not Found"))
        await until(lambda: connections._session._attempt.done())
        with self.assertRaises(HTTPError):
            await connections.__anext__()
        await turns(50)

    @async_test
    async def test_redirects_and_options(self):
        """C60: all that the call was given holds for each connection."""
        class Client(websocket.WebSocketClientConnection):
            pass

        request = HTTPRequest(self.server_url("/a"), headers={"X-Key": "k"})
        connections = websocket.websocket_connect(
            request, max_redirects=1, subprotocols=["chat"], connection_class=Client).__aiter__()
        for _ in range(3):
            waiting = connections.__anext__()
            await self.refuse(answer("302 Found", "Location: /b"))
            peer = await self.server.accept_websocket([("Sec-WebSocket-Protocol", "chat")])
            conn = await waiting
            self.assertIsInstance(conn, Client)
            self.assertEqual(conn.selected_subprotocol, "chat")
            self.assertEqual(peer.request[0], "GET /b HTTP/1.1")
            self.assertEqual(peer.request[1].get_list("X-Key"), ["k"])
            peer.close()
        await self.finish(connections)

    @async_test
    async def test_a_class_that_fails(self):
        """C60: what a subclass raises the second time is raised."""
        class Once(websocket.WebSocketClientConnection):
            made = 0

            def __init__(self, **kwargs):
                Once.made += 1
                if Once.made == 2:
                    raise RuntimeError("only once")
                super().__init__(**kwargs)

        connections = websocket.websocket_connect(
            self.server_url(), connection_class=Once).__aiter__()
        waiting = connections.__anext__()
        (await self.serve(b"x")).close()
        await waiting
        with self.assertRaisesRegex(RuntimeError, "only once"):
            await connections.__anext__()

    @async_test
    async def test_a_socket_of_ones_own(self):
        """C60: it can be connected once."""
        ours, theirs = socket.socketpair()
        future = self.start("ws://a/", sock=ours)
        with self.assertRaisesRegex(ValueError, "connected again"):
            future.__aiter__()
        await future.aclose()
        await turns(50)
        theirs.close()

    @pytest.mark.cpython
    @async_test
    async def test_freed(self):
        """C60: at once, while it waits too, and from another thread."""
        gc.collect()
        gc.disable()
        self.addCleanup(gc.enable)
        connections = self.start("ws://127.0.0.1:%d/" % free_port()).__aiter__()
        waiting = connections.__anext__()
        session = connections._session
        await until(lambda: session._timer)
        held = [connections]
        connections = None
        thread = threading.Thread(target=held.clear)
        thread.start()
        thread.join()
        await until(lambda: session._stopped)
        self.assertIs(session._timer, None)
        with self.assertRaises(StopAsyncIteration):
            await waiting

    @async_test
    async def test_freed_when_the_loop_is_closed(self):
        """C60: no word about it."""
        loop = IOLoop(make_current=False)
        session = reconnect.Session(loop, None, ConnectFuture())
        loop.close()
        session.leave()
        self.assertFalse(session._stopped)


class InstalledReconnectTest(ReconnectTest):
    websocket = installed


@with_rows
class WaitTest(testing.AsyncTestCase):
    """C60: how long it waits."""

    runTest = None

    def waits(self, session, count):
        for _ in range(count):
            session._sleep(0)
            self.io_loop.remove_timeout(session._timer)
            yield session._wait

    def test_waits_grow(self):
        firsts = set()
        for _ in range(50):
            first, *others = self.waits(reconnect.Session(self.io_loop, None, None), 17)
            firsts.add(first)
            self.assertTrue(0.1 <= first <= 1)
            for one, other in zip([first] + others, others):
                self.assertTrue(other == 60 or 1.5 <= other / one <= 2.5)
            self.assertEqual(others[-1], 60)
        self.assertGreater(len(firsts), 40)

    @each(("at_once", 0.1, False), ("soon", 9.9, False), ("later", 10, True))
    @async_test
    async def test_they_start_anew_after_a_long_life(self, life, anew):
        """A server that accepts and closes is not asked more often than one that refuses."""
        session = reconnect.Session(self.io_loop, None, None)
        list(self.waits(session, 9))

        class Connection:
            _ws_ended = 1000 + life

        session._connection, session._opened = Connection(), 1000
        session._on_end(None)
        self.io_loop.remove_timeout(session._timer)
        self.assertEqual(session._wait <= 1, anew)

    @each(
        ("seconds", "120", 120), ("date", None, 100), ("none", "", 0), ("nonsense", "soon", 0),
        ("past", "Sun, 06 Nov 1994 08:49:37 GMT", 0), ("too_long", "9" * 400, 3600),
        ("negative", "-5", 0), ("no_decimal", "\xb2", 0),
        ("no_such_year", "Mon, 01 Jan 99999 00:00:00 GMT", 0),
        ("no_such_date", "Mon, 99 Jan 2026 99:99:99 +999999999999", 0),
    )
    def test_retry_after(self, value, seconds):
        if value is None:
            value = email.utils.formatdate(time.time() + 100, usegmt=True)
        response = HTTPResponse(HTTPRequest("http://a"), 503, headers={"Retry-After": value})
        least = reconnect.least_wait(HTTPError(503, response=response))
        self.assertTrue(seconds - 60 <= least <= seconds, least)

    def test_a_server_that_asks_for_time_gets_it(self):
        session = reconnect.Session(self.io_loop, None, None)
        begun = self.io_loop.time()
        deadlines = []
        self.io_loop.call_at = lambda when, *args: deadlines.append(when)
        session._sleep(500)
        self.assertGreaterEqual(deadlines[0] - begun, 500)

    @each(
        ("reset", ConnectionResetError(), 0), ("closed", StreamClosedError(), 0),
        ("name", OSError(-2, "unknown"), 0), ("timeout", HTTPError(599), 0),
        ("cut", StreamClosedError(ssl.SSLEOFError(8, "EOF")), 0),
        ("certificate", StreamClosedError(ssl.SSLError(1, "certificate verify failed")), None),
        ("host_name", ssl.CertificateError("no such name"), None),
        ("lost_answer", StreamClosedError(HTTPError(599)), 0),
        ("wrong_101", WebSocketError(), None), ("programmer", TypeError(), None),
        ("refused", HTTPError(403), None),
    )
    def test_errors(self, error, least):
        self.assertEqual(reconnect.least_wait(error), least)
