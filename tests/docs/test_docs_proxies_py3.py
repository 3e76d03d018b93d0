"""``docs/operations/code/haproxy.cfg``, in a real haproxy, in front of two servers.

Collected by ``tox -e docs``, not in every cell.
"""
import asyncio
import csv
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile

import origins
import pytest
from behind_proxy_py3 import check_messages, check_pings, check_silence, connect_when_it_listens
from docs_case_py3 import DOCS, async_test
from free_port import free_port
from tornado.httpclient import AsyncHTTPClient, HTTPError, HTTPRequest
from tornado.httpserver import HTTPServer
from tornado.testing import AsyncTestCase, bind_unused_port
from tornado.web import RequestHandler

from tornado_ws import websocket

CODE = os.path.join(DOCS, "operations", "code")
HAPROXY = shutil.which("haproxy", path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")
REQUIRED = os.environ.get("TORNADO_WS_REQUIRE_ALL") == "1"

pytestmark = pytest.mark.skipif(HAPROXY is None and not REQUIRED, reason="haproxy is missing")


class Alive(RequestHandler):
    def get(self):
        self.write("alive\n")


class HaproxyCase(AsyncTestCase):
    """haproxy runs in front of two ports."""

    runTest = None
    tunnel = "60s"

    def setUp(self):
        super().setUp()
        self.ports = self.start_servers()
        self.port = free_port()
        self.directory = tempfile.mkdtemp()
        with open(os.path.join(CODE, "haproxy.cfg")) as file:
            page = file.read()
        for shown, used in [
                ("bind :8080", self.bind()), ("8881", str(self.ports[0])),
                ("8882", str(self.ports[1])), ("tunnel 60s", "tunnel " + self.tunnel)]:
            assert page.count(shown) == 1, shown
            page = page.replace(shown, used)
        path = os.path.join(self.directory, "haproxy.cfg")
        with open(path, "w") as file:
            file.write("global\n    stats socket %s/stats\n" % self.directory + page)
        self.haproxy = subprocess.Popen([HAPROXY, "-db", "-f", path], stderr=subprocess.PIPE)

    def tearDown(self):
        self.haproxy.kill()
        self.haproxy.communicate()
        shutil.rmtree(self.directory)
        self.stop_servers()
        super().tearDown()

    def bind(self):
        """Returns the line that says where haproxy listens."""
        return "bind 127.0.0.1:%d" % self.port

    async def connect(self, path, headers=(), **kwargs):
        """Connects through haproxy, as soon as it listens."""
        request = HTTPRequest("ws://127.0.0.1:%d%s" % (self.port, path), headers=dict(headers))
        return await connect_when_it_listens(self.haproxy, request, **kwargs)


class PageCase(HaproxyCase):
    """``proxies.rst``."""

    pings = 25

    def start_servers(self):
        application = origins.make_app()
        application.add_handlers(".*", [("/alive", Alive)])
        application.settings["websocket_ping_interval"] = self.pings
        self.server = HTTPServer(application, xheaders=True)
        listeners = [bind_unused_port(), bind_unused_port()]
        self.server.add_sockets([listener for listener, _ in listeners])
        return [port for _, port in listeners]

    def stop_servers(self):
        self.server.stop()
        self.io_loop.run_sync(self.server.close_all_connections)


class HaproxyTest(PageCase):

    @async_test
    async def test_messages(self):
        await check_messages(self, await self.connect("/ws", compression_options={}))

    @async_test
    async def test_origin(self):
        conn = await self.connect("/ws", {"Origin": "http://127.0.0.1:%d" % self.port})
        conn.close()
        with self.assertRaises(HTTPError) as caught:
            await self.connect("/ws", {"Origin": "http://127.0.0.1:%d" % self.ports[0]})
        self.assertEqual(caught.exception.code, 403)

    @async_test
    async def test_address(self):
        conn = await self.connect("/ws/address")
        self.assertEqual(await conn.read_message(), '{"ip": "127.0.0.1", "protocol": "http"}')
        conn.close()


class TLSTest(PageCase):
    """haproxy has the certificate; the servers speak plain HTTP."""

    def bind(self):
        subprocess.run(["sh", os.path.join(CODE, "make_certificates.sh"), "localhost", "127.0.0.1"],
                       check=True, cwd=self.directory, stderr=subprocess.PIPE,
                       stdout=subprocess.PIPE)
        path = os.path.join(self.directory, "chat.pem")
        with open(path, "w") as file:
            for name in ("server.pem", "server.key"):
                with open(os.path.join(self.directory, name)) as part:
                    file.write(part.read())
        return "bind 127.0.0.1:%d ssl crt %s" % (self.port, path)

    @async_test
    async def test_tls(self):
        headers = {"Origin": "https://localhost:%d" % self.port}
        request = HTTPRequest("wss://localhost:%d/ws/address" % self.port, headers=headers,
                              ca_certs=os.path.join(self.directory, "ca.pem"))
        conn = await connect_when_it_listens(self.haproxy, request)
        self.assertEqual(await conn.read_message(), '{"ip": "127.0.0.1", "protocol": "https"}')
        conn.close()
        self.assertIsNone(await conn.read_message())


class SilentTest(PageCase):
    """The time after which haproxy cuts a connection, without pings."""

    tunnel = "1s"
    pings = 0

    @async_test
    async def test_silence(self):
        await check_silence(self, await self.connect("/ws"))


class PingingTest(PageCase):
    """The same with pings."""

    tunnel = "1s"
    pings = 0.2

    @async_test
    async def test_pings(self):
        await check_pings(self, self.connect)


class RestartTest(HaproxyCase):
    """``restart.rst``: several servers, one after the other."""

    def start_servers(self):
        self.servers = {}
        for _ in range(2):
            port = free_port()
            self.start_server(port)
        return list(self.servers)

    def start_server(self, port):
        self.servers[port] = subprocess.Popen(
            [sys.executable, os.path.join(CODE, "service.py"), str(port)])

    def stop_servers(self):
        for process in self.servers.values():
            process.kill()
            process.wait()

    async def stay_connected(self, count, log, over):
        """A client that comes back, and asks for an echo all the time."""
        while not over.is_set():
            conn = await self.connect("/echo")
            message = await self.ask(conn)
            while message is not None and not over.is_set():
                count[0] += 1
                message = await self.ask(conn)
            if message is None:
                log.append(conn.close_code)
            conn.close()

    async def ask(self, conn):
        try:
            await conn.write_message("there?")
        except websocket.WebSocketClosedError:
            pass  # read_message tells
        return await conn.read_message()

    @async_test
    async def test_one_after_the_other(self):
        over, count = asyncio.Event(), [0]
        logs = [[] for _ in range(8)]
        await self.both_up()
        clients = [asyncio.ensure_future(self.stay_connected(count, log, over)) for log in logs]
        for port in self.ports:
            await self.echoes(count, 100)
            self.servers[port].send_signal(signal.SIGTERM)
            while self.servers[port].poll() is None:
                await asyncio.sleep(0.01)
            self.assertEqual(self.servers[port].returncode, 0)
            await self.echoes(count, 100)
            self.start_server(port)
            await self.alive(port)
            await self.both_up()
        over.set()
        await asyncio.gather(*clients)
        self.assertEqual({code for log in logs for code in log}, {1001})
        self.assertGreaterEqual(sum(map(len, logs)), len(logs))  # each of them had to move

    async def alive(self, port):
        """Waits until a server answers."""
        while True:
            try:
                return await AsyncHTTPClient().fetch("http://127.0.0.1:%d/alive" % port)
            except OSError:
                await asyncio.sleep(0.02)

    async def both_up(self):
        """Waits until haproxy knows both servers to be there."""
        status = []
        while status != ["UP", "UP"]:
            await asyncio.sleep(0.05)
            with socket.socket(socket.AF_UNIX) as asking:
                try:
                    asking.connect(os.path.join(self.directory, "stats"))
                except OSError:
                    continue  # it has just been started
                asking.sendall(b"show stat\n")
                rows = csv.DictReader(asking.makefile())
                status = [row["status"] for row in rows if row["svname"] in ("one", "two")]

    async def echoes(self, count, more):
        wanted = count[0] + more
        while count[0] < wanted:
            await asyncio.sleep(0.01)
