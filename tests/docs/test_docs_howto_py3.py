"""The programs in ``docs/howto/code`` do what the pages say."""
import asyncio
import importlib.util
import logging
import os
import signal
import socket
import subprocess
import sys
import urllib.parse

import authentication
import deflating
import flow_control
import keepalive
import origins
import pytest
import start
import subprotocols
import tornado
from docs_case_py3 import DOCS, DocsCase, async_test, until
from double_tests import DoubleTest, WrongPeerTest
from free_port import free_port
from tornado import gen
from tornado.escape import json_decode
from tornado.httpclient import HTTPError, HTTPRequest
from tornado.ioloop import IOLoop
from tornado.iostream import IOStream

from tornado_ws import websocket

needs_asyncio_run = pytest.mark.skipif(
    not hasattr(asyncio, "run") or tornado.version_info < (5, 0),
    reason="asyncio.run is not for it")

DoubleTest.runTest = WrongPeerTest.runTest = None  # pytest makes an instance without a test


class CompressionTest(DocsCase):

    page = deflating

    @async_test
    async def test_both_ways(self):
        text = "the same again " * 100
        for path in ("/feed", "/thrifty"):
            self.assertEqual(await deflating.ask(self.url(path), text), text)

    async def extensions(self, path, options):
        url = self.url(path)
        async with websocket.websocket_connect(url, compression_options=options) as conn:
            await conn.write_message("the same again " * 100)
            await conn.read_message()
            return conn.headers.get("Sec-WebSocket-Extensions"), conn.protocol._wire_bytes_in

    @async_test
    async def test_what_is_agreed(self):
        self.assertEqual((await self.extensions("/feed", None))[0], None)
        self.assertEqual((await self.extensions("/feed", {}))[0], "permessage-deflate")
        agreed, _ = await self.extensions("/thrifty", {})
        self.assertEqual(agreed, "permessage-deflate; client_max_window_bits=12; "
                                 "server_max_window_bits=12")

    @async_test
    async def test_it_is_shorter(self):
        _, plain = await self.extensions("/feed", None)
        _, compressed = await self.extensions("/feed", {})
        self.assertGreater(plain, 1500)
        self.assertLess(compressed, 100)

    @pytest.mark.skipif(importlib.util.find_spec("isal") is None, reason="isal is not there")
    @async_test
    async def test_another_module_compresses(self):
        self.addCleanup(websocket.set_deflate_backend, None)
        deflating.compress_faster()
        text = "the same again " * 100
        for path in ("/feed", "/thrifty"):
            self.assertEqual(await deflating.ask(self.url(path), text), text)

    @async_test
    async def test_an_unknown_option_is_named(self):
        with self.assertRaisesRegex(ValueError, "wbits"):
            websocket.websocket_connect(self.url("/feed"), compression_options={"wbits": 9})


class OriginTest(DocsCase):

    page = origins

    async def status(self, path, origin):
        headers = {"Origin": origin} if origin else {}
        try:
            async with websocket.websocket_connect(HTTPRequest(self.url(path), headers=headers)):
                return 101
        except HTTPError as error:
            return error.code

    @async_test
    async def test_origins(self):
        own = "http://127.0.0.1:%d" % self.get_http_port()
        for path, origin, status in [
                ("/ws", None, 101),
                ("/ws", own, 101),
                ("/ws", "http://127.0.0.1", 403),
                ("/ws", "https://www.example.com", 101),
                ("/ws", "http://www.example.com", 403),
                ("/ws", "https://partner.example.com", 403),
                ("/ws/friends", own, 101),
                ("/ws/friends", "https://www.example.com", 101),
                ("/ws/friends", "https://partner.example.com", 101),
                ("/ws/friends", "http://www.example.com", 403),
                ("/ws/friends", "https://www.example.com.evil.example", 403),
                ("/ws/friends", "null", 403)]:
            self.assertEqual(await self.status(path, origin), status, (path, origin))

    @async_test
    async def test_a_refusal_is_told_in_the_log(self):
        with self.assertLogs("tornado.general", logging.DEBUG) as logged:
            self.assertEqual(await self.status("/ws", "https://evil.example"), 403)
        self.assertIn("Cross origin websockets not allowed", logged.output[0])


