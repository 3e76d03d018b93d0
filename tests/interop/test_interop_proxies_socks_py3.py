"""Real proxies (C59): tinyproxy for HTTP, microsocks for SOCKS 5."""
import errno
import os
import shutil
import subprocess
import tempfile

import pytest
from free_port import free_port
from installed import installed
from peers import Noted, WebSocketCase, async_test
from tornado import gen
from tornado.httpclient import HTTPError

from tornado_ws import websocket

REQUIRED = os.environ.get("TORNADO_WS_REQUIRE_ALL") == "1"
TINYPROXY, MICROSOCKS = shutil.which("tinyproxy"), shutil.which("microsocks")
TINYPROXY_CONFIGURATION = """
Port {port}
Listen 127.0.0.1
Timeout 600
MaxClients 20
BasicAuth me s3cret
"""


def needs(path, name):
    """Skip without a program, unless everything is required."""
    return pytest.mark.skipif(path is None and not REQUIRED, reason=name + " is not installed")


class Echo(Noted, websocket.WebSocketHandler):
    def on_message(self, message):
        self.write_message(message)


class ProxyCase(WebSocketCase):
    """Runs a proxy in a process of its own."""

    def setUp(self):
        super().setUp()
        self.port = free_port()
        self.directory = tempfile.mkdtemp()
        self.process = subprocess.Popen(
            self.command(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def tearDown(self):
        self.process.terminate()
        self.process.wait()
        shutil.rmtree(self.directory)
        super().tearDown()

    async def connect_by(self, proxy, module=websocket, port=None):
        """Connect through the proxy as soon as it listens."""
        url = "ws://127.0.0.1:%d%s" % (port or self.get_http_port(), self.add(Echo))
        while True:
            try:
                return await module.websocket_connect(url, proxy=proxy)
            except OSError as error:
                if error.errno != errno.ECONNREFUSED:
                    raise
                assert self.process.poll() is None
                await gen.sleep(0.01)

    async def echo(self, proxy):
        for module in (websocket, installed):
            conn = await self.connect_by(proxy, module)
            for message in ("text", "x" * 100000):
                conn.write_message(message)
                self.assertEqual(await conn.read_message(), message)
            conn.close(1000)
            self.assertIsNone(await conn.read_message())


@pytest.mark.interop
@needs(TINYPROXY, "tinyproxy")
class TinyproxyTest(ProxyCase):
    def command(self):
        path = os.path.join(self.directory, "tinyproxy.conf")
        with open(path, "w") as file:
            file.write(TINYPROXY_CONFIGURATION.format(port=self.port))
        return [TINYPROXY, "-d", "-c", path]

    @async_test
    async def test_messages(self):
        await self.echo("http://me:s3cret@127.0.0.1:%d" % self.port)

    @async_test
    async def test_a_password_is_wanted(self):
        with self.assertRaises(HTTPError) as caught:
            await self.connect_by("http://127.0.0.1:%d" % self.port)
        self.assertEqual(caught.exception.code, 407)
        self.assertIn("Proxy-Authenticate", caught.exception.response.headers)

    @async_test
    async def test_the_server_is_down(self):
        port = free_port()
        with self.assertRaises(HTTPError) as caught:
            await self.connect_by("http://me:s3cret@127.0.0.1:%d" % self.port, port=port)
        self.assertGreaterEqual(caught.exception.code, 500)


@pytest.mark.interop
@needs(MICROSOCKS, "microsocks")
class MicrosocksTest(ProxyCase):
    def command(self):
        return [MICROSOCKS, "-i", "127.0.0.1", "-p", str(self.port), "-u", "me", "-P", "s3cret"]

    @async_test
    async def test_messages(self):
        for scheme in ("socks5", "socks5h"):
            await self.echo("%s://me:s3cret@127.0.0.1:%d" % (scheme, self.port))

    @async_test
    async def test_a_password_is_wanted(self):
        for credentials in ("", "me:wrong@"):
            with self.assertRaises(websocket.WebSocketError):
                await self.connect_by("socks5://%s127.0.0.1:%d" % (credentials, self.port))

    @async_test
    async def test_the_server_is_down(self):
        port = free_port()
        with self.assertRaises(OSError) as caught:
            await self.connect_by("socks5://me:s3cret@127.0.0.1:%d" % self.port, port=port)
        self.assertIn("cannot connect", str(caught.exception))
