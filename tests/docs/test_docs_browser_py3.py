"""The page of the tutorial, in Chromium; what browsers do with a handshake, as the pages say.

Collected by ``tox -e docs``, not in every cell.
"""
import contextlib
import json
import os
import shutil
import subprocess
import tempfile

import chat
import pytest
from docs_case_py3 import DocsCase, async_test
from tornado import gen
from tornado.httpclient import AsyncHTTPClient
from tornado.web import Application, HTTPError, RequestHandler

from tornado_ws import websocket

CHROMIUM = shutil.which("chromium")
REQUIRED = os.environ.get("TORNADO_WS_REQUIRE_ALL") == "1"
OPTIONS = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-sync",
           "--disable-background-networking", "--remote-debugging-port=0"]

pytestmark = pytest.mark.skipif(CHROMIUM is None and not REQUIRED,
                                reason="chromium is not installed")


class Browser:
    """Shows one page; it is driven over its own WebSocket (the DevTools protocol)."""

    def __init__(self, directory, url):
        self.directory = directory
        self.process = subprocess.Popen(
            [CHROMIUM or "chromium", "--user-data-dir=" + directory] + OPTIONS + [url],
            stderr=subprocess.DEVNULL)

    async def connect(self):
        """Waits until it has started."""
        path = os.path.join(self.directory, "DevToolsActivePort")
        while not os.path.exists(path) or os.path.getsize(path) == 0:
            assert self.process.poll() is None, "chromium has ended"
            await gen.sleep(0.02)
        with open(path) as file:
            port = file.readline().strip()
        response = await AsyncHTTPClient().fetch("http://127.0.0.1:%s/json/list" % port)
        pages = [target for target in json.loads(response.body) if target["type"] == "page"]
        self.conn = await websocket.websocket_connect(pages[0]["webSocketDebuggerUrl"])

    async def evaluate(self, expression):
        """Returns the value of an expression of JavaScript, or of the Promise that it is."""
        await self.conn.write_message({
            "id": 1, "method": "Runtime.evaluate", "params": {
                "expression": expression, "returnByValue": True, "awaitPromise": True}})
        answer = json.loads(await self.conn.read_message())
        assert "exceptionDetails" not in answer["result"], answer
        return answer["result"]["result"].get("value")

    async def until(self, expression):
        """Waits until an expression is true."""
        while not await self.evaluate(expression):
            await gen.sleep(0.02)

    def close(self):
        """Ends it."""
        if hasattr(self, "conn"):
            self.conn.close()
        self.process.kill()
        self.process.wait()


class BrowserCase(DocsCase):

    @contextlib.contextmanager
    def browser(self):
        directory = tempfile.mkdtemp()
        browser = Browser(directory, self.get_url("/"))
        try:
            yield browser
        finally:
            browser.close()
            shutil.rmtree(directory, ignore_errors=True)


class ChatPageTest(BrowserCase):

    page = chat

    @async_test
    async def test_a_conversation_and_a_restart(self):
        with self.browser() as browser:
            await browser.connect()
            await browser.until("document.title === 'Chat' && document.readyState === 'complete'"
                                " && state.textContent === 'connected'")
            await browser.evaluate("text.value = 'Ann'; form.requestSubmit()")
            await browser.until("log.textContent === 'Ann is here'")
            async with websocket.websocket_connect(self.url("/chat")) as bob:
                for kind, text in [("name", "Bob"), ("say", "<b>Hi</b>")]:
                    await bob.write_message({"type": kind, "text": text})
                await browser.until("log.lastChild.textContent === 'Bob: <b>Hi</b>'")
                self.assertEqual(await browser.evaluate("log.querySelector('b')"), None)
                await browser.evaluate("text.value = 'Hello Bob'; form.requestSubmit()")
                while json.loads(await bob.read_message()).get("text") != "Hello Bob":
                    pass
            await browser.until("log.lastChild.textContent === 'Bob has left'")
            for client in list(self._app.settings["clients"]):
                client.close(1001)
            await browser.until("state.textContent === 'closed (1001), trying again'")
            await browser.until("log.lastChild.textContent === 'Ann is here'")


class Empty(RequestHandler):
    def get(self):
        self.write("<title>Empty</title>")


class Refusing(websocket.WebSocketHandler):
    def prepare(self):
        raise HTTPError(401)


class WithoutSubprotocol(websocket.WebSocketHandler):
    pass


class Late(websocket.WebSocketHandler):
    def open(self):
        self.close(4401, "log in")


class HandshakeTest(BrowserCase):
    """What ``howto/authentication.rst`` and ``howto/subprotocols.rst`` say of browsers."""

    def get_app(self):
        return Application([("/", Empty), ("/refusing", Refusing), ("/late", Late),
                            ("/plain", WithoutSubprotocol)])

    @async_test
    async def test_what_a_page_sees(self):
        with self.browser() as browser:
            await browser.connect()
            await browser.until("document.title === 'Empty'")
            for path, protocols, seen in [
                    ("/refusing", [], [False, 1006, ""]),
                    ("/plain", ["table.v1"], [False, 1006, ""]),
                    ("/late", [], [True, 4401, "log in"])]:
                self.assertEqual(await browser.evaluate("""new Promise(resolve => {
                    const socket = new WebSocket(%s, %s);
                    let opened = false;
                    socket.onopen = () => { opened = true; };
                    socket.onclose = event => resolve([opened, event.code, event.reason]);
                })""" % (json.dumps(self.url(path)), json.dumps(protocols))), seen, path)
