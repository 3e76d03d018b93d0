"""``docs/howto/nginx.conf``, in a real nginx, in front of ``docs/howto/code/origins.py``.

Collected by ``tox -e docs``, not in every cell.
"""
import os
import shutil
import subprocess
import tempfile

import origins
import pytest
from behind_proxy_py3 import check_messages, check_pings, check_silence, connect_when_it_listens
from docs_case_py3 import DOCS, DocsCase, async_test
from free_port import free_port
from tornado.escape import json_decode
from tornado.httpclient import HTTPError, HTTPRequest

NGINX = shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")
REQUIRED = os.environ.get("TORNADO_WS_REQUIRE_ALL") == "1"

# What Debian's /etc/nginx/nginx.conf has around it, for a user who is not root.
MAIN = """
daemon off;
pid {directory}/pid;
error_log stderr;
events {{ }}
http {{
    access_log off;
    client_body_temp_path {directory}/body;
    proxy_temp_path {directory}/proxy;
    fastcgi_temp_path {directory}/fastcgi;
    scgi_temp_path {directory}/scgi;
    uwsgi_temp_path {directory}/uwsgi;
    include {directory}/chat.conf;
}}
"""

pytestmark = pytest.mark.skipif(NGINX is None and not REQUIRED, reason="nginx is not installed")


class NginxCase(DocsCase):
    """nginx runs in front of the application."""

    page = origins
    timeout = "60s"
    pings = 25

    def get_app(self):
        application = super().get_app()
        application.settings["websocket_ping_interval"] = self.pings
        return application

    def get_httpserver_options(self):
        return {"xheaders": True}

    def setUp(self):
        super().setUp()
        self.port = free_port()
        self.directory = tempfile.mkdtemp()
        with open(os.path.join(DOCS, "howto", "nginx.conf")) as file:
            page = file.read()
        for shown, used in [
                ("8888", str(self.get_http_port())), ("60s", self.timeout),
                ("listen 8080", "listen 127.0.0.1:%d" % self.port)]:
            assert page.count(shown) == 1
            page = page.replace(shown, used)
        for name, text in [("nginx.conf", MAIN.format(directory=self.directory)),
                           ("chat.conf", page)]:
            with open(os.path.join(self.directory, name), "w") as file:
                file.write(text)
        self.nginx = subprocess.Popen(
            [NGINX, "-p", self.directory, "-c", os.path.join(self.directory, "nginx.conf")],
            stderr=subprocess.PIPE)

    def tearDown(self):
        self.nginx.terminate()
        self.nginx.communicate()
        shutil.rmtree(self.directory)
        super().tearDown()

    async def connect(self, path, headers=(), **kwargs):
        """Connects through nginx, as soon as it listens."""
        request = HTTPRequest("ws://127.0.0.1:%d%s" % (self.port, path), headers=dict(headers))
        return await connect_when_it_listens(self.nginx, request, **kwargs)


class NginxTest(NginxCase):

    @async_test
    async def test_messages(self):
        conn = await self.connect("/ws", compression_options={})
        self.assertEqual(conn.headers["Server"].partition("/")[0], "nginx")
        await check_messages(self, conn)

    @async_test
    async def test_origin(self):
        """What check_origin compares is what the browser asked for, not what nginx asks for."""
        conn = await self.connect("/ws", {"Origin": "http://127.0.0.1:%d" % self.port})
        conn.close()
        with self.assertRaises(HTTPError) as caught:
            await self.connect("/ws", {"Origin": "http://127.0.0.1:%d" % self.get_http_port()})
        self.assertEqual(caught.exception.code, 403)

    @async_test
    async def test_address(self):
        conn = await self.connect("/ws/address", {"X-Real-IP": "203.0.113.9"})
        self.assertEqual(json_decode(await conn.read_message()),
                         {"ip": "127.0.0.1", "protocol": "http"})
        conn.close()


class SilentTest(NginxCase):
    """The time after which nginx cuts a connection, without pings."""

    timeout = "1s"
    pings = 0

    @async_test
    async def test_silence(self):
        await check_silence(self, await self.connect("/ws"))


class PingingTest(NginxCase):
    """The same with pings."""

    timeout = "1s"
    pings = 0.2

    @async_test
    async def test_pings(self):
        await check_pings(self, self.connect)