class AuthenticationTest(DocsCase):

    page = authentication

    async def login(self):
        response = await self.http_client.fetch(
            self.get_url("/login"), method="POST", body=urllib.parse.urlencode({"user": "ann"}))
        return response.headers["Set-Cookie"].partition(";")[0]

    async def refused(self, path, **headers):
        with self.assertRaises(HTTPError) as caught:
            await websocket.websocket_connect(HTTPRequest(self.url(path), headers=headers))
        self.assertEqual(caught.exception.code, 401)
        return caught.exception.response

    @async_test
    async def test_cookie(self):
        await self.refused("/private")
        await self.refused("/private", Cookie="user=ann")
        request = HTTPRequest(self.url("/private"), headers={"Cookie": await self.login()})
        async with websocket.websocket_connect(request) as conn:
            self.assertEqual(await conn.read_message(), "Hello ann")

    @async_test
    async def test_token(self):
        response = await self.refused("/machines")
        self.assertEqual(response.headers["WWW-Authenticate"], "Bearer")
        await self.refused("/machines", Authorization="Bearer wrong")
        conn = await authentication.connect(self.url("/machines"), "s3cret")
        await conn.write_message("in")
        self.assertEqual(await conn.read_message(), "in")
        conn.close()

    @async_test
    async def test_cookie_in_the_answer(self):
        request = HTTPRequest(self.url("/renewing"), headers={"Cookie": await self.login()})
        async with websocket.websocket_connect(request) as conn:
            self.assertIn("user=", conn.headers["Set-Cookie"])


class SubprotocolTest(DocsCase):

    page = subprotocols

    @async_test
    async def test_the_best_of_both(self):
        conn, selected = await subprotocols.connect(self.url("/table"))
        self.assertEqual(selected, "table.v2")
        await conn.write_message('{"row": 7}')
        self.assertEqual(json_decode(await conn.read_message()), {"row": 7, "version": 2})
        conn.close()

    @async_test
    async def test_the_old_one_and_another_one(self):
        for offered, selected in [(["table.v1"], "table.v1"), (["other"], None), (None, None)]:
            conn = await websocket.websocket_connect(self.url("/table"), subprotocols=offered)
            self.assertEqual(conn.selected_subprotocol, selected)
            if selected is None:
                self.assertIsNone(await conn.read_message())
                self.assertEqual(conn.close_code, 1002)
            conn.close()


class FlowControlTest(DocsCase):

    page = flow_control

    @async_test
    async def test_export(self):
        async with websocket.websocket_connect(self.url("/export")) as conn:
            await conn.write_message("1000")
            rows = []
            async for row in conn:
                rows.append(row)
            self.assertEqual(rows, ["row %d" % number for number in range(1000)])
            self.assertEqual((conn.close_code, conn.close_reason), (1000, "that is all"))

    @async_test
    async def test_ticker(self):
        """Who does not read misses ticks; others get all of them."""
        ticker, text = flow_control.Ticker, "tick" * 16384
        slow = await websocket.websocket_connect(self.url("/ticker"))
        quick = await websocket.websocket_connect(self.url("/ticker"))
        await until(lambda: len(ticker.clients) == 2)
        ticks = 0
        while not any(client.missed for client in ticker.clients):
            ticker.tick_all(text)
            ticks += 1
            self.assertEqual(await quick.read_message(), text)
        self.assertEqual(sorted(client.missed for client in ticker.clients), [0, 1])
        self.assertGreater(ticks * len(text), ticker.MAX_BUFFERED)
        slow.close()
        quick.close()
        for client in list(ticker.clients):
            client.on_connection_close()

    @async_test
    async def test_ticker_and_a_client_that_is_closing(self):
        ticker = flow_control.Ticker
        first = await websocket.websocket_connect(self.url("/ticker"))
        second = await websocket.websocket_connect(self.url("/ticker"))
        await until(lambda: len(ticker.clients) == 2)
        next(iter(ticker.clients)).close(1000)
        ticker.tick_all("tick")
        messages = [await conn.read_message() for conn in (first, second)]
        self.assertEqual(sorted(messages, key=str), [None, "tick"])
        first.close()
        second.close()
        await until(lambda: not ticker.clients)

    @async_test
    async def test_bounded(self):
        async with websocket.websocket_connect(self.url("/bounded")) as conn:
            await conn.write_message("1000")
            while await conn.read_message() is not None:
                pass
            self.assertEqual((conn.close_code, conn.close_reason), (1008, "too slow"))

    @async_test
    async def test_worker(self):
        async with websocket.websocket_connect(self.url("/worker")) as conn:
            for word in ("abc", "def"):
                await conn.write_message(word)
            self.assertEqual([await conn.read_message(), await conn.read_message()],
                             ["cba", "fed"])


class KeepaliveTest(DocsCase):

    page = keepalive
    settings = {"websocket_ping_interval": 0.05, "websocket_ping_timeout": 0.5}

    @async_test
    async def test_a_peer_that_does_not_answer_is_gone(self):
        stream = IOStream(socket.socket())
        await stream.connect(("127.0.0.1", self.get_http_port()))
        await stream.write(
            b"GET /sensor HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
        await until(lambda: keepalive.Sensor.there)
        await stream.read_until(b"ping timed out")
        stream.close()
        await until(lambda: not keepalive.Sensor.there)

    @async_test
    async def test_who_answers_stays(self):
        conn = await websocket.websocket_connect(
            self.url("/sensor"), connection_class=keepalive.Noticing)
        seen = set()
        await until(lambda: seen.add(conn.heard) or len(seen) > 6)
        self.assertEqual(len(keepalive.Sensor.there), 1)
        conn.close()
        await until(lambda: not keepalive.Sensor.there)

    @async_test
    async def test_pings_of_a_client(self):
        conn = await keepalive.connect(self.url("/timed"))
        self.assertEqual((conn.protocol.ping_interval, conn.protocol.ping_timeout), (20, 60))
        conn.close()

    @async_test
    async def test_latency(self):
        async with websocket.websocket_connect(self.url("/timed")) as conn:
            await conn.write_message("?")
            answer = json_decode(await conn.read_message())
            self.assertGreaterEqual(answer["now"], 0)
            self.assertIn("at the last keepalive", answer)

    def test_a_longer_timeout_of_one_handler(self):
        self.assertGreater(keepalive.MobileSensor.ping_timeout,
                           keepalive.MobileSensor.ping_interval)


@pytest.fixture
def server():
    """Two processes on one port; yields the process that started them, and the port."""
    port = free_port()
    program = os.path.join(DOCS, "howto", "code", "several_processes.py")
    process = subprocess.Popen([sys.executable, program, str(port), "2"],
                               start_new_session=True, stderr=subprocess.PIPE)
    yield process, port
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.communicate()


class StartTest(DocsCase):
    """The program of ``migrate.rst`` that starts with asyncio.run."""

    page = start

    @async_test
    async def test_echo(self):
        async with websocket.websocket_connect(self.url("/echo")) as conn:
            await conn.write_message("hello")
            self.assertEqual(await conn.read_message(), "hello")


@needs_asyncio_run
def test_it_starts_with_asyncio_run():
    """It listens, and Ctrl-C ends it."""
    port = free_port()
    program = os.path.join(DOCS, "howto", "code", "start.py")
    code = "import sys; source = open(sys.argv[1]).read().replace('8888', sys.argv[2]);" \
           "exec(compile(source, 'start.py', 'exec'), {'__name__': '__main__'})"
    # A shell has those ignore SIGINT that it starts in the background, such as these tests.
    process = subprocess.Popen(
        [sys.executable, "-c", code, program, str(port)], stderr=subprocess.PIPE,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))

    async def converse():
        while True:
            try:
                conn = await websocket.websocket_connect("ws://127.0.0.1:%d/echo" % port)
                break
            except OSError:
                assert process.poll() is None
                await gen.sleep(0.01)
        conn.close()
        assert await conn.read_message() is None

    loop = IOLoop(make_current=False)
    loop.run_sync(converse, timeout=60)
    loop.close()
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert errors.splitlines()[-1] == b"KeyboardInterrupt"


@needs_asyncio_run
def test_several_processes(server):
    process, port = server

    async def connect():
        while True:
            try:
                return await websocket.websocket_connect("ws://127.0.0.1:%d/who" % port)
            except OSError:
                assert process.poll() is None
                await gen.sleep(0.01)

    async def converse():
        pids = {}
        while len(pids) < 2:
            conn = await connect()
            answer = json_decode(await conn.read_message())
            pids.setdefault(answer["pid"], conn)
            if pids[answer["pid"]] is not conn:
                conn.close()
                assert await conn.read_message() is None
        os.killpg(process.pid, signal.SIGTERM)
        for conn in pids.values():
            assert await conn.read_message() is None
            assert (conn.close_code, conn.close_reason) == (1001, "the server stops")
        assert process.wait(60) == -signal.SIGTERM  # the one that forked the others

    loop = IOLoop(make_current=False)
    loop.run_sync(converse, timeout=60)
    loop.close()


@pytest.fixture
def room():
    """The room in a process of its own; yields the process and its port."""
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, os.path.join(DOCS, "howto", "code", "room.py"), str(port)],
        stdout=subprocess.PIPE)
    yield process, port
    if process.poll() is None:
        process.kill()
    process.communicate()


@needs_asyncio_run
def test_room(room):
    process, port = room

    async def connect():
        while True:
            try:
                return await websocket.websocket_connect("ws://127.0.0.1:%d/room" % port)
            except OSError:
                assert process.poll() is None
                await gen.sleep(0.01)

    async def converse():
        ann, ben = await connect(), await connect()
        await ann.write_message("hello")
        assert [await ann.read_message(), await ben.read_message()] == ["hello", "hello"]
        await ann.write_message("/who")
        assert [await ann.read_message(), await ann.read_message()] == ["127.0.0.1: ?"] * 2
        silent = await IOStream(socket.socket()).connect(("127.0.0.1", port))
        await silent.write(
            b"GET /room HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
        await silent.read_until(b"\r\n\r\n")
        process.send_signal(signal.SIGTERM)
        for conn in (ann, ben):
            assert await conn.read_message() is None
            assert (conn.close_code, conn.close_reason) == (1001, "bye")
        await silent.read_until_close()

    loop = IOLoop(make_current=False)
    loop.run_sync(converse, timeout=60)
    loop.close()
    output, _ = process.communicate(timeout=60)
    assert (process.returncode, output.strip()) == (0, b"stopped; cut off: 1")
